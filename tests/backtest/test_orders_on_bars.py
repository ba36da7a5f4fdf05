"""Where orders and the exits of positions fill on bars with opens, highs and lows, worked out by hand."""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings, strategies as st

from quantdl.backtest import Decision, Order, Orders, PositionExits
from quantdl.backtest.plan.friction import Borrow, StatedVolume
from quantdl.errors import RunError
from tests.backtest.worlds import NO_COSTS, run, world
from tests.raw_panels import raw_world

FLAT_BAR = (100.0, 100.0, 100.0, 100.0)
SHORT_SELLING = {"long_only": False, "max_net": 0.9}


def bars_world(bars, closes_only=False):
    """Two assets: the first with the bars given, flat at 100 before them, flat at its last close after."""
    last = (bars[-1][3],) * 4
    path = np.array([FLAT_BAR, FLAT_BAR, *bars, *[last] * (12 - len(bars))])
    flat = np.full(len(path), 100.0)
    closes = np.stack([path[:, 3], flat], axis=1)
    if closes_only:
        return world(closes)
    fields = {name: np.stack([path[:, column], flat], axis=1) for column, name in enumerate(("open", "high", "low"))}
    return world(closes, fields=fields)


class Script:
    """Answers what the script says at the n-th session."""

    def __init__(self, answers):
        self.answers = answers

    def decide(self, view):
        return self.answers.get(len(view.sessions) - 1)


def played(bars, answers, closes_only=False, fill_at="next_close", **items):
    """A run in which shorts are allowed; 1,000 of money, no costs."""
    fields = ("close",) if closes_only else ("close", "open", "high", "low")
    friction = {**NO_COSTS, "borrow": Borrow(0.0, 0.1), "fill_at": fill_at, **items.pop("friction", {})}
    items = {"sizing": SHORT_SELLING, "related_positions": {"max_group_net": 0.9}, **items}
    panel = bars_world(bars, closes_only)
    return run(panel, Script(answers), friction=friction, trusted_data={"fields": fields}, **items)


def fills_of(result, after=1):
    """Session number, shares and price of each fill after the session in which a position is opened."""
    sessions = list(result.equity.index)
    rows = [(sessions.index(row.session), row.quantity, row.price) for row in result.fills.itertuples()]
    return [row for row in rows if row[0] > after]


def order(quantity, kind, **terms):
    return Order("A00", quantity, "rebalance", kind, **terms)


# Decided at the second close, at 100, flat: the bar that follows, and the price at which five shares fill in it.
ENTRIES = [
    # a limit to buy at 95 needs a price below it
    (5, "limit", 95.0, (100, 101, 96, 100), None),
    (5, "limit", 95.0, (100, 101, 95, 98), None),
    (5, "limit", 95.0, (100, 101, 94, 98), 95.0),
    (5, "limit", 95.0, (94, 96, 93, 95), 94.0),
    (5, "limit", 95.0, (95, 96, 94, 95), 95.0),
    (5, "limit", 95.0, (95, 96, 95, 95), None),
    (5, "limit", 95.0, (100, 100, 90, 90), 95.0),
    (5, "limit", 105.0, (100, 101, 99, 100), 100.0),
    # a limit to sell short at 105 needs a price above it
    (-5, "limit", 105.0, (100, 104, 99, 100), None),
    (-5, "limit", 105.0, (100, 105, 99, 100), None),
    (-5, "limit", 105.0, (100, 106, 99, 100), 105.0),
    (-5, "limit", 105.0, (107, 108, 103, 104), 107.0),
    (-5, "limit", 105.0, (105, 106, 104, 105), 105.0),
    # a stop to buy at 105 is set off where the price reaches it
    (5, "stop", 105.0, (100, 104, 99, 100), None),
    (5, "stop", 105.0, (100, 105, 99, 100), 105.0),
    (5, "stop", 105.0, (100, 106, 99, 100), 105.0),
    (5, "stop", 105.0, (108, 109, 107, 108), 108.0),
    (5, "stop", 105.0, (105, 106, 104, 105), 105.0),
    # a stop to sell short at 95
    (-5, "stop", 95.0, (100, 101, 96, 100), None),
    (-5, "stop", 95.0, (100, 101, 95, 100), 95.0),
    (-5, "stop", 95.0, (100, 101, 90, 92), 95.0),
    (-5, "stop", 95.0, (92, 94, 91, 93), 92.0),
    # the open and the close are what they are
    (5, "market_on_open", None, (97, 103, 96, 101), 97.0),
    (5, "market_on_close", None, (97, 103, 96, 101), 101.0),
    (5, "market", None, (97, 103, 96, 101), 101.0),
    # a trailing stop to sell short, a tenth below: it starts at 90
    (-5, "trailing_stop", None, (100, 103, 91, 95), None),
    (-5, "trailing_stop", None, (100, 103, 89, 95), 90.0),
    (-5, "trailing_stop", None, (88, 91, 87, 90), 88.0),
]  # fmt: skip


