"""Half the bid-ask spread: one number, a number for each asset, or estimated from the highs and lows of its bars."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from quantdl.backtest.plan.refusals import PlanFault, at_least, at_most, each_asset, within
from quantdl.backtest.plan.texts import Symbol
from quantdl.backtest.plan.trusted_data import TrustedData

if TYPE_CHECKING:
    from quantdl.market.panel import Panel

MOST_BPS = 1000.0
_ITEM = "friction.half_spread_bps"


@dataclass(frozen=True)
class StatedSpreads:
    """Half the spread is stated for each asset.

    Attributes:
        kind: Name of the variant.
        bps: Basis points of the price by asset; every asset of the data.
    """

    kind: Literal["stated"]
    bps: Mapping[Symbol, float]


@dataclass(frozen=True)
class HighLowSpread:
    """Half the spread is estimated from the highs, lows and closes of each asset's own bars up to the decision.

    The estimate is that of `quantdl.backtest.book.trailing.spread_from_ranges`. A fill is charged what was known at the
    close before it; before the second bar of an asset that is ``least_bps``.

    Attributes:
        kind: Name of the variant.
        window_bars: Trailing pairs of bars that one estimate averages.
        least_bps: Least half-spread, where the estimate is lower or there is none yet.
    """

    kind: Literal["high_low"]
    window_bars: int
    least_bps: float


HalfSpread = float | StatedSpreads | HighLowSpread


def spread_faults(spread: HalfSpread) -> Iterator[PlanFault]:
    """Yield a fault for spreads out of range."""
    match spread:
        case StatedSpreads(bps=stated):
            for symbol, bps in stated.items():
                yield from bps_faults(f"{_ITEM}.bps.{symbol}", bps)
        case HighLowSpread(window_bars=window, least_bps=least):
            yield from at_least(f"{_ITEM}.window_bars", window, 2, "a number of bars")
            yield from within(f"{_ITEM}.least_bps", least, 0.0, MOST_BPS, "basis points")
        case _:
            yield from bps_faults(_ITEM, spread)


def spread_field_faults(spread: HalfSpread, data: TrustedData) -> Iterator[PlanFault]:
    """Yield a fault for an estimate without the fields that it needs among the trusted data."""
    if isinstance(spread, HighLowSpread):
        missing = [name for name in ("high", "low") if name not in data.fields]
        if missing:
            expected = f"{' and '.join(map(repr, missing))} among trusted_data.fields"
            fix = "declare the fields, or state half_spread_bps as a number"
            yield PlanFault(f"{_ITEM}.kind", "'high_low'", expected, fix)


def bps_faults(item: str, bps: float) -> Iterator[PlanFault]:
    """Yield a fault for basis points out of range; a rebate would be a negative cost, and is refused too."""
    if not 0 <= bps <= MOST_BPS:
        expected = f"basis points between 0 and {MOST_BPS:g}"
        yield PlanFault(item, f"{bps:g}", expected, "state the cost each way, 10 for 0.10%")


def spread_data_faults(spread: HalfSpread, panel: "Panel") -> Iterator[PlanFault]:
    """Yield a fault for assets without a stated spread, and for a window longer than the data."""
    match spread:
        case StatedSpreads(bps=stated):
            yield from each_asset(f"{_ITEM}.bps", set(stated), panel.assets, "a half-spread")
        case HighLowSpread(window_bars=window):
            meaning = "fewer bars than the data has"
            yield from at_most(f"{_ITEM}.window_bars", window, len(panel.sessions) - 1, meaning)


def is_zero(spread: HalfSpread) -> bool:
    """Return whether some asset is traded without a spread."""
    match spread:
        case StatedSpreads(bps=stated):
            return any(bps == 0 for bps in stated.values())
        case HighLowSpread():
            return False
        case _:
            return spread == 0


def half_spreads(spread: HalfSpread, panel: "Panel", conversion_bps: float = 0.0) -> np.ndarray | None:
    """Return (T | 1, A) half the spread as a fraction of the price, as known at each close; None for a single number.

    Args:
        spread: As the plan states it.
        panel: The data of the run.
        conversion_bps: What converting money costs, on top for the assets that are quoted in another currency.
    """
    own = _half_spreads(spread, panel)
    if not conversion_bps:
        return own
    own = np.full((1, len(panel.assets)), spread / 1e4) if own is None and isinstance(spread, float | int) else own
    return own + conversion(panel, conversion_bps) if own is not None else None


def conversion(panel: "Panel", conversion_bps: float) -> np.ndarray | float:
    """Return (A,) what converting money costs for each asset as a fraction of the price; 0 where nothing is stated."""
    return conversion_bps / 1e4 * is_converted(panel) if conversion_bps else 0.0


def is_converted(panel: "Panel") -> np.ndarray:
    """Return (A,) whether the prices of each asset were converted from another currency."""
    from quantdl.market.exchanges.currencies import converted_from  # loads pandas

    return np.array([code is not None for code in converted_from(panel)])


def _half_spreads(spread: HalfSpread, panel: "Panel") -> np.ndarray | None:
    from quantdl.backtest.book.trailing import spread_from_ranges  # these load pandas and scipy
    from quantdl.market.corporate.adjustment import continuous_closes

    match spread:
        case StatedSpreads(bps=stated):
            return np.array([[stated[asset] for asset in panel.assets]]) / 1e4
        case HighLowSpread(window_bars=window, least_bps=least):
            closes = panel.fields["close"]
            with np.errstate(invalid="ignore", divide="ignore"):
                scale = continuous_closes(panel) / closes  # one unit for all bars: no split or dividend is a range
            bars = (panel.fields["high"] * scale, panel.fields["low"] * scale, closes * scale)
            return np.fmax(spread_from_ranges(*bars, window) / 2, least / 1e4)
        case _:
            return None


def spread_at(spread: HalfSpread, panel: "Panel", rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """Return (N,) half the spread as a fraction, as known at closes, worked out again cell by cell.

    For the evidence: not by the function that the engine's figures come from.

    Args:
        spread: As the plan states it.
        panel: The data of the run.
        rows: (N,) positions of the closes.
        columns: (N,) positions of the assets.
    """
    match spread:
        case StatedSpreads(bps=stated):
            return np.array([stated[panel.assets[column]] / 1e4 for column in columns.tolist()])
        case HighLowSpread(window_bars=window, least_bps=least):
            cells, back = np.unique(np.stack([rows, columns], axis=1), axis=0, return_inverse=True)
            found = [_estimate(panel, row, column, window, least) for row, column in cells.tolist()]
            return np.array(found)[back.reshape(-1)] if found else np.zeros(0)
        case _:
            return np.full(len(rows), spread / 1e4)


def _estimate(panel: "Panel", row: int, column: int, window: int, least_bps: float) -> float:
    """Return the estimate of one asset at one close, from the newest ``window`` pairs of its own bars."""
    from quantdl.market.corporate.effects import effects  # loads pandas

    bars = np.stack([panel.fields[name][: row + 1, column] for name in ("high", "low", "close")])
    own = np.flatnonzero(np.isfinite(bars).all(axis=0) & panel.traded[: row + 1, column])[-(window + 1) :]
    closes, acted = panel.closes[:, column], [effect for effect in effects(panel) if effect.column == column]
    products = []
    for before, now in zip(own[:-1].tolist(), own[1:].tolist(), strict=True):
        scale = 1.0  # a dividend and a split turn the bar before into the units of this one
        for effect in (one for one in acted if before < one.row <= now):
            earlier = closes[: effect.row]
            last = float(earlier[np.isfinite(earlier)][-1])
            scale *= (last - effect.cash) / last / effect.ratio
        (high, low, close), (newer_high, newer_low, _) = np.log(bars[:, before] * scale), np.log(bars[:, now])
        products.append((close - (high + low) / 2) * (close - (newer_high + newer_low) / 2))
    squared = 4 * float(np.mean(products)) if products else 0.0
    return max(float(np.sqrt(max(squared, 0.0))) / 2, least_bps / 1e4)


def spread_words(spread: HalfSpread) -> str:
    """Say how half the spread is charged."""
    match spread:
        case StatedSpreads(bps=stated):
            return f"half the spread by asset, {min(stated.values()):g} to {max(stated.values()):g} bps"
        case HighLowSpread(window_bars=window, least_bps=least):
            return f"half the spread from the highs and lows of {window} bars, at least {least:g} bps"
        case _:
            return f"half the spread {spread:g} bps"
