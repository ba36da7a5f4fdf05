"""No later price can be reached through what a strategy is shown."""

import numpy as np
import pytest

from quantdl.backtest import run_backtest
from quantdl.backtest.plan.related_positions import CorrelationGroups
from tests.backtest.worlds import Schedule, plan_for, random_walk, run, world


def reach(array):
    """Every number that can be reached from an array through its bases."""
    while array.base is not None:
        array = array.base
    return array


def test_a_view_holds_nothing_after_its_close():
    panel = world(random_walk(40, 3))
    seen = []

    class Looks:
        def decide(self, view):
            t = len(view.sessions) - 1
            assert view.session == panel.sessions[t] == view.sessions[-1]
            assert view.closes.shape == (t + 1, 3)
            np.testing.assert_array_equal(view.closes, panel.closes[: t + 1])
            assert np.isnan(reach(view.closes)[t + 1 :]).all()
            assert not reach(view.traded)[t + 1 :].any()
            with pytest.raises(ValueError, match="read-only"):
                view.closes[0, 0] = 1.0
            with pytest.raises(ValueError, match="read-only"):
                view.weights[0] = 1.0
            seen.append(t)

    run(panel, Looks())
    assert seen == list(range(40))


def test_later_groups_cannot_be_reached_through_those_of_now():
    """The terms hold the clusters of the whole run; what a strategy sees is a copy of one row."""
    panel = world(np.repeat(random_walk(60, 1), 3, axis=1))
    seen = []

    class Looks:
        def decide(self, view):
            assert reach(view.limits.group_of).shape == (3,)
            seen.append(view.limits.group_of.tolist())

    run(panel, Looks(), related_positions={"groups": CorrelationGroups("correlation", 20, 0.5)})
    assert seen == [[0, 1, 2]] * 20 + [[0, 0, 0]] * 40


def test_history_before_the_run_is_visible():
    panel = world(random_walk(60, 2))
    asked = Schedule({})
    plan = plan_for(panel, first=30)
    run_backtest(panel, plan, asked, panel.sessions[30], panel.sessions[-1])
    assert asked.views[0].closes.shape == (31, 2)
