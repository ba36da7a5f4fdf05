"""How fast the book could be left, and how large it could grow before market impact removes half the profit."""

import math
from dataclasses import dataclass

import numpy as np

from quantdl.backtest.book.costs import costs_of_leaving
from quantdl.backtest.book.terms import Terms
from quantdl.backtest.running.engine import Job
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
        cost: Largest cost of leaving, as a fraction of equity, see `leaving_costs`.
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


def exit_figures(result: BacktestResult, job: Job) -> ExitFigures | ExitWaived:
    """Return how the book could have been left at the costs of the job that it was run on."""
    if _is_waived(result):
        return ExitWaived()
    longest = float(result.equity["days_to_exit"].max())
    cost, dear = (float(leaving_costs(result, job, times).max()) for times in (1.0, 5.0))
    days = longest if math.isfinite(longest) else None
    half_volume = None if days is None else 2 * days
    return ExitFigures(days, half_volume, cost, dear)


def leaving_costs(result: BacktestResult, job: Job, times: float = 1.0) -> np.ndarray:
    """Return (T,) what leaving the book of each close costs at so many times the spread, as a fraction of equity.

    Commission, fees and each position's own spread as known then, without impact. What converting money costs is not
    multiplied. Zero where equity is not positive.

    Args:
        result: The run.
        job: What it was run on.
        times: So many times the spread.
    """
    terms, equity = job.terms, result.equity["equity"].to_numpy()
    positions = result.weights_after_fill.to_numpy(dtype=np.float64) * equity[:, None]
    shares = result.quantities.to_numpy(dtype=np.float64)
    quoted = spreads_by_bar(terms)[job.first : job.stop][: len(equity)] - terms.conversion
    paid = costs_of_leaving(terms.costs, positions, shares, quoted, times)
    paid = paid + (np.abs(positions) * terms.conversion).sum(axis=1)
    return np.asarray(np.divide(paid, equity, out=np.zeros(len(paid)), where=equity > 0))


def spreads_by_bar(terms: Terms) -> np.ndarray:
    """Return (T, A) half the spread of each asset as a fraction of the price, the conversion of money included."""
    shape = terms.dollar_volume.shape
    if terms.half_spreads is None:
        return np.full(shape, terms.costs.half_spread_bps / 1e4)
    return np.array(np.broadcast_to(terms.half_spreads, shape))


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
