"""The posterior of last layers: against the closed form of a linear regression, and as a mixture of one network."""

import numpy as np
import pyro
import pytest
import torch

from quantdl.distributions import MixtureForecast
from quantdl.models.bayesian import BayesianForecaster, laplace_draws, posterior_draws
from quantdl.models.forecaster import Forecaster
from quantdl.models.settings import BayesianSettings, TransformerSettings
from quantdl.models.transformer import TransformerForecaster
from tests.models.batches import away_from_start, random_batch

NOISE, PRIOR = 0.5, 2.0


def regression(n: int) -> tuple[torch.Tensor, torch.Tensor]:
    """A constant and one feature between -1 and 1, and n noisy values on a line."""
    generator = torch.Generator().manual_seed(n)
    feature = 2.0 * torch.rand(n, generator=generator, dtype=torch.float64) - 1.0
    design = torch.stack([torch.ones_like(feature), feature], dim=-1)
    noise = NOISE * torch.randn(n, generator=generator, dtype=torch.float64)
    return design, design @ torch.tensor([0.7, -1.2], dtype=torch.float64) + noise


def closed_form(design: torch.Tensor, value: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Mean and covariance of the posterior (Bishop, Pattern Recognition and Machine Learning, 3.53 and 3.54)."""
    precision = torch.eye(2, dtype=torch.float64) / PRIOR**2 + design.T @ design / NOISE**2
    covariance = torch.linalg.inv(precision)
    return covariance @ design.T @ value / NOISE**2, covariance


def fitted_draws(n: int, guide: str = "low_rank", steps: int = 500) -> torch.Tensor:
    design, value = regression(n)
    settings = BayesianSettings(
        1, prior_scale=PRIOR, guide=guide, guide_rank=2, posterior_steps=steps, posterior_learning_rate=0.04
    )

    def log_likelihood(vector: torch.Tensor) -> torch.Tensor:
        return -0.5 * ((value - design @ vector) / NOISE).square().sum()

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return posterior_draws([log_likelihood] * steps, torch.zeros(2, dtype=torch.float64), settings, 700)


@pytest.mark.parametrize("n", [25, 400])
def test_the_posterior_of_a_linear_regression_is_its_closed_form(n):
    """So it shrinks with the data, to a quarter for sixteen times as many, and grows off their support."""
    draws = fitted_draws(n)
    mean, covariance = closed_form(*regression(n))
    for place in (0.0, 1.0, 5.0):  # in the middle, at the edge and far outside of the features seen
        features = torch.tensor([1.0, place], dtype=torch.float64)
        spread = (features @ covariance @ features).sqrt().item()
        values = draws @ features
        assert values.mean().item() == pytest.approx((features @ mean).item(), abs=0.5 * spread)
        assert values.std().item() == pytest.approx(spread, rel=0.2)


def test_a_normal_law_around_the_fit_of_a_linear_regression_is_the_posterior():
    """Its precision is estimated from squared gradients, whose mean is that of the closed form."""
    design, value = regression(4000)
    mean, covariance = closed_form(design, value)
    gradients = design * ((value - design @ mean) / NOISE**2)[:, None]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        draws = laplace_draws(gradients.split(300), mean, PRIOR, 4000)
        prior = laplace_draws([], mean, PRIOR, 4000)
    np.testing.assert_allclose(draws.T.cov(), covariance, rtol=0.15, atol=0.05 * covariance.max().item())
    np.testing.assert_allclose(draws.mean(0), mean, atol=0.05 * covariance.max().sqrt().item())
    np.testing.assert_allclose(prior.T.cov(), PRIOR**2 * np.eye(2), rtol=0.1, atol=0.3)


def test_pyros_store_of_parameters_is_left_as_it_was():
    pyro.param("mine", torch.tensor(3.0))
    try:
        fitted_draws(10, guide="diagonal", steps=3)
        fitted_draws(10, guide="low_rank", steps=3)
        assert list(pyro.get_param_store().keys()) == ["mine"]
        assert pyro.param("mine").item() == 3.0
    finally:
        del pyro.get_param_store()["mine"]


def test_a_fit_that_fails_leaves_pyro_as_it_was():
    def broken(vector: torch.Tensor) -> torch.Tensor:
        raise ArithmeticError("no likelihood")

    with pytest.raises(ArithmeticError):
        posterior_draws([broken], torch.zeros(2), BayesianSettings(1, guide_rank=1), 2)
    assert not list(pyro.get_param_store().keys())
    assert pyro.poutine.runtime._PYRO_STACK == []


def network() -> Forecaster:
    settings = TransformerSettings(1, width=8, heads=2, trailing_factors=2)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(2)
        return away_from_start(TransformerForecaster(2, 1, settings))


@pytest.fixture
def model() -> BayesianForecaster:
    return BayesianForecaster(network(), 3).eval()


def test_members_alike_are_the_network_itself(model):
    batch = random_batch()
    expected, law = network()(batch), model(batch)
    assert isinstance(law, MixtureForecast) and len(law.members) == 3
    torch.testing.assert_close(law.log_prob(batch.target), expected.log_prob(batch.target), rtol=1e-12, atol=1e-12)


def test_every_head_ends_in_a_layer_with_a_posterior(model):
    heads = {".".join(name.split(".")[:2]) for name in model.names}
    shared = {"dependence.spread", "dependence.kinds", "dependence.own", "dependence.stretch"}
    assert heads == {"marginals.affine", "marginals.layers"} | shared
    outputs = 2 + 2 + 7 + 3 + 2 + 2  # location and scale, tail and skew, states, shocks, own exposures, stretches
    assert model.fitted_last_layers().shape == (9 * outputs,)  # 8 weights and a bias for each output


def test_a_member_is_the_network_with_its_numbers_in_place_of_its_own(model):
    batch, moved = random_batch(), network()
    vector = model.fitted_last_layers() + 0.1
    with torch.no_grad():
        for name in model.names:
            moved.get_parameter(name).add_(0.1)
    torch.testing.assert_close(model.member(vector, batch).icdf(0.01), moved(batch).icdf(0.01))


def test_histories_are_encoded_once_for_all_members(model):
    counted = []
    encoder = model.network.encoder
    handle = encoder.register_forward_hook(lambda *_: counted.append(1))
    model(random_batch())
    handle.remove()
    assert len(counted) == 1 and model.network.encoder is encoder


def test_the_spread_of_the_members_is_apart_from_what_they_all_expect(model):
    generator = torch.Generator().manual_seed(0)
    model.members.add_(0.3 * torch.randn(model.members.shape, generator=generator, dtype=torch.float64))
    batch = random_batch()
    law = model(batch)
    means = np.stack([member.mean.detach().numpy() for member in law.members])
    np.testing.assert_allclose(law.variance_parts().between.detach().numpy(), means.var(axis=0), rtol=1e-9)
    assert (law.spread(lambda member: member.icdf(0.01)) > 0).all()


def test_a_network_without_last_layers_is_refused():
    class Bare(Forecaster):
        def forward(self, batch):
            raise NotImplementedError

    with pytest.raises(ValueError, match="Bare has no LastLayer"):
        BayesianForecaster(Bare(), 2)


def test_the_network_below_takes_the_fields_that_all_networks_share():
    below = BayesianSettings(5, network="flow", width=16, heads=2, context=32).network_settings()
    assert (below.kind, below.horizon, below.width, below.context) == ("flow", 5, 16, 32)
