"""The commands. Each loads what it needs when it is called, so ``quantdl --help`` answers at once."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from quantdl import __version__
from quantdl.cli.exits import Commands
from quantdl.cli.printing import plain, print_figures, print_json, print_table, progress_bars, row
from quantdl.errors import ConfigError

if TYPE_CHECKING:
    from quantdl.config import ExperimentConfig

app = typer.Typer(
    cls=Commands,
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="From market prices to a defended risk report. One YAML file describes a run, one folder holds its result.",
)
data_app = typer.Typer(no_args_is_help=True, help="Look at data before anybody trades on it.")
runs_app = typer.Typer(no_args_is_help=True, help="List, show, verify and delete stored runs.")
app.add_typer(data_app, name="data")
app.add_typer(runs_app, name="runs")

ConfigPath = Annotated[Path, typer.Argument(metavar="CONFIG", help="The YAML file that describes the run.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]
Root = Annotated[Path, typer.Option("--root", help="Folder of the runs.")]
_SCORES = ("model", "stock-days", "NLL", "joint NLL", "CRPS [bp]", "90 % cover", "1 % hits", "5 % hits")
_SHOWN = ("checklist.json", "metrics.json", "selection.json")
RunName = Annotated[str, typer.Argument(metavar="RUN", help="Path, folder name or identifier of a run.")]


@app.callback(invoke_without_command=True)
def _options(version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False) -> None:
    if version:
        typer.echo(f"quantdl {__version__}")
        raise typer.Exit


@app.command()
def run(
    config: ConfigPath,
    output: Annotated[Path | None, typer.Option("--output", help="The run folder to write; must not exist.")] = None,
) -> None:
    """Data, training, forecasts, backtest and report; the last line printed is the run folder.

    Runs the strategy file that the config names.
    """
    loaded = _load(config)
    from quantdl.experiment import run_experiment

    with progress_bars() as progress:
        folder = run_experiment(loaded, output, progress)
    _print_verdict(folder)
    typer.echo(folder)


@data_app.command("check")
def data_check(
    target: Annotated[Path, typer.Argument(metavar="CONFIG|PATH", help="A config, a CSV folder or a Parquet file.")],
    calendar: Annotated[str | None, typer.Option(help="Trading calendar of a PATH, for instance XNYS.")] = None,
    as_json: AsJson = False,
) -> None:
    """Name every fault in the data. Nothing is repaired."""
    is_config = target.suffix in (".yaml", ".yml")
    if is_config and calendar is not None:
        raise ConfigError("--calendar: a config names its calendar itself; leave the option out.")
    checked: ExperimentConfig | Path = _load(target) if is_config else _existing(target)
    from quantdl.experiment import check_data

    census = check_data(checked, calendar)
    if as_json:
        print_json(census.to_json())
    else:
        print_figures({name: figure for name, figure in vars(census).items() if name != "faults"})
        print_table("Faults", ["kind", "symbol", "first", "last", "count", "detail"], map(row, census.faults))


@app.command()
def evaluate(config: ConfigPath, as_json: AsJson = False) -> None:
    """Score the forecasts of the config's model beside those of the models under ``compare``."""
    loaded = _load(config)
    from quantdl.experiment import evaluate as score

    with progress_bars() as progress:
        table = score(loaded, progress)
    if as_json:
        print_json({"rows": [plain(record) for record in table.rows]})
    else:
        print_table("One session ahead, test span", _SCORES, map(row, table.rows))


@app.command()
def backtest(config: ConfigPath, as_json: AsJson = False) -> None:
    """Run the backtest under its plan and print the figures, without writing a run."""
    loaded = _load(config)
    from quantdl.experiment import run_backtest_only

    with progress_bars() as progress:
        summary = run_backtest_only(loaded, progress)
    if as_json:
        print_json(plain(summary))
    else:
        print_figures(summary)


