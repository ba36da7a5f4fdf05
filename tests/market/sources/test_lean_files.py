"""Lean's map and factor files, in both forms in which they come."""

from datetime import date

import pytest

from quantdl.errors import DataError
from quantdl.market.sources.lean_files import TickerPeriod, read_factor_files, read_map_files

MAPS = "file,date,ticker,exchange\ntwx,19980102,aol,N\ntwx,20031015,aol,N\ntwx,20180615,twx,N\n"
FACTORS = (
    "file,date,price_factor,split_factor,ref_price\n"
    "aapl,19980102,0.9,0.0357143,1.0\naapl,20140606,0.9,0.0357143,645.57\naapl,20501231,1.0,0.25,0.0\n"
)


@pytest.fixture
def written(tmp_path):
    def write(text: str):
        path = tmp_path / "table.csv"
        path.write_text(text, encoding="utf-8")
        return path

    return write


def test_a_ticker_lasts_from_the_day_after_the_row_before_to_its_own(written):
    assert read_map_files(written(MAPS)) == {
        "twx": (
            TickerPeriod("twx", "aol", date(1998, 1, 2), date(2003, 10, 15)),
            TickerPeriod("twx", "twx", date(2003, 10, 16), date(2018, 6, 15)),
        )
    }


def test_the_folder_that_lean_ships_reads_like_the_table(tmp_path, written):
    for name, table in (("maps", MAPS), ("factors", FACTORS)):
        (tmp_path / name).mkdir()
        lines = [line.partition(",") for line in table.splitlines()[1:]]
        (tmp_path / name / f"{lines[0][0]}.csv").write_text("\n".join(rest for _, _, rest in lines), encoding="utf-8")
    assert read_map_files(tmp_path / "maps") == read_map_files(written(MAPS))
    assert read_factor_files(tmp_path / "factors") == read_factor_files(written(FACTORS))


def test_factors_keep_what_rounding_may_hide(written):
    row = read_factor_files(written(FACTORS))["aapl"][1]
    assert (row.day, row.price_factor, row.split_factor) == (date(2014, 6, 6), 0.9, 0.0357143)
    assert row.half_units == pytest.approx((5e-8, 5e-8))  # 0.9 stands for 0.9000000


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        (
            "aapl,2014-06-06,0.9,0.25,645.57",
            "line 2: column 'date' of aapl: got '2014-06-06'; expected a day as 20140606",
        ),
        ("aapl,20140606,x,0.25,645.57", "column 'price_factor' of aapl: got 'x'; expected a number"),
        ("aapl,20140606,0.9,nan,645.57", "column 'split_factor' of aapl: got 'nan'; expected a finite number"),
        ("aapl,20140606,0,0.25,645.57", "column 'price_factor' of aapl: got '0'; expected a factor above zero"),
        ("aapl,20140606,0.9,-1,645.57", "column 'split_factor' of aapl: got '-1'; expected a factor above zero"),
        ("aapl,20140606,0.9", "got 20140606,0.9; expected"),
        ("aapl,20140606,0.9,0.25,1\naapl,20140101,0.9,0.25,1", "line 3: column 'date' of aapl: got 2014-01-01"),
    ],
)
def test_a_damaged_factor_row_is_named(written, row, expected):
    with pytest.raises(DataError) as error:
        read_factor_files(written(FACTORS.splitlines()[0] + "\n" + row + "\n"))
    assert expected in str(error.value)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "the columns \\[\\]"),
        ("date,ticker\n20200101,a\n", "expected \\['file', 'date', 'ticker'\\]"),
        ("file,date,ticker\n", "no rows"),
        ("file,date,ticker\na,20200101,\n", "column 'ticker' of a: got ''"),
    ],
)
def test_a_damaged_map_file_is_named(written, text, expected):
    with pytest.raises(DataError, match=expected):
        read_map_files(written(text))


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(DataError, match="No such file"):
        read_map_files(tmp_path / "none.csv")
