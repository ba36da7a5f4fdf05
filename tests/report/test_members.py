"""The section on what the members of a model disagree on, which is absent where there are none."""

import dataclasses

import pytest

from quantdl.records import to_plain
from quantdl.report import members, write_report
from quantdl.report.html import build_report
from quantdl.risk.scores.member_spread import LevelParameterRisk, LevelSpread, MemberSpread, QuantileSpread
from tests.report.drawings import traces
from tests.report.sections import chart, column, table, words

LEVEL = LevelSpread(
    level=0.99,
    n=1006,
    value_at_risk=0.03,
    spread=0.003,
    share=0.1,
    low=0.025,
    high=0.035,
    widest_share=0.4,
    widest_on="2020-03-16",
)
SPREAD = MemberSpread((LEVEL,), (QuantileSpread(0.01, 20_120, 0.05, 0.004, 0.08),))


@pytest.fixture
def with_members(run):
    """The run as if its model had two members, one with twice the value at risk of the other."""
    risk = run.tables.risk
    apart = {"value_at_risk_low": 0.5 * risk["value_at_risk"], "value_at_risk_high": 1.5 * risk["value_at_risk"]}
    tables = dataclasses.replace(run.tables, risk=risk.assign(**apart))
    return dataclasses.replace(run, metrics=dataclasses.replace(run.metrics, member_spread=SPREAD), tables=tables)


def test_a_model_without_members_has_no_such_section(run):
    assert members.section(run) is None
    assert "members" not in [section.name for section in build_report(run).sections]


def test_a_plain_sentence_says_how_much_of_the_risk_is_not_known(with_members):
    (sentence,) = words(members.section(with_members))
    assert "value at risk at 99% between 2.50% and 3.50% of equity" in sentence
    assert "0.30% of equity, 10.00% of the value at risk" in sentence
    assert "widest before 2020-03-16, with 40.00%" in sentence


def test_a_sentence_says_what_not_knowing_the_parameters_costs(with_members):
    price = LevelParameterRisk(0.99, 1006, expected_shortfall=0.04, known=0.036, share=0.1, variance_between=0.02)
    spread = dataclasses.replace(SPREAD, parameters=(dataclasses.replace(price, level=0.95, share=0.5), price))
    metrics = dataclasses.replace(with_members.metrics, member_spread=spread)
    _, sentence = words(members.section(dataclasses.replace(with_members, metrics=metrics)))
    assert "expected shortfall at 99% is 4.00% of equity" in sentence
    assert "would be 3.60% on average, so not knowing them makes 10.00% of it" in sentence
    assert "2.00% lies between the members' means" in sentence


def test_each_figure_has_its_row(with_members):
    found = table(members.section(with_members), "What the members disagree on")
    assert column(found, 3) == ["0.30", "0.40"]
    assert column(found, 4) == ["10.00", "8.00"]


def test_the_band_reaches_over_the_members(with_members):
    drawn = traces(chart(members.section(with_members), "chart-members"))
    low, high, middle = drawn["Least of the members"], drawn["Range over the members"], drawn["Predicted VaR 99%"]
    assert high["fill"] == "tonexty"
    assert len(low["x"]) == len(high["x"]) == len(middle["x"])


def test_a_book_that_was_never_held_says_so(with_members):
    metrics = dataclasses.replace(with_members.metrics, member_spread=dataclasses.replace(SPREAD, book=()))
    section = members.section(dataclasses.replace(with_members, metrics=metrics))
    assert words(section) == ["The book was never held over a session for which its risk was predicted."]


def test_a_written_run_with_members_is_read_and_drawn(files, write, tmp_path):
    files.records["metrics.json"]["member_spread"] = to_plain(SPREAD)
    risk = files.frames["risk.parquet"]
    files.frames["risk.parquet"] = risk.assign(
        value_at_risk_low=risk["value_at_risk"], value_at_risk_high=risk["value_at_risk"], value_at_risk_spread=0.0
    )
    page = write_report(write(files), tmp_path / "report.html").read_text(encoding="utf-8")
    assert "Uncertainty of the parameters" in page and "chart-members" in page
