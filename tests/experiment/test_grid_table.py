"""A sweep shows every set, how the best one is to be judged, and nothing that could run."""

from dataclasses import replace
from datetime import date

from quantdl.experiment.grid_table import GridTable, SetRow
from quantdl.runs.selection import Selection

PLAYED = SetRow(0, {"fast": 5}, "played", 0.8983, 0.0567, 0.145, -0.0989, 18.2, 5920.1, 364, date(2018, 3, 1), "4e1f")
HOSTILE = SetRow(1, {"fast": "<script>alert(1)</script>"}, "failed", problem="<img src=x onerror=alert(1)>")
TABLE = GridTable("test", date(2017, 1, 3), date(2018, 12, 31), (PLAYED, HOSTILE), 0.6256, PLAYED, None)


def test_a_sheet_has_a_row_a_set_and_a_column_a_parameter():
    sheet = TABLE.sheet()
    assert sheet.columns[:3] == ("set", "fast", "Sharpe")
    assert [row[:3] for row in sheet.rows] == [(0, 5, 0.8983), (1, "<script>alert(1)</script>", None)]
    assert sheet.rows[0][-2] == date(2018, 3, 1)


def test_a_notebook_shows_it_as_text():
    shown = TABLE._repr_html_()
    assert "<script" not in shown and "<img" not in shown
    for text in ("&lt;script&gt;", "0.8983", "2018-03-01", "no result out of sample", "0.6256"):
        assert text in shown


def test_figures_of_many_trials_stand_below_or_say_why_there_are_none():
    undefined = {"deflated_sharpe": "fewer than two returns"}
    names = [name for name in Selection.__dataclass_fields__ if name != "undefined"]
    selection = Selection(**{**dict.fromkeys(names, 0.25), "deflated_sharpe": None}, undefined=undefined)
    shown = replace(TABLE, selection=selection)._repr_html_()
    assert "undefined: fewer than two returns" in shown
    assert "0.2500" in shown


def test_a_sweep_of_no_sets_is_shown_too():
    assert "no set has a Sharpe ratio" in replace(TABLE, rows=(), best=None)._repr_html_()
