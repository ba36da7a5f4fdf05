"""A plan for six of the bundled stocks over half a year, written as a notebook writes it."""

from typing import Any

import numpy as np

from quantdl import plan as p
from quantdl.backtest import MarketView, Plan
from quantdl.interface.prices import Prices
from quantdl.market.panel import Panel
from quantdl.market.sources import load_sp500
from tests.small_experiment import ASSETS


def six_stocks() -> Prices:
    """Closes of `ASSETS` from 2015 to 2016."""
    return Prices.of(load_sp500().select(ASSETS).between("2015-01-02", "2016-12-30"))


def small_plan(panel: Panel, **changes: Any) -> Plan:  # noqa: ANN401 - any item of a plan
    """Return a plan for the second half of 2016, with other items in place of its own."""
    items: dict[str, Any] = {
        "hypothesis": p.Hypothesis(
            statement="Spreading money evenly over a few large companies is hard to beat.",
            market_context="Large US stocks, any regime.",
            refuted_by="A Sharpe ratio below that of equal weight, after costs.",
            yardstick="sharpe",
            other_explanations=p.OtherExplanations(
                trend="Stocks may simply have risen in these months.",
                volatility="The book may only be calmer, not better chosen.",
                liquidity="None; the stocks are among the most traded.",
            ),
        ),
        "horizon": p.Horizon(bars=10, timeframe="1D", rebalance=p.every(5)),
        "trusted_data": p.trust(panel, ["close"]),
        "rules": (p.Rule("rebalance", "rebalance", "Every five sessions, give every stock the same part of equity."),),
        "sizing": p.Sizing(
            method="One over the number of listed stocks.",
            long_only=True,
            max_weight=0.4,
            max_gross=1.0,
            max_net=None,
            stop_loss=0.03,
            max_loss_per_trade=0.05,
        ),
        "related_positions": p.RelatedPositions(p.sectors(), max_group_gross=0.75, max_group_net=None),
        "friction": p.Friction(
            commission_bps=1.0,
            half_spread_bps=2.0,
            borrow=None,
            liquidity=p.volume_waiver("Ada Lovelace", "An example on the most traded stocks; no money follows it."),
            delisting_recovery=0.7,
            delisted_after_sessions=250,
            fill_at="next_close",
        ),
        "invalidation": (p.drawdown(0.35), p.stale_data(5)),
        "fast_exit": p.FastExit(max_sessions=1),
        "sample": p.Sample("2016-07-01", "2016-12-30", minimum_sessions=100, purge_bars=0),  # type: ignore[arg-type]
        "abnormal_volatility": p.AbnormalVolatility(
            window_bars=63,
            calm_below=0.12,
            stressed_above=0.25,
            in_stress="trade",
            stress_windows=(p.StressWindow("election", "2016-11-01", "2016-11-30"),),  # type: ignore[arg-type]
        ),
        "documentation": p.Documentation("Ada Lovelace", "runs"),
    }
    return Plan(**{**items, **changes})


def equally(view: MarketView) -> np.ndarray:
    """Give every listed stock the same part of equity."""
    return np.asarray(view.listed / view.listed.sum())
