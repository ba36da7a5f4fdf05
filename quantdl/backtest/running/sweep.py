"""Many tables of targets on one market and one plan, each played in full and summed up: a sweep over parameters."""

from collections.abc import Iterable

import numpy as np
import pandas as pd

from quantdl.backtest.book import kernel
from quantdl.backtest.book.state import start_over
from quantdl.backtest.running.engine import Engine, Job
from quantdl.backtest.running.targets import TargetTable, fitted, refuse
from quantdl.errors import RunError

_FIGURES = ("equity", "mean_return", "deviation", "max_drawdown", "turnover", "costs", "fills")


def sweep_targets(job: Job, tables: Iterable[TargetTable]) -> pd.DataFrame:
    """Play tables of targets one after the other on the terms of a job.

    Every session of every table obeys the plan, as in `play_targets`; only its tables of fills are not kept. Each row
    is a trial of its own: how good the best of them looks depends on how many there were.

    Args:
        job: Market, terms, span and money.
        tables: The decisions of each set of parameters; made one at a time if given by a generator.

    Returns:
        One row a table, in their order: ``equity`` at the end, ``mean_return`` and ``deviation`` (n - 1) of the returns
        of sessions in which anything traded, ``sharpe`` (their quotient, per session and of returns, not annualised),
        ``max_drawdown`` as a positive fraction, ``turnover``, ``costs`` in money, ``fills``, and ``halted_on``.

    Raises:
        RunError: If a condition or a cap of the plan follows a model's forecasts, which a table has none of; or if a
            table does not fit the data, or decides what the terms forbid.
    """
    if job.terms.risk_level is not None:
        raise RunError(
            "sweep: a condition of the plan follows the value at risk that a model predicts, and tables of targets "
            "have no model. Take it out of plan.invalidation, or run each set by itself."
        )
    if job.terms.limits.follows_forecasts:
        raise RunError(
            "sweep: the plan limits the losses that a model predicts, and tables of targets have no model. Write null "
            "for sizing.risk_budget and sizing.max_predicted_loss_per_trade, or run each set by itself."
        )
    engine, figures, halts = Engine(job, None), [], []
    for table in tables:
        figures.append(_played(engine, table))
        at = int(engine.state.counts[kernel.HALTED_AT])
        halts.append(None if at < 0 else job.tape.sessions[at])
    found = pd.DataFrame(np.array(figures).reshape(-1, len(_FIGURES)), columns=list(_FIGURES))
    found = found.astype({"fills": "int64"})
    deviation = found["deviation"].where(found["deviation"] > 0)
    found.insert(3, "sharpe", found["mean_return"] / deviation)
    found["halted_on"] = pd.Series(halts, dtype="datetime64[us]")
    return found


def _played(engine: Engine, table: TargetTable) -> np.ndarray:
    """Play one table on the engine of all of them, and return its figures."""
    job, rows, weights, codes = engine.job, *fitted(engine.job, table)
    start_over(engine.state, job.first, job.initial_equity)
    if bool(engine.rules.before_costs) != table.before_costs:
        engine.take_weights(before_costs=table.before_costs)
    refused = engine.play_rows(rows, weights, codes)
    if refused is not None:
        refuse(engine, *refused)
    figures = np.zeros(len(_FIGURES))
    figures[0] = job.initial_equity
    kernel.summarise(engine.record.ctypes.data, figures)
    return figures
