"""Prices too far from the last one to be believed at once: nothing trades at them until the next bar confirms them.

A feed prints a price ten times too high, or a tenth, for one bar. Whoever trades at it, marks a book at it or stops out
on it loses, or seems to earn, what no market gave. But shares do fall by four fifths in a session. No bar can tell the
two apart by itself; the bar that follows can.
"""

from dataclasses import dataclass, replace

import numpy as np

from quantdl.market.corporate.adjustment import continuous_closes
from quantdl.market.corporate.effects import carried_closes
from quantdl.market.panel import Panel
from quantdl.market.status import CellStatus, read_silence

_PRICES = ("open", "high", "low", "close")


@dataclass(frozen=True, eq=False)
class ConfirmedPrices:
    """A panel of which unconfirmed bars are no trades.

    Attributes:
        panel: The panel without them: cells are MISSING.
        unconfirmed: (T, A) bool, the bars left out.
        marks: (T, A) last confirmed close so far in the units of each bar, NaN before the first. A bar that no other
            followed in the next session with a trade of any asset counts from then on: after bad news a share may not
            trade for weeks, and a book must not go on at the price before.
    """

    panel: Panel
    unconfirmed: np.ndarray
    marks: np.ndarray


def confirmed_prices(panel: Panel, beyond: float) -> ConfirmedPrices:
    """Leave out the bars with a price above ``beyond`` times the last confirmed close, or below one over it.

    The next bar of the asset decides, and is itself confirmed by it: near the unconfirmed close the move was real, near
    the confirmed one it was not; near neither, it is unconfirmed in its turn. Splits and dividends are taken out before
    prices are compared. Whether a bar is left out depends on bars up to it only. The first of an asset never is: it has
    nothing before it to be held against. The result is kept with the panel.

    Args:
        panel: The panel.
        beyond: Above 1.
    """
    key = (ConfirmedPrices, beyond)
    if key not in panel.derived:
        panel.derived[key] = _confirmed(panel.trades_only(), beyond)
    return panel.derived[key]  # type: ignore[no-any-return]


def _confirmed(panel: Panel, beyond: float) -> ConfirmedPrices:
    closes = continuous_closes(panel)
    low, high = _extremes(panel, closes)
    unconfirmed, unanswered = np.zeros(closes.shape, dtype=bool), np.zeros(closes.shape, dtype=bool)
    trades = np.asarray(panel.traded.any(axis=1))
    for column in _suspects(closes, low, high, beyond):
        cells = closes[:, column], low[:, column], high[:, column]
        unconfirmed[:, column], unanswered[:, column] = _column(*cells, trades, beyond)
    if not unconfirmed.any():
        return ConfirmedPrices(panel, unconfirmed, carried_closes(panel))
    made = _without(panel, unconfirmed)
    marks = carried_closes(made)
    if unanswered.any():
        marks = np.where(unanswered, carried_closes(panel), marks)
    return ConfirmedPrices(made, unconfirmed, marks)


def _extremes(panel: Panel, closes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return (T, A) the lowest and the highest price of each bar, in the units of the continuous closes."""
    prices = [panel.fields[name] for name in _PRICES if name in panel.fields]
    if len(prices) == 1:
        return closes, closes
    low, high = np.fmin.reduce(prices), np.fmax.reduce(prices)
    scale = closes / panel.fields["close"]
    return low * scale, high * scale


def _suspects(closes: np.ndarray, low: np.ndarray, high: np.ndarray, beyond: float) -> list[int]:
    """Return the columns in which a bar is far from the one before it: without such a bar all are confirmed."""
    rows = np.arange(len(closes))[:, None]
    last = np.maximum.accumulate(np.where(np.isfinite(closes), rows, -1), axis=0)[:-1]
    before = np.where(last >= 0, np.take_along_axis(closes, np.maximum(last, 0), axis=0), np.nan)
    far = (high[1:] > before * beyond) | (low[1:] * beyond < before)  # NaN compares as False
    return np.flatnonzero(far.any(axis=0)).tolist()


def _column(
    closes: np.ndarray, low: np.ndarray, high: np.ndarray, trades: np.ndarray, beyond: float
) -> tuple[np.ndarray, np.ndarray]:
    """Return (T,) which bars of an asset are unconfirmed, and where one has been left without an answer so far."""
    unconfirmed, unanswered = np.zeros(len(closes), dtype=bool), np.zeros(len(closes), dtype=bool)
    confirmed = candidate = np.nan
    for t, close in enumerate(closes.tolist()):
        if np.isnan(close):
            unanswered[t] = not np.isnan(candidate) and (unanswered[t - 1] or trades[t])
            continue
        near = any(  # NaN compares as False
            low[t] * beyond >= reference and high[t] <= reference * beyond for reference in (confirmed, candidate)
        )
        if near or np.isnan(confirmed):
            confirmed, candidate = close, np.nan
        else:
            unconfirmed[t], candidate = True, close
    return unconfirmed, unanswered


def _without(panel: Panel, cells: np.ndarray) -> Panel:
    """Return the panel with some of its bars MISSING."""
    status = np.where(cells, CellStatus.MISSING, panel.status).astype(np.int8)
    return replace(
        panel,
        fields={name: np.where(cells, np.nan, values) for name, values in panel.fields.items()},
        status=read_silence(status, panel.sessions, panel.assets, panel.silence),
    )
