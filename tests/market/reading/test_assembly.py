"""The rules that a row must obey, whatever file it came from: each message says where, what, expected, and the fix."""

import os
import time
from dataclasses import replace
from datetime import date

import numpy as np
import pandas as pd
import pytest

from quantdl.calendars import CalendarCorrection
from quantdl.errors import CalendarError, DataError, DataSettingsError
from quantdl.market.card import IntradayBars
from quantdl.market.inspection.census import take_census
from quantdl.market.reading.assembly import assemble
from quantdl.market.reading.bars import read_bars
from quantdl.market.reading.row_faults import FaultyDataError, Place
from quantdl.market.sources.frames import panel_from_frame
from quantdl.market.status import CellStatus

DAYS = ["2024-01-02", "2024-01-03", "2024-01-04"]


def load(declaration, symbol="A", **columns):
    frame = pd.DataFrame({"date": DAYS, "close": ["1", "2", "3"]} | columns)
    return assemble([read_bars(frame, Place("A.csv", "line", 2), declaration, symbol)], declaration)


FAULTS = {
    "zero_close": dict(close=["1", "0", "3"]),
    "negative_close": dict(close=["1", "-2", "3"]),
    "non_finite_close": dict(close=["1", "NaN", "3"]),
    "zero_open": dict(open=["1", "0", "3"]),
    "negative_high": dict(high=["1", "-1", "3"]),
    "non_finite_low": dict(low=["1", "inf", "3"]),
    "negative_volume": dict(volume=["1", "-1", "3"]),
    "missing_close": dict(close=["1", "", "3"], open=["1", "2", "3"]),
    "non_session": dict(date=[DAYS[0], "2024-01-06", "2024-01-08"]),
    "duplicate": dict(date=[DAYS[0], DAYS[0], DAYS[1]]),
    "unsorted": dict(date=[DAYS[1], DAYS[0], DAYS[2]]),
    "after_as_of": dict(date=[DAYS[0], "2025-01-02", "2025-01-03"]),
    "unreadable_row": dict(date=[DAYS[0], "2024-02-30", DAYS[2]]),
}


@pytest.mark.parametrize("kind", FAULTS)
def test_an_impossible_row_is_refused_with_its_place(declaration, kind):
    with pytest.raises(FaultyDataError, match=r"A\.csv: lines? 3.* of A.*: got .*; expected .*\. Fix: ") as caught:
        load(declaration, **FAULTS[kind])
    assert [row_fault.kind for row_fault in caught.value.row_faults] == [kind]
    assert caught.value.exit_code == 3


@pytest.mark.parametrize("kind", FAULTS)
def test_an_impossible_row_can_be_recorded_instead(declaration, kind):
    panel = load(replace(declaration, on_fault="record"), **FAULTS[kind])
    kept = kind.startswith(("zero_", "negative_"))
    assert [fault.kind for fault in panel.faults] == ([] if kept else [kind])
    assert all(fault.symbol == "A" and fault.count >= 1 for fault in panel.faults)


def test_a_recorded_price_stands_as_it_was_given(declaration):
    recording = replace(declaration, on_fault="record")
    assert load(recording, **FAULTS["zero_close"]).closes[:, 0].tolist() == [1, 0, 3]
    assert load(recording, **FAULTS["negative_close"]).closes[:, 0].tolist() == [1, -2, 3]
    np.testing.assert_array_equal(load(recording, **FAULTS["non_finite_close"]).closes[:, 0], [1, np.nan, 3])
    np.testing.assert_array_equal(load(recording, **FAULTS["missing_close"]).fields["open"][:, 0], [1, np.nan, 3])


def test_a_recorded_price_of_zero_takes_part_in_no_return(declaration):
    returns = load(replace(declaration, on_fault="record"), **FAULTS["zero_close"]).log_returns()
    np.testing.assert_allclose(returns[:, 0], [np.nan, np.nan, np.log(3)])


