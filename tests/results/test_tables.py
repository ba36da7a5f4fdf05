"""Tables of a run: equal tables are equal bytes, and what cannot be read is named."""

import hashlib
from io import StringIO

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from hypothesis import given, strategies as st

from quantdl.errors import IntegrityError, RunError
from quantdl.results.tables import csv_text, read_by_session, read_parquet, write_parquet
from quantdl.runs.store import RunWriter, open_run

SESSIONS = pd.DatetimeIndex(["2020-01-02", "2020-01-03"], name="session")
EQUITY = pd.DataFrame({"equity": [100.0, 101.5], "halted": [False, True]}, SESSIONS)


def digest(table, path):
    write_parquet(table, path)
    return hashlib.sha256(path.read_bytes()).hexdigest()


def run_with(root, **tables):
    with RunWriter(root, "small") as writer:
        for name, table in tables.items():
            write_parquet(table, writer.path(f"{name}.parquet"))
    return open_run(writer.target)


# ---- writing


def test_equal_tables_give_equal_bytes(tmp_path):
    again = pd.DataFrame({"equity": [100.0], "halted": [False]}, SESSIONS[:1])
    again = pd.concat([again, pd.DataFrame({"equity": [101.5], "halted": [True]}, SESSIONS[1:])])
    assert digest(EQUITY, tmp_path / "one.parquet") == digest(again, tmp_path / "two.parquet")


def test_what_pandas_notes_beside_a_table_leaves_no_trace(tmp_path):
    noted = EQUITY.copy()
    noted.attrs["made"] = "today"
    noted.columns.name = "column"
    assert digest(noted, tmp_path / "one.parquet") == digest(EQUITY, tmp_path / "two.parquet")
    assert pq.read_schema(tmp_path / "one.parquet").metadata is None


def test_another_table_gives_other_bytes(tmp_path):
    other = EQUITY.assign(equity=[100.0, 101.5000001])
    assert digest(EQUITY, tmp_path / "one.parquet") != digest(other, tmp_path / "two.parquet")


def test_the_time_of_a_bar_within_a_session_stands_in_a_csv():
    ends = pd.DatetimeIndex(["2023-07-03 10:30", None, "2023-07-05 00:00"]).astype("datetime64[us]")
    lines = csv_text(pd.DataFrame({"asset": ["KO"] * 3, "decided": ends})).splitlines()
    assert lines == ["asset,decided", "KO,2023-07-03 10:30", "KO,", "KO,2023-07-05"]


def test_sessions_in_the_index_become_the_first_column(tmp_path):
    path = tmp_path / "equity.parquet"
    write_parquet(EQUITY.rename_axis(None), path)
    assert pq.read_table(path).to_pydict() == {
        "session": [pd.Timestamp("2020-01-02"), pd.Timestamp("2020-01-03")],
        "equity": [100.0, 101.5],
        "halted": [False, True],
    }


def test_a_plain_index_is_not_written(tmp_path):
    write_parquet(pd.DataFrame({"asset": ["KO"]}, index=[17]), tmp_path / "orders.parquet")
    assert pq.read_table(tmp_path / "orders.parquet").to_pydict() == {"asset": ["KO"]}


# ---- reading


def test_a_table_is_read_as_it_was_written(tmp_path):
    run = run_with(tmp_path, equity=EQUITY)
    assert read_by_session(run, "equity", "equity").to_dict("list") == {
        "equity": [100.0, 101.5],
        "halted": [False, True],
    }
    assert list(read_by_session(run, "equity").index) == list(SESSIONS)
    assert list(read_parquet(run, "equity")) == ["session", "equity", "halted"]


def test_a_table_that_the_run_does_not_have_is_named(tmp_path):
    with pytest.raises(RunError, match=r"trades\.parquet: every run has this file, and it is missing\. Write the run"):
        read_parquet(run_with(tmp_path, equity=EQUITY), "trades")


def test_lacking_columns_are_named_with_those_there_are(tmp_path):
    with pytest.raises(
        RunError, match=r"equity\.parquet: lacks the columns gross, net; it has session, equity, halted"
    ):
        read_parquet(run_with(tmp_path, equity=EQUITY), "equity", "gross", "equity", "net")


def test_a_table_without_sessions_is_not_read_by_session(tmp_path):
    with pytest.raises(RunError, match=r"orders\.parquet: lacks the columns session; it has asset"):
        read_by_session(run_with(tmp_path, orders=pd.DataFrame({"asset": ["KO"]})), "orders")


def test_an_empty_table_may_be_read_but_not_by_session(tmp_path):
    run = run_with(tmp_path, equity=EQUITY.iloc[:0])
    assert read_parquet(run, "equity", "equity").empty
    with pytest.raises(RunError, match=r"equity\.parquet: a run has at least one session, and it is empty"):
        read_by_session(run, "equity")


def test_a_file_of_the_run_that_is_no_parquet_is_named(tmp_path):
    with RunWriter(tmp_path, "small") as writer:
        writer.write_text("equity.parquet", "PAR1 but not really")
    with pytest.raises(RunError, match=r"equity\.parquet: not readable as Parquet"):
        read_parquet(open_run(writer.target), "equity")


def test_a_table_that_was_changed_since_is_an_integrity_error_that_names_it(tmp_path):
    run = run_with(tmp_path, equity=EQUITY)
    write_parquet(EQUITY.assign(equity=[100.0, 200.0]), run.path / "equity.parquet")
    with pytest.raises(IntegrityError, match=r"equity\.parquet"):
        read_parquet(run, "equity")


FORMULAS = ("=1+1", "+1", "-1+cmd|' /C calc'!A0", "@SUM(A1)", "\tx", "\rx")


@pytest.mark.parametrize("text", FORMULAS)
def test_text_that_a_spreadsheet_would_run_is_written_as_text(text):
    written = csv_text(pd.DataFrame({text: [text, "KO"]}))
    read = pd.read_csv(StringIO(written), dtype=str, keep_default_na=False)
    assert read.columns.tolist() == [f"'{text}"]
    assert read.iloc[:, 0].tolist() == [f"'{text}", "KO"]


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1))
def test_numbers_are_read_back_bit_for_bit(numbers):
    written = csv_text(pd.DataFrame({"x": np.array(numbers, dtype=np.float64)}))
    assert [float(line) for line in written.split()[1:]] == numbers


def test_whole_numbers_beside_an_empty_cell_keep_their_digits():
    table = pd.DataFrame({"seed": pd.Series([12345678901234567, None, 2], dtype=object)})
    assert csv_text(table).split() == ["seed", "12345678901234567", '""', "2"]
