"""The conditions that end a run, watched at every close."""

from collections import deque
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from quantdl.backtest.book.conditions import ExceptionProcess
from quantdl.backtest.book.terms import HaltCondition


@dataclass(frozen=True)
class Observation:
    """What the monitors see at a close.

    Attributes:
        equity: Money, before the decisions of this close.
        stale_bars: Most bars since the last price among held assets; 0 when nothing is held.
        loss: Of the book since the last session in which anything traded; None in a session in which nothing trades.
        predicted: What was predicted for it by the number of each condition that follows the forecasts, None where
            nothing was: a value at risk, that with a shortfall, or the edges of the law's parts.
        trades: Whether any asset of the data traded.
        stressed: Whether the market is stressed as of this close.
        parts: Values of the conditions before this one.
    """

    equity: float
    stale_bars: int
    loss: float | None
    predicted: tuple[object, ...] = ()
    trades: bool = True
    stressed: bool = False
    parts: tuple[float, ...] = ()


class Monitor(Protocol):
    """Follows one condition."""

    name: str
    limit: float
    ends_the_run: bool

    def update(self, seen: Observation) -> float:
        """Return the condition's value after this close, NaN while it is undefined; it fires at ``limit``."""
        ...

    def says(self, value: float) -> str:
        """Return the reason of a halt in words."""
        ...


class Figure:
    """A condition of one figure."""

    name: str
    limit: float

    def says(self, value: float) -> str:
        """Return the reason of a halt in words."""
        return f"{self.name} reached {value:.4g}, limit {self.limit:.4g}"


def monitors(conditions: tuple[HaltCondition, ...], initial_equity: float, bars_per_year: float) -> list[Monitor]:
    """Return the monitors of conditions, each under its name; parts come before what they make up."""
    made: list[Monitor] = []
    for number, item in enumerate(conditions):
        if item.kind in ("all", "any"):
            parts = {place: conditions[place].limit for place in range(number) if conditions[place].whole == number}
            made.append(StreakMonitor(item.limit, item.kind == "all", parts))
        else:
            made.append(monitor(item, initial_equity, bars_per_year, number))
        made[-1].name, made[-1].ends_the_run = item.label, item.whole < 0
    return made


def monitor(condition: HaltCondition, initial_equity: float, bars_per_year: float, number: int = 0) -> Monitor:
    """Return the monitor of a condition, ``number`` its place among all of them."""
    match condition.kind:
        case "drawdown":
            return DrawdownMonitor(condition.limit, initial_equity)
        case "volatility":
            return VolatilityMonitor(condition.limit, condition.window_bars, initial_equity, bars_per_year)
        case "stale_data":
            return StaleDataMonitor(condition.limit)
        case "calibration":
            return CalibrationMonitor(condition.limit, ExceptionProcess(1 - condition.level), number)
        case "risk_e_process":
            return ShortfallMonitor(condition.limit, condition.level, number)
        case "pit_drift":
            return TransformMonitor(condition.limit, number)
        case "stressed_market":
            return StressMonitor(condition.limit)
    raise ValueError(f"{condition.kind} is made of others")


@dataclass(eq=False)
class DrawdownMonitor(Figure):
    """Fall of equity from its peak, the start included, as a fraction."""

    limit: float
    peak: float
    name: str = "drawdown"
    ends_the_run: bool = True

    def update(self, seen: Observation) -> float:
        """Return the fall."""
        self.peak = max(self.peak, seen.equity)
        return 1.0 - seen.equity / self.peak


@dataclass(eq=False)
class VolatilityMonitor(Figure):
    """Annualised volatility of the book over a full window of bars on which anything traded.

    What a bar without a trade brings (a fee) counts with the next one. A year holds the share of its bars on which
    something has traded so far.
    """

    limit: float
    window: int
    last_equity: float
    bars_per_year: float
    name: str = "volatility"
    ends_the_run: bool = True
    returns: deque[float] = field(init=False)
    bars: int = field(init=False, default=0)
    bars_with_trades: int = field(init=False, default=0)

    def __post_init__(self) -> None:
        """Start with an empty window."""
        self.returns = deque(maxlen=self.window)

    def update(self, seen: Observation) -> float:
        """Return the volatility."""
        self.bars += 1
        if seen.trades:
            self.bars_with_trades += 1
            self.returns.append(seen.equity / self.last_equity - 1.0 if self.last_equity > 0 else 0.0)
            self.last_equity = seen.equity
        if len(self.returns) < self.window:
            return float("nan")
        return float(np.std(self.returns, ddof=1) * np.sqrt(self.bars_per_year * (self.bars_with_trades / self.bars)))