def test_the_first_of_two_bars_for_a_session_counts(declaration):
    panel = load(replace(declaration, on_fault="record"), **FAULTS["duplicate"])
    assert panel.closes[:, 0].tolist() == [1, 3]


def test_unsorted_rows_are_put_in_order_once_recorded(declaration):
    panel = load(replace(declaration, on_fault="record"), **FAULTS["unsorted"])
    assert panel.closes[:, 0].tolist() == [2, 1, 3]


def test_all_faults_are_named_at_once(declaration):
    with pytest.raises(DataError) as caught:
        load(
            declaration,
            date=["2024-01-02", "2024-01-02", "2024-01-07"],
            open=["x", "1", "1"],
            close=["0", "-1", "1e400"],
        )
    message = str(caught.value)
    assert message.startswith("6 faults in 1 file, nothing was loaded:")
    for words in ("got 'x'", "got 0.0", "got -1.0", "got '1e400'", "one bar for a session", "2024-01-07 (Sunday)"):
        assert words in message


def test_many_rows_of_one_kind_are_one_line(declaration):
    with pytest.raises(FaultyDataError, match=r"lines 2-4: column 'close' of A from 2024-01-02 to 2024-01-04"):
        load(declaration, close=["0", "0", "0"])


@pytest.mark.parametrize("on_fault", ["refuse", "record"])
@pytest.mark.parametrize(
    ("columns", "words"),
    [
        (dict(date=["2024-01-02 16:00:00"] * 3), "expected an instant with its offset from UTC. Fix: add the offset"),
        (dict(close=[True, False, True]), "numbers, not true or false"),
    ],
)
def test_what_means_nothing_as_a_whole_is_refused_in_any_case(declaration, on_fault, columns, words):
    with pytest.raises(DataError, match=words):
        load(replace(declaration, on_fault=on_fault), **columns)


@pytest.mark.parametrize(("close", "words"), [(["0x", "", ""], "got '0x'"), (["", "", ""], "no closing price")])
def test_recording_cannot_save_a_source_without_a_price(declaration, close, words):
    with pytest.raises(DataError, match=words):
        load(replace(declaration, on_fault="record"), close=close)


def test_the_axis_holds_every_session_of_the_calendar(declaration):
    panel = load(declaration, date=["2024-01-02", "2024-01-05", "2024-01-16"])
    assert len(panel.sessions) == 10  # ten sessions: the weekend of the 6th, the weekend of the 13th and a holiday
    assert panel.status[:, 0].tolist().count(CellStatus.MISSING) == 7


def test_a_row_is_known_at_the_close_of_its_session(declaration):
    panel = load(declaration, date=["2024-07-02", "2024-07-03", "2024-07-05"])
    assert panel.known_at.strftime("%H:%M").tolist() == ["20:00", "17:00", "20:00"]
    assert str(panel.known_at.tz) == "UTC"


def test_the_declared_zone_is_the_calendars(declaration):
    with pytest.raises(DataError, match="declared timezone 'UTC', but XNYS is an exchange in America/New_York. Fix"):
        load(replace(declaration, timezone="UTC"))


def test_an_unknown_calendar_is_named(declaration):
    with pytest.raises(DataSettingsError, match="calendar: Unknown calendar 'XNYZ'. Did you mean .*'XNYS'"):
        load(replace(declaration, calendar="XNYZ"))


def test_a_day_that_the_calendar_does_not_know_is_a_fault_of_its_row(declaration):
    with pytest.raises(FaultyDataError, match=r"line 2: bar of A on 1790-01-04: got 1790-01-04 \(Monday\)"):
        load(declaration, date=["1790-01-04", *DAYS[1:]])


def test_the_card_repeats_the_declaration_and_what_was_not_read(declaration):
    panel = load(replace(declaration, notes=("from a test",)), **{"adj close": ["1", "1", "1"]})
    card = panel.card
    assert (card.declaration.source, card.declaration.adjustment, card.declaration.as_of) == (
        "prices of a test",
        "split",
        date(2024, 12, 31),
    )
    assert card.fields == ("close",)
    assert card.fingerprint.startswith("sha256:")
    assert card.declaration.notes[0] == "from a test"
    assert card.declaration.notes[-1] == "Columns that were not read: adj close."


