"""A condition that fires ends the run: computed again from equity, prices and predictions, it shows whether it did."""

from dataclasses import replace

import numpy as np
import pytest

from quantdl.backtest import Exceptions
from quantdl.backtest.plan import invalidation
from quantdl.backtest.plan.invalidation import CalibrationLimit, DrawdownLimit, StaleDataLimit, VolatilityLimit
from tests.backtest.judged import AtBars, Fixed, failed, good_plan, good_run, judged, market, only, row, run
from tests.backtest.worlds import random_walk, world

PANEL = world(random_walk(300, 4), calendar="XNYS")
DRAWDOWN = DrawdownLimit("drawdown", 0.4)


def faults(*conditions, forecasts_risk=True, max_gross=1.0):
    found = invalidation.faults(conditions, max_gross, forecasts_risk=forecasts_risk)
    return {fault.item: str(fault) for fault in found}


@pytest.mark.parametrize(
    ("conditions", "item", "words"),
    [
        ((), "invalidation", "at least one testable condition"),
        ((DrawdownLimit("drawdown", 0.99),), "invalidation.0.limit", "never bind"),
        ((DrawdownLimit("drawdown", 0.0),), "invalidation.0.limit", "above 0"),
        ((VolatilityLimit("volatility", 3.0, 20),), "invalidation.0.annualised", "never bind"),
        ((DRAWDOWN, VolatilityLimit("volatility", 0.3, 2)), "invalidation.1.window_bars", "at least 5"),
        ((StaleDataLimit("stale_data", 0),), "invalidation.0.bars", "at least 1"),
        ((CalibrationLimit("calibration", 0.4, 0.05),), "invalidation.0.level", "between 0.5 and 1"),
        ((CalibrationLimit("calibration", 0.99, 0.5),), "invalidation.0.false_halt_probability", "at most 0.05"),
        ((DRAWDOWN, DRAWDOWN), "invalidation", "each kind once"),
    ],
)
def test_conditions_that_cannot_be_tested_are_refused(conditions, item, words):
    assert words in faults(*conditions)[item]


def test_calibration_needs_a_predicted_value_at_risk():
    condition = CalibrationLimit("calibration", 0.99, 0.05)
    assert faults(condition) == {}
    assert "value at risk" in faults(condition, forecasts_risk=False)["invalidation.0"]


def test_a_book_with_leverage_may_fall_further():
    assert faults(DrawdownLimit("drawdown", 0.9)) != {}
    assert faults(DrawdownLimit("drawdown", 0.9), max_gross=2.0) == {}


def test_a_delisting_comes_before_a_limit_on_stale_data_that_is_too_long():
    found = [str(fault) for fault in invalidation.data_faults((StaleDataLimit("stale_data", 15),), PANEL, 300)]
    assert len(found) == 1 and "delisted after 10" in found[0]
    assert list(invalidation.data_faults((StaleDataLimit("stale_data", 5),), PANEL, 300)) == []


# After the run -------------------------------------------------------------------------------------------------------


def plan_with(*conditions):
    return good_plan(invalidation=conditions)


def drawdown():
    equity = np.concatenate([[1e6], good_run().equity["equity"]])
    return (1 - equity / np.maximum.accumulate(equity))[1:]


def test_a_halted_run_fails_by_the_condition_that_fired():
    plan = plan_with(DrawdownLimit("drawdown", 0.08))
    result = run(plan)
    causes = failed(judged(plan, result))
    assert causes["invalidation"] == f"halted on {result.halted_on:%Y-%m-%d}: drawdown reached its limit of 0.08"
    assert set(causes) <= {"invalidation", "sample"}


def test_a_drawdown_beyond_the_limit_that_halted_nothing_fails():
    plan = plan_with(DrawdownLimit("drawdown", 0.08))
    first = int(np.flatnonzero(drawdown() >= 0.08)[0])
    day, left = good_run().equity.index[first], 400 - first
    cause = only("invalidation", judged(plan))
    assert cause == f"drawdown reached its limit of 0.08 on {day:%Y-%m-%d}, and the run went on for {left} sessions"


def test_the_equity_curve_is_what_counts():
    """The recorded values of the condition say nothing; the curve falls by half for a day."""
    equity = good_run().equity.copy()
    equity.loc[equity.index[50], "equity"] *= 0.5
    causes = failed(judged(result=replace(good_run(), equity=equity)))
    assert causes["invalidation"].startswith(f"drawdown reached its limit of 0.4 on {equity.index[50]:%Y-%m-%d}")
    assert "equity on record and by the fills differ" in causes["documentation"]
    assert set(causes) == {"invalidation", "documentation"}


