"""Raw prices with their corporate actions give the run that the same market gives without any."""

import re
from pathlib import Path

import numpy as np
import pytest

from quantdl.config import load_config
from quantdl.errors import DataError, PlanError
from quantdl.experiment import carry_out
from quantdl.experiment.auditing import audit_config
from quantdl.experiment.preparation import load_data, model_inputs, universe_of
from quantdl.market.sources import load_sp500
from tests.small_experiment import whole_config

ROOT = Path(__file__).parents[2]
ASSETS = ("AAPL", "JPM", "KO", "PG")
SPLITS = {"AAPL": ("2016-08-01", 7.0), "KO": ("2014-03-03", 0.125)}
DATA = """data:
  kind: csv_folder
  path: {folder}
  source: a test
  timezone: America/New_York
  frequency: 1D
  adjustment: {adjustment}
  calendar: XNYS
  as_of: 2016-12-30
  licence: none
  sectors: {{AAPL: a, JPM: b, KO: c, PG: d}}
"""


@pytest.fixture(scope="module")
def prices():
    """Closes of four stocks as if none had ever split, and what was quoted if two had."""
    panel = load_sp500().select(ASSETS).between("2013-01-02", "2016-12-30")
    raw = panel.closes.copy()
    for asset, (day, ratio) in SPLITS.items():
        raw[panel.sessions < day, ASSETS.index(asset)] *= ratio
    return panel.sessions, panel.closes, raw


@pytest.fixture
def write(tmp_path, prices):
    """A run without a model on one of the two, its plan naming the fingerprint of what it reads."""
    sessions, unsplit, raw = prices

    def config(name, closes, adjustment, further=""):
        folder = tmp_path / name
        folder.mkdir()
        for column, asset in enumerate(ASSETS):
            lines = [f"{day:%Y-%m-%d},{float(close)!r}" for day, close in zip(sessions, closes[:, column], strict=True)]
            (folder / f"{asset}.csv").write_text("\n".join(["date,close", *lines]) + "\n")
        text = whole_config("equal_weight")
        text = text.replace("data:\n  kind: sp500\n", DATA.format(folder=folder, adjustment=adjustment) + further)
        text = re.sub(r"train_end: .*", "train_end: 2015-06-30", text)
        text = re.sub(r"validation_end: .*", "validation_end: 2015-12-31", text)
        text = re.sub(r"(test_start|first): 2019-01-02", r"\1: 2016-01-04", text)
        text = re.sub(r"(test_end|last): 2022-12-28", r"\1: 2016-12-30", text)
        text = text.replace("source: skfolio, load_sp500_dataset", "source: a test").replace(
            "max_weight: 0.06", "max_weight: 0.3"
        )
        text = text.replace("adjustment: total_return", f"adjustment: {adjustment}").replace(
            "max_group_gross: 0.28", "max_group_gross: 0.5"
        )
        text = text.replace("minimum_sessions: 500", "minimum_sessions: 100")
        text = re.sub(
            r"      - \{name: crash.*\n      - \{name: rate.*\n",
            "      - {name: vote, first: 2016-06-20, last: 2016-07-15}\n",
            text,
        )
        path = tmp_path / f"{name}.yaml"
        path.write_text(text)
        fingerprint = load_data(load_config(path)).panel.card.fingerprint
        path.write_text(re.sub(r"fingerprint: sha256:\w+", f"fingerprint: {fingerprint}", text))
        return load_config(path)

    def unsplit_config(name="unsplit", closes=unsplit, further=""):
        return config(name, closes, "split", further)

    def raw_config(further=""):
        rows = [f"{asset},{day},split,{ratio:g}" for asset, (day, ratio) in SPLITS.items()]
        (tmp_path / "actions.csv").write_text("\n".join(["symbol,date,kind,value", *rows]) + "\n")
        return config("raw", raw, "raw", f"  actions: {tmp_path}/actions.csv\n{further}")

    return unsplit_config, raw_config


