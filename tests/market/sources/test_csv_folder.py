from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from quantdl.errors import DataError
from quantdl.market.sources.csv_folder import load_csv_folder

GOOD = "date,open,high,low,close,volume\n2024-01-02,1,2,1,1.5,10\n2024-01-03,1,2,1,1.6,10\n"
TRICKY = ["NA", "ON", "007", "1E5", "NAN", "TRUE", "NULL", "nan", "None", "-", "BRK.B", "MAR 1", "é"]


@pytest.fixture
def folder(tmp_path):
    def write(**files):
        for name, text in files.items():
            (tmp_path / f"{name}.csv").write_text(text, encoding="utf-8")
        return tmp_path

    return write


def test_a_folder_holds_one_file_for_each_asset(folder, declaration):
    panel = load_csv_folder(folder(A=GOOD, B="Date,Close\n2024-01-03,7\n"), declaration)
    assert panel.assets == ("A", "B")
    np.testing.assert_array_equal(panel.closes, [[1.5, np.nan], [1.6, 7]])
    np.testing.assert_array_equal(panel.fields["volume"], [[10, np.nan], [10, np.nan]])
    assert panel.card.fields == ("open", "high", "low", "close", "volume")


def test_the_order_of_columns_and_the_case_of_names_do_not_matter(folder, declaration):
    panel = load_csv_folder(folder(A="CLOSE, Volume ,date\n1,5,2024-01-02\n"), declaration)
    assert panel.fields["volume"].tolist() == [[5.0]]


def test_an_index_without_a_name_and_instants_with_offsets_are_read(folder, declaration):
    text = ",Open,Close\n2017-12-08 16:00:00-05:00,1,2\n2017-12-11 16:00:00-05:00,1,3\n"
    panel = load_csv_folder(folder(NASDAQ_AAPL_30Y=text), declaration, symbol_pattern=r"[A-Z]+_(.+)_30Y")
    assert panel.assets == ("AAPL",)
    assert panel.sessions.strftime("%Y-%m-%d").tolist() == ["2017-12-08", "2017-12-11"]


def test_one_file_may_hold_several_assets(tmp_path, declaration):
    file = tmp_path / "all.csv"
    file.write_text("ticker,date,close\nNA,2024-01-02,1\n007,2024-01-02,2\n")
    assert load_csv_folder(file, declaration).assets == ("007", "NA")


def test_row_numbers_that_pandas_wrote_are_no_dates(folder, declaration):
    panel = load_csv_folder(folder(A=pd.DataFrame({"date": ["2024-01-02"], "close": [1.0]}).to_csv()), declaration)
    assert panel.closes.tolist() == [[1.0]]


def test_other_files_in_the_folder_are_left_alone(folder, declaration):
    path = folder(A=GOOD)
    (path / "README.txt").write_text("not prices")
    (path / "B.CSV").write_text(GOOD)
    assert load_csv_folder(path, declaration).assets == ("A", "B")


@pytest.mark.parametrize(
    "decorate", [lambda text: "\ufeff" + text, lambda text: text + "\n\n", lambda text: text.replace("\n", "\r\n")]
)
def test_marks_of_other_programs_do_no_harm(folder, declaration, decorate):
    plain = load_csv_folder(folder(A=GOOD), declaration)
    assert load_csv_folder(folder(A=decorate(GOOD)), declaration).card.fingerprint == plain.card.fingerprint


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    names=st.lists(st.sampled_from(TRICKY), min_size=1, max_size=4, unique=True),
    closes=st.lists(st.floats(1e-6, 1e9), min_size=3, max_size=3),
)
def test_symbols_and_prices_come_back_as_they_were(tmp_path_factory, declaration, names, closes):
    path = tmp_path_factory.mktemp("prices")
    days = ["2024-01-02", "2024-01-03", "2024-01-04"]
    for name in names:
        pd.DataFrame({"close": closes}, index=days).to_csv(path / f"{name}.csv")
    panel = load_csv_folder(path, declaration)
    assert panel.assets == tuple(sorted(names))
    assert panel.closes[:, 0].tolist() == closes


BROKEN = {
    "": "got no header line",
    "\n\n": "got no header line",
    "date,close\n": "got no bars; expected at least one bar",
    "date;close\n2024-01-02;1\n": "got semicolons that separate the cells; expected cells separated by commas",
    "day,close\n2024-01-02,1\n": "expected a column 'date'. Fix: rename",
    "date,open\n2024-01-02,1\n": "expected a column 'close'",
    "date,close,Close\n2024-01-02,1,1\n": r"got the columns \['close'\] twice",
    "date,close\n2024-01-02,1,1\n2024-01-03,1,1\n": r"got 3 cells \(line 2\), 3 cells \(line 3\); expected the 2 cells",
    'date,close\n"2024-01-02,1\n': "got a quotation mark without its partner; expected the 2 cells of the header",
    "date,close\n2024-01-02,1\x00\n": "line 2: column 'close' of A on 2024-01-02: got '1.x00'",
    "date,close,timestamp\n2024-01-02,1,2024-01-02\n": "expected one column for the date",
}


