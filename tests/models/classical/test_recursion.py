"""Recursions of variance against arch, against themselves written out, and their expectations against simulation."""

import math

import numpy as np
import pytest
import torch
from arch.univariate import EGARCH, GARCH, ConstantMean, SkewStudent, StudentsT
from hypothesis import given, settings, strategies as st
from hypothesis.extra import numpy as arrays
from scipy import integrate, stats

from quantdl.models.classical.recursion import (
    RecursionTensors,
    VarianceRecursion,
    filtered_variance,
    geometric_sums,
    variance_after,
)

GARCH_TRUTH = VarianceRecursion(5e-4, 3e-6, 0.09, 0.88, 6.0)
GJR_TRUTH = VarianceRecursion(5e-4, 3e-6, 0.03, 0.88, 6.0, gamma=0.1)
EGARCH_TRUTH = VarianceRecursion(5e-4, -0.18, 0.15, 0.98, 6.0, gamma=-0.08, exponential=True)
SKEWED = VarianceRecursion(5e-4, 3e-6, 0.03, 0.88, 5.0, gamma=0.1, skewness=-0.2)
TRUTHS = {"garch": GARCH_TRUTH, "gjr": GJR_TRUTH, "egarch": EGARCH_TRUTH}
every_recursion = pytest.mark.parametrize("truth", TRUTHS.values(), ids=TRUTHS)


def returns_of(n: int, seed: int) -> np.ndarray:
    return 0.012 * np.random.default_rng(seed).standard_t(5, n)


def step_by_step(returns: np.ndarray, recursion: VarianceRecursion, first: float) -> np.ndarray:
    variance = [first]
    for value in returns[:-1]:
        surprise, last = value - recursion.mean, variance[-1]
        if recursion.exponential:
            innovation = surprise / math.sqrt(last)
            news = recursion.alpha * (abs(innovation) - math.sqrt(2 / math.pi)) + recursion.gamma * innovation
            variance.append(math.exp(recursion.omega + news + recursion.beta * math.log(last)))
        else:
            weight = recursion.alpha + recursion.gamma * (surprise < 0)
            variance.append(recursion.omega + weight * surprise**2 + recursion.beta * last)
    return np.array(variance)


def archs_variance(returns: np.ndarray, recursion: VarianceRecursion) -> np.ndarray:
    """arch's conditional variance for these parameters, in percent and back."""
    exponential = recursion.exponential
    process = EGARCH(1, 1, 1) if exponential else GARCH(1, 1, 1)
    shape = [recursion.degrees_of_freedom, recursion.skewness] if recursion.skewness else [recursion.degrees_of_freedom]
    law = SkewStudent() if recursion.skewness else StudentsT()
    omega = recursion.omega + (1 - recursion.beta) * 2 * math.log(100.0) if exponential else 1e4 * recursion.omega
    model = ConstantMean(100.0 * returns, volatility=process, distribution=law, rescale=False)
    fixed = model.fix([100.0 * recursion.mean, omega, recursion.alpha, recursion.gamma, recursion.beta, *shape])
    return (np.asarray(fixed.conditional_volatility) / 100.0) ** 2


def tensors_of(*recursions: VarianceRecursion) -> RecursionTensors:
    """One parameter set, one asset each."""
    names = ("mean", "omega", "alpha", "beta", "gamma")
    return RecursionTensors(
        *(torch.tensor([[getattr(one, name) for one in recursions]], dtype=torch.float64) for name in names)
    )


@every_recursion
def test_filtered_variance_is_archs_once_the_start_is_forgotten(truth):
    returns = returns_of(2500, seed=10)
    expected = archs_variance(returns, truth)[1200:]
    np.testing.assert_allclose(filtered_variance(returns, truth)[1200:], expected, rtol=1e-8)


@every_recursion
def test_all_positions_at_once_give_the_recursion_written_out(truth):
    returns, first = returns_of(400, seed=11), 2e-4
    filtered = tensors_of(truth).next_variance(
        torch.from_numpy(returns)[None, None], torch.tensor([[first]], dtype=torch.float64), truth.exponential
    )
    # `first` is the variance of the bar after the first position, whose own return is not read.
    expected = step_by_step(np.append(returns[1:], 0.0), truth, first)
    np.testing.assert_allclose(filtered[0, 0, 0].numpy(), expected, rtol=1e-10)


