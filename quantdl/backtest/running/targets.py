"""Decisions that are known as a table before the run: played in one compiled pass, under the same terms."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Protocol, TypeGuard

import numpy as np
import pandas as pd

from quantdl.backtest.book import kernel
from quantdl.backtest.running.decision_checks import (
    check_cadence,
    check_decision,
    check_predicted_losses,
    check_purposes,
)
from quantdl.backtest.running.decisions import Answer, RecordedDecision, Strategy
from quantdl.backtest.running.engine import Engine, Job, Progress
from quantdl.backtest.running.result import BacktestResult
from quantdl.backtest.running.view import Forecasts, MarketHistory
from quantdl.calendars.labels import bar_text
from quantdl.errors import RunError


@dataclass(frozen=True, eq=False)
class TargetTable:
    """Target weights by session: what a strategy would have answered at each close.

    Nothing but the audit shows that row t was computed from what was known at close t; a strategy with a ``decide``
    cannot look further.

    Attributes:
        sessions: (N,) closes with a decision, rising; the others have none. Their labels, or their positions in the
            panel as integers, which take no look-up.
        weights: (N, A) fractions of equity; a row of NaN is an explicit hold.
        rules: Name of the plan's rule that asks for it: one for all, or one for each decision.
        before_costs: Whether weights are of equity before the costs of reaching them. A strategy's are of what is left
            after them.
    """

    sessions: pd.DatetimeIndex | np.ndarray
    weights: np.ndarray
    rules: str | Sequence[str]
    before_costs: bool = False


class TableStrategy(Strategy, Protocol):
    """A strategy that may also say all that it would decide at once, so that a sweep plays it in one compiled pass.

    ``decide`` stays what a run asks; the table must say the same.
    """

    def targets(self, history: MarketHistory) -> TargetTable:
        """Return the targets of every session at which ``decide`` would answer with weights or a hold."""
        ...


def offers_targets(strategy: Strategy) -> TypeGuard[TableStrategy]:
    """Whether a strategy has a method ``targets``; a parameter of that name is none."""
    return callable(getattr(strategy, "targets", None))


def market_history(job: Job) -> MarketHistory:
    """Return the market of a job over all of its sessions, up to the last one played."""
    tape, terms = job.tape, job.terms
    return MarketHistory(
        sessions=tape.sessions[: job.stop],
        first=job.first,
        assets=tape.assets,
        fields={name: _read_only(tape.fields[name][: job.stop]) for name in terms.fields},
        continuous_closes=_read_only(tape.continuous[: job.stop]),
        traded=_read_only(tape.traded[: job.stop]),
        listed=_read_only(tape.listed[: job.stop]),
        rebalance_due=_read_only(terms.due[: job.stop]),
        limits_at=job.limits_at,
        horizon_bars=terms.horizon_bars,
    )


def _read_only(values: np.ndarray) -> np.ndarray:
    view = values.view()
    view.flags.writeable = False
    return view


def play_targets(
    job: Job, table: TargetTable, forecasts: Forecasts | None = None, progress: Progress | None = None
) -> BacktestResult:
    """Run a table of targets on the terms of a job.

    Args:
        job: Market, terms, span and money.
        table: The decisions; those outside of the span are not taken.
        forecasts: A model's predictions, where a condition or a cap of the terms needs them.
        progress: Called with sessions done and sessions in all.

    Raises:
        LookAheadError: If a cap needs a forecast of a session that the model has seen.
        RunError: If the table does not fit the data, or decides what the terms forbid.
    """
    rows, weights, codes = fitted(job, table)
    engine = Engine(job, forecasts, before_costs=table.before_costs)
    refused = engine.play_rows(rows, weights, codes, progress)
    if refused is not None:
        refuse(engine, *refused)
    if job.terms.limits.follows_forecasts:
        _check_predicted_losses(job, _taken(engine, rows, weights, codes), forecasts)
    return engine.result(lambda: _taken(engine, rows, weights, codes))


def _check_predicted_losses(job: Job, taken: tuple[RecordedDecision, ...], forecasts: Forecasts | None) -> None:
    """Hold every decision that was taken against the caps on predicted losses, which hang on nothing else in a run."""
    for one in taken:
        if one.weights is not None:
            law = None if forecasts is None else partial(forecasts.draws, one.session)
            limits, assets = job.terms.limits, job.tape.assets
            check_predicted_losses(one.weights, one.rules, limits, law or (lambda: None), assets, one.session)


def fitted(job: Job, table: TargetTable) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return positions of the decisions, their weights and the numbers of their rules.

    Raises:
        RunError: If the table does not fit the data or the plan's rules.
    """
    sessions, weights = job.tape.sessions, _plain(table.weights, np.float64)
    expected = (len(table.sessions), len(job.tape.assets))
    if weights.shape != expected:
        raise RunError(f"targets: weights have shape {weights.shape}, expected {expected}: decisions by assets.")
    missing = np.isnan(weights)
    if (missing.any(axis=1) & ~missing.all(axis=1)).any():
        row = int((missing.any(axis=1) & ~missing.all(axis=1)).argmax())
        raise RunError(f"targets: row {row} has some weights that are NaN. Give numbers, or NaN throughout for a hold.")
    rows = _positions(sessions, table.sessions)
    if (np.diff(rows) <= 0).any():
        day = sessions[rows[int((np.diff(rows) <= 0).argmax()) + 1]]
        raise RunError(
            f"targets: {bar_text(day)} does not come after the decision before it. Sort them, one a session."
        )
    names = [table.rules] if isinstance(table.rules, str) else list(table.rules)
    for name in dict.fromkeys(names):
        if name not in job.terms.purposes:
            raise RunError(
                f"targets: a decision cites the rule {name!r}, which the plan does not have. Its rules are "
                f"{sorted(job.terms.purposes)}; write the rule down in plan.rules or cite another."
            )
    if len(names) not in (1, len(rows)):
        raise RunError(f"targets: {len(names)} rules for {len(rows)} decisions. Give one for all, or one each.")
    own = list(job.terms.purposes)
    codes = np.empty((len(rows), 1), dtype=np.int64)
    codes[:, 0] = own.index(names[0]) if len(names) == 1 else [own.index(name) for name in names]
    return rows, weights, codes


