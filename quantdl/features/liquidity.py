"""Volume against its own mean, and Amihud's illiquidity."""

import numpy as np

from quantdl.errors import DataError
from quantdl.features.columns import Columns, Feature, fields_of
from quantdl.features.decay import known_log_ratio
from quantdl.features.own_bars import OwnBars
from quantdl.features.returns import own_returns
from quantdl.features.settings import FeatureGroup
from quantdl.features.windows import earlier, window_mean
from quantdl.market.panel import Panel

_WINDOWS = (21, 63)
_SHORT, _LONG = 21, 252


def relative_volume(panel: Panel, window: int, minimum: int | None = None) -> np.ndarray:
    """Return (T, A) volume of the bar over the mean volume of the ``window`` bars before it.

    Bars without a trade take no place in the window; they do not count as zero. A split that the volume is not adjusted
    for shows.

    Args:
        panel: Prices with volume.
        window: Bars on which the asset traded.
        minimum: Volumes that the mean needs; by default half of the window, rounded up.

    Returns:
        (T, A) NaN where the asset did not trade, the volume is not known or negative, or its mean is not known or zero.

    Raises:
        DataError: If the panel has no volume.
    """
    own = OwnBars(panel)
    return own.on_sessions(_relative_volume(own, window, minimum))


def amihud_illiquidity(panel: Panel, window: int, minimum: int | None = None) -> np.ndarray:
    """Return (T, A) mean over the window of the absolute simple return over the money traded: return per unit of money.

    Published tables multiply it by a million. A bar counts when something was traded and the observed bar before it has
    a close, so that its return is one bar's. A return that spans several sessions (after a halt or a gap) enters over
    the root of their number.

    Args:
        panel: Raw or split-adjusted prices with volume, or any with ``dollar_volume``.
        window: Bars on which the asset traded.
        minimum: Bars that the mean needs; by default half of the window, rounded up.

    Returns:
        (T, A) NaN where fewer are known.

    Raises:
        DataError: If the panel has no volume, or closes that are adjusted for dividends and no ``dollar_volume``.

    References:
        | Illiquidity and stock returns: cross-section and time-series effects (Amihud, 2002)
    """
    own = OwnBars(panel)
    return own.on_sessions(window_mean(_impact(own), window, minimum))


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
            f"{panel.card.declaration.source}: the features of the group {group!r} need the money that was traded, and "
            "closes adjusted for dividends are not what was paid. Bring raw or split-adjusted prices (total returns "
            "made of raw ones by quantdl.market.corporate.adjustment.adjusted keep it as 'dollar_volume'), or "
            "leave the group out."
        )
    with np.errstate(over="ignore", invalid="ignore"):
        money = panel.closes * volume
    return np.where((panel.closes > 0) & (volume > 0), money, np.nan)


def volume_columns(own: OwnBars) -> Columns:
    """The group ``volume``: logarithm of the relative volume, 21 and 63 bars, held within a factor of e**4."""
    for window in _WINDOWS:
        volume = own.on_sessions(_relative_volume(own, window))
        yield Feature(f"relative_volume_{window}", look_back_bars=window), known_log_ratio(volume, np.ones_like(volume))


def illiquidity_columns(own: OwnBars) -> Columns:
    """The group ``illiquidity``: logarithm of Amihud's ratio of 21 bars over that of 252, within a factor of e**4."""
    impact = _impact(own)
    ratio = known_log_ratio(window_mean(impact, _SHORT), window_mean(impact, _LONG))
    yield Feature(f"amihud_illiquidity_{_SHORT}", look_back_bars=_LONG), own.on_sessions(ratio)


def _relative_volume(own: OwnBars, window: int, minimum: int | None = None) -> np.ndarray:
    (volume,) = fields_of(own.panel, ["volume"], "volume")
    volume = own.side_by_side(volume)
    volume = np.where(volume >= 0, volume, np.nan)
    mean = earlier(window_mean(volume, window, minimum), 1)
    return np.asarray(volume / np.where(mean > 0, mean, np.nan))


def _impact(own: OwnBars) -> np.ndarray:
    """(N, A) absolute simple return of one session over the money traded."""
    money = own.side_by_side(money_traded(own.panel, "illiquidity"))
    with np.errstate(over="ignore", invalid="ignore"):
        return np.asarray(np.abs(np.expm1(own_returns(own, 1))) / np.sqrt(own.sessions_spanned(1)) / money)
