"""Performance in detail: each figure with its name, unit and value, as the run recorded it."""

import dataclasses

import pytest

from quantdl.report import further_figures as report
from quantdl.risk.curves.active_risk import ActiveRisk
from tests.report.sections import by_label, number


@pytest.fixture
def further(run):
    return run.metrics.further


def test_the_sharpe_ratio_stands_with_its_interval(further):
    rows = by_label(report.sharpe_table(further))
    found = further.strategy.sharpe
    expected = [found.annual, found.error, found.lower, found.upper, found.long_run, found.probability_positive]
    assert [number(text) for text in rows["Strategy, Sharpe ratio"]] == pytest.approx(expected, abs=0.005)
    information = further.active[0].information
    shown = rows["Strategy against equal weight, information ratio"]
    assert [number(text) for text in shown[:4]] == pytest.approx(
        [information.annual, information.error, information.lower, information.upper], abs=0.005
    )


def test_active_risk_stands_against_equal_weight_with_the_interval_of_alpha_and_beta(further):
    (against,) = further.active
    table = report.active_table(further.active)
    rows = by_label(table)
    assert [cell.text for cell in table.columns] == ["Figure", "Against equal weight"]
    assert number(rows["Tracking error a year [%]"][0]) == pytest.approx(100 * against.tracking_error, abs=0.005)
    assert number(rows["Beta"][0]) == pytest.approx(against.regression.beta, abs=0.005)
    under = {one.cells[0].text: one.cells[1].under for one in table.rows}
    lower, upper = (number(text) for text in under["Alpha a year [%]"].split(" to "))
    assert (lower, upper) == pytest.approx(
        (100 * against.regression.alpha_lower, 100 * against.regression.alpha_upper), abs=0.005
    )


def test_a_benchmark_has_a_column_of_its_own(further):
    index = dataclasses.replace(further.active[0], benchmark="S&P 500", tracking_error=0.1234)
    table = report.active_table((*further.active, index))
    assert [cell.text for cell in table.columns][2] == "Against S&P 500"
    assert by_label(table)["Tracking error a year [%]"][1] == "12.34"


def test_a_figure_that_is_undefined_says_why(further):
    lacking = dataclasses.replace(further.active[0].regression, alpha_lower=None, beta=None, undefined={"beta": "flat"})
    shown = by_label(report.active_table((dataclasses.replace(further.active[0], regression=lacking),)))
    assert shown["Beta"] == ["undefined: flat"]
    assert isinstance(further.active[0], ActiveRisk)


def test_months_stand_in_the_row_of_their_year(further):
    rows = by_label(report.months_table(further.strategy.calendar))
    for month in further.strategy.calendar.months:
        assert number(rows[str(month.year)][month.month - 1]) == pytest.approx(100 * month.value, abs=0.005)
    for year in further.strategy.calendar.years:
        assert number(rows[str(year.year)][12]) == pytest.approx(100 * year.value, abs=0.005)


def test_a_month_without_a_session_is_left_empty(further):
    calendar = dataclasses.replace(further.strategy.calendar, months=further.strategy.calendar.months[1:])
    assert by_label(report.months_table(calendar))["2019"][0] == ""


def test_the_deepest_falls_are_listed_with_their_ends(further):
    table = report.falls_table(further.strategy.drawdowns.deepest)
    for shown, spell in zip(table.rows, further.strategy.drawdowns.deepest, strict=True):
        texts = [cell.text for cell in shown.cells]
        assert texts[:3] == [str(spell.peak), str(spell.trough), str(spell.recovery or "not yet")]
        assert number(texts[3]) == pytest.approx(100 * spell.depth, abs=0.005)
        assert number(texts[5]) == spell.bars_under_water


def test_both_books_stand_side_by_side(further):
    rows = by_label(report.books_table(further))
    for label, subject, key in (
        ("Bars with a gain [%]", "returns", "hit_rate"),
        ("Ulcer index [%]", "drawdowns", "ulcer_index"),
        ("Best month [%]", "calendar", "best_month"),
    ):
        expected = [100 * getattr(getattr(book, subject), key) for book in (further.strategy, further.baseline)]
        assert [number(text) for text in rows[label]] == pytest.approx(expected, abs=0.005)


def test_a_run_that_does_not_hold_them_has_no_such_section(run):
    assert report.section(dataclasses.replace(run, metrics=dataclasses.replace(run.metrics, further=None))) is None
    found = report.section(run)
    assert found.name == "further-figures" and len(found.parts) == 5


def test_an_end_of_an_interval_near_zero_shows_its_side_and_long_horizons_are_explained(further):
    sharpe = dataclasses.replace(further.strategy.sharpe, lower=-0.0031)
    found = report.sharpe_table(
        dataclasses.replace(further, strategy=dataclasses.replace(further.strategy, sharpe=sharpe))
    )
    assert by_label(found)["Strategy, Sharpe ratio"][2] == "\u22120.003"
    assert "Over long horizons is what" in found.note
