"""Trusted data: the data the plan was made for."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from quantdl.backtest.plan.refusals import PlanFault
from quantdl.backtest.plan.texts import BarLength, CalendarName, Fingerprint, Label, ZoneName
from quantdl.market.card import Adjustment

if TYPE_CHECKING:
    from quantdl.market.panel import Panel

_DECLARED = ("source", "timezone", "frequency", "adjustment", "calendar")


@dataclass(frozen=True)
class TrustedData:
    """The data the plan was made for; each value must equal that of the data card.

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
        if planned != found:
            fix = f"write {found!r} if these are the data you mean to trust, or load the other data"
            yield PlanFault(f"trusted_data.{name}", repr(planned), f"the data card's {found!r}", fix)
    unknown = sorted(set(data.fields) - set(panel.fields))
    if unknown:
        expected = f"fields of the data, {sorted(panel.fields)}"
        yield PlanFault("trusted_data.fields", str(unknown), expected, "remove what the data does not have")
