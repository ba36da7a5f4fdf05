"""Invalidation: the conditions that end a strategy for good, each of them testable at every close.

The first of the plan's conditions that fires ends the run. Several may be made into one: ``all`` or ``any`` of them, on
a number of bars in a row. The value of a condition at each close is a function of arrays, `values_of`.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import date
from typing import TYPE_CHECKING, Literal

import numpy as np

from quantdl.backtest.book.conditions import (
    Observed,
    drawdowns,
    exception_values,
    shortfall_values,
    streaks,
    transform_values,
    volatilities,
)
from quantdl.backtest.plan.context import FinishedRun
from quantdl.backtest.plan.evidence import ROUNDING, Exceptions, ItemVerdict, PredictedLosses, ReportRow
from quantdl.backtest.plan.friction import Friction, known_liquidity
from quantdl.backtest.plan.refusals import PlanFault, at_least, at_most, within
from quantdl.backtest.plan.texts import Label
from quantdl.calendars.bars import bar_unit
from quantdl.percents import measured

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
    """Fires when equity has fallen from its peak by ``limit`` or more.

    Attributes:
        kind: Tells the conditions apart.
        limit: Fall from the highest equity so far, as a fraction of it: 0.35 for 35 %.
    """

    kind: Literal["drawdown"]
    limit: float

    @property
    def fires_at(self) -> float:
        """Value at which it fires: ``limit``."""
        return self.limit


@dataclass(frozen=True)
class VolatilityLimit:
    """Fires when the book's own volatility over ``window_bars``, annualised, reaches ``annualised``.

    Attributes:
        kind: Tells the conditions apart.
        annualised: Standard deviation of the book's returns, as a fraction a year.
        window_bars: Trailing bars that it is taken of.
    """

    kind: Literal["volatility"]
    annualised: float
    window_bars: int

    @property
    def fires_at(self) -> float:
        """Value at which it fires: ``annualised``."""
        return self.annualised


@dataclass(frozen=True)
class StaleDataLimit:
    """Fires when a held asset has made no price for more than ``bars`` bars.

    Attributes:
        kind: Tells the conditions apart.
        bars: Most bars in a row without a price.
    """

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


@dataclass(frozen=True)
class ShortfallLimit:
    """Fires when losses beyond the predicted value at risk are too many or too large for the predicted shortfall.

    Attributes:
        kind: Name of the variant.
        level: Confidence of value at risk and expected shortfall, for instance 0.975.
        false_halt_probability: Largest probability, over a run of any length, that a right model is halted; see
            `CalibrationLimit`.
    """

    kind: Literal["risk_e_process"]
    level: float
    false_halt_probability: float

    @property
    def fires_at(self) -> float:
        """Value at which the e-process fires."""
        return 1 / self.false_halt_probability


@dataclass(frozen=True)
class TransformLimit:
    """Fires when losses no longer fall evenly into their predicted law: it has shifted, or its width is wrong.

    A predicted law that is right for years and then drifts is found, too; see `quantdl.risk.backtests.monitoring`.

    Attributes:
        kind: Name of the variant.
        false_halt_probability: Largest probability, over a run of any length, that a right model is halted; see
            `CalibrationLimit`.
    """

    kind: Literal["pit_drift"]
    false_halt_probability: float

    @property
    def fires_at(self) -> float:
        """Value at which the e-process fires."""
        return 1 / self.false_halt_probability


@dataclass(frozen=True)
class StressedMarket:
    """Holds while the market is stressed, as the item on abnormal volatility defines it. Meant as a part of others."""

    kind: Literal["stressed_market"]

    @property
    def fires_at(self) -> float:
        """1: stressed; else its value is 0."""
        return 1.0


SingleCondition = (
    DrawdownLimit
    | VolatilityLimit
    | StaleDataLimit
    | CalibrationLimit
    | ShortfallLimit
    | TransformLimit
    | StressedMarket
)
FollowsForecasts = CalibrationLimit | ShortfallLimit | TransformLimit


@dataclass(frozen=True)
class Combination:
    """Fires when all, or any, of its parts have been at their limits on ``for_bars`` bars in a row.

    Bars on which nothing trades are not counted and break no row. In a config::

        invalidation:
          - {kind: drawdown, limit: 0.35}
          - kind: all
            name: a fall in turmoil
            for_bars: 5
            of:
              - {kind: drawdown, limit: 0.2}
              - kind: any
                name: turmoil
                of: [{kind: stressed_market}, {kind: volatility, annualised: 0.4, window_bars: 21}]

    Attributes:
        kind: ``"all"`` or ``"any"``.
        name: What it stands for; halts, the record and the report use it.
        of: Its parts: conditions, or combinations of conditions.
        for_bars: Bars in a row.
    """

    kind: Literal["all", "any"]
    name: Label
    of: "tuple[Condition, ...]"
    for_bars: int = 1

    @property
    def fires_at(self) -> float:
        """Bars in a row at which it fires."""
        return float(self.for_bars)


Condition = SingleCondition | Combination


@dataclass(frozen=True)
class Part:
    """One condition in the order of the engine, in which the parts of another come before it.

    Attributes:
        condition: The condition.
        name: Its kind, or its own name; a part's begins with the name of the whole.
        whole: Place of what it is a part of; -1 where it ends the run itself.
        item: Where the plan states it, for instance ``"invalidation.0.of.1"``.
    """

    condition: Condition
    name: str
    whole: int
    item: str


def flattened(conditions: tuple[Condition, ...]) -> tuple[Part, ...]:
    """Return every condition and all parts, each with a name of its own.

    Example:
        >>> turmoil = Combination("all", "turmoil", (DrawdownLimit("drawdown", 0.1), StressedMarket("stressed_market")))
        >>> [(part.name, part.whole) for part in flattened((turmoil,))]
        [('turmoil: drawdown', 2), ('turmoil: stressed_market', 2), ('turmoil', -1)]
    """
    found: list[Part] = []
    for index, condition in enumerate(conditions):
        _flatten(condition, f"invalidation.{index}", "", found)
    return tuple(found)


def _flatten(condition: Condition, item: str, before: str, found: list[Part]) -> None:
    own = condition.name if isinstance(condition, Combination) else condition.kind
    name, first = f"{before}{own}", len(found)
    if isinstance(condition, Combination):
        for index, part in enumerate(condition.of):
            _flatten(part, f"{item}.of.{index}", f"{name}: ", found)
    whole = len(found)
    found[first:] = [replace(part, whole=whole) if part.whole < 0 else part for part in found[first:]]
    found.append(Part(condition, name, -1, item))


def faults(conditions: tuple[Condition, ...], *, forecasts_risk: bool) -> Iterator[PlanFault]:
    """Yield a fault where nothing can be tested, and for each condition that makes no sense by itself.

    Args:
        conditions: The plan's conditions.
        forecasts_risk: Whether a value at risk is predicted for each session.
    """
    if not conditions:
        kinds = "drawdown, volatility, stale_data, calibration, risk_e_process, pit_drift"
        fix = f"state at least one: {kinds}, or several under all or any"
        yield PlanFault("invalidation", "no condition", "at least one testable condition", fix)
    parts = flattened(conditions)
    names = Counter(part.name for part in parts)
    for name in (name for name, count in names.items() if count > 1):
        expected = "each kind once, and combinations under names of their own"
        yield PlanFault("invalidation", f"'{name}' {names[name]} times", expected, "keep the stricter one")
    for part in parts:
        yield from _faults_of(part.condition, part.item, forecasts_risk)


def reach_faults(conditions: tuple[Condition, ...], max_gross: float) -> Iterator[PlanFault]:
    """Yield a fault for each limit that no book of this gross weight, the plan's largest, can ever reach."""
    for part in flattened(conditions):
        match part.condition:
            case DrawdownLimit(limit=limit):
                deepest = DEEPEST_MARKET_FALL * max_gross
                meaning = "a fall that a bear market can cause, or it can never bind; that is"
                yield from within(f"{part.item}.limit", limit, 0.0, deepest, meaning)
            case VolatilityLimit(annualised=annualised):
                highest = HIGHEST_MARKET_VOLATILITY * max_gross
                meaning = "a volatility that markets have reached, or it can never bind; that is"
                yield from within(f"{part.item}.annualised", annualised, 0.0, highest, meaning)


