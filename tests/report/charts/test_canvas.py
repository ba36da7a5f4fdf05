"""What every chart is made of: no default template, lines and marks at their sessions, and a chart of plain JSON."""

import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from plotly.offline import get_plotlyjs_version

from quantdl.report.charts import canvas as canvas_file
from quantdl.report.charts.canvas import add_line, add_marks, canvas, chart, library
from tests.report.drawings import drawn, traces, values

VENDORED = Path(canvas_file.__file__).parents[1] / "vendored"
SESSIONS = pd.DatetimeIndex(["2019-01-02", "2019-01-03", "2019-01-07"])


def test_no_default_template_swells_the_file():
    template = drawn(chart(canvas(), "chart-x", "X", "", 100))["layout"]["template"]
    assert len(json.dumps(template)) < 200


def test_the_script_is_the_release_that_comes_with_plotly_and_names_its_licence():
    head = library()[:400]
    assert f"plotly.js (cartesian - minified) v{get_plotlyjs_version()}" in head
    assert "MIT license" in head and "Copyright" in head
    assert (VENDORED / "plotly-LICENSE.txt").read_text(encoding="utf-8").startswith("MIT License")
    assert "</script" not in library().lower()


def test_the_script_knows_every_kind_of_trace_that_the_charts_draw():
    """A partial bundle draws nothing of a kind that it lacks; each kind that it has registers itself by its name."""
    sources = "".join(path.read_text(encoding="utf-8") for path in (VENDORED.parent / "charts").glob("*.py"))
    drawn_kinds = set(re.findall(r"\.add_([a-z]+)\(", sources)) & {"scatter", "bar", "heatmap", "histogram", "pie"}
    assert {"scatter", "bar", "heatmap"} <= drawn_kinds
    missing = [kind for kind in drawn_kinds if not re.search(rf'moduleType:"trace",name:"{kind}"', library())]
    assert missing == []


def test_changes_of_the_layout_win_over_the_shared_look():
    layout = drawn(chart(canvas(hovermode="closest", showlegend=False), "chart-x", "X", "", 100))["layout"]
    assert (layout["hovermode"], layout["showlegend"], layout["paper_bgcolor"]) == ("closest", False, "#FFFFFF")


def test_a_line_holds_its_sessions_its_values_and_its_style():
    drawing = canvas()
    style = {"color": "#0072B2", "width": 2.0}
    add_line(drawing, pd.Series([1.0, np.nan, 3.5], SESSIONS), "R&D", style, digits=3, fill="tozeroy")
    line = traces(chart(drawing, "chart-x", "X", "", 100))["R&amp;D"]
    assert line["x"] == ["2019-01-02", "2019-01-03", "2019-01-07"]
    assert values(line["y"]) == pytest.approx([1.0, np.nan, 3.5], nan_ok=True)
    assert (line["mode"], line["line"], line["yhoverformat"], line["fill"]) == ("lines", style, ".3f", "tozeroy")


def test_marks_hold_their_sessions_and_their_marker():
    drawing = canvas()
    add_marks(drawing, pd.Series([2.0, 4.0], SESSIONS[:2]), "<i>", {"symbol": "x", "size": 9}, hoverinfo="skip")
    marks = traces(chart(drawing, "chart-x", "X", "", 100))["&lt;i&gt;"]
    assert marks["x"] == ["2019-01-02", "2019-01-03"]
    assert values(marks["y"]) == [2.0, 4.0]
    assert (marks["mode"], marks["marker"]) == ("markers", {"symbol": "x", "size": 9})
    assert marks["hoverinfo"] == "skip"


def test_a_chart_carries_its_words_and_its_height():
    found = chart(canvas(), "chart-x", "Title", "How to read it.", 321)
    assert (found.name, found.title, found.caption, found.height) == ("chart-x", "Title", "How to read it.", 321)
    assert drawn(found)["layout"]["height"] == 321
