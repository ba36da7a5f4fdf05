"""Parquet files, long (one bar a row) or wide (one asset a column)."""

from pathlib import Path
from typing import Any

import pandas as pd

from quantdl.errors import DataError
from quantdl.market.assembly import assemble
from quantdl.market.card import Declaration
from quantdl.market.findings import Place
from quantdl.market.frames import bars_of_frame
from quantdl.market.panel import Panel

# Without pandas' own metadata a stored index comes back as a column, like any other writer's.
_PLAINLY: dict[str, Any] = {"date_as_object": False, "ignore_metadata": True}


def load_parquet(path: Path | str, declaration: Declaration) -> Panel:
    """Load one Parquet file.

    Long: columns for the date, the ``symbol`` (or ``ticker``) as text, ``close``, and any of ``open``, ``high``,
    ``low``, ``volume``. Wide: a date column, and one column of closes for each asset, named by its symbol. A file
    without a symbol column is wide. Null and NaN are empty cells.

    Args:
        path: The file.
        declaration: What the prices are.

    Raises:
        DataError: If the file is missing, truncated or holds impossible rows: all faults at once, each with file, row,
            column, symbol, what was expected and the fix.
    """
    path = Path(path)
    if not path.is_file():
        raise DataError(f"{path}: no such file. Expected a Parquet file. Fix: check the path.")
    try:
        frame = pd.read_parquet(path, engine="pyarrow", to_pandas_kwargs=_PLAINLY)
    except (ValueError, OSError) as error:  # pyarrow's errors are one or the other
        given = f"{path}: not a whole Parquet file ({path.stat().st_size:,} bytes): {str(error).splitlines()[0]}"
        raise DataError(f"{given} Fix: write or download the file again.") from error
    return assemble([bars_of_frame(frame, Place(str(path)), declaration.timezone)], declaration)
