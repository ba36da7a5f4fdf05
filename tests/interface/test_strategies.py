"""A strategy of a notebook: what is made anew for each run, what is stored, and what else it may be given to read."""

from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import pytest

from quantdl import plan as p
from quantdl.backtest import Decision, Hold
from quantdl.config import load_strategy
from quantdl.errors import ConfigError, RunError
from quantdl.interface.strategies import FunctionStrategy, handed_strategy
from tests.interface import typed_strategies as typed
from tests.interface.plans import equally

ONE_RULE = (p.Rule("monthly", "rebalance", "At the end of each month."),)
TWO_RULES = (*ONE_RULE, p.Rule("leave", "exit", "When it falls."))


class View:
    """As much of a view as these strategies read."""

    def __init__(self, due: bool = True) -> None:
        self.rebalance_due, self.assets = due, ("KO", "PG")
        self.listed = np.array([True, True])
        self.session = pd.Timestamp("2020-01-02")


DUE: Any = View()
NOT_DUE: Any = View(due=False)


def test_a_function_is_asked_when_the_cadence_is_due_and_its_weights_cite_the_only_rule() -> None:
    strategy = handed_strategy(equally, ONE_RULE).make()
    decision = strategy.decide(DUE)
    assert isinstance(decision, Decision)
    assert (decision.weights.tolist(), decision.rule) == ([0.45, 0.45], "monthly")
    assert strategy.decide(NOT_DUE) is None


def test_weights_under_several_rules_have_to_say_which() -> None:
    with pytest.raises(RunError, match="weights without a rule, and the plan has several"):
        handed_strategy(equally, TWO_RULES).make().decide(DUE)
    answered = FunctionStrategy(lambda view: Hold("leave"), {}, None).decide(DUE)
    assert answered == Hold("leave")


@pytest.mark.parametrize(
    ("strategy", "parameters"),
    [
        (typed.Even, {}),
        (typed.Even(0.5), {"share": 0.5}),
        (partial(typed.Even, share=0.25), {"share": 0.25}),
        (partial(typed.inverse_risk), {}),
        (equally, {}),
    ],
    ids=["class", "instance", "partial of a class", "partial of a function", "function"],
)
def test_the_stored_file_makes_the_same_strategy(strategy: object, parameters: dict[str, object], tmp_path) -> None:
    handed = handed_strategy(strategy, ONE_RULE)
    assert handed.parameters == parameters
    assert handed.outside == {}
    path = tmp_path / "strategy.py"
    path.write_text(handed.text)
    stored = load_strategy(path, handed.parameters)
    if strategy is equally:
        own, other = handed.make().decide(DUE), stored.decide(DUE)
        assert isinstance(own, Decision)
        assert isinstance(other, Decision)
        assert (own.weights.tolist(), own.rule) == (other.weights.tolist(), other.rule)
        assert stored.decide(NOT_DUE) is None
    elif isinstance(handed.make(), typed.Even):
        assert vars(stored) == vars(handed.make())


def test_each_run_begins_with_a_new_strategy() -> None:
    handed = handed_strategy(typed.Even(0.5), ONE_RULE)
    assert handed.make() == typed.Even(0.5)
    assert handed.make() is not handed.make()


def test_data_that_a_class_is_given_is_named_and_can_be_replaced() -> None:
    table = pd.DataFrame([[0.1, 0.2]], [DUE.session])
    handed = handed_strategy(typed.Following(table, 2.0), ONE_RULE)
    assert handed.outside.keys() == handed.read_when_called() == {"weights"}
    assert "super().__init__(scale=2.0, weights=weights)" in handed.text
    own, other = handed.make().decide(DUE), handed.reading({"weights": 2 * table}).decide(DUE)
    assert isinstance(own, Decision)
    assert isinstance(other, Decision)
    assert (own.weights.tolist(), other.weights.tolist()) == ([0.2, 0.4], [0.4, 0.8])


@pytest.mark.parametrize("closed_over", [False, True], ids=["global", "closure"])
def test_data_around_a_function_is_replaced_while_it_decides_and_restored(
    closed_over: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = pd.DataFrame([[1.0, -1.0], [-1.0, 1.0]], pd.bdate_range("2020-01-02", periods=2))
    monkeypatch.setattr(typed, "table", table)
    function = typed.closing_over(table) if closed_over else typed.one_bar_ahead
    handed = handed_strategy(function, ONE_RULE)
    (name,) = handed.outside
    before = handed.make().decide(DUE)
    other = handed.reading({name: -table}).decide(DUE)
    again = handed.make().decide(DUE)
    assert isinstance(before, Decision)
    assert isinstance(other, Decision)
    assert isinstance(again, Decision)
    assert before.weights.tolist() == again.weights.tolist() == other.weights[::-1].tolist()
    assert typed.table is table


@pytest.mark.parametrize(
    ("strategy", "message"),
    [
        (3, r"given int 3; expected a function `decide\(view\)`"),
        (
            typed.Remembering(0.5),
            r"no attribute share\. Fix: hand over functools\.partial\(Remembering, share=\.\.\.\)",
        ),
        (partial(typed.Even, 0.5), "arguments by position"),
        (partial(typed.Even, shares=0.5), "Even cannot be made: .*unexpected keyword argument 'shares'"),
        (typed.Remembering, r"Remembering cannot be made: .*Fix: hand over functools\.partial"),
        (pd.DataFrame, "DataFrame has no method decide"),
    ],
    ids=["number", "unknown making", "by position", "unknown argument", "missing argument", "other class"],
)
def test_what_is_no_strategy_is_refused_with_the_fix(strategy: object, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        handed_strategy(strategy, ONE_RULE).make().decide(DUE)


def test_a_function_of_more_than_the_view_is_refused() -> None:
    def decide(view: object, other: object) -> None:
        return None

    with pytest.raises(ConfigError, match=r"expected decide\(view\)"):
        handed_strategy(decide, ONE_RULE)
