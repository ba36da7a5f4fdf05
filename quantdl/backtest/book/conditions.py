"""The conditions that end a run, watched at every close, and a test of value at risk that may be read every day."""

from collections import deque
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from quantdl.backtest.book.terms import HaltCondition


@dataclass(frozen=True)
class Observation:
    """What the monitors see at a close.

    Attributes:
        equity: Money, before the decisions of this close.
        stale_bars: Most bars since the last price among held assets; 0 when nothing is held.
        exception: Whether the book lost more than its predicted value at risk since the last session in which anything
            traded; None where nothing was predicted, and in a session in which nothing trades.
        trades: Whether any asset of the data traded.
    """

    equity: float
    stale_bars: int
    exception: bool | None
    trades: bool = True


class Monitor(Protocol):
    """Follows one condition."""

    name: str
    limit: float

    def update(self, seen: Observation) -> float:
        """Return the condition's value after this close, NaN while it is undefined; it fires at ``limit``."""
        ...


def monitor(condition: HaltCondition, initial_equity: float, bars_per_year: float) -> Monitor:
    """Return the monitor of a condition."""
    match condition.kind:
        case "drawdown":
            return DrawdownMonitor(condition.limit, initial_equity)
        case "volatility":
            return VolatilityMonitor(condition.limit, condition.window_bars, initial_equity, bars_per_year)
        case "stale_data":
            return StaleDataMonitor(condition.limit)
        case "calibration":
            return CalibrationMonitor(condition.limit, ExceptionProcess(1 - condition.level))


@dataclass(eq=False)
class DrawdownMonitor:
    """Fall of equity from its peak, the start included, as a fraction."""

    limit: float
    peak: float
    name: str = "drawdown"

    def update(self, seen: Observation) -> float:
        """Return the fall."""
        self.peak = max(self.peak, seen.equity)
        return 1.0 - seen.equity / self.peak


@dataclass(eq=False)
class VolatilityMonitor:
    """Annualised volatility of the book over a full window of bars on which anything traded.

    What a bar without a trade brings (a fee) counts with the next one. A year holds the share of its bars on which
    something has traded so far.
    """

    limit: float
    window: int
    last_equity: float
    bars_per_year: float
    name: str = "volatility"
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
class StaleDataMonitor:
    """Bars since the last price of the held asset that has been silent longest."""

    limit: float
    name: str = "stale_data"

    def update(self, seen: Observation) -> float:
        """Return the bars."""
        return float(seen.stale_bars)


@dataclass(eq=False)
class ExceptionProcess:
    r"""An e-process against "losses beyond value at risk have probability p at most".

    It bets, at every session, that exceptions are more frequent, and averages several such bets:

    .. math:: E_t = \frac{1}{K} \sum_k \prod_{s \le t}
              \Big(\frac{q_k}{p}\Big)^{I_s} \Big(\frac{1 - q_k}{1 - p}\Big)^{1 - I_s}, \quad q_k > p

    If the claim holds, each factor has conditional mean one at most, so E is a nonnegative supermartingale from one and
    reaches 1/a with probability a at most in a run of any length (Ville's inequality). It may be read every day.

    Attributes:
        probability: p, one minus the level of the value at risk.

    References:
        | Testing, betting and martingales: Game-theoretic statistics and safe anytime-valid inference
          (Ramdas, Gruenwald, Vovk and Shafer, 2023)
        | https://arxiv.org/abs/2210.01948

    Example:
        >>> process = ExceptionProcess(0.01)
        >>> round(process.update(exception=True), 2)
        4.3
    """

    probability: float
    log_bets: np.ndarray = field(init=False)
    log_exception: np.ndarray = field(init=False)
    log_no_exception: np.ndarray = field(init=False)

    # How many times as many exceptions each bet expects; their average is never below a fifth of the best one.
    RATIOS = (1.5, 2.0, 3.0, 5.0, 10.0)

    def __post_init__(self) -> None:
        """Compute what an exception, and a session without one, multiplies each bet by."""
        p = self.probability
        q = np.minimum(np.array(self.RATIOS) * p, (1.0 + p) / 2.0)  # a probability, whatever the level
        self.log_exception, self.log_no_exception = np.log(q / p), np.log((1 - q) / (1 - p))
        self.log_bets = np.zeros(len(q))

    def update(self, exception: bool) -> float:
        """Take in one session and return the process."""
        self.log_bets += self.log_exception if exception else self.log_no_exception
        return self.value()

    def value(self) -> float:
        """Return the process as of now, at most 1e300 so that it stays a number."""
        highest = float(self.log_bets.max())
        return float(np.exp(min(highest, 690.0)) * np.exp(self.log_bets - highest).mean())


@dataclass(eq=False)
class CalibrationMonitor:
    """The e-process of the book's exceptions; sessions without a prediction leave it as it is."""

    limit: float
    process: ExceptionProcess
    name: str = "calibration"

    def update(self, seen: Observation) -> float:
        """Return the process."""
        return self.process.value() if seen.exception is None else self.process.update(seen.exception)
