"""CSV files, one an asset, as people have them on disk."""

import csv
import io
import re
from pathlib import Path

import pandas as pd

from quantdl.errors import DataError
from quantdl.market.assembly import assemble
from quantdl.market.bars import SYMBOL_NAMES, Bars, nothing_read, read_bars
from quantdl.market.card import Declaration
from quantdl.market.findings import Place
from quantdl.market.panel import Panel


def load_csv_folder(path: Path | str, declaration: Declaration, symbol_pattern: str | None = None) -> Panel:
    """Load every ``*.csv`` of a folder, or one CSV file.

    A file has a header line with a date column (``date``, or an empty name as pandas writes it), ``close``, and any of
    ``open``, ``high``, ``low``, ``volume``, in any order and case. A date is a session (``2017-12-08``) or an instant
    with its offset (``2017-12-08 16:00:00-05:00``). An empty cell is no value. The asset is the file's name without
    ``.csv``, or stands in a ``symbol`` or ``ticker`` column. Symbols stay text: ``NA.csv`` is the asset ``NA``.

    Args:
        path: The folder, or one file.
        declaration: What the prices are.
        symbol_pattern: Regular expression whose first group is the symbol in a file's name without ``.csv``, for
            instance ``r"[A-Z]+_(.+)_30Y"`` for ``NASDAQ_AAPL_30Y.csv``.

    Raises:
        DataError: If a file is missing, cannot be read or holds impossible rows: all faults of all files at once, each
            with file, line, column, symbol, what was expected and the fix.
    """
    path = Path(path)
    pattern = _compiled(symbol_pattern)
    files = sorted(file for file in path.iterdir() if file.suffix.lower() == ".csv") if path.is_dir() else [path]
    if not files:
        raise DataError(f"{path}: no *.csv file in this folder. Give the folder that holds one file for each asset.")
    return assemble([_read_file(file, declaration.timezone, pattern) for file in files], declaration)


def _compiled(symbol_pattern: str | None) -> re.Pattern[str]:
    try:
        pattern = re.compile(symbol_pattern or "(.+)")
    except re.error as error:
        raise DataError(f"symbol_pattern {symbol_pattern!r} is no regular expression: {error}.") from error
    if not pattern.groups:
        raise DataError(
            f"symbol_pattern {symbol_pattern!r} needs a group around the symbol, such as 'NASDAQ_(.+)_30Y'."
        )
    return pattern


def _read_file(file: Path, timezone: str, pattern: re.Pattern[str]) -> Bars:
    place = Place(str(file), unit="line", first=2)
    match = pattern.fullmatch(file.stem)
    if match is None:
        expected = f"a file name that fits symbol_pattern '{pattern.pattern}'"
        return nothing_read(place, f"'{file.name}'", expected, "rename the file or change symbol_pattern")
    try:
        text = file.read_text(encoding="utf-8-sig")
        header = [name.strip().lower() for name in next(csv.reader(io.StringIO(text)), [])]
        # Everything is read as text: guessing types is what turns the ticker NA into nothing and 007 into 7.
        frame = pd.read_csv(io.StringIO(text), dtype=str, keep_default_na=False, skip_blank_lines=False)
    except FileNotFoundError:
        return nothing_read(place, "no such file", "a CSV file or a folder of them", "check the path")
    except UnicodeDecodeError as error:
        return nothing_read(place, f"byte {error.start} that is not UTF-8", "UTF-8 text", "save the file as UTF-8")
    except (pd.errors.ParserError, pd.errors.EmptyDataError, csv.Error) as error:
        given = str(error).removeprefix("Error tokenizing data. C error: ").strip()
        return nothing_read(
            place, given, "a header line and rows of as many cells", "repair or download the file again"
        )
    except OSError as error:
        return nothing_read(place, f"{error.strerror}", "a file that can be read", "check its permissions")
    twice = sorted({name for name in header if header.count(name) > 1})
    if twice:
        return nothing_read(place, f"the columns {twice} twice", "each column once", "remove one of them")
    if not isinstance(frame.index, pd.RangeIndex):
        expected = f"the {len(header)} cells of the header"
        return nothing_read(place, "rows with more cells", expected, "repair the rows or the header")
    short = _short_lines(text, len(header))
    if short:
        given = f"fewer cells in line {short[0]}" + (f" and {len(short) - 1:,} more" if short[1:] else "")
        return nothing_read(place, given, f"{len(header)} cells in every line", "complete the file: it may be cut off")
    named = any(name in SYMBOL_NAMES for name in header)
    return read_bars(frame.rename(columns=_unnamed), place, timezone, None if named else match[1])


def _short_lines(text: str, n_cells: int) -> list[int]:
    """Return the numbers of the lines with fewer cells than the header; pandas would fill them up in silence."""
    return [
        number
        for number, line in enumerate(text.split("\n"), start=1)
        if line.strip() and line.count(",") < n_cells - 1 and '"' not in line
    ]


def _unnamed(label: str) -> str:
    """Give the name back that pandas invents for an empty header."""
    return "" if re.fullmatch(r"Unnamed: \d+", label) else label
