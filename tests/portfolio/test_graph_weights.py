"""Weights by a graph against trees and centralities worked out by hand."""

import numpy as np
import pytest

from quantdl.portfolio import inverse_centrality_weights, peripheral_weights
from quantdl.portfolio.graph_weights import centrality, tree_distances


def of_correlation(correlation, deviations, n_draws=400):
    """Draws whose sample moments are exactly these."""
    raw = np.random.default_rng(0).normal(size=(n_draws, len(correlation)))
    raw -= raw.mean(axis=0)
    white = raw @ np.linalg.inv(np.linalg.cholesky(np.cov(raw, rowvar=False))).T
    return np.log1p(white @ np.linalg.cholesky(correlation).T * deviations)


def chain(strength):
    """A - B - C: the ends are joined through the middle only."""
    return np.array([[1.0, strength, strength**2], [strength, 1.0, strength], [strength**2, strength, 1.0]])


def test_the_middle_of_a_chain_gets_two_thirds_of_what_its_ends_get():
    """Distances along the tree add up: 1 + 1 from the middle, 1 + 2 from an end."""
    weights = peripheral_weights(of_correlation(chain(0.5), np.full(3, 0.01)))
    np.testing.assert_allclose(weights, np.array([3.0, 2.0, 3.0]) / 8.0, atol=1e-12)


def test_weights_fall_with_volatility():
    weights = peripheral_weights(of_correlation(chain(0.5), np.array([0.01, 0.02, 0.04])))
    np.testing.assert_allclose(weights, np.array([3.0, 1.0, 0.75]) / 4.75, atol=1e-12)


def test_the_tree_leaves_out_the_longest_edge_of_a_triangle():
    correlation = np.array([[1.0, 0.8, 0.1], [0.8, 1.0, 0.3], [0.1, 0.3, 1.0]])
    near, far = np.sqrt(2 * 0.2), np.sqrt(2 * 0.7)
    expected = [[0, near, near + far], [near, 0, far], [near + far, far, 0]]
    np.testing.assert_allclose(tree_distances(correlation), expected, atol=1e-12)


def test_copies_of_an_asset_are_joined_and_weighed_alike():
    draws = of_correlation(chain(0.5), np.full(3, 0.01))
    weights = peripheral_weights(np.column_stack([draws, draws[:, 0]]))
    assert np.isfinite(weights).all() and weights[0] == pytest.approx(weights[3], abs=1e-8)


def test_the_centre_of_a_star_of_four_is_as_central_as_the_root_of_three_leaves():
    star = np.zeros((4, 4))
    star[0, 1:] = star[1:, 0] = 1.0
    found = centrality(star)
    assert found[0] / found[1] == pytest.approx(np.sqrt(3), rel=0.01)  # up to the thousandth that joins all
    assert found.mean() == pytest.approx(1.0)


def test_the_graph_of_a_model_moves_weight_away_from_its_centre():
    draws = of_correlation(np.eye(4), np.full(4, 0.01))
    star = np.zeros((4, 4))
    star[0, 1:] = star[1:, 0] = 1.0
    weights = inverse_centrality_weights(draws, star)
    assert weights[0] < weights[1] == pytest.approx(weights[3]) and weights.sum() == pytest.approx(1.0)
    np.testing.assert_allclose(inverse_centrality_weights(draws, np.zeros((4, 4))), 0.25, atol=1e-9)


def test_without_a_graph_positive_correlations_of_the_draws_are_one():
    draws = of_correlation(chain(0.7), np.full(3, 0.01))
    graph = chain(0.7) - np.eye(3)
    expected = inverse_centrality_weights(draws, (graph + graph.T) / 2)
    np.testing.assert_allclose(inverse_centrality_weights(draws), expected, atol=1e-9)


def test_an_asset_left_out_or_stale_gets_nothing():
    draws = of_correlation(chain(0.5), np.full(3, 0.01))
    draws[:, 0], draws[:, 2] = np.nan, 0.0
    for weigh in (peripheral_weights, inverse_centrality_weights):
        assert weigh(draws).tolist() == [0.0, 1.0, 0.0]
        assert weigh(np.full((9, 2), np.nan)).tolist() == [0.0, 0.0]


@pytest.mark.parametrize(
    ("adjacency", "words"),
    [
        (np.zeros((2, 2)), r"\(3, 3\)"),
        (np.array([[0, 1, 0], [0, 0, 0], [0, 0, 0]]), "symmetric"),
        (-np.ones((3, 3)), "neg"),
    ],
)
def test_what_is_no_graph_of_the_assets_is_refused(adjacency, words):
    with pytest.raises(ValueError, match=words):
        inverse_centrality_weights(of_correlation(chain(0.5), np.full(3, 0.01)), adjacency)
