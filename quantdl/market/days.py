"""Days as people write them: the label of a session, or a refusal that says what was expected."""

from datetime import date

import pandas as pd

from quantdl.errors import DataError


def timestamp(day: pd.Timestamp | date | str) -> pd.Timestamp:
    """Return a day or an instant as it was given.

    Raises:
        DataError: If it is neither.
    """
    try:
        stamp: object = pd.Timestamp(day)
    except (ValueError, TypeError) as error:
        raise DataError(f"Expected a session such as '2024-12-31', got {day!r}.") from error
    if not isinstance(stamp, pd.Timestamp):  # NaT
        raise DataError(f"Expected a session such as '2024-12-31', got {day!r}.")
    return stamp


def session_label(day: pd.Timestamp | date | str) -> pd.Timestamp:
    """Return a day as the label of a session: tz-naive midnight.

    Raises:
        DataError: If it is no date, or comes with a time of day or a zone.

    Example:
        >>> session_label("2024-12-31")
        Timestamp('2024-12-31 00:00:00')
    """
    label = timestamp(day)
    if label.tzinfo is not None:
        raise DataError(f"A session is a date without a time zone, got {label}. Pass '{label:%Y-%m-%d}'.")
    if label != label.normalize():
        fix = f"Pass '{label:%Y-%m-%d}', or the instant with its offset from UTC where one is expected"
        raise DataError(f"A session is a date without a time of day, got {label}. {fix}.")
    return label
