"""Tails and skewness of single assets: the law of scipy under one normal state, numerical integration under several."""

import math

import numpy as np
import pytest
import torch
from scipy import integrate, stats

from quantdl.distributions import JohnsonSUMarginals, NormalMixture, StudentTLaw

WEIGHTS, MEANS, VARIANCES = (0.8, 0.2), (0.1, -0.4), (0.5, 4.0)
LOCATION, SCALE, TAIL, SKEW = 0.001, 0.02, 1.7, 0.15


def cell(value: float) -> torch.Tensor:
    return torch.full((1, 1), value, dtype=torch.float64)


def states(*parts: float) -> torch.Tensor:
    return torch.tensor([[parts]], dtype=torch.float64)


BASE = NormalMixture(states(*WEIGHTS).log(), states(*MEANS), states(*VARIANCES))
NORMAL = NormalMixture(states(0.0), states(0.0), states(1.0))


def marginals(tail: float = TAIL, skew: float = SKEW) -> JohnsonSUMarginals:
    return JohnsonSUMarginals(cell(LOCATION), cell(SCALE), cell(tail), cell(skew))


def johnson(tail: float = TAIL, skew: float = SKEW):
    return stats.johnsonsu(skew, tail, LOCATION, SCALE * tail)


def base_cdf(z: float) -> float:
    return float((np.array(WEIGHTS) * stats.norm(MEANS, np.sqrt(VARIANCES)).cdf(z)).sum())


def returns_at(z: float) -> float:
    return LOCATION + SCALE * TAIL * math.sinh((z - SKEW) / TAIL)


def over_state(function, mean: float, deviation: float) -> float:
    """Integral of a function of the standard variable, and of its distance from the mean in deviations."""

    def weighted(x: float) -> float:
        return function(mean + deviation * x, x) * stats.norm.pdf(x)

    return integrate.quad(weighted, -14, 14, epsabs=1e-15, limit=400)[0]


def over_all_states(function) -> float:
    states_of_base = zip(WEIGHTS, MEANS, np.sqrt(VARIANCES), strict=True)
    return sum(weight * over_state(lambda z, _: function(z), mean, size) for weight, mean, size in states_of_base)


@pytest.mark.parametrize("value", [-1.0, -0.02, 0.001, 0.3])
def test_under_a_normal_base_density_and_probability_are_those_of_scipy(value):
    law = marginals()
    standard, log_slope = law.to_standard(cell(value), NORMAL)
    assert (NORMAL.log_prob(standard) + log_slope).item() == pytest.approx(johnson().logpdf(value), rel=1e-10)
    assert law.log_cdf(cell(value), NORMAL).item() == pytest.approx(johnson().logcdf(value), rel=1e-9)
    assert law.from_standard(standard, NORMAL).item() == pytest.approx(value)


@pytest.mark.parametrize("probability", [1e-9, 0.01, 0.5, 0.99])
def test_under_a_normal_base_quantiles_are_those_of_scipy(probability):
    at = torch.tensor(probability, dtype=torch.float64)
    assert marginals().icdf(at, NORMAL).item() == pytest.approx(johnson().ppf(probability), rel=1e-9)


def test_under_a_normal_base_moments_are_those_of_scipy():
    assert marginals().mean(NORMAL).item() == pytest.approx(johnson().mean(), rel=1e-12)
    assert marginals().variance(NORMAL).item() == pytest.approx(johnson().var(), rel=1e-12)


def test_a_large_tail_parameter_makes_the_map_affine():
    plain = marginals(1e6, 0.0)
    for value in (-0.3, 0.02):
        standard, log_slope = plain.to_standard(cell(value), BASE)
        assert standard.item() == pytest.approx((value - LOCATION) / SCALE, rel=1e-9)
        assert log_slope.item() == pytest.approx(-math.log(SCALE))
    assert plain.mean(BASE).item() == pytest.approx(LOCATION + SCALE * BASE.mean.item(), rel=1e-9)
    assert plain.variance(BASE).item() == pytest.approx(SCALE**2 * BASE.variance.item(), rel=1e-9)


def test_moments_are_integrals_over_all_states():
    mean, square = over_all_states(returns_at), over_all_states(lambda z: returns_at(z) ** 2)
    assert marginals().mean(BASE).item() == pytest.approx(mean, rel=1e-9)
    assert marginals().variance(BASE).item() == pytest.approx(square - mean**2, rel=1e-9)