def _faults_of(condition: Condition, item: str, forecasts_risk: bool) -> Iterator[PlanFault]:
    match condition:
        case VolatilityLimit(window_bars=window):
            yield from at_least(f"{item}.window_bars", window, 5, "enough bars for a volatility")
        case StaleDataLimit(bars=bars):
            yield from at_least(f"{item}.bars", bars, 1, "a number of bars")
        case CalibrationLimit() | ShortfallLimit() | TransformLimit():
            yield from _e_process(item, condition, forecasts_risk)
        case Combination(of=of, for_bars=bars):
            yield from at_least(f"{item}.for_bars", bars, 1, "a number of bars")
            if len(of) < 2 and (not of or bars < 2):
                expected = "at least two conditions, or one that must hold on several bars"
                yield PlanFault(f"{item}.of", f"{len(of)} conditions", expected, "add one, or state it by itself")


def _e_process(item: str, condition: FollowsForecasts, forecasts_risk: bool) -> Iterator[PlanFault]:
    if not isinstance(condition, TransformLimit) and not 0.5 < condition.level < 1:
        expected = "a confidence strictly between 0.5 and 1"
        yield PlanFault(f"{item}.level", f"{condition.level:g}", expected, "for instance 0.99")
    low, high = FALSE_HALT_RANGE
    meaning = "the probability of halting a right model,"
    yield from within(f"{item}.false_halt_probability", condition.false_halt_probability, low, high, meaning)
    if not forecasts_risk:
        fix = "add a model or choose another condition"
        yield PlanFault(item, f"'{condition.kind}'", "a run that predicts value at risk, or it can never bind", fix)


