"""Shrunk covariance against scikit-learn, and the law around it."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy import stats
from sklearn.covariance import ledoit_wolf as sklearns

from quantdl.models.classical.shrinkage import LedoitWolfForecaster, ledoit_wolf
from quantdl.sequences import NEXT_SESSION, position_window
from tests.models.batches import random_batch

WINDOWS = (NEXT_SESSION, position_window(3))


@pytest.mark.parametrize(("sessions", "assets"), [(252, 20), (30, 40), (10, 1), (60, 5)])
def test_the_covariance_is_scikit_learns(sessions, assets):
    generator = np.random.default_rng(sessions)
    returns = 0.01 * (generator.standard_t(4, (2, sessions, assets)) + generator.standard_normal((2, sessions, 1)))
    centred = torch.from_numpy(returns - returns.mean(1, keepdims=True))
    found = ledoit_wolf(centred, torch.full((2,), sessions))
    for matrix, expected in zip(found.numpy(), returns, strict=True):
        np.testing.assert_allclose(matrix, sklearns(expected)[0], rtol=1e-9, atol=1e-12)


def test_assets_without_returns_leave_the_covariance_of_the_others():
    returns = 0.01 * np.random.default_rng(3).standard_normal((60, 5))
    centred = np.zeros((1, 60, 8))
    centred[0, :, [0, 2, 3, 5, 7]] = (returns - returns.mean(0)).T
    found = ledoit_wolf(torch.from_numpy(centred), torch.tensor([60]))[0].numpy()
    np.testing.assert_allclose(found[np.ix_([0, 2, 3, 5, 7], [0, 2, 3, 5, 7])], sklearns(returns)[0], rtol=1e-9)


def forecast(bar=45, window=0, **changes):
    batch = random_batch(rows=1, length=60)
    batch = replace(
        batch,
        bar=torch.tensor([bar]),
        position=torch.full((1, 3), bar),
        window=torch.tensor([window]),
        window_bars=torch.tensor([float(WINDOWS[window].bars)]).double(),
        **changes,
    )
    model = LedoitWolfForecaster(2, WINDOWS, 30)
    model.freedom.copy_(torch.tensor([[5.0, 6.0], [7.0, 8.0]]))
    model.multiple.copy_(torch.tensor([[0.6, 0.7], [0.8, 0.9]], dtype=torch.float64))
    model.fitted_through.copy_(torch.tensor([10, 40]))
    return batch, model(batch)


@pytest.mark.parametrize(("bar", "window", "refit"), [(45, 0, 1), (39, 0, 0), (45, 1, 1)])
def test_the_law_is_a_multivariate_t_on_the_covariance_of_the_last_sessions(bar, window, refit):
    batch, law = forecast(bar, window)
    covariance = sklearns(batch.returns[0, :, bar - 29 : bar + 1].numpy().T)[0] * WINDOWS[window].bars
    multiple, freedom = 0.6 + 0.2 * refit + 0.1 * window, 5.0 + 2.0 * refit + window
    expected = stats.multivariate_t(np.zeros(3), multiple * covariance, freedom).logpdf(batch.target[0].numpy())
    assert law.log_prob(batch.target).item() == pytest.approx(expected, rel=1e-9)


def test_later_returns_change_nothing():
    batch, law = forecast()
    changed = batch.returns.clone()
    changed[..., 46:] = 1.0
    _, other = forecast(returns=changed)
    assert torch.equal(law.log_prob(batch.target), other.log_prob(batch.target))


def test_an_asset_with_part_of_the_sessions_keeps_the_variance_of_those():
    """The last asset trades from bar 21 on, so it has 25 of the last 30 sessions."""
    batch = random_batch(rows=1, length=60)
    index, lengths = batch.bar_index.clone(), batch.lengths.clone()
    index[0, 2], lengths[0, 2] = torch.arange(60) + 21, 39
    position = torch.tensor([[45, 45, 24]])
    batch = replace(batch, bar_index=index, lengths=lengths, position=position, bar=torch.tensor([45]))
    model = LedoitWolfForecaster(1, WINDOWS, 30)
    covariance = model.covariance(batch)[0]
    own = batch.returns[0, 2, :25].numpy()
    filled = np.zeros((30, 3))
    filled[:, :2] = batch.returns[0, :2, 16:46].numpy().T
    filled[5:, 2] = (own - own.mean()) * np.sqrt(30 / 25)
    filled[:, :2] -= filled[:, :2].mean(0)
    expected = ledoit_wolf(torch.from_numpy(filled)[None], torch.tensor([30]))[0]
    torch.testing.assert_close(covariance, expected)
    assert (torch.linalg.eigvalsh(covariance) > 0).all()


def test_an_asset_with_few_returns_takes_its_trailing_volatility():
    batch = random_batch(rows=1, length=60)
    index, lengths = batch.bar_index.clone(), batch.lengths.clone()
    index[0, 2], lengths[0, 2] = torch.arange(60) + 45, 15
    batch = replace(
        batch, bar_index=index, lengths=lengths, position=torch.tensor([[45, 45, 0]]), bar=torch.tensor([45])
    )
    covariance = LedoitWolfForecaster(1, WINDOWS, 30).covariance(batch)[0]
    assert torch.isfinite(covariance).all() and (torch.linalg.eigvalsh(covariance) > 0).all()
    assert covariance[2, 2].sqrt().item() == pytest.approx(batch.scale[0, 2, 0].item(), rel=1e-6)
    assert (covariance[2, :2] == 0).all()  # one return tells nothing of what it moves with
