"""What makes two runs one trial, and what the ledger is told of a run."""

import os
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from quantdl.config import load_config
from quantdl.experiment import pipeline, run_backtest_only, run_experiment
from quantdl.experiment.trials import (
    SeenTrial,
    checked_ledger,
    code_hash,
    entry_of_a_sweep,
    ledger_of,
    period_sharpe,
    record_all,
    record_look,
    record_trial,
    selection_of,
    trial_of,
)
from quantdl.runs import Entry, Ledger, PeriodSharpe
from quantdl.runs.returns import stored_returns
from tests.small_experiment import ROOT, small_config, whole_config

INITIAL = 1_000_000.0


def test_the_same_config_and_code_count_as_one_trial(tmp_path, write_small, small_outcome, monkeypatch):
    monkeypatch.setattr(pipeline, "carry_out", lambda config, progress: small_outcome)  # trials do not depend on it
    run_experiment(load_config(write_small(tmp_path)), tmp_path / "elsewhere" / "first")
    run_backtest_only(load_config(write_small(tmp_path)))
    run_experiment(load_config(write_small(tmp_path, {"seed: 7": "seed: 8"})))
    reading = Ledger(tmp_path / "runs" / "ledger.jsonl").read()  # one ledger, wherever a run folder is put
    assert len(reading.records) == 3
    assert len(reading.distinct()) == 2


def test_an_evaluation_is_a_look_and_no_trial(tmp_path, write_small, small_outcome):
    card = small_outcome.data.panel.card
    config = load_config(write_small(tmp_path))
    assert record_look(config, card) == 1
    assert record_look(config, card) == 1  # the same config, data, seed and code
    other = load_config(write_small(tmp_path, {"seed: 7": "seed: 8"}))
    assert record_look(other, card) == 2
    elsewhere = replace(card, fingerprint="sha256:other", declaration=replace(card.declaration, source="another"))
    assert record_look(other, elsewhere) == 1
    selection = record_trial(other, small_outcome, "backtest")
    assert (selection.n_trials, selection.n_records) == (1, 1)
    assert record_look(other, card) == 2  # run and scored: one config that has seen the span


def test_the_ledger_takes_the_sharpe_ratio_per_bar_and_the_whole_kurtosis(small_outcome):
    equity = small_outcome.result.equity["equity"].to_numpy()
    returns = equity / [INITIAL, *equity[:-1]] - 1.0
    figures, reason = period_sharpe(small_outcome.metrics.strategy)
    values = list(vars(figures).values())
    expected = [
        returns.mean() / returns.std(ddof=1),
        len(returns),
        stats.skew(returns),
        stats.kurtosis(returns, fisher=False),
    ]
    assert values == pytest.approx(expected, rel=1e-9)
    assert reason == ""


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("name: small", "name: another"),
        ("width: 8\n  heads: 2", "heads: 2\n  width: 8"),  # the order of keys
        ("test_end: 2016-12-30", "test_end: '2016-12-30'"),  # quotes around a date
        ("rows: 4\n", "rows: 4\n  patience: 6\n"),  # a default written out
        ("[AAPL, JPM, KO, PG, RRC, XOM]", "[AAPL, JPM, KO,\n    PG, RRC, XOM]  # six"),
    ],
)
def test_a_trial_is_the_same_however_its_config_is_spelled(old, new, tmp_path, write_small):
    one = trial_of(load_config(write_small(tmp_path)), "sha256:0")
    assert trial_of(load_config(write_small(tmp_path, {old: new})), "sha256:0") == one


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("seed: 7", "seed: 8"),
        ("epochs: 2", "epochs: 3"),
        ("max_weight: 0.3", "max_weight: 0.31"),
        ("test_end: 2016-12-30", "test_end: 2016-12-29"),
    ],
)
def test_another_value_is_another_trial(old, new, tmp_path, write_small):
    one = trial_of(load_config(write_small(tmp_path)), "sha256:0")
    changes = {old: new} if "test_end" not in old else {old: new, "  last: 2016-12-30": "  last: 2016-12-29"}
    assert trial_of(load_config(write_small(tmp_path, changes)), "sha256:0") != one