@pytest.mark.parametrize(("quantity", "kind", "price", "bar", "expected"), ENTRIES)
def test_an_order_fills_where_the_bar_reaches_it_and_at_no_better_price(quantity, kind, price, bar, expected):
    terms = {"trail": 0.1} if kind == "trailing_stop" else {} if price is None else {"price": price}
    result = played([bar], {1: Orders((order(quantity, kind, sessions=1, **terms),))})
    assert fills_of(result) == ([] if expected is None else [(2, quantity, expected)])
    assert result.orders["status"].iloc[0] == ("expired" if expected is None else "filled")
    assert result.orders["kind"].iloc[0] == kind


# Five shares held, long or short, with a stop and a target: the bar that follows, and the price at which they are left.
EXITS = [
    (5, 95.0, 110.0, (100, 109, 96, 100), None),
    (5, 95.0, 110.0, (100, 109, 95, 100), 95.0),
    (5, 95.0, 110.0, (100, 110, 96, 100), None),
    (5, 95.0, 110.0, (100, 111, 96, 100), 110.0),
    (5, 95.0, 110.0, (100, 112, 94, 100), 95.0),
    (5, 95.0, 110.0, (93, 99, 92, 98), 93.0),
    (5, 95.0, 110.0, (93, 112, 92, 98), 93.0),
    (5, 95.0, 110.0, (112, 113, 111, 112), 112.0),
    (5, 95.0, 110.0, (112, 113, 90, 91), 112.0),
    (5, 95.0, 110.0, (110, 110, 109, 110), None),
    (-5, 105.0, 90.0, (100, 104, 91, 100), None),
    (-5, 105.0, 90.0, (100, 105, 91, 100), 105.0),
    (-5, 105.0, 90.0, (100, 104, 90, 100), None),
    (-5, 105.0, 90.0, (100, 104, 89, 100), 90.0),
    (-5, 105.0, 90.0, (100, 106, 88, 100), 105.0),
    (-5, 105.0, 90.0, (107, 108, 101, 102), 107.0),
    (-5, 105.0, 90.0, (88, 89, 87, 88), 88.0),
    (-5, 105.0, 90.0, (88, 110, 87, 109), 88.0),
]


@pytest.mark.parametrize(("shares", "stop", "target", "bar", "expected"), EXITS)
def test_a_position_is_left_at_its_stop_before_its_target(shares, stop, target, bar, expected):
    leave = PositionExits("A00", "rebalance", stop, target)
    result = played([bar], {0: Orders((order(shares, "market"),)), 1: Orders((), (leave,))})
    assert fills_of(result) == ([] if expected is None else [(2, -shares, expected)])
    if expected is not None:
        assert result.orders["kind"].iloc[1] == "exit"
        assert result.trades["rule_out"].iloc[0] == "rebalance"


