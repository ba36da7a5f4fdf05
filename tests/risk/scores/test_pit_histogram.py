"""The histogram of outcomes and its band."""

import numpy as np
import pandas as pd
from scipy import stats

from quantdl.risk.scores.pit_histogram import pit_histogram, reliability


def forecasts(pit):
    sessions = pd.bdate_range("2019-01-01", periods=len(pit))
    return pd.DataFrame({"session": np.repeat(sessions, pit.shape[1]), "pit": pit.ravel()})


def related(random, sessions, assets, correlation):
    """Uniform outcomes whose assets move together within a session."""
    common = random.standard_normal((sessions, 1))
    own = random.standard_normal((sessions, assets))
    return stats.norm.cdf(np.sqrt(correlation) * common + np.sqrt(1 - correlation) * own)


def test_shares_are_counts_over_all_outcomes():
    found = pit_histogram(forecasts(np.array([[0.0, 0.05], [0.55, 1.0]])), bins=2)
    assert found.n == 4
    assert found.shares == (0.5, 0.5)


def test_outcomes_without_a_forecast_are_left_out():
    assert pit_histogram(forecasts(np.array([[0.1, np.nan], [0.7, 0.9]]))).n == 3
    assert pit_histogram(forecasts(np.full((2, 2), np.nan))) is None


def test_the_band_holds_for_related_assets():
    """Of many true laws 95 % stay in the band of each bin; a binomial band would hold for a third or so."""
    random = np.random.default_rng(3)
    inside, binomial = [], []
    for _ in range(150):
        found = pit_histogram(forecasts(related(random, 400, 20, 0.6)), bins=10)
        away = np.abs(np.array(found.shares) - 0.1)
        inside.append(away <= np.array(found.half_widths))
        binomial.append(away <= 1.96 * np.sqrt(0.1 * 0.9 / found.n))
    assert 0.92 <= np.mean(inside) <= 0.975
    assert np.mean(binomial) < 0.85


def test_laws_too_narrow_leave_the_band_at_both_ends():
    random = np.random.default_rng(4)
    pit = stats.norm.cdf(1.5 * stats.norm.ppf(related(random, 800, 20, 0.3)))
    found = pit_histogram(forecasts(pit))
    shares, half_width = found.shares, found.half_widths
    assert shares[0] > 0.05 + half_width[0]
    assert shares[-1] > 0.05 + half_width[-1]
    assert shares[10] < 0.05 - half_width[10]


def test_reliability_counts_outcomes_below_each_quantile():
    points = reliability(forecasts(np.array([[0.004, 0.3], [0.97, 0.6], [np.nan, 0.2]])), (0.01, 0.5, 0.95))
    assert [point.observed for point in points] == [0.2, 0.6, 0.8]
    assert [point.level for point in points] == [0.01, 0.5, 0.95]
    assert abs(points[0].above_level - 0.19) < 1e-12
    assert reliability(forecasts(np.full((2, 2), np.nan))) == ()


def test_the_band_of_reliability_holds_for_related_assets():
    random = np.random.default_rng(4)
    inside = np.array([[p.inside for p in reliability(forecasts(related(random, 400, 20, 0.6)))] for _ in range(150)])
    assert 0.90 < inside[:, 1:-1].mean() < 0.98  # at 1 and 99 % few sessions decide, so the band is rough
    assert inside[:, [0, -1]].mean() > 0.8
