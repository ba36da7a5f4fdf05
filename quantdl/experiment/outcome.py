"""Everything that a carried-out config leaves in memory."""

from dataclasses import dataclass

import pandas as pd

from quantdl.backtest import BacktestResult, Checklist, StrategyBooks
from quantdl.experiment.judgement import Books, Judgement
from quantdl.experiment.models import FittedBlock
from quantdl.experiment.preparation import LoadedData
from quantdl.results.metrics import RunMetrics
from quantdl.risk.stress_record import StressReport


@dataclass(frozen=True, eq=False)
class Outcome:
    """The result of one config.

    Attributes:
        data: Panel and census.
        fitted: The model, or None.
        forecasts: The table of `quantdl.risk.forecast_scores.forecast_table`, or None without a model.
        books: The backtests of the strategy and of equal weight.
        judgement: What was measured of them, and the verdict.
        by_strategy: The books of several strategies of one account; None for a single one.
        stress: The book held at the end, put through the scenarios of the config; None where it asks for none.
    """

    data: LoadedData
    fitted: FittedBlock | None
    forecasts: pd.DataFrame | None
    books: Books
    judgement: Judgement
    by_strategy: StrategyBooks | None = None
    stress: StressReport | None = None

    @property
    def result(self) -> BacktestResult:
        """The backtest of the strategy."""
        return self.books.strategy

    @property
    def baseline(self) -> BacktestResult:
        """The backtest of equal weight."""
        return self.books.baseline

    @property
    def metrics(self) -> RunMetrics:
        """Every figure, as metrics.json holds it."""
        return self.judgement.metrics

    @property
    def checklist(self) -> Checklist:
        """The verdict."""
        return self.judgement.checklist
