"""When new positions may be decided."""

from dataclasses import replace
from datetime import date

import numpy as np
import pandas as pd

from quantdl.backtest.book.tape import read_tape
from quantdl.backtest.plan.horizon import EveryBars, PeriodEnd
from quantdl.backtest.running.cadence import every_bars, period_ends
from quantdl.calendars import CalendarCorrection, trading_calendar
from tests.backtest.worlds import Schedule, random_walk, run, world


def test_month_ends_and_the_first_session_are_due():
    panel = world(random_walk(130, 2), calendar="XNYS")
    asked = Schedule({})
    run(panel, asked, horizon={"bars": 23, "rebalance": PeriodEnd("period_end", "month")})
    due = [f"{view.session:%Y-%m-%d}" for view in asked.views if view.rebalance_due]
    # The last trading days of 2018, from the exchange's calendar of that year.
    assert due == ["2018-01-02", "2018-01-31", "2018-02-28", "2018-03-29", "2018-04-30", "2018-05-31", "2018-06-29"]


def test_an_unforeseen_closure_does_not_move_a_week_s_end_ahead():
    panel = world(random_walk(20, 2), first="2001-09-04", calendar="XNYS")
    asked = Schedule({})
    run(panel, asked, horizon={"rebalance": PeriodEnd("period_end", "week")})
    due = [f"{view.session:%m-%d}" for view in asked.views if view.rebalance_due]
    # On Monday, 10 September, it was not known that the week was over.
    assert due == ["09-04", "09-07", "09-17", "09-21", "09-28", "10-05"]


def test_bars_are_counted_from_the_first_session_of_the_run():
    trades = np.ones(8, dtype=bool)
    assert every_bars(trades, 2, 3).tolist() == [False, False, True, False, False, True, False, False]


def test_a_bar_on_which_nothing_trades_is_neither_counted_nor_due():
    trades = np.array([False, False, True, True, False, True, True])
    assert every_bars(trades, 1, 2).tolist() == [False, False, True, False, False, True, False]


def tape_of(days, calendar, frequency="1D", dead=()):
    panel = world(random_walk(len(days), 2), calendar=calendar)
    traded = np.ones((len(days), 2), dtype=bool)
    traded[days.isin(pd.DatetimeIndex(dead))] = False
    return replace(read_tape(panel), sessions=days, days=days, frequency=frequency, traded=traded)


def due_days(tape, period):
    return [f"{day:%m-%d}" for day in tape.sessions[period_ends(tape, 0, period)]]


def test_before_the_run_nothing_is_due_and_its_first_session_is():
    sessions = pd.bdate_range("2024-01-26", periods=8)  # 31 January is the fourth
    due = period_ends(tape_of(sessions, "XNYS"), 1, "month")
    assert due.tolist() == [False, True, False, True, False, False, False, False]


def test_a_week_ends_on_thursday_where_the_market_trades_from_sunday():
    """Tel Aviv traded Sunday to Thursday until 2026: the weeks of June 2024 end on the 6th, 13th, 20th."""
    days = trading_calendar("TASE").sessions("2024-06-02", "2024-06-20")
    days = days[days >= "2024-06-02"]
    ends = due_days(tape_of(days, "TASE"), "week")
    assert ends == ["06-02", "06-06", "06-13", "06-20"]
    assert {day.day_name() for day in pd.to_datetime([f"2024-{end}" for end in ends[1:]])} == {"Thursday"}


def test_what_falls_due_on_a_dead_session_is_due_on_the_next_that_trades():
    """Friday, 12 January 2024, is dead, so Tuesday the 16th is due (Monday is a holiday of New York)."""
    days = trading_calendar("XNYS").sessions("2024-01-03", "2024-01-26")
    assert due_days(tape_of(days, "XNYS", dead=["2024-01-12"]), "week") == ["01-03", "01-05", "01-16", "01-19", "01-26"]
    dead_month_end = tape_of(trading_calendar("XNYS").sessions("2024-01-22", "2024-02-07"), "XNYS", dead=["2024-01-31"])
    assert due_days(dead_month_end, "month") == ["01-22", "02-01"]


def test_stocks_on_a_calendar_that_never_closes_are_due_when_they_trade():
    days = pd.date_range("2024-06-03", "2024-06-23")  # three weeks from a Monday on
    tape = tape_of(days, "24/7", dead=days[days.day_of_week >= 5])
    assert due_days(tape, "week") == ["06-03", "06-10", "06-17"]


def test_every_weekly_bar_ends_a_week_and_the_last_of_a_month_a_month():
    """Fridays of 2024; Good Friday was 29 March, so that week ends on the 28th."""
    days = pd.DatetimeIndex("2024-03-15 2024-03-22 2024-03-28 2024-04-05 2024-04-12 2024-04-19 2024-04-26".split())
    weekly = tape_of(days, "XNYS", "1W")
    assert period_ends(weekly, 0, "week").all()
    assert due_days(weekly, "month") == ["03-15", "03-28", "04-26"]


def test_no_due_session_depends_on_what_comes_after_it():
    days = trading_calendar("XNYS").sessions("2024-01-02", "2024-06-28")
    dead = days[np.random.default_rng(0).random(len(days)) < 0.2]
    for period in ("week", "month"):
        whole = period_ends(tape_of(days, "XNYS", dead=dead), 0, period)
        for stop in (5, 31, 77, 110):
            part = period_ends(tape_of(days[:stop], "XNYS", dead=dead), 0, period)
            assert part.tolist() == whole[:stop].tolist()


def test_a_run_on_spot_currencies_decides_on_no_dead_sunday_and_keeps_its_horizon():
    """The FX calendar has a session labelled Sunday in which nothing trades; the fifth bar that trades is due."""
    closes = random_walk(40, 2)
    sundays = world(closes, calendar="FX").sessions.day_of_week == 6
    assert sundays.sum() >= 5
    closes[sundays] = np.nan
    asked = Schedule({})
    result = run(world(closes, calendar="FX"), asked, horizon={"bars": 5, "rebalance": EveryBars("every_bars", 5)})
    due = [view.session for view in asked.views if view.rebalance_due]
    trading = [view.session for view in asked.views if view.session.day_of_week != 6]
    assert due == trading[::5]
    assert not (result.events["condition"] == "expired").any()


def test_a_struck_session_moves_the_end_of_the_month():
    """New York, May 2024: Friday the 31st ends the month; struck, Thursday the 30th does."""
    notice = [CalendarCorrection(source="a notice", strike=date(2024, 5, 31))]
    for calendar, last in ((trading_calendar("XNYS"), "2024-05-31"), (trading_calendar("XNYS", notice), "2024-05-30")):
        sessions = calendar.sessions("2024-05-20", "2024-06-07")
        due = period_ends(replace(tape_of(sessions, "XNYS"), calendar=calendar), 0, "month")
        assert list(sessions[due]) == [pd.Timestamp("2024-05-20"), pd.Timestamp(last)]
