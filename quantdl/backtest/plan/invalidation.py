"""Invalidation: the conditions that end a strategy for good, each of them testable at every close."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from quantdl.backtest.book.conditions import ExceptionProcess
from quantdl.backtest.plan.context import FinishedRun
from quantdl.backtest.plan.evidence import ROUNDING, ItemVerdict, ReportRow
from quantdl.backtest.plan.friction import Friction, known_liquidity
from quantdl.backtest.plan.refusals import PlanFault, at_least, at_most, within

if TYPE_CHECKING:
    from quantdl.market.panel import Panel

ROW = ReportRow("Invalidation", "invalidation", "Invalidation")

# S&P 500 closes fell by 56.8 % from 2007-10-09 to 2009-03-09, the deepest fall since 1945. A drawdown limit beyond that
# would not have stopped a fully invested book even then.
DEEPEST_MARKET_FALL = 0.57

# The 20-session volatility of the S&P 500 peaked at 86 % a year in 2008, that of twenty large US stocks in equal parts
# at 100 % in March 2020 (the bundled data). A higher limit has never been reached.
HIGHEST_MARKET_VOLATILITY = 1.0

# By Ville's inequality an e-process that halts at 1 / p halts a right model with probability p at most, in a run of any
# length. Below one in ten thousand a wrong model is hardly ever found either.
FALSE_HALT_RANGE = (1e-4, 0.05)


@dataclass(frozen=True)
class DrawdownLimit:
    """Fires when equity has fallen from its peak by ``limit`` or more."""

    kind: Literal["drawdown"]
    limit: float

    @property
    def fires_at(self) -> float:
        """Value at which it fires: ``limit``."""
        return self.limit


@dataclass(frozen=True)
class VolatilityLimit:
    """Fires when the book's own volatility over ``window_bars``, annualised, reaches ``annualised``."""

    kind: Literal["volatility"]
    annualised: float
    window_bars: int

    @property
    def fires_at(self) -> float:
        """Value at which it fires: ``annualised``."""
        return self.annualised


@dataclass(frozen=True)
class StaleDataLimit:
    """Fires when a held asset has made no price for more than ``bars`` bars."""

    kind: Literal["stale_data"]
    bars: int

    @property
    def fires_at(self) -> float:
        """Value at which it fires: one bar more than allowed."""
        return self.bars + 1


@dataclass(frozen=True)
class CalibrationLimit:
    """Fires when losses beyond the predicted value at risk come too often, by a test that may be read every day.

    Attributes:
        kind: Name of the variant.
        level: Confidence of the value at risk, for instance 0.99.
        false_halt_probability: Largest probability, over a run of any length, that a right model is halted. The
            e-process fires at its reciprocal (Ville's inequality); at most 0.05.
    """

    kind: Literal["calibration"]
    level: float
    false_halt_probability: float

    @property
    def fires_at(self) -> float:
        """Value at which the e-process fires."""
        return 1 / self.false_halt_probability


Condition = DrawdownLimit | VolatilityLimit | StaleDataLimit | CalibrationLimit


def faults(conditions: tuple[Condition, ...], max_gross: float, *, forecasts_risk: bool) -> Iterator[PlanFault]:
    """Yield a fault where nothing can be tested, and for each condition that can never fire.

    Args:
        conditions: The plan's conditions.
        max_gross: Largest gross weight of the book.
        forecasts_risk: Whether a value at risk is predicted for each session.
    """
    if not conditions:
        fix = "state at least one: drawdown, volatility, stale_data or calibration"
        yield PlanFault("invalidation", "no condition", "at least one testable condition", fix)
    kinds = Counter(condition.kind for condition in conditions)
    for kind in (kind for kind, count in kinds.items() if count > 1):
        yield PlanFault("invalidation", f"'{kind}' {kinds[kind]} times", "each kind once", "keep the stricter one")
    for index, condition in enumerate(conditions):
        item = f"invalidation.{index}"
        match condition:
            case DrawdownLimit(limit=limit):
                deepest = DEEPEST_MARKET_FALL * max_gross
                meaning = "a fall that a bear market can cause, or it can never bind; that is"
                yield from within(f"{item}.limit", limit, 0.0, deepest, meaning)
            case VolatilityLimit(annualised=annualised, window_bars=window):
                highest = HIGHEST_MARKET_VOLATILITY * max_gross
                meaning = "a volatility that markets have reached, or it can never bind; that is"
                yield from within(f"{item}.annualised", annualised, 0.0, highest, meaning)
                yield from at_least(f"{item}.window_bars", window, 5, "enough bars for a volatility")
            case StaleDataLimit(bars=bars):
                yield from at_least(f"{item}.bars", bars, 1, "a number of bars")
            case CalibrationLimit():
                yield from _calibration(item, condition, forecasts_risk)


