"""What a law says as of a session: of a strategy's orders, and of a book that somebody holds."""

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from quantdl.cli.commands.arguments import AsJson, ConfigPath, Quiet, Verbose, day_of, load_with_strategy, new_folder
from quantdl.cli.completion import complete_config
from quantdl.cli.going_on import nothing_kept, saying_how_to_go_on, training_kept
from quantdl.cli.origins import say_what_is_read
from quantdl.cli.printing import print_json
from quantdl.cli.progress import told
from quantdl.errors import ConfigError

if TYPE_CHECKING:
    from quantdl.config import RiskConfig
    from quantdl.risk.book.positions_file import Positions


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
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Tomorrow's law, value at risk and orders, as of the close of a session, as CSV; the last line is the folder.

    The config is carried out up to that session on data that end there, as a run would, and the strategy has held and
    ordered what it says from the first session of the test span on. It shows no performance and counts no trial.
    """
    loaded, day = load_with_strategy(config), None if as_of is None else day_of(as_of, "--as-of")
    new_folder(output)
    from quantdl.cli.as_of import folder_of, print_as_of, print_as_of_json, write_as_of
    from quantdl.experiment.as_of import forecast_as_of
    from quantdl.experiment.unfinished import keeping_unfinished

    if verbose:
        say_what_is_read(loaded)
    interruptible = saying_how_to_go_on(lambda: training_kept(loaded))
    with interruptible, keeping_unfinished(loaded), told(quiet=quiet, verbose=verbose) as progress:
        found = forecast_as_of(loaded, day, progress, lambda session: folder_of(loaded.name, session, output))
    folder = folder_of(loaded.name, found.session, output)
    write_as_of(found, folder)
    if as_json:
        print_as_of_json(found)
        return
    if verbose:
        typer.echo(f"fitted through: {found.fitted_through or 'nothing, there is no model'}", err=True)
    if not quiet:
        print_as_of(found)
    typer.echo(folder)


def risk(
    positions: Annotated[
        Path, typer.Argument(metavar="POSITIONS", help="CSV with the columns asset and quantity or value; a row CASH.")
    ],
    as_of: Annotated[
        str | None, typer.Option("--as-of", metavar="DATE", help="The session; the last one of the data by default.")
    ] = None,
    config: Annotated[
        Path | None,
        typer.Option(
            "--config", help="YAML with data and model; bundled prices by default.", autocompletion=complete_config
        ),
    ] = None,
    trade: Annotated[
        list[str] | None, typer.Option("--trade", metavar="ASSET=MONEY", help="Compare with the book after a trade.")
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", help="Folder to write tables, JSON and report into; must not exist.")
    ] = None,
    excel: Annotated[
        Path | None, typer.Option("--excel", metavar="FILE.xlsx", help="Write every table as a sheet of Excel.")
    ] = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Value at risk and shortfall of a book that is held, what each position adds, and how long leaving it takes.

    Nothing after the close of the session is read. It runs no strategy, needs no plan and counts no trial.
    """
    day = None if as_of is None else day_of(as_of, "--as-of")
    if not positions.is_file():
        what = "is a folder" if positions.is_dir() else "no such file"
        raise ConfigError(f"{positions}: {what}; expected a CSV of positions.")
    new_folder(output)
    from quantdl.cli.risk import bought, print_book_risk, print_highest_risk, write_book_risk

    wanted = bought(trade or ())
    settings = None if config is None else _risk_config(config)
    book = _book_of(positions, day, settings)
    from quantdl.experiment.book_risk import book_risk
    from quantdl.results.book_risk import book_risk_tables
    from quantdl.results.spreadsheets import check_workbook, write_workbook

    if excel is not None:
        check_workbook(excel)  # before the work begins
    if verbose:
        typer.echo(f"read: positions {positions}", err=True)
        if settings is not None:
            say_what_is_read(settings)
    with saying_how_to_go_on(nothing_kept), told(quiet=quiet, verbose=verbose) as progress:
        record = book_risk(book, day, settings, wanted, progress)
    if output is not None:
        write_book_risk(record, output)
    if excel is not None:
        write_workbook(book_risk_tables(record).items(), excel)
    if day not in (None, record.basis.session) and (as_json or quiet):
        typer.echo(record.notes[0], err=True)  # that it is no session; else it is among what is printed
    if as_json:
        print_json(record)
        return
    if verbose:
        typer.echo(f"fitted through: {record.basis.fitted_through}", err=True)
    if not quiet:
        print_book_risk(record)
    elif output is None:
        print_highest_risk(record)
    for written in (output, excel):
        if written is not None:
            typer.echo(written)


def _risk_config(path: Path) -> "RiskConfig":
    from quantdl.config import load_risk_config

    return load_risk_config(path)


def _book_of(path: Path, day: date | None, settings: "RiskConfig | None") -> "Positions":
    """Read a file of positions; where rows are faulty, the prices are asked what is wrong with the others."""
    from quantdl.risk.book.positions_file import FaultyPositionsError, read_positions

    try:
        return read_positions(path)
    except FaultyPositionsError as error:
        from quantdl.experiment.book_risk import positions_refusal

        raise positions_refusal(error, day, settings) from None
