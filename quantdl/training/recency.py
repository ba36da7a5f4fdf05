"""Weights that let recent sessions count more in training, because markets change."""

import numpy as np
import pandas as pd
import torch
from torch import Tensor

_DAYS_A_YEAR = 365.25


class Recency:
    """The weight of each session of a training span: halved every so many years of age, one on average.

    Args:
        sessions: (T,) of the panel.
        train: Bars of the training span.
        half_life_years: None weighs all sessions alike.
    """

    def __init__(self, sessions: pd.DatetimeIndex, train: range, half_life_years: float | None) -> None:
        self._weights: Tensor | None = None
        if half_life_years is not None:
            days = (sessions[train[-1]] - sessions).days.to_numpy(dtype=np.float64)
            weights = 0.5 ** (np.maximum(days, 0.0) / _DAYS_A_YEAR / half_life_years)
            self._weights = torch.from_numpy(weights / weights[train.start : train.stop].mean()).float()

    def weight(self, bar: Tensor) -> Tensor | None:
        """Weights (B,) of rows by the bar of their forecast; None where all count alike."""
        if self._weights is None:
            return None
        self._weights = self._weights.to(bar.device)
        return self._weights[bar]
