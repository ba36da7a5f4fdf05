"""A price ten times too high, or a tenth, for one session: through the whole engine it costs less than was promised.

Every run is held against the same run without the print. A print is planted on every asset at many sessions, on those
of a decision, of a fill and of a stop among them; books are long, short, on bars with orders of their own, and capped
by volume.
"""

from functools import cache

import numpy as np
import pytest

from quantdl.backtest import Decision, Orders, PositionExits, run_backtest
from quantdl.backtest.judging.checklist import assess
from quantdl.backtest.plan.borrowing import Borrow
from quantdl.backtest.plan.fast_exit import FastExit
from quantdl.backtest.plan.friction import StatedVolume
from quantdl.backtest.plan.horizon import EveryBars
from quantdl.backtest.plan.invalidation import DrawdownLimit, VolatilityLimit
from quantdl.market.corporate.confirmation import confirmed_prices
from quantdl.market.sources import load_sp500
from quantdl.portfolio import within_limits
from tests.backtest.judged import EVIDENCE
from tests.backtest.worlds import NO_COSTS, closes_with, plan_for, run, span, world

N_SESSIONS, N_ASSETS, PROMISE = 48, 4, 0.06
SHORT = {"long_only": False, "max_gross": 1.2, "max_net": 0.8}
BOOKS = ("long", "short", "next_open", "decision_close", "volume", "exits")


class Follows:
    """Weights that follow the last returns it sees, the print's close among them where it is shown."""

    def __init__(self, book):
        self.book = book

    def decide(self, view):
        if not view.rebalance_due:
            return None
        closes = view.closes[-4:]
        moves = np.log(closes[-1] / closes[0])
        wanted = 0.2 + 2.0 * np.where(np.isfinite(moves), moves, 0.0)
        if self.book == "short":
            wanted -= 0.2 + 0.1 * np.arange(len(wanted))
        if self.book == "exits" and len(view.sessions) % 9 != 1:
            return Orders((), tuple(self._exits(view)))
        return Decision(within_limits(np.where(view.listed, wanted, 0.0), view.limits), "rebalance")

    def _exits(self, view):
        for asset, shares, close in zip(view.assets, view.shares, view.closes[-1], strict=True):
            if shares > 0 and np.isfinite(close):
                yield PositionExits(asset, "leave", stop=0.97 * close, trail=0.04)


@cache
def prices():
    generator = np.random.default_rng(8)
    closes = 100 * np.exp(np.cumsum(0.006 * generator.standard_normal((N_SESSIONS, N_ASSETS)), axis=0))
    closes[30:, 2] *= 0.9  # a fall that sets off the stop
    return closes


def market(t=None, asset=0, factor=1.0):
    closes = prices().copy()
    opens = np.concatenate([closes[:1], closes[:-1]])
    if t is not None:
        closes[t, asset] *= factor
        opens[t, asset] *= factor
    fields = {"open": opens, "high": np.maximum(opens, closes) * 1.002, "low": np.minimum(opens, closes) * 0.998}
    return world(closes, fields=fields)


def plan_of(book, panel):
    sizing = {"max_weight": 0.3, "stop_loss": 0.03, "max_loss_per_trade": PROMISE}
    related, friction, items = {"max_group_gross": 0.55}, {}, {}
    if book == "short":
        sizing |= SHORT
        friction["borrow"] = Borrow(0.02, 0.3)
        related["max_group_net"] = 0.5
    if book in ("next_open", "decision_close"):
        friction["fill_at"] = book
    if book == "volume":
        volume = dict.fromkeys(panel.assets, 400_000.0)
        friction["liquidity"] = StatedVolume("stated", volume, "a guess made for this test", 0.2, 0.5)
        items["fast_exit"] = FastExit(3)
    return plan_for(
        panel,
        sizing=sizing,
        related_positions=related,
        friction=friction,
        horizon={"bars": 12, "rebalance": EveryBars("every_bars", 3 if book != "exits" else 1)},
        sample={"minimum_sessions": 20},
        trusted_data={"fields": ("close", "open", "high", "low")},
        invalidation=(DrawdownLimit("drawdown", 0.25), VolatilityLimit("volatility", 0.6, 10)),
        **items,
    )


def played(book, t=None, asset=0, factor=1.0):
    panel = market(t, asset, factor)
    return run_backtest(panel, plan_of(book, panel), Follows(book), *span(panel))


