"""Charts hold what they were given, under fixed ids, with names that stay names."""

import json

import numpy as np
import pandas as pd
import pytest

from quantdl.backtest.judging.summaries import HoldingTimes
from quantdl.report import charts, look

SESSIONS = pd.bdate_range("2019-01-01", periods=6)


def drawn(chart):
    return json.loads(chart.data)


def traces(chart):
    return {trace.get("name"): trace for trace in drawn(chart)["data"]}


def values(encoded):
    """Undo plotly's packing of arrays."""
    import base64

    if isinstance(encoded, dict):
        return np.frombuffer(base64.b64decode(encoded["bdata"]), dtype=encoded["dtype"]).tolist()
    return encoded


@pytest.fixture
def risk():
    loss = [0.01, 0.03, -0.02, 0.05, 0.0, 0.021]
    lines = [
        pd.DataFrame(
            {
                "session": SESSIONS,
                "level": level,
                "value_at_risk": limit,
                "loss": loss,
                "exception": np.array(loss) > limit,
            }
        )
        for level, limit in ((0.95, 0.02), (0.99, 0.04))
    ]
    return pd.concat(lines)


def test_exactly_the_exceptions_are_marked(risk):
    found = traces(charts.losses_against_predictions(risk, "history"))
    assert found["Exception at 95% (3)"]["x"] == ["2019-01-02", "2019-01-04", "2019-01-08"]
    assert found["Exception at 99% (1)"]["x"] == ["2019-01-04"]
    assert values(found["Exception at 99% (1)"]["y"]) == pytest.approx([5.0])


def test_marks_of_the_levels_differ_in_shape_and_lines_in_dash(risk):
    found = traces(charts.losses_against_predictions(risk, "history"))
    assert len({found[name]["marker"]["symbol"] for name in found if name.startswith("Exception")}) == 2
    assert len({found[name]["line"]["dash"] for name in found if name.startswith("Predicted")}) == 2


def test_growth_is_drawn_as_that_of_one_hundred():
    growth = pd.Series([1.0, 1.2, 0.9, 1.5, 1.6, 1.4], SESSIONS)
    chart = charts.equity_and_drawdown({"Book": growth}, {"Book": growth / growth.cummax() - 1})
    assert values(traces(chart)["Book"]["y"]) == pytest.approx([100, 120, 90, 150, 160, 140])
    assert values(traces(chart)["Book, drawdown"]["y"])[2] == pytest.approx(-25.0)
    assert drawn(chart)["layout"]["yaxis"]["type"] == "log"


def test_a_log_axis_always_has_ticks_to_read():
    for low, high in ((99.0, 101.0), (80.0, 130.0), (60.0, 400.0), (5.0, 90_000.0), (0.02, 100.0)):
        ticks = look.log_ticks(low, high)["tickvals"]
        assert len(ticks) >= 2, (low, high)
        assert all(0.97 * low <= tick <= 1.03 * high for tick in ticks)


def test_a_ruined_book_falls_back_to_a_linear_axis():
    equity = pd.Series([50.0, 60.0, 45.0, 20.0, 10.0, 0.0], SESSIONS)
    chart = charts.equity_and_drawdown({"Book": equity}, {"Book": equity / equity.cummax() - 1})
    assert drawn(chart)["layout"]["yaxis"]["type"] == "linear"


@pytest.mark.parametrize("name", ["1E5", "007", "NA", "TRUE", "2020-01-01"])
def test_tickers_that_look_like_numbers_stay_names(name):
    chart = charts.group_exposure(pd.DataFrame({name: [0.1] * 6}, SESSIONS), cap=0.4)
    axis = drawn(chart)["layout"]["yaxis"]
    assert axis["type"] == "category"
    assert axis["categoryarray"] == [name]


def test_every_cap_is_drawn_at_its_value():
    gross = pd.Series([0.9] * 6, SESSIONS)
    found = traces(charts.book_exposure(gross, gross, [charts.Cap("Gross cap", 1.5)]))
    assert values(found["Gross cap 150%"]["y"]) == [150.0, 150.0]


def test_stacked_costs_end_at_their_totals():
    costs = {"Commission": pd.Series([0.0, 0.001, 0.002, 0.002, 0.003, 0.004], SESSIONS)}
    assert values(traces(charts.cumulative_costs(costs))["Commission"]["y"])[-1] == pytest.approx(0.4)


def test_holding_times_draw_every_column_of_the_histogram():
    chart = charts.holding_times(HoldingTimes(12, (0, 12, 696), (3, 1, 1)), horizon=21)
    assert values(drawn(chart)["data"][0]["y"]) == [3, 1, 1]


def test_a_map_of_faults_holds_its_shares_in_percent_under_the_names_as_text():
    cells = pd.DataFrame([[100, 0], [50, 250]], ["1E5", "007"], ["2019", "2020"])
    chart = charts.fault_map(cells, [200, 250], "words")
    axis = drawn(chart)["layout"]["yaxis"]
    assert (axis["type"], axis["categoryarray"]) == ("category", ["007", "1E5"])
    assert values(drawn(chart)["data"][0]["z"]) == pytest.approx([25.0, 100.0, 50.0, 0.0])


def test_a_map_of_kinds_writes_every_count_and_leaves_out_zeros():
    chart = charts.kind_map(pd.DataFrame([[1000, 0], [1, 10]], ["Missing session", "Stale year"], ["2019", "2020"]))
    trace = drawn(chart)["data"][0]
    assert trace["text"] == [["1", "10"], ["1,000", ""]]
    logs = values(trace["z"])
    assert logs[:3] == [0.0, 1.0, 3.0]
    assert logs[3] is None or np.isnan(logs[3])


def test_the_same_data_gives_the_same_chart(risk):
    assert charts.losses_against_predictions(risk, "x") == charts.losses_against_predictions(risk, "x")


def test_no_default_template_swells_the_file(risk):
    template = drawn(charts.losses_against_predictions(risk, "x"))["layout"]["template"]
    assert len(json.dumps(template)) < 200
