"""Recorded decisions taken again, to ask what they would have earned on other terms."""

from collections.abc import Iterable

import numpy as np

from quantdl.backtest.running.decisions import Answer, Moment, RecordedDecision
from quantdl.backtest.running.engine import Job, play
from quantdl.backtest.running.result import BacktestResult
from quantdl.backtest.running.view import Forecasts


class ReplayDriver:
    """Drives the engine with decisions taken before.

    They were checked when they were taken and are not checked again: at other costs other shares are held, and the same
    weights may miss a check by a few of them.
    Between two sessions of the cadence a position may only be reduced; there a target is cut to what this run holds.
    """

    def __init__(self, job: Job, decisions: Iterable[RecordedDecision]) -> None:
        """Index the decisions by session."""
        self.sessions = job.tape.sessions
        self.decisions = {decision.session: decision for decision in decisions}

    def decide(self, now: Moment) -> Answer | None:
        """Return what was decided then."""
        recorded = self.decisions.get(self.sessions[now.t])
        if recorded is None:
            return None
        weights = recorded.weights
        if weights is not None and not now.due:
            weights = reduced_only(weights, now.book.weights())
        return Answer(weights, recorded.rules, recorded.orders)


def replay(job: Job, decisions: Iterable[RecordedDecision], forecasts: Forecasts | None = None) -> BacktestResult:
    """Run recorded decisions on the terms of a job.

    Args:
        job: Market, terms, span and money.
        decisions: What was decided, as in `BacktestResult.decisions`.
        forecasts: A model's predictions, where a condition of the terms needs them.
    """
    return play(job, ReplayDriver(job, decisions), forecasts)


def reduced_only(weights: np.ndarray, current: np.ndarray) -> np.ndarray:
    """Return the targets with every weight cut to what is held on the same side."""
    same_side = weights * current > 0
    return np.where(same_side, np.sign(weights) * np.minimum(np.abs(weights), np.abs(current)), 0.0)