def test_around_the_clock_markets_trade_at_weekends(declaration):
    crypto = replace(declaration, calendar="24/7", timezone="UTC")
    assert load(crypto, date=["2024-01-06", "2024-01-07", "2024-01-08"]).traded.all()


def test_a_row_without_a_date_is_recorded_over_the_span_of_its_file(declaration):
    panel = load(replace(declaration, on_fault="record"), date=["2024-01-02", "soon", "2024-01-04"])
    (fault,) = panel.faults
    assert (fault.kind, fault.symbol, fault.count) == ("unreadable_row", "A", 1)
    assert (fault.first, fault.last) == (date(2024, 1, 2), date(2024, 1, 4))
    assert "A.csv: line 3: column 'date' of A: got 'soon'" in fault.detail


def test_sessions_that_are_only_projected_are_said_on_the_card(declaration):
    frame = pd.DataFrame({"date": ["2026-12-30", "2026-12-31"], "symbol": "A", "close": [1.0, 2.0]})
    panel = panel_from_frame(frame, replace(declaration, as_of=date(2027, 1, 4)))
    assert any("XNYS" in note and "projected" in note for note in panel.card.declaration.notes)
    known = panel_from_frame(frame.assign(date=["2024-12-30", "2024-12-31"]), declaration)
    assert not any("projected" in note for note in known.card.declaration.notes)


def test_a_finding_without_a_date_is_dated_by_the_bars_of_its_own_file(declaration):
    recorded = replace(declaration, on_fault="record")
    early = pd.DataFrame({"date": [*DAYS, "never"], "close": ["1", "2", "3", "4"]})
    late = pd.DataFrame({"date": ["2024-02-01", "2024-02-02", "never"], "close": ["1", "2", "3"]})
    parts = [
        read_bars(frame, Place(f"{name}.csv", "line", 2), recorded, name) for name, frame in (("A", early), ("B", late))
    ]
    again = read_bars(late.iloc[:2], Place("A.csv", "line", 2), recorded, "C")  # a second part of the same place
    spans = {fault.symbol: (fault.first, fault.last) for fault in assemble([*parts, again], recorded).faults}
    assert spans == {
        "A": (date(2024, 1, 2), date(2024, 2, 2)),
        "B": (date(2024, 2, 1), date(2024, 2, 2)),
    }


def test_thousands_of_findings_cost_no_pass_over_all_rows_each(declaration):
    days = [f"{day:%Y-%m-%d}" for day in pd.bdate_range("2023-01-03", periods=100)]
    frame = pd.DataFrame({"date": days * 4000, "close": ["1"] * 400_000})
    frame["symbol"] = np.repeat([f"S{number:04d}" for number in range(4000)], 100)
    frame.loc[50::100, "close"] = "x"
    recorded = replace(declaration, on_fault="record")
    started = time.process_time()
    panel = assemble([read_bars(frame, Place("all.csv", "line", 2), recorded)], recorded)
    assert len([fault for fault in panel.faults if fault.kind == "non_finite_close"]) == 4000
    assert time.process_time() - started < 8  # 0.8 s; 28 s with a pass for each


def test_a_stray_date_that_no_memory_could_hold_is_refused_with_the_gap(declaration, monkeypatch):
    """Ten thousand assets on five years of bars, all of them but one day empty: 113 MB where there are 64."""
    monkeypatch.setattr(os, "sysconf", lambda name: {"SC_PHYS_PAGES": 16_000, "SC_PAGE_SIZE": 4_000}[name])
    frame = pd.DataFrame({"date": DAYS[0], "symbol": [f"S{number}" for number in range(10_000)], "close": "1"})
    load = [frame, frame.iloc[:1].assign(date="2019-01-02")]
    with pytest.raises(
        DataError, match=r"10,000 assets on the 1,259 bars of XNYS from 2019-01-02 to 2024-01-02"
    ) as caught:
        assemble([read_bars(part, Place("all.csv"), declaration) for part in load], declaration)
    assert "between 2019-01-02 and 2024-01-02 no asset has one. Fix: correct a stray date" in str(caught.value)
    assert len(assemble([read_bars(frame, Place("all.csv"), declaration)], declaration).assets) == 10_000


