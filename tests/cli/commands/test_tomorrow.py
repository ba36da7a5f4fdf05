"""`quantdl forecast` and `quantdl risk`: what they print and write, and how they refuse what a user can get wrong."""

import json
from pathlib import Path

import pytest

from quantdl.records import from_plain
from quantdl.results.book_risk import BookRiskRecord
from tests.cli.running import invoke
from tests.small_experiment import small_config, with_model

SMALL = """\
name: small
seed: 3
data: {kind: sp500, start: 2019-01-02, assets: [AAPL, JPM, KO, XOM]}
model: {kind: ewma_t, horizon: 10, refit: once}
draws: 5000
validation_sessions: 100
"""
BOOK = "asset,value\nAAPL,60\nXOM,-20\nCASH,40\n"


def test_a_default_folder_that_exists_is_refused_before_any_work(tmp_path, monkeypatch):
    config = small_config(tmp_path)
    with_model(config, "  kind: ewma_t\n  horizon: 5\n")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "forecast-small-2016-07-11").mkdir()
    monkeypatch.setattr("quantdl.experiment.as_of.data_of", None)
    code, _, error = invoke("forecast", str(config), "--as-of", "2016-07-11")
    assert code == 2 and "forecast-small-2016-07-11: exists already" in error and "--output" in error


@pytest.fixture
def book(tmp_path) -> Path:
    (tmp_path / "risk.yaml").write_text(SMALL, encoding="utf-8")
    path = tmp_path / "book.csv"
    path.write_text(BOOK, encoding="utf-8")
    return path


def test_a_book_is_printed_as_tables_and_written_as_a_folder(book):
    folder = book.parent / "out"
    config = str(book.parent / "risk.yaml")
    code, printed, _ = invoke(
        "risk", str(book), "--config", config, "--as-of", "2021-06-30", "--trade", "KO=-5", "--output", str(folder)
    )
    assert code == 0
    assert "Risk at the close of 2021-06-30" in printed
    assert "best hedge with one instrument" in printed
    assert printed.splitlines()[-1] == str(folder)
    assert "Stress: what the book loses" in printed and "Likeliest way to lose 20%" in printed
    names = {"stress.csv", "levels.csv", "positions.csv", "groups.csv", "factors.csv", "liquidation.csv"}
    assert {path.name for path in folder.iterdir()} == names | {"book_risk.json", "report.html"}
    record = from_plain(BookRiskRecord, json.loads((folder / "book_risk.json").read_text(encoding="utf-8")))
    assert [one.bars for one in record.figures.levels] == [1, 1, 10, 10]


def test_json_is_the_record(book):
    code, printed, _ = invoke("risk", str(book), "--config", str(book.parent / "risk.yaml"), "--json")
    assert code == 0
    assert json.loads(printed)["basis"]["model"] == "ewma_t"


@pytest.mark.parametrize(
    ("arguments", "code", "part"),
    [
        (["none.csv"], 2, "no such file; expected a CSV of positions"),
        (["BOOK", "--as-of", "30.6.2021"], 2, "--as-of: given '30.6.2021'; expected a date"),
        (["BOOK", "--trade", "KO"], 2, "--trade: given 'KO'; expected ASSET=MONEY"),
        (["BOOK", "--config", "none.yaml"], 2, "none.yaml"),
        (["BOOK", "--config", "CONFIG", "--as-of", "2035-01-02"], 3, "the exchange has traded since"),
        (["BOOK", "--output", "FOLDER"], 2, "exists already"),
    ],
)
def test_what_cannot_be_used_ends_with_a_message_and_its_code(book, arguments, code, part):
    named = {"BOOK": str(book), "CONFIG": str(book.parent / "risk.yaml"), "FOLDER": str(book.parent)}
    ended, _, said = invoke("risk", *(named.get(word, word) for word in arguments))
    assert ended == code
    assert part in said


def test_a_faulty_book_ends_with_the_code_of_data(tmp_path):
    path = tmp_path / "book.csv"
    path.write_text("asset,value\nAAPL,x\n", encoding="utf-8")
    code, _, said = invoke("risk", str(path))
    assert code == 3
    assert f"{path}:2: value given 'x'" in said


def test_faults_of_the_rows_and_symbols_that_the_prices_do_not_know_are_told_at_once(book):
    book.write_text("asset,value\nAPPL,60\nXOM,x\nKO,5\n", encoding="utf-8")
    code, _, said = invoke("risk", str(book), "--config", str(book.parent / "risk.yaml"))
    assert code == 3
    first, second = said.strip().splitlines()
    assert first.startswith(f"{book}:2: APPL: no such asset among the prices, which hold 4; did you mean 'AAPL'?")
    assert second.startswith(f"{book}:3: value given 'x'")


@pytest.mark.parametrize("way", ["--json", "--quiet"])
def test_a_day_without_a_session_is_told_beside_what_is_said_of_the_close_before_it(book, way):
    """Christmas of 2022 was a Sunday, so the exchange was closed on the Monday."""
    config, day = str(book.parent / "risk.yaml"), "2022-12-26"
    code, printed, said = invoke("risk", str(book), "--config", config, "--as-of", day, way)
    assert code == 0
    assert "2022-12-26 is no session; the close before it is 2022-12-23." in said
    if way == "--json":
        record = json.loads(printed)
        assert record["basis"]["session"] == "2022-12-23"
        assert record["notes"][0] == "2022-12-26 is no session; the close before it is 2022-12-23."
