"""The Basel traffic light against the committee's tables, on both kinds of profit."""

import numpy as np
import pytest

from quantdl.risk.backtests import basel_zone, traffic_lights


def test_basel_traffic_light_of_250_days():
    """Cumulative per cent as printed by the committee's table."""
    printed = [8.11, 28.58, 54.32, 75.81, 89.22, 95.88, 98.63, 99.60, 99.89, 99.97, 99.99]
    zones = [basel_zone(count) for count in range(11)]
    np.testing.assert_allclose([100 * zone.cumulative_probability for zone in zones], printed, atol=0.0051)
    assert [zone.zone for zone in zones] == ["green"] * 5 + ["yellow"] * 5 + ["red"]
    assert basel_zone(250).zone == "red"


def test_multipliers_of_the_framework():
    """MAR32 and MAR99: 1.50; 1.70, 1.76, 1.83, 1.88, 1.92; 2.00, stated for 250 sessions and no other number."""
    assert [basel_zone(count).multiplier for count in range(12)] == [
        *(1.5,) * 5, 1.70, 1.76, 1.83, 1.88, 1.92, 2.0, 2.0
    ]  # fmt: skip
    assert basel_zone(4, 500).multiplier is None


def test_both_kinds_of_profit_are_counted_over_the_last_250_sessions_and_the_worse_one_counts():
    hypothetical = np.zeros(400)
    hypothetical[[10, 20, 30, 200, 300, 399]] = 0.03  # three of them in the last 250
    actual = hypothetical.copy()
    actual[[310, 320, 330]] = 0.021
    lights = traffic_lights(hypothetical, actual, np.full(400, 0.02))
    assert (lights.hypothetical.exceptions, lights.actual.exceptions) == (3, 6)
    assert (lights.hypothetical.zone, lights.actual.zone) == ("green", "yellow")
    assert lights.counted == lights.actual
    assert lights.counted.multiplier == 1.76


def test_fewer_than_250_sessions_are_refused_with_the_number_needed():
    with pytest.raises(ValueError, match="needs at least 250 observations, got 249"):
        traffic_lights(np.zeros(249), np.zeros(249), np.ones(249))
