"""The commands, a file a group. Each loads what it needs when it is called, so ``quantdl --help`` answers at once."""

from typing import Annotated

import typer

from quantdl import __version__
from quantdl.cli.commands import cache, config, data, judging, running, runs, starting, tomorrow, trying
from quantdl.cli.exits import Commands

__all__ = ["app"]

app = typer.Typer(
    cls=Commands,
    rich_markup_mode="markdown",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="From market prices to a defended risk report. One YAML file describes a run, one folder holds its result.",
)
data_app = typer.Typer(no_args_is_help=True, help="Look at data before trading on it.")
runs_app = typer.Typer(no_args_is_help=True, help="List, show, compare, verify, reproduce and delete stored runs.")
cache_app = typer.Typer(no_args_is_help=True, help="What is kept on the disk beside the runs, and what can go.")
config_app = typer.Typer(no_args_is_help=True, help="Show a config in full, and the schema that editors check it by.")
_BEGIN, _CARRY_OUT, _JUDGE, _TRY = "Begin", "Carry out", "Judge", "Try many"


@app.callback(invoke_without_command=True)
def _options(version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False) -> None:
    if version:
        typer.echo(f"quantdl {__version__}")
        raise typer.Exit


app.command(rich_help_panel=_BEGIN)(starting.init)
app.command(rich_help_panel=_BEGIN)(starting.doctor)
app.add_typer(config_app, name="config", rich_help_panel=_BEGIN)
app.add_typer(data_app, name="data", rich_help_panel=_BEGIN)
app.command(rich_help_panel=_CARRY_OUT)(running.run)
app.command(rich_help_panel=_CARRY_OUT)(running.backtest)
app.command(rich_help_panel=_CARRY_OUT)(tomorrow.forecast)
app.command(rich_help_panel=_CARRY_OUT)(tomorrow.risk)
app.command(rich_help_panel=_JUDGE)(judging.evaluate)
app.command(rich_help_panel=_JUDGE)(judging.audit)
app.command(rich_help_panel=_JUDGE)(judging.report)
app.add_typer(runs_app, name="runs", rich_help_panel=_JUDGE)
app.add_typer(cache_app, name="cache", rich_help_panel=_JUDGE)
app.command(rich_help_panel=_TRY)(trying.search)
app.command(rich_help_panel=_TRY)(trying.sweep)
app.command("sweep-part", hidden=True)(trying.sweep_part)
config_app.command("show")(config.config_show)
config_app.command("schema")(config.config_schema)
data_app.command("check")(data.data_check)
data_app.command("universe")(data.data_universe)
runs_app.command("list")(runs.runs_list)
runs_app.command("show")(runs.runs_show)
runs_app.command("compare")(runs.runs_compare)
runs_app.command("verify")(runs.runs_verify)
runs_app.command("reproduce")(runs.runs_reproduce)
runs_app.command("delete")(runs.runs_delete)
cache_app.command("show")(cache.cache_show)
cache_app.command("clear")(cache.cache_clear)
