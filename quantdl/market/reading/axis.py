"""The axis that bars are laid on: every session of a calendar, every week or month, or every bar within a session."""

import os
from dataclasses import dataclass

import numpy as np
import pandas as pd

from quantdl.calendars import TradingCalendar, bar_length
from quantdl.calendars.bars import Period, bar_period
from quantdl.calendars.periods import period_starts, sessions_by_period
from quantdl.errors import DataError
from quantdl.market.card import Declaration, IntradayBars
from quantdl.market.reading.bars import Bars
from quantdl.market.reading.intraday import BarGrid, bar_grid
from quantdl.market.reading.spacing import refuse_one_a_day, refuse_other_spacing

_FEWEST_STEPS = 20
_STRAY_SHARE = 0.01


@dataclass(frozen=True, eq=False)
class Axis:
    """Places on which a bar may stand, in order.

    Attributes:
        sessions: (T,) session label of each place, datetime64[D].
        known_at: (T,) UTC instants at which a bar there is known, datetime64[us].
    """

    sessions: np.ndarray
    known_at: np.ndarray

    def between(self, first: int, last: int, declaration: Declaration) -> tuple[int, int]:
        """Return the slice of the axis, as start and stop, that a panel with bars from ``first`` to ``last`` has.

        It holds whole sessions; only the session of the day of ``as_of``, which may not have been over when the source
        was read, ends at its last bar.
        """
        start = int(np.searchsorted(self.sessions, self.sessions[first], side="left"))
        if self.sessions[last] >= np.datetime64(declaration.as_of, "D"):
            return start, last + 1
        return start, int(np.searchsorted(self.sessions, self.sessions[last], side="right"))

    def labels(self, start: int, stop: int) -> tuple[pd.DatetimeIndex, pd.DatetimeIndex]:
        """Return the session labels and the UTC instants of a slice, as a panel holds them."""
        sessions = pd.DatetimeIndex(self.sessions[start:stop].astype("datetime64[us]"), name="session")
        return sessions, pd.DatetimeIndex(self.known_at[start:stop]).tz_localize("UTC")


@dataclass(frozen=True, eq=False)
class Placement:
    """Where each of some bars belongs.

    Attributes:
        axis: The places.
        slot: (N,) int64 place of each bar, -1 for a bar that has none.
        order: (N,) instants or days by which the bars of an asset follow each other.
    """

    axis: Axis
    slot: np.ndarray
    order: np.ndarray


def place_bars(bars: Bars, calendar: TradingCalendar, declaration: Declaration) -> Placement:
    """Find the place of each bar on the sessions of a calendar, on its weeks or months, or on the bars within sessions.

    A bar of a week or month may be dated by any day of it. It stands at the last session, at whose close it is known.

    Raises:
        DataError: If the declared bars cannot be cut from this calendar, or lie farther apart or closer together.
        CalendarError: If the calendar cannot be computed.
    """
    first = np.datetime64(calendar.first_day.date(), "D")
    last = np.datetime64(calendar.last_day.date(), "D")
    late = np.datetime64(declaration.as_of, "D")
    known = bars.day[(bars.day >= first) & (bars.day <= min(last, late))]
    if not len(known):
        nothing = Axis(np.zeros(0, dtype="datetime64[D]"), np.zeros(0, dtype="datetime64[us]"))
        return Placement(nothing, np.full(len(bars.row), -1), bars.day if bars.time is None else bars.time)
    start, end = known.min(), known.max()
    period = bar_period(declaration.frequency)
    if period is not None:
        placement, position = _on_periods(bars.day, calendar, start, end, period)
        refuse_other_spacing(bars, position, declaration)
        return placement
    if declaration.intraday is None or bars.time is None:
        placement = _on_sessions(bars.day, calendar, start, end)
        inside = (bars.day >= start) & (bars.day <= end)
        number = np.searchsorted(placement.axis.sessions, bars.day, side="right") - 1
        refuse_other_spacing(bars, np.where(inside, number, -1), declaration)
        return placement
    # A session may begin on the evening before its date, with a weekend or a holiday in between.
    span = pd.Timestamp(max(start - 1, first)), pd.Timestamp(min(end + 7, last))
    grid = bar_grid(calendar, *span, _seconds(declaration), declaration.intraday.anchored)
    placement = _on_bars(bars.time, grid, declaration.intraday)
    n_sessions = 1 + np.count_nonzero(np.diff(grid.session)) if len(grid.session) else 1
    refuse_one_a_day(bars, len(grid.session) / n_sessions, declaration)
    _refuse_longer_bars(placement, declaration)
    return placement


