"""Neighbours of each asset: causal, and they find planted groups."""

import numpy as np
import pytest

from quantdl.market.sources import load_sp500
from quantdl.relations.graphs import NeighbourGraph, correlation_graph
from tests.panels import heavy_tailed_returns, ragged_closes

GROUP = np.array([0, 1, 2, 0, 1, 2, 0, 1, 2, 0, 1, 2])


def grouped_returns(n_bars: int, seed: int, group: np.ndarray = GROUP) -> np.ndarray:
    """Correlation one half within a group, none between groups."""
    generator = np.random.default_rng(seed)
    common = generator.normal(size=(n_bars, group.max() + 1))[:, group]
    return 0.01 * (common + generator.normal(size=(n_bars, len(group))))


def edge_set(graph: NeighbourGraph, bar: int) -> set[tuple[int, int]]:
    index, _ = graph.edges(np.array([bar]))
    return set(map(tuple, index.T.tolist()))


def test_every_edge_stays_inside_a_planted_group():
    graph = correlation_graph(grouped_returns(400, seed=0), n_neighbours=3)
    index, weight = graph.edges(np.array([399]))
    assert (GROUP[index[0]] == GROUP[index[1]]).all()
    assert index.shape == (2, 36) and (index[0] != index[1]).all()
    np.testing.assert_allclose(weight, 0.5, atol=0.2)  # sampling error 0.05


def test_edges_follow_a_regrouping_within_one_window():
    regrouped = GROUP[::-1].copy()
    returns = np.concatenate([grouped_returns(400, seed=1), grouped_returns(400, 2, regrouped)])
    index, _ = correlation_graph(returns, n_neighbours=3).edges(np.array([799]))
    assert (regrouped[index[0]] == regrouped[index[1]]).all()


def test_weights_are_correlations_over_the_window():
    returns = grouped_returns(300, seed=3)
    graph = correlation_graph(returns, n_neighbours=2, window_bars=250, refresh_bars=10)
    index, weight = graph.edges(np.array([290]))
    expected = np.corrcoef(returns[41:291].T)
    np.testing.assert_allclose(weight, expected[index[0], index[1]], atol=1e-6)
    for asset in range(12):  # the two largest, not any two
        best = np.sort(np.delete(expected[asset], asset))[-2:]
        np.testing.assert_allclose(np.sort(weight[index[1] == asset]), best, atol=1e-6)


def test_rows_of_a_batch_share_no_edge():
    graph = correlation_graph(grouped_returns(400, seed=4), n_neighbours=3)
    bars = np.array([399, 100, 280])
    index, weight = graph.edges(bars)
    assert (index[0] // 12 == index[1] // 12).all()
    for row, bar in enumerate(bars):
        alone, alone_weight = graph.edges(np.array([bar]))
        inside = index[1] // 12 == row
        np.testing.assert_array_equal(index[:, inside] - 12 * row, alone)
        np.testing.assert_array_equal(weight[inside], alone_weight)


def test_an_asset_without_enough_history_is_the_neighbour_of_none():
    returns = grouped_returns(400, seed=5)
    returns[:300, 0] = np.nan  # 100 bars of the window of 250
    index, weight = correlation_graph(returns, n_neighbours=5).edges(np.array([399]))
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
    index, _ = correlation_graph(returns).edges(np.array([399]))
    assert not (index == 4).any()


def test_a_single_asset_has_no_edge():
    index, weight = correlation_graph(heavy_tailed_returns(300, 1, seed=8)).edges(np.array([299]))
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


@pytest.mark.parametrize("bars", [1, 2, 100, 250, 251, 271, 272, 273, 500, 699])
def test_a_prefix_has_the_graph_it_had(returns, bars):
    whole, prefix = correlation_graph(returns), correlation_graph(returns[:bars])
    for found, expected in zip(prefix.edges(np.arange(bars)), whole.edges(np.arange(bars)), strict=True):
        assert found.tobytes() == expected.tobytes()


def test_no_future_changes_a_past_edge(returns):
    changed = returns.copy()
    changed[500:] = np.where(np.arange(len(returns) - 500)[:, None] % 7 == 0, np.nan, -3.0 * returns[500:][::-1])
    bars = np.arange(500)
    for found, expected in zip(
        correlation_graph(changed).edges(bars), correlation_graph(returns).edges(bars), strict=True
    ):
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
