"""Beginning: a project that runs, and whether everything is there that it needs."""

import sys
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from quantdl.cli.commands.arguments import (
    AsJson,
    DateFormatOption,
    DecimalOption,
    LayoutOption,
    NewestFirstOption,
    Root,
    SeparatorOption,
    SkipRowsOption,
    SymbolOption,
    SymbolPatternOption,
    ThousandsOption,
    file_format_of,
)
from quantdl.cli.printing import print_json
from quantdl.errors import ConfigError, RunError

if TYPE_CHECKING:
    from quantdl.experiment.starting.market_facts import MarketFacts
    from quantdl.experiment.starting.project import Project

_YES = typer.Option("--yes", help="Ask nothing: take the answers to begin from, which the files show.")


def init(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Of the strategy and its files.")],
    into: Annotated[Path, typer.Option("--into", metavar="FOLDER", help="Where the files go.")] = Path(),
    data: Annotated[
        Path | None,
        typer.Option("--data", metavar="PATH", help="Daily bars of your own: a folder of CSV files, a CSV or Parquet."),
    ] = None,
    calendar: Annotated[str | None, typer.Option(help="Trading calendar of --data, for instance XNYS or 24/7.")] = None,
    layout: LayoutOption = None,
    symbol: SymbolOption = None,
    symbol_pattern: SymbolPatternOption = None,
    separator: SeparatorOption = None,
    decimal: DecimalOption = None,
    thousands: ThousandsOption = None,
    date_format: DateFormatOption = None,
    skip_rows: SkipRowsOption = None,
    newest_first: NewestFirstOption = False,
    adjustment: Annotated[
        Literal["raw", "split", "total_return"] | None,
        typer.Option(help="What the prices of --data are adjusted for; nothing in them tells."),
    ] = None,
    yes: Annotated[bool, _YES] = False,
) -> None:
    """Write a strategy, its plan and a config that run, on the bundled prices or on files of your own.

    On a terminal it asks what only you can decide: the items of the plan, each with an answer to begin from. Nothing
    is ever overwritten.
    """
    written = file_format_of(
        layout, symbol, separator, decimal, thousands, date_format, skip_rows, newest_first=newest_first
    )
    about = {"calendar": calendar, "adjustment": adjustment, "symbol_pattern": symbol_pattern, **vars(written)}
    stated = [f"--{name.replace('_', '-')}" for name, value in about.items() if value is not None]
    if data is None and stated:
        raise ConfigError(f"{stated[0]}: says what --data holds; give --data as well.")
    if not yes and not sys.stdin.isatty():
        raise ConfigError(
            "no terminal can answer questions here; say --yes to begin from the answers shown in the files."
        )
    if data is not None and not data.exists():
        raise ConfigError(f"--data {data}: no such file or folder.")
    from quantdl.config.early_checks import check_project_name, stated_calendar

    check_project_name(name)
    if data is not None and yes:
        stated_calendar(data, calendar)
    from quantdl.experiment.starting.project import Project

    project = Project(name, into)
    project.refuse_existing()
    if data is not None and calendar is None and not yes:
        calendar = typer.prompt("Trading calendar of the prices, such as XNYS for New York or 24/7")
    from quantdl.experiment.starting.market_facts import bundled_facts, facts_of_files

    facts = bundled_facts() if data is None else facts_of_files(data, calendar, written, symbol_pattern, adjustment)
    _write(project, facts, ask_all=not yes)


def _write(project: "Project", facts: "MarketFacts", *, ask_all: bool) -> None:
    from quantdl.cli.asking import ask, default_answers
    from quantdl.experiment.starting.project import config_text, draft_faults, open_questions, write_project
    from quantdl.experiment.starting.questions import questions

    asked = questions(project.name, facts)
    try:
        answers = (
            ask(asked, lambda given: draft_faults(project, facts, config_text(project, facts, given)))
            if ask_all
            else default_answers(asked)
        )
    except typer.Abort:
        raise KeyboardInterrupt from None
    text = config_text(project, facts, answers)
    written, left = write_project(project, text), open_questions(text)
    for path in written:
        typer.echo(f"wrote {path}")
    if left:
        typer.echo(f"\nOnly you can say, and a run may be refused until it is said; in {project.config}:")
        for line in left:
            typer.echo("\n".join(textwrap.wrap(line, 78, initial_indent="  ", subsequent_indent="    ")))
    typer.echo("\nnext:")
    for command, purpose in (
        ("data check", "what is wrong with the prices"),
        ("run", "fit, backtest, report"),
        ("audit", "whether anything decided looks ahead"),
    ):
        typer.echo(f"  quantdl {command} {project.config}  # {purpose}")


def doctor(root: Root = Path("runs"), as_json: AsJson = False) -> None:
    """Look at the installation, the machine, data and folders: what works, what is slow and why, and what to do.

    Exit code 6 where something that a run needs is broken.
    """
    from quantdl.cli.checkup import checkup
    from quantdl.cli.doctor import print_findings, waiting

    with waiting() as look:
        findings = tuple(checkup(root, look))
    if as_json:
        print_json({"broken": sum(one.state == "broken" for one in findings), "findings": findings})
    else:
        print_findings(findings)
    if any(one.state == "broken" for one in findings):
        raise typer.Exit(RunError.exit_code)