def _calibration(item: str, condition: CalibrationLimit, forecasts_risk: bool) -> Iterator[PlanFault]:
    if not 0.5 < condition.level < 1:
        expected = "a confidence strictly between 0.5 and 1"
        yield PlanFault(f"{item}.level", f"{condition.level:g}", expected, "for instance 0.99")
    low, high = FALSE_HALT_RANGE
    meaning = "the probability of halting a right model,"
    yield from within(f"{item}.false_halt_probability", condition.false_halt_probability, low, high, meaning)
    if not forecasts_risk:
        fix = "add a model or choose another condition"
        yield PlanFault(item, "'calibration'", "a run that predicts value at risk, or it can never bind", fix)


def data_faults(
    conditions: tuple[Condition, ...], friction: Friction, panel: "Panel", n_sessions: int
) -> Iterator[PlanFault]:
    """Yield a fault for a condition that cannot fire in so short a run, or before a holding is paid out as delisted."""
    from quantdl.market.status import CellStatus  # loads pandas, which reading a config must not

    delisted_after = friction.delisted_after_sessions
    halts = bool((panel.status == CellStatus.HALTED).any())
    for index, condition in enumerate(conditions):
        if isinstance(condition, VolatilityLimit):
            meaning = "fewer bars than the run has, or it can never bind"
            yield from at_most(f"invalidation.{index}.window_bars", condition.window_bars, n_sessions - 1, meaning)
        if not isinstance(condition, StaleDataLimit):
            continue
        paid_out_first = delisted_after is not None and delisted_after < n_sessions and not halts
        most = delisted_after if paid_out_first and delisted_after is not None else n_sessions
        if condition.bars >= most:
            reason = f"the run has {n_sessions} sessions, so it can never bind"
            if paid_out_first:
                reason = (
                    f"the plan pays an asset out after {delisted_after} silent sessions "
                    "(friction.delisted_after_sessions), so it can never bind"
                )
            fix = f"set it below {most}"
            yield PlanFault(f"invalidation.{index}.bars", str(condition.bars), f"fewer than {most} bars; {reason}", fix)


def judge(conditions: tuple[Condition, ...], friction: Friction, run: FinishedRun) -> ItemVerdict:
    """Compute every condition again: one that fired must have ended the run, and nothing else may have.

    Drawdown and volatility come from the equity that the fills leave, stale data from the panel and the shares held,
    calibration from the value at risk predicted at its level. Where none was predicted, the item is undecided.
    """
    watched = run.book.equity_before if run.book.same_bar else run.book.equity
    values: dict[str, np.ndarray] = {item.kind: _values(item, watched, friction, run) for item in conditions}
    limits: dict[str, float] = {item.kind: item.fires_at for item in conditions}
    statement = "traded until one of these fires: " + ", ".join(limits)
    peaks = [f"{name} at most {np.nanmax(known):.4g}" for name, known in values.items() if np.isfinite(known).any()]
    failures = [*_halt(values, limits, watched, friction, run), *_after_the_halt(friction, run)]
    doubts = [_doubt(item) for item in conditions if not np.isfinite(values[item.kind]).any()]
    return ItemVerdict(statement, ", ".join(peaks) or "no condition could be measured", tuple(failures), tuple(doubts))


def _doubt(condition: Condition) -> str:
    """Say why a condition has no value at any close."""
    if isinstance(condition, CalibrationLimit):
        return f"calibration is not decided: no value at risk was predicted at {condition.level:g}"
    return f"{condition.kind} was never defined"


def _values(condition: Condition, watched: np.ndarray, friction: Friction, run: FinishedRun) -> np.ndarray:
    """Return (T,) a condition's value at each close, NaN where it is undefined."""
    start = run.result.initial_equity
    match condition:
        case DrawdownLimit():
            return np.asarray(1.0 - watched / np.maximum.accumulate(np.maximum(watched, start)))
        case VolatilityLimit(window_bars=window):
            return _volatility(watched, start, window, run)
        case StaleDataLimit():
            return _silence(friction, run)
        case CalibrationLimit(level=level):
            return _calibration_process(level, run)


def _volatility(watched: np.ndarray, start: float, window: int, run: FinishedRun) -> np.ndarray:
    """Return (T,) annualised volatility of the last ``window`` bars on which anything traded, NaN before so many."""
    trades = np.asarray(run.panel.traded[run.book.rows].any(axis=1))
    equity, so_far = watched[trades], np.cumsum(trades)
    before = np.concatenate([[start], equity[:-1]])[: len(equity)]
    returns = np.where(before > 0, equity / np.where(before > 0, before, 1.0) - 1.0, 0.0)
    known = np.full(len(returns) + 1, np.nan)
    if len(returns) >= window:
        known[window:] = np.lib.stride_tricks.sliding_window_view(returns, window).std(axis=1, ddof=1)
    share = so_far / np.arange(1, len(so_far) + 1)
    return np.asarray(known[so_far] * np.sqrt(run.bars_per_year * share))


