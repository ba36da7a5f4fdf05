"""Which windows there are: each observed bar ends one, and no list of them is needed."""

import numpy as np
import pytest
import torch
from hypothesis import given, strategies as st

from quantdl.sequences import NEXT_SESSION, ObservedBars
from quantdl.sequences.window_index import buckets_of


def rows(counts):
    """Rows of assets with the given numbers of bars, which are numbered from 10 times the asset's number on."""
    bar = np.concatenate([10 * asset + np.arange(count) for asset, count in enumerate(counts)])
    nothing = torch.zeros(len(bar), 1)
    first = np.concatenate([[0], np.cumsum(counts)])
    names = tuple(map(str, range(len(counts))))
    windows, of_bar = (NEXT_SESSION,), nothing[:, 0]
    return ObservedBars(names, windows, first, nothing, torch.from_numpy(bar), of_bar, of_bar, nothing, nothing.bool())


def listed(buckets):
    """(asset, row, length) of every window in every bucket."""
    found = []
    for bucket in buckets:
        located = bucket.locate(np.arange(bucket.n_windows))
        found += [(bucket.width, *(int(value) for value in window)) for window in zip(*located, strict=True)]
    return found


counts = st.lists(st.integers(0, 80), min_size=1, max_size=12).filter(any)


@given(counts, st.integers(1, 40), st.integers(1, 40), st.none() | st.tuples(st.integers(0, 150), st.integers(0, 99)))
def test_every_bar_of_the_span_ends_one_window_of_the_right_length(counts, length, minimum_length, span):
    minimum_length = min(length, minimum_length)
    span = span if span is None else range(span[0], sum(span))
    bars = rows(counts)
    found = listed(buckets_of(bars, length, minimum_length, span))
    expected = []
    for asset, start in enumerate(bars.first[:-1]):
        for row in range(start, bars.first[asset + 1]):
            window = min(length, row - start + 1)
            if window >= minimum_length and (span is None or int(bars.bar[row]) in span):
                expected.append((asset, row, window))
    assert sorted(window[1:] for window in found) == expected


@given(counts, st.integers(1, 40))
def test_no_window_is_padded_to_more_than_twice_its_length_beyond_an_eighth(counts, length):
    for width, _, _, window in listed(buckets_of(rows(counts), length, 1, None)):
        assert window <= width <= max(length // 8, 2 * window + 1)
        assert (width == length) == (window == length)


@pytest.mark.parametrize("counts", [[1] * 500, [1] * 300 + [100_000], [0, 0, 7, 0], [100_000] + [1] * 300, [3]])
def test_windows_are_located_whatever_the_sizes_of_the_assets(counts):
    (bucket,) = buckets_of(rows(counts), 1, 1, None)
    asset, row, length = bucket.locate(np.arange(bucket.n_windows))
    np.testing.assert_array_equal(asset, np.repeat(np.arange(len(counts)), counts))
    np.testing.assert_array_equal(row, np.arange(sum(counts)))
    assert (length == 1).all()
