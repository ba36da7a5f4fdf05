"""A config carried out: what is refused before anything is fitted, and tables that agree with the bundled closes."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch

from quantdl.config import load_config
from quantdl.errors import ConfigError, DataError, LookAheadError, PlanError, QuantdlError
from quantdl.experiment import carry_out, load_model, pipeline, run_backtest_only, run_experiment
from quantdl.experiment.preparation import load_data
from quantdl.experiment.reproducing import reproduce
from quantdl.market.sources import load_sp500
from quantdl.risk.book.historical import trailing_returns
from quantdl.runs import open_run, verify_run
from quantdl.runs.ledger import LEDGER, Ledger
from quantdl.training.forecasting import forecast_sessions
from tests.small_experiment import ROOT, SMALL, stored, whole_config


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


def test_a_plan_for_other_data_is_refused_before_training(tmp_path, write_small):
    path = write_small(tmp_path, {"fingerprint: sha256:77": "fingerprint: sha256:88"})
    with pytest.raises(PlanError, match=r"small\.yaml:\d+:\d+: plan\.trusted_data\.fingerprint"):
        run_experiment(load_config(path), tmp_path / "runs" / "x", _never_trains)


def test_a_horizon_that_is_not_the_models_is_refused(tmp_path, write_small):
    path = write_small(tmp_path, {"kind: transformer\n  horizon: 5": "kind: transformer\n  horizon: 1"})
    with pytest.raises(PlanError, match=r"plan\.horizon\.bars"):
        load_config(path)


def test_a_session_that_the_model_has_seen_is_refused(small_outcome):
    fitted, histories = small_outcome.fitted.fitted, small_outcome.fitted.histories
    with pytest.raises(LookAheadError, match="fitted through 2016-06-30"):
        forecast_sessions(fitted, histories, range(histories.bar_of("2016-06-29"), histories.bar_of("2016-07-05")))


def test_an_unknown_asset_is_named_with_its_line(tmp_path, write_small):
    path = write_small(tmp_path, {"[AAPL, JPM, KO, PG, RRC, XOM]": "[AAPL, JPM, KOO]"})
    with pytest.raises(DataError, match=r"small\.yaml:\d+:\d+: data\.assets: given \['KOO'\]"):
        run_experiment(load_config(path), tmp_path / "runs" / "x", _never_trains)


def test_cuda_is_refused_where_there_is_none(tmp_path, write_small):
    if torch.cuda.is_available():
        pytest.skip("this machine has a CUDA device")
    path = write_small(tmp_path, {"  epochs: 2\n": "  epochs: 2\n  device: cuda\n"})
    with pytest.raises(ConfigError, match=r"training\.device: given cuda, but torch .* finds no CUDA device"):
        run_experiment(load_config(path), tmp_path / "runs" / "x")


@pytest.mark.slow
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


@pytest.mark.parametrize(
    ("old", "new", "named"),
    [
        ("fingerprint: sha256:77", "fingerprint: sha256:88", r"plan\.trusted_data\.fingerprint"),
        ("source: skfolio, load_sp500_dataset", "source: somewhere else", r"plan\.trusted_data\.source"),
        ("[AAPL, JPM, KO, PG, RRC, XOM]", "[AAPL, JPM, KOO]", r"data\.assets"),
        ("minimum_sessions: 100", "minimum_sessions: 500", r"plan\.sample\.minimum_sessions"),
    ],
)
def test_a_refusal_comes_before_anything_is_fitted_or_played(old, new, named, tmp_path, write_small, monkeypatch):
    def never(*_, **__):
        raise AssertionError("work began")

    for name in ("fit_model", "run_backtest"):
        monkeypatch.setattr(pipeline, name, never)
    with pytest.raises(QuantdlError, match=named):
        carry_out(load_config(write_small(tmp_path, {old: new})))


def test_a_backtest_without_a_folder_shows_the_figures_of_the_run_and_counts_as_a_trial(
    small_outcome, tmp_path, write_small, monkeypatch
):
    monkeypatch.setattr(pipeline, "carry_out", lambda config, progress: small_outcome)
    summary = run_backtest_only(load_config(write_small(tmp_path)))
    assert summary.strategy is small_outcome.metrics.strategy
    assert summary.equal_weight is small_outcome.metrics.baseline
    assert summary.checklist is small_outcome.checklist
    (line,) = Ledger(tmp_path / "runs" / LEDGER).read().records
    assert line.run == "backtest" and summary.selection.n_trials == 1
    assert [path.name for path in (tmp_path / "runs").iterdir() if path.is_dir()] == ["returns"]


def test_the_first_session_traded_is_the_first_of_the_test_span(small_outcome):
    sessions = small_outcome.result.equity.index
    assert (sessions[0], sessions[-1]) == (pd.Timestamp("2016-07-01"), pd.Timestamp("2016-12-30"))
    assert small_outcome.baseline.equity.index.equals(sessions)


@pytest.fixture(scope="module")
def two_strategies(tmp_path_factory):
    """The config of two strategies that ships, over half a year before its test span."""
    folder = tmp_path_factory.mktemp("two")
    text = whole_config("two_strategies")
    for old, new in SMALL.items():
        if old in text and "kind: sp500" not in old:  # all twenty stocks
            text = text.replace(old, new)
    path = folder / "two.yaml"
    path.write_text(text.replace("period: month", "period: week"))
    return run_experiment(load_config(path))


def test_the_parts_of_several_strategies_add_up_to_the_account(two_strategies):
    equity = stored(two_strategies, "equity")["equity"]
    pnl, fills = stored(two_strategies, "strategy_pnl"), pd.read_parquet(two_strategies / "strategy_fills.parquet")
    np.testing.assert_allclose(pnl.sum(axis=1).cumsum() + 1_000_000.0, equity, rtol=1e-9)
    assert list(pnl.columns) == ["momentum", "calm", "interest"]
    account = pd.read_parquet(two_strategies / "fills.parquet")
    held = fills.groupby("asset")["quantity"].sum()
    pd.testing.assert_series_equal(held, account.groupby("asset")["quantity"].sum(), atol=1e-6, rtol=1e-9)
    assert fills["cost"].sum() == pytest.approx(account["cost"].sum())
    assert set(fills["rule"]) == {"momentum.rebalance", "calm.rebalance"}
    told = json.loads((two_strategies / "breakdowns.json").read_text())["account"]
    earned = [one["pnl"] for one in told["strategies"]]
    assert earned == pytest.approx(pnl[["momentum", "calm"]].sum().tolist())
    assert sum(earned) + told["interest"] == pytest.approx(told["total"], rel=1e-9)


@pytest.mark.slow
def test_a_run_of_several_strategies_keeps_all_their_files_and_is_reproduced(two_strategies):
    run = open_run(two_strategies)
    for name, file in (("momentum", "momentum"), ("calm", "inverse_volatility")):
        assert run.read_bytes(f"strategy_{name}.py") == (ROOT / "strategies" / f"{file}.py").read_bytes()
    assert verify_run(two_strategies) == ()
    found = reproduce(run)
    assert found.differing == () and {"strategy_pnl.parquet", "report.html"} < set(found.same)
    assert "Strategies of the account" in (two_strategies / "report.html").read_text()


def test_past_returns_that_stand_in_for_a_law_are_of_confirmed_prices(write_small, tmp_path):
    """The last close but one of XOM before the test span is taken for a tenfold print."""
    config = load_config(write_small(tmp_path))
    data = load_data(config, keep_ingest=False)
    xom, at = data.panel.assets.index("XOM"), int(data.panel.bars.searchsorted(pd.Timestamp("2016-06-29")))
    closes = data.panel.closes.copy()
    closes[at, xom] *= 10
    printed = replace(data.panel, fields={**data.panel.fields, "close": closes})
    data = replace(data, panel=printed, returns=printed)
    read = pipeline.model_predictions(config, config.model, data, None).panel
    assert np.isnan(read.closes[at, xom])
    assert np.nanmax(np.abs(trailing_returns(read, xom, data.panel.bars[at + 2]))) < 0.2
