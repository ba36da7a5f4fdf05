"""The verdict: what it takes to be called clean, and what leaves it open."""

from dataclasses import replace

import numpy as np
import pytest

from quantdl.audit import audit
from quantdl.audit.audit import FEWEST_DECISIONS
from quantdl.audit.source_read import read_source
from quantdl.backtest import Decision
from quantdl.errors import RunError
from tests.leaks.clean import Views, ranked
from tests.leaks.market import FIRST, N_BARS, momentum, pipeline


class OnDays:
    """Decides in its first sessions only, so many times."""

    def __init__(self, count: int):
        self.count = count

    def decide(self, view):
        return Decision(0.1 * view.listed, "rebalance") if len(view.sessions) <= FIRST + self.count else None


def of(strategy, **items):
    return pipeline(strategy=lambda world: strategy(), **items)


def test_a_clean_run_is_called_clean_with_its_coverage():
    report = audit(of(lambda: Views(ranked)), cuts=4)
    coverage = report.coverage
    assert (report.verdict, report.leaks, report.reasons) == ("CLEAN", (), ())
    assert (coverage.sessions, coverage.decisions) == (N_BARS - FIRST, (N_BARS - FIRST) // 3)
    assert (coverage.asked_for, coverage.verified, coverage.decided_again) == (4, 4, coverage.decisions)
    assert coverage.kinds["the data end there"] >= 5 and sum(coverage.kinds.values()) == coverage.worlds
    assert coverage.rules_unused == ("leave",)
    assert set(report.self_test) >= {"source", "features", "scaled", "terms of the backtest", "strategy"}
    assert all(report.self_test.values())


def test_one_decision_leaves_it_open():
    report = audit(of(lambda: OnDays(1)))
    assert report.verdict == "INCONCLUSIVE" and report.exit_code == 7
    assert report.reasons == (f"Too few decisions: 1; a verdict needs {FEWEST_DECISIONS}. Audit a longer span.",)


def test_no_decision_leaves_it_open():
    report = audit(of(lambda: OnDays(0)))
    assert report.verdict == "INCONCLUSIVE"
    assert "decided nothing" in report.reasons[0]


def test_five_decisions_are_enough():
    assert audit(of(lambda: OnDays(FEWEST_DECISIONS)), cuts=2).verdict == "CLEAN"


def test_a_stage_that_fails_in_another_future_leaves_it_open():
    def brittle(world, panel):
        if not np.array_equal(panel.closes[-1:], pipeline().world.panel.closes[-1:], equal_nan=True):
            raise ValueError("these are not the prices that it knows")
        return momentum(world, panel)

    report = audit(of(lambda: Views(ranked), feature=brittle), cuts=3)
    assert report.verdict == "INCONCLUSIVE"
    assert "features: ValueError: these are not the prices" in report.reasons[0]
    assert report.coverage.verified < report.coverage.asked_for


def test_a_self_test_that_sees_nothing_leaves_it_open():
    made = of(lambda: Views(ranked))
    blind = replace(
        made.stages[2],
        trace=lambda found, at: replace(made.stages[2].trace(found, at), fields={"momentum": np.zeros((N_BARS, 5))}),
    )
    report = audit(replace(made, stages=(*made.stages[:2], blind, made.stages[3])), cuts=2)
    assert report.verdict == "INCONCLUSIVE"
    assert not report.self_test["features"] and "did not see it in: features" in report.reasons[-1]


def test_a_column_without_a_value_is_named():
    def with_mute(world, panel):
        return momentum(world, panel) | {"mute": np.full(panel.closes.shape, np.nan), "flat": 0 * panel.closes + 3.0}

    report = audit(of(lambda: Views(ranked), feature=with_mute), cuts=2)
    assert report.coverage.never_known == ("features: mute", "features: flat")


def test_a_strategy_that_fails_in_the_true_run_is_an_error_as_in_a_run():
    class Fails:
        def decide(self, view):
            raise KeyError("x")

    with pytest.raises(RunError, match="the strategy failed on"):
        audit(of(Fails))


def test_leaks_of_the_pipeline_and_of_the_strategy_are_both_named():
    made = pipeline(
        feature=lambda world, panel: {"later": np.roll(panel.closes, -1, axis=0)},
        strategy=lambda world: Views(lambda view: 0.1 * np.tanh(np.nan_to_num(world.panel.closes[-1]) / 100)),
    )
    report = audit(made, cuts=3)
    assert {leak.stage for leak in report.leaks} >= {"features", "strategy"}


def test_a_reader_in_the_source_whose_file_is_not_seen_leaves_it_open():
    warned = read_source(
        "import pyarrow.parquet as pq\n\ndef decide(self, view):\n    return pq.read_table('x.parquet')\n"
    )
    report = audit(of(lambda: Views(ranked)), cuts=2, warnings=warned)
    assert report.verdict == "INCONCLUSIVE" and report.warnings == warned
    assert "line 4" in report.reasons[0]


def test_progress_is_told():
    told = []
    audit(of(lambda: Views(ranked)), cuts=2, progress=lambda stage, done, total: told.append(stage))
    assert {"other futures", "fitted again", "strategy asked again", "self-test"} <= set(told)
