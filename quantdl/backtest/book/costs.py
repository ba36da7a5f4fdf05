"""What a fill costs: commission, half the spread, and market impact."""

from dataclasses import dataclass

import numpy as np

from quantdl.backtest.plan.friction import Friction, VolumeWaiver


@dataclass(frozen=True)
class FillCost:
    """Money paid for one fill, by cause."""

    commission: float
    spread: float
    impact: float

    @property
    def total(self) -> float:
        """All of it."""
        return self.commission + self.spread + self.impact


def proportional_cost(friction: Friction) -> float:
    """Return commission and half-spread each way, as a fraction of notional.

    Example:
        >>> from quantdl.backtest.plan.friction import VolumeWaiver
        >>> waiver = VolumeWaiver("waiver", "A. Risk", "no volume in the data")
        >>> proportional_cost(Friction(5.0, 5.0, None, waiver, 0.7, "next_close"))
        0.001
    """
    return (friction.commission_bps + friction.half_spread_bps) / 1e4


def fill_cost(notional: float, friction: Friction, dollar_volume: float, volatility: float) -> FillCost:
    r"""Return what it costs to trade ``notional`` dollars (positive) in one session.

    .. math:: \text{impact} = Y \, \sigma \sqrt{\text{notional} / \text{volume}} \times \text{notional}

    Args:
        notional: Dollars traded.
        friction: The plan's terms.
        dollar_volume: Dollars the asset trades a session.
        volatility: Daily standard deviation of its simple returns.

    References:
        | Direct estimation of equity market impact (Almgren, Thum, Hauptmann and Li, 2005)
        | found a concave power of the share of volume; the square root is the common simplification
    """
    commission = notional * friction.commission_bps / 1e4
    spread = notional * friction.half_spread_bps / 1e4
    return FillCost(commission, spread, impact_cost(notional, friction, dollar_volume, volatility))


def impact_cost(notional: float, friction: Friction, dollar_volume: float, volatility: float) -> float:
    """Return the impact part of `fill_cost`; zero under a volume waiver."""
    liquidity = friction.liquidity
    if isinstance(liquidity, VolumeWaiver) or liquidity.impact_coefficient == 0 or notional == 0:
        return 0.0
    return float(liquidity.impact_coefficient * volatility * np.sqrt(notional / dollar_volume) * notional)


def tradable_dollars(friction: Friction, dollar_volume: np.ndarray, volatility: np.ndarray) -> np.ndarray:
    """Return (A,) the most that may be traded in one session; infinite under a waiver, zero where nothing is known."""
    liquidity = friction.liquidity
    if isinstance(liquidity, VolumeWaiver):
        return np.full(dollar_volume.shape, np.inf)
    known = np.isfinite(dollar_volume) & (np.isfinite(volatility) | (liquidity.impact_coefficient == 0))
    return np.where(known, liquidity.participation * np.where(known, dollar_volume, 0.0), 0.0)
