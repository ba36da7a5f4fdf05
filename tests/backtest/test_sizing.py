"""From target weights to shares."""

import numpy as np
import pytest

from quantdl.backtest.plan.borrowing import Borrow
from quantdl.backtest.plan.fast_exit import FastExit
from quantdl.backtest.plan.friction import StatedVolume
from quantdl.backtest.plan.related_positions import NamedGroups
from tests.backtest.oracle.sizing import exit_values, reduced_only, target_quantities
from tests.backtest.worlds import FLAT, NO_COSTS, run, world


def test_targets_are_met_after_costs():
    costs = {"commission_bps": 60.0, "half_spread_bps": 40.0}
    result = run(world(FLAT), {0: [0.7, 0.3]}, friction=costs)
    np.testing.assert_allclose(result.weights_after_fill.iloc[1], [0.7, 0.3], rtol=1e-12)
    assert result.equity["equity"].iloc[1] == pytest.approx(1000 / 1.01, rel=1e-12)
    assert result.fills["commission"].sum() == pytest.approx(1.5 * result.fills["spread"].sum())


def test_decisions_beyond_the_fast_exit_are_cut():
    volume = StatedVolume("stated", {"A00": 1000.0, "A01": 1e6}, "a guess made for this test", 0.1, 0.0)
    result = run(world(FLAT), {0: [0.5, 0.4]}, friction=NO_COSTS | {"liquidity": volume}, fast_exit=FastExit(2))
    assert result.orders["target_weight"].iloc[0] == pytest.approx(0.9 * 0.2)
    assert result.events["item"].iloc[0] == "fast_exit"
    assert result.equity["days_to_exit"].max() <= 2 + 1e-9


def test_targets_hold_after_the_costs_of_getting_there():
    """From cash: v = 1000 - 0.01 * 0.9 v. From 50 shares at 10, sold whole: v = 1000 - 0.01 * 500."""
    nothing = np.zeros(1)
    bought = target_quantities(np.array([0.9]), 1000.0, nothing, np.array([10.0]), 0.01)
    assert bought[0] == pytest.approx(0.9 * (1000 / 1.009) / 10, rel=1e-14)
    sold = target_quantities(np.array([0.0, 1.0]), 1000.0, np.array([50.0, 0.0]), np.array([10.0, 20.0]), 0.01)
    value = (1000 - 0.01 * 500) / 1.01
    np.testing.assert_allclose(sold, [0.0, value / 20], rtol=1e-14)


def test_an_asset_without_a_price_that_has_target_weight_zero_gets_no_shares():
    wanted = target_quantities(np.array([0.0, 0.5]), 1000.0, np.zeros(2), np.array([np.nan, 10.0]), 0.0)
    assert wanted.tolist() == [0.0, 50.0]


def test_a_position_is_only_reduced_on_its_own_side():
    current = np.array([0.3, 0.3, -0.2, -0.2, 0.0])
    wanted = np.array([0.5, 0.1, -0.4, 0.1, 0.2])
    assert reduced_only(wanted, current).tolist() == [0.3, 0.1, -0.2, 0.0, 0.0]


def test_a_position_fits_the_exit_if_it_sells_within_the_sessions():
    assert exit_values(np.array([100.0, np.inf]), 5).tolist() == [500.0, np.inf]


def test_what_a_cut_of_one_side_leaves_keeps_the_cap_on_net_weight():
    """The long side is cut to .9 x 200 of 1,000; the net weight of -.32 is brought to -.2 by five eighths of both."""
    volume = StatedVolume("stated", {"A00": 1000.0, "A01": 1e6}, "a guess made for this test", 0.1, 0.0)
    result = run(
        world(FLAT),
        {0: [0.5, -0.5]},
        friction=NO_COSTS | {"liquidity": volume, "borrow": Borrow(0.0, 0.3)},
        fast_exit=FastExit(2),
        sizing={"long_only": False, "max_gross": 1.1, "max_net": 0.2},
        related_positions={"max_group_gross": 0.6, "max_group_net": 0.55},
    )
    assert result.orders["target_weight"].tolist()[:2] == pytest.approx([0.18 * 0.625, -0.5 * 0.625])
    assert result.events["condition"].tolist()[:3] == ["cut", "cut", "cut"]


def test_what_a_cut_leaves_keeps_the_cap_on_the_net_weight_of_a_group():
    """One group of both: its net weight of -.32 is brought to -.25, within the .3 of the whole book."""
    volume = StatedVolume("stated", {"A00": 1000.0, "A01": 1e6}, "a guess made for this test", 0.1, 0.0)
    result = run(
        world(FLAT),
        {0: [0.5, -0.5]},
        friction=NO_COSTS | {"liquidity": volume, "borrow": Borrow(0.0, 0.3)},
        fast_exit=FastExit(2),
        sizing={"long_only": False, "max_gross": 1.1, "max_net": 0.3},
        related_positions={
            "groups": NamedGroups("named", {"both": ("A00", "A01")}), "max_group_gross": 1.05, "max_group_net": 0.25,
        },
    )  # fmt: skip
    assert result.orders["target_weight"].sum() == pytest.approx(-0.25)
