"""The commands. Each loads what it needs when it is called, so ``quantdl --help`` answers at once."""

import sys
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from quantdl import __version__
from quantdl.cli.exits import Commands
from quantdl.cli.printing import print_figures, print_json, print_table, progress_bars, row
from quantdl.errors import ConfigError, DataError, IntegrityError, RunError
from quantdl.market.sources.layouts.known import LayoutName

if TYPE_CHECKING:
    from quantdl.config import ExperimentConfig
    from quantdl.runs.workers import Workers

app = typer.Typer(
    cls=Commands,
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="From market prices to a defended risk report. One YAML file describes a run, one folder holds its result.",
)
data_app = typer.Typer(no_args_is_help=True, help="Look at data before trading on it.")
runs_app = typer.Typer(no_args_is_help=True, help="List, show, compare, verify, reproduce and delete stored runs.")
app.add_typer(data_app, name="data")
app.add_typer(runs_app, name="runs")

ConfigPath = Annotated[Path, typer.Argument(metavar="CONFIG", help="The YAML file that describes the run.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]
Root = Annotated[Path, typer.Option("--root", help="Folder of the runs.")]
_SWEPT = ("config", "seed", "verdict", "Sharpe", "validation loss [nats]", "run", "exit code", "problem")
_SHOWN = ("failure.json", "checklist.json", "metrics.json", "selection.json", "evaluation.json")
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
    seed: Annotated[int | None, typer.Option("--seed", help="Seed, instead of that of the config.")] = None,
) -> None:
    """Data, training, forecasts, backtest and report; the last line printed is the run folder.

    Runs the strategy file that the config names. A run that was killed goes on with its training when it is started
    again. Under torchrun several processes train together; the first one writes.
    """
    loaded = _load(config, seed)
    from quantdl.experiment import carry_out, run_experiment
    from quantdl.training.parallel import training_processes

    with training_processes() as processes:
        if not processes.is_first:
            carry_out(loaded)
            return
        with progress_bars() as progress:
            folder = run_experiment(loaded, output, progress)
    _print_verdict(folder)
    typer.echo(folder)


@data_app.command("check")
def data_check(
    target: Annotated[
        Path, typer.Argument(metavar="CONFIG|PATH", help="A config, a folder of CSV files, a CSV or a Parquet file.")
    ],
    calendar: Annotated[str | None, typer.Option(help="Trading calendar of a PATH, for instance XNYS.")] = None,
    frequency: Annotated[str, typer.Option(help="Length of a bar of a PATH: 1D, 1W, 1M or e.g. 60min.")] = "1D",
    labelled: Annotated[
        Literal["start", "end"] | None, typer.Option(help="Instant by which a bar within a session is dated.")
    ] = None,
    anchored: Annotated[
        Literal["open", "clock"] | None, typer.Option(help="Where bars within a session begin to be counted.")
    ] = None,
    times_in: Annotated[
        str | None, typer.Option(help="IANA zone of times without an offset, for instance America/New_York.")
    ] = None,
    layout: Annotated[LayoutName | None, typer.Option(help="Whose CSV files a PATH holds.")] = None,
    symbol: Annotated[str | None, typer.Option(help="Asset of a file that does not name it.")] = None,
    as_json: AsJson = False,
    whole: Annotated[bool, typer.Option("--all", help="Print every fault, not the largest of each kind.")] = False,
) -> None:
    """Name every fault in the data. Nothing is repaired.

    Bars within a session need --frequency, --labelled and --anchored. Exit code 3 where a run of the CONFIG would
    refuse the data.
    """
    is_config = target.suffix in (".yaml", ".yml")
    given = {"calendar": calendar, "labelled": labelled, "anchored": anchored, "times-in": times_in}
    given |= {"layout": layout, "symbol": symbol}
    for option, value in given.items():
        if is_config and value is not None:
            raise ConfigError(f"--{option}: a config names its {option} itself; leave the option out.")
    if (labelled is None) != (anchored is None):
        raise ConfigError("--labelled and --anchored go together: say both for bars within a session.")
    checked: ExperimentConfig | Path = _load(target) if is_config else _existing(target)
    from quantdl.cli.census import print_census, print_census_json, refusal
    from quantdl.experiment import check_data
    from quantdl.market.card import IntradayBars
    from quantdl.market.inspection.policies import Policies
    from quantdl.market.inspection.treatment import faults_at_loading, refused_faults

    intraday = None if labelled is None or anchored is None else IntradayBars(labelled, anchored, times_in)
    census = check_data(checked, calendar, frequency, intraday, layout, symbol)
    policies = Policies() if isinstance(checked, Path) else checked.data.policies
    refused = () if isinstance(checked, Path) else refused_faults(census, policies)
    if not isinstance(checked, Path) and checked.data.at_loading() == "refuse":
        refused = (*faults_at_loading(census), *refused)
    if as_json:
        print_census_json(census, policies, refused)
    else:
        print_census(census, policies, refused, whole=whole)
    if refused:
        typer.echo(refusal(refused), err=True)
        raise typer.Exit(DataError.exit_code)


@data_app.command("universe")
def data_universe(
    config: ConfigPath,
    on: Annotated[str, typer.Option("--on", metavar="DATE", help="The session, for instance 2016-12-30.")],
    as_json: AsJson = False,
) -> None:
    """Show who belonged to the universe at the close of a session, and why the others did not."""
    loaded = _load(config)
    from quantdl.experiment.preparation import universe_of

    universe = universe_of(loaded)
    day, sessions = _day(on, "--on"), universe.panel.sessions
    if not sessions[0].date() <= day <= sessions[-1].date():
        raise DataError(f"--on {on}: the data runs {sessions[0]:%Y-%m-%d}..{sessions[-1]:%Y-%m-%d}. Give a day of it.")
    last = int(sessions.searchsorted(str(day), side="right")) - 1  # the session itself, or the one before it
    session = f"{sessions[last]:%Y-%m-%d}"
    table = universe.at(session).reset_index()
    rows = [dict(zip(table.columns, values, strict=True)) for values in table.itertuples(index=False)]
    if as_json:
        print_json({"session": session, "assets": rows})
    else:
        print_table(
            f"Universe at the close of {session}", list(table.columns), [list(record.values()) for record in rows]
        )


@app.command()
def evaluate(
    config: ConfigPath,
    output: Annotated[
        Path | None,
        typer.Option("--output", help="Folder to write scores, quantiles and figures into; must not exist."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Score the forecasts of the config's model beside those of the models under ``compare``.

    It is a look at the test span, and the ledger counts it.
    """
    loaded = _load(config)
    from quantdl.experiment import evaluate as score
    from quantdl.training.parallel import training_processes

    with training_processes() as processes:
        if not processes.is_first:
            score(loaded, output=None)
            return
        with progress_bars() as progress:
            table = score(loaded, progress, output)
    if as_json:
        print_json(table)
        return
    from quantdl.cli.evaluation import print_evaluation

    print_evaluation(table)
    if output is not None:
        typer.echo(output)


@app.command()
def forecast(
    config: ConfigPath,
    as_of: Annotated[
        str | None, typer.Option("--as-of", metavar="DATE", help="The session; the last one of the data by default.")
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", help="Folder to write; must not exist. forecast-NAME-DATE by default."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Tomorrow's law, value at risk and orders, as of the close of a session, as CSV; the last line is the folder.

    The config is carried out up to that session on data that end there, as a run would, and the strategy has held and
    ordered what it says from the first session of the test span on. It shows no performance and counts no trial.
    """
    loaded, day = _load(config), None if as_of is None else _day(as_of, "--as-of")
    if output is not None and output.exists():
        raise ConfigError(f"--output {output}: exists already; name a folder that does not.")
    from quantdl.cli.as_of import folder_of, print_as_of, print_as_of_json, write_as_of
    from quantdl.experiment.as_of import forecast_as_of
    from quantdl.experiment.unfinished import keeping_unfinished

    with keeping_unfinished(loaded), progress_bars() as progress:
        found = forecast_as_of(loaded, day, progress, lambda session: folder_of(loaded.name, session, output))
    folder = folder_of(loaded.name, found.session, output)
    write_as_of(found, folder)
    if as_json:
        print_as_of_json(found)
        return
    print_as_of(found)
    typer.echo(folder)


@app.command()
def risk(
    positions: Annotated[
        Path, typer.Argument(metavar="POSITIONS", help="CSV with the columns asset and quantity or value; a row CASH.")
    ],
    as_of: Annotated[
        str | None, typer.Option("--as-of", metavar="DATE", help="The session; the last one of the data by default.")
    ] = None,
    config: Annotated[
        Path | None, typer.Option("--config", help="YAML with data and model; bundled prices by default.")
    ] = None,
    trade: Annotated[
        list[str] | None, typer.Option("--trade", metavar="ASSET=MONEY", help="Compare with the book after a trade.")
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", help="Folder to write tables, JSON and report into; must not exist.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Value at risk and shortfall of a book that is held, what each position adds, and how long leaving it takes.

    Nothing after the close of the session is read. It runs no strategy, needs no plan and counts no trial.
    """
    day = None if as_of is None else _day(as_of, "--as-of")
    if not positions.is_file():
        raise ConfigError(f"{positions}: no such file; expected a CSV of positions.")
    if output is not None and output.exists():
        raise ConfigError(f"--output {output}: exists already; name a folder that does not.")
    from quantdl.cli.risk import bought, print_book_risk, write_book_risk

    wanted = bought(trade or ())
    from quantdl.config import load_risk_config
    from quantdl.risk.book.positions import read_positions

    settings, book = None if config is None else load_risk_config(config), read_positions(positions)
    from quantdl.experiment.book_risk import book_risk

    with progress_bars() as progress:
        record = book_risk(book, day, settings, wanted, progress)
    if output is not None:
        write_book_risk(record, output)
    if as_json:
        print_json(record)
        return
    print_book_risk(record)
    if output is not None:
        typer.echo(output)


@app.command()
def search(config: ConfigPath, as_json: AsJson = False) -> None:
    """Try the settings under ``search`` on the validation span, and print the trials; the test span is not read.

    A search that was ended goes on where it stood.
    """
    loaded = _load(config)
    from quantdl.experiment.search import search as find

    with progress_bars() as progress:
        found = find(loaded, progress)
    if as_json:
        print_json(found)
        return
    names = list(found.trials[0].values)
    rows = [
        (trial.number, trial.seed, *trial.values.values(), trial.epochs, trial.loss, trial.problem)
        for trial in found.trials
    ]
    print_table("Loss on the validation span [nats]", ["trial", "seed", *names, "epochs", "loss", "problem"], rows)
    if found.best is not None:
        typer.echo(f"best: trial {found.best.number}; take it over with")
        print_figures({"seed": found.best.seed, **found.best.values})


@app.command()
def sweep(
    configs: Annotated[list[Path], typer.Argument(metavar="CONFIG...", help="YAML files that describe runs.")],
    seeds: Annotated[int, typer.Option("--seeds", min=1, help="Seeds of each, from its own one up.")] = 1,
    workers: Annotated[int, typer.Option("--workers", min=1, help="Runs, or parts of a sweep, at a time.")] = 1,
    on_ray: Annotated[bool, typer.Option("--ray", help="Run on Ray instead of processes of this machine.")] = False,
    address: Annotated[str | None, typer.Option("--address", help="Head of a Ray cluster; goes with --ray.")] = None,
    as_json: AsJson = False,
) -> None:
    """Play every set of parameters of a config with a sweep, or carry out configs with several seeds side by side.

    A config with ``sweep`` is given alone: each set is a backtest under the plan, by default on the validation span,
    and a trial in the ledger; no run folder is written. Without one, every run writes its folder.

    Exit code 6 when a run or a set failed; the table says which, and why.
    """
    if address is not None and not on_ray:
        raise ConfigError("--address: names the head of a Ray cluster; give --ray as well.")
    loaded = [*map(_load, configs)]
    grids = [config for config in loaded if config.sweep is not None]
    if not grids and len(configs) == 1 and seeds == 1:
        raise ConfigError(
            f"{configs[0]}: has no sweep, and there is nothing else to carry out side by side. Write the values to try "
            "under `sweep:`, or give --seeds or several configs; `quantdl run` carries one out."
        )
    if grids and (len(configs) > 1 or seeds > 1):
        raise ConfigError(
            f"{grids[0].where('sweep')}: a config with a sweep is carried out alone and with its own seed. Give no "
            "other config and no --seeds, or take the sweep out."
        )
    from quantdl.runs.workers import ProcessWorkers, RayWorkers, Workers

    chosen: Workers = RayWorkers(workers, address) if on_ray else ProcessWorkers(workers)
    if grids:
        _sweep_grid(grids[0], chosen, workers, beside=workers > 1 or on_ray, as_json=as_json)
        return
    from quantdl.experiment.sweeping import sweep as carry_out_all

    with progress_bars() as progress:
        table = carry_out_all(configs, seeds, chosen, progress)
    if as_json:
        print_json(table)
    else:
        print_table("Runs", _SWEPT, map(row, table.rows))
    if any(line.code for line in table.rows):
        raise typer.Exit(RunError.exit_code)


def _sweep_grid(config: "ExperimentConfig", workers: "Workers", count: int, *, beside: bool, as_json: bool) -> None:
    from quantdl.cli.sweeps import print_sweep
    from quantdl.experiment.parameter_sweep import sweep_grid
    from quantdl.experiment.sweep_parts import OnWorkers

    alone = config.model is not None and not beside  # where the model is, it need not be read again
    with progress_bars() as progress:
        table = sweep_grid(config, progress, None if alone else OnWorkers(workers, count))
    if as_json:
        print_json(table)
    else:
        print_sweep(table)
    if any(line.state == "failed" for line in table.rows):
        raise typer.Exit(RunError.exit_code)


@app.command("sweep-part", hidden=True)
def sweep_part(request: Annotated[Path, typer.Argument(metavar="REQUEST", help="What a sweep asks for.")]) -> None:
    """Play a part of a sweep; `quantdl sweep` starts it."""
    from quantdl.experiment.sweep_parts import play_part

    play_part(request)


@app.command()
def backtest(config: ConfigPath, as_json: AsJson = False) -> None:
    """Run the backtest under its plan and print the figures, without writing a run."""
    loaded = _load(config)
    from quantdl.experiment import run_backtest_only

    with progress_bars() as progress:
        summary = run_backtest_only(loaded, progress)
    if as_json:
        print_json(summary)
    else:
        print_figures(summary)


@app.command()
def audit(
    config: ConfigPath,
    cuts: Annotated[
        int | None, typer.Option("--cuts", min=1, help="Decisions to verify through the whole pipeline; 16 by default.")
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="Verify every decision.")] = False,
    as_json: AsJson = False,
) -> None:
    """Prove that nothing decided at a close depends on data from after it, or name what does.

    The run is computed again in futures that differ from the true one after a decision, and compared bit for bit.
    CLEAN (exit code 0), LEAK (4) or INCONCLUSIVE (7). It runs the strategy file; it writes no run and counts no trial.
    """
    if every and cuts is not None:
        raise ConfigError("--all verifies every decision; leave --cuts out.")
    loaded = _load(config)
    from quantdl.audit.audit import CUTS
    from quantdl.cli.audit import print_audit
    from quantdl.experiment.auditing import audit_config

    with progress_bars() as progress:
        found = audit_config(loaded, None if every else cuts or CUTS, progress)
    if as_json:
        print_json(found)
    else:
        print_audit(found)
    if found.exit_code:
        raise typer.Exit(found.exit_code)


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
        print_json({"runs": entries})
    elif entries:
        lines = [(one.path, one.id, one.name, "failed" if one.failed else "", one.problem) for one in entries]
        print_table(str(root), ["run", "id", "name", "state", "problem"], lines)
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


@runs_app.command("compare")
def runs_compare(first: RunName, second: RunName, root: Root = Path("runs"), as_json: AsJson = False) -> None:
    """Show the figures of two runs side by side, and test their returns where the sessions match."""
    from quantdl.runs.store import find_run

    runs = find_run(root, first), find_run(root, second)
    from quantdl.experiment.comparing import compare_runs

    table = compare_runs(*runs)
    if as_json:
        print_json(table)
        return
    print_table("Figures", ["figure", runs[0].path.name, runs[1].path.name, "difference"], map(row, table.figures))
    found = table.returns
    tests = () if found is None else (("mean return [bp]", 1e4, found.mean), ("Sharpe", 1.0, found.sharpe))
    rows = [(name, x * test.mean, x * test.error, test.t, test.p_value) for name, x, test in tests if test is not None]
    if rows:
        print_table(
            f"First less second per bar, {table.bars} returns over the same bars, {table.start}..{table.end}",
            ["figure", "difference", "standard error", "t", "p"],
            rows,
        )
    if table.undefined:
        typer.echo(f"undefined: {table.undefined}")


@runs_app.command("verify")
def runs_verify(
    names: Annotated[list[str] | None, typer.Argument(metavar="RUN...", help="Runs; all when left out.")] = None,
    root: Root = Path("runs"),
    as_json: AsJson = False,
) -> None:
    """Compare runs with what was written, byte by byte; exit code 5 when something differs.

    Without a RUN, the ledger of trials and the returns kept beside it too.
    """
    from quantdl.runs.ledger import LEDGER
    from quantdl.runs.store import list_runs, run_path
    from quantdl.runs.verification import verify_ledger, verify_run

    paths = [run_path(root, name) for name in names or ()] or [entry.path for entry in list_runs(root)]
    problems = {str(path): list(verify_run(path)) for path in paths}
    if not names and (root / LEDGER).exists():
        problems[str(root / LEDGER)] = list(verify_ledger(root))
    if as_json:
        print_json({"problems": problems})
    for path, found in problems.items():
        for problem in found:
            typer.echo(f"{path}: {problem}", err=True)
        if not found and not as_json:
            typer.echo(f"{path}: intact")
    if any(problems.values()):
        raise typer.Exit(IntegrityError.exit_code)


@runs_app.command("reproduce")
def runs_reproduce(run: RunName, root: Root = Path("runs"), as_json: AsJson = False) -> None:
    """Carry a run out again from its own folder and compare every file; exit code 5 when one differs.

    Runs the strategy file in the run folder. What depends on the ledger, the clock and the machine is left out.
    """
    from quantdl.runs.store import find_run

    folder = find_run(root, run)
    from quantdl.experiment.reproducing import reproduce

    with progress_bars() as progress:
        found = reproduce(folder, progress)
    if as_json:
        print_json(found)
    for difference in found.differing:
        typer.echo(f"{difference.file}: {difference.detail}", err=True)
    if found.differing:
        for change in found.surroundings:
            typer.echo(f"not as it was: {change}", err=True)
        raise typer.Exit(IntegrityError.exit_code)
    if not as_json:
        typer.echo(f"{folder.path}: reproduced, {len(found.same)} files with the same bytes")


@runs_app.command("delete")
def runs_delete(
    run: RunName,
    root: Root = Path("runs"),
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Delete a run for good. The ledger of trials keeps its record."""
    from quantdl.runs.store import delete_run, run_path

    path = run_path(root, run)
    if not yes and not sys.stdin.isatty():
        raise ConfigError(f"{path}: nothing was deleted; say --yes where no terminal can confirm it.")
    if yes or typer.confirm(f"Delete {path}?"):
        delete_run(path)
        typer.echo(f"{path}: deleted")


def _load(path: Path, seed: int | None = None) -> "ExperimentConfig":
    from quantdl.config import load_config, with_values

    loaded = load_config(path)
    return loaded if seed is None or seed == loaded.seed else with_values(loaded, {"seed": seed})


def _day(text: str, option: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise ConfigError(f"{option}: given {text!r}; expected a date such as 2016-12-30.") from None


def _existing(path: Path) -> Path:
    if not path.exists():
        raise ConfigError(f"{path}: no such file or folder; expected a config (.yaml), CSV or Parquet.")
    return path


def _print_verdict(folder: Path) -> None:
    from quantdl.runs.store import open_run

    run = open_run(folder)
    checklist = run.read_json("checklist.json") if "checklist.json" in run.files else None
    if isinstance(checklist, dict):
        typer.echo(f"verdict: {checklist.get('verdict')}")
    census = run.read_json("census.json") if "census.json" in run.files else None
    counts = census.get("counts") if isinstance(census, dict) else None
    revised = counts.get("revision") if isinstance(counts, dict) else None
    if revised:
        typer.echo(f"revised: {revised:,} past values differ from the last ingest; the report names them")
    if "report.html" in run.files:
        typer.echo(f"report:  {folder / 'report.html'}")
