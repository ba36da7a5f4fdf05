"""Two sentences that say what was found and what to do about it, in words that need no statistics."""

from dataclasses import replace

import numpy as np
import pytest

from quantdl.backtest.judging.checklist import Checklist, ChecklistItem
from quantdl.backtest.plan.items import ITEMS
from quantdl.results.plain_verdict import plain_verdict
from quantdl.results.run_record import read_run
from quantdl.risk.book.level_tests import LevelTests, value_at_risk_tests
from tests.recorded_run import simulate, write_run
from tests.risk.book.made_risk import risk_rows

USE_NOTHING = "Do not use its figures before that is mended."


def item(name, passed, cause="", figure="measured"):
    return ChecklistItem(name, passed, "promised", figure, cause)


def checked(*items):
    passed = {one.passed for one in items}
    stated = "not defended" if False in passed else "relative evidence only" if None in passed else "defended"
    return Checklist(stated, items)


def level_tests(level, n, exceptions, joint, coverage):
    return LevelTests(level, n, exceptions, (1 - level) * n, coverage, 0.5, joint, None, None, None, {})


@pytest.fixture(scope="module")
def metrics(tmp_path_factory):
    return read_run(write_run(tmp_path_factory.mktemp("runs"), simulate(7), "calm-twelve")).metrics


def miscalibrated(metrics, *tests, frequency="1D"):
    failed = item("forecast_calibration", False, "rejected by Christoffersen")
    return plain_verdict(checked(failed), replace(metrics, value_at_risk=tests), frequency)


def test_too_many_exceptions_are_counted_against_those_promised(metrics):
    found = miscalibrated(metrics, level_tests(0.95, 1004, 60, 0.4, 0.3), level_tests(0.99, 1004, 25, 0.0004, 0.0002))
    assert found.headline == ("Losses of the book were worse than its 99% limit on 25 of 1,004 days; 10 were promised.")
    assert found.advice == "Do not rely on its value at risk."
    assert found.reasons == ()


def test_too_few_exceptions_are_said_to_be_few(metrics):
    found = miscalibrated(metrics, level_tests(0.95, 1004, 12, 1e-9, 1e-9))
    assert found.headline == (
        "Losses of the book were worse than its 95% limit on only 12 of 1,004 days; 50 were promised."
    )


@pytest.mark.parametrize(
    ("n", "promised"), [(100, "1 was promised"), (20, "less than one was promised"), (300, "3 were promised")]
)
def test_what_was_promised_is_a_whole_number_of_days(metrics, n, promised):
    found = miscalibrated(metrics, level_tests(0.99, n, 9, 1e-6, 1e-6))
    assert found.headline.endswith(f"on 9 of {n} days; {promised}.")


def test_exceptions_in_clusters_are_told_from_too_many(metrics):
    found = miscalibrated(metrics, level_tests(0.99, 1004, 11, 0.001, 0.7))
    assert found.headline == "Losses of the book worse than its 99% limit, 11 on 1,004 days, came close together."


def test_the_order_of_exceptions_is_told_as_it_is(metrics):
    """Sixty exceptions on 1,000 days, once every fourteenth day and once in twenty rows of three."""
    apart, in_rows = np.zeros((2, 1000), dtype=bool)
    apart[10 : 10 + 14 * 60 : 14] = True
    for first in range(10, 910, 45):
        in_rows[first : first + 3] = True
    told = [miscalibrated(metrics, *value_at_risk_tests(risk_rows(hits, 0.95))).headline for hits in (apart, in_rows)]
    begins = "Losses of the book worse than its 95% limit, 60 on 1,000 days,"
    assert told == [f"{begins} lay further apart than chance would put them.", f"{begins} came close together."]


def test_forecasts_rejected_by_their_whole_law_alone_count_no_days(metrics):
    found = miscalibrated(metrics, level_tests(0.95, 1004, 52, 0.6, 0.7), level_tests(0.99, 1004, 11, 0.8, 0.7))
    assert found.headline == "The book's losses did not fall where its predicted law says."


@pytest.mark.parametrize(("frequency", "unit"), [("1D", "days"), ("60min", "bars"), ("1W", "weeks"), ("1M", "months")])
def test_losses_are_counted_in_bars_of_their_length(metrics, frequency, unit):
    found = miscalibrated(metrics, level_tests(0.99, 1004, 25, 1e-4, 1e-4), frequency=frequency)
    assert f"25 of 1,004 {unit};" in found.headline


def test_the_failure_that_spoils_every_figure_comes_first_and_others_are_reasons(metrics):
    found = plain_verdict(
        checked(
            item("hypothesis", False, "loses to equal weight", "Sharpe ratio 0.52, equal weight 0.61"),
            item("sizing", False, "max_loss_per_trade = 5% is exceeded"),
            item("rules", False, "3 orders cite no rule"),
            item("friction", None, "liquidity is waived"),
        ),
        metrics,
    )
    assert found.headline == "Not every order follows a rule of the plan: 3 orders cite no rule."
    assert found.advice == USE_NOTHING
    assert found.reasons == (
        "The strategy did no better than holding every asset in equal parts: Sharpe ratio 0.52, equal weight 0.61.",
        "The book did not keep the plan's limits of size and loss: max_loss_per_trade = 5% is exceeded.",
    )


