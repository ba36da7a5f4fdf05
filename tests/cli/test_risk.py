"""`quantdl risk`: what it prints and writes, and how it refuses what a user can get wrong."""

import json
from pathlib import Path

import pytest

from quantdl.cli.risk import bought, print_book_risk, write_book_risk
from quantdl.errors import ConfigError
from quantdl.records import from_plain
from quantdl.results.book_risk import BookRiskRecord
from tests.book_risk_record import by_hand
from tests.cli.running import invoke
from tests.small_experiment import ROOT

SMALL = """\
name: small
seed: 3
data: {kind: sp500, start: 2019-01-02, assets: [AAPL, JPM, KO, XOM]}
model: {kind: ewma_t, horizon: 10, refit: once}
draws: 5000
validation_sessions: 100
"""
BOOK = "asset,value\nAAPL,60\nXOM,-20\nCASH,40\n"


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
    assert "Stress: what the book loses" in printed and "Likeliest way to lose 20 %" in printed
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


def test_trades_are_read_and_wrong_ones_refused():
    assert bought(["A=B=5"]) == {"A=B": 5.0}
    for wrong in (["=5"], ["A=nan"], ["A=1", "A=2"]):
        with pytest.raises(ConfigError, match="expected ASSET=MONEY"):
            bought(wrong)


def test_what_is_undefined_is_printed_with_its_reason(capsys):
    print_book_risk(by_hand())
    printed = capsys.readouterr().out
    assert "undefined: level 0.99 needs at least" in printed
    assert "days to liquidate: undefined: no volume is known of 007" in printed


def test_a_taken_folder_is_left_as_it_is(tmp_path):
    from quantdl.disk import AlreadyStoredError

    write_book_risk(by_hand(), tmp_path / "out")
    before = (tmp_path / "out/levels.csv").read_bytes()
    with pytest.raises(AlreadyStoredError):
        write_book_risk(by_hand(), tmp_path / "out")
    assert (tmp_path / "out/levels.csv").read_bytes() == before


def test_the_shipped_book_can_be_read():
    from quantdl.risk.book.positions import read_positions

    assert len(read_positions(ROOT / "data/books/example.csv").positions) == 10
