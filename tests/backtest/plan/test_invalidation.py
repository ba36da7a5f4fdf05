"""A condition that fires ends the run: computed again from fills, prices and predictions, it shows whether it did."""

from dataclasses import replace

import numpy as np
import pytest

from quantdl.backtest import Exceptions, PredictedLosses
from quantdl.backtest.book.conditions import Observed
from quantdl.backtest.plan import invalidation
from quantdl.backtest.plan.checks import plan_faults
from quantdl.backtest.plan.invalidation import (
    CalibrationLimit,
    Combination,
    DrawdownLimit,
    ShortfallLimit,
    StaleDataLimit,
    StressedMarket,
    TransformLimit,
    VolatilityLimit,
    fires,
    values_of,
)
from tests.backtest.judged import (
    AtBars,
    Fixed,
    changed_fill,
    failed,
    good_plan,
    good_run,
    judged,
    market,
    only,
    row,
    run,
)
from tests.backtest.worlds import hours, plan_for, random_walk, run as played, world

PANEL = world(random_walk(300, 4), calendar="XNYS")
FRICTION = plan_for(PANEL).friction
DRAWDOWN = DrawdownLimit("drawdown", 0.4)


def faults(*conditions, forecasts_risk=True, max_gross=1.0):
    alone = invalidation.faults(conditions, forecasts_risk=forecasts_risk)
    return {fault.item: str(fault) for fault in (*alone, *invalidation.reach_faults(conditions, max_gross))}


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
        ((ShortfallLimit("risk_e_process", 1.0, 0.05),), "invalidation.0.level", "between 0.5 and 1"),
        ((ShortfallLimit("risk_e_process", 0.99, 0.1),), "invalidation.0.false_halt_probability", "at most 0.05"),
        ((TransformLimit("pit_drift", 0.5),), "invalidation.0.false_halt_probability", "at most 0.05"),
        ((DRAWDOWN, DRAWDOWN), "invalidation", "each kind once"),
    ],
)
def test_conditions_that_cannot_be_tested_are_refused(conditions, item, words):
    assert words in faults(*conditions)[item]


TURMOIL = Combination("all", "turmoil", (DRAWDOWN, StressedMarket("stressed_market")), 5)


@pytest.mark.parametrize(
    ("condition", "item", "words"),
    [
        (replace(TURMOIL, of=()), "invalidation.0.of", "at least two conditions"),
        (replace(TURMOIL, of=(DRAWDOWN,), for_bars=1), "invalidation.0.of", "at least two conditions"),
        (replace(TURMOIL, for_bars=0), "invalidation.0.for_bars", "at least 1"),
        (replace(TURMOIL, of=(DRAWDOWN, DRAWDOWN)), "invalidation", "each kind once"),
        (replace(TURMOIL, of=(DrawdownLimit("drawdown", 0.9), TURMOIL)), "invalidation.0.of.0.limit", "never bind"),
        (
            replace(TURMOIL, of=(DRAWDOWN, replace(TURMOIL, of=(VolatilityLimit("volatility", 0.3, 2),)))),
            "invalidation.0.of.1.of.0.window_bars",
            "at least 5",
        ),
    ],
)
def test_parts_that_cannot_be_tested_are_refused_where_they_stand(condition, item, words):
    assert words in faults(condition)[item]


def test_conditions_made_of_others_are_accepted_and_may_hold_the_same_kinds():
    assert faults(DRAWDOWN, TURMOIL, replace(TURMOIL, name="calm", for_bars=1)) == {}
    assert faults(replace(TURMOIL, of=(DRAWDOWN,))) == {}  # five bars in a row


def test_a_row_of_bars_as_long_as_the_run_can_never_bind():
    found = invalidation.data_faults((replace(TURMOIL, for_bars=300),), FRICTION, PANEL, 300)
    assert [(fault.item, "never bind" in fault.expected) for fault in found] == [("invalidation.0.for_bars", True)]


def test_a_name_of_a_combination_is_written():
    plan = plan_for(PANEL, invalidation=(DRAWDOWN, replace(TURMOIL, name="todo")))
    assert [fault.item for fault in plan_faults(plan, None, False)] == ["invalidation.1.name"]


SEEN = Observed(
    equity=np.array([100.0, 95.0, 90.0, 92.0, 85.0, 84.0]),
    start=100.0,
    bars_per_year=252.0,
    trades=np.array([True, True, True, False, True, True]),
    silent_bars=np.array([0, 0, 0, 1, 2, 0]),
    stressed=np.array([False, True, True, True, True, True]),
)


