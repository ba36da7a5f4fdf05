"""From a config to its result: the one place that knows every other room."""

from quantdl.experiment.evaluation import evaluate
from quantdl.experiment.models import FittedBlock, fit_model, load_model
from quantdl.experiment.outcome import Outcome
from quantdl.experiment.parameter_sweep import sweep_grid
from quantdl.experiment.pipeline import BacktestSummary, carry_out, run_backtest_only, run_experiment
from quantdl.experiment.preparation import LoadedData, check_data, load_data
from quantdl.experiment.table_sweep import sweep_tables
from quantdl.results.evaluation import EvaluationRow
from quantdl.results.evaluation_table import EvaluationTable

__all__ = [
    "BacktestSummary",
    "EvaluationRow",
    "EvaluationTable",
    "FittedBlock",
    "LoadedData",
    "Outcome",
    "carry_out",
    "check_data",
    "evaluate",
    "fit_model",
    "load_data",
    "load_model",
    "run_backtest_only",
    "run_experiment",
    "sweep_grid",
    "sweep_tables",
]
