"""Selling short: what it costs, how much there is to borrow, and whether a run kept to it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from quantdl.backtest.plan.context import FinishedRun
from quantdl.backtest.plan.evidence import ROUNDING
from quantdl.backtest.plan.refusals import PlanFault, each_asset
from quantdl.backtest.plan.sizing import Sizing
from quantdl.backtest.plan.stated import Stated
from quantdl.backtest.plan.texts import Symbol

if TYPE_CHECKING:
    from quantdl.market.panel import Panel

_AVAILABLE = "friction.borrow.available"


@dataclass(frozen=True)
class Borrow(metaclass=Stated):
    """The terms of selling short.

    Attributes:
        annual_rate: Fee a year as a fraction of the short notional, charged every bar.
        maintenance_margin: Least equity as a fraction of gross exposure; below it the book is liquidated.
        available: Most money that may be sold short of an asset, at the prices of the decision: one number for every
            asset, or one for each (0 where none can be borrowed); null for no limit. A decision beyond it is cut. A
            position that prices alone carried beyond it stays: nothing is recalled.
    """

    annual_rate: float
    maintenance_margin: float
    available: float | Mapping[Symbol, float] | None = None


def borrow_faults(borrow: Borrow | None, sizing: Sizing) -> Iterator[PlanFault]:
    """Yield a fault for terms that a long-only plan never needs, for missing ones, and for figures out of range."""
    match borrow:
        case Borrow() if sizing.long_only:
            expected = "null: a long-only plan never borrows shares"
            yield PlanFault("friction.borrow", "terms of borrowing", expected, "write null")
        case None if not sizing.long_only:
            fix = "state annual_rate and maintenance_margin"
            yield PlanFault("friction.borrow", "null", "terms of selling short", fix)
        case Borrow(annual_rate=rate, maintenance_margin=margin):
            if not 0 <= rate <= 1:
                expected = "a yearly fraction between 0 and 1"
                yield PlanFault("friction.borrow.annual_rate", f"{rate:g}", expected, "for instance 0.01")
            if not (0 < margin and margin * sizing.max_gross < 1):
                gross = sizing.max_gross
                expected = f"above 0 and below 1 / max_gross ({gross:g}), or a full book is liquidated at once"
                yield PlanFault("friction.borrow.maintenance_margin", f"{margin:g}", expected, "for instance 0.3")
            yield from _available(borrow.available)


def _available(available: float | Mapping[Symbol, float] | None) -> Iterator[PlanFault]:
    fix = "write null where nothing limits short sales"
    match available:
        case Mapping():
            for symbol, dollars in available.items():
                if dollars < 0:
                    yield PlanFault(f"{_AVAILABLE}.{symbol}", f"{dollars:g}", "money, zero or more", fix)
            if available and not any(dollars > 0 for dollars in available.values()):
                expected = "something to borrow of some asset: this plan may sell short"
                yield PlanFault(_AVAILABLE, "0 for every asset", expected, "set sizing.long_only")
        case float() | int() if not available > 0:
            yield PlanFault(_AVAILABLE, f"{available:g}", "money above 0", fix)


def borrow_data_faults(borrow: Borrow | None, panel: "Panel") -> Iterator[PlanFault]:
    """Yield a fault for assets of which the plan does not say how much can be borrowed."""
    if borrow is not None and isinstance(borrow.available, Mapping):
        named = set(borrow.available)
        yield from each_asset(_AVAILABLE, named, panel.assets, "money that can be sold short (0 for none)")


def borrowable(borrow: Borrow | None, assets: tuple[str, ...]) -> np.ndarray:
    """Return (A,) the most money that may be sold short of each asset, infinite where nothing limits it."""
    if borrow is None or borrow.available is None:
        return np.full(len(assets), np.inf)
    if isinstance(borrow.available, Mapping):
        return np.array([borrow.available[asset] for asset in assets], dtype=np.float64)
    return np.full(len(assets), float(borrow.available))


def borrow_failures(borrow: Borrow | None, run: FinishedRun) -> list[str]:
    """Return how often a fill left more sold short than could be borrowed, at the prices of its decision."""
    most, book = borrowable(borrow, run.result.assets), run.book
    if np.isinf(most).all():
        return []
    fills = book.ordered.where((book.ordered.quantity < 0) & (book.ordered.decided >= 0))
    units = book.share_units[fills.decided, fills.column] / book.share_units[fills.row, fills.column]
    sold = -book.shares[fills.row, fills.column] * units * book.marks[fills.decided, fills.column]
    grew = book.shares[fills.row, fills.column] < np.minimum(book.opening[fills.row, fills.column], 0.0)
    beyond = grew & (sold > most[fills.column] * (1 + ROUNDING))
    if not beyond.any():
        return []
    index = int(beyond.argmax())
    column, row = int(fills.column[index]), int(fills.row[index])
    first = f"the first {run.result.assets[column]} on {run.day(row)}: {sold[index]:,.2f} of {most[column]:,.2f}"
    return [f"{np.count_nonzero(beyond)} short sales beyond what can be borrowed, {first}"]


def borrow_words(borrow: Borrow) -> str:
    """Say what selling short costs and what limits it."""
    match borrow.available:
        case None:
            limit = "any amount can be borrowed"
        case Mapping():
            least, most = min(borrow.available.values()), max(borrow.available.values())
            limit = f"at most {least:,.0f} to {most:,.0f} of money by asset can be sold short"
        case _:
            limit = f"at most {borrow.available:,.0f} of money can be sold short of an asset"
    return f"short positions pay {borrow.annual_rate:.2%} a year, {limit}"
