"""Whole configs audited: those that ship are clean, and a strategy file that looks ahead is found."""

from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from quantdl.audit import audit
from quantdl.audit.futures import Futures
from quantdl.audit.stages import TERMS, Stage
from quantdl.calendars import trading_calendar
from quantdl.config import load_config, with_values
from quantdl.errors import ConfigError
from quantdl.experiment import auditing
from quantdl.experiment.auditing import AMONG, FEATURES, INPUTS, LAW, MODEL, PRICES, audit_config, configured_pipeline
from tests.small_experiment import ROOT, small_config, whole_config

CONFIGS = sorted(path.stem for path in (ROOT / "configs").glob("*.yaml"))
LARGE = {"nasdaq", "nasdaq_sectors"}  # a thousand assets: hours
SMALL = {
    "  kind: sp500\n": "  kind: sp500\n  start: 2013-01-02\n",
    "train_end: 2016-12-30": "train_end: 2015-12-31",
    "validation_end: 2018-12-31": "validation_end: 2016-06-30",
    "test_start: 2019-01-02": "test_start: 2016-07-01",
    "test_end: 2022-12-28": "test_end: 2016-12-15",
    "first: 2019-01-02": "first: 2016-07-01",
    "last: 2022-12-28": "last: 2016-12-15",
    "minimum_sessions: 500": "minimum_sessions: 100",
    "      - {name: crash of 2020, first: 2020-02-20, last: 2020-04-30}\n": "",
    "      - {name: rate shock of 2022, first: 2022-01-03, last: 2022-10-14}\n": (
        "      - {name: election, first: 2016-11-01, last: 2016-11-30}\n"
    ),
    "rebalance: {kind: period_end, period: month}": "rebalance: {kind: every_bars, bars: 5}",
    "name: equal_weight": "name: audited",
}
SERIES = """
  - name: {name}
    path: {name}.csv
    column: value
    source: a test
    timezone: America/New_York
    unit: {unit}
    as_of: 2024-01-02
    licence: none
    release: {{period: day, days_after: 0, at: "16:15", timezone: America/New_York}}
"""
AHEAD = '''
import numpy as np
from quantdl.backtest import Decision
from quantdl.market.sources import load_sp500
from quantdl.portfolio import within_limits

class Strategy:
    """Holds what rises tomorrow, by a second look at the prices."""

    def __init__(self):
        self.panel = load_sp500()

    def decide(self, view):
        if not view.rebalance_due:
            return None
        bar = int(self.panel.sessions.searchsorted(view.session)) + {bars}
        later = self.panel.closes[min(bar, len(self.panel.sessions) - 1)]
        weights = np.where(later > view.closes[-1], 0.05, 0.02)
        return Decision(within_limits(weights, view.limits), "rebalance")
'''


def plain_config(folder: Path, strategy: str | None = None) -> Path:
    """Equal weight over half a year of the bundled prices, on a strategy of its own if one is given."""
    text = whole_config("equal_weight")
    for old, new in SMALL.items():
        assert old in text, old
        text = text.replace(old, new)
    if strategy is not None:
        (folder / "strategy.py").write_text(strategy)
        text = text.replace(f"file: {ROOT}/strategies/equal_weight.py", "file: strategy.py")
    path = folder / "audited.yaml"
    path.write_text(text)
    return path


def test_a_config_that_ships_is_clean_made_small(tmp_path):
    report = audit_config(load_config(plain_config(tmp_path)), cuts=3)
    assert report.verdict == "CLEAN" and report.warnings == () and report.files_read == ()
    assert report.coverage.verified == 3 and report.coverage.decided_again == report.coverage.decisions > 20
    assert report.self_test == {PRICES: True, TERMS: True, "strategy": True}
    assert not (tmp_path / "runs").exists()


@pytest.mark.slow
@pytest.mark.parametrize("bars", [1, 7])
def test_a_strategy_file_that_loads_the_prices_again_and_looks_ahead_is_found(bars, tmp_path):
    config = load_config(plain_config(tmp_path, AHEAD.replace("{bars}", str(bars))))
    report = audit_config(config, cuts=2)
    (leak,) = report.leaks
    assert (report.verdict, leak.stage, leak.furthest) == ("LEAK", "strategy", bars)
    assert "sp500" in leak.reads[0] and leak.reads == report.files_read
    assert [item.code for item in report.warnings] == ["load_sp500()"]


