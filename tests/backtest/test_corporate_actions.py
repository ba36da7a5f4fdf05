"""Splits, dividends, delistings and halts in the book: nothing is won or lost by them but what they pay."""

from dataclasses import replace
from datetime import date

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings, strategies as st

from quantdl.backtest import Decision, Hold, run_backtest
from quantdl.backtest.book.costs import Costs
from quantdl.backtest.plan.borrowing import Borrow
from quantdl.backtest.plan.fast_exit import FastExit
from quantdl.backtest.plan.friction import StatedVolume
from quantdl.backtest.plan.horizon import EveryBars
from quantdl.backtest.plan.invalidation import DrawdownLimit
from quantdl.errors import DataError
from quantdl.market.actions import CashDividend, CorporateActions, Delisting, Split
from quantdl.market.corporate.adjustment import adjusted
from quantdl.market.corporate.attachment import with_actions
from quantdl.portfolio import within_limits
from tests.backtest.oracle.accounting import Book
from tests.backtest.oracle.orders import OrderDesk
from tests.backtest.oracle.trades import TradeLedger
from tests.backtest.worlds import FLAT, NO_COSTS, Schedule, plan_for, run as run_schedule, span, world
from tests.raw_panels import raw_world, split_up

SHORT = {
    "sizing": {"long_only": False, "max_gross": 1.5, "max_net": 0.9},
    "related_positions": {"max_group_gross": 0.8, "max_group_net": 0.7},
    "friction": NO_COSTS | {"borrow": Borrow(0.0, 0.3)},
}
RATIOS = [1 / 100, 31 / 1000, 1 / 8, 1.05, 1.5, 2.0, 7.0, 1000 / 31, 100.0]
N_SESSIONS = 50


def run(panel, schedule, **items):
    return run_schedule(panel, schedule, **{"friction": NO_COSTS, **items})


def happened(result, condition):
    return list(result.events[result.events["condition"] == condition].itertuples(index=False))


def balances(result, panel):
    """Double entry: equity is cash, dividends due and shares at the last price in today's units; trades explain it."""
    shares = result.fills.pivot_table(
        index="session", columns="asset", values="quantity", aggfunc="sum", fill_value=0.0
    )
    held = shares.reindex(index=panel.sessions, columns=panel.assets, fill_value=0.0).cumsum()
    np.testing.assert_allclose(held, result.quantities, rtol=1e-9, atol=1e-9 * (1 + held.abs().max().max()))
    equity, scale = result.equity["equity"], max(1000.0, float(result.equity["equity"].abs().max()))
    assert np.isfinite(result.equity.drop(columns=["days_to_exit", "halted"]).to_numpy()).all()
    weights = result.weights_after_fill.sum(axis=1) * equity
    np.testing.assert_allclose(equity, result.equity["cash"] + result.equity["due"] + weights, atol=1e-8 * scale)
    assert result.trades["pnl"].sum() == pytest.approx(equity.iloc[-1] - 1000.0, abs=1e-8 * scale)


# Splits ---------------------------------------------------------------------------------------------------------------


@given(st.floats(1e-3, 1e6), st.floats(1e-3, 1e5), st.sampled_from([1, -1]), st.integers(1, 1000), st.integers(1, 1000))
def test_a_position_is_worth_after_a_split_what_it_was_before(quantity, price, side, new, old):
    """Any ratio, 1:100 and 31:1000 among them, long or short: value differs by rounding in the last place only."""
    book = Book(0.0, TradeLedger(1))
    book.trade(0, side * quantity, price, 0.0, 0, 1.0, "rule")
    book.marks = np.array([price])
    before, cash = float(book.values()[0]), book.cash
    change = book.split(0, new / old)
    book.marks = book.marks / (new / old)
    assert abs(float(book.values()[0]) - before) <= 4 * np.spacing(abs(before))
    assert (book.cash, book.quantities[0]) == (cash, pytest.approx(side * quantity + change))


@pytest.mark.parametrize("ratio", [0.25, 2.0, 8.0])
def test_a_split_by_a_power_of_two_leaves_equity_as_it_is_to_the_last_bit(ratio):
    panel = raw_world(split_up(FLAT * [1.1, 0.9], {(5, 0): ratio}), {(5, 0): ratio})
    plain = run(world(FLAT * [1.1, 0.9]), {0: [0.5, 0.3]})
    result = run(panel, {0: [0.5, 0.3]})
    np.testing.assert_array_equal(result.equity["equity"], plain.equity["equity"])
    np.testing.assert_array_equal(result.quantities["A00"].iloc[5:], ratio * plain.quantities["A00"].iloc[5:])


