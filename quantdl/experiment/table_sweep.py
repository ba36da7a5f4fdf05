"""Tables of targets made in Python, played on one plan and counted as trials: a sweep without a config."""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass

import pandas as pd

from quantdl.backtest import Plan, TargetTable, check_plan, prepare
from quantdl.backtest.plan.terms import RiskFree
from quantdl.backtest.running.engine import Job
from quantdl.backtest.running.sweep import TablePlayer, figures_of
from quantdl.backtest.running.targets import fitted
from quantdl.experiment.curves import measured_curve
from quantdl.experiment.judgement import elapsed_years
from quantdl.experiment.trials import SeenTrial, entry_of_a_sweep, record_all, seen_curve, selection_of
from quantdl.market.panel import Panel
from quantdl.records import digest, to_plain
from quantdl.runs.environment import source_hash
from quantdl.runs.ledger import Ledger, trial_hash
from quantdl.runs.selection import Selection


@dataclass(frozen=True, eq=False)
class TableSweep:
    """Played tables.

    Attributes:
        figures: One row a table, as `quantdl.backtest.sweep_targets` returns them, and ``trial``, its hash.
        best: Position of the highest Sharpe ratio, the first of equals; None where no table has one.
        selection: What is left of that ratio once the trials of the ledger are counted.
    """

    figures: pd.DataFrame
    best: int | None
    selection: Selection | None


def sweep_tables(
    panel: Panel,
    plan: Plan,
    tables: Iterable[TargetTable],
    start: pd.Timestamp | str,
    end: pd.Timestamp | str,
    ledger: Ledger,
    initial_equity: float = 1_000_000.0,
    risk_free: RiskFree = None,
) -> TableSweep:
    """Play tables of targets under a plan as `quantdl.backtest.sweep_targets` does, and record each as a trial.

    A table is the same trial where its decisions, the plan, the data, the span and quantdl's source are. All of them
    are written into the ledger with one fsync once they are played. Nothing shows that a table looks at no later price:
    a strategy with ``decide``, carried out by `sweep_grid`, cannot.

    Args:
        panel: Prices.
        plan: What must be obeyed; its sample is the span.
        tables: The decisions of each set of parameters; made one at a time if given by a generator.
        start: First session.
        end: Last session.
        ledger: That takes the trials.
        initial_equity: Money at the start.
        risk_free: As for `quantdl.backtest.run_backtest`.

    Raises:
        PlanError: If the plan is refused.
        RunError: If a table decides what the plan forbids; no trial is recorded then.
        ValueError: If the data begin with ``start``: a first return needs the session before it.
    """
    check_plan(plan, panel, pd.Timestamp(start), pd.Timestamp(end), None, forecasts_risk=False)
    job = prepare(panel, plan, start, end, initial_equity, risk_free)
    if job.first == 0:
        raise ValueError(f"the data begin on {start}; expected at least one session before the first one played.")
    about = digest([to_plain(plan), str(start), str(end), initial_equity, _digest_of_rate(risk_free)])
    bars_per_year = job.terms.bars_per_year * float(job.tape.trades[job.first : job.stop].mean())
    elapsed = elapsed_years(job, panel)
    player, figures, halts, seen = TablePlayer(job), [], [], []
    for table in tables:
        played = player.play(table)
        figures.append(played.figures)
        halts.append(played.halted_on)
        trial = trial_hash(json.dumps([about, _digest(job, table)]), panel.card.fingerprint, 0, source_hash())
        curve = measured_curve(played.equity_where_traded(job), job.before, initial_equity)
        seen.append(seen_curve(trial, curve, bars_per_year, risk_free, elapsed)[0])
    found = figures_of(figures, halts).assign(trial=[one.trial for one in seen])
    record_all(ledger, entry_of_a_sweep(plan, panel.card, "tables"), seen)
    best = _best(seen)
    return TableSweep(found, best, None if best is None else selection_of(ledger, seen[best].trial))


def _best(seen: list[SeenTrial]) -> int | None:
    sharpes = {n: one.figures.sharpe for n, one in enumerate(seen) if one.figures is not None}
    return max(sharpes, key=lambda n: (sharpes[n], -n), default=None)


def _digest(job: Job, table: TargetTable) -> str:
    rows, weights, codes = fitted(job, table)
    found = hashlib.sha256()
    for part in (rows, weights, codes):
        found.update(f"{part.shape}".encode())
        found.update(part.data)
    return f"{found.hexdigest()} {table.before_costs}"


def _digest_of_rate(rate: RiskFree) -> str:
    if not isinstance(rate, pd.Series):
        return str(rate)
    return hashlib.sha256(pd.util.hash_pandas_object(rate).to_numpy().tobytes()).hexdigest()
