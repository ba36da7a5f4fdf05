"""Both books measured and compared, the forecasts tested, and the checklist that judges the run by its plan."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd

from quantdl.audit.outside_names import outside_names
from quantdl.audit.source_read import FILE_READ, WHOLE_HISTORY, read_source
from quantdl.backtest import (
    BacktestResult,
    BreakEven,
    CalibrationTest,
    Checklist,
    Evidence,
    Exceptions,
    Job,
    PredictedLosses,
    Yardstick,
    assess,
)
from quantdl.backtest.judging.attribution import CurrencyResult, pnl_by_currency
from quantdl.backtest.judging.costs import cost_figures
from quantdl.backtest.judging.periods import both_by_regime, both_by_stress_window, context_results
from quantdl.backtest.judging.stress import StressTest
from quantdl.backtest.plan.related_positions import CorrelationGroups, membership
from quantdl.calendars.labels import bar_date
from quantdl.config import ExperimentConfig
from quantdl.experiment.curves import curve_from_the_start, drawn_curves
from quantdl.experiment.preparation import LoadedData
from quantdl.experiment.series import benchmark_curve, read_at, risk_free_rate
from quantdl.experiment.stages import Step
from quantdl.market.exchanges.currencies import conversion_rates, converted_from
from quantdl.market.panel import Panel
from quantdl.results.metrics import Benchmark, FurtherMetrics, RunMetrics
from quantdl.results.run_record import BASELINE, STRATEGY
from quantdl.risk.backtests import kolmogorov_smirnov
from quantdl.risk.book.figures import NO_GROUP
from quantdl.risk.book.forecast_tests import forecast_tests
from quantdl.risk.book.historical import HistoricalSimulation
from quantdl.risk.book.level_tests import LevelTests, value_at_risk_tests
from quantdl.risk.book.now import book_now
from quantdl.risk.book.predicted import ModelPredictions
from quantdl.risk.book.predictions import LEVELS, LossPredictions, RiskTable, risk_table
from quantdl.risk.book.run_contributions import RunContributions, run_contributions
from quantdl.risk.curves.active_risk import active_risk
from quantdl.risk.curves.equity_curves import MeasuredCurve
from quantdl.risk.curves.further_figures import further_figures
from quantdl.risk.curves.intervals import curve_intervals
from quantdl.risk.curves.metrics import PerformanceMetrics, performance, performance_of
from quantdl.risk.scores.forecast_scores import ForecastScores, forecast_scores
from quantdl.risk.scores.member_spread import member_spread


@dataclass(frozen=True, eq=False)
class Books:
    """The strategy's book and equal weight over the same sessions and costs.

    Attributes:
        job: What both were run on.
        strategy: The run that is judged.
        baseline: Equal weight.
        break_even: Cost at which the strategy's profit is gone.
        stress: Sharp moves at half the volume and five times the spread.
    """

    job: Job
    strategy: BacktestResult
    baseline: BacktestResult
    break_even: BreakEven
    stress: StressTest | None = None


@dataclass(frozen=True, eq=False)
class Judgement:
    """What was measured of a run, and the verdict.

    Attributes:
        metrics: Every figure.
        checklist: The verdict.
        risk: Predictions against losses; see `quantdl.risk.book.predictions.risk_table`.
        curves: Both books as the report draws them; see `quantdl.experiment.curves.drawn_curves`.
        excess_returns: Of the strategy, those that its Sharpe ratio is of.
        monitoring: The strip of the forecasts (`monitoring_strip`); None without any.
        bands: The predicted law of the book's next return and what came (`RiskTable.bands`).
    """

    metrics: RunMetrics
    checklist: Checklist
    risk: pd.DataFrame
    curves: pd.DataFrame
    excess_returns: pd.Series
    monitoring: pd.DataFrame | None = None
    bands: pd.DataFrame | None = None


def judge(
    config: ExperimentConfig,
    data: LoadedData,
    books: Books,
    predictions: LossPredictions,
    forecasts: pd.DataFrame | None,
    rate: pd.Series | None,
    fitted_through: Sequence[pd.Timestamp] = (),
    step: Step | None = None,
) -> Judgement:
    """Compute every figure once and let the checklist judge.

    Args:
        config: Of the run.
        data: What it ran on.
        books: Its backtests.
        predictions: What predicts the losses of its book.
        forecasts: The table of its forecasts; None without a model.
        rate: Annual rate that its cash earned, as known at each session; None for nothing.
        fitted_through: Last session that each fit of its model saw, increasing.
        step: Told of how many sessions the losses are predicted, and how many there are.
    """
    result, baseline, plan, card = books.strategy, books.baseline, config.plan, data.panel.card
    run, labels = result.session_of_each, data.panel.bars
    of_calendar = card.declaration.trading_calendar().bars_per_year(run[0], run[-1], card.declaration.frequency)
    bars_per_year = of_calendar * float(result.traded.mean())  # of those on which anything trades, which are measured
    curves = [curve_from_the_start(book, labels) for book in (result, baseline)]
    rates = [_subtracted(rate, pd.DatetimeIndex(curve.index)) for curve in curves]
    elapsed = elapsed_years(books.job, data.panel)
    strategy, equal_weight = (
        MeasuredCurve.of(curve, bars_per_year, own, elapsed) for curve, own in zip(curves, rates, strict=True)
    )
    beside = _benchmark(config, data, rates[0], bars_per_year, elapsed)
    levels = predicted_levels(books.job.terms.risk_levels)
    held_return, traded = result.equity["held_return"], result.traded.to_numpy()
    risk = risk_table(predictions, result.weights_after_fill, held_return, levels, traded, step)
    tests = value_at_risk_tests(risk.rows, risk.left_out)
    judged, strip = (None, None) if risk.rows.empty else forecast_tests(risk, account_losses(result))
    evidence = Evidence(
        calibration=() if forecasts is None else calibration_tests(tests, risk.probabilities),
        exceptions=() if forecasts is None else exceptions_by_level(risk.rows),
        book=None if forecasts is None else predicted_losses(risk),
        universe=card.declaration.universe,
        survivorship=data.census.survivorship,
        yardstick=yardstick_of(plan.hypothesis.yardstick, books, labels, bars_per_year, rates[0], elapsed),
        break_even=books.break_even,
        reproduced_by=f"config {config.name}, data {card.fingerprint[:19]}, seed {config.seed}",
        position_draws=predictions.position_draws if isinstance(predictions, ModelPredictions) else None,
        outside_reads=tuple(_outside_reads(config)),
    )
    metrics = RunMetrics(
        strategy=performance_of(strategy),
        baseline=performance_of(equal_weight),
        benchmark=None if beside is None else Benchmark(beside[0], performance_of(beside[1])),
        value_at_risk=tests,
        costs=cost_figures(result, books.job, books.break_even, of_calendar, books.stress),
        regimes=both_by_regime(result, baseline),
        stress_windows=both_by_stress_window(result, baseline, plan.abnormal_volatility),
        contexts=context_results(result, books.job.tape, plan),
        stamps=result.stamps,
        halted_on=None if result.halted_on is None else result.halted_on.date(),
        halt_reason=result.halt_reason,
        forecast=_forecast_scores(config, forecasts, fitted_through),
        member_spread=member_spread(risk.rows, forecasts),
        forecast_tests=judged,
        currencies=_currencies(data, books),
        further=further_metrics(strategy, equal_weight, beside),
        contributions=_contributions(config, data, result, predictions),
        book_now=book_now(predictions, result.weights_after_fill.iloc[-1]),
        intervals=curve_intervals(strategy),
    )
    drawn = drawn_curves(dict(zip((STRATEGY, BASELINE), curves, strict=True)))
    excess = pd.Series(strategy.excess, curves[0].index[1:])
    checklist = assess(plan, data.panel, result, evidence, rate)
    return Judgement(metrics, checklist, risk.rows, drawn, excess, strip, risk.bands)


def account_losses(result: BacktestResult) -> pd.Series:
    """Return what the account lost since the session with a trade before, costs and all trades included; a fraction."""
    equity = result.equity["equity"][result.traded.to_numpy()]
    return 1.0 - equity / equity.shift(fill_value=result.initial_equity)


def further_metrics(
    strategy: MeasuredCurve, baseline: MeasuredCurve, benchmark: tuple[str, MeasuredCurve] | None = None
) -> FurtherMetrics:
    """Measure both books beside their performance, and the strategy against the others.

    Args:
        strategy: Its curve; that of a ruined book ends with its ruin.
        baseline: Of equal weight.
        benchmark: Name and curve of the config's benchmark, over the sessions of the strategy's.
    """
    against = [] if benchmark is None else [active_risk(strategy, benchmark[1], benchmark[0])]
    shared = min(len(strategy.sessions), len(baseline.sessions))  # both begin with the same session
    equal_weight = active_risk(strategy.first(shared), baseline.first(shared), "equal weight")
    return FurtherMetrics(further_figures(strategy), further_figures(baseline), (equal_weight, *against))


def _contributions(
    config: ExperimentConfig, data: LoadedData, result: BacktestResult, predictions: LossPredictions
) -> RunContributions | None:
    """What positions and groups added; by correlation a plan's groups change, and the sectors stand for them."""
    if not isinstance(predictions, ModelPredictions | HistoricalSimulation):
        return None
    groups, panel = config.plan.related_positions.groups, data.panel
    if isinstance(groups, CorrelationGroups):
        names = [panel.sectors.get(asset, NO_GROUP) for asset in panel.assets]
    else:
        numbers, known = membership(groups, panel)
        names = [known[number] for number in numbers.tolist()]
    return run_contributions(predictions, result.weights_after_fill, names)