def test_a_split_is_written_down():
    result = run(raw_world(split_up(FLAT, {(5, 0): 0.031}), {(5, 0): 0.031}), {0: [0.5, 0.3]})
    (event,) = happened(result, "split")
    assert event.session == result.equity.index[5]
    assert event.detail == "A00: 5 shares become 0.155"
    record = result.fills[result.fills["rule"] == "plan:split"]
    assert list(record["order"]) == [0] and list(record["price"]) == [0.0] and list(record["cost"]) == [0.0]
    balances(result, raw_world(FLAT))


def test_a_reverse_split_cancels_no_order_and_rounds_no_share():
    """An order of 5 shares over a 1:100 reverse split is one of 0.05 shares, and it fills."""
    closes = np.full((12, 1), 100.0)
    closes[1:4] = np.nan  # halted from the decision on; split on the third day of it
    closes[4:] = 10_000.0
    result = run(raw_world(closes, {(3, 0): 0.01}), {0: [0.5]})
    order = result.orders.iloc[0]
    assert (order.status, order.quantity, order.filled) == ("filled", pytest.approx(0.05), pytest.approx(0.05))
    assert order.reference_price == pytest.approx(10_000.0)
    assert result.fills["price"].iloc[0] == 10_000.0
    assert result.equity["equity"].iloc[-1] == pytest.approx(1000.0, rel=1e-12)


def test_a_waiting_order_is_rewritten_on_an_ex_date():
    """Ten shares at 100 with a limit of 110, half filled: 2 paid, then four for one."""
    desk = OrderDesk(Costs(5.0, 5.0, 0.0, float("inf")))
    desk.place(0, 10.0, "rule", 0, 100.0, 0.5, 100.0)
    desk.open[0].filled = desk.open[0].left = 5.0
    desk.adjust(0, ratio=4.0, cash=2.0)
    order = desk.open[0]
    assert (order.quantity, order.filled, order.left) == (40.0, 20.0, 20.0)
    assert (order.reference_price, order.limit_price) == (98.0 / 4, 108.0 / 4)
    assert order.accepts(27.0) and not order.accepts(27.01)
    desk.place(0, -10.0, "rule", 0, 100.0, 0.0, float("inf"))  # an exit at any price stays one
    desk.adjust(0, ratio=4.0, cash=2.0)
    assert desk.open[0].accepts(0.01)


def test_an_order_that_waits_over_an_ex_date_is_decided_on_the_price_without_the_dividend():
    closes = FLAT.copy()
    closes[3, 0], closes[4:, 0] = np.nan, 94.0
    result = run(raw_world(closes, dividends={(3, 0): 6.0}), {2: [0.5, 0.0]})
    order = result.orders.iloc[0]
    assert order["reference_price"] == 94.0
    without = run(world(FLAT), {2: [0.5, 0.0]}).orders.iloc[0]
    assert order["limit_price"] == pytest.approx(without["limit_price"] - 6.0)
    assert result.fills["price"].tolist() == [94.0]


def test_a_stop_does_not_take_a_split_for_a_loss():
    stop = {"stop_loss": 0.02, "max_loss_per_trade": 0.1}
    panel = raw_world(split_up(FLAT, {(5, 0): 7.0}), {(5, 0): 7.0})
    assert "plan:stop_loss" not in set(run(panel, {0: [0.5, 0.3]}, sizing=stop).orders["rule"])
    blind = replace(panel, actions=CorporateActions())  # the same prices, and no split in the data
    assert "plan:stop_loss" in set(run(blind, {0: [0.5, 0.3]}, sizing=stop).orders["rule"])


def test_a_position_halted_over_its_split_is_marked_in_new_shares():
    closes = FLAT.copy()
    closes[4:8, 0] = np.nan
    closes[8:, 0] = 100.0 / 7
    result = run(raw_world(closes, {(6, 0): 7.0}), {0: [0.5, 0.3]})
    np.testing.assert_allclose(result.equity["equity"], 1000.0, rtol=1e-14)
    np.testing.assert_allclose(result.quantities["A00"].iloc[[5, 6]], [5.0, 35.0], rtol=1e-14)


