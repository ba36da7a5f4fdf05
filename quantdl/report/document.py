"""What a report is made of: sections of words, tables, facts, code and charts, free of any HTML.

The sections are built by the files beside this one and laid out by the templates, which escape every text. A part says
its ``kind`` so that the template can choose its layout.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

from quantdl.report.formatting import Unit, figure

SHOWN_FIRST = 12
"""Rows of a long table that are shown at once."""

FEWEST_FOLDED = 3
"""A table that is longer by no more than these is shown whole."""

Tone = Literal["plain", "good", "bad", "open", "muted"]


@dataclass(frozen=True)
class Cell:
    """One cell of a table.

    Attributes:
        text: What it says.
        numeric: Whether it is set flush right.
        tone: Colors the text; never the only carrier of its meaning.
        under: A second, smaller line.
        pill: Whether it is drawn as a badge.
        link: Target of a link inside the page, empty for none.
    """

    text: str
    numeric: bool = False
    tone: Tone = "plain"
    under: str = ""
    pill: bool = False
    link: str = ""


@dataclass(frozen=True)
class Row:
    """One row of a table; a ``heading`` row has one cell that spans the table."""

    cells: tuple[Cell, ...]
    heading: bool = False


@dataclass(frozen=True)
class Table:
    """A table: the first cell of every row is its header.

    Attributes:
        caption: What the table holds.
        columns: Labels with units in brackets; ``numeric`` columns are flush right.
        rows: The body.
        note: How to read it, below the table.
        narrow: Whether it only takes the width it needs.
        whole: Whether all rows are shown at once, however many.
    """

    kind: ClassVar[str] = "table"
    caption: str
    columns: tuple[Cell, ...]
    rows: tuple[Row, ...]
    note: str = ""
    narrow: bool = False
    whole: bool = False

    @property
    def shown_first(self) -> int | None:
        """How many rows are shown before the rest is asked for, never a heading last; None where all are."""
        if self.whole or len(self.rows) <= SHOWN_FIRST + FEWEST_FOLDED:
            return None
        ends = (end for end in range(1, SHOWN_FIRST + 1) if not self.rows[:end][-1].heading)
        return max(ends, default=SHOWN_FIRST)


@dataclass(frozen=True)
class Words:
    """A paragraph; a ``notice`` is set off, for what a reader must not overlook and for what the run does not hold."""

    kind: ClassVar[str] = "words"
    text: str
    style: Literal["plain", "note", "notice"] = "plain"


@dataclass(frozen=True)
class Bullets:
    """A list of sentences, each on its own line."""

    kind: ClassVar[str] = "bullets"
    lines: tuple[str, ...]


@dataclass(frozen=True)
class Heading:
    """A heading inside a section."""

    kind: ClassVar[str] = "heading"
    text: str


@dataclass(frozen=True)
class Facts:
    """Pairs of a name and what is known of it."""

    kind: ClassVar[str] = "facts"
    pairs: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Code:
    """Text kept as it is, in a fixed-width font."""

    kind: ClassVar[str] = "code"
    title: str
    text: str
    open: bool = False


@dataclass(frozen=True)
class Chart:
    """A drawing: ``data`` is the JSON of a plotly figure, already safe inside a script element.

    Attributes:
        name: Fixed id of its place in the page.
        title: What is drawn.
        caption: How to read it, in words; also serves those who cannot see it.
        height: Pixels.
        data: JSON text.
        figures: What is drawn, in figures, for those who cannot see it; may be empty.
    """

    kind: ClassVar[str] = "chart"
    name: str
    title: str
    caption: str
    height: int
    data: str
    figures: str = ""

    @property
    def described(self) -> str:
        """The drawing in words, with its figures: what is read out in its place."""
        return " ".join(part for part in (f"{self.title}.", self.caption, self.figures) if part)


@dataclass(frozen=True)
class Charts:
    """Small charts side by side where there is room."""

    kind: ClassVar[str] = "charts"
    charts: tuple[Chart, ...]


Part = Table | Words | Bullets | Heading | Facts | Code | Chart | Charts


@dataclass(frozen=True)
class Section:
    """One entry of the contents.

    Attributes:
        name: Fixed id, the target of links.
        title: Its heading.
        contents: Its line in the contents.
        lead: One or two sentences that say what is shown; may be empty.
        parts: What follows, in order.
    """

    name: str
    title: str
    contents: str
    lead: str
    parts: tuple[Part, ...]


def header(*labels: str, numeric_from: int = 1) -> tuple[Cell, ...]:
    """Build the columns of a table whose columns from ``numeric_from`` on hold figures."""
    return tuple(Cell(label, numeric=position >= numeric_from) for position, label in enumerate(labels))


def heading_row(text: str) -> Row:
    """Build a row that names the group of rows below it."""
    return Row((Cell(text),), heading=True)


def row(label: str, *cells: Cell, under: str = "") -> Row:
    """Build a row from its label and its cells."""
    return Row((Cell(label, under=under), *cells))


def number(value: float | None, unit: Unit, reason: str = "undefined", tone: Tone = "plain") -> Cell:
    """Build a cell for a figure, or for the reason why there is none.

    Example:
        >>> from quantdl.report.formatting import RATIO
        >>> number(1.5, RATIO).text, number(None, RATIO, "no losing day").text
        ('1.50', 'no losing day')
    """
    if value is None or not math.isfinite(value):
        return Cell(reason if value is None else "undefined: no finite number", numeric=True, tone="muted")
    return Cell(figure(value, unit), numeric=True, tone=tone)


def notice(text: str) -> Words:
    """Say what a reader must not overlook, or what this run does not hold and why."""
    return Words(text, style="notice")


def shortened(rows: Sequence[Row], most: int, what: str, where: str) -> tuple[tuple[Row, ...], str]:
    """Keep the first ``most`` rows and say in words what was left out and where it stands.

    Example:
        >>> shortened([row("a"), row("b")], 1, "events", "events.parquet")[1]
        'The first 1 of 2 events; all of them are in events.parquet.'
    """
    if len(rows) <= most:
        return tuple(rows), ""
    return tuple(rows[:most]), f"The first {most:,} of {len(rows):,} {what}; all of them are in {where}."
