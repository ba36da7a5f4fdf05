"""The chart of components keeps names as text and tells what adds from what takes away."""

import json

from quantdl.report.charts import components
from quantdl.report.look import BLUE, VERMILLION


def test_parts_are_drawn_from_the_top_in_percent_of_equity():
    drawn = json.loads(components("chart-x", "By position", {"1E5": 0.02, "007": -0.005}).data)
    (bars,) = drawn["data"]
    assert bars["y"] == ["007", "1E5"]  # plotly draws from the bottom
    assert bars["x"] == [-0.5, 2.0]
    assert bars["marker"]["color"] == [VERMILLION, BLUE]
    assert drawn["layout"]["yaxis"]["type"] == "category"


def test_of_many_parts_the_first_are_drawn_and_it_is_said():
    many = components("chart-x", "By position", {f"S{number}": 0.01 for number in range(40)})
    assert len(json.loads(many.data)["data"][0]["y"]) == 30
    assert "The first 30 of 40." in many.caption
