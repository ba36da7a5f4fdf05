"""What an evaluation leaves behind: enough to score it again by other means."""

import json

import numpy as np
import pandas as pd
import pytest

from quantdl.config import load_config
from quantdl.errors import RunError
from quantdl.experiment import evaluate
from quantdl.runs import open_run, verify_run

MODELS = ("transformer", "ewma_t")


def test_the_folder_is_whole_and_its_figures_are_those_of_the_table(small_evaluation):
    table, folder = small_evaluation
    assert verify_run(folder) == ()
    tables = {
        f"{kind}_{name}.parquet" for kind in ("scores", "position_scores", "quantiles", "books") for name in MODELS
    }
    assert set(open_run(folder).files) == tables | {"evaluation.json", "config.yaml", "strategy.py", "environment.json"}
    stored = json.loads((folder / "evaluation.json").read_text())
    assert [row["nll"] for row in stored["rows"]] == [row.figures.nll for row in table.rows]


@pytest.mark.parametrize("name", MODELS)
def test_the_quantiles_alone_give_the_hits_and_the_score_of_the_value_at_risk(small_evaluation, name):
    table, folder = small_evaluation
    days = pd.read_parquet(folder / f"scores_{name}.parquet")
    merged = days.merge(pd.read_parquet(folder / f"quantiles_{name}.parquet"), on=["session", "asset"])
    figures = next(row.figures for row in table.rows if row.model == name)
    assert len(merged) == figures.n
    assert (merged["target"] < merged["q1"]).mean() == pytest.approx(figures.hit_01)
    assert (merged["target"] > merged["q95"]).mean() == pytest.approx(figures.above_95)
    np.testing.assert_allclose(-merged["q5"], merged["value_at_risk_05"], rtol=1e-6)
    assert (np.diff(merged.filter(regex="^q").to_numpy(), axis=1) > 0).all()


def test_books_are_stored_with_equal_weight_first(small_evaluation):
    _, folder = small_evaluation
    books = pd.read_parquet(folder / "books_ewma_t.parquet")
    days = pd.read_parquet(folder / "scores_ewma_t.parquet")
    assert books["book"].nunique() == 6
    equal = books[books["book"] == 0].set_index("session")["outcome"]
    pd.testing.assert_series_equal(equal, days.groupby("session")["target"].mean(), check_names=False)


def test_a_folder_that_exists_is_refused_before_anything_is_fitted(tmp_path, write_small):
    (tmp_path / "taken").mkdir()
    config = load_config(write_small(tmp_path))
    with pytest.raises(RunError, match="taken"):
        evaluate(config, output=tmp_path / "taken")
    assert not (config.runs_root / ".unfinished").exists()  # nothing was begun
