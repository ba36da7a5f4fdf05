import pickle
import tracemalloc
from dataclasses import replace
from datetime import date

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings, strategies as st

from quantdl.errors import DataError
from quantdl.market.actions import CorporateActions, Split
from quantdl.market.card import DataCard, Declaration, IntradayBars, SilenceRule
from quantdl.market.panel import Panel
from quantdl.market.sources.frames import panel_from_frame
from quantdl.market.status import CellStatus
from tests.backtest.worlds import ends_of_bars, world

U, T, M, H, D = (CellStatus[name] for name in ("UNLISTED", "TRADED", "MISSING", "HALTED", "DELISTED"))
NAN = np.nan


def build(declaration, columns, **silence):
    """A panel with the given closes on consecutive sessions from 2024-01-02 on; the asset Z trades on all of them."""
    length = max(len(column) for column in columns.values())
    sessions = pd.bdate_range("2024-01-02", periods=length + 5)
    sessions = sessions[sessions != "2024-01-15"][:length]  # Martin Luther King Day
    frame = pd.DataFrame({**columns, "Z": np.arange(1.0, length + 1)}, index=sessions)
    return panel_from_frame(frame, replace(declaration, silence=SilenceRule(**silence)))


def statuses(panel, asset):
    return panel.status[:, panel.assets.index(asset)].tolist()


def test_the_status_says_why_there_is_no_price(declaration):
    panel = build(declaration, {"A": [NAN, 1, NAN, 2, NAN, NAN]})
    assert statuses(panel, "A") == [U, T, M, T, M, M]


def test_a_long_silence_at_the_end_is_a_delisting(declaration):
    panel = build(declaration, {"A": [1, 2, *[NAN] * 11], "B": [1, 2, 3, *[NAN] * 10]})
    assert statuses(panel, "A") == [T, T, *[D] * 11]
    assert statuses(panel, "B") == [T, T, T, *[M] * 10]
    assert any("Read as delisted" in note and "A" in note for note in panel.card.declaration.notes)


def test_the_source_may_state_the_last_day(declaration):
    panel = build(declaration, {"A": [1, 2, NAN, NAN, NAN]}, ended={"A": date(2024, 1, 4)})
    assert statuses(panel, "A") == [T, T, M, D, D]


def test_a_view_ends_at_its_session_and_has_no_way_into_the_future(declaration):
    panel = build(declaration, {"A": [1, 2, 3, 4, 5]})
    view = panel.until("2024-01-04")
    assert view.sessions[-1] == pd.Timestamp("2024-01-04")
    assert view.closes.shape == (3, 2)
    for array in (*view.fields.values(), view.status, view.sessions.to_numpy(), view.known_at.to_numpy()):
        assert array.base is None or len(array.base) <= 3


def test_a_view_on_a_day_without_a_session_ends_before_it(declaration):
    panel = build(declaration, {"A": [1, 2, 3, 4, 5]})
    assert panel.until("2024-01-06").sessions[-1] == pd.Timestamp("2024-01-05")


closes_with_gaps = st.lists(st.sampled_from([NAN, 1.0, 2.0]), min_size=30, max_size=30)


@settings(max_examples=15)  # each builds two panels on a fresh calendar
@given(closes=closes_with_gaps, cut=st.integers(1, 30), patience=st.integers(0, 6))
def test_a_view_is_the_panel_that_was_loaded_on_that_day(closes, cut, patience):
    sessions = pd.bdate_range("2024-01-16", periods=30)
    sessions = sessions[sessions != "2024-02-19"]
    frame = pd.DataFrame({"A": closes[: len(sessions)], "Z": 1.0}, index=sessions)
    declaration = patient(patience)
    cut = min(cut, len(sessions))
    later, then = panel_from_frame(frame, declaration), panel_from_frame(frame[:cut], declaration)
    view = later.until(sessions[cut - 1])
    np.testing.assert_array_equal(view.status, then.status)
    np.testing.assert_array_equal(view.closes, then.closes)
    pd.testing.assert_index_equal(view.sessions, then.sessions)
    pd.testing.assert_index_equal(view.known_at, then.known_at)


def patient(patience):
    silence = SilenceRule(delisted_after_sessions=patience)
    day = date(2024, 12, 31)
    return Declaration("test", "America/New_York", "1D", "raw", "XNYS", day, "none", silence=silence)


