"""The histogram of outcomes and its band."""

import numpy as np
import pandas as pd
from scipy import stats

from quantdl.report.calibration import ENDS_SHOWN, _asset_parts, pit_shares
from quantdl.report.record import Record


def forecasts(pit):
    sessions = pd.bdate_range("2019-01-01", periods=len(pit))
    return pd.DataFrame({"session": np.repeat(sessions, pit.shape[1]), "pit": pit.ravel()})


def related(random, sessions, assets, correlation):
    """Uniform outcomes whose assets move together within a session."""
    common = random.standard_normal((sessions, 1))
    own = random.standard_normal((sessions, assets))
    return stats.norm.cdf(np.sqrt(correlation) * common + np.sqrt(1 - correlation) * own)


def test_shares_are_counts_over_all_outcomes():
    shares, _, n = pit_shares(forecasts(np.array([[0.0, 0.05], [0.55, 1.0]])), bins=2)
    assert n == 4
    assert shares.tolist() == [0.5, 0.5]


def test_outcomes_without_a_forecast_are_left_out():
    _, _, n = pit_shares(forecasts(np.array([[0.1, np.nan], [0.7, 0.9]])))
    assert n == 3


def test_the_band_holds_for_related_assets():
    """Of many true laws 95 % stay in the band of each bin; a binomial band would hold for a third or so."""
    random = np.random.default_rng(3)
    inside, binomial = [], []
    for _ in range(150):
        shares, half_width, n = pit_shares(forecasts(related(random, 400, 20, 0.6)), bins=10)
        inside.append(np.abs(shares - 0.1) <= half_width)
        binomial.append(np.abs(shares - 0.1) <= 1.96 * np.sqrt(0.1 * 0.9 / n))
    assert 0.92 <= np.mean(inside) <= 0.975
    assert np.mean(binomial) < 0.85


def test_laws_too_narrow_leave_the_band_at_both_ends():
    random = np.random.default_rng(4)
    pit = stats.norm.cdf(1.5 * stats.norm.ppf(related(random, 800, 20, 0.3)))
    shares, half_width, _ = pit_shares(forecasts(pit))
    assert shares[0] > 0.05 + half_width[0]
    assert shares[-1] > 0.05 + half_width[-1]
    assert shares[10] < 0.05 - half_width[10]


def test_of_many_assets_the_best_and_the_worst_are_shown_and_the_rest_counted():
    assets = [{"asset": f"A{number:03d}", "n": 10, "nll": float((37 * number) % 101)} for number in range(101)]
    (table,) = _asset_parts(Record({"assets": assets}))
    shown = [line.cells[0].text for line in table.rows]
    by_score = sorted(assets, key=lambda asset: asset["nll"])
    assert shown == [asset["asset"] for asset in (*by_score[:ENDS_SHOWN], *by_score[-ENDS_SHOWN:])]
    assert "101 assets" in table.note
    (whole,) = _asset_parts(Record({"assets": assets[:40]}))
    assert len(whole.rows) == 40 and not whole.note
