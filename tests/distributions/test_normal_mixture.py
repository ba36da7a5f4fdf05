"""Mixtures of normals against scipy's normal law, mpmath, quadrature and draws."""

import math

import mpmath
import numpy as np
import pytest
import torch
from hypothesis import given, settings, strategies as st
from scipy import integrate, stats

from quantdl.distributions import NormalMixture

WEIGHTS = np.array([0.7, 0.25, 0.05])
MEANS = np.array([0.001, -0.002, -0.03])
DEVIATIONS = np.array([0.008, 0.02, 0.05])


def law_of(dtype: torch.dtype = torch.float64) -> NormalMixture:
    parts = (np.log(WEIGHTS), MEANS, DEVIATIONS**2)
    return NormalMixture(*(torch.tensor(part, dtype=dtype) for part in parts))


def number(value: float) -> torch.Tensor:
    return torch.tensor(value, dtype=torch.float64)


def mixed(function: str, value: float) -> float:
    return float((WEIGHTS * getattr(stats.norm(MEANS, DEVIATIONS), function)(value)).sum())


@pytest.mark.parametrize("value", [-0.4, -0.05, 0.0, 0.01, 0.3])
def test_density_and_probability_are_weighted_sums_of_normal_ones(value):
    law = law_of()
    assert law.log_prob(number(value)).item() == pytest.approx(math.log(mixed("pdf", value)), rel=1e-12)
    assert law.cdf(number(value)).item() == pytest.approx(mixed("cdf", value), rel=1e-12)
    assert law.log_cdf(number(value)).exp().item() == pytest.approx(mixed("cdf", value), rel=1e-12)
    assert law.log_survival(number(value)).exp().item() == pytest.approx(mixed("sf", value), rel=1e-12)


def test_logs_of_both_tails_keep_their_digits_fifty_deviations_out():
    law = law_of()
    with mpmath.workdps(40):
        weights, means = [mpmath.mpf(float(w)) for w in WEIGHTS], [mpmath.mpf(float(m)) for m in MEANS]
        for value in (-2.5, 2.5):
            below = sum(
                w * mpmath.ncdf((mpmath.mpf(value) - m) / mpmath.mpf(float(d)))
                for w, m, d in zip(weights, means, DEVIATIONS, strict=True)
            )
            above = sum(
                w * mpmath.ncdf((m - mpmath.mpf(value)) / mpmath.mpf(float(d)))
                for w, m, d in zip(weights, means, DEVIATIONS, strict=True)
            )
            smaller, found = (below, law.log_cdf) if value < 0 else (above, law.log_survival)
            assert found(number(value)).item() == pytest.approx(float(mpmath.log(smaller)), rel=1e-12)


@settings(max_examples=40, deadline=None)
@given(st.floats(1e-12, 1.0 - 1e-12))
def test_quantiles_invert_probabilities(level):
    law = law_of()
    assert law.cdf(law.icdf(level)).item() == pytest.approx(level, rel=1e-11)


def test_probabilities_of_zero_and_one_have_infinite_quantiles():
    assert law_of().icdf(torch.tensor([0.0, 1.0], dtype=torch.float64)).tolist() == [-math.inf, math.inf]


def test_moments_are_those_of_the_definition():
    mean = (WEIGHTS * MEANS).sum()
    assert law_of().mean.item() == pytest.approx(mean)
    assert law_of().variance.item() == pytest.approx((WEIGHTS * (DEVIATIONS**2 + MEANS**2)).sum() - mean**2)


@pytest.mark.parametrize("level", [0.001, 0.01, 0.05, 0.5])
def test_the_tail_mean_is_the_integral_of_the_quantiles_below(level):
    law = law_of()
    quantile = law.icdf(level).item()
    integral, _ = integrate.quad(lambda x: x * mixed("pdf", x), -1.0, quantile, epsabs=1e-14, limit=400)
    assert law.tail_mean(level).item() == pytest.approx(integral / level, rel=1e-8)


@pytest.mark.parametrize("value", [-0.2, -0.01, 0.004, 0.1])
def test_the_score_is_the_integral_of_the_squared_distance_from_the_step(value):
    below, _ = integrate.quad(lambda x: mixed("cdf", x) ** 2, -1.0, value, epsabs=1e-14, limit=400, points=[-0.05])
    above, _ = integrate.quad(lambda x: mixed("sf", x) ** 2, value, 1.0, epsabs=1e-14, limit=400, points=[0.2])
    assert law_of().crps(number(value)).item() == pytest.approx(below + above, rel=1e-8)


def test_draws_follow_the_law():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        draws = law_of().sample((40_000,)).numpy()
    assert stats.kstest(draws, lambda x: law_of().cdf(torch.from_numpy(np.asarray(x))).numpy()).pvalue > 0.001


def test_derivatives_of_quantiles_are_finite_differences():
    parts = [
        torch.tensor(part, dtype=torch.float64, requires_grad=True) for part in (np.log(WEIGHTS), MEANS, DEVIATIONS)
    ]

    def quantile(log_weights, means, deviations):
        return NormalMixture(log_weights, means, deviations.square()).icdf(0.02)

    assert torch.autograd.gradcheck(quantile, parts, eps=1e-6, atol=1e-6)


def test_probabilities_are_float64_whatever_the_parameters():
    law = law_of(torch.float32)
    value = torch.tensor(0.01)
    assert law.log_prob(value).dtype == torch.float32
    exact = (law.cdf(value), law.log_cdf(value), law.log_survival(value), law.icdf(0.01), law.crps(value))
    assert all(found.dtype == torch.float64 for found in exact)


def test_a_repeated_law_is_the_same_in_every_place():
    law = law_of().expand((2, 3))
    assert law.batch_shape == (2, 3)
    assert torch.equal(law.icdf(0.05), law_of().icdf(0.05).expand(2, 3))


def test_probabilities_below_eight_deviations_have_all_digits():
    law = NormalMixture(torch.zeros(1).double(), torch.zeros(1).double(), torch.ones(1).double())
    for place in (-8.5, -13.0, -30.0):
        expected = stats.norm.cdf(place)
        assert law.cdf(torch.tensor(place).double()).item() == pytest.approx(expected, rel=1e-10)
        assert law.tail_mean(expected).item() == pytest.approx(-stats.norm.pdf(place) / expected, rel=1e-8)
