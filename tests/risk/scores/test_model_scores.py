"""Models side by side, on simulated scores and by hand."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from quantdl.risk.scores.model_scores import (
    against_one,
    asset_tests,
    confidence_set,
    group_scores,
    horizon_scores,
    mean_figures,
    rejected_assets,
)

N_SESSIONS, ASSETS = 400, ("A", "B", "C")
SESSIONS = pd.bdate_range("2019-11-01", periods=N_SESSIONS + 1)


def scored(seed=0, better_by=0.0, sessions=N_SESSIONS):
    """Stock-days of a right law: uniform probabilities, and scores of which a session's move together."""
    rng = np.random.default_rng(seed)
    n = sessions * len(ASSETS)
    nll = np.repeat(np.random.default_rng(99).standard_normal(sessions), len(ASSETS)) - better_by
    return pd.DataFrame(
        {
            "session": np.repeat(SESSIONS[:sessions], len(ASSETS)),
            "ends": np.repeat(SESSIONS[1 : sessions + 1], len(ASSETS)),
            "asset": np.tile(np.array(ASSETS, dtype=object), sessions),
            "nll": nll + 0.1 * rng.standard_normal(n),
            "joint_nll": np.repeat(np.arange(float(sessions)), len(ASSETS)),
            "crps": 0.01,
            "pit": rng.uniform(size=n),
            "fz0_01": -2.0,
            "fz0_05": -3.0,
        }
    )


def test_figures_are_means_over_stock_days_and_sessions():
    days = scored()
    found = mean_figures(days)
    assert found.n == 1200
    assert found.nll == pytest.approx(days["nll"].mean())
    assert found.joint_nll_day == pytest.approx(199.5)  # the mean of 0 to 399
    assert found.joint_nll == pytest.approx(199.5 / 3)
    assert (found.crps_bp, found.fz0_01, found.fz0_05) == (pytest.approx(100), -2, -3)
    shares = found.hit_01, found.hit_05, found.above_95, found.above_99, found.coverage_90
    assert shares == pytest.approx([0.01, 0.05, 0.05, 0.01, 0.9], abs=0.02)


def test_a_share_is_counted_below_and_above_its_quantile():
    days = scored().iloc[:5].assign(pit=[0.001, 0.03, 0.5, 0.96, 0.999])
    found = mean_figures(days)
    assert (found.hit_01, found.hit_05, found.above_95, found.above_99) == (0.2, 0.4, 0.4, 0.2)
    assert found.coverage_90 == 0.2


def test_a_score_that_is_undefined_somewhere_is_undefined():
    days = scored()
    days.loc[7, "fz0_01"] = np.nan
    assert mean_figures(days).fz0_01 is None
    assert mean_figures(days).fz0_05 == -3


def test_a_better_model_is_told_from_an_equal_one():
    base = scored(1)
    better, equal = against_one(scored(2, 0.05), base, "base"), against_one(scored(3), base, "base")
    assert better.model == "base"
    assert better.difference == pytest.approx(-0.05, abs=0.015)
    assert better.t < -5
    assert better.diebold_mariano_t < -5
    assert better.stocks_better == 1.0
    assert abs(equal.t) < 3
    assert equal.p_value > 0.002


def test_models_are_compared_on_the_stock_days_that_both_have():
    base = scored(1)
    shifted = base.assign(nll=base["nll"] - 1.0).iloc[300:]
    shifted.loc[300:320, "nll"] = 1e6
    found = against_one(shifted, base.iloc[:900].drop(index=range(300, 321)), "base")
    assert found.difference == pytest.approx(-1.0)


def test_the_confidence_set_names_the_models_and_skips_doubles():
    days = {"a": scored(1), "b": scored(2, 0.05), "c": scored(3)}
    found = confidence_set(days, seed=1)
    assert found["b"] == 1.0
    assert max(found["a"], found["c"]) < 0.05
    assert confidence_set({"a": days["a"], "copy": days["a"]}, seed=1) == {}


def test_groups_are_assets_years_of_the_outcome_and_regimes_known_before():
    days = scored()
    regimes = pd.Series(np.where(np.arange(len(SESSIONS)) < 100, "calm", "stressed"), SESSIONS)
    found = group_scores("mine", days, None, regimes)
    by = {(group.by, group.group): group for group in found}
    assert {name for kind, name in by if kind == "asset"} == set(ASSETS)
    assert {name for kind, name in by if kind == "year"} == {"2019", "2020", "2021"}
    assert by["regime", "calm"].figures.n == 300
    in_2019 = days[days["ends"].dt.year == 2019]
    assert by["year", "2019"].figures.nll == pytest.approx(in_2019["nll"].mean())
    assert by["year", "2019"].t is None
    paired = group_scores("mine", scored(2, 0.05), days, regimes)
    assert all(group.t < 0 for group in paired)
    assert sum(group.difference * group.figures.n for group in paired if group.by == "year") / 1200 == pytest.approx(
        against_one(scored(2, 0.05), days, "base").difference
    )


def test_each_asset_is_tested_on_its_own():
    days = scored(5)
    bad = days["asset"] == "B"
    days.loc[bad, "pit"] = stats.norm.cdf(1.6 * stats.norm.ppf(days.loc[bad, "pit"]))  # a law too narrow
    tests = asset_tests("mine", days)
    assert [(test.asset, test.level) for test in tests] == [(a, level) for a in ASSETS for level in (0.99, 0.95)]
    assert rejected_assets(tests, 0.95) == (1, 1)
    b = next(test for test in tests if test.asset == "B" and test.level == 0.95)
    assert b.exceptions == int((days.loc[bad, "pit"] < 0.05).sum())
    assert asset_tests("mine", days.iloc[:3]) == ()


def test_the_number_of_exceptions_of_an_asset_is_tested_exactly():
    """Twenty exceptions in 252 sessions at 95 %: 0.0588 by the binomial law, where chi-square rejects with 0.0479."""
    days = pd.DataFrame({"session": SESSIONS[:252], "asset": "A", "pit": 0.5})
    days.loc[range(6, 246, 12), "pit"] = 0.01
    (found,) = (test for test in asset_tests("mine", days) if test.level == 0.95)
    assert found.exceptions == 20
    assert found.kupiec_p == pytest.approx(0.0588, abs=5e-5)
    assert rejected_assets((found,), 0.95)[0] == 0


def test_long_returns_are_scored_in_sets_and_the_sets_averaged():
    days, base = scored(2, 0.05), scored(1)
    found = horizon_scores("mine", days, base, SESSIONS[:N_SESSIONS], 5)
    sets = [days[days["session"].isin(SESSIONS[start:N_SESSIONS:5])] for start in range(5)]
    assert found.nll == pytest.approx(np.mean([part["nll"].mean() for part in sets]))
    assert (found.bars, found.n, found.crps_bp) == (5, 1200, pytest.approx(100))
    tests = [against_one(part, base, "base") for part in sets]
    assert found.t == pytest.approx(np.median([test.t for test in tests]))
    assert found.p_value == pytest.approx(min(1, np.sort([test.p_value for test in tests])[2] * 5 / 3))
    alone = horizon_scores("mine", days, None, SESSIONS[:N_SESSIONS], 5)
    assert (alone.t, alone.p_value, alone.difference) == (None, None, None)
