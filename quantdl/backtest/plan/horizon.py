"""Horizon: how long a decision is meant to hold, in bars, and when new positions may be decided."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np

from quantdl.backtest.plan.context import FinishedRun, RunSpan
from quantdl.backtest.plan.evidence import ItemVerdict, ReportRow
from quantdl.backtest.plan.refusals import PlanFault, at_least
from quantdl.backtest.plan.stated import Stated
from quantdl.backtest.plan.texts import BarLength
from quantdl.backtest.plan.trusted_data import TrustedData
from quantdl.calendars.bars import CadencePeriod, bar_period, is_intraday

ROW = ReportRow("Horizon", "trades", "Trades")

# Fewest and most bars of a week and a month: exchanges that close at weekends, and those that never close.
_PERIOD_SESSIONS = {"day": (1, 1), "week": (4, 5), "month": (15, 23)}
_PERIOD_SESSIONS_24_7 = {"day": (1, 1), "week": (7, 7), "month": (28, 31)}
_PERIOD_WEEKS = {"week": (1, 1), "month": (4, 5)}
_PERIOD_MONTHS = {"week": (1, 1), "month": (1, 1)}


@dataclass(frozen=True)
class EveryBars:
    """Rebalance every ``bars`` bars, counted from the first session of the run.

    Attributes:
        kind: Tells the cadences apart.
        bars: From one rebalance to the next.
    """

    kind: Literal["every_bars"]
    bars: int


@dataclass(frozen=True)
class PeriodEnd:
    """Rebalance at the last session of every week or month of the exchange, and at the first session of the run.

    Of bars within a session it is the last bar of that session, as the calendar expects it; ``"day"`` is the last bar
    of every session.

    Attributes:
        kind: Tells the cadences apart.
        period: Whose last session it is: ``"week"``, ``"month"``, or ``"day"`` for bars within a session.
    """

    kind: Literal["period_end"]
    period: CadencePeriod


Cadence = EveryBars | PeriodEnd


@dataclass(frozen=True)
class Horizon(metaclass=Stated):
    """How long a decision is meant to hold.

    Attributes:
        bars: Bars from fill to exit; equals the model's horizon. A book older than this without a decision is closed.
        timeframe: Length of the bars as on the data card, ``"1D"`` or ``"60min"``.
        rebalance: When new positions may be decided. Between two such sessions positions may only be reduced.
    """

    bars: int
    timeframe: BarLength
    rebalance: Cadence


def faults(horizon: Horizon, data: TrustedData, model_horizon: int | None) -> Iterator[PlanFault]:
    """Yield what is wrong beside the model and the data that the plan trusts."""
    yield from at_least("horizon.bars", horizon.bars, 1, "a number of bars")
    if model_horizon is not None and horizon.bars != model_horizon:
        expected = f"the model's horizon of {model_horizon} bars"
        fix = f"set horizon.bars to {model_horizon} or train the model for {horizon.bars} bars"
        yield PlanFault("horizon.bars", str(horizon.bars), expected, fix)
    if isinstance(horizon.rebalance, EveryBars):
        yield from at_least("horizon.rebalance.bars", horizon.rebalance.bars, 1, "a number of bars")
    if horizon.timeframe != data.frequency:
        expected = f"the frequency of the trusted data, {data.frequency!r}"
        yield PlanFault("horizon.timeframe", repr(horizon.timeframe), expected, "make the two equal")
    match horizon.rebalance:
        case PeriodEnd(period="day"):
            if bar_period(data.frequency) is not None:
                expected = f"week or month: a bar of the data is a {bar_period(data.frequency)}"
                yield PlanFault("horizon.rebalance.period", "'day'", expected, "write every_bars: 1 or a longer period")
        case PeriodEnd(period=period):
            if not is_intraday(data.frequency):  # how many bars a session has, only the calendar of the data knows
                unit = "sessions" if bar_period(data.frequency) is None else "bars"
                yield from _closed_before(horizon, period, *_bars_of(period, data), unit)


def _closed_before(horizon: Horizon, period: str, shortest: int, longest: int, unit: str) -> Iterator[PlanFault]:
    """Yield a fault for a horizon that outlasts some periods and not others."""
    if shortest <= horizon.bars < longest:
        expected = f"at least {longest}: a {period} has up to {longest} {unit}, and an older book is closed"
        yield PlanFault("horizon.bars", str(horizon.bars), expected, f"set horizon.bars to {longest}")


def _bars_of(period: CadencePeriod, data: TrustedData) -> tuple[int, int]:
    """Return the fewest and the most bars that a week or month holds."""
    match bar_period(data.frequency):
        case "week":
            return _PERIOD_WEEKS[period]
        case "month":
            return _PERIOD_MONTHS[period]
        case None:
            return (_PERIOD_SESSIONS_24_7 if data.calendar == "24/7" else _PERIOD_SESSIONS)[period]


def data_faults(horizon: Horizon, n_bars: int, unit: str = "session") -> Iterator[PlanFault]:
    """Yield a fault for a horizon that is as long as the run, of so many bars."""
    if horizon.bars >= n_bars:
        expected = f"fewer than the {n_bars} {unit}s of the span, or it can never bind"
        yield PlanFault("horizon.bars", str(horizon.bars), expected, "lower it")


def period_faults(horizon: Horizon, span: RunSpan) -> Iterator[PlanFault]:
    """Yield a fault for a horizon in bars within sessions that outlasts some periods of the span and not others."""
    if isinstance(horizon.rebalance, PeriodEnd) and is_intraday(span.panel.card.declaration.frequency):
        fewest, most = _counted(horizon.rebalance.period, span)
        yield from _closed_before(horizon, horizon.rebalance.period, fewest, most, "bars")


def _counted(period: CadencePeriod, span: RunSpan) -> tuple[int, int]:
    """Return the fewest and the most bars of the whole days, weeks or months of a span of bars within a session."""
    import numpy as np  # reading a config must not load these

    from quantdl.calendars.periods import period_starts

    days = span.panel.sessions[span.rows]
    of = days if period == "day" else period_starts(days, period, span.panel.card.declaration.trading_calendar())
    counts = np.unique(of, return_counts=True)[1]
    whole = counts[1:-1] if len(counts) > 2 else counts  # the first and the last may be cut by the span
    return int(whole.min(initial=counts.max(initial=0))), int(whole.max(initial=0))


def judge(horizon: Horizon, exit_sessions: int, run: FinishedRun) -> ItemVerdict:
    """Measure how long anything was held after the last decision.

    Args:
        horizon: The plan's horizon.
        exit_sessions: Sessions that the exit itself may take.
        run: The run.
    """
    age, row = _oldest_book(run)
    excess = age - (horizon.bars + exit_sessions - 1)
    statement = f"no position older than {horizon.bars} bars without a decision"
    lengths = [trade.exit - trade.entry for trade in run.book.trades]
    median = f", median trade {np.median(lengths):g} bars flat to flat" if lengths else ""
    late = (f"held {excess} bars longer than horizon and exit allow, on {run.day(row)}",) if excess > 0 else ()
    return ItemVerdict(statement, f"oldest book {age} bars{median}", late)


def _oldest_book(run: FinishedRun) -> tuple[int, int]:
    """Return the most bars with a trade that anything was held after a decision, and the position of that session."""
    so_far = np.cumsum(run.panel.traded[run.book.rows].any(axis=1))
    last = np.full(len(so_far), -1)
    last[run.book.decided_rows] = so_far[run.book.decided_rows]
    held = (run.book.shares != 0).any(axis=1)
    ages = np.where(held, so_far - np.maximum.accumulate(last), 0)
    return int(ages.max()), int(ages.argmax())
