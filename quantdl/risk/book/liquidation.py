"""How long it takes to leave a book, and what leaving costs.

As things are, and with half the volume and five times the spread, which is what a bad week looks like.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from quantdl.calendars.bars import bar_period
from quantdl.market.panel import Panel

_DAYS = {"week": 7, "month": 31}  # at most in a bar, of which the sessions before the first label are


@dataclass(frozen=True)
class PositionExit:
    """Leaving one position.

    Attributes:
        asset: Symbol.
        dollar_volume: Money that is traded of it in a session; None where that is not known.
        days: Sessions until it is sold; None where the volume is not known.
        days_half_volume: The same with half the volume.
        reason: Why there is no figure; empty where there is one.
    """

    asset: str
    dollar_volume: float | None
    days: float | None
    days_half_volume: float | None
    reason: str = ""


@dataclass(frozen=True)
class Liquidation:
    """Leaving a book.

    Attributes:
        participation: Share of what is traded in a session that may be sold in it.
        half_spread_bps: Half of the spread, in basis points.
        positions: The slowest first, then those of which no volume is known.
        days: Sessions until the slowest position is sold; None where the volume of one is not known.
        days_half_volume: The same with half the volume.
        cost: Half the spread on everything held, as a fraction of equity.
        cost_five_spreads: The same with five times the spread.
        reason: Why there are no days; empty where there are.
    """

    participation: float
    half_spread_bps: float
    positions: tuple[PositionExit, ...]
    days: float | None
    days_half_volume: float | None
    cost: float
    cost_five_spreads: float
    reason: str = ""


def liquidation(
    weights: Mapping[str, float],
    equity: float,
    dollar_volume: Mapping[str, float],
    participation: float,
    half_spread_bps: float,
) -> Liquidation:
    """Work out how long it takes to leave a book, all positions at once, and what the spread costs.

    The impact of selling on the price is left out.

    Args:
        weights: Fraction of equity in each asset that is held.
        equity: Money.
        dollar_volume: Money traded in a session, of the assets of which it is known.
        participation: Share of it that may be sold.
        half_spread_bps: Half of the bid-ask spread, in basis points of the value traded.

    Example:
        >>> found = liquidation({"A": 0.5, "B": -0.25}, 1e6, {"A": 1e6, "B": 1e6}, 0.1, 2.0)
        >>> found.days, found.days_half_volume, round(1e4 * found.cost, 3), round(1e4 * found.cost_five_spreads, 3)
        (5.0, 10.0, 1.5, 7.5)
    """
    exits = [
        _exit(asset, abs(weight) * equity, dollar_volume.get(asset), participation) for asset, weight in weights.items()
    ]
    exits.sort(key=lambda one: (one.days is None, -(one.days or 0.0), one.asset))
    unknown = [one.asset for one in exits if one.days is None]
    cost = sum(map(abs, weights.values())) * half_spread_bps / 1e4
    slowest = None if unknown or not exits else exits[0].days
    reason = f"no volume is known of {', '.join(unknown)}" if unknown else ""
    twice = None if slowest is None else 2.0 * slowest
    return Liquidation(participation, half_spread_bps, tuple(exits), slowest, twice, cost, 5.0 * cost, reason)


def traded_money(panel: Panel, window_bars: int) -> dict[str, float]:
    """Return the mean money traded a session over the last bars, by asset; of assets without a volume nothing.

    Bars on which an asset did not trade count as nothing traded. Bars of a week or a month are spread over sessions,
    and those within a session are put together.

    Args:
        panel: Prices; raw ones, because adjusted closes times volumes are no money.
        window_bars: Number of bars; where several lie in a session, its whole sessions are counted.
    """
    if "volume" not in panel.fields or panel.card.declaration.adjustment != "raw":
        return {}
    start = _window_start(panel.sessions, window_bars)
    last, sessions = slice(start, None), _sessions_from(panel, start)
    found = {}
    for column, asset in enumerate(panel.assets):
        money = panel.closes[last, column] * panel.fields["volume"][last, column]
        traded = float(money[panel.traded[last, column]].sum())
        if traded > 0:
            found[asset] = traded / sessions
    return found


def _window_start(sessions: pd.DatetimeIndex, window_bars: int) -> int:
    """Return the first of the last bars that begins a session; the first bar of the last session where none does."""
    begins = np.flatnonzero(np.concatenate([[True], sessions.asi8[1:] != sessions.asi8[:-1]]))
    inside = begins[begins >= len(sessions) - window_bars]
    return int(inside[0] if len(inside) else begins[-1])


def _sessions_from(panel: Panel, start: int) -> int:
    """Return how many sessions of the calendar the bars from a row on are of."""
    labels, period = panel.sessions, bar_period(panel.card.declaration.frequency)
    if period is None:
        return len(labels[start:].unique())
    before = labels[start - 1] if start else labels[start] - pd.Timedelta(days=_DAYS[period])
    return len(panel.card.declaration.trading_calendar().sessions(before + pd.Timedelta(days=1), labels[-1]))


def _exit(asset: str, money: float, volume: float | None, participation: float) -> PositionExit:
    if volume is None:
        return PositionExit(asset, None, None, None, "no volume is known")
    days = money / (participation * volume)
    return PositionExit(asset, volume, days, 2.0 * days)
