"""What a book may lose in the next session, whoever predicts it, and the predictions beside what was lost."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import pandas as pd
import torch

from quantdl.risk.measures import expected_shortfall, value_at_risk

LEVELS = (0.95, 0.99)
"""Confidence levels at which every run's value at risk is predicted and tested."""


@dataclass(frozen=True, eq=False)
class BookRisk:
    """Losses a book may make in the next session.

    Attributes:
        losses: (S,) equally likely losses as fractions of equity, positive when money is lost.
    """

    losses: torch.Tensor

    def reaches(self, level: float) -> bool:
        """Whether there are enough losses for a quantile at ``level``: at least one beyond it."""
        return round(len(self.losses) * (1.0 - level), 6) >= 1.0

    def value_at_risk(self, level: float) -> float:
        """Smallest loss not exceeded with probability ``level``."""
        return float(value_at_risk(self.losses, level))

    def expected_shortfall(self, level: float) -> float:
        """Mean of the worst ``1 - level`` share of the losses."""
        return float(expected_shortfall(self.losses, level))

    def probability_of_less(self, loss: float) -> float:
        """Probability of a smaller loss, between 0 and 1, half of a tie counted: uniform if the law is right."""
        return float((self.losses < loss).double().mean() + 0.5 * (self.losses == loss).double().mean())


class LossPredictions(Protocol):
    """Predicts the losses of any book over the next session: a model's forecasts, or past returns."""

    @property
    def source(self) -> str:
        """What the predictions are called in a report."""

    def book_risk(self, session: pd.Timestamp, weights: np.ndarray) -> BookRisk:
        """Predict at the close of ``session`` the next session's losses of the book held after its fills.

        Args:
            session: Whose close is the last price known.
            weights: (A,) fractions of equity, negative for short positions; the rest to one is cash.
        """


def risk_table(
    predictions: LossPredictions,
    weights_after_fill: pd.DataFrame,
    held_return: pd.Series,
    levels: Iterable[float] = LEVELS,
) -> tuple[pd.DataFrame, pd.Series]:
    """Hold each session's loss against what was predicted at the close before.

    Sessions entered without positions are left out: they can neither lose nor fail. So is a level for which there are
    too few losses.

    Args:
        predictions: What is asked for the losses.
        weights_after_fill: (T, A) book held after each close's fills.
        held_return: (T,) simple return of the book held into each session.
        levels: Confidence levels, lowest first.

    Returns:
        Rows ``session, level, value_at_risk, expected_shortfall, loss, exception, source``, and the probability of each
        session's loss under its prediction, indexed by session.
    """
    levels, rows, probabilities = tuple(levels), [], {}
    sessions = weights_after_fill.index
    for before, session in zip(sessions[:-1], sessions[1:], strict=True):
        weights = weights_after_fill.loc[before].to_numpy(dtype=np.float64)
        if not weights.any():
            continue
        risk, loss = predictions.book_risk(before, weights), -float(held_return.loc[session])
        probabilities[session] = risk.probability_of_less(loss)
        for level in levels:
            if not risk.reaches(level):
                continue
            limit = risk.value_at_risk(level)
            shortfall = risk.expected_shortfall(level)
            rows.append((session, level, limit, shortfall, loss, loss > limit, predictions.source))
    names = ["session", "level", "value_at_risk", "expected_shortfall", "loss", "exception", "source"]
    table = pd.DataFrame(rows, columns=names).astype({"exception": bool, "level": float, "loss": float})
    return table, pd.Series(probabilities, dtype=np.float64, name="pit")
