"""Spectral measures: closed forms, axioms on samples, and what makes a spectrum."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings, strategies as st
from hypothesis.extra import numpy as arrays
from scipy import integrate, stats

from quantdl.risk.measures.losses import expected_shortfall
from quantdl.risk.measures.spectral import DualPower, ExponentialSpectrum, SteppedSpectrum, WangTransform, spectral

N = 200_000
NORMAL = torch.from_numpy(stats.norm.ppf((np.arange(N) + 0.5) / N))
SPECTRA = [ExponentialSpectrum(20.0), DualPower(5.0), WangTransform(1.0), SteppedSpectrum((0.0, 0.9), (0.3, 0.7))]
AMOUNTS = st.floats(-1.0, 1.0, allow_nan=False, width=32)
SAMPLES = arrays.arrays(np.float64, st.integers(2, 40).map(lambda n: (n, 2)), elements=AMOUNTS)


@pytest.mark.parametrize("level", [0.5, 0.9, 0.975, 0.99])
def test_a_single_step_is_expected_shortfall(level):
    losses = torch.from_numpy(np.random.default_rng(0).standard_t(4, (1003, 3)))
    found = spectral(losses, SteppedSpectrum.of_expected_shortfall(level))
    torch.testing.assert_close(found, expected_shortfall(losses, level), rtol=1e-12, atol=1e-12)


def test_wang_transform_of_a_normal_loss_is_its_mean_and_shift_deviations():
    assert float(spectral(0.01 + 2.0 * NORMAL, WangTransform(0.7))) == pytest.approx(0.01 + 2.0 * 0.7, abs=2e-3)


def test_dual_power_of_two_normal_losses_is_the_mean_of_the_larger():
    """The expected maximum of two independent standard normal variables is one over the root of pi."""
    assert float(spectral(NORMAL, DualPower(2.0))) == pytest.approx(1.0 / math.sqrt(math.pi), abs=1e-5)


def test_exponential_spectrum_is_the_integral_of_quantiles():
    def weighted(u):
        return stats.norm.ppf(u) * 20.0 * math.exp(-20.0 * (1.0 - u)) / (1.0 - math.exp(-20.0))

    expected = integrate.quad(weighted, 0.0, 1.0, limit=400)[0]
    assert float(spectral(NORMAL, ExponentialSpectrum(20.0))) == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("spectrum", SPECTRA)
def test_weights_are_none_of_nothing_and_one_of_all(spectrum):
    weight = spectrum.tail_weight(torch.linspace(0.0, 1.0, 101, dtype=torch.float64))
    assert float(weight[0]) == 0.0
    assert float(weight[-1]) == pytest.approx(1.0)
    assert bool((weight.diff().diff() <= 1e-12).all()), "the weight of a tail must be concave"


@settings(deadline=None, max_examples=25)
@given(SAMPLES, st.sampled_from(SPECTRA))
def test_spectral_measures_are_coherent(losses, spectrum):
    one, other = torch.from_numpy(losses).T
    own, rest = spectral(one, spectrum), spectral(other, spectrum)
    assert spectral(one + other, spectrum) <= own + rest + 1e-9
    assert spectral(torch.maximum(one, other), spectrum) >= torch.maximum(own, rest) - 1e-9
    torch.testing.assert_close(spectral(one - 0.25, spectrum), own - 0.25, rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(spectral(3.0 * one, spectrum), 3.0 * own, rtol=1e-9, atol=1e-9)


@settings(deadline=None, max_examples=25)
@given(SAMPLES, st.sampled_from(SPECTRA))
def test_risks_of_comonotonic_losses_add_up(losses, spectrum):
    one, other = torch.from_numpy(np.sort(losses, axis=0)).T
    both = spectral(one, spectrum) + spectral(other, spectrum)
    torch.testing.assert_close(spectral(one + other, spectrum), both, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("spectrum", SPECTRA)
def test_derivatives_by_losses_are_right_and_those_by_probabilities_finite(spectrum):
    losses = torch.from_numpy(np.random.default_rng(0).standard_normal((9, 2))).requires_grad_()
    assert torch.autograd.gradcheck(lambda given: spectral(given, spectrum), (losses,))
    shares = torch.full((9,), 1 / 9, dtype=torch.float64, requires_grad=True)
    (slope,) = torch.autograd.grad(spectral(losses.detach(), spectrum, shares).sum(), shares)
    assert bool(torch.isfinite(slope).all()) and bool(slope.any())


@pytest.mark.slow
def test_more_than_two_to_the_24_losses_are_served():
    losses = torch.arange(2**24 + 1000, dtype=torch.float32) / (2**24 + 1000)
    assert float(spectral(losses, DualPower(2.0))) == pytest.approx(2 / 3, abs=1e-6)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: ExponentialSpectrum(0.0), "aversion must be a positive"),
        (lambda: DualPower(0.5), "better losses count more"),
        (lambda: WangTransform(-0.1), "better losses count more"),
        (lambda: SteppedSpectrum((0.9,), (0.5, 0.5)), "one weight for each level"),
        (lambda: SteppedSpectrum((0.9, 0.5), (0.5, 0.5)), "levels must rise"),
        (lambda: SteppedSpectrum((0.5, 1.0), (0.5, 0.5)), "levels must rise"),
        (lambda: SteppedSpectrum((0.5, 0.9), (-0.5, 1.5)), "weights must not be negative"),
        (lambda: SteppedSpectrum((0.5, 0.9), (0.5, 0.6)), "add to one"),
    ],
)
def test_what_is_no_spectrum_is_refused(build, message):
    with pytest.raises(ValueError, match=message):
        build()
