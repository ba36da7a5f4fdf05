"""The conditions of the plan in words, their course against their limits, and every event."""

import dataclasses
from datetime import date

import pandas as pd
import pytest

from quantdl.backtest.plan.invalidation import (
    CalibrationLimit,
    DrawdownLimit,
    StaleDataLimit,
    VolatilityLimit,
)
from quantdl.report import interventions
from quantdl.report.document import Charts
from quantdl.results.run_record import read_run
from tests.report.drawings import drawn, values
from tests.report.sections import by_label, chart, column, number, table, words


def courses(section):
    small = next(part for part in section.parts if isinstance(part, Charts)).charts
    return {one.title.split(" against")[0]: one for one in small}


def test_each_condition_is_drawn_against_its_own_limit(run):
    limits = {name: chart.caption for name, chart in courses(interventions.section(run)).items()}
    assert "limit, 40%" in limits["Drawdown"]
    assert "limit, 90%" in limits["Volatility"]
    assert "limit, 20," in limits["Calibration"]


def test_courses_are_those_recorded_with_shares_in_percent(run):
    found = courses(interventions.section(run))
    for name, scale, limit in (("Drawdown", 100, 40.0), ("Calibration", 1, 20.0)):
        figure = drawn(found[name])
        recorded = scale * run.tables.conditions[name.lower()]
        assert values(figure["data"][0]["y"]) == pytest.approx(recorded.tolist())
        assert figure["layout"]["shapes"][0]["y0"] == pytest.approx(limit)


def test_stale_data_fires_one_bar_beyond_the_bars_stated(run):
    """More than five bars: the first count that fires is six."""
    conditions = pd.DataFrame({"stale_data": [0.0, 3.0]}, pd.bdate_range("2019-01-02", periods=2))
    changed = dataclasses.replace(run, tables=dataclasses.replace(run.tables, conditions=conditions))
    (found,) = courses(interventions.section(changed)).values()
    assert "limit, 6, at which it fires" in found.caption


def test_a_course_without_a_condition_of_the_plan_has_no_limit(run):
    conditions = pd.DataFrame({"moon": [0.0, 3.0]}, pd.bdate_range("2019-01-02", periods=2))
    changed = dataclasses.replace(run, tables=dataclasses.replace(run.tables, conditions=conditions))
    (found,) = courses(interventions.section(changed)).values()
    assert found.caption == "The plan states no single limit for it."
    assert "shapes" not in drawn(found)["layout"]


def test_conditions_are_put_in_words():
    said = interventions.condition_in_words
    assert said(DrawdownLimit("drawdown", 0.125)) == "Drawdown: equity stands 12.5% or more below its peak."
    assert said(VolatilityLimit("volatility", 0.9, 21)) == (
        "Volatility: the book's own volatility over 21 bars reaches 90% a year."
    )
    assert said(StaleDataLimit("stale_data", 5)) == "Stale data: a held asset makes no price for more than 5 bars."
    calibration = said(CalibrationLimit("calibration", 0.975, 0.05))
    assert "beyond the predicted 97.5% value at risk" in calibration and "probability 5% at most" in calibration


def test_every_condition_of_the_plan_is_listed(run):
    bullets = interventions.section(run).parts[0]
    assert [line.split(":")[0] for line in bullets.lines] == ["Drawdown", "Volatility", "Stale data", "Calibration"]


def test_a_halt_is_said_with_its_reason(run):
    assert words(interventions.section(run))[0] == "No condition fired: the run was never halted."
    halted = dataclasses.replace(run.metrics, halted_on=date(2020, 3, 16), halt_reason="drawdown of 41 %.")
    changed = dataclasses.replace(run, metrics=halted)
    assert words(interventions.section(changed))[0] == "The run was halted on 2020-03-16. Drawdown of 41 %."


def test_every_event_is_listed_and_counted(run):
    section = interventions.section(run)
    assert len(table(section, "Timeline of events").rows) == len(run.tables.events)
    assert sum(number(text) for text in column(table(section, "Interventions by kind"), 2)) == len(run.tables.events)


def test_an_event_is_shown_with_its_day_and_words_and_drawn_at_it(run):
    section = interventions.section(run)
    rows = [[cell.text for cell in row.cells] for row in table(section, "Timeline of events").rows]
    assert ["2020-03-16", "Related positions", "Group cap", "Health care: 0.412 cut to 0.400"] in rows
    (crosses,) = drawn(chart(section, "chart-events"))["data"]
    assert list(zip(crosses["x"], values(crosses["y"]), strict=True)) == [(row[0], row[2]) for row in rows]


def test_many_events_are_shortened_in_words(files, write):
    sessions = pd.bdate_range("2019-01-02", periods=75)
    columns = {"session": sessions, "item": "sizing", "condition": "stop_loss", "detail": "sold"}
    files.frames["events.parquet"] = pd.DataFrame(columns)
    section = interventions.section(read_run(write(files)))
    timeline = table(section, "Timeline of events")
    assert len(timeline.rows) == 60
    assert timeline.note == "The first 60 of 75 events; all of them are in events.parquet."
    tally = table(section, "Interventions by kind")
    assert tally.caption == "Interventions by kind: 75 events"
    assert by_label(tally) == {
        "Sizing": ["Stop loss", "75", "Size the position smaller, or state a wider sizing.stop_loss."]
    }
