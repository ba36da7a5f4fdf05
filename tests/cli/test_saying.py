"""Hostile names on a terminal, in tables, figures, JSON, sentences, errors and warnings: shown and not obeyed."""

import json

import pytest

from quantdl.cli.exits import show_warning
from quantdl.cli.printing import print_figures, print_json, print_table
from quantdl.cli.saying import printable, say
from quantdl.results.tables import csv_text
from tests.cli.running import invoke
from tests.hostile import FORMULAS, LONG, TEXTS

ASCII = [ascii(text)[:30] for text in TEXTS]


def is_harmless(output):
    return all(letter.isprintable() or letter == "\n" for letter in output)


@pytest.mark.parametrize("text", TEXTS, ids=ASCII)
def test_no_output_holds_what_a_terminal_obeys(text, capsys):
    say(text)
    say(text, err=True)
    show_warning(text, UserWarning, "a.py", 1)
    print_figures({text: text, "list": [text], "figure": None, "undefined": {"figure": text}})
    print_table(text, [text, "b"], [[text, 1.0]])
    print_json({text: text})
    captured = capsys.readouterr()
    assert is_harmless(captured.out) and is_harmless(captured.err)


@pytest.mark.parametrize("text", TEXTS, ids=ASCII)
def test_json_says_the_text_as_it_is(text, capsys):
    print_json({text: text})
    assert json.loads(capsys.readouterr().out) == {text: text}


def test_titles_and_columns_are_no_markup(capsys):
    print_table("[bold]title[/bold]", ["[red]a[/red]"], [["[link=http://evil.example]x[/link]"]])
    output = capsys.readouterr().out
    assert "[bold]title[/bold]" in output and "[red]a[/red]" in output and "[link=http://evil.example]" in output


@pytest.mark.parametrize("text", [text for text in TEXTS if text != LONG and "\0" not in text])
def test_an_error_about_a_hostile_name_is_harmless(text, tmp_path):
    code, output, errors = invoke("runs", "show", text, "--root", str(tmp_path))
    assert code == 2 and is_harmless(output) and is_harmless(errors)


@pytest.mark.parametrize(
    "text", ["KO", "S&P 500, \u00dc\u00f1\u00ef", "\u6771\u4eac", "two\nlines", "-0.5 % \u2212 \u20ac"]
)
def test_ordinary_text_is_printed_as_it_is(text):
    assert printable(text) == text


@pytest.mark.parametrize("text", FORMULAS)
def test_the_texts_that_begin_a_formula_are_those_that_a_spreadsheet_is_kept_from_running(text):
    import pandas as pd

    assert f"'{text[0]}" in csv_text(pd.DataFrame({"x": [text]}))