def test_a_strategy_sees_raw_prices_and_the_returns_of_a_holder():
    strategy = Schedule({0: [0.5, 0.3]})
    panel = raw_world(split_up(FLAT, {(5, 0): 4.0}), {(5, 0): 4.0}, {(7, 1): 20.0})
    panel = replace(panel, fields={"close": np.where(np.arange(12)[:, None] >= [12, 7], 80.0, panel.closes)})
    run(panel, strategy)
    view = strategy.views[9]
    assert (view.closes[4, 0], view.closes[5, 0]) == (100.0, 25.0)
    np.testing.assert_allclose(view.simple_returns(9), 0.0, atol=1e-15)
    assert len(view.continuous_closes) == 10


# Dividends ------------------------------------------------------------------------------------------------------------


def test_a_dividend_is_earned_on_its_ex_date_and_paid_on_its_pay_date():
    """Ten shares, 3 each, paid four sessions later; the price falls by it."""
    closes = np.full((12, 1), 100.0)
    closes[5:] = 97.0
    panel = raw_world(closes, dividends={(5, 0): 3.0}, pay_after={(5, 0): 4})
    result = run(panel, {0: [1.0]})
    np.testing.assert_allclose(result.equity["equity"], 1000.0, rtol=1e-14)
    np.testing.assert_allclose(result.equity["due"], np.where((np.arange(12) >= 5) & (np.arange(12) < 9), 30.0, 0.0))
    np.testing.assert_allclose(result.equity["cash"].iloc[1:], np.where(np.arange(1, 12) >= 9, 30.0, 0.0), atol=1e-12)
    assert result.trades["pnl"].iloc[0] == pytest.approx(0.0, abs=1e-9)
    assert [event.detail for event in happened(result, "dividend")] == ["A00: 10 shares earn 3 each, 30.00"]
    balances(result, panel)


def test_a_short_position_owes_the_dividend():
    closes = FLAT.copy()
    closes[5:, 0] = 97.0
    panel = raw_world(closes, dividends={(5, 0): 3.0}, pay_after={(5, 0): 2})
    result = run(panel, {0: [-0.5, 0.0]}, **SHORT)
    np.testing.assert_allclose(result.equity["equity"], 1000.0, rtol=1e-14)
    assert result.equity["due"].iloc[5] == pytest.approx(-15.0)
    assert result.equity["cash"].iloc[7] == pytest.approx(1500.0 - 15.0)
    assert [event.detail for event in happened(result, "dividend")] == ["A00: -5 shares owe 3 each, -15.00"]
    balances(result, panel)


def test_without_a_pay_date_cash_comes_on_the_ex_date():
    result = run(raw_world(FLAT, dividends={(5, 0): 3.0}), {0: [0.5, 0.3]})
    assert (result.equity["due"] == 0).all()
    assert result.equity["cash"].iloc[5] == pytest.approx(200.0 + 15.0)


def test_who_sells_before_the_ex_date_gets_nothing_and_who_sells_on_it_gets_paid():
    panel = raw_world(FLAT, dividends={(5, 0): 3.0}, pay_after={(5, 0): 3})
    early, on_it = run(panel, {0: [0.5, 0.0], 3: [0.0, 0.0]}), run(panel, {0: [0.5, 0.0], 4: [0.0, 0.0]})
    assert early.equity["equity"].iloc[-1] == pytest.approx(1000.0)
    assert on_it.equity["equity"].iloc[-1] == pytest.approx(1015.0)
    assert on_it.trades["pnl"].iloc[0] == pytest.approx(15.0)  # the trade that was closed before the cash came
    assert on_it.equity["due"].iloc[5] == pytest.approx(15.0) and on_it.quantities["A00"].iloc[5] == 0


def test_a_dividend_that_is_paid_after_the_end_stays_due():
    panel = raw_world(FLAT)
    late = CashDividend(panel.sessions[8].date(), "A00", 3.0, date(2019, 1, 2))
    result = run(replace(panel, actions=CorporateActions(dividends=(late,))), {0: [0.5, 0.3]})
    assert result.equity["due"].iloc[-1] == pytest.approx(15.0)
    assert result.equity["equity"].iloc[-1] == pytest.approx(1015.0)


