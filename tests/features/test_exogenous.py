"""Columns of exogenous series hold what was known at each bar, and say how old it is."""

import numpy as np
import pandas as pd
import pytest

from quantdl.errors import DataError
from quantdl.features import FeatureTable, feature_table
from quantdl.market.series.declaration import ReleaseRule
from quantdl.market.series.exogenous import ExogenousSeries
from quantdl.simulation import panel_of_closes
from tests.panels import closes_of, exogenous_series, heavy_tailed_returns

NEXT_MORNING = ReleaseRule("day", 1, "08:00", "America/New_York", None)


def series_of(
    name: str, dated: pd.DatetimeIndex, values: np.ndarray, rule: ReleaseRule = NEXT_MORNING
) -> ExogenousSeries:
    return exogenous_series(name, dated, values, rule)


@pytest.fixture(scope="module")
def panel():
    return panel_of_closes(closes_of(heavy_tailed_returns(299, 2, seed=0)))


def columns(panel, *series: ExogenousSeries) -> tuple[FeatureTable, dict[str, np.ndarray]]:
    table = feature_table(panel, (), series)
    named = {
        item.name: np.where(table.known[..., number], table.values[..., number], np.nan)
        for number, item in enumerate(table.features)
    }
    return table, named


def test_level_and_change_are_measured_by_what_they_were_before(panel):
    """A series dated d and known the next morning: at the close of a bar it stands at its value of the day before."""
    days = pd.date_range("1999-12-01", "2001-06-01", unit="us")
    values = 20.0 + np.cumsum(np.random.default_rng(0).standard_normal(len(days)))
    _, found = columns(panel, series_of("fear", days, values))
    seen = values[days.searchsorted(panel.sessions) - 1]
    for bar in (50, 299):
        weights = 0.5 ** (np.arange(bar, 0, -1.0) / 250.0)
        means = [np.average(seen[:n], weights=0.5 ** (np.arange(n, 0, -1.0) / 250.0)) for n in range(1, bar + 1)]
        apart = seen[1 : bar + 1] - means
        size = np.sqrt(np.average(apart[:-1] ** 2, weights=weights[1:]))
        assert found["fear_level"][bar, 0] == pytest.approx(np.arcsinh(apart[-1] / size), rel=1e-4)
        moves = np.diff(seen[: bar + 1])
        size = np.sqrt(np.average(moves[:-1] ** 2, weights=0.5 ** (np.arange(bar - 1, 0, -1.0) / 60.0)))
        assert found["fear_change"][bar, 1] == pytest.approx(np.arcsinh(moves[-1] / size), rel=1e-4)


def test_age_is_the_time_since_the_value_became_known(panel):
    days = pd.date_range("1999-12-01", "2000-09-01", freq="MS", unit="us")
    rule = ReleaseRule("month", 1, "09:00", "America/New_York", "XNYS")
    _, found = columns(panel, series_of("rate", days, np.arange(10.0), rule))
    age = pd.Series(np.expm1(found["rate_age"][:, 0]), index=panel.sessions)
    # The mean over April becomes known on the first session of May, at 09:00; bars are known at 16:00.
    assert age["2000-05-01"] == pytest.approx(7 / 24, rel=1e-4)
    assert age["2000-05-31"] == pytest.approx(30 + 7 / 24, rel=1e-4)
    assert age["2000-06-01"] == pytest.approx(7 / 24, rel=1e-4)
    assert age["2001-02-28"] == pytest.approx(149 + 8 / 24, rel=1e-4)  # since 2000-10-02 in summer time
    change = pd.Series(found["rate_change"][:, 0], index=panel.sessions)
    assert change["2000-05-31"] == 0.0 and change["2000-06-01"] > 0.0


def test_nothing_released_later_changes_a_bit(panel):
    days = pd.date_range("1999-12-01", "2001-06-01", unit="us")
    generator = np.random.default_rng(1)
    values = generator.standard_normal(len(days))
    whole, _ = columns(panel, series_of("one", days, values))
    for bars in (1, 2, 22, 23, 60, 200):
        seen = panel.until(panel.sessions[bars - 1])
        later = series_of("one", days, values).known_at > seen.known_at[-1]
        changed = np.where(later, 1e9 * generator.standard_normal(len(days)), values)
        for series in (series_of("one", days, changed), series_of("one", days[~later], values[~later])):
            early, _ = columns(seen, series)
            assert early.values.tobytes() == whole.values[:bars].tobytes()
            assert early.known.tobytes() == whole.known[:bars].tobytes()


def test_a_series_that_has_not_begun_or_never_moves_is_not_known(panel):
    days = pd.date_range("2000-12-01", "2001-06-01", unit="us")
    table, found = columns(panel, series_of("late", days, np.random.default_rng(2).standard_normal(len(days))))
    before = panel.sessions <= "2000-12-01"
    assert all(np.isnan(values[before]).all() for values in found.values())
    assert not table.values[before].any() and np.isfinite(found["late_level"][-5:]).all()
    _, still = columns(
        panel, series_of("still", pd.date_range("1999-12-01", periods=600, unit="us"), np.full(600, 0.1))
    )
    assert np.isnan(still["still_level"]).all() and np.isnan(still["still_change"]).all()


def test_absurd_values_stay_finite(panel):
    days = pd.date_range("1999-12-01", "2001-06-01", unit="us")
    values = np.random.default_rng(3).choice([-1e308, 1e308, 1.0], len(days))
    table, _ = columns(panel, series_of("absurd", days, values))
    assert np.isfinite(table.values).all()


def test_columns_follow_the_groups_and_say_whose_they_are(panel):
    days = pd.date_range("1999-12-01", periods=600, unit="us")
    one, two = (series_of(name, days, np.random.default_rng(4).standard_normal(600)) for name in ("one", "two"))
    table = feature_table(panel, exogenous=(one, two))
    names = [item.name for item in table.features]
    assert names[41:] == ["one_level", "one_change", "one_age", "two_level", "two_change", "two_age"]
    assert table.values[..., :41].tobytes() == feature_table(panel).values.tobytes()


def test_two_series_of_one_name_are_refused(panel):
    days = pd.date_range("1999-12-01", periods=600, unit="us")
    with pytest.raises(DataError, match="Two exogenous series are called 'one'"):
        feature_table(panel, exogenous=(series_of("one", days, np.ones(600)), series_of("one", days, np.zeros(600))))
