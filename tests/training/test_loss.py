"""The loss against scipy's densities of the same law."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy import stats

from quantdl.distributions import AffineMarginals, CopulaForecast, FactorStudentT
from quantdl.models.forecaster import Forecaster
from quantdl.sequences import Batch
from quantdl.training.loss import log_loss, mean_log_loss
from tests.models.batches import random_batch

FREEDOM, LOCATION, SCALE = 5.0, (0.001, -0.002, 0.0), (0.01, 0.02, 0.015)
LOADINGS = (1.0, 0.5, -1.0)


class OneLaw(Forecaster):
    """The same law for every row; ``drift`` is its only parameter. In training its scales are seven times as wide."""

    def __init__(self) -> None:
        super().__init__()
        self.drift = torch.nn.Parameter(torch.zeros((), dtype=torch.float64))

    def forward(self, batch: Batch) -> CopulaForecast:
        rows, assets = batch.present.shape
        location = torch.tensor(LOCATION, dtype=torch.float64) + self.drift
        scale = torch.tensor(SCALE, dtype=torch.float64) * (7.0 if self.training else 1.0)
        loadings = torch.tensor(LOADINGS, dtype=torch.float64).expand(rows, assets)[..., None]
        marginals = AffineMarginals(location.expand(rows, assets), scale.expand(rows, assets))
        freedom = torch.full((rows,), FREEDOM, dtype=torch.float64)
        return CopulaForecast(marginals, FactorStudentT(freedom, loadings), batch.present)


def joint_and_marginal(target: np.ndarray) -> tuple[float, float]:
    """Log densities of one row's returns, NaN where none was observed, by scipy."""
    seen = np.isfinite(target)
    deviation = np.sqrt(1.0 + np.square(LOADINGS))
    correlation = (np.outer(LOADINGS, LOADINGS) + np.eye(3)) / np.outer(deviation, deviation)
    shape = (correlation * np.outer(SCALE, SCALE))[np.ix_(seen, seen)]
    joint = stats.multivariate_t(np.array(LOCATION)[seen], shape, df=FREEDOM).logpdf(target[seen])
    marginal = stats.t.logpdf(target, FREEDOM, LOCATION, SCALE)
    return float(joint), float(np.nansum(marginal))


@pytest.fixture
def batch() -> Batch:
    """Two rows of three assets; one return of the second row was not observed."""
    batch = random_batch(rows=2, assets=3)
    observed = torch.tensor([[True, True, True], [True, False, True]])
    return replace(batch, target=torch.where(observed, batch.target, 0.0), target_observed=observed)


def expected_loss(batch: Batch, share: float) -> float:
    targets = torch.where(batch.target_observed, batch.target, torch.nan).numpy()
    joint, marginal = np.sum([joint_and_marginal(row) for row in targets], axis=0)
    return -((1.0 - share) * joint + share * marginal)


@pytest.mark.parametrize("share", [0.0, 0.5, 0.8, 1.0])
def test_the_loss_weighs_the_joint_density_and_the_marginal_ones(batch, share):
    loss, count = log_loss(OneLaw().eval(), batch, share)
    assert loss.item() == pytest.approx(expected_loss(batch, share), rel=1e-10)
    assert count == 5


def test_the_two_densities_differ_where_assets_depend_on_each_other(batch):
    assert abs(expected_loss(batch, 0.0) - expected_loss(batch, 1.0)) > 0.1


def test_an_unobserved_target_is_not_read(batch):
    model = OneLaw().eval()
    wild = replace(batch, target=torch.where(batch.target_observed, batch.target, torch.nan))
    loss, _ = log_loss(model, wild, 0.5)
    loss.backward()
    assert loss.item() == pytest.approx(expected_loss(batch, 0.5), rel=1e-10)
    assert math.isfinite(model.drift.grad.item())


def test_the_gradient_is_the_slope_of_the_loss(batch):
    model, step = OneLaw().eval(), 1e-6
    log_loss(model, batch, 0.3)[0].backward()
    losses = []
    for drift in (step, -step):
        with torch.no_grad():
            model.drift.fill_(drift)
            losses.append(log_loss(model, batch, 0.3)[0].item())
    assert model.drift.grad.item() == pytest.approx((losses[0] - losses[1]) / (2 * step), rel=1e-6)


def test_the_mean_counts_targets_not_batches_and_leaves_dropout_out(batch):
    other = random_batch(rows=4, assets=3, seed=9)
    model = OneLaw().train()
    total = expected_loss(batch, 0.5) + expected_loss(other, 0.5)
    assert mean_log_loss(model, [batch, other], 0.5) == pytest.approx(total / (5 + 12), rel=1e-10)
    assert model.drift.grad is None


def test_without_an_observed_target_there_is_no_mean(batch):
    nothing = replace(batch, target_observed=torch.zeros(2, 3, dtype=torch.bool))
    assert math.isnan(mean_log_loss(OneLaw(), [nothing], 0.5))
    assert math.isnan(mean_log_loss(OneLaw(), [], 0.5))
