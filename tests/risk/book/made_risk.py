"""Rows of a table of predicted risk, from a series of exceptions."""

import numpy as np
import pandas as pd


def risk_rows(hits: np.ndarray, level: float = 0.99) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "session": pd.bdate_range("2018-01-01", periods=len(hits)),
            "level": level,
            "value_at_risk": 0.02,
            "expected_shortfall": 0.025,
            "loss": np.where(hits, 0.03, 0.0),
            "exception": hits,
            "source": "a test",
        }
    )
