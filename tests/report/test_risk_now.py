"""The risk of the book at the end of a run stands in one section: levels, contributions, the way out, stress."""

import dataclasses
from datetime import date

from quantdl.report import risk_now
from quantdl.report.html import build_report
from quantdl.risk.book.figures import LevelFigures
from quantdl.risk.book.now import BookNow
from tests.report.sections import by_label, table, words
from tests.report.test_contributions import with_contributions
from tests.report.test_stress import REPORT

LEVELS = (
    LevelFigures(1, 0.95, 0.0151, 0.0003, 0.0212, 0.0004),
    LevelFigures(5, 0.99, None, None, None, None, "level 0.99 needs at least 100 observations, got 0"),
)


def holding(run, found):
    return dataclasses.replace(run, metrics=dataclasses.replace(run.metrics, book_now=found))


def test_a_run_that_holds_nothing_of_it_has_no_such_section(run):
    assert risk_now.section(run) is None
    assert "risk-now" not in [section.name for section in build_report(run).sections]


def test_levels_and_windows_stand_with_their_errors_or_their_reasons(run):
    found = holding(run, BookNow(date(2022, 12, 28), 1.0, 0.9, 12, "transformer", LEVELS))
    section = risk_now.section(found)
    rows = by_label(table(section, "Value at risk and expected shortfall"))
    assert rows["1 bar, 95%"] == ["1.51", "0.03", "2.12", "0.04"]
    assert rows["5 bars, 99%"][0].startswith("undefined: level 0.99 needs at least 100")
    assert "12 positions, gross 100.00%, net 90.00% of equity. Predicted by transformer." in words(section)[0]


def test_a_flat_book_is_said_to_be_flat(run):
    found = risk_now.section(holding(run, BookNow(date(2022, 12, 28), 0.0, 0.0, 0, "", ())))
    assert words(found)[0].startswith("The book was flat after 2022-12-28")


def test_contributions_stress_and_the_way_out_stand_beside_it(run):
    found = risk_now.section(dataclasses.replace(with_contributions(run), stress=REPORT))
    headings = [part.text for part in found.parts if part.kind == "heading"]
    assert headings == ["Contributions to risk", "Stress of the book held on 2022-12-28"]
    assert table(found, "What positions add") and table(found, "Losses by scenario").shown_first is None
    assert any("Days to liquidate are undefined" in text for text in words(found)) or table(found, "Leaving the book")
