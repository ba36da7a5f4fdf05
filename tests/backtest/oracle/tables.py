"""Tables of a run of the reference engine: labels and dates in place of positions."""

from collections.abc import Sequence
from dataclasses import fields

import numpy as np
import pandas as pd

from quantdl.backtest.book.terms import REGIMES, UNDEFINED
from quantdl.backtest.running.result import SESSION_DTYPE
from quantdl.backtest.running.tables import Close
from tests.backtest.oracle.journal import Event
from tests.backtest.oracle.orders import Fill, Order
from tests.backtest.oracle.trades import Trade

_CLOSE = tuple(item.name for item in fields(Close))
_ORDER = tuple(item.name for item in fields(Order) if item.name != "left")
_FILL = tuple(item.name for item in fields(Fill))
_TRADE = ("asset", "entry", "exit", "bars", "pnl", "return_on_equity", "rule_in", "rule_out", "open")
_EVENT = tuple(item.name for item in fields(Event))

_SESSIONS = frozenset({"session", "decided", "entry", "exit"})
_TEXTS = frozenset({"asset", "rule", "status", "rule_in", "rule_out", "item", "condition", "detail"})


class Tables:
    """Makes the tables of one run: labels and dates in place of positions, one type per column, also in empty ones.

    Attributes:
        sessions: (T,) labels of every session of the panel.
        assets: (A,) symbols.
        index: The sessions played.
    """

    def __init__(self, sessions: pd.DatetimeIndex, assets: tuple[str, ...], first: int, stop: int) -> None:
        """Prepare for a run over the positions ``first`` to ``stop``, the last excluded."""
        self.sessions = sessions.to_numpy().astype(SESSION_DTYPE)
        self.assets = assets
        self.first, self.stop = first, stop
        self.index = pd.DatetimeIndex(self.sessions[first:stop], name="session")

    def closes(self, rows: Sequence[Close]) -> pd.DataFrame:
        """Return money and sums of weights per session."""
        frame = pd.DataFrame([[getattr(row, name) for name in _CLOSE] for row in rows], self.index, list(_CLOSE))
        return frame.astype({name: "bool" if name == "halted" else "float64" for name in _CLOSE})

    def by_asset(self, rows: Sequence[np.ndarray]) -> pd.DataFrame:
        """Return one row per session and one column per asset."""
        return pd.DataFrame(np.array(rows), self.index, list(self.assets))

    def exposures(self, rows: Sequence[np.ndarray], names: tuple[str, ...] | None) -> pd.DataFrame:
        """Return gross weight per group; where groups change with time, ``names`` is None and the heaviest is kept."""
        if names is None:
            return pd.DataFrame({"heaviest cluster": [float(row.max()) for row in rows]}, self.index)
        return pd.DataFrame(np.array(rows), self.index, list(names))

    def conditions(self, rows: Sequence[Sequence[float]], names: Sequence[str]) -> pd.DataFrame:
        """Return the value of every condition per session."""
        return pd.DataFrame(rows, self.index, list(names), dtype="float64")

    def regimes(self, codes: np.ndarray) -> pd.DataFrame:
        """Return the name of the state that was known when each session began.

        Args:
            codes: (T,) states as known at each close.
        """
        before = np.concatenate([[UNDEFINED], codes])[self.first : self.stop]
        return pd.DataFrame({"regime": np.array(REGIMES, dtype=object)[before]}, self.index).astype("str")

    def orders(self, rows: Sequence[Order]) -> pd.DataFrame:
        """Return every order."""
        return self._table([[getattr(row, name) for name in _ORDER] for row in rows], _ORDER)

    def fills(self, rows: Sequence[Fill]) -> pd.DataFrame:
        """Return every fill."""
        return self._table([[getattr(row, name) for name in _FILL] for row in rows], _FILL)

    def events(self, rows: Sequence[Event]) -> pd.DataFrame:
        """Return every event."""
        return self._table([[getattr(row, name) for name in _EVENT] for row in rows], _EVENT)

    def trades(self, rows: Sequence[Trade], bars_so_far: np.ndarray) -> pd.DataFrame:
        """Return every trade; one still open has no exit.

        Args:
            rows: The trades.
            bars_so_far: (T,) bars with a trade up to each session: what holding times and horizons are counted in.
        """
        lasted = [int(bars_so_far[row.exit] - bars_so_far[row.entry]) for row in rows]
        cells = [{**vars(row), "bars": bars, "open": row.is_open} for row, bars in zip(rows, lasted, strict=True)]
        frame = self._table([[trade[name] for name in _TRADE] for trade in cells], _TRADE)
        frame = frame.astype({"bars": "int64", "open": "bool"})
        return frame.assign(exit=frame["exit"].mask(frame["open"]))

    def _table(self, rows: list[list[object]], names: tuple[str, ...]) -> pd.DataFrame:
        """Return rows of positions as a table of labels."""
        columns = zip(*rows, strict=True) if rows else [()] * len(names)
        return pd.DataFrame(
            {name: self._column(name, list(values)) for name, values in zip(names, columns, strict=True)}
        )

    def _column(self, name: str, values: list[object]) -> pd.Series:
        if name in _SESSIONS:
            return pd.Series(self.sessions[np.array(values, dtype=np.int64)], dtype=SESSION_DTYPE)
        if name == "asset":
            values = [self.assets[index] for index in np.array(values, dtype=np.int64).tolist()]
        if name in _TEXTS:
            return pd.Series(values, dtype="str")
        return pd.Series(values, dtype="int64" if name == "order" else "float64")
