"""Costs, prices and shares of the volume, charged and measured again from the fills."""

from dataclasses import replace

import numpy as np
import pytest

from quantdl.backtest import BreakEven, Order, Orders, PositionExits
from quantdl.backtest.plan import friction
from quantdl.backtest.plan.borrowing import Borrow, borrow_faults
from quantdl.backtest.plan.fast_exit import FastExit
from quantdl.backtest.plan.friction import (
    Friction,
    MeasuredVolume,
    StatedVolume,
    VolumeWaiver,
    known_liquidity,
)
from quantdl.backtest.plan.sizing import Sizing
from quantdl.backtest.plan.spreads import HighLowSpread, StatedSpreads
from tests.backtest.judged import (
    VOLUME,
    AtBars,
    changed_fill,
    failed,
    good_plan,
    good_run,
    judged,
    market,
    only,
    rebooked,
    row,
    run,
)
from tests.backtest.test_orders_on_bars import SHORT_SELLING, bars_world, played
from tests.backtest.worlds import SIGNED, plan_for, random_walk, world

PANEL = world(random_walk(60, 4))
DATA = plan_for(PANEL).trusted_data
WAIVER = VolumeWaiver("waiver", "A. Risk", "no volume in the data")
STATED = StatedVolume("stated", dict.fromkeys(PANEL.assets, 1e7), "the exchange's fact book", 0.1, 1.0)
LONG = Sizing("The same weights at every decision.", True, 0.9, 1.0, None, 0.1, 0.12)
SHORT = replace(LONG, long_only=False, max_gross=2.0, max_net=0.5)
GOOD = Friction(5.0, 5.0, None, WAIVER, 0.7, None, "next_close")
TERMS = Borrow(0.01, 0.3)
ONE_FREE = StatedSpreads("stated", {**dict.fromkeys(PANEL.assets, 2.0), "A00": 0.0})


def faults(stated, sizing=LONG, data=DATA, model_horizon=None):
    alone, beside = friction.faults(stated, model_horizon), friction.trusted_data_faults(stated, data)
    found = (*alone, *borrow_faults(stated.borrow, sizing), *beside)
    return {fault.item.removeprefix("friction."): str(fault) for fault in found}


def test_terms_that_make_sense_are_accepted():
    assert faults(GOOD) == faults(replace(GOOD, liquidity=STATED)) == faults(replace(GOOD, borrow=TERMS), SHORT) == {}


@pytest.mark.parametrize(
    ("changes", "sizing", "item", "words"),
    [
        ({"commission_bps": -1.0}, LONG, "commission_bps", "between 0 and 1000"),
        ({"half_spread_bps": 1001.0}, LONG, "half_spread_bps", "between 0 and 1000"),
        ({"half_spread_bps": HighLowSpread("high_low", 20, 1.0)}, LONG, "half_spread_bps.kind", "'high' and 'low'"),
        ({"commission_per_share": 0.005}, LONG, "commission_per_share", "0 on split prices"),
        ({"commission_minimum": -1.0}, LONG, "commission_minimum", "between 0 and 10000"),
        ({"commission_minimum": 10_001.0}, LONG, "commission_minimum", "between 0 and 10000"),
        ({"settlement_sessions": -1}, LONG, "settlement_sessions", "between 0 and 10"),
        ({"settlement_sessions": 11}, LONG, "settlement_sessions", "between 0 and 10"),
        ({"delisting_recovery": 1.2}, LONG, "delisting_recovery", "between 0 and 1"),
        (
            {"delisted_after_sessions": 0},
            LONG,
            "delisted_after_sessions",
            "silent sessions, or null for never, above 0",
        ),
        ({"delisted_after_sessions": 2501}, LONG, "delisted_after_sessions", "at most 2500"),
        ({"borrow": TERMS}, LONG, "borrow", "write null"),
        ({}, SHORT, "borrow", "terms of selling short"),
        ({"borrow": Borrow(2.0, 0.3)}, SHORT, "borrow.annual_rate", "between 0 and 1"),
        ({"borrow": Borrow(0.01, 0.6)}, SHORT, "borrow.maintenance_margin", "liquidated at once"),
        ({"fill_at": "next_open"}, LONG, "fill_at", "next_close"),
        ({"liquidity": MeasuredVolume("measured", 20, 0.1, 1.0)}, LONG, "liquidity.kind", "sign the waiver"),
        ({"liquidity": replace(STATED, participation=1.5)}, LONG, "liquidity.participation", "share of volume"),
        ({"liquidity": replace(STATED, impact_coefficient=-1.0)}, LONG, "liquidity.impact_coefficient", "zero or more"),
        (
            {"liquidity": replace(STATED, dollar_volume={**STATED.dollar_volume, "A01": 0.0})},
            LONG,
            "liquidity.dollar_volume.A01",
            "above 0",
        ),
    ],
)
def test_terms_that_make_no_sense_are_refused(changes, sizing, item, words):
    found = faults(replace(GOOD, **changes), sizing)
    assert set(found) == {item}
    assert words in found[item]


