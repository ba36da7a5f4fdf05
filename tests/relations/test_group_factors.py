"""Factors of groups: they find what was planted in each, and leave the other factors as they are."""

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from quantdl.errors import DataError
from quantdl.relations.group_factors import GroupFactors, common_loadings
from tests.relations.test_factors import correlation_of

THREE = np.repeat([[0], [1], [2]], 4, axis=0)  # three groups of four assets


def market_loadings(assets: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).uniform(0.3, 1.5, size=(assets, 1))


def planted(groups: np.ndarray, sizes: list[float], seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Loadings of one market factor in units of all other variance, and the correlation with group factors within.

    Assets of a group share a part ``size**2`` of the variance that the market leaves.
    """
    market = market_loadings(len(groups), seed)
    within = np.zeros((len(groups), len(groups)))
    for number, size in enumerate(sizes):
        members = groups[:, 0] == number
        within[np.ix_(members, members)] = size**2
    np.fill_diagonal(within, 1.0)
    total = np.sqrt(1.0 + market[:, 0] ** 2)
    return market, (market @ market.T + within) / np.outer(total, total)


@settings(max_examples=20)
@given(st.integers(0, 10**6))
def test_what_groups_share_evenly_is_recovered_exactly(seed):
    sizes = np.random.default_rng(seed).uniform(0.0, 0.9, 3).tolist()
    market, correlation = planted(THREE, sizes, seed)
    found = GroupFactors.of(THREE, 0.98).beside(market, correlation)
    assert found.shape == (12, 4)
    np.testing.assert_allclose(correlation_of(found), correlation, atol=1e-9)


def test_a_group_within_another_has_what_its_members_share_beyond_that():
    groups = np.column_stack([np.zeros(6, dtype=int), [0, 0, 0, -1, -1, -1]])
    pairs = np.full((6, 6), 0.0)
    found = GroupFactors.of(groups, 0.98)
    assert [item.tolist() for item in found.members] == [[0, 1, 2, 3, 4, 5], [0, 1, 2]]
    pairs[:] = 0.2
    pairs[:3, :3] = 0.5
    np.fill_diagonal(pairs, 1.0)
    loadings = found.beside(np.full((6, 1), 1e-9), pairs)
    assert (loadings[:3, 2] > 0.1).all() and not loadings[3:, 2].any()
    implied = correlation_of(loadings)
    assert implied[0, 1] == pytest.approx(0.5, abs=1e-6)  # the two together give the inner pairs theirs
    assert implied[0, 3] < 0.5 * (0.2 + 0.5) and implied[3, 4] < implied[0, 1]


@pytest.mark.parametrize("pairs", [(0.4, 0.3, 0.2), (0.2, 0.35, 0.3)])
def test_three_correlations_determine_three_loadings(pairs):
    """b_1**2 = r_12 * r_13 / r_23."""
    first, second, third = pairs  # of 1 and 2, 1 and 3, 2 and 3
    correlation = np.array([[1.0, first, second], [first, 1.0, third], [second, third, 1.0]])
    own = np.sqrt([first * second / third, first * third / second, second * third / first])
    np.testing.assert_allclose(common_loadings(correlation), own, atol=5e-3)


def test_a_pair_of_which_nothing_is_known_is_not_read():
    correlation = np.full((4, 4), 0.36)
    correlation[0, 1] = correlation[1, 0] = np.nan
    np.testing.assert_allclose(common_loadings(correlation), 0.6, atol=1e-9)


def test_members_that_move_against_each_other_have_no_factor():
    np.testing.assert_array_equal(common_loadings(np.full((3, 3), -0.3)), 0.0)


def test_estimates_are_drawn_a_quarter_of_the_way_to_their_mean_so_far():
    factors = GroupFactors.of(THREE[:4], 0.98)
    pairs = [np.full((4, 4), level) + (1.0 - level) * np.eye(4) for level in (0.04, 0.64)]
    none = np.full((4, 1), 1e-9)
    first, second = (factors.beside(none, correlation)[:, 1] for correlation in pairs)
    np.testing.assert_allclose(first / np.sqrt(1.0 + first**2), 0.2, atol=1e-9)
    drawn = 0.75 * 0.8 + 0.25 * (0.2 + 0.8) / 2.0
    np.testing.assert_allclose(second / np.sqrt(1.0 + second**2), drawn, atol=1e-9)


def test_fewer_than_three_members_with_a_history_have_no_factor():
    market, correlation = planted(THREE, [0.5, 0.5, 0.5], seed=3)
    market[[1, 3]] = 0.0
    correlation[[1, 3]] = correlation[:, [1, 3]] = 0.0
    found = GroupFactors.of(THREE, 0.98).beside(market, correlation)
    assert not found[:4, 1].any() and not found[[1, 3]].any()
    assert (found[4:8, 2] > 0.0).all()
    np.testing.assert_allclose(found[[0, 2], 0], market[[0, 2], 0])  # the others are as they were


def test_no_asset_is_explained_beyond_the_bound():
    market = np.full((4, 1), 7.0)  # 98 % of the variance, all that factors may explain
    found = GroupFactors.of(THREE[:4], 0.98).beside(market, np.ones((4, 4)))
    assert (found[:, 1] < 1e-6).all()
    weak = GroupFactors.of(THREE[:4], 0.98).beside(market / 7.0, np.ones((4, 4)))
    assert correlation_of(weak)[0, 1] == pytest.approx(0.98, abs=1e-9)
    assert np.isfinite(weak).all() and (weak[:, 1] > 1.0).all()


def test_groups_that_are_all_too_small_are_refused():
    with pytest.raises(DataError, match="at least 3 assets, and the largest has 2"):
        GroupFactors.of(np.array([[0], [0], [1], [-1]]), 0.98)
