import numpy as np
import pytest
from hypothesis import given, strategies as some

from quantdl.market.storage.rescaling import find_rescalings


def history(n=500, seed=0, start=50.0):
    return start * np.exp(np.cumsum(0.01 * np.random.default_rng(seed).standard_normal(n)))


@pytest.mark.parametrize("decimals", [2, 3, 4, None])
@pytest.mark.parametrize("factor", [0.25, 1 / 7, 31 / 1000, 20.0, 0.985])
def test_one_factor_is_found_through_the_rounding(factor, decimals):
    exact = history()
    old, new = exact, np.where(np.arange(500) < 300, factor * exact, exact)
    if decimals is not None:
        old, new = old.round(decimals), new.round(decimals)
    (found,) = find_rescalings(old, new)
    assert found.cells[-1] == 299
    assert found.lowest <= factor <= found.highest
    assert found.factor == pytest.approx(factor, rel=2e-3)
    assert len(found.cells) == 300


def test_single_precision_is_seen_through():
    old = history()
    (found,) = find_rescalings(old.astype(np.float32).astype(float), (0.5 * old).astype(np.float32).astype(float))
    assert found.factor == pytest.approx(0.5, rel=1e-6)


def test_two_dividends_that_came_late_are_two_stretches():
    old = history()
    new = old * np.select([np.arange(500) < 200, np.arange(500) < 400], [0.97 * 0.99, 0.99], 1.0)
    first, second = find_rescalings(old, new)
    assert (first.cells[-1], second.cells[-1]) == (199, 399)
    assert (first.factor, second.factor) == (pytest.approx(0.97 * 0.99, rel=1e-5), pytest.approx(0.99, rel=1e-5))


@pytest.mark.parametrize("at", [0, 1, 120])
def test_a_value_that_does_not_fit_is_left_out(at):
    old = history()
    new = 0.5 * old
    new[at] *= 1.2
    (found,) = find_rescalings(old, new)
    assert at not in found.cells
    assert len(found.cells) == 499


def test_volume_scales_the_other_way_and_zeros_stay_zeros():
    old = np.random.default_rng(0).integers(0, 10, 200) * 1000.0
    (found,) = find_rescalings(old, 4 * old)
    assert found.lowest <= 4.0 <= found.highest


def test_values_that_changed_each_in_its_own_way_are_no_rescaling():
    old = history()
    new = old * (1 + 0.01 * np.random.default_rng(1).random(500))
    assert find_rescalings(old, new) == []


def test_rounding_to_fewer_decimals_is_no_rescaling():
    old = history()
    assert find_rescalings(old.round(3), old.round(2)) == []


def test_a_changed_middle_is_no_rescaled_history():
    old = history()
    new = old.copy()
    new[100:200] *= 0.5
    assert find_rescalings(old, new) == []


@given(some.integers(0, 10**6), some.floats(0.001, 1000).filter(lambda factor: abs(factor - 1) > 1e-3))
def test_any_factor_over_any_history_is_found_exactly(seed, factor):
    old = history(60, seed)
    (found,) = find_rescalings(old, factor * old)
    assert len(found.cells) == 60
    assert found.factor == pytest.approx(factor, rel=1e-6)


@pytest.mark.parametrize("n", [0, 1, 4])
def test_too_few_values_are_told_one_by_one(n):
    assert find_rescalings(np.ones(n), np.full(n, 2.0)) == []
