"""Prices in."""

from quantdl.interface.prices import Prices
from quantdl.interface.reading import load_sp500
from quantdl.market.inspection.policies import Policies


def test_the_bundled_prices_are_treated_as_in_a_config_that_says_nothing():
    panel = load_sp500()
    assert isinstance(panel, Prices)
    assert panel.policies == Policies()
