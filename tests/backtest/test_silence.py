"""A holding whose bars stop: it stays in the book at its last close, and nothing is booked until its end is stated."""

from dataclasses import replace
from datetime import date

import numpy as np
import pytest

from quantdl.backtest.plan.borrowing import Borrow
from quantdl.backtest.plan.fast_exit import FastExit
from quantdl.backtest.plan.friction import MeasuredVolume
from quantdl.backtest.plan.invalidation import DrawdownLimit, StaleDataLimit
from quantdl.market.actions import CorporateActions, Delisting
from tests.backtest.worlds import NO_COSTS, Schedule, run, world
from tests.raw_panels import raw_world

LENGTHS = (5, 12, 30, 60, 200)
FIRST = 6  # the first silent session
SHORT = {
    "sizing": {"long_only": False, "max_gross": 1.5, "max_net": 0.9},
    "related_positions": {"max_group_gross": 0.8, "max_group_net": 0.7},
    "friction": NO_COSTS | {"borrow": Borrow(0.0, 0.3)},
}


def silent_closes(length, after, all_assets=False, more=10):
    """Two assets at 100, of which the first, or both, are silent for some sessions and come back at another price."""
    closes = np.full((FIRST + length + more, 2), 100.0)
    closes[FIRST : FIRST + length, : 2 if all_assets else 1] = np.nan
    closes[FIRST + length :, 0] = after
    return closes


def equity(result):
    return result.equity["equity"].to_numpy()


def happened(result):
    """What the engine did, but for the end of the horizon at the last close."""
    return [condition for condition in result.events["condition"] if condition != "expired"]


@pytest.mark.parametrize("all_assets", [False, True])
@pytest.mark.parametrize("length", LENGTHS)
def test_silence_that_ends_changes_no_wealth(length, all_assets):
    result = run(world(silent_closes(length, 110.0, all_assets)), {0: [0.5, 0.2]}, friction=NO_COSTS)
    # 1000 buys 5 shares of the first and 2 of the second at 100; only the price after the silence makes a difference.
    np.testing.assert_array_equal(equity(result)[: FIRST + length], 1000.0)
    np.testing.assert_allclose(equity(result)[FIRST + length :], 1050.0, rtol=1e-14)
    assert (result.quantities["A00"].iloc[1:] == 5.0).all()
    assert len(result.fills) == 2 and happened(result) == []


@pytest.mark.parametrize("length", LENGTHS)
def test_a_short_position_stays_through_silence(length):
    result = run(world(silent_closes(length, 90.0)), {0: [-0.5, 0.0]}, **SHORT)
    np.testing.assert_array_equal(equity(result)[: FIRST + length], 1000.0)
    np.testing.assert_allclose(equity(result)[FIRST + length :], 1050.0, rtol=1e-14)


@pytest.mark.parametrize("length", LENGTHS)
def test_a_split_and_a_dividend_within_silence_change_no_wealth(length):
    # A share at 100 pays 4 and becomes two: (100 - 4) / 2 = 48 each, at which the asset comes back.
    panel = raw_world(
        silent_closes(length, 48.0),
        splits={(FIRST + 3, 0): 2.0},
        dividends={(FIRST + 1, 0): 4.0},
        pay_after={(FIRST + 1, 0): 2},
    )
    result = run(panel, {0: [0.5, 0.0]}, friction=NO_COSTS)
    np.testing.assert_allclose(equity(result), 1000.0, rtol=1e-14)
    assert result.quantities["A00"].iloc[-1] == 10.0 and result.equity["cash"].iloc[-1] == 520.0
    assert happened(result) == ["dividend", "split"]


