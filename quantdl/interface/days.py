"""Days as a user writes them in a notebook."""

from datetime import date
from typing import Any

import pandas as pd

from quantdl.errors import ConfigError

Day = date | str | pd.Timestamp
"""``"2016-12-30"``, a ``datetime.date`` or a ``pandas.Timestamp`` without a time."""


def day_of(given: Day, argument: str) -> date:
    """Return a day that was given for an argument.

    Raises:
        ConfigError: If it is none.

    Example:
        >>> day_of("2016-12-30", "train_end")
        datetime.date(2016, 12, 30)
    """
    try:
        found: Any = pd.Timestamp(date.fromisoformat(given) if isinstance(given, str) else given)
    except (ValueError, TypeError):
        found = pd.NaT
    if pd.isna(found) or found.tzinfo or found != found.normalize():
        raise ConfigError(f"{argument}: given {given!r}; expected a date such as 2016-12-30.")
    day: date = found.date()
    return day
