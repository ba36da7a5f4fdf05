r"""Risk of a book that cannot be left at once: the spread, the impact of selling, and the moves until it is sold.

* Spread (Bangia, Diebold, Schuermann and Stroughair): half of the relative spread of each position, its mean plus some
  standard deviations, on top of the value at risk.
* Impact (Almgren's square-root law, as the backtest charges it): :math:`Y \sigma_i \sqrt{q_i / V_i}` of what is
  traded, where :math:`q_i / V_i` is the share of a day's volume that is sold a day.
* Time: each position is sold in equal parts over as many days as the participation allows, so that what is left at the
  start of day ``k`` of ``n`` is the share :math:`1 - (k - 1) / n`; the days are independent draws of the law of one
  session. For a single position with normal returns the loss then has the standard deviation
  :math:`\sigma \sqrt{\sum_k (1 - (k - 1) / n)^2}`, near :math:`\sigma \sqrt{n / 3}` for many days.

References:
    | Bangia, Diebold, Schuermann and Stroughair (1999), Modeling liquidity risk, Risk 12
    | Almgren and Chriss (2001), Optimal execution of portfolio transactions, Journal of Risk 3
    | Almgren, Thum, Hauptmann and Li (2005), Direct estimation of equity market impact, Risk 18
"""

from dataclasses import dataclass

import numpy as np
import torch

from quantdl.risk.measures.losses import value_at_risk, value_at_risk_error
from quantdl.risk.measures.scenarios import Scenarios
from quantdl.risk.stress.settings import LiquidityStress


@dataclass(frozen=True, eq=False)
class MarketDepth:
    """How liquid the assets of a book are.

    Attributes:
        equity: Money that weights are fractions of.
        daily_volume: (A,) money traded a day; NaN where it is not known.
        spread: (A,) bid-ask spread as a fraction of the price; None where none is known.
        spread_deviation: (A,) standard deviation of the spread; None where it is not known.
    """

    equity: float
    daily_volume: np.ndarray
    spread: np.ndarray | None = None
    spread_deviation: np.ndarray | None = None

    def of(self, index: np.ndarray) -> "MarketDepth":
        """Of some of the assets."""
        spread, deviation = (None if one is None else one[index] for one in (self.spread, self.spread_deviation))
        return MarketDepth(self.equity, self.daily_volume[index], spread, deviation)


@dataclass(frozen=True, eq=False)
class LiquidityRisk:
    """What leaving a book costs and risks.

    Attributes:
        days: (A,) days to sell each position, whole ones; 0 where nothing is held.
        value_at_risk: Of one session.
        value_at_risk_to_sale: Of the losses until the book is sold, without costs.
        error: Standard error of `value_at_risk_to_sale` by simulation.
        spread_cost: Fraction of equity; None where no spread is known.
        impact_cost: Fraction of equity.
    """

    days: np.ndarray
    value_at_risk: float
    value_at_risk_to_sale: float
    error: float
    spread_cost: float | None
    impact_cost: float

    @property
    def total(self) -> float:
        """Liquidity-adjusted value at risk: the losses until the book is sold, the spread and the impact."""
        return self.value_at_risk_to_sale + (self.spread_cost or 0.0) + self.impact_cost


def liquidity_risk(
    scenarios: Scenarios, weights: np.ndarray, depth: MarketDepth, terms: LiquidityStress, level: float, seed: int
) -> LiquidityRisk:
    """Measure the risk of a book until it is sold.

    Args:
        scenarios: Equally likely returns of one session; days are drawn from them with replacement.
        weights: (A,) fractions of equity.
        depth: Of the market in normal times.
        terms: How much thinner it is, and how fast is sold.
        level: Confidence.
        seed: Of the days.

    Raises:
        ValueError: If the scenarios are of several bars or not equally likely, or the volume of a position is not known
            or zero.
    """
    if scenarios.bars != 1 or scenarios.probabilities is not None:
        raise ValueError("the days of a sale are drawn from equally likely returns of one session.")
    volume = depth.daily_volume * terms.volume
    held = weights != 0
    unknown = held & ~(volume > 0)
    if unknown.any():
        names = ", ".join(asset for asset, out in zip(scenarios.assets, unknown.tolist(), strict=True) if out)
        raise ValueError(f"no daily volume is known of {names}")
    value = np.abs(weights) * depth.equity
    wanted = np.divide(value, terms.participation * volume, out=np.zeros_like(value), where=held)
    days = np.where(held, np.clip(np.ceil(wanted - 1e-12), 1, terms.most_days), 0).astype(np.int64)
    losses = _losses_until_sold(scenarios, weights, days, seed)
    single = scenarios.losses(torch.from_numpy(weights))
    return LiquidityRisk(
        days,
        float(value_at_risk(single, level)),
        float(value_at_risk(losses, level)),
        float(value_at_risk_error(losses, level)),
        _spread_cost(weights, depth, terms),
        _impact_cost(scenarios, weights, value, volume, days, terms.impact_coefficient),
    )


def shares_left(days: np.ndarray) -> np.ndarray:
    """Share of each position that is held into each day, (n, A), where they are sold in equal parts.

    Example:
        >>> shares_left(np.array([1, 2])).tolist()
        [[1.0, 1.0], [0.0, 0.5]]
    """
    before = np.arange(int(days.max(initial=1)))[:, None]
    return np.asarray(np.clip(1.0 - before / np.maximum(days, 1), 0.0, None))


def _losses_until_sold(scenarios: Scenarios, weights: np.ndarray, days: np.ndarray, seed: int) -> torch.Tensor:
    random, n = np.random.default_rng(seed), len(scenarios.returns)
    returns = torch.where(scenarios.known, scenarios.returns, 0.0)
    total = scenarios.losses(torch.from_numpy(weights))  # of the first day
    for share in shares_left(days)[1:]:
        rows = torch.from_numpy(random.integers(0, n, n))
        total = total - (returns @ torch.from_numpy(weights * share))[rows]
    return total


def _spread_cost(weights: np.ndarray, depth: MarketDepth, terms: LiquidityStress) -> float | None:
    if depth.spread is None:
        return None
    deviation = np.zeros_like(depth.spread) if depth.spread_deviation is None else depth.spread_deviation
    spread = terms.spread * depth.spread + terms.spread_deviations * deviation
    return float(0.5 * np.abs(weights) @ np.where(weights != 0, spread, 0.0))


def _impact_cost(
    scenarios: Scenarios,
    weights: np.ndarray,
    value: np.ndarray,
    volume: np.ndarray,
    days: np.ndarray,
    coefficient: float,
) -> float:
    deviation = torch.where(scenarios.known, scenarios.returns, 0.0).std(0).numpy()
    held = weights != 0
    share = np.divide(value, volume * np.maximum(days, 1), out=np.zeros_like(value), where=held)
    return float(coefficient * np.abs(weights) @ (deviation * np.sqrt(share)))
