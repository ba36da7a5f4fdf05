"""Two runs side by side: figures as they are stored, and tests where both have returns."""

import json

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from quantdl.experiment.comparing import compare_all, compare_runs
from quantdl.runs import RunWriter, open_run


def forecasts(days, log_density, assets=("KO", "PG"), target=0.01):
    rows = [(day, asset) for day in pd.to_datetime(days) for asset in assets]
    table = pd.DataFrame(rows, columns=["session", "asset"])
    fixed = {"window": "next_session", "observed": True, "target": target}
    return table.assign(**fixed, log_density=np.asarray(log_density, float).ravel())


def a_run(root, days, returns, sharpe=0.5, verdict="defended", predicted=None, year=252.0):
    curve = np.cumprod([1.0, *(1.0 + np.asarray(returns))])
    table = pd.DataFrame({"session": pd.to_datetime(days), "strategy": curve})
    with RunWriter(root, "run") as run:
        run.write_json("checklist.json", {"verdict": verdict})
        run.write_json(
            "metrics.json", {"strategy": {"sharpe": sharpe, "bars_per_year": year}, "costs": {"total": 12.5}}
        )
        run.write_json("selection.json", {"n_trials": 3, "deflated_sharpe": None})
        table.to_parquet(run.path("curves.parquet"))
        if predicted is not None:
            predicted.to_parquet(run.path("forecasts.parquet"))
    return open_run(run.target)


def test_figures_stand_side_by_side_with_their_difference(tmp_path):
    days = pd.bdate_range("2024-01-01", periods=41)
    rng = np.random.default_rng(0)
    first = a_run(tmp_path, days, rng.normal(0.01, 0.01, 40), 0.75)
    second = a_run(tmp_path, days, rng.normal(0.0, 0.01, 40), 0.5, "not defended")
    table = compare_runs(first, second)
    found = {pair.figure: (pair.first, pair.second, pair.difference) for pair in table.figures}
    assert found["verdict"] == ("defended", "not defended", None)
    assert found["sharpe"] == (0.75, 0.5, 0.25)
    assert found["costs.total"] == (12.5, 12.5, 0.0)
    assert found["selection.n_trials"] == (3, 3, 0.0)
    assert found["selection.deflated_sharpe"] == (None, None, None)


def test_returns_are_tested_where_the_sessions_match(tmp_path):
    """The second run begins later and lacks a session, whose two returns are none of a single bar."""
    days = pd.bdate_range("2024-01-01", periods=61)
    rng = np.random.default_rng(1)
    returns, others = rng.normal(0.002, 0.01, 60), rng.normal(0.0, 0.01, 49)
    first = a_run(tmp_path, days, returns)
    second = a_run(tmp_path, days[10:].delete(20), others)
    table = compare_runs(first, second)
    assert (table.bars, str(table.start), str(table.end)) == (48, str(days[11].date()), str(days[60].date()))
    own = np.delete(returns[10:], [19, 20])
    rival = np.delete(others, 19)
    assert table.returns.mean.mean == pytest.approx(own.mean() - rival.mean())
    assert np.sign(table.returns.mean.t) == np.sign(stats.ttest_rel(own, rival).statistic)
    assert table.undefined == ""


def test_runs_without_sessions_in_common_say_so(tmp_path):
    first = a_run(tmp_path, pd.bdate_range("2024-01-01", periods=41), np.full(40, 0.01))
    second = a_run(tmp_path, pd.bdate_range("2025-01-01", periods=41), np.full(40, 0.01))
    table = compare_runs(first, second)
    assert (table.bars, table.start, table.returns) == (0, None, None)
    assert table.undefined == "needs 20 returns over the same bars, there are 0"


def test_a_book_that_does_not_vary_has_no_sharpe_ratio_to_test(tmp_path):
    days = pd.bdate_range("2024-01-01", periods=41)
    first = a_run(tmp_path, days, np.random.default_rng(2).normal(0.0, 0.01, 40))
    table = compare_runs(first, a_run(tmp_path, days, np.zeros(40)))
    assert table.returns.sharpe is None
    assert table.undefined == "a book that does not vary has no Sharpe ratio"


