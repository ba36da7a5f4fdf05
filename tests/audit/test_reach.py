"""Bisection finds the first and the last bar that matters, whatever they are, in few questions."""

import pytest

from quantdl.audit.reach import furthest, nearest


@pytest.mark.parametrize("needed", [1, 2, 3, 7, 64, 99, 100])
def test_the_fewest_bars_are_found(needed):
    asked = []
    assert nearest(lambda bars: asked.append(bars) or bars >= needed, 100) == needed
    assert len(asked) <= 15


@pytest.mark.parametrize("last", [1, 2, 3, 7, 64, 99, 100])
def test_the_last_bar_is_found(last):
    asked = []
    assert furthest(lambda bar: asked.append(bar) or bar <= last, 100) == last
    assert len(asked) <= 15


def test_what_never_shows_has_no_reach():
    assert nearest(lambda bars: False, 100) is None
    assert furthest(lambda bar: False, 100) is None


def test_without_bars_ahead_there_is_no_reach():
    assert nearest(lambda bars: True, 0) is None
    assert furthest(lambda bar: True, 0) is None