def test_a_fee_per_share_is_for_shares_as_they_were_traded():
    raw = replace(DATA, adjustment="raw")
    per_share = replace(GOOD, commission_per_share=0.005, commission_minimum=1.0, settlement_sessions=2)
    assert faults(per_share, data=raw) == {}
    dear = replace(per_share, commission_per_share=101.0)
    assert "between 0 and 100" in faults(dear, data=raw)["commission_per_share"]
    for adjustment in ("split", "total_return"):
        found = faults(per_share, data=replace(DATA, adjustment=adjustment))
        assert set(found) == {"commission_per_share"}


def test_a_cost_of_zero_needs_a_signature_and_a_signature_a_cost_of_zero():
    free = {"commission_bps": 0.0, "half_spread_bps": 0.0}
    for zero, words in (
        ({"commission_bps": 0.0}, "commission is zero"),
        ({"half_spread_bps": 0.0}, "spread is zero"),
        (free, "commission and spread are zero"),
        ({"half_spread_bps": ONE_FREE}, "spread of some assets is zero"),
    ):
        unsigned = replace(GOOD, **zero)
        found = faults(unsigned)
        assert set(found) == {"cost_waiver"} and words in found["cost_waiver"]
        assert faults(replace(unsigned, cost_waiver=SIGNED)) == {}
    least = replace(GOOD, commission_bps=0.0, commission_minimum=1.0)
    assert faults(least) == {}
    for charged in (GOOD, least):
        assert set(faults(replace(charged, cost_waiver=SIGNED))) == {"cost_waiver"}


def test_every_asset_needs_its_spread_and_its_limit_on_borrowing():
    terms = replace(GOOD, half_spread_bps=StatedSpreads("stated", {"A00": 1.0}), borrow=Borrow(0.01, 0.3, {"A00": 1.0}))
    found = [fault.item for fault in friction.data_faults(terms, PANEL)]
    assert found == ["friction.half_spread_bps.bps", "friction.borrow.available"]


def test_special_terms_are_said_in_words():
    assert GOOD.special_terms == ()
    terms = replace(
        GOOD,
        commission_per_share=0.005,
        commission_minimum=1.0,
        half_spread_bps=ONE_FREE,
        borrow=Borrow(0.01, 0.3, 1e5),
        settlement_sessions=1,
        cost_waiver=SIGNED,
    )
    assert terms.special_terms == (
        "commission 5 bps and 0.005 a share, at least 1 a fill",
        "half the spread by asset, 0 to 2 bps",
        "short positions pay 1.00% a year, at most 100,000 of money can be sold short of an asset",
        "proceeds of a sale may be spent 1 session later",
        "spread of some assets waived (signed: A. Risk): this test is about something else",
    )
    two = replace(GOOD, settlement_sessions=2)
    assert two.special_terms == ("proceeds of a sale may be spent 2 sessions later",)


def test_dollars_cannot_be_measured_on_prices_with_dividends():
    data = replace(DATA, fields=("close", "volume"), adjustment="total_return")
    measured = replace(GOOD, liquidity=MeasuredVolume("measured", 0, 0.1, 1.0))
    assert set(faults(measured, data=data)) == {"liquidity.kind", "liquidity.window_bars"}
    assert set(faults(measured, data=replace(data, adjustment="raw"))) == {"liquidity.window_bars"}


def test_a_model_fills_at_the_next_close():
    same_bar = replace(GOOD, fill_at="decision_close")
    assert faults(same_bar) == {}
    assert set(faults(same_bar, model_horizon=5)) == {"fill_at"}