def data_faults(
    conditions: tuple[Condition, ...], friction: Friction, panel: "Panel", n_bars: int
) -> Iterator[PlanFault]:
    """Yield a fault for a condition that cannot fire in a run of so few bars, or before a holding is paid out."""
    from quantdl.market.status import CellStatus  # loads pandas, which reading a config must not

    delisted_after, unit = friction.delisted_after_sessions, bar_unit(panel.card.declaration.frequency)
    longest = None if delisted_after is None else _longest_silence(panel, delisted_after)
    halts = bool((panel.status == CellStatus.HALTED).any())
    for part in flattened(conditions):
        condition, item = part.condition, part.item
        meaning = "fewer bars than the run has, or it can never bind"
        if isinstance(condition, VolatilityLimit):
            yield from at_most(f"{item}.window_bars", condition.window_bars, n_bars - 1, meaning)
        if isinstance(condition, Combination):
            yield from at_most(f"{item}.for_bars", condition.for_bars, n_bars - 1, meaning)
        if not isinstance(condition, StaleDataLimit):
            continue
        paid_out_first = longest is not None and longest < n_bars and not halts
        most = longest if paid_out_first and longest is not None else n_bars
        if condition.bars >= most:
            reason = f"the run has {n_bars} {unit}s, so it can never bind"
            if paid_out_first:
                reason = (
                    f"the plan pays an asset out after {delisted_after} silent sessions "
                    "(friction.delisted_after_sessions), so it can never bind"
                )
            fix = f"set it below {most}"
            yield PlanFault(f"{item}.bars", str(condition.bars), f"fewer than {most} bars; {reason}", fix)


