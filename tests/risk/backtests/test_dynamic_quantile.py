"""The dynamic quantile test against a plain regression, its size under the null, and clusters that are planted."""

import numpy as np
import pytest
from scipy import stats

from quantdl.risk.backtests import dynamic_quantile
from quantdl.risk.backtests.dynamic_quantile import dynamic_quantile_statistics
from quantdl.risk.backtests.simulated import bernoulli_hits


def by_regression(hits, tail, lags, further=None):
    """The same statistic from numpy's least squares: fitted values over the variance of an exception."""
    n = len(hits)
    columns = [np.ones(n - lags), *(hits[lags - lag : n - lag] for lag in range(1, lags + 1))]
    design = np.column_stack(columns if further is None else [*columns, further[lags:]]).astype(float)
    centred = hits[lags:] - tail
    fitted = design @ np.linalg.lstsq(design, centred)[0]
    return float(fitted @ fitted) / (tail * (1 - tail))


@pytest.mark.parametrize("lags", [0, 1, 4])
def test_it_is_the_explained_sum_of_squares_of_a_regression(lags):
    random = np.random.default_rng(1)
    hits, forecast = random.random(400) < 0.05, 0.02 + 0.01 * random.random(400)
    for further in (None, forecast):
        found = dynamic_quantile(hits, 0.95, further, lags=lags, n_paths=0)
        assert found.statistic == pytest.approx(by_regression(hits, 0.05, lags, further), rel=1e-8)
        degrees = 1 + lags + (further is not None)
        assert found.p_value == pytest.approx(stats.chi2.sf(found.statistic, degrees), rel=1e-12)


def test_without_an_exception_only_their_number_speaks():
    """y is -p throughout and the constant explains all of it: T p / (1 - p)."""
    found = dynamic_quantile(np.zeros(504, dtype=bool), 0.99, n_paths=99)
    assert found.statistic == pytest.approx(500 * 0.01 / 0.99)


def test_simulated_p_values_keep_their_size_where_the_chi_square_law_does_not():
    """250 sessions at 0.99. The critical value of 20,000 series is exceeded by 5 % of others, chi-square's by 10 %."""
    random = np.random.default_rng(2)
    drawn = dynamic_quantile_statistics(bernoulli_hits(250, 0.01, 8000, random), 0.01, None, 4)
    others = dynamic_quantile_statistics(bernoulli_hits(250, 0.01, 8000, random), 0.01, None, 4)
    assert np.mean(others > np.quantile(drawn, 0.95)) == pytest.approx(0.05, abs=0.015)
    assert np.mean(others > stats.chi2.isf(0.05, 5)) > 0.08


def test_clusters_and_exceptions_that_the_forecast_foretells_are_found():
    random = np.random.default_rng(3)
    clustered = np.zeros(1000, dtype=bool)
    clustered[[*range(100, 110), *range(500, 510), *range(800, 805)]] = True
    assert dynamic_quantile(clustered, 0.975, n_paths=999).p_value == 0.001
    forecast = random.random(1000)
    foretold = random.random(1000) < 0.1 * (forecast < 0.5)  # often where the forecast is low
    assert dynamic_quantile(foretold, 0.95, forecast, n_paths=999).p_value < 0.01


def test_bad_input_is_refused():
    hits = np.zeros(300, dtype=bool)
    with pytest.raises(ValueError, match="at level 0.99 needs at least 104 observations, got 103"):
        dynamic_quantile(hits[:103], 0.99)
    with pytest.raises(ValueError, match="is constant"):
        dynamic_quantile(hits, 0.99, np.full(300, 0.02))
    with pytest.raises(ValueError, match="as long as hits, 300"):
        dynamic_quantile(hits, 0.99, np.full(299, 0.02))
    with pytest.raises(ValueError, match="lags must be 0 or more"):
        dynamic_quantile(hits, 0.99, lags=-1)
    with pytest.raises(ValueError, match="every 10-th"):
        dynamic_quantile(hits, 0.99, horizon=10)
