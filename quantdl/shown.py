"""How an object shows itself in a notebook: a few facts as HTML in which everything is escaped.

Jupyter asks an object for ``_repr_html_`` and shows what it gives. Nothing here loads anything, from the network or
else, and colors are those of the page around it, so it is readable on a dark one too.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape

_MOST_DECIMALS = 10
LONGEST = 600
"""Characters of a fact that are shown."""

_TITLE = "font-weight:600;margin:.3em 0"
_NOTE = "opacity:.75;margin:.3em 0;max-width:60em"
_TABLE = "border-collapse:collapse;margin:.3em 0"
_NAME = "text-align:left;vertical-align:top;padding:.1em 1.2em .1em 0;font-weight:400;opacity:.75;white-space:nowrap"
_FACT = "text-align:left;vertical-align:top;padding:.1em 0;max-width:60em;overflow-wrap:anywhere"
_HEAD = "text-align:right;padding:.1em .9em .1em 0;font-weight:400;opacity:.75"
_CELL = "text-align:right;padding:.1em .9em .1em 0;font-variant-numeric:tabular-nums"
_LEFT = ";text-align:left"


@dataclass(frozen=True)
class Sheet:
    """A table as a terminal prints it and a notebook shows it.

    Attributes:
        caption: Above it.
        columns: Their names.
        rows: Text, numbers, days or None, a cell a column.
    """

    caption: str
    columns: tuple[str, ...]
    rows: tuple[tuple[object, ...], ...]

    def is_numeric(self, column: int) -> bool:
        """Whether a column holds numbers alone, which stand to the right."""
        return bool(self.rows) and all(_is_number(row[column]) for row in self.rows)


def block(*parts: str) -> str:
    """Return parts that are HTML already as one block.

    Args:
        parts: Of `title`, `facts`, `table` and `note`.
    """
    return f"<div>{''.join(parts)}</div>"


def title(text: str) -> str:
    """Return what an object is, in one line."""
    return f'<div style="{_TITLE}">{shown(text)}</div>'


def note(text: str) -> str:
    """Return a remark; nothing for an empty one."""
    return f'<div style="{_NOTE}">{shown(text)}</div>' if text else ""


def facts(pairs: Mapping[str, object]) -> str:
    """Return names and what they are, one pair a line.

    Example:
        >>> "<b>" in facts({"source": "<b>mine</b>"})
        False
    """
    rows = [
        f'<tr><th style="{_NAME}">{shown(name)}</th><td style="{_FACT}">{shown(fact)}</td></tr>'
        for name, fact in pairs.items()
    ]
    return f'<table style="{_TABLE}">{"".join(rows)}</table>'


def table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return a table whose first column is text and whose others are figures, written already."""
    head = "".join(f'<th style="{_HEAD}{_LEFT * (not at)}">{shown(name)}</th>' for at, name in enumerate(columns))
    body = "".join(
        "<tr>"
        + "".join(f'<td style="{_CELL}{_LEFT * (not at)}">{shown(cell)}</td>' for at, cell in enumerate(row))
        + "</tr>"
        for row in rows
    )
    return f'<table style="{_TABLE}"><tr>{head}</tr>{body}</table>'


def sheet(given: Sheet) -> str:
    """Return a table of values under its caption; numbers get four decimals, as on the command line.

    Example:
        >>> "0.1235" in sheet(Sheet("Sets", ("Sharpe",), ((0.12345,),)))
        True
    """
    sides = [_LEFT * (not given.is_numeric(at)) for at in range(len(given.columns))]

    def line(tag: str, style: str, cells: Iterable[object]) -> str:
        parts = (f'<{tag} style="{style}{side}">{shown(cell)}</{tag}>' for cell, side in zip(cells, sides, strict=True))
        return f"<tr>{''.join(parts)}</tr>"

    head = line("th", _HEAD, given.columns)
    body = "".join(line("td", _CELL, map(cell_text, row)) for row in given.rows)
    return f'{note(given.caption)}<table style="{_TABLE}">{head}{body}</table>'


def cell_text(cell: object, decimals: int | None = None) -> str:
    """Return a cell of a sheet as text.

    Args:
        cell: Any value.
        decimals: Of a number that is not whole, more where so many would write it as zero; None for four.

    Example:
        >>> [cell_text(cell) for cell in (None, 0.5, float("nan"), 364, "KO")]
        ['', '0.5000', 'undefined', '364', 'KO']
        >>> cell_text(1.9933, 2), cell_text(0.0042, 2)
        ('1.99', '0.004')
    """
    if cell is None:
        return ""
    if isinstance(cell, float):
        if not math.isfinite(cell):
            return "undefined"
        return f"{cell:.4f}" if decimals is None else f"{cell:z.{telling_decimals(cell, decimals)}f}"
    return str(cell)


def telling_decimals(value: float, fewest: int) -> int:
    """Return how many decimals a number needs so as not to be written as zero, at least ``fewest``.

    What is zero up to rounding, below 1e-9, is written as zero.

    Example:
        >>> telling_decimals(2.08, 2), telling_decimals(-0.0031, 2), telling_decimals(0.0, 2)
        (2, 3, 2)
    """
    return next((places for places in range(fewest, _MOST_DECIMALS) if round(value, places) != 0), fewest)


def _is_number(cell: object) -> bool:
    return cell is None or (isinstance(cell, int | float) and not isinstance(cell, bool))


def counted(n: int, unit: str) -> str:
    """Return a number of things with their name.

    Example:
        >>> counted(1, "asset"), counted(2120, "session")
        ('1 asset', '2,120 sessions')
    """
    return f"{n:,} {unit}{'s' * (n != 1)}"


def shown(value: object) -> str:
    """Return any value as text that a page can hold, shortened if it is long.

    Example:
        >>> shown('<script>alert("x")</script>')
        '&lt;script&gt;alert(&quot;x&quot;)&lt;/script&gt;'
    """
    text = "".join(letter if letter.isprintable() or letter == " " else " " for letter in str(value))
    return escape(text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…")
