"""The future returns that are learned or forecast, and their realised values."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import pandas as pd

from quantdl.errors import DataError
from quantdl.features.columns import refuse_splits_in_raw_prices
from quantdl.market.actions import Delisting
from quantdl.market.inspection.cuts import symbol_before_cuts
from quantdl.market.panel import Panel
from quantdl.records import OMIT_DEFAULT

Begins = Literal["close", "open"]
"""Price of its first and of its last bar between which a return runs."""


@dataclass(frozen=True)
class ReturnWindow:
    """Which future return a row forecasts, seen from the session ``t`` of the decision.

    Attributes:
        starts_after: Bars from ``t`` to the one at whose close, or open, the return begins.
        bars: Bars over which it runs.
        begins: Whether it runs from close to close, or from open to open: then the last bar is only begun.

    Raises:
        DataError: If it would begin before the decision, or hold no bar.
    """

    starts_after: int
    bars: int
    begins: Begins = field(default="close", metadata=OMIT_DEFAULT)

    def __post_init__(self) -> None:
        """Refuse a window over what is known already."""
        earliest = 0 if self.begins == "close" else 1
        if self.starts_after < earliest or self.bars < 1:
            raise DataError(
                f"A return window begins at the {self.begins} {self.starts_after} bars after the decision and runs "
                f"over {self.bars}; expected {earliest} or more, and one or more. Fix: forecast what comes later."
            )

    @property
    def ends_after(self) -> int:
        """Bars from ``t`` to the last one whose price the return needs."""
        return self.starts_after + self.bars

    def shares(self) -> tuple[float, ...]:
        """What part of each bar after ``t``, up to the last one needed, belongs to the window; they add up to ``bars``.

        A window that begins at an open takes the first bar without its night and of the last bar only the night.

        Example:
            >>> ReturnWindow(1, 2).shares(), ReturnWindow(1, 2, "open").shares()
            ((0.0, 1.0, 1.0), (0.75, 1.0, 0.25))
        """
        if self.begins == "close":
            return (0.0,) * self.starts_after + (1.0,) * self.bars
        return (0.0,) * (self.starts_after - 1) + (1.0 - NIGHT,) + (1.0,) * (self.bars - 1) + (NIGHT,)


NIGHT = 0.25
"""Share of the variance from close to close that falls between close and open: the median of 1,026 NASDAQ stocks.

It only says how the bars of a window that begins at an open share its variance; how much that is, is fitted.
"""

NEXT_SESSION = ReturnWindow(starts_after=0, bars=1)


def position_window(horizon: int, begins: Begins = "close") -> ReturnWindow:
    """The return from the fill, at the next close or the next open, to the exit ``horizon`` bars later."""
    return ReturnWindow(starts_after=1, bars=horizon, begins=begins)


def forecast_windows(horizon: int, also: Sequence[int] = (), begins: Begins = "close") -> tuple[ReturnWindow, ...]:
    """The return windows that one model answers for: the next session, the position, and those of further horizons.

    Args:
        horizon: Bars of the position.
        also: Bars of further ones.
        begins: Where positions are filled. The next session's return runs from close to close in any case.

    Example:
        >>> [window.bars for window in forecast_windows(5, also=[21])]
        [1, 5, 21]
    """
    return (NEXT_SESSION, *(position_window(bars, begins) for bars in (horizon, *also)))


def realised_returns(panel: Panel, windows: Sequence[ReturnWindow]) -> tuple[np.ndarray, np.ndarray]:
    """Log return of every asset over every window from every bar, and where it is observed.

    A return is observed when the asset traded, at a positive price, at both ends of the window. A halt, a gap or a
    masked cell at either end is no observation; no earlier price stands in for it. Windows count the bars of the
    panel's axis, so a bar on which no asset trades (a Sunday of an FX calendar) would be the next session of the one
    before it: leave these out first, with ``panel.at(panel.traded.any(axis=1))``, of a panel of all the assets.

    A window that begins while the asset can be traded and ends after its delisting gets the return to the terminal
    value that the delisting states, in the scale of the panel's closes. It stays unobserved where that value is
    unknown, and where it is 0: the log return of a total loss is minus infinity, which no density of log returns can be
    fitted to. Such a loss counts in the backtest, which holds money, and not in the likelihood. Where a history was cut
    (`quantdl.market.inspection.cuts`), the earlier part is paid out at its last close, which is bookkeeping: what the
    share did over the cut is not known, so no window over it is observed. A window must end on the panel's axis in any
    case, so no label is known before the window's last bar.

    Args:
        panel: Prices.
        windows: Return windows.

    Raises:
        DataError: On raw prices with splits, in which a split reads as a crash.

    Shape:
        - output: float32 (T, W, A), 0 where not observed, and bool (T, W, A)
    """
    refuse_splits_in_raw_prices(panel, "returns to learn from")
    prices = {begins: _log_prices(panel, begins) for begins in {window.begins for window in windows}}
    n_bars, n_assets = panel.closes.shape
    returns = np.full((n_bars, len(windows), n_assets), np.nan)
    for number, window in enumerate(windows):
        stop, own = n_bars - window.ends_after, prices[window.begins]
        if stop > 0:
            returns[:stop, number] = own[window.ends_after :] - own[window.starts_after : n_bars - window.bars]
    columns = {asset: column for column, asset in enumerate(panel.assets)}
    for delisting in panel.actions.delistings:
        if delisting.asset in columns and symbol_before_cuts(delisting.asset) == delisting.asset:
            column = columns[delisting.asset]
            last = int(panel.sessions.searchsorted(pd.Timestamp(delisting.last), side="right")) - 1
            of_asset = {begins: logs[:, column] for begins, logs in prices.items()}
            _end_at_terminal_value(returns[:, :, column], of_asset, windows, last, delisting)
    return np.nan_to_num(returns).astype(np.float32), np.isfinite(returns)


def _log_prices(panel: Panel, begins: Begins) -> np.ndarray:
    """(T, A) log closes, or opens, of the bars on which an asset traded; NaN elsewhere and where none is positive.

    Raises:
        DataError: If there are no opens.
    """
    if begins not in panel.fields:
        raise DataError(
            f"{panel.card.declaration.source}: the data has no opens, from which a position filled at the next open "
            "would be learnt. Fix: bring opens, or fill at next_close."
        )
    prices = panel.fields[begins]
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(panel.traded & (prices > 0), np.log(prices), np.nan)


def _end_at_terminal_value(
    returns: np.ndarray,
    logs: Mapping[Begins, np.ndarray],
    windows: Sequence[ReturnWindow],
    last: int,
    delisting: Delisting,
) -> None:
    """Fill, in place, the returns (T, W) over windows that begin up to the last bar of an asset and end after it."""
    if delisting.terminal_value is None or delisting.terminal_value <= 0:
        return
    terminal = np.log(delisting.terminal_value)
    for number, window in enumerate(windows):
        own = logs[window.begins]
        ends = np.arange(max(last + 1, window.ends_after), min(last + window.bars + 1, len(own)))
        ends = ends[np.isnan(own[ends])]
        returns[ends - window.ends_after, number] = terminal - own[ends - window.bars]
