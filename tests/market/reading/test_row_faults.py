from datetime import date

from quantdl.market.reading.row_faults import (
    FaultyDataError,
    Place,
    Proposal,
    RowFault,
    gathered,
    in_options,
    objection_of,
    unreadable,
)


def row_fault(**changes):
    about = dict(
        kind="zero_close",
        place=Place("prices/A.csv", "line", 2),
        rows=(0, 1, 2, 7),
        column="close",
        symbol="A",
        first=date(2024, 1, 2),
        last=date(2024, 1, 12),
        given="0.0",
        expected="a price above zero",
        fix="remove the bar",
    )
    return RowFault(**(about | changes))


def test_a_finding_says_where_what_expected_and_the_fix():
    assert str(row_fault()) == (
        "prices/A.csv: lines 2-4, 9: column 'close' of A from 2024-01-02 to 2024-01-12: got 0.0; "
        "expected a price above zero. Fix: remove the bar."
    )


def test_one_row_is_one_line():
    one = row_fault(rows=(5,), last=date(2024, 1, 2))
    assert str(one).startswith("prices/A.csv: line 7: column 'close' of A on 2024-01-02: got")


def test_rows_of_a_frame_count_from_zero():
    assert "frame: row 0: " in str(row_fault(place=Place("frame"), rows=(0,)))


def test_scattered_rows_are_cut_short_but_counted():
    assert str(row_fault(rows=tuple(range(0, 200, 2)))).count(",") == 19
    assert "and 80 more" in str(row_fault(rows=tuple(range(0, 200, 2))))


def test_a_whole_file_has_no_line():
    words = str(unreadable(Place("A.csv"), "nothing", "a header", "repair it"))
    assert words == "A.csv: file: got nothing; expected a header. Fix: repair it."


def test_the_error_counts_faults_and_files_and_keeps_them():
    faults = row_fault(), row_fault(place=Place("B.csv"))
    error = FaultyDataError(faults)
    assert str(error).splitlines()[0] == "2 faults in 2 files, nothing was loaded:"
    assert len(str(error).splitlines()) == 3
    assert error.row_faults == faults


def test_a_recorded_finding_enters_the_census():
    span = date(2020, 1, 2), date(2024, 12, 31)
    fault = row_fault().as_data_fault(*span)
    assert (fault.kind, fault.symbol, fault.count) == ("zero_close", "A", 4)
    assert (fault.first, fault.last) == (date(2024, 1, 2), date(2024, 1, 12))


def test_a_row_that_does_not_say_when_it_was_is_recorded_over_its_file():
    span = date(2020, 1, 2), date(2024, 12, 31)
    fault = row_fault(first=None, last=None).as_data_fault(*span)
    assert (fault.first, fault.last) == span


def test_of_very_many_faults_the_first_are_shown_and_the_rest_counted():
    row_faults = [unreadable(Place(f"{number}.csv"), f"{number} marks", "text", "fill it") for number in range(450)]
    error = FaultyDataError(row_faults)
    lines = str(error).splitlines()
    assert lines[0].startswith("450 faults in 450 files")
    assert len(lines) == 202 and lines[-1].strip() == "and 250 faults more"
    assert len(error.row_faults) == 450


SEMICOLONS = Proposal((("separator", ";"), ("decimal", ","), ("skip_rows", 1)), "which reads it")


def test_what_to_state_comes_first_as_a_config_or_as_a_command_writes_it():
    one = row_fault(proposed=SEMICOLONS, fix="sort the rows; or remove the bar")
    assert one.ways_out() == (
        "state separator: ';', decimal: ',', skip_rows: 1, which reads it",
        "sort the rows",
        "remove the bar",
    )
    assert in_options(one).ways_out()[0] == "give --separator ';' --decimal ',' --skip-rows 1, which reads it"
    assert str(one).endswith("Fix: " + "; or ".join(one.ways_out()) + ".")
    assert in_options(row_fault()) == row_fault()


def test_a_flag_has_no_value_and_a_mark_that_is_a_quotation_mark_is_quoted_by_the_other():
    flag = Proposal((("newest_first", True), ("thousands", "'")), "which reads it")
    assert str(flag) == 'state newest_first: true, thousands: "\'", which reads it'
    (worded,) = in_options(row_fault(proposed=flag, fix="sort")).ways_out()[:1]
    assert worded == 'give --newest-first --thousands "\'", which reads it'


def test_one_objection_to_several_columns_of_a_row_is_said_once():
    columns = [row_fault(kind=f"non_finite_{name}", column=name, given="'null'") for name in ("open", "high", "low")]
    other = row_fault(kind="non_finite_close", column="close", given="'null'", rows=(9,))
    groups = gathered([*columns, other])
    assert groups == [tuple(columns), (other,)]
    assert "column 'open' of A" in objection_of(groups[0])
    assert objection_of(groups[0]).endswith("expected a price above zero; the same in columns 'high', 'low'")
    assert str(FaultyDataError([*columns, other])).splitlines()[0].startswith("4 faults in 1 file")
    assert len(str(FaultyDataError([*columns, other])).splitlines()) == 3


def test_one_objection_to_many_whole_files_is_said_once():
    files = [unreadable(Place(f"{number}.csv"), "semicolons", "commas", "save it so") for number in range(1000)]
    lines = str(FaultyDataError(files)).splitlines()
    assert lines[0] == "1,000 faults in 1,000 files, nothing was loaded:"
    assert lines[1:] == [
        "  0.csv: file: got semicolons; expected commas; the same in 999 more files: 1.csv, 2.csv, 3.csv, .... "
        "Fix: save it so."
    ]
