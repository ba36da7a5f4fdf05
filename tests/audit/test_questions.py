"""The strategy asked again: what it reads behind the view is found, with its reach; memory is no leak."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from quantdl.audit.audit import audit
from quantdl.audit.decisions import Recorder
from quantdl.audit.outside_reads import OutsideReads
from quantdl.audit.questions import OneBarAhead, Questions, planted_strategy_is_found
from quantdl.backtest import Decision, Hold
from quantdl.backtest.running.asking import play_strategy
from tests.audit.test_futures import futures_of
from tests.leaks.clean import CoolsDown, Remembers
from tests.leaks.market import frame, pipeline, true_world
from tests.leaks.planted import Knowing, next_move


def questions_of(build, futures=None) -> Questions:
    futures = futures or futures_of(strategy=build)
    recorder = Recorder(build(futures.world), OutsideReads())
    play_strategy(futures.base["terms of the backtest"], recorder, futures.pipeline.forecasts(futures.base))
    return Questions(futures, build, recorder.asked)


def decided(questions: Questions) -> list[int]:
    return [number for number, item in enumerate(questions.asked) if item.answer.decides]


def test_a_strategy_with_memory_is_reproduced_and_known_to_remember():
    for build, remembers in (
        (lambda world: Remembers(0.9), True),
        (lambda world: Knowing(lambda at: np.zeros(5)), False),
    ):
        questions = questions_of(build)
        assert questions.reproduced() is None
        assert questions.remembers is remembers


def test_a_strategy_with_memory_does_not_leak():
    questions = questions_of(lambda world: CoolsDown(3))
    questions.reproduced()
    assert all(questions.leak(number, turn) is None for turn, number in enumerate(decided(questions)[:8]))


@pytest.mark.parametrize("bars", [1, 2, 6])
def test_the_reach_of_a_closure_is_the_one_that_was_planted(bars):
    questions = questions_of(lambda world: Knowing(next_move(world.panel, bars)))
    questions.reproduced()
    leak = questions.leak(decided(questions)[3], 0)
    assert (leak.stage, leak.bars_ahead, leak.furthest, leak.reads) == ("strategy", bars, bars, ("close",))


def test_a_strategy_that_fails_without_the_future_leaks():
    def likes_in(panel):
        closes = panel.closes
        return lambda at: np.nan_to_num(closes[min(at + 1, 129)])

    questions = questions_of(lambda world: Knowing(likes_in(world.panel)))
    leak = questions.leak(decided(questions)[3], 2)  # a flat future
    assert leak is not None
    short = replace(questions, asked=questions.asked)
    answer = short.answer(questions.futures.truncated_at(questions.asked[decided(questions)[3]].view.session), 20)
    assert answer.kind == "raised" and "IndexError" in answer.rules[0]


def test_a_strategy_without_a_seed_is_not_reproduced_and_no_leak():
    generator = np.random.default_rng()

    class Throws:
        def decide(self, view):
            return Decision(0.1 * generator.random(5) * view.listed, "rebalance")

    report = audit(pipeline(strategy=lambda world: Throws()), cuts=3)
    assert report.verdict == "INCONCLUSIVE" and report.exit_code == 7
    assert "random numbers without a seed" in report.reasons[-1]


def test_the_audits_own_leak_looks_one_bar_ahead():
    panel = true_world().panel
    leaky = OneBarAhead(Knowing(lambda at: np.zeros(5)), panel)
    questions = questions_of(lambda world: Knowing(lambda at: np.zeros(5)))
    views = [questions.asked[number].view for number in decided(questions)]
    plain = [Knowing(lambda at: np.zeros(5)).decide(view).weights for view in views]
    for view, weights in zip(views[:-1], plain, strict=False):
        later = np.nan_to_num(panel.closes[len(view.sessions)]).sum()
        np.testing.assert_array_equal(leaky.decide(view).weights, weights + 1e-9 * np.log1p(later))


def test_a_hold_that_looks_ahead_is_told_from_one_that_does_not():
    class Holds:
        def decide(self, view):
            return Hold("rebalance")

    questions = questions_of(lambda world: Holds())
    assert planted_strategy_is_found(questions, 5)


def test_the_self_test_fails_where_nothing_behind_the_view_is_changed(monkeypatch):
    questions = questions_of(lambda world: Remembers(0.5))
    questions.reproduced()
    assert planted_strategy_is_found(questions, decided(questions)[2])
    blind = replace(questions, futures=Unchanging(questions.futures.pipeline, questions.futures.base))
    assert not planted_strategy_is_found(blind, decided(questions)[2])


class Unchanging(type(futures_of())):
    """An audit that forgot to change the future."""

    def rewritten_after(self, session, number):
        return "noise", self.world

    def truncated_at(self, session):
        return self.world


def test_a_file_that_is_read_too_far_is_found_with_its_reach(tmp_path):
    path = tmp_path / "closes.csv"
    frame(true_world().panel).rename_axis("date").to_csv(path)

    def build(world):
        closes = np.nan_to_num(pd.read_csv(path, index_col=0).to_numpy())
        return Knowing(lambda at: closes[min(at + 4, len(closes) - 1)] / 100)

    questions = questions_of(build)
    leak, unchanged = questions.file_leak(decided(questions)[2])
    assert (leak.furthest, leak.reads, unchanged) == (4, (str(path),), [])


def test_a_file_that_is_opened_past_open_is_never_called_clean(tmp_path):
    path = tmp_path / "closes.csv"
    frame(true_world().panel).rename_axis("date").to_csv(path)

    class Reads:
        def decide(self, view):
            if len(view.sessions) % 3:
                return None
            closes = np.nan_to_num(np.genfromtxt(path, delimiter=",", skip_header=1)[:, 1:])
            later = closes[min(len(view.sessions), len(closes) - 1)]
            return Decision(0.1 * view.listed * np.tanh(later / 100), "rebalance")

    report = audit(replace(pipeline(strategy=lambda world: Reads()), built_from_world=False), cuts=2)
    assert report.verdict == "INCONCLUSIVE" and str(path) in report.reasons[-1]
    assert report.files_read == (str(path),)
