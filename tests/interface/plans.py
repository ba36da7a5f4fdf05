"""A plan for a hundred sessions of a few assets, written as a notebook writes it, and what is played under it."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from quantdl import plan as p
from quantdl.backtest import MarketView, Plan
from quantdl.interface.prices import Prices
from quantdl.market.panel import Panel
from quantdl.market.sources import load_sp500
from quantdl.simulation import panel_of_closes
from tests.panels import closes_of, heavy_tailed_returns


def drawn_prices(n_assets: int = 3, drift: float = 0.0) -> Prices:
    """Closes of a few assets over 160 sessions, of which the last hundred are played."""
    return Prices.of(panel_of_closes(closes_of(heavy_tailed_returns(159, n_assets, seed=5) + drift)))


def six_stocks(assets: Sequence[str] = ("AAPL", "JPM", "KO", "PG", "RRC", "XOM")) -> Prices:
    """Closes of some of the bundled stocks in 2016."""
    return Prices.of(load_sp500().select(list(assets)).between("2016-01-04", "2016-12-30"))


def small_plan(panel: Panel, **changes: Any) -> Plan:  # noqa: ANN401 - any item of a plan
    """Return a plan for the last hundred sessions of some prices, with other items in place of its own."""
    first, last = (panel.sessions[row].date().isoformat() for row in (-100, -1))
    groups = {asset: [asset] for asset in panel.assets}
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
            max_weight=0.95,
            max_gross=1.0,
            max_net=None,
            stop_loss=0.03,
            max_loss_per_trade=0.9,
        ),
        "related_positions": p.RelatedPositions(p.named_groups(groups), max_group_gross=0.93, max_group_net=None),
        "friction": p.Friction(
            commission_bps=1.0,
            half_spread_bps=2.0,
            borrow=None,
            liquidity=p.volume_waiver("Ada Lovelace", "An example on made-up prices; no money follows it."),
            delisting_recovery=0.7,
            delisted_after_sessions=250,
            fill_at="next_close",
        ),
        "invalidation": (p.drawdown(0.5), p.stale_data(5)),
        "fast_exit": p.FastExit(max_sessions=1),
        "sample": p.Sample(first, last, minimum_sessions=50, purge_bars=0),  # type: ignore[arg-type]
        "abnormal_volatility": p.AbnormalVolatility(
            window_bars=21,
            calm_below=0.12,
            stressed_above=0.25,
            in_stress="trade",
            stress_windows=(p.StressWindow("all of it", first, last),),  # type: ignore[arg-type]
        ),
        "documentation": p.Documentation("Ada Lovelace", "runs"),
    }
    return Plan(**{**items, **changes})


def equally(view: MarketView) -> np.ndarray:
    """Give every listed stock the same part of most of the equity."""
    return np.asarray(0.9 * view.listed / view.listed.sum())
