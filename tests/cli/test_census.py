"""`quantdl data check`: what it prints, for whom, and its exit code."""

import json
import re
import shlex
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from quantdl.calendars import trading_calendar
from quantdl.cli.commands import app

VALID = Path(__file__).parents[1] / "config" / "valid.yaml"
DECLARED = """  kind: csv_folder
  path: prices
  source: prices of a test
  timezone: America/New_York
  frequency: 1D
  adjustment: split
  calendar: XNYS
  as_of: 2024-12-31
  licence: none
"""


def check(*arguments: object) -> tuple[int, str, str]:
    """Run the command in this process: exit code, output, errors."""
    result = CliRunner().invoke(app, ["data", "check", *map(str, arguments)], prog_name="quantdl")
    return result.exit_code, result.stdout, result.stderr


@pytest.fixture
def prices(tmp_path: Path) -> Path:
    """A folder of 30 assets: every one misses a session, AA is split 4:1 without a word, BA has one low of zero."""
    folder = tmp_path / "prices"
    folder.mkdir()
    days = trading_calendar("XNYS").sessions("2018-01-02", "2018-12-31")
    generator = np.random.default_rng(0)
    for number in range(30):
        close = 50 * np.exp(np.cumsum(0.01 * generator.standard_normal(len(days))))
        frame = pd.DataFrame({"open": close, "high": 1.01 * close, "low": 0.99 * close, "close": close}, index=days)
        frame["volume"] = np.round(1e5 * np.exp(0.5 * generator.standard_normal(len(days))))
        if number == 0:
            frame.loc[days[100] :, ["open", "high", "low", "close"]] /= 4
        if number == 26:
            frame.loc[days[50], "low"] = 0.0
        name = f"{chr(65 + number // 26)}{chr(65 + number % 26)}"
        frame.round(4).rename_axis("date").drop(index=days[60 + number]).to_csv(folder / f"{name}.csv")
    return folder


@pytest.fixture
def config(prices: Path) -> Path:
    """A config on those prices."""
    (prices.parent / "strategy.py").write_text("")
    text = VALID.read_text().replace("  kind: sp500\n  start: 1990-01-02\n", DECLARED)
    path = prices.parent / "experiment.yaml"
    path.write_text(text)
    return path


def test_what_a_run_would_refuse_comes_first_with_file_and_line_and_the_figures_of_the_data_last(prices: Path) -> None:
    code, output, errors = check(prices, "--calendar", "XNYS")
    assert code == 3
    assert errors.startswith("A run would refuse this data, unless its config says otherwise:\n  zero_low (1): BA\n")
    places = [
        output.index(text)
        for text in (
            "A run would refuse this data, unless its config says otherwise:\n",
            f"  zero_low: {prices / 'BA.csv'}: line 52: column 'low' of BA on 2018-03-15: got 0.0",
            "Mend the data. Or write `on_fault: record` under data, ",
            "    zero_low: mask | drop_asset | keep\n",
            "Faults by kind",
            "Faults that a run treats by its policies",
            "Nothing else found: ",
            "7,500 bars of 30 assets, 2018-01-02..2018-12-31, 251 sessions\n",
        )
    ]
    assert places[0] == 0 and places == sorted(places)
    lines = [line.split() for line in output.splitlines()]
    assert ["missing_session", "30", "30", "mask"] in lines
    assert ["suspected_split", "1", "1", "split_at_gap"] in lines
    counts = json.loads(check(prices, "--calendar", "XNYS", "--json")[1])["counts"]
    looked_for = sum(count == 0 for count in counts.values())
    assert f"Nothing else found: {looked_for} other kinds of fault were looked for\n" in output
    assert "session_missing_for_all" not in output
    assert "like a split of 4 for 1." in output


def test_many_faults_are_cut_short_unless_all_are_asked_for(prices: Path) -> None:
    output = check(prices, "--calendar", "XNYS")[1]
    assert "missing_session: ... and 25 more faults" in output
    assert "--all prints every fault, every kind that was looked for and every figure." in output
    everything = check(prices, "--calendar", "XNYS", "--all")[1]
    assert "more faults" not in everything
    assert sum(line.split()[:1] == ["missing_session:"] for line in everything.splitlines()) == 30
    assert "other kinds of fault were looked for: session_missing_for_all, " in everything
    assert "\nEvery figure\nbars with a price above zero: 7500\n" in everything


def test_json_is_all_that_is_printed(prices: Path) -> None:
    code, output, errors = check(prices, "--calendar", "XNYS", "--json")
    document = json.loads(output)
    assert code == 3 and "zero_low (1): BA" in errors
    assert document["counts"]["missing_session"] == 30
    assert document["assets_affected"]["suspected_split"] == 1
    assert document["policies"]["suspected_split"] == "split_at_gap"
    assert document["refused"] == {"zero_low": 1}
    assert len(document["faults"]) == 33


