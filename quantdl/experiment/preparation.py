"""From the data block of a config to a panel with its census taken, its policies applied and its universe known."""

from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd

from quantdl.config import ExperimentConfig, ForecastConfig
from quantdl.errors import DataError
from quantdl.experiment.loading import load_bare, load_panel
from quantdl.experiment.series import load_series, read_at, refuse_stale
from quantdl.features import FeatureTable, feature_table
from quantdl.features.settings import FeatureSettings
from quantdl.market.card import IntradayBars
from quantdl.market.corporate.adjustment import adjusted
from quantdl.market.corporate.confirmation import confirmed_prices
from quantdl.market.exchanges.currencies import ExchangeRate, in_currency, load_exchange_rate
from quantdl.market.inspection.census import Census, take_census
from quantdl.market.inspection.policies import Policies
from quantdl.market.inspection.treatment import apply_policies
from quantdl.market.panel import Panel
from quantdl.market.reading.row_faults import FaultyDataError, RowFault
from quantdl.market.series.exogenous import ExogenousSeries
from quantdl.market.sources.file_format import PLAIN_FILES, FileFormat
from quantdl.market.sources.settings import AlignedPrices
from quantdl.market.universe.eligibility import Universe, universe_as_of, with_universe
from quantdl.market.universe.rule import UniverseRule


@dataclass(frozen=True, eq=False)
class LoadedData:
    """Prices as they will be used, and what was wrong with them as they came.

    Attributes:
        panel: After the policies: what the backtest plays, raw prices with their corporate actions included.
        returns: What features and models read: the same prices as total returns, where splits and dividends are not in
            them yet, adjusted forward so that a price is a function of its own past.
        census: Of the data before the policies.
        series: Series beside the prices, by name.
        exchange_rates: Rates at which prices were converted to the currency of the book, if any.
        universe: Who belonged to the universe as of each bar, where the config has a rule.
        unconfirmed_beyond: How many times the last close a price may be before the next bar must confirm it.
    """

    panel: Panel
    returns: Panel
    census: Census
    series: dict[str, ExogenousSeries]
    exchange_rates: tuple[ExchangeRate, ...]
    universe: Universe | None
    unconfirmed_beyond: float

    @cached_property
    def confirmed_returns(self) -> Panel:
        """``returns`` without the bars that no later one has confirmed: past losses and regimes are read from it.

        On it the return over a bad print counts once, from the close before it to the close after it.
        """
        confirmed = confirmed_prices(self.panel, self.unconfirmed_beyond).panel
        return self.returns if confirmed is self.panel else _total_returns(confirmed)

    @cached_property
    def trades(self) -> np.ndarray:
        """(T,) whether any asset traded in the session."""
        return np.asarray(self.returns.traded.any(axis=1))

    @cached_property
    def learnt(self) -> Panel:
        """``returns`` in the sessions in which anything traded, which is what models count in.

        On this axis the session after a Friday is the Monday, whether or not the calendar has a Sunday on which nothing
        trades, and so a label ends where it says.
        """
        return self.returns if self.trades.all() else self.returns.at(self.trades)


def load_data(config: ExperimentConfig, keep_ingest: bool = True) -> LoadedData:
    """Load, select, count the faults, apply the policies, convert to the currency of the book and judge the universe.

    What the data says differently from the last vintage beside the runs is in the census. Faults are looked for in the
    prices as they were quoted: a price that stands still in yen moves in dollars.

    Args:
        config: Of the run.
        keep_ingest: Whether what was loaded is kept as a vintage, if it differs from the last one.

    Raises:
        DataError: If the data cannot be read, a fault is to be refused, nothing is left, or a series beside the prices
            is too old in the test span.
        IntegrityError: If the vintage of the last run is not what was written.
    """
    return data_of(config, read_sources(config, keep_ingest))


def data_of(config: ExperimentConfig, source: "SourceData") -> LoadedData:
    """Return what `load_data` does, from sources that are read already.

    Raises:
        DataError: As `load_data`.
    """
    data = prepared(config, source)
    before_test = _before_test(config, source.panel)
    read = _read_in_test(config, data.panel, max(before_test, 0))
    calendar = data.panel.card.declaration.trading_calendar()
    refuse_stale(config, data.series, data.panel.bars[read], calendar, read_at(data.panel, read))
    return data


@dataclass(frozen=True, eq=False)
class SourceData:
    """What the sources of a config say, before anything is done to it.

    Attributes:
        panel: Prices as loaded and selected.
        series: Series beside the prices, by name.
        exchange_rates: Rates at which prices are converted.
    """

    panel: Panel
    series: dict[str, ExogenousSeries]
    exchange_rates: tuple[ExchangeRate, ...]