@pytest.mark.parametrize(
    ("calendar", "names"),
    [
        ("XBOM", ["Asia/Kolkata", "Asia/Calcutta"]),
        ("XNYS", ["US/Eastern", "America/New_York", "EST5EDT"]),
        ("XTKS", ["Japan", "Asia/Tokyo"]),
        ("24/7", ["Etc/UTC", "UTC", "Zulu"]),
    ],
)
def test_a_zone_may_have_any_of_its_names_and_the_content_is_the_same(declaration, calendar, names):
    """One bar at 03:45 UTC each day: the date is that of the exchange's clocks whatever they are called."""
    stamps = [f"{day}T03:45:00+00:00" for day in DAYS]
    abouts = [replace(declaration, calendar=calendar, timezone=name, on_fault="record") for name in names]
    panels = [load(about, date=stamps) for about in abouts]
    assert len({panel.card.fingerprint for panel in panels}) == 1
    assert [panel.card.declaration.timezone for panel in panels] == names  # the card repeats what was declared


@pytest.mark.parametrize(
    ("calendar", "name"), [("XNYS", "America/Toronto"), ("XBOM", "Asia/Colombo"), ("24/7", "Europe/London")]
)
def test_a_zone_that_agrees_with_the_exchange_today_only_is_refused(declaration, calendar, name):
    with pytest.raises(DataError, match=f"declared timezone '{name}', but {calendar} is an exchange in"):
        load(replace(declaration, calendar=calendar, timezone=name))


WEEK = ["2024-01-02", "2024-01-03", "2024-01-04", "2024-01-05", "2024-01-08"]


def statuses(panel):
    return [CellStatus(code).name for code in panel.status[:, 0]]


def halting(declaration, words, closes=("1", "2", "3", "4", "5"), days=WEEK, **columns):
    return load(declaration, date=days, close=list(closes), status=words, **columns)


@pytest.mark.parametrize("word", ["halted", "HALTED", "Halt", "H", "h", " suspended ", "Suspended"])
@pytest.mark.parametrize("close", ["3", "", "0", "null"])
def test_a_row_that_is_called_halted_is_a_halt_with_or_without_prices(declaration, word, close):
    closes = ["1", "2", close, "4", "5"]
    panel = halting(
        declaration, ["traded", "TRADING", word, "T", ""], closes, open=closes, volume=["9", "9", "0", "9", "9"]
    )
    assert statuses(panel) == ["TRADED", "TRADED", "HALTED", "TRADED", "TRADED"]
    for values in panel.fields.values():
        assert np.isnan(values[2, 0])
    np.testing.assert_array_equal(panel.closes[[0, 1, 3, 4], 0], [1, 2, 4, 5])
    assert not panel.faults


def test_a_return_over_a_halt_runs_from_the_last_close_before_it(declaration):
    panel = halting(declaration, ["", "H", "H", "", ""])
    np.testing.assert_allclose(panel.log_returns()[:, 0], [np.nan, np.nan, np.nan, np.log(4), np.log(5 / 4)])
    assert panel.bars_since_previous()[3, 0] == 3


def test_the_census_counts_halts_and_calls_none_of_them_missing(declaration):
    census = take_census(halting(declaration, ["", "H", "H", "", ""]))
    assert census.summary.cells["halted"] == 2
    assert census.counts()["missing_session"] == 0


