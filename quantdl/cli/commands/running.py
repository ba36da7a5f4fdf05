"""Carrying out what a config describes: the whole run, or its backtest alone."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from quantdl.cli.commands.arguments import AsJson, ConfigPath, Quiet, Verbose, load_with_strategy
from quantdl.cli.going_on import saying_how_to_go_on, training_kept
from quantdl.cli.origins import say_what_is_read, say_what_was_used
from quantdl.cli.printing import plain, print_json, print_sentences
from quantdl.cli.progress import told
from quantdl.cli.saying import say
from quantdl.cli.stored import contents_of, fitted_through, print_stored

if TYPE_CHECKING:
    from quantdl.runs.store import RunFolder


def run(
    config: ConfigPath,
    output: Annotated[Path | None, typer.Option("--output", help="The run folder to write; must not exist.")] = None,
    seed: Annotated[int | None, typer.Option("--seed", help="Seed, instead of that of the config.")] = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Data, training, forecasts, backtest and report; the last line printed is the run folder.

    Runs the strategy file that the config names. A run that was killed goes on with its training when it is started
    again. Under torchrun several processes train together; the first one writes.
    """
    loaded = load_with_strategy(config, seed)
    if verbose:
        say_what_is_read(loaded)
    from quantdl.experiment import carry_out, run_experiment
    from quantdl.runs.store import open_run
    from quantdl.training.parallel import training_processes

    with training_processes() as processes, saying_how_to_go_on(lambda: training_kept(loaded)):
        if not processes.is_first:
            carry_out(loaded)
            return
        with told(quiet=quiet, verbose=verbose) as progress:
            folder = run_experiment(loaded, output, progress)
    written = open_run(folder)
    if verbose:
        say_what_was_used(contents_of(written).get("card", {}), fitted_through(written))
    if as_json:
        print_json(contents_of(written))
        return
    if not quiet:
        print_stored(written)
        _print_revised(written)
    typer.echo(folder)


def backtest(config: ConfigPath, as_json: AsJson = False, quiet: Quiet = False, verbose: Verbose = False) -> None:
    """Run the backtest under its plan and print what it found, without writing a run; the last line is the verdict.

    Its figures were seen, so the ledger counts it as a trial.
    """
    loaded = load_with_strategy(config)
    if verbose:
        say_what_is_read(loaded)
    from quantdl.experiment import run_backtest_only

    with saying_how_to_go_on(lambda: training_kept(loaded)), told(quiet=quiet, verbose=verbose) as progress:
        summary = run_backtest_only(loaded, progress)
    found = plain(summary)
    assert isinstance(found, dict)  # a record is one
    if verbose:
        say_what_was_used(found["data"], summary.fitted_through)
    if as_json:
        print_json(found)
        return
    if not quiet:
        from quantdl.cli.results import print_result

        span = {"first": loaded.plan.sample.first, "last": loaded.plan.sample.last}
        print_result(found["verdict"], found["metrics"], found["breakdowns"], found["selection"], span)
        print_sentences(
            f"No run was written: `quantdl run {config}` writes one with its report; --json prints every figure."
        )
    say(f"verdict: {summary.checklist.verdict}")


def _print_revised(run: "RunFolder") -> None:
    census = run.read_json("census.json") if "census.json" in run.files else None
    counts = census.get("counts") if isinstance(census, dict) else None
    revised = counts.get("revision") if isinstance(counts, dict) else None
    if revised:
        say(f"revised: {revised:,} past values differ from the last ingest; the report names them")
