"""Many tables of targets on one market and one plan, each played in full and summed up: a sweep over parameters."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from quantdl.backtest.book import kernel
from quantdl.backtest.book.state import start_over
from quantdl.backtest.running.engine import Engine, Job
from quantdl.backtest.running.session_results import where_traded
from quantdl.backtest.running.targets import TargetTable, fitted, refuse
from quantdl.errors import RunError

_FIGURES = ("equity", "mean_return", "deviation", "max_drawdown", "turnover", "costs", "fills")


@dataclass(frozen=True, eq=False)
class PlayedTable:
    """What came of one table of targets.

    Attributes:
        figures: (7,) equity at the end, mean and standard deviation (n - 1) of the returns of sessions in which
            anything traded, largest fall from a peak as a positive fraction, turnover, costs in money, fills.
        halted_on: Session at whose close a condition of the plan ended it, or None.
        equity: (T,) at each close of the span; overwritten by the next table.
    """

    figures: np.ndarray
    halted_on: pd.Timestamp | None
    equity: np.ndarray

    def equity_where_traded(self, job: Job) -> pd.Series:
        """Return the equity after each session in which anything traded, to keep; see `session_results`."""
        span = slice(job.first, job.stop)
        return where_traded(pd.Series(self.equity.copy(), job.tape.sessions[span]), job.tape.trades[span])


class TablePlayer:
    """Plays one table after the other with one set of arrays, so that a set of parameters costs no memory."""

    def __init__(self, job: Job) -> None:
        """Lay the market out, once.

        Raises:
            RunError: If a condition or a cap of the plan follows a model's forecasts, which a table has none of.
        """
        if job.terms.follows_risk:
            raise RunError(
                "sweep: a condition of the plan follows the risk that a model predicts, and tables of targets "
                "have no model. Take it out of plan.invalidation, or run each set by itself."
            )
        if job.terms.limits.follows_forecasts:
            raise RunError(
                "sweep: the plan limits the losses that a model predicts, and tables of targets have no model. Write "
                "null for sizing.risk_budget and sizing.max_predicted_loss_per_trade, or run each set by itself."
            )
        self.engine = Engine(job, None, keeps_books=False)

    def play(self, table: TargetTable) -> PlayedTable:
        """Play a table from the first session to the last.

        Raises:
            RunError: If it does not fit the data, or decides what the terms forbid.
        """
        engine = self.engine
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
        at = int(engine.state.counts[kernel.HALTED_AT])
        return PlayedTable(figures, None if at < 0 else job.tape.sessions[at], engine.state.record[0])


def sweep_targets(job: Job, tables: Iterable[TargetTable]) -> pd.DataFrame:
    """Play tables of targets one after the other on the terms of a job.

    Every session of every table obeys the plan, as in `play_targets`; only its tables of fills are not kept. Each row
    is a trial of its own: how good the best of them looks depends on how many there were. Nothing is counted here;
    `quantdl.experiment.sweep_tables` does the same and writes the trials into the ledger.

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
    player, figures, halts = TablePlayer(job), [], []
    for table in tables:
        played = player.play(table)
        figures.append(played.figures)
        halts.append(played.halted_on)
    return figures_of(figures, halts)


def figures_of(figures: list[np.ndarray], halts: list[pd.Timestamp | None]) -> pd.DataFrame:
    """Return the figures of played tables as `sweep_targets` does."""
    found = pd.DataFrame(np.array(figures).reshape(-1, len(_FIGURES)), columns=list(_FIGURES))
    found = found.astype({"fills": "int64"})
    deviation = found["deviation"].where(found["deviation"] > 0)
    found.insert(3, "sharpe", found["mean_return"] / deviation)
    found["halted_on"] = pd.Series(halts, dtype="datetime64[us]")
    return found
