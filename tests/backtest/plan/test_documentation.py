"""A documented result can be repeated, and its record follows from its own fills."""

from dataclasses import replace

import pytest

from tests.backtest.judged import failed, good_plan, good_run, judged, only, row


def test_a_run_that_nothing_says_how_to_repeat_fails():
    assert only("documentation", judged(reproduced_by=" ")) == "nothing says how to repeat the run"


def test_the_row_quotes_who_answers_and_what_repeats_the_run():
    plan = good_plan(documentation={"author": "B. Desk", "run_folder": "archive"})
    found = row("documentation", judged(plan))
    assert found.statement == "B. Desk answers for the run, kept under archive"
    assert found.figure == "config.yaml, seed 7, data sha256:0123456789ab"


def test_holdings_that_no_fill_explains_fail():
    quantities = good_run().quantities.copy()
    quantities.iloc[100:, 2] += 12.5
    cause = only("documentation", judged(result=replace(good_run(), quantities=quantities)))
    assert cause == "shares held on record and by the fills differ by up to 12.5, first on 2018-04-12"


@pytest.mark.parametrize("column", ["equity", "costs"])
def test_money_that_no_fill_explains_fails(column):
    equity = good_run().equity.copy()
    equity.iloc[100, equity.columns.get_loc(column)] += 1000.0
    cause = only("documentation", judged(result=replace(good_run(), equity=equity)))
    assert cause == f"{column} on record and by the fills differ by up to 1,000, first on 2018-04-12"


def test_weights_that_no_fill_explains_fail():
    """Value at risk is predicted for the weights on record."""
    weights = good_run().weights_after_fill.copy()
    weights.iloc[100, 2] += 0.05
    cause = only("documentation", judged(result=replace(good_run(), weights_after_fill=weights)))
    money = 0.05 * good_run().equity["equity"].iloc[100]
    assert cause == f"money in positions on record and by the fills differ by up to {money:,.4g}, first on 2018-04-12"


def test_a_return_that_no_fill_explains_fails():
    """It is the loss that is held against the value at risk: a hidden one hides an exception."""
    equity = good_run().equity.copy()
    equity.iloc[100, equity.columns.get_loc("held_return")] += 0.02
    cause = only("documentation", judged(result=replace(good_run(), equity=equity)))
    money = 0.02 * good_run().equity["equity"].iloc[99]
    assert (
        cause == f"gains of the book held on record and by the fills differ by up to {money:,.4g}, first on 2018-04-12"
    )


def test_a_fill_that_was_left_out_of_the_record_fails():
    causes = failed(judged(result=replace(good_run(), fills=good_run().fills.drop(index=6))))
    assert "shares held on record and by the fills differ" in causes["documentation"]
