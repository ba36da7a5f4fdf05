"""The compiled engine against the reference engine in plain Python, and its log against its book."""

import gc
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings, strategies as st

from quantdl.backtest import Hold, TargetTable, play_targets, prepare, run_backtest
from quantdl.backtest.book import kernel
from quantdl.backtest.plan.abnormal_volatility import AbnormalVolatility
from quantdl.backtest.plan.friction import StatedVolume
from quantdl.backtest.plan.invalidation import (
    Combination,
    DrawdownLimit,
    StaleDataLimit,
    StressedMarket,
    VolatilityLimit,
)
from quantdl.backtest.running.asking import StrategyDriver
from quantdl.market.actions import CashDividend, CorporateActions
from tests.backtest.oracle import engine as reference
from tests.backtest.test_properties import SETTINGS, Restless, market, plan_of
from tests.backtest.worlds import FLAT, Schedule, plan_for, run, span, world
from tests.raw_panels import raw_world

TABLES = (
    "equity", "weights_after_fill", "quantities", "orders", "fills", "trades", "exposures", "conditions", "regimes",
)  # fmt: skip


def same(compiled, expected):
    """Every table of two runs, figures to ten digits, and every event word by word."""
    for name in TABLES:
        left, right = (getattr(run, name).drop(columns="kind", errors="ignore") for run in (compiled, expected))
        pd.testing.assert_frame_equal(left, right, rtol=1e-10, atol=1e-9, obj=name)
    own = compiled.events["condition"] != "unconfirmed_price"  # read off the tape, not written by an engine
    pd.testing.assert_frame_equal(compiled.events[own].reset_index(drop=True), expected.events)
    pd.testing.assert_series_equal(compiled.traded, expected.traded)
    assert (compiled.halted_on, compiled.halt_reason) == (expected.halted_on, expected.halt_reason)
    assert [item.session for item in compiled.decisions] == [item.session for item in expected.decisions]
    for left, right in zip(compiled.decisions, expected.decisions, strict=True):
        assert (left.weights is None) == (right.weights is None)
        if left.weights is not None:
            np.testing.assert_allclose(left.weights, right.weights, rtol=1e-9, atol=1e-12)


TURMOIL = (
    StressedMarket("stressed_market"),
    VolatilityLimit("volatility", 0.25, 5),
    StaleDataLimit("stale_data", 2),
)


@settings(max_examples=15)
@given(SETTINGS, st.sampled_from(["all", "any"]), st.sampled_from(["all", "any"]), st.integers(1, 3))
def test_conditions_made_of_others_end_a_run_where_the_reference_engine_does(setting, outer, inner, bars):
    panel = market(setting)
    parts = (DrawdownLimit("drawdown", 0.03), Combination(inner, "turmoil", TURMOIL))
    made = (DrawdownLimit("drawdown", 0.4), Combination(outer, "a fall in turmoil", parts, bars))
    stress = AbnormalVolatility(5, 0.1, 0.3, "trade", ())
    plan = replace(plan_of(setting, panel), invalidation=made, abnormal_volatility=stress)
    compiled = run_backtest(panel, plan, Restless(setting.seed), *span(panel), None, 1000.0)
    job = prepare(panel, plan, *span(panel), 1000.0)
    same(compiled, reference.play(job, StrategyDriver(job, Restless(setting.seed), None), None))
    assert list(compiled.conditions) == [
        "drawdown",
        "a fall in turmoil: drawdown",
        "a fall in turmoil: turmoil: stressed_market",
        "a fall in turmoil: turmoil: volatility",
        "a fall in turmoil: turmoil: stale_data",
        "a fall in turmoil: turmoil",
        "a fall in turmoil",
    ]


@settings(max_examples=40)
@given(SETTINGS, st.sampled_from(["trade", "reduce_only", "flat"]))
def test_it_keeps_the_book_of_the_reference_engine(setting, in_stress):
    panel = market(setting)
    stress = AbnormalVolatility(5, 0.1, 0.3, in_stress, ())
    plan = replace(plan_of(setting, panel), abnormal_volatility=stress)
    compiled = run_backtest(panel, plan, Restless(setting.seed), *span(panel), None, 1000.0)
    job = prepare(panel, plan, *span(panel), 1000.0)
    same(compiled, reference.play(job, StrategyDriver(job, Restless(setting.seed), None), None))


def test_the_volume_of_one_session_is_free_again_in_the_next_whatever_was_held_between():
    """Filled at the deciding close: sold out in one session, bought again in a later one, at the cap both times."""
    panel = world(np.full((12, 2), 100.0))
    volume = StatedVolume("stated", dict.fromkeys(panel.assets, 5000.0), "a guess made for this test", 0.1, 0.0)
    items = {"friction": {"liquidity": volume, "fill_at": "decision_close"}, "fast_exit": {"max_sessions": 2}}
    given = Schedule({2: [0.4, 0.0], 4: [0.0, 0.0], 6: [0.4, 0.0]})
    plan = plan_for(panel, **items)
    compiled = run_backtest(panel, plan, given, *span(panel), None, 1000.0)
    job = prepare(panel, plan, *span(panel), 1000.0)
    again = Schedule({2: [0.4, 0.0], 4: [0.0, 0.0], 6: [0.4, 0.0]})
    same(compiled, reference.play(job, StrategyDriver(job, again, None), None))
    np.testing.assert_allclose(compiled.fills["quantity"].abs().iloc[:3], 4.0, rtol=0.01)


def test_more_dividends_on_a_day_than_a_log_is_meant_for_are_all_written_down():
    panel = raw_world(np.full((20, 2), 100.0))
    day = panel.sessions[5].date()
    paid = tuple(CashDividend(day, panel.assets[0], 0.01 * (n + 1)) for n in range(60))
    panel = replace(panel, actions=CorporateActions(dividends=paid))
    result = run_backtest(
        panel, plan_for(panel), Schedule({1: [0.5, 0.0], 4: Hold("rebalance")}), *span(panel), None, 1000.0
    )
    assert (result.events["condition"] == "dividend").sum() == 60


def test_compiling_leaves_the_garbage_collector_as_it_was(monkeypatch):
    class Uncompiled:
        signatures = ()

        def compile(self, signature):
            assert not gc.isenabled()
            raise MemoryError

    monkeypatch.setattr(kernel, "advance", Uncompiled())
    with pytest.raises(MemoryError):
        kernel.compile_once()
    assert gc.isenabled()


def test_what_is_compiled_beforehand_is_what_runs_call_whether_they_ask_or_read_a_table():
    """One signature: a second one would take seconds of the first run."""
    panel = world(FLAT)
    run(panel, {0: (0.5, 0.5)})
    job = prepare(panel, plan_for(panel), *span(panel), initial_equity=1000.0)
    play_targets(job, TargetTable(panel.sessions[:1], np.array([[0.5, 0.5]]), "rebalance"))
    assert len(kernel.advance.signatures) == 1
