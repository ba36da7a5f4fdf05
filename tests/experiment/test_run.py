import errno
import json
import re

import numpy as np
import pandas as pd
import pytest
import torch

from quantdl.config import configured_strategy, load_config
from quantdl.errors import ConfigError, LookAheadError, PlanError, RunError
from quantdl.experiment import load_model, run_backtest_only, run_experiment
from quantdl.experiment.trials import trial_of
from quantdl.market.sources import load_sp500
from quantdl.runs.ledger import Ledger
from quantdl.runs.store import list_runs, open_run, verify_run
from quantdl.training.forecasting import forecast_sessions
from tests.small_experiment import stored

SAME_BYTES = (
    "metrics.json",
    "checklist.json",
    "forecasts.parquet",
    "orders.parquet",
    "fills.parquet",
    "trades.parquet",
    "equity.parquet",
    "weights.parquet",
    "risk.parquet",
    "model/weights.safetensors",
    "card.json",
    "census.json",
    "settlement.json",
    "config.json",
)


def test_a_run_folder_holds_everything_and_is_intact(small_run):
    run = open_run(small_run)
    for name in (*SAME_BYTES, "config.yaml", "strategy.py", "selection.json", "environment.json", "report.html"):
        assert name in run.files, name
    assert verify_run(small_run) == ()


def test_the_config_of_a_run_folder_is_one_file_that_runs_by_itself_as_the_same_trial(small_run, tmp_path):
    written = sorted(name for name in open_run(small_run).files if name.startswith("written/"))
    assert written == ["written/1_small.yaml"]
    original = load_config(small_run.parents[1] / "small.yaml")
    assert (small_run / written[0]).read_text() == original.source.text
    moved = tmp_path / "runs" / "moved"
    moved.mkdir(parents=True)
    for name in ("config.yaml", "strategy.py"):
        (moved / name).write_bytes((small_run / name).read_bytes())
    alone = load_config(moved / "config.yaml")
    assert trial_of(alone, "sha256:0") == trial_of(original, "sha256:0")
    assert alone.runs_root.resolve() == moved.parent  # the folder of runs is named from inside it, so it moves along
    assert type(configured_strategy(alone)).__name__ == "Strategy"


def test_two_runs_of_one_config_give_the_same_bytes(small_run, small_run_again):
    for name in SAME_BYTES:
        assert (small_run_again / name).read_bytes() == (small_run / name).read_bytes(), name


def test_the_same_config_and_code_count_as_one_trial(tmp_path, write_small):
    run_experiment(load_config(write_small(tmp_path)), tmp_path / "elsewhere" / "first")
    run_backtest_only(load_config(write_small(tmp_path)))
    run_experiment(load_config(write_small(tmp_path, {"seed: 7": "seed: 8"})))
    reading = Ledger(tmp_path / "runs" / "ledger.jsonl").read()  # one ledger, wherever a run folder is put
    assert len(reading.records) == 3
    assert len(reading.distinct()) == 2


def test_equity_is_cash_and_shares_at_their_closes(small_run):
    equity = pd.read_parquet(small_run / "equity.parquet").set_index("session")
    fills = pd.read_parquet(small_run / "fills.parquet")
    closes = pd.DataFrame(load_sp500().closes, load_sp500().sessions, list(load_sp500().assets))
    shares = fills.pivot_table(index="session", columns="asset", values="quantity", aggfunc="sum").cumsum()
    shares = shares.reindex(equity.index).ffill().fillna(0.0)
    bought = (fills["quantity"] * fills["price"] + fills["cost"]).groupby(fills["session"]).sum()
    cash = 1_000_000.0 - bought.reindex(equity.index).fillna(0.0).cumsum()
    marked = cash + (shares * closes.loc[equity.index, shares.columns]).sum(axis=1)
    np.testing.assert_allclose(equity["equity"], marked, rtol=1e-10)
    assert (fills["decided"] < fills["session"]).all()  # nothing fills at the close it was decided on


