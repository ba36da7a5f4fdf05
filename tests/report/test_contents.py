"""What a run must hold to be reported, and what the reader is told when it does not."""

import pytest

from quantdl.errors import IntegrityError, RunError
from quantdl.report import write_report
from quantdl.report.contents import read_contents


@pytest.mark.parametrize("name", ["config.json", "metrics.json", "checklist.json"])
def test_a_record_that_every_run_has_is_missed_by_name(name, files, write):
    del files.records[name]
    with pytest.raises(RunError, match=name):
        read_contents(write(files))


def test_a_run_without_an_equity_curve_is_refused_with_the_fix(files, write):
    del files.frames["equity.parquet"]
    with pytest.raises(
        RunError, match=r"equity\.parquet: the report needs this file and it is missing. .*quantdl run CONFIG"
    ):
        read_contents(write(files))


def test_an_empty_equity_curve_is_refused(files, write):
    files.frames["equity.parquet"] = files.frames["equity.parquet"].iloc[:0]
    with pytest.raises(RunError, match=r"equity\.parquet: .* it is empty"):
        read_contents(write(files))


def test_a_lacking_column_is_named_with_those_present(files, write):
    files.frames["risk.parquet"] = files.frames["risk.parquet"].drop(columns=["loss"])
    with pytest.raises(RunError, match=r"risk\.parquet: lacks the columns loss; it has session, level"):
        read_contents(write(files))


def test_a_file_that_is_no_parquet_is_named(files, write):
    del files.frames["trades.parquet"]
    files.texts["trades.parquet"] = "PAR1 but not really"
    with pytest.raises(RunError, match=r"trades\.parquet: not readable as Parquet"):
        read_contents(write(files))


def test_a_record_of_another_kind_is_named(files, write):
    files.records["card.json"] = ["a", "list"]
    with pytest.raises(RunError, match=r"card\.json: expected a JSON object, got list"):
        read_contents(write(files))


def test_a_changed_file_is_an_integrity_error(files, write, tmp_path):
    run = write(files)
    (run.path / "metrics.json").write_text("{}")
    with pytest.raises(IntegrityError):
        write_report(run, tmp_path / "report.html")
    assert not (tmp_path / "report.html").exists()


def test_the_session_may_be_the_index_or_a_column(files, write, tmp_path):
    first = read_contents(write(files))
    files.frames["equity.parquet"] = files.frames["equity.parquet"].reset_index()
    second = read_contents(write(files))
    assert first.equity.equals(second.equity)
