"""A figure is a number or has a reason."""

from datetime import date

import pytest

from quantdl.risk.undefined import Reasons, Undefined, ratio


def test_a_figure_that_is_undefined_is_none_and_its_reason_is_kept():
    reasons = Reasons()
    assert reasons.number("ratio", lambda: ratio(1.0, 0.0, "nothing below")) is None
    assert reasons.number("half", lambda: ratio(1.0, 2.0, "nothing below")) == 0.5
    assert reasons.found == {"ratio": "nothing below"}


def test_nothing_is_annualised_over_less_than_a_year():
    reasons = Reasons("3 sessions; a year of 252 is needed to annualise")
    assert reasons.annual("sharpe", lambda: 1.0) is None and reasons.number("mean", lambda: 1.0) == 1.0
    assert reasons.found == {"sharpe": "3 sessions; a year of 252 is needed to annualise"}


def test_a_fault_is_no_undefined_figure():
    with pytest.raises(ZeroDivisionError):
        Reasons().number("ratio", lambda: 1 / 0)


def test_what_is_made_of_an_undefined_figure_is_undefined_for_the_same_reason():
    reasons = Reasons()
    payoff = reasons.number("payoff", lambda: ratio(1.0, 0.0, "no return is below zero"))
    with pytest.raises(Undefined, match="no return is below zero"):
        reasons.given("payoff", payoff)
    assert reasons.given("payoff", 2.0) == 2.0


def test_a_day_that_does_not_exist_has_a_reason():
    reasons = Reasons()
    assert reasons.day("peak", None, "never fell") is None and reasons.day("end", date(2024, 1, 2), "") is not None
    assert reasons.found == {"peak": "never fell"}
