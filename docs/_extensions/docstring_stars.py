"""Shapes in docstrings, such as (S, *), hold stars that mean nothing but themselves: reStructuredText is told so."""

import re

from sphinx.application import Sphinx

_STAR = re.compile(r"(?<=[(, ])\*(?=[\w),])")
_LEFT_ALONE = (">>>", "...", "..", "|")


def _escape(app: Sphinx, what: str, name: str, thing: object, options: object, lines: list[str]) -> None:
    for number, line in enumerate(lines):
        if not line.lstrip().startswith(_LEFT_ALONE):
            pieces = line.split("``")
            lines[number] = "``".join(
                _STAR.sub(r"\\*", piece) if at % 2 == 0 else piece for at, piece in enumerate(pieces)
            )


def setup(app: Sphinx) -> dict[str, bool]:
    """Escape the stars before napoleon reads the docstring."""
    app.connect("autodoc-process-docstring", _escape, priority=100)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