@pytest.mark.slow
def test_the_same_look_that_stays_in_the_past_is_clean(tmp_path):
    config = load_config(plain_config(tmp_path, AHEAD.replace("{bars}", "-1")))
    report = audit_config(config, cuts=2)
    assert report.verdict == "CLEAN" and len(report.files_read) == 1


def two_strategies(folder: Path, calm: str | None = None) -> Path:
    """The config of two strategies that ships over half a year, the second one a file of its own if one is given."""
    text = whole_config("two_strategies")
    for old, new in {**SMALL, "name: two_strategies": "name: audited"}.items():
        text = text.replace(old, new)
    if calm is not None:
        (folder / "calm.py").write_text(calm)
        text = text.replace(f"file: {ROOT}/strategies/inverse_volatility.py", "file: calm.py")
        text = text.replace("parameters: {window: 60}", "parameters: {}")
    path = folder / "audited.yaml"
    path.write_text(text)
    return path


@pytest.mark.slow
@pytest.mark.parametrize(("bars", "verdict"), [("1", "LEAK"), ("-1", "CLEAN")])
def test_of_several_strategies_one_that_looks_ahead_is_found(bars, verdict, tmp_path):
    config = load_config(two_strategies(tmp_path, AHEAD.replace("{bars}", bars)))
    report = audit_config(config, cuts=2)
    assert (report.verdict, len(report.files_read)) == (verdict, 1)
    assert [leak.stage for leak in report.leaks] == ["strategy"] * (verdict == "LEAK")
    (warned,) = report.warnings
    assert (warned.code, warned.file) == ("load_sp500()", str(tmp_path / "calm.py"))


@pytest.mark.slow
def test_several_strategies_that_remember_nothing_but_their_shares_are_clean(tmp_path):
    report = audit_config(load_config(two_strategies(tmp_path)), cuts=3)
    assert report.verdict == "CLEAN" and all(report.self_test.values())


def test_a_strategy_file_that_cannot_be_run_is_refused_as_in_a_run(tmp_path):
    with pytest.raises(ConfigError, match="not valid Python"):
        audit_config(load_config(plain_config(tmp_path, "class Strategy(:\n")))


@pytest.fixture(scope="module")
def pipeline(tmp_path_factory):
    """The quick start made small, its transformer fitted."""
    return configured_pipeline(load_config(small_config(tmp_path_factory.mktemp("audited"))))


def stage_of(pipeline, name: str) -> Stage:
    (stage,) = (stage for stage in pipeline.stages if stage.name == name)
    return stage


def with_stage(pipeline, stage: Stage):
    return replace(pipeline, stages=tuple(stage if item.name == stage.name else item for item in pipeline.stages))


@pytest.mark.slow
def test_a_config_with_a_model_is_clean_through_all_its_stages(pipeline):
    report = audit(pipeline, cuts=4)
    assert report.verdict == "CLEAN", report
    assert list(report.self_test) == [PRICES, FEATURES, INPUTS, LAW, TERMS, "strategy"]
    assert all(report.self_test.values())


def features_of_tomorrow(computed, world, values, at):
    """Every row of the features is that of the next session."""
    data, table = computed(world, values, at)
    later = np.concatenate([table.values[1:], table.values[-1:]])
    return data, replace(table, values=later)


def laws_of_tomorrow(computed, world, values, at):
    """The model reads its histories one session late: the label of the next one is among the inputs."""
    block = computed(world, values, at)
    histories = block.histories
    later = histories.last.clone()
    later[:-1] = histories.last[1:]
    return replace(block, histories=replace(histories, last=later))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "planted"), [(FEATURES, features_of_tomorrow), (LAW, laws_of_tomorrow)], ids=["features", "forecast"]
)
def test_a_stage_of_the_real_pipeline_that_looks_one_bar_ahead_is_found(pipeline, name, planted):
    stage = stage_of(pipeline, name)
    report = audit(with_stage(pipeline, replace(stage, compute=partial(planted, stage.compute))), cuts=2)
    leak = report.leaks[0]
    assert (report.verdict, leak.stage, leak.bars_ahead, leak.furthest) == ("LEAK", name, 1, 1)


