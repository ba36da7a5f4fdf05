"""A figure of a record, its name and its unit: what the tables of the report are lists of."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from quantdl.report.document import Cell, number
from quantdl.report.formatting import Unit, with_unit


@dataclass(frozen=True)
class Quantity:
    """A figure of a record: the field that holds it, its name and its unit."""

    field: str
    name: str
    unit: Unit

    @property
    def label(self) -> str:
        """The name with its unit in brackets."""
        return with_unit(self.name, self.unit)

    def value(self, record: object) -> float | None:
        """Return the figure of a record, None where it is undefined."""
        found = getattr(record, self.field)
        return None if found is None else float(found)

    def cell(self, record: object, reason: str = "") -> Cell:
        """Build the cell of the figure, or of the reason why there is none.

        Args:
            record: That has the field.
            reason: Why the figure is undefined, where the record itself does not say.
        """
        found = getattr(record, self.field)
        if isinstance(found, str | date):
            return Cell(str(found), numeric=True)
        return number(found, self.unit, reason or reason_of(record, self.field))


def reason_of(record: object, field: str) -> str:
    """Return why a figure is undefined, as its record says in ``undefined``; plainly that it is where it does not.

    Example:
        >>> from dataclasses import dataclass
        >>> @dataclass
        ... class Measured:
        ...     sharpe: float | None
        ...     undefined: dict[str, str]
        >>> reason_of(Measured(None, {"sharpe": "all returns are equal"}), "sharpe")
        'undefined: all returns are equal'
    """
    reasons: Mapping[str, str] = getattr(record, "undefined", {})
    reason = reasons.get(field, "")
    return f"undefined: {reason}" if reason else "undefined"
