"""The classical forecaster against its recursion written out: variances, windows, refits and tails."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy import stats

from quantdl.models.classical.volatility import VolatilityDesign, VolatilityForecaster
from quantdl.sequences import NEXT_SESSION, Batch, position_window
from tests.models.batches import random_batch

MEAN, OMEGA, ALPHA, BETA = (1e-3, -5e-4), (2e-6, 3e-6), (0.1, 0.05), (0.85, 0.9)


@pytest.fixture
def model() -> VolatilityForecaster:
    """Two assets; the second parameter set, for forecasts from bar 4 on, has twice the constant."""
    model = VolatilityForecaster(2, 2, (NEXT_SESSION, position_window(3)), VolatilityDesign(factors=1))
    for name, values in (("mean", MEAN), ("omega", OMEGA), ("alpha", ALPHA), ("beta", BETA)):
        getattr(model, name).copy_(torch.tensor([values, values], dtype=torch.float64))
    model.omega[1] *= 2.0
    model.expected_constant.copy_(model.omega)
    model.persistence.copy_(model.alpha + model.beta)
    model.freedom.copy_(torch.tensor([[[5.0, 8.0], [6.0, 7.0]]], dtype=torch.float64))
    model.fitted_through.copy_(torch.tensor([2, 4]))
    return model


def batch_of(bar: int, window: int, bars: float) -> Batch:
    batch = random_batch(rows=1, assets=2)
    return replace(
        batch,
        position=torch.full((1, 2), bar),
        bar=torch.tensor([bar]),
        window=torch.tensor([window]),
        window_bars=torch.tensor([bars], dtype=torch.float64),
    )


def next_variance(batch: Batch, bar: int, omega_multiple: float) -> np.ndarray:
    """The variance of the bar after ``bar``: the first bar's is the squared trailing volatility."""
    variance = batch.scale[0, :, 0].numpy() ** 2
    for position in range(1, bar + 1):
        surprise = batch.returns[0, :, position].numpy() - np.array(MEAN)
        variance = omega_multiple * np.array(OMEGA) + np.array(ALPHA) * surprise**2 + np.array(BETA) * variance
    return variance


def quantile(model: VolatilityForecaster, batch: Batch) -> np.ndarray:
    return model(batch).icdf(torch.tensor(0.01, dtype=torch.float64))[0].numpy()


def expected_quantile(mean: np.ndarray, variance: np.ndarray, freedom: np.ndarray) -> np.ndarray:
    """Student-t with this mean and variance, by scipy."""
    return stats.t.ppf(0.01, freedom, mean, np.sqrt(variance * (freedom - 2.0) / freedom))


@pytest.mark.parametrize(("bar", "omega_multiple"), [(3, 1.0), (4, 2.0), (5, 2.0), (0, 1.0)])
def test_the_next_session_by_the_last_parameter_set_fitted_by_then(model, bar, omega_multiple):
    """Before the first refit there is nothing but its own set; a forecast there is refused by `check_unseen`."""
    batch = batch_of(bar, window=0, bars=1.0)
    expected = expected_quantile(np.array(MEAN), next_variance(batch, bar, omega_multiple), np.array([5.0, 8.0]))
    np.testing.assert_allclose(quantile(model, batch), expected, rtol=1e-9)


def test_a_window_sums_the_expected_variances_of_its_bars(model):
    """`position_window(3)` opens one session after the forecast and closes three later: bars 2, 3 and 4."""
    window = position_window(3)
    assert (window.starts_after, window.ends_after) == (1, 4)
    batch = batch_of(5, window=1, bars=3.0)
    ahead = [next_variance(batch, 5, 2.0)]
    for _ in range(3):
        ahead.append(2.0 * np.array(OMEGA) + (np.array(ALPHA) + np.array(BETA)) * ahead[-1])
    expected = expected_quantile(3.0 * np.array(MEAN), np.sum(ahead[1:], axis=0), np.array([6.0, 7.0]))
    np.testing.assert_allclose(quantile(model, batch), expected, rtol=1e-9)


def test_the_adjustment_multiplies_the_scale_of_its_window(model):
    batch = batch_of(5, window=1, bars=3.0)
    center = 3.0 * np.array(MEAN)
    before = quantile(model, batch) - center
    model.adjustment[1, 1] = torch.tensor([1.5, 0.5])
    np.testing.assert_allclose(quantile(model, batch) - center, before * [1.5, 0.5], rtol=1e-9)


def test_the_copula_is_that_of_the_refit(model):
    model.copula.loadings[1, :, 0] = torch.tensor([1.0, 2.0])
    first, second = model(batch_of(3, 0, 1.0)).dependence, model(batch_of(5, 0, 1.0)).dependence
    np.testing.assert_allclose(first.correlation()[0].numpy(), np.eye(2))
    expected = 1.0 * 2.0 / np.sqrt(2.0 * 5.0)
    np.testing.assert_allclose(second.correlation()[0].numpy(), [[1.0, expected], [expected, 1.0]])


def test_an_absent_asset_leaves_the_law_of_the_other(model):
    batch = batch_of(5, 0, 1.0)
    absent = replace(batch, present=torch.tensor([[True, False]]), scale=batch.scale * torch.tensor([[[1.0], [0.0]]]))
    law = model(absent)
    own = model(batch).marginal_log_prob(batch.target)
    assert law.marginal_log_prob(batch.target)[0, 1] == 0
    torch.testing.assert_close(law.log_prob(batch.target)[0], own[0, 0])
