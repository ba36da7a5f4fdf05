"""The report of a book says every figure of the record, and a name in it is never more than text."""

from dataclasses import replace
from datetime import date

from quantdl.report.book_risk import book_risk_sections, tiles, write_book_risk_report
from quantdl.risk.stress.record import StressReport, StressRow
from tests.book_risk_record import HOSTILE, NO_COMPONENTS, by_hand, without_components
from tests.report.sections import by_label, table, words


def section(name, record=None):
    return next(one for one in book_risk_sections(record or by_hand()) if one.name == name)


def test_figures_of_levels_are_in_percent_and_what_is_undefined_says_why():
    found = by_label(table(section("risk"), "Value at risk and expected"))
    assert found["1 bar, 97.5%"] == ["2.00", "0.01", "3.00", "0.02"]
    assert found["1 bar, 99%"][0].startswith("undefined: level 0.99 needs at least 100 observations")


def test_the_share_that_is_not_known_stands_beside_the_members():
    found = by_label(table(section("risk"), "Under the members"))
    assert found["1 bar, 97.5%, value at risk"] == ["1.80", "2.20", "0.20", "10.00"]


def test_notes_are_set_off():
    assert "The law leaves out what is held." in words(section("risk"))


def test_contributions_stand_by_position_and_group():
    found = by_label(table(section("contributions"), "What positions add"))
    assert found[HOSTILE][:3] == ["80.00", "2.34", "0.01"]
    assert found["007"][3] == "many positions"
    assert by_label(table(section("contributions"), "What groups add"))["Tech"][3] == "3.45"


def test_components_that_so_few_scenarios_do_not_tell_are_undefined_with_the_reason():
    record = without_components(by_hand())
    said = f"What adds to value at risk over 1 bar at 97.5% is undefined: {NO_COMPONENTS}."
    for name, caption, label in (
        ("contributions", "What positions add", HOSTILE),
        ("contributions", "What groups add", "Tech"),
        ("factors", "What factors add", "own moves"),
    ):
        shown = section(name, record)
        assert said in words(shown) and said not in words(section(name))
        assert by_label(table(shown, caption))[label][1:3] == ["undefined", "undefined"]
    assert by_label(table(section("contributions", record), "What positions add"))[HOSTILE][3] == "2.23"


def test_the_hedge_and_the_trade_are_told_before_and_after():
    trades = section("trades")
    found = by_label(table(trades, "Best hedge"))
    assert found["Sell KO, 50.00% of equity"] == ["3.00", "2.00", "\u22121.00", "0.02"]
    assert by_label(table(trades, "The trade"))["Value at risk, 97.5%"][1] == "2.00"
    without = section("trades", replace(by_hand(), hedge=None, trade=None))
    assert words(without) == ["No single instrument of the prices lowers the expected shortfall at 99%."]


def test_days_are_undefined_where_a_volume_is_not_known_and_stand_for_the_others():
    leaving = section("leaving")
    assert words(leaving)[0].startswith("Days to liquidate are undefined: no volume is known of 007")
    assert by_label(table(leaving, "Days to liquidate"))[HOSTILE] == ["100", "80.00", "160.00"]


def test_stress_has_a_section_where_it_was_asked_for():
    rows = (StressRow(HOSTILE, "shock", "stated", 0.12),)
    stressed = replace(by_hand(), stress=StressReport(date(2020, 1, 2), 1.0, 1.0, 2, rows=rows))
    assert by_label(table(section("stress", stressed), "Losses by scenario"))[HOSTILE][0] == "12.00"
    assert "stress" not in [one.name for one in book_risk_sections(by_hand())]


def test_headlines_are_those_of_the_highest_level_that_is_told():
    assert [tile.value for tile in tiles(by_hand())] == ["2.00%", "3.00%"]
    assert {tile.beside for tile in tiles(by_hand())} == {"97.5% over 1 bar"}


def test_a_book_of_which_nothing_is_told_has_a_report_too(tmp_path):
    record = by_hand()
    bare = replace(record.figures, levels=record.figures.levels[1:], positions=(), groups=(), factors=())
    sections = book_risk_sections(replace(record, figures=bare))
    assert [one.name for one in sections] == ["risk", "trades", "leaving", "basis"]
    assert tiles(replace(record, figures=bare)) == ()
    write_book_risk_report(replace(record, figures=bare), tmp_path / "report.html")


def test_the_page_escapes_names_and_writes_the_same_bytes_twice(tmp_path):
    first, second = (write_book_risk_report(by_hand(), tmp_path / name).read_bytes() for name in ("a.html", "b.html"))
    assert first == second
    assert b"<b>1E5" not in first and b"&lt;b&gt;1E5" in first


def test_there_are_as_many_columns_of_tiles_as_tiles(tmp_path):
    assert len(tiles(by_hand())) == 2
    page = write_book_risk_report(by_hand(), tmp_path / "report.html").read_text()
    assert '<div class="tiles" style="--tiles: 2">' in page
    assert "repeat(5, 1fr)" not in page


def test_columns_have_their_units():
    for name, caption in (("contributions", "What positions add"), ("contributions", "What groups add")):
        columns = [cell.text for cell in table(section(name), caption).columns[1:]]
        assert all(column[0].isupper() and column.endswith(" [%]") for column in columns)
