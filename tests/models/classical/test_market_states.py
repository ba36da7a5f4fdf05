"""Market states from few parameters: their moments, the correlation they keep, and what a refit may reach."""

import math

import numpy as np
import pytest
import torch
from scipy import special, stats

from quantdl.distributions import FactorStudentT
from quantdl.models.classical.market_states import N_PARAMETERS, MarketStatesCorrelation, StateParameters
from tests.models.batches import random_batch

PARAMETERS = torch.tensor([[0.3, 0.4, 1.0, -1.2], [-0.5, -1.0, 0.0, 0.5]], dtype=torch.float64)
TRAILING = torch.tensor([[1.2, 0.3], [0.8, -0.5], [0.0, 0.0], [0.5, 0.9]], dtype=torch.float64)


def test_the_shock_has_mean_zero_and_variance_one_over_its_kinds():
    states = StateParameters.of(PARAMETERS)
    share = states.log_weights.softmax(-1)
    mean = (share * states.shock_mean).sum(-1)
    power = (share * (states.shock_variance + states.shock_mean.square())).sum(-1)
    torch.testing.assert_close(mean, torch.zeros(2).double(), rtol=0, atol=1e-12)
    torch.testing.assert_close(power, torch.ones(2).double(), rtol=1e-12, atol=0)


def test_the_correlation_is_that_of_the_trailing_factors():
    """Covariance of the mixture, summed over its states by hand."""
    law = StateParameters.of(PARAMETERS).joined(TRAILING.expand(2, -1, -1))
    share, mean = law.log_weights.softmax(-1), law.state_means
    covariance = torch.einsum("bc,bic,bjc->bij", share, mean, mean)
    exposed = torch.einsum("bi,bj->bij", law.exposures, law.exposures)
    common = (share * law.variance * law.shock_variance).sum(-1)[:, None, None] * exposed
    covariance += common + (share * law.variance).sum(-1)[:, None, None] * law.correlation()
    size = covariance.diagonal(dim1=1, dim2=2).sqrt()
    normed = TRAILING / (1.0 + TRAILING.square().sum(-1, keepdim=True)).sqrt()
    expected = normed @ normed.T
    expected.fill_diagonal_(1.0)
    found = covariance / size[:, :, None] / size[:, None]
    torch.testing.assert_close(found, expected.expand(2, -1, -1), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("freedom", [4.0, 12.0, 60.0])
def test_one_kind_of_shock_makes_the_law_nearly_student_t(freedom):
    """Joint densities of ten assets at draws of the Student-t law: no holes between the variances of the grid."""
    loadings = 0.9 * torch.ones(1, 10, 1).double()
    truth = FactorStudentT(torch.tensor([freedom]).double(), loadings)
    parameters = torch.tensor([[math.log((freedom - 2.05) / 10.0), -40.0, 0.0, 0.0]]).double()
    law = StateParameters.of(parameters).joined(loadings)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        draws = truth.sample(4000)[:, 0]
    size = (1.0 + law.exposures.square()).sqrt()  # the states' variables are not scaled to those of a Student-t law
    present = torch.ones(4000, 10) > 0
    index = torch.zeros(4000, dtype=torch.int64)
    lost = truth.rows(index).log_density(draws, present) - law.rows(index).log_density(draws * size, present)
    lost = lost - size.log().sum()
    assert -0.005 < lost.mean() < 0.03  # nats, of all ten


def test_the_grid_of_variances_has_the_moments_of_the_inverse_gamma_law():
    states = StateParameters.of(torch.zeros(1, N_PARAMETERS, dtype=torch.float64))
    share, log_variance = states.log_weights.softmax(-1)[0], states.variance[0].log()
    mean = (share * log_variance).sum()
    half = 6.025
    assert mean.item() == pytest.approx(math.log(half) - special.digamma(half), abs=0.01)
    assert (share * (log_variance - mean).square()).sum().item() == pytest.approx(special.polygamma(1, half), rel=0.02)


def test_books_fall_further_than_they_rise_and_single_assets_hardly():
    law = StateParameters.of(PARAMETERS[:1]).joined(torch.tensor([[[0.7]]]).double().expand(1, 50, 1))
    with torch.random.fork_rng():
        torch.manual_seed(1)
        draws = law.sample(20_000)[:, 0].numpy()
    assert stats.skew(draws.mean(axis=1)) < -0.25
    assert -0.12 < np.mean(stats.skew(draws[:, :10])) < 0.0


def test_an_asset_without_trailing_loadings_moves_by_itself():
    law = StateParameters.of(PARAMETERS[:1]).joined(TRAILING[None])
    assert law.exposures[0, 2] == 0.0 and (law.loadings[0, 2] == 0.0).all()


@pytest.mark.parametrize("size", [-30.0, 30.0])
def test_parameters_far_out_leave_a_law(size):
    law = StateParameters.of(torch.full((1, N_PARAMETERS), size).double()).joined(TRAILING[None])
    value = torch.tensor([[0.5, -8.0, 3.0, 40.0]]).double()
    assert torch.isfinite(law.log_density(value, torch.ones(1, 4) > 0)).all()
    assert torch.isfinite(law.margins.log_prob(value)).all()


def test_each_forecast_has_the_states_of_its_own_refit():
    model = MarketStatesCorrelation(3)
    model.parameters_of_states[1:] = PARAMETERS
    batch = random_batch(length=6)
    refit = torch.tensor([2, 1])
    innovations = torch.zeros(1, 2, 3, 6).double()
    law = model(batch, refit, torch.tensor([0]), torch.zeros(2, dtype=torch.int64), innovations)
    expected = StateParameters.of(PARAMETERS[[1, 0]])
    torch.testing.assert_close(law.log_weights, expected.log_weights, rtol=0, atol=0)
    torch.testing.assert_close(law.shock_mean, expected.shock_mean, rtol=0, atol=0)
    assert law.shape == (2, 3)
