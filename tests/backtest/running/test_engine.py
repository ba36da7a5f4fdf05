"""What the engine does, on markets small enough to work out by hand."""

from dataclasses import replace
from datetime import date

import numpy as np
import pandas as pd
import pytest

from quantdl.backtest import Decision, Forecasts, Hold, run_backtest
from quantdl.backtest.plan.fast_exit import FastExit
from quantdl.backtest.plan.friction import Borrow, MeasuredVolume, StatedVolume
from quantdl.backtest.plan.horizon import EveryBars, PeriodEnd
from quantdl.backtest.plan.invalidation import CalibrationLimit, StaleDataLimit, VolatilityLimit
from quantdl.backtest.plan.related_positions import CorrelationGroups, NamedGroups
from quantdl.errors import LookAheadError, PlanError, RunError
from quantdl.portfolio import within_limits
from tests.backtest.worlds import plan_for, random_walk, span, world

NO_COSTS = {"commission_bps": 0.0, "half_spread_bps": 0.0}
FLAT = np.full((12, 2), 100.0)


class Schedule:
    """Decides what the schedule says at the n-th session it is asked: weights, a Hold, or nothing."""

    def __init__(self, schedule, rule="rebalance"):
        self.schedule, self.rule, self.views = schedule, rule, []

    def decide(self, view):
        self.views.append(view)
        answer = self.schedule.get(len(view.sessions) - 1)
        return answer if answer is None or isinstance(answer, Hold) else Decision(np.array(answer), self.rule)


def run(panel, schedule, initial_equity=1000.0, forecasts=None, **items):
    """Run a schedule; without a model the horizon is as long as the run unless the test is about it."""
    if forecasts is None:
        longest = len(panel.sessions) - 1
        items["horizon"] = {"bars": longest} | items.get("horizon", {})
        items["sample"] = {"minimum_sessions": longest + 1} | items.get("sample", {})
    plan = plan_for(panel, **items)
    strategy = schedule if hasattr(schedule, "decide") else Schedule(schedule)
    return run_backtest(panel, plan, strategy, *span(panel), forecasts, initial_equity)


def closes_with(column, length=12):
    closes = np.full((length, 2), 100.0)
    closes[: len(column), 0] = column
    closes[len(column) :, 0] = column[-1]
    return closes


# The ledger -----------------------------------------------------------------------------------------------------------


def test_three_days_by_hand():
    closes = np.full((12, 2), [121.0, 55.0])
    closes[0], closes[1] = [100.0, 50.0], [110.0, 50.0]
    result = run(world(closes), {0: [0.5, 0.5]})
    # Decided on 1000 with 10 bps: v = 1000 / 1.001, half of it in each. At the next close the first share costs 10 %
    # more, the bill is 1050, and both purchases shrink by 1000 / 1050.
    scale = 1000 / 1050
    first, second = 500 / 1.001 / 100 * scale, 500 / 1.001 / 50 * scale
    np.testing.assert_allclose(result.quantities.iloc[1], [first, second], rtol=1e-14)
    np.testing.assert_allclose(result.equity["equity"].iloc[:3], [1000, 1000 / 1.001, 1100 / 1.001], rtol=1e-14)
    np.testing.assert_allclose(result.equity["costs"].iloc[1], 1000 - 1000 / 1.001, rtol=1e-12)
    np.testing.assert_allclose(result.equity["turnover"].iloc[1], 1 / 1.001, rtol=1e-12)
    assert result.equity["cash"].iloc[1] == pytest.approx(0, abs=1e-9)
    assert list(result.orders["status"])[:2] == ["cash_short", "cash_short"]
    paid = np.array([550.0, 500.0]) * scale / 1.001  # and 10 % gained on it since
    np.testing.assert_allclose(result.trades["pnl"], paid * (1.1 - 1.001), rtol=1e-12)


def test_a_sale_pays_for_a_purchase_of_the_same_session():
    result = run(world(FLAT), {0: [0.9, 0.0], 4: [0.0, 0.9]}, friction=NO_COSTS)
    np.testing.assert_allclose(result.weights_after_fill.iloc[5], [0.0, 0.9], rtol=1e-12)
    assert list(result.fills["quantity"] > 0) == [True, False, True]


