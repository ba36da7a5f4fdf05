"""Intraday bars drawn together by session, compared with pandas; every rule of the census runs on them."""

from datetime import date

import numpy as np
import pandas as pd
import pytest

from quantdl.calendars import trading_calendar
from quantdl.market.card import DataCard, Declaration, IntradayBars
from quantdl.market.inspection.census import take_census
from quantdl.market.inspection.scale_breaks import scan_scales, suspected_split
from quantdl.market.inspection.session_bars import session_bars, session_numbers
from quantdl.market.inspection.staleness import stale_years
from quantdl.market.panel import Panel

HOURS = 7


@pytest.fixture(scope="module")
def sessions():
    return trading_calendar("XNYS").sessions("2015-01-02", "2015-12-31")


def hourly(sessions, fields):
    """Seven bars a session that are known at full hours; a NaN close is no bar."""
    labels = np.repeat(sessions, HOURS)
    known = labels + pd.to_timedelta(np.tile(np.arange(15, 15 + HOURS), len(sessions)), unit="h")
    traded = np.isfinite(fields["close"])
    listed = np.logical_or.accumulate(traded, axis=0)
    card = DataCard(
        Declaration(
            source="simulated hours",
            timezone="America/New_York",
            frequency="60min",
            intraday=IntradayBars("end", "clock"),
            adjustment="raw",
            calendar="XNYS",
            as_of=date(2016, 1, 1),
            licence="none",
        ),
        fields=tuple(fields),
        fingerprint="sha256:none",
    )
    assets = tuple(f"A{column}" for column in range(traded.shape[1]))
    status = np.where(traded, 1, np.where(listed, 2, 0)).astype(np.int8)
    return Panel(pd.DatetimeIndex(labels), known.tz_localize("UTC"), assets, fields, status, {}, card)


def bars(sessions, n_assets=2, seed=0):
    generator = np.random.default_rng(seed)
    shape = HOURS * len(sessions), n_assets
    close = 50 * np.exp(np.cumsum(0.006 * generator.standard_normal(shape), axis=0))
    opening = np.vstack([close[:1], close[:-1]])
    reach = np.exp(0.003 * np.abs(generator.standard_normal((2, *shape))))
    return {
        "open": opening,
        "high": np.maximum(opening, close) * reach[0],
        "low": np.minimum(opening, close) / reach[1],
        "close": close,
        "volume": np.round(1e4 * np.exp(0.5 * generator.standard_normal(shape))),
    }


def without(fields, rows, column):
    """Take the bars of an asset out."""
    for values in fields.values():
        values[rows, column] = np.nan
    return fields


def test_a_session_is_its_first_open_extremes_last_close_and_all_volume(sessions):
    fields = without(bars(sessions), [0, 1, 13, 14, 15, 16, 17, 18, 19, 20], 0)
    panel = hourly(sessions, fields)
    drawn = session_bars(panel)
    rules = {"open": "first", "high": "max", "low": "min", "close": "last", "volume": "sum"}
    for name, rule in rules.items():
        expected = pd.DataFrame(fields[name]).groupby(session_numbers(panel)).agg(rule).to_numpy()
        np.testing.assert_array_equal(getattr(drawn, name), expected)
    assert drawn.first_row[0].tolist() == [2, 0]


def test_a_daily_panel_is_its_own_sessions(sp500):
    drawn = session_bars(sp500)
    np.testing.assert_array_equal(drawn.close, sp500.closes)
    assert drawn.open is drawn.high is drawn.volume is None


def test_an_unadjusted_split_is_found_at_the_first_bar_of_its_day(sessions):
    fields = bars(sessions)
    row = 120 * HOURS
    for name in ("open", "high", "low", "close"):
        fields[name][row:, 0] /= 4
    fields["open"][row, 0] = fields["close"][row, 0]
    fields["high"][row, 0] = max(fields["close"][row, 0], fields["open"][row, 0])
    fields["volume"][row:, 0] *= 4
    assert np.argwhere(suspected_split(scan_scales(hourly(sessions, fields)))).tolist() == [[row, 0]]


def test_hours_that_stand_still_do_not_make_a_year_stale(sessions):
    fields = {"close": np.repeat(bars(sessions)["close"][::HOURS], HOURS, axis=0)}  # moves once a session
    assert not stale_years(hourly(sessions, fields)).any()
    fields["close"][:, 1] = 7.0
    assert stale_years(hourly(sessions, fields)).all(axis=0).tolist() == [False, True]


def test_gaps_are_counted_in_sessions_and_missing_bars_one_by_one(sessions):
    fields = without(bars(sessions), range(10 * HOURS + 3, 15 * HOURS + 3), 0)  # four whole sessions between
    assert take_census(hourly(sessions, fields)).counts()["long_gap"] == 0
    fields = without(bars(sessions), range(10 * HOURS + 3, 16 * HOURS), 0)
    census = take_census(hourly(sessions, fields))
    assert census.counts()["long_gap"] == 1
    assert census.counts()["missing_session"] == 6 * HOURS - 3
    assert census.n_sessions == len(sessions)


def test_a_session_counts_as_missing_for_all_only_when_all_its_bars_are(sessions):
    fields = bars(sessions)
    without(fields, range(70, 77), 0)
    without(fields, range(70, 76), 1)
    assert take_census(hourly(sessions, fields)).counts()["session_missing_for_all"] == 0
    without(fields, [76], 1)
    census = take_census(hourly(sessions, fields))
    assert census.counts()["session_missing_for_all"] == 1
    assert census.summary.early_closes == 2  # 2015-11-27 and 2015-12-24
