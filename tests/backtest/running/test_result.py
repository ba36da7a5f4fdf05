"""The tables of a run."""

import numpy as np
import pandas as pd

from quantdl.backtest.book.terms import CALM, STRESSED
from quantdl.backtest.running.result import SESSION_DTYPE
from quantdl.backtest.running.tables import Close
from tests.backtest.oracle.journal import Event
from tests.backtest.oracle.orders import Fill, Order
from tests.backtest.oracle.tables import Tables
from tests.backtest.oracle.trades import Trade

SESSIONS = pd.date_range("2024-01-01", periods=4)
NAN = float("nan")


def tables():
    return Tables(SESSIONS, ("AAA", "BBB"), 1, 4)


def test_positions_become_dates_and_symbols():
    order = Order(1, 1, 1, "buy", 5.0, 10.0, 11.0, 0.5, 5.0, "filled", 0.0)
    row = tables().orders([order]).iloc[0]
    assert (row["order"], row["decided"], row["asset"], row["status"]) == (1, SESSIONS[1], "BBB", "filled")
    fill = Fill(1, 1, 2, 0, "buy", 5.0, 10.0, 50.0, 1.0, 2.0, 3.0, 6.0, 1e6, 0.01)
    row = tables().fills([fill]).iloc[0]
    assert (row["decided"], row["session"], row["asset"], row["cost"]) == (SESSIONS[1], SESSIONS[2], "AAA", 6.0)
    row = tables().events([Event(3, "sizing", "stop_loss", "sold")]).iloc[0]
    assert tuple(row) == (SESSIONS[3], "sizing", "stop_loss", "sold")


def test_an_open_trade_has_no_exit():
    closed = Trade(0, 1, 3, 5.0, 0.05, "buy", "sell", is_open=False)
    running = Trade(1, 2, 3, -1.0, -0.01, "buy", "", is_open=True)
    table = tables().trades([closed, running], np.arange(len(SESSIONS)))
    assert list(table["bars"]) == [2, 1]
    assert table["exit"].iloc[0] == SESSIONS[3] and pd.isna(table["exit"].iloc[1])
    assert list(table["open"]) == [False, True]


def test_empty_tables_have_the_types_of_full_ones():
    made = tables()
    order = Order(1, 1, 1, "buy", 5.0, 10.0, 11.0, 0.5, 5.0, "filled", 0.0)
    fill = Fill(1, 1, 2, 0, "buy", 5.0, 10.0, 50.0, 1.0, 2.0, 3.0, 6.0, 1e6, 0.01)
    trade = Trade(0, 1, 3, 5.0, 0.05, "buy", "sell", is_open=False)
    pairs = [
        (made.orders([order]), made.orders([])),
        (made.fills([fill]), made.fills([])),
        (made.trades([trade], np.arange(len(SESSIONS))), made.trades([], np.arange(len(SESSIONS)))),
        (made.events([Event(1, "a", "b", "c")]), made.events([])),
    ]
    for full, empty in pairs:
        assert full.dtypes.equals(empty.dtypes)
        days = full.select_dtypes("datetime")
        assert {str(kind) for kind in days.dtypes} == {SESSION_DTYPE}


def test_a_session_begins_with_the_regime_known_at_the_close_before():
    codes = np.array([CALM, STRESSED, CALM, CALM])
    assert list(tables().regimes(codes)["regime"]) == ["calm", "stressed", "calm"]
    from_the_start = Tables(SESSIONS, ("AAA", "BBB"), 0, 2).regimes(codes)
    assert list(from_the_start["regime"]) == ["undefined", "calm"]


def test_where_groups_change_only_the_heaviest_is_kept():
    rows = [np.array([0.2, 0.5]), np.array([0.4]), np.array([0.1, 0.0])]
    assert list(tables().exposures(rows, None)["heaviest cluster"]) == [0.5, 0.4, 0.1]
    fixed = tables().exposures([np.array([0.2, 0.5])] * 3, ("left", "right"))
    assert list(fixed.columns) == ["left", "right"] and (fixed["right"] == 0.5).all()


def test_the_book_at_each_close_is_a_row_of_its_session():
    rows = [Close(1000.0 + n, 500.0, 0.0, 0.5, 0.5, 0.1, 1.0, 0.25, 0.01, NAN, n == 2) for n in range(3)]
    table = tables().closes(rows)
    assert list(table.index) == list(SESSIONS[1:])
    assert list(table["equity"]) == [1000.0, 1001.0, 1002.0] and list(table["halted"]) == [False, False, True]
    assert list(table["interest"]) == [0.25] * 3