def test_every_asset_needs_its_volume():
    found = list(friction.data_faults(replace(GOOD, liquidity=replace(STATED, dollar_volume={"A00": 1e7})), PANEL))
    assert [fault.given for fault in found] == ["nothing for ['A01', 'A02', 'A03']"]


def test_a_mean_volume_over_more_bars_than_the_data_has_is_refused():
    n_bars = len(PANEL.sessions)
    for bars, items in ((n_bars - 1, []), (n_bars, ["friction.liquidity.window_bars"])):
        measured = replace(GOOD, liquidity=MeasuredVolume("measured", bars, 0.1, 1.0))
        assert [fault.item for fault in friction.data_faults(measured, PANEL)] == items


def test_a_waiver_is_refused_where_the_data_has_volume():
    panel = world(PANEL.closes, fields={"volume": np.full(PANEL.closes.shape, 1e6)})
    assert [fault.item for fault in friction.data_faults(GOOD, panel)] == ["friction.liquidity.kind"]
    assert list(friction.data_faults(GOOD, PANEL)) == []


# After the run -------------------------------------------------------------------------------------------------------


def test_a_run_without_costs_fails():
    liquidity = good_plan().friction.liquidity
    plan = good_plan(friction={"commission_bps": 0.0, "half_spread_bps": 0.0, "liquidity": liquidity})
    assert only("friction", judged(plan, run(plan))) == "no costs were charged"


def test_fees_that_are_no_share_of_the_notional_are_charged_again_fill_by_fill():
    """A least fee of 3 a fill beside 5 bps and spreads by asset; the record of a run in which it was 2.50."""
    liquidity = good_plan().friction.liquidity
    spreads = StatedSpreads("stated", {asset: 1.0 + place for place, asset in enumerate(market().assets)})
    terms = {"half_spread_bps": spreads, "commission_minimum": 3.0, "liquidity": liquidity}
    stated, cheaper = good_plan(friction=terms), good_plan(friction=terms | {"commission_minimum": 2.5})
    result = run(stated)
    found = row("friction", judged(stated, result))
    assert found.passed is True
    fills = result.fills
    paid = 1e4 * (fills["commission"] + fills["spread"]).sum() / fills["notional"].sum()
    assert found.statement.startswith(f"{paid:.2f} bps each way on average, filled at next_close; commission 5 bps and")
    least = int((fills["commission"] == 3.0).sum())
    assert 0 < least < len(fills)
    cause = only("friction", judged(stated, run(cheaper)))
    assert "fills were charged otherwise than stated" in cause


def test_what_the_profit_can_bear_is_held_against_what_was_paid():
    liquidity = good_plan().friction.liquidity
    plan = good_plan(friction={"commission_minimum": 300.0, "liquidity": liquidity})
    result = run(plan)
    paid = 1e4 * (result.fills["commission"] + result.fills["spread"]).sum() / result.fills["notional"].sum()
    checklist = judged(plan, result, break_even=BreakEven(12.0, "The profit is gone at 12.0 bps each way.", 12.0))
    assert f"the stated costs are {paid - 12.0:.1f} bps above what the profit can bear" in failed(checklist)["friction"]


def test_fills_charged_less_than_stated_fail():
    """A run at 4 bps each way, held against a plan that states 10."""
    cheap = good_plan(
        friction={"commission_bps": 2.0, "half_spread_bps": 2.0, "liquidity": good_plan().friction.liquidity}
    )
    result = run(cheap)
    missing = 6e-4 * result.fills["notional"].sum()
    cause = only("friction", judged(result=result))
    assert cause == f"{len(result.fills)} fills were charged otherwise than stated, {missing:,.2f} in all"


def test_one_fill_without_its_costs_fails():
    fills = good_run().fills.copy()
    forgiven = fills.loc[0, "cost"]
    fills.loc[0, ["commission", "spread", "cost"]] = 0.0
    cause = only("friction", judged(result=rebooked(good_run(), market(), fills)))
    assert cause == f"1 fills were charged otherwise than stated, {forgiven:,.2f} in all"


def test_impact_is_charged_again_on_what_was_known_before():
    """With Y = 1 each fill of n costs s sqrt(n / V) n more; the record of a run in which that was left out."""
    stated = replace(good_plan().friction.liquidity, impact_coefficient=1.0)
    priced = good_plan(friction={"liquidity": stated}, fast_exit=FastExit(5))
    assert row("friction", judged(priced, run(priced))).passed is True
    fills = run(priced).fills
    free = fills.assign(cost=fills["cost"] - fills["impact"], impact=0.0)
    cause = only("friction", judged(priced, rebooked(run(priced), market(), free)))
    assert cause == f"{len(fills)} fills were charged otherwise than stated, {fills['impact'].sum():,.2f} in all"