def _plain(values: np.ndarray, kind: type) -> np.ndarray:
    """Return an array as compiled code knows it; for one with steps or that is read-only it would be compiled anew."""
    return np.require(values, kind, ["C", "ALIGNED", "WRITEABLE"])


def _positions(sessions: pd.DatetimeIndex, given: pd.DatetimeIndex | np.ndarray) -> np.ndarray:
    """Return the positions of sessions in the panel.

    Raises:
        RunError: If one is no session of the data.
    """
    if isinstance(given, np.ndarray) and given.dtype.kind in "iu":
        if len(given) and not 0 <= given.min() <= given.max() < len(sessions):
            raise RunError(
                f"targets: positions reach from {given.min()} to {given.max()}, of {len(sessions)} sessions."
            )
        return _plain(given, np.int64)
    rows = _plain(sessions.get_indexer(pd.DatetimeIndex(given)), np.int64)
    if (rows < 0).any():
        day = pd.DatetimeIndex(given)[int((rows < 0).argmax())]
        raise RunError(f"targets: {bar_text(day)} is no session of the data. Decide on sessions of the panel.")
    return rows


def refuse(engine: Engine, row: int, weights: np.ndarray, code: int) -> None:
    """Say in words why the terms forbid a decision."""
    job, t = engine.job, int(engine.state.counts[kernel.NOW])
    session, assets, rule = job.tape.sessions[t], job.tape.assets, engine.book.names[code]
    rules, held, moment = (rule,) * len(assets), engine.book_now(t).weights(), engine.moment(t)
    check_decision(weights, rules, moment.limits, job.tape.listed[t], assets, session)
    check_purposes(weights, rules, job.terms.purposes, held, assets, session)
    if not moment.due:
        check_cadence(weights, held, rules, assets, session)
    raise RunError(f"{bar_text(session)}: the terms forbid the decision of row {row} (rule '{rule}').")


def _taken(engine: Engine, rows: np.ndarray, weights: np.ndarray, codes: np.ndarray) -> tuple[RecordedDecision, ...]:
    """Return the decisions that were taken: not those after a halt or while the run stood aside."""
    job, found = engine.job, []
    place = {int(t): n for n, t in enumerate(rows)}
    for t in (np.flatnonzero(engine.state.decided) + job.first).tolist():
        targets, rule = weights[place[t]], engine.book.names[int(codes[place[t], 0])]
        wanted = None if np.isnan(targets[:1]).any() else targets
        found.append(engine.recorded(t, Answer(wanted, (rule,) * len(job.tape.assets))))
    return tuple(found)
