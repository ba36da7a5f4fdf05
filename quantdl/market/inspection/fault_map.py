"""Where in time the faults lie: how many cells they concern in each year, by kind and by asset."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from quantdl.market.panel import Panel


@dataclass(frozen=True)
class FaultMap:
    """Cells with a fault in each calendar year. A cell with several faults counts once for its asset.

    Attributes:
        bars: The panel's bars in each year, with or without a trade.
        kinds: Cells of all assets by kind and year; kinds and years without one are left out.
        assets: Cells of any kind by asset and year; assets and years without one are left out.
    """

    bars: Mapping[str, int]
    kinds: Mapping[str, Mapping[str, int]]
    assets: Mapping[str, Mapping[str, int]]

    def to_json(self) -> dict[str, object]:
        """Return plain values."""
        return {
            "bars": dict(self.bars),
            "kinds": {kind: dict(years) for kind, years in self.kinds.items()},
            "assets": {name: dict(years) for name, years in self.assets.items()},
        }


def map_faults(panel: Panel, cells: Mapping[str, np.ndarray]) -> FaultMap:
    """Count cells by year.

    Args:
        panel: The panel.
        cells: (T, A) bool cells by kind.
    """
    years = np.asarray(panel.sessions.year)
    firsts = np.flatnonzero(np.r_[True, years[1:] != years[:-1]])
    names = [str(year) for year in years[firsts]]
    touched = np.zeros(panel.status.shape, dtype=bool)
    kinds = {}
    for kind, found in cells.items():
        touched |= found
        kinds[kind] = _named(names, np.add.reduceat(found.sum(axis=1), firsts))
    by_asset = np.add.reduceat(touched, firsts, axis=0, dtype=np.int64)
    assets = {name: _named(names, by_asset[:, column]) for column, name in enumerate(panel.assets)}
    return FaultMap(
        bars=_named(names, np.diff(np.r_[firsts, len(years)])),
        kinds={kind: found for kind, found in kinds.items() if found},
        assets={name: found for name, found in assets.items() if found},
    )


def _named(years: list[str], counts: np.ndarray) -> dict[str, int]:
    return {year: int(count) for year, count in zip(years, counts, strict=True) if count}
