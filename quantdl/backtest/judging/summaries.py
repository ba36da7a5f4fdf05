"""Counts and sums over the tables of a run: costs by kind, trades by rule, largest exposures, interventions."""

from collections import Counter
from dataclasses import dataclass
from datetime import date
from typing import Literal

import numpy as np
import pandas as pd

from quantdl.backtest.running.result import BacktestResult

CostKind = Literal["commission", "spread", "impact", "other"]
"""What was paid for; ``"other"`` is what the book paid beyond its fills: borrowing."""

# What changes an intervention of the engine, by its code: the condition of an event.
_REMEDIES = {
    "delisting": "Nothing: the share ended. Friction states what is paid out.",
    "stop_loss": "Size the position smaller, or state a wider sizing.stop_loss.",
    "left_universe": "Let the strategy sell what is no longer listed, or correct the universe.",
    "reduced": "Hold less of what trades little, or state a longer fast_exit.max_sessions.",
    "cut": "Ask for less of what trades little, or state a longer fast_exit.max_sessions.",
    "not_borrowed": "Sell less short, or state more under friction.borrow.available.",
    "fraction_paid": "Nothing: a split left a part of a share.",
    "split": "Nothing: the data states it.",
    "dividend": "Nothing: the data states it.",
    "unconfirmed_price": "Correct the price in the data, or state another trusted_data.unconfirmed_beyond.",
    "stress_begins": "Nothing, or another regime under abnormal_volatility.",
    "stress_ends": "Nothing, or another regime under abnormal_volatility.",
    "expired": "Decide again within the horizon, a hold included, or state a longer horizon.bars.",
    "bankrupt": "Nothing: the money is gone. Lower the gross weight.",
    "margin": "Lower the gross weight, or state another friction.borrow.maintenance_margin.",
}
_AFTER_A_HALT = "Look why the condition fired before anything is traded again; it was stated beforehand."

_OF_FILLS: tuple[CostKind, ...] = ("commission", "spread", "impact")
_ROUNDING = 1e-6
_MOST_COLUMNS = 60


@dataclass(frozen=True)
class CostShare:
    """What was paid of one kind.

    Attributes:
        kind: What was paid for.
        paid: Money.
        share_of_costs: As a fraction of all costs.
        share_of_initial_equity: As a fraction of the initial money.
    """

    kind: CostKind
    paid: float
    share_of_costs: float
    share_of_initial_equity: float


@dataclass(frozen=True)
class RuleTrades:
    """The trades that one rule opened, or closed.

    Attributes:
        rule: Its name; empty for trades that are still open.
        trades: How many.
        with_a_profit: How many of them earned money.
        pnl: Profit and loss of all of them, in money.
        worst: Lowest return of one of them, as a fraction of equity at its entry.
    """

    rule: str
    trades: int
    with_a_profit: int
    pnl: float
    worst: float


@dataclass(frozen=True)
class HoldingTimes:
    """How many trades were held for how long.

    Attributes:
        width: Bars that one column of the histogram spans.
        starts: Fewest bars of each column, increasing; columns without a trade are left out.
        trades: Trades in each.
    """

    width: int
    starts: tuple[int, ...]
    trades: tuple[int, ...]


@dataclass(frozen=True)
class LargestExposure:
    """The largest absolute weight of an asset or a group after the fills of a close.

    Attributes:
        name: Of the asset or group.
        largest: Absolute weight, a fraction of equity.
        on: Its session, the earliest of several; None where nothing was ever held.
        last: Weight at the last session, with its sign.
    """

    name: str
    largest: float
    on: date | None
    last: float


@dataclass(frozen=True)
class Interventions:
    """How often the engine acted for one reason without a decision of the strategy.

    Attributes:
        item: The item of the plan.
        condition: What happened.
        times: How often.
    """

    item: str
    condition: str
    times: int

    @property
    def remedy(self) -> str:
        """What would change it, in a sentence."""
        return remedy(self.item, self.condition)


