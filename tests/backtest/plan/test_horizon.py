"""A book that outlives its last decision by more than the horizon was not closed as the plan says."""

from dataclasses import replace

import pytest

from quantdl.backtest import Hold
from quantdl.backtest.plan import horizon
from quantdl.backtest.plan.horizon import EveryBars, Horizon, PeriodEnd
from tests.backtest.judged import Fixed, good_plan, good_run, judged, only, row, run
from tests.backtest.worlds import plan_for, random_walk, world

DATA = plan_for(world(random_walk(60, 2), calendar="XNYS")).trusted_data


def faults(stated, model_horizon=None, data=DATA):
    return {fault.item: str(fault) for fault in horizon.faults(stated, data, model_horizon)}


@pytest.mark.parametrize(
    ("stated", "item", "words"),
    [
        (Horizon(0, "1D", EveryBars("every_bars", 1)), "horizon.bars", "at least 1"),
        (Horizon(5, "60min", EveryBars("every_bars", 1)), "horizon.timeframe", "'1D'"),
        (Horizon(5, "1D", EveryBars("every_bars", 0)), "horizon.rebalance.bars", "at least 1"),
        (Horizon(21, "1D", PeriodEnd("period_end", "month")), "horizon.bars", "up to 23 sessions"),
        (Horizon(4, "1D", PeriodEnd("period_end", "week")), "horizon.bars", "up to 5 sessions"),
    ],
)
def test_a_horizon_that_cannot_be_kept_is_refused(stated, item, words):
    assert words in faults(stated)[item]


def test_a_month_is_longer_where_markets_never_close():
    stated, data = Horizon(29, "1D", PeriodEnd("period_end", "month")), replace(DATA, calendar="24/7")
    assert "up to 31 sessions" in faults(stated, data=data)["horizon.bars"]
    assert faults(stated) == {}  # New York has no month of 24 sessions


def test_a_month_of_weekly_bars_has_up_to_five_and_of_monthly_ones_one():
    monthly = PeriodEnd("period_end", "month")
    weeks, months = replace(DATA, frequency="1W"), replace(DATA, frequency="1M")
    assert "up to 5 bars" in faults(Horizon(4, "1W", monthly), data=weeks)["horizon.bars"]
    assert faults(Horizon(5, "1W", monthly), data=weeks) == {}
    assert faults(Horizon(1, "1W", PeriodEnd("period_end", "week")), data=weeks) == {}
    assert faults(Horizon(1, "1M", monthly), data=months) == {}


def test_the_horizon_is_that_of_the_model():
    stated = Horizon(5, "1D", EveryBars("every_bars", 5))
    assert faults(stated, model_horizon=5) == {}
    assert "the model's horizon of 1 bars" in faults(stated, model_horizon=1)["horizon.bars"]


def test_a_horizon_as_long_as_the_run_can_never_bind():
    stated = Horizon(60, "1D", EveryBars("every_bars", 5))
    assert [fault.item for fault in horizon.data_faults(stated, 60)] == ["horizon.bars"]
    assert list(horizon.data_faults(stated, 61)) == []


def test_a_book_held_beyond_the_horizon_fails():
    """Decided every ten bars and closed by nothing: nine bars after a decision, where five are allowed."""
    lax = good_plan(horizon={"bars": 20, "rebalance": EveryBars("every_bars", 10)})
    checklist = judged(result=run(lax))
    assert only("horizon", checklist) == "held 4 bars longer than horizon and exit allow, on 2018-01-11"
    assert row("horizon", checklist).figure.startswith("oldest book 9 bars, median trade 398 bars")


def test_decisions_that_were_never_taken_fail():
    """The record keeps the fills and loses the decisions after the first three."""
    lost = replace(good_run(), decisions=good_run().decisions[:3])
    assert only("horizon", judged(result=lost)).startswith("held 384 bars longer")  # the 11th session decides last


def test_a_decision_to_hold_refreshes_the_book():
    class Once(Fixed):
        def decide(self, view):
            return super().decide(view) if len(view.sessions) == 1 else Hold("rebalance")

    assert row("horizon", judged(result=run(good_plan(), Once()))).figure.startswith("oldest book 0 bars")


def test_the_exit_may_take_as_long_as_the_fast_exit():
    class Once(Fixed):
        def decide(self, view):
            return super().decide(view) if len(view.sessions) == 1 else None

    result = run(good_plan(), Once())
    assert row("horizon", judged(result=result)).passed is True
    assert row("horizon", judged(result=result)).figure == "oldest book 5 bars, median trade 5 bars flat to flat"
