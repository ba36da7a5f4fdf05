"""What conditions that end a run are held against, and their values at each close, as functions of arrays.

The engine follows the same figures bar by bar; these are for the evidence after a run, and for a look at a condition by
itself.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np


def e_process_bets(probability: float) -> tuple[np.ndarray, np.ndarray]:
    """Return what an exception, and a session without one, adds to the logarithm of each bet, both (K,).

    Args:
        probability: Of an exception in a session, if the value at risk is right.
    """
    q = np.minimum(
        np.array(ExceptionProcess.RATIOS) * probability, (1.0 + probability) / 2.0
    )  # a probability, whatever the level
    return np.log(q / probability), np.log((1 - q) / (1 - probability))


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
        self.log_exception, self.log_no_exception = e_process_bets(self.probability)
        self.log_bets = np.zeros(len(self.RATIOS))

    def update(self, exception: bool) -> float:
        """Take in one session and return the process."""
        self.log_bets += self.log_exception if exception else self.log_no_exception
        return self.value()

    def value(self) -> float:
        """Return the process as of now, at most 1e300 so that it stays a number."""
        highest = float(self.log_bets.max())
        return float(np.exp(min(highest, 690.0)) * np.exp(self.log_bets - highest).mean())


def _every_bar() -> np.ndarray:
    return np.ones(1, dtype=bool)


def _none() -> np.ndarray:
    return np.zeros(1)


def _nowhere() -> np.ndarray:
    return np.full(1, -1)


@dataclass(frozen=True, eq=False)
class Observed:
    """What conditions are held against, up to each close of a run.

    Attributes:
        equity: (T,) money.
        start: Money before the first session.
        bars_per_year: Bars of the calendar in a year.
        trades: (T,) whether anything traded; all bars where it is left out.
        silent_bars: (T,) bars since the last price of the held asset that has been silent longest; 0 where left out.
        stressed: (T,) whether the market is stressed; never where left out.
        exceptions: By the level of a value at risk, (T,) whether one was predicted for the session, and whether the
            book lost more.
        shortfalls: By the level of an expected shortfall, (T, 3) the loss of the session, its predicted value at risk
            and its predicted expected shortfall, NaN where none was predicted.
        cells: (T,) in which of 20 equally likely parts of its predicted law the loss of the session fell, from 0, the
            part of the smallest losses; -1 where no law was predicted.
    """

    equity: np.ndarray
    start: float
    bars_per_year: float
    trades: np.ndarray = field(default_factory=_every_bar)
    silent_bars: np.ndarray = field(default_factory=_none)
    stressed: np.ndarray = field(default_factory=_none)
    exceptions: Mapping[float, tuple[np.ndarray, np.ndarray]] = field(default_factory=dict)
    shortfalls: Mapping[float, np.ndarray] = field(default_factory=dict)
    cells: np.ndarray = field(default_factory=_nowhere)

    def __post_init__(self) -> None:
        """Give every array the length of equity."""
        for name in ("trades", "silent_bars", "stressed", "cells"):
            object.__setattr__(self, name, np.broadcast_to(getattr(self, name), self.equity.shape))


def drawdowns(seen: Observed) -> np.ndarray:
    """Return (T,) the fall of equity from its peak so far, the start included, as a fraction."""
    return np.asarray(1.0 - seen.equity / np.maximum.accumulate(np.maximum(seen.equity, seen.start)))


def volatilities(seen: Observed, window: int) -> np.ndarray:
    """Return (T,) annualised volatility of the last ``window`` bars on which anything traded, NaN before so many."""
    equity, so_far = seen.equity[seen.trades], np.cumsum(seen.trades)
    before = np.concatenate([[seen.start], equity[:-1]])[: len(equity)]
    returns = np.where(before > 0, equity / np.where(before > 0, before, 1.0) - 1.0, 0.0)
    known = np.full(len(returns) + 1, np.nan)
    if len(returns) >= window:
        known[window:] = np.lib.stride_tricks.sliding_window_view(returns, window).std(axis=1, ddof=1)
    share = so_far / np.arange(1, len(so_far) + 1)
    return np.asarray(known[so_far] * np.sqrt(seen.bars_per_year * share))


def exception_values(seen: Observed, level: float) -> np.ndarray:
    r"""Return (T,) the e-process of exceptions at a level, from how many there were by then; NaN without predictions.

    With :math:`k` exceptions in :math:`n` predicted sessions, :math:`p = 1 - \mathrm{level}` and bets :math:`q_j > p`,

    .. math:: E = \frac{1}{J} \sum_j \Big(\frac{q_j}{p}\Big)^k \Big(\frac{1 - q_j}{1 - p}\Big)^{n - k}
    """
    if level not in seen.exceptions:
        return np.full(len(seen.equity), np.nan)
    predicted, exceeded = seen.exceptions[level]
    n, k, p = np.cumsum(predicted), np.cumsum(exceeded), 1.0 - level
    bets = np.minimum(np.array(ExceptionProcess.RATIOS) * p, (1.0 + p) / 2.0)
    logs = k[:, None] * np.log(bets / p) + (n - k)[:, None] * np.log((1 - bets) / (1 - p))
    return np.asarray(np.exp(np.minimum(logs, 690.0)).mean(axis=1))


def shortfall_values(seen: Observed, level: float) -> np.ndarray:
    """Return (T,) the e-process of losses beyond a value at risk at a level; NaN where no shortfall was predicted.

    See `quantdl.risk.backtests.monitoring.shortfall_process`; a session without a prediction changes nothing.
    """
    from quantdl.risk.backtests.monitoring import shortfall_process  # loads torch, which reading a config must not

    if level not in seen.shortfalls:
        return np.full(len(seen.equity), np.nan)
    predicted = np.isfinite(seen.shortfalls[level]).all(axis=1)
    loss, value, shortfall = seen.shortfalls[level][predicted].T
    return _carried(shortfall_process(loss, value, shortfall, level) if predicted.any() else np.zeros(0), predicted)


def transform_values(seen: Observed) -> np.ndarray:
    """Return (T,) the e-process of where losses fell in their law; NaN throughout where no law was predicted.

    See `quantdl.risk.backtests.monitoring.transform_process`; a session without a prediction changes nothing.
    """
    from quantdl.risk.backtests.monitoring import RESTART, e_process, transform_densities

    predicted = seen.cells >= 0
    if not predicted.any():
        return np.full(len(seen.equity), np.nan)
    return _carried(e_process(transform_densities().T[seen.cells[predicted]], RESTART), predicted)


def _carried(path: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """Return (T,) the last value of a process so far, 1 before its first."""
    return np.asarray(np.concatenate([[1.0], path])[np.cumsum(predicted)])


def streaks(holds: np.ndarray, trades: np.ndarray) -> np.ndarray:
    """Return (T,) on how many bars with a trade in a row something has held; a bar without one changes nothing.

    Example:
        >>> streaks(np.array([True, True, False, True]), np.array([True, False, True, True])).tolist()
        [1.0, 1.0, 0.0, 1.0]
    """
    counts, so_far = np.zeros(len(holds)), 0.0
    for t, (held, traded) in enumerate(zip(holds.tolist(), trades.tolist(), strict=True)):
        if traded:
            so_far = so_far + 1.0 if held else 0.0
        counts[t] = so_far
    return counts