def test_other_data_are_another_trial(tmp_path, write_small):
    config = load_config(write_small(tmp_path))
    assert trial_of(config, "sha256:0") != trial_of(config, "sha256:1")


def test_another_text_of_the_strategy_is_other_code_and_its_place_is_not(tmp_path, write_small):
    config = load_config(write_small(tmp_path))
    text = config.locate(config.strategy.file).read_text()
    hashes = {}
    for name, content in (("same.py", text), ("commented.py", text + "# seen\n")):
        (tmp_path / name).write_text(content)
        moved = write_small(tmp_path, {f"file: {config.strategy.file}": f"file: {name}"})
        hashes[name] = code_hash(load_config(moved))
    assert hashes["same.py"] == code_hash(config) != hashes["commented.py"]


def test_of_several_strategies_the_code_of_each_counts(tmp_path):
    text = whole_config("two_strategies")
    for name in ("momentum", "inverse_volatility"):
        (tmp_path / f"{name}.py").write_text((ROOT / "strategies" / f"{name}.py").read_text())
        text = text.replace(f"file: {ROOT}/strategies/{name}.py", f"file: {name}.py")
    path = tmp_path / "two.yaml"
    path.write_text(text)
    shipped = load_config(ROOT / "configs" / "two_strategies.yaml")
    assert code_hash(load_config(path)) == code_hash(shipped)
    assert trial_of(load_config(path), "sha256:0") == trial_of(shipped, "sha256:0")
    hashes = {code_hash(shipped)}
    for name in ("momentum", "inverse_volatility"):
        (tmp_path / f"{name}.py").write_text((tmp_path / f"{name}.py").read_text() + "# seen\n")
        hashes.add(code_hash(load_config(path)))
    assert len(hashes) == 3
    halves = text.replace("name: calm\n", "name: steady\n").replace("calm.rebalance", "steady.rebalance")
    path.write_text(halves)
    assert trial_of(load_config(path), "sha256:0") != trial_of(shipped, "sha256:0")


def test_without_a_sharpe_ratio_the_reasons_are_told_once_each(small_outcome):
    figures = small_outcome.metrics.strategy
    reasons = {"sharpe_per_bar": "flat", "skew": "flat", "excess_kurtosis": "few", "calmar": "10 sessions"}
    assert period_sharpe(replace(figures, sharpe_per_bar=None, undefined=reasons)) == (None, "flat; few")
    flat = replace(figures, sharpe_per_bar=None)
    assert period_sharpe(replace(flat, undefined={})) == (None, "undefined")


@pytest.mark.parametrize("lacking", ["sharpe_per_bar", "skew", "excess_kurtosis"])
def test_all_three_moments_are_needed(lacking, small_outcome):
    assert period_sharpe(replace(small_outcome.metrics.strategy, **{lacking: None}))[0] is None


def test_a_recorded_trial_is_judged_among_all_on_the_same_data(tmp_path, write_small, small_outcome):
    fingerprint = small_outcome.data.panel.card.fingerprint
    for seed, expected in (("7", 1), ("8", 2), ("7", 2)):
        config = load_config(write_small(tmp_path, {"seed: 7": f"seed: {seed}"}))
        assert record_trial(config, small_outcome, "backtest").n_trials == expected
    records = ledger_of(config).read().records
    assert [record.data for record in records] == [fingerprint] * 3
    assert records[0].trial == records[2].trial == trial_of(config, fingerprint) != records[1].trial
    assert ledger_of(config).path == tmp_path / "runs" / "ledger.jsonl"


def test_another_vintage_or_fewer_assets_are_the_same_data_and_another_wording_is_another_idea(
    tmp_path, write_small, small_outcome
):
    config = load_config(write_small(tmp_path))
    record_trial(config, small_outcome, "backtest")
    panel = small_outcome.data.panel
    later = replace(panel, card=replace(panel.card, fingerprint="sha256:of a later ingest"))
    again = replace(small_outcome, data=replace(small_outcome.data, panel=later))
    assert record_trial(config, again, "backtest").n_trials == 2
    reworded = load_config(write_small(tmp_path, {"The joint law of a causal transformer": "The law of a network"}))
    selection = record_trial(reworded, small_outcome, "backtest")
    assert (selection.n_trials, selection.n_trials_on_data) == (1, 3)


