"""Bars within sessions: where they begin and end, whatever the clocks do, and when each one is known."""

from dataclasses import replace
from datetime import date

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings, strategies as st

from quantdl.calendars import trading_calendar
from quantdl.errors import DataError
from quantdl.market.card import Declaration, IntradayBars, SilenceRule
from quantdl.market.reading.intraday import bar_grid
from quantdl.market.sources.csv_folder import load_csv_folder
from quantdl.market.sources.frames import panel_from_frame
from quantdl.market.status import CellStatus

NEW_YORK, TOKYO, CHICAGO = "America/New_York", "Asia/Tokyo", "America/Chicago"


@pytest.fixture(scope="module")
def exchange():
    """Calendars that remember what they have read."""
    held = {}

    def named(name):
        return held.setdefault(name, trading_calendar(name))

    return named


def grid_of(calendar, first, last, seconds, anchored="open"):
    return bar_grid(calendar, pd.Timestamp(first), pd.Timestamp(last), seconds, anchored)


def local(instants, timezone):
    stamps = pd.DatetimeIndex(instants).tz_localize("UTC").tz_convert(timezone)
    return stamps.strftime("%H:%M").tolist()


@pytest.fixture
def hourly(declaration):
    cut = IntradayBars(labelled="start", anchored="clock", times_in=NEW_YORK)
    return replace(declaration, frequency="60min", intraday=cut)


def bars_at(times, closes=None, symbol="A"):
    return pd.DataFrame({"symbol": symbol, "time": times, "close": closes or np.arange(1.0, len(times) + 1)})


@pytest.mark.parametrize(
    ("anchored", "begins", "opened"),
    [
        ("open", ["09:30", "10:30", "11:30", "12:30", "13:30", "14:30", "15:30"], "09:30"),
        ("clock", ["09:00", "10:00", "11:00", "12:00", "13:00", "14:00", "15:00"], "09:30"),
    ],
)
def test_bars_begin_at_the_open_or_on_the_clock(exchange, anchored, begins, opened):
    grid = grid_of(exchange("XNYS"), "2024-07-02", "2024-07-02", 3600, anchored)
    assert local(grid.begin, NEW_YORK) == begins
    assert local(grid.opened, NEW_YORK)[0] == opened
    assert local(grid.complete, NEW_YORK)[-1] == "16:00"


def test_an_early_close_has_fewer_bars_and_the_last_one_is_known_at_it(exchange):
    grid = grid_of(exchange("XNYS"), "2024-07-03", "2024-07-03", 3600)
    assert local(grid.complete, NEW_YORK) == ["10:30", "11:30", "12:30", "13:00"]
    assert local(grid.end, NEW_YORK)[-1] == "13:30"


@pytest.mark.parametrize(("seconds", "bars"), [(60, 390), (900, 26), (3600, 7), (14400, 2)])
def test_a_session_has_the_same_bars_before_and_after_the_clocks_change(exchange, seconds, bars):
    grid = grid_of(exchange("XNYS"), "2019-01-01", "2021-12-31", seconds)
    regular = ~np.isin(
        grid.session, exchange("XNYS").early_closes("2019-01-01", "2021-12-31").to_numpy("datetime64[D]")
    )
    counts = np.unique(np.unique(grid.session[regular], return_counts=True)[1])
    assert counts.tolist() == [bars]
    assert set(local(grid.opened[np.r_[True, np.diff(grid.session).astype(int) > 0]], NEW_YORK)) == {"09:30"}
    assert (np.diff(grid.complete).astype(int) > 0).all()


def test_a_lunch_break_is_no_bar_and_ends_one(exchange):
    grid = grid_of(exchange("XTKS"), "2024-11-01", "2024-11-05", 3600)
    first, second = (grid.session == np.datetime64(day) for day in ("2024-11-01", "2024-11-05"))
    assert local(grid.opened[first], TOKYO) == ["09:00", "10:00", "11:00", "12:30", "13:30", "14:30"]
    assert local(grid.complete[first], TOKYO) == ["10:00", "11:00", "11:30", "13:30", "14:30", "15:00"]
    assert local(grid.complete[second], TOKYO)[-1] == "15:30"  # the longer day begins on 2024-11-05


