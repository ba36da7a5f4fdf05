"""Derivatives of a run's figures by what it costs to trade and by each of its weights."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from torch import Tensor
from torch.func import jacrev

from quantdl.backtest.running.engine import Job
from quantdl.backtest.running.result import BacktestResult
from quantdl.backtest.running.targets import TargetTable
from quantdl.backtest.sensitivity.accounting import Frictions
from quantdl.backtest.sensitivity.twin import Twin


@dataclass(frozen=True, eq=False)
class Sensitivities:
    """How the figures of a run answer to small changes.

    Attributes:
        figures: ``log_wealth`` (final over initial), ``sharpe_per_bar``, ``sharpe`` (annualised),
            ``expected_shortfall`` (of a bar, positive when money is lost), ``max_drawdown`` (positive); those that
            exist for a run of this length.
        by_friction: One row a friction, one column a figure: the derivative by one basis point of commission and of
            half-spread (of all assets at once), by money for a share, by the impact coefficient (left out where
            liquidity is waived) and by a whole unit of the yearly fee on shorts (left out of a long-only book).
        by_spread: One row an asset, one column a figure: the derivative by one basis point of its half-spread.
        by_weight: By figure, one row a decision and one column an asset: the derivative by a whole unit of weight. A
            weight of 0.01 more changes the figure by a hundredth of it. Rows of holds are NaN.
        result: The run by the engine, with which the twin agrees.
    """

    figures: pd.Series
    by_friction: pd.DataFrame
    by_spread: pd.DataFrame
    by_weight: dict[str, pd.DataFrame]
    result: BacktestResult


def sensitivities(job: Job, table: TargetTable, level: float = 0.95) -> Sensitivities:
    """Return the derivatives of a run's figures by its costs and weights.

    The run is carried out by the engine first, and its equity is the twin's at every session, or there is an error.

    Args:
        job: Market, terms, span and money.
        table: The decisions.
        level: Confidence of the expected shortfall, strictly between 0 and 1.

    Raises:
        RunError: If the table does not fit, if the terms forbid a decision, have lots or a least commission, or if one
            of their overlays acted; see `quantdl.backtest.sensitivity.twin`.
        ValueError: If ``level`` is no confidence.
    """
    if not 0.0 < level < 1.0:
        raise ValueError(f"level must lie strictly between 0 and 1, got {level}.")
    twin = Twin.of(job, table)
    result = twin.check(table)
    weights = torch.tensor(np.nan_to_num(table.weights), dtype=torch.float64)

    def figures(weights: Tensor, frictions: Frictions) -> dict[str, Tensor]:
        return twin.figures.all(twin.equity(weights, frictions), level)

    values = {name: float(value) for name, value in figures(weights, twin.frictions).items()}
    slopes = jacrev(figures, argnums=(0, 1))(weights, twin.frictions)
    days = job.tape.sessions[twin.rows]
    return Sensitivities(
        figures=pd.Series(values),
        by_friction=_by_friction(twin, {name: slope[1] for name, slope in slopes.items()}),
        by_spread=_by_spread(twin, {name: slope[1].half_spread_bps for name, slope in slopes.items()}),
        by_weight={name: _by_weight(twin, days, slope[0]) for name, slope in slopes.items()},
        result=result,
    )


def _by_friction(twin: Twin, slopes: dict[str, Frictions]) -> pd.DataFrame:
    """Return one row a friction that there is, the spreads of all assets and sessions together."""
    rules = twin.inputs.rules
    names = [
        name
        for name in Frictions._fields
        if not (name == "impact_coefficient" and rules.waived) and not (name == "borrow_rate" and rules.long_only)
    ]
    columns = {figure: [float(getattr(slope, name).sum()) for name in names] for figure, slope in slopes.items()}
    return pd.DataFrame(columns, names)


def _by_spread(twin: Twin, slopes: dict[str, Tensor]) -> pd.DataFrame:
    return pd.DataFrame(
        {name: slope.reshape(-1, slope.shape[-1]).sum(0).numpy() for name, slope in slopes.items()},
        list(twin.job.tape.assets),
    )


def _by_weight(twin: Twin, days: pd.DatetimeIndex, slope: Tensor) -> pd.DataFrame:
    values = np.where(twin.holds[:, None], np.nan, slope.numpy())
    return pd.DataFrame(values, days, list(twin.job.tape.assets))
