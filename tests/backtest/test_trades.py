"""Trades from flat to flat, by hand."""

import numpy as np
import pytest

from tests.backtest.oracle.trades import TradeLedger


def test_a_trade_is_what_came_in_less_what_was_paid():
    """100 paid at an equity of 1,000, a dividend of 5, and 110 received: 15, or 1.5 % of equity."""
    ledger = TradeLedger(2)
    ledger.start(1, session=3, equity=1000.0, rule="buy")
    for amount in (-100.0, 5.0, 110.0):
        ledger.pay(1, amount)
    ledger.finish(1, session=7, rule="sell")
    (trade,) = ledger.trades(9, np.zeros(2))
    assert (trade.asset, trade.entry, trade.exit, trade.is_open) == (1, 3, 7, False)
    assert (trade.pnl, trade.return_on_equity) == (15.0, pytest.approx(0.015))
    assert (trade.rule_in, trade.rule_out) == ("buy", "sell")


def test_an_open_trade_is_marked_at_what_it_holds():
    ledger = TradeLedger(1)
    ledger.start(0, session=0, equity=500.0, rule="buy")
    ledger.pay(0, -100.0)
    assert ledger.losses(np.array([80.0]))[0] == pytest.approx(20 / 500)
    (trade,) = ledger.trades(4, np.array([80.0]))
    assert (trade.pnl, trade.exit, trade.rule_out, trade.is_open) == (-20.0, 4, "", True)
    assert ledger.closed == []


def test_a_flat_asset_loses_nothing_and_starts_afresh():
    ledger = TradeLedger(1)
    ledger.start(0, session=0, equity=500.0, rule="buy")
    ledger.pay(0, -100.0)
    ledger.finish(0, session=1, rule="sell")
    assert ledger.losses(np.array([0.0])).tolist() == [0.0]
    ledger.start(0, session=2, equity=400.0, rule="buy")
    assert ledger.losses(np.array([0.0])).tolist() == [0.0]  # the first trade's loss is not carried over
