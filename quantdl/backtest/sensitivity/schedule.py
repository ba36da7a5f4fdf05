"""What happens on which session of a run whatever its weights are: when orders fill, dividends, payouts, exits.

Only sessions on which something can happen are played one by one; between two of them shares stand still and the book
is marked for all sessions at once.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from quantdl.backtest.book import kernel
from quantdl.backtest.book.kernel import Market, Rules


@dataclass(frozen=True, eq=False)
class Step:
    """A session on which something can happen, and those after it on which nothing does.

    Rows count from the first session of the run.

    Attributes:
        row: The session.
        until: Row after the last one before the next step.
        decision: Which row of the weights is decided on at its close; None for none.
        fills: Whether orders that wait fill in it, those of its own decision where the plan fills at that close.
        fillable: (A,) which assets can be traded in it; None for all.
        gone: (A,) which assets are paid out before anything fills; None for none.
        leaves: (A,) which assets have just left the universe and are sold; None for none.
        closes: Whether the whole book is ordered sold.
        reduces: Whether positions may only be reduced, because the market is stressed.
        ratios: (A,) new shares for each old one; None where none is split.
        dividends: (A,) money for each share of an asset that becomes due, by the row that pays it.
    """

    row: int
    until: int
    decision: int | None
    fills: bool
    fillable: np.ndarray | None
    gone: np.ndarray | None
    leaves: np.ndarray | None
    closes: bool
    reduces: bool
    ratios: np.ndarray | None
    dividends: Mapping[int, np.ndarray]


@dataclass(frozen=True, eq=False)
class Span:
    """A market between two sessions, with the orders that a table gives in it.

    Attributes:
        market: What the bars offer.
        rules: The numbers of the terms.
        first: Position of the first session.
        stop: Position after the last.
        rows: (N,) positions of the decisions, rising.
        holds: (N,) which of them leave the targets alone.
    """

    market: Market
    rules: Rules
    first: int
    stop: int
    rows: np.ndarray
    holds: np.ndarray

    @property
    def at_own_close(self) -> bool:
        """Whether orders fill at the close on which they are decided."""
        return bool(self.rules.fill_at == kernel.DECISION_CLOSE)

    @property
    def prices(self) -> np.ndarray:
        """(S, A) the price at which orders fill, NaN where there is none."""
        at_open = self.rules.fill_at == kernel.NEXT_OPEN
        return (self.market.opens if at_open else self.market.closes)[self.first : self.stop]

    @property
    def fillable(self) -> np.ndarray:
        """(S, A) whether an asset can be traded: it trades, and where volume counts it is known."""
        market, played = self.market, slice(self.first, self.stop)
        found: np.ndarray = market.traded[played] & np.isfinite(self.prices)
        if self.rules.waived:
            return found
        shape, at = market.closes.shape, np.arange(self.first, self.stop)
        known = at if self.at_own_close else np.maximum(at - 1, 0)
        volume, volatility = (
            np.broadcast_to(values, shape)[known] for values in (market.dollar_volume, market.volatility)
        )
        found = found & np.isfinite(volume) & (volume > 0) & (np.broadcast_to(market.bar_dollars, shape)[played] > 0)
        return np.asarray(found & (np.isfinite(volatility) | (self.rules.impact == 0.0)))

    def flags(self, name: str, at: int) -> np.ndarray:
        """Return (S, A) a flag by session, in whose array one row may stand for all, from a position on."""
        values: np.ndarray = getattr(self.market, name)
        wide = np.broadcast_to(values, (len(self.market.closes), values.shape[1]))
        return np.concatenate([wide[:1], wide])[at : at + self.stop - self.first]


def steps_of(span: Span) -> tuple[Step, ...]:
    """Return the sessions on which something can happen, in order; the first of the run is always one."""
    n, rules, fillable = span.stop - span.first, span.rules, span.fillable
    stressed = span.market.regimes[span.first : span.stop] & (rules.in_stress != kernel.TRADE)
    aside = stressed & (rules.in_stress == kernel.FLAT)
    decisions, closes = _decisions(span, aside)
    gone, was_gone = span.flags("delisted", span.first + 1), span.flags("delisted", span.first)
    eligible, was_eligible = span.flags("eligible", span.first + 1), span.flags("eligible", span.first)
    leaves, dies = was_eligible & ~eligible, gone & ~was_gone
    ratios, dividends = _actions(span)
    paid = {row for by_row in dividends.values() for row in by_row}
    happens = leaves.any(axis=1) | dies.any(axis=1) | (closes & ~np.concatenate([[False], closes[:-1]]))
    happens[[0, *decisions, *ratios, *dividends, *(row for row in paid if row < n)]] = True
    fills = _fills(span, set(decisions), leaves, closes & happens, gone)
    rows = np.flatnonzero(happens | fills)
    return tuple(
        Step(
            row=row,
            until=until,
            decision=decisions.get(row),
            fills=bool(fills[row]),
            fillable=_unless(fillable[row], fillable[row].all()),
            gone=_unless(gone[row], not dies[row].any()),
            leaves=_unless(leaves[row], not leaves[row].any()),
            closes=bool(closes[row]),
            reduces=bool(stressed[row] and not aside[row]),
            ratios=ratios.get(row),
            dividends=dividends.get(row, {}),
        )
        for row, until in pairwise([*rows.tolist(), n])
    )


def _unless(values: np.ndarray, idle: bool | np.bool_) -> np.ndarray | None:
    return None if idle else values


def _decisions(span: Span, aside: np.ndarray) -> tuple[dict[int, int], np.ndarray]:
    """Return the place of each decision in the table by its row, and (S,) whether the book is ordered closed."""
    n, bars, horizon = span.stop - span.first, span.market.bars_so_far[span.first : span.stop], span.rules.horizon
    place = {int(t) - span.first: k for k, t in enumerate(span.rows) if span.first <= t < span.stop}
    place = {row: k for row, k in place.items() if not aside[row]}
    decided, last = np.full(n, -1), -1
    for row in range(n):
        last = row if row in place else last
        decided[row] = last
    expired = (decided >= 0) & (bars - bars[decided] >= horizon)
    return {row: k for row, k in place.items() if not span.holds[k]}, expired | aside


def _fills(span: Span, decisions: set[int], leaves: np.ndarray, closes: np.ndarray, gone: np.ndarray) -> np.ndarray:
    """Return (S,) whether an order may fill: any asset that was ever priced is ordered at each decision."""
    n, fillable = span.stop - span.first, span.fillable
    known = np.isfinite(span.market.marks[span.first : span.stop]) & ~gone
    waits, found = np.zeros(fillable.shape[1], dtype=bool), np.zeros(n, dtype=bool)
    for row in range(n):
        waits &= ~gone[row]
        if not span.at_own_close:
            found[row] = bool((waits & fillable[row]).any())
            waits = waits & ~fillable[row]
        if row in decisions or closes[row]:
            waits = known[row].copy()
        waits = waits | (leaves[row] & known[row])
        if span.at_own_close:
            found[row] = bool((waits & fillable[row]).any())
            waits = waits & ~fillable[row]
    return found


def _actions(span: Span) -> tuple[dict[int, np.ndarray], dict[int, dict[int, np.ndarray]]]:
    """Return by row the ratios of splits (A,), and dividends (A,) by the row that pays them."""
    market, n_assets = span.market, span.market.closes.shape[1]
    ratios: dict[int, np.ndarray] = {}
    dividends: dict[int, dict[int, np.ndarray]] = {}
    for row in range(span.stop - span.first):
        for e in range(market.action_first[span.first + row], market.action_first[span.first + row + 1]):
            column = market.action_column[e]
            if market.action_ratio[e] != 1.0:
                ratios.setdefault(row, np.ones(n_assets))[column] *= market.action_ratio[e]
            for p in range(market.payment_first[e], market.payment_first[e + 1]):
                by_row = dividends.setdefault(row, {})
                pays = int(market.payment_row[p]) - span.first
                by_row.setdefault(pays, np.zeros(n_assets))[column] += market.payment_amount[p]
    return ratios, dividends
