"""What an asset must have to belong to the universe of a bar: the settings, light to import."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from quantdl.errors import DataSettingsError


@dataclass(frozen=True)
class UniverseRule:
    """What an asset must have to belong to the universe of a bar. All of it is judged by that bar and those before.

    Money is in the currency of the panel, which is that of the book where its prices were converted: 5 dollars let a
    stock at 3,000 yen through, and not one at 600.

    Attributes:
        membership: CSV file ``symbol,from,to`` of the times of membership, see
            `quantdl.market.universe.membership.load_membership`; an asset without any is never a member. None: every
            asset of the panel is one.
        minimum_history_bars: Bars on which it must have traded.
        minimum_price: Lowest last close, as quoted: needs raw prices. None: no such filter.
        minimum_dollar_volume: Lowest mean of close times volume over the last ``window_bars`` bars of its life. A bar
            without a trade, or without a known volume, counts as zero. None: no such filter.
        window_bars: Bars of that mean; given exactly with ``minimum_dollar_volume``.

    Raises:
        DataSettingsError: If a number is impossible; all of them are named.
    """

    membership: Path | None = None
    minimum_history_bars: int = 1
    minimum_price: float | None = None
    minimum_dollar_volume: float | None = None
    window_bars: int | None = None

    def __post_init__(self) -> None:
        """Refuse invalid numbers, all of them at once."""
        faults = [*self._faults()]
        if faults:
            raise DataSettingsError(*faults)

    def _faults(self) -> Iterator[tuple[str, str]]:
        if self.minimum_history_bars < 1:
            yield "minimum_history_bars", f"given {self.minimum_history_bars}; expected 1 or more"
        for name in ("minimum_price", "minimum_dollar_volume"):
            value = getattr(self, name)
            if value is not None and not (math.isfinite(value) and value > 0):
                yield name, f"given {value}; expected a number above zero, or nothing for no filter"
        if (self.window_bars is None) != (self.minimum_dollar_volume is None):
            missing = "window_bars" if self.window_bars is None else "minimum_dollar_volume"
            yield missing, "missing; window_bars and minimum_dollar_volume are given together"
        if self.window_bars is not None and self.window_bars < 1:
            yield "window_bars", f"given {self.window_bars}; expected 1 or more"
