"""Expectiles, the entropic measure and lower partial moments: closed forms, axioms on samples, and derivatives."""

import math
from functools import partial

import numpy as np
import pytest
import torch
from hypothesis import given, settings, strategies as st
from hypothesis.extra import numpy as arrays
from scipy import optimize, stats

from quantdl.risk.measures.convex import entropic, expectile, lower_partial_moment

N = 200_000
UNIFORM = (np.arange(N) + 0.5) / N
AMOUNTS = st.floats(-1.0, 1.0, allow_nan=False, width=32)
COHERENT_LEVELS = st.sampled_from([0.5, 0.75, 0.9, 0.99, 0.999])
SAMPLES = arrays.arrays(np.float64, st.integers(2, 40).map(lambda n: (n, 2)), elements=AMOUNTS)


def normal_expectile(level):
    """Root of the balance of partial moments of the standard normal law."""

    def balance(e):
        beyond = stats.norm.pdf(e) - e * stats.norm.sf(e)
        return level * beyond - (1.0 - level) * (beyond + e)

    return optimize.brentq(balance, -10.0, 10.0, xtol=1e-14)


@pytest.mark.parametrize("level", [0.5, 0.9, 0.99, 0.99855])
def test_expectile_of_a_grid_of_normal_quantiles_is_the_root_of_its_balance(level):
    grid = torch.from_numpy(stats.norm.ppf(UNIFORM))
    assert float(expectile(grid, level)) == pytest.approx(normal_expectile(level), abs=2e-4)


def test_expectile_of_99_855_is_the_normal_value_at_risk_of_99():
    """Bellini and Di Bernardino (2017) state the level to five digits."""
    assert normal_expectile(0.99855) == pytest.approx(stats.norm.ppf(0.99), abs=2e-3)


def test_expectile_is_what_scipy_finds_in_a_sample():
    sample = np.random.default_rng(0).standard_t(4, 301)
    shares = np.random.default_rng(1).dirichlet(np.ones(301))
    found = expectile(torch.from_numpy(sample), 0.97, torch.from_numpy(shares))
    assert float(found) == pytest.approx(stats.expectile(sample, 0.97, weights=shares), rel=1e-6)


def test_entropic_measure_of_a_normal_loss_is_mean_and_half_the_aversion_times_variance():
    grid = torch.from_numpy(0.001 + 0.02 * stats.norm.ppf(UNIFORM))
    assert float(entropic(grid, 10.0)) == pytest.approx(0.001 + 0.5 * 10.0 * 0.02**2, rel=1e-4)


def test_entropic_measure_does_not_overflow():
    losses = torch.tensor([0.0, 0.5], dtype=torch.float64)
    assert float(entropic(losses, 1e6)) == pytest.approx(0.5 - math.log(2.0) / 1e6)


@pytest.mark.parametrize(("order", "expected"), [(0, 0.5), (1, 1 / math.sqrt(2 * math.pi)), (2, 0.5), (4, 1.5)])
def test_partial_moments_of_a_normal_loss_are_closed_forms(order, expected):
    grid = torch.from_numpy(stats.norm.ppf(UNIFORM))
    assert float(lower_partial_moment(grid, order)) == pytest.approx(expected, rel=2e-3)


def test_partial_moment_of_order_zero_counts_losses_above_the_threshold():
    losses = torch.tensor([0.01, 0.02, 0.03, 0.03])
    assert float(lower_partial_moment(losses.double(), 0, threshold=0.02)) == 0.5


def test_probabilities_count_as_repeated_losses():
    losses = torch.tensor([0.1, -0.2, 0.4], dtype=torch.float64)
    counts = torch.tensor([3, 1, 2])
    for measure in (partial(expectile, level=0.9), partial(entropic, aversion=5.0), lower_partial_moment):
        repeated = measure(losses.repeat_interleave(counts))
        assert float(measure(losses, probabilities=counts)) == pytest.approx(float(repeated), rel=1e-12)


@settings(deadline=None, max_examples=25)
@given(SAMPLES, COHERENT_LEVELS)
def test_expectiles_from_a_half_on_are_coherent(losses, level):
    one, other = torch.from_numpy(losses).T
    own, rest = expectile(one, level), expectile(other, level)
    assert expectile(one + other, level) <= own + rest + 1e-9
    assert expectile(torch.maximum(one, other), level) >= torch.maximum(own, rest) - 1e-9
    torch.testing.assert_close(expectile(one - 0.25, level), own - 0.25, rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(expectile(3.0 * one, level), 3.0 * own, rtol=1e-9, atol=1e-9)


@settings(deadline=None, max_examples=25)
@given(SAMPLES, st.floats(0.1, 100.0), st.floats(0.0, 1.0))
def test_entropic_measure_is_convex_monotone_and_cash_invariant(losses, aversion, share):
    one, other = torch.from_numpy(losses).T
    own, rest = entropic(one, aversion), entropic(other, aversion)
    assert entropic(share * one + (1.0 - share) * other, aversion) <= share * own + (1.0 - share) * rest + 1e-9
    assert entropic(torch.maximum(one, other), aversion) >= torch.maximum(own, rest) - 1e-9
    torch.testing.assert_close(entropic(one - 0.25, aversion), own - 0.25, rtol=1e-9, atol=1e-9)


def test_entropic_measure_of_twice_the_book_is_more_than_twice():
    losses = torch.tensor([-0.1, 0.1], dtype=torch.float64)
    assert float(entropic(2 * losses, 5.0)) == pytest.approx(2 * float(entropic(losses, 10.0)))
    assert entropic(2 * losses, 5.0) > 2 * entropic(losses, 5.0)


@pytest.mark.parametrize(
    "measure",
    [partial(expectile, level=0.9), partial(entropic, aversion=5.0), partial(lower_partial_moment, order=1.5)],
)
def test_derivatives_by_losses_and_probabilities_are_right(measure):
    losses = torch.from_numpy(np.random.default_rng(0).standard_normal((12, 2))).requires_grad_()
    shares = torch.rand(12, dtype=torch.float64, generator=torch.Generator().manual_seed(0)).requires_grad_()
    assert torch.autograd.gradcheck(lambda given, own: measure(given, probabilities=own), (losses, shares))


@pytest.mark.slow
def test_more_than_two_to_the_24_losses_are_served():
    losses = torch.arange(2**24 + 1000, dtype=torch.float64) / (2**24 + 1000)
    level = 0.99  # of a uniform loss: alpha (1 - e)^2 = (1 - alpha) e^2
    root = math.sqrt(level) / (math.sqrt(level) + math.sqrt(1 - level))
    assert float(expectile(losses, level)) == pytest.approx(root, abs=1e-6)
    assert float(lower_partial_moment(losses, 2)) == pytest.approx(1 / 3, abs=1e-6)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda bad: expectile(bad, 1.0), "level must lie"),
        (lambda bad: entropic(bad, 0.0), "aversion must be a positive"),
        (lambda bad: lower_partial_moment(bad, -1.0), "order must be finite"),
        (lambda bad: expectile(torch.cat([bad, bad * math.nan])), "losses must be finite"),
        (lambda bad: entropic(bad, 1.0, torch.zeros(2)), "must not all be zero"),
        (lambda bad: lower_partial_moment(bad, probabilities=torch.ones(3)), "must be one for each"),
        (lambda bad: expectile(bad[:0]), "at least one draw"),
    ],
)
def test_bad_arguments_are_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call(torch.tensor([0.1, 0.2]))
