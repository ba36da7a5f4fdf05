"""Decisions to the last bit, and the same question asked again."""

from dataclasses import replace

import numpy as np
import pytest

from quantdl.audit.decisions import Recorder, Taken, decide_again, decide_all, shown_again, taken
from quantdl.audit.outside_reads import OutsideReads
from quantdl.backtest import Decision, Hold, Order, Orders, run_backtest
from tests.backtest.worlds import plan_for, random_walk, span, world


@pytest.fixture(scope="module")
def recorder() -> Recorder:
    """A strategy that was played over twelve sessions."""

    class Odd:
        def decide(self, view):
            if len(view.sessions) % 2:
                return None
            return Decision(np.full(2, 0.2 + 0.01 * len(view.sessions)), "rebalance")

    panel = world(random_walk(12, 2))
    recorder = Recorder(Odd(), OutsideReads())
    run_backtest(panel, plan_for(panel, sample={"minimum_sessions": 12}), recorder, *span(panel))
    return recorder


def test_every_question_is_kept_with_its_answer(recorder):
    assert [len(item.view.sessions) for item in recorder.asked] == list(range(1, 13))
    assert [item.answer.decides for item in recorder.asked] == [False, True] * 6


def test_a_view_that_is_shown_again_is_the_same_and_hides_the_future(recorder):
    for item in recorder.asked:
        again = shown_again(item.view)
        assert again.closes.tobytes() == item.view.closes.tobytes()
        assert again.closes.base is None and again.continuous_closes.base is None and not again.closes.flags.writeable
        assert (again.session, again.equity, again.limits) == (item.view.session, item.view.equity, item.view.limits)


def test_an_answer_is_out_of_reach_of_later_changes():
    weights = np.array([0.1, 0.2])
    before = taken(Decision(weights, "rebalance"))
    weights[0] = 0.5
    assert before == taken(Decision(np.array([0.1, 0.2]), "rebalance"))


def test_answers_differ_in_one_bit_in_the_rule_and_in_kind():
    one = Decision(np.array([0.1, 0.2]), "rebalance")
    others = [replace(one, weights=np.nextafter(one.weights, 1)), replace(one, rule="leave"), Hold("rebalance"), None]
    assert len({taken(one), *map(taken, others)}) == 5


def test_asking_the_same_strategy_again_gives_the_same(recorder):
    answers = decide_all(lambda: recorder.strategy, recorder.asked)
    assert answers == [item.answer for item in recorder.asked]
    assert decide_again(lambda: recorder.strategy, recorder.asked[:4]) == recorder.asked[3].answer


def test_what_a_strategy_raises_is_an_answer_and_the_last(recorder):
    class Fails:
        def decide(self, view):
            return None if len(view.sessions) < 3 else 1 / 0

    answers = decide_all(Fails, recorder.asked)
    assert answers == [
        Taken("nothing"),
        Taken("nothing"),
        Taken("raised", b"", ("ZeroDivisionError: division by zero",)),
    ]


def test_what_its_building_raises_is_an_answer(recorder):
    def build():
        raise IndexError("no such row")

    assert decide_again(build, recorder.asked) == Taken("raised", b"", ("IndexError: no such row",))


def test_single_orders_are_told_apart_to_the_last_bit():
    one, same, other = (Orders((Order("A00", size, "rebalance", "limit", 9.5),)) for size in (1.0, 1.0, 1.0 + 2**-52))
    assert taken(one) == taken(same) != taken(other)
    assert taken(one).decides and taken(one).rules == ("rebalance",)
