"""CSV files, one an asset, as people have them on disk."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

from quantdl.errors import DataError, DataSettingsError
from quantdl.market.card import Declaration
from quantdl.market.panel import Panel
from quantdl.market.reading.assembly import assemble
from quantdl.market.reading.bars import Bars, nothing_read
from quantdl.market.reading.csv_text import read_text
from quantdl.market.reading.dialect import PLAIN
from quantdl.market.reading.row_faults import FaultyDataError, Place, Proposal, RowFault
from quantdl.market.sources.file_format import PLAIN_FILES, FileFormat
from quantdl.market.sources.format_proposal import layout_proposal, proposal
from quantdl.market.sources.settings import symbol_pattern_fault
from quantdl.market.sources.text_files import bars_of_text

_FILES_SHOWN = 3


def load_csv_folder(
    path: Path | str,
    declaration: Declaration,
    symbol_pattern: str | None = None,
    file_format: FileFormat = PLAIN_FILES,
) -> Panel:
    """Load every ``*.csv`` of a folder, or one CSV file.

    A file has a header line with a date column (``date``, or an empty name as pandas writes it), ``close``, and any of
    ``open``, ``high``, ``low``, ``volume``, in any order and case. A date is a session (``2017-12-08``) or an instant
    with its offset (``2017-12-08 16:00:00-05:00``). An empty cell is no value. The asset is the file's name without
    ``.csv``, or stands in a ``symbol`` or ``ticker`` column. Symbols stay text: ``NA.csv`` is the asset ``NA``. A
    column ``status`` says of a row whether trading was halted, see `quantdl.market.reading.columns.read_halts`.

    Args:
        path: The folder, or one file.
        declaration: What the prices are.
        symbol_pattern: Regular expression whose first group is the symbol in a file's name without ``.csv``, for
            instance ``r"[A-Z]+_(.+)_30Y"`` for ``NASDAQ_AAPL_30Y.csv``.
        file_format: How the files are written, where they are not as above: a vendor's layout, or what is other.

    Raises:
        DataSettingsError: If the pattern is none, or finds no symbol in any file name.
        DataError: If a file is missing, cannot be read or holds impossible rows: all faults of all files at once, each
            with file, line, column, symbol, what was expected and the fix.
    """
    path = Path(path)
    wrong = symbol_pattern_fault(symbol_pattern)
    if wrong is not None:
        raise DataSettingsError(("symbol_pattern", wrong))
    pattern = re.compile(symbol_pattern or "(.+)")
    try:
        files = sorted(file for file in path.iterdir() if file.suffix.lower() == ".csv") if path.is_dir() else [path]
    except OSError as error:
        raise DataError(f"{path}: {error.strerror}. Expected a folder that can be read. Fix: permissions.") from error
    if not files:
        raise DataError(f"{path}: no *.csv file in this folder. Give the folder that holds one file for each asset.")
    if file_format.symbol is not None and len(files) > 1:
        raise DataError(
            f"{path}: got {len(files)} files and the symbol {file_format.symbol!r}; expected a single file, whose "
            "asset it is. Fix: name each file by its symbol."
        )
    if symbol_pattern is not None and file_format.symbol is None:
        _refuse_misfit(files, pattern)
    bars = [_read_file(file, declaration, pattern, file_format) for file in files]
    try:
        return assemble(bars, declaration)
    except FaultyDataError as error:
        found = error.row_faults
    if file_format.dialect() == PLAIN:
        found = tuple(map(_with_layout, found))
    raise FaultyDataError(found if symbol_pattern is None else _told_apart(found, files, pattern))


def _refuse_misfit(files: list[Path], pattern: re.Pattern[str]) -> None:
    """Refuse a pattern that finds no symbol in any file name.

    Raises:
        DataSettingsError: Naming some of them, and a pattern that fits.
    """
    if any((match := pattern.fullmatch(file.stem)) is not None and match[1] for file in files):
        return
    named = ", ".join(file.name for file in files[:_FILES_SHOWN])
    more = f" and {len(files) - _FILES_SHOWN:,} more" if len(files) > _FILES_SHOWN else ""
    given = f"given {pattern.pattern!r}, which finds no symbol in any file name: {named}{more}"
    raise DataSettingsError(("symbol_pattern", f"{given}; {_expected(files[0].stem)}"))


def _told_apart(row_faults: Iterable[RowFault], files: list[Path], pattern: re.Pattern[str]) -> Iterator[RowFault]:
    """Yield objections; where bars of one symbol overlap, with the names of files in which a pattern has found it."""
    names: dict[str, list[str]] = {}
    for file in files:
        if (match := pattern.fullmatch(file.stem)) is not None:
            names.setdefault(match[1], []).append(file.name)
    for row_fault in row_faults:
        found = names.get(row_fault.symbol or "", [])
        if row_fault.kind != "duplicate" or len(found) < 2:
            yield row_fault
            continue
        told = (
            f"symbol_pattern {pattern.pattern!r} finds {row_fault.symbol} in {' and '.join(found[:_FILES_SHOWN])}: put "
            "all that tells the files apart into its group"
        )
        yield replace(row_fault, fix=f"{told}; or {row_fault.fix}")


def _with_layout(row_fault: RowFault) -> RowFault:
    """Return an objection to the order of a file's rows with the layout in which they are so, if it seems to be one."""
    if row_fault.kind != "unsorted":
        return row_fault
    text = read_text(Path(row_fault.place.name), row_fault.place)
    layout = layout_proposal(text) if isinstance(text, str) else None
    return row_fault if layout is None else replace(row_fault, proposed=layout)


def _expected(stem: str) -> str:
    """Say what would be expected of a pattern, with one that fits a name where its parts can be told."""
    parts = stem.split("_")
    likely = f", such as {'_'.join([*parts[:1], '(.+)', *parts[2:]])!r}" if len(parts) > 1 else ", such as '(.+)'"
    return f"expected one that fits the whole name without .csv{likely}"


def _read_file(file: Path, declaration: Declaration, pattern: re.Pattern[str], file_format: FileFormat) -> Bars:
    place, dialect = Place(str(file), unit="line", first=2), file_format.dialect()
    match = pattern.fullmatch(file.stem)
    if dialect.symbol is None and (match is None or not (match[1] or "").strip()):
        expected = f"a file name that fits symbol_pattern '{pattern.pattern}'"
        return nothing_read(place, f"'{file.name}'", expected, "rename the file or change symbol_pattern")
    symbol = dialect.symbol or (match[1] if match is not None else "")
    text = read_text(file, place)
    if isinstance(text, Bars):
        return text
    bars = bars_of_text(text, str(file), declaration, symbol, dialect)
    if not _is_unread(bars):
        return bars
    stated = _proposed(text, declaration, symbol, file_format)
    return replace(bars, row_faults=tuple(replace(row_fault, proposed=stated) for row_fault in bars.row_faults))


def _proposed(text: str, declaration: Declaration, symbol: str, file_format: FileFormat) -> Proposal | None:
    """Return what to state of a file that could not be read as what is stated; another layout than that."""
    if replace(file_format, symbol=None) == PLAIN_FILES:
        return proposal(text, declaration, symbol)
    other = layout_proposal(text)
    return None if other is None or other.settings == (("layout", file_format.layout),) else other


def _is_unread(bars: Bars) -> bool:
    """Return whether nothing of a file was read, or nothing of one of its columns."""
    faulty = sum(len(row_fault.rows) for row_fault in bars.row_faults)
    return bool(bars.row_faults) and (not len(bars.row) or 2 * faulty > len(bars.row))
