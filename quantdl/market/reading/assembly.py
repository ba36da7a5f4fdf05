"""From bars to a panel: the rules that a row must obey, then the axis of sessions or of the bars within them."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date

import numpy as np
import pandas as pd

from quantdl.calendars import TradingCalendar
from quantdl.calendars.bars import bar_period
from quantdl.calendars.periods import last_sessions
from quantdl.calendars.zones import same_zone
from quantdl.errors import DataError
from quantdl.market.card import DataCard, Declaration, content_fingerprint
from quantdl.market.data_fault import DataFault
from quantdl.market.panel import Panel
from quantdl.market.reading.axis import Placement, place_bars, refuse_beyond_memory
from quantdl.market.reading.bars import Bars, concatenate
from quantdl.market.reading.header import FIELDS, PRICES
from quantdl.market.reading.row_faults import FaultyDataError, Place, Proposal, RowFault, unreadable
from quantdl.market.status import CellStatus, read_silence

_NEWEST_FIRST = Proposal((("newest_first", True),), "which reads files that begin with the latest bar")


def assemble(parts: Sequence[Bars], declaration: Declaration) -> Panel:
    """Check the bars of a source and lay them on the sessions of the declared calendar, or on the bars within them.

    The axis holds every session of the calendar from the first bar to the last, whether or not anything traded on it,
    every week or month of it for bars of that length, or every bar of each where they are shorter (see
    `quantdl.market.reading.axis`). A bar without a close is no bar.
    Cells before an asset's first bar are UNLISTED, cells without a bar between two of its bars MISSING, cells after its
    last one follow ``declaration.silence``. A row that the source calls halted makes its cell HALTED, wherever in the
    life of the asset it stands.

    Impossible rows are refused, all of them at once, or recorded (``declaration.on_fault``). Recorded means:

    ======================  ==============================================================================
    ``non_finite_<field>``  the cell is empty
    ``zero_<price>``        kept as it stands; a close of zero takes part in no return
    ``negative_<field>``    kept as it stands, likewise
    ``missing_close``       other fields without a close, and not said to be halted: no bar
    ``duplicate``           second bar of an asset for a session: the first in file order counts
    ``unsorted``            a bar earlier than the one before it: put in order
    ``non_session``         a bar on a day on which the exchange was closed: left out
    ``outside_session``     a bar within no session, or at a time at which none begins or ends: left out
    ``after_as_of``         a bar later than the day on which the source stated it: left out
    ``unreadable_row``      a row without a date, a symbol, or as many cells as the header: left out
    ======================  ==============================================================================

    A file or a column that cannot be used as a whole (no text, no column of closes, true and false for prices) is
    refused in either case: an asset would be gone without a session to say so.

    Raises:
        DataError: If anything is refused, if nothing is left, or if the declared zone is not the calendar's.
        CalendarError: If the calendar is unknown or does not reach over the bars.
    """
    calendar = declaration.trading_calendar()
    bars = concatenate(parts)
    _refuse_another_zone(bars, calendar, declaration)
    row_faults = [*bars.row_faults, *_impossible_values(bars)]
    has_close = ~np.isnan(bars.fields["close"]) if "close" in bars.fields else np.zeros(len(bars.row), dtype=bool)
    bars = bars.keep(has_close | bars.halted)
    bars, placement = _without_unfinished(bars, place_bars(bars, calendar, declaration), declaration)
    row_faults += _misplaced(bars, placement, declaration)
    refused = [
        row_fault for row_fault in row_faults if declaration.on_fault == "refuse" or row_fault.kind == "unreadable"
    ]
    if refused:
        raise FaultyDataError(refused)
    standing = _standing(bars, placement, declaration)
    if not (standing & ~bars.halted).any():  # "record" cannot save a source without a single good bar
        fix = "check the file and the calendar"
        nothing = unreadable(bars.places[0], "no closing price", "at least one bar with a close", fix)
        raise FaultyDataError(row_faults or [nothing])
    faults = _recorded(row_faults, bars.keep(standing))
    placement = replace(placement, slot=placement.slot[standing], order=placement.order[standing])
    return _panel(bars.keep(standing), placement, faults, declaration)


def _refuse_another_zone(bars: Bars, calendar: TradingCalendar, declaration: Declaration) -> None:
    days = bars.day[~np.isnat(bars.day)]
    first_year = pd.Timestamp(days.min()).year if len(days) else declaration.as_of.year
    if not same_zone(declaration.timezone, calendar.timezone, first_year):
        raise DataError(
            f"{declaration.source}: declared timezone {declaration.timezone!r}, but {calendar.name} is an exchange in "
            f"{calendar.timezone}. Fix: declare timezone {calendar.timezone!r}, or the calendar of the exchange meant."
        )


def _without_unfinished(bars: Bars, placement: Placement, declaration: Declaration) -> tuple[Bars, Placement]:
    """Leave out the bars of a week or month that was not over when the source was read, and note it."""
    period = bar_period(declaration.frequency)
    if period is None or not len(placement.axis.sessions):
        return bars, placement
    ends = placement.axis.sessions[np.maximum(placement.slot, 0)]
    open_yet = (placement.slot >= 0) & (ends > np.datetime64(declaration.as_of, "D")) & ~_is_late(bars, declaration)
    if not open_yet.any():
        return bars, placement
    note = (
        f"{np.count_nonzero(open_yet):,} bars of the {period} that ends on {ends[open_yet].max()} are left out: on "
        f"{declaration.as_of}, the day of the source, it was not over."
    )
    placement = replace(placement, slot=placement.slot[~open_yet], order=placement.order[~open_yet])
    return replace(bars.keep(~open_yet), notes=(*bars.notes, note)), placement


def _impossible_values(bars: Bars) -> list[RowFault]:
    """Name prices that are zero or negative, negative volumes, and bars that have fields but no close."""
    row_faults = []
    fix = "correct or remove the bar, or load the good ones beside it (data.on_fault: record in a config)"
    for name, values in bars.fields.items():

        def given(row: int, values: np.ndarray = values) -> str:
            return repr(float(values[row]))

        expected = "a price above zero" if name in PRICES else f"a {name} of zero or more"
        if name in PRICES:
            row_faults += bars.find(f"zero_{name}", np.flatnonzero(values == 0), name, given, expected, fix)
        row_faults += bars.find(f"negative_{name}", np.flatnonzero(values < 0), name, given, expected, fix)
    if "close" in bars.fields:
        rows = np.flatnonzero(np.isnan(bars.fields["close"]) & _has_other_values(bars))
        row_faults += bars.find("missing_close", rows, "close", lambda row: "an empty cell", "a closing price", fix)
    return row_faults


def _has_other_values(bars: Bars) -> np.ndarray:
    found = np.zeros(len(bars.row), dtype=bool)
    for name, values in bars.fields.items():
        if name != "close":
            found |= values > 0
    return found


def _misplaced(bars: Bars, placement: Placement, declaration: Declaration) -> list[RowFault]:
    """Name the rows that stand on no place of the axis, too late, out of order, or where another one stands."""

    def when(row: int) -> str:
        if bars.time is not None:
            return f"{bars.time[row]}+00:00".replace(".000000", "")
        return f"{bars.day[row]} ({pd.Timestamp(bars.day[row]).day_name()})"

    period = bar_period(declaration.frequency)
    unit = period or ("session" if declaration.intraday is None else "time")
    late = _is_late(bars, declaration)
    strange = np.flatnonzero(~late & (placement.slot < 0))
    backward, repeated = _disorder(bars, placement.order)
    stated = f"no bar after the declared as_of {declaration.as_of}"
    fix = "correct the date of the bar or declare the day on which the source stated the values"
    row_faults = bars.find("after_as_of", np.flatnonzero(late), None, when, stated, fix)
    if declaration.intraday is None:
        fix = "remove the bar, or declare the calendar of the exchange on which it traded"
        expected = f"a {unit if period is None else f'day of a {unit} with a session'} of {declaration.calendar}"
        row_faults += bars.find("non_session", strange, None, when, expected, fix)
    else:
        cut = declaration.intraday
        bar = f"{declaration.frequency} bar of {declaration.calendar}"
        expected = f"the {cut.labelled} of a {bar}, anchored to the {cut.anchored}"
        fix = "remove the bar, or declare the calendar, labelled, anchored and times_in that are meant"
        row_faults += bars.find("outside_session", strange, None, when, expected, fix)
    fix = "sort the rows of each asset by date"
    unsorted = bars.find("unsorted", backward, None, when, "a later session than in the row before", fix)
    row_faults += [replace(one, proposed=_NEWEST_FIRST if one.place.unit == "line" else None) for one in unsorted]
    fix = "keep one of the bars"
    if 2 * len(repeated) > len(bars.row):  # so many are shorter bars than declared
        frequency = "such as 60min, and how they are dated" if period is None else "such as 1D"
        fix += f"; if these are bars within a {period or 'session'}, declare their frequency, {frequency}"
    return row_faults + bars.find("duplicate", repeated, None, when, f"one bar for a {unit}", fix)


def _is_late(bars: Bars, declaration: Declaration) -> np.ndarray:
    return np.asarray(bars.day > np.datetime64(declaration.as_of, "D"))


def _standing(bars: Bars, placement: Placement, declaration: Declaration) -> np.ndarray:
    """Return the rows that are laid on the axis: the first of each place, in time, that is halted or has a close."""
    # A bad close may stand on a bad day: it has two faults, and is asked for both.
    standing: np.ndarray = np.isfinite(bars.fields.get("close", np.zeros(0))) | bars.halted
    standing &= (placement.slot >= 0) & ~_is_late(bars, declaration)
    rows = np.flatnonzero(standing)
    _, repeated = _disorder(bars.keep(standing), placement.slot[standing])
    standing[rows[repeated]] = False
    return standing


def _disorder(bars: Bars, order: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the rows that lie before the row above them, and the second and later bars for one place.

    Args:
        bars: The rows.
        order: (N,) what must increase from row to row of an asset.
    """
    number = order.astype(np.int64)
    by_asset = np.argsort(bars.symbol, kind="stable")
    same = np.diff(bars.symbol[by_asset]) == 0
    step = np.diff(number[by_asset])
    if not (same & (step <= 0)).any():
        return np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64)
    one_place = np.diff(bars.place[by_asset]) == 0
    backward = np.sort(by_asset[1:][same & one_place & (step < 0)])
    by_asset = np.lexsort((number, bars.symbol))
    again = (np.diff(bars.symbol[by_asset]) == 0) & (np.diff(number[by_asset]) == 0)
    return backward, np.sort(by_asset[1:][again])


