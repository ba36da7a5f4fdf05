"""What the engine obeys."""

from dataclasses import replace

import numpy as np
import pytest

from quantdl.backtest import prepare
from quantdl.backtest.book.terms import CALM, NORMAL, REGIMES, STRESSED, UNDEFINED, HaltCondition
from tests.backtest.worlds import FLAT, plan_for, span, world


def terms_with(*conditions):
    panel = world(FLAT)
    return replace(prepare(panel, plan_for(panel), *span(panel)).terms, conditions=conditions)


def test_the_codes_of_the_regimes_are_their_places():
    assert [REGIMES[code] for code in (CALM, NORMAL, STRESSED, UNDEFINED)] == list(REGIMES)
    assert REGIMES[STRESSED] == "stressed"


def test_levels_are_needed_where_conditions_follow_the_forecasts():
    drawdown = HaltCondition("drawdown", 0.2)
    assert (terms_with(drawdown).risk_levels, terms_with(drawdown).follows_risk) == ((), False)
    exceptions = HaltCondition("calibration", 20.0, level=0.99)
    both = terms_with(drawdown, exceptions, HaltCondition("risk_e_process", 20.0, level=0.975))
    assert (both.risk_levels, both.follows_risk) == ((0.975, 0.99), True)
    drift = terms_with(HaltCondition("pit_drift", 20.0))
    assert (drift.risk_levels, drift.follows_risk) == ((), True)


def test_terms_are_arrays_and_numbers():
    """What a compiled engine will read: no array holds objects."""
    terms = terms_with()
    for name in ("due", "dollar_volume", "regimes", "market_volatility"):
        assert getattr(terms, name).dtype != object
        assert len(getattr(terms, name)) == len(FLAT)
    assert terms.dollar_volume.shape == FLAT.shape
    assert isinstance(terms.limits.group_of, np.ndarray)
    with pytest.raises(ValueError, match="read-only"):
        terms.limits.group_of[0] = 1  # a strategy sees them
