"""Several runs on one page."""

import json
import re

import numpy as np
import pandas as pd
import pytest

from quantdl.errors import RunError
from quantdl.experiment.comparing import compare_all
from quantdl.report import write_comparison


@pytest.fixture
def pair(simulated, without_model, write):
    other = without_model(simulated(8))
    other.records["config.json"]["seed"] = 8
    return write(simulated()), write(other, name="plain")


def words(path):
    return re.sub(r"<[^>]+>|\s+", " ", path.read_text(encoding="utf-8").split("</main>")[0])


def test_runs_are_held_against_each_other(pair, tmp_path):
    text = words(write_comparison(pair, tmp_path / "compare.html"))
    assert "Comparison of 2 runs" in text
    for name in ("calm-twelve", "plain"):
        assert name in text


def test_only_differing_keys_of_the_configs_are_shown(pair, tmp_path):
    text = words(write_comparison(pair, tmp_path / "compare.html"))
    assert "model.kind" in text and "seed" in text
    assert "plan.sizing.max_weight" not in text


def test_runs_of_one_name_are_told_apart(simulated, write, tmp_path):
    runs = [write(simulated(seed)) for seed in (1, 2)]
    text = words(write_comparison(runs, tmp_path / "compare.html"))
    assert all(f"calm-twelve ({run.id[-6:]})" in text for run in runs)


def test_different_data_is_said(simulated, write, tmp_path):
    other = simulated(8)
    other.records["card.json"] = {**other.records["card.json"], "fingerprint": "sha256:other"}
    text = words(write_comparison([write(simulated()), write(other)], tmp_path / "compare.html"))
    assert "do not stand on the same data" in text


def test_every_run_has_its_curve(simulated, write, tmp_path):
    runs = [write(simulated(seed), name=f"run{seed}") for seed in range(5)]
    page = write_comparison(runs, tmp_path / "compare.html").read_text(encoding="utf-8")
    chart = json.loads(re.search(r'data-chart="chart-equity">(.*?)</script>', page).group(1))
    curves = [trace for trace in chart["data"] if "yaxis" not in trace]
    assert [trace["name"] for trace in curves] == [f"run{seed}" for seed in range(5)]
    assert len({(trace["line"]["color"], trace["line"].get("dash")) for trace in curves}) == 5


def test_tests_are_told_in_sentences_and_in_figures(simulated, write, tmp_path):
    """The second run's strategy has another seed, and the third is the first again."""
    runs = [write(simulated(seed), name=name) for seed, name in ((7, "calm"), (8, "other"), (7, "again"))]
    tests = compare_all(runs)
    text = words(write_comparison(runs, tmp_path / "compare.html", tests))
    sessions = len(pd.bdate_range("2019-01-02", "2022-12-28"))
    assert f"Against other, {sessions:,} returns from 2019-01-02 to 2022-12-28" in text
    mean = tests.pairs[0].returns.mean
    figures = (
        f"Mean return a bar [bp of return] {1e4 * mean.mean:.2f} {1e4 * mean.error:.2f} {mean.t:.2f} {mean.p_value:.3f}"
    )
    assert figures.replace("-", "\u2212") in " ".join(text.split())
    assert "Mean return a bar: calm and again differ by no more than chance makes (p 1.000)." in text
    assert "different returns of the same asset and session" in text


def test_a_difference_beyond_chance_says_which_run_is_better(simulated, write, tmp_path):
    losing = simulated()
    losing.frames["equity.parquet"] = losing.frames["equity.parquet"].assign(
        equity=lambda table: table["equity"] * 0.995 ** np.arange(len(table))
    )
    runs = [write(simulated(), name="calm"), write(losing, name="losing")]
    text = words(write_comparison(runs, tmp_path / "compare.html", compare_all(runs)))
    assert "Mean return a bar: calm earned more a bar than losing (p &lt; 0.001)." in text
    assert "Expected shortfall of a bar at 95%: calm loses less in its worst bars than losing" in text


def test_one_run_is_no_comparison(pair, tmp_path):
    with pytest.raises(RunError, match="at least two runs, got 1"):
        write_comparison(pair[:1], tmp_path / "compare.html")
