"""Settings of stress: what cannot be meant is refused, each fault with its field."""

from datetime import date

import pytest

from quantdl.errors import FieldFaults
from quantdl.risk.stress.settings import (
    ConditionalScenario,
    LawShock,
    ReverseScenario,
    ShockScenario,
    StressSettings,
    WindowScenario,
)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: WindowScenario("w", date(2020, 2, 1), date(2020, 1, 1)), "last: given 2020-01-01"),
        (lambda: ShockScenario("s"), "shocks nothing"),
        (lambda: ConditionalScenario("c", -0.1, weights={"A": 1.0, "B": -1.0}), "weights: add to 0; expected a sum"),
        (lambda: ConditionalScenario("c", -0.1, weights={"A": -1.0}), "weights: add to -1; expected a sum above zero"),
        (lambda: ConditionalScenario("c", -0.1, weights={"A": 1.0, "B": -2.0}), "weights: add to -1"),
        (lambda: LawShock("l"), "changes nothing"),
        (lambda: StressSettings(reverse=(ReverseScenario("r", 0.2), ReverseScenario("r", 0.3))), "'r' stands twice"),
    ],
)
def test_settings_that_cannot_be_meant_are_refused(make, message):
    with pytest.raises(FieldFaults, match=message):
        make()


def test_the_defaults_hold_an_event_a_reverse_stress_and_shocks_of_the_law():
    settings = StressSettings()
    assert [one.market for one in settings.conditional] == [-0.1]
    assert [one.loss for one in settings.reverse] == [0.2]
    assert [(one.volatility, one.correlation) for one in settings.laws] == [(2.0, 0.0), (1.0, 0.5), (2.0, 0.5)]
