"""Caps and the promise of no larger loss, measured on what the fills made of the book."""

from dataclasses import replace

import numpy as np
import pytest

from quantdl.backtest.plan import sizing
from quantdl.backtest.plan.borrowing import Borrow
from quantdl.backtest.plan.invalidation import DrawdownLimit
from quantdl.backtest.plan.sizing import Sizing, larger
from tests.backtest.judged import (
    AtBars,
    Fixed,
    changed_fill,
    failed,
    followed_by,
    good_plan,
    good_run,
    judged,
    market,
    only,
    row,
    run,
    shifted_shares,
)
from tests.backtest.worlds import world

LONG = Sizing("The same weights at every decision.", True, 0.2, 1.0, None, 0.1, 0.12)
SHORT = replace(LONG, long_only=False, max_gross=2.0, max_net=0.5)
SHORT_PLAN = {
    "sizing": {"long_only": False, "max_gross": 1.3, "max_net": 0.5, "stop_loss": 0.1, "max_loss_per_trade": 0.12},
    "related_positions": {"max_group_gross": 1.2, "max_group_net": 0.9},
}


def test_lots_are_of_shares_that_were_traded():
    for lot, adjustment, faulty in (
        (None, "total_return", []),
        (1, "raw", []),
        (100, "raw", []),
        (0, "raw", ["1 and 1,000,000"]),
        (1_000_001, "raw", ["1 and 1,000,000"]),
        (100, "split", ["null on split prices"]),
        (0, "total_return", ["1 and 1,000,000", "null on total_return prices"]),
    ):
        found = list(sizing.lot_faults(replace(LONG, lot_shares=lot), adjustment))
        assert [fault.item for fault in found] == ["sizing.lot_shares"] * len(faulty)
        assert all(words in str(fault) for words, fault in zip(faulty, found, strict=True))


@pytest.mark.parametrize(
    ("stated", "item", "words"),
    [
        (replace(LONG, max_weight=1.5), "sizing.max_weight", "at most 1"),
        (replace(LONG, max_gross=1.5), "sizing.max_gross", "no borrowed cash"),
        (replace(LONG, max_net=0.5), "sizing.max_net", "never bind"),
        (replace(LONG, max_loss_per_trade=0.95), "sizing.max_loss_per_trade", "never bind"),
        (replace(LONG, stop_loss=0.13), "sizing.stop_loss", "below max_loss_per_trade"),
        (replace(LONG, stop_loss=-0.1), "sizing.stop_loss", "above 0"),
        (replace(SHORT, max_net=None), "sizing.max_net", "sell short"),
        (replace(SHORT, max_net=2.5), "sizing.max_net", "never bind"),
    ],
)
def test_caps_that_cannot_be_kept_are_refused(stated, item, words):
    found = {fault.item: str(fault) for fault in sizing.faults(stated)}
    assert set(found) == {item}
    assert words in found[item]


def test_caps_that_can_bind_are_accepted():
    assert list(sizing.faults(LONG)) == list(sizing.faults(SHORT)) == []


@pytest.mark.parametrize(
    ("stated", "item", "words"),
    [
        (replace(LONG, max_weight=0.2), "sizing.max_gross", "0.8"),
        (replace(LONG, max_weight=1.0), "sizing.max_weight", "below max_gross"),
    ],
)
def test_caps_that_four_assets_cannot_reach_are_refused(stated, item, words):
    found = {fault.item: str(fault) for fault in sizing.data_faults(stated, 4)}
    assert set(found) == {item}
    assert words in found[item]


def test_a_weight_above_the_cap_fails_by_how_much():
    """0.3 of A00 and A03 where 0.2 is promised: 0.1 less what the trading cost."""
    loose = good_plan(sizing={"max_weight": 0.3, "stop_loss": 0.1, "max_loss_per_trade": 0.12})
    checklist = judged(result=run(loose, Fixed((0.3, 0.02, 0.02, 0.3, 0.02, 0.02))))
    assert only("sizing", checklist).startswith("max_weight = 0.2 is exceeded by 0.1000, A00 on ")
    assert "largest weight 30.00% at the prices of its decision" in row("sizing", checklist).figure


