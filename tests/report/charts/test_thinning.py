"""A long series is drawn by its extremes: none of its peaks and falls is lost, and its page says so."""

import numpy as np
import pandas as pd
import pytest

from quantdl.report import charts
from quantdl.report.charts.canvas import add_line, add_marks, canvas, chart
from quantdl.report.charts.thinning import MOST_POINTS, extremes, spaced
from tests.report.drawings import traces, values

LONG = pd.Series(
    np.random.default_rng(0).standard_normal(20_000).cumsum(), pd.bdate_range("1950-01-02", periods=20_000)
)


def test_the_lowest_and_the_highest_of_every_stretch_and_both_ends_are_kept():
    kept = extremes(LONG)
    assert len(kept) <= MOST_POINTS + 2
    assert (kept.index[0], kept.index[-1]) == (LONG.index[0], LONG.index[-1])
    assert (kept.min(), kept.max()) == (LONG.min(), LONG.max())
    stretch = -(-len(LONG) // (MOST_POINTS // 2))
    groups = np.arange(len(LONG)) // stretch
    by_stretch, of_kept = LONG.groupby(groups), kept.groupby(pd.Series(groups, LONG.index)[kept.index])
    assert (of_kept.min() == by_stretch.min()).all() and (of_kept.max() == by_stretch.max()).all()


def test_a_series_as_long_as_a_screen_is_drawn_whole():
    assert len(extremes(LONG.iloc[:MOST_POINTS])) == MOST_POINTS


def test_gaps_hide_no_extreme_and_a_series_of_gaps_stays_one():
    holed = LONG.where(np.arange(len(LONG)) % 3 != 0)
    assert (extremes(holed).min(), extremes(holed).max()) == (holed.min(), holed.max())
    assert extremes(LONG * np.nan).isna().all()


@pytest.mark.parametrize(("n", "most"), [(0, 5), (1, 5), (5, 5), (6, 5), (1_000, 7)])
def test_spaced_points_end_with_the_last_and_are_no_more_than_asked_for(n, most):
    kept = spaced(n, most)
    assert len(kept) <= most + 1 and len(set(kept.tolist())) == len(kept)
    assert n == 0 or (kept[0], kept[-1]) == (0, n - 1)


def test_a_chart_says_that_it_was_thinned_and_only_then():
    drawing = canvas()
    add_line(drawing, LONG, "long", {"width": 1})
    add_marks(drawing, LONG.iloc[:10], "marks", {"size": 3})
    found = chart(drawing, "chart-x", "X", "Words.", 100)
    assert found.caption.startswith("Words. Of 20,000 bars the lowest and the highest")
    assert len(values(traces(found)["long"]["y"])) == len(extremes(LONG))
    assert "meta" not in found.data
    short = canvas()
    add_line(short, LONG.iloc[:100], "short", {"width": 1})
    assert chart(short, "chart-x", "X", "Words.", 100).caption == "Words."


def test_stacked_costs_keep_the_same_sessions():
    found = traces(charts.cumulative_costs({"Spread": LONG.abs().cumsum(), "Impact": LONG.abs().cumsum() * 2}))
    assert found["Spread"]["x"] == found["Impact"]["x"]
    assert len(found["Spread"]["x"]) <= MOST_POINTS + 1


def test_of_many_groups_and_sessions_some_are_drawn_and_it_is_said():
    exposures = pd.DataFrame(0.1, LONG.index[:2_000], [f"G{number}" for number in range(60)])
    found = charts.group_exposure(exposures, 0.4)
    (drawn,) = traces(found).values()
    assert len(drawn["y"]) == 40 and len(drawn["x"]) <= 1_501
    assert "The first 40 of 60 groups" in found.caption and "of 2,000 bars, evenly spaced" in found.caption