def test_a_clock_bar_around_a_lunch_break_is_one_bar(exchange):
    grid = grid_of(exchange("XTKS"), "2024-11-01", "2024-11-01", 4 * 3600, "clock")
    assert local(grid.begin, TOKYO) == ["08:00", "12:00"]
    grid = grid_of(exchange("XTKS"), "2024-11-01", "2024-11-01", 8 * 3600, "clock")
    assert local(grid.begin, TOKYO) == ["08:00"]
    assert local(grid.opened, TOKYO) == ["09:00"]
    assert local(grid.complete, TOKYO) == ["15:00"]


def test_a_clock_bar_never_holds_two_sessions(exchange):
    with pytest.raises(
        DataError, match="would hold the end of one session and the beginning of .* Fix: anchor bars to"
    ):
        grid_of(exchange("CMEGlobex_FX"), "2024-03-04", "2024-03-08", 6 * 3600, "clock")


def test_a_session_around_the_clock_is_a_day_of_utc(exchange):
    grid = grid_of(exchange("24/7"), "2024-03-09", "2024-03-11", 3600)
    assert np.unique(grid.session, return_counts=True)[1].tolist() == [24, 24, 24]
    assert str(grid.complete[23]) == "2024-03-10T00:00:00.000000"


def test_an_evening_belongs_to_the_session_of_the_next_day(exchange):
    grid = grid_of(exchange("CMEGlobex_FX"), "2024-03-04", "2024-03-05", 3600)
    assert local(grid.begin[:1], CHICAGO) == ["17:00"]
    assert str(grid.begin[0])[:10] == "2024-03-03"
    assert str(grid.session[0]) == "2024-03-04"


@settings(max_examples=30)
@given(
    seconds=st.sampled_from([60, 300, 420, 900, 1800, 3600, 5400, 7200]),
    name=st.sampled_from(["XNYS", "XTKS", "XHKG", "24/7"]),
)
def test_bars_tile_the_trading_hours_without_overlap(seconds, name):
    calendar = trading_calendar(name)
    schedule = calendar.schedule("2024-10-28", "2024-11-08")
    grid = grid_of(calendar, "2024-10-28", "2024-11-08", seconds)
    trading = (schedule["close"] - schedule["open"]).sum() - (schedule["break_end"] - schedule["break_start"]).sum()
    assert (grid.complete - grid.opened).sum() == trading.to_timedelta64()
    assert (grid.opened[1:] >= grid.complete[:-1]).all()
    assert ((grid.complete - grid.opened) <= np.timedelta64(seconds, "s")).all()


def test_the_grid_has_as_many_bars_as_the_calendar_counts(exchange):
    for name in ("XNYS", "XTKS", "24/7"):
        grid = grid_of(exchange(name), "2023-01-01", "2023-12-31", 3600)
        assert len(grid.session) == exchange(name).bars_per_year("2023-01-01", "2023-12-31", "60min")


def test_a_bar_is_known_when_it_is_complete_not_when_it_began(hourly):
    panel = panel_from_frame(bars_at(["2024-07-02 09:00", "2024-07-02 10:00", "2024-07-02 15:00"]), hourly)
    assert panel.known_at.tz_convert(NEW_YORK).strftime("%H:%M").tolist()[:2] == ["10:00", "11:00"]
    ten = pd.Timestamp("2024-07-02 10:30", tz=NEW_YORK)
    assert panel.until(ten).closes[:, 0].tolist() == [1.0]
    ends = replace(hourly, intraday=IntradayBars("end", "clock", NEW_YORK))
    later = panel_from_frame(bars_at(["2024-07-02 10:00", "2024-07-02 11:00", "2024-07-02 16:00"]), ends)
    np.testing.assert_array_equal(later.closes, panel.closes)
    pd.testing.assert_index_equal(later.known_at, panel.known_at)


