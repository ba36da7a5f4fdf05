"""Fast exit: within how many sessions the whole book can be flat."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from quantdl.backtest.book.costs import costs_of_leaving
from quantdl.backtest.plan.abnormal_volatility import AbnormalVolatility, StressWindow
from quantdl.backtest.plan.context import FinishedRun
from quantdl.backtest.plan.evidence import ROUNDING, ItemVerdict, ReportRow
from quantdl.backtest.plan.friction import Friction, Liquidity, VolumeWaiver, known_liquidity
from quantdl.backtest.plan.refusals import PlanFault, at_least
from quantdl.backtest.plan.spreads import conversion, half_spreads
from quantdl.backtest.plan.stated import Stated
from quantdl.calendars.bars import bar_unit

ROW = ReportRow("Fast exit", "costs", "Costs")


@dataclass(frozen=True)
class FastExit(metaclass=Stated):
    """Within how many sessions the whole book can be flat at the participation cap. Decisions beyond it are cut.

    Where orders are in whole lots, a session takes whole shares of an exit; below one share it takes none.

    Attributes:
        max_sessions: Bars of the data: sessions, or so many bars where several lie in one. The cap is a share of what a
            bar trades, so that is what an exit is counted in.
    """

    max_sessions: int


def faults(fast_exit: FastExit, friction: Friction) -> Iterator[PlanFault]:
    """Yield a fault for an exit in no time, or one that nothing can slow down."""
    sessions = fast_exit.max_sessions
    yield from at_least("fast_exit.max_sessions", sessions, 1, "a number of sessions")
    if isinstance(friction.liquidity, VolumeWaiver) and sessions > 1:
        expected = "1: with a volume waiver no fill is capped, so a longer exit can never bind"
        yield PlanFault("fast_exit.max_sessions", str(sessions), expected, "write 1 or state dollar volumes")


def horizon_faults(fast_exit: FastExit, liquidity: Liquidity, horizon_bars: int) -> Iterator[PlanFault]:
    """Yield a fault for an exit that is slower than the planned one."""
    sessions = fast_exit.max_sessions
    if not isinstance(liquidity, VolumeWaiver) and sessions > horizon_bars:
        expected = f"at most the horizon of {horizon_bars} bars: a fast exit is no slower than a planned one"
        yield PlanFault("fast_exit.max_sessions", str(sessions), expected, f"set it to {horizon_bars} or less")


def data_faults(fast_exit: FastExit, n_bars: int, unit: str = "session") -> Iterator[PlanFault]:
    """Yield a fault for an exit that may take as long as the run, of so many bars."""
    if fast_exit.max_sessions >= n_bars:
        expected = f"fewer than the {n_bars} {unit}s of the span, or it can never bind"
        yield PlanFault("fast_exit.max_sessions", str(fast_exit.max_sessions), expected, "lower it")


def judge(
    fast_exit: FastExit, friction: Friction, abnormal: AbnormalVolatility, lot_shares: int | None, run: FinishedRun
) -> ItemVerdict:
    """Measure how long the slowest position of each close would have taken to sell, and look at those that were sold.

    Half the volume and five times the spread are named beside it, for the whole run and for each stress window.

    Args:
        fast_exit: What was promised.
        friction: Terms of liquidity.
        abnormal: Stress windows.
        lot_shares: Shares of a lot; None where they are fractional.
        run: The run.
    """
    most_sessions, unit = fast_exit.max_sessions, bar_unit(run.panel.card.declaration.frequency)
    statement = f"the book can be left within {most_sessions} {unit}{'' if most_sessions == 1 else 's'}"
    if isinstance(friction.liquidity, VolumeWaiver):
        return ItemVerdict(statement, "days to liquidate undefined", doubts=("liquidity is waived",))
    dollars = np.where(run.book.shares != 0, np.abs(run.book.shares * run.book.marks), 0.0)
    most = known_liquidity(friction, run.panel).most_dollars[run.book.rows]
    if lot_shares is not None:
        most = np.floor(most / run.book.marks + ROUNDING) * run.book.marks
    slowest = np.divide(dollars, most, out=np.where(dollars > 0, np.inf, 0.0), where=most > 0).max(axis=1)
    days, row = float(slowest.max()), int(slowest.argmax())
    cost, dear = (_costs(friction, run, times) for times in (1.0, 5.0))
    figure = (
        f"{days:.2f} {unit}s at a cost of {cost.max():.2%} of equity; {2 * days:.2f} with half the volume, "
        f"{dear.max():.2%} with five times the spread"
    )
    figure += "".join(_in_window(window, slowest, dear, run) for window in abnormal.stress_windows)
    excess = days - fast_exit.max_sessions
    more = f"{excess:.2f} {unit}s more than promised" if np.isfinite(days) else "a position could not be sold at all"
    slow = (f"{more}, on {run.day(row)}",) if excess > ROUNDING else ()
    return ItemVerdict(statement, figure, (*slow, *_left_late(most_sessions, unit, run)))


def _left_late(most_sessions: int, unit: str, run: FinishedRun) -> tuple[str, ...]:
    """Return the positions that were ordered to be left and were held after more sessions than promised.

    Sessions in which an asset did not trade count for nothing, and orders that wait for a price of their own neither.
    """
    book, traded = run.book, run.panel.traded[run.book.rows]
    events, kept = _exits(run), (book.shares != 0) & (book.opening != 0)
    days, since = np.zeros(len(run.result.assets), dtype=np.int64), np.zeros(len(run.result.assets), dtype=np.int64)
    leaving, late = days > 0, list[tuple[int, str]]()
    for row in range(book.n_sessions):
        for column, leaves in events.get(row, ()):
            since[column] = since[column] if leaving[column] else row
            leaving[column] = leaves
        days = np.where(leaving, days + traded[row], 0)
        leaving &= kept[row]
        late += [
            (int(since[column]), run.result.assets[column])
            for column in np.flatnonzero(leaving & (days == most_sessions) & traded[row])
        ]
    if not late:
        return ()
    begun, asset = min(late)
    what = f"{len(late)} positions were held for longer than {most_sessions} {unit}{'' if most_sessions == 1 else 's'}"
    return (f"{what} after an order to leave them, the first {asset} from {run.day(begun)} on",)


def _exits(run: FinishedRun) -> dict[int, list[tuple[int, bool]]]:
    """Return by session, in order, the assets that its fills and later ones were to leave, or were no longer to.

    An exit that takes the place of another goes on with it; a decision for a weight, or another order, ends it. An
    order that waits for a price of its own begins to leave with its first fill, and a limit never does.
    """
    from quantdl.backtest.plan.placed import rows_of  # loads pandas, which reading a config must not

    book, found, first_fill = run.book, dict[int, list[tuple[int, bool]]](), dict[int, int]()
    for number, row in zip(book.fills.order.tolist(), book.fills.row.tolist(), strict=True):
        first_fill.setdefault(number, row)
    later, orders = 0 if book.same_bar else 1, book.orders
    for row, decision in zip(
        rows_of(run.result, [d.session for d in run.result.decisions]), run.result.decisions, strict=True
    ):
        weights = np.zeros(0) if decision.weights is None else decision.weights
        found.setdefault(int(row) + later, []).extend((column, False) for column in np.flatnonzero(weights).tolist())
    for number, row, column, kind, weight in zip(
        orders.order.tolist(),
        orders.decided.tolist(),
        orders.column.tolist(),
        orders.kind,
        orders.weight.tolist(),
        strict=True,
    ):
        if kind != "exit":
            found.setdefault(row + later, []).append((column, weight == 0 and kind.startswith("market")))
        if weight == 0 and kind in ("stop", "trailing_stop", "exit") and number in first_fill:
            found.setdefault(first_fill[number], []).append((column, True))
    return found


def _costs(friction: Friction, run: FinishedRun, times: float) -> np.ndarray:
    """Return (T,) what leaving the book of each close costs at so many times the spread, as a fraction of equity.

    Every position pays its own spread; what converting money costs is not multiplied.
    """
    book, quoted = run.book, half_spreads(friction.half_spread_bps, run.panel)
    spreads = friction.costs(None).half_spread_bps / 1e4 if quoted is None else quoted
    if quoted is not None and len(quoted) > 1:
        spreads = quoted[book.rows]
    positions = np.where(book.shares != 0, book.shares * book.marks, 0.0)
    paid = costs_of_leaving(friction.costs(None), positions, book.shares, spreads, times)
    paid = paid + (np.abs(positions) * conversion(run.panel, friction.conversion_bps)).sum(axis=1)
    return np.asarray(np.divide(paid, book.equity, out=np.zeros(len(paid)), where=book.equity > 0))


def _in_window(window: StressWindow, slowest: np.ndarray, dear: np.ndarray, run: FinishedRun) -> str:
    """Say what a stress window makes of it, from the close before it on; empty where the run has none of its sessions.

    Args:
        window: The window.
        slowest: (T,) sessions to sell the slowest position of each close.
        dear: (T,) cost of leaving at each close with five times the spread, as a fraction of equity.
        run: The run.
    """
    days = [day.date() for day in run.result.session_of_each]
    inside = np.array([window.first <= day <= window.last for day in days])
    if not inside.any():
        return ""
    closes, unit = inside | np.append(inside[1:], False), bar_unit(run.panel.card.declaration.frequency)
    half, cost = 2 * float(slowest[closes].max()), float(dear[closes].max())
    return f"; in {window.name} {half:.2f} {unit}s with half the volume, {cost:.2%} with five times the spread"