def test_a_fill_larger_than_the_cap_allows_fails():
    """The record of a run in which one of the first purchases was larger by two fifths than what was ordered."""
    bought = int(followed_by(good_run(), -1)[0])  # the next fill sells it again
    fill = good_run().fills.loc[bought]
    wrong = shifted_shares(good_run(), market(), bought, 0.4 * fill["quantity"])
    plan = good_plan(related_positions={"max_group_gross": 0.59})
    cause = only("sizing", judged(plan, wrong))  # 1.4 times 0.15 is 0.21, less costs
    assert cause.startswith(f"max_weight = 0.2 is exceeded by 0.0098, {fill['asset']} on 2018-01-03")


def test_a_gross_weight_above_the_cap_fails():
    strict = good_plan(sizing={"max_weight": 0.2, "max_gross": 0.8, "stop_loss": 0.1, "max_loss_per_trade": 0.12})
    assert only("sizing", judged(strict)).startswith("max_gross = 0.8 is exceeded by 0.1000, on ")


def test_a_net_weight_above_the_cap_fails():
    terms = {**good_plan().friction.__dict__, "borrow": Borrow(0.01, 0.3)}
    plan = good_plan(**SHORT_PLAN, friction=terms)
    loose = replace(plan, sizing=replace(plan.sizing, max_net=0.9))
    result = run(loose, Fixed((0.19, 0.19, 0.19, 0.18, -0.05, -0.05)))
    assert only("sizing", judged(plan, result)).startswith("max_net = 0.5 is exceeded by 0.1500, on ")
    assert judged(loose, result).verdict == "defended"


def test_a_short_position_in_a_long_only_plan_fails():
    """A sale of ten shares more than were held, bought back at the next fill."""
    sold = int(followed_by(good_run(), 1, first_sign=-1)[0])
    fill = good_run().fills.loc[sold]
    held = good_run().quantities.loc[fill["session"], fill["asset"]]
    cause = only("sizing", judged(result=shifted_shares(good_run(), market(), sold, -held - 10)))
    assert cause == f"a long-only plan was short of 10 shares of {fill['asset']} from {fill['session']:%Y-%m-%d}"


def test_a_trade_that_lost_more_than_promised_fails():
    """The worst trade lost 0.39 % of equity at entry; half of that is promised."""
    strict = good_plan(sizing={"max_weight": 0.2, "stop_loss": 0.001, "max_loss_per_trade": 0.002})
    assert only("sizing", judged(strict)) == "max_loss_per_trade = 0.002 is exceeded by 0.0019, by the worst trade"


def test_a_trade_is_counted_from_its_fills():
    """A03 bought a tenth too dear: the table of trades was left as it was, the fills say that 1.9 % were lost."""
    dear = changed_fill(good_run(), market(), 3, price=1.1 * good_run().fills.loc[3, "price"])
    plan = good_plan(sizing={"max_weight": 0.2, "stop_loss": 0.005, "max_loss_per_trade": 0.01})
    causes = failed(judged(plan, dear))
    lost = 0.003873 + 1.001 * 0.1 * good_run().fills.loc[3, "notional"] / 1e6  # before, and by the price and its costs
    assert causes["sizing"] == f"max_loss_per_trade = 0.01 is exceeded by {lost - 0.01:.4f}, by the worst trade"
    assert causes["friction"] == "1 fills at prices that were not made"
    assert set(causes) == {"sizing", "friction"}


def jumping(at, factor=2.0):
    closes = 100 * np.exp(0.004 * np.random.default_rng(2).standard_normal((300, 6)).cumsum(axis=0))
    closes[at:, 1] *= factor
    return world(closes)