def test_known_volatility_and_volume_are_those_of_the_close():
    returns = market().closes[1:] / market().closes[:-1] - 1
    known = known_liquidity(good_plan().friction, market())
    assert known.volatility[99, 2] == pytest.approx(returns[79:99, 2].std(ddof=1))
    assert (known.dollar_volume[99, 2], known.most_dollars[99, 2]) == (VOLUME, pytest.approx(0.05 * VOLUME))
    assert np.isinf(known_liquidity(GOOD, market()).most_dollars).all()


def test_measured_volume_is_the_mean_of_dollars_up_to_the_close():
    volume = np.random.default_rng(0).uniform(1e4, 1e5, market().closes.shape)
    panel = world(market().closes, fields={"volume": volume})
    terms = replace(GOOD, liquidity=MeasuredVolume("measured", 10, 0.2, 0.0))
    known = known_liquidity(terms, panel)
    dollars = (volume * market().closes)[40:50, 3].mean()
    assert known.dollar_volume[49, 3] == pytest.approx(dollars)
    assert known.most_dollars[49, 3] == pytest.approx(0.2 * dollars)


def test_more_than_the_share_of_the_volume_fails():
    """Bought 150,000 a share in one session, where 0.1 % of a hundred million is promised."""
    liquidity = replace(good_plan().friction.liquidity, participation=0.001)
    plan = good_plan(friction={"liquidity": liquidity}, fast_exit=FastExit(5))
    cause = only("friction", judged(plan, good_run()))
    largest = good_run().fills["notional"].max() / 1e5
    assert cause == f"more traded than the participation allows, 6 times, up to {largest:.4g} times it"


def test_a_price_that_was_not_made_fails():
    dear = changed_fill(good_run(), market(), 0, price=1.001 * good_run().fills.loc[0, "price"])
    assert only("friction", judged(result=dear)) == "1 fills at prices that were not made"


def test_fills_at_the_close_of_the_decision_fail():
    plan = good_plan(friction={"fill_at": "decision_close", "liquidity": good_plan().friction.liquidity})
    result = run(plan)
    cause = f"{len(result.fills)} of {len(result.fills)} fills at the close they were decided on"
    assert only("friction", judged(plan, result)) == cause


def test_stated_costs_above_what_the_profit_bears_fail():
    statement = "The profit is gone at 4.0 bps each way; the plan states 10 bps."
    checklist = judged(break_even=BreakEven(4.0, statement, 4.0))
    assert only("friction", checklist) == "the stated costs are 6.0 bps above what the profit can bear"
    assert row("friction", checklist).figure.endswith(statement)


def test_a_run_without_profit_at_no_costs_says_so_and_names_no_distance():
    """Stated 0 and break-even 0: nothing lies between the two, and yet the profit carries no cost."""
    plan = good_plan(friction={"commission_bps": 0.0, "half_spread_bps": 0.0})
    found = judged(plan, break_even=BreakEven(0.0, "The run loses even without costs (-1.00%).", 0.0))
    assert "no profit is left to bear any cost" in failed(found)["friction"]
    assert "bps above" not in failed(found)["friction"]


def test_a_waiver_leaves_capacity_undefined_and_caps_the_verdict():
    plan = good_plan(friction={})
    checklist = judged(plan, run(plan))
    assert checklist.verdict == "relative evidence only"
    undecided = {found.item: found.cause for found in checklist.items if found.passed is None}
    assert set(undecided) == {"friction", "fast_exit"}
    assert undecided["friction"] == "liquidity is waived (signed: A. Risk), capacity is undefined"


def test_without_a_break_even_cost_nothing_is_decided():
    assert row("friction", judged(break_even=None)).cause == "the break-even cost was not computed"


def test_costs_and_turnover_are_those_of_the_fills():
    found = row("friction", judged()).figure
    fills, equity = good_run().fills, good_run().equity
    before = (equity["equity"] + equity["costs"]).reindex(fills["session"]).to_numpy()
    paid, turnover = fills["cost"].sum() / 1e6, (fills["notional"] / before).sum()
    assert found.startswith(
        f"costs {paid:.2%} of initial equity, turnover {turnover:.2f} times equity. The profit is gone"
    )


