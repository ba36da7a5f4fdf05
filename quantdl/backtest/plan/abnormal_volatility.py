"""Abnormal volatility: when the market counts as calm or stressed, and what is done under stress."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Literal

import numpy as np

from quantdl.backtest.plan.context import FinishedRun
from quantdl.backtest.plan.evidence import ItemVerdict, ReportRow
from quantdl.backtest.plan.friction import Friction, known_liquidity
from quantdl.backtest.plan.invalidation import HIGHEST_MARKET_VOLATILITY
from quantdl.backtest.plan.refusals import LONGEST_WINDOW_BARS, PlanFault, at_least, at_most, within
from quantdl.backtest.plan.sample import Sample
from quantdl.backtest.plan.stated import Stated
from quantdl.backtest.plan.texts import Label
from quantdl.percents import stated

ROW = ReportRow("Abnormal volatility", "regimes", "Regimes")


@dataclass(frozen=True)
class StressWindow(metaclass=Stated):
    """A span whose result is reported on its own, for instance the crash of 2020.

    Attributes:
        name: What the report calls it.
        first: First session.
        last: Last session.
    """

    name: Label
    first: date
    last: date


@dataclass(frozen=True)
class AbnormalVolatility(metaclass=Stated):
    """What counts as abnormal, and what is done then.

    The regime of a session is read from the volatility of the equal-weighted market up to the close before it.

    Attributes:
        window_bars: Trailing bars of that volatility.
        calm_below: Annualised volatility below which the market is calm.
        stressed_above: Annualised volatility above which it is stressed.
        in_stress: Trade on, only reduce positions, or go flat until the stress ends. Where positions are only reduced,
            parts of orders that were decided before and would add to one wait until the stress ends.
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
    yield from at_most("abnormal_volatility.window_bars", abnormal.window_bars, LONGEST_WINDOW_BARS, "a number of bars")
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
    for index, window in enumerate(abnormal.stress_windows):
        if window.last < sample.first or window.first > sample.last:
            expected = f"a span that touches the sample, {sample.first} to {sample.last}"
            item, given = f"abnormal_volatility.stress_windows.{index}", f"{window.first} to {window.last}"
            yield PlanFault(item, given, expected, "remove the window or widen the sample")


def judge(abnormal: AbnormalVolatility, friction: Friction, rules: frozenset[str], run: FinishedRun) -> ItemVerdict:
    """Give the results by regime, and look whether the book stood aside under stress where the plan says so.

    Args:
        abnormal: What counts as stress, and what is done then.
        friction: Terms of liquidity: a position that cannot be sold is not kept on purpose.
        rules: Names of the plan's rules.
        run: The run.
    """
    from quantdl.backtest.running.session_results import (  # loads pandas
        results_by_regime,
        results_by_stress_window,
    )

    by_regime = results_by_regime(run.result)
    by_window = results_by_stress_window(run.result, abnormal.stress_windows)
    parts = [f"{name} {row['return']:+.2%} in {row['sessions']:.0f} sessions" for name, row in by_regime.iterrows()]
    parts += [f"{name} {row['return']:+.2%}" for name, row in by_window.iterrows()]
    statement = f"stressed above {stated(abnormal.stressed_above)} volatility a year: {abnormal.in_stress}"
    under_stress = stressed(abnormal, run)
    before = np.concatenate([[False], under_stress])[run.book.first : run.book.first + run.book.n_sessions]
    failures: list[str] = []
    if abnormal.in_stress != "trade":
        failures += _traded_under_stress(abnormal, under_stress, rules, run)
    if abnormal.in_stress == "flat":
        failures += _kept_under_stress(under_stress, friction, run)
    invested = (run.book.shares != 0).any(axis=1) & before
    doubts = () if invested.any() else ("no position was held in a stressed session",)
    return ItemVerdict(statement, ", ".join(parts), tuple(failures), doubts)


def stressed(abnormal: AbnormalVolatility, run: FinishedRun) -> np.ndarray:
    """Return whether the market was stressed as of each close of the data."""
    from quantdl.backtest.book.trailing import market_volatility  # these load pandas and scipy
    from quantdl.market.corporate.adjustment import continuous_closes

    volatility = market_volatility(continuous_closes(run.panel), abnormal.window_bars, run.bars_per_year)
    return np.asarray(volatility > abnormal.stressed_above)


def _traded_under_stress(
    abnormal: AbnormalVolatility, stressed: np.ndarray, rules: frozenset[str], run: FinishedRun
) -> list[str]:
    """Return the positions that a decision under stress made larger, or traded at all where the book is to be flat.

    What was decided before the stress and filled in it counts, too. Where orders fill at the close of their decision,
    that close may be the first that is not stressed, and then they are free to.
    """
    decided, filled, first = [], [], run.book.first
    for book in run.book.decided_books(rules):
        known = stressed[run.book.known_rows[book.filled]] and stressed[max(first + book.filled - 1, 0)]
        if stressed[first + book.decided] and (abnormal.in_stress == "flat" or book.grown.any()):
            decided.append(book.decided)
        elif known and book.grown.any():
            filled.append(book.filled)
    found = []
    if decided:
        found.append(f"{len(set(decided))} decisions under stress, the first on {run.day(min(decided))}")
    if filled:
        found.append(f"positions grew in {len(set(filled))} stressed sessions, the first on {run.day(min(filled))}")
    return found


def _kept_under_stress(stressed: np.ndarray, friction: Friction, run: FinishedRun) -> list[str]:
    """Return the positions that were kept in a session after one that called for leaving them."""
    book = run.book
    known = book.known_rows
    tradable = known_liquidity(friction, run.panel).most_dollars[known] > 0
    kept = book.unsold(stressed[known], tradable)
    kept[0] = False  # nothing was decided in the run before its first session
    rows, _ = np.nonzero(kept)
    return [f"positions were kept in {len(set(rows))} stressed sessions, from {run.day(rows[0])}"] if len(rows) else []