def test_a_condition_is_a_function_of_arrays():
    """The fourth bar has no trade: it neither counts nor breaks a row."""
    fall, silent = DrawdownLimit("drawdown", 0.07), StaleDataLimit("stale_data", 1)
    stress = StressedMarket("stressed_market")
    assert fires(fall, SEEN).tolist() == [False, False, True, True, True, True]
    assert fires(silent, SEEN).tolist() == [False] * 4 + [True, False]
    assert fires(stress, SEEN).tolist() == [False] + [True] * 5
    both, either = Combination("all", "both", (fall, stress), 3), Combination("any", "either", (silent, fall), 2)
    assert values_of(both, SEEN).tolist() == [0, 0, 1, 1, 2, 3]
    assert fires(both, SEEN).tolist() == [False] * 5 + [True]
    assert values_of(either, SEEN).tolist() == [0, 0, 1, 1, 2, 3]
    assert values_of(Combination("all", "nested", (either, stress)), SEEN).tolist() == [0, 0, 0, 0, 1, 2]


def test_a_combination_with_a_part_that_cannot_be_computed_has_no_value():
    unknown = Combination("any", "either", (DRAWDOWN, CalibrationLimit("calibration", 0.99, 0.05)))
    assert np.isnan(values_of(unknown, SEEN)).all()


def test_a_combination_that_held_and_halted_nothing_fails():
    fall = DrawdownLimit("drawdown", 0.04)
    below = drawdown() >= 0.04
    rows = np.flatnonzero(below[2:] & below[1:-1] & below[:-2]) + 2
    lasting = Combination("all", "a lasting fall", (fall,), 3)
    cause = only("invalidation", judged(plan_with(DRAWDOWN, lasting)))
    assert cause.startswith(f"a lasting fall reached its limit of 3 on {good_run().equity.index[rows[0]]:%Y-%m-%d}")


@pytest.mark.parametrize(
    "condition",
    [
        CalibrationLimit("calibration", 0.99, 0.05),
        ShortfallLimit("risk_e_process", 0.975, 0.05),
        TransformLimit("pit_drift", 0.05),
    ],
)
def test_a_condition_that_follows_forecasts_needs_a_predicted_value_at_risk(condition):
    assert faults(condition) == {}
    assert "value at risk" in faults(condition, forecasts_risk=False)["invalidation.0"]


def test_a_book_with_leverage_may_fall_further():
    assert faults(DrawdownLimit("drawdown", 0.9)) != {}
    assert faults(DrawdownLimit("drawdown", 0.9), max_gross=2.0) == {}


@pytest.mark.parametrize(("bars", "refused"), [(299, False), (300, True), (10**20, True)])
def test_a_volatility_over_more_bars_than_the_run_has_can_never_bind(bars, refused):
    found = [
        str(fault)
        for fault in invalidation.data_faults((VolatilityLimit("volatility", 0.5, bars),), FRICTION, PANEL, 300)
    ]
    said = f"plan.invalidation.0.window_bars: got {bars}, expected fewer bars than the run has, or it can never bind, "
    assert [line.startswith(said + "at most 299.") for line in found] == [True] * refused


def test_a_payout_comes_before_a_limit_on_stale_data_that_is_too_long():
    after_ten = replace(FRICTION, delisted_after_sessions=10)

    def found(bars, stated):
        conditions = (StaleDataLimit("stale_data", bars),)
        return [str(fault) for fault in invalidation.data_faults(conditions, stated, PANEL, 300)]

    assert len(found(10, after_ten)) == 1 and "after 10 silent sessions" in found(10, after_ten)[0]
    assert found(9, after_ten) == found(299, FRICTION) == []
    assert len(found(300, FRICTION)) == 1 and "the run has 300 sessions" in found(300, FRICTION)[0]


def test_a_payout_after_sessions_comes_after_all_bars_of_these_sessions():
    """Seven bars a session: silent from its second bar on, an asset is gone in the third session after, 20 bars on."""
    panel, after_two = hours(100.0), replace(FRICTION, delisted_after_sessions=2)

    def found(bars, stated=after_two):
        conditions = (StaleDataLimit("stale_data", bars),)
        return [str(fault) for fault in invalidation.data_faults(conditions, stated, panel, len(panel.sessions))]

    assert np.unique(panel.sessions.value_counts()).tolist() == [4, 7]
    assert found(3) == found(19) == []
    assert len(found(20)) == 1 and "after 2 silent sessions" in found(20)[0]
    many = len(panel.sessions)
    assert f"the run has {many} bars" in found(many, FRICTION)[0]


