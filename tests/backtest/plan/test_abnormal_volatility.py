"""Under stress the book does what the plan says, by the market's volatility as it was known at each decision."""

from dataclasses import replace
from datetime import date

import numpy as np
import pytest

from quantdl.backtest.plan import abnormal_volatility
from quantdl.backtest.plan.abnormal_volatility import AbnormalVolatility, StressWindow
from quantdl.backtest.plan.horizon import EveryBars
from quantdl.backtest.plan.sample import Sample
from tests.backtest.judged import AtBars, failed, good_plan, good_run, judged, market, only, row, run
from tests.backtest.worlds import world

GOOD = AbnormalVolatility(20, 0.1, 0.3, "trade", ())
SAMPLE = Sample(date(2018, 1, 2), date(2019, 2, 5), 50, 0)
STORM = StressWindow("the storm", date(2018, 7, 20), date(2018, 9, 10))


@pytest.mark.parametrize(
    ("changes", "item", "words"),
    [
        ({"window_bars": 3}, "window_bars", "at least 5"),
        ({"window_bars": 10**20}, "window_bars", "at most 1000000"),
        ({"stressed_above": 4.0}, "stressed_above", "never bind"),
        ({"calm_below": 0.35}, "calm_below", "below stressed_above"),
        ({"stress_windows": (STORM, STORM)}, "stress_windows.1.name", "each name once"),
        ({"stress_windows": (replace(STORM, last=date(2018, 7, 1)),)}, "stress_windows.0.last", "swap the two"),
        (
            {"stress_windows": (StressWindow("the crash of 1987", date(1987, 10, 19), date(1987, 10, 30)),)},
            "stress_windows.0",
            "touches the sample",
        ),
    ],
)
def test_regimes_and_windows_that_cannot_be_are_refused(changes, item, words):
    found = {fault.item: str(fault) for fault in abnormal_volatility.faults(replace(GOOD, **changes), SAMPLE)}
    assert words in found[f"abnormal_volatility.{item}"]


def test_regimes_that_can_be_are_accepted():
    assert list(abnormal_volatility.faults(replace(GOOD, stress_windows=(STORM,)), SAMPLE)) == []


# After the run -------------------------------------------------------------------------------------------------------


def plan_with(in_stress, **items):
    return good_plan(abnormal_volatility={"stressed_above": 0.3, "in_stress": in_stress}, **items)


def stressed():
    """(T,) the market's volatility of 20 sessions, as of each close, above 30 % a year."""
    market_returns = (market().closes[1:] / market().closes[:-1] - 1).mean(axis=1)
    deviations = [market_returns[max(0, t - 20) : t].std(ddof=1) if t > 9 else 0.0 for t in range(400)]
    return np.array(deviations) * np.sqrt(365) > 0.3


def test_decisions_under_stress_fail_where_the_book_was_to_stand_aside():
    """The run traded on; of its decisions every five sessions some lay in the ten weeks of stress."""
    decided = np.flatnonzero(stressed() & (np.arange(400) % 5 == 0))
    cause = only("abnormal_volatility", judged(plan_with("flat")))
    first = market().sessions[decided[0]]
    assert cause.startswith(f"{len(decided)} decisions under stress, the first on {first:%Y-%m-%d}; positions were ")
    reduced = only("abnormal_volatility", judged(plan_with("reduce_only")))
    assert "decisions under stress" in reduced and "kept" not in reduced


@pytest.mark.parametrize("in_stress", ["flat", "reduce_only"])
def test_a_run_that_stood_aside_passes(in_stress):
    plan = plan_with(in_stress)
    result = run(plan)
    assert row("abnormal_volatility", judged(plan, result)).passed is not False
    assert failed(judged(plan, result)) == {}


def test_a_book_that_only_shrank_under_stress_passes():
    plan = plan_with("reduce_only", horizon={"bars": 250, "rebalance": EveryBars("every_bars", 1)})
    middle = int(np.flatnonzero(stressed())[10]) + 1
    lax = replace(plan, abnormal_volatility=replace(plan.abnormal_volatility, in_stress="trade"))
    shrinks = run(lax, AtBars({1: ([0.15] * 6, "rebalance"), middle: ([0.05] * 6, "leave")}))
    assert row("abnormal_volatility", judged(plan, shrinks)).passed is True
    grows = run(lax, AtBars({1: ([0.05] * 6, "rebalance"), middle: ([0.15] * 6, "rebalance")}))
    day = market().sessions[middle - 1]
    assert only("abnormal_volatility", judged(plan, grows)) == f"1 decisions under stress, the first on {day:%Y-%m-%d}"


def test_a_position_without_a_price_was_not_kept_on_purpose():
    begins = int(np.flatnonzero(stressed())[0])
    closes = market().closes.copy()
    closes[begins + 1 : begins + 6, 0] = np.nan
    panel = world(closes)
    plan = plan_with("flat")
    result = run(plan, panel=panel)
    assert result.quantities.iloc[begins + 3, 0] > 0
    assert row("abnormal_volatility", judged(plan, result, panel)).passed is not False


def test_a_market_without_stress_cannot_show_what_stress_does():
    plan = good_plan(abnormal_volatility={"stressed_above": 0.99})
    checklist = judged(plan, run(plan))
    undecided = [(found.item, found.cause) for found in checklist.items if found.passed is None]
    assert undecided == [("abnormal_volatility", "no position was held in a stressed session")]


def test_the_figure_gives_every_regime_and_window():
    plan = good_plan(abnormal_volatility={"stressed_above": 0.3, "stress_windows": (STORM,)})
    figure = row("abnormal_volatility", judged(plan)).figure
    equity = good_run().equity["equity"]
    window = equity.loc["2018-07-19":"2018-09-10"]
    assert figure.endswith(f"the storm {window.iloc[-1] / window.iloc[0] - 1:+.2%}")
    assert all(name in figure for name in ("calm", "normal", "stressed", "undefined"))
