"""The transformer's law, put together by hand from its parts and scipy."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy import stats

from quantdl.models.settings import TransformerSettings
from quantdl.models.transformer import TransformerForecaster
from tests.models.batches import away_from_start, random_batch

SETTINGS = TransformerSettings(1, width=8, heads=2, trailing_factors=2, dropout=0.0)


@pytest.fixture(scope="module")
def model() -> TransformerForecaster:
    return away_from_start(TransformerForecaster(2, 1, SETTINGS))


def test_the_joint_density_before_training_is_scipys_multivariate_student_t():
    """Loadings are 0.3 and the trailing ones, in units of the asset's own noise; the scale is 0.8 of the volatility."""
    batch = random_batch(rows=2, assets=3)
    model = TransformerForecaster(2, 1, SETTINGS).double().eval()
    density = model(batch).log_prob(batch.target).detach()
    freedom = 2.05 + float(torch.nn.functional.softplus(torch.tensor(4.0, dtype=torch.float64)))
    for row in range(2):
        loadings = np.column_stack([np.full(3, 0.3), batch.trailing_loadings[row].numpy()])
        covariance = loadings @ loadings.T + np.eye(3)
        deviation = np.sqrt(np.diag(covariance))
        scale = 0.8 * batch.scale[row, :, -1].numpy()
        shape = covariance / np.outer(deviation, deviation) * np.outer(scale, scale)
        expected = stats.multivariate_t(np.zeros(3), shape, df=freedom).logpdf(batch.target[row].numpy())
        assert density[row].item() == pytest.approx(float(expected), abs=1e-6)


def test_a_forecast_reads_its_own_history_up_to_its_position(model):
    batch = random_batch(rows=2, assets=3)
    batch = replace(batch, position=torch.full((2, 3), 3))
    before = model(batch).log_prob(batch.target)
    later = batch.features.clone()
    later[:, :, 4:] = 100.0
    assert torch.equal(model(replace(batch, features=later)).log_prob(batch.target), before)
    last = batch.features.clone()
    last[0, :, 3] += 1.0
    changed = model(replace(batch, features=last)).log_prob(batch.target) != before
    assert changed.tolist() == [True, False]


def test_assets_that_are_absent_leave_the_law_of_the_others(model):
    batch = random_batch(rows=1, assets=3)
    alone = random_batch(rows=1, assets=3)
    two = replace(
        batch,
        **{
            name: getattr(alone, name)[:, :2]
            for name in ("features", "bar_index", "scale", "returns", "lengths", "position", "present")
        },
        trailing_loadings=alone.trailing_loadings[:, :2],
        target=alone.target[:, :2],
        target_observed=alone.target_observed[:, :2],
    )
    present = torch.tensor([[True, True, False]])
    three = model(replace(batch, present=present)).log_prob(batch.target)
    torch.testing.assert_close(three, model(two).log_prob(two.target))


def test_a_window_of_its_own_has_a_law_of_its_own():
    model = away_from_start(TransformerForecaster(2, 2, SETTINGS))
    batch = random_batch(rows=2, assets=3)
    same = replace(
        batch, row=torch.tensor([0, 0]), window=torch.tensor([0, 1]), window_bars=torch.ones(2, dtype=torch.float64)
    )
    law = model(same)
    assert not torch.allclose(law.marginals.scale[0], law.marginals.scale[1])
