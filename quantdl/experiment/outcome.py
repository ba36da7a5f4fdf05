"""Everything that a carried-out config leaves in memory."""

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from quantdl.backtest import BacktestResult, Checklist, StrategyBooks
from quantdl.backtest.running.asking import StrategyFailedError
from quantdl.errors import RunError
from quantdl.experiment.judgement import Books, Judgement
from quantdl.experiment.models import FittedBlock
from quantdl.experiment.preparation import LoadedData
from quantdl.market.card import DataCard
from quantdl.results.metrics import RunMetrics
from quantdl.results.plain_verdict import PlainVerdict, plain_verdict
from quantdl.risk.stress.record import StressReport


@dataclass(frozen=True)
class Failure:
    """Why a run failed, as ``failure.json`` holds it.

    Attributes:
        session: Label of the close at which the strategy was asked.
        message: What was said.
        equity: Money of the book then.
        weights: Fractions of equity held then, by asset.
    """

    session: str
    message: str
    equity: float
    weights: Mapping[str, float]


class FailedRunError(RunError):
    """A run whose strategy failed after the market had been seen: it counts as a trial, and is kept.

    Attributes:
        failure: What is kept of it.
        card: Of the data.
    """

    def __init__(self, message: str, failure: Failure, card: DataCard) -> None:
        self.failure, self.card = failure, card
        super().__init__(message)

    @staticmethod
    def of(error: StrategyFailedError, card: DataCard) -> "FailedRunError":
        """Take over what the engine tells of a strategy that failed."""
        return FailedRunError(str(error), Failure(error.session, str(error), error.equity, error.weights), card)


@dataclass(frozen=True, eq=False)
class Outcome:
    """The result of one config.

    Attributes:
        data: Panel and census.
        fitted: The model, or None.
        forecasts: The table of `quantdl.risk.scores.forecast_scores.forecast_table`, or None without a model.
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

    @property
    def plain_verdict(self) -> PlainVerdict:
        """The verdict in plain words."""
        return plain_verdict(self.checklist, self.metrics, self.data.panel.card.declaration.frequency)
