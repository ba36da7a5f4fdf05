"""Tests of the forecasts share one chance of a false alarm; the cause names those that reject, the figure shows all."""

import pytest

from quantdl.backtest import CalibrationTest
from tests.backtest.judged import GOOD_TESTS, judged, only, row

WRONG = CalibrationTest("Kupiec, 99 %", 400, 0.0004, "13 exceptions in 400 sessions, 4 expected")


def test_forecasts_that_a_test_rejects_fail():
    checklist = judged(calibration=(WRONG, GOOD_TESTS[1]))
    found = row("forecast_calibration", checklist)
    assert only("forecast_calibration", checklist) == "rejected by Kupiec, 99 %"
    assert found.figure == (
        "Kupiec, 99 %: 13 exceptions in 400 sessions, 4 expected, p = 0.0004; PIT uniform: largest gap 0.02, p = 0.2"
    )
    assert found.statement == "no test rejects the forecasts at 5% over all 2 tests (2.50% each)"


def test_several_rejections_are_listed_without_their_figures():
    checklist = judged(calibration=(WRONG, GOOD_TESTS[1], CalibrationTest("Tails", 400, 0.0, "all of them")))
    assert only("forecast_calibration", checklist) == "rejected by Kupiec, 99 %; and Tails"


@pytest.mark.parametrize(("p_value", "verdict"), [(0.04, "defended"), (0.0026, "defended"), (0.0024, "not defended")])
def test_one_of_twenty_tests_may_be_unlucky(p_value, verdict):
    """Each may reject with a twentieth of 5 %: 0.0025."""
    tests = tuple(CalibrationTest(f"test {n}", 400, p_value if n == 7 else 0.5, "x") for n in range(20))
    assert judged(calibration=tests).verdict == verdict


def test_a_test_without_a_p_value_decides_nothing():
    tests = (*GOOD_TESTS, CalibrationTest("Tails", 1, None, "one session"))
    found = row("forecast_calibration", judged(calibration=tests))
    assert (found.passed, found.cause) == (None, "Tails says nothing")
    assert found.figure.endswith("Tails: one session, p = undefined")


def test_without_a_forecast_nothing_is_decided():
    checklist = judged(calibration=())
    found = row("forecast_calibration", checklist)
    assert checklist.verdict == "relative evidence only"
    assert (found.passed, found.figure, found.cause) == (None, "no forecast", "the run has no model")