def _refuse_longer_bars(placement: Placement, declaration: Declaration) -> None:
    """Refuse bars that are declared shorter than they are: each would count as known before it was complete."""
    used = np.unique(placement.slot[placement.slot >= 0])
    sessions = placement.axis.sessions[used]
    steps = np.diff(used)[sessions[1:] == sessions[:-1]]
    if len(steps) < _FEWEST_STEPS:
        return
    usual = int(np.bincount(steps).argmax())
    if usual > 1 and np.mean(steps == 1) < _STRAY_SHARE:
        seconds = usual * _seconds(declaration)
        length = f"{seconds // 60}min" if seconds % 60 == 0 else f"{seconds}s"
        raise DataError(
            f"{declaration.source}: declared frequency {declaration.frequency!r}, but only one bar in {usual} is there "
            f"for any asset. Bars of {length} that are read as shorter ones would be known before they were complete. "
            f"Fix: declare frequency {length!r}."
        )


def refuse_beyond_memory(bars: Bars, n_places: int, declaration: Declaration) -> None:
    """Refuse an axis that one stray date made longer than the machine can hold, before the machine stops.

    Args:
        bars: Those that stand on the axis.
        n_places: Length of the axis.
        declaration: What the prices are.

    Raises:
        DataError: If the cells take more than the memory of this machine; the longest stretch without a bar is named.
    """
    needed = n_places * len(bars.symbols) * (8 * len(bars.fields) + 1)
    held = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    if needed <= held:
        return
    days = np.sort(bars.day)
    step = int(np.diff(days).argmax()) if len(days) > 1 else 0
    gap = f"; between {days[step]} and {days[min(step + 1, len(days) - 1)]} no asset has one"
    raise DataError(
        f"{declaration.source}: {len(bars.symbols):,} assets on the {n_places:,} bars of {declaration.calendar} from "
        f"{days[0]} to {days[-1]} take {needed / 1e9:,.3g} GB, more than the {held / 1e9:,.3g} GB of this machine, and "
        f"{len(bars.row):,} bars are given{gap}. Fix: correct a stray date, load fewer assets or a shorter span, or "
        "write the panel in blocks with quantdl.market.storage.store.PanelWriter."
    )


def _on_sessions(days: np.ndarray, calendar: TradingCalendar, start: np.datetime64, end: np.datetime64) -> Placement:
    labels = calendar.sessions(pd.Timestamp(start), pd.Timestamp(end))
    sessions = labels.to_numpy().astype("datetime64[D]")
    number = np.full((end - start).astype(int) + 1, -1, dtype=np.int64)
    number[(sessions - start).astype(int)] = np.arange(len(sessions))
    slot = np.full(len(days), -1, dtype=np.int64)
    inside = (days >= start) & (days <= end)
    slot[inside] = number[(days[inside] - start).astype(int)]
    closes = calendar.closes(labels).tz_localize(None).to_numpy(dtype="datetime64[us]")
    return Placement(Axis(sessions, closes), slot, days)


def _on_periods(
    days: np.ndarray, calendar: TradingCalendar, start: np.datetime64, end: np.datetime64, period: Period
) -> tuple[Placement, np.ndarray]:
    """Return the placement, and the number of the period of each day or of the last one before it, -1 outside."""
    starts, labels = sessions_by_period(pd.Timestamp(start), pd.Timestamp(end), period, calendar)
    inside = np.flatnonzero((days >= start) & (days <= end))
    of_day = period_starts(pd.DatetimeIndex(days[inside].astype("datetime64[us]")), period, calendar)
    at = starts.searchsorted(of_day)
    has_session = starts[np.minimum(at, len(starts) - 1)] == of_day if len(starts) else np.zeros(len(at), dtype=bool)
    slot = np.full(len(days), -1, dtype=np.int64)
    slot[inside[has_session]] = at[has_session]
    sessions = labels.to_numpy().astype("datetime64[D]")
    order = days.copy()
    order[slot >= 0] = sessions[slot[slot >= 0]]  # two days of one week are one place
    closes = calendar.closes(labels).tz_localize(None).to_numpy(dtype="datetime64[us]")
    position = np.full(len(days), -1, dtype=np.int64)
    position[inside] = starts.searchsorted(of_day, side="right") - 1
    return Placement(Axis(sessions, closes), slot, order), position


def _on_bars(times: np.ndarray, grid: BarGrid, intraday: IntradayBars) -> Placement:
    slot = grid.place(times, intraday.labelled)
    labels = grid.begin if intraday.labelled == "start" else grid.end
    order = np.where(slot >= 0, labels[np.maximum(slot, 0)], times)  # two ways of writing a label are one place
    return Placement(Axis(grid.session, grid.complete), slot, order)


def _seconds(declaration: Declaration) -> int:
    return int(bar_length(declaration.frequency).total_seconds())
