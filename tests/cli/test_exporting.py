"""What `quantdl report` writes: pages, PDF, CSV and Excel."""

import csv

import pytest

from quantdl.report import pdf
from quantdl.results import spreadsheets
from tests.cli.running import PROJECT, invoke

openpyxl = pytest.importorskip("openpyxl", reason="needs the extra `test`")


def test_tables_are_written_instead_of_a_page(small_run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code, output, errors = invoke("report", str(small_run), "--csv", "tables", "--excel", "small.xlsx")
    assert (code, output.split(), errors) == (0, ["tables", "small.xlsx"], "")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["small.xlsx", "tables"]
    with (tmp_path / "tables" / "trades.csv").open(newline="") as stream:
        lines = list(csv.reader(stream))
    sheet = openpyxl.load_workbook(tmp_path / "small.xlsx")["trades"]
    assert [cell.value for cell in sheet[1]] == lines[0] and sheet.max_row == len(lines)


def test_a_page_is_written_beside_the_tables_where_it_is_asked_for(small_run, tmp_path):
    code, output, _ = invoke(
        "report", str(small_run), "--csv", str(tmp_path / "t"), "--output", str(tmp_path / "a.html")
    )
    assert code == 0 and output.split() == [str(tmp_path / "t"), str(tmp_path / "a.html")]


def test_the_pdf_stands_beside_the_page(small_run, tmp_path, monkeypatch):
    program = tmp_path / "chromium"
    program.write_text(
        '#!/bin/sh\nfor one; do case "$one" in --print*) printf "%%PDF-1 %%%%EOF" > "${one#*=}";; esac; done'
    )
    program.chmod(0o755)
    monkeypatch.setattr(pdf, "BROWSERS", (str(program),))
    monkeypatch.setattr(pdf.find_browser, "__defaults__", ((str(program),),))
    code, output, _ = invoke("report", str(small_run), "--pdf", "--output", str(tmp_path / "a.html"))
    assert code == 0 and output.split() == [str(tmp_path / "a.html"), str(tmp_path / "a.pdf")]


def test_without_a_browser_the_page_is_written_and_then_the_pdf_refused(small_run, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    code, output, errors = invoke("report", str(small_run), "--pdf", "--output", str(tmp_path / "a.html"))
    assert code == 2 and "apt-get install chromium" in errors
    assert output.split() == [str(tmp_path / "a.html")] == [str(path) for path in tmp_path.iterdir()]


def test_what_can_be_written_is_written_before_what_is_missing_is_refused(small_run, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(spreadsheets, "find_spec", lambda name: None)
    monkeypatch.chdir(tmp_path)
    options = ["--excel", "a.xlsx", "--csv", "tables", "--pdf", "--output", "a.html"]
    code, output, errors = invoke("report", str(small_run), *options)
    assert code == 2 and output.split() == ["tables", "a.html"]
    assert "a.xlsx: Excel files need XlsxWriter" in errors and "apt-get install chromium" in errors
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.html", "tables"]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--csv", "."], "--csv .: exists already; name a folder that does not."),
        (["--excel", "a.csv"], "expected the name of an Excel file, which ends in .xlsx."),
        (["--csv", "new", "--excel", "a.ods"], "expected the name of an Excel file"),
    ],
)
def test_places_that_cannot_be_are_refused_before_anything_is_written(small_run, tmp_path, monkeypatch, options, said):
    monkeypatch.chdir(tmp_path)
    code, _, errors = invoke("report", str(small_run), *options)
    assert code == 2 and said in errors
    assert not list(tmp_path.iterdir())


def test_tables_of_several_runs_are_refused(small_run, tmp_path):
    code, _, errors = invoke("report", str(small_run), str(small_run), "--csv", str(tmp_path / "t"))
    assert code == 2 and "write the tables of one run, got 2 runs" in errors


@pytest.mark.slow
def test_the_tables_of_an_evaluation_are_written_too(small_evaluation, tmp_path):
    _, folder = small_evaluation
    code, _, _ = invoke("report", str(folder), "--csv", str(tmp_path / "t"))
    assert code == 0
    names = {path.name for path in (tmp_path / "t").iterdir()}
    assert {"evaluation.rows.csv", "evaluation.rows.book.tails.csv", "scores_ewma_t.csv"} <= names


def test_the_risk_of_a_book_is_written_as_a_workbook(tmp_path, monkeypatch):
    """A record by hand stands for the work; its symbol that would be a tag, and a number, are text."""
    from quantdl.experiment import book_risk
    from tests.book_risk_record import HOSTILE, by_hand

    monkeypatch.setattr(book_risk, "book_risk", lambda *given: by_hand())
    book = PROJECT / "data" / "books" / "example.csv"
    code, output, _ = invoke("risk", str(book), "--excel", str(tmp_path / "risk.xlsx"), "--quiet")
    assert code == 0 and output.splitlines()[-1] == str(tmp_path / "risk.xlsx")
    sheet = openpyxl.load_workbook(tmp_path / "risk.xlsx")["positions"]
    assert HOSTILE in {value for line in sheet.iter_rows(values_only=True) for value in line}


def test_a_workbook_of_a_book_that_cannot_be_written_is_refused_before_the_work(tmp_path):
    book = PROJECT / "data" / "books" / "example.csv"
    code, _, errors = invoke("risk", str(book), "--excel", str(tmp_path / "risk.csv"))
    assert code == 2 and "ends in .xlsx" in errors