def test_a_gap_that_ends_later_looks_like_the_end_while_it_lasts(declaration):
    panel = build(declaration, {"A": [1, *[NAN] * 12, 2]})
    assert statuses(panel, "A")[1:13] == [M] * 12
    assert set(statuses(panel.until(panel.sessions[12]), "A")[1:]) == {D}
    assert set(statuses(panel.until(panel.sessions[5]), "A")[1:]) == {M}


def test_between_has_what_was_known_at_its_end(declaration):
    panel = build(declaration, {"A": [1, *[NAN] * 12, 2]})
    part = panel.between(panel.sessions[3], panel.sessions[12])
    assert len(part.sessions) == 10
    assert set(statuses(part, "A")) == {D}


def test_a_halt_stays_a_halt_in_every_view(declaration):
    panel = build(declaration, {"A": [1, NAN, NAN, 2]})
    status = panel.status.copy()
    status[1:3, 0] = H
    halted = replace(panel, status=status)
    assert statuses(halted.until(panel.sessions[2]), "A") == [T, H, H]


def test_the_whole_panel_is_its_own_last_view(declaration):
    panel = build(declaration, {"A": [NAN, 1, NAN, 2, *[NAN] * 11]})
    np.testing.assert_array_equal(panel.until(panel.sessions[-1]).status, panel.status)


def test_log_returns_span_gaps_and_say_how_far(declaration):
    panel = build(declaration, {"A": [NAN, 1.0, NAN, NAN, 4.0, 2.0]})
    np.testing.assert_allclose(panel.log_returns()[:, 0], [NAN, NAN, NAN, NAN, np.log(4), -np.log(2)])
    assert panel.bars_since_previous()[:, 0].tolist() == [0, 0, 0, 0, 3, 1]
    np.testing.assert_array_equal(panel.previous_closes()[:, 0], [NAN, NAN, NAN, NAN, 1.0, 4.0])


def test_a_missing_close_is_never_a_return_of_zero(declaration):
    returns = build(declaration, {"A": [1.0, NAN, 1.5]}).log_returns()[:, 0]
    assert np.isnan(returns[:2]).all()


@settings(max_examples=15)
@given(data=st.lists(st.lists(st.sampled_from([NAN, 1.0, 2.0, 5.0]), min_size=12, max_size=12), min_size=1, max_size=4))
def test_returns_add_up_to_the_whole_way(data):
    frame = pd.DataFrame({str(number): column for number, column in enumerate(data)} | {"Z": 1.0})
    frame.index = pd.bdate_range("2024-01-16", periods=12)
    panel = panel_from_frame(frame, patient(10))
    returns = panel.log_returns()
    for number in range(len(panel.assets)):
        closes = panel.closes[:, number]
        known = closes[np.isfinite(closes)]
        if len(known):
            np.testing.assert_allclose(np.nansum(returns[:, number]), np.log(known[-1] / known[0]), atol=1e-12)
    assert ((panel.bars_since_previous() > 0) == np.isfinite(returns)).all()


def test_a_view_of_actions_and_members_ends_with_its_bars(declaration):
    panel = build(declaration, {"A": [1.0, 2.0, 3.0]})
    split = Split(panel.sessions[2].date(), "A", 2.0)
    members = np.array([[True, True], [False, True], [True, True]])
    panel = replace(panel, actions=CorporateActions(splits=(split,)), members=members)
    view = panel.until(panel.sessions[1])
    assert view.actions.splits == ()
    assert view.members.tolist() == members[:2].tolist()
    assert panel.until(panel.sessions[2]).actions.splits == (split,)
    assert panel.select(["Z"]).actions.splits == ()
    assert panel.select(["Z"]).eligible.all()
    assert not panel.select(["A"]).eligible.all()


def mapped(panel, folder):
    """The panel with every array in a file, mapped for reading only."""
    arrays = {**panel.fields, "status": panel.status}
    for name, values in arrays.items():
        np.save(folder / f"{name}.npy", values)
    read = {name: np.load(folder / f"{name}.npy", mmap_mode="r") for name in arrays}
    status = read.pop("status")
    return replace(panel, fields=read, status=status)


def test_a_mapped_panel_is_not_copied_but_its_views_are(declaration, tmp_path):
    panel = build(declaration, {"A": [1.0, NAN, 3.0]})
    large = mapped(panel, tmp_path)
    assert isinstance(large.closes, np.memmap) and isinstance(large.status, np.memmap)
    view = large.until(panel.sessions[1])
    for array in (view.closes, view.status):
        assert array.base is None and not isinstance(array, np.memmap)
    np.testing.assert_array_equal(view.closes, panel.closes[:2])
    np.testing.assert_array_equal(large.log_returns(), panel.log_returns())


