"""What was stated keeps its decimals, what was measured has two."""

import pytest

from quantdl.percents import measured, stated


@pytest.mark.parametrize(
    ("fraction", "text"), [(0.05, "5%"), (0.28, "28%"), (0.0125, "1.25%"), (0.07, "7%"), (1.5, "150%")]
)
def test_a_stated_fraction_has_no_decimals_that_it_does_not_need(fraction, text):
    assert stated(fraction) == text


def test_a_measured_fraction_has_two_decimals():
    assert (measured(0.1), measured(0.123456), measured(-0.0001)) == ("10.00%", "12.35%", "-0.01%")
