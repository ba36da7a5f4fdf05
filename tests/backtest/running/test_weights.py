"""Weights by symbol, in order or as a decision lead to the same decision; unknown symbols are named."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from quantdl.backtest import Decision, Hold, Orders, as_decision
from quantdl.errors import RunError

VIEW: Any = SimpleNamespace(assets=("AAPL", "KO", "PG"), session=pd.Timestamp("2020-01-02"))


@pytest.mark.parametrize(
    "answer",
    [
        {"KO": 0.25, "AAPL": 0.5},
        pd.Series({"AAPL": 0.5, "KO": 0.25, "PG": 0.0}),
        np.array([0.5, 0.25, 0.0]),
        [0.5, 0.25, 0.0],
        (0.5, 0.25, 0.0),
    ],
    ids=["by symbol", "series", "array", "list", "tuple"],
)
def test_weights_are_one_for_each_asset_and_zero_for_those_not_named(answer: object) -> None:
    decision = as_decision(answer, VIEW, "rebalance")
    assert isinstance(decision, Decision)
    assert decision.weights.tolist() == [0.5, 0.25, 0.0]
    assert decision.rule == "rebalance"


@pytest.mark.parametrize("answer", [None, Hold("rebalance"), Orders(), Decision(np.zeros(3), "exit")])
def test_what_a_strategy_may_answer_stays_as_it_is(answer: object) -> None:
    assert as_decision(answer, VIEW, "rebalance") is answer


def test_an_unknown_asset_is_named_with_the_one_that_was_meant() -> None:
    expected = (
        "2020-01-02: weights for 'KOO', which the run does not hold; did you mean 'KO'? Its assets are AAPL, KO, PG."
    )
    with pytest.raises(RunError) as refused:
        as_decision({"KOO": 0.5}, VIEW, "rebalance")
    assert str(refused.value) == expected


def test_without_one_that_is_near_the_assets_are_named_all_the_same() -> None:
    with pytest.raises(RunError, match=r"weights for 'ZZZZ', which the run does not hold\. Its assets are AAPL"):
        as_decision({"ZZZZ": 0.5}, VIEW, "rebalance")


@pytest.mark.parametrize("weight", ["half", [0.1, 0.2]])
def test_a_weight_that_is_no_number_is_named_with_its_asset(weight: object) -> None:
    with pytest.raises(RunError, match=r"2020-01-02: weight of KO is .*Give a number"):
        as_decision({"KO": weight}, VIEW, "rebalance")


@pytest.mark.parametrize("answer", ["all in", 0.5, object()])
def test_what_is_no_weights_is_refused(answer: object) -> None:
    with pytest.raises(RunError, match="expected weights"):
        as_decision(answer, VIEW, "rebalance")
