"""Lays the sections out as one HTML file that needs nothing else and runs nothing but its own two scripts.

Every text is escaped by jinja2; chart data sits in JSON scripts in which ``<`` is written as an escape; a content
security policy names the hashes of the two scripts, so that even a text that slipped through could not run, and nothing
can be fetched. The body holds no clock and no chance: the same run gives the same bytes.
"""

import base64
import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import jinja2

from quantdl.disk import replace_file
from quantdl.errors import RunError
from quantdl.report import (
    calibration,
    census,
    charts,
    costs,
    exposures,
    further_figures,
    interventions,
    market_risk,
    members,
    model,
    performance,
    provenance,
    regimes,
    risk_now,
    strategies,
    trades,
)
from quantdl.report.document import Chart, Part, Section
from quantdl.report.formatting import counted
from quantdl.report.performance import Tile
from quantdl.report.verdict import Checklist, Thesis, Verdict, checklist, thesis, verdict
from quantdl.results.plain_verdict import PlainVerdict
from quantdl.results.run_record import RunRecord, read_run
from quantdl.runs.store import RunFolder

SECTIONS: tuple[Callable[[RunRecord], Section | None], ...] = (
    further_figures.section,
    risk_now.section,
    market_risk.section,
    members.section,
    calibration.section,
    exposures.section,
    costs.section,
    regimes.section,
    strategies.section,
    trades.section,
    interventions.section,
    census.section,
    model.section,
    provenance.config_section,
)
"""The sections of the body, in their order: the same for the same run. One that a run has nothing for is left out."""

APART: tuple[Callable[[RunRecord], Section], ...] = (provenance.selection_section, provenance.environment_section)
"""What stands after the body, because it may differ between two runs of one config."""


@dataclass(frozen=True)
class Entry:
    """A line of the contents; ``apart`` sets off what does not belong to the body."""

    name: str
    contents: str
    apart: bool = False


@dataclass(frozen=True)
class Page:
    """The frame around a report: title, words beside the mark, contents."""

    title: str
    mark: str
    entries: tuple[Entry, ...]


@dataclass(frozen=True)
class Report:
    """What the template of one run lays out, all of it the same for the same run."""

    name: str
    subtitle: str
    verdict: Verdict
    plain: PlainVerdict
    tiles: tuple[Tile, ...]
    intervals_note: str
    picture: Chart
    warnings: tuple[Part, ...]
    stamps: tuple[str, ...]
    thesis: Thesis
    checklist: Checklist
    figures_lead: str
    figures: tuple[Part, ...]
    sections: tuple[Section, ...]


HEAD = (
    Entry("verdict", "Verdict"),
    Entry("equity", "Equity and drawdown"),
    Entry("thesis", "Hypothesis"),
    Entry("checklist", "Checklist"),
    Entry("figures", "Key figures"),
)


def write_report(run: RunFolder, destination: Path) -> Path:
    """Write the report of one run as a single HTML file.

    Args:
        run: An opened run folder, or what a writer has written so far.
        destination: The file to write, usually ``report.html`` in the run folder; it is replaced.

    Returns:
        The file written.

    Raises:
        RunError: If the run lacks a file that every run has, or the disk refuses.
        IntegrityError: If a file of the run is not what was written.
    """
    contents = read_run(run)
    report = build_report(contents)
    record = tuple(build(contents) for build in APART)
    listed = (*HEAD, *entries(report.sections), *entries(record, apart=True))
    page = Page(f"{contents.name}: risk report", "risk report", listed)
    return save(render("report.html", page, {"report": report, "record": record}), destination)


def build_report(run: RunRecord) -> Report:
    """Put the body of the report together; it leaves out the run's id, its environment and the ledger of trials."""
    return Report(
        name=run.name,
        subtitle=_subtitle(run),
        verdict=verdict(run.checklist),
        plain=run.plain_verdict,
        tiles=performance.tiles(run.metrics),
        intervals_note=performance.intervals_note(run.metrics),
        picture=performance.picture(run),
        warnings=performance.halt_warning(run),
        stamps=run.metrics.stamps,
        thesis=thesis(run.setup.plan),
        checklist=checklist(run.checklist),
        figures_lead=performance.figures_lead(run),
        figures=performance.figures_table(run.metrics),
        sections=tuple(section for build in SECTIONS if (section := build(run)) is not None),
    )


def render(template: str, page: Page, content: Mapping[str, object]) -> str:
    """Fill a template that extends ``page.html`` with its content."""
    library, drawing = charts.library(), _source("charts.js")
    frame = {
        "page": page,
        "policy": security_policy((library, drawing)),
        "style": _source("style.css"),
        "library": library,
        "drawing": drawing,
    }
    return _environment().get_template(template).render({**content, **frame})


def security_policy(scripts: Sequence[str]) -> str:
    """Write a content security policy that runs these scripts and nothing else, and fetches nothing.

    Inline styles are allowed because plotly sizes its drawings with them.
    """
    hashes = " ".join(
        f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'" for text in scripts
    )
    return (
        f"default-src 'none'; script-src {hashes}; style-src 'unsafe-inline'; img-src data: blob:; base-uri 'none'; "
        "form-action 'none'"
    )


def script_json(text: str) -> str:
    r"""Make JSON text safe inside a script element: no ``<`` is left that could end it or open a comment.

    Example:
        >>> print(script_json('{"name": "</script>"}'))
        {"name": "\u003c/script\u003e"}
    """
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text


def save(text: str, destination: Path) -> Path:
    """Write a page in one step, so that a reader never meets half of it.

    Raises:
        RunError: If the disk refuses.
    """
    destination = Path(destination)
    try:
        replace_file(destination, text.encode())
    except OSError as error:
        raise RunError(
            f"{destination}: the report could not be written ({error.strerror}). Choose another place."
        ) from error
    return destination


def entries(sections: Sequence[Section], *, apart: bool = False) -> tuple[Entry, ...]:
    """List sections in the contents."""
    return tuple(Entry(section.name, section.contents, apart) for section in sections)


def _subtitle(run: RunRecord) -> str:
    """Say in one line what was tested, on what and when."""
    sample, model = run.setup.plan.sample, run.setup.model
    facts = (
        f"{sample.first} to {sample.last}",
        counted(run.census.n_assets, "asset"),
        run.card.declaration.source,
        run.card.declaration.calendar,
        "no model" if model is None else f"{model.kind} model",
    )
    return " \u00b7 ".join(facts)


@cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("quantdl.report"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["script_json"] = script_json
    return environment


def _source(name: str) -> str:
    loader = _environment().loader
    if loader is None:
        raise RunError(f"{name}: the templates of the report are not installed. Install quantdl again.")
    return loader.get_source(_environment(), name)[0]