def _longest_silence(panel: "Panel", sessions: int) -> int:
    """Return the most bars that an asset may be silent for and not be gone after so many sessions of silence.

    After a trade in the first bar of a session come the other bars of that session, and then those of the sessions.
    """
    most = 1 if panel.sessions.is_unique else int(panel.sessions.value_counts().max())
    return (sessions + 1) * most - 1


def judge(
    conditions: tuple[Condition, ...], friction: Friction, stressed: Callable[[], np.ndarray], run: FinishedRun
) -> ItemVerdict:
    """Compute every condition again: one that fired must have ended the run, and nothing else may have.

    Drawdown and volatility come from the equity that the fills leave, stale data from the panel and the shares held,
    what follows the forecasts from what was predicted and lost. Where nothing was predicted, the item is undecided.

    Args:
        conditions: The plan's conditions.
        friction: Terms of liquidity and of borrowing.
        stressed: Returns (T,) whether the market was stressed as of each close of the run.
        run: The run.
    """
    watched = run.book.equity_before if run.book.same_bar else run.book.equity
    seen, parts = _observed(conditions, watched, friction, stressed, run), flattened(conditions)
    wholes = {part.name: part.condition for part in parts if part.whole < 0}
    values = {name: values_of(item, seen) for name, item in wholes.items()}
    limits = {name: item.fires_at for name, item in wholes.items()}
    statement = "traded until one of these fires: " + ", ".join(limits)
    peaks = [
        f"{name} at most {_peak(wholes[name], known)}" for name, known in values.items() if np.isfinite(known).any()
    ]
    failures = [*_halt(values, limits, watched, friction, run), *_after_the_halt(friction, run)]
    unknown = [part for part in parts if not np.isfinite(values_of(part.condition, seen)).any()]
    doubts = [_doubt(part) for part in unknown if not isinstance(part.condition, Combination)]
    return ItemVerdict(statement, ", ".join(peaks) or "no condition could be measured", tuple(failures), tuple(doubts))


def _peak(condition: Condition, known: np.ndarray) -> str:
    """Write the highest value of a condition, a share in percent."""
    most = float(np.nanmax(known))
    return measured(most) if isinstance(condition, DrawdownLimit | VolatilityLimit) else f"{most:.4g}"


def _doubt(part: Part) -> str:
    """Say why a condition has no value at any close."""
    if isinstance(part.condition, CalibrationLimit):
        return f"{part.name} is not decided: no value at risk was predicted at {part.condition.level:g}"
    if isinstance(part.condition, ShortfallLimit):
        return f"{part.name} is not decided: no expected shortfall was predicted at {part.condition.level:g}"
    if isinstance(part.condition, TransformLimit):
        return f"{part.name} is not decided: no law of the book was predicted"
    return f"{part.name} was never defined"


def values_of(condition: Condition, seen: Observed) -> np.ndarray:
    """Return (T,) a condition's value at each close, NaN where it is undefined: a function of arrays and nothing else.

    Args:
        condition: Any condition of a plan.
        seen: What it is held against.

    Example:
        >>> seen = Observed(equity=np.array([90.0, 95.0, 76.0]), start=100.0, bars_per_year=252.0)
        >>> values_of(DrawdownLimit("drawdown", 0.2), seen).round(2).tolist()
        [0.1, 0.05, 0.24]
    """
    match condition:
        case DrawdownLimit():
            return drawdowns(seen)
        case VolatilityLimit(window_bars=window):
            return volatilities(seen, window)
        case StaleDataLimit():
            return np.asarray(seen.silent_bars, dtype=np.float64)
        case CalibrationLimit(level=level):
            return exception_values(seen, level)
        case ShortfallLimit(level=level):
            return shortfall_values(seen, level)
        case TransformLimit():
            return transform_values(seen)
        case StressedMarket():
            return np.asarray(seen.stressed, dtype=np.float64)
        case Combination(kind=kind, of=of):
            values = [values_of(part, seen) for part in of]
            if any(not np.isfinite(known).any() for known in values):
                return np.full(len(seen.equity), np.nan)
            reached = np.array([known >= part.fires_at for known, part in zip(values, of, strict=True)])
            return streaks(np.asarray(reached.all(axis=0) if kind == "all" else reached.any(axis=0)), seen.trades)


