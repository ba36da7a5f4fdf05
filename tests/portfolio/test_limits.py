"""Weights shrunk into the caps they must obey."""

import numpy as np
from hypothesis import given, strategies as st

from quantdl.portfolio import (
    within_limits,
)
from tests.portfolio.books import limits


@given(
    st.lists(st.floats(-3, 3), min_size=6, max_size=6),
    st.booleans(),
    st.floats(0.05, 1.0),
    st.floats(0.05, 1.0),
    st.floats(0.1, 2.0),
    st.floats(0.01, 1.0),
    st.floats(0.01, 1.0),
)
def test_shrunk_weights_obey_every_cap(weights, long_only, cap, group, gross, net, group_net):
    caps = {"max_gross": gross, "max_net": gross if long_only else net}
    caps["max_group_net"] = group if long_only else group_net
    bound = limits(6, cap, group, 3, long_only, **caps)
    shrunk = within_limits(np.array(weights), bound)
    assert np.abs(shrunk).max() <= cap + 1e-9
    assert np.abs(shrunk).sum() <= gross + 1e-9
    assert abs(shrunk.sum()) <= caps["max_net"] + 1e-9
    assert bound.group_sums(np.abs(shrunk)).max() <= group + 1e-9
    assert np.abs(bound.group_sums(shrunk)).max() <= caps["max_group_net"] + 1e-9
    assert (np.abs(shrunk) <= np.abs(weights) + 1e-12).all()
    assert (shrunk >= 0).all() or not long_only


def test_weights_inside_the_caps_are_left_alone():
    weights = np.array([0.2, 0.3, 0.1])
    assert within_limits(weights, limits(3, 0.3, 0.7)).tolist() == weights.tolist()


def test_each_cap_cuts_by_hand():
    """Two groups of two: single weights to 0.4, the first group to 0.5 in all, then the book to 0.6."""
    bound = limits(4, 0.4, 0.5, 2, max_gross=0.6)  # the groups are {0, 2} and {1, 3}
    shrunk = within_limits(np.array([0.9, 0.1, 0.4, 0.2]), bound)
    np.testing.assert_allclose(shrunk, np.array([0.25, 0.1, 0.25, 0.2]) * 0.6 / 0.8)
    assert bound.group_sums(np.array([1.0, 2.0, 3.0, 4.0])).tolist() == [4.0, 6.0]


def test_a_net_cap_shrinks_the_larger_side_only():
    bound = limits(3, long_only=False, max_gross=2.0, max_net=0.2, max_group=2.0)
    np.testing.assert_allclose(within_limits(np.array([0.6, 0.2, -0.4]), bound), [0.45, 0.15, -0.4])