def test_targets_are_met_after_costs():
    costs = {"commission_bps": 60.0, "half_spread_bps": 40.0}
    result = run(world(FLAT), {0: [0.7, 0.3]}, friction=costs)
    np.testing.assert_allclose(result.weights_after_fill.iloc[1], [0.7, 0.3], rtol=1e-12)
    assert result.equity["equity"].iloc[1] == pytest.approx(1000 / 1.01, rel=1e-12)
    assert result.fills["commission"].sum() == pytest.approx(1.5 * result.fills["spread"].sum())


def test_turning_a_position_around_closes_one_trade_and_opens_another():
    short = {"long_only": False, "max_gross": 1.5, "max_net": 0.9}
    result = run(
        world(closes_with([100, 100, 110])),
        {0: [0.5, 0.0], 4: [-0.5, 0.0]},
        sizing=short,
        related_positions={"max_group_gross": 0.8, "max_group_net": 0.7},
        friction=NO_COSTS | {"borrow": Borrow(0.0, 0.3)},
    )
    assert list(result.trades["open"]) == [False, True]
    np.testing.assert_allclose(result.trades["pnl"], [50.0, 0.0], atol=1e-9)
    assert result.trades["exit"].iloc[0] == result.trades["entry"].iloc[1]


def test_shorts_pay_to_borrow():
    short = {"long_only": False, "max_gross": 1.5, "max_net": 0.9}
    groups = {"max_group_gross": 0.8, "max_group_net": 0.7}
    terms = NO_COSTS | {"borrow": Borrow(0.365, 0.3)}
    result = run(world(FLAT), {0: [-0.5, 0.0]}, sizing=short, related_positions=groups, friction=terms)
    # The fee is charged from the session after the fill on.
    assert result.equity["equity"].iloc[3] == pytest.approx(1000 - 2 * 500 * 0.365 / 365, rel=1e-12)
    assert result.trades["pnl"].iloc[0] == pytest.approx(result.equity["equity"].iloc[-1] - 1000)


# Fills ----------------------------------------------------------------------------------------------------------------


def test_orders_fill_at_the_close_after_the_decision():
    result = run(world(closes_with([100, 120, 150])), {0: [0.5, 0.0]}, friction=NO_COSTS)
    assert (result.fills["session"] > result.fills["decided"]).all()
    assert result.fills["price"].iloc[0] == 120.0
    assert (result.quantities.iloc[0] == 0).all()


def test_an_open_fills_where_the_plan_and_the_data_have_one():
    opens = np.full((12, 2), 104.0)
    panel = world(FLAT, fields={"open": opens})
    result = run(panel, {0: [0.5, 0.0]}, friction={"fill_at": "next_open"}, trusted_data={"fields": ("close", "open")})
    assert result.fills["price"].iloc[0] == 104.0
    assert result.fills["session"].iloc[0] == panel.sessions[1]


def test_a_same_bar_fill_is_stamped():
    result = run(world(FLAT), {0: [0.5, 0.0]}, friction={"fill_at": "decision_close"})
    assert (result.fills["session"] == result.fills["decided"]).all()
    assert any("FILLED AT THE CLOSE IT WAS DECIDED ON" in stamp for stamp in result.stamps)
    assert not any("FILLED AT THE CLOSE" in stamp for stamp in run(world(FLAT), {}).stamps)


def test_an_asset_that_does_not_trade_waits_for_a_real_price():
    closes = closes_with([100, np.nan, np.nan, 80])
    result = run(world(closes), {0: [0.4, 0.4]}, friction=NO_COSTS)
    waited = result.fills[result.fills["asset"] == "A00"].iloc[0]
    assert (waited["session"], waited["price"]) == (result.equity.index[3], 80.0)
    assert result.fills[result.fills["asset"] == "A01"]["session"].iloc[0] == result.equity.index[1]


