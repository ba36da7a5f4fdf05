"""Selling short: terms that make sense, decisions cut to what can be borrowed, short sales beyond it found again."""

from dataclasses import replace

import numpy as np
import pytest

from quantdl.backtest.plan.borrowing import Borrow, borrow_data_faults, borrow_faults, borrow_words, borrowable
from quantdl.backtest.plan.sizing import Sizing
from tests.backtest.judged import failed, judged
from tests.backtest.worlds import FLAT, NO_COSTS, closes_with, plan_for, run, world

SHORT = Sizing("The same weights at every decision.", False, 0.9, 1.5, 0.9, 0.1, 0.12)
ITEMS = {
    "sizing": {"long_only": False, "max_gross": 1.5, "max_net": 0.9, "stop_loss": 0.7, "max_loss_per_trade": 0.8},
    "related_positions": {"max_group_gross": 0.9, "max_group_net": 0.85},
}
TERMS = Borrow(0.0, 0.3)


def short_run(available, schedule, closes=FLAT, **sizing):
    items = ITEMS | {"sizing": ITEMS["sizing"] | sizing}
    return run(world(closes), schedule, friction=NO_COSTS | {"borrow": replace(TERMS, available=available)}, **items)


@pytest.mark.parametrize(
    ("available", "item", "words"),
    [
        (0.0, "available", "above 0"),
        (-5.0, "available", "above 0"),
        ({"A00": -1.0, "A01": 1.0}, "available.A00", "zero or more"),
        ({"A00": 0.0, "A01": 0.0}, "available", "something to borrow"),
    ],
)
def test_limits_that_make_no_sense_are_refused(available, item, words):
    (fault,) = borrow_faults(replace(TERMS, available=available), SHORT)
    assert fault.item == f"friction.borrow.{item}"
    assert words in fault.expected


def test_limits_that_make_sense_are_accepted():
    for available in (None, 300.0, {"A00": 0.0, "A01": 3e5}):
        assert list(borrow_faults(replace(TERMS, available=available), SHORT)) == []


def test_a_long_only_plan_borrows_nothing_and_another_must_say_what_it_costs():
    long = replace(SHORT, long_only=True, max_net=None)
    assert [fault.item for fault in borrow_faults(TERMS, long)] == ["friction.borrow"]
    assert [fault.item for fault in borrow_faults(None, SHORT)] == ["friction.borrow"]
    assert list(borrow_faults(None, long)) == []


def test_every_asset_needs_its_limit():
    terms = replace(TERMS, available={"A00": 1.0, "A2": 1.0})
    assert [fault.given for fault in borrow_data_faults(terms, world(FLAT))] == ["nothing for ['A01']", "'A2'"]
    assert list(borrow_data_faults(replace(TERMS, available=5.0), world(FLAT))) == []


def test_limits_become_money_by_asset():
    assert np.isinf(borrowable(None, ("A", "B"))).all() and np.isinf(borrowable(TERMS, ("A", "B"))).all()
    assert borrowable(replace(TERMS, available=7.0), ("A", "B")).tolist() == [7.0, 7.0]
    assert borrowable(replace(TERMS, available={"B": 2.0, "A": 1.0}), ("A", "B")).tolist() == [1.0, 2.0]


def test_a_short_sale_is_cut_to_what_can_be_borrowed():
    """Half of 1,000 is wanted short at 100, five shares; 300 can be borrowed, three shares."""
    result = short_run(300.0, {0: [-0.5, 0.3]})
    assert result.quantities.iloc[1].tolist() == pytest.approx([-3, 3])
    (event,) = result.events[result.events["condition"] == "not_borrowed"].itertuples()
    assert event.detail == "A00: -5 shares to be sold short, 300.00 of money can be borrowed"


def test_an_asset_that_nobody_lends_is_not_sold_short():
    result = short_run({"A00": 0.0, "A01": 1e6}, {0: [-0.5, -0.3]})
    assert result.quantities.iloc[1].tolist() == pytest.approx([0, -3])


def test_a_position_that_outgrew_the_limit_stays_until_the_next_decision_and_is_then_cut():
    """Three at 100 are worth 375 at 125, which recalls nothing; the decision to stay at them keeps 300, 2.4 shares."""
    result = short_run(300.0, {0: [-0.3, 0.0], 5: [-0.4, 0.0]}, closes_with([100, 100, 100, 125]))
    assert result.quantities["A00"].iloc[[1, 4, 5, 6]].tolist() == pytest.approx([-3, -3, -3, -2.4])


def test_the_limit_cuts_a_turn_from_long_to_short():
    result = short_run(200.0, {0: [0.5, 0.0], 3: [-0.5, 0.0]})
    assert result.quantities["A00"].iloc[[1, 4]].tolist() == pytest.approx([5, -2])


def test_whole_lots_stay_below_the_limit():
    """250 can be borrowed at 100: two and a half shares, so two."""
    from tests.raw_panels import raw_world

    items = ITEMS | {"sizing": ITEMS["sizing"] | {"lot_shares": 1}}
    friction = NO_COSTS | {"borrow": replace(TERMS, available=250.0)}
    result = run(raw_world(FLAT), {0: [-0.5, 0.3]}, friction=friction, **items)
    assert result.quantities.iloc[1].tolist() == [-2, 3]


def test_short_sales_beyond_what_can_be_borrowed_fail():
    """A run that borrowed anything, held against a plan that can borrow 300."""
    panel, free = world(FLAT), short_run(None, {0: [-0.5, 0.3]})
    items = {"horizon": {"bars": 11}, "sample": {"minimum_sessions": 12}, **ITEMS}
    plan = plan_for(panel, friction=NO_COSTS | {"borrow": replace(TERMS, available=300.0)}, **items)
    found = failed(judged(plan, free, panel))["friction"]
    what = "1 short sales beyond what can be borrowed, the first A00 on 2018-01-03: 500.00 of 300.00"
    assert what in found
    assert "borrowed" not in failed(judged(plan, short_run(300.0, {0: [-0.5, 0.3]}), panel))["friction"]


def test_the_terms_are_said():
    assert borrow_words(replace(TERMS, available=1e6)).endswith(
        "at most 1,000,000 of money can be sold short of an asset"
    )
    assert borrow_words(TERMS) == "short positions pay 0.00% a year, any amount can be borrowed"
    by_asset = borrow_words(Borrow(0.02, 0.3, {"A": 0.0, "B": 5e4}))
    assert by_asset == "short positions pay 2.00% a year, at most 0 to 50,000 of money by asset can be sold short"
