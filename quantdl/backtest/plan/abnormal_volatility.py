"""Abnormal volatility: when the market counts as calm or stressed, and what is done under stress."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Literal

from quantdl.backtest.plan.invalidation import HIGHEST_MARKET_VOLATILITY
from quantdl.backtest.plan.refusals import PlanFault, at_least, within
from quantdl.backtest.plan.sample import Sample
from quantdl.backtest.plan.texts import Label


@dataclass(frozen=True)
class StressWindow:
    """A span whose result is reported on its own, for instance the crash of 2020."""

    name: Label
    first: date
    last: date


@dataclass(frozen=True)
class AbnormalVolatility:
    """What counts as abnormal, and what is done then.

    The regime of a session is read from the volatility of the equal-weighted market up to the close before it.

    Attributes:
        window_bars: Trailing bars of that volatility.
        calm_below: Annualised volatility below which the market is calm.
        stressed_above: Annualised volatility above which it is stressed.
        in_stress: Trade on, only reduce positions, or go flat until the stress ends.
        stress_windows: Further spans to report; may be empty.
    """

    window_bars: int
    calm_below: float
    stressed_above: float
    in_stress: Literal["trade", "reduce_only", "flat"]
    stress_windows: tuple[StressWindow, ...]


def faults(abnormal: AbnormalVolatility, sample: Sample) -> Iterator[PlanFault]:
    """Yield a fault for limits that cannot be reached or contradict each other, and for windows outside the sample."""
    yield from at_least("abnormal_volatility.window_bars", abnormal.window_bars, 5, "enough bars for a volatility")
    meaning = "a volatility that markets have reached, or it can never bind; that is"
    highest = HIGHEST_MARKET_VOLATILITY
    yield from within("abnormal_volatility.stressed_above", abnormal.stressed_above, 0.0, highest, meaning)
    if not 0 < abnormal.calm_below < abnormal.stressed_above:
        expected = f"above 0 and below stressed_above ({abnormal.stressed_above:g})"
        yield PlanFault("abnormal_volatility.calm_below", f"{abnormal.calm_below:g}", expected, "lower it")
    names = Counter(window.name for window in abnormal.stress_windows)
    for index, window in enumerate(abnormal.stress_windows):
        item = f"abnormal_volatility.stress_windows.{index}"
        if names[window.name] > 1:
            yield PlanFault(f"{item}.name", repr(window.name), "each name once", "rename it")
        if window.first > window.last:
            yield PlanFault(f"{item}.last", str(window.last), f"a day from {window.first} on", "swap the two")
        if window.last < sample.first or window.first > sample.last:
            expected = f"a span that touches the sample, {sample.first} to {sample.last}"
            given = f"{window.first} to {window.last}"
            yield PlanFault(item, given, expected, "remove the window or widen the sample")