def _recorded(row_faults: list[RowFault], bars: Bars) -> tuple[DataFault, ...]:
    """Return what the panel keeps of the objections.

    A zero or negative price stands in the panel, where the census finds it; the rest would leave no trace.
    """
    kept = [row_fault for row_fault in row_faults if not row_fault.kind.startswith(("zero_", "negative_"))]
    if not kept:
        return ()
    spans = _days_by_place(bars)
    everywhere = min(first for first, _ in spans.values()), max(last for _, last in spans.values())
    return tuple(row_fault.as_data_fault(*spans.get(row_fault.place, everywhere)) for row_fault in kept)


def _days_by_place(bars: Bars) -> dict[Place, tuple[date, date]]:
    """Return the first and the last day of every place that has bars."""
    order = np.argsort(bars.place, kind="stable")
    place, day = bars.place[order], bars.day[order]
    starts = np.flatnonzero(np.diff(place, prepend=-1))
    firsts, lasts = (extreme.reduceat(day, starts).tolist() for extreme in (np.minimum, np.maximum))
    spans: dict[Place, tuple[date, date]] = {}
    for at, first, last in zip(place[starts], firsts, lasts, strict=True):
        name = bars.places[at]  # several parts may come from one place
        before = spans.get(name, (first, last))
        spans[name] = min(first, before[0]), max(last, before[1])
    return spans


