"""The table of features of a panel, group by group."""

from collections.abc import Iterator, Sequence
from typing import get_args

import numpy as np

from quantdl.errors import DataError, closest
from quantdl.features.columns import Column, Columns, Feature, FeatureTable, refuse_splits_in_raw_prices
from quantdl.features.cross_section import cross_section_columns
from quantdl.features.drawdown import drawdown_columns
from quantdl.features.exogenous import exogenous_columns
from quantdl.features.large_moves import large_move_columns, quarterly_move_columns
from quantdl.features.liquidity import illiquidity_columns, volume_columns
from quantdl.features.own_bars import OwnBars
from quantdl.features.own_history import OwnHistory, own_history_columns
from quantdl.features.peers import market_columns, rank_columns, sector_columns
from quantdl.features.ranges import range_columns
from quantdl.features.returns import return_columns
from quantdl.features.schedule import calendar_columns, days_closed_columns
from quantdl.features.settings import DEFAULT_GROUPS, FeatureGroup
from quantdl.features.volatility import REFERENCE_BARS, downside_columns, own_volatility, volatility_columns
from quantdl.market.panel import Panel
from quantdl.market.series.exogenous import ExogenousSeries

_BARS_AT_ONCE = 8  # of the last copy, so that what it writes stays in the processor's cache


def feature_table(
    panel: Panel,
    groups: Sequence[FeatureGroup] = DEFAULT_GROUPS,
    exogenous: Sequence[ExogenousSeries] = (),
) -> FeatureTable:
    """Compute features of every asset at every bar.

    A window or a half-life of n bars counts the asset's own bars, those on which it traded; what the assets do together
    is counted by sessions. A return that spans several sessions (after a halt or a gap) enters variances as its square
    over their number. The columns are scaled for networks: most lie between -4 and 4, around 0 where nothing is out of
    the ordinary.

    * ``own_history``: last return, volatility ratios, downside share, trend, tail weight; from closes.
    * ``cross_section``: return, surprise, trend and volatility of the market, co-movement; from closes.
    * ``days_closed``: calendar days to the session that is expected next.
    * ``large_moves``: age and size of the last moves that the market did not share, tail weight; from closes.
    * ``quarterly_moves``: such moves of past quarters and years around the day of the next session; from closes.
    * ``returns``: over 1, 5, 21, 63 and 252 bars; from closes.
    * ``volatility``: realised, over 5, 21 and 63 bars; from closes.
    * ``range_volatility``: Parkinson, Garman-Klass and Yang-Zhang, 5 and 21 bars; needs open, high and low.
    * ``downside``: downside semivariance over variance, 5, 21 and 63 bars; from closes.
    * ``drawdown``: from the peak of 252 bars, and since when; from closes.
    * ``volume``: over its mean of 21 and 63 bars; needs volume.
    * ``illiquidity``: Amihud's ratio of 21 bars over 252; needs volume, and closes that are no total return.
    * ``market``: mean, dispersion and breadth of the assets' returns; from closes.
    * ``sector``: mean return of the asset's sector, and the asset's own over it; needs sectors.
    * ``ranks``: of returns and of volatility among the eligible assets; from closes.
    * ``calendar``: day of the week, early closes, turn of the month.

    The columns from ``returns`` on look at a fixed number of bars; their returns and volatilities are measured by the
    realised volatility of 63 bars.

    Args:
        panel: Prices. What only some sessions of an asset lack (a halt, a gap) makes single cells unknown.
        groups: Which columns, in which order.
        exogenous: Series whose columns follow, see `quantdl.features.exogenous.exogenous_columns`.

    Raises:
        DataError: If a group is unknown or named twice, or the panel lacks what it needs: a field, sectors. Raw
            prices with splits are refused altogether, since a split in them reads as a crash.

    Shape:
        - T bars, A assets, F features: values (T, A, F)
    """
    _check(panel, groups, bool(exogenous))
    panel = panel.trades_only()
    history = OwnHistory.of(panel.log_returns(), panel.bars_since_previous())
    own = OwnBars(panel)
    reference = own_volatility(own, REFERENCE_BARS) if set(groups) & _MEASURED else np.empty((0, 0))
    features: list[Feature] = []
    values: list[np.ndarray] = []
    known: list[np.ndarray] = []
    for feature, column in _columns(own, groups, exogenous, history, reference):
        cells = history.valid & np.isfinite(column)
        features.append(feature)
        values.append(np.where(cells, column, 0.0).astype(np.float32))
        known.append(history.valid if np.array_equal(cells, history.valid) else cells)
    scale = np.where(history.valid, history.on_grid(history.scale), np.nan)
    return FeatureTable(
        tuple(features), _stacked(values), scale, history.valid, _stacked(known), panel.known_at, panel.assets
    )