def test_costs_above_what_the_profit_bears_are_told_from_wrong_costs(metrics):
    lost = replace(metrics.costs, stated_bps=3.0, break_even=replace(metrics.costs.break_even, bps=1.0, lower_bps=1.0))
    failed = checked(item("friction", False, "the stated costs are 2.0 bps above what the profit can bear"))
    found = plain_verdict(failed, replace(metrics, costs=lost))
    assert found.headline.startswith("Its costs are more than the profit can bear: the stated costs are 2.0 bps above")
    assert found.advice == "Do not trade it at these costs."
    wrong = checked(item("friction", False, "4 fills were charged otherwise than stated, 12.00 in all"))
    assert plain_verdict(wrong, metrics).advice == USE_NOTHING


def test_fills_beyond_the_plan_weigh_more_than_costs_that_the_profit_cannot_bear(metrics):
    lost = replace(metrics.costs, stated_bps=3.0, break_even=replace(metrics.costs.break_even, bps=1.0, lower_bps=1.0))
    both = "more traded than the participation allows, 2 times; the stated costs are 2.0 bps above what it can bear"
    found = plain_verdict(checked(item("friction", False, both)), replace(metrics, costs=lost))
    assert found.headline.startswith("Costs or fills were not as the plan states: more traded than")
    assert found.advice == USE_NOTHING


def test_forecasts_tested_in_part_are_not_said_to_be_untested(metrics):
    untold = checked(item("forecast_calibration", None, "Christoffersen, 99% says nothing"))
    tested = replace(metrics, value_at_risk=(level_tests(0.95, 40, 2, 0.6, 0.7), level_tests(0.99, 40, 0, None, None)))
    found = plain_verdict(untold, tested)
    assert found.headline == (
        "Nothing broke the plan, but not every test of the forecasts could be made: Christoffersen, 99% says nothing."
    )
    assert found.advice.startswith("Rely on its value at risk only as far as")
    none = plain_verdict(untold, replace(metrics, value_at_risk=()))
    assert "the forecasts could not be tested" in none.headline


def test_evidence_that_is_only_relative_names_what_limits_it_most(metrics):
    found = plain_verdict(
        checked(
            item("friction", None, "liquidity is waived (signed: the desk), capacity is undefined"),
            item("trusted_data", None, "the universe was chosen knowing its survivors, so only comparisons count"),
            item("sizing", True),
        ),
        metrics,
    )
    assert found.headline == (
        "Nothing broke the plan, but the universe was chosen knowing its survivors, so only comparisons count."
    )
    assert found.advice == "Do not read its profit as what money would have earned."
    assert found.reasons == ("Not all costs are known: liquidity is waived (signed: the desk), capacity is undefined.",)


def test_a_defended_run_says_what_both_books_earned(metrics):
    strategy = replace(metrics.strategy, cagr=0.0712, max_drawdown=-0.2349)
    found = plain_verdict(
        checked(item("sizing", True)),
        replace(metrics, strategy=strategy, baseline=replace(metrics.baseline, cagr=-0.011)),
    )
    assert found.headline == (
        "Every check of the plan holds: after all costs the strategy earned 7.1% a year, where equal weight lost "
        "1.1%, and stood at most 23.5% below its peak."
    )
    assert found.reasons == ()


def test_over_less_than_a_year_nothing_is_said_to_be_a_year(metrics):
    short = replace(metrics, strategy=replace(metrics.strategy, cagr=None, total_return=0.03))
    assert "earned 3.0% in all" in plain_verdict(checked(item("sizing", True)), short).headline


def test_an_item_of_another_version_is_named_in_words(metrics):
    found = plain_verdict(checked(item("moon_phase", False, "it was full")), metrics)
    assert found.headline == "The check of moon phase failed: it was full."


@pytest.mark.parametrize("passed", [False, None])
@pytest.mark.parametrize("name", [one.name for one in ITEMS])
def test_every_item_of_the_plan_has_two_sentences(metrics, name, passed):
    found = plain_verdict(checked(item(name, passed, "it is so")), metrics)
    for sentence in (found.headline, found.advice):
        assert sentence[0].isupper() and sentence.endswith(".") and "_" not in sentence


def test_the_record_of_a_run_says_it_of_itself(files, write):
    run = read_run(write(files))
    assert run.plain_verdict == plain_verdict(run.checklist, run.metrics)


def test_a_strategy_that_never_traded_is_said_to_have_never_traded(metrics):
    """It is no order that broke a rule, and no cost that ate a profit."""
    idle = checked(item("hypothesis", True), item("rules", False, "nothing was traded"))
    found = plain_verdict(idle, metrics)
    assert found.headline == "The strategy never traded."
    assert found.advice == "Its figures are those of cash."
    assert found.reasons == ()
