"""What a run must hold to be reported, and what the reader is told when it does not."""

import pytest

from quantdl.errors import IntegrityError, RunError
from quantdl.records import to_plain
from quantdl.report import write_report
from quantdl.results.run_record import read_run

RECORDS = (
    "config.json",
    "card.json",
    "census.json",
    "environment.json",
    "metrics.json",
    "checklist.json",
    "selection.json",
)


@pytest.mark.parametrize("name", RECORDS)
def test_a_record_that_every_run_has_is_missed_by_name(name, files, write):
    del files.records[name]
    with pytest.raises(RunError, match=name):
        read_run(write(files))


@pytest.mark.parametrize("name", (*RECORDS, "model/model.json", "training.json", "breakdowns.json", "series.json"))
@pytest.mark.parametrize("foreign", [["a", "list"], {"of": "another", "program": 1}, 3, None])
def test_a_foreign_record_is_refused_with_its_path_and_the_fix(name, foreign, files, write):
    files.records[name] = foreign
    with pytest.raises(RunError, match=rf"{name}: not what a run .*quantdl run CONFIG"):
        read_run(write(files))


@pytest.mark.parametrize(
    ("name", "field", "value", "named"),
    [
        ("checklist.json", "verdict", "splendid", "Checklist.verdict"),
        ("checklist.json", "verdict", "", "Checklist.verdict"),
        ("metrics.json", "stamps", "one", "RunMetrics.stamps"),
        ("selection.json", "n_trials", "14", "Selection.n_trials"),
        ("census.json", "first", "yesterday", "CensusRecord.first"),
        ("config.json", "plan", None, "Setup.plan"),
    ],
)
def test_a_damaged_field_is_named(name, field, value, named, files, write):
    files.records[name][field] = value
    with pytest.raises(RunError, match=rf"{name}: .*{named}"):
        read_run(write(files))


def test_a_card_that_contradicts_itself_is_refused_too(files, write):
    files.records["card.json"]["declaration"]["timezone"] = "Mars/Olympus"
    with pytest.raises(RunError, match=r"card\.json: .*Mars/Olympus"):
        read_run(write(files))


def test_a_run_is_read_as_it_was_written(files, write):
    run = read_run(write(files))
    assert run.name == "calm-twelve"
    assert run.card.declaration.calendar == "XNYS"
    assert run.setup.plan.horizon.bars == 21
    assert run.metrics.forecast.model == "transformer"
    assert run.selection.n_trials == 14
    assert run.training.best_epoch == 9 and len(run.training.epochs) == 17
    assert run.model.fitted_through == ("2018-12-31",)
    assert to_plain(run.metrics) == files.records["metrics.json"]
    assert to_plain(run.checklist) == files.records["checklist.json"]
    assert run.tables.trades["pnl"].to_list() == files.frames["trades.parquet"]["pnl"].to_list()


def test_a_run_without_a_model_has_none(files, without_model, write):
    run = read_run(write(without_model(files)))
    assert run.model is None and run.training is None and run.setup.model is None and run.metrics.forecast is None


TABLES = ("curves", "cumulative_costs", "equity", "exposures", "trades", "events", "conditions", "regimes", "risk")


@pytest.mark.parametrize("name", TABLES)
def test_a_run_without_a_table_is_refused_with_the_fix(name, files, write):
    files.withheld.add(f"{name}.parquet")
    with pytest.raises(
        RunError, match=rf"{name}\.parquet: every run has this file, and it is missing. .*quantdl run CONFIG"
    ):
        read_run(write(files))


@pytest.mark.parametrize("name", ["curves", "cumulative_costs", "equity", "exposures", "conditions", "regimes"])
def test_a_table_by_session_that_is_empty_is_refused(name, files, write):
    files.emptied.add(f"{name}.parquet")
    with pytest.raises(RunError, match=rf"{name}\.parquet: .* it is empty"):
        read_run(write(files))


def test_a_lacking_column_is_named_with_those_present(files, write):
    files.frames["risk.parquet"] = files.frames["risk.parquet"].drop(columns=["loss"])
    with pytest.raises(RunError, match=r"risk\.parquet: lacks the columns loss; it has session, level"):
        read_run(write(files))


def test_a_file_that_is_no_parquet_is_named(files, write):
    files.withheld.add("trades.parquet")
    files.texts["trades.parquet"] = "PAR1 but not really"
    with pytest.raises(RunError, match=r"trades\.parquet: not readable as Parquet"):
        read_run(write(files))


def test_a_changed_file_is_an_integrity_error(files, write, tmp_path):
    run = write(files)
    (run.path / "metrics.json").write_text("{}")
    with pytest.raises(IntegrityError, match=r"metrics\.json"):
        write_report(run, tmp_path / "report.html")
    assert not (tmp_path / "report.html").exists()
