"""Colors that can be told apart and read, axes that keep names as names, and ticks that are round and enough."""

import itertools

import numpy as np
import pandas as pd
import pytest

from quantdl.report import look

# Okabe and Ito, Color Universal Design (2008): their eight colors but for yellow, which is too pale on white.
OKABE_ITO = {
    "BLUE": (0, 114, 178),
    "SKY": (86, 180, 233),
    "ORANGE": (230, 159, 0),
    "VERMILLION": (213, 94, 0),
    "GREEN": (0, 158, 115),
    "PURPLE": (204, 121, 167),
}


def rgb(color):
    return tuple(int(color[place : place + 2], 16) for place in (1, 3, 5))


def luminance(color):
    """Relative luminance as WCAG 2.2 defines it."""
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in (part / 255 for part in rgb(color))]
    return float(np.dot((0.2126, 0.7152, 0.0722), linear))


def contrast(one, other):
    """Contrast ratio as WCAG 2.2 defines it: 1 to 21."""
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def test_the_formula_of_contrast_gives_its_published_ends():
    assert contrast("#000000", "#FFFFFF") == pytest.approx(21.0)
    assert contrast("#777777", "#FFFFFF") == pytest.approx(4.48, abs=0.005)


@pytest.mark.parametrize("name", OKABE_ITO)
def test_colors_are_those_of_okabe_and_ito(name):
    assert rgb(getattr(look, name)) == OKABE_ITO[name]


@pytest.mark.parametrize("color", [look.INK, look.SLATE, look.GREY])
def test_text_reads_on_white(color):
    """WCAG asks 4.5 of small text; GREY is that of the axis titles."""
    assert contrast(color, "#FFFFFF") >= 4.5


@pytest.mark.parametrize("color", [look.BLUE, look.SLATE, look.VERMILLION, look.GREEN])
def test_lines_stand_out_from_white(color):
    """WCAG asks 3 of graphics."""
    assert contrast(color, "#FFFFFF") >= 3.0


def test_figures_read_on_the_darkest_color_below_them():
    assert contrast(look.INK, "#5FA5D0") >= 4.5


def test_the_scale_darkens_all_the_way():
    places = [place for place, _ in look.WHITE_TO_BLUE]
    shades = [luminance(color) for _, color in look.WHITE_TO_BLUE]
    assert places[0] == 0.0 and places[-1] == 1.0 and places == sorted(places)
    assert all(before > after for before, after in itertools.pairwise(shades))


def test_books_differ_in_color_and_dash():
    styles = [look.line_style(position) for position in range(7)]
    assert len({(style["color"], style.get("dash", "solid")) for style in styles}) == 7
    assert styles[0]["width"] == max(style["width"] for style in styles)


def test_names_are_escaped_once_and_in_the_right_order():
    assert look.safe("<b>R&D</b>") == "&lt;b&gt;R&amp;D&lt;/b&gt;"
    assert look.safe("&lt;") == "&amp;lt;"
    assert look.safe("plain 'words'") == "plain 'words'"


def test_an_axis_of_names_keeps_them_as_text_in_their_order():
    axis = look.name_axis(("1E5", "007", "NA"))
    assert (axis["type"], axis["categoryorder"], axis["categoryarray"]) == ("category", "array", ["1E5", "007", "NA"])


def test_an_axis_of_dates_spans_the_earliest_to_the_latest():
    spans = [pd.bdate_range("2019-01-07", "2019-02-01"), pd.bdate_range("2019-01-02", "2019-01-10")]
    axis = look.date_axis(spans, anchor="y2")
    assert (axis["type"], axis["range"], axis["anchor"]) == ("date", ["2019-01-02", "2019-02-01"], "y2")


def test_percent_stands_on_the_ticks():
    axis = look.percent_axis("Loss [%]", rangemode="tozero")
    assert (axis["ticksuffix"], axis["rangemode"], axis["title"]["text"]) == ("%", "tozero", "Loss [%]")


def test_sessions_are_written_as_iso_dates():
    sessions = pd.to_datetime(["2019-01-02", "2020-02-29"])
    assert look.days(sessions) == look.days(pd.Series(sessions)) == ["2019-01-02", "2020-02-29"]


def test_a_log_axis_always_has_ticks_to_read():
    for low, high in ((99.0, 101.0), (80.0, 130.0), (60.0, 400.0), (5.0, 90_000.0), (0.02, 100.0)):
        ticks = look.log_ticks(low, high)["tickvals"]
        assert len(ticks) >= 2, (low, high)
        assert all(0.97 * low <= tick <= 1.03 * high for tick in ticks)


def test_ticks_of_a_log_axis_are_round_and_written_as_they_are():
    ticks = look.log_ticks(60.0, 400.0)
    assert ticks["tickvals"] == pytest.approx([60, 70, 80, 90, 100, 125, 150, 200, 250, 300, 400])
    assert ticks["ticktext"] == [f"{tick:g}" for tick in ticks["tickvals"]]
    assert look.log_ticks(90.0, 118.0)["tickvals"] == [90, 100, 110]
    assert look.log_ticks(99.0, 101.0)["tickvals"] == [99, 100, 101]


@pytest.mark.parametrize("low", [0.0, -5.0, 1e-5])
def test_a_curve_that_reaches_nothing_has_a_linear_axis(low):
    assert look.log_ticks(low, 100.0) == {"type": "linear"}