def elapsed_years(job: Job, panel: Panel) -> pd.Series | None:
    """Years up to the end of each bar, where bars are shorter than a session; None where all are equally long."""
    return None if job.terms.years is None else pd.Series(np.cumsum(job.terms.years), panel.bars)


def _currencies(data: LoadedData, books: Books) -> tuple[CurrencyResult, ...]:
    """Profit by the currency of the quotes, where some are converted."""
    codes, own = converted_from(data.panel), data.panel.card.declaration.currency
    if own is None or not any(codes):
        return ()
    worth = conversion_rates(data.panel, data.exchange_rates)
    return pnl_by_currency(books.strategy, books.job.tape, [own if code is None else code for code in codes], worth)


def _forecast_scores(
    config: ExperimentConfig, forecasts: pd.DataFrame | None, fitted_through: Sequence[pd.Timestamp]
) -> ForecastScores | None:
    model = config.model
    if model is None or forecasts is None:
        return None
    return forecast_scores(forecasts, model.kind, (model.horizon, *model.also_horizons), fitted_through)


def predicted_levels(planned: Sequence[float] = ()) -> tuple[float, ...]:
    """Return the levels at which value at risk is predicted, lowest first: those of every run, and the plan's own.

    Example:
        >>> predicted_levels([0.975]), predicted_levels()
        ((0.95, 0.975, 0.99), (0.95, 0.99))
    """
    return tuple(sorted({*LEVELS, *planned}))