def test_an_hourly_book_is_halted_by_silence_before_the_payout_after_two_sessions():
    closes = np.full((len(hours(100.0).sessions), 2), 100.0)
    closes[11:, 0] = np.nan  # the short session of July 3 has 4 bars, July 5 seven: the last trade is in its last bar
    result = played(
        hours(closes),
        {0: [0.5, 0.0]},
        invalidation=(DrawdownLimit("drawdown", 0.5), StaleDataLimit("stale_data", 13)),
        friction={"delisted_after_sessions": 2},
        horizon={"timeframe": "60min"},
        sample={"minimum_sessions": 6},
    )
    assert list(result.equity.index).index(result.halted_on) == 10 + 14


@pytest.mark.parametrize(
    ("condition", "value"),
    [
        (DRAWDOWN, 0.4),
        (VolatilityLimit("volatility", 0.3, 20), 0.3),
        (StaleDataLimit("stale_data", 4), 5),
        (CalibrationLimit("calibration", 0.99, 0.05), 20),
        (ShortfallLimit("risk_e_process", 0.975, 0.02), 50),
        (TransformLimit("pit_drift", 0.05), 20),
    ],
)
def test_a_condition_fires_at_the_value_that_its_figures_mean(condition, value):
    """More than four bars are five; an e-process passes 1 / p with probability p at most."""
    assert condition.fires_at == value


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


def dear_purchase(factor):
    """The run with its first purchase, of 15 % of equity, at a multiple of its price: whole, with the money it left."""
    return changed_fill(good_run(), market(), 0, price=factor * good_run().fills.loc[0, "price"])


def test_a_fall_that_the_fills_show_fails_whatever_the_equity_on_record():
    """45 % of the money is gone by the first purchase; the good run, whose equity is on record, never fell so far."""
    bad = dear_purchase(4.0)
    equity = np.concatenate([[1e6], bad.equity["equity"]])
    first = int(np.flatnonzero(1 - equity[1:] / np.maximum.accumulate(equity)[1:] >= 0.4)[0])
    for result in (bad, replace(bad, equity=good_run().equity)):
        cause = failed(judged(result=result))["invalidation"]
        assert cause.startswith(f"drawdown reached its limit of 0.4 on {good_run().equity.index[first]:%Y-%m-%d}, ")
    assert first == 1 and drawdown().max() < 0.2


def test_equity_on_record_that_the_fills_do_not_leave_is_no_fall():
    """The recorded curve falls by half for a day: the record is wrong, the book never fell."""
    equity = good_run().equity.copy()
    equity.loc[equity.index[50], "equity"] *= 0.5
    cause = only("documentation", judged(result=replace(good_run(), equity=equity)))
    assert "equity on record and by the fills differ" in cause


def test_a_volatility_that_the_fills_show_fails_whatever_the_equity_on_record():
    plan = plan_with(VolatilityLimit("volatility", 0.6, 20))
    bad = replace(dear_purchase(2.0), equity=good_run().equity)  # 15 % lost in one of twenty sessions
    assert failed(judged(plan, bad))["invalidation"].startswith("volatility reached its limit of 0.6 on 2018-01-2")
    assert judged(plan).verdict == "defended"


def test_a_volatility_beyond_the_limit_that_halted_nothing_fails():
    plan = plan_with(DRAWDOWN, VolatilityLimit("volatility", 0.3, 20))
    equity = np.concatenate([[1e6], good_run().equity["equity"]])
    returns = equity[1:] / equity[:-1] - 1
    deviations = np.array([returns[t - 19 : t + 1].std(ddof=1) for t in range(19, 400)]) * np.sqrt(365)
    first = 19 + int(np.flatnonzero(deviations >= 0.3)[0])
    cause = only("invalidation", judged(plan))
    assert cause.startswith(f"volatility reached its limit of 0.3 on {good_run().equity.index[first]:%Y-%m-%d}")
    assert f"volatility at most {deviations.max():.2%}" in row("invalidation", judged(plan)).figure


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


def predictions(exceeded, level=0.99, first=1):
    days = tuple(day.date() for day in good_run().equity.index[first:])
    return (Exceptions(level, days, tuple(days[at] for at in exceeded)),)


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


def test_losses_beyond_value_at_risk_count_at_any_level_of_the_plan():
    """Bets at 0.97: two exceptions at once make the mean of (q / p)^2 = 28 at most, the limit is 20."""
    plan = plan_with(DRAWDOWN, CalibrationLimit("calibration", 0.97, 0.05))
    recorded = replace(good_run(), conditions=good_run().conditions.assign(calibration=1.0))
    both = (*predictions([], 0.99), *predictions([0, 1], 0.97))
    cause = only("invalidation", judged(plan, recorded, exceptions=both))
    assert cause == "calibration reached its limit of 20 on 2018-01-04, and the run went on for 398 sessions"
    assert judged(plan, recorded, exceptions=predictions([0], 0.97)).verdict == "defended"


