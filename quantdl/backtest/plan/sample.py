"""Sample: on what span the claim is tested, and how much of it counts as evidence."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from typing import TYPE_CHECKING

from quantdl.backtest.plan.context import FinishedRun, RunSpan
from quantdl.backtest.plan.evidence import ItemVerdict, ReportRow
from quantdl.backtest.plan.refusals import PlanFault, at_least
from quantdl.backtest.plan.stated import Stated
from quantdl.calendars.bars import bar_length, bar_unit, is_intraday
from quantdl.errors import CalendarError

if TYPE_CHECKING:
    import numpy as np

    from quantdl.calendars import TradingCalendar
    from quantdl.market.card import PriceFacts
    from quantdl.market.panel import Panel

ROW = ReportRow("Sample", "selection", "Trials")

# The year of sessions on which Basel's traffic light judges a 99 % value at risk; with fewer no test has power.
FEWEST_SESSIONS = 250


@dataclass(frozen=True)
class Sample(metaclass=Stated):
    """On what the claim is tested.

    Attributes:
        first: First session of the out-of-sample span.
        last: Last session of the span.
        minimum_sessions: Fewest sessions, while not halted, that the plan accepts as evidence.
        purge_bars: Training decisions dropped at the end of each span because their labels end in the next. A label
            reaches one bar more than the longest horizon of the model ahead, and a run drops exactly these; 0 without a
            model.
    """

    first: date
    last: date
    minimum_sessions: int
    purge_bars: int


def faults(sample: Sample, label_bars: int | None) -> Iterator[PlanFault]:
    """Yield a fault for an empty span, and for a purge that does not fit the returns that the model learns."""
    if sample.first >= sample.last:
        yield PlanFault("sample.last", str(sample.last), f"a day after sample.first ({sample.first})", "swap the two")
    reach = 0 if label_bars is None else label_bars + 1
    if sample.purge_bars != reach:
        meaning = "fill one bar later, exit at the horizon: what a run drops" if reach else "nothing is trained"
        yield PlanFault("sample.purge_bars", str(sample.purge_bars), f"{reach} ({meaning})", f"write {reach}")


def length_faults(sample: Sample, horizon_bars: int, frequency: str = "1D") -> Iterator[PlanFault]:
    """Yield a fault for a span that is too short for one position.

    Bars within a session are taken as so many as a day has room for: how many a session has, only its calendar knows.
    """
    meaning = "more sessions than one holding period"
    fewest = _fewest_sessions(horizon_bars, frequency)
    yield from at_least("sample.minimum_sessions", sample.minimum_sessions, fewest + 1, meaning)


def _fewest_sessions(bars: int, frequency: str) -> int:
    """Return the fewest sessions in which so many bars can lie; 0 for bars of a length that is none."""
    if not is_intraday(frequency):
        return bars
    try:
        return bars * bar_length(frequency) // timedelta(days=1)
    except CalendarError:
        return 0


def _how_to_meet(sample: Sample, span: RunSpan) -> str:
    """Return what to write where the plan's span is not that of the run, which begins and ends with sessions."""
    sessions = span.panel.sessions.date
    none = [day for day in (sample.first, sample.last) if sessions[0] <= day <= sessions[-1] and day not in sessions]
    if not none:
        return "make the two equal"
    days = " and ".join(map(str, none))
    return f"{days} {'is' if len(none) == 1 else 'are'} no session of the data: write the run's first and last session"


def data_faults(sample: Sample, span: RunSpan) -> Iterator[PlanFault]:
    """Yield a fault where the plan's span is not that of the run, not inside the data, or too short."""
    sessions, start, end = span.panel.sessions, span.start, span.end
    if (sample.first, sample.last) != (start.date(), end.date()):
        given, expected = f"{sample.first} to {sample.last}", f"the run's span, {start:%Y-%m-%d} to {end:%Y-%m-%d}"
        yield PlanFault("sample", given, expected, _how_to_meet(sample, span))
    if start < sessions[0] or end > sessions[-1]:
        expected = f"a span inside the data, {sessions[0]:%Y-%m-%d} to {sessions[-1]:%Y-%m-%d}"
        yield PlanFault("sample", f"{start:%Y-%m-%d} to {end:%Y-%m-%d}", expected, "move the span")
    if span.n_sessions < sample.minimum_sessions:
        expected = f"at most the {span.n_sessions} sessions of the span"
        fix = "widen the span; a lower minimum is weaker evidence"
        yield PlanFault("sample.minimum_sessions", str(sample.minimum_sessions), expected, fix)


def bars_per_year_of(sample: Sample, declaration: "PriceFacts") -> float:
    """Return the bars a year of the data's calendar, over the span of the sample."""
    return _bars_per_year(declaration.trading_calendar(), sample.first, sample.last, declaration.frequency)


@cache
def _bars_per_year(calendar: "TradingCalendar", first: date, last: date, frequency: str) -> float:
    return calendar.bars_per_year(first, last, frequency)


def bar_years(sample: Sample, panel: "Panel") -> "np.ndarray | None":
    """Return (T,) the part of a year for which cash earns and borrowed shares cost in each bar.

    Balances are counted overnight, so with bars within a session the first bar of each session bears what accrued since
    the session before, and the others nothing: what is bought and sold within a session pays no fee of borrowing, and a
    book of cash earns the same whatever the length of its bars. None where each bar is one of the calendar's bars a
    year.
    """
    import numpy as np  # reading a config must not load it

    said = panel.card.declaration
    if not is_intraday(said.frequency):
        return None
    sessions_per_year = _bars_per_year(said.trading_calendar(), sample.first, sample.last, "1D")
    begins = np.concatenate([[True], panel.sessions[1:] != panel.sessions[:-1]])
    return np.where(begins, 1.0 / sessions_per_year, 0.0)


def judge(sample: Sample, run: FinishedRun) -> ItemVerdict:
    """Count the sessions of the span that were played, and those of them with a trade before a halt."""
    import numpy as np  # reading a config must not load these
    import pandas as pd

    played, halted_on, days = run.result.equity.index, run.result.halted_on, run.panel.sessions
    span = run.panel.bars[(days >= pd.Timestamp(sample.first)) & (days <= pd.Timestamp(sample.last))]
    traded = run.panel.traded[run.book.rows].any(axis=1)
    before_halt = np.ones(len(played), dtype=bool) if halted_on is None else np.asarray(played < halted_on)
    live, n_played = _sessions(run, traded & before_halt), _sessions(run, np.ones(len(played), dtype=bool))
    fewest = max(sample.minimum_sessions, FEWEST_SESSIONS)
    lacking = int((~span.isin(played)).sum())
    failures = [f"{fewest - live} sessions too few"] if live < fewest else []
    unit = bar_unit(run.panel.card.declaration.frequency)
    failures += [f"{lacking} {unit}s of the span are not in the record"] if lacking else []
    statement = f"out of sample {sample.first} to {sample.last}, at least {fewest} sessions"
    figure = f"{live} of {n_played} sessions traded; purge {sample.purge_bars} bars"
    return ItemVerdict(statement, figure, tuple(failures))


def _sessions(run: FinishedRun, rows: "np.ndarray") -> int:
    """Return how many sessions the chosen (T,) bars of a run lie in; how many bars, where they are no shorter."""
    return int(run.panel.sessions[run.book.rows][rows].nunique())
