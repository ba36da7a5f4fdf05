"""How fast the book could be left, and how large it could grow before market impact removes half the profit."""

import math
from dataclasses import dataclass

import numpy as np

from quantdl.backtest.book.costs import Costs
from quantdl.backtest.running.result import BacktestResult

# Values of the square-root law's coefficient that published estimates span: a single one would look too exact.
IMPACT_COEFFICIENTS = (0.5, 1.0, 2.0)


@dataclass(frozen=True)
class ExitFigures:
    """The slowest and dearest exit of a run.

    Attributes:
        days: Most sessions the book would have taken to sell at the participation cap; None where a position could
            never be sold, because its asset had no volume.
        days_half_volume: The same if only half the volume were there.
        cost: Largest cost of leaving, as a fraction of equity, at the stated commission and spread.
        cost_five_spreads: The same at five times the spread.
    """

    days: float | None
    days_half_volume: float | None
    cost: float
    cost_five_spreads: float


@dataclass(frozen=True)
class ExitWaived:
    """What stands in place of an exit where the plan waives liquidity: nothing was measured."""


@dataclass(frozen=True)
class Capacity:
    """The money at which market impact removes half of the gross profit.

    Attributes:
        coefficient: Coefficient Y of the square-root law.
        equity: Initial equity at which it happens, or None where that is undefined.
        statement: The finding in words.
    """

    coefficient: float
    equity: float | None
    statement: str


def exit_figures(result: BacktestResult, costs: Costs) -> ExitFigures | ExitWaived:
    """Return how the book could have been left at the stated costs."""
    if _is_waived(result):
        return ExitWaived()
    longest, gross = float(result.equity["days_to_exit"].max()), float(result.equity["gross"].max())
    days = longest if math.isfinite(longest) else None
    half_volume = None if days is None else 2 * days
    return ExitFigures(days, half_volume, costs.of_leaving(gross), costs.of_leaving(gross, spreads=5.0))


def capacities(result: BacktestResult) -> tuple[Capacity, ...]:
    r"""Return the capacity for each impact coefficient.

    A book k times as large pays k to the power 3/2 times the impact and earns k times as much, so half of the gross
    profit G is gone at :math:`k = (G / 2 Y S)^2` with :math:`S = \sum \sigma \sqrt{n / V} \, n` over the fills.
    """
    if _is_waived(result):
        return tuple(Capacity(y, None, "undefined: liquidity is waived") for y in IMPACT_COEFFICIENTS)
    fills = result.fills[result.fills["order"] > 0]
    unknown = int(fills["volatility"].isna().sum())
    if unknown:
        return tuple(
            Capacity(y, None, f"undefined: volatility unknown at {unknown} fills") for y in IMPACT_COEFFICIENTS
        )
    table = result.equity
    gross = float(table["equity"].iloc[-1] - result.initial_equity + (table["costs"] - table["interest"]).sum())
    unit = float((fills["volatility"] * np.sqrt(fills["notional"] / fills["dollar_volume"]) * fills["notional"]).sum())
    return tuple(_capacity(y, gross, unit, result.initial_equity) for y in IMPACT_COEFFICIENTS)


def _is_waived(result: BacktestResult) -> bool:
    """Return whether the plan waived liquidity, so that no session says how long an exit takes."""
    return bool(result.equity["days_to_exit"].isna().all())


def _capacity(coefficient: float, gross: float, unit: float, initial_equity: float) -> Capacity:
    if gross <= 0:
        return Capacity(coefficient, None, "undefined: there is no gross profit")
    if unit == 0:
        return Capacity(coefficient, None, "undefined: nothing was traded")
    equity = initial_equity * (gross / (2 * coefficient * unit)) ** 2
    return Capacity(coefficient, equity, f"{equity:,.0f} at impact coefficient {coefficient:g}")