# An order and the exits of its position are decided together: the bar in which it fills, and all fills in that bar.
ENTRY_BARS = [
    ("market_on_open", None, 95.0, 110.0, (100, 112, 96, 105), [100.0, 110.0]),
    ("market_on_open", None, 95.0, 110.0, (100, 112, 94, 105), [100.0, 95.0]),
    ("market_on_open", None, 95.0, 110.0, (100, 104, 94, 96), [100.0, 95.0]),
    ("market_on_open", None, 95.0, 110.0, (100, 109, 96, 105), [100.0]),
    ("stop", 105.0, 99.0, 115.0, (101, 118, 100, 112), [105.0]),
    ("stop", 105.0, 99.0, 115.0, (101, 118, 99, 112), [105.0, 99.0]),
    ("limit", 95.0, 90.0, 110.0, (100, 101, 89, 92), [95.0, 90.0]),
    ("limit", 95.0, 90.0, 110.0, (100, 112, 94, 98), [95.0]),
    ("limit", 90.0, 95.0, 110.0, (100, 101, 89, 92), [90.0, 90.0]),  # bought beyond its stop
    ("market_on_open", None, 95.0, 110.0, (94, 96, 93, 95), [94.0, 94.0]),
    ("market_on_close", None, 95.0, 110.0, (100, 112, 90, 100), [100.0]),
    ("market_on_open", None, 95.0, 110.0, (120, 125, 118, 121), [120.0, 120.0]),  # bought beyond its target
]


@pytest.mark.parametrize(("kind", "price", "stop", "target", "bar", "expected"), ENTRY_BARS)
def test_the_bar_of_the_entry_can_reach_the_stop_and_a_target_only_from_its_open_on(
    kind, price, stop, target, bar, expected
):
    terms = {} if price is None else {"price": price}
    answer = Orders((order(5, kind, **terms),), (PositionExits("A00", "rebalance", stop, target),))
    in_the_bar = [price for session, _, price in fills_of(played([bar], {1: answer})) if session == 2]
    assert in_the_bar == expected


# Long at 100, a stop a tenth below the best price since: the bars that follow, and the session and price of the exit.
TRAILS = [
    ([(100, 120, 91, 118), (115, 116, 109, 110)], None),
    ([(100, 120, 91, 118), (115, 116, 108, 110)], (3, 108.0)),
    ([(100, 120, 90, 118)], (2, 90.0)),  # the high of the bar itself does not help it, nor harm it
    ([(100, 120, 105, 110), (104, 105, 103, 104)], (3, 104.0)),
    ([(100, 120, 91, 118), (118, 130, 110, 128), (120, 121, 117, 118)], (4, 117.0)),
]


@pytest.mark.parametrize(("bars", "expected"), TRAILS)
def test_a_trailing_exit_follows_the_highs_of_bars_that_are_over(bars, expected):
    leave = PositionExits("A00", "rebalance", trail=0.1)
    result = played(bars, {0: Orders((order(5, "market"),), (leave,))})
    assert [(session, price) for session, _, price in fills_of(result)] == ([] if expected is None else [expected])


CLOSES_ONLY = [
    (order(5, "limit", price=95.0), 94.0, 94.0),
    (order(5, "limit", price=95.0), 95.0, None),
    (order(5, "stop", price=105.0), 107.0, 107.0),
    (order(5, "stop", price=105.0), 104.0, None),
    (order(-5, "limit", price=105.0), 106.0, 106.0),
    (order(-5, "stop", price=95.0), 90.0, 90.0),
]


@pytest.mark.parametrize(("wanted", "close", "expected"), CLOSES_ONLY)
def test_data_with_closes_only_sees_closes_only(wanted, close, expected):
    result = played([(100, 130, 70, close)], {1: Orders((replace(wanted, sessions=1),))}, closes_only=True)
    assert [price for _, _, price in fills_of(result)] == ([] if expected is None else [expected])


def test_the_tables_of_bars_hold_sixty_cases():
    assert len(ENTRIES) + len(EXITS) + len(ENTRY_BARS) + len(TRAILS) + len(CLOSES_ONLY) >= 60


def test_a_stop_beyond_the_volume_goes_on_at_the_next_price():
    """Five shares a session may be traded: the stop of eight sells five at 95, and three at the next close."""
    volume = StatedVolume("stated", {"A00": 5000.0, "A01": 5000.0}, "a guess made for this test", 0.1, 0.0)
    answers = {0: Orders((order(4, "market"),)), 1: Orders((order(4, "market"),))}
    answers[2] = Orders((), (PositionExits("A00", "rebalance", stop=95.0),))
    bars = [FLAT_BAR, (100, 101, 93, 94), (93, 95, 92, 92)]
    result = played(bars, answers, friction={"liquidity": volume}, fast_exit={"max_sessions": 5})
    left = [(session, round(quantity, 9), price) for session, quantity, price in fills_of(result, after=2)]
    assert left[0] == (3, -round(500 / 95, 9), 95.0)
    assert left[1][0] == 4 and left[1][2] == 92.0
    assert sum(quantity for _, quantity, _ in left) == pytest.approx(-8)


