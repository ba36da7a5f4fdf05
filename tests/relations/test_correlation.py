"""When correlations are estimated, and over which bars each pair is compared."""

import numpy as np
import pandas as pd
import pytest

from quantdl.relations.correlation import TrailingWindows, correlation_of_pairs
from tests.panels import heavy_tailed_returns


def test_a_window_ends_every_few_bars_and_holds_until_the_next():
    windows = TrailingWindows(np.arange(12.0)[:, None], window_bars=4, refresh_bars=3, first_end=5)
    assert windows.ends.tolist() == [5, 8, 11]
    assert windows.in_force.tolist() == [0, 0, 0, 0, 0, 1, 1, 1, 2, 2, 2, 3]
    rows = [window[:, 0].tolist() for window in windows]
    assert rows == [[2, 3, 4, 5], [5, 6, 7, 8], [8, 9, 10, 11]]


def test_a_session_without_any_return_takes_no_place_in_a_window_and_brings_no_refresh_nearer():
    """The first bar of a panel has no return and counts; after it, only sessions on which something returned."""
    returns = np.array([np.nan, 1.0, np.nan, 3.0, np.nan, 5.0, 6.0, np.nan, 8.0])
    windows = TrailingWindows(np.stack([returns, np.full(9, np.nan)], axis=1), 3, refresh_bars=2, first_end=2)
    assert windows.ends.tolist() == [3, 6]  # the third bar that counts, and the fifth
    assert windows.in_force.tolist() == [0, 0, 0, 1, 1, 1, 2, 2, 2]
    np.testing.assert_array_equal([window[:, 0] for window in windows], [[np.nan, 1.0, 3.0], [3.0, 5.0, 6.0]])


def test_a_session_on_which_one_asset_returned_counts_for_all():
    returns = np.array([[np.nan, np.nan], [1.0, 2.0], [np.nan, 3.0], [4.0, np.nan], [5.0, 6.0]])
    (window,) = TrailingWindows(returns, window_bars=3, refresh_bars=9, first_end=4)
    np.testing.assert_array_equal(window, returns[2:])


def test_no_window_ends_in_a_panel_that_is_too_short():
    windows = TrailingWindows(np.zeros((5, 1)), window_bars=4, refresh_bars=3, first_end=5)
    assert windows.ends.size == 0 and windows.in_force.tolist() == [0] * 5
    assert list(windows) == []


def test_a_window_never_begins_before_the_first_bar():
    (window,) = TrailingWindows(np.arange(3.0)[:, None], window_bars=10, refresh_bars=3, first_end=2)
    assert window[:, 0].tolist() == [0, 1, 2]


def test_without_gaps_it_is_the_correlation_of_pandas_once_the_mean_is_taken_off():
    scores = heavy_tailed_returns(200, 5, seed=1)
    found = correlation_of_pairs(scores - scores.mean(axis=0), minimum_shared=2)
    np.testing.assert_allclose(found, pd.DataFrame(scores).corr().to_numpy(), atol=1e-12)


def test_each_pair_is_compared_over_the_bars_it_shares():
    scores = heavy_tailed_returns(200, 3, seed=2)
    scores[:80, 0], scores[150:, 1], scores[::7, 2] = np.nan, np.nan, np.nan
    found = correlation_of_pairs(scores, minimum_shared=10)
    for first, second in ((0, 1), (1, 2), (2, 0)):
        both = np.isfinite(scores[:, first]) & np.isfinite(scores[:, second])
        a, b = scores[both, first], scores[both, second]
        assert found[first, second] == pytest.approx(np.dot(a, b) / (np.linalg.norm(a) * np.linalg.norm(b)))


@pytest.mark.parametrize(("minimum", "known"), [(70, True), (70.5, False), (71, False)])
def test_a_pair_needs_its_minimum_of_shared_bars(minimum, known):
    scores = heavy_tailed_returns(100, 2, seed=3)
    scores[:30, 0] = np.nan
    assert np.isfinite(correlation_of_pairs(scores, minimum)[0, 1]) == known


def test_an_asset_that_never_moved_is_correlated_with_none():
    scores = heavy_tailed_returns(100, 3, seed=4)
    scores[:, 1] = 0.0
    assert np.isnan(correlation_of_pairs(scores, 10)[1]).all()
