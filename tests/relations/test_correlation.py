"""When correlations are estimated, and over which bars each pair is compared."""

import numpy as np
import pandas as pd
import pytest

from quantdl.relations.correlation import TrailingWindows, correlation_of_pairs
from tests.panels import heavy_tailed_returns


def test_a_window_ends_every_few_bars_and_holds_until_the_next():
    windows = TrailingWindows(n_bars=12, window_bars=4, refresh_bars=3, first_end=5)
    assert windows.ends.tolist() == [5, 8, 11]
    assert windows.in_force.tolist() == [0, 0, 0, 0, 0, 1, 1, 1, 2, 2, 2, 3]
    rows = [window[:, 0].tolist() for window in windows.of(np.arange(12.0)[:, None])]
    assert rows == [[2, 3, 4, 5], [5, 6, 7, 8], [8, 9, 10, 11]]


def test_no_window_ends_in_a_panel_that_is_too_short():
    windows = TrailingWindows(n_bars=5, window_bars=4, refresh_bars=3, first_end=5)
    assert windows.ends.size == 0 and windows.in_force.tolist() == [0] * 5
    assert list(windows.of(np.zeros((5, 1)))) == []


def test_a_window_never_begins_before_the_first_bar():
    (window,) = TrailingWindows(n_bars=3, window_bars=10, refresh_bars=3, first_end=2).of(np.arange(3.0)[:, None])
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
