"""The hypothesis is lost to equal weight, or held, on the yardstick that was stated beforehand."""

import pytest

from quantdl.backtest import Yardstick
from tests.backtest.judged import good_plan, judged, only, row


def test_a_strategy_that_loses_to_equal_weight_fails_by_how_much():
    cause = only("hypothesis", judged(yardstick=Yardstick(strategy=0.5, equal_weight=0.6)))
    assert cause == "loses to equal weight on its Sharpe ratio by 0.1000"


@pytest.mark.parametrize("name", ["max_drawdown", "expected_shortfall"])
def test_lower_is_better_for_losses(name):
    plan = good_plan(hypothesis={"yardstick": name})
    assert judged(plan, yardstick=Yardstick(0.2, 0.3)).verdict == "defended"
    assert only("hypothesis", judged(plan, yardstick=Yardstick(0.3, 0.2))).endswith("by 10.0000%")
    assert "at the same mean exposure" in row("hypothesis", judged(plan)).figure


def test_an_equal_figure_is_no_loss():
    assert judged(yardstick=Yardstick(0.6, 0.6)).verdict == "defended"


def test_the_figure_says_in_what_it_is_measured_where_the_name_does_not():
    figure = row("hypothesis", judged(yardstick=Yardstick(0.061, 0.05, "per bar"))).figure
    assert figure == "Sharpe ratio per bar 0.06, equal weight 0.05"


def test_figures_that_two_decimals_do_not_tell_apart_have_more():
    assert row("hypothesis", judged(yardstick=Yardstick(0.6012, 0.6034))).figure.endswith("0.6012, equal weight 0.6034")
    plan = good_plan(hypothesis={"yardstick": "expected_shortfall"})
    figure = row("hypothesis", judged(plan, yardstick=Yardstick(0.0259, 0.0326))).figure
    assert figure.startswith("95% expected shortfall 2.59%, equal weight 3.26% at")


def test_without_a_figure_nothing_is_decided():
    found = row("hypothesis", judged(yardstick=None))
    assert (found.passed, found.figure, found.cause) == (
        None,
        "Sharpe ratio undefined",
        "nothing to hold against equal weight",
    )
