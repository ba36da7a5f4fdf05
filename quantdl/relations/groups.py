"""Who belongs together by declaration: each asset's path from the market down to its own group."""

import csv
from collections.abc import Collection, Mapping, Sequence
from itertools import takewhile
from pathlib import Path

import numpy as np

from quantdl.errors import DataError, did_you_mean
from quantdl.market.panel import Panel


def group_paths(panel: Panel, groups: Mapping[str, tuple[str, ...]]) -> np.ndarray:
    """Number the groups of every asset at every depth below the market.

    Two groups of one name below different ones are two. Depths below an asset's own group hold -1.

    Args:
        panel: With the sectors of its assets.
        groups: Names of the groups of an asset by symbol, from the top down, for instance ``("Energy", "Pipelines")``.
            An asset that is not named has its sector in the panel as its only group, or none where there is none.

    Returns:
        (A, D) int64, D the most groups that an asset has.

    Raises:
        DataError: If a symbol of ``groups`` is not in the panel, or no asset has a group.

    Example:
        >>> from quantdl.simulation import panel_of_closes
        >>> panel = panel_of_closes(np.full((3, 3), 10.0))
        >>> group_paths(panel, {"SIM000": ("Energy", "Pipelines"), "SIM002": ("Energy",)})
        array([[ 0,  0],
               [-1, -1],
               [ 0, -1]])
    """
    strange = [symbol for symbol in groups if symbol not in panel.assets]
    if strange:
        raise DataError(
            f"groups are given for {', '.join(strange)}, and the prices hold no such asset"
            f"{did_you_mean(strange[0], panel.assets)}. Take the name out of model.groups, or bring its prices."
        )
    sectors = {asset: (sector,) for asset, sector in panel.sectors.items()}
    paths = [tuple(groups.get(asset, sectors.get(asset, ()))) for asset in panel.assets]
    depth = max(map(len, paths), default=0)
    if depth == 0:
        raise DataError(
            "the model reads sectors and needs to know one of at least one asset, and the prices declare none. Declare "
            "them (Declaration(sectors={'AAPL': 'Technology', ...})), or state model.groups."
        )
    numbered = np.full((len(paths), depth), -1, dtype=np.int64)
    for level in range(depth):
        known = sorted({path[: level + 1] for path in paths if len(path) > level})
        for asset, path in enumerate(paths):
            if len(path) > level:
                numbered[asset, level] = known.index(path[: level + 1])
    return numbered


def load_groups(
    path: Path, symbol: str, levels: Sequence[str], unknown: Collection[str] = ()
) -> dict[str, tuple[str, ...]]:
    """Read the groups of assets from a CSV file with a header and one asset a row.

    Args:
        path: The file.
        symbol: Column that names the asset.
        levels: Columns that name its groups, from the top down; other columns are not read.
        unknown: What stands there for a group that is not known, beside nothing at all.

    Returns:
        For each asset with a known group its groups from the top down, up to the first unknown one.

    Raises:
        DataError: If the file cannot be read, lacks a column, or names an asset twice.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = csv.DictReader(file)
            columns, table = list(rows.fieldnames or ()), list(rows)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path}: the file of groups cannot be read as CSV in UTF-8: {error}") from error
    for column in (symbol, *levels):
        if column not in columns:
            near = did_you_mean(column, columns)
            raise DataError(f"{path}: no column {column!r}; given {', '.join(columns) or 'nothing'}{near}.")
    missing, groups = {None, "", *unknown}, dict[str, tuple[str, ...]]()
    seen = set[str]()
    for row in table:
        if row[symbol] in seen:
            raise DataError(f"{path}: {symbol} {row[symbol]!r} stands in two rows; expected one row an asset.")
        seen.add(row[symbol])
        known = tuple(takewhile(lambda name: name not in missing, (row[level] for level in levels)))
        if known:
            groups[row[symbol]] = known
    return groups
