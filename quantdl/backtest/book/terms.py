"""What the engine must obey, as arrays, numbers and names; nothing in it calls back, and nothing knows the plan."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from quantdl.backtest.book.costs import Costs
from quantdl.portfolio.limits import Limits

# The states of the market, by their code in `Terms.regimes`.
REGIMES = ("calm", "normal", "stressed", "undefined")
CALM, NORMAL, STRESSED, UNDEFINED = range(len(REGIMES))

# Begins the name under which the engine orders an exit that an item of the plan asks for; no rule is named so.
ENGINE_PREFIX = "plan:"

FillAt = Literal["next_close", "next_open", "decision_close"]
InStress = Literal["trade", "reduce_only", "flat"]
Purpose = Literal["entry", "exit", "rebalance"]


WatchKind = Literal[
    "drawdown",
    "volatility",
    "stale_data",
    "calibration",
    "risk_e_process",
    "pit_drift",
    "stressed_market",
    "all",
    "any",
]


@dataclass(frozen=True)
class HaltCondition:
    """A figure that ends the run when it reaches its limit, or a part of one.

    Attributes:
        kind: ``"drawdown"``: fall of equity from its peak; ``"volatility"``: of the book, annualised;
            ``"stale_data"``: bars since the last price of a held asset; ``"calibration"``: e-process of the losses
            beyond the predicted value at risk; ``"risk_e_process"``: e-process of how large they are;
            ``"pit_drift"``: e-process of where losses fall in their predicted law; ``"stressed_market"``: 1 in a
            stressed market, else 0; ``"all"`` and ``"any"``: bars with a trade in a row at whose close all, or any, of
            its parts were at their limits.
        limit: The condition fires at this value or above.
        window_bars: Trailing bars of the volatility; 0 for the others.
        level: Confidence of the value at risk, or of it and the expected shortfall; NaN for the others.
        name: Its own name; that of its kind where empty.
        whole: Place of the condition that it is a part of, which comes after it; -1 where it ends the run itself.
    """

    kind: WatchKind
    limit: float
    window_bars: int = 0
    level: float = float("nan")
    name: str = ""
    whole: int = -1

    @property
    def label(self) -> str:
        """Its name, or that of its kind."""
        return self.name or self.kind

    @property
    def follows_risk(self) -> bool:
        """Whether it follows what a model predicts of the book."""
        return self.kind in ("calibration", "risk_e_process", "pit_drift")


@dataclass(frozen=True, eq=False)
class Terms:
    """The terms of one run. Fractions are of equity; row t of an array is known at the close of bar t.

    Attributes:
        fields: The fields a strategy may read.
        due: (T,) whether new positions may be decided; otherwise they may only be reduced.
        horizon_bars: Bars after which a book without a decision is closed.
        purposes: What each rule may do, by its name; an order must cite one of these.
        limits: The caps on a decision, with the groups as they are before the first session.
        groups: (T, A) number of each asset's group as of each close of the run, -1 at the closes outside it; None where
            groups never change.
        stop_loss: Loss of a trade, over equity at entry, at which its exit is ordered.
        max_loss_per_trade: Loss that an order may cause by filling at a wrong price; it sets the limit of the order,
            unless that only reduces a position.
        costs: What a fill costs and how much of a session's volume it may take.
        dollar_volume: (T, A) dollars an asset trades a session; infinite where liquidity is waived, NaN where unknown.
        bar_dollars: (T, A) dollars that the bar itself traded, of which a fill may take its share too; infinite where
            they are not known or not measured.
        fill_at: Which price fills an order.
        borrow_rate: Fee a year on the money sold short.
        cash_rates: (T,) what cash held into a bar earns in it, and cash owed costs, as a fraction known when the bar
            begins; zero where cash earns nothing.
        maintenance_margin: Least equity as a fraction of gross exposure; a book below it is closed.
        delisting_recovery: Share of the last close that a delisted long position is paid out at.
        conditions: What ends the run.
        max_exit_sessions: Bars within which the book can be left; what goes beyond is cut.
        regimes: (T,) code of the market's state, an index into `REGIMES`.
        market_volatility: (T,) annualised volatility by which it is told; NaN while history is too short.
        in_stress: What is done in the state ``"stressed"``.
        bars_per_year: Bars of the calendar in a year.
        stamps: Sentences that must be printed beside any figure of the run.
        half_spreads: (T | 1, A) half the spread of each asset as a fraction of the price, one row where it never
            changes; None where `Costs.half_spread_bps` holds for all.
        conversion: (A,) the part of ``half_spreads`` that is what converting money costs, the same whatever the
            market's spreads are; 0 where no money is converted.
        borrowable: (A,) most money that may be sold short of an asset, infinite where nothing limits it; or one number.
        lot_shares: Least number of shares of an order and their step; 0 where shares are fractional.
        settlement_sessions: Sessions until the proceeds of a sale may be spent, from the first bar of a session on.
        years: (T,) part of a year for which the fee of each bar is charged; None for one of ``bars_per_year`` each.
    """

    fields: tuple[str, ...]
    due: np.ndarray
    horizon_bars: int
    purposes: Mapping[str, Purpose]
    limits: Limits
    groups: np.ndarray | None
    stop_loss: float
    max_loss_per_trade: float
    costs: Costs
    dollar_volume: np.ndarray
    bar_dollars: np.ndarray
    fill_at: FillAt
    borrow_rate: float
    cash_rates: np.ndarray
    maintenance_margin: float
    delisting_recovery: float
    conditions: tuple[HaltCondition, ...]
    max_exit_sessions: int
    regimes: np.ndarray
    market_volatility: np.ndarray
    in_stress: InStress
    bars_per_year: float
    stamps: tuple[str, ...]
    half_spreads: np.ndarray | None = None
    conversion: np.ndarray | float = 0.0
    borrowable: np.ndarray | float = float("inf")
    lot_shares: int = 0
    settlement_sessions: int = 0
    years: np.ndarray | None = None

    def cost_fraction(self, t: int) -> float:
        """Return commission in basis points and half the spread each way, as known at a close, over notional.

        Where assets have spreads of their own it is their mean.
        """
        if self.half_spreads is None:
            return self.costs.proportional
        return self.costs.commission_bps / 1e4 + float(self.half_spreads[min(t, len(self.half_spreads) - 1)].mean())

    def borrow_fees(self, n_bars: int) -> np.ndarray:
        """Return (T,) the fee of each bar on the money sold short, as a fraction."""
        return (
            np.full(n_bars, self.borrow_rate / self.bars_per_year)
            if self.years is None
            else self.borrow_rate * self.years
        )

    @property
    def risk_levels(self) -> tuple[float, ...]:
        """Confidences at which conditions need a value at risk, lowest first; none where none does."""
        return tuple(sorted({item.level for item in self.conditions if item.follows_risk and item.level > 0}))

    @property
    def follows_risk(self) -> bool:
        """Whether a condition follows what a model predicts of the book."""
        return any(item.follows_risk for item in self.conditions)
