"""A keyed permutation: every number once, no order favoured, any piece on its own."""

import itertools
from collections import Counter

import numpy as np
import pytest
import scipy.stats
from hypothesis import given, strategies as st

from quantdl.sequences import KeyedPermutation

keys = st.tuples(st.integers(0, 2**63), st.integers(0, 10**6))


@given(st.integers(1, 3000), keys)
def test_every_number_stands_at_one_place(size, key):
    numbers = KeyedPermutation(size, key)(np.arange(size))
    assert numbers.dtype == np.int64
    np.testing.assert_array_equal(np.sort(numbers), np.arange(size))


@pytest.mark.parametrize("size", range(1, 130))
def test_every_small_size_is_permuted(size):
    for epoch in range(5):
        assert set(KeyedPermutation(size, (0, epoch))(np.arange(size)).tolist()) == set(range(size))


def test_five_million_numbers_stand_at_one_place_each():
    size, order = 5_000_011, KeyedPermutation(5_000_011, (3, 1))
    seen = np.zeros(size, dtype=bool)
    for start in range(0, size, 1 << 18):
        seen[order(np.arange(start, min(start + (1 << 18), size)))] = True
    assert seen.all()


@given(st.integers(1, 2**62), keys, st.lists(st.floats(0, 1, exclude_max=True), min_size=1, max_size=20))
def test_a_piece_of_the_largest_order_is_within_it_and_without_repeats(size, key, fractions):
    places = np.unique([min(int(fraction * size), size - 1) for fraction in fractions])
    numbers = KeyedPermutation(size, key)(places)
    assert ((numbers >= 0) & (numbers < size)).all()
    assert len(np.unique(numbers)) == len(places)


@given(st.integers(1, 2000), keys, st.integers(0, 1999), st.integers(1, 300))
def test_a_piece_is_the_same_alone_and_in_any_shape(size, key, start, length):
    places = np.arange(min(start, size - 1), min(start + length, size))
    order = KeyedPermutation(size, key)
    np.testing.assert_array_equal(order(places), order(np.arange(size))[places])
    np.testing.assert_array_equal(order(places[::-1, None]), order(places)[::-1, None])


def test_the_order_is_a_function_of_size_and_key():
    """The numbers are fixed: an order that a later version changed would not resume a pass."""
    assert KeyedPermutation(10, (1, 2))(np.arange(10)).tolist() == [0, 8, 9, 1, 2, 3, 6, 4, 5, 7]
    orders = {tuple(KeyedPermutation(50, (seed, epoch))(np.arange(50))) for seed in range(8) for epoch in range(8)}
    assert len(orders) == 64


def test_all_orders_of_four_are_equally_likely():
    counts = Counter(tuple(KeyedPermutation(4, (seed,))(np.arange(4)).tolist()) for seed in range(4800))
    found = [counts[order] for order in itertools.permutations(range(4))]
    assert scipy.stats.chisquare(found).pvalue > 1e-3


@pytest.fixture(scope="module")
def orders():
    return np.stack([KeyedPermutation(997, (5, epoch))(np.arange(997)) for epoch in range(1500)])


@pytest.mark.parametrize("place", [0, 1, 500, 996])
def test_any_number_is_equally_likely_at_any_place(orders, place):
    assert scipy.stats.kstest((orders[:, place] + 0.5) / 997, "uniform").pvalue > 1e-3


def test_neighbours_are_independent_of_each_other_and_of_their_place(orders):
    spread = 1.0 / np.sqrt(orders.size)
    scores = scipy.stats.zscore(orders, axis=None)
    assert abs((scores[:, 1:] * scores[:, :-1]).mean() + 1 / 996) < 4 * spread  # distinct numbers repel by 1 / (n - 1)
    assert abs((scores * scipy.stats.zscore(np.arange(997))).mean()) < 4 * spread
    steps = np.bincount((np.diff(orders, axis=1) % 997).ravel(), minlength=997)[1:]
    assert scipy.stats.chisquare(steps).pvalue > 1e-3


def test_no_random_state_is_used():
    before = np.random.get_state()[1].copy()
    KeyedPermutation(1000, (0,))(np.arange(1000))
    assert (np.random.get_state()[1] == before).all()