@cache
def without_the_print(book):
    return played(book)


def test_the_books_trade_and_stop_out_without_any_print():
    for book in BOOKS:
        result = without_the_print(book)
        assert result.halted_on is None
        assert len(result.fills) > 20
        stopped = (result.trades["rule_out"] == "plan:stop_loss").any()
        assert stopped or book not in ("long", "volume")
    assert (without_the_print("short").quantities.to_numpy() < 0).any()
    assert "exit" in set(without_the_print("exits").orders["kind"])


@pytest.mark.parametrize("factor", [10.0, 0.1])
@pytest.mark.parametrize("asset", range(N_ASSETS))
@pytest.mark.parametrize("book", BOOKS)
def test_one_bad_print_costs_no_more_than_was_promised_whenever_it_comes(book, asset, factor):
    clean = without_the_print(book)
    for t in (16, 31, N_SESSIONS - 1):
        result = played(book, t, asset, factor)
        assert result.halted_on is None
        lost = (clean.equity["equity"] - result.equity["equity"]) / clean.equity["equity"]
        assert lost.max() <= PROMISE
        assert -lost.min() <= PROMISE  # nor is anything earned by it
        assert result.trades["return_on_equity"].min() >= -PROMISE
        session = result.equity.index[t]
        printed = result.fills[(result.fills["session"] == session) & (result.fills["asset"] == f"A{asset:02d}")]
        assert printed.empty


@pytest.mark.slow
@pytest.mark.parametrize("factor", [10.0, 0.1])
@pytest.mark.parametrize("book", BOOKS)
def test_one_bad_print_at_every_session_of_every_asset_costs_no_more_than_was_promised(book, factor):
    """But the first bar of the data, which has nothing before it to be held against."""
    clean = without_the_print(book).equity["equity"]
    for t in range(1, N_SESSIONS):
        for asset in range(N_ASSETS):
            result = played(book, t, asset, factor)
            lost = (clean - result.equity["equity"]) / clean
            assert result.halted_on is None
            assert max(lost.max(), -lost.min(), -result.trades["return_on_equity"].min()) <= PROMISE


def test_a_real_crash_is_acted_on_a_session_later_and_at_its_price():
    sizing = {"stop_loss": 0.05, "max_loss_per_trade": 0.5}
    result = run(world(closes_with([100, 100, 100, 10, 9, 9])), {0: [0.5, 0.0]}, sizing=sizing, friction=NO_COSTS)
    assert result.equity["equity"].iloc[2:7].tolist() == pytest.approx([1000, 1000, 545, 545, 545])
    assert result.trades["exit"].iloc[0] == result.equity.index[5]
    told = result.events[result.events["condition"] == "unconfirmed_price"]
    assert told["session"].tolist() == [result.equity.index[3]]
    assert told["item"].tolist() == ["trusted_data"]
    assert "A00" in told["detail"].iloc[0]


def test_a_share_that_ends_on_a_price_that_no_bar_confirmed_is_paid_out_at_that_price():
    closes = closes_with([100, 100, 100, 10])
    closes[4:, 0] = np.nan
    panel = world(closes, ended={"A00": world(closes).sessions[3].date()})
    result = run(panel, {0: [0.5, 0.0]}, friction=NO_COSTS | {"delisting_recovery": 0.7})
    assert result.equity["equity"].iloc[[3, 4]].tolist() == pytest.approx([1000.0, 500.0 + 5 * 10 * 0.7])


def test_the_evidence_counts_what_waited_and_how_much_was_held_of_it():
    panel = market(20, 1, 10.0)
    plan = plan_of("long", panel)
    result = run_backtest(panel, plan, Follows("long"), *span(panel))
    rows = {row.item: row for row in assess(plan, panel, result, EVIDENCE).items}
    held = float(result.weights_after_fill.iloc[20, 1])
    assert "1 bars were further than 5 times" in rows["trusted_data"].figure
    assert f"{held:.4f}" in rows["trusted_data"].figure
    for name in ("documentation", "sizing", "invalidation", "related_positions"):
        assert rows[name].passed is not False, rows[name].cause


def test_no_bar_of_twenty_large_stocks_in_thirty_three_years_has_to_wait():
    assert not confirmed_prices(load_sp500(), 5.0).unconfirmed.any()
