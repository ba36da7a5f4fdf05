"""Equal weight on the terms of a job, free of its limits."""

import numpy as np
import pandas as pd
import pytest

from quantdl.backtest import equal_weight_baseline, prepare
from quantdl.backtest.plan.fast_exit import FastExit
from quantdl.backtest.plan.friction import StatedVolume
from quantdl.backtest.plan.invalidation import DrawdownLimit
from tests.backtest.judging.books import job_of
from tests.backtest.worlds import plan_for, random_walk, span, world


def test_the_baseline_is_free_of_the_plan_s_limits():
    closes = random_walk(130, 4, drift=-0.004)
    panel = world(closes)
    tight = plan_for(
        panel,
        sample={"minimum_sessions": 50},
        sizing={"max_weight": 0.1, "max_gross": 0.4, "stop_loss": 0.01, "max_loss_per_trade": 0.02},
        related_positions={"max_group_gross": 0.15},
        invalidation=(DrawdownLimit("drawdown", 0.05),),
    )
    first = equal_weight_baseline(prepare(panel, tight, *span(panel)))
    second = equal_weight_baseline(job_of(panel))
    pd.testing.assert_frame_equal(first.equity, second.equity, check_exact=True)
    assert first.equity["equity"].iloc[-1] < 0.7e6  # it fell further than the plan allows, and stayed
    np.testing.assert_allclose(first.weights_after_fill.iloc[1], 0.25, atol=0.01)
    month_ends = {f"{item.session:%m-%d}" for item in first.decisions}
    assert month_ends == {"01-02", "01-31", "02-28", "03-31", "04-30"}


def test_the_baseline_pays_commission_and_spread_but_no_impact():
    """Four flat assets at 10 bps: 1,000 becomes 1,000 / 1.001 in one session, whatever the volume is."""
    panel = world(np.full((20, 4), 100.0))
    volume = StatedVolume("stated", dict.fromkeys(panel.assets, 10.0), "a guess made for this test", 0.1, 1.0)
    job = prepare(panel, plan_for(panel, friction={"liquidity": volume}, fast_exit=FastExit(5)), *span(panel), 1000.0)
    result = equal_weight_baseline(job)
    assert result.equity["equity"].iloc[-1] == pytest.approx(1000 / 1.001, rel=1e-12)
    np.testing.assert_allclose(result.weights_after_fill.iloc[1], 0.25, rtol=1e-12)
    assert result.fills["impact"].sum() == 0
    assert result.stamps[0].startswith("Equal weight trades any amount at once")
