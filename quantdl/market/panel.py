"""The panel: bars x assets x fields, one status per cell, and nothing in it that came later than its last session."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date
from functools import cached_property
from types import MappingProxyType
from typing import Any, Self

import numpy as np
import pandas as pd

from quantdl.calendars.bars import is_intraday
from quantdl.errors import DataError
from quantdl.market.actions import CorporateActions
from quantdl.market.arrays import BLOCK_CELLS, locked, row_blocks, sealed
from quantdl.market.card import DAILY, DataCard, SilenceRule
from quantdl.market.consistency import axis_problems, cell_problems
from quantdl.market.data_fault import DataFault
from quantdl.market.days import session_label, timestamp
from quantdl.market.status import CellStatus, read_silence
from quantdl.shown import block, counted, facts, title


@dataclass(frozen=True, eq=False, repr=False)
class Panel:
    """Prices on a trading-session axis. Immutable: arrays are read-only copies, or files mapped for reading only.

    Attributes:
        sessions: (T,) tz-naive session label of each bar, never decreasing; unique where a bar is a session.
        known_at: (T,) tz-aware UTC instants at which the bar was complete and known, increasing: the close of the
            session, or of the bar within it.
        assets: (A,) symbols, always strings.
        fields: float64 arrays (T, A) by name, ``"close"`` always among them; NaN where the status is not TRADED.
        status: (T, A) int8 codes of `CellStatus`.
        sectors: Sector by asset; may be empty or partial.
        card: What is known about the data.
        faults: What the loader found and did not refuse; the census repeats it.
        silence: How silence after the last trade is read, here and in every view.
        actions: Splits, dividends, renames and delistings, as far as the source tells. In a view that ends at a
            session, those that had happened by then.
        members: (T, A) bool, whether the asset belonged to the universe as of the bar; None when all always do.

    Shape:
        - T bars, A assets.

    Raises:
        DataError: If shapes, order, time zones or the meaning of NaN contradict the above.
    """

    sessions: pd.DatetimeIndex
    known_at: pd.DatetimeIndex
    assets: tuple[str, ...]
    fields: Mapping[str, np.ndarray]
    status: np.ndarray
    sectors: Mapping[str, str]
    card: DataCard
    faults: tuple[DataFault, ...] = ()
    silence: SilenceRule = SilenceRule()
    actions: CorporateActions = CorporateActions()
    members: np.ndarray | None = None

    def __post_init__(self) -> None:
        """Take read-only copies, then check what the annotations cannot say."""
        object.__setattr__(self, "assets", tuple(self.assets))
        object.__setattr__(self, "status", locked(self.status, np.int8))
        fields = {name: locked(values, np.float64) for name, values in self.fields.items()}
        object.__setattr__(self, "fields", MappingProxyType(fields))
        object.__setattr__(self, "sectors", MappingProxyType(dict(self.sectors)))
        if self.members is not None:
            object.__setattr__(self, "members", locked(self.members, np.bool_))
        shape = len(self.sessions), len(self.assets)
        problems = [
            *axis_problems(self.sessions, self.known_at, self.assets, self.card.declaration.frequency),
            *cell_problems(shape, self.fields, self.status, self.members),
        ]
        if problems:
            raise DataError(f"A panel from {self.card.declaration.source} contradicts itself: " + " ".join(problems))

    def __repr__(self) -> str:
        """Return a short summary for people: what it holds, whose prices they are, and what is known to be wrong."""
        said, share = self.card.declaration, self._traded_share()
        n_sessions = int(1 + np.count_nonzero(np.diff(self.sessions.asi8)))
        bars = "" if said.frequency == DAILY else f"{len(self.sessions):,} bars of {said.frequency} in "
        shown = ", ".join(self.assets[:5]) + (", ..." if len(self.assets) > 5 else "")
        return "\n".join(
            [
                f"Panel: {counted(len(self.assets), 'asset')} x {bars}{counted(n_sessions, 'session')}, "
                f"{self.sessions[0]:%Y-%m-%d}..{self.sessions[-1]:%Y-%m-%d}",
                f"  assets    {shown}",
                f"  fields    {', '.join(self.card.fields)}",
                f"  source    {said.source}; {said.adjustment}, as of {said.as_of}; universe {said.universe}",
                f"  calendar  {said.calendar} ({said.timezone}); currency {self.card.currency}",
                f"  cells     {share:.1%} traded; {len(self.faults):,} faults recorded",
            ]
        )

    def _repr_html_(self) -> str:
        said, sessions = self.card.declaration, self.sessions
        shown = ", ".join(self.assets[:20]) + (", ..." if len(self.assets) > 20 else "")
        bars = "" if said.frequency == DAILY else f"{len(sessions):,} bars of {said.frequency}, "
        pairs = {
            "span": f"{bars}{sessions[0]:%Y-%m-%d} to {sessions[-1]:%Y-%m-%d}",
            "assets": shown,
            "fields": ", ".join(self.card.fields),
            "source": f"{said.source}; as of {said.as_of}",
            "adjustment": said.adjustment,
            "universe": said.universe,
            "calendar": f"{said.calendar} ({said.timezone})",
            "currency": self.card.currency,
            "cells": f"{self._traded_share():.1%} with a bar; {len(self.faults):,} faults recorded at loading",
        }
        n_sessions = int(1 + np.count_nonzero(np.diff(sessions.asi8)))
        held = f"Prices of {counted(len(self.assets), 'asset')} in {counted(n_sessions, 'session')}"
        return block(title(held), facts(pairs))

    def __reduce__(self) -> tuple[Any, ...]:
        """Rebuild from plain dictionaries: a mapping proxy cannot travel to another process."""
        return type(self), (
            self.sessions,
            self.known_at,
            self.assets,
            dict(self.fields),
            self.status,
            dict(self.sectors),
            self.card,
            self.faults,
            self.silence,
            self.actions,
            self.members,
        )

    @cached_property
    def derived(self) -> dict[object, Any]:
        """What others worked out of this panel, by their own keys: a panel never changes, so it need be done once."""
        return {}

    @cached_property
    def bars(self) -> pd.DatetimeIndex:
        """(T,) tz-naive label of each bar, unique and increasing: the axis of what is worked out bar by bar.

        It is the session, where a bar is a session or longer. A bar within a session is labelled by the time at which
        it ended on the exchange's clock, or on that of UTC where the exchange's shows a time twice (in a market that is
        open while it is set back).
        """
        if not is_intraday(self.card.declaration.frequency):
            return self.sessions
        local = self.known_at.tz_convert(self.card.declaration.timezone).tz_localize(None)
        rises = local.is_unique and local.is_monotonic_increasing
        return local if rises else self.known_at.tz_localize(None)

    @property
    def closes(self) -> np.ndarray:
        """(T, A) closing prices, NaN where there is no bar; `traded_closes` leaves out bars of volume 0 too."""
        return self.fields["close"]

    def frame(self, field: str = "close") -> pd.DataFrame:
        """Return one field as a frame of its own, bars by assets.

        The index is the sessions, or the instants at which the bars were known where they are shorter than a session.

        Raises:
            DataError: If the panel has no such field.
        """
        if field not in self.fields:
            raise DataError(
                f"{self.card.declaration.source}: no field {field!r}. The panel holds {sorted(self.fields)}."
            )
        index = self.known_at if is_intraday(self.card.declaration.frequency) else self.sessions
        return pd.DataFrame(self.fields[field].copy(), index=index, columns=list(self.assets))

    @property
    def has_bar(self) -> np.ndarray:
        """(T, A) bool: whether there is a bar, of a trade or of a price repeated without one."""
        return np.asarray(self.status == CellStatus.TRADED)

    @property
    def traded(self) -> np.ndarray:
        """(T, A) bool: whether the asset traded: there is a bar, and its volume, where it is known, is not 0.

        The volume is that of the field ``volume``, or of ``dollar_volume`` in a panel without it. This is what the word
        means everywhere: for fills, marks and silence, for returns, features and histories.
        """
        return np.asarray(self.has_bar & ~self._without_volume(slice(None)))

    @property
    def traded_closes(self) -> np.ndarray:
        """(T, A) closing prices, NaN where the asset did not trade, be there a bar of volume 0 or none."""
        if self._volumes is None:
            return self.closes
        return np.where(self.traded, self.closes, np.nan)

    def trades_only(self) -> Self:
        """Return the panel without its bars of volume 0: cells are MISSING, or UNLISTED before the first trade."""
        traded = self.traded
        if np.array_equal(traded, self.has_bar):
            return self
        begun = np.logical_or.accumulate(traded, axis=0)
        status = np.where(self.has_bar & ~traded, CellStatus.MISSING, self.status)
        status = np.where(begun, status, CellStatus.UNLISTED).astype(np.int8)
        return replace(
            self,
            fields={name: np.where(traded, values, np.nan) for name, values in self.fields.items()},
            status=read_silence(status, self.sessions, self.assets, self.silence),
        )

    @property
    def eligible(self) -> np.ndarray:
        """(T, A) bool: whether the asset belonged to the universe as of the bar."""
        return np.ones(self.status.shape, dtype=bool) if self.members is None else self.members

    def until(self, session: pd.Timestamp | date | str) -> Self:
        """Return the panel as it could be known at the close of ``session``, physically ending there.

        Everything is copied, so no array of the view has a base that reaches into the future. What only the future
        could tell goes too: an asset that is silent at the end of the view is read by the `SilenceRule` as if the data
        had ended there, whether or not it trades again later, and faults that end later are left out. A view that ends
        within a long halt so presumes an end that did not come; no money follows from that.

        Args:
            session: Last session of the view, inclusive, with all of its bars. A day without a session ends at the
                session before it. A tz-aware instant ends the view at the last bar that was known then.

        Raises:
            DataError: If the panel has no bar up to that day or instant, or a time comes without its offset.
        """
        end = timestamp(session)
        if end.tzinfo is not None:
            return self._rows(0, int(self.known_at.searchsorted(end, side="right")))
        return self._rows(0, int(self.sessions.searchsorted(session_label(end), side="right")))

    def between(self, start: pd.Timestamp | date | str, end: pd.Timestamp | date | str) -> Self:
        """Return the sessions from ``start`` to ``end``, both inclusive, as a copy with the guarantees of `until`.

        Raises:
            DataError: If no session lies in the span, or an end of it is an instant.
        """
        first = int(self.sessions.searchsorted(session_label(start), side="left"))
        return self._rows(first, int(self.sessions.searchsorted(session_label(end), side="right")))

    def at(self, rows: np.ndarray) -> Self:
        """Return the bars of a mask (T,) bool alone, for measures that count bars: the gaps between them are gone."""
        return replace(
            self,
            sessions=self.sessions[rows],
            known_at=self.known_at[rows],
            fields={name: values[rows] for name, values in self.fields.items()},
            status=self.status[rows],
            members=None if self.members is None else self.members[rows],
        )

    def select(self, assets: Iterable[str]) -> Self:
        """Return the named assets in the given order.

        Raises:
            DataError: If a name is not in the panel; all unknown names are listed.
        """
        wanted = tuple(assets)
        unknown = [name for name in wanted if name not in self.assets]
        if unknown or not wanted:
            raise DataError(f"No asset {unknown} in the panel. It holds {list(self.assets)}.")
        columns = [self.assets.index(name) for name in wanted]
        return replace(
            self,
            assets=wanted,
            fields={name: values[:, columns] for name, values in self.fields.items()},
            status=self.status[:, columns],
            sectors={name: self.sectors[name] for name in wanted if name in self.sectors},
            actions=self.actions.select(wanted),
            members=None if self.members is None else self.members[:, columns],
            faults=tuple(fault for fault in self.faults if fault.symbol is None or fault.symbol in wanted),
        )

    def log_returns(self) -> np.ndarray:
        """Return (T, A) log returns from the previous *traded* close; NaN where there is none.

        A halt or gap gives one return over several bars at the first trade after it, never a zero in between; how many
        bars it spans stands in `bars_since_previous`. A first trade has no return, and a price that is not positive
        (possible only in data loaded with its faults recorded) takes part in none.

        Raises:
            DataError: If the prices are raw and splits are known: a split would read as a crash.
        """
        if self.card.declaration.adjustment == "raw" and self.actions.splits:
            splits = self.actions.splits
            raise DataError(
                f"{self.card.declaration.source}: "
                f"got raw prices with splits ({len(splits)}), the first of {splits[0].asset} on "
                f"{splits[0].ex_date}; expected adjusted ones for returns, features and models. The backtest plays "
                "raw ones. Fix: quantdl.market.corporate.adjustment.adjusted(panel, 'total_return', 'forward')."
            )
        returns = np.full(self.status.shape, np.nan)
        np.log(self.closes / self.previous_closes(), where=self._usable(), out=returns)
        return returns

    def previous_closes(self, *, of_bars: bool = False) -> np.ndarray:
        """Return (T, A) the positive close of the trade before each trade; NaN at a first trade and without one.

        Args:
            of_bars: Whether bars of volume 0 count as well, for a census of the bars as they stand in the source.
        """
        closes = np.full(self.status.shape, np.nan)
        for current, previous in self._pairs(of_bars):
            closes[current] = self.closes[previous]
        return closes

    def bars_since_previous(self, *, of_bars: bool = False) -> np.ndarray:
        """Return (T, A) int64: how many bars the return at a cell spans, 1 without a gap, 0 without a return.

        Args:
            of_bars: As in `previous_closes`.
        """
        bars = np.zeros(self.status.shape, dtype=np.int64)
        for current, previous in self._pairs(of_bars):
            bars[current] = current[0] - previous[0]
        return bars

    @property
    def _volumes(self) -> np.ndarray | None:
        return self.fields.get("volume", self.fields.get("dollar_volume"))

    def _without_volume(self, columns: slice) -> np.ndarray:
        """Return (T, A) whether the volume of the columns is known and 0."""
        volumes = self._volumes
        if volumes is None:
            return np.zeros((1, 1), dtype=bool)
        return np.asarray(volumes[:, columns] == 0)  # NaN, a volume that is not known, compares as False

    def _usable(self) -> np.ndarray:
        return np.asarray(self.closes > 0)  # NaN compares as False

    def _pairs(
        self, of_bars: bool = False
    ) -> Iterator[tuple[tuple[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]]:
        """Yield, some columns at a time, every usable cell that has an earlier one in its column, and that one."""
        width = max(1, BLOCK_CELLS // len(self.sessions))
        for first in range(0, len(self.assets), width):
            block = slice(first, first + width)
            left_out = np.zeros((1, 1), dtype=bool) if of_bars else self._without_volume(block)
            columns, rows = np.nonzero(np.asarray((self.closes[:, block] > 0) & ~left_out).T)
            same = columns[1:] == columns[:-1]
            columns = columns + first
            yield (rows[1:][same], columns[1:][same]), (rows[:-1][same], columns[:-1][same])

    def _traded_share(self) -> float:
        return float(np.mean([np.mean(self.status[rows] == CellStatus.TRADED) for rows in row_blocks(self.status)]))

    def _rows(self, first: int, stop: int) -> Self:
        if first >= stop:
            span = f"{self.sessions[0]:%Y-%m-%d}..{self.sessions[-1]:%Y-%m-%d}"
            raise DataError(f"{self.card.declaration.source}: no session is left in that span; the panel runs {span}.")
        sessions = self.sessions[first:stop].copy(deep=True)
        status = read_silence(self.status[:stop], self.sessions[:stop], self.assets, self.silence)
        start, end = sessions[0].date(), sessions[-1].date()
        return replace(
            self,
            sessions=sessions,
            known_at=self.known_at[first:stop].copy(deep=True),
            fields={name: sealed(values[first:stop]) for name, values in self.fields.items()},
            status=sealed(status[first:stop]),
            faults=tuple(fault for fault in self.faults if start <= fault.last <= end),
            actions=self.actions.until(end),
            members=None if self.members is None else sealed(self.members[first:stop]),
        )
