"""The same weekday prices on a calendar of weekdays and on one with weekends on which nothing trades: the same run.

On ``24/7`` two rows in seven are dead. No model may take one for the next session, no loss may be tested on one, and no
figure may count its return of zero.
"""

import json
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from quantdl.calendars import trading_calendar
from quantdl.config import load_config
from quantdl.errors import LookAheadError
from quantdl.experiment import check_data, run_experiment
from quantdl.experiment.models import fit_model
from quantdl.experiment.preparation import load_data, model_inputs
from quantdl.sequences import NEXT_SESSION
from quantdl.training.forecasting import forecast_sessions
from quantdl.training.splits import split_bars

pytestmark = pytest.mark.slow  # two whole runs, on weeks with dead days and without

PROJECT = Path(__file__).parents[2]
ALIKE = ("24/5", "24/7")

CONFIG = """
extends: {configs}/quickstart.yaml
name: weekdays
data:
  kind: parquet
  path: bars.parquet
  source: made up
  timezone: UTC
  frequency: 1D
  adjustment: total_return
  calendar: {calendar}
  as_of: 2023-01-31
  licence: none
splits: {{train_end: 2020-12-31, validation_end: 2021-06-30, test_start: {first}, test_end: 2022-12-30}}
model: {{kind: ewma_t, horizon: 5}}
compare: []
backtest: {{draws: 200}}
strategy: {{file: {project}/strategies/least_shortfall.py, parameters: {{level: 0.95}}}}
plan:
  trusted_data:
    {{timezone: UTC, calendar: {calendar}, frequency: 1D, source: made up, fingerprint: "{fingerprint}"}}
  sizing: {{max_weight: 0.4}}
  related_positions: {{groups: {{kind: correlation, window_bars: 20, threshold: 0.9}}, max_group_gross: 0.95}}
  abnormal_volatility:
    stress_windows: [{{name: a quarter, first: 2022-01-01, last: 2022-03-31}}]
  invalidation:
    - {{kind: drawdown, limit: 0.5}}
    - {{kind: calibration, level: 0.95, false_halt_probability: 0.001}}
  sample: {{first: {first}, last: 2022-12-30, minimum_sessions: 250}}
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Four years of weekdays of four assets."""
    folder = tmp_path_factory.mktemp("weekdays")
    days = trading_calendar("24/5").sessions("2019-01-01", "2022-12-30")
    generator = np.random.default_rng(3)
    returns = 0.006 * generator.standard_t(5, (len(days), 1)) + 0.008 * generator.standard_t(5, (len(days), 4))
    closes = pd.DataFrame(100 * np.exp(np.cumsum(returns, axis=0)), pd.DatetimeIndex(days, name="date"), list("ABCD"))
    long = closes.reset_index().melt("date", var_name="symbol", value_name="close")
    long.assign(date=long["date"].dt.strftime("%Y-%m-%d")).to_parquet(folder / "bars.parquet")
    return folder


def config_of(folder, calendar, first="2021-11-30"):
    fingerprint = check_data(folder / "bars.parquet", calendar).fingerprint
    path = folder / f"{calendar.replace('/', '_')}.yaml"
    path.write_text(
        CONFIG.format(
            configs=PROJECT / "configs", project=PROJECT, calendar=calendar, fingerprint=fingerprint, first=first
        )
    )
    return load_config(path)


@pytest.fixture(scope="module")
def runs(folder):
    return {name: run_experiment(config_of(folder, name), folder / name.replace("/", "_")) for name in ALIKE}


def metrics(folder):
    return json.loads((folder / "metrics.json").read_text())


def test_the_figures_of_a_book_are_the_same_with_dead_sessions_and_without(runs):
    """The calendars count 261 and 365.25 days a year, each rounded; everything else is the same to the last digits."""
    plain, dead = (metrics(runs[name])["strategy"] for name in ALIKE)
    assert plain["n_returns"] == dead["n_returns"] == 284  # weekdays from 30 November 2021 to 30 December 2022
    per_bar = ("total_return", "sharpe_per_bar", "max_drawdown", "skew", "excess_kurtosis", "value_at_risk_95")
    for name in (*per_bar, "expected_shortfall_95", "worst_return"):
        assert dead[name] == pytest.approx(plain[name], rel=1e-9), name
    assert (dead["start"], dead["worst_session"]) == (plain["start"], plain["worst_session"])
    for name in ("bars_per_year", "volatility", "sharpe", "sortino", "cagr"):
        assert dead[name] == pytest.approx(plain[name], rel=5e-3), name


def test_the_baseline_is_measured_on_live_sessions_too(runs):
    """A month that ends on a weekend of 24/7 makes it trade on Monday, not on Friday, so figures differ a little."""
    plain, dead = (metrics(runs[name])["baseline"] for name in ALIKE)
    assert plain["n_returns"] == dead["n_returns"] == 284
    for name in ("volatility", "value_at_risk_95", "expected_shortfall_95", "excess_kurtosis"):
        assert dead[name] == pytest.approx(plain[name], rel=0.02), name