def test_a_mapped_panel_is_checked_like_any_other(declaration, tmp_path):
    panel = build(declaration, {"A": [1.0, NAN, 3.0]})
    with pytest.raises(DataError, match=r"must be NaN, but \['close'\]"):
        replace(mapped(panel, tmp_path), status=np.full((3, 2), M))


def test_checking_a_mapped_panel_takes_a_small_part_of_its_size(declaration, tmp_path):
    n_bars, n_assets = 2000, 2000
    panel = build(declaration, {"A": [1.0] * 9})
    sessions = pd.date_range("2000-01-01", periods=n_bars)
    for name, values in {"close": np.ones((n_bars, n_assets)), "status": np.ones((n_bars, n_assets), np.int8)}.items():
        np.save(tmp_path / f"{name}.npy", values)
    closes, status = (np.load(tmp_path / f"{name}.npy", mmap_mode="r") for name in ("close", "status"))
    tracemalloc.start()
    replace(
        panel,
        sessions=sessions,
        known_at=sessions.tz_localize("UTC"),
        assets=tuple(map(str, range(n_assets))),
        fields={"close": closes},
        status=status,
    )
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < closes.nbytes / 4


def test_a_panel_prints_as_a_short_summary(declaration):
    text = repr(build(declaration, {name: [1.0, NAN, 3.0] for name in "ABCDEF"}))
    assert text == str(build(declaration, {name: [1.0, NAN, 3.0] for name in "ABCDEF"}))
    assert text.splitlines()[0] == "Panel: 7 assets x 3 sessions, 2024-01-02..2024-01-04"
    assert "A, B, C, D, E, ..." in text
    assert "71.4% traded; 0 faults recorded" in text
    assert "array" not in text
    assert len(text) < 600


def test_arrays_cannot_be_written_and_stay_when_the_source_changes(declaration):
    panel = build(declaration, {"A": [1.0, 2.0]})
    with pytest.raises(ValueError, match="read-only"):
        panel.closes[0, 0] = 9
    with pytest.raises(ValueError, match="read-only"):
        panel.status[0, 0] = 0
    with pytest.raises(TypeError, match="does not support item assignment"):
        panel.fields["close"] = panel.closes
    closes = panel.closes.copy()
    rebuilt = replace(panel, fields={"close": closes})
    closes[0, 0] = 9
    assert rebuilt.closes[0, 0] == 1.0


def test_assets_are_selected_in_the_order_asked(declaration):
    panel = build(replace(declaration, sectors={"A": "x", "B": "y"}), {"A": [1.0, 2.0], "B": [3.0, 4.0]})
    part = panel.select(["B", "A"])
    assert part.assets == ("B", "A")
    np.testing.assert_array_equal(part.closes, [[3, 1], [4, 2]])
    assert dict(part.select(["B"]).sectors) == {"B": "y"}


def test_an_unknown_asset_is_named(declaration):
    with pytest.raises(DataError, match=r"No asset \['C', 'D'\]"):
        build(declaration, {"A": [1.0]}).select(["A", "C", "D"])


@pytest.mark.parametrize(
    "ask", [lambda panel: panel.until("2023-01-01"), lambda panel: panel.between("2024-01-05", "2024-01-01")]
)
def test_a_span_without_sessions_is_refused(declaration, ask):
    with pytest.raises(DataError, match=r"no session is left in that span; the panel runs 2024-01-02\.\.2024-01-03"):
        ask(build(declaration, {"A": [1.0, 2.0]}))


def test_an_instant_is_not_a_session(declaration):
    panel = build(declaration, {"A": [1.0, 2.0]})
    with pytest.raises(DataError, match="A session is a date without a time zone"):
        panel.between(pd.Timestamp("2024-01-02", tz="UTC"), "2024-01-03")


@pytest.mark.parametrize("ask", [lambda panel, day: panel.until(day), lambda panel, day: panel.between(day, day)])
@pytest.mark.parametrize(
    ("day", "words"),
    [
        ("2024-01-02 12:00", r"without a time of day, got 2024-01-02 12:00:00. Pass '2024-01-02', or the instant"),
        ("soon", "Expected a session such as '2024-12-31', got 'soon'"),
        (pd.NaT, "Expected a session such as"),
    ],
)
def test_a_time_without_its_offset_is_neither_session_nor_instant(declaration, ask, day, words):
    with pytest.raises(DataError, match=words):
        ask(build(declaration, {"A": [1.0, 2.0]}), day)


