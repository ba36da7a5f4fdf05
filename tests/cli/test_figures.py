"""Figures of a run have one name and one unit on the terminal, and no figure loses its sign to rounding."""

import json

import pytest

from quantdl.cli.figures import FIGURES, Figure, figure_named, percent


def test_fractions_are_in_percent_and_money_is_grouped():
    assert figure_named("cagr").text(0.1629) == "16.3%"
    assert figure_named("costs.traded").text(137433339.6062) == "137,433,340"
    assert figure_named("n_returns").text(1006) == "1,006"
    assert figure_named("forecast.crps").text(0.0106941) == "106.94 bp"


@pytest.mark.parametrize(
    ("value", "shown"), [(-0.0031, "-0.003"), (0.0, "0.00"), (-0.01, "-0.01"), (2.08, "2.08"), (-1e-12, "0.00")]
)
def test_a_figure_near_zero_shows_on_which_side_it_lies(value, shown):
    assert Figure("Sharpe ratio").text(value) == shown


def test_text_stays_and_what_is_missing_is_undefined():
    assert percent("share").text(None) == "undefined"
    assert figure_named("worst_session").text("2020-03-12") == "2020-03-12"
    assert (figure_named("of_late").words, figure_named("of_late").text(0.5)) == ("of_late", "0.5000")


def test_every_single_figure_that_a_run_stores_has_words(small_run):
    metrics, selection = (json.loads((small_run / f"{name}.json").read_text()) for name in ("metrics", "selection"))
    single = (int, float, str, type(None))
    stored = {key for key, value in metrics["strategy"].items() if isinstance(value, single)}
    stored |= {f"costs.{key}" for key, value in metrics["costs"].items() if isinstance(value, single)}
    stored |= {f"forecast.{key}" for key, value in metrics["forecast"].items() if isinstance(value, single)}
    assert stored <= set(FIGURES)
    assert {key.removeprefix("selection.") for key in FIGURES if key.startswith("selection.")} <= set(selection)


def test_no_two_figures_have_the_same_words():
    words = [figure.words for figure in FIGURES.values()]
    assert len(words) == len(set(words))
