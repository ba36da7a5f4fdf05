"""What all tests refuse alike."""

import numpy as np
import pytest

from quantdl.risk.backtests.result import marked, probabilities, refuse_few, refuse_overlap, tail_of


def test_the_tail_is_one_minus_the_level():
    assert tail_of(0.99) == 0.01
    for level in (0.0, 1.0, 99.0):
        with pytest.raises(ValueError, match="strictly between 0 and 1"):
            tail_of(level)


@pytest.mark.parametrize(("level", "besides", "needed"), [(0.99, 0, 100), (0.975, 4, 44), (0.95, 0, 20)])
def test_a_series_too_short_for_a_level_is_refused_with_the_number_needed(level, besides, needed):
    refuse_few("a test", needed, level, besides)
    with pytest.raises(ValueError, match=rf"at level {level:g} needs at least {needed} observations, got {needed - 1}"):
        refuse_few("a test", needed - 1, level, besides)


@pytest.mark.parametrize(("horizon", "step", "fix"), [(10, 1, 10), (10, 3, 4), (2, 1, 2)])
def test_overlap_is_refused_and_the_fix_that_it_names_is_accepted(horizon, step, fix):
    with pytest.raises(ValueError, match=rf"losses\[::{fix}\].*step={fix * step}"):
        refuse_overlap("a test", horizon, step)
    refuse_overlap("a test", horizon, fix * step)


@pytest.mark.parametrize(("horizon", "step"), [(0, 1), (1, 0)])
def test_a_horizon_or_a_step_below_one_bar_is_refused(horizon, step):
    with pytest.raises(ValueError, match="numbers of bars from 1 on"):
        refuse_overlap("a test", horizon, step)


def test_what_is_no_series_is_refused():
    with pytest.raises(ValueError, match="must be bool"):
        marked(np.ones(3))
    with pytest.raises(ValueError, match="one series of probabilities"):
        probabilities([0.5, 1.5])
