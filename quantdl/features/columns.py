"""A feature and its column, the table of all columns, and checks that a panel has what they need."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from quantdl.errors import DataError
from quantdl.features.settings import FeatureGroup
from quantdl.market.panel import Panel


@dataclass(frozen=True)
class Feature:
    """One column: its name and how far back it looks.

    Attributes:
        name: What it measures, with its window in bars where it has one.
        half_life_bars: Half-life of the exponential weights in bars; 0 without such weights.
        look_back_bars: With L, the value at a bar depends on nothing before the L-th bar before it, of those on which
            the asset traded: 0 when only the bar itself counts. What is taken over the assets of a session depends, for
            each of them, on nothing before its own L-th bar before that session. None when weights never end, so that
            the whole history counts, if only through the trailing volatility that a return is measured by; half of the
            column's own weight lies on ``half_life_bars`` bars. Whether a cell is valid depends on the whole history in
            any case.
    """

    name: str
    half_life_bars: float = 0.0
    look_back_bars: int | None = None


Column = tuple[Feature, np.ndarray]
"""A feature and its values, (T, A) or (T, 1) float64, NaN where they are not known."""

Columns = Iterator[Column]


@dataclass(frozen=True, eq=False)
class FeatureTable:
    """Features of a panel on its own grid.

    Attributes:
        features: The columns, in the order of the last axis of ``values``.
        values: float32 (T, A, F); 0 where ``known`` is false, which is the middle of most columns.
        scale: float64 (T, A) trailing volatility of one bar's log return; NaN where ``valid`` is false.
        valid: (T, A) bool: the asset traded and has at least 20 returns behind it.
        known: (T, A, F) bool: the cell is valid and the column can be computed in it. The columns of the default
            groups are known wherever the cell is valid.
        known_at: (T,) UTC instants of the bars.
        assets: (A,) symbols.
    """

    features: tuple[Feature, ...]
    values: np.ndarray
    scale: np.ndarray
    valid: np.ndarray
    known: np.ndarray
    known_at: pd.DatetimeIndex
    assets: tuple[str, ...]

    def rows(self, bars: slice) -> "FeatureTable":
        """Return a piece of the table, which goes with the same rows of its panel.

        Features look back, so a piece of a table is not the table of a piece of the panel.

        Args:
            bars: Of the time axis.
        """
        return replace(
            self,
            values=self.values[bars],
            scale=self.scale[bars],
            valid=self.valid[bars],
            known=self.known[bars],
            known_at=self.known_at[bars],
        )


def fields_of(panel: Panel, names: Sequence[str], group: FeatureGroup) -> tuple[np.ndarray, ...]:
    """Return the named fields (T, A) of the panel.

    Raises:
        DataError: If the panel lacks some of them; all are named.
    """
    missing = [name for name in names if name not in panel.fields]
    if missing:
        raise DataError(
            f"{panel.card.declaration.source}: the features of the group {group!r} need {_listed(missing)}, and the "
            f"panel has only {_listed(sorted(panel.fields))}. Bring data that have it all, or leave the group out."
        )
    return tuple(panel.fields[name] for name in names)


def refuse_splits_in_raw_prices(panel: Panel, reader: str) -> None:
    """Refuse prices in which a split reads as a crash.

    Args:
        panel: Prices.
        reader: What was to be computed from them, in the plural: ``features``.

    Raises:
        DataError: On raw prices with splits.
    """
    if panel.card.declaration.adjustment == "raw" and panel.actions.splits:
        first = panel.actions.splits[0]
        raise DataError(
            f"{panel.card.declaration.source}: {reader} need prices adjusted for splits; in these raw ones a split "
            f"reads as a crash (first {first.asset} on {first.ex_date}, {first.ratio:g} new shares for each). "
            'Pass quantdl.market.corporate.adjustment.adjusted(panel, "split") instead.'
        )


def _listed(names: Sequence[str]) -> str:
    return ", ".join(map(repr, names))