def test_an_order_that_waits_is_replaced_by_the_next_and_let_go_after_its_sessions():
    answers = {1: Orders((order(5, "limit", price=90.0),)), 2: Orders((order(5, "limit", price=80.0, sessions=2),))}
    result = played([FLAT_BAR] * 4, answers)
    assert list(result.orders["status"]) == ["replaced", "expired"]


def test_targets_take_the_place_of_orders_that_wait():
    result = played(
        [FLAT_BAR] * 2, {1: Orders((order(5, "limit", price=90.0),)), 2: Decision(np.zeros(2), "rebalance")}
    )
    assert list(result.orders["status"]) == ["replaced"]


@dataclass(frozen=True)
class Rough:
    """One random market on bars with wide gaps, and the terms of one plan."""

    seed: int
    tight: bool
    capped: bool
    lot: int | None
    long_only: bool
    fill_at: str


ROUGH = st.builds(
    Rough,
    seed=st.integers(0, 10**6),
    tight=st.booleans(),
    capped=st.booleans(),
    lot=st.sampled_from([None, 1, 5]),
    long_only=st.booleans(),
    fill_at=st.sampled_from(["next_close", "next_open"]),
)


class RoughOrders:
    """Orders of every kind, stops 1 to 3 % away, with exits as near; a position of a third is left at once."""

    def __init__(self, rough):
        self.rough = rough

    def decide(self, view):
        draw = np.random.default_rng([self.rough.seed, len(view.sessions)])
        if draw.random() < 0.4:
            return None
        asset, side = int(draw.integers(2)), 1 if self.rough.long_only else int(draw.choice([-1, 1]))
        name, mark, shares = view.assets[asset], float(view.closes[-1, asset]), float(view.shares[asset])
        leaves = abs(view.weights[asset]) > 0.3 or (shares > 0 and self.rough.long_only and draw.random() < 0.3)
        quantity = -shares if leaves else side * 0.2 * view.equity / mark
        side = np.sign(quantity)
        kind = str(draw.choice(["market", "market_on_open", "market_on_close", "limit", "stop", "trailing_stop"]))
        away = mark * float(draw.uniform(0.01, 0.03))
        price = {"limit": mark - away * side, "stop": mark + away * side}.get(kind)
        trail = away / mark if kind == "trailing_stop" else None
        wanted = Order(name, quantity, "rebalance", kind, price, trail, int(draw.integers(1, 5)))
        up = np.sign(shares + quantity)
        if abs(shares + quantity) < 1e-9:
            return Orders((wanted,))
        levels = (mark - away * up, mark + 2 * away * up, 0.03 if draw.random() < 0.3 else None)
        return Orders((wanted,), (PositionExits(name, "rebalance", *levels),))


def rough_market(rough, n=40):
    """Opens some 6 % away from the closes before them."""
    generator = np.random.default_rng(rough.seed)
    closes = 100 * np.exp(np.cumsum(0.03 * generator.standard_normal((n, 2)), axis=0))
    opens = np.vstack([closes[:1], closes[:-1]]) * np.exp(0.06 * generator.standard_normal((n, 2)))
    highs = np.maximum(opens, closes) * np.exp(np.abs(0.01 * generator.standard_normal((n, 2))))
    lows = np.minimum(opens, closes) * np.exp(-np.abs(0.01 * generator.standard_normal((n, 2))))
    return raw_world(closes, fields={"open": opens, "high": highs, "low": lows})