@app.command()
def report(
    names: Annotated[list[str], typer.Argument(metavar="RUN...", help="One run, or several to compare.")],
    output: Annotated[Path | None, typer.Option("--output", help="The HTML file to write.")] = None,
    root: Root = Path("runs"),
) -> None:
    """Write the report of a run, or the comparison of several, as one HTML file; the last line is its path."""
    from quantdl.report import write_comparison, write_report
    from quantdl.runs.store import find_run

    found = [find_run(root, name) for name in names]
    if len(found) == 1:
        written = write_report(found[0], output or Path(f"{found[0].path.name}.html"))
    else:
        written = write_comparison(found, output or Path("comparison.html"))
    typer.echo(written)


@runs_app.command("list")
def runs_list(root: Root = Path("runs"), as_json: AsJson = False) -> None:
    """List the runs of a folder, oldest first; a damaged one is listed with what is wrong."""
    from quantdl.runs.store import list_runs

    entries = list_runs(root)
    if as_json:
        print_json({"runs": [plain(entry) for entry in entries]})
    elif entries:
        print_table(str(root), ["run", "id", "name", "problem"], map(row, entries))
    else:
        typer.echo(f"{root}: no runs yet; `quantdl run CONFIG` writes one", err=True)


@runs_app.command("show")
def runs_show(run: RunName, root: Root = Path("runs"), as_json: AsJson = False) -> None:
    """Show what a run found: verdict, checklist and figures."""
    from quantdl.runs.store import find_run

    folder = find_run(root, run)
    parts = {name.removesuffix(".json"): folder.read_json(name) for name in _SHOWN if name in folder.files}
    if as_json:
        print_json({"path": str(folder.path), "id": folder.id, "name": folder.name, **parts})
    else:
        print_figures({"path": str(folder.path), "id": folder.id, "name": folder.name, **parts})


@runs_app.command("verify")
def runs_verify(
    names: Annotated[list[str] | None, typer.Argument(metavar="RUN...", help="Runs; all when left out.")] = None,
    root: Root = Path("runs"),
    as_json: AsJson = False,
) -> None:
    """Compare runs with what was written, byte by byte; exit code 5 when something differs."""
    from quantdl.runs.store import list_runs, verify_run

    paths = [_run_path(root, name) for name in names or ()] or [entry.path for entry in list_runs(root)]
    problems = {str(path): list(verify_run(path)) for path in paths}
    if as_json:
        print_json({"problems": problems})
    for path, found in problems.items():
        for problem in found:
            typer.echo(f"{path}: {problem}", err=True)
        if not found and not as_json:
            typer.echo(f"{path}: intact")
    if any(problems.values()):
        raise typer.Exit(5)


@runs_app.command("delete")
def runs_delete(
    run: RunName,
    root: Root = Path("runs"),
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Delete a run for good. The ledger of trials keeps its record."""
    from quantdl.runs.store import delete_run

    path = _run_path(root, run)
    if not yes and not sys.stdin.isatty():
        raise ConfigError(f"{path}: nothing was deleted; say --yes where nobody can be asked.")
    if yes or typer.confirm(f"Delete {path}?"):
        delete_run(path)
        typer.echo(f"{path}: deleted")


def _load(path: Path) -> "ExperimentConfig":
    from quantdl.config import load_config

    return load_config(path)


def _existing(path: Path) -> Path:
    if not path.exists():
        raise ConfigError(f"{path}: no such file or folder; expected a config (.yaml), a CSV folder or a Parquet file.")
    return path


def _run_path(root: Path, name: str) -> Path:
    """Return the folder of a run without opening it, so that a damaged one can be verified and deleted."""
    from quantdl.runs.store import find_run, list_runs

    if "/" in name:
        return Path(name)
    matches = [entry.path for entry in list_runs(root) if name in (entry.path.name, entry.id)]
    return matches[0] if len(matches) == 1 else find_run(root, name).path


def _print_verdict(folder: Path) -> None:
    from quantdl.runs.store import open_run

    run = open_run(folder)
    checklist = run.read_json("checklist.json") if "checklist.json" in run.files else None
    if isinstance(checklist, dict):
        typer.echo(f"verdict: {checklist.get('verdict')}")
    if "report.html" in run.files:
        typer.echo(f"report:  {folder / 'report.html'}")
