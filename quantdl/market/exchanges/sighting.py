"""What happened to the assets of several exchanges, dated by the decisions that see it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date

import numpy as np
import pandas as pd

from quantdl.errors import DataError
from quantdl.market.actions import CashDividend, CorporateActions, Delisting, Rename, Split
from quantdl.market.data_fault import DataFault
from quantdl.market.panel import Panel


@dataclass(frozen=True, eq=False)
class Sighting:
    """At which decision the days of one panel are seen. A day before the panel begins stays as it is.

    Attributes:
        panel: Bars of one exchange.
        sessions: (D,) session of each decision.
        when: (D,) increasing instants of the decisions, int64 microseconds UTC.
    """

    panel: Panel
    sessions: pd.DatetimeIndex
    when: np.ndarray

    def on(self, day: date) -> date | None:
        """Return the session of the first decision that sees a bar of that day or a later one; None if none does."""
        return self._decision(day, self.row(day))

    def all_of(self, day: date) -> date | None:
        """Return the session of the first decision that sees the last bar of that day; None if none does.

        A day without a bar is seen with the next one that has some.
        """
        after = int(self.panel.sessions.searchsorted(pd.Timestamp(day), side="right"))
        return self._decision(day, max(self.row(day), after - 1))

    def _decision(self, day: date, row: int) -> date | None:
        if day < self.panel.sessions[0].date():
            return day
        if row == len(self.panel.sessions):
            return None
        decision = int(np.searchsorted(self.when, self.panel.known_at.as_unit("us").asi8[row], side="left"))
        return None if decision == len(self.when) else self.sessions[decision].date()

    def row(self, day: date) -> int:
        """Return the first bar of that day or a later one; the number of bars if there is none."""
        return int(self.panel.sessions.searchsorted(pd.Timestamp(day), side="left"))

    def refuse_merged(self, split: Split) -> None:
        """Refuse bars before and after a split of raw prices that would be merged into one.

        Raises:
            DataError: If one decision sees both for the first time.
        """
        row = self.row(split.ex_date)
        if self.panel.card.declaration.adjustment != "raw" or not 0 < row < len(self.panel.sessions):
            return
        before, after = np.searchsorted(
            self.when, self.panel.known_at.as_unit("us").asi8[row - 1 : row + 1], side="left"
        )
        if before == after < len(self.when):
            raise DataError(
                f"The split of {split.asset} on {split.ex_date} falls between bars that one decision would merge, "
                "and their prices have different scales. Adjust the panel for splits first."
            )


def actions_as_seen(panels: Sequence[Panel], sessions: pd.DatetimeIndex, when: np.ndarray) -> CorporateActions:
    """Return the actions of all panels, dated by the decisions that first see them."""
    splits: list[Split] = []
    dividends: list[CashDividend] = []
    renames: list[Rename] = []
    delistings: list[Delisting] = []
    for panel in panels:
        seen = Sighting(panel, sessions, when)
        for split in panel.actions.splits:
            seen.refuse_merged(split)
            day = seen.on(split.ex_date)
            splits += [Split(day, split.asset, split.ratio)] if day else []
        for paid in panel.actions.dividends:
            day = seen.on(paid.ex_date)
            late = None if paid.pay_date is None or day is None else max(paid.pay_date, day)
            dividends += [CashDividend(day, paid.asset, paid.amount, late)] if day else []
        for rename in panel.actions.renames:
            day = seen.on(rename.first)
            renames += [Rename(day, rename.asset, rename.ticker)] if day else []
        for ended in panel.actions.delistings:
            day = seen.all_of(ended.last)
            delistings += [Delisting(day, ended.asset, ended.terminal_value)] if day else []
    return CorporateActions(
        tuple(sorted(splits)), tuple(sorted(dividends)), tuple(sorted(renames)), tuple(sorted(delistings))
    )


def faults_as_seen(panels: Sequence[Panel], sessions: pd.DatetimeIndex, when: np.ndarray) -> tuple[DataFault, ...]:
    """Return the recorded faults of all panels, dated by the decisions that first see them."""
    found = []
    for panel in panels:
        seen = Sighting(panel, sessions, when)
        for fault in panel.faults:
            first, last = seen.on(fault.first), seen.all_of(fault.last)
            found += [replace(fault, first=first, last=last)] if first and last else []
    return tuple(found)