def test_a_run_on_raw_prices_and_their_splits_earns_what_the_unsplit_market_earns(write):
    unsplit_config, raw_config = write
    smooth, raw = carry_out(unsplit_config()), carry_out(raw_config())
    assert (raw.result.events["condition"] == "split").sum() == 1  # the other one lies before the test span
    held = raw.result.equity["equity"].to_numpy()
    np.testing.assert_allclose(held, smooth.result.equity["equity"].to_numpy(), rtol=1e-9)


@pytest.mark.slow
def test_a_bad_print_of_the_past_is_no_loss_that_is_predicted(write, prices):
    """A print of 0.15 in four equal weights would be a loss of a fifth in the 500 sessions that are looked back at."""
    sessions, closes, _ = prices
    printed = closes.copy()
    printed[sessions == "2015-11-02", ASSETS.index("KO")] *= 0.15
    kept = "  policies: {suspected_split: keep, wrong_scale: keep}\n"
    clean, bad = (carry_out(write[0](name, shown, kept)) for name, shown in (("clean", closes), ("bad", printed)))
    ko = bad.data.panel.assets.index("KO")
    assert np.nanmin(bad.data.panel.closes[:, ko] / bad.data.panel.previous_closes()[:, ko]) < 0.2
    found, expected = (outcome.judgement.risk.query("level == 0.99")["expected_shortfall"] for outcome in (bad, clean))
    np.testing.assert_allclose(found, expected, rtol=0.02)


def test_models_read_the_same_features_from_raw_prices(write):
    unsplit_config, raw_config = write
    tables = []
    for config in (unsplit_config(), raw_config()):
        tables.append(model_inputs(config, load_data(config)))
    np.testing.assert_array_equal(tables[0].valid, tables[1].valid)
    np.testing.assert_allclose(tables[0].values, tables[1].values, atol=1e-4)


def test_a_price_filter_reads_prices_as_they_were_quoted(write):
    _, raw_config = write
    config = raw_config("  eligibility: {minimum_price: 60, minimum_history_bars: 20}\n")
    data = load_data(config)
    quoted = data.panel.closes
    expected = (quoted >= 60) & (np.cumsum(data.panel.traded, axis=0) >= 20)
    np.testing.assert_array_equal(data.panel.eligible, expected)
    assert not expected.all() and expected.any()
    assert universe_of(config).at("2016-12-30")["member"].to_dict() == dict(zip(ASSETS, expected[-1], strict=True))


def test_an_asset_outside_the_universe_is_not_held(write):
    _, raw_config = write
    outcome = carry_out(raw_config("  eligibility: {minimum_price: 60}\n"))
    weights = outcome.result.weights_after_fill.to_numpy()
    outside = ~outcome.data.panel.eligible[-len(weights) :]
    after_a_month = np.arange(len(weights))[:, None] > 25  # rebalanced at the end of a month
    long_outside = np.array([outside[max(0, row - 25) : row + 1].all(axis=0) for row in range(len(weights))])
    assert np.all(weights[long_outside & after_a_month] == 0)
    assert (weights > 0).any()


def test_adjusted_prices_cannot_be_filtered_by_price(write, tmp_path):
    unsplit_config, _ = write
    path = unsplit_config().source.path
    path.write_text(
        path.read_text().replace("  kind: csv_folder\n", "  kind: csv_folder\n  eligibility: {minimum_price: 60}\n")
    )
    with pytest.raises(DataError, match="minimum_price = 60 needs prices as they were quoted"):
        load_data(load_config(path))


def test_a_plan_for_adjusted_prices_does_not_trust_raw_ones(write):
    _, raw_config = write
    path = raw_config().source.path
    path.write_text(path.read_text().replace("    adjustment: raw\n", "    adjustment: split\n"))
    with pytest.raises(PlanError, match="adjustment"):
        carry_out(load_config(path))


@pytest.mark.slow
def test_splits_to_come_change_nothing_that_is_decided(write):
    """Every other future, other splits among them; the universe is judged by prices as they were quoted."""
    _, raw_config = write
    config = raw_config("  eligibility: {minimum_price: 60, minimum_history_bars: 20}\n")
    report = audit_config(config, cuts=None)
    assert report.verdict == "CLEAN", report
    assert "split" in report.coverage.kinds and report.coverage.verified == report.coverage.decisions