@settings(max_examples=15)
@given(
    closes=st.lists(st.sampled_from([np.nan, 1.0, 2.0]), min_size=18, max_size=18),
    cut=st.integers(1, 18),
    patience=st.integers(0, 2),
)
def test_a_view_is_the_panel_that_was_loaded_at_that_instant(closes, cut, patience):
    days = [("2024-07-02", 7), ("2024-07-03", 4), ("2024-07-05", 7)]
    times = [f"{day} {9 + number:02d}:00" for day, bars in days for number in range(bars)]
    frame = pd.concat([bars_at(times, closes), bars_at(times, symbol="Z")])
    clock = IntradayBars("start", "clock", NEW_YORK)

    def loaded(bars, day):
        about = Declaration("test", NEW_YORK, "60min", "raw", "XNYS", day, "none", intraday=clock)
        return panel_from_frame(bars, replace(about, silence=SilenceRule(patience)))

    later = loaded(frame, date(2024, 12, 31))
    then = loaded(frame[frame["time"].isin(times[:cut])], date.fromisoformat(times[cut - 1][:10]))
    view = later.until(later.known_at[cut - 1]).select(then.assets)
    np.testing.assert_array_equal(view.status, then.status)
    np.testing.assert_array_equal(view.closes, then.closes)
    pd.testing.assert_index_equal(view.sessions, then.sessions)
    pd.testing.assert_index_equal(view.known_at, then.known_at)


def test_the_axis_holds_every_bar_of_every_session(hourly):
    panel = panel_from_frame(bars_at(["2024-07-02 11:00", "2024-07-05 11:00"]), hourly)
    assert panel.sessions.strftime("%d").tolist() == ["02"] * 7 + ["03"] * 4 + ["05"] * 7
    assert panel.status[:, 0].tolist().count(CellStatus.TRADED) == 2
    assert panel.status[:2, 0].tolist() == [CellStatus.UNLISTED] * 2
    assert set(panel.status[3:, 0]) == {CellStatus.MISSING, CellStatus.TRADED}
    assert (
        "Bars of 60min, anchored to the clock; the source dates them by their start" in panel.card.declaration.notes[-1]
    )


def test_the_session_of_the_day_of_reading_ends_at_its_last_bar(hourly):
    times = ["2024-07-01 09:00", "2024-07-02 10:00"]
    assert len(panel_from_frame(bars_at(times), replace(hourly, as_of=date(2024, 7, 2))).sessions) == 7 + 2
    assert len(panel_from_frame(bars_at(times), hourly).sessions) == 14


@pytest.mark.parametrize("time", ["2024-07-02 10:30", "2024-07-02 08:00", "2024-07-02 16:00", "2024-07-04 10:00"])
def test_a_bar_off_the_grid_or_out_of_hours_is_a_fault(hourly, time):
    frame = bars_at(["2024-07-01 09:00", time])
    with pytest.raises(
        DataError, match=r"row 1: bar of A on 2024-07-0.: got 2024-07-.*\+00:00; expected the start of a"
    ):
        panel_from_frame(frame, hourly)
    panel = panel_from_frame(frame, replace(hourly, on_fault="record"))
    assert [(fault.kind, fault.symbol, fault.count) for fault in panel.faults] == [("outside_session", "A", 1)]
    assert np.nansum(panel.closes) == 1.0


def test_a_label_may_name_the_first_instant_of_trading(hourly):
    nominal = panel_from_frame(bars_at(["2024-07-02 09:00", "2024-07-02 10:00"]), hourly)
    actual = panel_from_frame(bars_at(["2024-07-02 09:30", "2024-07-02 10:00"]), hourly)
    assert actual.card.fingerprint == nominal.card.fingerprint
    with pytest.raises(DataError, match="expected one bar for a time"):
        panel_from_frame(bars_at(["2024-07-02 09:00", "2024-07-02 09:30"]), hourly)


