"""Scalers of features that record through when they were fitted, and refuse to scale earlier bars."""

import json
from dataclasses import dataclass, replace
from datetime import date
from typing import Literal

import numpy as np
import pandas as pd

from quantdl.errors import DataError, LookAheadError
from quantdl.features.columns import Feature, FeatureTable
from quantdl.market.days import session_label
from quantdl.market.panel import Panel
from quantdl.records import digest, from_plain, json_text, to_plain

Method = Literal["standard", "robust"]
_NORMAL_QUARTILES_APART = 1.3489795003921634  # of the standard normal law


@dataclass(frozen=True)
class FeatureScaler:
    """Centre and spread of each column, and the last bar that either of them saw.

    Attributes:
        method: ``"standard"``: mean and standard deviation; ``"robust"``: median, and the distance of the quartiles
            over that of a normal law, which a few absurd values do not move.
        features: The columns that it was fitted on, in their order.
        centers: Of each column.
        spreads: Of each column; 1 where the fitted cells do not spread.
        fit_through: Session of the last bar that was read.
        fit_known_at: Instant at which that bar was known, tz-aware UTC.
    """

    method: Method
    features: tuple[Feature, ...]
    centers: tuple[float, ...]
    spreads: tuple[float, ...]
    fit_through: date
    fit_known_at: pd.Timestamp

    def transform(self, table: FeatureTable, panel: Panel, in_sample: bool = False) -> FeatureTable:
        """Return the table with each known cell less its column's centre, over its spread; unknown cells stay 0.

        Args:
            table: Features of the panel.
            panel: Whose bars they describe.
            in_sample: Also serve bars before `fit_known_at`. State it where these rows are trained on, or are the
                context of forecasts that are made when the scaler was fitted or later; never to forecast from them.

        Raises:
            LookAheadError: If a bar is earlier than the last one that the scaler saw and ``in_sample`` is not stated.
            DataError: If the table has other columns than the scaler, or other bars than the panel.
        """
        _check_bars(table, panel)
        if table.features != self.features:
            raise DataError(
                f"The scaler was fitted on other columns. {_first_difference(self.features, table.features)}"
            )
        early = np.flatnonzero(panel.known_at < self.fit_known_at)
        if len(early) and not in_sample:
            first, last = (f"{panel.sessions[bar]:%Y-%m-%d}" for bar in (early[0], early[len(early) - 1]))
            raise LookAheadError(
                f"The scaler was fitted through {self.fit_through} and cannot scale {first}..{last}, when its centres "
                "and spreads were not known yet. Pass the bars from its last one on (FeatureTable.rows and "
                "Panel.between), or state in_sample=True for rows that are trained on or are the context of later "
                "forecasts."
            )
        scaled = (table.values - np.array(self.centers)) / np.array(self.spreads)
        return replace(table, values=np.where(table.known, scaled, 0.0).astype(np.float32))

    @property
    def digest(self) -> str:
        """``"sha256:<hex>"`` of the fitted state."""
        return f"sha256:{digest(to_plain(self))}"

    def to_json(self) -> str:
        """Return the fitted state as JSON, every number exactly."""
        return json_text(to_plain(self), "a fitted scaler")

    @staticmethod
    def from_json(text: str) -> "FeatureScaler":
        """Return the scaler that `to_json` wrote.

        Raises:
            DataError: If the text is something else.
        """
        try:
            return from_plain(FeatureScaler, json.loads(text))
        except (TypeError, ValueError) as error:
            raise DataError(
                f"Not the state of a fitted scaler: {error!r}. Pass what FeatureScaler.to_json gave."
            ) from error


def fit_scaler(
    table: FeatureTable, panel: Panel, through: pd.Timestamp | date | str, method: Method = "standard"
) -> FeatureScaler:
    """Fit a scaler on the known cells of all assets up to a session.

    A column that is not known anywhere in the span, or is the same everywhere, is centred only. So is, by the robust
    method, one whose middle half is one value, such as an indicator that is rarely 1.

    Args:
        table: Features of the panel.
        panel: Whose bars they describe.
        through: Last session to read, inclusive.
        method: See `FeatureScaler`.

    Raises:
        DataError: If no cell is valid up to that session, or the table has other bars than the panel.
    """
    _check_bars(table, panel)
    last = session_label(through)
    bars = int(panel.sessions.searchsorted(last, side="right"))
    if not table.valid[:bars].any():
        raise DataError(
            f"{panel.card.declaration.source}: a scaler cannot be fitted, because no feature is valid up to "
            f"{last:%Y-%m-%d}. The panel starts on {panel.sessions[0]:%Y-%m-%d}, features twenty "
            "returns later. Fit through a later session."
        )
    estimate = _mean_and_deviation if method == "standard" else _median_and_quartiles
    fitted = [
        estimate(table.values[:bars, :, number][table.known[:bars, :, number]].astype(np.float64))
        for number in range(len(table.features))
    ]
    return FeatureScaler(
        method=method,
        features=table.features,
        centers=tuple(center for center, _ in fitted),
        spreads=tuple(spread if spread > 0 else 1.0 for _, spread in fitted),
        fit_through=panel.sessions[bars - 1].date(),
        fit_known_at=panel.known_at[bars - 1],
    )


def _mean_and_deviation(cells: np.ndarray) -> tuple[float, float]:
    if not cells.size:
        return 0.0, 1.0
    return float(cells.mean()), float(cells.std())


def _median_and_quartiles(cells: np.ndarray) -> tuple[float, float]:
    if not cells.size:
        return 0.0, 1.0
    low, middle, high = np.quantile(cells, [0.25, 0.5, 0.75])
    return float(middle), float((high - low) / _NORMAL_QUARTILES_APART)


def _check_bars(table: FeatureTable, panel: Panel) -> None:
    if table.assets != panel.assets or not table.known_at.equals(panel.known_at):
        span = f"{table.known_at[0]:%Y-%m-%d}..{table.known_at[-1]:%Y-%m-%d}" if len(table.known_at) else "no bars"
        raise DataError(
            f"The table holds {len(table.assets):,} assets over {span}, the panel {len(panel.assets):,} over "
            f"{panel.known_at[0]:%Y-%m-%d}..{panel.known_at[-1]:%Y-%m-%d}, or other ones. Pass the panel that the "
            "features were computed from, or the same rows of both (FeatureTable.rows, Panel.between)."
        )


def _first_difference(fitted: tuple[Feature, ...], given: tuple[Feature, ...]) -> str:
    for number, (expected, found) in enumerate(zip(fitted, given, strict=False)):
        if expected != found:
            return f"Column {number} is {found}, and it was fitted on {expected}."
    return f"It knows {len(fitted)} columns, and the table has {len(given)}."
