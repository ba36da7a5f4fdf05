"""The Student-t law of past returns: known parameters come back, and what cannot be fitted is refused."""

import numpy as np
import pytest
from scipy import stats

from quantdl.risk.stress.student_t_fit import best_degrees, fitted_student_t
from tests.risk.stress.known_laws import correlation, scales

COUNT = 5


def returns(n=20_000, degrees=5.0):
    matrix = (correlation(COUNT) * scales(COUNT)[:, None] * scales(COUNT)).numpy()
    return stats.multivariate_t(np.full(COUNT, 1e-3), matrix, degrees, seed=1).rvs(n)


def test_location_scale_correlation_and_degrees_of_a_known_law_come_back():
    law = fitted_student_t(returns())
    assert float(law.dependence.degrees_of_freedom) == pytest.approx(5.0, rel=0.06)
    assert (law.marginals.scale[0] / scales(COUNT) - 1.0).abs().max() < 0.03
    assert (law.marginals.location[0] - 1e-3).abs().max() < 4e-4
    assert (law.dependence.matrix[0] - correlation(COUNT)).abs().max() < 0.02


def test_normal_returns_have_many_degrees_of_freedom():
    distance = stats.chi2(COUNT).rvs(5000, random_state=1)
    assert best_degrees(distance, COUNT) > 40


def test_more_assets_than_sessions_still_have_a_law():
    wide = np.random.default_rng(0).standard_normal((120, 150)) * 0.01
    law = fitted_student_t(wide)
    assert bool(np.isfinite(law.log_prob(law.mean).numpy()).all())


def test_few_sessions_and_assets_that_never_move_are_refused():
    with pytest.raises(ValueError, match="at least 100 complete sessions, got 50"):
        fitted_student_t(returns()[:50])
    still = returns()[:200].copy()
    still[:, 1] = 0.0
    with pytest.raises(ValueError, match="never moves"):
        fitted_student_t(still)
