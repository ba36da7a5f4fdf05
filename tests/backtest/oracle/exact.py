"""A run replayed in decimal arithmetic of fifty digits, from its fills, the prices and the plan alone.

Every posting is made here once more: interest, dividends on the day they are earned and the day they are paid, splits,
fees of borrowing, fills and what each of them costs. Nothing of the engine is used but the fills that it wrote down.
"""

from dataclasses import dataclass, field
from decimal import Decimal, localcontext

import numpy as np

from quantdl.backtest.plan.sample import bars_per_year_of
from quantdl.backtest.plan.spreads import HighLowSpread, StatedSpreads

ZERO = Decimal(0)


@dataclass
class Step:
    """One session: the book at its close, and what was posted in it, as `Decimal`."""

    cash: Decimal = ZERO
    due: Decimal = ZERO
    positions: Decimal = ZERO
    interest: Decimal = ZERO
    dividends: Decimal = ZERO
    borrowing: Decimal = ZERO
    costs: Decimal = ZERO
    gains: Decimal = ZERO
    settled: list = field(default_factory=list)
    stated_costs: list = field(default_factory=list)

    @property
    def equity(self):
        return self.cash + self.due + self.positions

    @property
    def posted(self):
        """Everything that changes equity, added up."""
        return self.gains + self.dividends + self.interest - self.borrowing - self.costs


class Replay:
    """The walk through the sessions of a run that began at the first bar of its panel."""

    def __init__(self, panel, plan, result, risk_free=None):
        self.panel, self.plan, self.result = panel, plan, result
        self.bars_per_year = Decimal(bars_per_year_of(plan.sample, panel.card.declaration))
        self.rate = ZERO
        if risk_free is not None:
            self.rate = (1 + Decimal(risk_free)) ** (1 / self.bars_per_year) - 1
        self.cash, self.due = Decimal(result.initial_equity), ZERO
        self.shares = [ZERO] * len(panel.assets)
        self.marks = [None] * len(panel.assets)
        self.payable, self.settling = {}, {}
        self.row_of = {session: row for row, session in enumerate(panel.sessions)}
        self.fills = {}
        for fill in result.fills.itertuples(index=False):
            self.fills.setdefault(self.row_of[fill.session], []).append(fill)

    def steps(self):
        """Return one `Step` a session."""
        with localcontext() as context:
            context.prec = 50
            return [self._session(row) for row in range(len(self.panel.sessions))]

    def _session(self, row):
        step = Step()
        held_before = sum((n * mark for n, mark in zip(self.shares, self.marks, strict=True) if n), ZERO)
        step.interest = self.cash * self.rate
        self.cash += step.interest
        today = self.fills.get(row, [])
        self._actions(row, step, [fill for fill in today if fill.rule == "plan:split"])
        for amount in self.payable.pop(row, []):
            self.due -= amount
            self.cash += amount
        for column, close in enumerate(self.panel.closes[row]):
            if np.isfinite(close):
                self.marks[column] = Decimal(float(close))
        for fill in (fill for fill in today if fill.rule == "plan:delisting"):
            self._book(fill, ZERO)
        if self.plan.friction.borrow is not None:
            rate = Decimal(self.plan.friction.borrow.annual_rate) / self.bars_per_year
            step.borrowing = sum((-n * m * rate for n, m in zip(self.shares, self.marks, strict=True) if n < 0), ZERO)
            self.cash -= step.borrowing
        for fill in (fill for fill in today if fill.order > 0):
            self._order_fill(fill, row, step)
        step.cash, step.due = self.cash, self.due
        step.positions = sum((n * m for n, m in zip(self.shares, self.marks, strict=True) if n), ZERO)
        bought = sum((Decimal(fill.quantity) * Decimal(fill.price) for fill in today), ZERO)
        step.gains = step.positions - held_before - bought
        return step

    def _actions(self, row, step, fills):
        """Dividends on the old shares, then splits by the stated ratio, then the fraction of a share for cash."""
        for column, asset in enumerate(self.panel.assets):
            cash, ratio = ZERO, Decimal(1)
            for dividend in self.panel.actions.dividends:
                if dividend.asset == asset and self.panel.sessions[row].date() == dividend.ex_date:
                    cash += Decimal(dividend.amount)
                    earned = self.shares[column] * Decimal(dividend.amount)
                    if earned:
                        self.due += earned
                        step.dividends += earned
                        days = [at for at, day in enumerate(self.panel.sessions) if day.date() == dividend.pay_date]
                        paid = row if dividend.pay_date is None else days[0] if days else -1
                        self.payable.setdefault(paid, []).append(earned)
            for split in self.panel.actions.splits:
                if split.asset == asset and self.panel.sessions[row].date() == split.ex_date:
                    ratio *= Decimal(split.ratio)
            if self.marks[column] is not None:
                self.marks[column] = (self.marks[column] - cash) / ratio
            expected = self.shares[column] * ratio
            for place, fill in enumerate(fill for fill in fills if fill.asset == asset):
                self._book(fill, ZERO)
                if place == 0:
                    assert fill.price == 0
                    assert abs(self.shares[column] - expected) <= abs(expected) * Decimal("1e-12")
                else:  # at the price of the close before, in the units of the day
                    assert abs(Decimal(fill.price) - self.marks[column]) <= self.marks[column] * Decimal("1e-12")
                    assert abs(fill.quantity) < 1

    def _book(self, fill, cost):
        column = self.panel.assets.index(fill.asset)
        self.cash -= Decimal(fill.quantity) * Decimal(fill.price) + cost
        left = self.shares[column] + Decimal(fill.quantity)
        rounded = abs(left) <= abs(Decimal(fill.quantity)) * Decimal("1e-11")  # a position that was left is none
        self.shares[column] = ZERO if rounded else left

    def _order_fill(self, fill, row, step):
        column, cost = self.panel.assets.index(fill.asset), Decimal(fill.cost)
        owed = -self.shares[column] * (1 + Decimal("1e-9"))
        purchase = fill.quantity > 0 and not 0 < Decimal(fill.quantity) <= owed
        self._book(fill, cost)
        step.costs += cost
        brought = -Decimal(fill.quantity) * Decimal(fill.price) - cost
        days = self.plan.friction.settlement_sessions
        if brought > 0:
            self.settling[row] = self.settling.get(row, ZERO) + brought
        unsettled = sum((money for sold, money in self.settling.items() if sold + days > row), ZERO)
        if purchase:
            step.settled.append(self.cash - unsettled)
        step.stated_costs.append((cost, self._stated(fill, row, column)))

    def _stated(self, fill, row, column):
        """Return what the plan says that a fill costs; a spread from highs and lows is taken as it was charged."""
        friction = self.plan.friction
        shares = abs(Decimal(fill.quantity))
        notional = shares * Decimal(fill.price)
        fees = notional * Decimal(friction.commission_bps) / 10_000 + shares * Decimal(friction.commission_per_share)
        match friction.half_spread_bps:
            case StatedSpreads(bps=stated):
                spread = notional * Decimal(stated[fill.asset]) / 10_000
            case HighLowSpread():
                spread = Decimal(fill.spread)
            case bps:
                spread = notional * Decimal(bps) / 10_000
        law = getattr(friction.liquidity, "impact_coefficient", 0.0)
        impact = ZERO
        if law:
            share = notional / Decimal(fill.dollar_volume)
            impact = Decimal(law) * Decimal(fill.volatility) * share.sqrt() * notional
        return max(fees, Decimal(friction.commission_minimum)) + spread + impact
