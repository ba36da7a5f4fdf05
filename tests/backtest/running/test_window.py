"""No later price can be reached through what a strategy is shown."""

import numpy as np
import pytest
import torch

from quantdl.backtest import run_backtest
from quantdl.backtest.plan.related_positions import CorrelationGroups
from quantdl.errors import RunError
from tests.backtest.worlds import FLAT, NO_COSTS, Schedule, plan_for, random_walk, run, world


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
            assert not reach(view.closes)[t + 1 :].any()
            assert not reach(view.traded)[t + 1 :].any()
            assert not reach(view.sessions.values)[t + 1 :].astype(np.int64).any()
            assert len(reach(view.closes)) == 64
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


def test_the_length_of_what_can_be_reached_follows_from_what_was_shown():
    """Two markets of unlike length show the same at the same close, down to the size of their buffers."""
    seen = {}

    class Looks:
        def __init__(self, name):
            self.sizes = seen.setdefault(name, [])

        def decide(self, view):
            self.sizes.append((len(reach(view.closes)), len(reach(view.sessions.values)), len(reach(view.traded))))

    for length in (100, 300):
        run(world(random_walk(length, 2)), Looks(length))
    assert seen[100] == seen[300][:100] and max(seen[300])[0] > 128


@pytest.mark.parametrize(
    ("write", "name"),
    [
        (lambda view: torch.from_numpy(view.closes).sub_(1.0), "close"),
        (lambda view: view.closes.base.__setitem__((0, 0), -7.0), "close"),
        (lambda view: reach(view.continuous_closes).__setitem__(len(view.sessions) - 1, 5.0), "continuous_closes"),
    ],
)
@pytest.mark.filterwarnings("ignore:The given NumPy array is not writable")
def test_a_strategy_that_writes_into_what_it_is_shown_is_refused_at_once(write, name):
    class Writes:
        def decide(self, view):
            if len(view.sessions) == 7:
                write(view)

    panel = world(random_walk(20, 2))
    with pytest.raises(RunError, match=rf"has changed the array '{name}' .*Work on a copy") as refused:
        run(panel, Writes())
    assert refused.value.session == str(panel.sessions[6].date())


def test_a_row_in_the_middle_that_was_written_to_is_found_at_the_end_of_the_run():
    class Writes:
        def decide(self, view):
            if len(view.sessions) == 9:
                reach(view.closes)[4, 1] = 1.0

    panel = world(random_walk(20, 2))
    with pytest.raises(RunError, match=rf"in the row of {panel.sessions[4].date()}"):
        run(panel, Writes())


@pytest.mark.parametrize("name", ["traded", "sessions"])
def test_whether_an_asset_traded_and_the_labels_cannot_be_changed_either(name):
    class Writes:
        def decide(self, view):
            if len(view.sessions) == 9:
                array = reach(view.traded) if name == "traded" else reach(view.sessions.values)
                array[0] = False if name == "traded" else np.datetime64("1999-01-01")

    with pytest.raises(RunError, match=f"has changed the array '{name}'"):
        run(world(random_walk(20, 2)), Writes())


def test_what_failed_tells_the_book_of_that_close():
    panel = world(FLAT)

    class Raises(Schedule):
        def decide(self, view):
            if len(view.sessions) == 4:
                raise ZeroDivisionError
            return super().decide(view)

    with pytest.raises(
        RunError, match=r"ZeroDivisionError\. The book then: equity 1,000\.00, A00 50\.0%, A01 25\.0%\."
    ) as refused:
        run(panel, Raises({0: (0.5, 0.25)}), friction=NO_COSTS)
    assert refused.value.weights == {"A00": 0.5, "A01": 0.25} and refused.value.equity == 1000.0
