"""Data, training, forecasts, backtest, evidence: one config carried out, and written as a run folder if asked for."""

from dataclasses import dataclass
from datetime import date
from pathlib import Path

import pandas as pd

from quantdl.backtest import (
    BacktestResult,
    Checklist,
    CombinedStrategy,
    Forecasts,
    Job,
    break_even_cost_bps,
    data_faults,
    equal_weight_baseline,
    prepare,
    replay,
    run_backtest,
    shared_account,
)
from quantdl.backtest.judging.stress import stress_test
from quantdl.backtest.running.asking import StrategyFailedError
from quantdl.config import ExperimentConfig, plan_refusal
from quantdl.errors import DataError, QuantdlError
from quantdl.experiment.fit_terms import position_begins
from quantdl.experiment.given import NOTHING, Given
from quantdl.experiment.judgement import Books, judge, rate_on_cash
from quantdl.experiment.models import FittedBlock, fit_model
from quantdl.experiment.outcome import FailedRunError, Outcome
from quantdl.experiment.preparation import LoadedData, model_inputs
from quantdl.experiment.rehearsal import rehearse
from quantdl.experiment.run_folder import write_run
from quantdl.experiment.stages import step_of
from quantdl.experiment.stress import refuse_unknown_names, stress_of_run
from quantdl.experiment.trials import checked_ledger, record_failure, record_trial
from quantdl.experiment.unfinished import keeping_unfinished
from quantdl.market.card import DataCard
from quantdl.market.inspection.census import Census
from quantdl.market.panel import Panel
from quantdl.models.settings import ModelSettings
from quantdl.results.breakdowns import Breakdowns, break_down
from quantdl.results.metrics import RunMetrics
from quantdl.results.plain_verdict import PlainVerdict
from quantdl.risk.book.historical import HistoricalSimulation
from quantdl.risk.book.predicted import ModelPredictions
from quantdl.risk.book.predictions import LossPredictions
from quantdl.risk.curves.metrics import PerformanceMetrics
from quantdl.risk.scores.forecast_scores import forecast_table
from quantdl.runs.selection import Selection
from quantdl.sequences import position_window
from quantdl.training.fit import Progress
from quantdl.training.forecasting import ForecastBook
from quantdl.training.splits import SplitBars, split_bars

_REVISIONS_SHOWN = 10


def run_experiment(config: ExperimentConfig, output: Path | None = None, progress: Progress | None = None) -> Path:
    """Carry a config out and write its run folder; returns the folder.

    A run is written whole or not at all. Two things are written in any case: the data as they were loaded, as a vintage
    if they differ from the last one, and the ledger's line, since a trial that was seen counts. A run whose strategy
    fails is such a trial, without figures; what was asked for and why it failed are kept as a run without results.

    Args:
        config: Of the run.
        output: Folder to write, which must not exist; None for a new one under the config's root.
        progress: Told what is going on.

    Raises:
        FailedRunError: If the strategy fails.
        QuantdlError: Whatever the parts raise; see `quantdl.errors` for the exit codes.
    """
    return write_run(config, output, lambda: carry_out(config, progress), progress)


@dataclass(frozen=True)
class BacktestSummary:
    """A backtest that was carried out without writing a run.

    Attributes:
        strategy: Figures of the strategy.
        equal_weight: Figures of equal weight over the same sessions and costs.
        checklist: The verdict and its items.
        selection: How much of it many trials leave.
        verdict: In plain words.
        metrics: Every figure of a run.
        breakdowns: Trades by rule, costs by kind, and what else its tables add up to.
        data: The data card.
        fitted_through: Last session that each fit of the model saw; empty without a model.
    """

    strategy: PerformanceMetrics
    equal_weight: PerformanceMetrics
    checklist: Checklist
    selection: Selection
    verdict: PlainVerdict
    metrics: RunMetrics
    breakdowns: Breakdowns
    data: DataCard
    fitted_through: tuple[date, ...]


def run_backtest_only(config: ExperimentConfig, progress: Progress | None = None) -> BacktestSummary:
    """Carry a config out without writing a run. Its figures were seen, so the ledger counts it as a trial."""
    checked_ledger(config)
    with keeping_unfinished(config):
        try:
            outcome = carry_out(config, progress)
        except FailedRunError as failed:
            record_failure(config, failed, "backtest")
            raise
        selection = record_trial(config, outcome, "backtest")
    metrics, fitted = outcome.metrics, outcome.fitted
    return BacktestSummary(
        metrics.strategy,
        metrics.baseline,
        outcome.checklist,
        selection,
        verdict=outcome.plain_verdict,
        metrics=metrics,
        breakdowns=break_down(outcome.result, outcome.forecasts, outcome.by_strategy),
        data=outcome.data.panel.card,
        fitted_through=() if fitted is None else tuple(bar.date() for bar in fitted.fitted.fitted_through),
    )


