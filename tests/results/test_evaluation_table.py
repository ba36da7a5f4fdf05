"""An evaluation shows the same tables as the command line prints, as text."""

from dataclasses import replace

from quantdl.results.evaluation_table import EvaluationTable


def test_a_notebook_shows_every_sheet_and_the_look(small_evaluation: tuple[EvaluationTable, object]) -> None:
    table = small_evaluation[0]
    shown = table._repr_html_()
    sheets = list(table.sheets())
    assert len(sheets) >= 5
    assert shown.count("<table") == len(sheets)
    assert "looked at once" in shown
    assert f"{table.rows[0].figures.nll:.4f}" in shown


def test_names_of_models_are_text(small_evaluation: tuple[EvaluationTable, object]) -> None:
    table = small_evaluation[0]
    hostile = replace(table, rows=tuple(replace(row, model="<script>alert(1)</script>") for row in table.rows), looks=3)
    assert "<script" not in hostile._repr_html_()
    assert "looked at 3 times" in hostile._repr_html_()