def test_the_stored_model_is_the_trained_one(small_run, small_outcome):
    fitted, architecture = load_model(small_run / "model")
    assert architecture.assets == ("AAPL", "JPM", "KO", "PG", "RRC", "XOM")
    assert fitted.fitted_through == (pd.Timestamp("2016-06-30"),)
    trained = small_outcome.fitted.fitted.model.state_dict()
    kept = fitted.model.state_dict()
    assert trained.keys() == kept.keys()
    assert all(torch.equal(trained[name], kept[name]) for name in trained)


def test_value_at_risk_is_held_against_the_book_of_the_night_before(small_run):
    risk = pd.read_parquet(small_run / "risk.parquet")
    weights = pd.read_parquet(small_run / "weights.parquet").set_index("session")
    panel = load_sp500()
    closes = pd.DataFrame(panel.closes, panel.sessions, list(panel.assets))[list(weights.columns)]
    returns = closes.pct_change().loc[weights.index]
    expected = -(weights.shift(1) * returns).sum(axis=1)
    one = risk[risk["level"] == 0.99].set_index("session")
    np.testing.assert_allclose(one["loss"], expected.loc[one.index], atol=1e-12)
    assert (one["exception"] == (one["loss"] > one["value_at_risk"])).all()
    assert (one["expected_shortfall"] >= one["value_at_risk"]).all()


def test_forecast_scores_in_the_metrics_are_means_of_the_stored_table(small_run):
    metrics = json.loads((small_run / "metrics.json").read_text())["forecast"]
    table = pd.read_parquet(small_run / "forecasts.parquet")
    scored = table[(table["window"] == "next_session") & table["observed"]]
    assert metrics["n"] == len(scored) == 6 * 127  # sessions from 2016-07-01 to 2016-12-30
    assert metrics["nll"] == pytest.approx(-scored["log_density"].mean(), rel=1e-12)
    inside = ((scored["target"] > scored["q05"]) & (scored["target"] < scored["q95"])).mean()
    nine_tenths = next(row for row in metrics["coverage"] if row["level"] == 0.9)
    assert nine_tenths["observed"] == pytest.approx(inside, abs=1e-9)


def test_the_forecast_of_a_session_reads_nothing_later(small_run):
    table = pd.read_parquet(small_run / "forecasts.parquet")
    assert table["session"].min() == pd.Timestamp("2016-06-30")  # its close forecasts 2016-07-01
    panel = load_sp500().select(["JPM"])
    own = table[(table["window"] == "next_session") & (table["asset"] == "JPM")].set_index("session")
    day, following = pd.Timestamp("2016-11-08"), pd.Timestamp("2016-11-09")
    closes = dict(zip(panel.sessions, panel.closes[:, 0], strict=True))
    assert own.loc[day, "target"] == pytest.approx(np.log(closes[following] / closes[day]), abs=1e-7)


def test_the_report_shows_the_verdict_and_differs_between_runs_only_in_its_environment(small_run, small_run_again):
    first, second = (folder / "report.html" for folder in (small_run, small_run_again))
    verdict = json.loads((small_run / "checklist.json").read_text())["verdict"]
    assert verdict.lower() in first.read_text().lower()
    identifiers = [json.loads((folder / "manifest.json").read_text())["id"] for folder in (small_run, small_run_again)]
    bodies = [
        re.sub(identifier, "ID", path.read_text())
        for path, identifier in zip((first, second), identifiers, strict=True)
    ]
    assert _before_selection(bodies[0]) == _before_selection(bodies[1])


def _before_selection(html: str) -> str:
    """The body up to what depends on the ledger and the machine."""
    return html.split('id="selection"')[0]


def test_an_existing_run_folder_is_refused_before_any_work(small_run, tmp_path, write_small):
    def never(*_):
        raise AssertionError("work began")

    with pytest.raises(RunError, match="exists, and runs are never overwritten.*--output"):
        run_experiment(load_config(write_small(tmp_path)), small_run, never)


