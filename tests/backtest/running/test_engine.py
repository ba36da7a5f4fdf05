"""What the engine does, on markets small enough to work out by hand."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from quantdl.backtest import Forecasts, Hold
from quantdl.backtest.plan.borrowing import Borrow
from quantdl.backtest.plan.invalidation import CalibrationLimit, StaleDataLimit, VolatilityLimit
from quantdl.backtest.plan.related_positions import CorrelationGroups
from quantdl.errors import RunError
from tests.backtest.worlds import FLAT, NO_COSTS, Schedule, closes_with, plan_for, random_walk, run, world


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


def test_a_session_without_a_value_at_risk_is_left_out_of_the_calibration_condition():
    """A value at risk that is far too small halts the run; from the session on at which it is known, and no earlier."""
    panel = world(random_walk(600, 1, volatility=0.01))
    known_from = panel.sessions[300]
    late = Forecasts(
        5, lambda session: np.zeros((100, 1)), lambda session, weights, level: 0.004 if session >= known_from else None
    )
    targets, items = {t: [0.9] for t in range(600)}, {"sample": {"purge_bars": 6}}
    condition = (CalibrationLimit("calibration", 0.99, 0.05),)
    halted = run(panel, targets, forecasts=late, invalidation=condition, **items)
    at_once = run(panel, targets, forecasts=forecasts_with(0.004), invalidation=condition, **items)
    never = run(panel, targets, forecasts=forecasts_with(None), invalidation=condition, **items)
    assert never.halted_on is None
    assert at_once.halted_on < known_from < halted.halted_on
    before = halted.equity.index < known_from
    pd.testing.assert_frame_equal(halted.equity[before], never.equity[before])


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_value_at_risk_that_is_not_finite_stops_the_run_and_says_what_to_do(value):
    panel = world(random_walk(40, 1))
    condition = (CalibrationLimit("calibration", 0.975, 0.05),)
    words = rf"predict a value at risk of {value} at 0\.975.*correct value_at_risk of the forecasts"
    with pytest.raises(RunError, match=words) as caught:
        run(panel, {0: [0.9]}, forecasts=forecasts_with(value), invalidation=condition, sample={"purge_bars": 6})
    assert str(caught.value).startswith(f"{panel.sessions[1]:%Y-%m-%d}: ")  # the close at which it is held first


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


def test_a_squeezed_short_is_liquidated_and_said_so():
    short = {"long_only": False, "max_gross": 1.5, "max_net": 0.9}
    closes = closes_with([100, 100, 100, 280, 280, 280])
    result = run(world(closes), {0: [-0.5, 0.3]}, sizing=short, friction=NO_COSTS | {"borrow": Borrow(0.0, 0.3)},
                 related_positions={"max_group_gross": 0.8, "max_group_net": 0.7})  # fmt: skip
    assert result.halted_on == result.equity.index[3]
    assert result.events["condition"].iloc[0] in {"margin", "drawdown", "bankrupt"}
    assert (result.quantities.iloc[-1] == 0).all()


def moving(daily):
    """One share that moves by the same fraction every day."""
    return world(100 * (1 + daily) ** np.arange(120)[:, None])


def with_calibration(panel, value_at_risk, weights):
    forecasts = Forecasts(5, lambda session: np.zeros((100, 1)), value_at_risk)
    condition = (CalibrationLimit("calibration", 0.99, 0.05),)
    schedule = dict.fromkeys(range(120), weights)
    return run(panel, schedule, forecasts=forecasts, friction=NO_COSTS, invalidation=condition,
               sample={"purge_bars": 6}, sizing={"stop_loss": 0.85, "max_loss_per_trade": 0.9})  # fmt: skip


@pytest.mark.parametrize(("daily", "halts"), [(0.02, False), (-0.02, True)])
def test_only_losses_are_exceptions(daily, halts):
    """0.9 of 2 % a day is more than the 1.2 % predicted: harmless while it is gained, soon too often when lost."""
    result = with_calibration(moving(daily), lambda session, weights, level: 0.012, [0.9])
    assert result.halt_reason.startswith("calibration reached") is halts
    assert (result.halted_on is not None) is halts


@pytest.mark.parametrize(("below", "halts"), [(0.0, False), (1e-12, True)])
def test_a_loss_as_large_as_the_value_at_risk_is_no_exception(below, halts):
    """Five shares and 500 in cash: of 1000 a quarter is lost, then 125 of the 750 left. Two exceptions halt."""
    closes = np.array([100.0, 100.0, 50.0] + [25.0] * 9)[:, None]
    panel = world(closes)
    predicted = {panel.sessions[1]: 1 - 750 / 1000 - below, panel.sessions[2]: 1 - 625 / 750 - below}
    forecasts = Forecasts(5, lambda session: np.zeros((100, 1)), lambda session, *_: predicted.get(session, 1.0))
    result = run(panel, {0: [0.5]}, forecasts=forecasts, friction=NO_COSTS,
                 invalidation=(CalibrationLimit("calibration", 0.99, 0.05),), sample={"purge_bars": 6})  # fmt: skip
    assert list(result.equity["equity"][:4]) == [1000.0, 1000.0, 750.0, 625.0]
    assert result.halted_on == (panel.sessions[3] if halts else None)


@pytest.mark.parametrize(("price", "halts"), [(216.0, False), (218.0, True)])
def test_the_margin_alone_liquidates_a_book(price, halts):
    """Five shares short at 100 and three long of 1000: at 216 equity is 420 of 1380, 30.4 %, at 218 it is 29.5 %."""
    result = run(
        world(closes_with([100, 100, 100, price])),
        {0: [-0.5, 0.3]},
        friction=NO_COSTS | {"borrow": Borrow(0.0, 0.3)},
        sizing={"long_only": False, "max_gross": 1.5, "max_net": 0.9, "stop_loss": 0.8, "max_loss_per_trade": 0.9},
        related_positions={"max_group_gross": 0.8, "max_group_net": 0.7},
        invalidation=(StaleDataLimit("stale_data", 5),),
    )
    assert result.equity["equity"].iloc[3] == pytest.approx(1500 - 5 * price)
    assert result.halted_on == (result.equity.index[3] if halts else None)
    assert ("margin" in set(result.events["condition"])) is halts
    assert result.halt_reason == ("equity is 29.5% of gross exposure, maintenance margin 30.0%" if halts else "")


def test_groups_are_made_of_the_closes_up_to_the_decision():
    """Two shares have moved as one for twenty returns at the 60th close; data that end there tell the same."""
    closes = random_walk(64, 4)
    closes[40:, 1] = closes[40:, 0]  # with a jump of its own at the 40th
    groups = {"groups": CorrelationGroups("correlation", 20, 0.6), "max_group_gross": 0.8, "max_group_net": None}

    def heaviest(last):
        weights = dict.fromkeys(range(64), [0.2] * 4)
        result = run(world(closes[: last + 1]), weights, friction=NO_COSTS, related_positions=groups)
        return result.exposures["heaviest cluster"].iloc[-1], result.decisions[-1].group_gross

    assert [heaviest(last) for last in (58, 59, 60, 61)] == [
        (pytest.approx(held, abs=0.02), pytest.approx(held)) for held in (0.2, 0.2, 0.4, 0.4)
    ]
    whole = run(world(closes), dict.fromkeys(range(64), [0.2] * 4), friction=NO_COSTS, related_positions=groups)
    decided = [decision.group_gross for decision in whole.decisions]
    assert decided == pytest.approx([0.2] * 60 + [0.4] * 4)
    np.testing.assert_allclose(whole.exposures["heaviest cluster"].iloc[1:60], 0.2, atol=0.02)


def test_a_session_in_which_nothing_trades_neither_asks_for_a_value_at_risk_nor_counts_as_a_session_without_a_loss():
    """As the market before, with a dead session before each loss: the same two exceptions halt, with the same bets."""
    plain = world(np.array([100.0, 100.0, 50.0] + [25.0] * 9)[:, None])
    dead = world(np.array([100.0, 100.0, np.nan, 50.0, np.nan] + [25.0] * 9)[:, None])
    found = {}
    for panel in (plain, dead):
        asked = []

        def predict(session, weights, level, asked=asked):
            asked.append(session)
            return 0.1

        result = run(panel, {0: [0.5]}, forecasts=Forecasts(5, lambda session: np.zeros((100, 1)), predict),
                     friction=NO_COSTS, invalidation=(CalibrationLimit("calibration", 0.99, 0.05),),
                     sample={"purge_bars": 6})  # fmt: skip
        found[len(panel.sessions)] = result.conditions["calibration"].to_numpy()
        assert asked == list(panel.sessions[[1, 2] if panel is plain else [1, 3]])
        assert result.halted_on == panel.sessions[3 if panel is plain else 5]
        assert result.traded.tolist() == panel.traded[:, 0].tolist()
    np.testing.assert_array_equal(found[14][[0, 1, 3, 5]], found[12][:4])
    np.testing.assert_array_equal(found[14][[2, 4]], found[14][[1, 3]])
