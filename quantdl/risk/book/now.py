"""What the book held at the end of a run may lose next: by level, over the next bar and over the position's window."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd
import torch

from quantdl.calendars.labels import bar_date
from quantdl.risk.book.figures import LevelFigures, level_figures
from quantdl.risk.book.predicted import ModelPredictions
from quantdl.risk.book.predictions import BookRisk, LossPredictions
from quantdl.risk.measures.losses import portfolio_losses

NOW_LEVELS = (0.95, 0.975, 0.99)


@dataclass(frozen=True)
class BookNow:
    """The predicted risk of the book after the last fills of a run.

    Attributes:
        session: At whose close it was held.
        gross: Sum of absolute weights; 0 of a flat book, which has no levels.
        net: Sum of weights.
        positions: How many.
        source: What predicts its losses.
        levels: By window, the next bar first, then by level. The window of the position runs from fill to exit.
    """

    session: date
    gross: float
    net: float
    positions: int
    source: str
    levels: tuple[LevelFigures, ...]


def book_now(predictions: LossPredictions, weights: pd.Series, levels: Sequence[float] = NOW_LEVELS) -> BookNow:
    """Predict what a book may lose after a close.

    Args:
        predictions: What is asked for the losses.
        weights: (A,) fractions of equity after the fills, named by the bar.
        levels: Confidence levels, lowest first.
    """
    bar, held = pd.Timestamp(str(weights.name)), weights.to_numpy(dtype=np.float64, copy=True)
    gross, positions = float(np.abs(held).sum()), int(np.count_nonzero(held))
    if not positions:
        return BookNow(bar_date(bar), 0.0, 0.0, 0, "", ())
    risk = predictions.book_risk(bar, held)
    windows = {1: risk}
    if isinstance(predictions, ModelPredictions) and predictions.position.bars > 1:
        windows[predictions.position.bars] = _over_the_position(predictions, bar, held)
    found = tuple(level_figures(one, bars, level) for bars, one in windows.items() for level in levels)
    return BookNow(bar_date(bar), gross, float(held.sum()), positions, predictions.source(risk.n, risk.n), found)


def _over_the_position(predictions: ModelPredictions, bar: pd.Timestamp, held: np.ndarray) -> BookRisk:
    """Losses of the book over the position's window; none where an asset that is held has no forecast of it."""
    draws = predictions.position_draws(bar)
    lacking = np.flatnonzero(np.isnan(draws).any(axis=0) & (held != 0))
    if len(lacking):
        asset = predictions.panel.assets[int(lacking[0])]
        return BookRisk(torch.zeros(0, dtype=torch.float64), basis=f"forecasts of {asset}, which is held")
    losses = portfolio_losses(torch.from_numpy(np.nan_to_num(draws)), torch.from_numpy(held))
    return BookRisk(losses)
