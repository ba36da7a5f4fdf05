"""How fast a book could be left, and how large it could grow."""

from dataclasses import replace
from datetime import date

import numpy as np
import pytest

from quantdl.backtest import (
    capacities,
    prepare,
    run_backtest,
)
from quantdl.backtest.judging.liquidity import ExitWaived, exit_figures
from quantdl.backtest.plan.fast_exit import FastExit
from quantdl.backtest.plan.friction import StatedVolume
from quantdl.backtest.plan.spreads import StatedSpreads
from quantdl.market.actions import CorporateActions, Split
from tests.backtest.judging.books import ITEMS, Keep, rising
from tests.backtest.worlds import plan_for, random_walk, span, world


def thin(drift=0.003, half_spread=5.0):
    panel = world(random_walk(120, 2, drift=drift))
    volume = StatedVolume("stated", dict.fromkeys(panel.assets, 1e7), "a guess made for this test", 0.05, 0.0)
    friction = {"liquidity": volume, "half_spread_bps": half_spread}
    return panel, plan_for(panel, **ITEMS, friction=friction, fast_exit=FastExit(5))


def thin_run(at=30, **stated):
    panel, plan = thin(**stated)
    return run_backtest(panel, plan, Keep(at), *span(panel))


def thin_job(**stated):
    panel, plan = thin(**stated)
    return prepare(panel, plan, *span(panel))


def test_days_to_liquidate_are_position_over_capped_volume():
    result = thin_run()
    positions = (result.weights_after_fill.mul(result.equity["equity"], axis=0)).max(axis=1)
    found = exit_figures(result, thin_job())
    assert found.days == pytest.approx(positions.max() / (0.05 * 1e7))
    assert found.days_half_volume == pytest.approx(2 * found.days)
    assert found.cost == pytest.approx(result.equity["gross"].max() * 0.001)
    assert found.cost_five_spreads == pytest.approx(result.equity["gross"].max() * 0.003)


def test_the_dearest_exit_is_that_of_each_position_at_its_own_spread():
    own = StatedSpreads("stated", {"A00": 1.0, "A01": 30.0})
    result = thin_run(half_spread=own)
    found = exit_figures(result, thin_job(half_spread=own))
    weights = result.weights_after_fill.to_numpy()
    assert found.cost == pytest.approx((weights @ [6e-4, 35e-4]).max(), rel=1e-9)
    assert found.cost_five_spreads == pytest.approx((weights @ [10e-4, 155e-4]).max(), rel=1e-9)


def test_at_capacity_impact_eats_half_of_the_gross_profit():
    result = thin_run()
    gross = result.equity["equity"].iloc[-1] - 1e6 + result.equity["costs"].sum()
    for found, coefficient in zip(capacities(result), (0.5, 1.0, 2.0), strict=True):
        scale = found.equity / 1e6
        fills = result.fills
        notional = fills["notional"] * scale
        impact = (coefficient * fills["volatility"] * np.sqrt(notional / fills["dollar_volume"]) * notional).sum()
        assert impact == pytest.approx(0.5 * gross * scale, rel=1e-9)


def test_capacity_is_undefined_where_nothing_is_known_or_earned():
    panel = rising(0.001)
    plan = plan_for(panel, **ITEMS)
    waived = run_backtest(panel, plan, Keep(), *span(panel))
    assert exit_figures(waived, prepare(panel, plan, *span(panel))) == ExitWaived()
    assert {item.statement for item in capacities(waived)} == {"undefined: liquidity is waived"}
    assert {item.statement for item in capacities(thin_run(drift=-0.004))} == {"undefined: there is no gross profit"}
    assert {item.statement for item in capacities(thin_run(at=1))} == {"undefined: volatility unknown at 3 fills"}


@pytest.mark.parametrize("ends", ["delisted", "split"])
def test_what_no_order_traded_has_no_impact(ends):
    """Two purchases; the payout of what is delisted, and the shares of a split, move no price."""
    closes = random_walk(120, 2, drift=0.003)
    if ends == "delisted":
        closes[100:, 0] = np.nan
        panel = world(closes, ended={"A00": date(2018, 4, 11)})
    else:
        closes[60:, 0] /= 4
        panel = world(closes)
        panel = replace(panel, card=replace(panel.card, declaration=replace(panel.card.declaration, adjustment="raw")),
                        actions=CorporateActions(splits=(Split(panel.sessions[60].date(), "A00", 4.0),)))  # fmt: skip
    volume = StatedVolume("stated", dict.fromkeys(panel.assets, 1e7), "a guess made for this test", 0.05, 0.0)
    items = {**ITEMS, "sample": {"minimum_sessions": 115}, "horizon": {"bars": 110}}
    plan = plan_for(panel, **items, friction={"liquidity": volume}, fast_exit=FastExit(5))
    result = run_backtest(panel, plan, Keep(30), *span(panel))
    bought = result.fills[result.fills["session"] <= panel.sessions[40]]
    assert len(result.fills) > len(bought) >= 2
    unit = (bought["volatility"] * np.sqrt(bought["notional"] / 1e7) * bought["notional"]).sum()
    gross = result.equity["equity"].iloc[-1] - 1e6 + result.equity["costs"].sum()
    assert capacities(result)[1].equity == pytest.approx(1e6 * (gross / (2 * unit)) ** 2)
