"""Which bars are there and which are not, on ten sessions written out by hand."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from quantdl.calendars import trading_calendar
from quantdl.market.inspection.presence import after_long_gap, assumed_delisted, long_gap, missing_session, never_traded
from quantdl.market.sources.frames import panel_from_frame
from quantdl.market.status import CellStatus

SESSIONS = trading_calendar("XNYS").sessions("2023-01-03", "2023-02-28")[:20]
# A bar is x, a session without one is a dot. C holds the market open, so that every session is on the axis.
BARS = {
    "A": "..xx.x......xx......",  # one session, then six without a bar
    "B": "xxxxx.....xxxxxxxxxx",  # five: a whole week
    "C": "xxxxxxxxxxxxxxxxxxxx",
    "D": "xxxxxx....xxxxxxxxxx",  # four are no long gap
}


@pytest.fixture
def panel(declaration):
    rows = [
        (symbol, day, 100.0 + number)
        for symbol, text in BARS.items()
        for number, (day, bar) in enumerate(zip(SESSIONS, text, strict=True))
        if bar == "x"
    ]
    return panel_from_frame(pd.DataFrame(rows, columns=["symbol", "date", "close"]), declaration)


def places(cells: np.ndarray) -> dict[str, list[int]]:
    return {symbol: np.flatnonzero(cells[:, column]).tolist() for column, symbol in enumerate(BARS)}


def test_sessions_between_the_first_and_last_bar_are_missing(panel):
    found = places(missing_session(panel))
    assert found == {"A": [4, 6, 7, 8, 9, 10, 11], "B": [5, 6, 7, 8, 9], "C": [], "D": [6, 7, 8, 9]}


def test_a_gap_of_five_sessions_is_long_and_one_of_four_is_not(panel):
    assert places(long_gap(panel)) == {"A": [6, 7, 8, 9, 10, 11], "B": [5, 6, 7, 8, 9], "C": [], "D": []}
    assert places(after_long_gap(panel)) == {"A": [12], "B": [10], "C": [], "D": []}


def test_a_halt_by_the_source_is_neither_missing_nor_a_gap(panel):
    status = panel.status.copy()
    status[6:12, 0] = CellStatus.HALTED
    halted = replace(panel, status=status)
    assert places(missing_session(halted))["A"] == [4]
    assert places(long_gap(halted))["A"] == []


def test_no_history_is_cut_at_a_halt_by_the_source(panel):
    """All of the six sessions are halted; or the third of them is, which leaves two and three of silence."""
    for halts in (slice(6, 12), slice(8, 9)):
        status = panel.status.copy()
        status[halts, 0] = CellStatus.HALTED
        assert places(after_long_gap(replace(panel, status=status)))["A"] == []


def test_a_gap_before_a_halt_ends_at_the_next_bar(panel):
    status = panel.status.copy()
    status[11, 0] = CellStatus.HALTED
    halted = replace(panel, status=status)
    assert places(long_gap(halted))["A"] == [6, 7, 8, 9, 10]
    assert places(after_long_gap(halted))["A"] == [12]


def test_what_comes_before_a_first_trade_is_no_gap_after_a_halt(panel):
    status = panel.status.copy()
    status[:2, 1:] = CellStatus.HALTED
    fields = {"close": np.where(status == CellStatus.TRADED, panel.closes, np.nan)}
    status[2:9, 1] = CellStatus.UNLISTED
    fields["close"][2:9, 1] = np.nan
    late = replace(panel, status=status, fields=fields)
    assert places(long_gap(late))["B"] == places(after_long_gap(late))["B"] == []


def test_only_an_asset_without_any_bar_never_traded(panel):
    assert not never_traded(panel).any()
    emptied = panel.closes.copy()
    emptied[:, 1] = np.nan
    status = panel.status.copy()
    status[:, 1] = CellStatus.MISSING
    silent = never_traded(replace(panel, fields={"close": emptied}, status=status))
    assert silent[:, 1].all() and not silent[:, [0, 2, 3]].any()


def test_a_delisting_that_only_silence_says_is_assumed(panel):
    status = panel.status.copy()
    status[14:, 0] = CellStatus.DELISTED
    quiet = replace(panel, status=status)
    assert places(assumed_delisted(quiet)) == {"A": [14, 15, 16, 17, 18, 19], "B": [], "C": [], "D": []}
    stated = replace(quiet, silence=replace(quiet.silence, ended={"A": SESSIONS[13].date()}))
    assert not assumed_delisted(stated).any()
