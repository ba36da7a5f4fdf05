"""Bars that open beyond a stop, a target or a limit, and bars that reach an order and an exit, worked out by hand."""

import numpy as np
import pytest

from quantdl.backtest import Decision, Orders, PositionExits
from quantdl.backtest.plan.friction import StatedVolume
from tests.backtest.test_orders_on_bars import FLAT_BAR, Script, fills_of, order, played
from tests.backtest.worlds import NO_COSTS, run
from tests.raw_panels import raw_world

# Six hundredths of 1,000 on five shares: an order that enlarges a position fills at most 12 away from 100.
TIGHT = {"long_only": False, "max_net": 0.9, "max_loss_per_trade": 0.06, "stop_loss": 0.05}
DOWN, UP = (80, 82, 79, 81), (120, 121, 118, 119)

# Five shares held, long or short, and an order to leave them: the bar that follows, and where they are left.
LEFT = [
    (5, "stop", {"price": 95.0}, DOWN, 80.0),
    (5, "trailing_stop", {"trail": 0.05}, DOWN, 80.0),
    (5, "market", {}, DOWN, 81.0),
    (5, "market_on_open", {}, DOWN, 80.0),
    (5, "market_on_close", {}, DOWN, 81.0),
    (-5, "stop", {"price": 105.0}, UP, 120.0),
    (-5, "trailing_stop", {"trail": 0.05}, UP, 120.0),
    (-5, "market", {}, UP, 119.0),
    (-5, "market_on_open", {}, UP, 120.0),
    (-5, "market_on_close", {}, UP, 119.0),
]


@pytest.mark.parametrize(("held", "kind", "terms", "bar", "expected"), LEFT)
def test_no_gap_keeps_an_order_from_leaving_a_position(held, kind, terms, bar, expected):
    answers = {0: Orders((order(held, "market"),)), 1: Orders((order(-held, kind, **terms),))}
    result = played([bar], answers, sizing=TIGHT)
    assert fills_of(result) == [(2, -held, expected)]
    assert result.orders["limit_price"].iloc[1] == -held * np.inf


@pytest.mark.parametrize(("held", "bar", "price"), [(5, DOWN, 81.0), (-5, UP, 119.0)])
def test_no_gap_keeps_targets_from_reducing_a_position(held, bar, price):
    for kept in (0.0, 0.2):
        targets = Decision(np.array([kept * np.sign(held), 0.0]), "rebalance")
        result = played([bar], {0: Orders((order(held, "market"),)), 1: targets}, sizing=TIGHT)
        session, quantity, filled = fills_of(result)[0]
        assert (session, filled) == (2, price)
        assert quantity == pytest.approx(np.sign(held) * (10 * kept) - held)


# A stop that opens a position is refused by its limit at the open, and fills at no price that was jumped over.
REFUSED = [
    (5, 105.0, (115, 116, 112, 114), []),
    (5, 105.0, (115, 116, 104, 106), [(3, 5, 106.0)]),
    (5, 105.0, (115, 116, 102, 103), []),
    (5, 105.0, (110, 116, 104, 106), [(2, 5, 110.0)]),
    (-5, 95.0, (85, 88, 84, 86), []),
    (-5, 95.0, (85, 96, 84, 94), [(3, -5, 94.0)]),
    (-5, 95.0, (90, 96, 84, 94), [(2, -5, 90.0)]),
]


@pytest.mark.parametrize(("quantity", "price", "bar", "expected"), REFUSED)
def test_a_stop_that_its_limit_refused_at_the_open_waits_for_the_next_bar(quantity, price, bar, expected):
    result = played([bar], {1: Orders((order(quantity, "stop", price=price),))}, sizing=TIGHT)
    assert fills_of(result) == expected


def test_an_order_that_turns_a_position_around_leaves_it_beyond_its_limit_and_opens_none():
    """Eight sold at 92.5 or better: at 80 the five that are held go, and three wait."""
    answers = {0: Orders((order(5, "market"),)), 1: Orders((order(-8, "stop", price=95.0),))}
    result = played([DOWN], answers, sizing=TIGHT)
    assert fills_of(result) == [(2, -5, 80.0)]
    assert result.orders["limit_price"].iloc[1] == 92.5


# Bought or sold short at the open, with a stop and a target, one of which the open is beyond: all fills of the bar.
BEYOND = [
    (5, 90.0, 110.0, (120, 125, 118, 121), [120.0, 120.0]),
    (5, 90.0, 110.0, (120, 120, 118, 119), [120.0, 120.0]),
    (5, 90.0, 110.0, (120, 125, 89, 121), [120.0, 90.0]),
    (5, 95.0, 110.0, (94, 112, 93, 95), [94.0, 94.0]),
    (-5, 110.0, 90.0, (80, 82, 75, 81), [80.0, 80.0]),
    (-5, 110.0, 90.0, (80, 111, 75, 81), [80.0, 110.0]),
    (-5, 105.0, 90.0, (106, 107, 89, 105), [106.0, 106.0]),
]