def test_a_config_that_says_nothing_of_impossible_prices_would_be_refused(config: Path) -> None:
    code, output, errors = check(config)
    assert code == 3
    assert "zero_low" in output
    assert output.startswith(
        f"A run would refuse this data:\n  zero_low: {config.parent / 'prices' / 'BA.csv'}: line 52: "
    )
    assert errors.startswith("A run would refuse this data:\n  zero_low (1): BA\n")
    assert "data.policies" in errors
    code, output, errors = check(config, "--json")
    assert (code, json.loads(output)["refused"]) == (3, {"zero_low": 1})


def test_a_policy_of_the_config_is_shown_and_obeyed(config: Path) -> None:
    policies = "  policies: {zero_low: drop_asset, suspected_split: refuse}\n"
    config.write_text(config.read_text().replace(DECLARED, DECLARED + policies))
    code, output, errors = check(config)
    assert code == 3
    assert ["zero_low", "1", "1", "drop_asset"] in [line.split() for line in output.splitlines()]
    assert "suspected_split (1): AA" in errors
    assert "zero_low" not in errors


def test_a_config_whose_data_would_be_taken_is_exit_code_0(config: Path) -> None:
    policies = "  policies: {zero_low: drop_asset}\n"
    config.write_text(config.read_text().replace(DECLARED, DECLARED + policies))
    code, output, errors = check(config)
    assert (code, errors) == (0, "")
    assert "split_at_gap" in output


def test_an_action_that_cannot_mend_a_kind_is_refused_with_those_that_can(config: Path) -> None:
    policies = "  policies: {reused_history: mask, zero_low: split_at_gap}\n"
    config.write_text(config.read_text().replace(DECLARED, DECLARED + policies))
    code, output, errors = check(config)
    assert (code, output) == (2, "")
    assert (
        "data.policies.reused_history: given 'mask'; expected one of refuse, split_at_gap, drop_asset, keep" in errors
    )
    assert "data.policies.zero_low: given 'split_at_gap'; expected one of refuse, mask, drop_asset, keep" in errors


def test_the_bundled_prices_are_taken(tmp_path: Path) -> None:
    code, output, _ = check(VALID)
    assert code == 0
    assert "sha256:772232bf12fba92c4a3b7218dbaf22a76c8dc9d1036241ef176c65d8194c180e" in output


def test_hourly_bars_are_read_when_their_dating_is_said(tmp_path: Path) -> None:
    times = [f"2024-01-{day:02d} {hour}:30:00" for day in (2, 3) for hour in range(9, 16)]
    frame = pd.DataFrame({"date": times, "close": 50.0 + np.arange(len(times))})
    frame.drop(index=[4]).to_csv(tmp_path / "AA.csv", index=False)
    options = ("--calendar", "XNYS", "--frequency", "60min", "--labelled", "start", "--anchored", "open")
    code, output, errors = check(tmp_path / "AA.csv", *options, "--times-in", "America/New_York", "--json")
    document = json.loads(output)
    assert (code, errors) == (0, "")
    assert (document["n_sessions"], document["summary"]["n_bars"]) == (2, 13)
    assert document["counts"]["missing_session"] == 1


@pytest.mark.parametrize(
    ("options", "hint"),
    [
        (("--frequency", "60min"), "--labelled and --anchored: given nothing for bars of '60min'; expected how"),
        (("--frequency", "60min", "--labelled", "start"), "--labelled and --anchored go together"),
        (("--labelled", "middle", "--anchored", "open"), "Invalid value for '--labelled'"),
    ],
)
def test_nothing_is_guessed_about_bars_within_a_session(prices: Path, options: tuple[str, ...], hint: str) -> None:
    code, output, errors = check(prices, "--calendar", "XNYS", *options)
    assert code == 2
    assert output == ""
    assert hint in errors


def test_columns_that_were_not_read_are_said(tmp_path: Path) -> None:
    (tmp_path / "A.csv").write_text("date,close,split_ratio\n2018-01-02,10,1\n2018-01-03,11,1\n")
    code, out, _ = check(tmp_path, "--calendar", "XNYS")
    assert code == 0
    assert "Columns that were not read: split_ratio." in out


STOOQ = (
    "<TICKER>,<PER>,<DATE>,<TIME>,<OPEN>,<HIGH>,<LOW>,<CLOSE>,<VOL>,<OPENINT>\nABC.US,D,20240102,000000,1,2,1,2,9,0\n"
)


