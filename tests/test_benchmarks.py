"""The benchmarks still run: each of these on a small panel, for its figures' form and not for their size."""

import ast
import importlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

ROOT = Path(__file__).parents[1]
SECTIONS = ROOT / "benchmarks" / "sections"


def figures_of(script: str, *arguments: str) -> list[dict]:
    """The JSON lines of a benchmark run as a user runs it, from the root of the project."""
    command = [sys.executable, f"benchmarks/{script}", *arguments]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]


@pytest.mark.slow
def test_the_pass_over_a_mapped_panel_sees_every_window_once():
    command = [sys.executable, SECTIONS / "mapped_pass.py", "--assets", "70", "--sessions", "300"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    figures = json.loads(done.stdout.splitlines()[-1])
    assert figures["finite"] is True
    assert 0 < figures["windows"] < 70 * 300  # an asset's first bar has no return, and some are listed late


@pytest.mark.parametrize("file", sorted(SECTIONS.parent.rglob("*.py")), ids=lambda file: file.stem)
def test_what_a_benchmark_imports_of_quantdl_is_there(file):
    imports = [
        node for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))) if isinstance(node, ast.ImportFrom)
    ]
    asked = [
        (node.module, name.name) for node in imports for name in node.names if (node.module or "").startswith("quantdl")
    ]
    lacking = [f"{module}.{name}" for module, name in asked if not hasattr(importlib.import_module(module), name)]
    assert lacking == []


def test_an_unknown_section_is_refused_with_the_ones_there_are():
    done = subprocess.run([sys.executable, SECTIONS.parent / "data.py", "windws"], capture_output=True, text=True)
    assert done.returncode == 2
    assert "there are panel, calendars, windows, mapped_pass" in done.stderr


_ONE_BOOK = """
import json, sys
from pathlib import Path
import pandas as pd
from gjr_books import gjr_books
from bench_forecasts import ROOT, _fz0
from quantdl.config import load_config
from quantdl.experiment import load_data
from quantdl.risk.scores.book_laws import long_only_books
learnt = load_data(load_config(ROOT / "configs" / "forecast_sp500.yaml"), keep_ingest=False).learnt
returns = pd.DataFrame(learnt.log_returns(), learnt.sessions, list(learnt.assets))
test = returns.loc["2019-01-02":"2022-12-28"].index
for turn in range(2):  # the second from the cache
    books = gjr_books(returns, long_only_books(20, 0), test, Path(sys.argv[1]))
    beyond = int((-books["outcome"] > books["value_at_risk_losses_99"]).sum())
    print(json.dumps({"n": len(books), "beyond_99": beyond, "fz0_01": float(_fz0(books, 1).mean())}))
"""


@pytest.mark.slow
def test_the_rival_of_the_equal_weight_book_has_the_score_that_was_published(tmp_path):
    """uni_gjr_skewt_portfolio of the peers' benchmark: 1.392 % of 1,006 sessions beyond, FZ0 -3.26122."""
    command = [sys.executable, "-c", _ONE_BOOK, tmp_path]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=SECTIONS.parent)
    first, again = map(json.loads, done.stdout.splitlines()[-2:])
    assert first == again
    assert (first["n"], first["beyond_99"]) == (1006, 14)
    assert first["fz0_01"] == pytest.approx(-3.26122, abs=0.001)
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.slow
def test_flows_are_timed_in_both_directions():
    rows = figures_of("bench_flows.py", "--batch", "16", "--turns", "1", "--without-peers")
    assert [row["dimension"] for row in rows] == [5, 20]
    assert all(row["quantdl"]["log_prob_cpu_s"] > 0 and row["quantdl"]["sample_cpu_s"] > 0 for row in rows)


@pytest.mark.slow
def test_a_plan_with_every_item_at_work_takes_at_most_twice_the_time_of_the_smallest():
    """On a machine busy with other things the better of two tries counts."""
    tries = [figures_of("bench_plan.py", "--turns", "5") for _ in range(2)]
    assert all(row["same_value"] for rows in tries for row in rows)
    for name in ("A2", "A3"):
        assert min(row["ratio"] for rows in tries for row in rows if row["job"] == name) <= 2.0


