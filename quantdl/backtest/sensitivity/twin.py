"""How a run's equity would have changed: its book as a differentiable function, checked against the engine.

Left out are the overlays that wait for what the book itself has done: stops, limit prices of orders, caps on volume
and the fast exit, what cannot be borrowed, settlement, conditions that end a run. A plan that has them is welcome as
long as none of them acted: `Twin.check` carries the weights out by the engine, refuses a run in which one did, naming
it and its session, and compares equity at every session. Lots and a least commission always act, and are refused.
"""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from quantdl.backtest.book.state import market, rules
from quantdl.backtest.book.terms import Terms
from quantdl.backtest.running.engine import Job
from quantdl.backtest.running.result import BacktestResult
from quantdl.backtest.running.targets import TargetTable, fitted, play_targets
from quantdl.backtest.sensitivity.accounting import Frictions, Inputs, Prices, equity_of
from quantdl.backtest.sensitivity.figures import CurveFigures
from quantdl.backtest.sensitivity.schedule import Span
from quantdl.errors import RunError

# How near the equity of the twin must come to that of the run, relative, at each session.
AGREES = 1e-9
# What the engine may do without a decision and without equity becoming another one than the twin's.
_FOLLOWED = {
    ("friction", "delisting"),
    ("trusted_data", "left_universe"),
    ("trusted_data", "unconfirmed_price"),
    ("trusted_data", "split"),
    ("trusted_data", "dividend"),
    ("horizon", "expired"),
    ("abnormal_volatility", "stress_begins"),
    ("abnormal_volatility", "stress_ends"),
}
# Any amount is traded, and a trade still has the volume that its impact is measured by.
_ANY_SHARE_OF_VOLUME = 1e12


@dataclass(frozen=True, eq=False)
class Twin:
    """The book of one job and one calendar of decisions, as a function of weights, costs and prices.

    `equity` holds no branch on a value, so that ``torch.func`` can transform it: ``jacrev`` for derivatives, ``vmap``
    over scenarios. It is piecewise smooth. At a kink, which is where an asset is neither held nor wanted, or is wanted
    exactly as held, or where cash just pays for the purchases, a derivative is that of one side or the mean of both:
    for an asset that is left out the costs of buying it and of selling it cancel, and buying it costs more than its
    derivative says.

    Attributes:
        job: Market, terms, span and money.
        rows: (N,) positions of the decisions in the panel.
        holds: (N,) which of them leave the targets alone, whatever their weights.
        before_costs: Whether weights are of equity before the costs of reaching them.
        inputs: What equity is a function of besides.
        figures: Return and risk of an equity curve.
    """

    job: Job
    rows: np.ndarray
    holds: np.ndarray
    before_costs: bool
    inputs: Inputs
    figures: CurveFigures

    @classmethod
    def of(cls, job: Job, table: TargetTable) -> "Twin":
        """Return the twin of the runs that a job makes of tables with the sessions of this one.

        Args:
            job: Market, terms, span and money.
            table: Its sessions, its rows of NaN (holds) and ``before_costs`` count; its other weights do not.

        Raises:
            RunError: If the table does not fit the data; if that has bars within a session; or if the terms have lots
                or a least commission, with which no fill is a smooth function of its size.
        """
        _refuse_steps(job.terms)
        at, weights, _ = fitted(job, table)
        holds = np.isnan(weights[:, 0])
        span = Span(market(job.tape, job.terms), rules(job.tape, job.terms), job.first, job.stop, at, holds)
        inputs = Inputs.of(span, job.initial_equity, before_costs=table.before_costs)
        return cls(job, at, holds, table.before_costs, inputs, CurveFigures.of(job))

    @property
    def frictions(self) -> Frictions:
        """The costs that the terms state: what to ``_replace`` some of."""
        return self.inputs.stated

    @property
    def prices(self) -> Prices:
        """The prices of the data, one where they have none."""
        return self.inputs.prices

    def equity(self, weights: Tensor, frictions: Frictions | None = None, prices: Prices | None = None) -> Tensor:
        """Return the equity at each close.

        Args:
            weights: (N, A) target weights, float64; rows that are holds are not read.
            frictions: What trading costs; as the terms state where None.
            prices: Prices of a scenario; those of the data where None. What volume, volatility and dividends were
                stays as it was.

        Returns:
            (S,) money after the fills of each session.
        """
        frictions = self.inputs.stated if frictions is None else frictions
        prices = self.inputs.prices if prices is None else self.inputs.scenario(prices)
        return equity_of(self.inputs, weights, frictions, prices)

    def check(self, table: TargetTable) -> BacktestResult:
        """Carry a table out by the engine, and compare its equity with the twin's at each session.

        Args:
            table: Decisions on the sessions of this twin.

        Returns:
            The run.

        Raises:
            RunError: If the terms forbid a decision; if an overlay that the twin leaves out acted, naming it; or if
                equity is another one at some session, naming the first.
        """
        rows, weights, _ = fitted(self.job, table)
        if not np.array_equal(rows, self.rows) or not np.array_equal(np.isnan(weights[:, 0]), self.holds):
            raise RunError("sensitivities: the table has other sessions or holds than the twin. Make a twin of it.")
        result = play_targets(self.job, table)
        _refuse_overlays(result)
        with torch.no_grad():
            ours = self.equity(torch.tensor(weights)).numpy()
        theirs = result.equity["equity"].to_numpy()
        differs = ~(np.abs(ours - theirs) <= AGREES * np.abs(theirs))
        if differs.any():
            raise RunError(_difference(result, int(differs.argmax()), ours))
        return result


