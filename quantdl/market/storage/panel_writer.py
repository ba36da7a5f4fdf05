"""Writing a panel to disk piece by piece, so that one larger than memory can be made."""

from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
import pandas as pd

from quantdl import __version__
from quantdl.calendars.bars import is_intraday
from quantdl.disk import disk_errors, publishing
from quantdl.errors import DataError
from quantdl.market.actions import CorporateActions
from quantdl.market.card import DataCard, SilenceRule, content_fingerprint
from quantdl.market.data_fault import DataFault
from quantdl.market.panel import Panel
from quantdl.market.status import CellStatus
from quantdl.market.storage.stored_arrays import ArrayFile, write_vector
from quantdl.market.storage.stored_panel import (
    KNOWN_AT,
    MEMBERS,
    SCHEMA_VERSION,
    SESSIONS,
    STATUS,
    StoredPanel,
    describe,
    field_file,
    map_panel,
    write_description,
)


@dataclass(frozen=True, eq=False)
class PanelOutline:
    """Everything of a panel but its cells.

    Attributes:
        sessions: (T,) as in `Panel`.
        known_at: (T,) as in `Panel`.
        assets: (A,) symbols.
        fields: Names of the fields, ``"close"`` among them.
        card: The data card. An empty fingerprint is filled in from what was written.
        sectors: Sector by asset.
        faults: What the loader found.
        silence: How silence after the last trade is read.
        actions: Corporate actions.
        has_members: Whether membership in the universe is written too.
    """

    sessions: pd.DatetimeIndex
    known_at: pd.DatetimeIndex
    assets: tuple[str, ...]
    fields: tuple[str, ...]
    card: DataCard
    sectors: Mapping[str, str] = field(default_factory=dict)
    faults: tuple[DataFault, ...] = ()
    silence: SilenceRule = SilenceRule()
    actions: CorporateActions = CorporateActions()
    has_members: bool = False

    @classmethod
    def of(cls, panel: Panel) -> "PanelOutline":
        """Return the outline of a panel."""
        return cls(
            sessions=panel.sessions,
            known_at=panel.known_at,
            assets=panel.assets,
            fields=tuple(panel.fields),
            card=panel.card,
            sectors=panel.sectors,
            faults=panel.faults,
            silence=panel.silence,
            actions=panel.actions,
            has_members=panel.members is not None,
        )

    @property
    def shape(self) -> tuple[int, int]:
        """(T, A)."""
        return len(self.sessions), len(self.assets)