def cumulative_costs(result: BacktestResult) -> pd.DataFrame:
    """Return the costs so far per session and kind, as fractions of the initial money; without kinds never paid."""
    return _paid(result).cumsum() / result.initial_equity


def cost_shares(result: BacktestResult) -> tuple[CostShare, ...]:
    """Return what was paid of each kind; empty where nothing was."""
    totals = _paid(result).sum()
    kinds: tuple[CostKind, ...] = (*_OF_FILLS, "other")
    paid = {kind: float(totals[kind]) for kind in kinds if kind in totals.index}
    together = sum(paid.values())
    return tuple(CostShare(kind, one, one / together, one / result.initial_equity) for kind, one in paid.items())


def _paid(result: BacktestResult) -> pd.DataFrame:
    """Money paid per session and kind (T, kinds), without the kinds of which nothing was paid."""
    charged = result.equity["costs"].fillna(0.0)
    of_fills = result.fills.groupby("session")[list(_OF_FILLS)].sum().reindex(charged.index, fill_value=0.0)
    of_fills = of_fills.loc[:, of_fills.sum() > 0]
    other = charged - of_fills.sum(axis=1)
    if float(other.sum()) > _ROUNDING * max(1.0, float(charged.sum())):
        return of_fills.assign(other=other)
    return of_fills


def trades_by_rule(trades: pd.DataFrame, column: Literal["rule_in", "rule_out"]) -> tuple[RuleTrades, ...]:
    """Sum up the trades of each rule, by its name.

    Args:
        trades: The trades of a run.
        column: Whether by the rule that opened a trade or by the one that closed it.
    """
    return tuple(
        RuleTrades(
            rule=str(rule),
            trades=len(part),
            with_a_profit=int((part["pnl"] > 0).sum()),
            pnl=float(part["pnl"].sum()),
            worst=float(part["return_on_equity"].min()),
        )
        for rule, part in trades.groupby(trades[column].fillna("").astype(str), sort=True)
    )


def holding_times(trades: pd.DataFrame) -> HoldingTimes:
    """Count the trades by the bars they were held, in at most 60 columns."""
    bars = trades["bars"].to_numpy(np.int64)
    width = max(1, int(np.ceil((bars.max(initial=0) + 1) / _MOST_COLUMNS)))
    columns, counts = np.unique(bars // width, return_counts=True)
    return HoldingTimes(width, tuple((columns * width).tolist()), tuple(counts.tolist()))


def largest_exposures(weights: pd.DataFrame) -> tuple[LargestExposure, ...]:
    """Return the extreme of every column, largest first.

    Args:
        weights: (T, N) fractions of equity, indexed by session; NaN counts as nothing held.
    """
    held = weights.fillna(0.0)
    sizes = held.abs()
    order = sizes.max().sort_values(ascending=False, kind="stable").index
    return tuple(
        LargestExposure(str(name), float(sizes[name].max()), _first_day(sizes[name]), float(held[name].iloc[-1]))
        for name in order
    )


def _first_day(sizes: pd.Series) -> date | None:
    largest = int(sizes.to_numpy().argmax())
    return pd.DatetimeIndex(sizes.index)[largest].date() if sizes.iloc[largest] > 0 else None


def remedy(item: str, condition: str) -> str:
    """Say what would change an intervention of the engine.

    Args:
        item: The item of the plan.
        condition: What happened, the code of the event; for a halt the name of the plan's condition.

    Example:
        >>> remedy("sizing", "stop_loss")
        'Size the position smaller, or state a wider sizing.stop_loss.'
    """
    if item == "invalidation" and condition not in ("bankrupt", "margin"):
        return _AFTER_A_HALT
    return _REMEDIES.get(condition, "See the item of the plan.")


def interventions(events: pd.DataFrame) -> tuple[Interventions, ...]:
    """Count the events of a run by item of the plan and condition, in alphabetical order."""
    counts = Counter(zip(events["item"].astype(str), events["condition"].astype(str), strict=True))
    return tuple(Interventions(item, condition, times) for (item, condition), times in sorted(counts.items()))
