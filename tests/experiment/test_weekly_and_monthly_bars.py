"""A run on weekly and on monthly bars goes through to its report, with figures of its own number of bars a year."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from quantdl.calendars import trading_calendar
from quantdl.config import load_config
from quantdl.errors import DataError
from quantdl.experiment import check_data, run_experiment

PROJECT = Path(__file__).parents[2]

CONFIG = """
extends: {configs}/equal_weight.yaml
name: longer_bars
data:
  kind: parquet
  path: bars.parquet
  source: made up
  timezone: America/New_York
  frequency: {frequency}
  adjustment: total_return
  calendar: XNYS
  as_of: 2023-01-31
  licence: none
splits: {{train_end: {train_end}, validation_end: {validation_end}, test_start: {first}, test_end: {last}}}
plan:
  horizon: {{timeframe: {frequency}, bars: {horizon}}}
  trusted_data: {{frequency: {frequency}, source: made up, fingerprint: "{fingerprint}"}}
  sizing: {{max_weight: 0.3}}
  related_positions: {{groups: {{kind: correlation, window_bars: 20, threshold: 0.7}}, max_group_gross: 0.9}}
  sample: {{first: {first}, last: {last}, minimum_sessions: 40{purge}}}
{more}"""

MODEL = """  rules:
    - {name: rebalance, purpose: rebalance, text: Move to the book of least expected shortfall that the model predicts.}
model: {kind: ewma_t, horizon: 2}
strategy: {file: ../strategies/least_shortfall.py, parameters: {level: 0.95}}
"""

WEEKS = {"train_end": "2018-12-28", "validation_end": "2019-12-27", "first": "2020-01-03", "last": "2022-12-30"}
MONTHS = {"train_end": "2014-12-31", "validation_end": "2017-12-29", "first": "2018-01-31", "last": "2022-12-30"}
SPANS = {"1W": {**WEEKS, "horizon": 5}, "1M": {**MONTHS, "horizon": 2}}
RULES = {"1W": "W-FRI", "1M": "ME"}


@pytest.fixture
def write(tmp_path):
    """Write bars, dated by the start of their week or month, and a config of them."""

    def write(frequency, more="", purge="", declared=None):
        days = trading_calendar("XNYS").sessions("1990-01-02", "2022-12-30")
        generator = np.random.default_rng(0)
        returns = 0.005 * generator.standard_normal((len(days), 1)) + 0.01 * generator.standard_normal((len(days), 5))
        daily = pd.DataFrame(100 * np.exp(np.cumsum(returns, axis=0)), index=days, columns=list("ABCDE"))
        bars = daily.resample(RULES[frequency]).last()
        starts = bars.index - pd.Timedelta(days=4) if frequency == "1W" else bars.index.to_period("M").start_time
        long = bars.set_axis(pd.DatetimeIndex(starts, name="date")).reset_index().melt("date", var_name="symbol")
        long = long.rename(columns={"value": "close"})
        long.assign(date=long["date"].dt.strftime("%Y-%m-%d")).to_parquet(tmp_path / "bars.parquet")
        census = check_data(tmp_path / "bars.parquet", "XNYS", frequency)
        text = CONFIG.format(
            configs=PROJECT / "configs", fingerprint=census.fingerprint, frequency=declared or frequency, purge=purge,
            more=more.replace("../strategies", str(PROJECT / "strategies")), **SPANS[frequency],
        )  # fmt: skip
        (tmp_path / "run.yaml").write_text(text)
        return tmp_path / "run.yaml"

    return write


def figures(folder):
    assert {"report.html", "metrics.json"} <= {path.name for path in folder.iterdir()}
    return json.loads((folder / "metrics.json").read_text())["strategy"]


def test_equal_weight_runs_on_weekly_bars(write, tmp_path):
    """From 3 January 2020 to 30 December 2022 there are 157 weeks, each with a session; those years end no other."""
    folder = run_experiment(load_config(write("1W")), tmp_path / "run")
    found = figures(folder)
    assert found["n_returns"] == 157
    assert found["bars_per_year"] == pytest.approx(157 / 3)
    # Decided at the first bar and at the last week that ends in each of 36 months; the last one has no bar to fill at.
    fills = pd.read_parquet(folder / "fills.parquet")
    sessions = pd.DatetimeIndex(fills.loc[fills["rule"] == "rebalance", "session"].unique())
    assert len(sessions) == 36
    assert {"2020-01-10", "2020-02-07", "2020-03-06", "2020-04-03"} <= set(sessions.strftime("%Y-%m-%d"))


@pytest.mark.slow
@pytest.mark.parametrize("frequency", ["1W", "1M"])
def test_a_model_runs_on_weekly_and_monthly_bars(write, tmp_path, frequency):
    horizon = SPANS[frequency]["horizon"]
    config = load_config(
        write(frequency, MODEL.replace("horizon: 2", f"horizon: {horizon}"), f", purge_bars: {horizon + 1}")
    )
    assert figures(run_experiment(config, tmp_path / "run"))["bars_per_year"] == pytest.approx(
        157 / 3 if frequency == "1W" else 12
    )


def test_monthly_bars_declared_daily_stop_a_run_and_its_check(write):
    config = load_config(write("1M", declared="1D"))
    with pytest.raises(DataError, match="declare frequency '1M'"):
        check_data(config)
