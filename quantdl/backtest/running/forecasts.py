"""What a model offers the engine: a law per session, and the value at risk of a book."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd


@dataclass(frozen=True)
class Forecasts:
    """Predictions on demand; what they raise (`LookAheadError` for a session the model has seen) passes through.

    Attributes:
        horizon_bars: Bars of the position window; must equal the plan's horizon.
        draws: Session to (S, A) log returns from close t+1 to close t+1+h, a column of NaN for an absent asset.
        value_at_risk: Session, weights (A,) held after its fills, and level, to the predicted loss of the next session
            as a positive fraction of equity. None when no value at risk is predicted.
    """

    horizon_bars: int
    draws: Callable[[pd.Timestamp], np.ndarray]
    value_at_risk: Callable[[pd.Timestamp, np.ndarray, float], float] | None