@dataclass(eq=False)
class StaleDataMonitor(Figure):
    """Bars since the last price of the held asset that has been silent longest."""

    limit: float
    name: str = "stale_data"
    ends_the_run: bool = True

    def update(self, seen: Observation) -> float:
        """Return the bars."""
        return float(seen.stale_bars)


@dataclass(eq=False)
class CalibrationMonitor(Figure):
    """The e-process of the book's exceptions; sessions without a prediction leave it as it is."""

    limit: float
    process: ExceptionProcess
    number: int = 0
    name: str = "calibration"
    ends_the_run: bool = True

    def update(self, seen: Observation) -> float:
        """Return the process."""
        predicted = seen.predicted[self.number]
        if seen.loss is None or predicted is None:
            return self.process.value()
        return self.process.update(bool(seen.loss > predicted))


@dataclass(eq=False)
class ShortfallMonitor(Figure):
    """Five gamblers with their own stakes on how far losses lie beyond the value at risk, in money and not in logs."""

    limit: float
    level: float
    number: int = 0
    name: str = "risk_e_process"
    ends_the_run: bool = True
    held: list[float] = field(default_factory=lambda: [0.2] * 5)

    def update(self, seen: Observation) -> float:
        """Return what they hold together."""
        predicted, tail = seen.predicted[self.number], 1 - self.level
        if seen.loss is not None and predicted is not None and predicted[1] > predicted[0]:
            value, shortfall = predicted
            e = max(seen.loss - value, 0.0) / (tail * (shortfall - value))
            stakes = [min((ratio - 1) * tail / (1 - tail), 0.5) for ratio in (1.5, 2, 3, 5, 10)]
            self.held = [money * (1 - stake + stake * e) for money, stake in zip(self.held, stakes, strict=True)]
        return sum(self.held)


@dataclass(eq=False)
class TransformMonitor(Figure):
    """One holds cash, four bet on a density of the losses in their law; a 500th of all is divided anew each time."""

    limit: float
    number: int = 0
    name: str = "pit_drift"
    ends_the_run: bool = True
    held: list[float] = field(default_factory=lambda: [0.2] * 5)

    def update(self, seen: Observation) -> float:
        """Return what they hold together."""
        edges = seen.predicted[self.number]
        if seen.loss is not None and edges is not None:
            low = sum(seen.loss > edge for edge in edges) / 20
            high = low + 1 / 20
            line = 20 * ((high**2 - high) - (low**2 - low))
            curve = 20 * ((2 * high**3 - 3 * high**2 + high) - (2 * low**3 - 3 * low**2 + low))
            together = sum(self.held)
            self.held = [
                (money * 499 / 500 + together / 2500) * density
                for money, density in zip(
                    self.held,
                    (1.0, 1 + line / 2, 1 - line / 2, 1 + curve / 2, 1 - curve / 2),
                    strict=True,
                )
            ]
        return sum(self.held)


@dataclass(eq=False)
class StressMonitor(Figure):
    """One in a stressed market, else zero."""

    limit: float
    name: str = "stressed_market"
    ends_the_run: bool = True

    def update(self, seen: Observation) -> float:
        """Return whether it is stressed, as a number."""
        return float(seen.stressed)


@dataclass(eq=False)
class StreakMonitor:
    """Bars with a trade in a row on which all, or any, of the parts were at their limits."""

    limit: float
    every: bool
    parts: dict[int, float]
    name: str = ""
    ends_the_run: bool = True
    streak: float = 0.0

    def update(self, seen: Observation) -> float:
        """Return the bars."""
        reached = [seen.parts[place] >= limit for place, limit in self.parts.items()]
        if seen.trades:
            self.streak = self.streak + 1.0 if (all if self.every else any)(reached) else 0.0
        return self.streak

    def says(self, value: float) -> str:
        """Return the reason of a halt in words."""
        return f"{self.name} has held on {value:g} bars in a row, limit {self.limit:g}"