def fires(condition: Condition, seen: Observed) -> np.ndarray:
    """Return (T,) whether a condition is at its limit at each close; a run ends at the first of them."""
    return np.asarray(values_of(condition, seen) >= condition.fires_at)


def _observed(
    conditions: tuple[Condition, ...],
    watched: np.ndarray,
    friction: Friction,
    stressed: Callable[[], np.ndarray],
    run: FinishedRun,
) -> Observed:
    """Return what the conditions are held against, from fills, prices and predictions."""
    kinds = {part.condition.kind for part in flattened(conditions)}
    nothing = np.zeros(len(watched))
    return Observed(
        equity=watched,
        start=run.result.initial_equity,
        bars_per_year=run.bars_per_year,
        trades=np.asarray(run.panel.traded[run.book.rows].any(axis=1)),
        silent_bars=_silence(friction, run) if "stale_data" in kinds else nothing,
        stressed=stressed() if "stressed_market" in kinds else nothing.astype(bool),
        exceptions={item.level: _judged_sessions(item, run) for item in run.evidence.exceptions},
        shortfalls={} if run.evidence.book is None else _shortfalls(run.evidence.book, run),
        cells=np.full(len(watched), -1) if run.evidence.book is None else _cells(run.evidence.book, run),
    )


def _silence(friction: Friction, run: FinishedRun) -> np.ndarray:
    """Return (T,) bars since the last price of the held asset that has been silent longest; 0 where none is held."""
    from quantdl.market.listing import silent_bars  # loads pandas

    book = run.book
    silent = silent_bars(run.panel)[book.rows]
    held = book.opening if run.book.same_bar else book.shares
    return np.asarray(np.where(held != 0, silent, 0).max(axis=1), dtype=np.float64)


def _judged_sessions(found: Exceptions, run: FinishedRun) -> tuple[np.ndarray, np.ndarray]:
    """Return (T,) for which sessions up to a halt a value at risk was predicted, and which of them lost more."""
    days, live = _days(run)
    predicted, exceeded = frozenset(found.predicted), frozenset(found.exceeded)
    return np.array([day in predicted for day in days]) & live, np.array([day in exceeded for day in days]) & live


def _shortfalls(book: PredictedLosses, run: FinishedRun) -> dict[float, np.ndarray]:
    """Return (T, 3) loss, value at risk and expected shortfall by level, NaN after a halt and where none was."""
    days, live = _days(run)
    found = {}
    for level, by_day in book.by_level.items():
        figures = [by_day.get(day, (np.nan,) * 3) for day in days]
        found[level] = np.where(live[:, None], np.array(figures, dtype=np.float64), np.nan)
    return found


def _cells(book: PredictedLosses, run: FinishedRun) -> np.ndarray:
    """Return (T,) in which part of its law each session's loss fell, -1 after a halt and where no law was predicted."""
    days, live = _days(run)
    return np.where(live, [book.cells.get(day, -1) for day in days], -1)


def _days(run: FinishedRun) -> tuple[list[date], np.ndarray]:
    """Return the sessions as dates, and (T,) which of them were not after a halt."""
    from quantdl.calendars.labels import bar_date  # loads pandas, which reading a config must not

    sessions, halted_on = run.result.equity.index, run.result.halted_on
    live = np.ones(len(sessions), dtype=bool) if halted_on is None else np.asarray(sessions <= halted_on)
    return [bar_date(day) for day in sessions], live


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
