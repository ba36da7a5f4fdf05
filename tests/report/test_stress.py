"""The section on stress: every scenario with its figures or its reason, and absent where there is none."""

import dataclasses
from datetime import date

import pytest

from quantdl.records import to_plain
from quantdl.report import stress
from quantdl.report.html import build_report
from quantdl.results.run_record import read_run
from quantdl.risk.stress.record import PositionLoss, StressFigure, StressReport, StressRow
from tests.report.sections import by_label, table, words

WINDOW = StressRow(
    "Pandemic, 2020",
    "window",
    "2020-02-20 to 2020-03-23, 23 sessions",
    0.3124,
    worst=(PositionLoss("GE", 0.05, -0.5, 0.025), PositionLoss("CVX", 0.05, -0.4, 0.02)),
    figures=(StressFigure("Worst session", 0.1077, when="2020-03-16"),),
    notes=("Not listed yet: META.",),
)
EVENT = StressRow("Market falls", "conditional", "mean given", 0.1166, 0.0004, 1279.4, 7.6e-6, 2e-7)
REFUSED = StressRow("Rarer", "conditional", "mean given", None, why_not="only 4 of 10,000 draws count for it")
SALE = StressRow("Sale", "liquidity", "sold", 0.05, figures=(StressFigure("Days to sell", 10.0, "days", "AAPL"),))
REPORT = StressReport(date(2022, 12, 28), 1.0, 0.9, 20, ("transformer, 5 bars",), (WINDOW, EVENT, REFUSED, SALE))


@pytest.fixture
def stressed(run):
    return dataclasses.replace(run, stress=REPORT)


def test_a_run_from_before_there_was_stress_has_no_such_section(run):
    assert run.stress is None and stress.section(run) is None
    assert "stress" not in [section.name for section in build_report(run).sections]


def test_the_record_is_read_from_the_run_folder(files, write):
    files.records["stress.json"] = to_plain(REPORT)
    assert read_run(write(files)).stress == REPORT


def test_each_scenario_has_its_loss_error_draws_and_probability(stressed):
    rows = by_label(table(stress.section(stressed), "Losses by scenario"))
    assert rows["Pandemic, 2020"] == ["31.24", "\u2013", "\u2013", "\u2013", "GE 2.50, CVX 2.00"]
    assert rows["Market falls"][:4] == ["11.66", "0.04", "1,279", "7.6e-06"]


def test_a_scenario_without_a_figure_gives_the_reason(stressed):
    rows = by_label(table(stress.section(stressed), "Losses by scenario"))
    assert rows["Rarer"][0] == "not available" and rows["Rarer"][-1] == "only 4 of 10,000 draws count for it"


def test_further_figures_stand_in_their_units_with_when_they_were(stressed):
    rows = by_label(table(stress.section(stressed), "Further figures"))
    assert rows["Worst session"] == ["10.77%", "2020-03-16"] and rows["Days to sell"] == ["10 days", "AAPL"]


def test_what_was_left_out_is_listed_by_scenario(stressed):
    (lines,) = (part.lines for part in stress.section(stressed).parts if part.kind == "bullets")
    assert lines == ("Pandemic, 2020: Not listed yet: META.",)


def test_a_flat_book_says_so(run):
    flat = StressReport(date(2022, 12, 28), 0.0, 0.0, 0, skipped="The book is flat.")
    assert words(stress.section(dataclasses.replace(run, stress=flat))) == ["The book is flat."]


def test_the_section_names_the_session_at_which_the_book_is_held():
    found = stress.section_of(StressReport(date(2022, 12, 28), 1.0, 1.0, 2, skipped="The book is flat."))
    assert found.title == "Stress of the book held on 2022-12-28"