def test_split_adjusted_prices_still_pay_their_dividends():
    raw = split_up(FLAT, {(8, 0): 4.0})
    panel = raw_world(raw, {(8, 0): 4.0}, {(5, 0): 2.0})
    plain, split = run(panel, {0: [0.5, 0.3]}), run(adjusted(panel, "split"), {0: [0.5, 0.3]})
    np.testing.assert_allclose(split.equity["equity"], plain.equity["equity"], rtol=1e-14)
    assert plain.equity["equity"].iloc[-1] == pytest.approx(1010.0)
    total = adjusted(panel, "total_return")
    assert run(total, {0: [0.5, 0.3]}).equity["due"].eq(0).all()  # nothing counts twice


def test_a_dividend_larger_than_the_price_stops_the_run_by_name():
    with pytest.raises(DataError, match="A00: ex-date 2018-01-07, dividend 300, last close before it 100"):
        run(raw_world(FLAT, dividends={(5, 0): 300.0}), {0: [0.5, 0.3]})


@settings(max_examples=6)
@given(st.integers(0, 10**6))
def test_raw_prices_with_actions_earn_what_total_returns_earn(seed):
    """One asset, fully invested at every close, dividends paid on their ex-dates.

    Adjusted at the ex-close, a dividend buys shares at that close; the engine buys them a close later. So each dividend
    may differ by its yield times the return of the session after: the tolerance, and nothing else, costs being zero.
    """
    generator = np.random.default_rng(seed)
    raw = 100 * np.exp(np.cumsum(0.02 * generator.normal(size=(N_SESSIONS, 1)), axis=0))
    splits = {(int(row), 0): float(generator.choice(RATIOS)) for row in generator.integers(2, N_SESSIONS, 3)}
    raw = split_up(raw, splits)
    yields = {int(row): float(generator.uniform(0.001, 0.03)) for row in generator.integers(2, N_SESSIONS - 1, 4)}
    dividends = {(row, 0): share * raw[row - 1, 0] for row, share in yields.items()}
    panel = raw_world(raw, splits, dividends)
    schedule = dict.fromkeys(range(N_SESSIONS - 1), [1.0])
    loose = {"stop_loss": 0.8, "max_loss_per_trade": 0.9}  # an order's limit must not bind
    total = adjusted(panel, "total_return", reinvested="ex_close")
    ours, theirs = (run(data, schedule, sizing=loose).equity["equity"] for data in (panel, total))
    moves = np.abs(np.diff(np.log(total.closes[:, 0]))).max()
    tolerance = 2 * sum(yields.values()) * np.expm1(moves)
    np.testing.assert_allclose(ours, theirs, rtol=tolerance)
    blind = run(replace(panel, actions=CorporateActions()), schedule, sizing=loose).equity["equity"]
    assert np.abs(blind / theirs - 1).max() > tolerance  # the test can tell


# Delistings and tradability -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("stated", "weight", "expected"),
    [
        (None, 0.5, 500 * 0.7),  # the plan's recovery
        (12.0, 0.5, 5 * 12.0),
        (0.0, 0.5, 0.0),
        (130.0, 0.5, 5 * 130.0),  # a takeover
        (None, -0.5, -500.0),  # a short buys back at the last close
        (12.0, -0.5, -5 * 12.0),
    ],
)
def test_a_delisted_position_is_paid_its_terminal_value(stated, weight, expected):
    closes = FLAT.copy()
    closes[6:, 0] = np.nan
    panel = raw_world(closes)
    panel = with_actions(panel, CorporateActions(delistings=(Delisting(panel.sessions[5].date(), "A00", stated),)))
    short = SHORT if weight < 0 else {}
    result = run(panel, {0: [weight, 0.0]}, **short)
    assert result.equity["equity"].iloc[-1] == pytest.approx(1000.0 - weight * 1000 + expected)
    assert result.quantities["A00"].iloc[5] != 0 and (result.quantities["A00"].iloc[6:] == 0).all()
    assert np.isfinite(result.equity["equity"]).all()
    (event,) = happened(result, "delisting")
    assert ("terminal value stated" in event.detail) == (stated is not None)


def test_a_delisted_asset_cannot_be_decided_on_and_its_orders_are_cancelled():
    closes = FLAT.copy()
    closes[4:, 0] = np.nan
    panel = raw_world(closes)
    panel = with_actions(panel, CorporateActions(delistings=(Delisting(panel.sessions[4].date(), "A00", 50.0),)))
    strategy = Schedule({3: [0.5, 0.0]})
    result = run(panel, strategy)
    assert list(result.orders["status"]) == ["delisted"]
    assert [bool(view.listed[0]) for view in strategy.views] == 5 * [True] + 7 * [False]


