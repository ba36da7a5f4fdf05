"""A config on bars within a session is carried out like any other, from its file to its report."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from quantdl.config import load_config
from quantdl.experiment import carry_out, run_experiment
from quantdl.results.tables import read_parquet
from quantdl.runs import open_run
from tests.backtest.worlds import ends_of_bars

CONFIGS = Path(__file__).parents[2] / "configs"

SHORT = """
extends: {configs}/hourly.yaml
name: short
splits: {{test_end: 2023-03-31}}
exogenous:
  - name: rate
    path: rate.csv
    column: rate
    unit: percent a year
    source: made up
    timezone: America/New_York
    as_of: 2024-01-02
    licence: none
    release: {{period: day, days_after: 0, at: "18:00", timezone: America/New_York}}
risk_free: rate
plan:
  sample: {{last: 2023-03-31, minimum_sessions: 60, purge_bars: {purge}}}
  abnormal_volatility: {{stress_windows: [{{name: one day, first: 2023-01-04, last: 2023-01-04}}]}}
{more}"""

MODEL = """  horizon: {bars: 2}
  fast_exit: {max_sessions: 2}
  friction: {fill_at: next_close}
model: {kind: ewma_t, horizon: 2}
backtest: {draws: 500}
"""


@pytest.fixture
def write(tmp_path):
    """Write a config of the first quarter of 2023, with a rate of 5 % that becomes known after each close."""

    def write(more="", purge=0):
        days = pd.bdate_range("2022-12-01", "2023-12-29")
        pd.DataFrame({"date": days.strftime("%Y-%m-%d"), "rate": 5.0}).to_csv(tmp_path / "rate.csv", index=False)
        (tmp_path / "short.yaml").write_text(SHORT.format(configs=CONFIGS, more=more, purge=purge))
        return load_config(tmp_path / "short.yaml")

    return write


def test_a_config_of_hours_is_carried_out_bar_by_bar(write):
    outcome = carry_out(write())
    axis = ends_of_bars("XNYS", "2023-01-03", "2023-03-31", "60min")
    ends = pd.DatetimeIndex(axis["end"]).tz_convert("America/New_York").tz_localize(None)
    assert outcome.result.equity.index.tolist() == ends.tolist()
    figures = outcome.metrics.strategy
    assert figures.n_returns == len(axis)
    assert figures.bars_per_year == len(ends_of_bars("XNYS", "2023-01-01", "2023-12-31", "60min"))
    assert outcome.metrics.stress_windows["one day"].strategy.sessions == 7
    equity = outcome.result.equity
    begins = ~pd.DatetimeIndex(axis["session"]).duplicated()
    assert (equity["interest"].to_numpy() > 0).tolist() == begins.tolist()
    before = np.concatenate([[1e6], equity["cash"].to_numpy()[:-1]])
    assert equity["interest"].to_numpy()[begins] == pytest.approx(before[begins] * (1.05 ** (1 / 250) - 1), rel=1e-9)
    failed = [item.item for item in outcome.checklist.items if item.passed is False]
    # An exit was begun when seven bars were enough by the volume of the bars before, and the next ones had less.
    assert set(failed) <= {"hypothesis", "sample", "fast_exit"}
    assert any(stamp.startswith("Bars are of 60min") for stamp in outcome.result.stamps)


@pytest.mark.slow
def test_a_volatility_model_forecasts_the_next_bar(write):
    """EWMA, fitted through the last bar of 2022; its laws of the next bar and of the position are of bars."""
    outcome = carry_out(write(MODEL, purge=3))
    assert outcome.fitted.fitted.fitted_through[-1] == pd.Timestamp("2022-12-30 16:00")
    table = outcome.forecasts
    one = table[table["asset"] == "HAWK"].groupby("window")["session"].agg(["first", "size", "nunique"])
    assert (one["size"] == one["nunique"]).all()
    assert set(one["first"]) == {pd.Timestamp("2022-12-30 16:00")}


@pytest.mark.slow
def test_the_shipped_config_of_hours_runs_to_its_report(tmp_path):
    folder = run_experiment(load_config(CONFIGS / "hourly.yaml"), tmp_path / "run")
    report = (folder / "report.html").read_text()
    assert "2023-11-24 13:00" in report and "Bars are of 60min" in report
    fills = read_parquet(open_run(folder), "fills", "session")["session"]
    settled = json.loads((folder / "settlement.json").read_text())["dates"]
    assert sorted(settled) == sorted({f"{label:%Y-%m-%d}" for label in fills})
