"""Columns as files hold them, read without guessing: text to numbers, dates and instants to sessions, names to symbols.

Each reader returns what it could read and the rows it could not, with what was expected there.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

# Beyond 2**53 a float64 no longer counts units; below the other bound a ratio of two prices can overflow.
_LARGEST = 2.0**53
_SMALLEST = 1e-15


@dataclass(frozen=True)
class Objection:
    """Rows of a column that cannot be read, all for one reason."""

    kind: str
    rows: np.ndarray
    expected: str
    fix: str


def read_numbers(column: pd.Series, field: str) -> tuple[np.ndarray, list[Objection]]:
    """Return a column as float64 (N,) and the rows that hold no finite number.

    The result is NaN for an empty cell, which means "no value", and infinite for what was objected to: a word, ``NaN``
    and ``inf`` included, a boolean, or a number too large or too small to be a price or a volume. In a column that is
    numeric already, NaN is an empty cell.
    """
    if pd.api.types.is_bool_dtype(column.dtype):
        rows = np.arange(len(column))
        objection = Objection("unreadable", rows, "numbers, not true or false", "store the column as numbers")
        return np.full(len(column), np.inf), [objection]
    if pd.api.types.is_numeric_dtype(column.dtype):
        values = column.to_numpy(dtype=np.float64, na_value=np.nan)
        empty = np.isnan(values)
    else:
        text = column.astype("str").str.strip()
        values = pd.to_numeric(text, errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan)
        empty = _empty(text)
    size = np.abs(values)
    bad = ~empty & ~((size == 0) | ((size >= _SMALLEST) & (size <= _LARGEST)))
    if not bad.any():
        return values, []
    expected = f"a finite number, at most {_LARGEST:.0e}, or an empty cell"
    objection = Objection(f"non_finite_{field}", np.flatnonzero(bad), expected, "correct the value")
    return np.where(bad, np.inf, values), [objection]


def read_days(column: pd.Series, timezone: str) -> tuple[np.ndarray, list[Objection]]:
    """Return a column of dates or instants as session dates, datetime64[D] (N,), and the rows that are neither.

    A date alone is a session label. An instant must carry its offset from UTC and belongs to the date it has in
    ``timezone``. Midnight UTC, where that is another day in ``timezone``, is a date in disguise: it would land a day
    early.
    """
    if isinstance(column.dtype, pd.DatetimeTZDtype):
        return _read_instants(column, np.ones(len(column), dtype=bool), timezone)
    if pd.api.types.is_datetime64_dtype(column.dtype):
        return _read_labels(column, np.ones(len(column), dtype=bool))
    text = column.astype("str").str.strip()
    aware = text.str.contains(r":\d\d.*(?:Z|[+-]\d\d(?::?\d\d)?)$", regex=True).to_numpy(dtype=bool)
    labels = pd.to_datetime(text.where(~aware), format="ISO8601", errors="coerce")
    instants = pd.to_datetime(text.where(aware), format="ISO8601", errors="coerce", utc=True)
    dashed = text.str.match(r"\d{4}-\d\d-\d\d").to_numpy(dtype=bool)  # ISO 8601 also allows 20171208 and 2017
    days, objections = _read_labels(labels.where(dashed), ~aware)
    from_instants, more = _read_instants(instants.where(dashed), aware, timezone)
    return np.where(aware, from_instants, days), objections + more


def read_symbols(column: pd.Series) -> tuple[np.ndarray, tuple[str, ...], list[Objection]]:
    """Return codes (N,) into the sorted distinct symbols, the symbols, and the rows without one.

    A symbol is text as it stands: ``NA``, ``ON``, ``007``, ``1E5`` and ``TRUE`` are symbols. Numbers are objected to,
    because what made them numbers has lost leading zeros and more.
    """
    distinct = pd.Series(column.cat.categories if isinstance(column.dtype, pd.CategoricalDtype) else column.unique())
    strangers = [name for name in distinct.dropna() if not isinstance(name, str)]
    if strangers:
        rows = np.flatnonzero(column.isin(strangers).to_numpy(dtype=bool))
        expected = f"a symbol as text, not {type(strangers[0]).__name__}"
        objection = Objection("unreadable", rows, expected, "store the column as strings")
        return np.full(len(column), -1), (), [objection]
    codes, names = pd.factorize(column, sort=True)
    nameless = codes < 0
    symbols = tuple(str(name) for name in names)
    nameless |= np.isin(codes, [code for code, name in enumerate(symbols) if not name.strip()])
    objections = []
    if nameless.any():
        fix = "name the asset; a ticker such as NA that became empty was lost by the program that wrote the file"
        objections.append(Objection("unreadable", np.flatnonzero(nameless), "a symbol", fix))
    return np.asarray(codes, dtype=np.int64), symbols, objections


def _empty(text: pd.Series) -> np.ndarray:
    return np.asarray(text.isna() | (text == ""), dtype=bool)


def _read_labels(labels: pd.Series, wanted: np.ndarray) -> tuple[np.ndarray, list[Objection]]:
    missing = wanted & labels.isna().to_numpy(dtype=bool)
    timed = wanted & ~missing & (labels != labels.dt.normalize()).to_numpy(dtype=bool)
    days = labels.to_numpy(dtype="datetime64[s]").astype("datetime64[D]")
    objections = []
    if missing.any():
        fix = "write the session as 2017-12-08, or the instant as 2017-12-08 16:00:00-05:00"
        objections.append(Objection("unreadable", np.flatnonzero(missing), "a date", fix))
    if timed.any():
        fix = "add the offset, as in 2017-12-08 16:00:00-05:00, or write the session's date alone"
        objections.append(Objection("unreadable", np.flatnonzero(timed), "an instant with its offset from UTC", fix))
    return np.where(timed, np.datetime64("NaT"), days), objections


def _read_instants(instants: pd.Series, wanted: np.ndarray, timezone: str) -> tuple[np.ndarray, list[Objection]]:
    universal = instants.dt.tz_convert("UTC")
    local = instants.dt.tz_convert(timezone).dt.tz_localize(None)
    days = local.to_numpy(dtype="datetime64[s]").astype("datetime64[D]")
    missing = wanted & instants.isna().to_numpy(dtype=bool)
    midnight = (universal == universal.dt.normalize()).to_numpy(dtype=bool)
    other_day = days != universal.dt.tz_localize(None).to_numpy(dtype="datetime64[s]").astype("datetime64[D]")
    disguised = wanted & ~missing & midnight & other_day
    objections = []
    if missing.any():
        fix = "write the instant as 2017-12-08 16:00:00-05:00"
        objections.append(Objection("unreadable", np.flatnonzero(missing), "an instant", fix))
    if disguised.any():
        expected = f"the close of the session in {timezone}; midnight UTC is the evening before there"
        fix = "write the session's date alone"
        objections.append(Objection("unreadable", np.flatnonzero(disguised), expected, fix))
    return np.where(disguised, np.datetime64("NaT"), days), objections
