"""Charts of the books hold what they were given, in percent where the axis says so, against the limits of the plan."""

import numpy as np
import pandas as pd
import pytest

from quantdl.backtest.judging.summaries import HoldingTimes
from quantdl.report import charts
from tests.report.drawings import drawn, traces, values

SESSIONS = pd.bdate_range("2019-01-01", periods=6)
DAYS = ["2019-01-01", "2019-01-02", "2019-01-03", "2019-01-04", "2019-01-07", "2019-01-08"]


def test_growth_is_drawn_as_that_of_one_hundred():
    growth = pd.Series([1.0, 1.2, 0.9, 1.5, 1.6, 1.4], SESSIONS)
    chart = charts.equity_and_drawdown({"Book": growth}, {"Book": growth / growth.cummax() - 1})
    assert values(traces(chart)["Book"]["y"]) == pytest.approx([100, 120, 90, 150, 160, 140])
    assert values(traces(chart)["Book, drawdown"]["y"]) == pytest.approx([0, 0, -25, 0, 0, -12.5])
    assert traces(chart)["Book"]["x"] == DAYS
    assert drawn(chart)["layout"]["yaxis"]["type"] == "log"


def test_each_book_has_the_same_line_above_and_below_and_one_entry_in_the_legend():
    growth = {name: pd.Series([1.0, 1.2, 0.9, 1.5, 1.6, 1.4], SESSIONS) for name in ("Own", "Other", "Third")}
    found = traces(charts.equity_and_drawdown(growth, {name: 0.0 * one for name, one in growth.items()}))
    assert all(found[name]["line"] == found[f"{name}, drawdown"]["line"] for name in growth)
    assert all(found[f"{name}, drawdown"]["showlegend"] is False for name in growth)
    assert [name for name in found if "fill" in found[name]] == ["Own, drawdown"]


def test_a_halt_is_drawn_at_its_session():
    growth = pd.Series([1.0, 1.2, 0.9, 1.5, 1.6, 1.4], SESSIONS)
    chart = charts.equity_and_drawdown({"Book": growth}, {"Book": 0.0 * growth}, halted="2019-01-04")
    line, after = drawn(chart)["layout"]["shapes"]
    assert (line["x0"], line["x1"], line["line"]["dash"]) == ("2019-01-04", "2019-01-04", "dot")
    assert (after["x0"], after["x1"]) == ("2019-01-04", str(SESSIONS[-1].date()))
    assert chart.caption.endswith("The dotted line is the halt on 2019-01-04. What follows is shaded grey.")


def test_stress_windows_are_shaded_where_the_books_were_held_and_numbered_between_the_curves():
    growth = pd.Series([1.0, 1.2, 0.9, 1.5, 1.6, 1.4], SESSIONS)
    spans = (
        charts.Span("storm <b>", "2018-11-01", "2019-01-03"),
        charts.Span("before", "2001-01-01", "2001-02-01"),
        charts.Span("calm", "2019-01-04", "2019-01-07"),
    )
    chart = charts.equity_and_drawdown({"Book": growth}, {"Book": growth / growth.cummax() - 1}, spans=spans)
    layout = drawn(chart)["layout"]
    shaded = [(one["x0"], one["x1"]) for one in layout["shapes"]]
    assert shaded == [(str(SESSIONS[0].date()), "2019-01-03"), ("2019-01-04", "2019-01-07")]
    names = layout["annotations"]
    assert [one["text"] for one in names] == ["1", "2"]
    below, above = layout["yaxis2"]["domain"][1], layout["yaxis"]["domain"][0]
    assert all(below < one["y"] < above for one in names)
    assert chart.caption.endswith("Shaded: 1 storm <b>, 2 calm.")


def test_the_words_read_out_for_the_picture_hold_its_figures():
    growth = pd.Series([1.0, 1.2, 0.9, 1.5, 1.6, 1.4], SESSIONS)
    chart = charts.equity_and_drawdown({"Book": growth}, {"Book": growth / growth.cummax() - 1})
    assert chart.described.endswith("Book ends at 140.0, its deepest fall is 25.0%.")


def test_a_ruined_book_falls_back_to_a_linear_axis():
    equity = pd.Series([50.0, 60.0, 45.0, 20.0, 10.0, 0.0], SESSIONS)
    chart = charts.equity_and_drawdown({"Book": equity}, {"Book": equity / equity.cummax() - 1})
    assert drawn(chart)["layout"]["yaxis"]["type"] == "linear"


def test_the_axis_spans_the_longest_of_several_books():
    growth = {"Early": pd.Series([1.0, 1.1], SESSIONS[:2]), "Late": pd.Series([1.0, 1.2, 1.3], SESSIONS[3:])}
    chart = charts.equity_and_drawdown(growth, {name: 0.0 * one for name, one in growth.items()})
    assert drawn(chart)["layout"]["xaxis"]["range"] == ["2019-01-01", "2019-01-08"]


@pytest.mark.parametrize("name", ["1E5", "007", "NA", "TRUE", "2020-01-01"])
def test_tickers_that_look_like_numbers_stay_names(name):
    chart = charts.group_exposure(pd.DataFrame({name: [0.1] * 6}, SESSIONS), cap=0.4)
    axis = drawn(chart)["layout"]["yaxis"]
    assert axis["type"] == "category"
    assert axis["categoryarray"] == [name]


