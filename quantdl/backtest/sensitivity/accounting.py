"""The accounting of `quantdl.backtest.book.kernel` in torch float64, session by session, for gradients to flow through.

It plays in the same order: interest, dividends and splits, payouts, borrowing, sales, covers, purchases as far as cash
reaches, the mark, the decision, and the exits that follow from the calendar alone. It holds no branch on a value, so
that ``torch.func`` can transform it.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from quantdl.backtest.book import kernel
from quantdl.backtest.book.kernel import Rules
from quantdl.backtest.sensitivity.schedule import Span, Step, steps_of


class Frictions(NamedTuple):
    """What trading costs, as float64 tensors to differentiate by.

    Attributes:
        commission_bps: () or (A,) commission each way, in basis points of notional.
        half_spread_bps: (), (A,) or (S + 1, A) half the spread each way, in basis points; in the last form row k is
            what is known at the close of the k-th session, counted from the one before the first.
        commission_per_share: () money for each share.
        impact_coefficient: () Y in the square-root law. Where liquidity is waived there is no volume to measure a
            trade by, and it changes nothing.
        borrow_rate: () fee a year on the money sold short.
    """

    commission_bps: Tensor
    half_spread_bps: Tensor
    commission_per_share: Tensor
    impact_coefficient: Tensor
    borrow_rate: Tensor


class Prices(NamedTuple):
    """Prices of a scenario, (S, A) float64; cells at which the data have none are not read.

    Attributes:
        marks: Last traded close so far.
        fills: Price at which orders fill, the close or the open as the plan says.
    """

    marks: Tensor
    fills: Tensor


@dataclass(frozen=True, eq=False)
class Inputs:
    """What a run is a function of beside weights, frictions and prices; it stays.

    Attributes:
        initial_equity: Money at the start.
        rules: The numbers of the terms.
        steps: The sessions on which something can happen.
        before_costs: Whether weights are of equity before the costs of reaching them.
        stated: The frictions of the terms.
        prices: The prices of the data.
        marked, priced: (S, A) where the data have a mark, and a price at which orders fill.
        rates: (S,) what cash earns in each bar.
        impacts: (S + 1, A) volatility over the root of volume, from the session before the first on; None where
            liquidity is waived.
        payouts: (A,) money for a share of a delisted asset, NaN where none is stated.
    """

    initial_equity: float
    rules: Rules
    steps: tuple[Step, ...]
    before_costs: bool
    stated: Frictions
    prices: Prices
    marked: Tensor
    priced: Tensor
    rates: Tensor
    impacts: Tensor | None
    payouts: Tensor

    @classmethod
    def of(cls, span: Span, initial_equity: float, *, before_costs: bool) -> "Inputs":
        """Return the inputs of the runs over a span."""
        played = slice(span.first, span.stop)
        marks, priced = span.market.marks[played], span.fillable
        marked = np.isfinite(marks)
        return cls(
            initial_equity=initial_equity,
            rules=span.rules,
            steps=steps_of(span),
            before_costs=before_costs,
            stated=_frictions(span),
            prices=Prices(tensor(np.where(marked, marks, 1.0)), tensor(np.where(priced, span.prices, 1.0))),
            marked=torch.from_numpy(marked),
            priced=torch.from_numpy(priced),
            rates=tensor(span.market.cash_rates[played]),
            impacts=_impacts(span),
            payouts=tensor(span.market.terminal_values),
        )

    def scenario(self, prices: Prices) -> Prices:
        """Return prices of a scenario with numbers where the data have none."""
        if bool(self.marked.all()) and bool(self.priced.all()):
            return prices
        return Prices(torch.where(self.marked, prices.marks, 1.0), torch.where(self.priced, prices.fills, 1.0))


def equity_of(inputs: Inputs, weights: Tensor, frictions: Frictions, prices: Prices) -> Tensor:
    """Return (S,) the equity at each close of weights (N, A)."""
    book = Book(inputs, frictions)
    # Rows are taken apart at once: the gradient of one taken by its number is as large as the whole, for each of them.
    targets, lengths = weights.unbind(0), [step.until - step.row for step in inputs.steps]
    marks, fills = prices.marks.split(lengths), prices.fills.split(lengths)
    played = zip(inputs.steps, marks, fills, strict=True)
    return torch.cat(
        [
            book.play(step, marks, fills[0], None if step.decision is None else targets[step.decision])
            for step, marks, fills in played
        ]
    )


class Book:
    """Cash, dividends due, shares and open orders between two steps."""

    def __init__(self, inputs: Inputs, frictions: Frictions) -> None:
        """Begin with cash alone."""
        self.inputs, self.frictions = inputs, frictions
        nothing = torch.zeros(len(inputs.payouts), dtype=torch.float64)
        self.cash = tensor(np.array(inputs.initial_equity))
        self.due = torch.zeros((), dtype=torch.float64)
        self.nothing = self.shares = self.orders = nothing
        self.owed: dict[int, Tensor] = {}
        self.shorts = not inputs.rules.long_only
        self.at_own_close = bool(inputs.rules.fill_at == kernel.DECISION_CLOSE)
        rates = (frictions.commission_bps + frictions.half_spread_bps) / 1e4 + nothing
        self.rates = rates.unbind(0) if rates.ndim == 2 else (rates,)  # one row where it never changes
        # A cost of zero that is the terms' own takes no operations; one that is differentiated by is another tensor.
        stated = inputs.stated
        self.share_fees = self._counts(frictions.commission_per_share, stated.commission_per_share)
        moves = self._counts(frictions.impact_coefficient, stated.impact_coefficient)
        self.impacts = inputs.impacts if moves else None

    @staticmethod
    def _counts(given: Tensor, stated: Tensor) -> bool:
        return given is not stated or bool(stated != 0.0)

    def play(self, step: Step, marks: Tensor, prices: Tensor, targets: Tensor | None) -> Tensor:
        """Play a step, and return (until - row,) equity from it to the next.

        Args:
            step: What happens.
            marks: (until - row, A) last closes.
            prices: (A,) at which orders fill.
            targets: (A,) weights decided on; None for none.
        """
        self.open_session(step, marks[0])
        if step.fills and not self.at_own_close:
            self.fill(step, prices, step.row)
        if targets is not None:
            self.order(step, marks[0], targets)
        if step.leaves is not None:
            self.orders = torch.where(torch.from_numpy(step.leaves), -self.shares, self.orders)
        if step.closes:
            self.orders = -self.shares
        if step.fills and self.at_own_close:
            self.fill(step, prices, step.row + 1)
        return self.mark(step, marks)

    def open_session(self, step: Step, marks: Tensor) -> None:
        """Post interest, dividends, splits, payouts and the fee on what is short."""
        rates, row, shares = self.inputs.rates, step.row, self.shares
        self.cash = self.cash * (1.0 + rates[row])
        for pays, amounts in step.dividends.items():
            earned = shares @ tensor(amounts)
            self.due = self.due + earned
            self.owed[pays] = self.owed.get(pays, 0.0) + earned
        if step.ratios is not None:
            self.shares, self.orders = shares * tensor(step.ratios), self.orders * tensor(step.ratios)
        if row in self.owed:
            paid = self.owed.pop(row)
            self.cash, self.due = self.cash + paid, self.due - paid
        if step.gone is not None:
            self.pay_out(marks, torch.from_numpy(step.gone))
        if self.shorts:
            self.cash = self.cash - self.fee(marks)

    def pay_out(self, marks: Tensor, gone: Tensor) -> None:
        """Turn the shares of delisted assets into the value stated, or else what is recovered of the last close."""
        stated, zero = self.inputs.payouts, torch.zeros((), dtype=torch.float64)
        recovered = torch.where(self.shares > 0, self.inputs.rules.recovery * marks, marks)
        value = torch.where(torch.isnan(stated), recovered, torch.nan_to_num(stated))
        self.cash = self.cash + torch.where(gone, self.shares * value, zero).sum()
        self.shares, self.orders = torch.where(gone, zero, self.shares), torch.where(gone, zero, self.orders)

    def fee(self, marks: Tensor) -> Tensor:
        """Return (*,) what borrowing costs a bar, by marks (*, A)."""
        rate = self.frictions.borrow_rate / self.inputs.rules.bars_per_year
        return rate * (marks @ _positive(-self.shares))

    def rate(self, known: int, prices: Tensor) -> Tensor:
        """Return (A,) commission and half-spread over notional; ``known`` counts from the session before the first."""
        rate = self.rates[known if len(self.rates) > 1 else 0]
        return rate + self.frictions.commission_per_share / prices if self.share_fees else rate

    def moving(self, impacts: Tensor, notional: Tensor) -> Tensor:
        """Return the money that (A,) notional loses by moving its prices."""
        return self.frictions.impact_coefficient * (impacts @ notional**1.5)

    def fill(self, step: Step, prices: Tensor, known: int) -> None:
        """Fill what waits: sales, covers, then purchases, scaled down alike to what cash pays for."""
        wanted, self.orders = self.orders, self.nothing
        if step.fillable is not None:
            fillable = torch.from_numpy(step.fillable).to(torch.float64)
            wanted, self.orders = wanted * fillable, wanted * (1.0 - fillable)
        rate = self.rate(known, prices)
        bought = _positive(wanted)
        moved = wanted - bought
        sales = moved * prices
        self.cash = self.cash - sales @ (1.0 - rate)
        if self.impacts is not None:
            self.cash = self.cash - self.moving(self.impacts[known], -sales)
        if self.shorts:
            covered = torch.minimum(bought, _positive(-self.shares))
            moved, bought, covers = moved + covered, bought - covered, covered * prices
            self.cash = self.cash - covers @ (1.0 + rate)
            if self.impacts is not None:
                self.cash = self.cash - self.moving(self.impacts[known], covers)
        self.buy(bought, bought * prices, rate, known)
        self.shares = self.shares + moved

    def buy(self, shares: Tensor, notional: Tensor, rate: Tensor, known: int) -> None:
        """Buy as much of each as cash pays for; a smaller fill moves its price less."""
        linear = notional @ (1.0 + rate)
        needed = linear if self.impacts is None else linear + self.moving(self.impacts[known], notional)
        floor = 1e-15 * self.inputs.initial_equity  # below it nothing is bought
        scale = (self.cash.clamp(min=0.0) / needed.clamp(min=floor)).clamp(max=1.0)
        self.cash = self.cash - linear * scale
        if self.impacts is not None:
            self.cash = self.cash - self.moving(self.impacts[known], notional * scale)
        self.shares = self.shares + shares * scale

    def order(self, step: Step, marks: Tensor, weights: Tensor) -> None:
        """Order what is missing from the targets."""
        held = self.shares * marks
        equity = self.cash + self.due + held.sum()
        if step.reduces:
            there = held / equity
            weights = torch.where(
                weights * there > 0.0, weights.sign() * torch.minimum(weights.abs(), there.abs()), 0.0
            )
        value = equity
        if not self.inputs.before_costs:
            value = _value_after_costs(equity, weights, held, self.rate(step.row + 1, marks))
        self.orders = weights * value / marks - self.shares

    def mark(self, step: Step, marks: Tensor) -> Tensor:
        """Return equity up to the next step, and take cash there."""
        positions = marks @ self.shares
        if step.until == step.row + 1:
            return positions + (self.cash + self.due)
        growth = torch.cumprod(1.0 + self.inputs.rates[step.row + 1 : step.until], 0)
        growth = torch.cat([torch.ones(1, dtype=torch.float64), growth])
        cash = self.cash * growth
        if self.shorts:
            fees = self.fee(marks[1:])
            cash = cash - growth * torch.cat([torch.zeros_like(fees[:1]), torch.cumsum(fees / growth[1:], 0)])
        self.cash = cash[-1]
        return positions + cash + self.due


def _positive(values: Tensor) -> Tensor:
    """Return the positive part; its derivative at zero is the mean of both sides."""
    return 0.5 * (values + values.abs())


def _value_after_costs(equity: Tensor, weights: Tensor, held: Tensor, rate: Tensor) -> Tensor:
    r"""Return the value V of the book once the weights are reached.

    .. math:: V = E - \sum_a c_a |w_a V - h_a|
        \quad\Rightarrow\quad V = \frac{E + \sum_a s_a c_a h_a}{1 + \sum_a s_a c_a w_a}, \; s_a = \pm 1

    The engine iterates the equation on the left, a convex function of straight pieces; with the signs known, the right
    side is its solution and has its derivatives. The signs are those of one iteration and one step of Newton's method,
    of which the right side is another: an error is left only where, three times over, an asset is traded for less than
    the costs of all.
    """
    e, w, h, c = (values.detach() for values in (equity, weights, held, rate))
    value = e - c @ (w * e - h).abs()
    signed = (w * value - h).sign() * c
    value = (e + signed @ h) / (1.0 + signed @ w)
    signed = (w * value - h).sign() * rate
    return (equity + signed @ held) / (1.0 + signed @ weights)


def _frictions(span: Span) -> Frictions:
    """Return the costs that the terms state."""
    numbers, spreads = span.rules, span.market.half_spreads
    if len(spreads) > 1:
        spreads = np.concatenate([spreads[max(span.first - 1, 0)][None], spreads[span.first : span.stop]])
    else:
        spreads = spreads[0]
    return Frictions(
        commission_bps=tensor(np.array(1e4 * numbers.commission)),
        half_spread_bps=tensor(1e4 * spreads),
        commission_per_share=tensor(np.array(numbers.commission_per_share)),
        impact_coefficient=tensor(np.array(numbers.impact)),
        borrow_rate=tensor(np.array(numbers.borrow_rate)),
    )


def _impacts(span: Span) -> Tensor | None:
    """Return (S + 1, A) volatility over the root of volume, from the session before the first on; None if waived."""
    if span.rules.waived:
        return None
    known = np.concatenate([[max(span.first - 1, 0)], np.arange(span.first, span.stop)])
    shape = span.market.closes.shape
    volatility, volume = (
        np.broadcast_to(values, shape)[known] for values in (span.market.volatility, span.market.dollar_volume)
    )
    there = np.isfinite(volatility) & (volume > 0)
    return tensor(np.where(there, volatility, 0.0) / np.sqrt(np.where(there, volume, 1.0)))


def tensor(values: np.ndarray) -> Tensor:
    """Return float64 values as a tensor."""
    return torch.tensor(values, dtype=torch.float64)
