"""From bars to a panel: the rules that a row must obey, then the session axis of the calendar."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from quantdl.calendars import TradingCalendar, trading_calendar
from quantdl.errors import DataError
from quantdl.market.bars import FIELDS, PRICES, Bars, concatenate
from quantdl.market.card import DataCard, Declaration, content_fingerprint
from quantdl.market.findings import FaultyDataError, Finding, unreadable
from quantdl.market.panel import Panel
from quantdl.market.status import CellStatus, read_silence


def assemble(parts: Sequence[Bars], declaration: Declaration) -> Panel:
    """Check the bars of a source and lay them on the sessions of the declared calendar.

    The axis holds every session of the calendar from the first bar to the last, whether or not anything traded on it.
    A bar without a close is no bar. Cells before an asset's first bar are UNLISTED, cells without a bar between two of
    its bars MISSING, cells after its last one follow ``declaration.silence``.

    Impossible rows are refused, all of them at once, or recorded (``declaration.on_fault``). Recorded means:

    ======================  ==============================================================================
    ``non_finite_<field>``  the cell is empty
    ``zero_<price>``        kept as it stands; a close of zero takes part in no return
    ``negative_<field>``    kept as it stands, likewise
    ``missing_close``       other fields without a close: no bar
    ``duplicate``           second bar of an asset for a session: the first in file order counts
    ``unsorted``            a bar earlier than the one before it: put in order
    ``non_session``         a bar on a day on which the exchange was closed: left out
    ``after_as_of``         a bar later than the day on which the source stated it: left out
    ======================  ==============================================================================

    What cannot be placed at all (no date, no symbol, a missing column) is refused in either case.

    Raises:
        DataError: If anything is refused, if nothing is left, or if the declared zone is not the calendar's.
        CalendarError: If the calendar is unknown or does not reach over the bars.
    """
    calendar = trading_calendar(declaration.calendar)
    if declaration.timezone != calendar.timezone:
        raise DataError(
            f"{declaration.source}: declared timezone {declaration.timezone!r}, but {calendar.name} is an exchange in "
            f"{calendar.timezone}. Fix: declare timezone {calendar.timezone!r}, or the calendar of the exchange meant."
        )
    bars = concatenate(parts)
    findings = [*bars.findings, *_impossible_values(bars)]
    bars, more = _on_the_axis(bars, calendar, declaration)
    findings += more
    refused = [finding for finding in findings if declaration.on_fault == "refuse" or finding.kind == "unreadable"]
    if refused:
        raise FaultyDataError(refused)
    if not len(bars.row):  # "record" cannot save a source without a single good bar
        fix = "check the file and the calendar"
        nothing = unreadable(bars.places[0], "no closing price", "at least one bar with a close", fix)
        raise FaultyDataError(findings or [nothing])
    return _panel(bars, findings, calendar, declaration)


def _impossible_values(bars: Bars) -> list[Finding]:
    """Name prices that are zero or negative, negative volumes, and bars that have fields but no close."""
    findings = []
    fix = "correct or remove the bar, or state a policy for it (data.policies in a config, on_fault='record' in Python)"
    for name, values in bars.fields.items():

        def given(row: int, values: np.ndarray = values) -> str:
            return repr(float(values[row]))

        expected = "a price above zero" if name in PRICES else f"a {name} of zero or more"
        if name in PRICES:
            findings += bars.find(f"zero_{name}", np.flatnonzero(values == 0), name, given, expected, fix)
        findings += bars.find(f"negative_{name}", np.flatnonzero(values < 0), name, given, expected, fix)
    if "close" in bars.fields:
        rows = np.flatnonzero(np.isnan(bars.fields["close"]) & _has_other_values(bars))
        findings += bars.find("missing_close", rows, "close", lambda row: "an empty cell", "a closing price", fix)
    return findings


def _has_other_values(bars: Bars) -> np.ndarray:
    found = np.zeros(len(bars.row), dtype=bool)
    for name, values in bars.fields.items():
        if name != "close":
            found |= values > 0
    return found


def _on_the_axis(bars: Bars, calendar: TradingCalendar, declaration: Declaration) -> tuple[Bars, list[Finding]]:
    """Keep the rows that have a close and lie on sessions, once each, and name the others."""
    if "close" not in bars.fields:
        return bars, []
    bars = bars.keep(~np.isnan(bars.fields["close"]))
    findings = _misplaced(bars, calendar, declaration)
    bars = bars.keep(np.isfinite(bars.fields["close"]))  # only now: a bad close on a bad day has two faults
    cells = {name: np.where(np.isfinite(values), values, np.nan) for name, values in bars.fields.items()}
    bars = replace(bars, fields=cells)
    bars = bars.keep(~_is_late(bars, declaration) & _is_session(bars.day, calendar))
    _, repeated = _disorder(bars)
    once = np.ones(len(bars.row), dtype=bool)
    once[repeated] = False
    return bars.keep(once), findings


def _misplaced(bars: Bars, calendar: TradingCalendar, declaration: Declaration) -> list[Finding]:
    def day(row: int) -> str:
        return f"{bars.day[row]} ({pd.Timestamp(bars.day[row]).day_name()})"

    late = _is_late(bars, declaration)
    strange = ~late & ~_is_session(bars.day, calendar)
    backward, repeated = _disorder(bars)
    stated = f"no bar after the declared as_of {declaration.as_of}"
    fix = "correct the date of the bar or declare the day on which the source stated the values"
    findings = bars.find("after_as_of", np.flatnonzero(late), None, day, stated, fix)
    fix = "remove the bar, or declare the calendar of the exchange on which it traded"
    findings += bars.find("non_session", np.flatnonzero(strange), None, day, f"a session of {calendar.name}", fix)
    fix = "sort the rows of each asset by date"
    findings += bars.find("unsorted", backward, None, day, "a later session than in the row before", fix)
    fix = "keep one of the bars"
    return findings + bars.find("duplicate", repeated, None, day, "one bar for a session", fix)


def _is_late(bars: Bars, declaration: Declaration) -> np.ndarray:
    return np.asarray(bars.day > np.datetime64(declaration.as_of, "D"))


def _is_session(days: np.ndarray, calendar: TradingCalendar) -> np.ndarray:
    first = np.datetime64(calendar.first_day.date(), "D")
    last = np.datetime64(calendar.last_day.date(), "D")
    inside = (days >= first) & (days <= last)
    if not inside.any():
        return inside
    start, end = days[inside].min(), days[inside].max()
    open_days = np.zeros((end - start).astype(int) + 1, dtype=bool)
    open_days[(_sessions(calendar, start, end) - start).astype(int)] = True
    inside[inside] = open_days[(days[inside] - start).astype(int)]
    return inside


def _sessions(calendar: TradingCalendar, start: np.datetime64, end: np.datetime64) -> np.ndarray:
    labels = calendar.sessions(pd.Timestamp(start), pd.Timestamp(end))
    return labels.to_numpy().astype("datetime64[D]")


def _disorder(bars: Bars) -> tuple[np.ndarray, np.ndarray]:
    """Return the rows that lie before the row above them, and the second and later bars for one session."""
    order = np.argsort(bars.symbol, kind="stable")
    same = np.diff(bars.symbol[order]) == 0
    step = np.diff(bars.day[order]).astype(np.int64)
    if not (same & (step <= 0)).any():
        return np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64)
    one_place = np.diff(bars.place[order]) == 0
    backward = np.sort(order[1:][same & one_place & (step < 0)])
    order = np.lexsort((bars.day, bars.symbol))
    again = (np.diff(bars.symbol[order]) == 0) & (np.diff(bars.day[order]).astype(np.int64) == 0)
    return backward, np.sort(order[1:][again])


def _panel(bars: Bars, findings: list[Finding], calendar: TradingCalendar, declaration: Declaration) -> Panel:
    start, end = bars.day.min(), bars.day.max()
    sessions = calendar.sessions(pd.Timestamp(start), pd.Timestamp(end))
    position = np.zeros((end - start).astype(int) + 1, dtype=np.int64)
    position[(sessions.to_numpy().astype("datetime64[D]") - start).astype(int)] = np.arange(len(sessions))
    cell = position[(bars.day - start).astype(int)], bars.symbol
    shape = len(sessions), len(bars.symbols)
    traded = np.zeros(shape, dtype=bool)
    traded[cell] = True
    fields = {}
    for name, values in bars.fields.items():
        fields[name] = np.full(shape, np.nan)
        fields[name][cell] = values
    listed = np.logical_or.accumulate(traded, axis=0)
    status = np.where(traded, CellStatus.TRADED, np.where(listed, CellStatus.MISSING, CellStatus.UNLISTED))
    status = read_silence(status.astype(np.int8), sessions, bars.symbols, declaration.silence)
    # A zero or negative price stands in the panel, where the census finds it; the rest would leave no trace.
    gone = [finding for finding in findings if not finding.kind.startswith(("zero_", "negative_"))]
    return Panel(
        sessions=sessions,
        known_at=calendar.closes(sessions),
        assets=bars.symbols,
        fields=fields,
        status=status,
        sectors={name: declaration.sectors[name] for name in bars.symbols if name in declaration.sectors},
        card=DataCard(
            source=declaration.source,
            timezone=declaration.timezone,
            frequency=declaration.frequency,
            adjustment=declaration.adjustment,
            calendar=declaration.calendar,
            as_of=declaration.as_of,
            licence=declaration.licence,
            fields=tuple(name for name in FIELDS if name in fields),
            fingerprint=content_fingerprint(sessions, bars.symbols, fields, status),
            universe=declaration.universe,
            notes=(*declaration.notes, *_notes(bars, status, declaration)),
        ),
        faults=tuple(fault for fault in (finding.as_fault() for finding in gone) if fault is not None),
        silence=declaration.silence,
    )


def _notes(bars: Bars, status: np.ndarray, declaration: Declaration) -> list[str]:
    notes = []
    if bars.unread:
        notes.append(f"Columns that were not read: {', '.join(bars.unread)}.")
    gone = [bars.symbols[column] for column in np.flatnonzero(status[-1] == CellStatus.DELISTED)]
    assumed = [name for name in gone if name not in declaration.silence.ended]
    if assumed:
        notes.append(
            f"Read as delisted because no bar came in the last {declaration.silence.delisted_after_sessions} sessions "
            f"and more, which a feed that was cut off looks like too: {', '.join(assumed)}."
        )
    return notes
