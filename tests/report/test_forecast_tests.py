"""The tests of the risk forecasts in the report: every figure of the record, and a sentence that agrees with it."""

import dataclasses
from datetime import date

import numpy as np
import pandas as pd
import pytest

from quantdl.report import forecast_tests, market_risk
from quantdl.risk.backtests import basel_zone
from quantdl.risk.book.forecast_tests import EProcessRecord, ForecastTest, ForecastTests, MonitoredYear
from tests.report.sections import by_label, chart, table, words

RIGHT = ForecastTest("kupiec", 0.99, 0.7691, 0.43, "exact", 250)
WRONG = ForecastTest("weibull_durations", 0.99, 9.5, 0.004, "simulated", 250)
OPEN = ForecastTest("acerbi_szekely_z1", 0.99, None, None, "", 250, "there is no exception")
LAW = ForecastTest("berkowitz", None, 3.1, 0.376, "asymptotic", 250)
FOUND = ForecastTests(
    tests=(RIGHT, WRONG, OPEN, LAW),
    hypothetical=basel_zone(4),
    actual=basel_zone(6),
    lights_undefined="",
    e_processes=(
        EProcessRecord("exceptions", 0.99, 0.4, 3.5, date(2020, 3, 16)),
        EProcessRecord("transforms", None, 21.0, 25.5, date(2021, 5, 3)),
    ),
    years=(MonitoredYear(2020, 250, 4, 2.5, 0.512, 0.4, 0.8, 21.0),),
)


@pytest.fixture
def tested(run):
    sessions = pd.bdate_range("2020-01-01", periods=40)
    strip = pd.DataFrame({"exception": np.arange(40) == 7, "pit": np.linspace(0.01, 0.99, 40)}, sessions)
    for name in ("exceptions_money", "shortfall_money", "transforms_money"):
        strip[name] = 1.0
    metrics = dataclasses.replace(run.metrics, forecast_tests=FOUND)
    return dataclasses.replace(run, metrics=metrics, tables=dataclasses.replace(run.tables, monitoring=strip))


def test_every_test_has_its_figures_and_a_sentence(tested):
    rows = by_label(table(market_risk.section(tested), "Tests of the risk forecasts"))
    assert rows["Kupiec, coverage"] == ["99%", "0.769", "0.430", "250", "\u2713 As many exceptions as promised."]
    alone = "Below 0.05 alone, as if: exceptions come in clusters, or like a clock."
    assert rows["Durations"][2:] == ["0.004", "250", alone]
    assert rows["Acerbi-Szekely Z1"][-1] == "Undecided: there is no exception"
    assert rows["Berkowitz"][0] == "whole law"
    cells = {row.cells[0].text: row.cells[3] for row in forecast_tests.tests_table(FOUND, 0.0167).rows}
    assert (cells["Kupiec, coverage"].under, cells["Durations"].under) == ("exact", "simulated")
    assert (cells["Kupiec, coverage"].tone, cells["Durations"].tone) == ("plain", "plain")


@pytest.mark.parametrize("name", ["christoffersen_conditional", "kolmogorov_smirnov"])
def test_only_tests_that_the_checklist_asks_reject_and_only_below_its_threshold(name):
    def says(test, p_value):
        one = dataclasses.replace(RIGHT, test=test, p_value=p_value)
        found = forecast_tests.tests_table(dataclasses.replace(FOUND, tests=(one,)), 0.0167)
        assert "below 0.0167" in found.note
        return found.rows[0].cells[-1]

    assert says(name, 0.016).tone == "bad" and says(name, 0.016).text.startswith("\u2717 Rejected.")
    assert says(name, 0.02).tone == "plain" and says(name, 0.02).text.startswith("Below 0.05 alone")
    assert says("dynamic_quantile", 0.001).text.startswith("Below 0.05 alone")
    assert says(name, 0.06).tone == "good"


def test_every_test_that_a_run_makes_has_a_sentence():
    coverage = {"kupiec", "christoffersen_independence", "christoffersen_conditional", "dynamic_quantile"}
    others = {"weibull_durations", "acerbi_szekely_z1", "acerbi_szekely_z2", "kolmogorov_smirnov", "berkowitz"}
    assert set(forecast_tests.SAYS) == coverage | others


def test_both_lights_are_shown_with_their_multiplier(tested):
    rows = by_label(table(market_risk.section(tested), "Basel traffic light"))
    assert rows["Hypothetical: the book as held"] == ["green", "4", "0.892", "1.50"]
    assert rows["Actual: the account, after costs and all trades"] == ["yellow", "6", "0.986", "1.76"]


def test_lights_that_are_undefined_say_why(tested):
    few = dataclasses.replace(FOUND, hypothetical=None, actual=None, lights_undefined="there are 60 sessions.")
    run = dataclasses.replace(tested, metrics=dataclasses.replace(tested.metrics, forecast_tests=few))
    assert "The Basel traffic light is undefined: there are 60 sessions." in words(market_risk.section(run))


def test_e_processes_say_whether_they_ever_spoke_against_the_forecasts(tested):
    rows = by_label(table(market_risk.section(tested), "E-processes"))
    assert rows["That exceptions come too often"] == ["99%", "0.40", "3.50", "\u2713 It never reached 20."]
    assert rows["That losses do not fall evenly into their predicted law"][2:] == [
        "25.50",
        "It reached 20, which by itself speaks against the forecasts.",
    ]


def test_the_strip_is_drawn_with_words_and_with_a_table_behind_it(tested):
    section = market_risk.section(tested)
    assert "speak against the forecasts" in chart(section, "chart-monitor").caption
    rows = by_label(table(section, "Monitoring by year"))
    assert rows["2020"] == ["250", "4", "2.5", "0.512", "0.40", "0.80", "21.00"]


def test_a_run_without_the_record_shows_none_of_it(run):
    assert forecast_tests.parts(run) == ()