def test_an_end_that_the_actions_state_needs_no_long_silence():
    """Also where the panel's rule on silence says nothing of the end."""
    closes = FLAT.copy()
    closes[6:, 0] = np.nan
    panel = raw_world(closes)
    panel = replace(panel, actions=CorporateActions(delistings=(Delisting(panel.sessions[5].date(), "A00", 90.0),)))
    result = run(panel, {0: [0.5, 0.0]})
    assert result.fills["session"].iloc[-1] == panel.sessions[6] and result.fills["price"].iloc[-1] == 90.0


def test_an_asset_before_its_listing_is_not_missing_but_not_there():
    closes = FLAT.copy()
    closes[:5, 1] = np.nan
    strategy = Schedule({0: [0.5, 0.0], 6: [0.5, 0.3]})
    result = run(raw_world(closes, {(2, 1): 2.0}, {(3, 1): 1.0}), strategy)  # and its shares did things before
    assert [bool(view.listed[1]) for view in strategy.views] == 5 * [False] + 7 * [True]
    assert result.weights_after_fill["A01"].iloc[7] == pytest.approx(0.3)
    assert (result.equity["equity"] == 1000.0).all()


@pytest.mark.parametrize("state", ["halted", "missing"])
@pytest.mark.parametrize(("held", "target"), [(0.0, 0.4), (0.4, 0.0), (0.0, -0.4), (-0.4, 0.0)])
def test_nothing_trades_in_either_direction_where_no_price_is_made(state, held, target):
    """Buy, sell, sell short and cover, each in a halt and in a gap: the order waits for the next price."""
    closes = FLAT.copy()
    closes[4:7, 0] = np.nan
    halted = np.zeros(closes.shape, dtype=bool)
    halted[4:7, 0] = state == "halted"
    panel = raw_world(closes, halted=halted)
    schedule = ({0: [held, 0.0]} if held else {}) | {3: [target, 0.0]}
    result = run(panel, schedule, **SHORT)
    assert not result.fills["session"].isin(panel.sessions[4:7]).any()
    assert result.fills["session"].iloc[-1] == panel.sessions[7]
    assert result.weights_after_fill["A00"].iloc[7] == pytest.approx(target, abs=1e-12)


# Anything at all ------------------------------------------------------------------------------------------------------


class Restless:
    """Follows holders' returns with noise; sometimes holds, sometimes says nothing, never breaks a cap."""

    def __init__(self, seed):
        self.seed = seed

    def decide(self, view):
        generator = np.random.default_rng([self.seed, len(view.sessions)])
        action = generator.random()
        if not view.rebalance_due or action < 0.2:
            return None
        if action < 0.3:
            return Hold("rebalance")
        returns = view.simple_returns(2)
        trend = np.nan_to_num(returns.sum(axis=0)) if len(returns) else 0.0
        wanted = generator.normal(0.3, 0.5, len(view.assets)) + trend
        return Decision(within_limits(wanted * view.listed, view.limits), "rebalance")


def eventful(seed: int, dividends: bool, gaps: float = 0.1):
    """A market with gaps, a delisting and splits: as it would be without them, and as it was quoted."""
    generator = np.random.default_rng(seed)
    closes = 100 * np.exp(np.cumsum(0.03 * generator.standard_t(3, (N_SESSIONS, 3)), axis=0).clip(-4, 4))
    closes[1:][generator.random((N_SESSIONS - 1, 3)) < gaps] = np.nan
    closes[:10, 1] = np.nan
    closes[35:, 0] = np.nan
    cells = zip(generator.integers(1, 35, 8).tolist(), generator.integers(0, 3, 8).tolist(), strict=True)
    splits = {cell: float(generator.choice(RATIOS)) for cell in cells}
    raw, shares = split_up(closes, splits), 1 / split_up(np.ones(closes.shape), splits)
    paid, delays = {}, {}
    for row, column in zip(generator.integers(11, 35, 8).tolist(), generator.integers(0, 3, 8).tolist(), strict=True):
        if dividends:  # a thousandth of the lowest price that the asset ever made, for the share of that day
            paid[row, column] = 1e-3 * np.nanmin(closes[:, column]) / shares[row - 1, column]
            delays[row, column] = int(generator.integers(0, N_SESSIONS - row))
    end = world(closes).sessions[34].date()
    whole = replace(world(closes), actions=CorporateActions(delistings=(Delisting(end, "A00", 40.0),)))
    ends = (Delisting(end, "A00", 40.0 / shares[34, 0]),)
    return whole, raw_world(raw, splits, paid, delays, delistings=ends)


