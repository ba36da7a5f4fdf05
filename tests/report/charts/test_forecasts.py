"""Charts of what was predicted hold what they were given, and mark exactly what lies beyond a prediction."""

import numpy as np
import pandas as pd
import pytest

from quantdl.report import charts
from quantdl.risk.scores.pit_histogram import PitHistogram, ReliabilityPoint
from quantdl.training.fit import EpochRecord
from tests.report.drawings import drawn, traces, values

SESSIONS = pd.bdate_range("2019-01-01", periods=6)


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


def test_losses_and_predictions_are_drawn_in_percent_with_losses_upward(risk):
    chart = charts.losses_against_predictions(risk, "history")
    found = traces(chart)
    assert values(found["Realised loss (gains below zero)"]["y"]) == pytest.approx([1, 3, -2, 5, 0, 2.1])
    assert values(found["Predicted VaR 95%"]["y"]) == pytest.approx([2.0] * 6)
    assert values(found["Predicted VaR 99%"]["y"]) == pytest.approx([4.0] * 6)
    assert "Predictions: history, made before the session." in chart.caption
    assert chart.caption.endswith("At 95%: 3 exceptions in 6 sessions. At 99%: 1 exception in 6 sessions.")


def test_marks_of_the_levels_differ_in_shape_and_lines_in_dash(risk):
    found = traces(charts.losses_against_predictions(risk, "history"))
    assert len({found[name]["marker"]["symbol"] for name in found if name.startswith("Exception")}) == 2
    assert len({found[name]["line"]["dash"] for name in found if name.startswith("Predicted")}) == 2


def test_the_same_data_gives_the_same_chart(risk):
    assert charts.losses_against_predictions(risk, "x") == charts.losses_against_predictions(risk, "x")


def test_bars_of_the_histogram_fall_into_those_inside_the_band_and_those_outside():
    """Four bins of a quarter each: 0.25 and 0.26 lie within 0.02 of a quarter, 0.30 and 0.19 do not."""
    chart = charts.pit_histogram(PitHistogram((0.25, 0.30, 0.26, 0.19), (0.02,) * 4, 12_345))
    found = traces(chart)
    assert values(found["Inside the band"]["x"]) == pytest.approx([0.125, 0.625])
    assert values(found["Inside the band"]["y"]) == pytest.approx([25.0, 26.0])
    assert values(found["Outside the band"]["x"]) == pytest.approx([0.375, 0.875])
    assert values(found["Outside the band"]["y"]) == pytest.approx([30.0, 19.0])
    assert "pattern" in found["Outside the band"]["marker"] and "pattern" not in found["Inside the band"]["marker"]
    assert chart.caption.startswith("12,345 outcomes.")


def test_the_band_is_a_step_per_bin_around_the_uniform_share():
    chart = charts.pit_histogram(PitHistogram((0.5, 0.5), (0.02, 0.03), 100))
    low, high = (trace for trace in drawn(chart)["data"] if trace["type"] == "scatter")
    assert values(low["x"]) == values(high["x"]) == [0.0, 0.5, 0.5, 1.0]
    assert values(low["y"]) == pytest.approx([48, 48, 47, 47])
    assert values(high["y"]) == pytest.approx([52, 52, 53, 53])
    assert (high["name"], high["fill"]) == ("95% band if calibrated", "tonexty")


def test_reliability_is_drawn_against_the_diagonal_with_its_band():
    points = (ReliabilityPoint(0.05, 0.09, 0.02), ReliabilityPoint(0.5, 0.51, 0.03), ReliabilityPoint(0.95, 0.94, 0.02))
    chart = charts.reliability_diagram(points)
    found = traces(chart)
    assert values(found["Observed"]["x"]) == pytest.approx([5, 50, 95])
    assert values(found["Observed"]["y"]) == pytest.approx([9, 51, 94])
    low, high = (trace for trace in drawn(chart)["data"] if trace.get("name") != "Observed")
    assert values(low["y"]) == pytest.approx([3, 47, 93])
    assert values(high["y"]) == pytest.approx([7, 53, 97])
    assert "1 level of 3 outside the band" in chart.caption


def test_losses_of_training_are_drawn_by_pass_with_the_one_that_was_kept():
    epochs = [EpochRecord(1, -2.3, -2.2), EpochRecord(2, -2.5, -2.4), EpochRecord(3, -2.7, -2.35)]
    chart = charts.training_course(epochs, 2)
    found = traces(chart)
    assert values(found["Training"]["x"]) == values(found["Validation"]["x"]) == [1, 2, 3]
    assert values(found["Training"]["y"]) == [-2.3, -2.5, -2.7]
    assert values(found["Validation"]["y"]) == [-2.2, -2.4, -2.35]
    (line,) = drawn(chart)["layout"]["shapes"]
    assert line["x0"] == line["x1"] == 2
    assert "The pass kept is number 2," in chart.caption


def test_the_monitor_draws_every_session_once_and_the_money_that_is_known():
    strip = pd.DataFrame(
        {
            "exception": [False, True, False, False, True, False],
            "pit": [0.1, 0.995, 0.4, 0.6, 0.999, 0.2],
            "exceptions_money": [0.97, 4.1, 4.0, 3.9, 26.0, 25.0],
            "shortfall_money": [0.9, 1.1, 1.0, 1.0, 1.4, 1.3],
            "transforms_money": np.nan,
        },
        SESSIONS,
    )
    found = traces(charts.forecast_monitor(strip, 20.0))
    assert found["Exception (2)"]["x"] == ["2019-01-02", "2019-01-07"]
    assert values(found["Session"]["y"]) == pytest.approx([0.1, 0.4, 0.6, 0.2])
    assert values(found["Money on exceptions"]["y"])[4] == 26.0
    assert "Money on transforms" not in found
