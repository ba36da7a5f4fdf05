"""A run folder: everything in it, the same bytes again, and nothing of a run that fails."""

import errno
import json
import math
import os
import re
import time
from datetime import date
from pathlib import Path

import pandas as pd
import pytest
import torch

from quantdl.config import configured_strategy, load_config
from quantdl.errors import ConfigError, IntegrityError, RunError, RunNameError
from quantdl.experiment import load_model, run_experiment, run_folder
from quantdl.experiment.models import FittedBlock
from quantdl.experiment.run_folder import training_course, write_run
from quantdl.experiment.trials import trial_of
from quantdl.records import from_plain, json_text, to_plain
from quantdl.results.run_record import FurtherFit, PassRecord, TrainingCourse
from quantdl.runs import list_runs, open_run, verify_ledger, verify_run
from quantdl.runs.ledger import LEDGER, Ledger
from quantdl.training.fit import EpochRecord, FitReport
from tests.runs.test_disk_faults import Refuses
from tests.runs.transaction import calls_replaced

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


def test_the_stored_model_is_the_trained_one(small_run, small_outcome):
    fitted, architecture = load_model(small_run / "model")
    assert architecture.assets == ("AAPL", "JPM", "KO", "PG", "RRC", "XOM")
    assert fitted.fitted_through == (pd.Timestamp("2016-06-30"),)
    trained = small_outcome.fitted.fitted.model.state_dict()
    kept = fitted.model.state_dict()
    assert trained.keys() == kept.keys()
    assert all(torch.equal(trained[name], kept[name]) for name in trained)


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

    with pytest.raises(RunNameError, match="exists, and runs are never overwritten.*--output"):
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


def test_the_settlement_dates_are_those_of_a_three_day_cycle(small_run):
    """Days counted by hand: in 2016 a trade settled three days after it on which exchanges and banks were open."""
    stored = json.loads((small_run / "settlement.json").read_text())
    traded = pd.read_parquet(small_run / "fills.parquet")["session"].dt.date.astype(str)
    assert stored["calendar"] == "XNYS" and stored["unknown"] is None
    assert list(stored["dates"]) == sorted(set(traded))
    by_hand = {
        "2016-07-05": "2016-07-08",
        "2016-10-05": "2016-10-11",  # no bank was open on Columbus Day
        "2016-11-09": "2016-11-15",  # nor on Veterans Day, and then came a weekend
        "2016-11-23": "2016-11-29",  # Thanksgiving
        "2016-12-22": "2016-12-28",  # Christmas Day was a Sunday
        "2016-12-30": "2017-01-05",  # and so was New Year's Day
    }
    assert {day: stored["dates"][day] for day in by_hand} == by_hand
    assert all(date.fromisoformat(day) < date.fromisoformat(settled) for day, settled in stored["dates"].items())


def test_the_ledgers_line_names_the_run_that_was_written(small_run):
    (line,) = Ledger(small_run.parent / LEDGER).read().records
    assert line.run == open_run(small_run).id
    assert json.loads((small_run / "selection.json").read_text())["n_trials"] == 1


@pytest.mark.parametrize("error", [KeyboardInterrupt, MemoryError, ValueError, ConfigError])
def test_nothing_is_left_of_a_run_that_fails_and_its_error_is_passed_on(error, tmp_path, write_small):
    def fail():
        assert list((tmp_path / "runs").glob(".partial-*"))  # the folder is claimed before the work begins
        raise error("a test")

    with pytest.raises(error, match="a test"):
        write_run(load_config(write_small(tmp_path)), None, fail)
    assert [path.name for path in (tmp_path / "runs").iterdir() if path.name != ".lock"] == []


def test_a_damaged_ledger_is_found_before_the_work(tmp_path, write_small):
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / LEDGER).write_text('{"not": "a trial"}\n')

    def work():
        raise AssertionError("work began")

    with pytest.raises(IntegrityError, match=r"ledger\.jsonl"):
        write_run(load_config(write_small(tmp_path)), None, work)
    assert list_runs(tmp_path / "runs") == ()


