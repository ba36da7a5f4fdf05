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


def test_a_value_at_risk_is_needed_where_a_condition_tests_it():
    drawdown = HaltCondition("drawdown", 0.2)
    assert terms_with(drawdown).risk_level is None
    assert terms_with(drawdown, HaltCondition("calibration", 20.0, level=0.975)).risk_level == 0.975


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
