"""Stages in other worlds: what a leak of known reach looks like, what is refused, and what the audit plants itself."""

from dataclasses import replace

import numpy as np
import pytest

from quantdl.audit.futures import Futures, StageFailed
from quantdl.audit.stages import TERMS, Difference, Stage
from quantdl.errors import DataError
from tests.leaks.market import FIRST, frame, pipeline, true_world

SESSION = true_world().sessions[FIRST + 10]


def futures_of(**items) -> Futures:
    made = pipeline(**items)
    values: dict = {}
    for stage in made.all_stages():
        values[stage.name] = stage.compute(made.world, values, None)
    return Futures(made, values)


def looking(first: int, last: int, field: str = "close") -> Futures:
    """A feature that is the mean of some later bars."""

    def feature(world, panel):
        later = [frame(panel, field).shift(-bar) for bar in range(first, last + 1)]
        return {"later": sum(later).to_numpy()}

    return futures_of(feature=feature)


def test_a_clean_pipeline_differs_nowhere():
    futures = futures_of()
    for number in range(7):
        _, other = futures.rewritten_after(SESSION, number)
        assert futures.first_difference(other, SESSION)[0] is None
    assert futures.first_difference(futures.truncated_at(SESSION), SESSION)[0] is None
    assert len(futures.kinds) == 8


@pytest.mark.parametrize(("first", "last"), [(1, 1), (2, 2), (1, 5), (4, 9), (13, 13)])
def test_the_reach_of_a_leak_is_the_one_that_was_planted(first, last):
    futures = looking(first, last)
    kind, other = futures.rewritten_after(SESSION, 0)
    found, _ = futures.first_difference(other, SESSION)
    leak = futures.leak(found, kind)
    assert (leak.stage, leak.field, leak.session) == ("features", "later", SESSION.date())
    assert (leak.bars_ahead, leak.furthest) == (first, last)


@pytest.mark.parametrize("field", ["close", "volume", "low"])
def test_the_source_that_a_leak_reads_is_named(field):
    futures = looking(1, 1, field)
    kind, other = futures.rewritten_after(SESSION, 0)
    found, _ = futures.first_difference(other, SESSION)
    assert futures.leak(found, kind).reads == (field,)


def test_the_first_stage_that_differs_is_named_and_not_those_that_follow_from_it():
    futures = looking(1, 1)
    found, values = futures.first_difference(futures.rewritten_after(SESSION, 0)[1], SESSION)
    assert found.stage == "features" and "scaled" not in values


def test_a_stage_that_refuses_the_data_says_so_and_one_that_fails_is_named():
    def refuse(world):
        raise DataError("no such prices")

    def fail(world, panel):
        raise KeyError("x")

    futures = futures_of()
    stages = futures.pipeline.stages
    refusing = Stage("source", lambda world, values, at: refuse(world), stages[0].trace)
    failing = Stage("features", lambda world, values, at: fail(world, None), stages[2].trace)
    with pytest.raises(DataError, match="no such prices"):
        Futures(replace(futures.pipeline, stages=(refusing, *stages[1:])), futures.base).values(true_world(), None)
    broken = replace(futures.pipeline, stages=(*stages[:2], failing, stages[3]))
    with pytest.raises(StageFailed, match="features: KeyError"):
        Futures(broken, futures.base).values(true_world(), None)


def test_a_look_one_bar_ahead_is_found_in_every_stage_and_not_where_nothing_is_traced():
    futures = futures_of()
    found = futures.planted(SESSION)
    assert {"source", "features", "scaled", TERMS} <= set(found) and all(found.values())


def test_a_stage_whose_trace_says_nothing_fails_the_self_test():
    futures = futures_of()
    stages = futures.pipeline.stages

    def blind(rows, at):
        traced = stages[3].trace(rows, at)
        return replace(traced, fields={"momentum": np.zeros_like(rows)})

    mute = replace(futures.pipeline, stages=(*stages[:3], replace(stages[3], trace=blind)))
    assert not Futures(mute, futures.base).planted(SESSION)["scaled"]


def test_what_was_fitted_too_late_is_found_with_its_reach():
    for bars in (1, 4):
        futures = futures_of(fit_rows=lambda rows, bars=bars: rows[: FIRST - 1 + bars])
        (part,) = futures.pipeline.fitted
        leak = futures.fitted_leak(part)
        assert (leak.stage, leak.field, leak.bars_ahead, leak.furthest) == ("scaler", "center", 1, bars)
        assert "saw nothing after 2018-03-01" in leak.sentence()
    assert futures_of().fitted_leak(futures_of().pipeline.fitted[0]) is None


def test_a_difference_that_no_change_of_bars_shows_depends_on_the_length():
    futures = futures_of(feature=lambda world, panel: {"bars left": panel.closes / len(panel.sessions)})
    found, _ = futures.first_difference(futures.truncated_at(SESSION), SESSION)
    leak = futures.leak(found, "the data end there")
    assert found == Difference("features", "bars left", SESSION, "A00")
    assert (leak.bars_ahead, leak.furthest) == (None, None) and "how far they go" in leak.detail


def test_changes_are_counted_by_kind():
    futures = futures_of()
    for number in range(3):
        futures.rewritten_after(SESSION, number)
    assert sum(futures.kinds.values()) == 3
