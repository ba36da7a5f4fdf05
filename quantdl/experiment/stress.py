"""Today's book of a run, put through the scenarios of its config."""

import numpy as np
import pandas as pd

from quantdl.backtest.judging.liquidity import spreads_by_bar
from quantdl.backtest.plan.friction import VolumeWaiver
from quantdl.backtest.plan.related_positions import NamedGroups
from quantdl.calendars.bars import bar_period, is_intraday
from quantdl.config import ExperimentConfig
from quantdl.config.scenario_file import scenario_refusal, scenarios_of
from quantdl.experiment.judgement import Books
from quantdl.experiment.preparation import LoadedData
from quantdl.experiment.stages import Step
from quantdl.market.panel import Panel
from quantdl.risk.book.past_returns import PastReturns
from quantdl.risk.book.predicted import ModelPredictions
from quantdl.risk.book.predictions import LossPredictions
from quantdl.risk.stress.all_scenarios import stress_book
from quantdl.risk.stress.liquidity import MarketDepth
from quantdl.risk.stress.record import StressReport
from quantdl.risk.stress.stressed_book import StressedBook, StressLaw, scenario_faults
from quantdl.sequences import NEXT_SESSION


def refuse_unknown_names(config: ExperimentConfig, data: LoadedData) -> None:
    """Refuse scenarios that name assets or groups that the data do not have, before anything is fitted.

    Raises:
        ConfigError: With all of them, each at its line.
    """
    settings = scenarios_of(config)
    if settings is None:
        return
    faults = [*scenario_faults(settings, data.panel.assets, groups_of(config, data).values())]
    if faults:
        raise scenario_refusal(config, faults)


def groups_of(config: ExperimentConfig, data: LoadedData) -> dict[str, str]:
    """Group by asset: as the plan names them, else the sectors of the data."""
    groups = config.plan.related_positions.groups
    if isinstance(groups, NamedGroups):
        return {asset: name for name, members in groups.members.items() for asset in members}
    return dict(data.panel.sectors)


def stress_of_run(
    config: ExperimentConfig,
    data: LoadedData,
    books: Books,
    predictions: LossPredictions,
    step: Step | None = None,
) -> StressReport | None:
    """Put the book that is held after the last session through the scenarios; None where the config asks for none.

    The laws are those that the model made at that close, over the next session and over the position's window; without
    a model, a Student-t law fitted to the last sessions.

    Args:
        config: Of the run.
        data: What it ran on.
        books: Its backtests.
        predictions: What predicts the losses of its book.
        step: Told how many scenarios are done, and how many there are.
    """
    settings = scenarios_of(config)
    if settings is None:
        return None
    weights = books.strategy.weights_after_fill
    last = pd.Timestamp(weights.index[-1])
    held = weights.iloc[-1].to_numpy(dtype=np.float64)
    if not held.any():
        reason = "The book is flat after the last session of the test span, so there is nothing to stress."
        return StressReport(last.date(), 0.0, 0.0, 0, skipped=reason)
    depth = _depth(config, books)
    book = StressedBook(
        PastReturns.of_panel(data.confirmed_returns, pd.Timestamp(books.strategy.session_of_each[-1])),
        held,
        _laws(predictions, last),
        groups_of(config, data),
        depth if isinstance(depth, MarketDepth) else None,
        depth if isinstance(depth, str) else "",
    )
    return stress_book(book, settings, config.seed, step)


def _laws(predictions: LossPredictions, last: pd.Timestamp) -> tuple[StressLaw, ...]:
    if not isinstance(predictions, ModelPredictions):
        return ()
    windows = {window.bars: window for window in (predictions.position, NEXT_SESSION)}
    return tuple(
        StressLaw(predictions.book.law(last, window), bars, predictions.name) for bars, window in windows.items()
    )


def _depth(config: ExperimentConfig, books: Books) -> MarketDepth | str:
    """How liquid the assets are as of the last session, or why that is not known."""
    if isinstance(config.plan.friction.liquidity, VolumeWaiver):
        return "the plan waives liquidity, so no volume is known"
    terms, last = books.job.terms, books.job.stop - 1
    equity = float(books.strategy.equity["equity"].iloc[-1])
    if not equity > 0:
        return "the book is ruined"
    volume = np.array(terms.dollar_volume[last]) * _bars_a_session(books.job.tape.panel)
    return MarketDepth(equity, volume, 2.0 * spreads_by_bar(terms)[last])


def _bars_a_session(panel: Panel) -> float:
    """Bars in a session on average: one for daily bars, less for bars of a week or a month."""
    frequency = panel.card.declaration.frequency
    if not is_intraday(frequency) and bar_period(frequency) is None:
        return 1.0
    if is_intraday(frequency):
        return len(panel.sessions) / len(panel.sessions.unique())
    calendar = panel.card.declaration.trading_calendar()
    return len(panel.sessions) / len(calendar.sessions(panel.sessions[0], panel.sessions[-1]))
