"""How an object shows itself in a notebook: a few facts as HTML in which everything is escaped.

Jupyter asks an object for ``_repr_html_`` and shows what it gives. Nothing here loads anything, from the network or
else, and colors are those of the page around it, so it is readable on a dark one too.
"""

from collections.abc import Iterable, Mapping, Sequence
from html import escape

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


def shown(value: object) -> str:
    """Return any value as text that a page can hold, shortened if it is long.

    Example:
        >>> shown('<script>alert("x")</script>')
        '&lt;script&gt;alert(&quot;x&quot;)&lt;/script&gt;'
    """
    text = "".join(letter if letter.isprintable() or letter == " " else " " for letter in str(value))
    return escape(text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…")
