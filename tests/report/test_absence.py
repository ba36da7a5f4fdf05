"""A run may have made no forecasts or no trades: the report says so in words."""

import re

import numpy as np
import pandas as pd
import pytest

from quantdl.records import to_plain
from quantdl.report import write_report
from quantdl.report.document import number
from quantdl.report.formatting import PERCENT
from quantdl.risk.curves.metrics import performance

BY_SESSION = {f"{name}.parquet" for name in ("equity", "baseline", "weights", "exposures", "conditions", "regimes")}


@pytest.fixture
def text(write, tmp_path):
    return lambda files: write_report(write(files), tmp_path / "report.html").read_text(encoding="utf-8")


def test_a_run_without_a_model_says_so(files, without_model, text):
    page = text(without_model(files))
    assert "This run has no model, so it made no forecasts" in page
    assert "Predictions: historical simulation" in page
    assert "chart-pit" not in page


EMPTY = {
    "risk": "The book was never held over a session for which a value at risk could be predicted.",
    "trades": "This run made no trades",
    "events": "The engine never had to intervene",
}


@pytest.mark.parametrize("name", EMPTY)
def test_each_empty_table_is_said_in_words(name, files, text):
    files.frames[f"{name}.parquet"] = files.frames[f"{name}.parquet"].iloc[:0]
    assert EMPTY[name] in text(files)


def test_a_run_without_groups_says_so(files, text):
    files.frames["exposures.parquet"] = files.frames["exposures.parquet"][[]]
    assert "No assets of this run were related" in text(files)


def test_a_model_fitted_without_passes_says_so(files, text):
    del files.records["training.json"]
    assert "There were no passes over the data" in text(files)


def test_empty_tables_are_no_obstacle(files, text):
    for name in set(files.frames) - BY_SESSION:
        files.frames[name] = files.frames[name].iloc[:0]
    page = text(files)
    assert "This run made no trades" in page


def test_a_run_of_one_session_is_reported(files, text):
    files.frames["equity.parquet"] = files.frames["equity.parquet"].iloc[:1]
    files.frames["baseline.parquet"] = files.frames["baseline.parquet"].iloc[:1]
    assert "chart-equity" in text(files)


def test_a_ruined_book_is_reported(files, text):
    equity = files.frames["equity.parquet"].iloc[:300].copy()
    equity.iloc[-1, equity.columns.get_loc("equity")] = 0.0
    equity["halted"] = equity.index >= equity.index[-1]
    files.frames["equity.parquet"] = equity
    files.records["metrics.json"]["halted_on"] = str(equity.index[-1].date())
    files.records["metrics.json"]["halt_reason"] = "Drawdown of 100 % reached the limit of 40 %."
    page = text(files)
    assert f"The run was halted on {equity.index[-1].date()}. Drawdown of 100 %" in page
    assert "1 of its 300 sessions were halted" in page
    assert f"The dotted line is the halt on {equity.index[-1].date()}." in page


def test_an_undefined_figure_shows_its_reason(files, text):
    strategy = files.records["metrics.json"]["strategy"]
    strategy["sharpe"], strategy["undefined"] = None, {"sharpe": "zero variance: every return is the same"}
    assert "undefined: zero variance: every return is the same" in text(files)


def test_gaps_in_predictions_and_weights_are_no_obstacle(files, text):
    files.frames["forecasts.parquet"].loc[::3, "pit"] = np.nan
    weights = files.frames["weights.parquet"].copy()
    weights.iloc[::5] = np.nan
    files.frames["weights.parquet"] = weights
    assert "chart-pit" in text(files)


def test_many_assets_stay_within_the_size(files, text):
    sessions = files.frames["equity.parquet"].index
    names = [f"A{number:03d}" for number in range(500)]
    files.frames["weights.parquet"] = pd.DataFrame(1 / 500, sessions, names)
    files.records["census.json"]["coverage"] = dict.fromkeys(names, 0.99)
    fault = {"kind": "stale_year", "first": "2019-01-02", "last": "2020-01-02", "count": 3, "detail": "three"}
    files.records["census.json"]["faults"] = [{**fault, "symbol": name} for name in names]
    years = {str(year): 252 for year in range(2000, 2021)}
    files.records["census.json"]["by_year"] = {
        "bars": years,
        "kinds": {"stale_year": dict.fromkeys(years, 500)},
        "assets": {name: dict.fromkeys(years, 3) for name in names},
    }
    files.records["census.json"]["traded_by_year"] = {name: dict.fromkeys(years, 0.99) for name in names}
    page = text(files)
    assert len(page.encode()) < 3_000_000
    assert "The first 40 of 500 assets; all of them are in weights.parquet." in page
    assert "Drawn are the 80 assets with most of them, of 500 with any." in page
    assert "Drawn are the 80 of 500 assets with the fewest prices." in page
    assert "The largest of each kind: 60 of 500 faults; all of them are in census.json." in page


def test_a_book_that_only_lost_is_drawn_and_said_to_have_lost(files, text):
    equity = files.frames["equity.parquet"].copy()
    equity["equity"] = 1e6 * 0.999 ** np.arange(len(equity))
    files.frames["equity.parquet"] = equity
    lost = performance(equity["equity"], 252.0)
    files.records["metrics.json"]["strategy"] = to_plain(lost)
    page = text(files)
    assert "chart-equity" in page and "\u2212" in page[: page.index('id="equity"')]
    assert "nan" not in re.sub(r"<(script|style).*?</(script|style)>", "", page, flags=re.DOTALL).lower().split()


def test_figures_that_do_not_exist_are_words_with_their_reason_on_the_first_screen(files, text):
    few = performance(files.frames["equity.parquet"]["equity"].iloc[:2], 252.0)
    files.records["metrics.json"]["strategy"] = to_plain(few)
    page = text(files)
    first = page[page.index('<section id="verdict"') : page.index('<section id="equity"')]
    assert first.count("undefined: ") >= 4
    assert "1 session; a year of 252 is needed to annualise" in first


def test_a_number_that_is_none_is_said_to_be_undefined():
    assert number(float("nan"), PERCENT).text == number(float("inf"), PERCENT).text == "undefined: no finite number"
