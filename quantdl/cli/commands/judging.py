"""Judging a model by its forecasts, a pipeline by whether it looks ahead, and a run by its report."""

from pathlib import Path
from typing import Annotated

import typer

from quantdl.cli.commands.arguments import (
    AsJson,
    ConfigPath,
    Quiet,
    Root,
    Verbose,
    load,
    load_with_strategy,
    new_folder,
)
from quantdl.cli.completion import complete_run
from quantdl.cli.going_on import nothing_kept, saying_how_to_go_on, training_kept
from quantdl.cli.origins import say_what_is_read
from quantdl.cli.printing import print_json
from quantdl.cli.progress import told
from quantdl.errors import ConfigError


def evaluate(
    config: ConfigPath,
    output: Annotated[
        Path | None,
        typer.Option("--output", help="Folder to write scores, quantiles and figures into; must not exist."),
    ] = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Score the forecasts of the config's model beside those of the models under ``compare``.

    It is a look at the test span, and the ledger counts it.
    """
    new_folder(output)
    loaded = load(config)
    if verbose:
        say_what_is_read(loaded)
    from quantdl.experiment import evaluate as score
    from quantdl.training.parallel import training_processes

    with training_processes() as processes, saying_how_to_go_on(lambda: training_kept(loaded)):
        if not processes.is_first:
            score(loaded, output=None)
            return
        with told(quiet=quiet, verbose=verbose) as progress:
            table = score(loaded, progress, output)
    if as_json:
        print_json(table)
        return
    if not quiet:
        from quantdl.cli.evaluation import print_evaluation

        print_evaluation(table)
    elif output is None:
        typer.echo(f"looks at this span of this data: {table.looks}")
    if output is not None:
        typer.echo(output)


def audit(
    config: ConfigPath,
    cuts: Annotated[
        int | None, typer.Option("--cuts", min=1, help="Decisions to verify through the whole pipeline; 16 by default.")
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="Verify every decision.")] = False,
    as_json: AsJson = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Prove that nothing decided at a close depends on data from after it, or name what does.

    The run is computed again in futures that differ from the true one after a decision, and compared bit for bit.
    CLEAN (exit code 0), LEAK (4) or INCONCLUSIVE (7). It runs the strategy file; it writes no run and counts no trial.
    """
    if every and cuts is not None:
        raise ConfigError("--all verifies every decision; leave --cuts out.")
    loaded = load_with_strategy(config)
    if verbose:
        say_what_is_read(loaded)
    from quantdl.audit.audit import CUTS
    from quantdl.cli.audit import print_audit
    from quantdl.experiment.auditing import audit_config

    with saying_how_to_go_on(nothing_kept), told(quiet=quiet, verbose=verbose) as progress:
        found = audit_config(loaded, None if every else cuts or CUTS, progress)
    if as_json:
        print_json(found)
    elif quiet:
        typer.echo(found.verdict)
    else:
        print_audit(found)
    if found.exit_code:
        raise typer.Exit(found.exit_code)


def report(
    names: Annotated[
        list[str],
        typer.Argument(metavar="RUN...", help="One run, or several to compare.", autocompletion=complete_run),
    ],
    output: Annotated[Path | None, typer.Option("--output", help="The HTML file to write.")] = None,
    pdf: Annotated[bool, typer.Option("--pdf", help="Print it as PDF too, beside it; needs Chromium.")] = False,
    csv: Annotated[
        Path | None, typer.Option("--csv", metavar="FOLDER", help="Write every table as CSV, into a new folder.")
    ] = None,
    excel: Annotated[
        Path | None, typer.Option("--excel", metavar="FILE.xlsx", help="Write every table as a sheet of Excel.")
    ] = None,
    root: Root = Path("runs"),
) -> None:
    """Write the report of a run, or the comparison of several, as one HTML file; the last line is its path.

    With --csv or --excel the tables of one run, or of an evaluation, are written instead; with --output or --pdf, both.
    What needs a program or a package that is not there is refused last, when everything else is written.
    """
    from quantdl.cli.exporting import written
    from quantdl.runs.store import find_run

    found = [find_run(root, name) for name in names]
    for path in written(found, output, csv, excel, as_pdf=pdf):
        typer.echo(path)
