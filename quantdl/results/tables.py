"""The tables of a run as Parquet files: equal tables give equal bytes, and what is read has the columns it needs.

Tables for spreadsheets are CSV.
"""

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from quantdl.calendars.labels import bar_text
from quantdl.errors import RunError
from quantdl.runs.manifest import RunFolder

FIX = "Write the run again with `quantdl run CONFIG`, or check the folder with `quantdl runs verify`."

_STARTS_A_FORMULA = (*"=+-@\t\r\n", *"\uff1d\uff0b\uff0d\uff20")  # the last four are = + - @ in full width


def write_parquet(table: pd.DataFrame, path: Path) -> None:
    """Write a table so that equal tables give equal bytes: no writer's version, no clock."""
    by_session = table.reset_index(names="session") if isinstance(table.index, pd.DatetimeIndex) else table
    arrow = pa.Table.from_pandas(by_session, preserve_index=False).replace_schema_metadata(None)
    pq.write_table(arrow, path, compression="zstd", store_schema=False)


def csv_text(table: pd.DataFrame) -> str:
    """Return a table as CSV that a spreadsheet opens without running anything.

    Text that begins as a formula does (``= + - @``, tab, an end of line) gets an apostrophe before it; numbers stay as
    they are, written so that reading them gives the same bits. A session is a date, with the time of day where a bar
    ended within it. What is undefined is empty. Lines end as in RFC 4180.

    Example:
        >>> csv_text(pd.DataFrame({"asset": ["=1+1", "KO"], "weight": [-0.25, float("nan")]})).splitlines()
        ['asset,weight', "'=1+1,-0.25", 'KO,']
    """
    named = table.rename(columns=_inert)
    inert = {
        name: column if pd.api.types.is_numeric_dtype(column) else _inert_column(column)
        for name, column in named.items()
    }
    changed = pd.DataFrame(inert, named.index)
    return changed.to_csv(index=False, lineterminator="\r\n")


def _inert_column(column: pd.Series) -> pd.Series:
    if not pd.api.types.is_datetime64_dtype(column):
        return pd.Series([*map(_inert, column)], column.index, dtype=object)  # a map would make whole numbers float
    codes, moments = pd.factorize(column)  # sessions repeat, and writing one takes a while
    texts = np.array([*map(_inert, moments), None], dtype=object)  # the last one stands for what is missing
    return pd.Series(texts[codes], column.index)


def _inert(value: object) -> object:
    if isinstance(value, pd.Timestamp):
        return bar_text(value)
    return f"'{value}" if isinstance(value, str) and value.startswith(_STARTS_A_FORMULA) else value


def read_parquet(run: RunFolder, name: str, *columns: str) -> pd.DataFrame:
    """Read a table of a run.

    Args:
        run: The run folder.
        name: Of the table, without its ending.
        columns: That it must have.

    Raises:
        RunError: If the run has no such file, or it is not readable or lacks a column.
        IntegrityError: If the file is not what the run wrote.
    """
    path = run.path / f"{name}.parquet"
    if path.name not in run.files:
        raise RunError(f"{path}: every run has this file, and it is missing. {FIX}")
    try:
        frame = pd.read_parquet(run.file(path.name))
    except (pa.ArrowException, OSError, ValueError) as error:
        raise RunError(f"{path}: not readable as Parquet ({error}). {FIX}") from error
    lacking = [column for column in columns if column not in frame.columns]
    if lacking:
        raise RunError(f"{path}: lacks the columns {', '.join(lacking)}; it has {', '.join(map(str, frame))}. {FIX}")
    return frame


def read_by_session(run: RunFolder, name: str, *columns: str) -> pd.DataFrame:
    """Read a table with one row a session, indexed by session; raises as `read_parquet`, and if it has no row."""
    frame = read_parquet(run, name, "session", *columns)
    if frame.empty:
        raise RunError(f"{run.path / name}.parquet: a run has at least one session, and it is empty. {FIX}")
    return frame.set_index("session")
