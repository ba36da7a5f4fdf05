"""Durations against scipy's censored Weibull fit, and exceptions in clusters or like a clock."""

import numpy as np
import pytest
from scipy import stats

from quantdl.risk.backtests import weibull_durations
from quantdl.risk.backtests.durations import durations, weibull_ratios
from quantdl.risk.backtests.simulated import scattered_hits


def series(places, n):
    hits = np.zeros(n, dtype=bool)
    hits[list(places)] = True
    return hits


def test_durations_are_counted_between_exceptions_and_censored_at_both_ends():
    length, ended = durations(series([2, 5, 6], 10)[None])
    assert length.tolist() == [[3.0, 3.0, 1.0, 3.0]]
    assert ended.tolist() == [[0.0, 1.0, 1.0, 0.0]]


def test_a_series_that_begins_and_ends_with_an_exception_has_whole_durations_only():
    length, ended = durations(series([0, 4, 9], 10)[None])
    assert length[0, 1:3].tolist() == [4.0, 5.0]
    assert ended[0, 1:3].tolist() == [1.0, 1.0]
    assert np.isnan(ended[0, [0, 3]]).all()


def log_likelihood(whole, censored, shape, scale):
    law = stats.weibull_min(shape, scale=scale)
    return law.logpdf(whole).sum() + law.logsf(censored).sum()


@pytest.mark.parametrize("places", [[3, 4, 5, 60, 61, 190], [20, 41, 59, 80, 102, 119, 141], [0, 7, 30, 31, 99, 199]])
def test_the_ratio_is_that_of_scipys_censored_fits(places):
    hits = series(places, 200)
    gaps = np.diff(places).astype(float)
    ends = [float(x) for x in ([places[0] + 1] if places[0] else []) + ([199 - places[-1]] if places[-1] < 199 else [])]
    data = stats.CensoredData(uncensored=gaps, right=np.array(ends))
    shape, _, scale = stats.weibull_min.fit(data, floc=0)
    mean = (gaps.sum() + sum(ends)) / len(gaps)
    ratio = 2 * (log_likelihood(gaps, ends, shape, scale) - log_likelihood(gaps, ends, 1.0, mean))
    assert weibull_durations(hits, 0.95, n_paths=0).statistic == pytest.approx(ratio, abs=1e-5)


def test_many_series_at_once_are_as_many_alone():
    hits = scattered_hits(150, 5, 30, np.random.default_rng(1))
    hits[3] = series([0, 1, 149], 150)
    alone = [float(weibull_ratios(row[None])[0]) for row in hits]
    np.testing.assert_allclose(weibull_ratios(hits), alone, rtol=1e-9, atol=1e-9)


def test_clusters_and_exceptions_like_a_clock_are_found():
    clustered = series([*range(100, 106), *range(300, 306)], 500)
    regular = series(range(20, 500, 40), 500)
    for hits in (clustered, regular):
        assert weibull_durations(hits, 0.975, n_paths=999).p_value <= 0.01


def test_p_values_of_exceptions_in_any_order_are_as_often_small_as_they_say():
    random = np.random.default_rng(2)
    null = np.sort(weibull_ratios(scattered_hits(250, 6, 4000, random)))
    others = weibull_ratios(scattered_hits(250, 6, 4000, random))
    assert np.mean(others > null[int(0.95 * 4000)]) == pytest.approx(0.05, abs=0.015)


def test_bad_input_is_refused():
    with pytest.raises(ValueError, match="at least 2 exceptions and a session without one, got 1 in 300"):
        weibull_durations(series([5], 300), 0.99)
    with pytest.raises(ValueError, match="got 300 in 300"):
        weibull_durations(np.ones(300, dtype=bool), 0.99)
    with pytest.raises(ValueError, match="at level 0.99 needs at least 100 observations, got 99"):
        weibull_durations(series([5, 6], 99), 0.99)
    with pytest.raises(ValueError, match="every 5-th"):
        weibull_durations(series([5, 6], 300), 0.99, horizon=5)
