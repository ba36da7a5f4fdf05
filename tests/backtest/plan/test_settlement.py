"""Proceeds that have not settled buy nothing: by hand in the engine, and found again from the fills."""

import pytest

from quantdl.backtest.plan.borrowing import Borrow
from quantdl.backtest.plan.settlement import settlement_failures
from tests.backtest.judged import failed, judged
from tests.backtest.worlds import FLAT, NO_COSTS, plan_for, run, world

SWITCH = {0: [0.9, 0.0], 3: [0.0, 0.9], 4: [0.0, 0.9], 5: [0.0, 0.9], 6: [0.0, 0.9]}


def settled_in(sessions, schedule=SWITCH):
    return run(world(FLAT), schedule, friction=NO_COSTS | {"settlement_sessions": sessions})


@pytest.mark.parametrize(
    ("sessions", "shares"),
    [(0, [0, 9, 9, 9]), (1, [0, 1, 9, 9]), (2, [0, 1, 1, 9]), (3, [0, 1, 1, 1])],
)
def test_the_proceeds_of_a_sale_are_spent_so_many_sessions_later(sessions, shares):
    """900 of 1,000 in one share at 100; sold on the fifth day. The 100 in cash buy at once, the rest later."""
    result = settled_in(sessions)
    assert result.quantities["A01"].iloc[3:7].tolist() == pytest.approx(shares)
    assert result.quantities["A00"].iloc[4] == 0
    assert result.equity["equity"].tolist() == pytest.approx([1000.0] * 12)
    assert (result.equity["cash"] >= -1e-9).all()


def test_what_unsettled_cash_cuts_is_said_of_the_order():
    orders = settled_in(1).orders
    assert orders.loc[orders["asset"] == "A01", "status"].iloc[0] == "cash_short"


def test_a_short_position_is_bought_back_with_money_that_has_not_settled():
    """Short of 5 at 100 against 1,000: all settled cash but 100 buys 9 of the other, then the 5 are bought."""
    short = {
        "sizing": {"long_only": False, "max_gross": 1.6, "max_net": 0.95},
        "related_positions": {"max_group_gross": 0.95, "max_group_net": 0.9},
    }
    friction = NO_COSTS | {"borrow": Borrow(0.0, 0.3), "settlement_sessions": 9}
    result = run(world(FLAT), {0: [-0.5, 0.9], 3: [0.0, 0.9]}, friction=friction, **short)
    assert result.quantities.iloc[2].tolist() == pytest.approx([-5, 9])
    assert result.quantities.iloc[5].tolist() == pytest.approx([0, 9])


def test_purchases_with_unsettled_money_fail():
    """A run that settled at once, held against a plan that settles after two sessions: 900 bought where 100 were."""
    panel = world(FLAT)
    items = {"horizon": {"bars": 11}, "sample": {"minimum_sessions": 12}}
    plan = plan_for(panel, friction=NO_COSTS | {"settlement_sessions": 2}, **items)
    cause = failed(judged(plan, settled_in(0), panel))["friction"]
    assert "1 purchases beyond the settled cash, the largest A01 on 2018-01-06, by 800.00" in cause
    assert "settled" not in failed(judged(plan, settled_in(2), panel))["friction"]


def test_without_a_delay_nothing_is_looked_at():
    assert settlement_failures(0, None) == []


def test_money_that_is_there_buys_at_once():
    """Bought in two steps of 300 and 400 of 1,000 that never came from a sale."""
    result = settled_in(5, {0: [0.3, 0.0], 2: [0.3, 0.4]})
    assert result.quantities.iloc[4].tolist() == pytest.approx([3, 4])


def test_dividends_and_interest_are_settled_money():
    """A tenth paid on 9 shares brings 0.9, which buys while the proceeds of the sale still wait."""
    from tests.raw_panels import raw_world

    panel = raw_world(FLAT, dividends={(4, 0): 0.1})
    schedule = {0: [0.9, 0.0], 3: [0.0, 0.9]}
    result = run(panel, schedule, friction=NO_COSTS | {"settlement_sessions": 5})
    assert result.quantities["A01"].iloc[4] == pytest.approx((100 + 0.9) / 100)