class PanelWriter:
    """Writes a panel in blocks of assets or of sessions; used in a ``with`` block, whose end publishes it.

    The whole is never held in memory. What is published can be opened: the panel is checked as any other before. An
    exception inside the block removes everything written.

    Args:
        folder: Where the panel will stand; must not exist.
        outline: Everything but the cells.

    Raises:
        DataError: If the axes contradict themselves or something stands at ``folder``; at the end of the block, if
            cells were not written or contradict their status.
        RunError: If the disk refuses.
    """

    def __init__(self, folder: Path | str, outline: PanelOutline) -> None:
        self.folder, self.outline = Path(folder), outline
        _check_axes(outline)
        self._rows, self._columns = (np.zeros(length, dtype=bool) for length in outline.shape)

    def __enter__(self) -> Self:
        """Create the files beside the final place."""
        with ExitStack() as stack:
            self._partial = stack.enter_context(publishing(self.folder))
            with disk_errors(self.folder):
                self._files = {name: stack.enter_context(self._array(name)) for name in self._names()}
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Publish what was written, or remove it."""
        if error is not None:
            self._stack.__exit__(kind, error, trace)
            return
        with self._stack:
            self._finish()

    def write_assets(
        self, first: int, fields: Mapping[str, np.ndarray], status: np.ndarray, members: np.ndarray | None = None
    ) -> None:
        """Write all sessions of the assets from position ``first`` on.

        Args:
            first: Position of the block's first asset.
            fields: Every field of the outline, (T, n).
            status: (T, n) codes of `CellStatus`.
            members: (T, n) membership; needed exactly where the outline says so.

        Raises:
            DataError: If fields or shapes are not those of the outline.
            RunError: If the disk refuses.
        """
        self._write(0, first, fields, status, members)
        self._columns[first : first + status.shape[1]] = True

    def write_sessions(
        self, first: int, fields: Mapping[str, np.ndarray], status: np.ndarray, members: np.ndarray | None = None
    ) -> None:
        """Write all assets of the sessions from position ``first`` on, shape (n, A); else as `write_assets`."""
        self._write(first, 0, fields, status, members)
        self._rows[first : first + status.shape[0]] = True

    def _names(self) -> tuple[str, ...]:
        fields = tuple(field_file(position) for position in range(len(self.outline.fields)))
        return (*fields, STATUS, MEMBERS) if self.outline.has_members else (*fields, STATUS)

    def _array(self, name: str) -> ArrayFile:
        kind = {STATUS: np.dtype(np.int8), MEMBERS: np.dtype(np.bool_)}.get(name, np.dtype(np.float64))
        return ArrayFile(self._partial / name, self.outline.shape, kind)

    def _write(
        self,
        row: int,
        column: int,
        fields: Mapping[str, np.ndarray],
        status: np.ndarray,
        members: np.ndarray | None,
    ) -> None:
        blocks = {field_file(at): fields[name] for at, name in enumerate(self.outline.fields) if name in fields}
        blocks |= {STATUS: status} if members is None else {STATUS: status, MEMBERS: members}
        expected = self._expected_shape(row, column, status)
        wrong = {name: block.shape for name, block in blocks.items() if block.shape != expected}
        if set(blocks) != set(self._files) or set(fields) != set(self.outline.fields) or wrong:
            shapes = {name: block.shape for name, block in blocks.items()}
            raise DataError(
                f"{self.folder}: a block at row {row}, column {column} with the fields {sorted(fields)} and the arrays "
                f"{shapes}; expected the fields {sorted(self.outline.fields)}, the arrays {sorted(self._files)}, and "
                f"one shape that lies inside {self.outline.shape}."
            )
        with disk_errors(self.folder):
            for name, block in blocks.items():
                self._files[name].write(row, column, block)

    def _expected_shape(self, row: int, column: int, status: np.ndarray) -> tuple[int, int] | None:
        """Return the shape every array of the block must have, None if there is no such place in the panel."""
        if status.ndim != 2 or row < 0 or column < 0 or 0 in status.shape:
            return None
        n_rows, n_columns = status.shape
        inside = row + n_rows <= self.outline.shape[0] and column + n_columns <= self.outline.shape[1]
        return (n_rows, n_columns) if inside else None

    def _finish(self) -> None:
        """Check that nothing is missing, map the panel as any other, and write its description."""
        self._refuse_gaps()
        with disk_errors(self.folder):
            for file in self._files.values():
                file.close()
            self._write_axes()
        stored = self._description()
        panel = map_panel(self._partial, stored, verify=False)
        if not stored.card.fingerprint:
            stored = replace(stored, card=replace(stored.card, fingerprint=_fingerprint(panel)))
        write_description(self._partial, stored)

    def _refuse_gaps(self) -> None:
        if self._rows.all() or self._columns.all():
            return
        asset, session = int(self._columns.argmin()), int(self._rows.argmin())
        raise DataError(
            f"{self.folder}: not every cell was written: nothing for {self.outline.assets[asset]} on "
            f"{self.outline.sessions[session]:%Y-%m-%d}. Write every asset, or every session, before the block ends."
        )

    def _write_axes(self) -> None:
        write_vector(self._partial / SESSIONS, self.outline.sessions.to_numpy())
        write_vector(self._partial / KNOWN_AT, self.outline.known_at.tz_convert(None).to_numpy())

    def _description(self) -> StoredPanel:
        outline = self.outline
        return StoredPanel(
            schema_version=SCHEMA_VERSION,
            written_by=f"quantdl {__version__}",
            assets=outline.assets,
            fields=outline.fields,
            has_members=outline.has_members,
            session_name=_text(outline.sessions.name),
            known_at_name=_text(outline.known_at.name),
            card=outline.card,
            sectors=outline.sectors,
            faults=outline.faults,
            silence=outline.silence,
            actions=outline.actions,
            files=describe(self._partial, (*self._names(), SESSIONS, KNOWN_AT)),
        )


def _check_axes(outline: PanelOutline) -> None:
    """Let `Panel` judge the axes on one empty column, before anything large is written."""
    if len(set(outline.assets)) != len(outline.assets) or "close" not in outline.fields:
        raise DataError(f"A panel needs unique assets and a 'close' field, got fields {list(outline.fields)}.")
    column = len(outline.sessions), 1
    nothing = np.full(column, np.nan), np.full(column, CellStatus.UNLISTED, dtype=np.int8)
    Panel(outline.sessions, outline.known_at, outline.assets[:1], {"close": nothing[0]}, nothing[1], {}, outline.card)


def _fingerprint(panel: Panel) -> str:
    instants = panel.known_at if is_intraday(panel.card.declaration.frequency) else None
    return content_fingerprint(panel.sessions, panel.assets, panel.fields, panel.status, instants)


def _text(name: object) -> str | None:
    return None if name is None else str(name)