def read_sources(config: ForecastConfig, keep_ingest: bool = True) -> SourceData:
    """Load and select what a config names.

    Args:
        config: Of the run.
        keep_ingest: Whether what was loaded is kept as a vintage, if it differs from the last one.

    Raises:
        DataError: If the data cannot be read, or a run cannot trade its bars.
        IntegrityError: If the vintage of the last run is not what was written.
    """
    return source_of(config, load_panel(config, config.data.at_loading(), keep_ingest=keep_ingest))


def source_of(config: ForecastConfig, panel: Panel) -> SourceData:
    """Return what `read_sources` does for prices that are loaded already.

    Raises:
        DataError: If a series beside them cannot be read, or a run cannot trade their bars.
    """
    if isinstance(config, ExperimentConfig):
        _refuse_unfit(config, panel)
    return SourceData(panel, load_series(config), _exchange_rates(config))


def prepared(config: ExperimentConfig, source: SourceData) -> LoadedData:
    """Count the faults, apply the policies, convert to the currency of the book and judge the universe.

    Raises:
        DataError: If a fault is to be refused, or nothing is left.
    """
    judged_through = source.panel.sessions[max(_before_test(config, source.panel), 0)]
    return prepared_through(config, source, judged_through, config.plan.trusted_data.unconfirmed_beyond)


def prepared_through(
    config: ForecastConfig, source: SourceData, judged_through: pd.Timestamp, beyond: float
) -> LoadedData:
    """Return what `prepared` does, for a config with or without a test span.

    Args:
        config: Names the policies.
        source: What they are applied to.
        judged_through: Last session in which a cell may be judged by later ones.
        beyond: How many times the last close a price may be before the next bar must confirm it.

    Raises:
        DataError: As `prepared`.
    """
    return treated(source, _treatment(config), judged_through, beyond)


@dataclass(frozen=True)
class Treatment:
    """What is done to prices before anything learns from them.

    Attributes:
        policies: What is done about each kind of fault.
        eligibility: Who belongs to the universe; its file as seen from the working directory. None for every listed
            asset.
        book_currency: Currency that prices are converted to; None for none.
        rates_at: Where the exchange rates are named, for a message.
    """

    policies: Policies = Policies()
    eligibility: UniverseRule | None = None
    book_currency: str | None = None
    rates_at: str = "exchange_rates"


def treated(source: SourceData, treatment: Treatment, judged_through: pd.Timestamp, beyond: float) -> LoadedData:
    """Count the faults, apply the policies, convert to the currency of the book and judge the universe.

    Args:
        source: What this is done to.
        treatment: What is done.
        judged_through: Last session in which a cell may be judged by later ones.
        beyond: How many times the last close a price may be before the next bar must confirm it.

    Raises:
        DataError: If a fault is to be refused, or nothing is left.
    """
    census = take_census(source.panel)
    masked = apply_policies(source.panel, census, treatment.policies, judged_through)
    money = _in_book_currency(masked, treatment, source.exchange_rates)
    universe = _universe(money, treatment.eligibility, beyond)
    final = money if universe is None else with_universe(money, universe)
    return LoadedData(final, _total_returns(final), census, source.series, source.exchange_rates, universe, beyond)


def _treatment(config: ForecastConfig) -> Treatment:
    """What a config says of it, its file of members located."""
    data, rule = config.data, config.data.eligibility
    if rule is not None and rule.membership is not None:
        rule = replace(rule, membership=config.locate_data(rule.membership, "data", "eligibility", "membership"))
    return Treatment(data.policies, rule, data.book_currency, config.where("data", "exchange_rates"))


def _before_test(config: ExperimentConfig, panel: Panel) -> int:
    """Number of the last bar before the test span; -1 where there is none."""
    return int(panel.sessions.searchsorted(pd.Timestamp(config.splits.test_start))) - 1


def model_inputs(config: ForecastConfig, data: LoadedData) -> FeatureTable:
    """Return the features that the config's models read, on the axis of `LoadedData.learnt`.

    Bars on which no asset trades (a Sunday of an FX calendar, a weekend of ``24/7``) are no sessions: they do not count
    among those that a return spans, nor in what is followed from session to session (the market, series beside the
    prices). The windows of an asset count its own bars in any case.

    Raises:
        DataError: If the prices lack what a group of features needs.
    """
    return inputs_of(config.features, data)


