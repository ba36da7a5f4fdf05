"""Figures on standard output as tables and JSON, progress on standard error, whatever the output can show."""

import io
import json
import sys
import warnings
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
import pytest
import typer

from quantdl.cli.exits import leave_with
from quantdl.cli.printing import plain, print_figures, print_json, print_sentences, print_table


@dataclass(frozen=True)
class Figures:
    name: str
    sharpe: float
    parts: tuple[float, ...]


def test_json_has_no_nan(capsys: pytest.CaptureFixture[str]) -> None:
    print_json(Figures("ON", float("nan"), (1.0, float("inf"))))
    assert json.loads(capsys.readouterr().out) == {"name": "ON", "sharpe": None, "parts": [1.0, None]}


def test_a_table_holds_every_cell(capsys: pytest.CaptureFixture[str]) -> None:
    print_table("Scores", ["model", "score"], [["[bold]flow", -2.6512], ["graph", float("nan")], ["x" * 150, None]])
    output = capsys.readouterr().out
    for cell in ("[bold]flow", "-2.6512", "undefined", "x" * 150):
        assert cell in output


def test_figures_are_named_one_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    print_figures({"strategy": Figures("ON", 0.123456789, (1.0,)), "n": 3})
    assert capsys.readouterr().out == "strategy:\n  name: ON\n  sharpe: 0.123457\n  parts:\n    0: 1\nn: 3\n"


def test_an_undefined_figure_is_printed_with_its_reason(capsys: pytest.CaptureFixture[str]) -> None:
    print_figures(
        {"strategy": {"total_return": 0.03, "sharpe": None, "undefined": {"sharpe": "10 sessions"}}, "n": None}
    )
    lines = capsys.readouterr().out.splitlines()
    assert lines[1:3] == ["  total_return: 0.03", "  sharpe: undefined: 10 sessions"]
    assert lines[-1] == "n: undefined"


def test_plain_values_are_json() -> None:
    values = {"day": date(2019, 1, 2), "path": Path("a/b"), "float": np.float64(0.5), "array": np.arange(2)}
    assert plain(values) == {"day": "2019-01-02", "path": "a/b", "float": 0.5, "array": [0, 1]}


def test_sentences_are_one_line_in_a_pipe_and_broken_at_words_on_a_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    text = "word " * 40 + "\x1b[31mend"
    print_sentences(text)
    assert capsys.readouterr().out == text.replace("\x1b", r"\x1b") + "\n"
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    monkeypatch.setenv("COLUMNS", "60")
    print_sentences(text)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 4 and max(map(len, lines)) <= 60


def few_letters(monkeypatch: pytest.MonkeyPatch) -> io.TextIOWrapper:
    """Put an output that knows the letters of Western Europe only in the place of this process's own."""
    output = io.TextIOWrapper(io.BytesIO(), encoding="latin-1")
    monkeypatch.setattr(sys, "stdout", output)
    return output


def written(output: io.TextIOWrapper) -> str:
    output.flush()
    assert isinstance(output.buffer, io.BytesIO)
    return output.buffer.getvalue().decode("latin-1")


@pytest.mark.parametrize("symbol", ["日本", "\udcff"], ids=["letters", "a file name that is no text"])
def test_json_is_valid_where_the_output_cannot_show_a_symbol(monkeypatch: pytest.MonkeyPatch, symbol: str) -> None:
    output = few_letters(monkeypatch)
    print_json({symbol: 1, "é": 2})
    assert json.loads(written(output)) == {symbol: 1, "é": 2}


def test_a_symbol_that_the_output_cannot_show_ends_no_command(monkeypatch: pytest.MonkeyPatch) -> None:
    commands = typer.Typer()

    @commands.command()
    def show() -> None:
        print_table("prices", ["symbol"], [["日本"], ["\udcff"], ["é"]])
        print_figures({"symbol": "日本"})

    output = few_letters(monkeypatch)
    monkeypatch.setattr(sys, "argv", ["quantdl"])
    with warnings.catch_warnings(), pytest.raises(SystemExit) as left:
        leave_with(commands)
    assert left.value.code == 0
    shown = written(output)
    assert shown.count(r"\u65e5\u672c") == 2 and r"\udcff" in shown and "é" in shown


def test_a_symbol_moves_no_cursor(capsys: pytest.CaptureFixture[str]) -> None:
    print_table("prices", ["symbol"], [["\x1b[2JA\r"]])
    output = capsys.readouterr().out
    assert "\x1b" not in output and "\r" not in output
    assert r"\x1b[2JA\r" in output