@every_recursion
def test_no_position_depends_on_later_returns_or_on_how_many_there_are(truth):
    returns = torch.from_numpy(returns_of(300, seed=12))[None, None]
    changed = returns.clone()
    changed[..., 200:] = 0.3
    whole, short, other = (
        tensors_of(truth).next_variance(values, torch.tensor([[1e-4]]), truth.exponential)[..., :200]
        for values in (returns, returns[..., :200], changed)
    )
    assert torch.equal(whole, short) and torch.equal(whole, other)


@every_recursion
def test_the_variance_after_a_return_is_the_next_of_the_recursion(truth):
    returns = returns_of(60, seed=13)
    path = step_by_step(np.append(returns, 0.0), truth, 2e-4)
    np.testing.assert_allclose(variance_after(path[:-1], returns - truth.mean, truth), path[1:], rtol=1e-10)


@settings(max_examples=60)
@given(
    arrays.arrays(np.float64, st.integers(1, 80), elements=st.floats(-0.3, 0.3)),
    st.floats(0.0, 0.5),
    st.floats(0.0, 0.3),
    st.floats(0.0, 1.0),
)
def test_filtered_variance_is_the_recursion_written_out(returns, alpha, gamma, share):
    recursion = VarianceRecursion(1e-4, 1e-6, alpha, share * (1.0 - alpha), 5.0, gamma=gamma)
    first = max(np.mean((returns[:20] - recursion.mean) ** 2), 1e-12)
    np.testing.assert_allclose(
        filtered_variance(returns, recursion), step_by_step(returns, recursion, first), rtol=1e-9
    )


@pytest.mark.parametrize("length", [1, 2, 7, 64, 100])
def test_geometric_sums_are_the_loop(length):
    drive = np.random.default_rng(length).standard_normal((2, length))
    expected = drive.copy()
    for position in range(1, length):
        expected[:, position] += np.array([0.9, -0.5]) * expected[:, position - 1]
    found = geometric_sums(torch.from_numpy(drive), torch.tensor([[0.9], [-0.5]], dtype=torch.float64))
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-12, atol=1e-12)


def expectation(recursion: VarianceRecursion, function) -> float:
    """Of a function of the innovation of variance 1, by quadrature of arch's density on both sides of zero."""
    shape, law = np.array([recursion.degrees_of_freedom, recursion.skewness]), SkewStudent()
    one = np.ones(1)

    def weighted(z: float) -> float:
        return function(z) * math.exp(float(law.loglikelihood(shape, np.array([z]), one, individual=True)[0]))

    return sum(integrate.quad(weighted, *side, limit=300)[0] for side in ((-np.inf, 0.0), (0.0, np.inf)))


@pytest.mark.parametrize("truth", [GARCH_TRUTH, GJR_TRUTH, SKEWED], ids=["garch", "gjr", "skewed"])
def test_persistence_is_what_is_expected_to_be_left_of_a_variance(truth):
    left = expectation(truth, lambda z: (truth.alpha + truth.gamma * (z < 0)) * z**2) + truth.beta
    assert truth.persistence == pytest.approx(left, rel=1e-5)
    assert truth.expected_constant == truth.omega


@pytest.mark.parametrize("skewness", [0.0, -0.3, 0.4])
def test_the_expected_log_variance_of_egarch_counts_the_size_of_its_own_innovations(skewness):
    truth = VarianceRecursion(0.0, -0.2, 0.15, 0.97, 5.0, gamma=-0.05, skewness=skewness, exponential=True)
    size = expectation(truth, abs)
    assert truth.expected_constant == pytest.approx(-0.2 + 0.15 * (size - math.sqrt(2 / math.pi)), rel=1e-6)
    assert truth.persistence == 0.97
    if not skewness:
        draws = np.abs(stats.t(5).rvs(400_000, random_state=1) * math.sqrt(3 / 5)).mean()
        assert size == pytest.approx(draws, rel=0.01)


def test_a_surprise_without_bound_leaves_the_egarch_variance_finite():
    variance = filtered_variance(np.array([1e-4, 1e-4, 50.0, -50.0, 1e-4, 0.0]), EGARCH_TRUTH)
    assert np.isfinite(variance).all() and (variance > 0).all()


@settings(max_examples=20)
@given(st.integers(21, 299), st.floats(-0.5, 0.5))
def test_a_return_changes_no_variance_up_to_its_own(bar, value):
    returns = returns_of(300, seed=13)
    changed = returns.copy()
    changed[bar:] = value
    for truth in (GARCH_TRUTH, GJR_TRUTH, EGARCH_TRUTH):
        before, after = filtered_variance(returns, truth), filtered_variance(changed, truth)
        np.testing.assert_array_equal(before[: bar + 1], after[: bar + 1])
