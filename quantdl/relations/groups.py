"""Who belongs together by declaration: each asset's path from the market down to its own group."""

from collections.abc import Mapping

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
