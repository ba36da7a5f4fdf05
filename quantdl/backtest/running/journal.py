"""The record a run writes as it goes, and the tables made of it."""

from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from quantdl.backtest.running.result import SESSION_DTYPE, RecordedDecision

_MONEY = ("equity", "cash", "due", "gross", "net", "turnover", "costs", "held_return", "days_to_exit")
_EVENT = ("session", "item", "condition", "detail")


@dataclass(eq=False)
class Journal:
    """One row per session, and one per event and decision."""

    equity: list[tuple[float | bool, ...]] = field(default_factory=list)
    weights: list[np.ndarray] = field(default_factory=list)
    quantities: list[np.ndarray] = field(default_factory=list)
    exposures: list[np.ndarray] = field(default_factory=list)
    conditions: list[list[float]] = field(default_factory=list)
    decisions: list[RecordedDecision] = field(default_factory=list)
    events: list[tuple[pd.Timestamp, str, str, str]] = field(default_factory=list)

    def note(self, session: pd.Timestamp, item: str, condition: str, detail: str) -> None:
        """Record something the engine did of its own accord, under the plan's item that asked for it."""
        self.events.append((session, item, condition, detail))

    def equity_table(self, index: pd.DatetimeIndex) -> pd.DataFrame:
        """Return money and sums of weights per session."""
        frame = pd.DataFrame(self.equity, index=index, columns=[*_MONEY, "halted"])
        return frame.astype({**dict.fromkeys(_MONEY, "float64"), "halted": "bool"})

    def asset_table(self, rows: list[np.ndarray], index: pd.DatetimeIndex, assets: tuple[str, ...]) -> pd.DataFrame:
        """Return one column per asset."""
        return pd.DataFrame(np.array(rows), index=index, columns=list(assets))

    def exposure_table(self, index: pd.DatetimeIndex, names: tuple[str, ...] | None) -> pd.DataFrame:
        """Return gross weight per group; where groups change with time, ``names`` is None and the heaviest is kept."""
        if names is None:
            return pd.DataFrame({"heaviest cluster": [float(row.max()) for row in self.exposures]}, index=index)
        return pd.DataFrame(np.array(self.exposures), index=index, columns=list(names))

    def condition_table(self, index: pd.DatetimeIndex, names: list[str]) -> pd.DataFrame:
        """Return the value of every invalidation condition."""
        return pd.DataFrame(self.conditions, index=index, columns=names, dtype="float64")

    def event_table(self) -> pd.DataFrame:
        """Return every event."""
        frame = pd.DataFrame(self.events, columns=list(_EVENT))
        return frame.astype({"session": SESSION_DTYPE, **dict.fromkeys(_EVENT[1:], "str")})
