"""Every trade is counted once under its rules, and the worst are held against the promise of the plan."""

import pandas as pd
import pytest

from quantdl.report import trades
from quantdl.results.run_record import read_run
from tests.report.drawings import drawn, values
from tests.report.sections import by_label, chart, column, number, table


def test_trades_per_rule_count_every_trade_once(run):
    section = trades.section(run)
    for caption in ("Trades: opened by rule", "Trades: closed by rule"):
        found = table(section, caption)
        assert sum(number(text) for text in column(found, 1)) == len(run.tables.trades)
        assert sum(number(text) for text in column(found, 3)) == pytest.approx(run.tables.trades["pnl"].sum(), abs=3)


def test_the_worst_trades_come_first_and_broken_promises_are_said(run):
    found = table(trades.section(run), "The 10 worst trades")
    results = [number(text) / 100 for text in column(found, 5)]
    assert results == sorted(results)
    assert results[0] == pytest.approx(run.tables.trades["return_on_equity"].min(), abs=1e-4)
    marked = [row.cells[5].under for row in found.rows]
    assert marked == ["beyond the promise" if result < -0.03 else "" for result in results]
    assert [row.cells[5].tone for row in found.rows] == ["bad" if text else "plain" for text in marked]
    assert found.note == "The plan promises to lose at most 3% of equity in one trade."


@pytest.fixture
def three(files, write):
    """Three trades: one still open, one that loses 4 % and one that gains 1 %."""
    lines = [
        ("KO", "2019-02-01", None, 12, -1_500.0, -0.0015, "monthly renewal", ""),
        ("RRC", "2020-03-02", "2020-03-16", 10, -40_250.0, -0.04, "monthly renewal", "stop loss"),
        ("MSFT", "2021-01-04", "2021-02-01", 19, 10_000.0, 0.01, "monthly renewal", "monthly renewal"),
    ]
    columns = ["asset", "entry", "exit", "bars", "pnl", "return_on_equity", "rule_in", "rule_out"]
    frame = pd.DataFrame(lines, columns=columns)
    frame["open"] = frame["exit"].isna()
    files.frames["trades.parquet"] = frame.assign(
        entry=pd.to_datetime(frame["entry"]), exit=pd.to_datetime(frame["exit"])
    )
    return read_run(write(files))


def test_a_trade_is_shown_with_its_dates_money_and_rules(three):
    assert by_label(table(trades.section(three), "The 3 worst trades")) == {
        "RRC": ["2020-03-02", "2020-03-16", "10", "\u221240,250", "\u22124.00", "monthly renewal", "stop loss"],
        "KO": ["2019-02-01", "still open", "12", "\u22121,500", "\u22120.15", "monthly renewal", ""],
        "MSFT": ["2021-01-04", "2021-02-01", "19", "10,000", "1.00", "monthly renewal", "monthly renewal"],
    }


def test_trades_still_open_have_a_row_among_those_closed(three):
    assert by_label(table(trades.section(three), "Trades: closed by rule")) == {
        "monthly renewal": ["1", "1", "10,000", "1.00"],
        "stop loss": ["1", "0", "\u221240,250", "\u22124.00"],
        "still open": ["1", "0", "\u22121,500", "\u22120.15"],
    }


def test_holding_times_are_drawn_against_the_horizon_of_the_plan(three):
    holding = drawn(chart(trades.section(three), "chart-holding"))
    assert sum(values(holding["data"][0]["y"])) == 3
    assert [line["x0"] for line in holding["layout"]["shapes"]] == [21]


def test_the_rules_are_quoted_even_without_a_trade(files, write):
    files.frames["trades.parquet"] = files.frames["trades.parquet"].iloc[:0]
    section = trades.section(read_run(write(files)))
    assert [part.kind for part in section.parts] == ["words", "table"]
    assert by_label(table(section, "The rules as written"))["stop loss"] == [
        "exit",
        "Close a trade whose loss at a close exceeds 2 % of equity.",
    ]
