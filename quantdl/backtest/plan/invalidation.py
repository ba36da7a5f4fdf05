"""Invalidation: the conditions that end a strategy for good, each of them testable at every close."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from quantdl.backtest.plan.refusals import PlanFault, at_least, within

if TYPE_CHECKING:
    from quantdl.market.panel import Panel

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


@dataclass(frozen=True)
class VolatilityLimit:
    """Fires when the book's own volatility over ``window_bars``, annualised, reaches ``annualised``."""

    kind: Literal["volatility"]
    annualised: float
    window_bars: int


@dataclass(frozen=True)
class StaleDataLimit:
    """Fires when a held asset has made no price for more than ``bars`` bars."""

    kind: Literal["stale_data"]
    bars: int


@dataclass(frozen=True)
class CalibrationLimit:
    """Fires when losses beyond the predicted value at risk come too often, by a test that may be read every day.

    Attributes:
        kind: Tells the alternatives apart.
        level: Confidence of the value at risk, for instance 0.99.
        false_halt_probability: Largest probability, over a run of any length, that a right model is halted. The
            e-process fires at its reciprocal (Ville's inequality); at most 0.05.
    """

    kind: Literal["calibration"]
    level: float
    false_halt_probability: float


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


def data_faults(conditions: tuple[Condition, ...], panel: "Panel", n_sessions: int) -> Iterator[PlanFault]:
    """Yield a fault for a limit on stale data that an asset cannot reach before it counts as delisted."""
    from quantdl.market.status import CellStatus  # loads pandas, which reading a config must not

    delisted_after = panel.silence.delisted_after_sessions
    halts = bool((panel.status == CellStatus.HALTED).any())
    for index, condition in enumerate(conditions):
        if not isinstance(condition, StaleDataLimit):
            continue
        most = n_sessions if halts else min(n_sessions, delisted_after)
        if condition.bars >= most:
            reason = f"an asset counts as delisted after {delisted_after} silent sessions, so it can never bind"
            fix = f"set it below {most}"
            yield PlanFault(f"invalidation.{index}.bars", str(condition.bars), f"fewer than {most} bars; {reason}", fix)
