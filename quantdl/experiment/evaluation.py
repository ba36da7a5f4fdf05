"""Forecasts of several models on the same sessions, side by side."""

from dataclasses import dataclass

import pandas as pd

from quantdl.config import ExperimentConfig
from quantdl.errors import ConfigError
from quantdl.experiment.models import fit_model
from quantdl.experiment.preparation import load_data, model_inputs
from quantdl.models.settings import ModelSettings
from quantdl.risk.forecast_scores import coverages, forecast_table, mean_scores, next_session
from quantdl.training.fit import Progress
from quantdl.training.forecasting import forecast_sessions
from quantdl.training.splits import split_bars


@dataclass(frozen=True)
class EvaluationRow:
    """Scores of one model, one session ahead, over all stock-days of the test span.

    Attributes:
        model: Kind of the model.
        n: Stock-days scored.
        nll: Mean negative log density of each asset's own law, in nats; lower is better.
        joint_nll: Negative log density of each session's joint law, over the same stock-days.
        crps_bp: Mean CRPS in basis points of log return.
        coverage_90: Share of returns inside the central 90 % interval.
        hit_01: Share of returns below the 1 % quantile.
        hit_05: Share below the 5 % quantile.
    """

    model: str
    n: int
    nll: float
    joint_nll: float
    crps_bp: float
    coverage_90: float
    hit_01: float
    hit_05: float


@dataclass(frozen=True)
class EvaluationTable:
    """One row per model, the config's own first."""

    rows: tuple[EvaluationRow, ...]


def evaluate(config: ExperimentConfig, progress: Progress | None = None) -> EvaluationTable:
    """Fit and score the model of a config and those under ``compare``.

    Raises:
        ConfigError: If the config names no model.
    """
    blocks = (() if config.model is None else (config.model,)) + config.compared_models()
    if not blocks:
        raise ConfigError(f"{config.where('model')}: nothing to evaluate. Name a model, or list some under compare.")
    data = load_data(config)
    table = model_inputs(config, data)
    bars = split_bars(data.panel.sessions, config.splits).among(data.trades)
    rows = []
    for block in blocks:
        fitted = fit_model(block, data.learnt, table, bars, config, _named(progress, block))
        book = forecast_sessions(fitted.fitted, fitted.histories, bars.test, _named(progress, block))
        rows.append(evaluation_row(block.kind, next_session(forecast_table(book))))
    return EvaluationTable(tuple(rows))


def evaluation_row(model: str, scored: pd.DataFrame) -> EvaluationRow:
    """Summarise the scored rows of one model's forecast table."""
    means = mean_scores(scored)
    return EvaluationRow(
        model=model,
        n=len(scored),
        nll=means.nll,
        joint_nll=means.joint_nll,
        crps_bp=1e4 * means.crps,
        coverage_90=coverages(scored, [0.9])[0].observed,
        hit_01=float((scored["target"] < scored["q01"]).mean()),
        hit_05=float((scored["target"] < scored["q05"]).mean()),
    )


def _named(progress: Progress | None, block: ModelSettings) -> Progress | None:
    if progress is None:
        return None
    report = progress
    return lambda what, done, total: report(f"{block.kind}: {what}", done, total)