@pytest.mark.parametrize("recorded", [1.0, 25.0])
def test_without_predictions_at_its_level_calibration_is_undecided_whatever_the_run_recorded(recorded):
    plan = plan_with(DRAWDOWN, CalibrationLimit("calibration", 0.97, 0.05))
    result = replace(good_run(), conditions=good_run().conditions.assign(calibration=recorded))
    for exceptions in ((), predictions([0, 1], 0.99)):
        found = row("invalidation", judged(plan, result, exceptions=exceptions))
        assert (found.passed, found.cause) == (
            None,
            "calibration is not decided: no value at risk was predicted at 0.97",
        )


def predicted(losses, cells=None, level=0.975):
    """Value at risk of 1 % and shortfall of 1.5 % predicted from the second session on, and what was lost."""
    days = [day.date() for day in good_run().equity.index[1 : 1 + len(losses)]]
    by_level = {level: {day: (loss, 0.01, 0.015) for day, loss in zip(days, losses, strict=True)}}
    return PredictedLosses(by_level, dict(zip(days, cells or [], strict=False)))


def test_losses_too_large_for_the_shortfall_that_halted_nothing_fail():
    """Three losses of 5 %: e = 0.04 / (0.025 * 0.005) = 320, and the largest stake of 0.23 makes 74 of one at once."""
    stakes = np.minimum(np.array([0.5, 1, 2, 4, 9]) * 0.025 / 0.975, 0.5)
    assert (1 - stakes + stakes * 320).mean() > 20
    plan = plan_with(DRAWDOWN, ShortfallLimit("risk_e_process", 0.975, 0.05))
    cause = only("invalidation", judged(plan, book=predicted([0.0, 0.05, 0.05])))
    assert cause.startswith(f"risk_e_process reached its limit of 20 on {good_run().equity.index[2]:%Y-%m-%d}")
    assert judged(plan, book=predicted([0.005, 0.0, 0.011])).verdict == "defended"
    found = row("invalidation", judged(plan, book=predicted([0.0], level=0.99)))
    assert found.cause == "risk_e_process is not decided: no expected shortfall was predicted at 0.975"


def test_losses_always_in_the_last_part_of_their_law_that_halted_nothing_fail():
    """Two gamblers gain 1.475 and 1.4275 times their money a day: together 20 after about a dozen days."""
    plan = plan_with(DRAWDOWN, TransformLimit("pit_drift", 0.05))
    cause = only("invalidation", judged(plan, book=predicted([0.0] * 30, [19] * 30)))
    assert cause.startswith("pit_drift reached its limit of 20 on 2018-01-1")
    assert judged(plan, book=predicted([0.0] * 20, list(range(20)))).verdict == "defended"
    found = row("invalidation", judged(plan))
    assert (found.passed, found.cause) == (None, "pit_drift is not decided: no law of the book was predicted")


def test_a_halt_by_a_condition_that_cannot_be_computed_fails():
    plan = plan_with(DRAWDOWN, CalibrationLimit("calibration", 0.97, 0.05))
    halted = replace(good_run(), halted_on=good_run().equity.index[399], halt_reason="calibration reached 25, limit 20")
    cause = failed(judged(plan, halted))["invalidation"]
    assert cause.startswith("halted on 2019-02-05, but no condition besides calibration, which cannot be computed, had")


def test_a_halt_without_a_cause_fails():
    halted = replace(good_run(), halted_on=good_run().equity.index[399], halt_reason="")
    assert only("invalidation", judged(result=halted)) == "halted on 2019-02-05, but no condition had fired"


def test_what_was_bought_or_kept_after_the_halt_fails():
    """Value at risk was predicted from session 319 on and exceeded twice at once; the run went on as before."""
    result = replace(good_run(), halted_on=good_run().equity.index[320])
    plan = plan_with(DRAWDOWN, CalibrationLimit("calibration", 0.99, 0.05))
    causes = failed(judged(plan, result, exceptions=predictions([0, 1], first=319)))
    assert "positions were enlarged after the halt; 6 positions were kept after the halt" in causes["invalidation"]
    assert f"halted on {result.halted_on:%Y-%m-%d}: calibration reached its limit of 20" in causes["invalidation"]


def test_a_book_that_its_equity_no_longer_carries_fails():
    """The last fill takes ten times the money there was, and nothing ended the run."""
    last = int(good_run().fills.index[-1])
    bad = changed_fill(good_run(), market(), last, cost=1e7)
    day = good_run().fills.loc[last, "session"]
    causes = failed(judged(plan_with(VolatilityLimit("volatility", 1e3, 20)), replace(bad, equity=good_run().equity)))
    assert causes["invalidation"] == f"equity did not carry the book on {day:%Y-%m-%d}, and nothing ended the run"


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
    assert row("invalidation", judged(plan, run(plan, before))).figure.startswith("drawdown at most ")
