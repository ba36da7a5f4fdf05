"""metrics.json as a record, and the record as metrics.json."""

import json
from dataclasses import replace

import pytest

from quantdl.records import from_plain, json_text, to_plain
from quantdl.results.metrics import Benchmark, RunMetrics


@pytest.fixture(scope="module")
def text(small_run) -> str:
    return (small_run / "metrics.json").read_text()


def test_the_record_read_from_the_file_writes_the_same_bytes(text):
    metrics = from_plain(RunMetrics, json.loads(text))
    assert json_text(to_plain(metrics), "metrics.json") == text


def test_a_benchmark_is_written_as_its_name_among_its_figures(text):
    metrics = from_plain(RunMetrics, json.loads(text))
    assert "benchmark" not in to_plain(metrics)  # the small experiment names none
    beside = replace(metrics, benchmark=Benchmark("index", metrics.baseline))
    plain = to_plain(beside)["benchmark"]
    assert plain == {"name": "index", **to_plain(metrics.baseline)}
    assert from_plain(RunMetrics, json.loads(json.dumps(to_plain(beside)))) == beside


def test_without_a_model_no_scores_are_written(text):
    metrics = replace(from_plain(RunMetrics, json.loads(text)), forecast=None)
    assert "forecast" not in to_plain(metrics)
    assert from_plain(RunMetrics, to_plain(metrics)) == metrics


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ({"halted_on": "yesterday"}, "RunMetrics.halted_on"),
        ({"strategy": {}}, "PerformanceMetrics .* lacks the fields"),
        ({"sharpe": 1.0}, r"RunMetrics has unknown fields \['sharpe'\]"),
        ({"stamps": "one"}, "RunMetrics.stamps: expected a list"),
    ],
)
def test_a_file_of_another_form_is_refused_with_the_place(change, place, text):
    with pytest.raises(ValueError, match=place):
        from_plain(RunMetrics, {**json.loads(text), **change})


def test_a_test_rejects_below_its_share_of_one_in_twenty(text):
    """Two levels and the law as a whole are three tests."""
    metrics = from_plain(RunMetrics, json.loads(text))
    two = replace(metrics, value_at_risk=metrics.value_at_risk[:1] * 2)
    assert two.rejects_below == pytest.approx(0.05 / 3)
    assert "rejects_below" not in to_plain(metrics)
