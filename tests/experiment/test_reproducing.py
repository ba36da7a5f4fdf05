"""A finished run is carried out again from its own folder: the same bytes, or the names of what is not the same."""

import json
import shutil
from dataclasses import replace

import pytest

from quantdl.errors import ConfigError, IntegrityError
from quantdl.experiment import reproducing
from quantdl.experiment.reproducing import reproduce
from quantdl.records import from_plain
from quantdl.runs import Ledger, RunWriter, open_run
from quantdl.runs.environment import Environment
from quantdl.runs.ledger import LEDGER

ASKED_FOR = {"config.yaml", "config.json", "strategy.py"}
OF_THE_MOMENT = {"selection.json", "environment.json", "lock.txt", "log.txt"}


@pytest.fixture(scope="module")
def reproduction(small_run, small_outcome):
    """Written anew from the outcome in memory: what the slow test below fits and trades once more."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reproducing, "carry_out", lambda config, progress: small_outcome)
        return reproduce(open_run(small_run))


def all_the_same(reproduction, run):
    """Every file of a run but those that say what was asked for, and those of the ledger, the clock and the machine."""
    assert reproduction.differing == ()
    assert reproduction.surroundings == ()
    written = {name for name in open_run(run).files if not name.startswith("written/")}
    assert set(reproduction.same) == written - ASKED_FOR - OF_THE_MOMENT
    assert {"report.html", "forecasts.parquet", "equity.parquet", "model/weights.safetensors"} < set(reproduction.same)


def test_every_file_that_follows_from_the_outcome_is_written_the_same_byte_for_byte(reproduction, small_run):
    """The report too, drawn around the same figures of selection and of the machine."""
    all_the_same(reproduction, small_run)


@pytest.mark.slow
def test_a_run_is_carried_out_again_with_the_same_bytes(small_run):
    all_the_same(reproduce(open_run(small_run)), small_run)
    nothing_is_left_behind(small_run)


def test_a_reproduction_is_no_trial_and_leaves_nothing_behind(reproduction, small_run):
    nothing_is_left_behind(small_run)


def nothing_is_left_behind(small_run):
    root = small_run.parent
    assert len(Ledger(root / LEDGER).read().records) == 1
    assert not (root / ".unfinished").exists()
    assert [path.name for path in root.iterdir() if path.is_dir() and path.name != "returns"] == [small_run.name]


def test_what_comes_out_otherwise_is_named_with_its_keys_and_columns(small_run, small_outcome, monkeypatch):
    """A library that rounds otherwise, planted: one figure and one column."""
    metrics = replace(small_outcome.metrics, halt_reason="another reason")
    orders = small_outcome.result.orders
    changed = orders.assign(**{orders.columns[-1]: orders[orders.columns[-1]].iloc[::-1].to_numpy()})
    result = replace(small_outcome.result, orders=changed)
    other = replace(
        small_outcome,
        judgement=replace(small_outcome.judgement, metrics=metrics),
        books=replace(small_outcome.books, strategy=result),
    )
    monkeypatch.setattr(reproducing, "carry_out", lambda config, progress: other)
    monkeypatch.setattr(reproducing, "environment", lambda: _elsewhere(small_run))
    found = reproduce(open_run(small_run))
    detail = {difference.file: difference.detail for difference in found.differing}
    assert detail["metrics.json"].endswith("differs in halt_reason")
    assert detail["orders.parquet"].endswith(f"differs in {orders.columns[-1]}")
    assert "equity.parquet" in found.same
    threads = json.loads((small_run / "environment.json").read_text())["threads"]
    assert found.surroundings == (f"threads: {threads} then, 64 now", "a-new-package: not installed then, 0.1 now")


def _elsewhere(small_run):
    """The machine and the packages of the run, but for two things."""
    kept = from_plain(Environment, json.loads((small_run / "environment.json").read_text()))
    return replace(kept, threads=64, packages={**kept.packages, "a-new-package": "0.1"})


def test_a_run_that_was_changed_is_no_measure(small_run, tmp_path):
    shutil.copytree(small_run, tmp_path / "run")
    (tmp_path / "run" / "metrics.json").write_text("{}")
    with pytest.raises(IntegrityError, match=r"metrics\.json: truncated.*cannot be reproduced"):
        reproduce(open_run(tmp_path / "run"))


def test_an_evaluation_says_how_it_is_repeated(tmp_path):
    with RunWriter(tmp_path, "scored") as run:
        run.write_json("evaluation.json", {})
    with pytest.raises(ConfigError, match="an evaluation is repeated by `quantdl evaluate .*config.yaml --output"):
        reproduce(open_run(run.target))


def test_a_file_that_is_new_or_gone_is_said_to_be(tmp_path):
    with RunWriter(tmp_path, "then") as then:
        then.write_text("gone.txt", "x")
        then.write_json("environment.json", {})
    with RunWriter(tmp_path, "now") as now:
        now.write_text("new.txt", "x")
        now.write_json("environment.json", {})
    one, other = open_run(then.target), open_run(now.target)
    assert reproducing._detail(one, other, "gone.txt") == "was not written again"
    assert reproducing._detail(one, other, "new.txt") == "was not there before"
