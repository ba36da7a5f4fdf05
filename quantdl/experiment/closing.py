"""The session at whose close something is asked: the last complete one of the data up to a day; and the next one."""

from datetime import date

import numpy as np
import pandas as pd

from quantdl.calendars.bars import bar_period, is_intraday
from quantdl.calendars.labels import bar_text
from quantdl.calendars.periods import sessions_by_period
from quantdl.errors import DataError
from quantdl.market.card import content_fingerprint
from quantdl.market.corporate.attachment import fingerprint_with_actions
from quantdl.market.panel import Panel

_NO_LONGER_CLOSED = pd.Timedelta(days=75)  # a month that begins now has ended by then


def last_session(panel: Panel, day: date | None = None) -> pd.Timestamp:
    """Return the last session up to a day; where the data end with it, all of its bars must be there.

    Args:
        panel: Prices.
        day: The session, or a day after it on which the exchange is closed; None for the last one of the data.

    Raises:
        DataError: If the day lies before the data, the data do not reach it, or they end within its session.
    """
    sessions = panel.sessions
    wanted = sessions[-1] if day is None else pd.Timestamp(day)
    if len(_later_bars(panel, wanted)):
        raise DataError(
            f"as of {wanted:%Y-%m-%d}: the data end with {sessions[-1]:%Y-%m-%d}, and the exchange has traded since. "
            "Bring the newer bars, or give an earlier day."
        )
    at = int(sessions.searchsorted(wanted, side="right")) - 1
    if at < 0:
        raise DataError(
            f"as of {wanted:%Y-%m-%d}: the data begin with {sessions[0]:%Y-%m-%d}. "
            "Bring older bars, or give a later day."
        )
    session: pd.Timestamp = sessions[at]
    if session == sessions[-1]:
        _refuse_unfinished(panel)
    return session


def no_session(panel: Panel, day: date | None, session: pd.Timestamp) -> str:
    """Say that the day which was asked for is no session, and which close counts; empty where it is one.

    Args:
        panel: Prices.
        day: As for `last_session`.
        session: What it returned.
    """
    if day is None or session.date() == day:
        return ""
    period = bar_period(panel.card.declaration.frequency)
    what = "is no session" if period is None else f"is the end of no {period}"
    return f"{day} {what}; the close before it is {session:%Y-%m-%d}."


def _refuse_unfinished(panel: Panel) -> None:
    """Refuse data that end within a session: what comes next is then a bar of that session, not the next one.

    Raises:
        DataError: If the last bar was known before the session closed.
    """
    declared, session = panel.card.declaration, panel.sessions[-1]
    if not is_intraday(declared.frequency):
        return
    close = declared.trading_calendar().schedule(session, session)["close"].iloc[0]
    if panel.known_at[-1] < close:
        local = close.tz_convert(declared.trading_calendar().timezone)
        raise DataError(
            f"as of {session:%Y-%m-%d}: the data end with the bar of {bar_text(panel.bars[-1])}, and the session goes "
            f"on to {local:%H:%M}. Bring its other bars, or give an earlier day."
        )


def _later_bars(panel: Panel, until: pd.Timestamp) -> pd.DatetimeIndex:
    """Labels that the calendar has for bars after the last one of a panel, up to a day."""
    declared, last = panel.card.declaration, panel.sessions[-1]
    calendar, period = declared.trading_calendar(), bar_period(declared.frequency)
    until = min(until, calendar.last_day)
    if until <= last:
        return panel.sessions[:0]
    if period is None:
        return calendar.sessions(last + pd.Timedelta(days=1), until)
    _, labels = sessions_by_period(last, until, period, calendar)
    return labels[(labels > last) & (labels <= until)]


def following_session(panel: Panel) -> pd.Timestamp | None:
    """The calendar's next session after a panel, or the last one of its next week or month; None where it ends."""
    later = _later_bars(panel, panel.sessions[-1] + _NO_LONGER_CLOSED)
    return pd.Timestamp(later[0]) if len(later) else None


def fingerprint_of(panel: Panel) -> str:
    """Return the fingerprint that a panel would have, had it been loaded as it is: that of a part is its own."""
    begun = np.flatnonzero(panel.has_bar.any(axis=0))
    panel = panel.select([panel.assets[asset] for asset in begun])
    instants = panel.known_at if is_intraday(panel.card.declaration.frequency) else None
    values = content_fingerprint(panel.sessions, panel.assets, panel.fields, panel.status, instants)
    return fingerprint_with_actions(values, panel.actions)
