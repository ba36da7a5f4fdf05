"""What the positions of a run added to its predicted shortfall: at the last session held, and on average before."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Protocol

import numpy as np
import pandas as pd
import torch

from quantdl.calendars.labels import bar_date
from quantdl.risk.book.contributions import Contributions, expected_shortfall_contributions, group_contributions
from quantdl.risk.measures.scenarios import Scenarios

LEVEL = 0.975
"""Level of the shortfall that is divided: that of the Basel framework for market risk."""

MOST_SESSIONS = 25
"""Sessions that the averages are over, evenly spaced over those with a position, the last one included."""


@dataclass(frozen=True)
class PartContribution:
    """What one position, or group of positions, adds; fractions of equity.

    Attributes:
        name: Symbol, or name of the group.
        weight: In the last book; of a group its net weight.
        component: Of the shortfall of the last book.
        error: Standard error of ``component``, of the simulation.
        mean_weight: Over the sessions looked at.
        mean_component: Likewise.
    """

    name: str
    weight: float
    component: float
    error: float
    mean_weight: float
    mean_component: float


@dataclass(frozen=True)
class RunContributions:
    """How the predicted expected shortfall of the next bar is divided.

    Attributes:
        level: Confidence level.
        session: Last session with a position.
        source: Where the losses come from.
        total: Shortfall of the book held after the fills of ``session``.
        mean_total: Mean over the sessions looked at.
        n_sessions: How many these are.
        positions: The largest component first, those of the last book before others that were held.
        groups: Likewise.
    """

    level: float
    session: date
    source: str
    total: float
    mean_total: float
    n_sessions: int
    positions: tuple[PartContribution, ...]
    groups: tuple[PartContribution, ...]


class PredictedScenarios(Protocol):
    """Predicts the joint returns of the next bar."""

    def scenarios(self, session: pd.Timestamp, weights: np.ndarray, level: float) -> Scenarios | None:
        """Joint returns of the bar after ``session``, none of them unknown for what is held; None where too little is.

        Args:
            session: Whose close is the last price known.
            weights: (A,) fractions of equity.
            level: That the scenarios must reach.
        """


def run_contributions(
    predictions: PredictedScenarios, weights_after_fill: pd.DataFrame, groups: Sequence[str]
) -> RunContributions | None:
    """Divide the shortfall of the last book among its positions and groups, beside averages over the run.

    Args:
        predictions: What is asked for the scenarios.
        weights_after_fill: (T, A) book held after each close's fills.
        groups: (A,) name of each asset's group.

    Returns:
        None where nothing was held, or too little is known of the last book.
    """
    held = weights_after_fill[(weights_after_fill != 0).any(axis=1)]
    if held.empty:
        return None
    numbers = np.unique(np.linspace(0, len(held) - 1, min(len(held), MOST_SESSIONS)).round().astype(np.int64))
    found: list[tuple[np.ndarray, Contributions]] = []
    last: Scenarios | None = None
    for number in numbers.tolist():
        session: pd.Timestamp = held.index[number]
        weights = held.iloc[number].to_numpy(dtype=np.float64, copy=True)
        last = predictions.scenarios(session, weights, LEVEL)
        if last is not None:
            found.append((weights, expected_shortfall_contributions(last, torch.from_numpy(weights), LEVEL)))
    if last is None:
        return None
    weights, own = found[-1]
    mean_weights = np.mean([one for one, _ in found], axis=0)
    mean_components = torch.stack([one.component for _, one in found]).mean(0).numpy()
    of_groups = group_contributions("expected_shortfall", last, torch.from_numpy(weights), groups, LEVEL)
    return RunContributions(
        level=LEVEL,
        session=bar_date(held.index[-1]),
        source=last.source,
        total=own.total,
        mean_total=float(np.mean([one.total for _, one in found])),
        n_sessions=len(found),
        positions=_positions(weights_after_fill.columns, weights, own, mean_weights, mean_components),
        groups=_groups(groups, weights, of_groups, mean_weights, mean_components),
    )


def _positions(
    assets: pd.Index, weights: np.ndarray, own: Contributions, mean_weights: np.ndarray, mean_components: np.ndarray
) -> tuple[PartContribution, ...]:
    columns = (weights, own.component.numpy(), own.error.numpy(), mean_weights, mean_components)
    rows = [
        PartContribution(str(asset), *map(float, figures)) for asset, *figures in zip(assets, *columns, strict=True)
    ]
    return _ordered([one for one in rows if one.weight or one.mean_weight])


def _groups(
    groups: Sequence[str],
    weights: np.ndarray,
    found: Mapping[str, tuple[float, float]],
    mean_weights: np.ndarray,
    mean_components: np.ndarray,
) -> tuple[PartContribution, ...]:
    rows = []
    for name in dict.fromkeys(groups):
        member = np.array([group == name for group in groups])
        if (mean_components[member] != 0).any() or name in found:
            net, means = float(weights[member].sum()), (mean_weights[member].sum(), mean_components[member].sum())
            rows.append(PartContribution(name, net, *found.get(name, (0.0, 0.0)), *map(float, means)))
    return _ordered(rows)


def _ordered(rows: list[PartContribution]) -> tuple[PartContribution, ...]:
    return tuple(sorted(rows, key=lambda one: (-one.component, -one.mean_component, one.name)))