@pytest.mark.parametrize("bar", [1, 60], ids=["between decision and fill", "long after the fill"])
def test_a_weight_that_prices_lifted_above_the_cap_breaks_no_promise(bar):
    """A01 doubles, at once or later, from 0.15 of equity to 0.26: the weight as decided stays below 0.2."""
    panel = jumping(bar)
    plan = good_plan(panel, sample={"minimum_sessions": 260}, horizon={"bars": 250})
    result = run(plan, AtBars({1: ([0.15] * 6, "rebalance")}), panel)
    found = row("sizing", judged(plan, result, panel))
    assert found.passed is True
    weights = (result.quantities * panel.closes).div(result.equity["equity"], axis=0)
    assert f"{weights.to_numpy().max():.2%} held with drift" in found.figure
    assert weights.to_numpy().max() > 0.2


def test_a_reduction_that_waits_for_a_price_breaks_no_cap():
    """A00 is to shrink for the sake of the others, but makes no price for two weeks."""
    closes = market().closes.copy()
    closes[7:20, 0] = np.nan
    panel = world(closes)
    plan = good_plan(
        panel,
        sizing={"max_weight": 0.5, "max_gross": 0.6, "stop_loss": 0.2, "max_loss_per_trade": 0.3},
        related_positions={"max_group_gross": 0.55},
        horizon={"bars": 60},
        invalidation=(DrawdownLimit("drawdown", 0.3),),
    )
    decisions = {6: ([0.4, 0, 0, 0.2, 0, 0], "rebalance"), 11: ([0.1, 0.1, 0.1, 0.2, 0.1, 0], "rebalance")}
    result = run(plan, AtBars(decisions | {bar: ([0.1] * 6, "rebalance") for bar in range(71, 400, 50)}), panel)
    assert result.equity["gross"].iloc[12] > 0.65
    assert row("sizing", judged(plan, result, panel)).passed is True


def test_of_two_equal_figures_the_first_is_named():
    assert larger((0.2, "A00 on 2018-01-05"), (0.2, "A05 on 2018-03-09")) == (0.2, "A00 on 2018-01-05")
    assert larger((0.2, "A05 on 2018-01-05"), (0.3, "A00 on 2018-03-09")) == (0.3, "A00 on 2018-03-09")


@pytest.mark.parametrize("side", [1, -1], ids=["long", "short"])
def test_a_net_weight_above_the_cap_fails_on_either_side(side):
    terms = {**good_plan().friction.__dict__, "borrow": Borrow(0.01, 0.3)}
    plan = good_plan(**SHORT_PLAN, friction=terms)
    loose = replace(plan, sizing=replace(plan.sizing, max_net=0.9))
    found = row("sizing", judged(plan, run(loose, Fixed(side * np.array([0.19, 0.19, 0.19, 0.18, -0.05, -0.05])))))
    assert (found.passed, found.cause[:36]) == (False, "max_net = 0.5 is exceeded by 0.1500,")


@pytest.mark.parametrize(("excess", "passes"), [(2e-8, False), (0.5e-8, True)])
def test_a_weight_may_exceed_its_cap_by_rounding_alone(excess, passes):
    """Bought once, without costs: 0.15 of equity each at the prices of the decision."""
    free = {"commission_bps": 0.0, "half_spread_bps": 0.0, "liquidity": good_plan().friction.liquidity}
    plan = good_plan(friction=free, horizon={"bars": 250})
    strict = replace(plan, sizing=replace(plan.sizing, max_weight=0.15 - excess))
    found = row("sizing", judged(strict, run(plan, AtBars({1: ([0.15] * 6, "rebalance")}))))
    assert found.passed is passes


@pytest.mark.parametrize(("n_assets", "items"), [(None, []), (1, []), (2, ["sizing.max_weight"])])
def test_a_cap_on_one_asset_as_high_as_that_on_the_book_is_refused_beside_a_second_asset(n_assets, items):
    same = replace(LONG, max_weight=LONG.max_gross)
    assert [fault.item for fault in sizing.same_cap_faults(same, n_assets)] == items
    assert [*sizing.same_cap_faults(LONG, n_assets)] == []
