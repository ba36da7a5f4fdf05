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


def test_the_law_before_training_is_a_bent_mixture_of_normals_close_to_a_student_t():
    """Exposures follow the first trailing factor and loadings the second, each with 0.3; 0.8 of the volatility."""
    batch = random_batch(rows=2, assets=3)
    model = TransformerForecaster(2, 1, SETTINGS).double().eval()
    law = model(batch)
    density = law.log_prob(batch.target).detach()
    states = model.dependence.variance.numpy()
    half = 10.0  # of twenty degrees of freedom
    borders = np.exp(0.5 * (np.log(states[1:]) + np.log(states[:-1])))
    shares = np.diff(stats.invgamma(half, scale=half).cdf(np.concatenate([[0.0], borders, [np.inf]])))
    kinds = np.array([[0.55, 0.25, 0.5], [0.37, -0.15, 1.0], [0.08, -1.0, 2.5]])  # probability, mean, variance
    means = kinds[:, 1] - (kinds[:, 0] * kinds[:, 1]).sum()
    for row in range(2):
        trailing = batch.trailing_loadings[row].numpy()
        loadings = np.column_stack([np.full(3, 0.3), trailing[:, 1]])
        covariance = loadings @ loadings.T + np.eye(3)
        deviation = np.sqrt(np.diag(covariance))
        exposures = (trailing[:, 0] + 0.3) / deviation
        correlation = covariance / np.outer(deviation, deviation)
        power = (kinds[:, 0] * (kinds[:, 2] + means**2)).sum()
        stretch = np.sqrt(1.0 + power * exposures**2)
        scale, tail = 0.8 * batch.scale[row, :, -1].numpy() / stretch, 2.6 * stretch  # the shock changes neither
        unit = batch.target[row].numpy() / (scale * tail)
        standard, slope = tail * np.arcsinh(unit), 1.0 / (scale * np.hypot(1.0, unit))
        total = 0.0
        for share, variance in zip(shares, states, strict=True):
            for (probability, _, size), mean in zip(kinds, means, strict=True):
                shape = variance * (correlation + size * np.outer(exposures, exposures))
                place = np.sqrt(variance) * mean * exposures
                total += share * probability * stats.multivariate_normal(place, shape).pdf(standard) * slope.prod()
        assert density[row].item() == pytest.approx(np.log(total), abs=1e-3)  # shares are kept above 1e-6, in float32


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
