"""Three assets whose returns all have one size, which makes every decayed mean of squares known."""

import numpy as np

from quantdl.features import FeatureTable, feature_table
from quantdl.simulation import panel_of_closes
from tests.panels import closes_of

SIZE = 0.01


def column(table: FeatureTable, name: str, half_life: float) -> np.ndarray:
    """(T, A) values of a column by its name and half-life."""
    (number,) = [n for n, item in enumerate(table.features) if (item.name, item.half_life_bars) == (name, half_life)]
    return table.values[:, :, number]


def signs(*pattern: int, length: int = 120) -> np.ndarray:
    """(length,) a pattern repeated."""
    return np.resize(pattern, length)


def mirrored_table() -> FeatureTable:
    """Of an asset that alternates, one that always rises, and the first one's mirror image."""
    returns = SIZE * np.stack([signs(1, -1), signs(1), signs(-1, 1)], axis=1)
    return feature_table(panel_of_closes(closes_of(returns)))
