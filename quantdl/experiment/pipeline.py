"""Data, training, forecasts, backtest, evidence: one config carried out, and written as a run folder if asked for."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from quantdl.backtest import (
    BacktestResult,
    BreakEven,
    Checklist,
    Evidence,
    Forecasts,
    Job,
    Yardstick,
    assess,
    break_even_cost_bps,
    data_faults,
    equal_weight_baseline,
    prepare,
    replay,
    run_backtest,
)
from quantdl.calendars import trading_calendar
from quantdl.config import ExperimentConfig, configured_strategy, plan_refusal
from quantdl.errors import ConfigError, QuantdlError
from quantdl.experiment.data import LoadedData, load_data, model_inputs
from quantdl.experiment.figures import (
    calibration_tests,
    contexts,
    cost_figures,
    forecast_scores,
    spans,
    yardstick,
)
from quantdl.experiment.folder import record_trial, write_run
from quantdl.experiment.forecasts import forecast_table
from quantdl.experiment.models import FittedBlock, fit_model
from quantdl.experiment.outcome import Outcome
from quantdl.experiment.series import benchmark_curve, risk_free_rate
from quantdl.market.inspection.census import Census
from quantdl.models.settings import ModelSettings
from quantdl.records import to_plain
from quantdl.risk.book import LossPredictions, risk_table
from quantdl.risk.historical import HistoricalSimulation
from quantdl.risk.level_tests import value_at_risk_tests
from quantdl.risk.metrics import PerformanceMetrics, performance
from quantdl.risk.predicted import ModelPredictions
from quantdl.runs.selection import Selection
from quantdl.training.fit import Progress
from quantdl.training.forecasting import ForecastBook, forecast_sessions
from quantdl.training.splits import Bars, split_bars

_TRACE = 1e-9
_REVISIONS_SHOWN = 10


def run_experiment(config: ExperimentConfig, output: Path | None = None, progress: Progress | None = None) -> Path:
    """Carry a config out and write its run folder; returns the folder.

    No run is written unless everything succeeds. Two things are written in any case: the data as they were loaded, as a
    vintage if they differ from the last one, and the ledger's line, since a trial that was seen counts.

    Args:
        config: Of the run.
        output: Folder to write, which must not exist; None for a new one under the config's root.
        progress: Told what is going on.

    Raises:
        QuantdlError: Whatever the parts raise; see `quantdl.errors` for the exit codes.
    """
    return write_run(config, output, lambda: carry_out(config, progress), progress)


@dataclass(frozen=True)
class BacktestSummary:
    """The figures of a backtest, its verdict, and how much of it many trials leave."""

    strategy: PerformanceMetrics
    equal_weight: PerformanceMetrics
    checklist: Checklist
    selection: Selection


def run_backtest_only(config: ExperimentConfig, progress: Progress | None = None) -> BacktestSummary:
    """Carry a config out without writing a run. Its figures were seen, so the ledger counts it as a trial."""
    outcome = carry_out(config, progress)
    selection = record_trial(config, outcome, "backtest")
    return BacktestSummary(outcome.strategy, outcome.equal_weight, outcome.checklist, selection)


def carry_out(config: ExperimentConfig, progress: Progress | None = None) -> Outcome:
    """Carry a config out in memory; on disk, it keeps the data as a vintage if they differ from the last one.

    What can be refused is refused first: the strategy file, the data, the plan; only then is anything fitted.
    """
    strategy = configured_strategy(config)
    data = load_data(config)
    bars = split_bars(data.panel.sessions, config.splits)
    start, end = _test_span(data, bars)
    faults = data_faults(config.plan, data.panel, start, end)
    if faults:
        raise _and_revisions(plan_refusal(config, faults), data.census)
    fitted, book = _forecast(config, data, bars, progress)
    predictions, forecasts = _predictions(config, data, book)
    step = None if progress is None else lambda done, total: progress("backtest", done, total)
    initial = config.backtest.initial_equity
    result = run_backtest(data.panel, config.plan, strategy, start, end, forecasts, initial, step)
    job = prepare(data.panel, config.plan, start, end, initial)
    baseline = equal_weight_baseline(job)
    break_even = _break_even(job, result, forecasts)
    return _judged(config, data, fitted, book, predictions, job, result, baseline, break_even)


def _and_revisions(refusal: QuantdlError, census: Census) -> QuantdlError:
    """Say with a refusal what the data told differently before: it may be why the fingerprint is another one."""
    revised = [fault for fault in census.faults if fault.kind == "revision"]
    if not revised:
        return refusal
    shown = [fault.detail for fault in revised[:_REVISIONS_SHOWN]]
    more = [f"and {len(revised) - len(shown):,} more"] if len(revised) > len(shown) else []
    lines = [str(refusal), "The source says something else about the past than at the last ingest:", *shown, *more]
    return type(refusal)("\n  ".join(lines))


def _test_span(data: LoadedData, bars: Bars) -> tuple[pd.Timestamp, pd.Timestamp]:
    """First and last session traded: the bar before the span only forecasts."""
    sessions = data.panel.sessions
    return sessions[bars.test.start + 1], sessions[bars.test[-1]]


def _forecast(
    config: ExperimentConfig, data: LoadedData, bars: Bars, progress: Progress | None
) -> tuple[FittedBlock | None, ForecastBook | None]:
    if config.model is None:
        return None, None
    fitted = fit_model(config.model, data.returns, model_inputs(config, data), bars, config, progress)
    return fitted, forecast_sessions(fitted.fitted, fitted.histories, bars.test, progress)


def _predictions(
    config: ExperimentConfig, data: LoadedData, book: ForecastBook | None
) -> tuple[LossPredictions, Forecasts | None]:
    """Return what predicts the risk of the book, and what a model offers the engine; past returns offer nothing."""
    model: ModelSettings | None = config.model
    if model is None or book is None:
        return HistoricalSimulation(data.returns), None
    predicted = ModelPredictions(book, model.horizon, config.seed, config.backtest.draws, data.returns, model.kind)
    return predicted, Forecasts(model.horizon, predicted.position_draws, predicted.value_at_risk)


def _break_even(job: Job, result: BacktestResult, forecasts: Forecasts | None) -> BreakEven:
    """Rerun the recorded decisions at other costs: what they would have earned, not what would have been decided."""
    return break_even_cost_bps(job, lambda other: replay(other, result.decisions, forecasts))


def _judged(
    config: ExperimentConfig,
    data: LoadedData,
    fitted: FittedBlock | None,
    book: ForecastBook | None,
    predictions: LossPredictions,
    job: Job,
    result: BacktestResult,
    baseline: BacktestResult,
    break_even: BreakEven,
) -> Outcome:
    """Compute every figure once and let the checklist judge."""
    card = data.panel.card
    calendar = trading_calendar(card.calendar)
    run = result.equity.index
    bars_per_year = calendar.bars_per_year(run[0], run[-1], card.frequency)
    curves = [_with_start(book, data.panel.sessions) for book in (result, baseline)]
    rates = [_risk_free(config, data, pd.DatetimeIndex(curve.index)) for curve in curves]
    strategy, equal_weight = map(performance, curves, (bars_per_year, bars_per_year), rates)
    risk, probabilities = risk_table(predictions, result.weights_after_fill, result.equity["held_return"])
    tests = value_at_risk_tests(risk)
    table = None if book is None else forecast_table(book)
    checklist = assess(
        config.plan,
        result,
        Evidence(
            calibration=() if book is None else calibration_tests(tests, probabilities),
            universe=card.universe,
            survivorship=data.census.survivorship,
            yardstick=_yardstick(
                config.plan.hypothesis.yardstick, result, baseline, data.panel.sessions, bars_per_year, rates[0]
            ),
            break_even=break_even,
            reproduced_by=f"config {config.name}, data {card.fingerprint[:19]}, seed {config.seed}",
        ),
    )
    metrics: dict[str, object] = {
        "strategy": strategy.to_json(),
        "baseline": equal_weight.to_json(),
        **_benchmark(config, data, rates[0], bars_per_year),
        "value_at_risk": to_plain(tests),
        "costs": cost_figures(result, job.terms.costs, break_even, bars_per_year),
        **spans(result, baseline, config.plan.abnormal_volatility),
        "contexts": contexts(result, job.tape, config.plan),
        "stamps": list(result.stamps),
        "halted_on": None if result.halted_on is None else result.halted_on.strftime("%Y-%m-%d"),
        "halt_reason": result.halt_reason,
    }
    if table is not None and config.model is not None:
        metrics["forecast"] = forecast_scores(table, config.model.kind)
    return Outcome(data, fitted, table, result, baseline, risk, strategy, equal_weight, metrics, checklist)


def _risk_free(config: ExperimentConfig, data: LoadedData, sessions: pd.DatetimeIndex) -> pd.Series:
    """Annual rate known at each session; zero where the config names none."""
    if config.risk_free is None:
        return pd.Series(0.0, sessions)
    return risk_free_rate(data.series[config.risk_free], sessions, data.panel.card.calendar)


def _benchmark(config: ExperimentConfig, data: LoadedData, rates: pd.Series, bars_per_year: float) -> dict[str, object]:
    """Figures of the benchmark over the sessions of the strategy's curve, beside which they stand."""
    if config.benchmark is None:
        return {}
    sessions = pd.DatetimeIndex(rates.index)
    curve = benchmark_curve(data.series[config.benchmark], sessions, data.panel.card.calendar)
    return {"benchmark": {"name": config.benchmark, **performance(curve, bars_per_year, rates).to_json()}}


