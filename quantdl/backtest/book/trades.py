"""Trades from flat to flat: what each one earned, net of every cost it caused."""

from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from quantdl.backtest.running.result import SESSION_DTYPE

COLUMNS = ("asset", "entry", "exit", "bars", "pnl", "return_on_equity", "rule_in", "rule_out", "open")


@dataclass(eq=False)
class TradeLedger:
    """The open trade of every asset, and the closed ones.

    Profit and loss is money received minus money paid since the entry, plus what is held at its mark. So closed and
    open trades together always explain the whole change of equity.
    """

    assets: tuple[str, ...]
    sessions: pd.DatetimeIndex
    cash_flow: np.ndarray = field(init=False)
    entry: np.ndarray = field(init=False)
    entry_equity: np.ndarray = field(init=False)
    rules_in: list[str] = field(init=False)
    closed: list[tuple[object, ...]] = field(init=False, default_factory=list)

    def __post_init__(self) -> None:
        """Start with no open trade."""
        count = len(self.assets)
        self.cash_flow = np.zeros(count)
        self.entry = np.full(count, -1)
        self.entry_equity = np.ones(count)
        self.rules_in = [""] * count

    def is_open(self) -> np.ndarray:
        """Return (A,) whether a trade is open."""
        return self.entry >= 0

    def start(self, asset: int, session: int, equity: float, rule: str) -> None:
        """Open a trade; ``equity`` is the value of the book just before it."""
        self.entry[asset], self.entry_equity[asset], self.rules_in[asset] = session, equity, rule

    def pay(self, asset: int, amount: float) -> None:
        """Book money that the trade received (positive) or paid."""
        self.cash_flow[asset] += amount

    def finish(self, asset: int, session: int, rule: str) -> None:
        """Close the trade of an asset that is flat again."""
        self.closed.append(self._row(asset, session, self.cash_flow[asset], rule, still_open=False))
        self.cash_flow[asset], self.entry[asset], self.rules_in[asset] = 0.0, -1, ""

    def losses(self, values: np.ndarray) -> np.ndarray:
        """Return (A,) the loss of each open trade over equity at entry, positive when money is lost; 0 where flat.

        Args:
            values: (A,) what closing the position would bring.
        """
        return np.where(self.is_open(), -(self.cash_flow + values) / self.entry_equity, 0.0)

    def table(self, last: int, values: np.ndarray) -> pd.DataFrame:
        """Return every trade; those still open are marked at ``values`` (A,) in session ``last``."""
        still_open = [
            self._row(asset, last, self.cash_flow[asset] + values[asset], "", still_open=True)
            for asset in np.flatnonzero(self.is_open()).tolist()
        ]
        frame = pd.DataFrame([*self.closed, *still_open], columns=list(COLUMNS))
        kinds = dict.fromkeys(("entry", "exit"), SESSION_DTYPE) | dict.fromkeys(("pnl", "return_on_equity"), "float64")
        texts = dict.fromkeys(("asset", "rule_in", "rule_out"), "str")
        return frame.astype({"bars": "int64", "open": "bool", **kinds, **texts})

    def _row(self, asset: int, session: int, pnl: float, rule: str, still_open: bool) -> tuple[object, ...]:
        entry = int(self.entry[asset])
        return (
            self.assets[asset],
            self.sessions[entry],
            pd.NaT if still_open else self.sessions[session],
            session - entry,
            float(pnl),
            float(pnl / self.entry_equity[asset]),
            self.rules_in[asset],
            rule,
            still_open,
        )
