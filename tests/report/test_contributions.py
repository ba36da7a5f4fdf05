"""The section on contributions of a run, which is absent where the run does not hold them."""

import dataclasses
from datetime import date

from quantdl.records import from_plain, to_plain
from quantdl.report import contributions
from quantdl.report.html import build_report
from quantdl.results.metrics import RunMetrics
from quantdl.risk.book.run_contributions import PartContribution, RunContributions
from tests.report.sections import by_label, chart, table, words

FOUND = RunContributions(
    level=0.975,
    session=date(2022, 12, 28),
    source="draws of the model",
    total=0.02,
    mean_total=0.025,
    n_sessions=25,
    positions=(
        PartContribution("AAPL", 0.6, 0.015, 0.0002, 0.5, 0.014),
        PartContribution("KO", 0.4, 0.005, 0.0001, 0.3, 0.004),
        PartContribution("OLD", 0.0, 0.0, 0.0, 0.2, 0.007),
    ),
    groups=(PartContribution("Technology", 0.6, 0.015, 0.0002, 0.5, 0.014),),
)


def with_contributions(run):
    return dataclasses.replace(run, metrics=dataclasses.replace(run.metrics, contributions=FOUND))


def test_a_run_without_them_has_no_such_section_and_its_record_no_such_key(run):
    assert contributions.section(run) is None
    assert "contributions" not in [section.name for section in build_report(run).sections]
    assert "contributions" not in to_plain(run.metrics)


def test_a_run_with_them_says_what_positions_and_groups_add(run):
    section = contributions.section(with_contributions(run))
    assert "at 97.5% of the book held after the fills of 2022-12-28 is 2.00% of equity" in words(section)[0]
    assert by_label(table(section, "What positions add"))["AAPL"] == ["60.00", "1.50", "0.02", "50.00", "1.40"]
    assert by_label(table(section, "What groups add"))["Technology"][1] == "1.50"
    assert "OLD" not in chart(section, "chart-contributions").data


def test_the_record_is_read_as_it_was_written(run):
    metrics = with_contributions(run).metrics
    assert from_plain(RunMetrics, to_plain(metrics)) == metrics
