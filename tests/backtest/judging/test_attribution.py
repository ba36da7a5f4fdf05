"""Where the profit came from."""

from datetime import date

import numpy as np
import pytest

from quantdl.backtest import (
    Decision,
    pnl_by_context,
    pnl_by_rule,
    results_by_regime,
    results_by_stress_window,
    run_backtest,
)
from quantdl.backtest.book.tape import read_tape
from quantdl.backtest.plan.abnormal_volatility import StressWindow
from quantdl.backtest.plan.fast_exit import FastExit
from quantdl.backtest.plan.friction import MeasuredVolume
from tests.backtest.judging.books import ITEMS, Keep
from tests.backtest.worlds import plan_for, random_walk, span, world

STORM = (StressWindow("the storm", date(2018, 3, 24), date(2018, 4, 30)),)


def stressed_run(**items):
    generator = np.random.default_rng(0)
    scale = np.where((np.arange(200) > 80) & (np.arange(200) < 120), 0.05, 0.004)[:, None]
    closes = 100 * np.exp(np.cumsum(scale * generator.standard_normal((200, 2)), axis=0))
    panel = world(closes, fields={"volume": 1e6 * np.exp(generator.standard_normal((200, 2)))})
    stress = {"stressed_above": 0.5, "stress_windows": STORM}
    liquidity = {"liquidity": MeasuredVolume("measured", 10, 0.5, 0.0)}
    fields = {"fields": ("close", "volume")}
    plan = plan_for(
        panel,
        **ITEMS,
        abnormal_volatility=stress,
        friction=liquidity,
        trusted_data=fields,
        fast_exit=FastExit(5),
        **items,
    )
    return panel, run_backtest(panel, plan, Keep(), *span(panel))


def test_regimes_and_contexts_add_up_to_the_whole_profit():
    panel, result = stressed_run()
    whole = result.equity["equity"].iloc[-1] - 1e6
    by_regime, by_context = (
        results_by_regime(result),
        pnl_by_context(result, read_tape(panel), 20, volume_is_measured=True),
    )
    assert set(by_regime.index) == {"calm", "normal", "stressed", "undefined"}
    assert by_regime["pnl"].sum() == pytest.approx(whole)
    assert by_regime["sessions"].sum() == 200
    assert np.prod(1 + by_regime["return"]) == pytest.approx(result.equity["equity"].iloc[-1] / 1e6)
    for context in ("trend", "volatility", "liquidity"):
        rows = by_context[by_context["context"] == context]
        assert rows["pnl"].sum() == pytest.approx(whole)
        assert rows["sessions"].sum() == 200
    assert set(by_context[by_context["context"] == "trend"]["state"]) == {"rising", "falling", "undefined"}
    assert set(by_context[by_context["context"] == "liquidity"]["state"]) == {"ample", "thin", "undefined"}


def test_a_stress_window_reports_its_own_days():
    _, result = stressed_run()
    row = results_by_stress_window(result, STORM).loc["the storm"]
    inside = result.equity["equity"].loc["2018-03-23":"2018-04-30"]
    assert row["return"] == pytest.approx(inside.iloc[-1] / inside.iloc[0] - 1)
    assert row["sessions"] == 38


def test_profit_per_rule_is_that_of_its_trades():
    panel = world(random_walk(60, 2))

    class TwoRules:
        def decide(self, view):
            t = len(view.sessions)
            return {5: Decision(np.array([0.3, 0.3]), "rebalance"), 9: Decision(view.weights * [0, 1], "leave")}.get(t)

    plan = plan_for(panel, sample={"minimum_sessions": 60}, horizon={"bars": 59})
    table = pnl_by_rule(run_backtest(panel, plan, TwoRules(), *span(panel)))
    assert list(table[["rule_in", "rule_out"]].itertuples(index=False, name=None)) == [
        ("rebalance", ""),
        ("rebalance", "leave"),
    ]
    assert table["trades"].sum() == 2