def test_a_file_of_a_vendor_is_read_by_its_layout(tmp_path: Path) -> None:
    file = tmp_path / "x.csv"
    file.write_text(STOOQ)
    code, output, errors = check(file, "--calendar", "XNYS", "--layout", "stooq")
    assert (code, errors) == (0, "") and "2024-01-02..2024-01-02" in output
    code, _, errors = check(file, "--calendar", "XNYS")
    assert code == 3 and "Fix: give --layout stooq, which reads daily files of Stooq; or rename" in errors
    code, _, errors = check(file, "--calendar", "XNYS", "--layout", "yahoo")
    assert code == 3 and "Fix: give --layout stooq, which reads daily files of Stooq; or rename" in errors


def test_a_layout_belongs_to_csv_files_and_to_bare_paths(config: Path, tmp_path: Path) -> None:
    file = tmp_path / "x.parquet"
    file.write_bytes(b"PAR1")
    assert "--layout is for CSV files" in check(file, "--calendar", "XNYS", "--layout", "stooq")[2]
    assert "--layout: a config names its layout itself" in check(config, "--layout", "stooq")[2]
    assert "--symbol: a config names its symbol itself" in check(config, "--symbol", "ABC")[2]
    assert "--skip-rows: a config names its skip-rows itself" in check(config, "--skip-rows", "1")[2]
    assert "--newest-first is for CSV files" in check(file, "--calendar", "XNYS", "--newest-first")[2]


def test_symbols_are_told_by_the_names_of_files(prices: Path) -> None:
    for file in prices.glob("*.csv"):
        file.rename(prices / f"NASDAQ_{file.stem}_30Y.csv")
    code, output, _ = check(prices, "--calendar", "XNYS", "--symbol-pattern", "NASDAQ_(.+)_30Y", "--json")
    assert code == 3
    assert {fault["symbol"] for fault in json.loads(output)["faults"]} >= {"AA", "BA"}
    code, _, errors = check(prices, "--calendar", "XNYS", "--symbol-pattern", "NYSE_(.+)")
    assert code == 2
    assert "--symbol-pattern: given 'NYSE_(.+)', which finds no symbol in any file name: NASDAQ_AA_30Y.csv" in errors


def test_a_pattern_that_is_none_stands_at_its_line_of_the_config(config: Path) -> None:
    config.write_text(config.read_text().replace(DECLARED, DECLARED + "  symbol_pattern: NASDAQ_(.+\n"))
    code, _, errors = check(config)
    assert code == 2 and "data.symbol_pattern: given 'NASDAQ_(.+', which is no regular expression" in errors


def test_many_faults_of_a_kind_are_cut_short_with_how_to_see_the_others(prices: Path) -> None:
    for file in sorted(prices.glob("A*.csv"))[:9]:
        file.write_text(file.read_text() + "2018-07-04,1,2,1,1,5\n")
    output = check(prices, "--calendar", "XNYS")[1]
    assert "non_session: ... and 4 more faults; --all prints them" in output
    assert output.count("expected a session of XNYS") == 5
    assert check(prices, "--calendar", "XNYS", "--all")[1].count("expected a session of XNYS") >= 9


HEADER = "Date,Open,High,Low,Close,Volume\n"
ROWS = "2024-01-02,10,10.5,9.5,10.0,1000\n2024-01-03,10.1,10.6,9.9,10.2,1100\n"
THOUSANDS = HEADER + '2024-01-02,"1,010.0","1,010.5","1,009.5","1,010.0","1,000"\n'
LATEST_FIRST = HEADER + "".join(reversed(ROWS.splitlines(keepends=True)))


@pytest.mark.parametrize(
    "text",
    [
        (HEADER + ROWS).replace(",", ";").replace(".", ","),
        (HEADER + ROWS).replace(",", "\t"),
        f"# downloaded 2024-02-01\n{HEADER}{ROWS}",
        THOUSANDS,
        LATEST_FIRST,
        LATEST_FIRST.replace("Date", "timestamp"),
        f"{HEADER}{ROWS}2024-01-04,null,null,null,null,null\n",
        STOOQ,
    ],
    ids=["semicolons", "tabs", "comment", "thousands", "latest_first", "alpha_vantage", "nulls", "stooq"],
)
def test_the_options_that_a_refusal_proposes_read_the_file_as_they_are_written(tmp_path: Path, text: str) -> None:
    file = tmp_path / "ABC.csv"
    file.write_text(text)
    code, output, errors = check(file, "--calendar", "XNYS")
    assert code == 3
    proposed = re.search(r"Fix: give (--[^,]*(?:','[^,]*)?), which", output + errors)
    assert proposed is not None
    code, output, errors = check(file, "--calendar", "XNYS", *shlex.split(proposed[1]))
    assert (code, errors) == (0, "")