def test_the_course_of_every_members_every_fit_is_recorded():
    """Three fits of a network, one of them on both spans, and a member that makes no passes between them."""

    def report(loss: float, validation: float) -> FitReport:
        return FitReport((EpochRecord(0, loss, validation),), 0, 9)

    def block(*reports: FitReport, members: tuple[FittedBlock, ...] = ()) -> FittedBlock:
        return FittedBlock(None, None, None, reports, members)

    one, three = block(report(1.0, 2.0), report(0.9, math.nan)), block(report(3.0, 4.0))
    course = training_course(block(members=(one, block(), three)))
    assert (course.best_epoch, course.epochs) == (0, (EpochRecord(0, 1.0, 2.0),))
    assert course.further == (
        FurtherFit(1, 2, 0, (PassRecord(0, 0.9, None),)),
        FurtherFit(3, 1, 0, (PassRecord(0, 3.0, 4.0),)),
    )
    assert from_plain(TrainingCourse, json.loads(json_text(to_plain(course), "training.json"))) == course
    assert training_course(one).further == course.further[:1]
    assert training_course(block()) is None


def test_a_course_that_was_written_before_further_fits_were_recorded_is_read():
    written = {"best_epoch": 0, "epochs": [{"epoch": 0, "train_loss": 1.0, "validation_loss": 2.0}], "execution": None}
    assert from_plain(TrainingCourse, written) == TrainingCourse(0, (EpochRecord(0, 1.0, 2.0),))


def test_a_clock_that_is_set_back_during_a_run_does_not_shorten_it(tmp_path, write_small, small_outcome, monkeypatch):
    """An hour back while the work goes on: durations are of a clock that cannot be set."""
    now = time.time

    def set_back():
        monkeypatch.setattr(time, "time", lambda: now() - 3_600.0)
        monkeypatch.setattr(time, "time_ns", lambda: int((now() - 3_600.0) * 1e9))
        return small_outcome

    config = load_config(write_small(tmp_path))
    runs = [write_run(config, None, work) for work in (lambda: small_outcome, set_back)]
    seconds = [float((run / "log.txt").read_text().partition(" s")[0]) for run in runs]
    assert all(0.0 <= taken < 600.0 for taken in seconds)
    assert [entry.path for entry in list_runs(tmp_path / "runs")] == runs
    records = Ledger(tmp_path / "runs" / LEDGER).read().records
    assert [record.sequence for record in records] == [1, 2]
    assert [record.run for record in records] == [open_run(run).id for run in runs]


@pytest.mark.slow
@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EROFS, errno.EACCES], ids=errno.errorcode.get)
def test_a_refusal_at_calls_all_over_the_writing_of_a_whole_run_loses_nothing(
    tmp_path, write_small, small_outcome, code
):
    """Every eleventh call that changes the disk, and that of each writer of tables and weights, which write by
    themselves; earlier runs and trials stay whole, and the message has path and fix."""
    config = load_config(write_small(tmp_path))
    root = tmp_path / "runs"
    earlier = write_run(config, None, lambda: small_outcome)
    for at in range(1, 1_000, 11):
        refuses = Refuses(at, code, stays=True)
        try:
            with calls_replaced(refuses):
                write_run(config, None, lambda: small_outcome)
        except RunError as error:
            assert error.exit_code == 6
            assert os.strerror(code) in str(error) and str(root) in str(error), (refuses.refused, error)
        assert verify_run(earlier) == () and verify_ledger(root) == ()
        assert all(entry.problem is None for entry in list_runs(root))
        if not refuses.refused:
            break
    assert at > 50
    for writer in ("write_parquet", "save_checkpoint", "write_report"):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(run_folder, writer, _refused(root, code))
            with pytest.raises(RunError, match=os.strerror(code)):
                write_run(config, None, lambda: small_outcome)
        assert verify_run(earlier) == () and verify_ledger(root) == ()


def _refused(root, code):
    """A writer of another library that is refused, and names a file of the run."""

    def refuse(*given):
        (partial,) = root.glob(".partial-*")
        raise OSError(code, os.strerror(code), str(partial / "file"))

    return refuse


def test_every_file_of_a_run_folder_is_explained_in_the_reference(small_run):
    page = (Path(__file__).parents[2] / "docs/reference/run_folder.md").read_text(encoding="utf-8")
    rows = [row.split("|")[1] for row in page.splitlines() if row.startswith("| `")]
    explained = {name for row in rows for name in re.findall(r"`([^`]+)`", row)}
    names = {name.split("/")[0] + "/" * ("/" in name) for name in open_run(small_run).files} | {"manifest.json"}
    assert names - explained == set()
