"""Series beside the prices in a run: inputs of the model, the rate that Sharpe subtracts, a benchmark."""

import math
from datetime import date

import numpy as np
import pandas as pd
import pytest

from quantdl.calendars import trading_calendar
from quantdl.config import load_config
from quantdl.errors import ConfigError, DataError
from quantdl.experiment import carry_out, pipeline, run_experiment
from quantdl.experiment.preparation import load_data, model_inputs
from quantdl.experiment.series import benchmark_curve, load_series, risk_free_rate
from quantdl.market.series.declaration import ReleaseRule, SeriesDeclaration
from quantdl.market.series.files import series_from_frame
from quantdl.risk.curves.metrics import performance

BLOCK = """
  - name: {name}
    path: {name}.csv
    column: value
    source: a test
    timezone: America/New_York
    unit: {unit}
    as_of: 2024-01-02
    licence: none
    release: {{period: day, days_after: 0, at: "{at}", timezone: America/New_York}}
"""


@pytest.fixture
def config_with_series(write_small, tmp_path):
    """The small experiment with a rate known before the close and an index known after it."""
    days = trading_calendar("XNYS").sessions("2009-12-01", "2016-12-30")
    index = 20.0 * np.exp(0.2 * np.sin(np.arange(len(days)) / 50.0))
    rate = np.linspace(1.0, 3.0, len(days))

    def write(rate=rate, index=index, days=days, further=""):
        pd.DataFrame({"date": days.strftime("%Y-%m-%d"), "value": rate}).to_csv(tmp_path / "bills.csv", index=False)
        pd.DataFrame({"date": days.strftime("%Y-%m-%d"), "value": index}).to_csv(tmp_path / "fear.csv", index=False)
        blocks = BLOCK.format(name="bills", unit="percent a year", at="09:00") + BLOCK.format(
            name="fear", unit="index points", at="16:15"
        )
        keys = "features: {exogenous: [fear]}\nrisk_free: bills\nbenchmark: fear\n"
        path = write_small(tmp_path, {"seed: 7\n": f"seed: 7\nexogenous:{blocks}{keys}{further}"})
        return load_config(path)

    return write


def test_a_run_uses_its_series_as_rate_benchmark_and_input(config_with_series):
    config = config_with_series()
    outcome = carry_out(config)
    curve = outcome.result.equity["equity"]
    strategy, benchmark = outcome.metrics.strategy, outcome.metrics.benchmark
    assert strategy.risk_free_annual == pytest.approx(0.03, abs=0.003)
    unaware = performance(curve, strategy.bars_per_year)
    assert strategy.sharpe_per_bar < unaware.sharpe_per_bar
    assert benchmark.name == "fear"
    known = benchmark_curve(outcome.data.series["fear"], pd.DatetimeIndex([curve.index[0], curve.index[-1]]), "XNYS")
    assert math.isclose(1 + benchmark.performance.total_return, known.iloc[1] / known.iloc[0], rel_tol=0.05)
    names = [name for name, _ in outcome.fitted.architecture.features]
    assert sum("fear" in name for name in names) == 3


def test_an_index_published_after_the_close_is_known_a_session_later(config_with_series):
    data = load_data(config_with_series())
    series, sessions = data.series["fear"], data.panel.sessions[data.panel.sessions <= "2016-12-30"]
    curve = benchmark_curve(series, sessions[1:], "XNYS")
    values = pd.Series(series.values, series.observed_on)
    np.testing.assert_array_equal(curve.to_numpy(), values.reindex(sessions[:-1]).to_numpy())
    rate = risk_free_rate(data.series["bills"], sessions, "XNYS")
    dated = pd.Series(data.series["bills"].values / 100.0, series.observed_on)
    np.testing.assert_array_equal(rate.to_numpy(), dated.reindex(sessions).to_numpy())  # known before the close


def test_later_values_of_a_series_change_no_earlier_input(config_with_series):
    config = config_with_series()
    data = load_data(config)
    before = model_inputs(config, data)
    days = trading_calendar("XNYS").sessions("2009-12-01", "2016-12-30")
    cut = int(days.searchsorted(pd.Timestamp("2014-06-30")))
    index = 20.0 * np.exp(0.2 * np.sin(np.arange(len(days)) / 50.0))
    index[cut:] = 99.0
    changed = config_with_series(index=index)
    after = model_inputs(changed, load_data(changed))
    row = int(data.panel.sessions.searchsorted(days[cut]))  # the value of this day is known after its close
    np.testing.assert_array_equal(before.values[: row + 1], after.values[: row + 1])
    assert not np.array_equal(before.values[row + 1], after.values[row + 1])