@pytest.mark.slow
def test_windows_of_the_transformer_in_training_are_counted():
    (row,) = figures_of("bench_training.py", "--steps", "1", "--rows", "1", "--block", "4", "--without-peers")
    assert row["figures"]["windows_per_cpu_s"] > 0


@pytest.mark.slow
def test_models_are_measured_against_the_truth_of_a_simulated_market():
    small = ("--market", "leverage", "--sessions", "1600", "--test", "1000", "--epochs", "1")
    garch, _, transformer = figures_of("bench_known_truth.py", *small)
    assert (garch["model"], transformer["model"]) == ("garch_t", "transformer")
    assert 0.0 < garch["kl"] < 0.1 and 0.0 < transformer["kl"] < 1.0


@pytest.mark.slow
def test_the_transformer_is_near_the_truth_where_garch_is_right_and_nearer_where_it_is_not():
    _, _, right = figures_of("bench_known_truth.py", "--market", "GARCH is right")
    garch, _, wrong = figures_of("bench_known_truth.py", "--market", "leverage")
    assert right["kl"] < 0.005
    assert wrong["kl"] < 0.5 * garch["kl"]


@pytest.mark.slow
def test_a_planted_skewed_shock_is_recovered_where_a_symmetric_law_misses_it():
    garch, _, transformer = figures_of("bench_known_truth.py", "--market", "skewed common shock")
    assert garch["losses_beyond_99"] > 0.016
    assert 0.008 < transformer["losses_beyond_99"] < 0.012 and transformer["sessions"] > 20_000


@pytest.mark.slow
@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_without_a_gpu_its_benchmark_says_so():
    (row,) = figures_of("gpu.py")
    assert "finds no CUDA device" in row["skipped"]


@pytest.mark.slow
def test_the_gpu_benchmark_runs_dry_on_the_cpu():
    small = ("--device", "cpu", "--rows", "1", "--seconds", "0.01", "--sessions", "260", "--epochs", "1")
    rows = figures_of("gpu.py", *small)
    assert rows[0]["device"].startswith("no GPU")
    by_section = {name: [row for row in rows if row.get("section") == name] for name in SECTIONS_OF_GPU}
    assert [len(by_section[name]) for name in SECTIONS_OF_GPU] == [6, 3, 1, 3]
    assert {row["model"] for row in by_section["parity"]} == {"transformer", "flow", "graph"}
    assert all(row["passed"] for name in ("parity", "scores") for row in by_section[name])  # the same device twice
    assert all(row["cpu"] > 0 for row in by_section["throughput"] if "over_cpu" in row)
    assert all(row["operations"] > 0 and row["longest_ms"] for row in by_section["profile"])


SECTIONS_OF_GPU = ("throughput", "parity", "scores", "profile")


@pytest.mark.slow
def test_performance_figures_are_timed_without_the_peers():
    rows = {row["job"]: row for row in figures_of("bench_risk_metrics.py")}
    assert rows["fifteen"]["n_figures"] == 15 and rows["full"]["n_figures"] > 60
    assert all(row["side"] == "quantdl" and row["cpu_ms"] > 0 for row in rows.values())


@pytest.mark.slow
def test_size_and_power_of_the_tests_of_risk_forecasts_are_shares_of_all_paths():
    found = figures_of("bench_risk_tests.py", "--paths", "300", "--power-paths", "60", "--sessions", "250")
    assert [line["world"] for line in found] == ["right", "small", "clusters", "gaussian"]
    assert all(0 <= share <= 100 for line in found for pair in line["rejects"].values() for share in pair)
    size, power = found[0]["rejects"], found[1]["rejects"]
    assert size["Z2, simulated, 97.5 %"][0] < 15 < 50 < power["Z2, simulated, 97.5 %"][0]
