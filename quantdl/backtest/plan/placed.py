"""The fills and orders of a run as arrays of positions, in the order they were made."""

from collections.abc import Iterable
from dataclasses import dataclass, fields

import numpy as np
import pandas as pd

from quantdl.backtest.running.result import BacktestResult


@dataclass(frozen=True, eq=False)
class PlacedFills:
    """Fills in the order they were made, by position in the run. Those of order 0 are no order's: payouts and splits.

    Attributes:
        order: (N,) number of the order.
        row: (N,) session of the fill.
        decided: (N,) session of the decision, -1 if it is not a session of the run.
        column: (N,) asset.
        rule: (N,) texts.
        quantity: (N,) shares, negative when sold.
        price: (N,) money for each share.
        cost: (N,) money paid for trading.
        parts: (N,) commission, spread and impact, added up.
    """

    order: np.ndarray
    row: np.ndarray
    decided: np.ndarray
    column: np.ndarray
    rule: np.ndarray
    quantity: np.ndarray
    price: np.ndarray
    cost: np.ndarray
    parts: np.ndarray

    def __len__(self) -> int:
        """``N``."""
        return len(self.order)

    @property
    def notional(self) -> np.ndarray:
        """(N,) dollars traded."""
        return np.asarray(np.abs(self.quantity) * self.price)

    def where(self, chosen: np.ndarray) -> "PlacedFills":
        """Return the chosen (N,) fills."""
        return PlacedFills(*(getattr(self, item.name)[chosen] for item in fields(self)))


@dataclass(frozen=True, eq=False)
class PlacedOrders:
    """Orders, by position in the run.

    Attributes:
        order: (N,) number.
        decided: (N,) session of the decision, -1 if it is not a session of the run.
        column: (N,) asset.
        rule: (N,) texts.
        kind: (N,) texts, as in `BacktestResult.orders`.
        quantity: (N,) shares, negative to sell.
        dollars: (N,) shares times the price they were decided on.
        weight: (N,) weight that the order leads to.
    """

    order: np.ndarray
    decided: np.ndarray
    column: np.ndarray
    rule: np.ndarray
    kind: np.ndarray
    quantity: np.ndarray
    dollars: np.ndarray
    weight: np.ndarray


def placed_fills(result: BacktestResult) -> PlacedFills:
    """Return every fill in the run's sessions and assets."""
    table = result.fills
    placed = PlacedFills(
        order=table["order"].to_numpy(),
        row=rows_of(result, table["session"]),
        decided=rows_of(result, table["decided"]),
        column=_columns_of(result, table["asset"]),
        rule=table["rule"].to_numpy(dtype=object),
        quantity=table["quantity"].to_numpy(),
        price=table["price"].to_numpy(),
        cost=table["cost"].to_numpy(),
        parts=(table["commission"] + table["spread"] + table["impact"]).to_numpy(),
    )
    return placed.where((placed.row >= 0) & (placed.column >= 0))


def placed_orders(result: BacktestResult) -> PlacedOrders:
    """Return every order."""
    table = result.orders
    return PlacedOrders(
        order=table["order"].to_numpy(),
        decided=rows_of(result, table["decided"]),
        column=_columns_of(result, table["asset"]),
        rule=table["rule"].to_numpy(dtype=object),
        kind=table["kind"].to_numpy(dtype=object),
        quantity=table["quantity"].to_numpy(),
        dollars=(table["quantity"] * table["reference_price"]).abs().to_numpy(),
        weight=table["target_weight"].to_numpy(),
    )


def rows_of(result: BacktestResult, days: Iterable[pd.Timestamp]) -> np.ndarray:
    """Return the position of each day among the run's sessions, -1 where it is not one of them."""
    return result.equity.index.get_indexer(pd.DatetimeIndex(list(days)))


def _columns_of(result: BacktestResult, assets: pd.Series) -> np.ndarray:
    """Return the position of each asset, -1 where the run has no such asset."""
    return pd.Index(result.assets).get_indexer(pd.Index(assets))
