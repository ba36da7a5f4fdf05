"""What a run paid, by hand: one purchase of nine tenths of a million at five basis points each for both kinds."""

import math

import numpy as np
import pytest

from quantdl.backtest import BreakEven, Decision, Hold, prepare, run_backtest
from quantdl.backtest.judging.costs import cost_figures
from quantdl.backtest.judging.liquidity import ExitFigures, ExitWaived
from quantdl.backtest.plan.friction import StatedVolume
from quantdl.backtest.plan.invalidation import DrawdownLimit
from quantdl.records import to_plain
from tests.backtest.worlds import plan_for, span, world

ITEMS = {"sample": {"minimum_sessions": 50}, "invalidation": (DrawdownLimit("drawdown", 0.57),)}
NEVER = BreakEven(None, "not sought", 1000.0)


class Keep:
    """Buys once and holds."""

    def decide(self, view):
        return Decision(np.array([0.5, 0.4]), "rebalance") if len(view.sessions) == 1 else Hold("rebalance")


def flat_run(**friction):
    panel = world(np.full((60, 2), 100.0))
    plan = plan_for(panel, **ITEMS, friction={"commission_bps": 5.0, "half_spread_bps": 4.0, **friction})
    job = prepare(panel, plan, *span(panel))
    return run_backtest(panel, plan, Keep(), *span(panel)), job


def test_one_purchase_at_a_flat_price_costs_what_the_plan_states():
    result, job = flat_run()
    found = cost_figures(result, job, NEVER, 252.0)
    assert found.commission == pytest.approx(0.9e6 * 5e-4, rel=1e-3)
    assert found.spread == pytest.approx(0.9e6 * 4e-4, rel=1e-3)
    assert (found.impact, found.stated_bps, found.break_even) == (0.0, pytest.approx(9.0), NEVER)
    assert found.total == pytest.approx(found.commission + found.spread)
    assert found.share_of_initial_equity == pytest.approx(found.total / 1e6)
    assert found.annual_turnover is None
    sessions = len(result.equity)
    assert found.undefined == {"annual_turnover": f"{sessions} sessions; a year of 252 is needed to annualise"}
    year = cost_figures(result, job, NEVER, float(sessions))  # a calendar of which the run is just a year
    assert year.annual_turnover == pytest.approx(0.9, rel=1e-3) and "undefined" not in to_plain(year)


def test_without_a_say_on_liquidity_no_exit_is_measured():
    assert cost_figures(*flat_run(), NEVER, 252.0).exit == ExitWaived()


def stated(dollars):
    volume = {"A00": dollars, "A01": dollars}
    return StatedVolume("stated", volume, "Stated by hand for this test.", participation=0.1, impact_coefficient=0.0)


def test_the_slowest_exit_is_that_of_the_largest_position():
    found = cost_figures(*flat_run(liquidity=stated(1e7)), NEVER, 252.0).exit
    assert isinstance(found, ExitFigures)
    assert found.days == pytest.approx(0.5, rel=1e-3)  # half a million at a tenth of ten million a session
    assert found.days_half_volume == pytest.approx(1.0, rel=1e-3)
    assert found.cost == pytest.approx(0.9 * 9e-4, rel=2e-3)
    assert found.cost_five_spreads == pytest.approx(0.9 * 25e-4, rel=3e-3)


def test_a_position_that_could_never_be_sold_has_no_days():
    result, job = flat_run(liquidity=stated(1e7))
    equity = result.equity.assign(days_to_exit=math.inf)
    object.__setattr__(result, "equity", equity)
    found = cost_figures(result, job, NEVER, 252.0).exit
    assert isinstance(found, ExitFigures)
    assert found.days is found.days_half_volume is None


def test_the_average_cost_is_what_fills_paid_over_what_they_traded():
    """Five basis points for the fee and four for half the spread, and no impact."""
    result, job = flat_run()
    found = cost_figures(result, job, NEVER, 252.0)
    assert found.traded == pytest.approx(result.fills["notional"].sum())
    assert found.average_bps == pytest.approx(9.0)


def test_a_least_fee_makes_the_average_cost_dearer_than_the_stated_one():
    """Two purchases of half and two fifths of a million at 9 bps, or 1,000 of money for the fee where that is more."""
    result, job = flat_run(commission_minimum=1000.0)
    found = cost_figures(result, job, NEVER, 252.0)
    assert found.average_bps == pytest.approx(1e4 * (2000 + 4e-4 * found.traded) / found.traded)


def test_a_run_that_never_traded_has_no_average_cost():
    class Idle:
        def decide(self, view):
            return None

    panel = world(np.full((60, 2), 100.0))
    plan = plan_for(panel, **ITEMS)
    job = prepare(panel, plan, *span(panel))
    found = cost_figures(run_backtest(panel, plan, Idle(), *span(panel)), job, NEVER, 252.0)
    assert (found.traded, found.average_bps) == (0.0, None)
    assert found.undefined["average_bps"] == "nothing was traded"
