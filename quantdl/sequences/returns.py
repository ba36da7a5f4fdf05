"""The future returns that are learned or forecast, and their realised values."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from quantdl.errors import DataError
from quantdl.features.columns import refuse_splits_in_raw_prices
from quantdl.market.actions import Delisting
from quantdl.market.inspection.cuts import symbol_before_cuts
from quantdl.market.panel import Panel


@dataclass(frozen=True)
class ReturnWindow:
    """Which future return a row forecasts, seen from the session ``t`` of the decision.

    Attributes:
        starts_after: Bars from ``t`` to the close at which the return begins.
        bars: Bars over which it runs.

    Raises:
        DataError: If it would begin before the decision, or hold no bar.
    """

    starts_after: int
    bars: int

    def __post_init__(self) -> None:
        """Refuse a window over what is known already."""
        if self.starts_after < 0 or self.bars < 1:
            raise DataError(
                f"A return window begins {self.starts_after} bars after the decision and runs over {self.bars}; "
                "expected zero or more, and one or more. Fix: forecast what comes later."
            )

    @property
    def ends_after(self) -> int:
        """Bars from ``t`` to the last close the return needs."""
        return self.starts_after + self.bars


NEXT_SESSION = ReturnWindow(starts_after=0, bars=1)


def position_window(horizon: int) -> ReturnWindow:
    """The return from the fill at the next close to the exit ``horizon`` bars later."""
    return ReturnWindow(starts_after=1, bars=horizon)


def forecast_windows(horizon: int, also: Sequence[int] = ()) -> tuple[ReturnWindow, ...]:
    """The return windows that one model answers for: the next session, the position, and those of further horizons.

    Example:
        >>> [window.bars for window in forecast_windows(5, also=[21])]
        [1, 5, 21]
    """
    return (NEXT_SESSION, *map(position_window, (horizon, *also)))


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
    with np.errstate(invalid="ignore", divide="ignore"):
        logs = np.where(panel.traded & (panel.closes > 0), np.log(panel.closes), np.nan)
    returns = np.full((len(logs), len(windows), logs.shape[1]), np.nan)
    for number, window in enumerate(windows):
        stop = len(logs) - window.ends_after
        if stop > 0:
            returns[:stop, number] = logs[window.ends_after :] - logs[window.starts_after : len(logs) - window.bars]
    columns = {asset: column for column, asset in enumerate(panel.assets)}
    for delisting in panel.actions.delistings:
        if delisting.asset in columns and symbol_before_cuts(delisting.asset) == delisting.asset:
            column = columns[delisting.asset]
            last = int(panel.sessions.searchsorted(pd.Timestamp(delisting.last), side="right")) - 1
            _end_at_terminal_value(returns[:, :, column], logs[:, column], windows, last, delisting)
    return np.nan_to_num(returns).astype(np.float32), np.isfinite(returns)


def _end_at_terminal_value(
    returns: np.ndarray, logs: np.ndarray, windows: Sequence[ReturnWindow], last: int, delisting: Delisting
) -> None:
    """Fill, in place, the returns (T, W) over windows that begin up to the last bar of an asset and end after it."""
    if delisting.terminal_value is None or delisting.terminal_value <= 0:
        return
    terminal = np.log(delisting.terminal_value)
    for number, window in enumerate(windows):
        ends = np.arange(max(last + 1, window.ends_after), min(last + window.bars + 1, len(logs)))
        ends = ends[np.isnan(logs[ends])]
        returns[ends - window.ends_after, number] = terminal - logs[ends - window.bars]
