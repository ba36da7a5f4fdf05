"""The compiled engine against the reference engine in plain Python, and its log against its book."""

import numpy as np
import pandas as pd
from hypothesis import given, settings

from quantdl.backtest import prepare, run_backtest
from quantdl.backtest.running.asking import StrategyDriver
from tests.backtest.oracle import engine as reference
from tests.backtest.test_properties import SETTINGS, Restless, market, plan_of
from tests.backtest.worlds import span

TABLES = (
    "equity", "weights_after_fill", "quantities", "orders", "fills", "trades", "exposures", "conditions", "regimes",
)  # fmt: skip


def same(compiled, expected):
    """Every table of two runs, figures to ten digits, and every event word by word."""
    for name in TABLES:
        left, right = (getattr(run, name).drop(columns="kind", errors="ignore") for run in (compiled, expected))
        pd.testing.assert_frame_equal(left, right, rtol=1e-10, atol=1e-9, obj=name)
    pd.testing.assert_frame_equal(compiled.events, expected.events)
    pd.testing.assert_series_equal(compiled.traded, expected.traded)
    assert (compiled.halted_on, compiled.halt_reason) == (expected.halted_on, expected.halt_reason)
    assert [item.session for item in compiled.decisions] == [item.session for item in expected.decisions]
    for left, right in zip(compiled.decisions, expected.decisions, strict=True):
        assert (left.weights is None) == (right.weights is None)
        if left.weights is not None:
            np.testing.assert_allclose(left.weights, right.weights, rtol=1e-9, atol=1e-12)


@settings(max_examples=40)
@given(SETTINGS)
def test_it_keeps_the_book_of_the_reference_engine(setting):
    panel = market(setting)
    plan = plan_of(setting, panel)
    compiled = run_backtest(panel, plan, Restless(setting.seed), *span(panel), None, 1000.0)
    job = prepare(panel, plan, *span(panel), 1000.0)
    same(compiled, reference.play(job, StrategyDriver(job, Restless(setting.seed), None), None))
