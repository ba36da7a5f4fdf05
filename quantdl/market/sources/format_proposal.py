"""What to state about a text file that is no plain one, found by trying: proposed to its user, never assumed."""

from collections.abc import Iterator
from typing import get_args

from quantdl.market.card import Declaration
from quantdl.market.reading.dialect import Separator
from quantdl.market.reading.header import DATE_NAMES
from quantdl.market.reading.row_faults import Proposal, Stated
from quantdl.market.reading.text_kinds import cells_of
from quantdl.market.sources.file_format import FileFormat
from quantdl.market.sources.layouts.known import recognised
from quantdl.market.sources.text_files import bars_of_text

_LINES_TRIED = 2000
_LINES_ABOVE = 40
_SEPARATORS: tuple[Separator, ...] = get_args(Separator)


def layout_proposal(text: str) -> Proposal | None:
    """Return the layout that a file seems to have, by its beginning; None where it has none or may have several."""
    layout = recognised(text)
    return None if layout is None else Proposal((("layout", layout.name),), f"which reads {layout.whose}")


def proposal(text: str, declaration: Declaration, symbol: str) -> Proposal | None:
    """Return the settings under which a file can be read; None where there are none.

    A layout that the file seems to have comes first. Otherwise separators, marks of numbers and lines to skip are tried
    on the file's beginning, and what reads it is proposed, unless decimals and thousands cannot be told apart.

    Args:
        text: The file, which could not be read as a plain one.
        declaration: What the prices are.
        symbol: The asset.
    """
    layout = layout_proposal(text)
    if layout is not None:
        return layout
    beginning = "\n".join(text.split("\n", _LINES_TRIED)[:_LINES_TRIED])
    found = {
        form.decimal or ".": form
        for form in reversed([*_tried(beginning)])
        if not bars_of_text(beginning, "", declaration, symbol, form.dialect()).row_faults
    }
    return Proposal(_settings(*found.values()), "which reads it") if len(found) == 1 else None


def _tried(text: str) -> Iterator[FileFormat]:
    """Yield formats, those that state least first."""
    lines = text.split("\n")[:_LINES_ABOVE]
    for separator in _SEPARATORS:
        rows = [cells_of(line, separator) or [""] for line in lines]
        names = [{cell.strip().lower() for cell in row} for row in rows]
        header = next((at for at, name in enumerate(names) if "close" in name and name & {*DATE_NAMES}), None)
        if header is None:
            continue
        other = None if separator == "," else separator
        above = header or None
        yield FileFormat(separator=other, skip_rows=above)
        yield FileFormat(separator=other, skip_rows=above, thousands=",")
        yield FileFormat(separator=other, skip_rows=above, decimal=",")
        yield FileFormat(separator=other, skip_rows=above, decimal=",", thousands=".")


def _settings(form: FileFormat) -> tuple[tuple[str, Stated], ...]:
    stated: dict[str, Stated | None] = {
        "skip_rows": form.skip_rows,
        "separator": form.separator,
        "decimal": form.decimal,
        "thousands": form.thousands,
    }
    return tuple((name, value) for name, value in stated.items() if value is not None)
