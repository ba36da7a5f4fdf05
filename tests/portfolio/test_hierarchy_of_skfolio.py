"""Hierarchical risk parity is skfolio's; which distance it takes is an argument, and its result that of the paper."""

import numpy as np
import pytest
from skfolio.cluster import HierarchicalClustering, LinkageMethod
from skfolio.distance import PearsonDistance
from skfolio.optimization import HierarchicalRiskParity
from skfolio.seriation import HierarchicalSeriation


def returns_of(covariance):
    """Returns whose sample covariance (ddof 1) is exactly this."""
    noise = np.random.default_rng(0).standard_normal((500, len(covariance)))
    noise -= noise.mean(0)
    whitened = noise @ np.linalg.inv(np.linalg.cholesky(np.cov(noise.T))).T
    return whitened @ np.linalg.cholesky(covariance).T


def test_the_hierarchy_of_skfolio_is_that_of_the_paper():
    """REFERENCE_VALUES 3.8: volatilities .1 and .2 by turns, correlations .8 and .2 within two pairs, none between."""
    deviations, correlation = np.array([0.1, 0.2, 0.1, 0.2]), np.eye(4)
    correlation[0, 1] = correlation[1, 0] = 0.8
    correlation[2, 3] = correlation[3, 2] = 0.2
    returns = returns_of(correlation * np.outer(deviations, deviations))
    made = HierarchicalRiskParity(
        distance_estimator=PearsonDistance(),
        seriation_estimator=HierarchicalSeriation(
            hierarchical_clustering_estimator=HierarchicalClustering(linkage_method=LinkageMethod.SINGLE)
        ),
    ).fit(returns)
    assert made.weights_ == pytest.approx([0.33142857, 0.08285714, 0.46857143, 0.11714286], abs=5e-9)
