"""The parts of a report: columns, rows, figures or their reasons, and what was left out said in words."""

from typing import get_args

from quantdl.report.document import Cell, Chart, Part, Table, header, heading_row, notice, number, row, shortened
from quantdl.report.formatting import PERCENT, RATIO


def test_columns_of_figures_are_flush_right_from_the_one_stated():
    assert [cell.numeric for cell in header("Asset", "Weight", "Cap")] == [False, True, True]
    assert [cell.numeric for cell in header("Key", "One", "Other", numeric_from=9)] == [False, False, False]
    assert [cell.numeric for cell in header("Level", numeric_from=0)] == [True]


def test_a_row_begins_with_its_label():
    found = row("KO", Cell("1.00", numeric=True), under="Coca-Cola")
    assert [cell.text for cell in found.cells] == ["KO", "1.00"]
    assert (found.cells[0].under, found.heading) == ("Coca-Cola", False)


def test_a_heading_row_has_one_cell():
    found = heading_row("Growth")
    assert ([cell.text for cell in found.cells], found.heading) == (["Growth"], True)


def test_a_figure_or_the_reason_why_there_is_none():
    assert number(-0.015, PERCENT, tone="bad") == Cell("\u22121.50", numeric=True, tone="bad")
    assert number(None, RATIO, "no losing day", tone="bad") == Cell("no losing day", numeric=True, tone="muted")
    assert number(None, RATIO).text == "undefined"
    assert number(0.0, RATIO).text == "0.00"


def test_a_notice_is_set_off():
    assert (notice("Halted.").kind, notice("Halted.").text, notice("Halted.").style) == ("words", "Halted.", "notice")


def test_a_long_list_is_cut_and_says_so():
    rows = [row(str(place)) for place in range(1_500)]
    kept, note = shortened(rows, 1_200, "events", "events.parquet")
    assert [one.cells[0].text for one in (kept[0], kept[-1])] == ["0", "1199"]
    assert note == "The first 1,200 of 1,500 events; all of them are in events.parquet."


def test_a_list_that_fits_is_whole():
    rows = [row("a"), row("b")]
    assert shortened(rows, 2, "events", "events.parquet") == (tuple(rows), "")


def test_every_part_says_its_kind_and_no_two_the_same():
    kinds = [part.kind for part in get_args(Part)]
    assert len(kinds) == len(set(kinds)) == 8
    assert Chart.kind == "chart"


def test_a_long_table_is_never_cut_after_a_heading():
    """Twelve rows are shown at first: here the twelfth begins the second group."""
    lines = [row(str(place)) for place in range(10)]
    groups = (heading_row("1 bar"), *lines, heading_row("10 bars"), *lines)
    assert Table("Parts", header("Asset"), groups).shown_first == 11
    assert Table("Parts", header("Asset"), groups[1:]).shown_first == 12
    assert Table("Parts", header("Asset"), groups, whole=True).shown_first is None
    assert Table("Parts", header("Asset"), groups[:15]).shown_first is None