def rough_run(rough):
    """A run of rough orders on 10,000 of money, at most 600 of it a session where volume is capped."""
    panel, items = rough_market(rough), {}
    sizing = {"max_weight": 0.8, "max_loss_per_trade": 0.03 if rough.tight else 0.5, "lot_shares": rough.lot}
    sizing["stop_loss"] = 0.02 if rough.tight else 0.4
    friction, groups = {"fill_at": rough.fill_at}, {"max_group_gross": 0.85}
    if not rough.long_only:
        sizing |= {**SHORT_SELLING, "max_gross": 1.2}
        friction["borrow"], groups["max_group_net"] = Borrow(0.02, 0.1), 0.8
    if rough.capped:
        friction["liquidity"] = StatedVolume(
            "stated", dict.fromkeys(panel.assets, 6000.0), "a guess made for this test", 0.1, 0.1
        )
        items["fast_exit"] = {"max_sessions": 15}
    trusted = {"fields": ("close", "open", "high", "low")}
    return panel, run(
        panel, RoughOrders(rough), 10_000.0, sizing=sizing, related_positions=groups, friction=friction,
        trusted_data=trusted, **items,
    )  # fmt: skip


@settings(max_examples=20)
@given(ROUGH)
def test_every_fill_lies_within_its_bar_and_the_books_balance(rough):
    panel, result = rough_run(rough)
    ordered = result.fills[result.fills["order"] > 0]
    rows, columns = panel.sessions.get_indexer(ordered["session"]), [panel.assets.index(a) for a in ordered["asset"]]
    assert (ordered["price"] <= panel.fields["high"][rows, columns] * (1 + 1e-12)).all()
    assert (ordered["price"] >= panel.fields["low"][rows, columns] * (1 - 1e-12)).all()
    assert (ordered["session"] > ordered["decided"]).all()
    held = (result.quantities * pd.DataFrame(panel.closes, panel.sessions, panel.assets)).sum(axis=1)
    np.testing.assert_allclose(result.equity["equity"], result.equity["cash"] + held, rtol=1e-9)
    assert result.trades["pnl"].sum() == pytest.approx(result.equity["equity"].iloc[-1] - 10_000.0, abs=1e-6)
    assert (result.trades["exit"].dropna() >= result.trades["entry"][result.trades["exit"].notna()]).all()

    # No more than the volume, in whole lots but for exits, and nothing twice.
    if rough.capped:
        assert ordered.groupby(["session", "asset"])["notional"].sum().max() <= 600 * (1 + 1e-9)
    if rough.lot is not None:
        whole = result.quantities.to_numpy()
        np.testing.assert_allclose(whole, np.round(whole), atol=1e-9)
        bought = ordered[~ordered["order"].isin(result.orders["order"][result.orders["target_weight"] == 0])]
        bought = bought[~bought["rule"].str.startswith("plan:")]
        parts = bought.groupby(["order", "session"])["quantity"].sum() / rough.lot
        turned = result.orders["order"][result.orders["quantity"] % rough.lot != 0]
        parts = parts[~parts.index.get_level_values("order").isin(turned)]
        np.testing.assert_allclose(parts, np.round(parts), atol=1e-9)
    orders = result.orders
    assert (np.abs(orders["filled"]) <= np.abs(orders["quantity"]) * (1 + 1e-9)).all()
    if rough.long_only:
        assert result.quantities.to_numpy().min(initial=0.0) >= 0 and result.equity["cash"].min() >= -1e-6

    # What leaves a position at the market waits for nothing but the volume.
    if not rough.capped:
        leaving = orders[(orders["target_weight"] == 0) & orders["kind"].str.startswith("market")]
        first = ordered.groupby("order")["session"].min().reindex(leaving["order"])
        decided = panel.sessions.get_indexer(leaving["decided"])
        replaced = (leaving["status"] == "replaced").to_numpy()  # by an exit that the same bar reached
        after = panel.sessions[np.minimum(decided + 1, len(panel.sessions) - 1)]
        assert ((first.to_numpy() == after.to_numpy()) | replaced | (decided + 1 == len(panel.sessions))).all()


def test_a_trailing_exit_set_on_a_position_that_is_held_starts_from_its_price():
    leave = Orders((), (PositionExits("A00", "rebalance", trail=0.1),))
    bars = [(100, 130, 100, 130), (130, 130, 110, 112), (112, 113, 60, 65)]
    given_late = played(bars, {0: Orders((order(5, "market"),)), 1: leave})
    assert fills_of(given_late) == [(3, -5.0, 117.0)]  # a tenth below 130
    renewed = played(bars, {0: Orders((order(5, "market"),), leave.exits), 2: leave})
    assert fills_of(renewed) == [(3, -5.0, 117.0)]