def test_a_time_without_offset_needs_the_zone_that_is_meant(hourly):
    frame = bars_at(["2024-07-02 09:00"])
    with pytest.raises(DataError, match="an instant with its offset from UTC. Fix: add the offset, or state the zone"):
        panel_from_frame(frame, replace(hourly, intraday=IntradayBars("start", "clock")))
    aware = bars_at(["2024-07-02 09:00:00-04:00"])
    panel = panel_from_frame(aware, replace(hourly, intraday=IntradayBars("start", "clock")))
    assert panel.card.fingerprint == panel_from_frame(frame, hourly).card.fingerprint
    universal = replace(hourly, intraday=IntradayBars("start", "clock", "UTC"))
    assert panel_from_frame(bars_at(["2024-07-02 13:00"]), universal).card.fingerprint == panel.card.fingerprint


@pytest.mark.parametrize(
    ("time", "words"),
    [("2024-03-10 02:00", "the clocks skip this hour"), ("2024-11-03 01:00", "the clocks repeat this hour")],
)
def test_an_hour_that_the_clocks_skip_or_repeat_is_named_with_its_row(declaration, time, words):
    cut = IntradayBars("start", "open", NEW_YORK)
    crypto = replace(declaration, frequency="1h", calendar="24/7", timezone="UTC", intraday=cut, on_fault="record")
    frame = bars_at(["2024-03-09 09:00", time, "2024-11-03 09:00"])
    with pytest.raises(DataError, match=f"row 1: column 'time' of A: got '{time}'; expected a time .*{words}"):
        panel_from_frame(frame, replace(crypto, on_fault="refuse"))
    panel = panel_from_frame(frame, crypto)
    assert [fault.kind for fault in panel.faults] == ["unreadable_row"]
    assert np.nansum(panel.closes) == 1.0 + 3.0


def test_silence_is_counted_in_sessions_not_in_bars(hourly):
    sessions = pd.bdate_range("2024-07-08", periods=6)
    times = [day + pd.Timedelta(hours=hour) for day in sessions for hour in range(9, 16)]
    frame = pd.concat([bars_at(times), bars_at(times[:8], symbol="B")])
    for patience, status in ((4, CellStatus.MISSING), (3, CellStatus.DELISTED)):
        panel = panel_from_frame(frame, replace(hourly, silence=SilenceRule(patience)))
        assert set(panel.status[8:, 1]) == {status}


def test_bars_of_another_hour_have_another_fingerprint(hourly):
    clock = replace(hourly, as_of=date(2024, 7, 2))
    half_past = replace(clock, intraday=IntradayBars("start", "open", NEW_YORK))
    one = panel_from_frame(bars_at(["2024-07-02 09:00"]), clock)
    other = panel_from_frame(bars_at(["2024-07-02 09:30"]), half_past)
    assert one.closes.tolist() == other.closes.tolist()
    assert one.card.fingerprint != other.card.fingerprint


def test_a_wide_frame_of_bars_is_read_like_a_long_one(hourly):
    index = pd.DatetimeIndex(["2024-07-02 09:00", "2024-07-02 10:00"], tz=NEW_YORK)
    wide = panel_from_frame(pd.DataFrame({"A": [1.0, 2.0]}, index=index), hourly)
    assert wide.card.fingerprint == panel_from_frame(bars_at(index), hourly).card.fingerprint


@pytest.fixture
def recorded(hourly):
    return replace(hourly, adjustment="raw", on_fault="record")


def extra(databank, name, **columns):
    return pd.read_parquet(databank / "extra" / name).rename(columns={"ts": "time"} | columns)


def test_hours_of_new_york_stocks_load(databank, recorded):
    rows = extra(databank, "lean_equity_hour.parquet")
    panel = panel_from_frame(rows, recorded)
    assert len(panel.assets) == 10
    without_trade = int((rows["volume"] == 0).sum())  # three
    assert panel.traded.sum() + without_trade + sum(fault.count for fault in panel.faults) == len(rows) == 228_527
    assert {fault.kind for fault in panel.faults} == {"outside_session"}
    counts = pd.Series(panel.sessions).value_counts()
    assert set(counts) == {7, 4}
    early = trading_calendar("XNYS").early_closes(panel.sessions[0], panel.sessions[-1])
    assert set(counts.index[counts == 4]) == set(early)