@pytest.mark.parametrize(("quantity", "stop", "target", "bar", "expected"), BEYOND)
def test_a_target_that_the_entry_lies_beyond_is_reached_at_the_price_of_the_entry(
    quantity, stop, target, bar, expected
):
    answer = Orders((order(quantity, "market_on_open"),), (PositionExits("A00", "rebalance", stop, target),))
    assert [price for session, _, price in fills_of(played([bar], {1: answer})) if session == 2] == expected


# Shares held, stop and target of the position, an order, a bar that reaches both: the fills, the dearest first.
BOTH_REACHED = [
    (5, None, 110.0, (-5, "stop", {"price": 95.0}), (100, 112, 94, 100), [(-5, 95.0)]),
    (5, None, 110.0, (-5, "trailing_stop", {"trail": 0.05}), (100, 112, 94, 100), [(-5, 95.0)]),
    (5, None, 110.0, (-2, "stop", {"price": 95.0}), (100, 112, 94, 100), [(-2, 95.0), (-3, 110.0)]),
    (5, None, 110.0, (-8, "stop", {"price": 95.0}), (100, 112, 94, 100), [(-8, 95.0)]),
    (-5, None, 90.0, (5, "stop", {"price": 105.0}), (100, 106, 88, 100), [(5, 105.0)]),
    (-5, None, 90.0, (2, "stop", {"price": 105.0}), (100, 106, 88, 100), [(2, 105.0), (3, 90.0)]),
    (5, None, 110.0, (-5, "limit", {"price": 105.0}), (100, 112, 99, 100), [(-5, 105.0)]),
    (5, None, 105.0, (-5, "limit", {"price": 110.0}), (100, 112, 99, 100), [(-5, 105.0)]),
    (5, None, 110.0, (-5, "stop", {"price": 95.0}), (112, 113, 94, 100), [(-5, 112.0)]),  # the open comes first
    (5, 95.0, None, (3, "stop", {"price": 105.0}), (100, 106, 94, 100), [(3, 105.0), (-8, 95.0)]),
    (5, 95.0, None, (3, "trailing_stop", {"trail": 0.05}), (100, 106, 94, 100), [(3, 105.0), (-8, 95.0)]),
    (5, 95.0, None, (3, "stop", {"price": 105.0}), (106, 107, 94, 100), [(3, 106.0), (-8, 95.0)]),
    (-5, 105.0, None, (-3, "stop", {"price": 95.0}), (100, 106, 94, 100), [(-3, 95.0), (8, 105.0)]),
    (5, 95.0, 110.0, (3, "stop", {"price": 105.0}), (100, 112, 96, 111), [(-5, 110.0)]),
    (5, 95.0, None, (-5, "stop", {"price": 97.0}), (100, 101, 94, 96), [(-5, 95.0)]),
    (5, 97.0, None, (-5, "stop", {"price": 95.0}), (100, 101, 94, 96), [(-5, 97.0)]),
]


@pytest.mark.parametrize(("held", "stop", "target", "given", "bar", "expected"), BOTH_REACHED)
def test_of_an_order_and_an_exit_that_one_bar_reaches_the_one_that_costs_more_comes_first(
    held, stop, target, given, bar, expected
):
    quantity, kind, terms = given
    answers = {
        0: Orders((order(held, "market"),), (PositionExits("A00", "leave", stop, target),)),
        1: Orders((order(quantity, kind, **terms),)),
    }
    assert fills_of(played([bar], answers)) == [(2, *fill) for fill in expected]


def test_a_limit_that_the_volume_cuts_at_the_open_does_not_fill_below_its_bar():
    """300 of money a session: one share of three at 160, and not one more at the limit of 101, which was not traded."""
    path = np.array([FLAT_BAR, FLAT_BAR, (160, 165, 150, 155), *[(155,) * 4] * 9], dtype=float)
    fields = {
        name: np.stack([path[:, at], np.full(12, 100.0)], axis=1) for at, name in enumerate(("open", "high", "low"))
    }
    panel = raw_world(np.stack([path[:, 3], np.full(12, 100.0)], axis=1), fields=fields)
    volume = StatedVolume("stated", {"A00": 3000.0, "A01": 3000.0}, "a guess made for this test", 0.1, 0.0)
    answers = {0: Orders((order(3, "market"),)), 1: Orders((order(-3, "limit", price=101.0),))}
    result = run(
        panel, Script(answers), sizing={"lot_shares": 1}, friction={**NO_COSTS, "liquidity": volume},
        fast_exit={"max_sessions": 5}, trusted_data={"fields": ("close", "open", "high", "low")},
    )  # fmt: skip
    assert fills_of(result) == [(2, -1.0, 160.0), (3, -1.0, 155.0), (4, -1.0, 155.0)]
