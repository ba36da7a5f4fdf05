"""A book that somebody holds: what its positions and its cash are worth at a close."""

import math
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import TypeGuard

import numpy as np
import pandas as pd

from quantdl.errors import DataError, did_you_mean
from quantdl.market.panel import Panel
from quantdl.risk.book.positions_file import CASH, PlacedFault, Position, Positions, read_positions

__all__ = [
    "CASH",
    "LONGEST_SILENCE",
    "Position",
    "Positions",
    "ValuedBook",
    "is_finite_number",
    "read_positions",
    "repeated",
    "unpriced",
    "valued",
]

LONGEST_SILENCE = 20
"""Bars without a price after which a stated value is not believed: longer suspensions are rare, delistings are not."""

_QUOTED = ("raw",)  # adjustments under which a price is the one that a share was quoted at


@dataclass(frozen=True, eq=False)
class ValuedBook:
    """A book in money at a close.

    Attributes:
        assets: (A,) all assets of the prices.
        values: (A,) float64 money in each, negative if sold short, 0 where nothing is held.
        cash: Money that is not invested.
        groups: (A,) name of each asset's group; empty for none.
        silent_since: Last session with a price, by asset, for positions that have none at the close.
        dollar_volume: Money traded in a session as the positions state it, by asset.
    """

    assets: tuple[str, ...]
    values: np.ndarray
    cash: float
    groups: tuple[str, ...]
    silent_since: dict[str, pd.Timestamp] = field(default_factory=dict)
    dollar_volume: dict[str, float] = field(default_factory=dict)

    @property
    def equity(self) -> float:
        """What the book is worth."""
        return float(self.values.sum()) + self.cash

    @property
    def weights(self) -> np.ndarray:
        """(A,) fractions of equity."""
        return np.asarray(self.values / self.equity)

    @property
    def held(self) -> np.ndarray:
        """(A,) bool: what is held."""
        return np.asarray(self.values != 0)


def repeated(assets: Iterable[str]) -> Iterator[str]:
    """Say of each asset that stands several times that it does.

    Example:
        >>> list(repeated(["A", "B", "A"]))
        ["asset 'A' stands 2 times; expected it once"]
    """
    for asset, times in Counter(assets).items():
        if times > 1:
            yield f"asset {asset!r} stands {times} times; expected it once"


def is_finite_number(value: object) -> TypeGuard[float]:
    """Whether a value that was given in Python is a number that can be counted with; a flag is none.

    Example:
        >>> [is_finite_number(value) for value in (-1200.5, 7, float("nan"), True, "7", None)]
        [True, True, False, False, False, False]
    """
    if isinstance(value, bool) or not isinstance(value, int | float | np.integer | np.floating):
        return False
    try:
        return math.isfinite(value)
    except OverflowError:  # a whole number that no float reaches
        return False


def valued(book: Positions, panel: Panel, session: pd.Timestamp) -> ValuedBook:
    """Value a book at the close of a session.

    A quantity is worth its shares at the session's close, so it needs prices as they were quoted: at a price that is
    adjusted for later splits or dividends a share is not worth what it was quoted at. A stated value counts as it is.

    Args:
        book: As read.
        panel: Prices, ending at ``session``; groups that a position does not state are the panel's sectors.
        session: The close.

    Raises:
        DataError: With every fault: what no file of positions may state either (see `read_positions`); else an asset
            that is not among the prices, one without a price at the close (with the date of its last one), quantities
            where prices are adjusted, or an equity that is not positive.
    """
    columns = {asset: number for number, asset in enumerate(panel.assets)}
    faults = [*_misstated(book)] or [sentence for _, sentence in unpriced(book, panel, session)]
    if faults:
        raise DataError("\n".join(faults))
    closes = _last_closes(panel, session)
    values, groups = np.zeros(len(columns)), [panel.sectors.get(asset, "") for asset in panel.assets]
    for held in book.positions:
        column = columns[held.asset]
        values[column] = held.value if held.quantity is None else held.quantity * closes[column]
        groups[column] = held.group or groups[column]
    silent = {held.asset: _last_price(panel, columns[held.asset]) for held in book.positions}
    found = ValuedBook(
        panel.assets,
        values,
        book.cash,
        tuple(groups),
        {asset: last for asset, last in silent.items() if last is not None and last < session},
        {held.asset: held.dollar_volume for held in book.positions if held.dollar_volume is not None},
    )
    if not found.held.any():
        raise DataError(f"{book.source}: every position is 0; expected at least one that is held.")
    if not found.equity > 0:
        raise DataError(
            f"{book.source}: the book is worth {found.equity:,.2f} at the close of {session:%Y-%m-%d}: positions of "
            f"{float(values.sum()):,.2f} and cash of {book.cash:,.2f}. Risk is a fraction of an equity above 0; fix: "
            f"state the cash that a short sale or a loan brought in the row {CASH}."
        )
    return found