_MEASURED: frozenset[FeatureGroup] = frozenset(
    ("returns", "volatility", "range_volatility", "drawdown", "market", "sector", "ranks")
)


def _columns(
    own: OwnBars,
    groups: Sequence[FeatureGroup],
    exogenous: Sequence[ExogenousSeries],
    history: OwnHistory,
    reference: np.ndarray,
) -> Iterator[Column]:
    for group in groups:
        yield from _group(group, own, history, reference)
    yield from exogenous_columns(exogenous, own.panel.known_at)


def _group(group: FeatureGroup, own: OwnBars, history: OwnHistory, reference: np.ndarray) -> Columns:
    match group:
        case "own_history":
            return own_history_columns(history)
        case "cross_section":
            return cross_section_columns(history, own.panel.eligible)
        case "days_closed":
            return days_closed_columns(own.panel)
        case "large_moves":
            return large_move_columns(history, own.panel.eligible)
        case "quarterly_moves":
            return quarterly_move_columns(history, own.panel)
        case "returns":
            return return_columns(own, reference)
        case "volatility":
            return volatility_columns(own, reference)
        case "range_volatility":
            return range_columns(own, reference)
        case "downside":
            return downside_columns(own)
        case "drawdown":
            return drawdown_columns(own, reference)
        case "volume":
            return volume_columns(own)
        case "illiquidity":
            return illiquidity_columns(own)
        case "market":
            return market_columns(own, reference)
        case "sector":
            return sector_columns(own, reference)
        case "ranks":
            return rank_columns(own, reference)
        case "calendar":
            return calendar_columns(own.panel)


def _stacked(columns: list[np.ndarray]) -> np.ndarray:
    """(T, A, F) from columns (T, A); a view where all are one and the same array."""
    if all(column is columns[0] for column in columns):
        return np.broadcast_to(columns[0][..., None], (*columns[0].shape, len(columns)))
    stacked = np.empty((*columns[0].shape, len(columns)), dtype=columns[0].dtype)
    for bar in range(0, len(stacked), _BARS_AT_ONCE):
        for number, column in enumerate(columns):
            stacked[bar : bar + _BARS_AT_ONCE, :, number] = column[bar : bar + _BARS_AT_ONCE]
    return stacked


def _check(panel: Panel, groups: Sequence[FeatureGroup], has_series: bool) -> None:
    names = get_args(FeatureGroup)
    problems = [f"{group!r} is not a group.{_meant(group, names)}" for group in groups if group not in names]
    problems += [f"{group!r} is named twice." for group in sorted(set(groups)) if list(groups).count(group) > 1]
    if problems or not (groups or has_series):
        given = " ".join(problems) or "none was named."
        raise DataError(f"Groups of features: {given} The groups are {', '.join(map(repr, names))}.")
    refuse_splits_in_raw_prices(panel, "features")


def _meant(group: str, names: tuple[str, ...]) -> str:
    near = closest(str(group), names)
    return f" Did you mean {near!r}?" if near is not None else ""
