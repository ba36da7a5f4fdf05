"""How long the book would have taken to leave, measured on the shares held and the volume known then."""

from dataclasses import replace
from datetime import date

import numpy as np
import pytest

from quantdl.backtest.plan import fast_exit
from quantdl.backtest.plan.abnormal_volatility import StressWindow
from quantdl.backtest.plan.fast_exit import FastExit
from quantdl.backtest.plan.friction import StatedVolume, VolumeWaiver
from quantdl.backtest.plan.spreads import StatedSpreads
from tests.backtest.judged import AtBars, good_plan, good_run, judged, market, only, row, run
from tests.backtest.worlds import hours, plan_for, run as run_schedule, world

STATED = good_plan().friction.liquidity
WAIVER = VolumeWaiver("waiver", "A. Risk", "no volume in the data")


def faults(sessions, liquidity):
    friction = replace(good_plan().friction, liquidity=liquidity)
    alone = fast_exit.faults(FastExit(sessions), friction)
    return [*alone, *fast_exit.horizon_faults(FastExit(sessions), liquidity, 5)]


@pytest.mark.parametrize(
    ("sessions", "liquidity", "words"),
    [(0, STATED, "at least 1"), (3, WAIVER, "never bind"), (9, STATED, "no slower")],
)
def test_an_exit_that_cannot_bind_is_refused(sessions, liquidity, words):
    found = [str(fault) for fault in faults(sessions, liquidity)]
    assert len(found) == 1 and words in found[0]


def test_an_exit_that_can_bind_is_accepted():
    assert faults(5, STATED) == faults(1, WAIVER) == []


def test_an_exit_as_long_as_the_run_can_never_bind():
    assert [fault.item for fault in fast_exit.data_faults(FastExit(60), 60)] == ["fast_exit.max_sessions"]
    assert list(fast_exit.data_faults(FastExit(5), 60)) == []


def test_a_book_that_could_not_be_left_in_time_fails():
    """A million dollars a day and 5 % of it: positions of some 150,000 take more than three sessions, not one."""
    thin = replace(STATED, dollar_volume=dict.fromkeys(market().assets, 1e6))
    plan = good_plan(friction={"liquidity": thin}, fast_exit=FastExit(1))
    result = run(replace(plan, fast_exit=FastExit(5)))
    dollars = (result.quantities * market().closes).max(axis=1)
    days = dollars.max() / 5e4
    checklist = judged(plan, result)
    assert only("fast_exit", checklist) == f"{days - 1:.2f} sessions more than promised, on {dollars.idxmax():%Y-%m-%d}"
    assert row("fast_exit", checklist).figure.startswith(f"{days:.2f} sessions at a cost of ")
    assert f"; {2 * days:.2f} with half the volume" in row("fast_exit", checklist).figure


def test_the_table_of_equity_is_not_believed():
    """The record says that every exit takes no time at all."""
    thin = replace(STATED, dollar_volume=dict.fromkeys(market().assets, 1e6))
    plan = good_plan(friction={"liquidity": thin}, fast_exit=FastExit(1))
    result = run(replace(plan, fast_exit=FastExit(5)))
    doctored = replace(result, equity=result.equity.assign(days_to_exit=0.0))
    assert "sessions more than promised" in only("fast_exit", judged(plan, doctored))


def test_costs_of_leaving_are_those_of_the_fullest_book():
    gross = (good_run().quantities * market().closes).sum(axis=1) / good_run().equity["equity"]
    figure = row("fast_exit", judged()).figure
    assert f"at a cost of {gross.max() * 1e-3:.2%} of equity" in figure
    assert figure.endswith(f"{gross.max() * 3e-3:.2%} with five times the spread")  # 5 bps commission, 25 bps spread


def test_a_stress_window_is_named_with_half_the_volume_and_five_times_the_spread():
    """Prices stand still: 150,000 a share, 5 % of two million a session; 0.9 of equity, 30 basis points to leave."""
    panel = world(np.full((400, 6), 100.0))
    free = {"commission_bps": 5.0, "half_spread_bps": 5.0, "liquidity": STATED}
    storm = StressWindow("the storm", panel.sessions[90].date(), panel.sessions[110].date())
    calm = StressWindow("the calm", panel.sessions[200].date(), panel.sessions[210].date())
    stress = {"stress_windows": (storm, calm)}
    plan = good_plan(panel, friction=free, horizon={"bars": 250}, abnormal_volatility=stress)
    held = AtBars({100: ([0.15] * 6, "rebalance"), 150: ([0.0] * 6, "rebalance")})
    result = run(plan, held, panel)
    thin = replace(STATED, dollar_volume=dict.fromkeys(panel.assets, 2e6))
    found = row("fast_exit", judged(replace(plan, friction=replace(plan.friction, liquidity=thin)), result, panel))
    assert "; in the storm 3.00 sessions with half the volume, 0.27% with five times the spread" in found.figure
    assert found.figure.endswith("; in the calm 0.00 sessions with half the volume, 0.00% with five times the spread")


