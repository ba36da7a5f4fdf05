"""What a fill costs, against figures worked out by hand."""

import numpy as np
import pytest

from quantdl.backtest.book.costs import Costs, fill_cost, tradable_dollars
from quantdl.backtest.plan.friction import StatedVolume
from tests.backtest.worlds import NO_COSTS, run, world


def test_impact_follows_the_square_root_law():
    closes = np.full((60, 1), 100.0) * np.exp(0.01 * np.tile([1, -1], 30))[:, None]
    volume = StatedVolume("stated", {"A00": 1e4}, "a guess made for this test", 1.0, 0.5)
    result = run(world(closes), {40: [0.4]}, friction=NO_COSTS | {"liquidity": volume})
    fill = result.fills.iloc[0]
    simple = closes[21:41, 0] / closes[20:40, 0] - 1
    expected = 0.5 * simple.std(ddof=1) * np.sqrt(fill["notional"] / 1e4) * fill["notional"]
    assert fill["impact"] == pytest.approx(expected, rel=1e-12)


COSTS = Costs(commission_bps=2.0, half_spread_bps=3.0, impact_coefficient=0.5, participation=0.1)
WAIVED = Costs(2.0, 3.0, 0.0, float("inf"))


def test_a_fill_pays_commission_half_the_spread_and_impact():
    """A tenth of the volume at 2 % volatility and Y = 0.5: 0.5 * 0.02 * sqrt(0.1) of the notional."""
    cost = fill_cost(1e5, COSTS, dollar_volume=1e6, volatility=0.02)
    assert (cost.commission, cost.spread) == (20.0, 30.0)
    assert cost.impact == pytest.approx(1e5 * 0.01 * np.sqrt(0.1), rel=1e-15)
    assert cost.total == cost.commission + cost.spread + cost.impact


def test_fees_beside_the_basis_points_are_said_in_words():
    per_share = Costs(2.0, 3.0, 0.0, 0.1, commission_per_share=0.005)
    assert (COSTS.fees, per_share.fees) == ("", "0.005 a share")
    assert Costs(2.0, 3.0, 0.0, 0.1, commission_minimum=1.5).fees == "at least 1.5 a fill"
    assert per_share.proportional == COSTS.proportional == pytest.approx(5e-4)


@pytest.mark.parametrize(("notional", "costs"), [(0.0, COSTS), (1e5, WAIVED)])
def test_nothing_traded_and_waived_liquidity_have_no_impact(notional, costs):
    assert fill_cost(notional, costs, dollar_volume=np.inf, volatility=np.nan).impact == 0.0


def test_only_a_share_of_a_known_volume_may_be_traded():
    volume = np.array([1e6, np.nan, 1e6])
    volatility = np.array([0.01, 0.01, np.nan])  # without it the impact is unknown
    assert tradable_dollars(COSTS, volume, volatility).tolist() == [1e5, 0.0, 0.0]
    free = Costs(2.0, 3.0, 0.0, 0.1)
    assert tradable_dollars(free, volume, volatility).tolist() == [1e5, 0.0, 1e5]


def test_where_liquidity_is_waived_anything_may_be_traded():
    assert tradable_dollars(WAIVED, np.array([np.nan, 1.0]), np.full(2, np.nan)).tolist() == [np.inf, np.inf]
    assert (WAIVED.liquidity_is_waived, COSTS.liquidity_is_waived) == (True, False)