def test_groups_are_drawn_by_size_whatever_their_sign_up_to_the_cap():
    held = pd.DataFrame({"Energy": [0.1, -0.2, 0.0, 0.3, 0.4, 0.5], "Tech": [0.0] * 6}, SESSIONS)
    chart = charts.group_exposure(held, cap=0.4)
    (heat,) = drawn(chart)["data"]
    assert heat["y"] == ["Tech", "Energy"]
    assert values(heat["z"]) == pytest.approx([0.0] * 6 + [10, 20, 0, 30, 40, 50])
    assert (heat["zmin"], heat["zmax"]) == (0.0, 40.0)
    assert chart.caption == "The darkest color is the cap of 40% of equity, or above."


def test_every_cap_is_drawn_at_its_value():
    gross = pd.Series([0.9] * 6, SESSIONS)
    found = traces(charts.book_exposure(gross, gross, [charts.Cap("Gross cap", 1.5)]))
    assert values(found["Gross cap 150%"]["y"]) == [150.0, 150.0]
    assert found["Gross cap 150%"]["x"] == ["2019-01-01", "2019-01-08"]


def test_gross_and_net_are_drawn_in_percent():
    gross, net = pd.Series([0.9] * 6, SESSIONS), pd.Series([-0.1, 0.0, 0.1, 0.2, 0.3, 0.4], SESSIONS)
    found = traces(charts.book_exposure(gross, net, []))
    assert values(found["Gross"]["y"]) == pytest.approx([90.0] * 6)
    assert values(found["Net"]["y"]) == pytest.approx([-10, 0, 10, 20, 30, 40])


def test_stacked_costs_end_at_their_totals():
    costs = {
        "Commission": pd.Series([0.0, 0.001, 0.002, 0.002, 0.003, 0.004], SESSIONS),
        "Impact": pd.Series([0.0, 0.0, 0.0, 0.0, 0.0, 0.01], SESSIONS),
    }
    found = traces(charts.cumulative_costs(costs))
    assert values(found["Commission"]["y"]) == pytest.approx([0, 0.1, 0.2, 0.2, 0.3, 0.4])
    assert values(found["Impact"]["y"])[-1] == pytest.approx(1.0)
    assert {trace["stackgroup"] for trace in found.values()} == {"costs"}


def test_each_session_has_one_stroke_in_the_row_of_its_regime():
    regimes = pd.Series(["calm", "calm", "stressed", "normal", "stressed", "calm"], SESSIONS)
    found = traces(charts.regime_strip(regimes))
    assert {name: trace["x"] for name, trace in found.items()} == {
        "calm": [DAYS[0], DAYS[1], DAYS[5]],
        "normal": [DAYS[3]],
        "stressed": [DAYS[2], DAYS[4]],
    }
    assert all(set(values(trace["y"])) == {name} for name, trace in found.items())
    assert len({trace["marker"]["line"]["color"] for trace in found.values()}) == 3


def test_holding_times_draw_every_column_of_the_histogram():
    chart = charts.holding_times(HoldingTimes(12, (0, 12, 696), (3, 1, 1)), horizon=21)
    assert values(drawn(chart)["data"][0]["y"]) == [3, 1, 1]


def test_a_column_of_holding_times_stands_over_the_middle_of_its_bars():
    """Of 12 bars from 0 to 11 the middle is 5.5; a column of one bar stands at that bar."""
    wide = charts.holding_times(HoldingTimes(12, (0, 12, 696), (3, 1, 1)), horizon=21)
    assert values(drawn(wide)["data"][0]["x"]) == [5.5, 17.5, 701.5]
    assert "each column spans 12 bars" in wide.caption
    narrow = charts.holding_times(HoldingTimes(1, (4, 7), (3, 1)), horizon=21)
    assert values(drawn(narrow)["data"][0]["x"]) == [4.0, 7.0]
    assert "each column spans one bar." in narrow.caption
    (line,) = drawn(narrow)["layout"]["shapes"]
    (note,) = drawn(narrow)["layout"]["annotations"]
    assert (line["x0"], note["x"], note["text"]) == (21, 21, "horizon: 21 bars")


def test_events_stand_at_their_sessions_in_the_row_of_their_condition():
    events = pd.DataFrame({"session": SESSIONS[[1, 4, 4]], "condition": ["stop_loss", "group_cap", "stop_loss"]})
    chart = charts.event_timeline(events, SESSIONS)
    (crosses,) = drawn(chart)["data"]
    assert crosses["x"] == [DAYS[1], DAYS[4], DAYS[4]]
    assert values(crosses["y"]) == ["Stop loss", "Group cap", "Stop loss"]
    assert drawn(chart)["layout"]["yaxis"]["categoryarray"] == ["Stop loss", "Group cap"]
    assert drawn(chart)["layout"]["xaxis"]["range"] == [DAYS[0], DAYS[5]]


@pytest.mark.parametrize(
    ("limit", "drawn_at", "course", "said"),
    [
        (charts.Limit(0.2, as_share=True), 20.0, [0.0, 5.0, 10.0, 15.0, 20.0, 25.0], "limit, 20%, at which"),
        (charts.Limit(6), 6, [0.0, 0.05, 0.1, 0.15, 0.2, 0.25], "limit, 6, at which"),
    ],
)
def test_a_condition_is_drawn_on_the_scale_of_its_limit(limit, drawn_at, course, said):
    chart = charts.condition_course(pd.Series(np.arange(6) * 0.05, SESSIONS, name="drawdown"), "chart-x", limit)
    (line,) = drawn(chart)["layout"]["shapes"]
    assert line["y0"] == line["y1"] == drawn_at
    assert values(drawn(chart)["data"][0]["y"]) == pytest.approx(course)
    assert said in chart.caption
    assert (chart.name, chart.title) == ("chart-x", "Drawdown against its limit")
