"""Pages that are made from the code when the documentation is built, so that they cannot say what it does not do.

`GENERATED` names them all. They are written into ``docs/generated``, which git ignores: the reference of every key of a
config, of every command, of the Python names by package, and the pages of the repository that stand outside ``docs``.
"""

from collections.abc import Callable
from pathlib import Path

from api_pages import API, api_index, api_page
from command_page import command_page
from config_pages import config_page, risk_config_page
from sphinx.application import Sphinx

DOCS = Path(__file__).parents[1]
PROJECT = DOCS.parent

REPOSITORY_PAGES = {
    "README.md": "generated/readme.md",
    "ARCHITECTURE.md": "generated/architecture.md",
    "CONTRIBUTING.md": "generated/contributing.md",
    "CHANGELOG.md": "generated/changelog.md",
    "benchmarks/README.md": "generated/benchmarks.md",
    "benchmarks/EXPERIMENTS.md": "generated/experiments.md",
    "data/README.md": "generated/data.md",
}
"""Pages outside ``docs``, and where their copies stand in it."""


def _copy(path: str) -> Callable[[], str]:
    return lambda: (PROJECT / path).read_text(encoding="utf-8")


GENERATED: dict[str, Callable[[], str]] = {
    **{copy: _copy(path) for path, copy in REPOSITORY_PAGES.items()},
    "generated/config.md": config_page,
    "generated/risk_config.md": risk_config_page,
    "generated/commands.md": command_page,
    "generated/api/index.md": api_index,
    **{f"generated/api/{page.name}.rst": (lambda page=page: api_page(page)) for page in API},
}
"""How each page is made, by its path in ``docs``."""


def write_pages(app: Sphinx) -> None:
    """Write every generated page that differs from what stands there, and remove what is not made any more."""
    for path, make in GENERATED.items():
        place, text = DOCS / path, make()
        place.parent.mkdir(parents=True, exist_ok=True)
        if not place.exists() or place.read_text(encoding="utf-8") != text:
            place.write_text(text, encoding="utf-8")
    for place in (DOCS / "generated").rglob("*.*"):
        if place.relative_to(DOCS).as_posix() not in GENERATED:
            place.unlink()


def setup(app: Sphinx) -> dict[str, bool]:
    """Write the pages before any is read."""
    app.connect("builder-inited", write_pages)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
