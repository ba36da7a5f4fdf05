"""Series beside the prices in a run: inputs of the model, the rate that Sharpe subtracts, a benchmark."""

import math

import numpy as np
import pandas as pd
import pytest

from quantdl.calendars import trading_calendar
from quantdl.config import load_config
from quantdl.errors import DataError
from quantdl.experiment import carry_out, run_experiment
from quantdl.experiment.preparation import load_data, model_inputs
from quantdl.experiment.series import benchmark_curve, load_series, risk_free_rate
from quantdl.risk.metrics import performance

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
    assert strategy.sharpe < unaware.sharpe
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
    with pytest.raises(DataError, match="at the close of 2016-07-11"):  # ten days after the close of June 30
        benchmark_curve(series["fear"], sessions, "XNYS")
    with pytest.raises(DataError, match="at the close of 2016-09-30"):
        risk_free_rate(series["bills"], sessions, "XNYS")


def test_a_benchmark_below_zero_is_refused(config_with_series):
    days = trading_calendar("XNYS").sessions("2016-06-01", "2016-12-30")
    values = np.where(np.arange(len(days)) == 60, -1.0, 5.0)
    series = load_series(config_with_series(rate=values, index=values, days=days))
    with pytest.raises(DataError, match=r"'fear' is -1\.0 as known at the close of"):
        benchmark_curve(series["fear"], trading_calendar("XNYS").sessions("2016-07-01", "2016-12-30"), "XNYS")


def test_the_report_shows_the_benchmark_and_when_each_series_was_known(config_with_series, tmp_path):
    folder = run_experiment(config_with_series(), tmp_path / "runs" / "first")
    page = (folder / "report.html").read_text()
    assert "Benchmark (fear)" in page
    assert "0 days after the end of its day, at 16:15 America/New_York" in page
