"""Carrying out what a config describes: the whole run, or its backtest alone."""

from pathlib import Path
from typing import Annotated

import typer

from quantdl.cli.commands.arguments import AsJson, ConfigPath, load
from quantdl.cli.printing import print_figures, print_json, progress_bars


def run(
    config: ConfigPath,
    output: Annotated[Path | None, typer.Option("--output", help="The run folder to write; must not exist.")] = None,
    seed: Annotated[int | None, typer.Option("--seed", help="Seed, instead of that of the config.")] = None,
) -> None:
    """Data, training, forecasts, backtest and report; the last line printed is the run folder.

    Runs the strategy file that the config names. A run that was killed goes on with its training when it is started
    again. Under torchrun several processes train together; the first one writes.
    """
    loaded = load(config, seed)
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


def backtest(config: ConfigPath, as_json: AsJson = False) -> None:
    """Run the backtest under its plan and print the figures, without writing a run."""
    loaded = load(config)
    from quantdl.experiment import run_backtest_only

    with progress_bars() as progress:
        summary = run_backtest_only(loaded, progress)
    if as_json:
        print_json(summary)
    else:
        print_figures(summary)


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
