"""Curves that the tests of performance figures measure."""

import numpy as np
import pandas as pd

from quantdl.risk.curves.equity_curves import MeasuredCurve, equity_of_returns


def sessions_from(first, count):
    return pd.bdate_range(first, periods=count)


def measured(returns, bars_per_year=252.0, risk_free=0.0, first="2000-01-04"):
    """The curve that earns the returns on business days, its capital on the day before."""
    days = sessions_from(first, len(returns))
    before = days[0] - pd.offsets.BusinessDay(1)
    return MeasuredCurve.of(equity_of_returns(pd.Series(returns, days, dtype=float), before), bars_per_year, risk_free)


def heavy_returns(count, seed=0, mean=0.0004):
    return mean + 0.01 * np.random.default_rng(seed).standard_t(4, count)