def test_a_volatility_beyond_the_limit_that_halted_nothing_fails():
    plan = plan_with(DRAWDOWN, VolatilityLimit("volatility", 0.3, 20))
    equity = np.concatenate([[1e6], good_run().equity["equity"]])
    returns = equity[1:] / equity[:-1] - 1
    deviations = np.array([returns[t - 19 : t + 1].std(ddof=1) for t in range(19, 400)]) * np.sqrt(365)
    first = 19 + int(np.flatnonzero(deviations >= 0.3)[0])
    cause = only("invalidation", judged(plan))
    assert cause.startswith(f"volatility reached its limit of 0.3 on {good_run().equity.index[first]:%Y-%m-%d}")
    assert f"volatility at most {deviations.max():.4g}" in row("invalidation", judged(plan)).figure


def test_a_stale_price_beyond_the_limit_that_halted_nothing_fails():
    """A00 makes no price for six sessions while it is held."""
    closes = market().closes.copy()
    closes[100:106, 0] = np.nan
    panel = world(closes)
    plan = good_plan(panel, invalidation=(DRAWDOWN,))
    result = run(plan, panel=panel)
    strict = replace(plan, invalidation=(DRAWDOWN, StaleDataLimit("stale_data", 4)))
    cause = only("invalidation", judged(strict, result, panel))
    assert cause.startswith(f"stale_data reached its limit of 5 on {panel.sessions[104]:%Y-%m-%d}")
    lax = replace(plan, invalidation=(DRAWDOWN, StaleDataLimit("stale_data", 6)))
    assert judged(lax, result, panel).verdict == "defended"


def predictions(exceeded):
    days = tuple(day.date() for day in good_run().equity.index[1:])
    return (Exceptions(0.99, days, tuple(days[at] for at in exceeded)),)


def test_too_many_losses_beyond_value_at_risk_that_halted_nothing_fail():
    """Four exceptions in four sessions: the mean over bets q of (q / p)^4 is far beyond 20, three are not enough."""
    plan = plan_with(DRAWDOWN, CalibrationLimit("calibration", 0.99, 0.05))
    bets = np.minimum(np.array([1.5, 2, 3, 5, 10]) * 0.01, 0.505)
    assert ((bets / 0.01) ** 2).mean() > 20 > (bets / 0.01).mean()
    cause = only("invalidation", judged(plan, exceptions=predictions([0, 1])))
    assert cause == "calibration reached its limit of 20 on 2018-01-04, and the run went on for 398 sessions"
    assert judged(plan, exceptions=predictions([0])).verdict == "defended"
    found = row("invalidation", judged(plan, exceptions=predictions([])))
    assert found.figure.endswith("calibration at most 1")  # where it begins; it falls without exceptions


def test_without_predictions_the_recorded_process_counts():
    plan = plan_with(DRAWDOWN, CalibrationLimit("calibration", 0.99, 0.05))
    recorded = good_run().conditions.assign(calibration=1.0)
    recorded.iloc[30, recorded.columns.get_loc("calibration")] = 25.0
    cause = only("invalidation", judged(plan, replace(good_run(), conditions=recorded)))
    assert cause.startswith("calibration reached its limit of 20 on 2018-02-01")


def test_a_halt_without_a_cause_fails():
    halted = replace(good_run(), halted_on=good_run().equity.index[399], halt_reason="")
    assert only("invalidation", judged(result=halted)) == "halted on 2019-02-05, but no condition had fired"


def test_what_was_bought_or_kept_after_the_halt_fails():
    """A condition fired at session 320 by the record, and the run went on as before."""
    recorded = good_run().conditions.assign(calibration=1.0)
    recorded.iloc[320, recorded.columns.get_loc("calibration")] = 25.0
    result = replace(good_run(), conditions=recorded, halted_on=good_run().equity.index[320])
    plan = plan_with(DRAWDOWN, CalibrationLimit("calibration", 0.99, 0.05))
    causes = failed(judged(plan, result))
    assert "positions were enlarged after the halt; 6 positions were kept after the halt" in causes["invalidation"]


def test_a_book_that_its_equity_no_longer_carries_fails():
    """All but a hundredth of the money gone on paper, and nothing ended the run."""
    equity = good_run().equity.copy()
    equity["equity"] = np.where(np.arange(400) == 399, -1.0, equity["equity"])
    causes = failed(judged(plan_with(VolatilityLimit("volatility", 1e3, 20)), replace(good_run(), equity=equity)))
    assert causes["invalidation"] == "equity did not carry the book on 2019-02-05, and nothing ended the run"


def test_a_condition_that_could_not_be_measured_is_undecided():
    plan = plan_with(VolatilityLimit("volatility", 0.9, 500))
    found = row("invalidation", judged(plan))
    assert (found.passed, found.cause) == (None, "volatility was never defined")
    assert found.figure == "no condition could be measured"


def test_fills_at_the_decision_do_not_count_before_the_condition():
    """Filled at the close it was decided on, equity is watched before the costs of that close."""
    plan = good_plan(friction={"fill_at": "decision_close", "liquidity": good_plan().friction.liquidity})
    found = row("invalidation", judged(plan, run(plan, Fixed())))
    assert found.passed is True
    before = AtBars({1: ([0.15] * 6, "rebalance")})
    assert row("invalidation", judged(plan, run(plan, before))).figure.startswith("drawdown at most 0.0")