def without_overlays(job: Job) -> Job:
    """Return the job without what a twin leaves out, so that its runs are the twin's whatever the weights.

    Taken away are the stop, the loss that a wrong price may cause, caps on volume and on how fast a book can be left,
    the least commission, lots, settlement, what can be borrowed, margin, the conditions that end a run, and the caps on
    predicted losses, for which a twin has no model. Other caps on decisions stay, and so do commission, spread, impact,
    interest and borrowing. What the overlays do is the difference between the runs of both jobs.
    """
    never, costs = float("inf"), replace(job.terms.costs, commission_minimum=0.0)
    if not costs.liquidity_is_waived:
        costs = replace(costs, participation=_ANY_SHARE_OF_VOLUME)
    free = replace(
        job.terms,
        stop_loss=never,
        max_loss_per_trade=never,
        costs=costs,
        maintenance_margin=0.0,
        conditions=(),
        borrowable=never,
        lot_shares=0,
        settlement_sessions=0,
        limits=replace(job.terms.limits, book_shortfall=None, position_shortfall=None),
        stamps=("No stop, no condition and no cap on volume: a run to take derivatives of.", *job.terms.stamps),
    )
    return replace(job, terms=free)


def _refuse_steps(terms: Terms) -> None:
    """Refuse terms under which a fill moves in steps, and bars within a session, whose interest goes by the clock."""
    if terms.years is not None:
        raise RunError(
            "sensitivities: the data have bars within the session; expected one bar a session, week or month."
        )
    stated = [
        name
        for name, there in (
            ("sizing.lot_shares", terms.lot_shares > 0),
            ("friction.commission_minimum", terms.costs.commission_minimum > 0),
        )
        if there
    ]
    if stated:
        raise RunError(
            f"sensitivities: the plan states {' and '.join(stated)}, under which a small change of a weight changes "
            "nothing, or a lot. Take derivatives of the job that `without_overlays` returns."
        )


def _refuse_overlays(result: BacktestResult) -> None:
    """Refuse a run in which the engine did what the twin leaves out."""
    events = result.events
    for session, item, condition, detail in zip(*(events[name] for name in events.columns), strict=True):
        if (item, condition) not in _FOLLOWED:
            raise RunError(
                f"sensitivities: {session:%Y-%m-%d}: {item}, {condition}: {detail}. What follows depends on the past "
                "of the book itself, which the twin leaves out. Take derivatives of the job that `without_overlays` "
                "returns, or under a plan of which it does not act."
            )


def _difference(result: BacktestResult, row: int, ours: np.ndarray) -> str:
    """Say where twin and run part, and which orders had not filled."""
    session, orders = pd.DatetimeIndex(result.equity.index)[row], result.orders
    short = orders[(orders["decided"] <= session) & ~orders["status"].isin(["filled", "cash_short", "replaced"])]
    names = [f"{asset} ({status})" for asset, status in zip(short["asset"], short["status"], strict=True)][:5]
    waits = f" Orders that did not fill in full: {', '.join(names)}." if names else ""
    return (
        f"sensitivities: {session:%Y-%m-%d}: equity is {result.equity['equity'].iloc[row]:.6f} by the engine and "
        f"{ours[row]:.6f} by the twin, the first session on which they differ.{waits} The twin leaves out limit prices "
        "(sizing.max_loss_per_trade), caps on volume (friction.liquidity) and settlement (friction.settlement_sessions)"
        ". Take derivatives of the job that `without_overlays` returns."
    )