def test_an_order_does_not_chase_a_price_beyond_its_limit():
    sizing = {"stop_loss": 0.05, "max_loss_per_trade": 0.1}
    result = run(world(closes_with([100, 1000, 119])), {0: [0.5, 0.0]}, sizing=sizing, friction=NO_COSTS)
    # Half of equity may fill up to 20 % higher: a return from there costs the tenth that was promised.
    assert result.orders["limit_price"].iloc[0] == pytest.approx(120.0)
    assert (result.fills["price"].iloc[0], result.fills["session"].iloc[0]) == (119.0, result.equity.index[2])


def test_an_exit_of_the_plan_has_no_limit():
    sizing = {"stop_loss": 0.05, "max_loss_per_trade": 0.1}
    result = run(world(closes_with([100, 100, 80, 10])), {0: [0.5, 0.0]}, sizing=sizing, friction=NO_COSTS)
    assert result.orders["limit_price"].iloc[1] == -np.inf
    assert result.trades["exit"].iloc[0] == result.equity.index[3]


def test_a_halted_holding_is_marked_at_its_last_price_and_sold_when_it_trades_again():
    closes = closes_with([100, 100, np.nan, np.nan, 90])
    halted = np.isnan(closes)
    result = run(world(closes, halted=halted), {0: [0.5, 0.0], 2: [0.0, 0.0]}, friction=NO_COSTS)
    np.testing.assert_allclose(result.equity["equity"].iloc[1:5], [1000, 1000, 1000, 950])
    assert result.trades["exit"].iloc[0] == result.equity.index[4]


def test_a_delisted_holding_is_paid_out_at_the_stated_value():
    closes = closes_with([100, 100, 100, np.nan])
    closes[3:, 0] = np.nan
    panel = world(closes, ended={"A00": date(2018, 1, 4)})
    result = run(panel, {0: [0.5, 0.0]}, friction=NO_COSTS | {"delisting_recovery": 0.7})
    assert panel.sessions[2].date() == date(2018, 1, 4)
    np.testing.assert_allclose(result.equity["equity"].iloc[2:5], [1000, 850, 850])
    assert result.trades["rule_out"].iloc[0] == "plan:delisting"
    assert "delisting" in set(result.events["condition"])


def test_a_silence_becomes_a_delisting_only_when_it_has_lasted():
    closes = np.full((40, 2), 100.0)
    closes[5:, 0] = np.nan  # a full panel knows at once that this is a delisting; a trader does not
    result = run(world(closes), {0: [0.5, 0.0]},
                 friction=NO_COSTS)  # fmt: skip
    delisted = result.trades["exit"].iloc[0]
    assert delisted == result.equity.index[4 + 11]  # the last trade was in session 4; more than ten silent ones
    assert result.equity["equity"].iloc[14] == 1000


def test_fills_are_capped_by_participation_and_carry_over():
    volume = StatedVolume("stated", {"A00": 1000.0, "A01": 1000.0}, "a guess made for this test", 0.1, 0.0)
    result = run(world(FLAT), {0: [0.25, 0.0]}, friction=NO_COSTS | {"liquidity": volume}, fast_exit=FastExit(5))
    np.testing.assert_allclose(result.fills["notional"], [100, 100, 50])
    assert result.orders["status"].iloc[0] == "filled"
    assert result.equity["days_to_exit"].iloc[-7] == pytest.approx(2.5)


def test_impact_follows_the_square_root_law():
    closes = np.full((60, 1), 100.0) * np.exp(0.01 * np.tile([1, -1], 30))[:, None]
    volume = StatedVolume("stated", {"A00": 1e4}, "a guess made for this test", 1.0, 0.5)
    result = run(world(closes), {40: [0.4]}, friction=NO_COSTS | {"liquidity": volume})
    fill = result.fills.iloc[0]
    simple = closes[21:41, 0] / closes[20:40, 0] - 1
    expected = 0.5 * simple.std(ddof=1) * np.sqrt(fill["notional"] / 1e4) * fill["notional"]
    assert fill["impact"] == pytest.approx(expected, rel=1e-12)


