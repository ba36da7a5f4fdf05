"""A JSON document of a run folder, read without surprises: a part that is absent or of another kind reads as absent.

A report must still be written for a run that lacks a piece (a run without a model has no forecasts, an older run may
lack a newer figure), and must say which piece is lacking. So each reader here returns ``None`` or nothing instead of
raising, and the tables turn that into words.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Record:
    """A JSON object with typed readers; keys are given one by one, since tickers and rules may contain dots.

    Example:
        >>> record = Record({"plan": {"horizon": {"bars": 21}}, "name": "demo"})
        >>> record.number("plan", "horizon", "bars"), record.text("name"), record.number("plan", "author")
        (21.0, 'demo', None)
    """

    values: Mapping[str, object] = field(default_factory=dict)

    def __bool__(self) -> bool:
        """Whether anything is recorded."""
        return bool(self.values)

    def get(self, *keys: str) -> object | None:
        """Return the value found by following ``keys``, or None."""
        found: object = self.values
        for key in keys:
            if not isinstance(found, Mapping) or key not in found:
                return None
            found = found[key]
        return found

    def text(self, *keys: str) -> str:
        """Return the text at ``keys``, stripped; empty if there is none."""
        found = self.get(*keys)
        return found.strip() if isinstance(found, str) else ""

    def number(self, *keys: str) -> float | None:
        """Return the finite number at ``keys``, or None."""
        found = self.get(*keys)
        if isinstance(found, bool) or not isinstance(found, int | float):
            return None
        return float(found) if math.isfinite(found) else None

    def flag(self, *keys: str) -> bool | None:
        """Return the truth value at ``keys``, or None if it is absent or undecided."""
        found = self.get(*keys)
        return found if isinstance(found, bool) else None

    def record(self, *keys: str) -> "Record":
        """Return the object at ``keys``; an empty record if there is none."""
        found = self.get(*keys)
        return Record(found) if isinstance(found, Mapping) else Record()

    def records(self, *keys: str) -> tuple["Record", ...]:
        """Return the objects in the list at ``keys``, in order."""
        found = self.get(*keys)
        if not isinstance(found, list | tuple):
            return ()
        return tuple(Record(item) for item in found if isinstance(item, Mapping))

    def texts(self, *keys: str) -> tuple[str, ...]:
        """Return the texts in the list at ``keys``; a lone text counts as a list of one."""
        found = self.get(*keys)
        if isinstance(found, str):
            return (found.strip(),) if found.strip() else ()
        if not isinstance(found, list | tuple):
            return ()
        return tuple(item.strip() for item in found if isinstance(item, str) and item.strip())
