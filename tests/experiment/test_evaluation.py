"""Several models scored on the same stock-days."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from quantdl.config import load_config
from quantdl.experiment import evaluate, load_data
from quantdl.experiment.evaluation import evaluation_row


def test_every_compared_model_is_scored_on_the_same_stock_days(tmp_path, write_small):
    table = evaluate(load_config(write_small(tmp_path)))
    assert [row.model for row in table.rows] == ["transformer", "ewma_t"]
    assert {row.n for row in table.rows} == {6 * 127}
    assert all(-4.0 < row.nll < -2.0 and row.joint_nll < row.nll for row in table.rows)


def test_a_row_summarises_known_forecasts():
    generator = np.random.default_rng(0)
    target = generator.standard_normal(20_000)
    scored = pd.DataFrame(
        {
            "session": np.repeat(np.arange(10_000), 2),
            "target": target,
            "log_density": stats.norm.logpdf(target),
            "joint_log_density": np.repeat(stats.norm.logpdf(target).reshape(-1, 2).sum(1), 2),
            "crps": np.full(20_000, 0.25),
            "pit": stats.norm.cdf(target),
            "q01": stats.norm.ppf(0.01),
            "q05": stats.norm.ppf(0.05),
        }
    )
    row = evaluation_row("normal", scored)
    assert row.nll == pytest.approx(0.5 * np.log(2 * np.pi * np.e), abs=0.02)  # entropy of the normal law
    assert row.joint_nll == pytest.approx(row.nll)  # the pairs are independent
    assert row.crps_bp == 2500
    assert row.coverage_90 == pytest.approx(0.9, abs=0.01)
    assert (row.hit_01, row.hit_05) == (pytest.approx(0.01, abs=0.003), pytest.approx(0.05, abs=0.006))


def test_the_policies_of_a_config_are_applied_and_said(tmp_path, write_small):
    data = load_data(load_config(write_small(tmp_path, {"  start: 2010-01-04\n": ""})))
    rrc = data.panel.assets.index("RRC")
    assert data.panel.sessions[data.panel.traded[:, rrc]][0] == pd.Timestamp("1995-01-03")
    assert any("stale_year" in note for note in data.panel.card.declaration.notes)
    assert data.census.counts()["stale_year"] == 1265
