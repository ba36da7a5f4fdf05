"""Parquet files, long (one bar a row) or wide (one asset a column)."""

from collections import Counter
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow
import pyarrow.parquet

from quantdl.errors import DataError
from quantdl.market.card import Declaration
from quantdl.market.panel import Panel
from quantdl.market.reading.assembly import assemble
from quantdl.market.reading.row_faults import Place
from quantdl.market.sources.frames import bars_of_frame

# What a damaged file can raise on its way through pyarrow and pandas; ArrowException covers pyarrow's own.
_DAMAGE = (pyarrow.ArrowException, OSError, ValueError, TypeError, KeyError, OverflowError)

# Without pandas' own metadata a stored index comes back as a column, like any other writer's.
_PLAINLY: dict[str, Any] = {"date_as_object": False, "ignore_metadata": True}


def load_parquet(path: Path | str, declaration: Declaration, symbol: str | None = None) -> Panel:
    """Load one Parquet file.

    Long: columns for the date, the ``symbol`` (or ``ticker``) as text, ``close``, and any of ``open``, ``high``,
    ``low``, ``volume``, and ``status``, which says of a row whether trading was halted. Wide: a date column, and one
    column of closes for each asset, named by its symbol, or one column for each field of each asset, all named alike
    (``Close_MSFT``), see `quantdl.market.sources.frames.panel_from_frame`. A file without a symbol column is wide. Null
    and NaN are empty cells. Where the writer left checksums of its pages, they are verified; without them a flipped bit
    in a price is a price.

    Args:
        path: The file.
        declaration: What the prices are.
        symbol: The asset of a file with one bar a row of a single asset, which does not name it.

    Raises:
        DataError: If the file is missing, truncated or holds impossible rows: all faults at once, each with file, row,
            column, symbol, what was expected and the fix.
    """
    path = Path(path)
    if not path.is_file():
        raise DataError(f"{path}: no such file. Expected a Parquet file. Fix: check the path.")
    try:
        twice = _named_twice(path)
        if twice:
            raise DataError(f"{path}: got the columns {twice} twice; expected each once. Fix: remove one of them.")
        frame = pd.read_parquet(path, engine="pyarrow", to_pandas_kwargs=_PLAINLY, page_checksum_verification=True)
    except _DAMAGE as error:
        first_line = next(iter(str(error).splitlines()), type(error).__name__)
        given = f"{path}: not a whole Parquet file ({path.stat().st_size:,} bytes): {first_line}"
        raise DataError(f"{given} Fix: write or download the file again.") from error
    return assemble([bars_of_frame(frame, Place(str(path)), declaration, symbol)], declaration)


def _named_twice(path: Path) -> list[str]:
    return sorted(name for name, count in Counter(pyarrow.parquet.read_schema(path).names).items() if count > 1)
