"""Strategies and markets for tests of what is worked out after a run."""

import numpy as np

from quantdl.backtest import (
    Decision,
    Hold,
    Job,
    prepare,
)
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
