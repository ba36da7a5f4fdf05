"""What the book held stands against the caps of the plan."""

import dataclasses
from datetime import date

import pytest

from quantdl.backtest.judging.summaries import LargestExposure
from quantdl.report import exposures
from quantdl.results.run_record import read_run
from tests.report.drawings import traces, values
from tests.report.sections import by_label, chart, column, number, table, words


def test_largest_exposures_are_held_against_the_cap(run):
    found = table(exposures.section(run), "Largest exposure per group")
    largest = run.tables.groups.max().sort_values(ascending=False)
    assert column(found, 0)[0] == largest.index[0]
    assert number(column(found, 1)[0]) == pytest.approx(100 * largest.iloc[0], abs=0.005)
    assert set(column(found, 4)) == {"40.00"}
    shown = {name: state for name, state in zip(column(found, 0), column(found, 5), strict=True)}
    assert all(("within" in state) == (largest[name] <= 0.4) for name, state in shown.items())


def test_an_asset_is_held_against_its_own_cap_with_the_day_and_the_excess(run):
    largest = (
        LargestExposure("KO", 0.1625, date(2020, 3, 16), -0.02),
        LargestExposure("PEP", 0.15, date(2021, 1, 4), 0.1),
        LargestExposure("GE", 0.0, None, 0.0),
    )
    changed = dataclasses.replace(run, breakdowns=dataclasses.replace(run.breakdowns, assets=largest))
    found = table(exposures.section(changed), "Largest weight per asset")
    assert by_label(found) == {
        "KO": ["16.25", "2020-03-16", "\u22122.00", "15.00", "\u2191 1.25 points above"],
        "PEP": ["15.00", "2021-01-04", "10.00", "15.00", "\u2713 within"],
        "GE": ["0.00", "never held", "0.00", "15.00", "\u2713 within"],
    }
    assert [row.cells[5].tone for row in found.rows] == ["open", "good", "good"]


def test_gross_and_net_are_drawn_as_recorded_with_the_caps_that_the_plan_states(run):
    """The plan caps gross exposure at 102 % and states no cap on net exposure."""
    found = traces(chart(exposures.section(run), "chart-exposure"))
    assert list(found) == ["Gross", "Net", "Gross cap 102%"]
    assert values(found["Gross"]["y"]) == pytest.approx((100 * run.tables.exposure["gross"]).tolist())
    assert values(found["Net"]["y"]) == pytest.approx((100 * run.tables.exposure["net"]).tolist())
    assert values(found["Gross cap 102%"]["y"]) == pytest.approx([102.0, 102.0])


def test_groups_are_drawn_as_recorded(run):
    (heat,) = traces(chart(exposures.section(run), "chart-groups")).values()
    groups = run.tables.groups
    assert heat["y"] == list(groups.columns)[::-1]
    expected = (100 * groups.to_numpy()).T[::-1].ravel()
    assert values(heat["z"]) == pytest.approx(expected.tolist(), abs=1e-4)
    assert heat["zmax"] == pytest.approx(40.0)


def test_a_run_without_groups_has_no_chart_of_them(files, write):
    files.frames["exposures.parquet"] = files.frames["exposures.parquet"][[]]
    section = exposures.section(read_run(write(files)))
    assert words(section) == ["No assets of this run were related, so there are no groups to hold against the cap."]
    assert [part.name for part in section.parts if part.kind == "chart"] == ["chart-exposure"]
    assert [part.caption for part in section.parts if part.kind == "table"] == ["Largest weight per asset"]
