"""The risk of a book that somebody holds, as of a close: data, law, figures.

The data physically end at the close, and everything is made of what is left: prices after it change nothing. The model
is fitted on all of it and forecasts the returns that begin there: over the next bar, and over the bars of each of its
horizons, by a law of their own.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from types import MappingProxyType

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from quantdl.config import RiskConfig, load_risk_config
from quantdl.config.risk_schema import LiquiditySettings
from quantdl.config.scenario_file import scenario_refusal, scenarios_of
from quantdl.distributions import Forecast, MixtureForecast
from quantdl.errors import ConfigError, DataError, QuantdlError, did_you_mean
from quantdl.experiment.closing import fingerprint_of, following_session, last_session, no_session
from quantdl.experiment.models import fit_model
from quantdl.experiment.preparation import LoadedData, SourceData, model_inputs, prepared_through, read_sources
from quantdl.experiment.stages import Step, step_of
from quantdl.market.panel import Panel
from quantdl.market.sources.settings import Sp500Prices
from quantdl.models.settings import MarketStatesSettings
from quantdl.results.book_risk import BookBasis, BookRiskRecord, HeldPosition, Trade
from quantdl.risk.book.contributions import expected_shortfall_contributions
from quantdl.risk.book.figures import NO_GROUP, Window, book_figures
from quantdl.risk.book.historical import trailing_returns
from quantdl.risk.book.liquidation import Liquidation, liquidation, traded_money
from quantdl.risk.book.past_returns import PastReturns
from quantdl.risk.book.positions import Positions, ValuedBook, unpriced, valued
from quantdl.risk.book.positions_file import FaultyPositionsError
from quantdl.risk.book.predictions import MemberLosses
from quantdl.risk.book.stand_ins import with_stand_ins
from quantdl.risk.book.trades import Hedge, best_hedge, what_if
from quantdl.risk.measures.scenarios import Scenarios
from quantdl.risk.stress.all_scenarios import stress_book
from quantdl.risk.stress.liquidity import MarketDepth
from quantdl.risk.stress.record import StressReport
from quantdl.risk.stress.settings import StressSettings
from quantdl.risk.stress.stressed_book import Place, StressedBook, StressLaw, scenario_faults
from quantdl.sequences import ReturnWindow
from quantdl.training.fit import Progress
from quantdl.training.splits import FitSpans, SplitBars

MOST_CANDIDATES = 50
"""Instruments that are tried as a hedge."""


def default_config() -> RiskConfig:
    """Return what stands in where no config is named: the bundled prices, and econometric margins in market states.

    Of the classical models it was the one whose value at risk of the equal-weight book was exceeded about as often as
    promised in 2011-2018 (22 of 20.1 expected losses beyond 99 %, 93 of 100.6 beyond 95 %; benchmarks/EXPERIMENTS.md).
    """
    model = MarketStatesSettings(horizon=10, refit="once")
    return RiskConfig(name="sp500", seed=7, data=Sp500Prices(kind="sp500"), model=model)


def book_risk(
    book: Positions,
    as_of: date | None = None,
    config: RiskConfig | Path | None = None,
    trade: Mapping[str, float] | None = None,
    progress: Progress | None = None,
) -> BookRiskRecord:
    """Return the risk of a book at a close.

    Args:
        book: See `quantdl.risk.book.positions.read_positions`.
        as_of: The session, or a day after it on which the exchange is closed; None for the last one of the data.
        config: Names data and model, or the file of one; `default_config` where None.
        trade: Money bought by asset, negative for sold: a trade to compare the book with.
        progress: Told what is going on.

    Raises:
        DataError: If the positions or the prices cannot be used.
        ConfigError: If the config or the trade cannot be understood.

    Example:
        ``book_risk(read_positions("data/books/example.csv"), date(2022, 12, 28)).figures.levels``
    """
    settings = _settings(config)
    priced = _prices_at(settings, as_of)
    cut, session, data = priced.source, priced.session, priced.data
    held = valued(book, data.panel, session)
    if faults := [*unknown_in_scenarios(scenarios_of(settings), held)]:
        raise scenario_refusal(settings, faults)
    bought = _bought(trade or {}, held)
    laws = _laws(settings, data, progress)
    record = risk_under(RiskTerms.of(settings), cut.panel, data, held, laws, book.source, bought, progress)
    return replace(record, notes=(priced.instead, *record.notes)) if priced.instead else record


def positions_refusal(
    error: FaultyPositionsError, as_of: date | None = None, config: RiskConfig | Path | None = None
) -> DataError:
    """Return the error that tells every fault of a file of positions: of its rows, and of what prices do not know.

    Where the prices cannot be had, what stands in the file alone is told.

    Args:
        error: Of the rows.
        as_of: As for `book_risk`.
        config: As for `book_risk`.
    """
    try:
        priced = _prices_at(_settings(config), as_of)
    except QuantdlError:
        return error
    return error.among(unpriced(error.readable, priced.data.panel, priced.session))


def _settings(config: RiskConfig | Path | None) -> RiskConfig:
    if config is None:
        return default_config()
    return config if isinstance(config, RiskConfig) else load_risk_config(config)


@dataclass(frozen=True, eq=False)
class _Priced:
    """Prices up to a close.

    Attributes:
        source: As loaded, ending with the close.
        session: The close.
        data: What was made of them.
        instead: That the day which was asked for is no session; empty where it is one.
    """

    source: SourceData
    session: pd.Timestamp
    data: LoadedData
    instead: str


def _prices_at(settings: RiskConfig, as_of: date | None) -> _Priced:
    source = read_sources(settings, keep_ingest=False)
    session = last_session(source.panel, as_of)
    cut = replace(source, panel=source.panel.until(session))
    data = prepared_through(settings, cut, session, settings.unconfirmed_beyond)
    return _Priced(cut, session, data, no_session(cut.panel, as_of, session))


@dataclass(frozen=True)
class RiskTerms:
    """How the risk of a book is read off its laws.

    Attributes:
        model: Kind of the model.
        seed: Of the draws.
        levels: Confidence levels.
        draws: Joint draws.
        liquidity: How long and how costly it is to leave the book.
        stress: Scenarios that the book is put through; None for none.
        name: Of the config that says so, or of whatever else does.
    """

    model: str
    seed: int
    levels: tuple[float, ...]
    draws: int
    liquidity: LiquiditySettings = LiquiditySettings()
    stress: StressSettings | None = None
    name: str = "in Python"

    @staticmethod
    def of(config: RiskConfig) -> "RiskTerms":
        """Return what a config says."""
        stress = scenarios_of(config)
        return RiskTerms(
            config.model.kind, config.seed, config.levels, config.draws, config.liquidity, stress, config.name
        )


@dataclass(frozen=True, eq=False)
class BookLaws:
    """The laws of all windows at a close, by their bars, shortest first; and the last bar that their fit saw."""

    by_bars: Mapping[int, Forecast]
    assets: tuple[str, ...]
    fitted_through: pd.Timestamp


def _laws(config: RiskConfig, data: LoadedData, progress: Progress | None) -> BookLaws:
    """Fit the model on everything that there is, and forecast what begins at the last close."""
    sessions = data.learnt.sessions
    last = len(sessions) - 1
    train = last - config.validation_sessions
    if train < 1:
        raise DataError(
            f"{len(sessions)} bars up to {sessions[-1]:%Y-%m-%d}, and validation_sessions alone are "
            f"{config.validation_sessions}. Bring more history, or lower validation_sessions."
        )
    spans = FitSpans(range(0, train + 1), range(train, last + 1))
    bars = SplitBars(spans, range(last, last + 1))
    fitted = fit_model(config.model, data.learnt, model_inputs(config, data), bars, config, progress)
    forecasts = fitted.forecast(bars.test, progress)
    label = data.learnt.bars[-1]
    laws = {n: forecasts.law(label, ReturnWindow(0, n)).to("cpu") for n in config.horizons}
    return BookLaws(laws, forecasts.assets, fitted.fitted.fitted_through[-1])


def risk_under(
    terms: RiskTerms,
    loaded: Panel,
    data: LoadedData,
    held: ValuedBook,
    laws: BookLaws,
    source: str,
    bought: Mapping[str, float] = MappingProxyType({}),
    progress: Progress | None = None,
) -> BookRiskRecord:
    """Return the risk of a book under the laws of a close.

    Args:
        terms: How it is read off them.
        loaded: Prices as loaded, which end with the close.
        data: What was made of these.
        held: The book.
        laws: Of its next bar, and of further windows.
        source: Where the book was read.
        bought: Money bought by asset, a trade to compare the book with.
        progress: Told what is going on.

    Raises:
        ConfigError: If the law leaves out an asset of the trade.
    """
    weights = torch.from_numpy(held.weights)
    tell = step_of(progress, "risk of the book")
    windows = []
    for bars, law in laws.by_bars.items():
        windows.append(_window(terms, data, held, law, bars))
        tell(len(windows), len(laws.by_bars) + 1)
    figures, nearest = book_figures(weights, windows, terms.levels, held.groups), windows[0].scenarios
    tell(len(windows) + 1, len(windows) + 1)
    told = [one.level for one in figures.levels if one.bars == nearest.bars and not one.reason]
    unknown = [asset for asset in bought if not bool(nearest.known[held.assets.index(asset)])]
    if unknown:
        names = ", ".join(unknown)
        raise ConfigError(f"trade: the law leaves out {names} at this close, so what it would do is not known.")
    trade = None
    if bought and told:
        change = _changes(bought, held)
        trade = Trade(tuple(bought.items()), tuple(what_if(nearest, weights, change, level) for level in told))
    return BookRiskRecord(
        basis=_basis(terms, loaded, data, laws, source),
        equity=held.equity,
        cash=held.cash,
        gross=float(weights.abs().sum()),
        net=float(weights.sum()),
        held=_positions(held),
        figures=figures,
        liquidation=_liquidation(terms, data, held),
        hedge=_hedge(nearest, weights, max(told)) if told else None,
        hedge_level=max(told) if told else max(terms.levels),
        trade=trade,
        stress=_stress(terms, data, held, laws, step_of(progress, "stress")),
        notes=(
            *_notes(held, windows),
            *(["The trade is not compared: no level can be told."] if bought and not told else []),
        ),
    )


def unknown_in_scenarios(stress: StressSettings | None, held: ValuedBook) -> Iterator[tuple[Place, str]]:
    """Yield what scenarios name and neither the prices nor the groups of a book know."""
    if stress is not None:
        yield from scenario_faults(stress, held.assets, _groups(held).values())


def _groups(held: ValuedBook) -> dict[str, str]:
    return {asset: group for asset, group in zip(held.assets, held.groups, strict=True) if group != NO_GROUP}


def _stress(terms: RiskTerms, data: LoadedData, held: ValuedBook, laws: BookLaws, step: Step) -> StressReport | None:
    """Put the book through the scenarios that are asked for, under the laws of all windows; None where none are."""
    settings = terms.stress
    if settings is None or not held.weights.any():
        return None
    volume = _volume(terms, data, held)
    traded = np.array([volume.get(asset, np.nan) for asset in held.assets])
    spread = np.full(len(traded), 2e-4 * terms.liquidity.half_spread_bps)
    depth = MarketDepth(held.equity, traded, spread) if np.isfinite(traded[held.weights != 0]).all() else None
    book = StressedBook(
        PastReturns.of_panel(data.confirmed_returns, data.panel.sessions[-1]),
        held.weights,
        tuple(StressLaw(law, bars, terms.model) for bars, law in laws.by_bars.items()),
        _groups(held),
        depth,
        "" if depth is not None else "the money that is traded a session is not known of every position",
    )
    return stress_book(book, settings, terms.seed, step)


def _window(terms: RiskTerms, data: LoadedData, held: ValuedBook, law: Forecast, bars: int) -> Window:
    """Draw from a law; what it leaves out of the book has its own past returns."""
    past = _stand_ins(data, held, law, bars)
    whole = scenarios_of_book(terms, data, held, law, bars)
    weights, seed = torch.from_numpy(held.weights), _seed(terms, bars)
    members = (
        _member_losses(law, terms.draws, seed, weights, _filled(past)) if isinstance(law, MixtureForecast) else None
    )
    if not past:
        return Window(whole, members=members)
    shortest = min(past, key=lambda asset: len(past[asset]))
    apart = len(past[shortest]) // bars
    basis = f"past returns over {bars} bars of {held.assets[shortest]}, which the law leaves out"
    return Window(whole, apart, basis, members)


def scenarios_of_book(terms: RiskTerms, data: LoadedData, held: ValuedBook, law: Forecast, bars: int) -> Scenarios:
    """Draw the joint returns that the figures of a book are read off; past returns stand for what the law leaves out.

    Args:
        terms: Number of draws, and their seed.
        data: Returns of the past.
        held: The book.
        law: Of its log returns, one row.
        bars: Length of its return window.
    """
    drawn = Scenarios.of_law(law, held.assets, bars, terms.draws, _seed(terms, bars))
    return with_stand_ins(drawn, torch.from_numpy(held.weights), _filled(_stand_ins(data, held, law, bars)))


def _seed(terms: RiskTerms, bars: int) -> int:
    return int(np.random.SeedSequence([terms.seed, bars]).generate_state(1, np.uint64)[0] >> np.uint64(1))


def _stand_ins(data: LoadedData, held: ValuedBook, law: Forecast, bars: int) -> dict[int, np.ndarray]:
    """Past returns by position that the law leaves out."""
    absent = np.flatnonzero((held.weights != 0) & ~law.present[0].cpu().numpy())
    return {int(one): trailing_returns(data.confirmed_returns, int(one), data.panel.bars[-1], bars) for one in absent}


def _filled(past: Mapping[int, np.ndarray]) -> dict[int, np.ndarray]:
    """Returns of zero where there are none at all, on which no level rests."""
    return {asset: own if len(own) else np.zeros(1) for asset, own in past.items()}


def _member_losses(
    law: MixtureForecast, n_draws: int, seed: int, weights: Tensor, past: Mapping[int, np.ndarray]
) -> MemberLosses:
    """Losses of the book under each member, with the same random numbers for all."""
    assets = tuple(map(str, range(len(weights))))
    losses = []
    for member in law.members:
        drawn = with_stand_ins(Scenarios.of_law(member, assets, 1, n_draws, seed), weights, past)
        losses.append(drawn.losses(weights))
    return MemberLosses(torch.stack(losses), law.weights[0].cpu().double())


def _bought(trade: Mapping[str, float], held: ValuedBook) -> dict[str, float]:
    """Check a trade against the assets of the prices.

    Raises:
        ConfigError: With every asset that is not there.
    """
    unknown = [asset for asset in trade if asset not in held.assets]
    if unknown:
        named = "; ".join(f"{asset!r} is none of the prices{did_you_mean(asset, held.assets)}" for asset in unknown)
        raise ConfigError(f"trade: {named}. Give symbols of the prices.")
    return dict(trade)


def _changes(bought: Mapping[str, float], held: ValuedBook) -> Tensor:
    money = np.array([bought.get(asset, 0.0) for asset in held.assets])
    return torch.from_numpy(money / held.equity)


def _hedge(scenarios: Scenarios, weights: Tensor, level: float) -> Hedge | None:
    """The best hedge, among the assets of which a small trade moves the shortfall most for its own size."""
    slopes = expected_shortfall_contributions(scenarios, weights, level).marginal.abs()
    sizes = scenarios.returns.std(0)
    order = torch.where(sizes > 0, slopes / sizes, 0.0).argsort(descending=True).tolist()
    known = [scenarios.assets[asset] for asset in order if bool(scenarios.known[asset])][:MOST_CANDIDATES]
    found = best_hedge(scenarios, weights, level, known)
    return found if found is not None and found.expected_shortfall.difference < 0 else None


def _basis(terms: RiskTerms, loaded: Panel, data: LoadedData, laws: BookLaws, source: str) -> BookBasis:
    card, following = data.panel.card, following_session(data.panel)
    return BookBasis(
        session=data.panel.sessions[-1].date(),
        next_session=None if following is None else following.date(),
        positions=source,
        config=terms.name,
        model=terms.model,
        fitted_through=laws.fitted_through.date(),
        draws=terms.draws,
        seed=terms.seed,
        data=card.declaration.source,
        fingerprint=fingerprint_of(loaded),
        currency=card.declaration.currency,
    )


def _positions(held: ValuedBook) -> tuple[HeldPosition, ...]:
    order = sorted(np.flatnonzero(held.held).tolist(), key=lambda asset: -abs(held.values[asset]))
    weights = held.weights
    return tuple(
        HeldPosition(held.assets[asset], held.groups[asset], float(held.values[asset]), float(weights[asset]))
        for asset in order
    )


def _liquidation(terms: RiskTerms, data: LoadedData, held: ValuedBook) -> Liquidation:
    """Leave the book at the volume that the positions state, or else the terms, or else the prices."""
    settings, volume = terms.liquidity, _volume(terms, data, held)
    weights = {one.asset: one.weight for one in _positions(held)}
    return liquidation(weights, held.equity, volume, settings.participation, settings.half_spread_bps)


def _volume(terms: RiskTerms, data: LoadedData, held: ValuedBook) -> dict[str, float]:
    """Money that is traded a session, by asset: what the positions state, else the terms, else the prices."""
    settings = terms.liquidity
    return {**traded_money(data.panel, settings.window_bars), **settings.dollar_volume, **held.dollar_volume}


def _notes(held: ValuedBook, windows: Sequence[Window]) -> Iterator[str]:
    """Say what a reader must not overlook."""
    if any(window.n_observed is not None for window in windows):
        absent = [window.basis for window in windows if window.n_observed is not None]
        yield (
            f"The law leaves out what is held: {absent[0]}. Its own past returns stand in, worst where the rest of the "
            "book is worst."
        )
    for asset, last in held.silent_since.items():
        yield f"{asset} has no price at the close; its last one is of {last:%Y-%m-%d}. Its stated value counts."
    if windows[0].members is None:
        yield "The law has no members, so how uncertain its parameters are is not among the figures."
    if len(windows) > 1:
        longer = ", ".join(str(window.scenarios.bars) for window in windows[1:])
        yield f"Over {longer} bars the figures are those of the model's own law of that window, and no multiples."
