"""Where the run comes from: its config, and apart from it what may differ between two runs of one config.

Trials on the same data and the environment change without the run changing, so they stand after the report's body.
"""

import json

from quantdl.report.contents import RunContents
from quantdl.report.document import Cell, Code, Facts, Part, Section, Table, Words, header, notice, row
from quantdl.report.formatting import in_words, plainly
from quantdl.report.quantities import known_first, quantity, recorded
from quantdl.report.record import Record

CENTRAL = ("quantdl", "torch", "numpy", "pandas", "scipy", "pyarrow", "pyro-ppl", "torch-geometric", "arch", "skfolio")


def config_section(run: RunContents) -> Section:
    """Show the config as written and as resolved."""
    parts: tuple[Part, ...] = ()
    if run.config_text:
        parts += (Code("As written (written/)", run.config_text, open=True),)
    resolved = json.dumps(run.config.values, indent=2, ensure_ascii=False, sort_keys=True)
    parts += (Code("As resolved, every default filled in (config.json)", resolved, open=not run.config_text),)
    lead = "The config describes the run completely; what it leaves out is filled in with the defaults shown."
    return Section("config", "Config", "Config", lead, parts)


def selection_section(run: RunContents) -> Section:
    """Show how many trials this data has seen and what the search leaves of the Sharpe ratio."""
    lead = (
        "A good result is worth less the more was tried to find it. These figures come from the ledger of trials and "
        "change with every further trial on the same data, unlike anything above."
    )
    selection = _named_per_bar(run.selection)
    if not selection:
        why = "No trials are recorded for this run, so nothing is known about how many attempts came before it."
        return Section("selection", "Trials and selection", "Trials", lead, (notice(why),))
    reasons = selection.record("undefined")
    scalars = [
        key for key, value in selection.values.items() if isinstance(value, int | float | str) or key in reasons.values
    ]
    rows = tuple(row(quantity(key).label, recorded(selection, key)) for key in known_first([*scalars, *reasons.values]))
    parts: tuple[Part, ...] = (Table("Selection", header("Figure", "Value"), rows, narrow=True),) if rows else ()
    trials = selection.records("trials")
    if trials:
        keys = known_first([key for trial in trials for key in trial.values])
        lines = tuple(
            row(str(position), *(recorded(trial, key) for key in keys)) for position, trial in enumerate(trials, 1)
        )
        parts += (Table("Trials", header("Trial", *(quantity(key).label for key in keys)), lines),)
    parts += tuple(Words(note, style="note") for note in selection.texts("notes"))
    return Section("selection", "Trials and selection", "Trials", lead, parts)


def _named_per_bar(selection: Record) -> Record:
    """Name the Sharpe ratio of the ledger for what it is: per bar, unlike the annualised one of the key figures."""
    return Record({"sharpe_per_bar" if key == "sharpe" else key: value for key, value in selection.values.items()})


def environment_section(run: RunContents) -> Section:
    """Show the versions and the machine that made the run, and its id."""
    lead = "What the run ran on. Two runs of one config may differ here and agree in everything above."
    facts = (("Run", run.run_id), *_facts(run.environment))
    parts: tuple[Part, ...] = (Facts(facts),)
    packages = run.environment.record("packages")
    if packages:
        rows = tuple(row(name, Cell(plainly(packages.get(name)))) for name in CENTRAL if name in packages.values)
        parts += (
            (Table("Central packages", header("Package", "Version", numeric_from=9), rows, narrow=True),)
            if rows
            else ()
        )
        every = "\n".join(f"{name}=={plainly(packages.get(name))}" for name in sorted(packages.values, key=str.lower))
        parts += (Code(f"All {len(packages.values):,} packages", every),)
    if not run.environment:
        parts += (notice("No environment is recorded for this run."),)
    return Section("environment", "Environment", "Environment", lead, parts)


def _facts(environment: Record, before: str = "") -> tuple[tuple[str, str], ...]:
    """Flatten all but the packages into pairs of a name and a text."""
    pairs: tuple[tuple[str, str], ...] = ()
    for key, value in environment.values.items():
        if key in {"packages"}:
            continue
        name = f"{before}{in_words(key) if not before else in_words(key).lower()}"
        if isinstance(value, dict):
            pairs += _facts(Record(value), f"{name}, ")
        else:
            pairs += ((name, plainly(value) or "not set"),)
    return pairs
