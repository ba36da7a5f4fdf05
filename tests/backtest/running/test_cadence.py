"""When new positions may be decided."""

import pandas as pd

from quantdl.backtest.plan.horizon import PeriodEnd
from quantdl.backtest.running.cadence import every_bars, period_ends
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
    assert every_bars(8, 2, 3).tolist() == [False, False, True, False, False, True, False, False]


def test_before_the_run_nothing_is_due_and_its_first_session_is():
    sessions = pd.bdate_range("2024-01-26", periods=8)  # 31 January is the fourth
    due = period_ends(sessions, 1, "month", "XNYS")
    assert due.tolist() == [False, True, False, True, False, False, False, False]
