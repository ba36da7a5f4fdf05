"""Neighbours of each asset: causal, and they find planted groups."""

import numpy as np
import pytest

from quantdl.market.sources import load_sp500
from quantdl.relations.graphs import NeighbourGraph, correlation_graph, group_graph
from tests.panels import heavy_tailed_returns, ragged_closes

GROUP = np.array([0, 1, 2, 0, 1, 2, 0, 1, 2, 0, 1, 2])


def grouped_returns(n_bars: int, seed: int, group: np.ndarray = GROUP) -> np.ndarray:
    """Correlation one half within a group, none between groups."""
    generator = np.random.default_rng(seed)
    common = generator.normal(size=(n_bars, group.max() + 1))[:, group]
    return 0.01 * (common + generator.normal(size=(n_bars, len(group))))


def edge_set(graph: NeighbourGraph, bar: int) -> set[tuple[int, int]]:
    index, *_ = graph.edges(np.array([bar]))
    return set(map(tuple, index.T.tolist()))


def test_every_edge_stays_inside_a_planted_group():
    graph = correlation_graph(grouped_returns(400, seed=0), n_neighbours=3)
    index, weight, _ = graph.edges(np.array([399]))
    assert (GROUP[index[0]] == GROUP[index[1]]).all()
    assert index.shape == (2, 36) and (index[0] != index[1]).all()
    np.testing.assert_allclose(weight, 0.5, atol=0.2)  # sampling error 0.05


def test_edges_follow_a_regrouping_within_one_window():
    regrouped = GROUP[::-1].copy()
    returns = np.concatenate([grouped_returns(400, seed=1), grouped_returns(400, 2, regrouped)])
    index, *_ = correlation_graph(returns, n_neighbours=3).edges(np.array([799]))
    assert (regrouped[index[0]] == regrouped[index[1]]).all()


def test_weights_are_correlations_over_the_window():
    returns = grouped_returns(300, seed=3)
    graph = correlation_graph(returns, n_neighbours=2, window_bars=250, refresh_bars=10)
    index, weight, _ = graph.edges(np.array([290]))
    expected = np.corrcoef(returns[41:291].T)
    np.testing.assert_allclose(weight, expected[index[0], index[1]], atol=1e-6)
    for asset in range(12):  # the two largest, not any two
        best = np.sort(np.delete(expected[asset], asset))[-2:]
        np.testing.assert_allclose(np.sort(weight[index[1] == asset]), best, atol=1e-6)


def test_the_adjacency_holds_the_edges_of_its_bar_either_way():
    graph = correlation_graph(grouped_returns(400, seed=5), n_neighbours=2)
    joined = graph.adjacency(399)
    index, weight, _ = graph.edges(np.array([399]))
    np.testing.assert_allclose(joined[index[1], index[0]], weight)
    np.testing.assert_array_equal(joined, joined.T)
    assert np.count_nonzero(joined) <= 2 * len(weight)
    assert not graph.adjacency(0).any()