DAYS = pd.bdate_range("2024-01-01", periods=121)
RETURNS = np.random.default_rng(3).normal(0.0, 0.01, (3, 120))


def test_sharpe_ratios_are_compared_over_a_year(tmp_path):
    """A year of 252 bars: both difference and error are those of a bar times its root."""
    found = compare_runs(a_run(tmp_path, DAYS, RETURNS[0]), a_run(tmp_path, DAYS, RETURNS[1]))
    ratios = [np.mean(own) / np.std(own) * np.sqrt(252) for own in RETURNS[:2]]
    assert found.sharpe_difference == pytest.approx(ratios[0] - ratios[1])
    assert found.sharpe_difference / found.sharpe_error == pytest.approx(found.returns.sharpe.t, rel=0.01)


def test_bars_of_different_lengths_have_no_common_year(tmp_path):
    found = compare_runs(a_run(tmp_path, DAYS, RETURNS[0]), a_run(tmp_path, DAYS, RETURNS[1], year=52.0))
    assert found.sharpe_difference is None and found.sharpe_error is None and found.returns.sharpe is not None


def test_forecasts_are_tested_by_their_log_scores_on_what_both_have_forecast(tmp_path):
    density = np.random.default_rng(4).normal(2.0, 0.3, (121, 2))
    worse = density[20:] - 0.1 + np.random.default_rng(5).normal(0.0, 0.2, (101, 2))
    first = a_run(tmp_path, DAYS, RETURNS[0], predicted=forecasts(DAYS, density))
    second = a_run(tmp_path, DAYS, RETURNS[1], predicted=forecasts(DAYS[20:], worse))
    found = compare_runs(first, second).forecasts
    assert found.difference == pytest.approx((worse - density[20:]).mean())
    assert found.difference < 0 and found.diebold_mariano_p < 0.01 and found.stocks_better == 1.0


@pytest.mark.parametrize(
    ("other", "reason"),
    [
        (None, "both runs need a model"),
        (forecasts(DAYS, np.ones((121, 2)), target=0.011), "different returns of the same asset and session"),
        (forecasts(DAYS, np.ones((121, 2)), assets=("JPM", "XOM")), "20 sessions in common, there are 0"),
        (forecasts(DAYS[:10], np.ones((10, 2))), "20 sessions in common, there are 10"),
    ],
)
def test_forecasts_that_cannot_be_compared_say_why(tmp_path, other, reason):
    first = a_run(tmp_path, DAYS, RETURNS[0], predicted=forecasts(DAYS, np.ones((121, 2))))
    found = compare_runs(first, a_run(tmp_path, DAYS, RETURNS[1], predicted=other))
    assert found.forecasts is None and reason in found.forecasts_undefined


def test_of_several_runs_the_confidence_set_keeps_the_good_forecasts(tmp_path):
    random = np.random.default_rng(6)
    good = random.normal(2.0, 0.3, (121, 2))
    densities = (good, good - 0.5 + random.normal(0.0, 0.1, good.shape), good + random.normal(0.0, 0.1, good.shape))
    runs = [
        a_run(tmp_path, DAYS, own, predicted=forecasts(DAYS, one)) for own, one in zip(RETURNS, densities, strict=True)
    ]
    found = compare_all([*runs, a_run(tmp_path, DAYS, RETURNS[0])])
    first, bad, other, without = found.confidence_set
    assert min(first, other) > 0.1 > bad and without is None
    assert [pair.second for pair in found.pairs] == [str(run.path) for run in runs[1:]] + [found.pairs[2].second]


def test_a_run_is_compared_with_itself(small_run):
    run = open_run(small_run)
    table = compare_runs(run, run)
    metrics = json.loads((small_run / "metrics.json").read_text())
    found = {pair.figure: pair.first for pair in table.figures}
    assert found["sharpe_per_bar"] == metrics["strategy"]["sharpe_per_bar"]
    assert all(pair.first == pair.second and pair.difference in (0.0, None) for pair in table.figures)
    assert table.bars == metrics["strategy"]["n_returns"]
    assert table.returns.mean.p_value == table.returns.sharpe.p_value == 1.0
