"""Adjusted prices made of raw ones: prices over which a return is what a holder earned."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from typing import Literal

import numpy as np
import pandas as pd

from quantdl.errors import DataError
from quantdl.market.actions import CashDividend, CorporateActions, Delisting
from quantdl.market.corporate.effects import Reinvested, effects, share_scales
from quantdl.market.days import session_label
from quantdl.market.panel import Panel

How = Literal["split", "total_return"]
Direction = Literal["back", "forward"]
_PRICES = ("open", "high", "low", "close")
_KNOWN = (*_PRICES, "volume", "dollar_volume")


def adjusted(
    panel: Panel,
    how: How,
    direction: Direction = "back",
    as_of: pd.Timestamp | date | str | None = None,
    reinvested: Reinvested = "previous_close",
) -> Panel:
    """Return the panel with its splits, or its splits and dividends, taken into the prices.

    Open, high, low and close are scaled alike, volume inversely and by splits only, so price times volume stays what
    was traded under ``"split"``. Under ``"total_return"`` it does not, so the dollars traded are kept as the field
    ``dollar_volume``.

    ``"forward"`` counts in shares of the first bar: the price at t is a function of what was known at t, bit for bit.
    ``"back"`` counts in shares of the session ``as_of``, whose prices stay as they were quoted; a price at t uses no
    action after the later of t and ``as_of``. Both have the same returns. To decide at t on prices adjusted back,
    adjust ``panel.until(t)``.

    What is in the prices leaves ``actions``, so that nothing counts twice; the rest of it (terminal values, and
    dividends under ``"split"``) is put in the new units. The card keeps the fingerprint of the data as loaded and
    says in its notes what was done.

    Args:
        panel: Raw prices, or prices adjusted for splits to be made total returns.
        how: What to take in.
        direction: Which end keeps its quoted prices.
        as_of: Session whose prices stay, for ``"back"``; the last one by default.
        reinvested: At which close a dividend buys shares, see `quantdl.market.corporate.effects.share_scales`. The
            default scales the open of an ex-date by what was known before it.

    Raises:
        DataError: If the prices have that adjustment already, if a dividend is not smaller than the price before it, if
            ``as_of`` lies before the panel, or if a field scales in a way that is not known.
    """
    problems = list(_problems(panel, how, direction, as_of))
    if problems:
        raise DataError(f"{panel.card.declaration.source}: {' '.join(problems)}")
    scales = share_scales(panel, reinvested)
    base = 0 if direction == "forward" else _last_row(panel, as_of)
    shares = scales.shares / scales.shares[base]
    prices = scales.growth / scales.growth[base] if how == "total_return" else shares
    values = {name: array * prices if name in _PRICES else array for name, array in panel.fields.items()}
    if "volume" in values:
        values["volume"] = panel.fields["volume"] / shares
        if how == "total_return" and "dollar_volume" not in values:
            values["dollar_volume"] = panel.closes * panel.fields["volume"]
    names = tuple(dict.fromkeys((*panel.card.fields, *values)))
    card = replace(panel.card, fields=names)
    return replace(
        panel,
        fields=values,
        card=card.restated(_note(panel, how, direction, base), adjustment=how),
        actions=_remaining(panel, how, prices),
    )


def continuous_closes(panel: Panel) -> np.ndarray:
    """Return (T, A) closes without the jumps of splits and dividends: a ratio of two is what a holder earned.

    They count in shares of the first bar, dividends reinvested, and are causal bit for bit; NaN where the asset did not
    trade. Prices on which no action is left to take effect come back as they are.

    Raises:
        DataError: If a dividend is not smaller than the last close before it.
    """
    return panel.traded_closes * share_scales(panel).growth if effects(panel) else panel.traded_closes


def _problems(panel: Panel, how: How, direction: Direction, as_of: pd.Timestamp | date | str | None) -> Iterator[str]:
    if how not in ("split", "total_return") or direction not in ("back", "forward"):
        yield (
            f"how must be 'split' or 'total_return' and direction 'back' or 'forward', got {how!r} and {direction!r}."
        )
    found = panel.card.declaration.adjustment
    if found == "total_return" or found == how:
        given = "total returns" if found == "total_return" else "adjusted for splits"
        yield f"got prices that are {given} already; expected raw ones. Fix: use them as they are, or load raw bars."
    strange = sorted(set(panel.fields) - set(_KNOWN))
    if strange:
        yield f"got the fields {strange}; expected only {', '.join(_KNOWN)}, for which it is known how they scale."
    if as_of is not None and direction == "forward":
        yield "got as_of with direction 'forward', which counts in shares of the first bar. Fix: leave one of them out."
    elif as_of is not None and _last_row(panel, as_of) < 0:
        yield f"got as_of {as_of}; expected a session from {panel.sessions[0]:%Y-%m-%d} on."


def _last_row(panel: Panel, day: pd.Timestamp | date | str | None) -> int:
    """Return the last bar on or before a day; -1 if there is none."""
    end = panel.sessions[-1] if day is None else session_label(day)
    return int(panel.sessions.searchsorted(end, side="right")) - 1


def _remaining(panel: Panel, how: How, prices: np.ndarray) -> CorporateActions:
    """Return what is not in the prices yet, in their units."""
    column = {asset: position for position, asset in enumerate(panel.assets)}

    def scale(asset: str, row: int) -> float:
        return float(prices[min(max(row, 0), len(prices) - 1), column[asset]])

    dividends: list[CashDividend] = []
    if how == "split":
        for item in panel.actions.dividends:
            before = int(panel.sessions.searchsorted(pd.Timestamp(item.ex_date), side="left")) - 1
            dividends.append(replace(item, amount=item.amount * scale(item.asset, before)))
    delistings: list[Delisting] = []
    for end in panel.actions.delistings:
        value = end.terminal_value
        worth = None if value is None else value * scale(end.asset, _last_row(panel, end.last))
        delistings.append(replace(end, terminal_value=worth))
    return replace(panel.actions, splits=(), dividends=tuple(dividends), delistings=tuple(delistings))


def _note(panel: Panel, how: How, direction: Direction, base: int) -> str:
    taken = effects(panel)
    splits = sum(effect.ratio != 1.0 for effect in taken)
    dividends = sum(len(effect.payments) for effect in taken) if how == "total_return" else 0
    unit = "the first bar" if direction == "forward" else f"{panel.sessions[base]:%Y-%m-%d}"
    return (
        f"Adjusted {direction} from {panel.card.declaration.adjustment} to {how} prices, in shares of {unit}: "
        f"{splits} splits and {dividends} dividends taken in."
    )