def _panel(bars: Bars, placement: Placement, faults: tuple[DataFault, ...], declaration: Declaration) -> Panel:
    start, stop = placement.axis.between(int(placement.slot.min()), int(placement.slot.max()), declaration)
    refuse_beyond_memory(bars, stop - start, declaration)
    sessions, known_at = placement.axis.labels(start, stop)
    cell = placement.slot - start, bars.symbol
    shape = len(sessions), len(bars.symbols)
    traded, halted = np.zeros(shape, dtype=bool), np.zeros(shape, dtype=bool)
    traded[cell], halted[cell] = ~bars.halted, bars.halted
    fields = {}
    for name, values in bars.fields.items():
        fields[name] = np.full(shape, np.nan)
        fields[name][cell] = np.where(np.isfinite(values), values, np.nan)
    unreported = _drop_unreported(fields.get("volume"), bars.symbols)
    for values in fields.values():
        values.flags.writeable = False
    listed = np.logical_or.accumulate(traded, axis=0)
    status = np.where(traded, CellStatus.TRADED, np.where(listed, CellStatus.MISSING, CellStatus.UNLISTED))
    status[halted] = CellStatus.HALTED
    status = read_silence(status.astype(np.int8), sessions, bars.symbols, declaration.silence)
    return Panel(
        sessions=sessions,
        known_at=known_at,
        assets=bars.symbols,
        fields=fields,
        status=status,
        sectors={name: declaration.sectors[name] for name in bars.symbols if name in declaration.sectors},
        card=DataCard(
            declaration,
            fields=tuple(name for name in FIELDS if name in fields),
            fingerprint=content_fingerprint(
                sessions, bars.symbols, fields, status, None if declaration.intraday is None else known_at
            ),
        ).restated(
            *_notes(bars, status, declaration), *unreported, *_caveats(declaration.trading_calendar(), sessions)
        ),
        faults=faults,
        silence=declaration.silence,
    )


