"""Every ingest of a source is kept, and compared with the one before: the past may be revised, never overwritten.

<folder>/<source>/000001/vintage.json   number, source, instant of the ingest, fingerprint; sealed by vintage.sha256
<folder>/<source>/000001/panel/         the panel, see `quantdl.market.storage.store`
"""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from quantdl.calendars.bars import is_intraday
from quantdl.disk import locked, publishing, remove_abandoned
from quantdl.errors import DataError, IntegrityError
from quantdl.market.card import content_fingerprint
from quantdl.market.panel import Panel
from quantdl.market.storage.revisions import Revision, compare
from quantdl.market.storage.sealed_json import RESTORE, read_sealed, write_sealed
from quantdl.market.storage.store import open_panel, save_panel
from quantdl.records import from_plain, json_text, to_plain

_DESCRIPTION = "vintage.json"


@dataclass(frozen=True)
class Source:
    """What makes two ingests comparable.

    Attributes:
        source: Who published the prices.
        calendar: Name of the trading calendar.
        frequency: Spacing of the bars.
        adjustment: What the prices are adjusted for.
    """

    source: str
    calendar: str
    frequency: str
    adjustment: str

    @classmethod
    def of(cls, panel: Panel) -> "Source":
        """Return the source of a panel."""
        card = panel.card
        return cls(
            card.declaration.source, card.declaration.calendar, card.declaration.frequency, card.declaration.adjustment
        )

    @property
    def folder(self) -> str:
        """A name for a folder that no other source has."""
        readable = re.sub(r"[^A-Za-z0-9]+", "-", self.source).strip("-")[:40]
        digest = hashlib.sha256(json_text(to_plain(self), "a source").encode()).hexdigest()
        return f"{readable}-{digest[:12]}"


@dataclass(frozen=True)
class _Description:
    number: int
    source: Source
    ingested_at: str
    fingerprint: str


@dataclass(frozen=True)
class Vintage:
    """One ingest as it was kept.

    Attributes:
        folder: Where it is.
        number: From 1 on, without gaps.
        source: What was ingested.
        ingested_at: When, UTC.
        fingerprint: Of values and corporate actions.
    """

    folder: Path
    number: int
    source: Source
    ingested_at: datetime
    fingerprint: str

    def open(self) -> Panel:
        """Map the panel as it was ingested.

        Raises:
            IntegrityError: If it is not what was written.
        """
        return open_panel(self.folder / "panel")


def record_ingest(panel: Panel, folder: Path | str, ingested_at: datetime | None = None) -> tuple[Revision, ...]:
    """Keep a panel as a vintage of its own unless it is the one that was ingested last, and return what was revised.

    Args:
        panel: As it was loaded, before any policy.
        folder: Where vintages are kept; made when missing. Several processes may ingest at once.
        ingested_at: When; now if None. Must have a time zone.

    Returns:
        What the panel says differently from the last vintage of the same source with another content, see
        `quantdl.market.storage.revisions.compare`: the same for every ingest of one content, so a revision that was
        refused is not forgotten when it is tried again. Nothing for a first content.
        `quantdl.market.storage.revisions.with_revisions` puts it before the census.

    Raises:
        DataError: If the instant has no time zone.
        IntegrityError: If the last vintage is not what was written.
        RunError: If the disk refuses; what was kept before stays as it is.
    """
    instant = datetime.now(UTC) if ingested_at is None else ingested_at
    if instant.tzinfo is None:
        raise DataError(f"ingested_at needs a time zone, got {instant}. Fix: datetime.now(UTC).")
    source, fingerprint = Source.of(panel), _fingerprint(panel)
    place = Path(folder) / source.folder
    with locked(place):
        remove_abandoned(place)
        kept = _vintages_in(place)
        revisions = _since_the_last(kept, panel, fingerprint)
        if kept and kept[-1].fingerprint == fingerprint:
            return revisions
        number = kept[-1].number + 1 if kept else 1
        description = _Description(number, source, instant.astimezone(UTC).isoformat(), fingerprint)
        with publishing(place / f"{number:06d}") as partial:
            save_panel(panel, partial / "panel")
            write_sealed(partial / _DESCRIPTION, description)
    return revisions


def known_revisions(panel: Panel, folder: Path | str) -> tuple[Revision, ...]:
    """Return what `record_ingest` would return, and keep nothing.

    Raises:
        IntegrityError: If the last vintage is not what was written.
    """
    kept = _vintages_in(Path(folder) / Source.of(panel).folder)
    return _since_the_last(kept, panel, _fingerprint(panel))


def vintages(folder: Path | str, source: Source | None = None) -> tuple[Vintage, ...]:
    """Return what was kept, by source and in the order of ingest.

    Args:
        folder: As given to `record_ingest`.
        source: Only its vintages; those of all sources when None.

    Raises:
        IntegrityError: If a description is damaged.
    """
    root = Path(folder)
    if source is not None:
        return tuple(_vintages_in(root / source.folder))
    places = sorted(path for path in root.iterdir() if path.is_dir()) if root.is_dir() else []
    return tuple(vintage for place in places for vintage in _vintages_in(place))


def vintage_as_of(kept: Sequence[Vintage], instant: datetime) -> Vintage:
    """Return the last of the vintages that had been ingested by an instant: what was known of the past then.

    Raises:
        DataError: If none had been, or the instant has no time zone.
    """
    if instant.tzinfo is None:
        raise DataError(f"An instant needs a time zone, got {instant}. Fix: add its offset from UTC.")
    known = [vintage for vintage in kept if vintage.ingested_at <= instant]
    if not known:
        first = f"; the first was on {min(item.ingested_at for item in kept)}" if kept else ""
        raise DataError(f"Nothing had been ingested by {instant}{first}.")
    return max(known, key=lambda vintage: (vintage.ingested_at, vintage.number))


def _since_the_last(kept: Sequence[Vintage], panel: Panel, fingerprint: str) -> tuple[Revision, ...]:
    """Compare a panel with the last vintage of another content."""
    others = kept[:-1] if kept and kept[-1].fingerprint == fingerprint else kept
    return compare(others[-1].open(), panel) if others else ()


def _vintages_in(place: Path) -> list[Vintage]:
    found = sorted(path for path in place.glob("[0-9]*") if path.is_dir())
    return [_read(path) for path in found]


def _read(path: Path) -> Vintage:
    plain = read_sealed(path / _DESCRIPTION)
    try:
        described = from_plain(_Description, plain)
        instant = datetime.fromisoformat(described.ingested_at)
        if path.name != f"{described.number:06d}" or path.parent.name != described.source.folder:
            raise ValueError(f"it describes vintage {described.number} of {described.source.source!r}")
    except ValueError as error:
        raise IntegrityError(f"{path / _DESCRIPTION}: damaged ({error}). {RESTORE}") from error
    return Vintage(path, described.number, described.source, instant, described.fingerprint)


def _fingerprint(panel: Panel) -> str:
    instants = panel.known_at if is_intraday(panel.card.declaration.frequency) else None
    values = content_fingerprint(panel.sessions, panel.assets, panel.fields, panel.status, instants)
    actions = json_text(to_plain(panel.actions), "the corporate actions")
    return "sha256:" + hashlib.sha256((values + actions).encode()).hexdigest()
