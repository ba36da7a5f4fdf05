"""Where the profit came from."""

import numpy as np
import pytest

from quantdl.backtest import (
    Decision,
    pnl_by_context,
    pnl_by_rule,
    results_by_regime,
    run_backtest,
)
from quantdl.backtest.book.tape import read_tape
from tests.backtest.judging.books import stressed_run
from tests.backtest.worlds import plan_for, random_walk, span, world


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
