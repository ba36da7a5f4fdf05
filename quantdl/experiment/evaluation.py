"""Forecasts of several models on the same sessions, side by side."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from quantdl.backtest.book.terms import REGIMES
from quantdl.backtest.book.trailing import market_volatility, regimes
from quantdl.backtest.plan.sample import bars_per_year_of
from quantdl.config import ExperimentConfig
from quantdl.errors import ConfigError, DataError
from quantdl.experiment.evaluation_folder import write_evaluation
from quantdl.experiment.fit_terms import position_begins
from quantdl.experiment.models import fit_model
from quantdl.experiment.preparation import LoadedData, load_data, model_inputs
from quantdl.experiment.trials import checked_ledger, record_look
from quantdl.experiment.unfinished import keeping_unfinished
from quantdl.features import FeatureTable
from quantdl.models.settings import ModelSettings, VolatilitySettings
from quantdl.results.evaluation import ScoredModel, evaluation_rows
from quantdl.results.evaluation_table import EvaluationTable
from quantdl.risk.scores.book_laws import forecast_books, long_only_books
from quantdl.risk.scores.model_scores import GroupScores, HorizonScores, asset_tests, group_scores, horizon_scores
from quantdl.risk.scores.stock_days import Ticks, quantile_grid, stock_days
from quantdl.scoring import find_tick
from quantdl.sequences import NEXT_SESSION, position_window
from quantdl.training.fit import Progress
from quantdl.training.splits import SplitBars, split_bars


def evaluate(config: ExperimentConfig, progress: Progress | None = None, output: Path | None = None) -> EvaluationTable:
    """Fit and score the model of a config and those under ``compare``; the ledger counts the look at the test span.

    Args:
        config: Of the models, the data and the test span.
        progress: Told what is going on.
        output: Folder to write with the scores of every day, grids of quantiles and the figures; must not exist.

    Raises:
        ConfigError: If the config names no model.
        DataError: If ticks are to be found in prices that have none, or fewer than two sessions can be scored.
        RunError: If the folder exists.
    """
    blocks = config.named_models()
    if not blocks:
        raise ConfigError(f"{config.where('model')}: nothing to evaluate. Name a model, or list some under compare.")
    checked_ledger(config)
    with keeping_unfinished(config):
        if output is None:
            return _evaluated(config, blocks, progress)[0]
        return write_evaluation(config, output, lambda: _evaluated(config, blocks, progress))


def _evaluated(
    config: ExperimentConfig, blocks: Mapping[str, ModelSettings], progress: Progress | None
) -> tuple[EvaluationTable, dict[str, ScoredModel]]:
    data = load_data(config)
    table = model_inputs(config, data)
    bars = split_bars(data.panel.sessions, config.splits).among(data.trades)
    ticks = quoted_ticks(config, data, bars)
    models = {
        name: _scored(config, data, table, bars, block, ticks, _named(progress, name)) for name, block in blocks.items()
    }
    looks = record_look(config, data.panel.card)
    against = _compared_with(config, models)
    rival = None if against is None else models[against]
    regime = plan_regimes(config, data)
    tests = {name: asset_tests(name, scored.days) for name, scored in models.items()}
    horizons: list[HorizonScores] = []
    groups: list[GroupScores] = []
    for name, scored in models.items():
        other = None if rival is None or rival is scored else rival
        groups += group_scores(name, scored.days, None if other is None else other.days, regime)
        for bars_ahead, position in scored.positions.items():
            if bars_ahead > 1 and position["session"].nunique() >= 2 * bars_ahead:
                rivals = None if other is None else other.positions.get(bars_ahead)
                horizons.append(horizon_scores(name, position, rivals, scored.sessions, bars_ahead))
    return EvaluationTable(
        rows=tuple(evaluation_rows(models, against, config.seed, tests)),
        horizons=tuple(horizons),
        groups=tuple(groups),
        assets=tuple(test for found in tests.values() for test in found),
        first=config.splits.test_start,
        last=config.splits.test_end,
        looks=looks,
        score="density" if ticks is None else "tick interval",
        draws=config.evaluation.draws,
    ), models


def _scored(
    config: ExperimentConfig,
    data: LoadedData,
    table: FeatureTable,
    bars: SplitBars,
    block: ModelSettings,
    ticks: Ticks | None,
    progress: Progress | None,
) -> ScoredModel:
    fitted = fit_model(block, data.learnt, table, bars, config, progress)
    book = fitted.forecast(bars.test, progress)
    axis, weights = fitted.histories.sessions, long_only_books(len(book.assets), config.evaluation.books)
    pieces, horizons = list(book.of(NEXT_SESSION)), (block.horizon, *block.also_horizons)
    begins = position_begins(config)
    of_positions = None if ticks is None else replace(ticks, prices=_prices(data, begins))
    if progress:
        progress("scoring", 0, 1)
    days = stock_days(pieces, book.assets, axis, ticks)
    if days["session"].nunique() < 2:
        raise DataError(
            f"{config.where('splits')}: the test span {config.splits.test_start}..{config.splits.test_end} holds fewer "
            "than 2 sessions in which a return that was forecast was observed; expected some tens. Widen it."
        )
    scored = ScoredModel(
        is_volatility=isinstance(block, VolatilitySettings),
        days=days,
        positions={
            horizon: stock_days(
                book.of(position_window(horizon, begins)), book.assets, axis, of_positions, with_tails=False
            )
            for horizon in horizons
        },
        quantiles=quantile_grid(pieces, book.assets),
        books=forecast_books(pieces, weights, config.evaluation.draws, config.seed),
        sessions=book.sessions,
    )
    if progress:
        progress("scoring", 1, 1)
    return scored


def _compared_with(config: ExperimentConfig, models: Mapping[str, ScoredModel]) -> str | None:
    """The model that the config names, or the volatility model with the best log score."""
    if config.evaluation.against is not None:
        return config.evaluation.against
    known = {name: float(scored.days["nll"].mean()) for name, scored in models.items() if scored.is_volatility}
    return min(known, key=lambda name: known[name]) if known else None


def quoted_ticks(config: ExperimentConfig, data: LoadedData, bars: SplitBars) -> Ticks | None:
    """The steps in which prices move, declared or found in the closes up to the end of training; None for densities.

    Raises:
        DataError: If they are to be found and an asset's closes are multiples of none.
    """
    wanted = config.evaluation.tick
    if wanted is None:
        return None
    closes = _prices(data, "close")
    if wanted != "found":
        return Ticks(closes, np.full(closes.shape[1], wanted))
    through = bars.fit.train[-1] + 1
    found = {asset: find_tick(closes[:through, column]) for column, asset in enumerate(data.panel.assets)}
    without = [asset for asset, tick in found.items() if tick is None]
    if without:
        raise DataError(
            f"{config.where('evaluation', 'tick')}: given found, but {len(without)} of {len(found)} assets have closes "
            f"through {config.splits.train_end} that are multiples of no tick, {without[0]} for one. Prices that were "
            "adjusted have none. Expected prices as they were quoted, or a tick in the unit of the prices, or null."
        )
    return Ticks(closes, np.array([tick for tick in found.values() if tick is not None]))


def plan_regimes(config: ExperimentConfig, data: LoadedData) -> pd.Series:
    """Return the regime of a config's plan as known at the close of each session, told from confirmed prices.

    Args:
        config: Of the evaluation.
        data: What it is scored on.
    """
    abnormal = config.plan.abnormal_volatility
    bars_per_year = bars_per_year_of(config.plan.sample, data.returns.card.declaration)
    volatility = market_volatility(data.confirmed_returns.traded_closes, abnormal.window_bars, bars_per_year)
    codes = regimes(volatility, abnormal.calm_below, abnormal.stressed_above)
    return pd.Series(np.array(REGIMES, dtype=object)[codes], data.returns.bars)


def _prices(data: LoadedData, field: str) -> np.ndarray:
    """(T, A) prices as they were quoted in the sessions on which models count; NaN where an asset did not trade."""
    return np.asarray(np.where(data.panel.traded, data.panel.fields[field], np.nan)[data.trades])


def _named(progress: Progress | None, name: str) -> Progress | None:
    if progress is None:
        return None
    report = progress
    return lambda what, done, total: report(f"{name}: {what}", done, total)
