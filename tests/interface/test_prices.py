"""Prices as a notebook holds them."""

import numpy as np
import pytest

from quantdl.interface.prices import Prices
from quantdl.market.inspection.census import take_census
from quantdl.market.inspection.policies import Policies
from quantdl.simulation import panel_of_closes
from tests.panels import ragged_closes


@pytest.fixture(scope="module")
def panel():
    return panel_of_closes(ragged_closes(120, 4, seed=3))


def test_prices_are_a_panel_with_the_same_values(panel):
    prices = Prices.of(panel)
    np.testing.assert_array_equal(prices.closes, panel.closes)
    assert prices.card == panel.card
    assert repr(prices) == repr(panel)


def test_prices_stay_what_they_are(panel):
    prices = Prices.of(panel)
    assert Prices.of(prices) is prices


def test_the_census_is_that_of_the_panel(panel):
    assert Prices.of(panel).census() == take_census(panel)


def test_a_part_of_prices_keeps_what_is_to_be_done_about_their_faults(panel):
    policies = Policies(long_gap="drop_asset")
    prices = Prices.of(panel).treat(policies)
    parts = [prices.until(panel.sessions[50]), prices.select(panel.assets[:2]), prices.trades_only()]
    assert all(isinstance(part, Prices) and part.policies == policies for part in parts)
