"""Looking at data before trading on it."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from quantdl.cli.commands.arguments import (
    AsJson,
    ConfigPath,
    DateFormatOption,
    DecimalOption,
    LayoutOption,
    NewestFirstOption,
    SeparatorOption,
    SkipRowsOption,
    SymbolOption,
    SymbolPatternOption,
    ThousandsOption,
    day_of,
    existing,
    file_format_of,
    load,
    of_options,
)
from quantdl.cli.completion import complete_config
from quantdl.cli.printing import print_json, print_table
from quantdl.errors import ConfigError, DataError, DataSettingsError

if TYPE_CHECKING:
    from quantdl.config import ForecastConfig


def data_check(
    target: Annotated[
        Path,
        typer.Argument(
            metavar="CONFIG|PATH",
            help="A config, a folder of CSV files, a CSV or a Parquet file.",
            autocompletion=complete_config,
        ),
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
    layout: LayoutOption = None,
    symbol: SymbolOption = None,
    symbol_pattern: SymbolPatternOption = None,
    separator: SeparatorOption = None,
    decimal: DecimalOption = None,
    thousands: ThousandsOption = None,
    date_format: DateFormatOption = None,
    skip_rows: SkipRowsOption = None,
    newest_first: NewestFirstOption = False,
    as_json: AsJson = False,
    whole: Annotated[
        bool, typer.Option("--all", help="Print every fault, every kind that was looked for and every figure.")
    ] = False,
) -> None:
    """Name every fault in the data, those first at which a run would stop, each with what to do. Nothing is repaired.

    A CONFIG may be that of a run, of the risk of a book, or a `data` block alone. Bars within a session need
    --frequency, --labelled and --anchored. Exit code 3 where a run would refuse the data: by the policies of the
    CONFIG, or of a PATH unless a config says otherwise.
    """
    is_config = target.suffix in (".yaml", ".yml")
    given: dict[str, object] = {"calendar": calendar, "labelled": labelled, "anchored": anchored, "times-in": times_in}
    given |= {"layout": layout, "symbol": symbol, "symbol-pattern": symbol_pattern, "separator": separator}
    given |= {"decimal": decimal, "thousands": thousands, "date-format": date_format, "skip-rows": skip_rows}
    given |= {"newest-first": newest_first or None}
    for option, value in given.items():
        if is_config and value is not None:
            raise ConfigError(f"--{option}: a config names its {option} itself; leave the option out.")
    if (labelled is None) != (anchored is None):
        raise ConfigError("--labelled and --anchored go together: say both for bars within a session.")
    written = file_format_of(
        layout, symbol, separator, decimal, thousands, date_format, skip_rows, newest_first=newest_first
    )
    from quantdl.config import load_prices_config

    checked: ForecastConfig | Path = load_prices_config(target) if is_config else existing(target)
    if isinstance(checked, Path):
        from quantdl.calendars.names import is_calendar, shipped_names, unknown_calendar
        from quantdl.config.early_checks import stated_calendar

        if not is_calendar(stated := stated_calendar(checked, calendar)):
            raise ConfigError(f"--calendar: {unknown_calendar(stated, shipped_names())}")
    from quantdl.cli.census import REFUSES, REFUSES_BY_DEFAULT, print_census, print_census_json, refusal
    from quantdl.experiment import check_data
    from quantdl.experiment.preparation import refused_rows
    from quantdl.market.card import IntradayBars
    from quantdl.market.inspection.policies import Policies
    from quantdl.market.inspection.treatment import faults_at_loading, refused_faults

    try:
        intraday = None if labelled is None or anchored is None else IntradayBars(labelled, anchored, times_in)
        options = calendar, frequency, intraday, written, symbol_pattern
        census = check_data(checked, *options)
    except DataSettingsError as error:  # those of a config are told by their keys
        raise of_options(error) from None
    bare = isinstance(checked, Path)
    policies = Policies() if isinstance(checked, Path) else checked.data.policies
    says, refused = REFUSES_BY_DEFAULT if bare else REFUSES, refused_faults(census, policies)
    if isinstance(checked, Path) or checked.data.at_loading() == "refuse":
        refused = (*faults_at_loading(census), *refused)
    if as_json:
        print_census_json(census, policies, refused)
    else:
        rows = refused_rows(checked, *options) if {*faults_at_loading(census)} & {*refused} else ()
        print_census(census, policies, refused, rows, whole=whole, says=says)
    if refused:
        typer.echo(refusal(refused, says), err=True)
        raise typer.Exit(DataError.exit_code)


def data_universe(
    config: ConfigPath,
    on: Annotated[str, typer.Option("--on", metavar="DATE", help="The session, for instance 2016-12-30.")],
    as_json: AsJson = False,
) -> None:
    """Show who belonged to the universe at the close of a session, and why the others did not."""
    loaded = load(config)
    from quantdl.experiment.preparation import universe_of

    universe = universe_of(loaded)
    day, sessions = day_of(on, "--on"), universe.panel.sessions
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
