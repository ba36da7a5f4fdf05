"""What a fault in market data is: a kind, an asset, a span of sessions and what was seen there."""

from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True)
class DataFault:
    """One thing that is wrong, or doubtful, with the data.

    Attributes:
        kind: One of the kinds that `quantdl.market.inspection.policies.Policies` names, for instance ``"stale_year"``.
        symbol: The asset, or None when the fault concerns all of them.
        first: First session concerned.
        last: Last session concerned.
        count: How many cells or runs of cells, or sessions when ``symbol`` is None.
        detail: What was seen, in words with figures.
    """

    kind: str
    symbol: str | None
    first: date
    last: date
    count: int
    detail: str
