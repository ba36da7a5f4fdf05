"""Pairs: when two shares that move together have drifted apart, sell the dear one, buy the cheap one, and wait.

Hypothesis: two shares of one cluster of trailing correlation are worth about the same multiple of each other, so a
spread that is wide by its own past closes again.
Refuted by: a Sharpe ratio no higher than that of equal weight, after costs and the fee for borrowing.

Rules:
    enter: at a session of the plan's cadence, look at all pairs inside the plan's clusters of trailing correlation. Fit
        the logarithm of one price on that of the other over the last ``window`` closes. Where the last residual is more
        than ``enter`` standard deviations from zero, sell the dear share and buy the cheap one, in the ratio of the
        fit, for ``part`` of equity in both legs together. The widest spread comes first, a share belongs to one pair at
        a time, and a pair that would break a cap of the plan is left out.
    exit: close a pair whose spread, by the fit at its entry, is less than ``leave`` standard deviations wide, or has
        changed its side.
    stop: close a pair whose spread has become wider than ``stop`` standard deviations, that has been held ``patience``
        bars, of which the plan has closed a leg, or whose shares have left the market or the universe. It is not
        entered again before ``patience`` bars are over.

Sources:
    Pairs opened at two standard deviations of their historical spread (Gatev, Goetzmann and Rouwenhorst, 2006).
"""

from dataclasses import dataclass, field
from itertools import combinations

import numpy as np

from quantdl.backtest import MarketView, Order, Orders
from quantdl.portfolio import within_limits


@dataclass(frozen=True)
class Fit:
    """The logarithm of one price as ``level + ratio`` times that of another.

    Attributes:
        first: Column of the share whose price is explained.
        second: Column of the other one.
        ratio: Money in the second for each unit of money in the first.
        level: Constant.
        deviation: Standard deviation of the residuals.
    """

    first: int
    second: int
    ratio: float
    level: float
    deviation: float

    def width(self, logs: np.ndarray) -> float:
        """Return how many standard deviations the first share is dear against the second; (A,) logarithms of prices."""
        return float((logs[self.first] - self.level - self.ratio * logs[self.second]) / self.deviation)


@dataclass
class Held:
    """A pair that was entered: its fit, its bars so far, and the side of its first share, -1 for short."""

    fit: Fit
    side: float
    bars: int = 0


@dataclass(frozen=True)
class Strategy:
    """Decides on the plan's cadence; it remembers its pairs.

    Attributes:
        window: Closes of the fit.
        enter: Width of the spread, in standard deviations, at which a pair is entered.
        leave: Width at which it is left.
        stop: Width at which it is given up.
        patience: Bars after which it is given up, and before which it is not entered again then.
        part: Absolute weight of both legs together.
    """

    window: int = 250
    enter: float = 2.0
    leave: float = 0.5
    stop: float = 4.0
    patience: int = 60
    part: float = 0.2
    held: dict[tuple[int, int], Held] = field(default_factory=dict, init=False, repr=False)
    barred: dict[tuple[int, int], int] = field(default_factory=dict, init=False, repr=False)

    def __post_init__(self) -> None:
        """Check the parameters."""
        if self.window < 20:
            raise ValueError(f"window must be at least 20 closes, got {self.window}.")
        if not 0 <= self.leave < self.enter < self.stop:
            given = f"{self.leave}, {self.enter} and {self.stop}"
            raise ValueError(f"leave, enter and stop must rise, from 0 or more, got {given}.")
        if self.patience < 1:
            raise ValueError(f"patience must be at least 1 bar, got {self.patience}.")
        if not 0 < self.part < 1:
            raise ValueError(f"part must lie between 0 and 1, got {self.part}.")

    def decide(self, view: MarketView) -> Orders | None:
        """Return the orders of the pairs that are entered and left, or None when nothing is due."""
        if not view.rebalance_due or len(view.continuous_closes) < self.window:
            return None
        logs = np.log(view.continuous_closes[-self.window :])
        self._grow_older()
        orders = self._leave(view, logs[-1])
        weights = view.weights.copy()
        weights[[view.assets.index(order.asset) for order in orders]] = 0.0
        orders += self._enter(view, logs, weights)
        return Orders(tuple(orders)) if orders else None

    def _grow_older(self) -> None:
        for pair in self.held.values():
            pair.bars += 1
        for key in list(self.barred):
            self.barred[key] -= 1
            if not self.barred[key]:
                del self.barred[key]

    def _leave(self, view: MarketView, logs: np.ndarray) -> list[Order]:
        orders = []
        for key, pair in list(self.held.items()):
            rule = self._reason(pair, view, logs)
            if rule is None:
                continue
            del self.held[key]
            if rule == "stop":
                self.barred[key] = self.patience
            orders += [Order(view.assets[n], -float(view.shares[n]), rule) for n in key if view.shares[n]]
        return orders

    def _reason(self, pair: Held, view: MarketView, logs: np.ndarray) -> str | None:
        """Return the rule under which a pair is left, or None."""
        legs = [pair.fit.first, pair.fit.second]
        wide = -pair.side * pair.fit.width(logs)  # positive on the side on which it was entered
        broken = pair.bars > 1 and not view.shares[legs].all()  # orders of the last close are filled now
        if not view.listed[legs].all() or broken:
            return "stop"
        if np.isfinite(wide) and wide < self.leave:
            return "exit"
        return "stop" if wide > self.stop or pair.bars >= self.patience else None

    def _enter(self, view: MarketView, logs: np.ndarray, weights: np.ndarray) -> list[Order]:
        orders: list[Order] = []
        busy = {leg for key in self.held for leg in key} | set(np.flatnonzero(view.shares).tolist())
        for width, fit in sorted(self._wide(view, logs), key=lambda found: -abs(found[0])):
            legs, side = (fit.first, fit.second), -float(np.sign(width))
            if busy & set(legs):
                continue
            amounts = side * self.part * np.array([1.0, -fit.ratio]) / (1.0 + fit.ratio)
            after = weights.copy()
            after[list(legs)] = amounts
            if np.abs(within_limits(after, view.limits) - after).max() > 1e-12:
                continue
            weights, busy = after, busy | set(legs)
            self.held[legs] = Held(fit, side)
            prices = view.closes[-1, list(legs)]
            orders += [
                Order(view.assets[leg], float(amount * view.equity / price), "enter")
                for leg, amount, price in zip(legs, amounts, prices, strict=True)
            ]
        return orders

    def _wide(self, view: MarketView, logs: np.ndarray) -> list[tuple[float, Fit]]:
        """Return the pairs whose spread is wide enough now, with its width."""
        usable = view.listed & np.isfinite(logs).all(axis=0) & (logs.std(axis=0) > 0)
        found = []
        for first, second in combinations(np.flatnonzero(usable).tolist(), 2):
            if view.limits.group_of[first] != view.limits.group_of[second] or (first, second) in self.barred:
                continue
            fit = fitted(logs, first, second)
            if fit is not None and self.enter < abs(fit.width(logs[-1])) < self.stop:
                found.append((fit.width(logs[-1]), fit))
        return found


def fitted(logs: np.ndarray, first: int, second: int) -> Fit | None:
    """Return the least-squares fit of one share on another over a window; None where no ratio above zero fits."""
    y, x = logs[:, first], logs[:, second]
    ratio = float(((x - x.mean()) * (y - y.mean())).sum() / ((x - x.mean()) ** 2).sum())
    level = float(y.mean() - ratio * x.mean())
    deviation = float((y - level - ratio * x).std(ddof=2))
    return Fit(first, second, ratio, level, deviation) if ratio > 0 and deviation > 0 else None
