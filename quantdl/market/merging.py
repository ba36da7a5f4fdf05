"""Several bars made one: what a reader sees who looks less often than bars are made."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from quantdl.market.panel import Panel


@dataclass(frozen=True, eq=False)
class MergedBars:
    """Bars of one panel merged by the decision at which they were first known.

    Attributes:
        fields: (D, A) values by field name, NaN without a trade.
        bars: (D, A) int64 number of bars with a trade in each cell.
        last: (D, A) int64 row of the last of them in the panel, -1 without one.
        seen: (D,) int64 row of the panel's last bar known at each decision, traded or not; -1 before the first.
        fresh: (D,) bool, whether any bar of the panel became known since the decision before.
    """

    fields: dict[str, np.ndarray]
    bars: np.ndarray
    last: np.ndarray
    seen: np.ndarray
    fresh: np.ndarray


def merge_bars(panel: Panel, decisions: np.ndarray, names: tuple[str, ...]) -> MergedBars:
    """Merge the bars of a panel: first open, highest high, lowest low, last close, total volume.

    A value that is not known in one of the bars is not known in their union. Only bars with a trade count.

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
    first = by_decision(np.where(traded, row, n_rows), np.minimum.reduceat, n_rows)
    last = by_decision(np.where(traded, row, -1), np.maximum.reduceat, -1)
    column = np.broadcast_to(np.arange(shape[1]), shape)
    some = bars > 0
    fields = {}
    for name in names:
        values = panel.fields[name][:n_rows]
        merged = np.full(shape, np.nan)
        if name in ("open", "close"):
            merged[some] = values[(first if name == "open" else last)[some], column[some]]
        elif name in ("high", "low"):
            reduce, least = (np.maximum, -np.inf) if name == "high" else (np.minimum, np.inf)
            merged[some] = by_decision(np.where(traded, values, least), reduce.reduceat, np.nan)[some]
        else:
            merged[some] = by_decision(np.where(traded, values, 0.0), np.add.reduceat, np.nan)[some]
        fields[name] = merged
    seen = np.searchsorted(known, decisions, side="right") - 1
    fresh = np.zeros(shape[0], dtype=bool)
    fresh[decision] = True
    return MergedBars(fields, bars, last, seen, fresh)
