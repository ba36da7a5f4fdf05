"""The tables of the risk of a book hold every row of the record, and a nested figure in a column of its own."""

import json
from dataclasses import replace
from datetime import date

from quantdl.records import json_text, to_plain
from quantdl.results.book_risk import book_risk_tables
from quantdl.results.tables import csv_text
from quantdl.risk.stress.record import StressReport, StressRow
from tests.book_risk_record import NO_COMPONENTS, by_hand, without_components


def test_every_row_of_the_record_is_a_row_of_a_table():
    record = by_hand()
    tables = book_risk_tables(record)
    assert set(tables) == {"levels", "positions", "groups", "factors", "liquidation"}
    assert tables["positions"]["asset"].tolist() == [one.asset for one in record.figures.positions]
    assert tables["positions"]["expected_shortfall"].tolist() == [
        one.expected_shortfall for one in record.figures.positions
    ]


def test_every_scenario_is_a_row_of_the_table_of_stress():
    rows = (
        StressRow("a crash", "shock", "stated", 0.12),
        StressRow("a sale", "liquidity", "law", None, why_not="thin"),
    )
    found = book_risk_tables(replace(by_hand(), stress=StressReport(date(2020, 1, 2), 1.0, 1.0, 2, rows=rows)))
    assert found["stress"]["name"].tolist() == ["a crash", "a sale"]
    assert found["stress"]["loss"].iloc[0] == 0.12 and found["stress"]["why_not"].iloc[1] == "thin"


def test_a_table_without_a_row_has_its_columns():
    record = by_hand()
    empty = replace(record.figures, positions=(), groups=(), factors=())
    whole, bare = book_risk_tables(record), book_risk_tables(replace(record, figures=empty))
    for name in ("positions", "groups", "factors"):
        assert len(bare[name]) == 0 < len(whole[name])
        assert list(bare[name].columns) == list(whole[name].columns)


def test_figures_under_members_are_columns_beside_the_others():
    levels = book_risk_tables(by_hand())["levels"]
    assert levels["value_at_risk_members_low"].tolist()[0] == 0.018
    assert levels["expected_shortfall_members_share"].tolist()[0] == 0.08


def test_components_that_so_few_scenarios_do_not_tell_are_empty_and_say_why():
    record = without_components(by_hand())
    for name in ("positions", "groups", "factors"):
        table = book_risk_tables(record)[name]
        assert table["value_at_risk"].isna().all() and table["expected_shortfall"].notna().all()
        assert set(table["value_at_risk_reason"]) == {NO_COMPONENTS}
        assert csv_text(table).splitlines()[1].endswith(NO_COMPONENTS)
    kept = json.loads(json_text(to_plain(record), "record"))["figures"]["positions"][0]
    assert (kept["value_at_risk"], kept["value_at_risk_reason"]) == (None, NO_COMPONENTS)


def test_a_level_that_is_not_reached_is_empty_and_says_why():
    levels = book_risk_tables(by_hand())["levels"]
    assert levels["value_at_risk"].isna().tolist() == [False, True]
    assert levels["reason"].iloc[1].startswith("level 0.99 needs")