def test_a_halt_at_the_end_of_the_data_is_no_delisting_however_long(declaration):
    """Thirty sessions: three times what silence alone would need to count as a delisting."""
    days = pd.bdate_range("2024-02-20", "2024-03-28").strftime("%Y-%m-%d").tolist()
    closes = ["1"] * 2 + [""] * (len(days) - 2)
    panel = halting(declaration, [""] * 2 + ["halted"] * (len(days) - 2), closes, days)
    assert statuses(panel) == ["TRADED"] * 2 + ["HALTED"] * (len(days) - 2)
    assert statuses(halting(declaration, [""] * len(days), closes, days)) == ["TRADED"] * 2


def test_silence_is_counted_from_the_last_word_of_the_source(declaration):
    """Twenty sessions of a halt, then three of silence while another asset trades."""
    days = pd.bdate_range("2024-02-20", periods=25).strftime("%Y-%m-%d").tolist()
    other = pd.DataFrame({"symbol": "B", "date": days, "close": 1.0, "status": ""})
    halted = pd.DataFrame({"symbol": "A", "date": days[:22], "close": 1.0, "status": [""] * 2 + ["H"] * 20})
    panel = panel_from_frame(pd.concat([halted, other]), declaration)
    assert statuses(panel) == ["TRADED"] * 2 + ["HALTED"] * 20 + ["MISSING"] * 3


def test_a_halt_before_the_first_trade_stands_as_the_source_says(declaration):
    assert statuses(halting(declaration, ["H", "", "", "", ""])) == ["HALTED", *["TRADED"] * 4]


@pytest.mark.parametrize("word", ["closed", "missing", "delisted", "1", "halt?"])
def test_a_status_that_is_no_known_word_is_refused_with_its_row_and_the_words(declaration, word):
    words = ["", "", word, "H", ""]
    with pytest.raises(FaultyDataError, match=rf"A\.csv: line 4: column 'status' of A on {WEEK[2]}: got") as caught:
        halting(declaration, words)
    message = str(caught.value)
    assert (
        f"got {word!r}; expected halted, halt, h, suspended for a halt, traded, trading, t, active for trading"
        in message
    )
    panel = halting(replace(declaration, on_fault="record"), words)
    assert statuses(panel) == ["TRADED", "TRADED", "MISSING", "HALTED", "TRADED"]
    assert [fault.kind for fault in panel.faults] == ["unreadable_row"]


def test_a_row_that_traded_needs_its_close(declaration):
    with pytest.raises(DataError, match="got an empty cell; expected a closing price"):
        halting(declaration, ["traded"] * 5, ["1", "2", "", "4", "5"], volume=["9"] * 5)


def test_a_halt_and_a_bar_of_one_session_are_two_bars(declaration):
    with pytest.raises(DataError, match="line 3: bar of A.*expected one bar for a session"):
        halting(declaration, ["", "H", "", "", ""], days=[WEEK[0], *WEEK[:4]])


def test_nothing_but_halts_is_no_price(declaration):
    with pytest.raises(DataError, match="got no closing price"):
        halting(declaration, ["H"] * 5)


def test_a_halt_on_a_day_without_a_session_is_refused(declaration):
    with pytest.raises(DataError, match=r"2024-01-06 \(Saturday\); expected a session"):
        halting(declaration, ["", "", "", "", "H"], days=[*WEEK[:4], "2024-01-06"])


def test_a_bar_within_a_session_can_be_halted(declaration):
    about = replace(declaration, frequency="60min", intraday=IntradayBars("start", "open"))
    stamps = [f"2024-01-02T{hour}:30:00-05:00" for hour in ("09", "10", "11")]
    panel = load(about, date=stamps, close=["1", "2", "3"], status=["", "halted", ""])
    assert statuses(panel)[:3] == ["TRADED", "HALTED", "TRADED"]


