"""A plan on bars shorter than a session: what is counted in bars, what in sessions, and which bar ends a session."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from quantdl.backtest import Order, Orders, PositionExits, run_backtest
from quantdl.backtest.book.tape import read_tape
from quantdl.backtest.judging.checklist import assess
from quantdl.backtest.plan.abnormal_volatility import StressWindow
from quantdl.backtest.plan.borrowing import Borrow
from quantdl.backtest.plan.horizon import EveryBars, PeriodEnd
from quantdl.backtest.run import prepare
from quantdl.backtest.running.asking import StrategyDriver
from quantdl.backtest.running.baseline import equal_weight_baseline
from quantdl.backtest.running.cadence import period_ends
from quantdl.backtest.running.session_results import results_by_stress_window
from quantdl.backtest.running.targets import TargetTable
from quantdl.errors import PlanError
from quantdl.risk.curves.metrics import performance
from tests.backtest.judged import EVIDENCE
from tests.backtest.oracle.engine import play
from tests.backtest.worlds import NO_COSTS, Schedule, hours, plan_for, random_walk, run_hours, span, world

SHORT = {
    "sizing": {"long_only": False, "max_gross": 1.5, "max_net": 0.9},
    "related_positions": {"max_group_gross": 0.8, "max_group_net": 0.7},
}


def labels(rows):
    return [f"{label:%m-%d %H:%M}" for label in rows]


def due(panel, period):
    asked = Schedule({})
    run_hours(panel, asked, horizon={"rebalance": PeriodEnd("period_end", period)})
    return labels(view.session for view in asked.views if view.rebalance_due)


def test_the_last_bar_of_a_session_is_the_one_that_the_calendar_ends_with():
    """3 July 2023 and 24 November 2023 closed at 13:00; the first bar of a run is due in any case."""
    panel = hours(100.0, "2023-07-03", "2023-07-07")
    assert due(panel, "day") == ["07-03 10:30", "07-03 13:00", "07-05 16:00", "07-06 16:00", "07-07 16:00"]
    november = hours(100.0, "2023-11-20", "2023-12-01")
    assert due(november, "week") == ["11-20 10:30", "11-24 13:00", "12-01 16:00"]
    assert due(november, "month") == ["11-20 10:30", "11-30 16:00"]


def test_a_lunch_break_ends_no_session():
    """Tokyo trades 09:00-11:30 and 12:30-15:00 (until November 2024), Hong Kong 09:30-12:00 and 13:00-16:00."""
    tokyo = hours(100.0, "2023-07-03", "2023-07-04", "XTKS")
    assert labels(tokyo.bars[:6]) == [
        "07-03 10:00", "07-03 11:00", "07-03 11:30", "07-03 13:30", "07-03 14:30", "07-03 15:00",
    ]  # fmt: skip
    assert due(tokyo, "day") == ["07-03 10:00", "07-03 15:00", "07-04 15:00"]
    hong_kong = hours(100.0, "2023-07-04", "2023-07-05", "XHKG")
    assert due(hong_kong, "day") == ["07-04 10:30", "07-04 16:00", "07-05 16:00"]


def test_a_session_whose_last_bar_does_not_trade_is_rebalanced_at_the_next_bar_that_does():
    closes = np.full((60, 2), 100.0)
    closes[10] = np.nan  # 5 July, 16:00
    panel = hours(closes, "2023-07-03", "2023-07-07")
    assert due(panel, "day") == ["07-03 10:30", "07-03 13:00", "07-06 10:30", "07-06 16:00", "07-07 16:00"]


def test_no_decision_falls_due_by_what_comes_later():
    panel = hours(random_walk(120, 2), "2023-11-20", "2023-12-04")
    for period in ("day", "week", "month"):
        whole = period_ends(read_tape(panel), 0, period)
        for row in range(len(panel.bars)):
            cut = period_ends(read_tape(panel.until(panel.known_at[row])), 0, period)
            assert cut.tolist() == whole[: row + 1].tolist(), (period, row)


def test_fills_and_holdings_are_dated_by_bars():
    """Decided at the first bar, filled at the second, sold at the sixth, of which the session has four."""
    closes = np.full((80, 2), 100.0)
    closes[1:, 0] = 110.0
    result = run_hours(hours(closes), {0: [0.5, 0.0], 4: [0.0, 0.0]}, friction=NO_COSTS)
    assert labels(result.fills["session"]) == ["07-03 11:30", "07-05 11:30"]
    assert labels(result.fills["decided"]) == ["07-03 10:30", "07-05 10:30"]
    assert result.trades["bars"].tolist() == [4]
    assert result.equity.index.is_unique
    assert result.session_of_each.equals(hours(closes).sessions)


def test_a_book_without_a_decision_is_closed_after_the_plan_s_bars():
    """Decided at the close of the first bar, so at the seventh the decision is 6 bars old; sold at the eighth."""
    result = run_hours(hours(100.0), {0: [0.5, 0.0]}, friction=NO_COSTS, horizon={"bars": 6})
    assert labels(result.events["session"]) == ["07-05 12:30"]
    assert labels(result.trades["exit"]) == ["07-05 13:30"]


def test_a_stop_and_a_target_are_reached_within_an_hour():
    """Bought at the open of the second bar at 100; the third falls to 96, the fourth would have reached the target."""
    close = np.full((60, 2), 100.0)
    high, low = close + 0.5, close - 0.5
    low[2, 0], high[3, 0] = 96.0, 110.0
    panel = hours(close, fields={"open": close, "high": high, "low": low})

    class Guarded:
        def decide(self, view):
            if len(view.sessions) == 1:
                exits = PositionExits("A00", "leave", stop=97.0, target=105.0)
                return Orders((Order("A00", 5.0, "rebalance"),), (exits,))
            return None

    items = {"friction": NO_COSTS | {"fill_at": "next_open"}, "trusted_data": {"fields": tuple(panel.fields)}}
    result = run_hours(panel, Guarded(), **items)
    assert labels(result.fills["session"]) == ["07-03 11:30", "07-03 12:30"]
    assert result.fills["price"].tolist() == [100.0, 97.0]


def lived(panel, schedule, rate, **items):
    timeframe, longest = panel.card.declaration.frequency, len(panel.bars) - 1
    horizon = {"bars": longest, "timeframe": timeframe}
    sample = {"minimum_sessions": panel.sessions.nunique() if timeframe != "1D" else longest + 1}
    plan = plan_for(panel, horizon=horizon, sample=sample, friction=NO_COSTS, **items)
    return plan, run_backtest(panel, plan, Schedule(schedule), *span(panel), None, 1000.0, risk_free=rate)


@pytest.mark.parametrize("calendar", ["XNYS", "XTKS"])
def test_cash_earns_over_night_what_it_earns_from_session_to_session(calendar):
    """A book of cash grows alike on hours and on sessions, and its Sharpe ratio subtracts just that."""
    by_hour = hours(100.0, "2023-07-03", "2023-09-29", calendar)
    days = by_hour.sessions.unique()
    by_day = world(np.full((len(days), 2), 100.0), first=f"{days[0]:%Y-%m-%d}", calendar=calendar)
    by_day = replace(by_day, known_at=by_hour.known_at[~by_hour.sessions.duplicated(keep="last")])
    plan, result = lived(by_hour, {}, 0.05)
    assert result.final_equity == pytest.approx(lived(by_day, {}, 0.05)[1].final_equity, rel=1e-12)
    earned = result.equity["interest"] > 0
    assert (earned == ~by_hour.sessions.duplicated()).all()
    years = prepare(by_hour, plan, *span(by_hour), risk_free=0.05).terms.years
    before = by_hour.bars[0] - pd.Timedelta(days=1)
    curve = pd.concat([pd.Series([1000.0], index=[before]), result.equity["equity"]])
    elapsed = pd.Series(np.concatenate([[0.0], np.cumsum(years)]), curve.index)
    figures = performance(curve, 252 * 7, 0.05, elapsed)
    assert figures.sharpe_per_bar is None and "zero variance" in figures.undefined["sharpe_per_bar"]


def test_a_short_position_of_some_hours_pays_no_fee_and_one_over_night_pays_a_day():
    """Half of 1,000 sold short at a fee of 10 % a year: 500 x 0.1 / 250 sessions of 2023 for each night."""
    panel = hours(100.0, "2023-07-05", "2023-07-07")
    fee = {"friction": NO_COSTS | {"borrow": Borrow(0.1, 0.3)}}
    within = run_hours(panel, {0: [-0.5, 0.0], 3: [0.0, 0.0]}, **SHORT, **fee)
    assert within.equity["costs"].sum() == 0.0
    over = run_hours(panel, {0: [-0.5, 0.0]}, **SHORT, **fee)
    assert over.equity["costs"].sum() == pytest.approx(2 * 500 * 0.1 / 250, rel=1e-12)
    assert labels(over.equity.index[over.equity["costs"] > 0]) == ["07-06 10:30", "07-07 10:30"]


@pytest.mark.parametrize(("sessions", "bought"), [(0, "07-03 13:00"), (1, "07-05 10:30"), (2, "07-06 10:30")])
def test_sales_settle_with_the_first_bar_of_a_session(sessions, bought):
    """Money in one share is sold at the third bar of a session of four; settled cash buys the other."""
    schedule = {0: [0.9, 0.0], 1: [0.0, 0.0]} | {row: [0.0, 0.9] for row in range(2, 20)}
    friction = NO_COSTS | {"settlement_sessions": sessions}
    result = run_hours(hours(100.0), schedule, friction=friction)
    held = result.quantities["A01"]
    assert labels(held.index[held > 2])[0] == bought


def test_hours_are_refused_where_the_plan_is_of_sessions():
    with pytest.raises(PlanError, match=r"horizon.timeframe.*'1D'.*frequency of the trusted data, '60min'"):
        run_hours(hours(100.0), {}, horizon={"timeframe": "1D"})


def test_a_horizon_that_outlasts_some_weeks_and_not_others_is_refused_by_their_bars():
    """Weeks of 35 bars, and one of 32 with an early close on Monday and a holiday on Tuesday: 4 + 3 x 7 = 25."""
    panel = hours(100.0, "2023-06-19", "2023-07-21")
    weekly = PeriodEnd("period_end", "week")
    with pytest.raises(PlanError, match=r"horizon.bars: got 30, expected at least 35: a week has up to 35 bars"):
        run_hours(panel, {}, horizon={"bars": 30, "rebalance": weekly})
    run_hours(panel, {}, horizon={"bars": 35, "rebalance": weekly})


@pytest.mark.parametrize("seed", range(4))
def test_the_compiled_engine_agrees_with_the_reference(seed):
    """Random weights, short ones too, at random bars, with fees, interest and all costs."""
    generator = np.random.default_rng(seed)
    panel = hours(random_walk(120, 3, seed), "2023-06-26", "2023-07-14")
    items = {"sizing": SHORT["sizing"] | {"stop_loss": 0.01}, "related_positions": SHORT["related_positions"]}
    plan = plan_for(
        panel,
        horizon={"bars": 12, "timeframe": "60min", "rebalance": EveryBars("every_bars", 1)},
        friction={"borrow": Borrow(0.1, 0.3)},
        **items,
    )
    schedule = {
        int(row): generator.uniform(-0.3, 0.3, 3) for row in generator.choice(len(panel.bars) - 1, 20, replace=False)
    }
    job = prepare(panel, plan, *span(panel), 1000.0, 0.05)
    reference = play(job, StrategyDriver(job, Schedule(schedule), None), None)
    result = run_backtest(panel, plan, Schedule(schedule), *span(panel), None, 1000.0, risk_free=0.05)
    pd.testing.assert_frame_equal(result.equity, reference.equity, rtol=1e-12, check_freq=False)
    for table in ("orders", "fills", "trades"):
        columns = (
            ["asset", "rule_in", "rule_out", "entry", "exit"] if table == "trades" else ["asset", "rule", "decided"]
        )
        pd.testing.assert_frame_equal(getattr(result, table)[columns], getattr(reference, table)[columns])
    assert result.events["session"].tolist() == reference.events["session"].tolist()
    rows = {item.item: item for item in assess(plan, panel, result, EVIDENCE, 0.05).items}
    broken = {name: row.cause for name, row in rows.items() if row.passed is False}
    assert set(broken) <= {"hypothesis", "sample"}, broken


def test_a_table_of_targets_names_its_bars():
    panel = hours(random_walk(80, 2), "2023-07-03", "2023-07-14")
    rows = [0, 5, 9]
    table = TargetTable(panel.bars[rows], np.full((3, 2), 0.4), "rebalance")
    asked = run_hours(panel, {row: [0.4, 0.4] for row in rows})
    pd.testing.assert_frame_equal(_run_table(panel, table).fills, asked.fills)


def _run_table(panel, table):
    longest = len(panel.bars) - 1
    plan = plan_for(
        panel, horizon={"bars": longest, "timeframe": "60min"}, sample={"minimum_sessions": panel.sessions.nunique()}
    )
    return run_backtest(panel, plan, table, *span(panel), None, 1000.0)


def test_the_baseline_is_rebalanced_at_the_last_bar_of_a_month():
    panel = hours(random_walk(400, 2), "2023-06-20", "2023-08-10")
    plan = plan_for(panel, horizon={"bars": 20, "timeframe": "60min"})
    baseline = equal_weight_baseline(prepare(panel, plan, *span(panel)))
    assert sorted(set(labels(baseline.fills["decided"]))) == ["06-20 10:30", "06-30 16:00", "07-31 16:00"]


def test_a_stress_window_has_all_bars_of_its_sessions():
    result = run_hours(hours(100.0), {0: [0.5, 0.0]})
    window = StressWindow("two days", pd.Timestamp("2023-07-03").date(), pd.Timestamp("2023-07-05").date())
    assert results_by_stress_window(result, [window])["sessions"].tolist() == [4 + 7]