@pytest.mark.parametrize("text", BROKEN)
@pytest.mark.parametrize("on_fault", ["refuse", "record"])
def test_a_broken_file_is_named_with_the_fix(folder, declaration, text, on_fault):
    path = folder(A=text)
    with pytest.raises(DataError, match=BROKEN[text]) as caught:
        load_csv_folder(path, replace(declaration, on_fault=on_fault))
    assert str(path / "A.csv") in str(caught.value)
    assert "Fix: " in str(caught.value)


def test_faults_of_all_files_are_named_at_once(folder, declaration):
    path = folder(A=GOOD.replace("1.6", "0"), B=GOOD.replace("1.5", "-3"), C="x\n", D=GOOD)
    with pytest.raises(DataError) as caught:
        load_csv_folder(path, declaration)
    message = str(caught.value)
    assert message.startswith("4 faults in 3 files")
    assert (
        f"{path / 'A.csv'}: line 3: column 'close' of A on 2024-01-03: got 0.0; expected a price above zero" in message
    )
    assert f"{path / 'B.csv'}: line 2: column 'close' of B on 2024-01-02: got -3.0" in message
    assert f"{path / 'C.csv'}: column 'date'" in message


def test_a_line_number_counts_blank_lines(folder, declaration):
    with pytest.raises(DataError, match=r"A\.csv: line 5: column 'close' of A on 2024-01-04: got 0"):
        load_csv_folder(folder(A="date,close\n2024-01-02,1\n\n2024-01-03,1\n2024-01-04,0\n"), declaration)


def test_text_that_is_not_utf8_is_named(tmp_path, declaration):
    (tmp_path / "A.csv").write_bytes("date,close,né\n2024-01-02,1,x\n".encode("latin1"))
    with pytest.raises(DataError, match=r"A\.csv: file: got byte 12 that is not UTF-8"):
        load_csv_folder(tmp_path, declaration)


def test_one_asset_in_two_files_has_two_bars_for_a_session(folder, declaration):
    path = folder(NYSE_A=GOOD, NASDAQ_A=GOOD)
    with pytest.raises(DataError, match=r"NYSE_A\.csv: lines 2-3: bar of A .*expected one bar for a session"):
        load_csv_folder(path, declaration, symbol_pattern="[A-Z]+_(.+)")
    with pytest.raises(DataError, match=r"finds A in NASDAQ_A.csv and NYSE_A.csv: put all that tells the files apart"):
        load_csv_folder(path, declaration, symbol_pattern="[A-Z]+_(.+)")


def test_one_asset_may_go_on_in_a_second_file(folder, declaration):
    path = folder(A_2023="date,close\n2023-12-29,1\n", A_2024="date,close\n2024-01-02,2\n")
    panel = load_csv_folder(path, declaration, symbol_pattern=r"(.+)_\d+")
    assert panel.assets == ("A",) and panel.closes.ravel().tolist() == [1.0, 2.0]


@pytest.mark.parametrize(
    ("pattern", "words"),
    [
        ("(", "is no regular expression"),
        ("NASDAQ_.+", "expected a group around the symbol"),
        ("NASDAQ_(.+)", r"finds no symbol in any file name: A\.csv; expected one that fits the whole name"),
    ],
)
def test_a_symbol_pattern_that_does_not_fit_is_refused(folder, declaration, pattern, words):
    with pytest.raises(DataError, match=words):
        load_csv_folder(folder(A=GOOD), declaration, symbol_pattern=pattern)


def test_a_missing_folder_is_named(tmp_path, declaration):
    with pytest.raises(DataError, match=r"nowhere: file: got no such file; expected a CSV file or a folder of them"):
        load_csv_folder(tmp_path / "nowhere", declaration)
    with pytest.raises(DataError, match=r"no \*\.csv file in this folder"):
        load_csv_folder(tmp_path, declaration)


@pytest.mark.parametrize("pattern", ["(x)?.+", ".*()"])
def test_a_pattern_that_finds_no_symbol_in_a_name_is_refused(folder, declaration, pattern):
    with pytest.raises(DataError, match=r"finds no symbol in any file name: A\.csv"):
        load_csv_folder(folder(A=GOOD), declaration, symbol_pattern=pattern)


def test_a_file_that_a_pattern_does_not_fit_is_named_beside_those_that_it_fits(folder, declaration):
    with pytest.raises(
        DataError, match=r"got 'notes\.csv'; expected a file name that fits symbol_pattern 'N_\(\.\+\)'"
    ):
        load_csv_folder(folder(N_A=GOOD, notes="a,b\n"), declaration, symbol_pattern="N_(.+)")
