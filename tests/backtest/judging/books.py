"""Strategies and markets for tests of what is worked out after a run."""

from datetime import date

import numpy as np

from quantdl.backtest import (
    Decision,
    Hold,
    Job,
    prepare,
    run_backtest,
)
from quantdl.backtest.plan.abnormal_volatility import StressWindow
from quantdl.backtest.plan.fast_exit import FastExit
from quantdl.backtest.plan.friction import MeasuredVolume
from quantdl.backtest.plan.invalidation import DrawdownLimit
from quantdl.backtest.running.asking import play_strategy
from tests.backtest.worlds import plan_for, span, world

ITEMS = {"sample": {"minimum_sessions": 50}, "invalidation": (DrawdownLimit("drawdown", 0.57),)}


class Churn:
    """Moves everything from one share to the other at every session."""

    def decide(self, view):
        side = len(view.sessions) % 2
        return Decision(np.array([side, 1 - side]) * 0.9, "rebalance")


class Keep:
    """Buys once and holds."""

    def __init__(self, at=1):
        self.at = at

    def decide(self, view):
        return Decision(np.array([0.5, 0.4]), "rebalance") if len(view.sessions) == self.at else Hold("rebalance")


def rising(drift, n_sessions=120):
    return world(np.repeat(100 * np.exp(drift * np.arange(n_sessions))[:, None], 2, axis=1))


def job_of(panel, **items) -> Job:
    return prepare(panel, plan_for(panel, **ITEMS, **items), *span(panel))


def asking(strategy):
    """Carry out a job by asking a fresh strategy."""
    return lambda job: play_strategy(job, strategy())


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
