"""Charts of the data hold the shares and counts they were given, under the names as text."""

from datetime import date

import numpy as np
import pandas as pd
import pytest

from quantdl.report import charts
from tests.report.drawings import drawn, traces, values


def test_a_map_of_faults_holds_its_shares_in_percent_under_the_names_as_text():
    cells = pd.DataFrame([[100, 0], [50, 250]], ["1E5", "007"], ["2019", "2020"])
    chart = charts.fault_map(cells, [200, 250], "words")
    axis = drawn(chart)["layout"]["yaxis"]
    assert (axis["type"], axis["categoryarray"]) == ("category", ["007", "1E5"])
    assert values(drawn(chart)["data"][0]["z"]) == pytest.approx([25.0, 100.0, 50.0, 0.0])
    assert chart.caption == "words"


def test_a_map_of_kinds_writes_every_count_and_leaves_out_zeros():
    chart = charts.kind_map(pd.DataFrame([[1000, 0], [1, 10]], ["Missing session", "Stale year"], ["2019", "2020"]))
    trace = drawn(chart)["data"][0]
    assert trace["text"] == [["1", "10"], ["1,000", ""]]
    logs = values(trace["z"])
    assert logs[:3] == [0.0, 1.0, 3.0]
    assert logs[3] is None or np.isnan(logs[3])
    assert values(trace["customdata"]) == [1, 10, 1000, 0]


def test_a_map_of_prices_writes_only_shares_that_are_not_whole():
    shares = pd.DataFrame([[1.0, 0.992], [0.9996, np.nan], [0.0, 0.5]], ["GE", "KO", "RRC"], ["2001", "2002"])
    (heat,) = drawn(charts.traded_map(shares))["data"]
    assert heat["y"] == ["RRC", "KO", "GE"]
    assert heat["text"] == [["0", "50"], ["", ""], ["", "99"]]
    assert values(heat["customdata"])[:3] == [0.0, 50.0, 100.0]
    missing = values(heat["z"])
    assert [missing[place] for place in (0, 1, 4, 5)] == pytest.approx([100.0, 50.0, 0.0, 0.8], abs=1e-5)
    assert np.isnan(missing[3])
    assert (heat["zmin"], heat["zmax"]) == (0, 100)


def test_faults_are_lines_from_first_to_last_with_a_gap_between_them():
    found = [
        charts.DrawnFault("KO", "Stale year", date(2001, 1, 2), date(2001, 12, 28), "250 cells"),
        charts.DrawnFault("GE", "Zero close", date(2002, 5, 1), date(2002, 5, 1), "1 cell"),
        charts.DrawnFault("GE", "Stale year", date(2003, 1, 2), date(2003, 12, 30), "251 cells"),
    ]
    chart = charts.faults_over_time(found)
    by_kind = traces(chart)
    assert list(by_kind) == ["Stale year", "Zero close"]
    stale = by_kind["Stale year"]
    assert stale["x"] == ["2001-01-02", "2001-12-28", None, "2003-01-02", "2003-12-30", None]
    assert stale["y"] == ["KO", "KO", None, "GE", "GE", None]
    assert stale["customdata"][3] == "2003-01-02 to 2003-12-30, 251 cells"
    assert drawn(chart)["layout"]["yaxis"]["categoryarray"] == ["KO", "GE"]


def test_kinds_differ_in_color_and_in_mark():
    day = date(2001, 1, 2)
    found = traces(charts.faults_over_time([charts.DrawnFault("KO", f"Kind {n}", day, day, "") for n in range(7)]))
    assert len({trace["marker"]["color"] for trace in found.values()}) == 7
    assert len({trace["marker"]["symbol"] for trace in found.values()}) == 7


def test_names_are_escaped_in_every_chart_of_the_data():
    evil, shown = "<a href='x'>KO</a>", "&lt;a href='x'&gt;KO&lt;/a&gt;"
    counts = pd.DataFrame([[1]], [evil], ["2001"])
    fault = charts.DrawnFault(evil, evil, date(2001, 1, 2), date(2001, 1, 3), "1 cell")
    for chart in (charts.traded_map(counts / 2), charts.kind_map(counts), charts.fault_map(counts, [2], "")):
        assert drawn(chart)["data"][0]["y"] == [shown]
    (trace,) = drawn(charts.faults_over_time([fault]))["data"]
    assert (trace["name"], trace["y"][0]) == (shown, shown)