def test_an_instant_sees_the_bars_that_were_known_then(declaration):
    panel = build(declaration, {"A": [1.0, 2.0, 3.0]})
    close = panel.known_at[1]
    assert len(panel.until(close).sessions) == 2
    assert len(panel.until(close - pd.Timedelta("1s")).sessions) == 1
    assert len(panel.until(close.tz_convert("Asia/Tokyo")).sessions) == 2
    with pytest.raises(DataError, match="no session is left in that span"):
        panel.until(panel.known_at[0] - pd.Timedelta("1s"))


def test_a_panel_travels_to_another_process(declaration):
    panel = build(declaration, {"A": [1.0, NAN, 2.0]})
    copy = pickle.loads(pickle.dumps(panel))
    np.testing.assert_array_equal(copy.closes, panel.closes)
    np.testing.assert_array_equal(copy.status, panel.status)
    assert copy.card == panel.card


@pytest.mark.parametrize(
    ("words", "change"),
    [
        ("increasing and unique", lambda panel: {"sessions": panel.sessions[::-1]}),
        ("tz-naive", lambda panel: {"sessions": panel.known_at}),
        ("UTC", lambda panel: {"known_at": panel.sessions}),
        ("one tz-aware UTC instant for each of 2 sessions", lambda panel: {"known_at": panel.known_at[:1]}),
        ("unique strings", lambda panel: {"assets": ("A", "A")}),
        ("unique strings", lambda panel: {"assets": ("A", 7)}),
        (r"shape \(2, 2\), got {'close'", lambda panel: {"fields": {"close": panel.closes[:1]}}),
        (r"shape \(2, 2\), got {'members'", lambda panel: {"members": panel.traded[:1]}),
        (r"known_at must be increasing", lambda panel: {"known_at": panel.known_at[::-1]}),
        (r"shape \(2, 2\), got {'status'", lambda panel: {"status": panel.status[:, :1]}),
        ("A 'close' field is needed", lambda panel: {"fields": {"open": panel.closes}}),
        ("needs a finite close", lambda panel: {"fields": {"close": np.where(panel.closes == 2, np.inf, 1.0)}}),
        ("must be NaN", lambda panel: {"status": np.where(panel.closes == 2, M, T)}),
    ],
)
def test_a_panel_that_contradicts_itself_is_refused(declaration, words, change):
    panel = build(declaration, {"A": [1.0, 3.0]})
    with pytest.raises(DataError, match=words):
        replace(panel, **change(panel))


def test_a_field_comes_back_as_a_frame_of_its_own(declaration):
    panel = build(declaration, {"A": [1.0, NAN, 2.0]})
    frame = panel.frame()
    assert tuple(frame.columns) == panel.assets and frame.index.equals(panel.sessions)
    frame.iloc[0, 0] = 99.0
    assert panel.closes[0, 0] == 1.0
    with pytest.raises(DataError, match="no field 'open'. The panel holds"):
        panel.frame("open")


def with_volume(declaration, closes, volumes):
    """A panel of the asset A with volumes, and of Z that trades every session."""
    sessions = pd.bdate_range("2024-01-16", periods=len(closes))
    rows = [("A", day, close, volume) for day, close, volume in zip(sessions, closes, volumes, strict=True)]
    rows += [("Z", day, 1.0, 5.0) for day in sessions]
    frame = pd.DataFrame(rows, columns=["symbol", "date", "close", "volume"])
    return panel_from_frame(frame, declaration)


def test_a_bar_of_volume_0_is_no_trade_and_no_observation(declaration):
    panel = with_volume(declaration, [100, 100, 100, 121], [10, 0, 0, 10])
    column = panel.assets.index("A")
    assert panel.has_bar[:, column].all()
    assert panel.traded[:, column].tolist() == [True, False, False, True]
    np.testing.assert_allclose(panel.log_returns()[:, column], [NAN, NAN, NAN, np.log(1.21)])
    assert panel.bars_since_previous()[:, column].tolist() == [0, 0, 0, 3]
    np.testing.assert_array_equal(panel.previous_closes()[:, column], [NAN, NAN, NAN, 100])
    np.testing.assert_array_equal(panel.traded_closes[:, column], [100, NAN, NAN, 121])