def test_measured_volume_is_trailing():
    volume = np.full((12, 2), 10.0)
    volume[6:] = 1e9  # a burst after the decision must not help the fill that was sized before it
    panel = world(FLAT, fields={"volume": volume})
    liquidity = MeasuredVolume("measured", 3, 0.1, 0.0)
    result = run(
        panel,
        {5: [0.2, 0.0]},
        friction=NO_COSTS | {"liquidity": liquidity},
        trusted_data={"fields": ("close", "volume")},
        fast_exit=FastExit(5),
    )
    np.testing.assert_allclose(result.fills["notional"], [100, 100])
    assert result.fills["dollar_volume"].iloc[0] == pytest.approx(1000.0)


# The plan during the run ----------------------------------------------------------------------------------------------


def test_a_book_older_than_its_horizon_is_closed():
    result = run(world(FLAT), {0: [0.5, 0.0]}, horizon={"bars": 3}, friction=NO_COSTS)
    assert list((result.quantities["A00"] != 0).astype(int)[:6]) == [0, 1, 1, 1, 0, 0]
    assert list(result.trades["rule_out"]) == ["plan:horizon"]


def test_a_hold_refreshes_the_horizon():
    result = run(world(FLAT), {0: [0.5, 0.0], 2: Hold("rebalance")}, horizon={"bars": 3}, friction=NO_COSTS)
    assert list((result.quantities["A00"] != 0).astype(int)[:8]) == [0, 1, 1, 1, 1, 1, 0, 0]
    assert len(result.orders) == 2


def test_a_trade_past_its_stop_is_sold_at_the_next_close():
    closes = closes_with([100, 100, 79, 70, 70])
    limits = {"stop_loss": 0.1, "max_loss_per_trade": 0.2}
    result = run(world(closes), {0: [0.5, 0.0]}, sizing=limits, friction=NO_COSTS)
    trade = result.trades.iloc[0]
    assert (trade["exit"], trade["rule_out"]) == (result.equity.index[3], "plan:stop_loss")
    assert trade["return_on_equity"] == pytest.approx(-0.15)


def test_the_stop_counts_the_cost_of_getting_out():
    closes = closes_with([100, 100, 81])
    limits = {"stop_loss": 0.1, "max_loss_per_trade": 0.2}
    costs = {"commission_bps": 400.0, "half_spread_bps": 0.0}
    stopped = run(world(closes), {0: [0.5, 0.0]}, sizing=limits, friction=costs)
    free = run(world(closes), {0: [0.5, 0.0]}, sizing=limits, friction=NO_COSTS)
    assert (stopped.trades["rule_out"].iloc[0], free.trades["rule_out"].iloc[0]) == ("plan:stop_loss", "")


def test_a_stop_overrules_the_strategy():
    closes = closes_with([100, 100, 79, 79])
    limits = {"stop_loss": 0.1, "max_loss_per_trade": 0.2}
    result = run(world(closes), {0: [0.5, 0.0], 2: [0.5, 0.0]}, sizing=limits, friction=NO_COSTS)
    assert result.quantities["A00"].iloc[3] == 0


def test_a_drawdown_flattens_halts_and_keeps_the_reason():
    closes = closes_with([100, 100, 80, 70, 70, 70, 70])
    everywhere = {t: [0.9, 0.0] for t in range(12)}
    strategy = Schedule(everywhere)
    plan_items = {"invalidation": (replace(plan_for(world(FLAT)).invalidation[0], limit=0.15),)}
    result = run(world(closes), strategy, friction=NO_COSTS, **plan_items)
    assert result.halted_on == result.equity.index[2]
    assert result.halt_reason == "drawdown reached 0.18, limit 0.15"
    assert (result.quantities.iloc[3:] == 0).all().all()
    assert len(strategy.views) == 2  # never asked again
    assert result.trades["rule_out"].iloc[-1] == "plan:drawdown"
    assert list(result.equity["halted"]) == [False, False] + [True] * 10


def test_a_loss_on_the_first_day_counts_as_drawdown():
    result = run(world(closes_with([100, 100, 50])), {0: [0.5, 0.0]}, friction=NO_COSTS)
    assert result.conditions["drawdown"].max() == pytest.approx(0.25)