def _misstated(book: Positions) -> Iterator[str]:
    """Yield what positions that were made in Python state and no file may, in the words for a file."""
    for held in book.positions:
        for fault in _position_faults(held):
            yield f"{_place(book, held)}: {fault}."
    if not is_finite_number(book.cash):
        yield f"{book.source}: cash given {book.cash!r}; expected a finite number such as -1200.5."
    for fault in repeated(held.asset for held in book.positions if _is_symbol(held.asset)):
        yield f"{book.source}: {fault}."


def _position_faults(held: Position) -> Iterator[str]:
    if not _is_symbol(held.asset):
        yield f"asset given {held.asset!r}; expected a symbol"
    elif held.asset == CASH:
        yield f"{CASH} stands among the positions; expected it as the cash of the book, Positions(..., cash=...)"
    numbers = {"quantity": held.quantity, "value": held.value}
    given = [name for name, number in numbers.items() if number is not None]
    if len(given) != 1:
        yield f"{held.asset}: {' and '.join(given) or 'neither quantity nor value'} given; expected one of the two"
    for name in given:
        if not is_finite_number(numbers[name]):
            yield f"{held.asset}: {name} given {numbers[name]!r}; expected a finite number such as -1200.5"
    volume = held.dollar_volume
    if volume is not None and not (is_finite_number(volume) and volume > 0):
        yield f"{held.asset}: dollar_volume given {volume!r}; expected money above 0"
    if not isinstance(held.group, str):
        yield f"{held.asset}: group given {held.group!r}; expected the name of one, as text"


def _is_symbol(value: object) -> bool:
    return isinstance(value, str) and value != ""


def _place(book: Positions, held: Position) -> str:
    return book.source if held.line is None else f"{book.source}:{held.line}"


def unpriced(book: Positions, panel: Panel, session: pd.Timestamp) -> Iterator[PlacedFault]:
    """Yield what keeps positions from being valued by the prices, with the line; 0 for the file as a whole.

    Args:
        book: As read.
        panel: Prices, ending at ``session``.
        session: The close.
    """
    columns = {asset: number for number, asset in enumerate(panel.assets)}
    adjustment = panel.card.declaration.adjustment
    by_quantity = [held.asset for held in book.positions if held.quantity is not None]
    if by_quantity and adjustment not in _QUOTED:
        yield (
            0,
            f"{book.source}: {', '.join(by_quantity)}: quantities given, and the prices are adjusted ({adjustment}), "
            "at which a share is not worth what it was quoted at. Fix: state their value, or bring prices with "
            "adjustment raw.",
        )
    for held in book.positions:
        place, line = _place(book, held), held.line or 0
        if held.asset not in columns:
            yield (
                line,
                f"{place}: {held.asset}: no such asset among the prices, which hold {len(columns):,}"
                f"{did_you_mean(held.asset, panel.assets) or '.'} Fix: correct the symbol, or bring its prices.",
            )
            continue
        last = _last_price(panel, columns[held.asset])
        if last is None:
            yield (
                line,
                f"{place}: {held.asset}: no price up to {session:%Y-%m-%d}. Fix: take it out, or a later session.",
            )
        elif last < session and (held.quantity is not None or _silence(panel, last) > LONGEST_SILENCE):
            stated = "" if held.quantity is None else "state its value, "
            yield (
                line,
                f"{place}: {held.asset}: no price at the close of {session:%Y-%m-%d}; the last one is of "
                f"{last:%Y-%m-%d}, {_silence(panel, last)} bars before. Fix: {stated}take it out, or give an earlier "
                "session.",
            )


def _silence(panel: Panel, last: pd.Timestamp) -> int:
    return len(panel.sessions) - int(panel.sessions.searchsorted(last, side="right"))


def _last_closes(panel: Panel, session: pd.Timestamp) -> np.ndarray:
    """(A,) last price within a session, of whichever of its bars; NaN for an asset that did not trade in it."""
    closes = np.full(len(panel.assets), np.nan)
    for row in panel.traded_closes[np.asarray(panel.sessions == session)]:
        closes = np.where(np.isfinite(row), row, closes)
    return closes


def _last_price(panel: Panel, column: int) -> pd.Timestamp | None:
    traded = np.flatnonzero(panel.traded[:, column])
    return None if not len(traded) else pd.Timestamp(panel.sessions[traded[-1]])
