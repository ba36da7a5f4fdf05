"""Trying many: settings of a model, parameters of a strategy, several configs and seeds."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from quantdl.cli.commands.arguments import AsJson, ConfigPath, Quiet, Verbose, load
from quantdl.cli.completion import complete_config
from quantdl.cli.going_on import saying_how_to_go_on, search_kept, sweep_kept
from quantdl.cli.origins import say_what_is_read
from quantdl.cli.printing import print_figures, print_json, print_table, row
from quantdl.cli.progress import Progress, told
from quantdl.cli.saying import say
from quantdl.errors import ConfigError, RunError

if TYPE_CHECKING:
    from quantdl.config import ExperimentConfig
    from quantdl.experiment.grid_table import GridTable
    from quantdl.experiment.sweeping import SweepTable
    from quantdl.runs.workers import Workers

_SWEPT = ("config", "seed", "verdict", "Sharpe", "validation loss [nats]", "run", "exit code", "problem")


def search(config: ConfigPath, as_json: AsJson = False, quiet: Quiet = False, verbose: Verbose = False) -> None:
    """Try the settings under ``search`` on the validation span, and print the trials; the test span is not read.

    A search that was ended goes on where it stood.
    """
    loaded = load(config)
    from quantdl.config.early_checks import stated_search

    stated_search(loaded)
    if verbose:
        say_what_is_read(loaded)
    from quantdl.experiment.search import search as find

    kept = saying_how_to_go_on(lambda: search_kept(loaded.runs_root))
    with kept, told(quiet=quiet, verbose=verbose) as progress:
        found = find(loaded, progress)
    if as_json:
        print_json(found)
        return
    best = {} if found.best is None else {"seed": found.best.seed, **found.best.values}
    if quiet:
        say(", ".join(f"{name}: {value}" for name, value in best.items()) or "no trial could be fitted")
        return
    names = list(found.trials[0].values)
    rows = [
        (trial.number, trial.seed, *trial.values.values(), trial.epochs, trial.loss, trial.problem)
        for trial in found.trials
    ]
    print_table("Loss on the validation span [nats]", ["trial", "seed", *names, "epochs", "loss", "problem"], rows)
    if found.best is not None:
        say(f"best: trial {found.best.number}; take it over with")
        print_figures(best)


def sweep(
    configs: Annotated[
        list[Path],
        typer.Argument(metavar="CONFIG...", help="YAML files that describe runs.", autocompletion=complete_config),
    ],
    seeds: Annotated[int, typer.Option("--seeds", min=1, help="Seeds of each, from its own one up.")] = 1,
    workers: Annotated[int, typer.Option("--workers", min=1, help="Runs, or parts of a sweep, at a time.")] = 1,
    on_ray: Annotated[bool, typer.Option("--ray", help="Run on Ray instead of processes of this machine.")] = False,
    address: Annotated[str | None, typer.Option("--address", help="Head of a Ray cluster; goes with --ray.")] = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Play every set of parameters of a config with a sweep, or carry out configs with several seeds side by side.

    A config with ``sweep`` is given alone: each set is a backtest under the plan, by default on the validation span,
    and a trial in the ledger; no run folder is written. Without one, every run writes its folder.

    Exit code 6 when a run or a set failed; the table says which, and why.
    """
    if address is not None and not on_ray:
        raise ConfigError("--address: names the head of a Ray cluster; give --ray as well.")
    loaded = [*map(load, configs)]
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
    if verbose:
        for one in loaded:
            say_what_is_read(one)
    kept = saying_how_to_go_on(lambda: sweep_kept(loaded[0].runs_root))
    with kept, told(quiet=quiet, verbose=verbose) as progress:
        if grids:
            table: GridTable | SweepTable = _grid(grids[0], chosen, workers, progress, beside=workers > 1 or on_ray)
        else:
            from quantdl.experiment.sweeping import sweep as carry_out_all

            table = carry_out_all(configs, seeds, chosen, progress)
    if as_json:
        print_json(table)
    else:
        _print_swept(table, quiet=quiet)
    if any(getattr(line, "state", "") == "failed" or getattr(line, "code", 0) for line in table.rows):
        raise typer.Exit(RunError.exit_code)


def _grid(
    config: "ExperimentConfig", workers: "Workers", count: int, progress: Progress, *, beside: bool
) -> "GridTable":
    from quantdl.experiment.parameter_sweep import sweep_grid
    from quantdl.experiment.sweep_parts import OnWorkers

    alone = config.model is not None and not beside  # where the model is, it need not be read again
    return sweep_grid(config, progress, None if alone else OnWorkers(workers, count))


def _print_swept(table: "GridTable | SweepTable", *, quiet: bool) -> None:
    from quantdl.cli.sweeps import best_line, print_sweep
    from quantdl.experiment.grid_table import GridTable

    if isinstance(table, GridTable):
        if quiet:
            say(best_line(table))
        else:
            print_sweep(table)
    elif quiet:
        failed = sum(bool(line.code) for line in table.rows)
        say(f"{len(table.rows) - failed} of {len(table.rows)} runs written")
    else:
        print_table("Runs", _SWEPT, map(row, table.rows))


def sweep_part(request: Annotated[Path, typer.Argument(metavar="REQUEST", help="What a sweep asks for.")]) -> None:
    """Play a part of a sweep; `quantdl sweep` starts it."""
    from quantdl.experiment.sweep_parts import play_part

    play_part(request)