def test_volatility_of_the_book_can_halt_it():
    closes = closes_with(100 * np.cumprod([1, 1, 1.1, 0.9, 1.1, 0.9, 1.1, 0.9, 1.1, 0.9]))
    limit = (VolatilityLimit("volatility", 0.5, 5),)
    result = run(world(closes), {t: [0.9, 0.0] for t in range(12)}, friction=NO_COSTS, invalidation=limit)
    equity = result.equity["equity"]
    returns = equity.to_numpy() / np.concatenate([[1000.0], equity.to_numpy()[:-1]]) - 1
    halted = result.equity.index.get_loc(result.halted_on)
    assert result.halt_reason.startswith("volatility reached")
    assert result.conditions["volatility"].iloc[halted] == pytest.approx(
        returns[halted - 4 : halted + 1].std(ddof=1) * np.sqrt(365), rel=1e-12
    )


def test_stale_data_of_a_holding_halts():
    closes = closes_with([100, 100, 100, np.nan, np.nan, np.nan, np.nan, 100])
    result = run(world(closes), {0: [0.5, 0.0], 4: Hold("rebalance")}, friction=NO_COSTS,
                 invalidation=(StaleDataLimit("stale_data", 2),))  # fmt: skip
    assert result.halted_on == result.equity.index[5]
    assert result.trades["exit"].iloc[0] == result.equity.index[7]  # the exit waits for a price


def test_stale_data_of_what_is_not_held_does_not():
    closes = closes_with([100, 100, 100, np.nan, np.nan, np.nan, np.nan, 100])
    result = run(world(closes), {0: [0.0, 0.5]}, invalidation=(StaleDataLimit("stale_data", 2),))
    assert result.halted_on is None


def forecasts_with(level_loss):
    return Forecasts(5, lambda session: np.zeros((100, 1)), lambda session, weights, level: level_loss)


@pytest.mark.parametrize(("value_at_risk", "halts"), [(0.03, False), (0.012, True)])
def test_a_wrong_value_at_risk_halts_and_a_right_one_does_not(value_at_risk, halts):
    panel = world(random_walk(1000, 1, volatility=0.01))  # the 99 % value at risk of the book is 0.9 * 2.3 %
    result = run(
        panel,
        {t: [0.9] for t in range(1000)},
        forecasts=forecasts_with(value_at_risk),
        invalidation=(CalibrationLimit("calibration", 0.99, 0.05),),
        sample={"purge_bars": 6},
    )
    assert (result.halted_on is not None) == halts
    if halts:
        assert result.halt_reason.startswith("calibration reached")


def test_decisions_beyond_the_fast_exit_are_cut():
    volume = StatedVolume("stated", {"A00": 1000.0, "A01": 1e6}, "a guess made for this test", 0.1, 0.0)
    result = run(world(FLAT), {0: [0.5, 0.4]}, friction=NO_COSTS | {"liquidity": volume}, fast_exit=FastExit(2))
    assert result.orders["target_weight"].iloc[0] == pytest.approx(0.9 * 0.2)
    assert result.events["item"].iloc[0] == "fast_exit"
    assert result.equity["days_to_exit"].max() <= 2 + 1e-9


def test_a_position_that_outgrows_the_fast_exit_is_reduced():
    volume = StatedVolume("stated", {"A00": 1000.0, "A01": 1e6}, "a guess made for this test", 0.1, 0.0)
    rising = closes_with([100, 100, 110, 121, 121])
    result = run(world(rising), {0: [0.18, 0.4]}, friction=NO_COSTS | {"liquidity": volume}, fast_exit=FastExit(2))
    assert result.equity["days_to_exit"].iloc[3] == pytest.approx(180 * 1.21 / 100)
    assert result.orders["rule"].iloc[2] == "plan:fast_exit"
    assert result.equity["days_to_exit"].iloc[4] == pytest.approx(1.8)


def stress_world():
    generator = np.random.default_rng(3)
    scale = np.r_[np.full(60, 0.002), np.full(40, 0.04), np.full(60, 0.002)]
    returns = scale * generator.choice([-1, 1], 160)
    return world(np.repeat(100 * np.exp(np.cumsum(returns))[:, None], 2, axis=1))