@pytest.mark.slow
def test_a_model_that_is_trained_one_session_too_long_is_found(pipeline):
    part, _ = pipeline.fitted
    session = pipeline.world.sessions
    early = replace(part, through=session[session.searchsorted(part.through) - 1])
    values: dict = {}
    for stage in pipeline.all_stages():
        values[stage.name] = stage.compute(pipeline.world, values, None)
    futures = Futures(pipeline, values)
    assert futures.fitted_leak(part) is None
    leak = futures.fitted_leak(early)
    assert (leak.stage, leak.bars_ahead, leak.furthest) == (MODEL, 1, 1)


class MixesRows(torch.nn.Module):
    """A model that centres its inputs over the batch, as a careless normalisation does."""

    def __init__(self, inner):
        super().__init__()
        self.inner = inner

    def forward(self, batch):
        return self.inner(replace(batch, features=batch.features - batch.features.mean(dim=0, keepdim=True)))


@pytest.mark.slow
def test_a_model_whose_laws_depend_on_others_of_the_batch_is_found(pipeline):
    _, among = pipeline.fitted
    assert among.name == AMONG
    values: dict = {}
    for stage in pipeline.all_stages():
        values[stage.name] = stage.compute(pipeline.world, values, None)
    futures = Futures(pipeline, values)
    assert futures.fitted_leak(among) is None
    block = values[LAW]
    mixing = replace(block, fitted=replace(block.fitted, model=MixesRows(block.fitted.model)))
    leak = futures.fitted_leak(replace(among, fit=partial(auditing._law_among_later, mixing, among.through)))
    assert (leak.stage, leak.bars_ahead, leak.furthest) == (AMONG, 1, auditing._BATCH - 1)


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in CONFIGS if name not in LARGE])
def test_every_config_that_ships_is_clean(name):
    """With one pass of training: what a model has learnt does not change what it reads."""
    config = load_config(ROOT / "configs" / f"{name}.yaml")
    if config.model is not None:
        config = with_values(config, {"training.epochs": 1})
    data_path = getattr(config.data, "path", None)
    if data_path is not None and not config.locate_data(data_path, "data", "path").exists():
        pytest.skip("the prices are not here; QUANTDL_DATABANK names their folder")
    report = auditing.audit_config(config, cuts=2)
    assert report.verdict == "CLEAN", report


@pytest.fixture
def series_config(tmp_path):
    """The small experiment with a rate that cash earns and an index that the model reads, known after the close."""
    days = trading_calendar("XNYS").sessions("2009-12-01", "2016-12-30")
    values = {
        "bills": np.linspace(1.0, 3.0, len(days)),
        "fear": 20.0 * np.exp(0.2 * np.sin(np.arange(len(days)) / 50.0)),
    }
    for name, column in values.items():
        pd.DataFrame({"date": days.strftime("%Y-%m-%d"), "value": column}).to_csv(tmp_path / f"{name}.csv", index=False)
    blocks = SERIES.format(name="bills", unit="percent a year") + SERIES.format(name="fear", unit="index points")
    keys = "features: {exogenous: [fear]}\nrisk_free: bills\n"
    return load_config(small_config(tmp_path, {"seed: 7\n": f"seed: 7\nexogenous:{blocks}{keys}"}))


@pytest.mark.slow
def test_series_beside_the_prices_are_clean_and_one_that_is_read_too_early_is_found(series_config):
    made = configured_pipeline(series_config)
    report = audit(made, cuts=4)
    assert report.verdict == "CLEAN", report
    stage = stage_of(made, FEATURES)

    def early(world, values, at):
        data, table = stage.compute(world, values, at)
        series = world.series["fear"]
        dated = pd.Series(series.values, series.observed_on).reindex(data.learnt.sessions).ffill().to_numpy()
        values = table.values.copy()
        values[:, :, 0] += np.float32(1e-3) * dated[:, None].astype(np.float32)
        return data, replace(table, values=values)

    found = audit(with_stage(made, replace(stage, compute=early)), cuts=2)
    leak = found.leaks[0]
    assert (leak.stage, leak.field, leak.bars_ahead, leak.furthest) == (FEATURES, "last_return", 1, 1)
    assert leak.reads == ("series:fear",)
