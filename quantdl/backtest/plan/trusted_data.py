"""Trusted data: the data the plan was made for."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from quantdl.backtest.plan.context import FinishedRun
from quantdl.backtest.plan.evidence import ItemVerdict, ReportRow
from quantdl.backtest.plan.refusals import PlanFault, within
from quantdl.backtest.plan.stated import Stated
from quantdl.backtest.plan.texts import BarLength, CalendarName, Fingerprint, Label, ZoneName
from quantdl.calendars.zones import same_zone
from quantdl.market.card import Adjustment

if TYPE_CHECKING:
    from quantdl.market.panel import Panel

ROW = ReportRow("Trusted data", "data", "Data")

# At less than one and a half times, ordinary moves would wait; one bad print is taken to be ten times too high or low.
CONFIRMED_MULTIPLES = (1.5, 9.0)

_DECLARED = ("source", "timezone", "frequency", "adjustment", "calendar")


@dataclass(frozen=True)
class TrustedData(metaclass=Stated):
    """The data the plan was made for; each value must equal that of the data card, a zone under any of its names.

    Attributes:
        source: Source as named on the card.
        timezone: IANA name of the exchange's zone.
        frequency: Spacing of the bars.
        adjustment: How prices are adjusted.
        calendar: Trading calendar, ISO code first.
        fingerprint: ``"sha256:<hex>"`` of the content.
        fields: The fields a strategy may read; ``"close"`` is always needed.
        unconfirmed_beyond: A bar with a price above this multiple of the last confirmed close, or below one over it, is
            not traded at, marked at or shown to the strategy until the asset's next bar confirms it: see
            `quantdl.market.corporate.confirmation`. One bad print then costs nothing, and a move that was real is acted
            on a bar later. The default lets a fall of four fifths pass and holds up a price ten times too high or low.
    """

    source: Label
    timezone: ZoneName
    frequency: BarLength
    adjustment: Adjustment
    calendar: CalendarName
    fingerprint: Fingerprint
    fields: tuple[Label, ...]

    unconfirmed_beyond: float = 5.0


def faults(data: TrustedData) -> Iterator[PlanFault]:
    """Yield a fault unless closes are among the fields and a tenfold price is one that must be confirmed."""
    if "close" not in data.fields:
        yield PlanFault("trusted_data.fields", str(list(data.fields)), "'close' among the fields", "add 'close'")
    meaning = "a multiple that no ordinary session and every tenfold price exceeds,"
    yield from within("trusted_data.unconfirmed_beyond", data.unconfirmed_beyond, *CONFIRMED_MULTIPLES, meaning)


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
        doubts = ["the universe was chosen knowing its survivors, so only comparisons within it are evidence"]
    elif run.evidence.universe != "point_in_time":
        doubts = ["how the universe was chosen is unknown: survivorship is not controlled"]
    if run.evidence.outside_reads:
        places = "; ".join(run.evidence.outside_reads)
        doubts.append(f"the strategy opens data by itself, which may hold later rows ({places}): `quantdl audit` tells")
    figure = run.evidence.survivorship
    if run.unconfirmed is not None and run.unconfirmed[run.book.rows].any():
        figure += f" {_held_up(data, run.unconfirmed[run.book.rows], run)}"
    return ItemVerdict(
        statement,
        figure,
        (*failures, *_bought_from_outside(rules, delisted_after_sessions, run)),
        tuple(doubts),
    )


def _held_up(data: TrustedData, unconfirmed: np.ndarray, run: FinishedRun) -> str:
    """Say how many prices were not believed at once, and how much was held of their assets."""
    rows, columns = np.nonzero(unconfirmed)
    held = float(np.abs(run.book.weights[rows, columns]).max())
    first = f"the first {run.result.assets[columns[0]]} on {run.day(int(rows[0]))}"
    return (
        f"{len(rows)} bars were further than {data.unconfirmed_beyond:g} times from the last close and waited for the "
        f"next one, {first}; at most {held:.4f} of equity was held in one of them."
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
