"""What a fill costs: commission, half the spread, and market impact."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Costs:
    """The price of trading.

    Attributes:
        commission_bps: Commission each way, in basis points of notional.
        half_spread_bps: Half the bid-ask spread, paid each way; the mean where each asset has its own, which then
            stand in `quantdl.backtest.book.terms.Terms.half_spreads`.
        impact_coefficient: Y in the square-root law of `fill_cost`; zero where liquidity is waived.
        participation: Largest share of a session's dollar volume that may be traded; infinite where it is waived.
        commission_per_share: Money for each share, on top of the basis points.
        commission_minimum: Least commission of a fill, as money.
    """

    commission_bps: float
    half_spread_bps: float
    impact_coefficient: float
    participation: float
    commission_per_share: float = 0.0
    commission_minimum: float = 0.0

    @property
    def proportional(self) -> float:
        """Commission in basis points and mean half-spread each way, as a fraction of notional.

        Fees per share and the least commission of a fill are money and not in it.

        Example:
            >>> Costs(5.0, 5.0, 0.0, float("inf")).proportional
            0.001
        """
        return (self.commission_bps + self.half_spread_bps) / 1e4

    @property
    def fees(self) -> str:
        """What a fill costs beside `proportional`, in words; empty where it is nothing.

        Example:
            >>> Costs(0.0, 2.0, 0.0, float("inf"), commission_per_share=0.005, commission_minimum=1.0).fees
            '0.005 a share, at least 1 a fill'
        """
        parts = [f"{self.commission_per_share:g} a share"] if self.commission_per_share else []
        parts += [f"at least {self.commission_minimum:g} a fill"] if self.commission_minimum else []
        return ", ".join(parts)

    @property
    def liquidity_is_waived(self) -> bool:
        """Whether any amount may be traded."""
        return self.participation == float("inf")


def costs_of_leaving(
    costs: Costs, positions: np.ndarray, shares: np.ndarray, half_spreads: np.ndarray | float, times: float = 1.0
) -> np.ndarray:
    """Return (T,) the money that selling all positions of each close costs: commission and spread, without impact.

    Each position is one fill, which pays the commission per share and its least commission. What the conversion of
    money costs is no spread of the market: it is to be added, once, by the caller.

    Args:
        costs: The price of trading; its half-spread is not read.
        positions: (T, A) money in each position, signed.
        shares: (T, A) shares held.
        half_spreads: (T | 1, A) half the quoted spread as a fraction of the price, or one number.
        times: So many times the spread.

    Example:
        >>> by_share = Costs(5.0, 0.0, 0.0, float("inf"), commission_per_share=0.01)
        >>> costs_of_leaving(by_share, np.array([[1000.0, -2000.0]]), np.array([[10.0, -20.0]]), 0.0002, 5.0)
        array([4.8])
    """
    money, held = np.abs(positions), shares != 0
    commission = np.maximum(
        money * costs.commission_bps / 1e4 + np.abs(shares) * costs.commission_per_share, costs.commission_minimum
    )
    return np.asarray(np.where(held, commission + times * half_spreads * money, 0.0).sum(axis=1))


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


def fill_cost(notional: float, costs: Costs, dollar_volume: float, volatility: float) -> FillCost:
    r"""Return what it costs to trade ``notional`` dollars (positive) in one session.

    .. math:: \text{impact} = Y \, \sigma \sqrt{\text{notional} / \text{volume}} \times \text{notional}

    Args:
        notional: Dollars traded.
        costs: The price of trading.
        dollar_volume: Dollars the asset trades a session.
        volatility: Daily standard deviation of its simple returns.

    References:
        | Direct estimation of equity market impact (Almgren, Thum, Hauptmann and Li, 2005)
        | found a concave power of the share of volume; the square root is the common simplification
    """
    commission = notional * costs.commission_bps / 1e4
    spread = notional * costs.half_spread_bps / 1e4
    if costs.impact_coefficient == 0 or notional == 0:
        return FillCost(commission, spread, 0.0)
    impact = costs.impact_coefficient * volatility * np.sqrt(notional / dollar_volume) * notional
    return FillCost(commission, spread, float(impact))


def tradable_dollars(costs: Costs, dollar_volume: np.ndarray, volatility: np.ndarray) -> np.ndarray:
    """Return (A,) the most that may be traded in one session; infinite if waived, zero where nothing is known.

    Args:
        costs: The price of trading.
        dollar_volume: (A,) dollars traded a session.
        volatility: (A,) daily standard deviation of simple returns; without it the impact of a trade is unknown.
    """
    if costs.liquidity_is_waived:
        return np.full(dollar_volume.shape, np.inf)
    known = np.isfinite(dollar_volume) & (np.isfinite(volatility) | (costs.impact_coefficient == 0))
    return np.where(known, costs.participation * np.where(known, dollar_volume, 0.0), 0.0)
