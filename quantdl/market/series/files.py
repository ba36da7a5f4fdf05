"""Series beside the prices, read from one column of a CSV file, a Parquet file or a frame."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from quantdl.errors import DataError, QuantdlError, closest
from quantdl.market.reading.bars import Bars
from quantdl.market.reading.columns import read_numbers
from quantdl.market.reading.csv_text import read_text, rows_of
from quantdl.market.reading.row_faults import FaultyDataError, Place, RowFault, unreadable
from quantdl.market.reading.times import read_days
from quantdl.market.series.declaration import SeriesDeclaration, SeriesFile
from quantdl.market.series.exogenous import ExogenousSeries, SeriesCard, series_fingerprint
from quantdl.records import part_of

_PLAINLY: dict[str, Any] = {"date_as_object": False, "ignore_metadata": True}
_DAMAGE = (OSError, ValueError, TypeError, KeyError, IndexError, OverflowError, NotImplementedError)


def load_series_file(file: SeriesFile) -> ExogenousSeries:
    """Load the series that a file holds, CSV or Parquet by its name.

    Raises:
        DataError: As `load_series_csv`.
    """
    load = load_series_parquet if file.path.suffix.lower() == ".parquet" else load_series_csv
    return load(file.path, file.column, part_of(file, SeriesDeclaration), file.date_column)


def load_series_csv(
    path: Path | str, column: str, declaration: SeriesDeclaration, date_column: str = "date"
) -> ExogenousSeries:
    """Load one column of a CSV file with a header line.

    Column names are matched without regard to case and outer spaces. An empty cell is no value and its date is left
    out.

    Args:
        path: The file.
        column: Name of the column of values.
        declaration: What the values are.
        date_column: Name of the column of dates.

    Raises:
        DataError: If the file is missing, cannot be read or holds impossible rows: all faults at once, each with file,
            line, column, what was expected and the fix.
    """
    place = Place(str(path), unit="line", first=2)
    text = read_text(Path(path), place)
    if isinstance(text, Bars):
        raise FaultyDataError(text.row_faults)
    rows = rows_of(text, place, declaration.name)
    if isinstance(rows, Bars):
        raise FaultyDataError(rows.row_faults)
    return _series(rows.frame, column, declaration, date_column, place, rows.row_faults)


def load_series_parquet(
    path: Path | str, column: str, declaration: SeriesDeclaration, date_column: str = "date"
) -> ExogenousSeries:
    """Load one column of a Parquet file; otherwise as `load_series_csv`.

    Raises:
        DataError: As `load_series_csv`.
    """
    path = Path(path)
    if not path.is_file():
        raise DataError(f"{path}: no such file. Expected a Parquet file. Fix: check the path.")
    try:
        frame = pd.read_parquet(path, engine="pyarrow", to_pandas_kwargs=_PLAINLY)
    except _DAMAGE as error:
        given = f"{path}: not a whole Parquet file ({path.stat().st_size:,} bytes): {str(error).splitlines()[0]}"
        raise DataError(f"{given} Fix: write or download the file again.") from error
    return _series(frame, column, declaration, date_column, Place(str(path)), ())


def series_from_frame(
    frame: pd.DataFrame, column: str, declaration: SeriesDeclaration, date_column: str = "date"
) -> ExogenousSeries:
    """Take one column of a frame in memory, with the dates in a column; otherwise as `load_series_csv`.

    Raises:
        DataError: As `load_series_csv`.
    """
    return _series(frame, column, declaration, date_column, Place(declaration.source), ())


def _series(
    frame: pd.DataFrame,
    column: str,
    declaration: SeriesDeclaration,
    date_column: str,
    place: Place,
    row_faults: tuple[RowFault, ...],
) -> ExogenousSeries:
    dates, values = _column(frame, date_column, place), _column(frame, column, place)
    missing = [found for found in (dates, values) if isinstance(found, RowFault)]
    if isinstance(dates, RowFault) or isinstance(values, RowFault):
        raise FaultyDataError([*row_faults, *missing])
    rows = _read(frame.index.to_numpy(dtype=np.int64), dates, values, declaration, place)
    rows = replace(rows, row_faults=(*row_faults, *rows.row_faults))
    if rows.row_faults:
        raise FaultyDataError(rows.row_faults)
    observed_on = pd.DatetimeIndex(rows.day.astype("datetime64[us]"))
    numbers = rows.fields[str(values.name)]
    return ExogenousSeries(
        card=SeriesCard(declaration, series_fingerprint(observed_on, numbers)),
        observed_on=observed_on,
        known_at=declaration.release.known_at(observed_on),
        values=numbers,
    )


def _column(frame: pd.DataFrame, name: str, place: Place) -> pd.Series | RowFault:
    plain = [str(label).strip().lower() for label in frame.columns]
    found = [at for at, label in enumerate(plain) if label == name.strip().lower()]
    if len(found) == 1:
        return frame.iloc[:, found[0]]
    near = closest(name.strip(), plain)
    meant = f"did you mean {near!r}? Otherwise " if near is not None and not found else ""
    given = f"the columns {[str(label) for label in frame.columns][:20]}"
    fix = f"{meant}name the column that is meant"
    return unreadable(place, given, f"one column '{name}'", fix, name)


def _read(row: np.ndarray, dates: pd.Series, values: pd.Series, declaration: SeriesDeclaration, place: Place) -> Bars:
    """Return the rows that have a value, with every objection to the two columns."""
    days, date_objections = read_days(dates, declaration.timezone)
    numbers, number_objections = read_numbers(values, str(values.name))
    zeros = np.zeros(len(row), dtype=np.int64)
    rows = Bars((place,), zeros, row, (declaration.name,), zeros, days, {str(values.name): numbers})
    row_faults = [row_fault for objection in date_objections for row_fault in rows.object(objection, dates)]
    row_faults += [row_fault for objection in number_objections for row_fault in rows.object(objection, values)]
    rows = rows.keep(np.isfinite(numbers) & ~np.isnat(days))
    column = str(values.name)
    if not len(rows.row) and not row_faults:
        row_faults.append(unreadable(place, "no values", "at least one date with a value", "fill the file", column))
    row_faults += _misplaced(rows, str(dates.name), declaration)
    return replace(rows, row_faults=tuple(row_faults))


def _misplaced(rows: Bars, column: str, declaration: SeriesDeclaration) -> list[RowFault]:
    """Name dates out of order, dates given twice, and values that were not known yet."""

    def day(row: int) -> str:
        return str(rows.day[row])

    step = np.diff(rows.day).astype(np.int64)
    row_faults = rows.find(
        "unsorted", np.flatnonzero(step < 0) + 1, column, day, "a later date", "sort the rows by date"
    )
    row_faults += rows.find(
        "duplicate", np.flatnonzero(step == 0) + 1, column, day, "one value a date", "keep one of them"
    )
    late = rows.day > np.datetime64(declaration.as_of, "D")
    stated = f"no date after the declared as_of {declaration.as_of}"
    fix = "correct the date, or declare the day on which the source stated the values"
    row_faults += rows.find("after_as_of", np.flatnonzero(late), column, day, stated, fix)
    return [*row_faults, *_not_yet_released(rows.keep(~late), column, declaration)]


def _not_yet_released(rows: Bars, column: str, declaration: SeriesDeclaration) -> list[RowFault]:
    """Name values that by the release rule were not released yet when the source stated them."""
    if not len(rows.day):
        return []
    rule = declaration.release
    try:
        known = rule.known_at(pd.DatetimeIndex(rows.day.astype("datetime64[us]")))
    except QuantdlError as error:
        fix = "choose a calendar that knows these days, or none"
        return [
            unreadable(rows.places[0], f"dates without a release: {error}", "dates that the rule knows", fix, column)
        ]
    released = known.tz_convert(rule.timezone).tz_localize(None).to_numpy().astype("datetime64[D]")
    unknown = np.flatnonzero(released > np.datetime64(declaration.as_of, "D"))
    expected = f"a value that was released by the declared as_of {declaration.as_of}"
    fix = "remove the value of an unfinished period, or correct as_of or the release rule"
    return rows.find("after_as_of", unknown, column, lambda row: str(rows.day[row]), expected, fix)
