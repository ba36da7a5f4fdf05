"""Everything that a carried-out config leaves in memory."""

from dataclasses import dataclass

import pandas as pd

from quantdl.backtest import BacktestResult, Checklist
from quantdl.experiment.data import LoadedData
from quantdl.experiment.models import FittedBlock
from quantdl.risk.metrics import PerformanceMetrics


@dataclass(frozen=True, eq=False)
class Outcome:
    """The result of one config.

    Attributes:
        data: Panel and census.
        fitted: The model, or None.
        forecasts: The table of `quantdl.experiment.forecasts.forecast_table`, or None without a model.
        result: The backtest.
        baseline: Equal weight over the same sessions and costs.
        risk: Predictions against losses; see `quantdl.risk.book.risk_table`.
        strategy: Figures of the strategy's equity.
        equal_weight: Figures of the baseline's equity.
        metrics: Every figure, as metrics.json holds it.
        checklist: The verdict.
    """

    data: LoadedData
    fitted: FittedBlock | None
    forecasts: pd.DataFrame | None
    result: BacktestResult
    baseline: BacktestResult
    risk: pd.DataFrame
    strategy: PerformanceMetrics
    equal_weight: PerformanceMetrics
    metrics: dict[str, object]
    checklist: Checklist