@pytest.mark.parametrize("action", ["flat", "reduce_only", "trade"])
def test_the_plan_may_stand_aside_in_stress(action):
    panel = stress_world()
    weights = {t: [0.2 if t < 80 else 0.5, 0.2] for t in range(160)}
    result = run(panel, weights, friction=NO_COSTS, sizing={"stop_loss": 0.55},
                 abnormal_volatility={"stressed_above": 0.5, "in_stress": action})  # fmt: skip
    held = result.weights_after_fill["A00"].to_numpy()[85:95]
    expected = {"flat": 0.0, "reduce_only": 0.2, "trade": 0.5}[action]
    assert np.all(held <= expected * 1.1)
    assert held.max() >= 0.5 * expected
    noted = list(result.events["condition"])
    assert noted == ([] if action == "trade" else ["stress_begins", "stress_ends"])
    assert result.weights_after_fill["A00"].iloc[-1] == pytest.approx(0.5, rel=0.02)


def test_regimes_are_those_known_before_the_session():
    panel = stress_world()
    result = run(panel, {}, abnormal_volatility={"stressed_above": 0.5})
    regime = list(result.regimes["regime"])
    market = panel.closes[1:, 0] / panel.closes[:-1, 0] - 1
    volatility = [np.nan] * 10 + [market[max(0, t - 20) : t].std(ddof=1) * np.sqrt(365) for t in range(10, 160)]
    before = [np.nan, *volatility[:-1]]
    assert regime == [
        "undefined" if np.isnan(v) else "calm" if v < 0.1 else "stressed" if v > 0.5 else "normal" for v in before
    ]


def test_positions_grow_only_on_the_cadence():
    cadence = {"rebalance": EveryBars("every_bars", 4)}
    assert len(run(world(FLAT), {0: [0.5, 0.0], 4: [0.6, 0.0], 6: [0.3, 0.0]}, horizon=cadence).decisions) == 3
    with pytest.raises(RunError, match=r"2018-01-08: weight 0.7 of A00 .* no rebalance then"):
        run(world(FLAT), {0: [0.5, 0.0], 6: [0.7, 0.0]}, horizon=cadence)


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
    # Nobody knew on Monday, 10 September, that the week was over.
    assert due == ["09-04", "09-07", "09-17", "09-21", "09-28", "10-05"]


def test_correlated_assets_share_a_cap():
    generator = np.random.default_rng(1)
    common, own = generator.standard_normal((80, 1)), generator.standard_normal((80, 2))
    returns = 0.01 * np.column_stack([common, common + 0.1 * own[:, :1], own[:, 1:]])
    panel = world(100 * np.exp(np.cumsum(returns, axis=0)))
    items = {
        "related_positions": {"groups": CorrelationGroups("correlation", 40, 0.6), "max_group_gross": 0.5},
    }
    assert len(run(panel, {60: [0.25, 0.25, 0.5]}, **items).fills) == 3
    with pytest.raises(RunError, match="0.6 of cluster .* breaks related_positions.max_group_gross = 0.5"):
        run(panel, {60: [0.3, 0.3, 0.4]}, **items)


# What a strategy sees -------------------------------------------------------------------------------------------------


def reach(array):
    """Every number that can be reached from an array through its bases."""
    while array.base is not None:
        array = array.base
    return array


def test_the_view_ends_now():
    panel = world(random_walk(40, 3))
    seen = []

    class Looks:
        def decide(self, view):
            t = len(view.sessions) - 1
            assert view.session == panel.sessions[t] == view.sessions[-1]
            assert view.closes.shape == (t + 1, 3)
            np.testing.assert_array_equal(view.closes, panel.closes[: t + 1])
            assert np.isnan(reach(view.closes)[t + 1 :]).all()
            assert not reach(view.traded)[t + 1 :].any()
            with pytest.raises(ValueError, match="read-only"):
                view.closes[0, 0] = 1.0
            with pytest.raises(ValueError, match="read-only"):
                view.weights[0] = 1.0
            seen.append(t)

    run(panel, Looks())
    assert seen == list(range(40))


