"""Charts of predicted laws."""

import pandas as pd
import pytest

from quantdl.report.charts import density, fan, figure, losses_of_book
from tests.report.drawings import drawn, traces, values

SESSIONS = pd.bdate_range("2019-01-01", periods=4)


@pytest.fixture
def drawing():
    quantiles = pd.DataFrame({0.01: -0.03, 0.05: -0.02, 0.5: 0.0, 0.95: 0.02, 0.99: 0.03}, SESSIONS)
    return fan(quantiles, pd.Series([0.0, -0.031, 0.029, 0.05], SESSIONS), "R&D")


def test_a_fan_holds_its_bands_in_percent(drawing):
    found = traces(drawing)
    assert values(found["1% to 99%"]["y"]) == pytest.approx([3.0] * 4)
    assert values(found["5% to 95%"]["y"]) == pytest.approx([2.0] * 4)
    assert found["1% to 99%"]["fill"] == "tonexty"
    assert values(found["Median"]["y"]) == pytest.approx([0.0] * 4)


def test_exactly_what_lies_beyond_the_fan_is_marked(drawing):
    found = traces(drawing)
    assert found["Beyond the fan (2)"]["x"] == ["2019-01-02", "2019-01-04"]
    assert "2 returns of 4 lay beyond 1% or 99%" in drawing.caption


def test_a_density_is_drawn_over_returns_in_percent_with_its_marks():
    chart = density(pd.Series([1.0, 2.0, 1.0], [-0.01, 0.0, 0.01]), {"q01": -0.02, "q99": 0.02}, "AAPL")
    assert values(drawn(chart)["data"][0]["x"]) == pytest.approx([-1.0, 0.0, 1.0])
    texts = [note["text"] for note in drawn(chart)["layout"]["annotations"]]
    assert texts == ["q01 -2.00%", "q99 2.00%"]


def test_losses_beyond_the_worst_mark_have_another_color():
    chart = losses_of_book([-0.02, 0.0, 0.02, 0.04], [0.5, 0.4, 0.1], {"VaR 90%": 0.02}, "A book", 1000)
    bars = drawn(chart)["data"][0]
    assert values(bars["x"]) == pytest.approx([-1.0, 1.0, 3.0])
    assert len({*bars["marker"]["color"][:2]}) == 1
    assert bars["marker"]["color"][2] != bars["marker"]["color"][0]


def test_a_figure_for_a_notebook_has_the_title_of_its_chart_escaped(drawing):
    shown = figure(drawing)
    assert shown.layout.title.text == "R&amp;D: predicted law and what came"
    assert len(shown.data) == len(drawn(drawing)["data"])
