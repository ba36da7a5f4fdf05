"""Dates and instants as files hold them, read without guessing a format, a zone or a day."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from quantdl.market.reading.columns import UNREADABLE_ROW, Objection, as_text

_WRITE_DATE = "write the session as 2017-12-08, or the instant as 2017-12-08 16:00:00-05:00"
_WRITE_INSTANT = "write the instant as 2017-12-08 16:00:00-05:00"
# What cells that are no dates look like, the first that fits all of them.
_NO_DATES = (
    (r"(19|20)\d{2}[01]\d[0-3]\d(\.0)?", "these seem to be dates without hyphens"),
    (r"\d{5}(\.0)?", "these seem to be the day numbers of a spreadsheet"),
    (r"\d{9,10}(\.\d+)?", "these seem to be seconds since 1970: pandas.to_datetime(..., unit='s') reads them"),
    (r"\d{12,13}", "these seem to be milliseconds since 1970: pandas.to_datetime(..., unit='ms') reads them"),
    (r"\d{1,2}[-/.]\d{1,2}[-/.]\d{2,4}.*", "day and month cannot be told apart with certainty"),
)
_YEARS = np.datetime64("0001-01-01", "s"), np.datetime64("9999-12-31T23:59:59", "s")


def read_days(column: pd.Series, timezone: str) -> tuple[np.ndarray, list[Objection]]:
    """Return a column of dates or instants as session dates, datetime64[D] (N,), and the rows that are neither.

    A date alone is a session label. An instant must carry its offset from UTC and belongs to the date it has in
    ``timezone``. Midnight UTC, where that is another day in ``timezone``, is a date in disguise: it would land a day
    early. Where most times without an offset are not midnight, those at midnight are no dates either.
    """
    found = _parsed(column)
    days = found.local.astype("datetime64[D]")
    days[found.aware] = on_the_clock(found.instant[found.aware], timezone).astype("datetime64[D]")
    plain = ~found.aware & ~found.nothing
    timed = plain & (found.local != days)
    within_days = timed.sum() > plain.sum() / 2
    timed = plain if within_days else timed
    midnight = found.aware & (found.instant == found.instant.astype("datetime64[D]"))
    disguised = midnight & (found.instant.astype("datetime64[D]") != days)
    add = "add the offset, as in 2017-12-08 16:00:00-05:00, or write the session's date alone"
    if within_days:
        add += "; if these are bars within sessions, declare their frequency, such as 60min, and how they are dated"
    close = f"the close of the session in {timezone}; midnight UTC is the evening before there"
    objections = [
        *_objection(found.nothing & ~found.aware, "a date", _how_to_write(column, found.nothing & ~found.aware)),
        *_objection(timed, "an instant with its offset from UTC", add),
        *_objection(found.nothing & found.aware, "an instant", _WRITE_INSTANT),
        *_objection(disguised, close, "write the session's date alone"),
    ]
    days[found.nothing | timed | disguised] = np.datetime64("NaT")
    return days, objections


def read_times(column: pd.Series, times_in: str | None) -> tuple[np.ndarray, list[Objection]]:
    """Return a column of instants as UTC, datetime64[us] (N,), and the rows that are not instants.

    An instant carries its offset from UTC, or is meant in the zone ``times_in``. There, an hour that the clocks skip
    does not exist and an hour that they repeat is two instants: both are objected to, never guessed.

    Args:
        column: Text, timestamps, or instants.
        times_in: IANA zone of times without an offset; None refuses them.
    """
    found = _parsed(column)
    plain = ~found.aware & ~found.nothing
    instants = found.instant.copy()
    objections = _objection(found.nothing, "an instant", _WRITE_INSTANT)
    if times_in is None:
        fix = "add the offset, or state the zone that is meant (intraday times_in, --times-in): America/New_York"
        if plain.any() and (found.local[plain] == found.local[plain].astype("datetime64[D]")).all():
            fix = (
                "these are dates: declare frequency 1D, without intraday, for one bar a session; for shorter bars "
                + fix
            )
        objections += _objection(plain, "an instant with its offset from UTC", fix)
        return instants, objections
    rows = np.flatnonzero(plain)
    local = pd.DatetimeIndex(found.local[rows])
    meant = _universal(local, times_in, ambiguous=False)
    twice = np.isnat(_universal(local, times_in, ambiguous=None)) & ~np.isnat(meant)
    instants[rows] = np.where(twice, np.datetime64("NaT"), meant)
    never = np.zeros(len(column), dtype=bool)
    never[rows] = np.isnat(meant)
    ambiguous = np.zeros(len(column), dtype=bool)
    ambiguous[rows] = twice
    fix = "write the instants with their offsets from UTC"
    objections += _objection(never, f"a time that exists in {times_in}: the clocks skip this hour", fix)
    objections += _objection(ambiguous, f"a time that is one instant in {times_in}: the clocks repeat this hour", fix)
    return instants, objections


def on_the_clock(instants: np.ndarray, timezone: str) -> np.ndarray:
    """Return what the clocks of ``timezone`` show at UTC instants (N,), datetime64[us]."""
    local = pd.DatetimeIndex(instants).tz_localize("UTC").tz_convert(timezone).tz_localize(None)
    return local.to_numpy(dtype="datetime64[us]")


@dataclass(frozen=True, eq=False)
class _Parsed:
    """What a column of times says: a local time, or an instant where it carries an offset; nothing where neither."""

    local: np.ndarray
    instant: np.ndarray
    aware: np.ndarray
    nothing: np.ndarray


def _parsed(column: pd.Series) -> _Parsed:
    if isinstance(column.dtype, pd.DatetimeTZDtype):
        return _split(None, column.dt.tz_convert("UTC").dt.tz_localize(None), np.ones(len(column), dtype=bool))
    if pd.api.types.is_datetime64_dtype(column.dtype):
        return _split(column, None, np.zeros(len(column), dtype=bool))
    text = as_text(column)
    aware = text.str.contains(r":\d\d.*(?:Z|[+-]\d\d(?::?\d\d)?)$", regex=True).to_numpy(dtype=bool)
    dashed = text.str.match(r"\d{4}-\d\d-\d\d").to_numpy(dtype=bool)  # ISO 8601 also allows 20171208 and 2017
    labels = pd.to_datetime(text.where(~aware & dashed), format="ISO8601", errors="coerce")
    instants = pd.to_datetime(text.where(aware & dashed), format="ISO8601", errors="coerce", utc=True)
    return _split(labels, instants.dt.tz_localize(None), aware)


def _split(labels: pd.Series | None, instants: pd.Series | None, aware: np.ndarray) -> _Parsed:
    empty = np.full(len(aware), np.datetime64("NaT"), dtype="datetime64[us]")
    local = empty if labels is None else _in_range(labels)
    instant = empty if instants is None else _in_range(instants)
    return _Parsed(local, instant, aware, np.isnat(np.where(aware, instant, local)))


def _in_range(column: pd.Series) -> np.ndarray:
    """Return the column as datetime64[us], NaT where the year lies outside of 1 to 9999."""
    seconds = column.to_numpy(dtype="datetime64[s]")  # every unit fits into seconds, not every one into microseconds
    outside = np.isnat(seconds) | (seconds < _YEARS[0]) | (seconds > _YEARS[1])
    if not outside.any():
        return column.to_numpy(dtype="datetime64[us]")
    return column.where(~outside, pd.NaT).to_numpy(dtype="datetime64[us]")


def _universal(local: pd.DatetimeIndex, timezone: str, ambiguous: bool | None) -> np.ndarray:
    """Return UTC, NaT where the time does not exist, and where it exists twice unless ``ambiguous`` says which."""
    if ambiguous is None:
        instants = local.tz_localize(timezone, ambiguous="NaT", nonexistent="NaT")
    else:
        which = np.full(len(local), ambiguous, dtype=np.bool_)
        instants = local.tz_localize(timezone, ambiguous=which, nonexistent="NaT")
    return instants.tz_convert("UTC").tz_localize(None).to_numpy(dtype="datetime64[us]")


def _how_to_write(column: pd.Series, nothing: np.ndarray) -> str:
    """Return the fix of dates that are none: what all of them look like, where it is one thing, and how to write."""
    if not nothing.any():
        return _WRITE_DATE
    text = as_text(column[nothing])
    looks = [words for pattern, words in _NO_DATES if text.str.fullmatch(pattern).all()]
    return f"{looks[0]}; {_WRITE_DATE}" if looks else _WRITE_DATE


def _objection(rows: np.ndarray, expected: str, fix: str) -> list[Objection]:
    return [Objection(UNREADABLE_ROW, np.flatnonzero(rows), expected, fix)] if rows.any() else []
