"""Tail integrals by quadrature against mpmath's incomplete beta function."""

import math

import mpmath as mp
import pytest
import torch

from quantdl.distributions.tails import log_both_tails_of_many, tail_slope
from tests.distributions import exact


def doubles(values):
    return torch.as_tensor(values, dtype=torch.float64)


@pytest.mark.parametrize(("freedom", "distance", "tail", "slope"), exact.TAILS)
def test_tails_and_their_slopes_in_the_degrees_of_freedom_are_those_of_mpmath(freedom, distance, tail, slope):
    assert tail_slope(doubles(distance), doubles(freedom)).item() == pytest.approx(slope, rel=1e-12, abs=1e-300)
    if freedom >= 200.0:
        found = log_both_tails_of_many(doubles(distance), doubles(freedom)).item()
        assert found == pytest.approx(float(mp.log(2 * mp.mpf(tail))), rel=1e-13)


def test_the_center_does_not_move_with_the_degrees_of_freedom():
    assert not tail_slope(doubles([0.0] * len(exact.DEGREES)), doubles(exact.DEGREES)).any()


def test_no_distance_leaves_everything_in_the_tails():
    assert log_both_tails_of_many(doubles([0.0, 0.0]), doubles([200.0, math.inf])).tolist() == [0.0, 0.0]


def test_the_tail_of_the_normal_law_beyond_what_a_float_can_hold():
    """log(2 P(Z > 60)): the probability itself is 1e-784."""
    with mp.workdps(30):
        expected = mp.log(mp.erfc(60 / mp.sqrt(2)))
    assert exact.relative_error(log_both_tails_of_many(doubles(60.0), doubles(math.inf)), expected) < 1e-14