def test_every_position_of_the_book_pays_its_own_spread_to_leave():
    """0.15 of five shares at 5 basis points and 0.12 of one at 65, with 5 of commission; the mean spread is 15."""
    panel = world(np.full((400, 6), 100.0))
    own = StatedSpreads("stated", {**dict.fromkeys(panel.assets, 5.0), "A05": 65.0})
    free = {"commission_bps": 5.0, "half_spread_bps": own, "liquidity": STATED}
    plan = good_plan(panel, friction=free, horizon={"bars": 250})
    result = run(plan, AtBars({1: ([0.15] * 5 + [0.12], "rebalance")}), panel)
    figure = row("fast_exit", judged(plan, result, panel)).figure
    cost, dear = 0.75 * 10e-4 + 0.12 * 70e-4, 0.75 * 30e-4 + 0.12 * 330e-4
    assert f"at a cost of {cost:.2%} of equity" in figure
    assert f"{dear:.2%} with five times the spread" in figure


def test_a_stress_window_of_hours_reaches_to_its_last_bar():
    """Bought in the last bar of July 7, the last day of the window."""
    panel = hours(100.0)
    liquid = StatedVolume("stated", dict.fromkeys(panel.assets, 1e8), "stated for this case", 0.1, 0.0)
    storm = StressWindow("the storm", date(2023, 7, 6), date(2023, 7, 7))
    plan = plan_for(
        panel,
        friction={"liquidity": liquid},
        fast_exit=FastExit(5),
        horizon={"bars": 30, "timeframe": "60min"},
        sample={"minimum_sessions": 6},
        abnormal_volatility={"stress_windows": (storm,)},
    )
    result = run(plan, AtBars({24: ([0.5, 0.4], "rebalance")}), panel)
    assert str(result.fills["session"].iloc[0]) == "2023-07-07 16:00:00"
    figure = row("fast_exit", judged(plan, result, panel)).figure
    assert "; in the storm 0.10 bars with half the volume, 0.27% with five times the spread" in figure


def test_an_asset_without_known_volume_can_never_be_left():
    nothing = replace(STATED, dollar_volume={**STATED.dollar_volume, "A00": np.nan})
    found = row("fast_exit", judged(good_plan(friction={"liquidity": nothing})))
    assert (found.passed, found.figure.split()[0]) == (False, "inf")
    assert found.cause == "a position could not be sold at all, on 2018-01-03"


def test_a_waiver_leaves_it_undecided():
    plan = good_plan(friction={})
    found = row("fast_exit", judged(plan, run(plan)))
    assert (found.passed, found.figure, found.cause) == (None, "days to liquidate undefined", "liquidity is waived")


@pytest.mark.parametrize(("volume", "cause"), [(2e6, "0.50 sessions more than promised, on 2018-01-03"), (3e6, "")])
def test_a_part_of_a_session_beyond_the_promise_counts(volume, cause):
    """150,000 a share at prices that stand still; 5 % of two million is 100,000 a session, of three million 150,000."""
    panel = world(np.full((400, 6), 100.0))
    free = {"commission_bps": 0.0, "half_spread_bps": 0.0, "liquidity": STATED}
    plan = good_plan(panel, friction=free, horizon={"bars": 250})
    result = run(plan, AtBars({1: ([0.15] * 6, "rebalance")}), panel)
    thin = replace(STATED, dollar_volume=dict.fromkeys(panel.assets, volume))
    found = row("fast_exit", judged(replace(plan, friction=replace(plan.friction, liquidity=thin)), result, panel))
    assert (found.passed, found.cause) == (not cause, cause)


@pytest.mark.parametrize(
    ("schedule", "late"),
    [
        ({20: [0.0, 0.0]}, True),
        ({20 + n: [0.0, 0.0] for n in range(10)}, True),  # asked for again and again, it is one exit
        ({20: [0.0, 0.0], 23: [0.2, 0.0], 26: [0.0, 0.0], 29: [0.1, 0.0]}, False),  # given up after three sessions
        ({}, False),
    ],
)
def test_an_exit_that_took_longer_than_promised_fails(schedule, late):
    """A hundred shares at 10, of which a session takes ten, are left in ten sessions and not in five."""
    panel = world(np.full((60, 2), 10.0))
    thin = StatedVolume("stated", {"A00": 1000.0, "A01": 1000.0}, "stated for this case", 0.1, 0.0)
    items = {"friction": {"liquidity": thin}, "horizon": {"bars": 59}, "sample": {"minimum_sessions": 60}}
    result = run_schedule(panel, {2: [0.25, 0.0], **schedule}, 4000.0, fast_exit=FastExit(20), **items)
    causes = row("fast_exit", judged(plan_for(panel, fast_exit=FastExit(5), **items), result, panel)).cause.split("; ")
    assert "sessions more than promised" in causes[0]
    first = panel.sessions[21]
    words = "1 positions were held for longer than 5 sessions after an order to leave them, "
    words += f"the first A00 from {first:%Y-%m-%d} on"
    assert causes[1:] == ([words] if late else [])
