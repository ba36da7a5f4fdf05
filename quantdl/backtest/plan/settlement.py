"""Settlement: purchases are paid with money that has arrived, worked out again from the fills."""

from typing import TYPE_CHECKING

import numpy as np

from quantdl.backtest.plan.context import FinishedRun
from quantdl.backtest.plan.evidence import ROUNDING

if TYPE_CHECKING:
    from quantdl.backtest.plan.rebuilt import RebuiltBook


def settlement_failures(settlement_sessions: int, run: FinishedRun) -> list[str]:
    """Return how many purchases were paid with proceeds that had not settled, or with money that was not there.

    A sale of one session may be spent as many sessions later as the plan says. Buying a short position back is no
    purchase: it must be possible at any time.

    Args:
        settlement_sessions: Sessions until the proceeds of a sale may be spent; 0 settles at once, and nothing is
            looked at.
        run: The run.
    """
    if settlement_sessions == 0:
        return []
    short = unsettled_purchases(settlement_sessions, run.book)
    if not short:
        return []
    worst = max(short, key=lambda found: found[2])
    first = f"{run.result.assets[worst[1]]} on {run.day(worst[0])}, by {worst[2]:,.2f}"
    return [f"{len(short)} purchases beyond the settled cash, the largest {first}"]


def unsettled_purchases(settlement_sessions: int, book: "RebuiltBook") -> list[tuple[int, int, float]]:
    """Return session, asset and missing money of each purchase beyond the settled cash, fill by fill.

    Args:
        settlement_sessions: Sessions until the proceeds of a sale may be spent.
        book: The book as the fills alone say.
    """
    fills, found = book.fills, list[tuple[int, int, float]]()
    places: list[list[int]] = [[] for _ in range(book.n_sessions)]
    for place, row in enumerate(fills.row.tolist()):
        places[row].append(place)
    cash, held = float(book.result.initial_equity), np.zeros(book.shares.shape[1])
    spendable = _spendable(settlement_sessions, book)
    arriving = np.zeros(int(spendable.max(initial=0)) + 1)
    waiting = 0.0
    brought = book.interest + book.received - book.fees.sum(axis=1)
    for row in range(book.n_sessions):
        waiting -= arriving[row]
        cash += float(brought[row])
        for place in places[row]:
            asset, quantity = int(fills.column[place]), float(fills.quantity[place])
            flow = -quantity * float(fills.price[place]) - float(fills.cost[place])
            covers = held[asset] < 0 and quantity <= -held[asset] * (1 + ROUNDING)
            cash += flow
            held[asset] += quantity
            if fills.order[place] <= 0:
                continue
            if quantity < 0 and flow > 0:
                arriving[spendable[row]] += flow
                waiting += flow
            missing = waiting - cash
            if quantity > 0 and not covers and missing > ROUNDING * max(abs(float(book.equity[row])), 1.0):
                found.append((row, asset, missing))
    return found


def _spendable(settlement_sessions: int, book: "RebuiltBook") -> np.ndarray:
    """Return (T,) the bar of the run from which on the proceeds of each bar's sales may be spent.

    It is the first of its session; one after the run where that session is not in it.
    """
    _, number = np.unique(book.panel.sessions[book.rows], return_inverse=True)
    first = np.concatenate([np.flatnonzero(np.diff(number, prepend=-1)), np.full(settlement_sessions, len(number))])
    return np.asarray(first[number + settlement_sessions])
