"""Copulas and dynamic correlations fitted to draws with known parameters."""

import numpy as np
import pytest
import torch
from scipy import stats

from quantdl.distributions import DenseStudentT
from quantdl.models.classical.correlation import correlation_recursion, scaled_to_correlation
from quantdl.training.correlation_fit import copula_freedom, correlation_path, fit_copula, fit_dynamics


def copula_scores(loadings: np.ndarray, freedom: float, n_rows: int, seed: int) -> np.ndarray:
    """Normal scores of draws from a factor-t copula."""
    generator = np.random.default_rng(seed)
    normal = generator.normal(size=(n_rows, loadings.shape[1])) @ loadings.T
    normal += generator.normal(size=normal.shape)
    normal /= np.sqrt(1.0 + (loadings**2).sum(axis=1))
    draws = normal / np.sqrt(generator.chisquare(freedom, n_rows) / freedom)[:, None]
    return stats.norm.ppf(stats.t.cdf(draws, freedom))


@pytest.mark.parametrize("freedom", [4.0, 10.0])
def test_a_planted_copula_is_recovered(freedom):
    loadings = np.array([[1.2, 0.0], [0.8, 0.5], [1.0, -0.6], [0.3, 0.9], [0.0, 1.0], [0.6, 0.0]])
    scores = copula_scores(loadings, freedom, 6000, seed=2)
    found, found_freedom = fit_copula(scores, factors=2)
    scaled, expected = (item / np.sqrt(1.0 + (item**2).sum(axis=1, keepdims=True)) for item in (found, loadings))
    off_diagonal = ~np.eye(6, dtype=bool)
    np.testing.assert_allclose((scaled @ scaled.T)[off_diagonal], (expected @ expected.T)[off_diagonal], atol=0.05)
    assert found_freedom == pytest.approx(freedom, rel=0.2)


def test_a_normal_copula_has_many_degrees_of_freedom():
    generator = np.random.default_rng(3)
    scores = generator.normal(size=(4000, 5)) + generator.normal(size=(4000, 1))
    assert fit_copula(scores / np.sqrt(2.0), factors=1)[1] > 25.0


def test_missing_scores_are_left_out_of_the_copula():
    loadings = np.array([[1.2], [0.8], [1.0], [0.7]])
    scores = copula_scores(loadings, 5.0, 6000, seed=4)
    scores[np.random.default_rng(5).random(scores.shape) < 0.3] = np.nan
    found, freedom = fit_copula(scores, factors=1)
    np.testing.assert_allclose(np.abs(found), loadings, atol=0.15)
    assert freedom == pytest.approx(5.0, rel=0.25)


# Dynamic correlation

TARGET = np.array([[1.0, 0.6, 0.3, 0.2], [0.6, 1.0, 0.4, 0.1], [0.3, 0.4, 1.0, 0.5], [0.2, 0.1, 0.5, 1.0]])


def dynamic_innovations(news: float, memory: float, freedom: float, n_sessions: int, seed: int) -> np.ndarray:
    """Draws of variance 1 from Engle's recursion with a Student-t copula's common mixing, written out."""
    generator = np.random.default_rng(seed)
    matrix, drawn = TARGET.copy(), np.empty((n_sessions, 4))
    for session in range(n_sessions):
        size = np.sqrt(np.diag(matrix))
        root = np.linalg.cholesky(matrix / np.outer(size, size))
        mixing = np.sqrt(generator.chisquare(freedom) / freedom) if np.isfinite(freedom) else 1.0
        scale = np.sqrt((freedom - 2.0) / freedom) if np.isfinite(freedom) else 1.0
        drawn[session] = scale * (root @ generator.standard_normal(4)) / mixing
        matrix = (1.0 - news - memory) * TARGET + news * np.outer(drawn[session], drawn[session]) + memory * matrix
    return drawn


def scores_of(innovations: np.ndarray, freedom: float) -> np.ndarray:
    if not np.isfinite(freedom):
        return innovations
    return stats.norm.ppf(stats.t.cdf(innovations * np.sqrt(freedom / (freedom - 2.0)), freedom))


@pytest.mark.parametrize(("news", "memory", "freedom"), [(0.04, 0.93, np.inf), (0.08, 0.85, 8.0)])
def test_planted_dynamics_are_recovered(news, memory, freedom):
    """Tolerances are about three standard errors of a fit to the last 2,000 sessions."""
    innovations = dynamic_innovations(news, memory, freedom, 4000, seed=6)
    found = fit_dynamics(innovations, scores_of(innovations, freedom))
    assert found.news == pytest.approx(news, abs=0.025)
    assert found.memory == pytest.approx(memory, abs=0.07)
    np.testing.assert_allclose(found.target, TARGET, atol=0.08)
    assert found.freedom > 25.0 if not np.isfinite(freedom) else found.freedom == pytest.approx(freedom, rel=0.45)


def test_a_constant_correlation_leaves_nothing_to_the_news():
    innovations = dynamic_innovations(0.0, 0.0, np.inf, 3000, seed=7)
    found = fit_dynamics(innovations, innovations)
    path = correlation_path(innovations, found.target, found.news, found.memory)
    assert np.abs(path - TARGET).max() < 0.2
    assert found.news < 0.02


def test_the_path_is_the_recursion_of_the_model():
    innovations = dynamic_innovations(0.05, 0.9, 8.0, 300, seed=8)
    innovations[50:60, 1] = np.nan
    innovations[100, :] = np.nan
    path = correlation_path(innovations, TARGET, 0.05, 0.9)
    expected = [*correlation_recursion(torch.from_numpy(innovations), torch.from_numpy(TARGET), 0.05, 0.9)]
    np.testing.assert_allclose(path, scaled_to_correlation(torch.stack(expected[:-1])).numpy(), rtol=1e-9, atol=1e-12)


def test_later_innovations_change_no_earlier_correlation():
    innovations = dynamic_innovations(0.05, 0.9, 8.0, 200, seed=9)
    changed = innovations.copy()
    changed[150:] = 3.0
    first, second = (correlation_path(values, TARGET, 0.05, 0.9) for values in (innovations, changed))
    np.testing.assert_array_equal(first[:151], second[:151])


def test_the_freedom_of_a_dense_copula_is_recovered():
    innovations = dynamic_innovations(0.0, 0.0, 5.0, 5000, seed=10)
    matrix = torch.from_numpy(TARGET).expand(5000, -1, -1)
    found = copula_freedom(scores_of(innovations, 5.0), lambda rows: DenseStudentT(rows, matrix))
    assert found == pytest.approx(5.0, rel=0.15)


def test_histories_of_unequal_length_give_a_positive_definite_target():
    innovations = dynamic_innovations(0.05, 0.9, 8.0, 900, seed=11)
    innovations[:700, 0] = np.nan
    innovations[780:, 1] = np.nan
    found = fit_dynamics(innovations, innovations)
    assert np.linalg.eigvalsh(found.target)[0] > 0.0
    assert np.allclose(np.diag(found.target), 1.0)