def test_the_returns_that_are_kept_are_those_that_the_sharpe_ratio_is_of(tmp_path, write_small, small_outcome):
    config = load_config(write_small(tmp_path))
    assert record_trial(config, small_outcome, "backtest").n_with_returns == 1
    (trial,) = ledger_of(config).read().records
    bars, columns = stored_returns(ledger_of(config), trial.returns.sha256)
    equity = small_outcome.result.equity["equity"]
    expected = equity.to_numpy() / [INITIAL, *equity.to_numpy()[:-1]] - 1.0
    assert (bars == equity.index.to_numpy()).all()
    assert columns[:, 0] == pytest.approx(expected, rel=1e-12)
    assert trial.figures.sharpe == pytest.approx(columns.mean() / columns.std(ddof=1), rel=1e-12)


def test_ten_seeds_have_an_overfitting_probability_and_count_as_one_trial_where_they_earn_the_same(
    tmp_path, write_small, small_outcome
):
    """What is recorded here is one outcome under ten seeds, as a strategy without a model gives."""
    for seed in range(10):
        config = load_config(write_small(tmp_path, {"seed: 7": f"seed: {seed}"}))
        selection = record_trial(config, small_outcome, "backtest")
    assert (selection.n_trials, selection.n_with_returns, selection.effective_trials) == (10, 10, 1.0)
    assert selection.deflated_sharpe == selection.probabilistic_sharpe
    assert selection.overfitting_probability == 0.5


def test_a_line_that_was_cut_short_is_told_before_the_work(tmp_path, write_small):
    config = load_config(write_small(tmp_path))
    ledger_of(config).append(Entry("t", "d", "run", None, "a test"))
    assert checked_ledger(config).path == ledger_of(config).path
    with ledger_of(config).path.open("ab") as file:
        file.write(b'{"chain": "12')
    with pytest.warns(UserWarning, match="13 bytes of an unfinished record 2 are ignored; the next trial takes"):
        checked_ledger(config)


def test_many_trials_are_one_write_and_their_returns_one_file_for_the_same_bars(tmp_path, small_outcome, monkeypatch):
    card, plan = small_outcome.data.panel.card, small_plan_of(tmp_path)
    days = pd.bdate_range("2016-07-01", periods=60)
    returns = np.random.default_rng(2).normal(0.001, 0.01, (60, 4))
    figures = [PeriodSharpe(0.1, 60, 0.0, 3.0)] * 4
    seen = [SeenTrial(f"{n}", figures[n], "", pd.Series(returns[:, n], days)) for n in range(3)]
    seen += [SeenTrial("3", figures[3], "", pd.Series(returns[:40, 3], days[:40])), SeenTrial("4", None, "it failed")]
    seen += [SeenTrial("5", None, "ruined", pd.Series([0.1, np.nan], days[:2]))]
    ledger, forced, fsync = Ledger(tmp_path / "ledger.jsonl"), [], os.fsync
    monkeypatch.setattr(os, "fsync", lambda file: forced.append(os.readlink(f"/proc/self/fd/{file}")) or fsync(file))
    records = record_all(ledger, entry_of_a_sweep(plan, card, "sweep"), seen)
    assert [path for path in forced if path.endswith("ledger.jsonl")] == [str(ledger.path)]
    assert [record.trial for record in records] == list("012345")
    files = [record.returns and record.returns.sha256 for record in records]
    assert len({*files[:3]}) == 1 and files[3] not in files[:3] and files[4:] == [None, None]
    bars, kept = stored_returns(ledger, files[0])
    np.testing.assert_array_equal(kept, returns[:, :3])
    assert pd.DatetimeIndex(bars).equals(days.as_unit("ns"))
    assert selection_of(ledger, "1").n_trials == 6


def small_plan_of(folder):
    return load_config(small_config(folder)).plan