def carry_out(config: ExperimentConfig, progress: Progress | None = None, given: Given = NOTHING) -> Outcome:
    """Carry a config out in memory; on disk, it keeps the data as a vintage if they differ from the last one.

    What can be refused is refused first: the strategy file, the data, the plan, and a strategy whose first decision
    breaks it whatever a model says; only then is anything fitted.

    Args:
        config: Of the run.
        progress: Told what is going on.
        given: Parts of it that are at hand already.
    """
    strategy = given.new_strategy(config)
    data = given.data(config)
    bars = configured_bars(config, data.panel)
    start, end = _test_span(data, bars)
    faults = data_faults(config.plan, data.panel, start, end)
    if faults:
        raise _and_revisions(plan_refusal(config, faults), data.census)
    refuse_unknown_names(config, data)
    rate = rate_on_cash(config, data, bars.test)
    if given.fitted is None:
        rehearse(config, data, bars)
    fitted, book = forecast_test_span(config, data, bars, progress, given)
    predictions, forecasts = loss_predictions(config, data, book)
    step = step_of(progress, "backtest")
    initial = config.backtest.initial_equity
    try:
        result = run_backtest(data.panel, config.plan, strategy, start, end, forecasts, initial, step, rate)
    except StrategyFailedError as error:
        raise FailedRunError.of(error, data.panel.card) from error
    job = prepare(data.panel, config.plan, start, end, initial, rate)
    books = _books(config, job, result, forecasts)
    table = None if book is None else forecast_table(book, step_of(progress, "scores of the forecasts"))
    fitted_through = () if fitted is None else fitted.fitted.fitted_through
    predicted = step_of(progress, "predicted losses of the book")
    judgement = judge(config, data, books, predictions, table, rate, fitted_through, predicted)
    shared = None
    if isinstance(strategy, CombinedStrategy):
        shared = shared_account(config.plan, data.panel, result, strategy, rate)
    stress = stress_of_run(config, data, books, predictions, step_of(progress, "stress"))
    return Outcome(data, fitted, table, books, judgement, shared, stress)


def configured_bars(config: ExperimentConfig, panel: Panel) -> SplitBars:
    """Return the bars of a config's spans.

    Raises:
        DataError: If the data do not reach them, with the place in the config.
    """
    try:
        return split_bars(panel.sessions, config.splits)
    except DataError as error:
        raise DataError(f"{config.where('splits')}: {error}") from error


def _and_revisions(refusal: QuantdlError, census: Census) -> QuantdlError:
    """Say with a refusal what the data told differently before: it may be why the fingerprint is another one."""
    revised = [fault for fault in census.faults if fault.kind == "revision"]
    if not revised:
        return refusal
    shown = [fault.detail for fault in revised[:_REVISIONS_SHOWN]]
    more = [f"and {len(revised) - len(shown):,} more"] if len(revised) > len(shown) else []
    lines = [str(refusal), "The source says something else about the past than at the last ingest:", *shown, *more]
    return type(refusal)("\n  ".join(lines))


def _test_span(data: LoadedData, bars: SplitBars) -> tuple[pd.Timestamp, pd.Timestamp]:
    """First and last session traded: the bar before the span only forecasts."""
    sessions = data.panel.sessions
    return sessions[bars.test.start + 1], sessions[bars.test[-1]]


def forecast_test_span(
    config: ExperimentConfig,
    data: LoadedData,
    bars: SplitBars,
    progress: Progress | None,
    given: Given = NOTHING,
) -> tuple[FittedBlock | None, ForecastBook | None]:
    """Fit the config's model and forecast every bar of the test span; nothing of both without a model.

    A model that is given is not fitted again, and laws that are given stand if they are those of the span.
    """
    if config.model is None:
        return None, None
    through, bars = data.panel.bars[bars.test[-1]], bars.among(data.trades)
    fitted = given.fitted
    if fitted is None:
        fitted = fit_model(config.model, data.learnt, model_inputs(config, data), bars, config, progress)
    book, span = given.book, data.learnt.bars[bars.test.start : bars.test.stop]
    if book is not None and book.sessions.equals(span) and book.through == through:
        return fitted, book
    return fitted, fitted.forecast(bars.test, progress, through)


def loss_predictions(
    config: ExperimentConfig, data: LoadedData, book: ForecastBook | None
) -> tuple[LossPredictions, Forecasts | None]:
    """Return what predicts the risk of the book, and what a model offers the engine; past returns offer nothing.

    Args:
        config: Of the run.
        data: What it runs on.
        book: The laws of its model; None without one.
    """
    model: ModelSettings | None = config.model
    if model is None or book is None:
        return HistoricalSimulation(data.confirmed_returns), None
    predicted = model_predictions(config, model, data, book)
    return predicted, offered(predicted)


def model_predictions(
    config: ExperimentConfig, model: ModelSettings, data: LoadedData, book: ForecastBook
) -> ModelPredictions:
    """Return what the laws of a config's model predict of positions and of books, by draws.

    Args:
        config: Of the run.
        model: Its model.
        data: What it runs on.
        book: The laws.
    """
    position = position_window(model.horizon, position_begins(config))
    return ModelPredictions(book, position, config.seed, config.backtest.draws, data.confirmed_returns, model.kind)


def offered(predicted: ModelPredictions) -> Forecasts:
    """Return what a model offers the engine: draws for sizing, and the risk of any book."""
    return Forecasts(predicted.position.bars, predicted.position_draws, predicted.value_at_risk, predicted.book_risk)


def _books(config: ExperimentConfig, job: Job, result: BacktestResult, forecasts: Forecasts | None) -> Books:
    """Rerun the recorded decisions at other costs: what they would have earned, not what would have been decided."""

    def again(other: Job) -> BacktestResult:
        return replay(other, result.decisions, forecasts)

    windows = config.plan.abnormal_volatility.stress_windows
    stress = stress_test(result, job, windows, again)
    return Books(job, result, equal_weight_baseline(job), break_even_cost_bps(job, again), stress)