def test_a_series_that_begins_too_late_for_its_use_is_refused(config_with_series):
    days = trading_calendar("XNYS").sessions("2016-11-01", "2016-12-30")
    values = np.ones(len(days))
    series = load_series(config_with_series(rate=values, index=values, days=days))
    sessions = trading_calendar("XNYS").sessions("2016-07-01", "2016-12-30")
    with pytest.raises(DataError, match="no value of 'bills' .* known at the close of 2016-07-01, and of 84 further"):
        risk_free_rate(series["bills"], sessions, "XNYS")
    with pytest.raises(DataError, match="no value of 'fear' .* known at the close of 2016-07-01, and of 85 further"):
        benchmark_curve(series["fear"], sessions, "XNYS")


def test_a_series_that_has_ended_is_not_carried_on_for_ever(config_with_series):
    days = trading_calendar("XNYS").sessions("2016-01-04", "2016-06-30")
    values = np.ones(len(days))
    series = load_series(config_with_series(rate=values, index=values, days=days))
    sessions = trading_calendar("XNYS").sessions("2016-06-01", "2016-12-30")
    # Known after the close of 30 June, the index is as old as the sessions that closed since: 0 on 1 July, and with
    # Monday the 4th a holiday 1 on the 5th, 10 on the 18th, 11 on the 19th. The rate is known before that close.
    with pytest.raises(DataError, match="at the close of 2016-07-19, and of 115 further sessions: the last row known"):
        benchmark_curve(series["fear"], sessions, "XNYS")
    with pytest.raises(DataError, match="at the close of 2016-07-18.* dated 2016-06-30, became known .*, 11 sessions"):
        risk_free_rate(series["bills"], sessions, "XNYS")


def test_a_benchmark_that_ends_early_is_refused_before_anything_is_fitted(config_with_series, monkeypatch):
    """Its last value is of 30 September; the test span runs to 30 December. All uses are told at once."""
    days = trading_calendar("XNYS").sessions("2009-12-01", "2016-09-30")
    values = np.linspace(1.0, 3.0, len(days))
    config = config_with_series(rate=values, index=values, days=days)

    def fitted(*_):
        raise AssertionError("a model was fitted on data that cannot be judged")

    monkeypatch.setattr(pipeline, "fit_model", fitted)
    with pytest.raises(DataError) as refused:
        carry_out(config)
    assert refused.value.exit_code == 3
    lines = str(refused.value).splitlines()
    for line, (name, key) in zip(
        lines, (("bills", "risk_free"), ("fear", "benchmark"), ("fear", "features.exogenous")), strict=True
    ):
        assert line.startswith(f"{name}.csv (named at ") and f": {key}): no value of '{name}' at most 10" in line
        assert "dated 2016-09-30" in line and "Fix: bring a series that covers the test span" in line
        assert "longest_age_sessions" in line


def test_a_benchmark_of_weekly_values_on_daily_bars_is_refused_before_anything_is_fitted(config_with_series):
    """The test span has one value a week: figures of a day would see four returns of zero and one of five days."""
    days = trading_calendar("XNYS").sessions("2009-12-01", "2016-12-30")
    fridays = days[days.day_of_week == 4]
    values = np.linspace(1.0, 3.0, len(fridays))
    config = config_with_series(rate=values, index=values, days=fridays)
    with pytest.raises(DataError, match=r"benchmark\): 'fear' has a new value on \d+ of \d+ sessions; .* Fix: bring"):
        load_data(config)


@pytest.mark.parametrize(("unit", "value"), [("fraction a year", 5.0), ("percent a year", -150.0)])
def test_a_rate_that_is_none_in_its_unit_is_refused_before_anything_is_fitted(config_with_series, unit, value):
    """Five percent declared as a fraction would earn 500 % a year on cash."""
    days = trading_calendar("XNYS").sessions("2009-12-01", "2016-12-30")
    path = config_with_series(rate=np.full(len(days), value)).source.path
    path.write_text(path.read_text().replace("unit: percent a year", f"unit: {unit}"))
    with pytest.raises(
        DataError,
        match=r"risk_free\): 'bills', declared in '.*', is .* a year \(.*%\) at the close of .* Fix: .*correct",
    ):
        load_data(load_config(path))