def test_the_panel_of_trades_has_no_bar_of_volume_0(declaration):
    panel = with_volume(declaration, [100, 100, 100, 121], [10, 0, 10, 0]).trades_only()
    assert statuses(panel, "A") == [T, M, T, M]
    np.testing.assert_array_equal(panel.closes[:, panel.assets.index("A")], [100, NAN, 100, NAN])
    assert panel.trades_only() is panel


def test_dollars_of_0_are_no_trade_where_there_are_no_volumes():
    panel = world([[100.0], [100.0]], fields={"dollar_volume": np.array([[5.0], [0.0]])})
    assert panel.traded[:, 0].tolist() == [True, False]


def test_volumes_that_were_never_reported_are_unknown(declaration):
    panel = with_volume(declaration, [100, 101, 102, 103], [0, 0, 0, 0])
    column = panel.assets.index("A")
    assert panel.traded[:, column].all() and np.isnan(panel.fields["volume"][:, column]).all()
    (note,) = [note for note in panel.card.declaration.notes if note.startswith("Volumes of 0")]
    assert note.endswith("read as not reported, 4 bars of: A.")


@settings(max_examples=15)
@given(volumes=st.lists(st.sampled_from([0, 7]), min_size=12, max_size=12), cut=st.integers(1, 12))
def test_a_view_of_volumes_is_the_panel_that_was_loaded_on_that_day(volumes, cut):
    closes = np.arange(100.0, 112.0)
    later, then = (with_volume(patient(3), closes[:stop], volumes[:stop]) for stop in (12, cut))
    view = later.until(then.sessions[-1])
    np.testing.assert_array_equal(view.fields["volume"], then.fields["volume"])
    np.testing.assert_array_equal(view.traded, then.traded)
    np.testing.assert_array_equal(view.log_returns(), then.log_returns())


def of_hours(calendar, timezone, first, last):
    """A panel of the bars of an hour of a calendar, all at 1."""
    axis = ends_of_bars(calendar, first, last, "60min")
    return panel_of_hours(pd.DatetimeIndex(axis["session"]), pd.DatetimeIndex(axis["end"]), calendar, timezone)


def panel_of_hours(sessions, known_at, calendar, timezone):
    cut = IntradayBars(labelled="end", anchored="open")
    about = Declaration("made up", timezone, "60min", "raw", calendar, date(2030, 1, 1), "none", intraday=cut)
    status = np.full((len(sessions), 1), CellStatus.TRADED, dtype=np.int8)
    fields = {"close": np.ones((len(sessions), 1))}
    return Panel(sessions, known_at, ("A",), fields, status, {}, DataCard(about, ("close",), "sha256:0"))


@pytest.mark.parametrize(
    ("calendar", "timezone", "day", "ends"),
    [
        ("XNYS", "America/New_York", "2023-11-24", ["10:30", "11:30", "12:30", "13:00"]),
        ("XTKS", "Asia/Tokyo", "2023-11-24", ["10:00", "11:00", "11:30", "13:30", "14:30", "15:00"]),
    ],
)
def test_a_bar_within_a_session_is_labelled_by_its_end_on_the_exchange_s_clock(calendar, timezone, day, ends):
    panel = of_hours(calendar, timezone, day, day)
    assert [f"{label:%Y-%m-%d %H:%M}" for label in panel.bars] == [f"{day} {end}" for end in ends]


def test_labels_rise_over_the_change_of_clocks():
    """New York sets its clock back in the night of 5 November 2023: no label of a bar of its exchange is affected."""
    panel = of_hours("XNYS", "America/New_York", "2023-11-03", "2023-11-06")
    assert panel.bars.is_unique and panel.bars.is_monotonic_increasing
    assert panel.bars[7] == pd.Timestamp("2023-11-06 10:30")


def test_a_clock_that_shows_a_time_twice_gives_way_to_that_of_utc():
    """A made-up market that is open while New York's clock goes from 01:59 back to 01:00."""
    known_at = pd.date_range("2023-11-05 04:00", periods=6, freq="60min", tz="UTC")
    panel = panel_of_hours(pd.DatetimeIndex(["2023-11-05"] * 6), known_at, "24/7", "America/New_York")
    assert panel.bars.equals(known_at.tz_localize(None))


def test_a_bar_of_a_session_is_labelled_by_it(declaration):
    panel = build(declaration, {"A": [1.0, 2.0]})
    assert panel.bars.tolist() == panel.sessions.tolist()
