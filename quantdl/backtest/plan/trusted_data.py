"""Trusted data: the data the plan was made for."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from quantdl.backtest.plan.context import FinishedRun
from quantdl.backtest.plan.evidence import ItemVerdict, ReportRow
from quantdl.backtest.plan.refusals import PlanFault
from quantdl.backtest.plan.texts import BarLength, CalendarName, Fingerprint, Label, ZoneName
from quantdl.calendars.zones import same_zone
from quantdl.market.card import Adjustment

if TYPE_CHECKING:
    from quantdl.market.panel import Panel

ROW = ReportRow("Trusted data", "data", "Data")

_DECLARED = ("source", "timezone", "frequency", "adjustment", "calendar")


@dataclass(frozen=True)
class TrustedData:
    """The data the plan was made for; each value must equal that of the data card, a zone under any of its names.

    Attributes:
        source: Source as named on the card.
        timezone: IANA name of the exchange's zone.
        frequency: Spacing of the bars.
        adjustment: How prices are adjusted.
        calendar: Trading calendar, ISO code first.
        fingerprint: ``"sha256:<hex>"`` of the content.
        fields: The fields a strategy may read; ``"close"`` is always needed.
    """

    source: Label
    timezone: ZoneName
    frequency: BarLength
    adjustment: Adjustment
    calendar: CalendarName
    fingerprint: Fingerprint
    fields: tuple[Label, ...]


def faults(data: TrustedData) -> Iterator[PlanFault]:
    """Yield a fault unless closes are among the fields."""
    if "close" not in data.fields:
        yield PlanFault("trusted_data.fields", str(list(data.fields)), "'close' among the fields", "add 'close'")


def data_faults(data: TrustedData, panel: "Panel") -> Iterator[PlanFault]:
    """Yield what differs from the data card, and the fields that the data do not have."""
    card = panel.card
    stated = {**{name: getattr(card.declaration, name) for name in _DECLARED}, "fingerprint": card.fingerprint}
    for name, found in stated.items():
        planned = getattr(data, name)
        if planned != found and not (name == "timezone" and same_zone(planned, found, panel.sessions[0].year)):
            fix = f"write {found!r} if these are the data you mean to trust, or load the other data"
            yield PlanFault(f"trusted_data.{name}", repr(planned), f"the data card's {found!r}", fix)
    unknown = sorted(set(data.fields) - set(panel.fields))
    if unknown:
        expected = f"fields of the data, {sorted(panel.fields)}"
        yield PlanFault("trusted_data.fields", str(unknown), expected, "remove what the data does not have")


def judge(
    data: TrustedData, rules: frozenset[str], delisted_after_sessions: int | None, run: FinishedRun
) -> ItemVerdict:
    """Look whether the run used these data, and whether it bought only what they held in the universe then.

    Args:
        data: What the plan trusts.
        rules: Names of the plan's rules.
        delisted_after_sessions: The plan's rule on silence.
        run: The run.
    """
    statement = f"{data.source}, {data.adjustment} prices on {data.calendar}, {data.fingerprint[:19]}"
    other = [fault.item.removeprefix("trusted_data.") for fault in data_faults(data, run.panel)]
    failures = [f"the run's data have another {', '.join(other)}"] if other else []
    doubts = []
    if run.evidence.universe == "survivors":
        doubts = ["only comparisons within this universe are evidence"]
    elif run.evidence.universe != "point_in_time":
        doubts = ["how the universe was chosen is unknown: survivorship is not controlled"]
    return ItemVerdict(
        statement,
        run.evidence.survivorship,
        (*failures, *_bought_from_outside(rules, delisted_after_sessions, run)),
        tuple(doubts),
    )


def _bought_from_outside(rules: frozenset[str], after_sessions: int | None, run: FinishedRun) -> list[str]:
    """Return what was bought, or sold short, that could not be held as of its decision."""
    from quantdl.market.listing import delisted_as_known, last_trades  # loads pandas

    listed = (last_trades(run.panel) >= 0) & ~delisted_as_known(run.panel, after_sessions) & run.panel.eligible
    found = [
        (book.decided, int(asset))
        for book in run.book.decided_books(rules)
        for asset in np.flatnonzero(book.grown & ~listed[run.book.first + book.decided])
    ]
    if not found:
        return []
    decided, asset = min(found)
    first = f"{run.result.assets[asset]}, decided on {run.day(decided)}"
    return [f"{len(found)} purchases or short sales of what was not listed or not in the universe, the first {first}"]