def _silence(friction: Friction, run: FinishedRun) -> np.ndarray:
    """Return (T,) bars since the last price of the held asset that has been silent longest; 0 where none is held."""
    from quantdl.market.listing import silent_bars  # loads pandas

    book = run.book
    silent = silent_bars(run.panel)[book.rows]
    held = book.opening if run.book.same_bar else book.shares
    return np.asarray(np.where(held != 0, silent, 0).max(axis=1), dtype=np.float64)


def _calibration_process(level: float, run: FinishedRun) -> np.ndarray:
    r"""Return (T,) the e-process of exceptions, from how many there were by then; NaN without predictions.

    With :math:`k` exceptions in :math:`n` predicted sessions, :math:`p = 1 - \mathrm{level}` and bets :math:`q_j > p`,

    .. math:: E = \frac{1}{J} \sum_j \Big(\frac{q_j}{p}\Big)^k \Big(\frac{1 - q_j}{1 - p}\Big)^{n - k}
    """
    found = next((item for item in run.evidence.exceptions if item.level == level), None)
    if found is None:
        return np.full(run.book.n_sessions, np.nan)
    sessions, halted_on = run.result.equity.index, run.result.halted_on
    live = np.ones(len(sessions), dtype=bool) if halted_on is None else np.asarray(sessions <= halted_on)
    from quantdl.calendars.labels import bar_date  # loads pandas, which reading a config must not

    days = [bar_date(day) for day in sessions]
    predicted, exceeded = frozenset(found.predicted), frozenset(found.exceeded)
    n = np.cumsum(np.array([day in predicted for day in days]) & live)
    k = np.cumsum(np.array([day in exceeded for day in days]) & live)
    p = 1.0 - level
    bets = np.minimum(np.array(ExceptionProcess.RATIOS) * p, (1.0 + p) / 2.0)
    logs = k[:, None] * np.log(bets / p) + (n - k)[:, None] * np.log((1 - bets) / (1 - p))
    return np.asarray(np.exp(np.minimum(logs, 690.0)).mean(axis=1))


def _halt(
    values: dict[str, np.ndarray],
    limits: dict[str, float],
    watched: np.ndarray,
    friction: Friction,
    run: FinishedRun,
) -> list[str]:
    """Return which condition ended the run, or should have, or that none did."""
    halted_on = run.result.halted_on
    end = run.book.n_sessions if halted_on is None else int(run.result.equity.index.searchsorted(halted_on))
    for name, limit in limits.items():
        reached = np.flatnonzero((values[name] == limit) | (values[name] > limit * (1 + ROUNDING)))
        if len(reached) and reached[0] < end:
            late = f"went on for {end - int(reached[0])} sessions"
            return [f"{name} reached its limit of {limit:g} on {run.day(int(reached[0]))}, and the run {late}"]
    if halted_on is None:
        broke = np.flatnonzero(_unsupported(watched, friction, run))[:1].tolist()
        return [f"equity did not carry the book on {run.day(row)}, and nothing ended the run" for row in broke]
    fired = [name for name, limit in limits.items() if values[name][end] >= limit * (1 - ROUNDING)]
    if fired:
        return [f"halted on {run.day(end)}: {fired[0]} reached its limit of {limits[fired[0]]:g}"]
    if _unsupported(watched, friction, run)[end]:
        return [f"halted on {run.day(end)}: {run.result.halt_reason}"]
    unknown = [name for name, known in values.items() if not np.isfinite(known).any()]
    besides = f" besides {', '.join(unknown)}, which cannot be computed," if unknown else ""
    return [f"halted on {run.day(end)}, but no condition{besides} had fired"]


def _unsupported(watched: np.ndarray, friction: Friction, run: FinishedRun) -> np.ndarray:
    """Return (T,) whether equity was gone, or below the maintenance margin of the gross exposure."""
    book = run.book
    held = book.opening if run.book.same_bar else book.shares
    gross = np.abs(np.where(held != 0, held * book.marks, 0.0)).sum(axis=1)
    margin = 0.0 if friction.borrow is None else friction.borrow.maintenance_margin
    return np.asarray((watched <= 0) | (watched < margin * gross * (1 - ROUNDING)))


def _after_the_halt(friction: Friction, run: FinishedRun) -> list[str]:
    """Return what was enlarged after the halt, and what was kept although it could have been sold."""
    halted_on, book = run.result.halted_on, run.book
    if halted_on is None:
        return []
    after = np.asarray(run.result.equity.index > halted_on)
    enlarged = after[:, None] & (np.abs(book.shares) > np.abs(book.opening)) & (book.shares != book.opening)
    tradable = known_liquidity(friction, run.panel).most_dollars[book.known_rows] > 0
    kept = book.unsold(after, tradable)
    failures = [f"{int(enlarged.sum())} positions were enlarged after the halt"] if enlarged.any() else []
    failures += [f"{int(kept.any(axis=0).sum())} positions were kept after the halt"] if kept.any() else []
    return failures
