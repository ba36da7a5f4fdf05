"""Columns of the cross-section in closed form."""

import numpy as np
import pytest

from quantdl.features import FeatureTable, feature_table
from quantdl.simulation import panel_of_closes
from tests.features.mirrored import column, mirrored_table
from tests.panels import closes_of, heavy_tailed_returns


@pytest.fixture(scope="module")
def table() -> FeatureTable:
    return mirrored_table()


def test_market_columns_average_over_the_assets(table):
    """The mirror images cancel, so the market moves a third of the one that always rises."""
    np.testing.assert_allclose(column(table, "market_return", 0.0)[21:], np.arcsinh(1.0 / 3.0), rtol=1e-5)
    np.testing.assert_allclose(column(table, "market_surprise", 0.0)[21:], 0.0, atol=1e-5)
    # The market's columns start with the first valid bar; half-lives of five bars have forgotten that after ninety.
    np.testing.assert_allclose(column(table, "co_movement", 5.0)[-1], np.log(1.0 / 9.0), rtol=1e-4)


def test_assets_that_move_as_one_have_full_co_movement_and_correlation():
    returns = heavy_tailed_returns(200, 1, seed=3) * np.ones((1, 4))
    table = feature_table(panel_of_closes(closes_of(returns)))
    for half_life in (5.0, 20.0, 80.0):
        np.testing.assert_allclose(column(table, "co_movement", half_life)[20:], 0.0, atol=1e-5)
    np.testing.assert_allclose(column(table, "correlation_with_market", 80.0)[20:], 1.0, atol=1e-5)


def test_an_asset_that_mirrors_the_market_has_correlation_minus_one():
    returns = heavy_tailed_returns(200, 1, seed=3) * np.array([1.0, 1.0, 1.0, -1.0])
    table = feature_table(panel_of_closes(closes_of(returns)))
    np.testing.assert_allclose(column(table, "correlation_with_market", 20.0)[20:, 3], -1.0, atol=1e-5)
