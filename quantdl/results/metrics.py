"""Every figure of a run: what ``metrics.json`` holds."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

from quantdl.backtest.judging.attribution import CurrencyResult
from quantdl.backtest.judging.costs import CostFigures
from quantdl.backtest.judging.periods import BothBooks, ContextResult
from quantdl.backtest.plan.forecast_calibration import share_of_each
from quantdl.records import INLINE, OMIT_DEFAULT
from quantdl.risk.book.forecast_tests import ForecastTests
from quantdl.risk.book.level_tests import LevelTests
from quantdl.risk.book.now import BookNow
from quantdl.risk.book.run_contributions import RunContributions
from quantdl.risk.curves.active_risk import ActiveRisk
from quantdl.risk.curves.further_figures import FurtherFigures
from quantdl.risk.curves.intervals import CurveIntervals
from quantdl.risk.curves.metrics import PerformanceMetrics
from quantdl.risk.scores.forecast_scores import ForecastScores
from quantdl.risk.scores.member_spread import MemberSpread


@dataclass(frozen=True)
class Benchmark:
    """Figures of the series that the config names as its benchmark.

    Attributes:
        name: Of the series.
        performance: Over the sessions of the strategy's curve.
    """

    name: str
    performance: PerformanceMetrics = field(metadata=INLINE)


@dataclass(frozen=True)
class FurtherMetrics:
    """What is said of the books beside their performance.

    Attributes:
        strategy: Of the strategy's equity.
        baseline: Of equal weight.
        active: The strategy against equal weight, and against the benchmark where the config names one.
    """

    strategy: FurtherFigures
    baseline: FurtherFigures
    active: tuple[ActiveRisk, ...]


@dataclass(frozen=True, kw_only=True)
class RunMetrics:
    """Every figure of a run, computed once; the checklist and the report read them here.

    Attributes:
        strategy: Figures of the strategy's equity, after all costs.
        baseline: Figures of equal weight over the same sessions and costs.
        benchmark: Of the series the config names; None where it names none.
        value_at_risk: Tests of the predicted value at risk, lowest level first; empty where nothing was held.
        costs: What trading cost.
        regimes: Results of both books in each regime seen.
        stress_windows: Results of both books in each stress window of the plan.
        contexts: Profit along the rival explanations of the plan.
        stamps: Sentences that must be printed beside any figure of the run.
        halted_on: Session at which a condition of the plan halted the run; None where none did.
        halt_reason: Why, or an empty text.
        forecast: Scores of the forecasts; None without a model.
        member_spread: How far the members of the model are apart; None where it has none.
        forecast_tests: Every test of the risk forecasts; None where no value at risk was predicted.
        currencies: Profit by the currency of the quotes; empty where all prices are quoted in that of the book.
        further: The Sharpe ratio's error, single returns, falls, months and active risk; None in runs made before it.
        contributions: What positions and groups added to the predicted shortfall; None where nothing is known of it.
        book_now: What the book held at the end may lose next; None in runs made before it.
        intervals: How far the strategy's figures may be from those of another such history; None in runs made before.
    """

    strategy: PerformanceMetrics
    baseline: PerformanceMetrics
    benchmark: Benchmark | None = field(default=None, metadata=OMIT_DEFAULT)
    value_at_risk: tuple[LevelTests, ...]
    costs: CostFigures
    regimes: Mapping[str, BothBooks]
    stress_windows: Mapping[str, BothBooks]
    contexts: tuple[ContextResult, ...]
    stamps: tuple[str, ...]
    halted_on: date | None
    halt_reason: str
    forecast: ForecastScores | None = field(default=None, metadata=OMIT_DEFAULT)
    member_spread: MemberSpread | None = field(default=None, metadata=OMIT_DEFAULT)
    forecast_tests: ForecastTests | None = field(default=None, metadata=OMIT_DEFAULT)
    currencies: tuple[CurrencyResult, ...] = field(default=(), metadata=OMIT_DEFAULT)
    further: FurtherMetrics | None = field(default=None, metadata=OMIT_DEFAULT)
    contributions: RunContributions | None = field(default=None, metadata=OMIT_DEFAULT)
    book_now: BookNow | None = field(default=None, metadata=OMIT_DEFAULT)
    intervals: CurveIntervals | None = field(default=None, metadata=OMIT_DEFAULT)

    @property
    def rejects_below(self) -> float:
        """The p-value below which a test of the checklist rejects the forecasts.

        The checklist asks Christoffersen's test at each level and one of the law as a whole.
        """
        return share_of_each(len(self.value_at_risk) + 1)
