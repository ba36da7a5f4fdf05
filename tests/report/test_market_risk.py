"""The backtests of value at risk, with a finding in words that names what was rejected."""

import dataclasses

import pytest

from quantdl.report import market_risk
from quantdl.results.run_record import read_run
from quantdl.risk.book.level_tests import LevelTests
from tests.report.drawings import traces
from tests.report.sections import chart, column, words

KNOWN = {"level": 0.99, "n": 1000, "expected": 10.0, "exceptions": 10, "undefined": {}}
UNDEFINED = dict.fromkeys(("kupiec_p", "independence_p", "christoffersen_p", "z2", "z2_p", "basel_zone"))


def with_tests(run, *tests, name="run"):
    return {name: dataclasses.replace(run.metrics, value_at_risk=tests)}


def level_tests(**figures):
    return LevelTests(**{**UNDEFINED, **KNOWN, **figures})


@pytest.mark.parametrize(
    ("test", "finding"),
    [
        ({"kupiec_p": 0.2, "independence_p": 0.3, "christoffersen_p": 0.3}, "\u2713 not rejected"),
        ({"kupiec_p": 0.01, "independence_p": 0.3, "christoffersen_p": 0.02}, "\u2717 rejected: frequency"),
        ({"kupiec_p": 0.2, "independence_p": 0.01, "christoffersen_p": 0.02}, "\u2717 rejected: clustering"),
        (
            {"kupiec_p": 0.2, "independence_p": 0.01, "christoffersen_p": 0.02, "successive": 0},
            "\u2717 rejected: even spacing",
        ),
        ({"kupiec_p": 0.2, "independence_p": 0.06, "christoffersen_p": 0.02}, "\u2717 rejected: jointly"),
        (
            {"kupiec_p": 0.01, "independence_p": 0.3, "christoffersen_p": 0.02, "z2_p": 0.001},
            "\u2717 rejected: frequency",
        ),
        (
            {"kupiec_p": 0.2, "independence_p": 0.06, "christoffersen_p": 0.03},
            "below 0.05 alone: jointly",
        ),
        (
            {"kupiec_p": 0.01, "independence_p": 0.3, "christoffersen_p": 0.03},
            "below 0.05 alone: frequency",
        ),
        (
            {"kupiec_p": 0.2, "independence_p": 0.3, "christoffersen_p": 0.3, "z2_p": 0.001},
            "below 0.05 alone: shortfall",
        ),
        ({"kupiec_p": None, "independence_p": None, "christoffersen_p": None}, "? undecided"),
    ],
)
def test_only_what_the_checklist_rejects_is_rejected_and_it_is_named(run, test, finding):
    """One level and the law as a whole are two tests, so that each rejects below 0.025."""
    found = market_risk.tests_table(with_tests(run, level_tests(**test)))
    assert column(found, 1) == [finding]
    tone = {"\u2713": "good", "\u2717": "bad", "?": "open"}.get(finding[0], "muted")
    assert [row.cells[1].tone for row in found.rows] == [tone]
    assert "test and rejects below 0.0250;" in found.note


def test_every_figure_of_a_level_has_its_cell(run):
    test = level_tests(
        n=1250, expected=12.5, exceptions=16, kupiec_p=0.0421, independence_p=0.00004, christoffersen_p=0.3,
        z2=-0.41, z2_p=0.21, basel_zone="yellow",
    )  # fmt: skip
    found = market_risk.tests_table(with_tests(run, test))
    cells = dict(zip((cell.text for cell in found.columns), found.rows[0].cells, strict=True))
    assert {name: cell.text for name, cell in cells.items() if name != "Result"} == {
        "Level": "99%",
        "Exceptions": "16",
        "Expected": "12.5",
        "Sessions": "1,250",
        "Kupiec p": "0.042",
        "Independence p": "< 0.001",
        "Christoffersen p": "0.300",
        "Basel zone": "yellow",
        "Z2": "\u22120.41",
    }
    assert cells["Z2"].under == "p 0.210"
    assert [cells[name].tone for name in ("Kupiec p", "Independence p", "Christoffersen p")] == ["plain"] * 3
    shown = {"level", "exceptions", "expected", "n", "kupiec_p", "independence_p", "christoffersen_p", "basel_zone"}
    worded = {"undefined", "left_out", "successive"}
    assert shown | {"z2", "z2_p"} | worded == {field.name for field in dataclasses.fields(LevelTests)}


