"""Where the run comes from: its config, and apart from it what may differ between two runs of one config.

Trials on the same data and the environment change without the run changing, so they stand after the report's body.
"""

import json

from quantdl.report.document import Cell, Code, Facts, Part, Section, Table, header, row
from quantdl.report.formatting import COUNT, PLAIN, PROBABILITY, RATIO, SMALL_RATIO, plainly
from quantdl.report.quantities import Quantity
from quantdl.results.run_record import RunRecord
from quantdl.runs.environment import Environment

CENTRAL = ("quantdl", "torch", "numpy", "pandas", "scipy", "pyarrow", "pyro-ppl", "torch-geometric", "arch", "skfolio")
SELECTION = (
    Quantity("n_records", "Runs and searched fits recorded on this data", COUNT),
    Quantity("n_trials_on_data", "Distinct trials on this data, of any hypothesis", COUNT),
    Quantity("n_trials", "Distinct trials of this hypothesis on this data", COUNT),
    Quantity("n_with_returns", "Of those, with returns over the same bars at hand", COUNT),
    Quantity("effective_trials", "Effective number of trials of this hypothesis, by the correlation of returns", RATIO),
    Quantity("sharpe", "Sharpe ratio per bar", SMALL_RATIO),
    Quantity("n_observations", "Returns it is of", COUNT),
    Quantity("minimum_track_record", "Returns needed for it to be above zero with 95% confidence", COUNT),
    Quantity("probabilistic_sharpe", "Probabilistic Sharpe ratio, a probability", PROBABILITY),
    Quantity("deflated_sharpe", "Deflated Sharpe ratio, effective number of trials, a probability", PROBABILITY),
    Quantity("deflated_sharpe_raw", "The same, number of trials of this hypothesis", PROBABILITY),
    Quantity("deflated_sharpe_on_data", "The same, all trials on this data", PROBABILITY),
    Quantity("expected_maximum_sharpe", "Best Sharpe ratio per bar expected from luck", SMALL_RATIO),
    Quantity("overfitting_probability", "Probability of backtest overfitting", PROBABILITY),
    Quantity("sharpe_variance", "Variance of the Sharpe ratios per bar of the trials of this hypothesis", PLAIN),
)


def config_section(run: RunRecord) -> Section:
    """Show the config as written and as resolved."""
    resolved = json.dumps(run.setup.resolved, indent=2, ensure_ascii=False, sort_keys=True)
    parts = (
        Code("As written", _as_written(run), open=True),
        Code("As resolved, every default filled in (config.json)", resolved),
    )
    lead = "One file describes the run completely; what it leaves out is filled in with the defaults shown."
    return Section("config", "Config", "Config", lead, parts)


def _as_written(run: RunRecord) -> str:
    """Join the config and those it extends, each under its name where there are several."""
    texts = run.written
    return "".join(texts.values()) if len(texts) < 2 else "\n".join(f"# {name}\n{text}" for name, text in texts.items())


def selection_section(run: RunRecord) -> Section:
    """Show how many trials this data has seen and what the search leaves of the Sharpe ratio."""
    lead = (
        "A good result is worth less the more was tried to find it. These figures come from the ledger of trials and "
        "change with every further trial on the same data, unlike anything above. Data of the same source, calendar "
        "and length of a bar are the same, whatever the vintage and the assets, where the spans share a session; a "
        "hypothesis is the same if its words are."
    )
    rows = tuple(row(shown.label, shown.cell(run.selection)) for shown in SELECTION)
    table = Table("Selection", header("Figure", "Value"), rows, narrow=True)
    return Section("selection", "Trials and selection", "Trials", lead, (table,))


def environment_section(run: RunRecord) -> Section:
    """Show the versions and the machine that made the run, and its id."""
    lead = "What the run ran on. Two runs of one config may differ here and agree in everything above."
    packages = run.environment.packages
    rows = tuple(row(name, Cell(packages[name])) for name in CENTRAL if name in packages)
    every = "\n".join(f"{name}=={packages[name]}" for name in sorted(packages, key=str.lower))
    parts: tuple[Part, ...] = (
        Facts((("Run", run.run_id), *_facts(run.environment))),
        Table("Central packages", header("Package", "Version", numeric_from=9), rows, narrow=True),
        Code(f"All {len(packages):,} packages", every),
    )
    return Section("environment", "Environment", "Environment", lead, parts)


def _facts(environment: Environment) -> tuple[tuple[str, str], ...]:
    limits = environment.thread_variables
    return (
        ("Quantdl", environment.quantdl),
        ("Python", environment.python),
        ("System", environment.system),
        ("Processor", environment.processor),
        ("Cores", plainly(environment.cores)),
        ("Threads", plainly(environment.threads)),
        *((f"Thread variables, {name}", limits[name] or "not set") for name in sorted(limits)),
    )
