"""What a run earned over some of its sessions."""

from dataclasses import replace
from datetime import date

import numpy as np
import pandas as pd
import pytest

from quantdl.backtest import (
    results_by_regime,
    results_by_stress_window,
)
from quantdl.backtest.plan.abnormal_volatility import StressWindow
from tests.backtest.judging.books import STORM, stressed_run


def test_a_stress_window_reports_its_own_days():
    _, result = stressed_run()
    row = results_by_stress_window(result, STORM).loc["the storm"]
    inside = result.equity["equity"].loc["2018-03-23":"2018-04-30"]
    assert row["return"] == pytest.approx(inside.iloc[-1] / inside.iloc[0] - 1)
    assert row["sessions"] == 38


def test_results_by_regime_are_those_of_its_sessions():
    _, result = stressed_run()
    equity = result.equity["equity"].to_numpy()
    returns = equity / np.concatenate([[1e6], equity[:-1]]) - 1
    table = results_by_regime(result)
    assert list(table.index) == ["calm", "normal", "stressed", "undefined"]
    for name, row in table.iterrows():
        chosen = returns[(result.regimes["regime"] == name).to_numpy()]
        assert row["sessions"] == len(chosen)
        assert row["return"] == pytest.approx(np.prod(1 + chosen) - 1, rel=1e-9)
        assert row["volatility"] == pytest.approx(chosen.std(ddof=1), rel=1e-9)
        assert row["worst_session"] == pytest.approx(chosen.min(), rel=1e-9)


def test_a_window_without_sessions_has_no_figures():
    _, result = stressed_run()
    elsewhere = StressWindow("before the data", date(2001, 1, 1), date(2001, 2, 1))
    row = results_by_stress_window(result, (elsewhere,)).loc["before the data"]
    assert (row["sessions"], row["pnl"], row["return"]) == (0, 0.0, 0.0)
    assert np.isnan(row["volatility"]) and np.isnan(row["worst_session"])


def test_sessions_without_a_trade_dilute_no_period():
    """Every fifth session dead: the others are the sample, and their profits still add up to the whole."""
    _, result = stressed_run()
    equity = result.equity["equity"]
    traded = pd.Series(np.arange(len(equity)) % 5 != 0, equity.index)
    table = results_by_regime(replace(result, traded=traded))
    assert table["sessions"].sum() == traded.sum()
    assert table["pnl"].sum() == pytest.approx(equity.iloc[-1] - 1e6)
    live = equity[traded]
    returns = (live / live.shift(fill_value=1e6) - 1)[result.regimes["regime"][traded] == "stressed"]
    assert table.loc["stressed", "volatility"] == pytest.approx(returns.std(ddof=1), rel=1e-9)