def test_a_law_of_power_tails_under_it_has_no_moments():
    power = StudentTLaw(cell(5.0))
    assert math.isnan(marginals().mean(power).item()) and math.isnan(marginals().variance(power).item())


@pytest.mark.parametrize(("mean", "deviation"), [(-0.9, 0.3), (0.0, 1.0), (0.4, 1.7)])
def test_moments_in_a_state_are_integrals_over_it(mean, deviation):
    first = over_state(lambda z, _: returns_at(z), mean, deviation)
    along = over_state(lambda z, x: x * returns_at(z), mean, deviation)
    expected = first, along / deviation, over_state(lambda z, _: (returns_at(z) - first) ** 2, mean, deviation)
    found = marginals().moments_in_states(states(mean), states(deviation), BASE)
    assert [part.item() for part in found] == pytest.approx(expected, rel=1e-9, abs=1e-12)


def test_moments_in_states_have_the_derivatives_of_finite_differences():
    inputs = [cell(value) for value in (LOCATION, SCALE, TAIL, SKEW)] + [states(*MEANS), states(0.7, 2.0)]

    def moments(location, scale, tail, skew, mean, deviation):
        return JohnsonSUMarginals(location, scale, tail, skew).moments_in_states(mean, deviation, BASE)

    assert torch.autograd.gradcheck(moments, [part.requires_grad_() for part in inputs])


@pytest.mark.parametrize("tail", [1.2, 1.57, 4.0])
@pytest.mark.parametrize("value", [-0.3, 0.001, 0.2])
def test_far_tails_do_not_spoil_the_score(tail, value):
    """Held against scipy's law, whose tails keep their digits."""
    law = johnson(tail, 0.0)
    below, _ = integrate.quad(lambda y: law.cdf(y) ** 2, -math.inf, value, limit=800, epsabs=1e-14)
    above, _ = integrate.quad(lambda y: law.sf(y) ** 2, value, math.inf, limit=800, epsabs=1e-14)
    assert marginals(tail, 0.0).crps(cell(value), NORMAL).item() == pytest.approx(below + above, rel=2e-6)


def test_the_score_does_not_change_with_the_width_of_the_standard_variable():
    wide = NormalMixture(states(0.0), states(0.0), states(1e4))
    law = JohnsonSUMarginals(cell(LOCATION), cell(SCALE / 100.0), cell(100.0 * TAIL), cell(100.0 * SKEW))
    assert law.crps(cell(0.01), wide).item() == pytest.approx(marginals().crps(cell(0.01), NORMAL).item(), rel=1e-9)


@pytest.mark.parametrize("value", [-0.4, -0.01, 0.002, 0.15])
def test_the_score_is_the_integral_of_the_squared_distance_from_the_step(value):
    at = SKEW + TAIL * math.asinh((value - LOCATION) / (SCALE * TAIL))

    def slope(z: float) -> float:
        return SCALE * math.cosh((z - SKEW) / TAIL)

    below, _ = integrate.quad(lambda z: base_cdf(z) ** 2 * slope(z), -60.0, at, limit=800, epsabs=1e-14)
    above, _ = integrate.quad(lambda z: (1.0 - base_cdf(z)) ** 2 * slope(z), at, 60.0, limit=800, epsabs=1e-14)
    assert marginals().crps(cell(value), BASE).item() == pytest.approx(below + above, rel=1e-6)


def test_a_smaller_tail_parameter_is_a_heavier_tail():
    far = torch.tensor(1e-4, dtype=torch.float64)
    heavy, light = (marginals(tail, 0.0).icdf(far, BASE).item() for tail in (1.2, 5.0))
    assert heavy < 1.5 * light < 0.0


def test_fifty_deviations_out_everything_is_finite_in_float32_too():
    for dtype in (torch.float32, torch.float64):
        law = JohnsonSUMarginals(
            *(part.to(dtype).requires_grad_() for part in (cell(0.0), cell(0.01), cell(1.3), cell(0.2)))
        )
        for value in (-50.0, 50.0):
            standard, log_slope = law.to_standard(cell(value).to(dtype), BASE)
            (standard + log_slope).sum().backward()
            assert torch.isfinite(standard).all() and torch.isfinite(log_slope).all()
            assert all(torch.isfinite(part.grad).all() for part in (law.location, law.scale, law.tail, law.skew))
            assert torch.isfinite(law.log_cdf(cell(value).to(dtype), BASE)).all()