def test_exits_of_a_position_that_an_order_turns_around_are_those_of_the_new_side():
    turn = Orders((order(-9, "market"),), (PositionExits("A00", "rebalance", stop=110.0, target=90.0),))
    result = played([(100, 105, 95, 100), (100, 111, 99, 104)], {0: Orders((order(5, "market"),)), 1: turn})
    assert fills_of(result) == [(2, -9.0, 100.0), (3, 4.0, 110.0)]


def test_an_order_at_the_open_needs_no_high_and_low():
    bars = [(97, 103, 96, 101)]
    panel = bars_world(bars)
    result = run(panel, Script({1: Orders((order(5, "market_on_open"),))}), friction=NO_COSTS,
                 trusted_data={"fields": ("close", "open")})  # fmt: skip
    assert fills_of(result) == [(2, 5.0, 97.0)]


def test_a_purchase_beyond_the_fast_exit_never_becomes_a_sale():
    volume = StatedVolume("stated", dict.fromkeys(("A00", "A01"), 4500.0), "a guess made for this test", 0.1, 0.0)
    answers = {0: Orders((order(4, "market"),)), 2: Orders((order(1, "limit", price=90.0),))}
    bars = [(100, 106, 100, 105.5), (105.5, 106, 80, 100)]
    result = played(bars, answers, friction={"liquidity": volume}, fast_exit={"max_sessions": 1})
    assert not ((result.orders["rule"] == "rebalance") & (result.orders["quantity"] < 0)).any()


def test_what_waited_for_its_price_buys_nothing_while_the_plan_only_reduces():
    n = 40
    calm, wild = np.full(n, 100.0), np.full(n, 100.0)
    wild[20:] = 100 * np.cumprod(np.tile([1.08, 0.92], n))[: n - 20]
    lows = calm.copy()
    lows[30:] = 80.0
    flat = {"open": np.column_stack([calm, wild]), "high": np.column_stack([calm, wild * 1.0]),
            "low": np.column_stack([lows, wild])}  # fmt: skip
    panel = world(np.column_stack([calm, wild]), fields=flat)
    abnormal = {"window_bars": 5, "calm_below": 0.05, "stressed_above": 0.5, "in_stress": "reduce_only"}
    result = run(panel, Script({3: Orders((order(4, "limit", price=90.0),))}), friction=NO_COSTS,
                 trusted_data={"fields": ("close", "open", "high", "low")}, abnormal_volatility=abnormal)  # fmt: skip
    assert "stress_begins" in set(result.events["condition"])
    assert len(result.fills) == 0


def test_one_asset_may_have_an_order_and_exits_under_two_rules():
    panel = world(np.full((12, 1), 100.0))
    answer = Orders((Order("A00", 4.0, "rebalance"),), (PositionExits("A00", "leave", stop=90.0),))
    assert len(run(panel, Script({1: answer}), friction=NO_COSTS).fills) == 1


def test_an_order_that_reduces_is_not_refused_for_what_has_drifted():
    bars = [(100, 100, 100, 100), (150, 150, 150, 150)]
    answers = {0: Orders((order(8, "market"),)), 3: Orders((order(-1, "market"),))}
    result = played(bars, answers, sizing={**SHORT_SELLING, "max_weight": 0.82})
    assert result.weights_after_fill["A00"].iloc[3] > 0.82  # drifted, and sold all the same
    assert result.quantities["A00"].iloc[-1] == 7.0


def test_orders_that_wait_count_when_others_are_given():
    answers = {1: Orders((order(-6, "limit", price=110.0),)), 2: Orders((Order("A01", -6.0, "rebalance"),))}
    with pytest.raises(RunError, match=r"breaks sizing\.max_gross"):
        played([FLAT_BAR] * 2, answers)


