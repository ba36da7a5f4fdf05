"""Jobs, tables and derivatives by rerun of the compiled engine, for tests of the twin."""

from dataclasses import replace

import numpy as np
import torch

from quantdl.backtest import Job, TargetTable, Twin, play_targets, prepare, without_overlays
from quantdl.backtest.plan.borrowing import Borrow
from quantdl.experiment.curves import curve_from_the_start
from quantdl.risk.curves.metrics import performance
from tests.backtest.worlds import plan_for, random_walk, span, world

FIGURES = ("log_wealth", "sharpe_per_bar", "expected_shortfall", "max_drawdown")


def job_of(panel=None, short=False, risk_free=None, **items) -> Job:
    """A job without overlays, and with caps that no table here reaches."""
    panel = world(random_walk(120, 4, seed=2, volatility=0.02)) if panel is None else panel
    items["horizon"] = {"bars": len(panel.sessions) - 1} | items.get("horizon", {})
    if short:
        items["sizing"] = {"long_only": False} | items.get("sizing", {})
        items["friction"] = {"borrow": Borrow(0.05, 0.0)} | items.get("friction", {})
    return free(prepare(panel, plan_for(panel, **items), *span(panel), 1000.0, risk_free))


def free(job) -> Job:
    limits = replace(
        job.terms.limits, max_weight=9.0, max_gross=99.0, max_net=99.0, max_group_gross=99.0, max_group_net=99.0
    )
    due = np.ones_like(job.terms.due)
    return without_overlays(replace(job, terms=replace(job.terms, limits=limits, due=due)))


def random_table(job, every=1, seed=0, gross=0.9, short=False, zeros=0.2, holds=0.0, before_costs=False):
    generator, n_assets = np.random.default_rng(seed), len(job.tape.assets)
    rows = np.arange(job.first, job.stop, every)
    weights = generator.dirichlet([1.0] * n_assets, len(rows)) * gross
    if short:
        weights *= generator.choice([-1.0, 1.0], weights.shape)
    weights[generator.random(weights.shape) < zeros] = 0.0
    weights *= job.tape.listed[rows]
    weights[generator.random(len(rows)) < holds] = np.nan
    return TargetTable(rows, weights, "rebalance", before_costs)


def gap(job, table) -> float:
    """How far the equity of the twin is from the engine's, relative, at the worst session."""
    ours = Twin.of(job, table).equity(weights_of(table)).numpy()
    return float(np.abs(ours / play_targets(job, table).equity["equity"].to_numpy() - 1.0).max())


def weights_of(table) -> torch.Tensor:
    return torch.tensor(np.nan_to_num(table.weights))


def measured(job, table) -> np.ndarray:
    """The figures of a run by the engine, as the report states them."""
    result = play_targets(job, table)
    curve = curve_from_the_start(result, job.tape.sessions)
    found = performance(curve, job.terms.bars_per_year)
    return np.array(
        [np.log1p(found.total_return), found.sharpe_per_bar, found.expected_shortfall_95, -found.max_drawdown]
    )


def by_rerun(job, table, change, step) -> np.ndarray:
    """Central difference of the figures by reruns: ``change(job, table, step)`` gives the job and table there."""
    up, down = (measured(*change(job, table, sign * step)) for sign in (1.0, -1.0))
    return (up - down) / (2.0 * step)


def other_costs(name):
    """What changes one cost of a job by a step: a name of `Costs`, or ``borrow_rate``."""

    def change(job, table, step):
        if name == "borrow_rate":
            return replace(job, terms=replace(job.terms, borrow_rate=job.terms.borrow_rate + step)), table
        costs = replace(job.terms.costs, **{name: getattr(job.terms.costs, name) + step})
        return replace(job, terms=replace(job.terms, costs=costs)), table

    return change


def other_weight(row, column):
    def change(job, table, step):
        weights = table.weights.copy()
        weights[row, column] += step
        return job, replace(table, weights=weights)

    return change