def test_parts_of_a_cost_that_do_not_add_up_to_it_fail():
    """The cost is as stated; of its parts the commission is ten dollars too high."""
    fills = good_run().fills.copy()
    fills.loc[0, "commission"] += 10.0
    cause = only("friction", judged(result=rebooked(good_run(), market(), fills)))
    assert cause == "1 fills were charged otherwise than stated, 10.00 in all"


def test_the_share_of_the_volume_is_that_of_the_volume_known_before_the_fill():
    """Bought 150,000 a share on the second day, where 0.1 % of a hundred million is promised."""
    dollars = np.full(market().closes.shape, 1e8)
    dollars[1] *= 10
    panel = world(market().closes, fields={"dollar_volume": dollars})
    trusted = {"fields": ("close", "dollar_volume")}
    measured = MeasuredVolume("measured", 1, 0.05, 0.0)
    plan = good_plan(panel, friction={"liquidity": measured}, trusted_data=trusted, fast_exit=FastExit(5))
    result = run(plan, panel=panel)
    strict = replace(plan, friction=replace(plan.friction, liquidity=replace(measured, participation=0.001)))
    largest = result.fills["notional"].max() / 1e5
    cause = row("friction", judged(strict, result, panel)).cause
    assert cause == f"more traded than the participation allows, 6 times, up to {largest:.4g} times it"


def test_a_profit_that_bears_no_costs_at_all_fails_where_none_are_stated():
    free = {"commission_bps": 0.0, "half_spread_bps": 0.0, "liquidity": good_plan().friction.liquidity}
    plan = good_plan(friction=free)
    found = row("friction", judged(plan, run(plan), break_even=BreakEven(0.0, "There is no profit.", 0.0)))
    assert found.cause == "no costs were charged; no profit is left to bear any cost"


def test_borrowing_is_among_the_costs():
    """Half of equity sold short at a price that stands still, 36.5 % a year: 0.05 % of equity a day for 58 days."""
    panel = world(np.full((60, 2), 100.0))
    plan = plan_for(
        panel,
        sizing={"long_only": False, "max_gross": 1.5, "max_net": 0.9},
        related_positions={"max_group_gross": 0.8, "max_group_net": 0.7},
        friction={"commission_bps": 0.0, "half_spread_bps": 0.0, "borrow": Borrow(0.365, 0.3)},
        horizon={"bars": 59},
        sample={"minimum_sessions": 60},
    )
    result = run(plan, AtBars({1: ([-0.5, 0.0], "rebalance")}), panel)
    assert row("friction", judged(plan, result, panel)).figure.startswith("costs 2.90% of initial equity, ")


def test_orders_that_name_their_price_may_fill_within_their_bar_and_no_others():
    bars = [(100, 101, 94, 98), (98, 99, 97, 98), (98, 112, 97, 105)]
    answers = {1: Orders((Order("A00", 5, "rebalance", "limit", 95.0),)),
               2: Orders((), (PositionExits("A00", "rebalance", target=110.0),))}  # fmt: skip
    result = played(bars, answers, friction={"commission_bps": 5.0, "half_spread_bps": 5.0})
    assert list(result.fills["price"]) == [95.0, 110.0]
    panel = bars_world(bars)
    items = {"friction": {"borrow": Borrow(0.0, 0.1)}, "related_positions": {"max_group_net": 0.9}}
    plan = plan_for(panel, sizing=SHORT_SELLING, **items)
    cause = row("friction", judged(plan, result, panel)).cause
    assert "fills at prices that were not made" not in cause
    doctored = replace(result, orders=result.orders.assign(kind="market"))
    assert "2 fills at prices that were not made" in row("friction", judged(plan, doctored, panel)).cause


def test_costs_of_a_run_that_never_traded_are_undecided_and_not_too_high():
    class Idle:
        def decide(self, view):
            return None

    nothing = BreakEven(0.0, "Nothing was earned and nothing lost, with costs or without.", 0.0)
    found = judged(result=run(good_plan(), Idle()), break_even=nothing)
    assert "friction" not in failed(found)
    assert row("friction", found).cause == "nothing was traded, so no cost was paid"
