"""The census and the card of the data: every fault named, where it lies, and what was looked for and not found."""

import dataclasses

import pytest

from quantdl.market.series.declaration import ReleaseRule
from quantdl.report import census
from quantdl.report.document import Table
from quantdl.results.run_record import read_run
from tests.report.drawings import traces, values
from tests.report.sections import by_label, chart, column, table, words


def listed(section):
    return next(part for part in section.parts if isinstance(part, Table) and part.caption == "Faults")


def test_every_fault_of_the_census_is_listed(run):
    section = census.section(run)
    assert len(listed(section).rows) == 4
    assert column(table(section, "Faults by kind"), 0) == [
        "Return above 50pct",
        "Session missing for all",
        "Stale year",
    ]


def test_kinds_count_faults_assets_and_cells(run):
    assert by_label(table(census.section(run), "Faults by kind")) == {
        "Return above 50pct": ["2", "2", "2"],
        "Session missing for all": ["1", "whole data set", "2"],
        "Stale year": ["1", "1", "775"],
    }


def test_a_fault_is_shown_with_its_asset_dates_and_words(run):
    rows = [[cell.text for cell in row.cells] for row in listed(census.section(run)).rows]
    assert ["AMD", "Return above 50pct", "2016-04-22", "2016-04-22", "1", "+52.3 % in a day"] in rows
    storm = ["all", "Session missing for all", "2012-10-29", "2012-10-30", "2", "exchange closed, storm"]
    assert storm in rows


def test_few_faults_of_a_kind_are_all_listed_beside_many_of_another(files, write):
    fault = {"first": "2019-01-02", "last": "2019-01-02", "detail": "seen"}
    many = [{**fault, "kind": "missing_session", "symbol": f"M{row}", "count": row} for row in range(200)]
    few = [{**fault, "kind": "suspected_split", "symbol": f"S{row}", "count": 1} for row in range(15)]
    recorded = files.records["census.json"]
    recorded["faults"] = many + few
    recorded["counts"] |= {"missing_session": 19_900, "suspected_split": 15}
    recorded["assets_affected"] |= {"missing_session": 200, "suspected_split": 15}
    symbols = column(listed(census.section(read_run(write(files)))), 0)
    assert symbols[-15:] == [f"S{row}" for row in range(15)]
    assert symbols[:-15] == [f"M{row}" for row in range(170, 200)]


def test_what_was_looked_for_and_not_found_is_said(run):
    expected = "Looked for and not found: assumed delisted, missing session, negative close, repeated row, zero close."
    assert expected in words(census.section(run))


def test_data_without_a_fault_has_neither_tables_nor_maps_of_faults(files, write):
    files.records["census.json"]["faults"] = []
    section = census.section(read_run(write(files)))
    assert not [part for part in section.parts if part.kind == "table" and part.caption.startswith("Faults")]
    assert [part.name for part in section.parts if part.kind == "chart"] == ["chart-traded"]


def test_survivorship_and_size_come_first(run):
    first, second = words(census.section(run))[:2]
    assert first.startswith("All twenty stocks were picked knowing")
    assert second == "20 assets over 8,313 sessions."


def test_assets_with_gaps_are_listed_and_the_others_counted(run):
    found = table(census.section(run), "Coverage, lowest first")
    assert by_label(found) == {"RRC": ["84.80"]}
    assert found.note == "19 assets of 20 with a price on every session."


def test_data_without_a_gap_says_so_in_words(files, write):
    recorded = files.records["census.json"]
    recorded["coverage"] = dict.fromkeys(recorded["coverage"], 1.0)
    section = census.section(read_run(write(files)))
    assert "20 assets of 20 with a price on every session." in words(section)
    assert not [part for part in section.parts if part.kind == "table" and part.caption.startswith("Coverage")]


def test_faults_are_drawn_from_their_first_to_their_last_session(run):
    stale = traces(chart(census.section(run), "chart-faults"))["Stale year"]
    assert stale["x"][:2] == ["1990-01-02", "1994-12-30"]
    assert stale["y"][:2] == ["RRC", "RRC"]
    assert stale["customdata"][0] == "1990-01-02 to 1994-12-30, 775 cells"


def test_kinds_are_drawn_with_their_cells_of_each_year_the_largest_above(run):
    (heat,) = traces(chart(census.section(run), "chart-kinds")).values()
    assert list(heat["y"]) == ["Return above 50pct", "Stale year"]  # from the bottom up
    cells = values(heat["customdata"])
    years = heat["x"]
    assert cells[len(years) + years.index("1994")] == 155
    assert cells[years.index("2016")] == 1
    assert sum(cells) == 5 * 155 + 2


def test_the_card_is_shown_field_by_field(run):
    (facts,) = (part for part in census.section(run).parts if part.kind == "facts")
    declared = run.card.declaration
    known = dict(facts.pairs)
    assert known["Source"] == declared.source and known["Licence"] == declared.licence
    assert known["Calendar"] == "XNYS"
    assert known["Fingerprint"] == run.card.fingerprint
    assert known["Fields"] == ", ".join(run.card.fields)


@pytest.mark.parametrize(
    ("code", "shown"), [(None, "not stated"), ("JPY", "JPY"), ("GBX", "GBX, of which 100 make 1 GBP")]
)
def test_the_card_says_what_prices_are_in(run, code, shown):
    card = dataclasses.replace(run.card, declaration=dataclasses.replace(run.card.declaration, currency=code))
    section = census.section(dataclasses.replace(run, card=card))
    (facts,) = (part for part in section.parts if part.kind == "facts")
    assert dict(facts.pairs)["Currency"] == shown


def test_a_card_without_notes_says_none(run):
    bare = dataclasses.replace(run.card, declaration=dataclasses.replace(run.card.declaration, notes=()))
    assert "Notes: none." in words(census.section(dataclasses.replace(run, card=bare)))


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        (
            ReleaseRule("month", 2, "09:00", "America/New_York", "XNYS"),
            "2 sessions of XNYS after the end of its month, at 09:00 America/New_York",
        ),
        (
            ReleaseRule("month", 1, "09:00", "America/New_York", "XNYS"),
            "1 session of XNYS after the end of its month, at 09:00 America/New_York",
        ),
        (ReleaseRule("week", 1, "08:00", "Etc/UTC"), "1 day after the end of its week, at 08:00 Etc/UTC"),
        (ReleaseRule("day", 0, "16:15", "Europe/Berlin"), "0 days after the end of its day, at 16:15 Europe/Berlin"),
    ],
)
def test_a_release_rule_is_put_in_words(rule, said):
    assert census._released(rule) == said