def _yardstick(
    name: str,
    result: BacktestResult,
    baseline: BacktestResult,
    sessions: pd.DatetimeIndex,
    bars_per_year: float,
    rates: pd.Series | None = None,
) -> Yardstick | None:
    """Compare both books up to a halt: cash afterwards is no evidence for the hypothesis."""
    last = result.equity.index[-1] if result.halted_on is None else result.halted_on
    curves = [_with_start(book, sessions).loc[:last] for book in (result, baseline)]
    if len(curves[0]) < 3:
        return None
    known = [0.0 if rates is None else rates.reindex(curve.index) for curve in curves]
    own, rival = map(performance, curves, (bars_per_year, bars_per_year), known)
    invested, fully = (float(book.equity.loc[:last, "gross"].mean()) for book in (result, baseline))
    return yardstick(name, own, rival, invested / fully if fully > 0 else 1.0)


def _with_start(result: BacktestResult, sessions: pd.DatetimeIndex) -> pd.Series:
    """Equity with the initial money at the session before the first, so that the first session's costs count."""
    equity = result.equity["equity"]
    if len(equity) < 2:
        raise ConfigError("splits: the test span holds fewer than two sessions; nothing can be measured on it.")
    ruined = np.flatnonzero(equity.to_numpy() <= 0)
    if len(ruined):  # a return from nothing is undefined, so the curve ends with the loss of all but a trace
        equity = equity.iloc[: ruined[0] + 1].clip(lower=_TRACE * result.initial_equity)
    before = sessions[sessions.searchsorted(equity.index[0]) - 1]
    whole: pd.Series = pd.concat([pd.Series([result.initial_equity], index=[before]), equity])
    return whole
