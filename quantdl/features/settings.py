"""Which features a model reads."""

from dataclasses import dataclass
from typing import Annotated, Literal

from quantdl.bounds import NotEmpty, Text

FeatureGroup = Literal[
    "own_history",
    "cross_section",
    "days_closed",
    "large_moves",
    "quarterly_moves",
    "returns",
    "volatility",
    "range_volatility",
    "downside",
    "drawdown",
    "volume",
    "illiquidity",
    "market",
    "sector",
    "ranks",
    "calendar",
]
"""Names of the groups of columns; `quantdl.features.table.feature_table` says what each holds and needs."""

DEFAULT_GROUPS: tuple[FeatureGroup, ...] = (
    "own_history",
    "cross_section",
    "days_closed",
    "large_moves",
    "quarterly_moves",
)
"""The groups that closes alone suffice for and that the trained models read."""


@dataclass(frozen=True)
class FeatureSettings:
    """What a model reads.

    Attributes:
        groups: Groups of columns computed from the prices; see `quantdl.features.table.feature_table`.
        exogenous: Names of series beside the prices, whose columns follow.
    """

    groups: Annotated[tuple[FeatureGroup, ...], NotEmpty] = DEFAULT_GROUPS
    exogenous: tuple[Text, ...] = ()
