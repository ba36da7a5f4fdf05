"""Revisions: what a source says about the past today that it did not say before.

A vendor that loses its splits overnight, an adjusted close that is rescaled by a dividend, a bar that was corrected or
taken back: each is found by comparing two ingests of one source, value by value and exactly. Later sessions and further
assets are news, not revisions.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date

import numpy as np
import pandas as pd

from quantdl.calendars.bars import is_intraday
from quantdl.market.actions import CorporateActions
from quantdl.market.data_fault import DataFault
from quantdl.market.panel import Panel
from quantdl.market.storage.rescaling import Rescaling, find_rescalings

Value = float | str | None

# More changed values of one field of one asset than this are one revision, with their number.
_TOLD_ONE_BY_ONE = 20
_ASSETS_AT_ONCE = 256


@dataclass(frozen=True)
class Revision:
    """One thing that a source says differently now.

    Attributes:
        symbol: The asset.
        session: The session, or the first of several.
        field: The field, or several that changed alike, joined by commas. ``"split"``, ``"dividend"``, ``"pay_date"``,
            ``"ticker"`` and ``"delisting"`` for corporate actions.
        old: What was said of ``session`` before; None if nothing was.
        new: What is said now; None if nothing is.
        last: The last session concerned.
        count: How many values of each field changed.
        factor: New over old where one factor explains all of them.
        known_at: Instant at which the first bar was known, for bars shorter than a session.
    """

    symbol: str
    session: date
    field: str
    old: Value
    new: Value
    last: date
    count: int = 1
    factor: float | None = None
    known_at: pd.Timestamp | None = None

    def __str__(self) -> str:
        """Return it in a line."""
        when = f"{self.session}" if self.known_at is None else f"{self.session}, bar known at {self.known_at}"
        change = f"{_shown(self.old)} before, {_shown(self.new)} now"
        if self.factor is not None:
            return (
                f"{self.symbol}: {self.field} rescaled by {self.factor:.6g} up to {self.last} ({self.count:,} values; "
                f"on {when}: {change}). A later split or dividend does that to adjusted prices."
            )
        if self.count > 1:
            what = {(True, False): "appeared", (False, True): "vanished"}.get((self.old is None, self.new is None))
            span = f"{self.count:,} values {what or 'changed'} from {self.session} to {self.last}"
            return f"{self.symbol}: {self.field}: {span}; on {when}: {change}."
        return f"{self.symbol}: {self.field} on {when}: {change}."

    def as_fault(self) -> DataFault:
        """Return the census entry."""
        return DataFault("revision", self.symbol, self.session, self.last, self.count, str(self))


def compare(old: Panel, new: Panel) -> tuple[Revision, ...]:
    """Return what ``new`` says differently about the sessions, assets and actions that ``old`` holds.

    Values are compared exactly. A value of ``old`` that ``new`` lacks has vanished, also where the whole session, asset
    or field is gone; a value that ``new`` has for a session and an asset of ``old`` where there was none has appeared.
    Neighbouring values that vanished or appeared are one revision, and so is a history that one factor rescales, see
    `quantdl.market.storage.rescaling`. More than twenty other changes of a field of an asset are one revision
    with their number.

    Args:
        old: The ingest before. Bars are matched by session, or by `Panel.known_at` where they are shorter.
        new: The ingest now.

    Returns:
        Revisions by asset, in the order of ``old``, then those of corporate actions.
    """
    return tuple([*_value_revisions(old, new), *_action_revisions(old, new)])


def revision_faults(revisions: Sequence[Revision]) -> tuple[DataFault, ...]:
    """Return the revisions as faults for the census."""
    return tuple(revision.as_fault() for revision in revisions)


def with_revisions(panel: Panel, revisions: Sequence[Revision]) -> Panel:
    """Return the panel with its revisions among the faults that the census repeats."""
    return replace(panel, faults=(*panel.faults, *revision_faults(revisions)))


def _value_revisions(old: Panel, new: Panel) -> Iterator[Revision]:
    daily = not is_intraday(old.card.declaration.frequency)
    rows = new.sessions.get_indexer(old.sessions) if daily else new.known_at.get_indexer(old.known_at)
    place = {asset: column for column, asset in enumerate(new.assets)}
    for start in range(0, len(old.assets), _ASSETS_AT_ONCE):
        assets = old.assets[start : start + _ASSETS_AT_ONCE]
        columns = np.array([place.get(asset, -1) for asset in assets])
        before = {name: values[:, start : start + len(assets)] for name, values in old.fields.items()}
        after = {name: _picked(new.fields.get(name), rows, columns) for name in before}
        concerned = np.zeros(len(assets), dtype=bool)
        for name, values in before.items():
            concerned |= (_differs(values, after[name])).any(axis=0)
        for column in np.flatnonzero(concerned):
            pairs = {name: (values[:, column], after[name][:, column]) for name, values in before.items()}
            yield from _Asset(old, assets[column]).revisions(pairs)


def _picked(values: np.ndarray | None, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """Return (len(rows), len(columns)) cells, NaN where a row or column is -1 or there is no such field."""
    picked = np.full((len(rows), len(columns)), np.nan)
    if values is not None:
        found_rows, found_columns = np.flatnonzero(rows >= 0), np.flatnonzero(columns >= 0)
        source = values[np.ix_(rows[found_rows], columns[found_columns])]
        picked[np.ix_(found_rows, found_columns)] = source
    return picked


def _differs(old: np.ndarray, new: np.ndarray) -> np.ndarray:
    return np.asarray((old != new) & ~(np.isnan(old) & np.isnan(new)))


@dataclass(frozen=True, eq=False)
class _Asset:
    """The comparison of one asset."""

    panel: Panel
    symbol: str

    def revisions(self, pairs: Mapping[str, tuple[np.ndarray, np.ndarray]]) -> list[Revision]:
        """Return the revisions of every field, those that are alike joined."""
        runs: dict[tuple[bool, bytes], list[str]] = {}
        scaled: list[tuple[list[str], Rescaling]] = []
        single: list[Revision] = []
        for name, (old, new) in pairs.items():
            for cells in _runs(old, new):
                runs.setdefault((bool(np.isnan(new[cells[0]])), cells.tobytes()), []).append(name)
            both = np.flatnonzero(~np.isnan(old) & ~np.isnan(new))
            pieces = find_rescalings(old[both], new[both])
            for piece in pieces:
                _join(scaled, name, replace(piece, cells=both[piece.cells]))
            explained = np.concatenate([piece.cells for piece in pieces]) if pieces else np.zeros(0, dtype=np.int64)
            rest = np.delete(both, explained)
            single += self._changes(name, old, new, rest[old[rest] != new[rest]])
        summed = [self._summary(names, *pairs[names[0]], piece.cells, piece.factor) for names, piece in scaled]
        for (_, held), names in runs.items():
            summed.append(self._summary(names, *pairs[names[0]], np.frombuffer(held, dtype=np.int64), None))
        return sorted([*summed, *single], key=lambda revision: (revision.session, revision.field))

    def _changes(self, name: str, old: np.ndarray, new: np.ndarray, cells: np.ndarray) -> list[Revision]:
        if len(cells) > _TOLD_ONE_BY_ONE:
            return [self._summary([name], old, new, cells, None)]
        return [self._summary([name], old, new, cells[at : at + 1], None) for at in range(len(cells))]

    def _summary(
        self, names: Sequence[str], old: np.ndarray, new: np.ndarray, cells: np.ndarray, factor: float | None
    ) -> Revision:
        first, last = int(cells[0]), int(cells[-1])
        return Revision(
            symbol=self.symbol,
            session=self.panel.sessions[first].date(),
            field=", ".join(names),
            old=_number(old[first]),
            new=_number(new[first]),
            last=self.panel.sessions[last].date(),
            count=len(cells),
            factor=factor,
            known_at=self.panel.known_at[first] if is_intraday(self.panel.card.declaration.frequency) else None,
        )


def _runs(old: np.ndarray, new: np.ndarray) -> list[np.ndarray]:
    """Return the cells that vanished or appeared, those together that no unchanged value parts."""
    gone, come = ~np.isnan(old) & np.isnan(new), np.isnan(old) & ~np.isnan(new)
    held = np.flatnonzero(~np.isnan(old) | ~np.isnan(new))
    kind = np.where(gone, 1, np.where(come, 2, 0))[held]
    pieces = np.split(held, np.flatnonzero(np.diff(kind)) + 1)
    return [piece for piece in pieces if len(piece) and (gone[piece[0]] or come[piece[0]])]


def _join(scaled: list[tuple[list[str], Rescaling]], name: str, piece: Rescaling) -> None:
    """Add a rescaled field to those that one factor rescales over the same cells."""
    for position, (names, other) in enumerate(scaled):
        low, high = max(other.lowest, piece.lowest), min(other.highest, piece.highest)
        if low <= high and np.array_equal(other.cells, piece.cells):
            scaled[position] = ([*names, name], Rescaling(piece.cells, low, high))
            return
    scaled.append(([name], piece))


def _action_revisions(old: Panel, new: Panel) -> Iterator[Revision]:
    """Compare the actions of the assets that both hold, as far as the sessions of ``old`` reach."""
    end = old.sessions[-1].date()
    shared = set(old.assets) & set(new.assets)
    before, after = (_facts(panel.actions.select(shared)) for panel in (old, new))
    for symbol, day, kind in sorted(before.keys() | after.keys()):
        key = symbol, day, kind
        if before.get(key) != after.get(key) and (key in before or day <= end):
            yield Revision(symbol, day, kind, before.get(key), after.get(key), day)


def _facts(actions: CorporateActions) -> dict[tuple[str, date, str], Value]:
    """Return what is said of each asset and day; several dividends of one day count together."""
    facts: dict[tuple[str, date, str], Value] = {
        (split.asset, split.ex_date, "split"): split.ratio for split in actions.splits
    }
    amounts: dict[tuple[str, date, str], float] = {}
    for paid in actions.dividends:
        key = paid.asset, paid.ex_date, "dividend"
        amounts[key] = amounts.get(key, 0.0) + paid.amount
        if paid.pay_date is not None:
            facts[paid.asset, paid.ex_date, "pay_date"] = paid.pay_date.isoformat()
    for renamed in actions.renames:
        facts[renamed.asset, renamed.first, "ticker"] = renamed.ticker
    for ended in actions.delistings:
        unknown = ended.terminal_value is None
        facts[ended.asset, ended.last, "delisting"] = "value unknown" if unknown else ended.terminal_value
    return facts | amounts


def _number(value: np.float64) -> float | None:
    return None if np.isnan(value) else float(value)


def _shown(value: Value) -> str:
    return "nothing" if value is None else repr(value)