def test_history_before_the_run_is_visible():
    panel = world(random_walk(60, 2))
    asked = Schedule({})
    plan = plan_for(panel, first=30)
    run_backtest(panel, plan, asked, panel.sessions[30], panel.sessions[-1])
    assert asked.views[0].closes.shape == (31, 2)


def test_an_undeclared_field_cannot_be_read():
    panel = world(FLAT, fields={"high": FLAT + 1})

    class Reads:
        def decide(self, view):
            view.field("high")

    with pytest.raises(PlanError, match="reads 'high' on 2018-01-02, but the plan trusts only"):
        run(panel, Reads())
    assert len(run(panel, Reads(), trusted_data={"fields": ("close", "high")}).equity) == 12


def test_draws_are_made_on_demand_and_only_for_the_session_asked():
    asked = []

    def draws(session):
        asked.append(session)
        return np.full((7, 2), 0.01)

    class Uses:
        def decide(self, view):
            if len(view.sessions) % 5 == 1:
                assert view.draws.shape == (7, 2)
                assert view.draws is view.draws

    panel = world(FLAT)
    run(panel, Uses(), forecasts=Forecasts(5, draws, None), sample={"purge_bars": 6})
    assert asked == [panel.sessions[0], panel.sessions[5], panel.sessions[10]]


def test_a_forecast_of_a_session_the_model_has_seen_is_an_error():
    def draws(session):
        raise LookAheadError(f"fitted through 2018-06-29, asked for {session:%Y-%m-%d}")

    class Uses:
        def decide(self, view):
            return view.draws

    with pytest.raises(LookAheadError, match="fitted through"):
        run(world(FLAT), Uses(), forecasts=Forecasts(5, draws, None), sample={"purge_bars": 6})


# What a strategy may not do -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("weights", "words"),
    [
        ([np.nan, 0.1], r"2018-01-02: weight of A00 is nan \(rule 'rebalance'\)"),
        ([np.inf, 0.1], "weight of A00 is inf"),
        ([0.95, 0.0], r"weight 0.95 of A00 breaks sizing.max_weight = 0.9 \(rule 'rebalance'\)"),
        ([0.6, 0.6], "weight 1.2 of the book, gross breaks sizing.max_gross = 1"),
        ([-0.1, 0.5], "weight -0.1 on A00, but the plan is long-only"),
        ([0.1, 0.1, 0.1], r"shape \(3,\), expected \(2,\)"),
        (["a", "b"], "weights are not numbers"),
    ],
)
def test_weights_that_break_the_plan_stop_the_run(weights, words):
    with pytest.raises(RunError, match=words) as stopped:
        run(world(FLAT), {0: weights})
    assert stopped.value.exit_code == 6


def test_a_group_over_its_cap_stops_the_run():
    panel = world(np.full((12, 4), 100.0))
    groups = {"groups": NamedGroups("named", {"banks": ("A00", "A01"), "rest": ("A02", "A03")}), "max_group_gross": 0.5}
    with pytest.raises(RunError, match="weight 0.6 of banks breaks related_positions.max_group_gross = 0.5"):
        run(panel, {0: [0.3, 0.3, 0.2, 0.2]}, related_positions=groups)


def test_weight_on_an_unlisted_or_delisted_asset_stops_the_run():
    closes = closes_with([np.nan, np.nan, 100])
    with pytest.raises(RunError, match="on A00, which is not listed, or not in the universe, then"):
        run(world(closes), {1: [0.1, 0.1]})
    gone = np.full((12, 2), 100.0)
    gone[3:, 0] = np.nan
    with pytest.raises(RunError, match="on A00, which is not listed, or not in the universe, then"):
        run(world(gone, ended={"A00": date(2018, 1, 4)}), {5: [0.1, 0.1]})


def test_an_order_without_a_written_rule_stops_the_run():
    with pytest.raises(RunError, match="cites the rule 'a hunch', which the plan does not have"):
        run(world(FLAT), Schedule({0: [0.1, 0.1]}, rule="a hunch"))
    with pytest.raises(RunError, match="cites the rule ''"):
        run(world(FLAT), Schedule({0: [0.1, 0.1]}, rule=""))
    with pytest.raises(RunError, match="1 rules for 2 assets"):
        run(world(FLAT), Schedule({0: [0.1, 0.1]}, rule=("leave",)))