def exceptions_by_level(risk: pd.DataFrame) -> tuple[Exceptions, ...]:
    """Return the sessions that lost more than their predicted value at risk, for each level of a table of risk."""
    levels = sorted({float(level) for level in risk["level"]})
    return tuple(_exceptions(level, risk[risk["level"] == level]) for level in levels)


def predicted_losses(risk: RiskTable) -> PredictedLosses:
    """Return what was predicted of the book beside what it lost, by session."""
    sessions = pd.DatetimeIndex(risk.cells.index)
    cells = {bar_date(session): int(cell) for session, cell in zip(sessions, risk.cells, strict=True)}
    by_level: dict[float, dict[date, tuple[float, float, float]]] = {}
    figures = ("level", "session", "loss", "value_at_risk", "expected_shortfall")
    for level, session, loss, value, shortfall in zip(*(risk.rows[name] for name in figures), strict=True):
        by_level.setdefault(float(level), {})[bar_date(session)] = float(loss), float(value), float(shortfall)
    return PredictedLosses(by_level, cells)


def _exceptions(level: float, rows: pd.DataFrame) -> Exceptions:
    predicted, exceeded = rows["session"], rows.loc[rows["exception"], "session"]
    return Exceptions(level, tuple(map(bar_date, predicted)), tuple(map(bar_date, exceeded)))


def calibration_tests(tests: tuple[LevelTests, ...], probabilities: pd.Series) -> tuple[CalibrationTest, ...]:
    """Return what the checklist judges the forecasts by.

    Args:
        tests: Of the value at risk, one per level.
        probabilities: Probability of each session's loss under its prediction, from `risk_table`.
    """
    found = []
    for one in tests:
        name = f"Christoffersen, {100 * one.level:g}% value at risk of the book"
        figure = f"{one.exceptions} exceptions in {one.n} sessions, {one.expected:.1f} expected"
        figure += "" if one.left_out is None else f" ({one.left_out.statement})"
        found.append(CalibrationTest(name, one.n, one.christoffersen_p, figure))
    if len(probabilities) > 1:
        uniform = kolmogorov_smirnov(probabilities.to_numpy())
        figure = f"largest distance from uniform {uniform.statistic:.3f}"
        name = "Kolmogorov-Smirnov, losses of the book in their predicted law"
        found.append(CalibrationTest(name, uniform.n, uniform.p_value, figure))
    return tuple(found)