def test_rows_of_a_batch_share_no_edge():
    graph = correlation_graph(grouped_returns(400, seed=4), n_neighbours=3)
    bars = np.array([399, 100, 280])
    index, weight, _ = graph.edges(bars)
    assert (index[0] // 12 == index[1] // 12).all()
    for row, bar in enumerate(bars):
        alone, alone_weight, _ = graph.edges(np.array([bar]))
        inside = index[1] // 12 == row
        np.testing.assert_array_equal(index[:, inside] - 12 * row, alone)
        np.testing.assert_array_equal(weight[inside], alone_weight)


def test_an_asset_without_enough_history_is_the_neighbour_of_none():
    returns = grouped_returns(400, seed=5)
    returns[:300, 0] = np.nan  # 100 bars of the window of 250
    index, weight, _ = correlation_graph(returns, n_neighbours=5).edges(np.array([399]))
    assert not (index == 0).any()
    assert np.isfinite(weight).all()


def test_an_asset_joins_when_it_has_returned_on_half_of_the_window():
    returns = grouped_returns(700, seed=6)
    returns[:400, 0] = np.nan
    graph = correlation_graph(returns, n_neighbours=3, window_bars=250, refresh_bars=1)
    joined = [bar for bar in range(400, 700) if any(0 in edge for edge in edge_set(graph, bar))]
    assert joined[0] == 400 + 125 - 1


def test_a_stale_asset_has_no_neighbour():
    returns = grouped_returns(400, seed=7)
    returns[:, 4] = 0.0
    index, *_ = correlation_graph(returns).edges(np.array([399]))
    assert not (index == 4).any()


def test_a_single_asset_has_no_edge():
    index, weight, _ = correlation_graph(heavy_tailed_returns(300, 1, seed=8)).edges(np.array([299]))
    assert index.shape == (2, 0) and weight.shape == (0,)


def test_nothing_is_known_before_the_first_window_is_full():
    graph = correlation_graph(grouped_returns(300, seed=9))
    assert graph.edges(np.arange(250))[0].shape == (2, 0)
    assert edge_set(graph, 250)


@pytest.fixture(scope="module", params=["simulated", "bundled"])
def returns(request) -> np.ndarray:
    if request.param == "bundled":
        return load_sp500().log_returns()[:1500]
    return np.vstack([np.full(6, np.nan), np.diff(np.log(ragged_closes(700, 6, seed=10)), axis=0)])


def in_two_groups(returns: np.ndarray) -> NeighbourGraph:
    return group_graph(returns, np.arange(returns.shape[1])[:, None] % 2, n_neighbours=2, and_correlated=True)


@pytest.mark.parametrize("graph_of", [correlation_graph, in_two_groups])
@pytest.mark.parametrize("bars", [1, 2, 100, 250, 251, 271, 272, 273, 500, 699])
def test_a_prefix_has_the_graph_it_had(returns, bars, graph_of):
    whole, prefix = graph_of(returns), graph_of(returns[:bars])
    for found, expected in zip(prefix.edges(np.arange(bars)), whole.edges(np.arange(bars)), strict=True):
        assert found.tobytes() == expected.tobytes()


@pytest.mark.parametrize("graph_of", [correlation_graph, in_two_groups])
def test_no_future_changes_a_past_edge(returns, graph_of):
    changed = returns.copy()
    changed[500:] = np.where(np.arange(len(returns) - 500)[:, None] % 7 == 0, np.nan, -3.0 * returns[500:][::-1])
    bars = np.arange(500)
    for found, expected in zip(graph_of(changed).edges(bars), graph_of(returns).edges(bars), strict=True):
        assert found.tobytes() == expected.tobytes()


def test_sessions_on_which_nothing_returns_change_no_edge():
    returns = grouped_returns(400, seed=8)
    wide = np.insert(returns, np.arange(5, 400, 5), np.nan, axis=0)
    rows = np.flatnonzero(np.isfinite(wide).all(axis=1))
    found, expected = (correlation_graph(item, 3, window_bars=250, refresh_bars=10) for item in (wide, returns))
    assert expected.edges(np.array([399]))[0].size
    for row, bar in ((rows[-1], 399), (rows[255], 255), (rows[249], 249)):
        for one, other in zip(found.edges(np.array([row])), expected.edges(np.array([bar])), strict=True):
            np.testing.assert_array_equal(one, other)


# Three industries of four assets each; the first two are one sector. Industries have no correlation of their own.
PATHS = np.stack([np.repeat([0, 0, 1], 4), np.repeat([0, 1, 2], 4)], axis=1)


def incoming(graph: NeighbourGraph, bar: int) -> dict[int, list[int]]:
    """Senders to each asset, nearest first."""
    index, *_ = graph.edges(np.array([bar]))
    return {asset: index[0, index[1] == asset].tolist() for asset in range(graph.neighbours.shape[1])}


def by_industry_then_sector_then_correlation(returns: np.ndarray, k: int) -> dict[int, list[int]]:
    correlation = np.corrcoef(returns.T)
    expected = {}
    for asset in range(returns.shape[1]):
        peers = [peer for peer in range(returns.shape[1]) if peer != asset and PATHS[peer, 0] == PATHS[asset, 0]]
        ranks = {peer: (PATHS[peer, 1] != PATHS[asset, 1], -correlation[asset, peer]) for peer in peers}
        expected[asset] = sorted(peers, key=ranks.__getitem__)[:k]
    return expected


def test_the_nearest_of_a_group_are_those_of_the_deepest_one_and_among_them_the_most_correlated():
    returns = grouped_returns(300, seed=11)
    graph = group_graph(returns, PATHS, n_neighbours=5, window_bars=250, refresh_bars=10)
    assert incoming(graph, 290) == by_industry_then_sector_then_correlation(returns[41:291], 5)
    index, weight, in_group = graph.edges(np.array([290]))
    assert index.shape[1] == 8 * 5 + 4 * 3 and in_group.all()  # the other sector has three peers
    np.testing.assert_allclose(weight, np.corrcoef(returns[41:291].T)[index[0], index[1]], atol=1e-6)


def test_an_asset_of_no_group_has_no_edge_within_one():
    paths = PATHS.copy()
    paths[3] = -1
    assert not [edge for edge in edge_set(group_graph(grouped_returns(300, 12), paths, 5), 290) if 3 in edge]


def test_a_new_asset_is_joined_to_those_of_its_group_that_are_nearest_to_all_of_it():
    returns = grouped_returns(400, seed=13, group=np.repeat([0, 1, 2], 4))
    returns[:, 1] += 0.004 * np.random.default_rng(0).standard_normal(400)  # less like the others
    returns[:380, 0] = np.nan
    returns[300:, 2] = np.nan  # gone; nothing is known of it at the end
    graph = group_graph(returns, PATHS[:, :1], n_neighbours=2, window_bars=100, refresh_bars=1)
    window = returns[300:400]
    members = [asset for asset in range(8) if asset not in (0, 2)]
    correlation = np.corrcoef(window[:, members].T)
    central = (correlation.sum(axis=0) - 1.0) / (len(members) - 1)
    expected = [members[place] for place in np.argsort(-central)[:2]]
    assert incoming(graph, 399)[0] == expected
    index, weight, in_group = graph.edges(np.array([399]))
    assert (weight[index[1] == 0] == 0.0).all() and in_group.all()
    assert not (index[0] == 2).any()


def test_both_kinds_of_edges_are_told_apart_and_no_pair_is_joined_twice():
    returns = grouped_returns(300, seed=14)  # correlated across the declared groups
    within, correlated = group_graph(returns, PATHS, 3, 250, 1), correlation_graph(returns, 3, 250, 1)
    both = group_graph(returns, PATHS, 3, 250, 1, and_correlated=True)
    index, weight, in_group = both.edges(np.array([299]))
    found = list(map(tuple, index.T.tolist()))
    assert len(found) == len(set(found))
    assert set(found) >= edge_set(within, 299) | edge_set(correlated, 299)
    assert np.bincount(index[1]).max() <= 6
    np.testing.assert_array_equal(in_group, PATHS[index[0], 0] == PATHS[index[1], 0])
    assert in_group.any() and not in_group.all()
    np.testing.assert_allclose(weight, np.corrcoef(returns[-250:].T)[index[0], index[1]], atol=1e-6)


def test_an_asset_of_a_large_group_has_no_more_edges_than_asked_for():
    returns = heavy_tailed_returns(260, 300, seed=15)
    index, *_ = group_graph(returns, np.zeros((300, 1), dtype=np.int64), 4, and_correlated=True).edges(np.array([259]))
    assert np.bincount(index[1], minlength=300).tolist() == [8] * 300


def test_the_order_of_assets_orders_the_edges_and_nothing_else():
    returns = grouped_returns(400, seed=16)
    returns[:390, 5] = np.nan
    order = np.random.default_rng(1).permutation(12)
    straight = group_graph(returns, PATHS, 3, and_correlated=True)
    permuted = group_graph(returns[:, order], PATHS[order], 3, and_correlated=True)
    renamed = {(int(order[source]), int(order[target])) for source, target in edge_set(permuted, 399)}
    assert renamed == edge_set(straight, 399)