def test_exits_of_a_purchase_that_no_cash_was_left_for_are_forgotten():
    """Settled are 40, less than the 60 that a fill costs: nothing is bought, and a later position has no stop at 97."""
    switched = (Order("A01", -9.0, "leave"), order(5.0, "market"))
    answers = {
        0: Decision(np.array([0.0, 0.9]), "rebalance"),
        1: Orders(switched, (PositionExits("A00", "leave", stop=97.0),)),
        5: Decision(np.array([0.5, 0.0]), "rebalance"),
    }
    bars = [FLAT_BAR] * 5 + [(100.0, 100.0, 90.0, 90.0)]
    friction = {"commission_minimum": 60.0, "settlement_sessions": 2}
    result = played(bars, answers, friction=friction)
    unbought = result.orders[(result.orders["asset"] == "A00") & (result.orders["decided"] == result.equity.index[1])]
    assert (unbought["status"].tolist(), unbought["filled"].tolist()) == (["cash_short"], [0.0])
    bought = result.fills[result.fills["asset"] == "A00"]
    assert bought["rule"].tolist() == ["rebalance"]
    assert result.quantities["A00"].iloc[-1] == bought["quantity"].iloc[0] > 0


@pytest.mark.parametrize("closes_only", [True, False])
def test_a_stop_at_the_close_of_a_decision_comes_before_it(closes_only):
    """Held 5, a stop at 97, a close at 95: they are sold there, and the strategy is asked when it holds none."""
    seen = {}

    class Script:
        def decide(self, view):
            seen[len(view.sessions) - 1] = float(view.shares[0])
            if len(view.sessions) == 2:
                return Orders((order(5.0, "market"),), (PositionExits("A00", "leave", stop=97.0),))
            return Orders((order(2.0, "market"),)) if len(view.sessions) == 4 else None

    fields = ("close",) if closes_only else ("close", "open", "high", "low")
    panel = bars_world([FLAT_BAR, (95.0, 95.0, 95.0, 95.0)], closes_only)
    friction = {**NO_COSTS, "fill_at": "decision_close"}
    result = run(panel, Script(), friction=friction, trusted_data={"fields": fields})
    assert seen[3] == 0.0
    assert [(row.quantity, row.price, row.rule) for row in result.fills.itertuples()] == [
        (5.0, 100.0, "rebalance"), (-5.0, 95.0, "leave"), (2.0, 95.0, "rebalance"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("limit", "bar", "expected"),
    [
        (98.0, (99.0, 99.5, 96.0, 98.5), [(2, 2.0, 98.0), (2, -7.0, 97.0)]),  # the price falls through both
        (96.5, (99.0, 99.5, 96.0, 98.5), [(2, -5.0, 97.0)]),  # the stop comes first, and takes the order along
        (98.0, (99.0, 99.5, 97.5, 98.5), [(2, 2.0, 98.0)]),  # the limit alone
        (98.0, (95.0, 96.0, 94.0, 95.5), [(2, 2.0, 95.0), (2, -7.0, 95.0)]),  # the open is beyond both
        (98.0, (99.0, 106.0, 97.5, 105.0), [(2, -5.0, 105.0)]),  # a target, not a stop, before what only waits
    ],
)
def test_a_limit_above_the_stop_of_its_position_is_bought_and_lost_with_it(limit, bar, expected):
    exits = PositionExits("A00", "leave", stop=97.0, target=105.0)
    answers = {0: Orders((order(5.0, "market"),), (exits,)), 1: Orders((order(2.0, "limit", price=limit),))}
    assert fills_of(played([bar], answers)) == expected


@pytest.mark.parametrize(
    ("limit", "bar", "expected"),
    [
        (102.0, (101.0, 104.0, 100.5, 101.5), [(2, -2.0, 102.0), (2, 7.0, 103.0)]),
        (103.5, (101.0, 104.0, 100.5, 101.5), [(2, 5.0, 103.0)]),
    ],
)
def test_a_limit_below_the_stop_of_a_short_position_is_sold_and_lost_with_it(limit, bar, expected):
    exits = PositionExits("A00", "leave", stop=103.0)
    answers = {0: Orders((order(-5.0, "market"),), (exits,)), 1: Orders((order(-2.0, "limit", price=limit),))}
    assert fills_of(played([bar], answers)) == expected
