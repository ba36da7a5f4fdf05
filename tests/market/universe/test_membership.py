from datetime import date

import numpy as np
import pandas as pd
import pytest

from quantdl.errors import DataError
from quantdl.market.universe.membership import MembershipInterval, load_membership, member_cells, members_between

SYMBOLS = ("NA", "NAN", "NULL", "TRUE", "ON", "NO", "Y", "INF", "1E5", "007", "MAR 1")


def written(tmp_path, text, encoding="utf-8"):
    path = tmp_path / "members.csv"
    path.write_bytes(text.encode(encoding))
    return path


def test_intervals_come_back_sorted_and_open_ends_stay_open(tmp_path):
    path = written(
        tmp_path, "symbol,from,to,why\nB,2020-03-01,,added\nA,2020-02-01,2020-02-29,\nA,2019-01-01,2019-06-30,\n"
    )
    assert load_membership(path) == {
        "A": (
            MembershipInterval(date(2019, 1, 1), date(2019, 6, 30)),
            MembershipInterval(date(2020, 2, 1), date(2020, 2, 29)),
        ),
        "B": (MembershipInterval(date(2020, 3, 1)),),
    }


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_symbols_stay_text(tmp_path, encoding):
    text = "symbol,from,to\r\n" + "".join(f"{symbol},2020-01-01,\r\n" for symbol in SYMBOLS)
    assert set(load_membership(written(tmp_path, text, encoding))) == set(SYMBOLS)


def test_both_ends_of_an_interval_belong_to_it():
    sessions = pd.bdate_range("2020-01-01", "2020-01-10")
    membership = {"A": (MembershipInterval(date(2020, 1, 2), date(2020, 1, 6)),), "B": ()}
    cells = member_cells(membership, sessions, ["B", "A", "C"])
    assert sessions[cells[:, 1]].strftime("%d").tolist() == ["02", "03", "06"]
    assert not cells[:, [0, 2]].any()


@pytest.mark.parametrize("last", [None, date(9999, 12, 31)])
def test_an_open_end_reaches_past_every_session(last):
    sessions = pd.bdate_range("2020-01-01", "2020-01-10")
    assert member_cells({"A": (MembershipInterval(date(1, 1, 1), last),)}, sessions, ["A"]).all()


def test_two_intervals_leave_a_gap():
    sessions = pd.bdate_range("2020-01-01", "2020-01-10")
    days = (date(2020, 1, 1), date(2020, 1, 2)), (date(2020, 1, 9), None)
    cells = member_cells({"A": tuple(MembershipInterval(*pair) for pair in days)}, sessions, ["A"])
    np.testing.assert_array_equal(cells[:, 0], [1, 1, 0, 0, 0, 0, 1, 1])


def test_members_of_a_time_are_those_whose_interval_touches_it():
    intervals = {
        "A": (date(2019, 1, 1), date(2019, 12, 31)),
        "B": (date(2019, 12, 31), None),
        "C": (date(2021, 1, 1), None),
    }
    membership = {symbol: (MembershipInterval(*pair),) for symbol, pair in intervals.items()}
    assert members_between(membership, date(2020, 1, 1), date(2020, 12, 31)) == ("B",)
    assert members_between(membership, date(2019, 12, 31), date(2021, 1, 1)) == ("A", "B", "C")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "expected each of the columns symbol, from, to once"),
        ("symbol,from\nA,2020-01-01\n", "expected each of the columns"),
        ("symbol,from,to,to\nA,2020-01-01,,\n", "expected each of the columns"),
        ("symbol,from,to\nA,2020-01-01,\nB,01/02/2020,\n", "line 3: column 'from' of B: got '01/02/2020'"),
        ("symbol,from,to\nA,,\n", "line 2: column 'from' of A: got ''"),
        ("symbol,from,to\nA,2020-13-01,\n", "line 2: column 'from' of A: got '2020-13-01'"),
        ("symbol,from,to\nA,2020-01-01,later\n", "line 2: column 'to' of A: got 'later'"),
        ("symbol,from,to\n,2020-01-01,\n", "line 2: column 'symbol': got an empty cell"),
        (
            "symbol,from,to\nA,2020-02-01,2020-01-01\n",
            "line 2: column 'to' of A: got 2020-01-01; expected a day not before",
        ),
        ("symbol,from,to\nA,2020-02-01,\nA,2020-03-01,\n", "line 3: column 'from' of A: got 2020-03-01, while"),
        ("symbol,from,to\nA,2020-02-01,2020-03-01\nA,2020-03-01,\n", "intervals that do not overlap"),
        ("symbol,from,to\nA,2020-02-01\n", "line 2: bar: got 2 cells; expected the 3 cells"),
        ('symbol,from,to\n"A,2020-02-01,\n', "members.csv"),
        ("symbol,from,to\nA\0B,2020-02-30,\n", "line 2"),
    ],
)
def test_what_cannot_be_read_is_told_with_its_place_and_a_fix(tmp_path, text, told):
    path = written(tmp_path, text)
    with pytest.raises(DataError) as raised:
        load_membership(path)
    assert told in str(raised.value)
    assert str(path) in str(raised.value)
    assert "Fix: " in str(raised.value)


def test_all_faults_are_told_at_once(tmp_path):
    path = written(tmp_path, "symbol,from,to\nA,x,\nB,y,\nC,2020-01-01,z\n")
    with pytest.raises(DataError, match="3 faults in 1 file"):
        load_membership(path)


def test_a_missing_file_and_one_that_is_no_text_are_told(tmp_path):
    with pytest.raises(DataError, match="No such file"):
        load_membership(tmp_path / "missing.csv")
    with pytest.raises(DataError, match="Is a directory"):
        load_membership(tmp_path)
    with pytest.raises(DataError, match="not UTF-8"):
        load_membership(written(tmp_path, "symbol,from,to\nÄ,2020-01-01,\n", "latin-1"))


def test_an_interval_that_ends_before_it_begins_is_refused():
    with pytest.raises(DataError, match="ends before it begins"):
        MembershipInterval(date(2020, 2, 1), date(2020, 1, 1))


def test_both_parts_of_a_cut_history_belong_while_their_symbol_did():
    sessions = pd.DatetimeIndex(["2020-01-02", "2020-01-03"])
    membership = {"A": (MembershipInterval(date(2020, 1, 3)),)}
    cells = member_cells(membership, sessions, ["A", "A~2020-01-02", "A~B", "B~A"])
    assert cells.tolist() == [[False] * 4, [True, True, False, False]]
