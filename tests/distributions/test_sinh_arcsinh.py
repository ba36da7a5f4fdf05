"""Tails and skewness of single assets: maps by hand, moments and scores by numerical integration."""

import math

import numpy as np
import pytest
import torch
from scipy import integrate, stats

from quantdl.distributions import NormalMixture, SinhArcsinhMarginals

BASE = NormalMixture(
    torch.tensor([[[0.8, 0.2]]], dtype=torch.float64).log(),
    torch.tensor([[[0.1, -0.4]]], dtype=torch.float64),
    torch.tensor([[[0.5, 4.0]]], dtype=torch.float64),
)


def cell(value: float) -> torch.Tensor:
    return torch.full((1, 1), value, dtype=torch.float64)


def marginals(tail: float = 0.8, skew: float = 0.15) -> SinhArcsinhMarginals:
    return SinhArcsinhMarginals(cell(0.001), cell(0.02), cell(tail), cell(skew))


def base_density(z: float) -> float:
    law = stats.norm([0.1, -0.4], np.sqrt([0.5, 4.0]))
    return float((np.array([0.8, 0.2]) * law.pdf(z)).sum())


def base_cdf(z: float) -> float:
    law = stats.norm([0.1, -0.4], np.sqrt([0.5, 4.0]))
    return float((np.array([0.8, 0.2]) * law.cdf(z)).sum())


def returns_at(z: float, tail: float = 0.8, skew: float = 0.15) -> float:
    return 0.001 + 0.02 * math.sinh((math.asinh(z) - skew) / tail)


@pytest.mark.parametrize("value", [-1.0, -0.02, 0.001, 0.3])
def test_the_map_and_its_slope_are_those_of_the_formula(value):
    standard, log_slope = marginals().to_standard(cell(value), BASE)
    unit = (value - 0.001) / 0.02
    angle = 0.8 * math.asinh(unit) + 0.15
    assert standard.item() == pytest.approx(math.sinh(angle))
    assert log_slope.item() == pytest.approx(math.log(0.8 * math.cosh(angle) / math.hypot(1.0, unit) / 0.02))
    assert marginals().from_standard(standard, BASE).item() == pytest.approx(value)


def test_with_tail_one_and_skew_zero_the_map_is_affine():
    plain = marginals(1.0, 0.0)
    for value in (-0.3, 0.02):
        standard, log_slope = plain.to_standard(cell(value), BASE)
        assert standard.item() == pytest.approx((value - 0.001) / 0.02) and log_slope.item() == pytest.approx(
            -math.log(0.02)
        )
    assert plain.mean(BASE).item() == pytest.approx(0.001 + 0.02 * BASE.mean.item())
    assert plain.variance(BASE).item() == pytest.approx(0.02**2 * BASE.variance.item())


def test_moments_are_integrals_over_the_base():
    mean, _ = integrate.quad(lambda z: returns_at(z) * base_density(z), -40.0, 40.0, limit=400, epsabs=1e-14)
    square, _ = integrate.quad(lambda z: returns_at(z) ** 2 * base_density(z), -40.0, 40.0, limit=400, epsabs=1e-14)
    assert marginals().mean(BASE).item() == pytest.approx(mean, abs=1e-10)
    assert marginals().variance(BASE).item() == pytest.approx(square - mean**2, rel=1e-7)


@pytest.mark.parametrize("value", [-0.4, -0.01, 0.002, 0.15])
def test_the_score_is_the_integral_of_the_squared_distance_from_the_step(value):
    at = math.sinh(0.8 * math.asinh((value - 0.001) / 0.02) + 0.15)

    def slope(z: float) -> float:
        return 0.02 * math.cosh((math.asinh(z) - 0.15) / 0.8) / (0.8 * math.hypot(1.0, z))

    below, _ = integrate.quad(lambda z: base_cdf(z) ** 2 * slope(z), -60.0, at, limit=800, epsabs=1e-14)
    above, _ = integrate.quad(lambda z: (1.0 - base_cdf(z)) ** 2 * slope(z), at, 60.0, limit=800, epsabs=1e-14)
    assert marginals().crps(cell(value), BASE).item() == pytest.approx(below + above, rel=1e-6)


def test_a_smaller_tail_is_a_heavier_one():
    far = torch.tensor(1e-4, dtype=torch.float64)
    heavy, light = (marginals(tail, 0.0).icdf(far, BASE).item() for tail in (0.7, 1.0))
    assert heavy < 1.5 * light < 0.0


def test_fifty_deviations_out_everything_is_finite_in_float32_too():
    for dtype in (torch.float32, torch.float64):
        law = SinhArcsinhMarginals(
            *(part.to(dtype).requires_grad_() for part in (cell(0.0), cell(0.01), cell(0.7), cell(0.2)))
        )
        for value in (-50.0, 50.0):
            standard, log_slope = law.to_standard(cell(value).to(dtype), BASE)
            (standard + log_slope).sum().backward()
            assert torch.isfinite(standard).all() and torch.isfinite(log_slope).all()
            assert all(torch.isfinite(part.grad).all() for part in (law.location, law.scale, law.tail, law.skew))
            assert torch.isfinite(law.log_cdf(cell(value).to(dtype), BASE)).all()
