"""The record of a run's tests holds what each function says of the same rows, and the strip what monitoring says."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from quantdl.records import from_plain, to_plain
from quantdl.risk.backtests import acerbi_szekely_z2, berkowitz, christoffersen, dynamic_quantile, weibull_durations
from quantdl.risk.backtests.monitoring import exception_process, shortfall_process, transform_process
from quantdl.risk.book.forecast_tests import ForecastTests, forecast_tests, monitoring_strip
from quantdl.risk.book.predictions import RiskTable

SESSIONS = pd.bdate_range("2019-01-02", periods=400)
LEVELS = {0.95: (1.6448536, 2.0627128), 0.99: (2.3263479, 2.6652142)}


def risk_of(losses: np.ndarray) -> RiskTable:
    """Predictions of a standard normal law, in hundredths, beside losses."""
    rows = [
        pd.DataFrame(
            {
                "session": SESSIONS[: len(losses)],
                "level": level,
                "value_at_risk": 0.01 * var,
                "expected_shortfall": 0.01 * shortfall,
                "loss": 0.01 * losses,
                "exception": losses > var,
            }
        )
        for level, (var, shortfall) in LEVELS.items()
    ]
    pit = pd.Series(stats.norm.cdf(losses), SESSIONS[: len(losses)])
    cells = (pit * 20).astype(np.int64).clip(upper=19)
    return RiskTable(pd.concat(rows, ignore_index=True), pit, {}, cells)


LOSSES = 1.2 * np.random.default_rng(1).standard_normal(400)


def of(found: ForecastTests, name: str, level: float | None):
    return next(one for one in found.tests if (one.test, one.level) == (name, level))


def test_every_test_is_that_of_its_function():
    found, _ = forecast_tests(risk_of(LOSSES), pd.Series(0.01 * LOSSES, SESSIONS), seed=3)
    hits = LOSSES > LEVELS[0.95][0]
    exact = christoffersen(hits, 0.95, exact=True)
    assert of(found, "kupiec", 0.95).p_value == exact.coverage.p_value
    assert of(found, "christoffersen_independence", 0.95).p_value == exact.independence.p_value
    assert of(found, "christoffersen_conditional", 0.95).how == "exact"
    assert of(found, "dynamic_quantile", 0.95).p_value == dynamic_quantile(hits, 0.95, n_paths=999, seed=3).p_value
    assert of(found, "weibull_durations", 0.95).p_value == weibull_durations(hits, 0.95, n_paths=999, seed=3).p_value
    normal = acerbi_szekely_z2(LOSSES, np.full(400, 1.6448536), np.full(400, 2.0627128), 0.95, np.inf, seed=3)
    assert of(found, "acerbi_szekely_z2", 0.95).statistic == pytest.approx(normal.statistic)
    assert of(found, "acerbi_szekely_z2", 0.95).p_value == pytest.approx(normal.p_value, abs=0.01)
    assert of(found, "berkowitz", None).statistic == pytest.approx(berkowitz(stats.norm.cdf(LOSSES)).statistic)
    assert {(one.test, one.level) for one in found.tests if one.level is None} == {
        ("kolmogorov_smirnov", None),
        ("berkowitz", None),
    }
    assert from_plain(ForecastTests, to_plain(found)) == found


def test_the_lights_count_both_kinds_of_profit():
    actual = 0.01 * LOSSES
    actual[-100:-90] = 0.05
    found, _ = forecast_tests(risk_of(LOSSES), pd.Series(actual, SESSIONS))
    assert found.hypothetical.exceptions == int((LOSSES[-250:] > LEVELS[0.99][0]).sum())
    assert found.actual.exceptions == int((actual[-250:] > 0.01 * LEVELS[0.99][0]).sum())
    assert found.actual.zone == "red"
    assert found.lights_undefined == ""


def test_what_is_undefined_has_its_reason():
    quiet = np.full(60, -0.5)
    found, _ = forecast_tests(risk_of(quiet), pd.Series(0.0, SESSIONS))
    assert found.hypothetical is found.actual is None
    assert found.lights_undefined.startswith("the Basel traffic light needs at least 250 observations, got 60")
    assert of(found, "weibull_durations", 0.95).undefined.startswith("durations need at least 2 exceptions")
    assert of(found, "dynamic_quantile", 0.99).undefined.startswith("dynamic_quantile at level 0.99 needs at least 104")
    assert of(found, "acerbi_szekely_z1", 0.99).p_value is None
    assert of(found, "kupiec", 0.99).p_value is not None


def test_the_strip_is_what_the_processes_say():
    risk = risk_of(LOSSES)
    strip = monitoring_strip(risk)
    (low, low_es), (high, _) = LEVELS[0.95], LEVELS[0.99]
    expected = {
        "exceptions_money": exception_process(LOSSES, np.full(400, high), 0.99),
        "shortfall_money": shortfall_process(LOSSES, np.full(400, low), np.full(400, low_es), 0.95),
        "transforms_money": transform_process(stats.norm.cdf(LOSSES)),
    }
    for name, path in expected.items():
        np.testing.assert_allclose(strip[name], path, rtol=1e-9)
    found, _ = forecast_tests(risk, pd.Series(0.01 * LOSSES, SESSIONS))
    assert [(one.bets_on, one.highest) for one in found.e_processes] == [
        (name.removesuffix("_money"), pytest.approx(path.max())) for name, path in expected.items()
    ]
    assert [year.year for year in found.years] == [2019, 2020]
    assert sum(year.n for year in found.years) == 400
    assert sum(year.exceptions for year in found.years) == int((LOSSES > high).sum())
    assert found.years[-1].transforms_money == pytest.approx(expected["transforms_money"][-1])


def test_nothing_predicted_is_refused():
    empty = risk_of(LOSSES)
    empty = RiskTable(empty.rows[:0], empty.probabilities[:0], {})
    with pytest.raises(ValueError, match="nothing to test"):
        forecast_tests(empty, pd.Series(dtype=float))


def test_a_law_of_too_few_losses_has_no_transforms():
    risk = risk_of(LOSSES)
    found, strip = forecast_tests(RiskTable(risk.rows, risk.probabilities, {}), pd.Series(0.01 * LOSSES, SESSIONS))
    assert strip["transforms_money"].isna().all()
    assert [one.bets_on for one in found.e_processes] == ["exceptions", "shortfall"]
    assert {year.transforms_money for year in found.years} == {None}