def test_every_loss_is_held_against_the_same_prediction(runs):
    """Monday's loss is judged by what Friday predicted; on a Sunday nothing is tested."""
    plain, dead = (pd.read_parquet(runs[name] / "risk.parquet") for name in ALIKE)
    assert set(dead["session"].dt.day_of_week) == {0, 1, 2, 3, 4}
    pd.testing.assert_frame_equal(dead, plain, rtol=1e-9)
    tests_of = [metrics(runs[name])["value_at_risk"] for name in ALIKE]
    assert tests_of[0] == tests_of[1]


def test_the_calibration_condition_bets_on_no_dead_session(runs):
    plain, dead = (pd.read_parquet(runs[name] / "conditions.parquet").set_index("session") for name in ALIKE)
    np.testing.assert_allclose(dead["calibration"].reindex(plain.index), plain["calibration"], rtol=1e-12)
    weekend = dead["calibration"][dead.index.day_of_week >= 5]
    assert len(weekend) == 112
    np.testing.assert_array_equal(weekend, dead["calibration"].shift()[weekend.index])
    for name in ALIKE:  # the checklist computes the condition again and must find the same
        item = next(item for item in checklist(runs[name]) if item["item"] == "invalidation")
        assert item["passed"] is True, item


def checklist(folder):
    return json.loads((folder / "checklist.json").read_text())["items"]


def test_forecasts_are_scored_on_the_same_returns(runs):
    plain, dead = (metrics(runs[name])["forecast"] for name in ALIKE)
    assert dead["n"] == plain["n"] == 4 * 284
    for name in ("nll", "joint_nll", "crps"):
        assert dead[name] == pytest.approx(plain[name], rel=1e-9), name


def test_trades_are_as_long_in_bars(runs):
    plain, dead = (pd.read_parquet(runs[name] / "trades.parquet") for name in ALIKE)
    assert dead["bars"].tolist() == plain["bars"].tolist() and plain["bars"].max() > 5


@pytest.mark.parametrize("part", ["regimes", "stress_windows"])
def test_tables_of_periods_are_the_same(runs, part):
    plain, dead = (metrics(runs[name])[part] for name in ALIKE)
    assert list(plain) == list(dead) and plain
    for name, books in plain.items():
        for figure, value in books["strategy"].items():
            found = dead[name]["strategy"][figure]
            assert found == (None if value is None else pytest.approx(value, rel=1e-9, abs=1e-9)), (name, figure)


def test_no_model_sees_past_the_last_live_session_of_its_span(folder):
    """Validation ends on a Sunday: labels end by the Friday before, and a model that saw Monday may not forecast it."""
    config = config_of(folder, "24/7")
    data = load_data(config)
    splits = replace(config.splits, validation_end=date(2021, 6, 27), test_start=date(2021, 6, 28))
    bars = split_bars(data.panel.sessions, splits).among(data.trades)
    sessions = data.learnt.sessions
    assert [f"{sessions[bar]:%Y-%m-%d}" for bar in (bars.fit.train[-1], bars.fit.validation[-1], bars.test[0])] == [
        "2020-12-31",
        "2021-06-25",
        "2021-06-25",
    ]
    block = fit_model(config.model, data.learnt, model_inputs(config, data), bars, config)
    assert block.fitted.fitted_through[0] == pd.Timestamp("2021-06-25")
    book = forecast_sessions(block.fitted, block.histories, bars.test)
    friday, sunday = (book.law(pd.Timestamp(day), NEXT_SESSION) for day in ("2021-06-25", "2021-06-27"))
    assert friday.icdf(0.05).tolist() == sunday.icdf(0.05).tolist()
    first = next(iter(book.of(NEXT_SESSION)))
    closes = data.panel.frame("close")
    expected = np.log(closes.loc["2021-06-28"] / closes.loc["2021-06-25"])
    np.testing.assert_allclose(first.target[0].numpy(), expected, rtol=1e-5)
    with pytest.raises(LookAheadError, match="2021-06-25 cannot be forecast by a model fitted through 2021-06-25"):
        forecast_sessions(block.fitted, block.histories, range(bars.test[0] - 1, bars.test[-1]))


def test_what_comes_after_a_dead_weekend_changes_nothing_before_it(folder):
    """With the prices after Sunday, 27 June 2021, changed, the fit through that Sunday is the same to the last bit."""
    config = config_of(folder, "24/7")
    data = load_data(config)
    splits = replace(config.splits, validation_end=date(2021, 6, 27), test_start=date(2021, 6, 28))
    bars = split_bars(data.panel.sessions, splits).among(data.trades)
    later = data.returns.sessions > pd.Timestamp("2021-06-27")
    doubled = {name: np.where(later[:, None], 2.0 * values, values) for name, values in data.returns.fields.items()}
    quantiles = []
    for one in (data, replace(data, returns=replace(data.returns, fields=doubled))):
        block = fit_model(config.model, one.learnt, model_inputs(config, one), bars, config)
        book = forecast_sessions(block.fitted, block.histories, bars.test)
        for window in block.histories.windows:
            quantiles.append(book.law(pd.Timestamp("2021-06-27"), window).icdf(0.01).tolist())
    assert quantiles[:2] == quantiles[2:]