def play(panel, seed, fill_at="next_close", short=True):
    stops = {"max_weight": 0.7, "stop_loss": 0.05, "max_loss_per_trade": 0.1}
    items = {
        "horizon": {"bars": 8, "rebalance": EveryBars("every_bars", 1 + seed % 5)},
        "sample": {"minimum_sessions": 20},
        "invalidation": (DrawdownLimit("drawdown", 0.55),),
        "sizing": ({"long_only": False, "max_gross": 1.3, "max_net": 0.8} if short else {}) | stops,
        "related_positions": {"max_group_gross": 0.65} | ({"max_group_net": 0.6} if short else {}),
        "fast_exit": FastExit(4),
    }
    volume = StatedVolume("stated", dict.fromkeys(panel.assets, 500.0), "a guess made for this test", 0.2, 0.5)
    borrow = {"borrow": Borrow(0.05, 0.25)} if short else {}
    friction = {"fill_at": fill_at, "liquidity": volume} | borrow
    plan = plan_for(panel, **items, friction=friction)
    return run_backtest(panel, plan, Restless(seed), *span(panel), None, 1000.0)


@settings(max_examples=8)
@given(st.integers(0, 10**6), st.booleans(), st.sampled_from(["next_close", "decision_close"]))
def test_a_market_that_splits_earns_what_the_same_market_earns_unsplit(seed, short, fill_at):
    """Waiting orders, partial fills, stops, shorts, halts, a delisting: equity is the same at every close."""
    whole, quoted = eventful(seed, dividends=False)
    plain, split = play(whole, seed, fill_at, short), play(quoted, seed, fill_at, short)
    np.testing.assert_allclose(split.equity["equity"], plain.equity["equity"], rtol=1e-9)
    np.testing.assert_allclose(split.weights_after_fill, plain.weights_after_fill, atol=1e-9)
    assert list(split.orders["status"]) == list(plain.orders["status"])
    balances(split, quoted)


@settings(max_examples=8)
@given(st.integers(0, 10**6), st.booleans(), st.sampled_from(["next_close", "decision_close"]))
def test_equity_is_a_number_at_every_step_and_the_books_balance(seed, short, fill_at):
    _, quoted = eventful(seed, dividends=True, gaps=0.3)
    balances(play(quoted, seed, fill_at, short), quoted)


@settings(max_examples=6)
@given(st.integers(0, 10**6), st.integers(5, N_SESSIONS - 5))
def test_later_actions_change_no_earlier_step(seed, t):
    _, quoted = eventful(seed, dividends=True)
    known = quoted.sessions[: t + 1]
    actions = quoted.actions
    last = known[-1].date()
    news = CorporateActions(
        splits=(
            *(item for item in actions.splits if item.ex_date <= last),
            Split(quoted.sessions[t + 1].date(), "A01", 3.0),
        ),
        dividends=tuple(item for item in actions.dividends if item.ex_date <= last),
        delistings=tuple(item for item in actions.delistings if item.last <= last),
    )
    first, second = play(quoted, seed), play(replace(quoted, actions=news), seed)
    pd.testing.assert_frame_equal(first.equity.loc[known], second.equity.loc[known], check_exact=True)
    earlier = [result.fills[result.fills["session"] <= known[-1]] for result in (first, second)]
    pd.testing.assert_frame_equal(*earlier, check_exact=True)


# What is said about it ------------------------------------------------------------------------------------------------


def test_a_reader_is_told_what_the_prices_leave_out():
    bare = run(raw_world(FLAT), {}).stamps
    assert any("the data names no split" in stamp for stamp in bare)
    assert any("names no dividend" in stamp for stamp in bare)
    full = run(raw_world(split_up(FLAT, {(5, 0): 2.0}), {(5, 0): 2.0}, {(6, 1): 1.0}), {}).stamps
    assert not any("names no" in stamp for stamp in full)
    total = replace(world(FLAT), card=world(FLAT).card.restated(adjustment="total_return"))
    assert not any("names no" in stamp for stamp in run(total, {}).stamps)