def test_a_parquet_file_of_one_asset_is_read_by_the_option_that_is_proposed(tmp_path: Path) -> None:
    file = tmp_path / "one.parquet"
    dates = trading_calendar("XNYS").sessions("2024-01-02", "2024-01-31")
    frame = pd.DataFrame({"Close": 10.0 + np.arange(len(dates)), "Open": 10.0 + np.arange(len(dates))}, dates)
    frame.rename_axis("Date").to_parquet(file)
    code, _, errors = check(file, "--calendar", "XNYS")
    assert code == 3 and "Fix: give --symbol AAPL, " in errors
    code, output, errors = check(file, "--calendar", "XNYS", "--symbol", "AAPL")
    assert (code, errors) == (0, "") and " of 1 asset, 2024-01-02..2024-01-31" in output


def test_one_fault_of_a_row_in_five_columns_is_said_once_with_its_ways_out_below(tmp_path: Path) -> None:
    file = tmp_path / "ABC.csv"
    file.write_text(f"{HEADER}{ROWS}2024-01-04,null,null,null,null,null\n")
    lines = check(file, "--calendar", "XNYS")[1].splitlines()
    assert sum("got 'null'" in line for line in lines) == 1
    at = next(number for number, line in enumerate(lines) if "got 'null'" in line)
    assert lines[at].endswith("the same in columns 'High', 'Low', 'Close', 'Volume'.")
    assert lines[at + 1] == "    Fix: give --layout yahoo, which reads files of Yahoo Finance"
    assert lines[at + 2] == "    or: these words stand for no value: leave the cell empty"
    assert lines[at + 3].startswith("    or: correct the value, written as 1234.5")
    kinds = ", ".join(f"non_finite_{name}" for name in ("open", "high", "low", "close", "volume"))
    assert f"    {kinds}: mask | drop_asset | keep" in lines


def test_of_a_good_file_little_is_said(tmp_path: Path) -> None:
    file = tmp_path / "ABC.csv"
    dates = trading_calendar("XNYS").sessions("2024-01-02", "2024-03-28")
    closes = np.round(100 * np.exp(np.cumsum(0.01 * np.random.default_rng(3).standard_normal(len(dates)))), 2)
    pd.DataFrame({"close": closes}, dates).rename_axis("date").to_csv(file)
    code, output, errors = check(file, "--calendar", "XNYS")
    assert (code, errors) == (0, "")
    lines = output.splitlines()
    assert len(lines) <= 10 and max(map(len, lines)) < 200
    assert lines[0].startswith("No fault found: ") and lines[0].endswith(" kinds of fault were looked for")
    assert f"  {len(dates)} bars of 1 asset, 2024-01-02..2024-03-28, {len(dates)} sessions" in lines
    assert "asset-years" not in output and "n_bars" not in output and "{}" not in output


def test_one_file_under_two_symbols_is_named_with_both(prices: Path) -> None:
    (prices / "ZZ.csv").write_text((prices / "AC.csv").read_text())
    output = check(prices, "--calendar", "XNYS")[1]
    assert "same_prices: ZZ, " in output and "Every close is that of AC: 250 bars" in output


def test_a_data_block_alone_is_checked_and_its_policies_are_obeyed(prices: Path) -> None:
    config = prices.parent / "data.yaml"
    config.write_text(f"data:\n{DECLARED}")
    code, output, errors = check(config)
    assert code == 3 and "zero_low (1): BA" in errors and "7,500 bars of 30 assets" in output
    config.write_text(f"data:\n{DECLARED}  policies: {{zero_low: drop_asset}}\n")
    assert check(config)[0] == 0


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--symbol-pattern", "("], "--symbol-pattern: given '('"),
        (["--frequency", "6 hours"], "--frequency: "),
        (["--calendar", "XNYZ"], "--calendar: Unknown calendar 'XNYZ'. Did you mean "),
        (
            ["--frequency", "60min", "--labelled", "end", "--anchored", "open", "--times-in", "Mars/Base"],
            "--times-in: given 'Mars/Base'",
        ),
    ],
)
def test_a_wrong_option_is_a_fault_of_the_command_line_and_named(prices: Path, options: list[str], said: str) -> None:
    calendar = [] if "--calendar" in options else ["--calendar", "XNYS"]
    code, output, errors = check(prices, *calendar, *options)
    assert (code, output) == (2, "") and said in errors


def test_the_config_of_the_risk_of_a_book_is_checked() -> None:
    code, output, errors = check(VALID.parents[2] / "configs" / "risk" / "sp500.yaml")
    assert (code, errors) == (0, "") and "166,260 bars of 20 assets" in output
