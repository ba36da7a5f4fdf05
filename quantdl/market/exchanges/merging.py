"""Several bars made one: what a reader sees who looks less often than bars are made."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from quantdl.market.panel import Panel


@dataclass(frozen=True, eq=False)
class MergedBars:
    """Bars of one panel merged by the decision at which they were first known.

    Attributes:
        fields: (D, A) values by field name, NaN without a trade.
        bars: (D, A) int64 number of bars with a trade in each cell.
        last: (D, A) int64 row of the last of them in the panel, -1 without one.
        seen: (D,) int64 row of the panel's last bar known at each decision, traded or not; -1 before the first.
    """

    fields: dict[str, np.ndarray]
    bars: np.ndarray
    last: np.ndarray
    seen: np.ndarray


def merge_bars(panel: Panel, decisions: np.ndarray, names: tuple[str, ...]) -> MergedBars:
    """Merge the bars of a panel: first open, highest high, lowest low, last close, total volume.

    A value that is not known in one of the bars is not known in their union. Only bars with a trade count. A bar may
    have begun before the decision before: its open was no price any more that an order of that decision could get. So
    the first open is that of the first bar which begins at the decision before or later, and unknown if none does.

    Args:
        panel: D bars of any length.
        decisions: (D,) increasing instants, int64 microseconds UTC. A bar belongs to the first at or after its own.
        names: Fields to merge.
    """
    known = panel.known_at.as_unit("us").asi8
    decision = np.searchsorted(decisions, known, side="left")
    n_rows = int(np.searchsorted(decision, len(decisions), side="left"))  # later bars are known at no decision
    decision = decision[:n_rows]
    starts = np.flatnonzero(np.r_[True, np.diff(decision) > 0]) if n_rows else np.zeros(0, dtype=np.int64)
    shape = len(decisions), len(panel.assets)
    traded = panel.traded[:n_rows]
    row = np.arange(n_rows)[:, None]

    def by_decision(values: np.ndarray, reduce: Callable[..., np.ndarray], empty: float) -> np.ndarray:
        merged = np.full(shape, empty, dtype=values.dtype)
        if n_rows:
            merged[decision[starts]] = reduce(values, starts, axis=0)
        return merged

    bars = by_decision(traded.astype(np.int64), np.add.reduceat, 0)
    before = np.r_[np.iinfo(np.int64).min, decisions[:-1]][decision]
    begun_after = bar_starts(panel)[:n_rows] >= before if "open" in names else np.zeros(n_rows, dtype=bool)
    first = by_decision(np.where(traded & begun_after[:, None], row, n_rows), np.minimum.reduceat, n_rows)
    last = by_decision(np.where(traded, row, -1), np.maximum.reduceat, -1)
    column = np.broadcast_to(np.arange(shape[1]), shape)
    some = bars > 0
    fields = {}
    for name in names:
        values = panel.fields[name][:n_rows]
        merged = np.full(shape, np.nan)
        if name in ("open", "close"):
            known_in, place = (first < n_rows, first) if name == "open" else (some, last)
            merged[known_in] = values[place[known_in], column[known_in]]
        elif name in ("high", "low"):
            reduce, empty = (np.maximum, -np.inf) if name == "high" else (np.minimum, np.inf)
            merged[some] = by_decision(np.where(traded, values, empty), reduce.reduceat, np.nan)[some]
        else:
            merged[some] = by_decision(np.where(traded, values, 0.0), np.add.reduceat, np.nan)[some]
        fields[name] = merged
    seen = np.searchsorted(known, decisions, side="right") - 1
    return MergedBars(fields, bars, last, seen)


def bar_starts(panel: Panel) -> np.ndarray:
    """Return (T,) int64 microseconds UTC at which each bar began.

    A bar begins with its session, or where the one before it in the session ended, after the break if there is one. On
    a day that the calendar does not know, it counts as begun before everything.
    """
    numbers, labels = pd.factorize(panel.sessions)
    sessions = pd.DatetimeIndex(labels)
    schedule = (
        panel.card.declaration.trading_calendar().schedule(sessions[0], sessions[-1]).reindex(sessions).iloc[numbers]
    )
    known = panel.known_at.as_unit("us").asi8
    starts = pd.DatetimeIndex(schedule["open"]).as_unit("us").asi8.copy()
    inside = np.flatnonzero(numbers[1:] == numbers[:-1]) + 1
    pause, resumed = (pd.DatetimeIndex(schedule[f"break_{end}"]).as_unit("us").asi8 for end in ("start", "end"))
    before = known[inside - 1]
    starts[inside] = np.where(before == pause[inside], resumed[inside], before)
    return starts
