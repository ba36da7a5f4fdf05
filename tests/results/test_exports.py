"""What a run found, as tables: nothing lost, nothing run, every figure where a reader looks for it."""

import csv
from datetime import date

import pandas as pd
import pytest

from quantdl.disk import AlreadyStoredError
from quantdl.errors import IntegrityError, RunError
from quantdl.results.exports import exported_tables, record_tables, unused, write_csv_folder
from quantdl.results.tables import write_parquet
from quantdl.runs import RunWriter, open_run

PRICES = pd.DataFrame({"equity": [100.0, 99.5]}, pd.DatetimeIndex(["2024-01-02", "2024-01-03"], name="session"))


def a_run(root, records=None, **tables):
    with RunWriter(root, "small") as run:
        for name, record in (records or {}).items():
            run.write_json(f"{name}.json", record)
        for name, table in tables.items():
            write_parquet(table, run.path(f"{name}.parquet"))
    return open_run(run.target)


def rows(found, name):
    return (
        dict(record_tables("found", found))[name]
        .astype(object)
        .where(lambda table: table.notna(), None)
        .to_dict("records")
    )


def test_all_tables_of_a_run_are_laid_out_records_first_then_equity(tmp_path):
    record = {"verdict": "defended", "items": [{"item": "sizing", "passed": True}]}
    run = a_run(tmp_path, {"checklist": record, "config": {"a": 1}}, zebra=PRICES, equity=PRICES, trades=PRICES)
    found = dict(exported_tables(run))
    assert list(found) == ["checklist", "checklist.items", "equity", "trades", "zebra"]
    assert found["equity"].columns.tolist() == ["session", "equity"]


def test_both_books_stand_side_by_side_with_the_reason_of_what_is_undefined():
    undefined = {"sharpe": "the book never varied"}
    found = {"strategy": {"total_return": 0.5, "sharpe": None, "undefined": undefined}, "baseline": {"sharpe": 0.25}}
    table = dict(record_tables("metrics", found))["figures"].set_index("figure")
    assert table.loc["sharpe"].tolist() == [None, 0.25, "the book never varied"]
    assert table.loc["total_return", "strategy"] == 0.5


def test_single_figures_are_rows_named_by_their_place():
    found = {"costs": {"total": 12.5, "undefined": {"impact": "no volume"}, "impact": None}, "stamps": ["a", "b"]}
    assert rows(found, "found") == [
        {"figure": "costs.total", "value": 12.5, "undefined": ""},
        {"figure": "costs.impact", "value": None, "undefined": "no volume"},
        {"figure": "stamps", "value": "a; b", "undefined": ""},
    ]


def test_a_list_inside_a_list_names_the_row_it_belongs_to():
    worst = [{"asset": "KO", "loss": 0.1}, {"asset": "PG", "loss": 0.2}]
    found = {"rows": [{"name": "crash", "worst": []}, {"name": "2022", "worst": worst, "law": {"n": 3}}]}
    assert rows(found, "found.rows") == [{"name": "crash", "law.n": None}, {"name": "2022", "law.n": 3}]
    assert rows(found, "found.rows.worst") == [{"row": 2, **one} for one in worst]


def test_a_day_in_a_record_is_a_day_and_a_number_keeps_its_type():
    (table,) = (table for _, table in record_tables("found", {"halted_on": "2020-03-16", "n": 3, "passed": True}))
    assert table["value"].tolist() == [date(2020, 3, 16), 3, True]
    assert [type(value) for value in table["value"]] == [date, int, bool]


def test_a_text_that_only_looks_like_a_day_stays_text():
    (table,) = (table for _, table in record_tables("found", {"a": "2020-13-45", "b": "2020-01-01x"}))
    assert table["value"].tolist() == ["2020-13-45", "2020-01-01x"]


def test_every_figure_of_a_recorded_run_is_in_the_tables(simulated, write):
    """Counted in the JSON, without knowing how it is laid out."""
    files = simulated()
    run = write(files)
    tables = dict(exported_tables(run))
    for name in ("checklist", "metrics", "selection"):
        numbers = sorted(_numbers(run.read_json(f"{name}.json")))
        own = [table for key, table in tables.items() if key.split(".")[0] == name]
        own += [tables["figures"]] if name == "metrics" else []
        cells = (cell for table in own for label in table if label != "row" for cell in table[label])
        assert sorted(float(cell) for cell in cells if _is_number(cell)) == numbers


def _is_number(value):
    return isinstance(value, int | float) and not isinstance(value, bool) and value == value


def _numbers(plain):
    if isinstance(plain, dict):
        return [number for key, value in plain.items() if key != "undefined" for number in _numbers(value)]
    if isinstance(plain, list):
        return [number for value in plain for number in _numbers(value)]
    return [float(plain)] if _is_number(plain) else []


def test_csv_files_hold_what_the_run_holds(tmp_path):
    run = a_run(tmp_path, equity=PRICES)
    folder = write_csv_folder(exported_tables(run), tmp_path / "csv")
    with (folder / "equity.csv").open(newline="") as stream:
        assert list(csv.reader(stream)) == [["session", "equity"], ["2024-01-02", "100.0"], ["2024-01-03", "99.5"]]


@pytest.mark.parametrize("name", ["../../evil", "a/b", "CON:", ".hidden", "", "x" * 300, "nul\0", "=1+1"])
def test_no_name_of_a_table_leaves_the_folder(tmp_path, name):
    folder = write_csv_folder([(name, PRICES)], tmp_path / "csv")
    (written,) = tmp_path.rglob("*.csv")
    assert written.parent == folder and len(written.name) <= 104 and not written.name.startswith(".")


def test_tables_whose_names_differ_in_case_alone_stay_apart(tmp_path):
    folder = write_csv_folder([("Risk", PRICES), ("risk", PRICES)], tmp_path / "csv")
    assert sorted(path.name.casefold() for path in folder.iterdir()) == ["risk (2).csv", "risk.csv"]


def test_a_folder_that_exists_is_left_as_it_is(tmp_path):
    with pytest.raises(AlreadyStoredError, match="give another folder"):
        write_csv_folder([("a", PRICES)], tmp_path)


def test_a_damaged_table_leaves_no_folder(tmp_path):
    run = a_run(tmp_path / "runs", equity=PRICES, trades=PRICES)
    write_parquet(PRICES * 2, run.path / "trades.parquet")
    with pytest.raises(IntegrityError, match="trades"):
        write_csv_folder(exported_tables(run), tmp_path / "csv")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["runs"]


def test_a_failed_run_says_that_it_has_no_tables(tmp_path):
    run = a_run(tmp_path, {"failure": {"message": "no"}})
    with pytest.raises(RunError, match="this run failed, so it has no tables"):
        list(exported_tables(run))


def test_names_are_told_apart_within_their_length():
    taken = set()
    assert [unused("equity", taken, 6) for _ in range(3)] == ["equity", "eq (2)", "eq (3)"]
