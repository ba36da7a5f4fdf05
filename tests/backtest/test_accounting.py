"""The book: cash, shares and marks, filled by hand."""

import numpy as np
import pytest

from quantdl.backtest.plan.borrowing import Borrow
from tests.backtest.oracle.accounting import Book
from tests.backtest.oracle.trades import TradeLedger
from tests.backtest.worlds import NO_COSTS, closes_with, run, world


def test_turning_a_position_around_closes_one_trade_and_opens_another():
    short = {"long_only": False, "max_gross": 1.5, "max_net": 0.9}
    result = run(
        world(closes_with([100, 100, 110])),
        {0: [0.5, 0.0], 4: [-0.5, 0.0]},
        sizing=short,
        related_positions={"max_group_gross": 0.8, "max_group_net": 0.7},
        friction=NO_COSTS | {"borrow": Borrow(0.0, 0.3)},
    )
    assert list(result.trades["open"]) == [False, True]
    np.testing.assert_allclose(result.trades["pnl"], [50.0, 0.0], atol=1e-9)
    assert result.trades["exit"].iloc[0] == result.trades["entry"].iloc[1]


def book_of(n_assets=1, cash=1000.0, marks=None):
    book = Book(cash, TradeLedger(n_assets))
    book.marks = np.full(n_assets, 10.0) if marks is None else np.array(marks)
    return book


def test_a_purchase_moves_money_from_cash_to_shares_and_pays_its_cost():
    book = book_of()
    book.trade(0, 20.0, 10.0, 3.0, session=0, equity=1000.0, rule="buy")
    assert (book.cash, book.quantities[0]) == (1000.0 - 200.0 - 3.0, 20.0)
    assert book.values().tolist() == [200.0]
    assert book.equity() == 997.0
    assert book.weights()[0] == pytest.approx(200 / 997, rel=1e-15)


def test_a_flat_position_is_worth_nothing_whatever_its_mark():
    book = book_of(2, marks=[np.nan, 10.0])
    assert book.values().tolist() == [0.0, 0.0]
    assert book.equity() == 1000.0


def test_without_equity_there_are_no_weights():
    book = book_of(cash=-200.0)
    book.quantities[0] = 10.0
    assert book.equity() == -100.0
    assert book.weights().tolist() == [0.0]


def test_a_position_turned_around_splits_its_cost_by_shares():
    """Ten shares bought at 10, then 30 sold at 12 for a cost of 6: the first ten bear 2, the short twenty 4."""
    book = book_of()
    book.trade(0, 10.0, 10.0, 0.0, session=0, equity=1000.0, rule="buy")
    book.trade(0, -30.0, 12.0, 6.0, session=2, equity=1020.0, rule="sell")
    (closed,) = book.ledger.closed
    assert (closed.pnl, closed.return_on_equity) == pytest.approx((10 * 2 - 2, 18 / 1000))
    assert (closed.rule_in, closed.rule_out, closed.entry, closed.exit) == ("buy", "sell", 0, 2)
    assert book.ledger.cash_flow[0] == pytest.approx(20 * 12 - 4)
    assert (book.ledger.rules_in[0], book.ledger.entry_equity[0]) == ("sell", 1020.0)
    assert (book.quantities[0], book.cash) == (-20.0, 1000 - 100 + 360 - 6)


def test_what_rounding_leaves_of_a_position_is_none():
    book = book_of()
    book.quantities[0], book.ledger.entry[0] = 0.1 + 0.2, 0
    book.trade(0, -0.3, 10.0, 0.0, session=1, equity=1000.0, rule="sell")
    assert book.quantities[0] == 0.0
    assert len(book.ledger.closed) == 1


def test_a_dividend_counts_as_equity_from_its_ex_date_and_as_cash_once_paid():
    book = book_of()
    book.accrue(0, 30.0)
    assert (book.cash, book.due[0], book.equity()) == (1000.0, 30.0, 1030.0)
    book.receive(0, 30.0)
    assert (book.cash, book.due[0], book.equity()) == (1030.0, 0.0, 1030.0)
    assert book.ledger.cash_flow[0] == 30.0