def inputs_of(features: FeatureSettings, data: LoadedData) -> FeatureTable:
    """Return the features that settings name, as `model_inputs` does for a config.

    Raises:
        DataError: If the prices lack what a group of features needs.
    """
    series = tuple(data.series[name] for name in features.exogenous)
    return feature_table(data.learnt, features.groups, series)


def check_data(
    target: ForecastConfig | Path,
    calendar: str | None = None,
    frequency: str = "1D",
    intraday: IntradayBars | None = None,
    file_format: FileFormat = PLAIN_FILES,
    symbol_pattern: str | None = None,
) -> Census:
    """Take the census of a config's data or of a bare folder or file; faults are counted, not refused.

    For a config, what the data says differently from its last run is among the faults.

    Args:
        target: A config, a folder of CSV files, a CSV file or a Parquet file.
        calendar: Trading calendar of a bare path, for instance ``"XNYS"``.
        frequency: Length of a bar in a bare path.
        intraday: How bars shorter than a session are cut and dated in a bare path.
        file_format: How the files of a bare path are written, where they are no plain ones.
        symbol_pattern: How the names of bare CSV files spell symbols.

    Raises:
        ConfigError: If a bare path comes without a calendar.
        DataError: If nothing can be read.
    """
    if isinstance(target, Path):
        return take_census(load_bare(target, calendar, frequency, intraday, file_format, symbol_pattern))
    return take_census(load_panel(target, "record"))


def refused_rows(
    target: ForecastConfig | Path,
    calendar: str | None = None,
    frequency: str = "1D",
    intraday: IntradayBars | None = None,
    file_format: FileFormat = PLAIN_FILES,
    symbol_pattern: str | None = None,
) -> tuple[RowFault, ...]:
    """Return the rows at which a loader that refuses stops, with file and line; the arguments are as in `check_data`.

    The data are read once more, so it is for data in which a census has found such rows. Nothing where the source does
    not tell files and lines.
    """
    try:
        if isinstance(target, Path):
            load_bare(target, calendar, frequency, intraday, file_format, symbol_pattern, "refuse")
        else:
            load_panel(target, "refuse")
    except FaultyDataError as error:
        return error.row_faults
    except DataError as error:
        return error.__cause__.row_faults if isinstance(error.__cause__, FaultyDataError) else ()
    return ()


def universe_of(config: ExperimentConfig) -> Universe:
    """Return who belonged to the universe of a config as of each bar; without a rule, every listed asset did.

    Raises:
        DataError: If the data cannot be read, a fault is to be refused, or nothing is left.
    """
    data = load_data(config, keep_ingest=False)
    return universe_as_of(data.panel, UniverseRule()) if data.universe is None else data.universe


def _refuse_unfit(config: ExperimentConfig, panel: Panel) -> None:
    if isinstance(config.data, AlignedPrices) and config.plan.friction.fill_at == "decision_close":
        raise DataError(
            f"{config.where('plan', 'friction', 'fill_at')}: given decision_close. The last close of another exchange "
            "is hours old when aligned prices decide, so it cannot be traded at; expected next_open or next_close."
        )


def _exchange_rates(config: ForecastConfig) -> tuple[ExchangeRate, ...]:
    files = enumerate(config.data.exchange_rates)
    places = [config.locate_data(file.path, "data", "exchange_rates", number, "path") for number, file in files]
    located = zip(config.data.exchange_rates, places, strict=True)
    return tuple(load_exchange_rate(replace(file, path=path)) for file, path in located)


def _in_book_currency(panel: Panel, treatment: Treatment, rates: tuple[ExchangeRate, ...]) -> Panel:
    if treatment.book_currency is None:
        return panel
    try:
        return in_currency(panel, treatment.book_currency, rates)
    except DataError as error:
        raise DataError(f"{treatment.rates_at}: {error}") from error


def _read_in_test(config: ExperimentConfig, panel: Panel, before_test: int) -> slice:
    """Bars at whose close a series is read in the test: those of the span and the one before it."""
    return slice(before_test, int(panel.sessions.searchsorted(pd.Timestamp(config.splits.test_end), side="right")))


def _universe(panel: Panel, rule: UniverseRule | None, beyond: float) -> Universe | None:
    """Judge the universe on confirmed prices: a bad print neither sells a holding nor lets an asset in."""
    return None if rule is None else universe_as_of(confirmed_prices(panel, beyond).panel, rule)


def _total_returns(panel: Panel) -> Panel:
    """Return the panel with what is left of splits and dividends in its prices."""
    waiting = panel.actions.splits or panel.actions.dividends
    return adjusted(panel, "total_return", "forward") if waiting else panel