def test_an_undefined_figure_is_its_reason(run):
    test = level_tests(level=0.95, undefined={"basel_zone": "defined at 99 %", "kupiec_p": "no sessions"})
    found = market_risk.tests_table(with_tests(run, test))
    names = [cell.text for cell in found.columns]
    cells = dict(zip(names, found.rows[0].cells, strict=True))
    assert cells["Basel zone"].text == "undefined: defined at 99 %"
    assert cells["Kupiec p"].text == "undefined: no sessions"
    assert "Z2" not in names


def test_several_runs_stand_under_their_names(run):
    wild = with_tests(run, level_tests(), level_tests(level=0.95), name="wild")
    found = market_risk.tests_table(with_tests(run, level_tests(z2=0.1), name="calm") | wild)
    assert "test and rejects;" in found.note  # runs of one and of two levels have no threshold in common
    assert [(row.heading, row.cells[0].text) for row in found.rows] == [
        (True, "calm"), (False, "99%"), (True, "wild"), (False, "99%"), (False, "95%"),
    ]  # fmt: skip
    assert column(found, -1) == ["0.10", "undefined", "undefined"]


def test_predictions_are_named_and_their_exceptions_counted_as_recorded(run):
    risk = run.tables.risk
    found = chart(market_risk.section(run), "chart-losses")
    assert "Predictions: transformer, made before the session." in found.caption
    for level, words_of in ((0.95, "95%"), (0.99, "99%")):
        counted = int(risk.loc[risk["level"] == level, "exception"].sum())
        assert f"Exception at {words_of} ({counted})" in traces(found)


def test_predictions_of_a_run_without_a_model_come_from_history(files, without_model, write):
    run = read_run(write(without_model(files)))
    assert market_risk.prediction_source(run) == "historical simulation"


def test_a_book_that_was_never_held_has_no_tests(files, write):
    files.frames["risk.parquet"] = files.frames["risk.parquet"].iloc[:0]
    section = market_risk.section(read_run(write(files)))
    assert words(section) == ["The book was never held over a session for which a value at risk could be predicted."]
    assert len(section.parts) == 1


def test_sessions_left_out_are_counted_beside_the_table_and_under_the_sessions(files, write):
    left = {
        "n": 41,
        "first": "2019-01-03",
        "last": "2019-03-04",
        "reason": "level 0.99 needs at least 100 observations",
    }
    files.records["metrics.json"]["value_at_risk"][1]["left_out"] = left
    run = read_run(write(files))
    section = market_risk.section(run)
    said = (
        "At 99%, 41 sessions held were left out, the first on 2019-01-03: level 0.99 needs at least 100 observations."
    )
    assert words(section)[-1] == said
    table = market_risk.tests_table({run.name: run.metrics})
    at = [cell.text for cell in table.columns].index("Sessions")
    assert [row.cells[at].under for row in table.rows] == ["", "41 left out"]


def test_the_table_says_why_fewer_sessions_are_tested_than_the_run_has(run):
    """Nothing is held before the first fill, which is a session after the first decision."""
    few = run.breakdowns.n_sessions - 2
    metrics = dataclasses.replace(run.metrics, value_at_risk=(level_tests(n=few),))
    said = words(market_risk.section(dataclasses.replace(run, metrics=metrics)))
    assert any(f"The test span has {few + 2:,} sessions." in text and "after the first fill" in text for text in said)
    whole = dataclasses.replace(run.metrics, value_at_risk=(level_tests(n=few + 2),))
    assert not any("first fill" in text for text in words(market_risk.section(dataclasses.replace(run, metrics=whole))))


def test_the_report_and_the_checklist_reject_the_same(run):
    """The checklist rejects by Christoffersen's test at a level below its share of 5% over all of its tests."""
    (item,) = (one for one in run.checklist.items if one.item == "forecast_calibration")
    rejected = [text for text in column(market_risk.tests_table({"run": run.metrics}), 1) if "rejected:" in text]
    assert len(rejected) == item.cause.count("Christoffersen")