@pytest.mark.parametrize("length", LENGTHS)
def test_an_order_in_silence_fills_at_the_first_trade_after_it(length):
    back = FIRST + length
    leaving = run(world(silent_closes(length, 110.0)), {0: [0.5, 0.0], FIRST + 2: [0.0, 0.0]}, friction=NO_COSTS)
    assert leaving.fills["session"].iloc[1] == leaving.equity.index[back]
    assert (leaving.fills["price"].iloc[1], leaving.fills["quantity"].iloc[1]) == (110.0, -5.0)
    buying = run(world(silent_closes(length, 110.0)), {FIRST + 2: [0.5, 0.0]}, friction=NO_COSTS)
    assert list(buying.fills["session"]) == [buying.equity.index[back]]
    assert (buying.fills["price"].iloc[0], buying.fills["quantity"].iloc[0]) == (110.0, 5.0)


def test_a_target_for_a_silent_holding_is_neither_refused_nor_sold():
    schedule = Schedule({0: [0.5, 0.0], FIRST + 20: [0.5, 0.2]})
    result = run(world(silent_closes(30, 110.0)), schedule, friction=NO_COSTS)
    assert (result.quantities["A00"].iloc[1:] == 5.0).all()
    assert all(view.listed.all() for view in schedule.views)


def test_a_silent_position_is_not_sold_because_its_measured_volume_runs_out():
    closes = silent_closes(30, 100.0)
    volume = np.where(np.isfinite(closes), 1e6, np.nan)
    panel = world(closes, fields={"volume": volume})
    terms = NO_COSTS | {"liquidity": MeasuredVolume("measured", 5, 0.1, 0.0)}
    schedule = {0: [0.5, 0.0], FIRST + 20: [0.5, 0.2]}
    result = run(panel, schedule, friction=terms, fast_exit=FastExit(5), trusted_data={"fields": ("close", "volume")})
    assert (result.quantities["A00"].iloc[1:] == 5.0).all()
    assert not result.events["condition"].isin(["reduced", "delisting"]).any()


def test_a_view_within_the_silence_and_one_after_it_hold_the_same():
    panel = world(silent_closes(30, 110.0))
    whole = run(panel, {0: [0.5, 0.0]}, friction=NO_COSTS)
    view = panel.until(panel.sessions[FIRST + 25])
    cut = run(view, {0: [0.5, 0.0]}, friction=NO_COSTS)
    np.testing.assert_array_equal(equity(cut), equity(whole)[: FIRST + 26])
    assert happened(cut) == []


@pytest.mark.parametrize("ends", ["action", "source"])
def test_a_stated_delisting_pays_out_on_the_session_after_it(ends):
    closes = silent_closes(30, np.nan, more=1)
    last = date(2018, 1, 7)  # the session before the silence
    if ends == "source":
        panel = world(closes, ended={"A00": last})
    else:
        panel = replace(world(closes), actions=CorporateActions(delistings=(Delisting(last, "A00"),)))
    assert panel.sessions[FIRST - 1].date() == last
    result = run(panel, {0: [0.5, 0.0]}, friction=NO_COSTS | {"delisting_recovery": 0.7})
    np.testing.assert_allclose(equity(result)[[FIRST - 1, FIRST, -1]], [1000.0, 850.0, 850.0], rtol=1e-14)


def test_a_resumption_before_the_plans_patience_ends_changes_nothing():
    terms = NO_COSTS | {"delisted_after_sessions": 30}
    stays = run(world(silent_closes(30, 110.0)), {0: [0.5, 0.0]}, friction=terms)
    np.testing.assert_allclose(equity(stays)[-1], 1050.0, rtol=1e-14)
    leaves = run(world(silent_closes(31, 110.0)), {0: [0.5, 0.0]}, friction=terms | {"delisting_recovery": 0.7})
    np.testing.assert_allclose(equity(leaves)[-1], 850.0, rtol=1e-14)


def test_stale_data_still_ends_a_run_in_silence():
    limits = (DrawdownLimit("drawdown", 0.4), StaleDataLimit("stale_data", 8))
    result = run(world(silent_closes(30, 110.0)), {0: [0.5, 0.0]}, friction=NO_COSTS, invalidation=limits)
    assert result.halted_on == result.equity.index[FIRST + 8]  # more than eight bars since the last price
    assert result.fills["session"].iloc[1] == result.equity.index[FIRST + 30]  # flat at the first trade after it
