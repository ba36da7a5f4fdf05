"""Equity curves as they are measured."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from quantdl.errors import ConfigError
from quantdl.experiment.curves import curve_from_the_start
from quantdl.risk.curves.metrics import performance


def test_the_curve_of_a_ruined_book_ends_with_its_ruin(small_outcome):
    result = small_outcome.result
    equity = result.equity.copy()
    equity.iloc[40:, equity.columns.get_loc("equity")] = -5_000.0
    curve = curve_from_the_start(replace(result, equity=equity), small_outcome.data.panel.sessions)
    assert len(curve) == 42  # the money before, forty sessions, the ruin
    assert performance(curve, 252.0).total_return == pytest.approx(-1.0, abs=1e-6)


def test_the_initial_money_stands_at_the_session_before_the_first(small_outcome):
    curve = curve_from_the_start(small_outcome.result, small_outcome.data.panel.sessions)
    assert str(curve.index[0].date()) == "2016-06-30"  # the test span begins on 2016-07-01
    assert curve.iloc[0] == 1_000_000.0
    assert curve.iloc[1:].equals(small_outcome.result.equity["equity"])


def test_a_run_of_one_session_cannot_be_measured(small_outcome):
    result = small_outcome.result
    with pytest.raises(ConfigError, match="fewer than two sessions"):
        curve_from_the_start(replace(result, equity=result.equity.iloc[:1]), small_outcome.data.panel.sessions)


def test_a_curve_stands_still_in_no_session_without_a_trade(small_outcome):
    """What such sessions bring counts with the next live one, and at the end with the last."""
    result = small_outcome.result
    equity = result.equity["equity"]
    traded = pd.Series(np.arange(len(equity)) % 3 == 0, equity.index)
    traded.iloc[-1] = False
    curve = curve_from_the_start(replace(result, traded=traded), small_outcome.data.panel.sessions)
    assert list(curve.index[1:]) == list(equity.index[traded])
    assert curve.iloc[1:-1].tolist() == equity[traded].iloc[:-1].tolist()
    assert curve.iloc[-1] == equity.iloc[-1]
