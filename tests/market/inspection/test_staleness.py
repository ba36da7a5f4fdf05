"""The stale-year rule on markets whose truth is known: feeds that stand still, coarse ticks, and correct prices."""

from dataclasses import replace
from itertools import groupby

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, strategies as st
from hypothesis.extra.numpy import arrays

from quantdl.calendars import trading_calendar
from quantdl.market.inspection.staleness import long_runs, stale_runs, stale_years, unchanged_closes
from quantdl.market.sources.frames import panel_from_frame

YEARS = 2010, 2017


@pytest.fixture(scope="module")
def sessions():
    return trading_calendar("XNYS").sessions(f"{YEARS[0]}-01-01", f"{YEARS[1]}-12-31")


def years_found(declaration, sessions, closes):
    panel = panel_from_frame(pd.DataFrame({"A": closes}, index=sessions), declaration)
    stale = stale_years(panel)[:, 0]
    return sorted(set(panel.sessions.year[stale]))


def prices(sessions, seed, volatility=0.02, start=50.0):
    steps = np.random.default_rng(seed).standard_t(4, len(sessions)) / np.sqrt(2)
    return start * np.exp(volatility * np.cumsum(steps))


def asleep(closes, awake_share, rows, seed=0):
    """Closes of a feed that refreshes on a random share of the sessions in ``rows`` and repeats itself otherwise."""
    fresh = np.ones(len(closes), dtype=bool)
    fresh[rows] = np.random.default_rng(seed).random(rows.sum()) < awake_share
    return pd.Series(np.where(fresh, closes, np.nan)).ffill().to_numpy()


@pytest.mark.parametrize("seed", range(3))
def test_correct_prices_have_no_stale_year(declaration, sessions, seed):
    assert years_found(declaration, sessions, prices(sessions, seed)) == []


@pytest.mark.parametrize("seed", range(3))
def test_the_years_in_which_a_feed_sleeps_are_found_and_no_others(declaration, sessions, seed):
    closes = asleep(prices(sessions, seed), 0.2, np.asarray(sessions.year.isin([2012, 2013])), seed)
    assert years_found(declaration, sessions, closes) == [2012, 2013]


@pytest.mark.parametrize("seed", range(3))
def test_a_feed_that_wakes_slowly_is_trusted_when_it_is_awake(declaration, sessions, seed):
    closes = asleep(prices(sessions, seed), 0.1, np.asarray(sessions.year == 2012), seed)
    closes = asleep(closes, 0.65, np.asarray(sessions.year == 2013), seed)  # 35 % unchanged: still suspect
    closes = asleep(closes, 0.85, np.asarray(sessions.year == 2014), seed)  # 15 %: awake
    assert years_found(declaration, sessions, closes) == [2012, 2013]


@pytest.mark.parametrize("seed", range(5))
def test_a_coarse_tick_is_not_a_stale_feed(declaration, sessions, seed):
    """A four-dollar stock in eighths with 3.5 % daily volatility, kept near four dollars, stands still by rounding."""
    steps = np.random.default_rng(seed).standard_normal(len(sessions))
    log_price = np.zeros(len(sessions))
    for row in range(1, len(sessions)):
        log_price[row] = 0.98 * log_price[row - 1] + 0.035 * steps[row]
    closes = np.maximum(np.round(4 * np.exp(log_price) * 8), 1) / 8
    unchanged = (np.diff(closes) == 0).mean()
    assert 0.2 < unchanged < 0.4  # what makes a bare threshold on the share fail
    assert years_found(declaration, sessions, closes) == []


def test_a_price_that_cannot_move_for_its_tick_carries_no_returns_either(declaration, sessions):
    closes = np.maximum(np.round(prices(sessions, 1, volatility=0.001, start=1.0) * 8), 1) / 8
    assert years_found(declaration, sessions, closes) == list(range(YEARS[0], YEARS[1] + 1))


def test_a_year_with_few_returns_is_not_judged(declaration, sessions):
    closes = prices(sessions, 2)
    closes[sessions.year == 2010] = np.nan
    closes[np.flatnonzero(sessions.year == 2010)[-40:]] = 7.0  # listed in November, quiet since
    assert years_found(declaration, sessions, closes) == []


def test_an_unlisted_asset_is_not_stale(declaration, sessions):
    closes = prices(sessions, 3)
    closes[sessions.year <= 2013] = np.nan
    frame = pd.DataFrame({"A": closes, "B": prices(sessions, 4)}, index=sessions)
    assert not stale_years(panel_from_frame(frame, declaration)).any()


def small(declaration, closes):
    days = trading_calendar("XNYS").sessions("2024-01-02", "2024-03-01")[: len(closes)]
    frame = pd.DataFrame({"A": closes, "Z": np.arange(1.0, len(closes) + 1)}, index=days)
    return panel_from_frame(frame, replace(declaration, adjustment="raw"))


def test_a_run_is_the_cells_that_repeat(declaration):
    runs = stale_runs(small(declaration, [1, 2, 2, 2, 2, 2, 2, 3, 3, 3]))[:, 0]
    assert runs.tolist() == [False, False, True, True, True, True, True, False, False, False]


def test_four_repeats_are_no_run(declaration):
    assert not stale_runs(small(declaration, [1, 2, 2, 2, 2, 2, 3])).any()


def test_a_missing_session_ends_a_run(declaration):
    panel = small(declaration, [2, 2, 2, 2, np.nan, 2, 2, 2, 2])
    assert not stale_runs(panel).any()
    assert not unchanged_closes(panel)[5, 0]


@given(arrays(np.bool_, st.tuples(st.integers(0, 30), st.integers(1, 3))), st.integers(1, 8))
def test_a_cell_is_kept_when_its_run_is_long_enough(cells, fewest):
    found = long_runs(cells, fewest)
    for column in range(cells.shape[1]):
        text = "".join("x" if cell else " " for cell in cells[:, column])
        expected = "".join(run if len(run) >= fewest else " " * len(run) for run in _pieces(text))
        assert "".join("x" if cell else " " for cell in found[:, column]) == expected


def _pieces(text):
    """Split a text into runs of the same letter."""
    return ["".join(run) for _, run in groupby(text)]
