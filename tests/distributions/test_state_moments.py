"""Moments of a bent normal variable: closed forms, quadrature, and derivatives."""

import math

import torch
from scipy import integrate, stats

from quantdl.distributions.state_moments import state_moments

MEAN = torch.tensor([[[-0.9, 0.0, 0.4]]], dtype=torch.float64)
DEVIATION = torch.tensor([[[0.3, 1.0, 1.7]]], dtype=torch.float64)


def one_asset(value: float) -> torch.Tensor:
    return torch.full((1, 1), value, dtype=torch.float64)


def test_a_power_of_three_has_the_moments_of_its_polynomial():
    """The hyperbolic sine of three times a number is ``3 z + 4 z**3``, of whose square the nodes are exact."""
    first, slope, second = state_moments(MEAN, DEVIATION, one_asset(1.0 / 3.0), one_asset(0.0))
    m, v = MEAN, DEVIATION.square()
    raw = [
        torch.ones_like(m),
        m,
        m**2 + v,
        m**3 + 3 * m * v,
        m**4 + 6 * m**2 * v + 3 * v**2,
        None,
        m**6 + 15 * m**4 * v + 45 * m**2 * v**2 + 15 * v**3,
    ]
    mean = 3 * raw[1] + 4 * raw[3]
    torch.testing.assert_close(first, mean, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(slope, 3 + 12 * raw[2], rtol=1e-12, atol=0.0)  # Stein: the mean of the derivative
    square = 9 * raw[2] + 24 * raw[4] + 16 * raw[6]
    torch.testing.assert_close(second, square - mean**2, rtol=1e-11, atol=0.0)


def test_a_skewed_map_has_the_moments_of_the_integral():
    """In narrow states, where seven nodes are as good as the integral."""
    mean, deviation, tail, skew = -0.4, 0.25, 0.8, 0.2

    def moment(function):
        return integrate.quad(
            lambda x: function(x, math.sinh((math.asinh(mean + deviation * x) - skew) / tail)) * stats.norm.pdf(x),
            -12,
            12,
            epsabs=1e-13,
        )[0]

    first = moment(lambda _, u: u)
    expected = first, moment(lambda x, u: x * u) / deviation, moment(lambda _, u: (u - first) ** 2)
    state = torch.full((1, 1, 1), 1.0, dtype=torch.float64)
    found = state_moments(mean * state, deviation * state, one_asset(tail), one_asset(skew))
    for value, right in zip(found, expected, strict=True):
        assert math.isclose(value.item(), right, rel_tol=1e-6)


def test_derivatives_are_those_of_finite_differences():
    inputs = (MEAN, DEVIATION, one_asset(0.7), one_asset(0.15))
    assert torch.autograd.gradcheck(state_moments, [part.clone().requires_grad_() for part in inputs])


def test_single_precision_agrees_with_double():
    exact = state_moments(MEAN, DEVIATION, one_asset(0.6), one_asset(0.1))
    single = state_moments(MEAN.float(), DEVIATION.float(), one_asset(0.6).float(), one_asset(0.1).float())
    for short, right in zip(single, exact, strict=True):
        torch.testing.assert_close(short.double(), right, rtol=2e-6, atol=1e-6)
