"""Liquidity: the closed form of a sale in equal parts, the costs, and positions that cannot be sold."""

import numpy as np
import pytest
from scipy import stats

from quantdl.risk.measures.scenarios import Scenarios
from quantdl.risk.stress.liquidity import MarketDepth, liquidity_risk, shares_left
from quantdl.risk.stress.settings import LiquidityStress
from tests.risk.stress.known_laws import NORMAL, law

NAMES = ("AAA", "BBB")
SIZE = 1e-4  # deviations .7e-4 and 1.6e-4: simple and log returns agree
PLAIN = LiquidityStress(participation=0.1, volume=1.0, spread=1.0, impact_coefficient=1.0)


def scenarios(n=100_000):
    return Scenarios.of_law(law(2, NORMAL, SIZE), NAMES, 1, n, 1)


def depth(volume=(1e6, 1e6)):
    return MarketDepth(1e6, np.array(volume), np.array([4e-4, 2e-4]), np.array([1e-4, 0.0]))


def test_a_position_sold_in_equal_parts_has_the_deviation_of_the_closed_form():
    """A million at a tenth of a million a day takes ten days, on which 10/10, 9/10, ... are still held."""
    found = liquidity_risk(scenarios(), np.array([1.0, 0.0]), depth(), PLAIN, 0.99, 1)
    assert found.days.tolist() == [10, 0]
    left = np.arange(10, 0, -1) / 10
    expected = stats.norm.isf(0.01) * 0.7 * SIZE * np.sqrt((left**2).sum())
    assert found.value_at_risk == pytest.approx(stats.norm.isf(0.01) * 0.7 * SIZE, rel=0.02)
    assert found.value_at_risk_to_sale == pytest.approx(expected, abs=4 * found.error, rel=0.005)


def test_costs_are_half_the_spread_and_the_square_root_law():
    found = liquidity_risk(scenarios(), np.array([0.5, -0.5]), depth(), PLAIN, 0.99, 1)
    assert found.spread_cost == pytest.approx(0.5 * (0.5 * 4e-4 + 0.5 * 2e-4))
    assert found.impact_cost == pytest.approx(0.5 * (0.7 + 1.6) * SIZE * np.sqrt(0.1), rel=0.01)
    assert found.total == pytest.approx(found.value_at_risk_to_sale + found.spread_cost + found.impact_cost)


def test_a_thinner_market_takes_longer_and_costs_more():
    stressed = LiquidityStress(participation=0.1, volume=0.5, spread=5.0, spread_deviations=2.0)
    plain, thin = (
        liquidity_risk(scenarios(5000), np.array([1.0, 0.0]), depth(), terms, 0.99, 1) for terms in (PLAIN, stressed)
    )
    assert thin.days[0] == 2 * plain.days[0]
    assert thin.spread_cost == pytest.approx(0.5 * (5 * 4e-4 + 2 * 1e-4))
    assert thin.value_at_risk_to_sale > plain.value_at_risk_to_sale


def test_what_is_sold_within_a_day_has_the_risk_of_one_session():
    found = liquidity_risk(scenarios(5000), np.array([0.05, 0.05]), depth(), PLAIN, 0.99, 1)
    assert found.days.tolist() == [1, 1] and found.value_at_risk_to_sale == found.value_at_risk


def test_shares_left_begin_whole_and_end_with_one_part():
    assert shares_left(np.array([4, 0]))[:, 0].tolist() == [1.0, 0.75, 0.5, 0.25]


def test_a_position_without_volume_is_named():
    with pytest.raises(ValueError, match="no daily volume is known of BBB"):
        liquidity_risk(scenarios(200), np.array([0.5, 0.5]), depth((1e6, np.nan)), PLAIN, 0.9, 1)
