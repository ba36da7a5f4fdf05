"""The fields and facts of a panel that a group of features cannot do without."""

from collections.abc import Sequence

import numpy as np

from quantdl.errors import DataError
from quantdl.features.settings import FeatureGroup
from quantdl.market.panel import Panel


def fields_of(panel: Panel, names: Sequence[str], group: FeatureGroup) -> tuple[np.ndarray, ...]:
    """Return the named fields (T, A) of the panel.

    Raises:
        DataError: If the panel lacks some of them; all are named.
    """
    missing = [name for name in names if name not in panel.fields]
    if missing:
        raise DataError(
            f"{panel.card.declaration.source}: "
            f"the features of the group {group!r} need {_listed(missing)}, and the panel has only "
            f"{_listed(sorted(panel.fields))}. Bring data that have it all, or leave the group out."
        )
    return tuple(panel.fields[name] for name in names)


def money_traded(panel: Panel, group: FeatureGroup) -> np.ndarray:
    """Return (T, A) money that was traded: the field ``dollar_volume``, or close times volume; NaN where not positive.

    Raises:
        DataError: If the panel has neither, or closes that dividends have been taken out of and no ``dollar_volume``:
            such closes are not what was paid, the less so the further back.
    """
    if "dollar_volume" in panel.fields:
        money = panel.fields["dollar_volume"]
        return np.where(money > 0, money, np.nan)
    (volume,) = fields_of(panel, ["volume"], group)
    if panel.card.declaration.adjustment == "total_return":
        raise DataError(
            f"{panel.card.declaration.source}: "
            f"the features of the group {group!r} need the money that was traded, and closes "
            "adjusted for dividends are not what was paid. Bring raw or split-adjusted prices (total returns made of "
            "raw ones by quantdl.market.corporate.adjustment.adjusted keep it as 'dollar_volume'), or leave the group "
            "out."
        )
    with np.errstate(over="ignore", invalid="ignore"):
        money = panel.closes * volume
    return np.where((panel.closes > 0) & (volume > 0), money, np.nan)


def _listed(names: Sequence[str]) -> str:
    return ", ".join(map(repr, names))