class TwoRules:
    """Buys both assets, then leaves the first and adds to the second in one decision."""

    def __init__(self, leaving="leave"):
        self.leaving, self.asked = leaving, 0

    def decide(self, view):
        self.asked += 1
        if self.asked == 1:
            return Decision(np.array([0.1, 0.1]), "rebalance")
        if self.asked == 3:
            return Decision(np.array([0.0, 0.2]), (self.leaving, "rebalance"))
        return None


def test_each_order_carries_its_own_rule():
    result = run(world(FLAT), TwoRules(), horizon={"rebalance": EveryBars("every_bars", 1)})
    assert list(result.orders["rule"])[:4] == ["rebalance", "rebalance", "leave", "rebalance"]
    assert set(result.trades["rule_in"]) == {"rebalance"}


def test_an_exit_rule_cannot_open_or_add():
    class Opens:
        def decide(self, view):
            return Decision(np.array([0.1, 0.1]), "leave")

    with pytest.raises(RunError, match=r"A00 goes from weight 0\.0000 to 0\.1000 under the rule 'leave'.*'exit'"):
        run(world(FLAT), Opens())


def test_a_failing_strategy_is_reported_with_its_place_and_session():
    class Fails:
        def decide(self, view):
            if 1 / (len(view.sessions) - 3) > 1:
                raise AssertionError("never reached")

    with pytest.raises(RunError, match=r"test_engine.py:\d+: the strategy failed on 2018-01-04: ZeroDivisionError"):
        run(world(FLAT), Fails())


def test_an_answer_that_is_no_decision_stops_the_run():
    class Answers:
        def decide(self, view):
            return {"A00": 1.0}

    with pytest.raises(RunError, match="answered dict, expected Decision, Hold or None"):
        run(world(FLAT), Answers())


def test_interrupting_is_not_mistaken_for_a_failure():
    class Interrupted:
        def decide(self, view):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(world(FLAT), Interrupted())


@pytest.mark.parametrize("money", [0.0, -1.0, float("nan")])
def test_a_run_starts_with_money(money):
    with pytest.raises(RunError, match="initial_equity"):
        run(world(FLAT), {}, initial_equity=money)


def test_progress_reaches_the_end():
    seen = []
    panel = world(FLAT)
    run_backtest(
        panel, plan_for(panel), Schedule({}), *span(panel), progress=lambda done, total: seen.append((done, total))
    )
    assert seen == [(n, 12) for n in range(1, 13)]


def test_a_squeezed_short_is_liquidated_and_said_so():
    short = {"long_only": False, "max_gross": 1.5, "max_net": 0.9}
    closes = closes_with([100, 100, 100, 280, 280, 280])
    result = run(world(closes), {0: [-0.5, 0.3]}, sizing=short, friction=NO_COSTS | {"borrow": Borrow(0.0, 0.3)},
                 related_positions={"max_group_gross": 0.8, "max_group_net": 0.7})  # fmt: skip
    assert result.halted_on == result.equity.index[3]
    assert result.events["condition"].iloc[0] in {"margin", "drawdown", "bankrupt"}
    assert (result.quantities.iloc[-1] == 0).all()


def test_within_limits_is_always_accepted():
    generator = np.random.default_rng(0)
    panel = world(random_walk(30, 6))

    class Wild:
        def decide(self, view):
            return Decision(within_limits(generator.normal(0, 2, 6), view.limits), "rebalance")

    items = {
        "sizing": {"long_only": False, "max_weight": 0.4, "max_gross": 1.4, "max_net": 0.2},
        "related_positions": {"max_group_gross": 0.9, "max_group_net": 0.15},
        "friction": {"borrow": Borrow(0.01, 0.3)},
    }
    result = run(panel, Wild(), **items)
    assert len(result.decisions) == 30
    assert pd.notna(result.equity["equity"]).all()