def yardstick_of(
    name: str,
    books: Books,
    sessions: pd.DatetimeIndex,
    bars_per_year: float,
    rates: pd.Series,
    elapsed: pd.Series | None = None,
) -> Yardstick | None:
    """Compare both books up to a halt: cash afterwards is no evidence for the hypothesis.

    Args:
        name: Of the yardstick, as the plan states it.
        books: Both books.
        sessions: Of the panel they ran on.
        bars_per_year: Bars of the calendar in a year on which anything trades.
        rates: Risk-free rate a year known at each session of the curves.
        elapsed: As for `quantdl.risk.curves.metrics.performance`.

    Returns:
        The yardstick of both books, or None where it is undefined.
    """
    result, baseline = books.strategy, books.baseline
    last = result.equity.index[-1] if result.halted_on is None else result.halted_on
    curves = [curve_from_the_start(book, sessions).loc[:last] for book in (result, baseline)]
    if len(curves[0]) < 3:
        return None
    known = [rates.reindex(curve.index) for curve in curves]
    own, rival = (performance(curve, bars_per_year, rate, elapsed) for curve, rate in zip(curves, known, strict=True))
    invested, fully = (float(book.equity["gross"][book.traded].loc[:last].mean()) for book in (result, baseline))
    return yardstick(name, own, rival, invested / fully if fully > 0 else 1.0)


def yardstick(
    name: str, strategy: PerformanceMetrics, baseline: PerformanceMetrics, exposure: float
) -> Yardstick | None:
    """Return the yardstick of both books; a drawdown is the size of the fall, a shortfall is at 95 %.

    Over less than a year Sharpe ratios are not annualised, and are compared per bar: which is larger is the same.

    Cash loses nothing, so losses are compared at equal exposure: the baseline's are scaled to what the strategy had
    invested.

    Args:
        name: Of the yardstick.
        strategy: Figures of the strategy.
        baseline: Figures of equal weight.
        exposure: Mean gross weight of the strategy over the baseline's.
    """
    scale = min(exposure, 1.0)
    pairs = {
        "sharpe": (strategy.sharpe, baseline.sharpe),
        "total_return": (strategy.total_return, baseline.total_return),
        "max_drawdown": (-strategy.max_drawdown, -scale * baseline.max_drawdown),
        "expected_shortfall": (strategy.expected_shortfall_95, _scaled(baseline.expected_shortfall_95, scale)),
    }
    own, rival = pairs[name]
    basis = ""
    if name == "sharpe" and (own is None or rival is None):
        own, rival, basis = strategy.sharpe_per_bar, baseline.sharpe_per_bar, "per bar"
    return None if own is None or rival is None else Yardstick(own, rival, basis)


def _scaled(figure: float | None, scale: float) -> float | None:
    return None if figure is None else scale * figure


def rate_on_cash(config: ExperimentConfig, data: LoadedData, test: range) -> pd.Series | None:
    """Return the annual rate known at each session of the test span, the one before the first fill included.

    Cash earns it in the backtest, and Sharpe and Sortino subtract it; None where the config names none, so that cash
    earns nothing and nothing is subtracted.

    Args:
        config: Names the series.
        data: Holds it.
        test: Positions of the bars of the test span.

    Raises:
        DataError: If no rate is known at some session.
    """
    if config.risk_free is None:
        return None
    rows, calendar = slice(test.start, test.stop), data.panel.card.declaration.trading_calendar()
    return risk_free_rate(data.series[config.risk_free], data.panel.bars[rows], calendar, read_at(data.panel, rows))


def _subtracted(rate: pd.Series | None, sessions: pd.DatetimeIndex) -> pd.Series:
    """Annual rate known at each session of a curve; zero where cash earns nothing."""
    return pd.Series(0.0, sessions) if rate is None else rate.reindex(sessions)


def _benchmark(
    config: ExperimentConfig, data: LoadedData, rates: pd.Series, bars_per_year: float, elapsed: pd.Series | None
) -> tuple[str, MeasuredCurve] | None:
    """Name and curve of the benchmark over the sessions of the strategy's curve, beside which it stands."""
    if config.benchmark is None:
        return None
    sessions, calendar = pd.DatetimeIndex(rates.index), data.panel.card.declaration.trading_calendar()
    instants = read_at(data.panel, data.panel.bars.get_indexer(sessions))
    curve = benchmark_curve(data.series[config.benchmark], sessions, calendar, instants)
    return config.benchmark, MeasuredCurve.of(curve, bars_per_year, rates, elapsed)


def _outside_reads(config: ExperimentConfig) -> Iterator[str]:
    """Yield where a strategy opens data, has quantdl load whole histories, or reads what was around it."""
    for file, source in zip(config.strategy_files.values(), config.strategy_texts.values(), strict=True):
        text = source.decode(errors="replace")
        for found in read_source(text):
            if found.reason in (FILE_READ, WHOLE_HISTORY):
                yield f"{file.name}:{found.line}: {found.code}"
        for found in outside_names(text):
            yield f"{file.name}:{found.line}: reads {found.code} from outside its view"
