"""Equal weight, rebalanced monthly, at a job's own costs but free of its caps and stops: what a strategy must beat."""

from dataclasses import replace

import numpy as np

from quantdl.backtest.book.terms import Terms
from quantdl.backtest.running.cadence import period_ends
from quantdl.backtest.running.decisions import Answer, Moment
from quantdl.backtest.running.engine import Job, play
from quantdl.backtest.running.result import BacktestResult
from quantdl.portfolio.heuristics import equal_weights
from quantdl.portfolio.limits import Limits

_NEVER = float("inf")


def equal_weight_baseline(job: Job) -> BacktestResult:
    """Run equal weight over the span of a job: same data, fills, commission and spread, nothing else of its terms.

    All listed assets in equal parts at the first session and at each month's end. Liquidity is unlimited, so the
    baseline is the same whatever a strategy's size, caps and invalidation are.
    """
    free = replace(job, terms=_unlimited(job))
    return play(free, _EqualWeight(job), None)


class _EqualWeight:
    def __init__(self, job: Job) -> None:
        self.listed, self.rules = job.tape.listed, ("rebalance",) * len(job.tape.assets)

    def decide(self, now: Moment) -> Answer | None:
        listed = self.listed[now.t]
        return Answer(equal_weights(listed), self.rules) if now.due and listed.any() else None


def _unlimited(job: Job) -> Terms:
    """Return the terms without caps, stops, conditions and limits on volume."""
    tape, terms = job.tape, job.terms
    one_group = np.zeros(len(tape.assets), dtype=np.int64)
    return replace(
        terms,
        due=period_ends(tape, job.first, "month"),
        horizon_bars=len(tape.sessions),
        purposes={"rebalance": "rebalance"},
        limits=Limits(True, 1.0, 1.0, 1.0, one_group, ("all",), 1.0, 1.0),
        groups=None,
        stop_loss=_NEVER,
        max_loss_per_trade=_NEVER,
        costs=replace(terms.costs, impact_coefficient=0.0, participation=_NEVER),
        dollar_volume=np.full(terms.dollar_volume.shape, np.inf),
        bar_dollars=np.full(terms.bar_dollars.shape, np.inf),
        borrow_rate=0.0,
        maintenance_margin=0.0,
        conditions=(),
        in_stress="trade",
        lot_shares=0,
        settlement_sessions=0,
        stamps=("Equal weight trades any amount at once, without impact.", *terms.stamps),
    )
