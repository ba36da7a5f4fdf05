"""The loss against scipy's densities of the same law."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy import stats

from quantdl.distributions import (
    AffineMarginals,
    CopulaForecast,
    FactorNormalMixture,
    FactorStudentT,
)
from quantdl.models.forecaster import Forecaster
from quantdl.sequences import Batch
from quantdl.training.loss import book_log_density, log_loss, mean_log_loss, random_books
from quantdl.training.settings import LossShares
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
    loss, count = log_loss(OneLaw().eval(), batch, LossShares(share))
    assert loss.item() == pytest.approx(expected_loss(batch, share), rel=1e-10)
    assert count == 5


def test_the_two_densities_differ_where_assets_depend_on_each_other(batch):
    assert abs(expected_loss(batch, 0.0) - expected_loss(batch, 1.0)) > 0.1


def test_an_unobserved_target_is_not_read(batch):
    model = OneLaw().eval()
    wild = replace(batch, target=torch.where(batch.target_observed, batch.target, torch.nan))
    loss, _ = log_loss(model, wild, LossShares(0.5))
    loss.backward()
    assert loss.item() == pytest.approx(expected_loss(batch, 0.5), rel=1e-10)
    assert math.isfinite(model.drift.grad.item())


def test_the_gradient_is_the_slope_of_the_loss(batch):
    model, step = OneLaw().eval(), 1e-6
    log_loss(model, batch, LossShares(0.3))[0].backward()
    losses = []
    for drift in (step, -step):
        with torch.no_grad():
            model.drift.fill_(drift)
            losses.append(log_loss(model, batch, LossShares(0.3))[0].item())
    assert model.drift.grad.item() == pytest.approx((losses[0] - losses[1]) / (2 * step), rel=1e-6)


def test_the_mean_counts_targets_not_batches_and_leaves_dropout_out(batch):
    other = random_batch(rows=4, assets=3, seed=9)
    model = OneLaw().train()
    total = expected_loss(batch, 0.5) + expected_loss(other, 0.5)
    assert mean_log_loss(model, [batch, other], LossShares(0.5)) == pytest.approx(total / (5 + 12), rel=1e-10)
    assert model.drift.grad is None


def test_without_an_observed_target_there_is_no_mean(batch):
    nothing = replace(batch, target_observed=torch.zeros(2, 3, dtype=torch.bool))
    assert math.isnan(mean_log_loss(OneLaw(), [nothing], LossShares(0.5)))
    assert math.isnan(mean_log_loss(OneLaw(), [], LossShares(0.5)))


def test_a_row_that_weighs_twice_adds_twice_its_densities(batch):
    alone = [
        log_loss(
            OneLaw().eval(),
            replace(batch, target_observed=batch.target_observed & (torch.arange(2) == row)[:, None]),
            LossShares(),
        )
        for row in range(2)
    ]
    loss, count = log_loss(OneLaw().eval(), batch, LossShares(), torch.tensor([2.0, 0.5]))
    assert loss.item() == pytest.approx(2.0 * alone[0][0].item() + 0.5 * alone[1][0].item(), rel=1e-10)
    assert count == 5


class CalmOrCrash(Forecaster):
    """Three independent stocks and a common shock of two kinds, the same for every row."""

    def forward(self, batch: Batch) -> CopulaForecast:
        rows, assets = batch.present.shape
        full = torch.ones(rows, assets, dtype=torch.float64)
        shock = FactorNormalMixture(
            log_weights=torch.tensor([0.9, 0.1], dtype=torch.float64).log().expand(rows, 2),
            variance=torch.tensor([0.5, 2.0], dtype=torch.float64),
            shock_mean=torch.tensor([0.2, -1.8], dtype=torch.float64).expand(rows, 2),
            shock_variance=torch.tensor([0.3, 1.5], dtype=torch.float64).expand(rows, 2),
            exposures=0.6 * full,
            loadings=torch.zeros(rows, assets, 1, dtype=torch.float64),
        )
        return CopulaForecast(AffineMarginals(0.0 * full, 0.01 * full), shock, batch.present)


def book_density(returns: np.ndarray) -> float:
    """Log density of the equal-weight book of n such stocks at the mean of their returns, by hand."""
    n = len(returns)
    means = 0.01 * np.sqrt([0.5, 2.0]) * 0.6 * np.array([0.2, -1.8])
    variances = 1e-4 * np.array([0.5, 2.0]) * (0.36 * np.array([0.3, 1.5]) + 1.0 / n)
    return float(np.log((np.array([0.9, 0.1]) * stats.norm(means, np.sqrt(variances)).pdf(returns.mean())).sum()))


def test_the_first_book_holds_the_observed_assets_in_equal_parts(batch):
    law = CalmOrCrash()(batch).observed(batch.target_observed)
    found = book_log_density(law, batch.target, batch.target_observed, books=1)
    for row in range(2):
        seen = batch.target_observed[row]
        assert found[row].item() == pytest.approx(book_density(batch.target[row, seen].double().numpy()), rel=1e-6)


def test_the_loss_adds_the_density_of_books_for_each_observed_target(batch):
    model = CalmOrCrash()
    without, _ = log_loss(model, batch, LossShares(book_share=0.0))
    loss, _ = log_loss(model, batch, LossShares(book_share=0.3, books=1))
    counted = batch.target_observed.sum(-1).tolist()
    expected = sum(
        n * book_density(batch.target[row, batch.target_observed[row]].double().numpy())
        for row, n in enumerate(counted)
    )
    assert (without - loss).item() == pytest.approx(0.3 * expected, rel=1e-6)


def test_a_row_without_a_target_has_no_book(batch):
    nothing = torch.zeros(2, 3, dtype=torch.bool)
    law = CalmOrCrash()(batch).observed(nothing)
    assert book_log_density(law, batch.target, nothing, books=3).tolist() == [0.0, 0.0]


def test_random_books_are_long_only_hold_what_is_held_and_add_to_one():
    held = torch.tensor([[True, False, True, True], [False, False, False, False]])
    books = random_books(held, 2000, torch.Generator().manual_seed(0))
    assert (books >= 0).all() and (books[:, :, 1] == 0).all() and (books[1] == 0).all()
    torch.testing.assert_close(books[0].sum(-1), torch.ones(2000))
    torch.testing.assert_close(books[0, 0], torch.tensor([1.0, 0.0, 1.0, 1.0]) / 3.0)
    # uniform over the simplex of three: each part has mean 1/3 and variance 1/18
    assert books[0, 1:, 0].mean().item() == pytest.approx(1.0 / 3.0, abs=0.02)
    assert books[0, 1:, 0].var().item() == pytest.approx(1.0 / 18.0, abs=0.005)


def test_validation_scores_the_same_books_every_time(batch):
    shares = LossShares(books=4)
    assert mean_log_loss(CalmOrCrash(), [batch], shares) == mean_log_loss(CalmOrCrash(), [batch], shares)
