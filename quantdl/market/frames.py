"""pandas frames, long or wide."""

from dataclasses import replace

import numpy as np
import pandas as pd

from quantdl.market.assembly import assemble
from quantdl.market.bars import SYMBOL_NAMES, UNNAMED_INDEX, Bars, date_columns, nothing_read, read_bars
from quantdl.market.card import Declaration
from quantdl.market.columns import Objection, read_days, read_numbers
from quantdl.market.findings import Finding, Place
from quantdl.market.panel import Panel


def panel_from_frame(frame: pd.DataFrame, declaration: Declaration) -> Panel:
    """Build a panel from a pandas frame in memory.

    Long: one bar a row, with a date, a ``symbol`` (or ``ticker``) and the fields as columns or index levels. Wide:
    dates in the index or a date column, one column of closes for each asset. A frame without a symbol column is
    wide.

    Args:
        frame: The prices. It is not changed.
        declaration: What the prices are.

    Raises:
        DataError: If the frame holds impossible rows: all faults at once, each with row, column, symbol, what was
            expected and the fix.
    """
    return assemble([bars_of_frame(_flat(frame), Place(declaration.source), declaration.timezone)], declaration)


def bars_of_frame(frame: pd.DataFrame, place: Place, timezone: str) -> Bars:
    """Read a long or wide frame whose dates stand in a column."""
    plain = [str(label).strip().lower() for label in frame.columns]
    named = [column for column, name in enumerate(plain) if name in SYMBOL_NAMES]
    if any("close" in plain or not _is_number(frame.iloc[:, column]) for column in named):
        return read_bars(frame, place, timezone)
    strangers = [label for label in list[object](frame.columns) if not isinstance(label, str)]
    if strangers:
        expected = "symbols as text in the header"
        return nothing_read(place, f"column names {strangers[:5]}", expected, "name the columns by strings")
    dates = date_columns(frame.columns)
    if len(dates) != 1:
        expected = "a symbol column (long form) or one date column (wide form)"
        return nothing_read(place, f"columns {list(frame.columns)[:10]}", expected, "name the columns so")
    return _read_wide(frame, dates[0], place, timezone)


def _flat(frame: pd.DataFrame) -> pd.DataFrame:
    """Turn index levels into columns, as pandas does when it writes a file."""
    names = [name for name in frame.index.names if name is not None]
    if isinstance(frame.index, pd.RangeIndex) and not names:
        return frame
    if not names and frame.index.nlevels == 1:
        frame = frame.rename_axis(index="")
    return frame.reset_index()


def _is_number(column: pd.Series) -> bool:
    return pd.api.types.is_numeric_dtype(column.dtype)


def _read_wide(frame: pd.DataFrame, date: str, place: Place, timezone: str) -> Bars:
    labels = sorted(label for label in frame.columns if label not in (date, *UNNAMED_INDEX))
    twice = sorted({label for label in labels if labels.count(label) > 1})
    if twice or not labels:
        given = f"the columns {twice} twice" if twice else "no column but the date"
        return nothing_read(place, given, "one column of closes for each asset", "rename or add columns")
    days, day_objections = read_days(frame[date], timezone)
    columns = [read_numbers(frame[label], "close") for label in labels]
    values = np.column_stack([numbers for numbers, _ in columns])
    row, symbol = np.nonzero(~np.isnan(values))
    nowhere = np.zeros(len(row), dtype=np.int64)
    bars = Bars((place,), nowhere, row, tuple(labels), symbol, days[row], {"close": values[row, symbol]})
    number = np.zeros(values.shape, dtype=np.int64)
    number[row, symbol] = np.arange(len(row))
    findings = _objections_to_dates(days, day_objections, frame[date], place)
    for index, (label, (_, objections)) in enumerate(zip(labels, columns, strict=True)):
        for objection in objections:
            findings += bars.object(objection, frame[label], number[objection.rows, index])
    return replace(bars.keep(~np.isnat(bars.day)), findings=tuple(findings))


def _objections_to_dates(
    days: np.ndarray, objections: list[Objection], column: pd.Series, place: Place
) -> list[Finding]:
    row = np.arange(len(days))
    axis = Bars((place,), np.zeros_like(row), row, (), np.full(len(row), -1), days, {})
    return [finding for objection in objections for finding in axis.object(objection, column)]
