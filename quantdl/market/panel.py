"""The panel: bars x assets x fields, one status per cell, and nothing in it that came later than its last session."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd

from quantdl.errors import DataError
from quantdl.market.card import DataCard, SilenceRule
from quantdl.market.faults import Fault
from quantdl.market.status import CellStatus, read_silence


@dataclass(frozen=True, eq=False)
class Panel:
    """Prices on a trading-session axis. Immutable: arrays are read-only copies.

    Attributes:
        sessions: (T,) tz-naive session labels, increasing, unique.
        known_at: (T,) tz-aware UTC instants at which the row was known: the close of the session.
        assets: (A,) symbols, always strings.
        fields: float64 arrays (T, A) by name, ``"close"`` always among them; NaN where the status is not TRADED.
        status: (T, A) int8 codes of `CellStatus`.
        sectors: Sector by asset; may be empty or partial.
        card: What is known about the data.
        faults: What the loader found and did not refuse; the census repeats it.
        silence: How silence after the last trade is read, here and in every view.

    Shape:
        - T sessions, A assets.

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
    faults: tuple[Fault, ...] = ()
    silence: SilenceRule = SilenceRule()

    def __post_init__(self) -> None:
        """Take read-only copies, then check what the annotations cannot say."""
        object.__setattr__(self, "assets", tuple(self.assets))
        object.__setattr__(self, "status", _locked(self.status, np.int8))
        fields = {name: _locked(values, np.float64) for name, values in self.fields.items()}
        object.__setattr__(self, "fields", MappingProxyType(fields))
        object.__setattr__(self, "sectors", MappingProxyType(dict(self.sectors)))
        problems = [*_axis_problems(self), *_cell_problems(self)]
        if problems:
            raise DataError(f"A panel from {self.card.source} contradicts itself: " + " ".join(problems))

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
        )

    @property
    def closes(self) -> np.ndarray:
        """(T, A) closing prices, NaN where the asset did not trade."""
        return self.fields["close"]

    @property
    def traded(self) -> np.ndarray:
        """(T, A) bool: whether the asset traded in the session."""
        return np.asarray(self.status == CellStatus.TRADED)

    def until(self, session: pd.Timestamp | date | str) -> "Panel":
        """Return the panel as it could be known at the close of ``session``, physically ending there.

        Everything is copied, so no array of the view has a base that reaches into the future. What only the future
        could tell goes too: an asset that is silent at the end of the view is read by the `SilenceRule` as if the data
        had ended there, whether or not it trades again later, and faults that end later are left out.

        Args:
            session: Last session of the view, inclusive. A day without a session ends at the session before it.

        Raises:
            DataError: If the panel has no session up to that day.
        """
        return self._rows(0, int(self.sessions.searchsorted(_label(session), side="right")))

    def between(self, start: pd.Timestamp | date | str, end: pd.Timestamp | date | str) -> "Panel":
        """Return the sessions from ``start`` to ``end``, both inclusive, as a copy with the guarantees of `until`.

        Raises:
            DataError: If no session lies in the span.
        """
        first = int(self.sessions.searchsorted(_label(start), side="left"))
        return self._rows(first, int(self.sessions.searchsorted(_label(end), side="right")))

    def select(self, assets: Iterable[str]) -> "Panel":
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
            faults=tuple(fault for fault in self.faults if fault.symbol is None or fault.symbol in wanted),
        )

    def log_returns(self) -> np.ndarray:
        """Return (T, A) log returns from the previous *traded* close; NaN where there is none.

        A halt or gap gives one return over several bars at the first trade after it, never a zero in between; how many
        bars it spans stands in `bars_since_previous`. A first trade has no return, and a price that is not positive
        (possible only in data loaded with its faults recorded) takes part in none.
        """
        returns = np.full(self.status.shape, np.nan)
        np.log(self.closes / self.previous_closes(), where=self._usable(), out=returns)
        return returns

    def previous_closes(self) -> np.ndarray:
        """Return (T, A) the last positive close before each positive close; NaN at a first trade and where none is."""
        current, previous = self._pairs()
        closes = np.full(self.status.shape, np.nan)
        closes[current] = self.closes[previous]
        return closes

    def bars_since_previous(self) -> np.ndarray:
        """Return (T, A) int64: how many bars the return at a cell spans, 1 without a gap, 0 without a return."""
        current, previous = self._pairs()
        bars = np.zeros(self.status.shape, dtype=np.int64)
        bars[current] = current[0] - previous[0]
        return bars

    def _usable(self) -> np.ndarray:
        return np.asarray(self.closes > 0)  # NaN compares as False

    def _pairs(self) -> tuple[tuple[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]:
        """Return the indices of every usable cell that has an earlier one in its column, and of that earlier one."""
        columns, rows = np.nonzero(self._usable().T)
        same = columns[1:] == columns[:-1]
        return (rows[1:][same], columns[1:][same]), (rows[:-1][same], columns[:-1][same])

    def _rows(self, first: int, stop: int) -> "Panel":
        if first >= stop:
            span = f"{self.sessions[0]:%Y-%m-%d}..{self.sessions[-1]:%Y-%m-%d}"
            raise DataError(f"{self.card.source}: no session is left in that span; the panel runs {span}.")
        sessions = self.sessions[first:stop].copy(deep=True)
        status = read_silence(self.status[:stop], self.sessions[:stop], self.assets, self.silence)
        start, end = sessions[0].date(), sessions[-1].date()
        return replace(
            self,
            sessions=sessions,
            known_at=self.known_at[first:stop].copy(deep=True),
            fields={name: values[first:stop] for name, values in self.fields.items()},
            status=status[first:stop],
            faults=tuple(fault for fault in self.faults if start <= fault.last <= end),
        )


def _locked(values: np.ndarray, dtype: type[np.generic]) -> np.ndarray:
    copy = np.array(values, dtype=dtype, order="C")
    copy.flags.writeable = False
    return copy


def _label(session: pd.Timestamp | date | str) -> pd.Timestamp:
    label = pd.Timestamp(session)
    if label.tzinfo is not None:
        raise DataError(f"A session is a date without a time zone, got {label}. Pass '{label:%Y-%m-%d}'.")
    return label


def _axis_problems(panel: Panel) -> list[str]:
    n_sessions, n_assets = len(panel.sessions), len(panel.assets)
    problems = []
    if not n_sessions or not n_assets:
        problems.append(f"It needs at least one session and one asset, got {n_sessions} and {n_assets}.")
    if panel.sessions.tz is not None:
        problems.append(f"Session labels must be tz-naive dates, got zone {panel.sessions.tz}.")
    if not (panel.sessions.is_unique and panel.sessions.is_monotonic_increasing):
        problems.append("Sessions must be increasing and unique.")
    if str(panel.known_at.tz) != "UTC" or len(panel.known_at) != n_sessions:
        problems.append(f"known_at needs one tz-aware UTC instant for each of {n_sessions} sessions.")
    if len(set(panel.assets)) != n_assets or not all(isinstance(name, str) for name in panel.assets):
        problems.append("Assets must be unique strings.")
    shapes = {name: values.shape for name, values in {**panel.fields, "status": panel.status}.items()}
    wrong = {name: shape for name, shape in shapes.items() if shape != (n_sessions, n_assets)}
    if wrong:
        problems.append(f"Every array must have shape {(n_sessions, n_assets)}, got {wrong}.")
    return problems


def _cell_problems(panel: Panel) -> list[str]:
    if "close" not in panel.fields:
        return [f"A 'close' field is needed, got {sorted(panel.fields)}."]
    if any(values.shape != panel.status.shape for values in panel.fields.values()):
        return []  # named by the axis check already
    traded = panel.traded
    problems = []
    if not np.isfinite(panel.closes[traded]).all():
        problems.append("Every TRADED cell needs a finite close.")
    filled = [name for name, values in panel.fields.items() if not np.isnan(values[~traded]).all()]
    if filled:
        problems.append(f"Cells without a trade must be NaN, but {filled} hold numbers there.")
    return problems
