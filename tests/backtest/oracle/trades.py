"""Trades from flat to flat: what each one earned, net of every cost it caused."""

from dataclasses import dataclass, field

import numpy as np


@dataclass(frozen=True)
class Trade:
    """One trade.

    Attributes:
        asset: Index of the asset.
        entry: Position of the session of its first fill.
        exit: Position of the session of its last fill; of the last session played where it is still open.
        pnl: Money received minus money paid, plus what is still held at its mark.
        return_on_equity: The same over the equity just before the entry.
        rule_in: What asked for the first fill.
        rule_out: What asked for the last one; empty while the trade is open.
        is_open: Whether shares are still held.
    """

    asset: int
    entry: int
    exit: int
    pnl: float
    return_on_equity: float
    rule_in: str
    rule_out: str
    is_open: bool


@dataclass(eq=False)
class TradeLedger:
    """The open trade of every asset, and the closed ones.

    Profit and loss is money received minus money paid since the entry, plus what is held at its mark. So closed and
    open trades together always explain the whole change of equity.

    Attributes:
        n_assets: A.
        cash_flow: (A,) money received minus money paid by the open trade.
        entry: (A,) position of the session of its entry, -1 where no trade is open.
        entry_equity: (A,) equity just before it.
        rules_in: (A,) what asked for it.
        closed: The trades that ended, in that order.
    """

    n_assets: int
    cash_flow: np.ndarray = field(init=False)
    entry: np.ndarray = field(init=False)
    entry_equity: np.ndarray = field(init=False)
    rules_in: list[str] = field(init=False)
    closed: list[Trade] = field(init=False, default_factory=list)

    def __post_init__(self) -> None:
        """Start with no open trade."""
        self.cash_flow = np.zeros(self.n_assets)
        self.entry = np.full(self.n_assets, -1)
        self.entry_equity = np.ones(self.n_assets)
        self.rules_in = [""] * self.n_assets

    def start(self, asset: int, session: int, equity: float, rule: str) -> None:
        """Open a trade; ``equity`` is the value of the book just before it."""
        self.entry[asset], self.entry_equity[asset], self.rules_in[asset] = session, equity, rule

    def pay(self, asset: int, amount: float) -> None:
        """Book money that the trade received (positive) or paid."""
        self.cash_flow[asset] += amount

    def finish(self, asset: int, session: int, rule: str) -> None:
        """Close the trade of an asset that is flat again."""
        self.closed.append(self._trade(asset, session, self.cash_flow[asset], rule, is_open=False))
        self.cash_flow[asset], self.entry[asset], self.rules_in[asset] = 0.0, -1, ""

    def losses(self, values: np.ndarray) -> np.ndarray:
        """Return (A,) the loss of each open trade over equity at entry, positive when money is lost; 0 where flat.

        Args:
            values: (A,) what closing the position would bring.
        """
        return np.where(self.entry >= 0, -(self.cash_flow + values) / self.entry_equity, 0.0)

    def trades(self, last: int, values: np.ndarray) -> list[Trade]:
        """Return every trade; those still open are marked at ``values`` (A,) in session ``last``."""
        return self.closed + [
            self._trade(asset, last, self.cash_flow[asset] + values[asset], "", is_open=True)
            for asset in np.flatnonzero(self.entry >= 0).tolist()
        ]

    def _trade(self, asset: int, session: int, pnl: float, rule: str, is_open: bool) -> Trade:
        return Trade(
            asset=asset,
            entry=int(self.entry[asset]),
            exit=session,
            pnl=float(pnl),
            return_on_equity=float(pnl / self.entry_equity[asset]),
            rule_in=self.rules_in[asset],
            rule_out=rule,
            is_open=is_open,
        )
