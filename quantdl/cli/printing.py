"""Figures as tables or JSON on standard output."""

import json
import math
import shutil
import sys
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

import typer

from quantdl.cli.saying import printable, say

if TYPE_CHECKING:
    from rich.console import Console

_CONTINUES = "  "  # before the further lines of a sentence that is indented itself
_PIPE_WIDTH = 200  # columns of an output that is no terminal


def plain(value: object) -> object:
    """Return what JSON can hold of ``value``, see `quantdl.records.to_plain`; an undefined number becomes null.

    Example:
        >>> plain((1.5, float("nan"), {"a": None}))
        [1.5, None, {'a': None}]
    """
    from quantdl.records import to_plain

    return _with_nulls(to_plain(value))


def _with_nulls(plain: object) -> object:
    if isinstance(plain, dict):
        return {key: _with_nulls(item) for key, item in plain.items()}
    if isinstance(plain, list):
        return [_with_nulls(item) for item in plain]
    return None if isinstance(plain, float) and not math.isfinite(plain) else plain


def row(record: object) -> list[object]:
    """Return the fields of a record in their order, for a table."""
    return list(vars(record).values())


def print_json(value: object) -> None:
    """Print valid JSON: no NaN, no infinity; what a terminal would obey or cannot show is escaped."""
    text = json.dumps(plain(value), indent=2, allow_nan=False, ensure_ascii=False)
    try:
        text.encode(sys.stdout.encoding or "utf-8")
    except UnicodeEncodeError:  # a terminal of few characters, or a file name that is no text
        text = json.dumps(plain(value), indent=2, allow_nan=False)
    typer.echo("".join(one if one.isprintable() or one == "\n" else json.dumps(one)[1:-1] for one in text))


def print_sentences(text: str) -> None:
    """Print text: on a terminal broken between words at its width, else as one line, for whoever searches it."""
    if not text:
        return
    safe = printable(text).replace("\n", "\\n")
    if sys.stdout.isatty():
        indent = safe[: len(safe) - len(safe.lstrip())] + _CONTINUES
        safe = textwrap.fill(safe, _terminal_width(), subsequent_indent=indent if indent != _CONTINUES else "")
    typer.echo(safe)


def print_table(
    title: str,
    columns: Sequence[str],
    rows: Iterable[Sequence[object]],
    *,
    plain_text: bool = False,
    decimals: int | None = None,
) -> None:
    """Print rows under a title; figures stand to the right.

    Args:
        title: Above the table.
        columns: Their names.
        rows: A cell a column.
        plain_text: Whether the cells are figures written out, which stand to the right but for the first column.
        decimals: Of numbers that are not whole, see `quantdl.shown.cell_text`; None for four.
    """
    from rich import box
    from rich.table import Table
    from rich.text import Text

    from quantdl.shown import Sheet, cell_text

    sheet = Sheet(title, tuple(columns), tuple(map(tuple, rows)))
    table = Table(title=Text(printable(title)), title_justify="left", box=box.SIMPLE_HEAD)
    for index, column in enumerate(columns):
        figures = index > 0 if plain_text else sheet.is_numeric(index)
        table.add_column(Text(printable(column)), justify="right" if figures else "left", no_wrap=figures)
    for line in sheet.rows:
        table.add_row(*(Text(printable(cell_text(cell, decimals))) for cell in line))
    console = _console()
    with console.capture() as drawn:
        console.print(table)
    typer.echo("\n".join(line.rstrip() for line in drawn.get().splitlines()))


def print_figures(figures: object) -> None:
    """Print the figures of a record or mapping, one a line, those of a nested block indented under its name."""
    for line in _lines(plain(figures), ""):
        say(line)


def _terminal_width() -> int:
    return shutil.get_terminal_size((80, 24)).columns


def _console() -> "Console":
    from rich.console import Console

    return Console() if sys.stdout.isatty() else Console(width=_PIPE_WIDTH)


def _lines(value: object, indent: str) -> Iterator[str]:
    """Write each item on a line; an undefined figure with its reason, where the record keeps them in ``undefined``."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    kept = value.get("undefined") if isinstance(value, dict) else None
    reasons = kept if isinstance(kept, dict) else {}
    for name, item in items:
        if item is None and name in reasons:
            yield f"{indent}{name}: undefined: {reasons[name]}"
        elif isinstance(item, dict | list) and item:
            yield f"{indent}{name}:"
            yield from _lines(item, indent + "  ")
        else:
            shown = f"{item:.6g}" if isinstance(item, float) else "undefined" if item is None else item
            yield f"{indent}{name}: {shown}"
