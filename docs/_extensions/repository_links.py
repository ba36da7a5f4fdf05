"""Links of Markdown pages that lead out of ``docs``: written for a reader of the repository, they must also hold here.

A page of the repository that is copied into the documentation is linked where its copy stands. Any other file is
offered as a download. A folder cannot be opened here, so its link becomes plain text.
"""

import os
import re
from pathlib import Path

from generated_pages import DOCS, PROJECT, REPOSITORY_PAGES
from sphinx.application import Sphinx

_LINK = re.compile(r"(?<!!)\[((?:[^\[\]]|\[[^\[\]]*\])*)\]\(([^()\s]+)\)")
_ORIGINALS = {copy: path for path, copy in REPOSITORY_PAGES.items()}


def translated(text: str, page: str) -> str:
    """Return a page with its links as they hold in the documentation.

    Args:
        text: The Markdown of the page.
        page: Its path in ``docs``.
    """
    stands_in = (PROJECT / _ORIGINALS[page] if page in _ORIGINALS else DOCS / page).parent
    shown_in = (DOCS / page).parent

    def link(found: re.Match[str]) -> str:
        words, target = found.groups()
        path, _, anchor = target.partition("#")
        if not path or re.match(r"[a-z]+:", target):
            return found.group()
        place = Path(os.path.normpath(stands_in / path))
        if place.is_relative_to(DOCS):
            new = place
        else:
            outside = place.relative_to(PROJECT).as_posix()
            copy = REPOSITORY_PAGES.get(outside) or REPOSITORY_PAGES.get(f"{outside}/README.md")
            if copy is None and place.is_dir():
                return words
            new = place if copy is None else DOCS / copy
        return f"[{words}]({os.path.relpath(new, shown_in)}{'#' if anchor else ''}{anchor})"

    return _LINK.sub(link, text)


def _translate(app: Sphinx, docname: str, source: list[str]) -> None:
    page = f"{docname}.md"
    if (DOCS / page).exists():
        source[0] = translated(source[0], page)


def setup(app: Sphinx) -> dict[str, bool]:
    """Translate every Markdown page when it is read."""
    app.connect("source-read", _translate)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