def test_an_interruption_in_training_leaves_nothing_behind(tmp_path, write_small):
    def interrupt(what, done, total):
        if what == "training" and done == 1:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_experiment(load_config(write_small(tmp_path)), tmp_path / "runs" / "cut", interrupt)
    assert list_runs(tmp_path / "runs") == ()
    assert not list((tmp_path / "runs").glob(".partial-*"))
    assert Ledger(tmp_path / "runs" / "ledger.jsonl").read().records == ()


def test_a_full_disk_is_reported_and_leaves_nothing_behind(tmp_path, write_small):
    def full(what, done, total):
        if what == "backtest":
            raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(RunError, match="No space left on device.*another disk"):
        run_experiment(load_config(write_small(tmp_path)), tmp_path / "runs" / "cut", full)
    assert list_runs(tmp_path / "runs") == ()


def test_a_plan_for_other_data_is_refused_before_training(tmp_path, write_small):
    path = write_small(tmp_path, {"fingerprint: sha256:77": "fingerprint: sha256:88"})
    with pytest.raises(PlanError, match=r"small\.yaml:\d+:\d+: plan\.trusted_data\.fingerprint"):
        run_experiment(load_config(path), tmp_path / "runs" / "x", _never_trains)


def test_a_horizon_that_is_not_the_models_is_refused(tmp_path, write_small):
    path = write_small(tmp_path, {"kind: transformer\n  horizon: 5": "kind: transformer\n  horizon: 1"})
    with pytest.raises(PlanError, match=r"plan\.horizon\.bars"):
        load_config(path)


def test_nobody_can_ask_for_a_session_the_model_has_seen(small_outcome):
    fitted, histories = small_outcome.fitted.fitted, small_outcome.fitted.histories
    with pytest.raises(LookAheadError, match="fitted through 2016-06-30"):
        forecast_sessions(fitted, histories, range(histories.bar_of("2016-06-29"), histories.bar_of("2016-07-05")))


def test_an_unknown_asset_is_named_with_its_line(tmp_path, write_small):
    path = write_small(tmp_path, {"[AAPL, JPM, KO, PG, RRC, XOM]": "[AAPL, JPM, KOO]"})
    with pytest.raises(Exception, match=r"small\.yaml:\d+:\d+: data\.assets: given \['KOO'\]"):
        run_experiment(load_config(path), tmp_path / "runs" / "x", _never_trains)


def test_cuda_is_refused_where_there_is_none(tmp_path, write_small):
    if torch.cuda.is_available():
        pytest.skip("this machine has a CUDA device")
    path = write_small(tmp_path, {"  epochs: 2\n": "  epochs: 2\n  device: cuda\n"})
    with pytest.raises(ConfigError, match=r"training\.device: given cuda, but torch .* finds no CUDA device"):
        run_experiment(load_config(path), tmp_path / "runs" / "x")


def test_a_config_that_trains_on_one_asset_a_row_runs_to_a_report(tmp_path, write_small):
    changes = {"  rows: 4\n": "  rows: 40\n  rows_hold: one_asset\n", "compare: [ewma_t]": "compare: []"}
    run = open_run(run_experiment(load_config(write_small(tmp_path, changes)), tmp_path / "runs" / "by_asset"))
    assert verify_run(run.path) == ()
    assert "rows_hold" in run.read_text("report.html")
    passes = run.read_json("training.json")["epochs"]
    assert passes and all(np.isfinite(item["validation_loss"]) for item in passes)
    fitted = load_model(run.path / "model")[0]
    assert [f"{session:%Y-%m-%d}" for session in fitted.fitted_through] == ["2016-06-30"]
    forecasts = stored(run.path, "forecasts")
    assert forecasts.index.min() == pd.Timestamp("2016-06-30") and forecasts["asset"].nunique() == 6


def _never_trains(what, done, total):
    raise AssertionError(f"work began: {what}")