def test_minutes_of_new_york_stocks_load_without_those_out_of_hours(databank, recorded):
    frame = extra(databank, "lean_equity_minute_trade.parquet")
    frame = frame[frame["time"].dt.year == 2013].reset_index(drop=True)
    panel = panel_from_frame(frame, replace(recorded, frequency="1min"))
    minute = frame["time"].dt.hour * 60 + frame["time"].dt.minute
    assert panel.traded.sum() == ((minute >= 570) & (minute < 960)).sum()
    spy = frame[(frame["symbol" if "symbol" in frame else "ticker"] == "spy") & (minute == 959)].iloc[-1]
    assert panel.closes[-1, panel.assets.index("spy")] == spy["close"]


def test_crypto_loads_by_the_hour_and_by_the_day(databank, recorded):
    bars = extra(databank, "lean_crypto_bars.parquet", pair="symbol")
    around = replace(recorded, calendar="24/7", timezone="UTC", intraday=IntradayBars("start", "open", "UTC"))
    hours = bars[(bars["res"] == "hour") & (bars["venue"] == "binance")].drop(columns=["venue", "res"])
    panel = panel_from_frame(hours, around)
    assert panel.traded.all()
    assert panel.closes.shape == (120, 1)
    days = bars[bars["res"] == "daily"].drop(columns=["venue", "res"])
    panel = panel_from_frame(days, replace(around, frequency="1D", intraday=None))
    assert panel.traded.sum() == 1318
    assert (panel.known_at - panel.sessions.tz_localize("UTC") == pd.Timedelta(days=1)).all()


@pytest.mark.parametrize(("calendar", "timezone", "outside"), [("FX", NEW_YORK, 2), ("24/5", "UTC", 108)])
def test_hours_of_a_currency_load(databank, recorded, calendar, timezone, outside):
    cut = IntradayBars("start", "open", "UTC")
    about = replace(recorded, calendar=calendar, timezone=timezone, intraday=cut)
    pattern = "pypi_backtesting_(.+)_hourly"
    panel = load_csv_folder(databank / "extra" / "pypi_backtesting_EURUSD_hourly.csv", about, pattern)
    assert panel.assets == ("EURUSD",)
    assert panel.traded.sum() == 5000 - outside
    assert [(fault.kind, fault.count) for fault in panel.faults] == [("outside_session", outside)]


def test_hours_that_are_declared_as_half_hours_are_refused(declaration):
    days = pd.bdate_range("2024-03-04", periods=5)
    times = [day + pd.Timedelta(hours=hour, minutes=30) for day in days for hour in range(9, 16)]
    starts = pd.DatetimeIndex(times).tz_localize(NEW_YORK)
    hours = pd.DataFrame({"time": starts, "symbol": "A", "close": np.arange(len(starts)) + 100.0})
    cut = IntradayBars(labelled="start", anchored="open")
    right = replace(declaration, frequency="60min", intraday=cut)
    assert panel_from_frame(hours, right).traded.all()
    for on_fault in ("refuse", "record"):
        with pytest.raises(DataError, match="'30min', but only one bar in 2 .* declare frequency '60min'"):
            panel_from_frame(hours, replace(right, frequency="30min", on_fault=on_fault))
    gappy = hours.drop(index=[3, 10, 17, 24])
    assert (~panel_from_frame(gappy, right).traded).sum() == 4


@pytest.mark.parametrize(
    ("labelled", "anchored", "words"),
    [("left", "open", "labelled: given 'left'"), ("start", "midnight", "anchored: given 'midnight'")],
)
def test_a_word_that_means_no_way_of_cutting_bars_is_refused(labelled, anchored, words):
    with pytest.raises(DataError, match=words):
        IntradayBars(labelled=labelled, anchored=anchored)