def test_the_longest_age_is_set_in_the_config(config_with_series):
    days = trading_calendar("XNYS").sessions("2009-12-01", "2016-06-30")
    values = np.linspace(1.0, 3.0, len(days))
    path = config_with_series(rate=values, index=values, days=days).source.path
    with pytest.raises(DataError, match="at most 10 sessions old"):
        load_data(load_config(path))
    text = path.read_text()
    path.write_text(text.replace("    licence: none\n", "    licence: none\n    longest_age_sessions: 200\n"))
    assert load_data(load_config(path)).series["fear"].card.declaration.longest_age == 200
    path.write_text(text.replace("    licence: none\n", "    licence: none\n    longest_age_sessions: 0\n"))
    with pytest.raises(ConfigError, match="longest_age_sessions.*given 0; expected a whole number of sessions"):
        load_config(path)


@pytest.mark.parametrize(
    ("calendar", "first", "last", "closed"),
    [
        ("XTKS", "2019-04-26", "2019-05-07", 10),  # Golden Week with the new Emperor's enthronement
        ("XSHG", "2020-01-23", "2020-02-03", 10),  # the New Year that was prolonged by the epidemic
    ],
)
@pytest.mark.parametrize("named", [True, False])
def test_a_week_of_holidays_makes_no_daily_benchmark_stale(calendar, first, last, closed, named):
    """The series' own exchange is closed for ten days and more: in its own sessions the last value is a day old."""
    days = trading_calendar(calendar).sessions(pd.Timestamp(first) - pd.Timedelta(days=30), "2020-03-31")
    assert list(days[(days > first) & (days < last)]) == [] and (pd.Timestamp(last) - pd.Timestamp(first)).days > closed
    zone = {"XTKS": "Asia/Tokyo", "XSHG": "Asia/Shanghai"}[calendar]
    declared = SeriesDeclaration(
        name="index",
        source="a test",
        timezone=zone,
        unit="index points",
        as_of=date(2024, 1, 2),
        licence="none",
        release=ReleaseRule("day", 0, "16:15", zone, calendar if named else None),
        longest_age_sessions=1 if named else None,
    )
    frame = pd.DataFrame({"date": days.strftime("%Y-%m-%d"), "value": np.arange(1.0, len(days) + 1)})
    series = series_from_frame(frame, "value", declared)
    asked = trading_calendar("XNYS").sessions(first, last)
    assert len(benchmark_curve(series, asked, "XNYS")) == len(asked)


def test_a_monthly_series_is_carried_over_a_month_and_refused_when_it_has_ended():
    """June's mean is known on the sixth session of July, before its close; its age is the sessions closed since."""
    declared = SeriesDeclaration(
        name="bills",
        source="a test",
        timezone="America/New_York",
        unit="percent a year",
        as_of=date(2024, 1, 2),
        licence="none",
        release=ReleaseRule("month", 6, "09:00", "America/New_York", "XNYS"),
    )
    frame = pd.DataFrame({"date": ["2016-05-01", "2016-06-01"], "value": [1.0, 2.0]})
    series = series_from_frame(frame, "value", declared)
    calendar = trading_calendar("XNYS")
    known = calendar.sessions("2016-07-12", "2016-12-30")
    assert series.known_at[-1].tz_convert("America/New_York").date() == date(2016, 7, 11)
    served = calendar.sessions("2016-07-11", "2016-12-30")[:46]  # aged 0 to 45
    assert set(risk_free_rate(series, served, "XNYS")) == {0.02}
    with pytest.raises(DataError, match=f"at most 45 sessions old was known at the close of {known[45]:%Y-%m-%d}"):
        risk_free_rate(series, known, "XNYS")


def test_a_benchmark_below_zero_is_refused(config_with_series):
    days = trading_calendar("XNYS").sessions("2016-06-01", "2016-12-30")
    values = np.where(np.arange(len(days)) == 60, -1.0, 5.0)
    series = load_series(config_with_series(rate=values, index=values, days=days))
    with pytest.raises(DataError, match=r"'fear' is -1\.0 as known at the close of"):
        benchmark_curve(series["fear"], trading_calendar("XNYS").sessions("2016-07-01", "2016-12-30"), "XNYS")


@pytest.mark.slow
def test_the_report_shows_the_benchmark_and_when_each_series_was_known(config_with_series, tmp_path):
    folder = run_experiment(config_with_series(), tmp_path / "runs" / "first")
    page = (folder / "report.html").read_text()
    assert "Benchmark (fear)" in page
    assert "0 days after the end of its day, at 16:15 America/New_York" in page