def test_a_status_of_each_asset_may_stand_in_two_levels_of_columns(declaration):
    names = pd.MultiIndex.from_tuples([("Close", "A"), ("Status", "A"), ("Close", "B")])
    frame = pd.DataFrame([[1.0, "", 5.0], [2.0, "HALTED", 6.0]], index=pd.DatetimeIndex(WEEK[:2]), columns=names)
    panel = panel_from_frame(frame, declaration)
    assert panel.status.tolist() == [[CellStatus.TRADED] * 2, [CellStatus.HALTED, CellStatus.TRADED]]


def corrected_declaration(declaration, **day):
    item = CalendarCorrection(source="the exchange's notice", **day)
    return replace(declaration, calendar_corrections=(item,))


def test_a_bar_on_an_added_session_is_read_and_the_card_says_who_added_it(declaration):
    """Saturday, 6 January 2024, without and with the correction."""
    with pytest.raises(FaultyDataError, match="2024-01-06"):
        load(declaration, date=["2024-01-05", "2024-01-06", "2024-01-08"])
    about = corrected_declaration(declaration, add=date(2024, 1, 6), opens="09:30", closes="13:00")
    panel = load(about, date=["2024-01-05", "2024-01-06", "2024-01-08"])
    assert list(panel.closes[:, 0]) == [1, 2, 3]
    assert panel.known_at[1] == pd.Timestamp("2024-01-06 13:00", tz="America/New_York")
    assert any("2024-01-06: a session added 09:30 to 13:00" in note for note in panel.card.declaration.notes)


def test_a_struck_session_is_no_row_of_the_panel(declaration):
    about = corrected_declaration(declaration, strike=date(2024, 1, 3))
    panel = load(about, date=["2024-01-02", "2024-01-04", "2024-01-05"])
    assert pd.Timestamp("2024-01-03") not in panel.sessions
    assert (panel.status == CellStatus.TRADED).all()
    assert any("2024-01-03: no session" in note for note in panel.card.declaration.notes)
    assert pd.Timestamp("2024-01-03") in load(declaration, date=["2024-01-02", "2024-01-04", "2024-01-05"]).sessions


def test_a_correction_that_says_nothing_new_is_refused_where_prices_are_read(declaration):
    with pytest.raises(CalendarError, match="2024-07-04: is no session of XNYS. Drop the line, or use 'add'"):
        load(corrected_declaration(declaration, strike=date(2024, 7, 4)))


@pytest.mark.parametrize(("date_of_week", "said"), [("Sunday", True), ("Saturday", True), ("Friday", False)])
def test_weeks_dated_by_a_weekend_are_said_to_be_read_as_those_that_end_there(declaration, date_of_week, said):
    """Sunday, 7 January 2024, dates the week before it in pandas, and the week after it in other files."""
    days = pd.date_range("2024-01-01", "2024-03-01", freq=f"W-{date_of_week[:3].upper()}")
    frame = pd.DataFrame({"date": days.strftime("%Y-%m-%d"), "close": "1"})
    weekly = replace(declaration, frequency="1W", as_of=date(2024, 3, 11))
    panel = assemble([read_bars(frame, Place("A.csv", "line", 2), weekly, "A")], weekly)
    notes = " ".join(panel.card.declaration.notes)
    assert (f"({date_of_week}), and read as the week that ends there" in notes) == said
    assert panel.sessions[0].day_name() == "Friday" and panel.sessions[0] <= days[0]


def test_bars_within_sessions_declared_daily_are_told_to_state_their_frequency(declaration):
    """Six hours of one session, and one bar written twice among four."""
    hours = [f"2024-01-02 {hour}:30:00-05:00" for hour in range(10, 16)]
    frame = pd.DataFrame({"date": hours, "close": "1"})
    with pytest.raises(FaultyDataError, match="one bar for a session.*if these are bars within a session, declare"):
        assemble([read_bars(frame, Place("A.csv", "line", 2), declaration, "A")], declaration)
    with pytest.raises(FaultyDataError) as twice:
        load(declaration, date=[DAYS[0], DAYS[0], DAYS[1]])
    assert "Fix: keep one of the bars." in str(twice.value)