def _drop_unreported(volumes: np.ndarray | None, symbols: tuple[str, ...]) -> list[str]:
    """Empty the zeros of each asset's (T, A) volumes before its first positive one, in place, and say so.

    Sources write 0 where they have no volume: of rates of exchange and indices for ever, of others until they began to
    collect it. Until an asset has once had a volume, a 0 says nothing. Afterwards it says that nothing was traded.
    """
    if volumes is None:
        return []
    unreported = (volumes == 0) & ~np.logical_or.accumulate(volumes > 0, axis=0)
    volumes[unreported] = np.nan
    names = [symbols[column] for column in np.flatnonzero(unreported.any(axis=0))]
    if not names:
        return []
    return [
        "Volumes of 0 before an asset's first positive one are read as not reported, "
        f"{int(unreported.sum()):,} bars of: {', '.join(names)}."
    ]


def _caveats(calendar: TradingCalendar, sessions: pd.DatetimeIndex) -> list[str]:
    """What a reader has to know about the calendar, if anything."""
    caveat = calendar.caveat(sessions[0], sessions[-1])
    return [] if caveat is None else [caveat]


def _dated_by_weekends(bars: Bars, declaration: Declaration) -> Iterator[str]:
    """Say how dates of a weekend are read: sources date a week by the weekend after it, and some by the one before."""
    days, counts = np.unique(bars.day, return_counts=True)
    calendar = declaration.trading_calendar()
    inside = (days >= np.datetime64(calendar.first_day, "D")) & (days <= np.datetime64(calendar.last_day, "D"))
    labels = pd.DatetimeIndex(days[inside].astype("datetime64[us]"))
    if not len(labels):
        return
    after = labels > last_sessions(labels, "week", calendar)
    if 2 * counts[inside][after].sum() > counts[inside].sum():
        name = labels[after][-1].day_name()
        yield (
            f"Most bars are dated after the last session of a week, such as {labels[after][-1]:%Y-%m-%d} ({name}), and "
            "read as the week that ends there. If the source dates a week by the day before its first session, every "
            "bar is known a week too early here: date the bars by a session of their week."
        )


def _notes(bars: Bars, status: np.ndarray, declaration: Declaration) -> list[str]:
    notes = list(bars.notes)
    cut = declaration.intraday
    if cut is not None:
        notes.append(
            f"Bars of {declaration.frequency}, anchored to the {cut.anchored}; the source dates them by their "
            f"{cut.labelled}, and each is known when it is complete."
        )
    period = bar_period(declaration.frequency)
    if period is not None:
        notes.append(
            f"Bars of a {period}, labelled by its last session and known at that close, whatever day dates them."
        )
        notes += _dated_by_weekends(bars, declaration) if period == "week" else []
    if bars.unread:
        notes.append(f"Columns that were not read: {', '.join(bars.unread)}.")
    gone = [bars.symbols[column] for column in np.flatnonzero(status[-1] == CellStatus.DELISTED)]
    assumed = [name for name in gone if name not in declaration.silence.ended]
    if assumed:
        notes.append(
            f"Read as delisted because no bar came in the last {declaration.silence.delisted_after_sessions} sessions "
            "and more, which a suspension and a feed that was cut off look like too, so no holding is paid out for it: "
            f"{', '.join(assumed)}."
        )
    return notes
