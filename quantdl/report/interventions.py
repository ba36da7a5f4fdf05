"""What would have ended the run, how close each condition came, and what the engine did without a decision."""

from collections.abc import Iterator, Mapping

import pandas as pd

from quantdl.backtest.plan.invalidation import (
    CalibrationLimit,
    Combination,
    Condition,
    DrawdownLimit,
    ShortfallLimit,
    StaleDataLimit,
    StressedMarket,
    TransformLimit,
    VolatilityLimit,
)
from quantdl.calendars.labels import bar_text
from quantdl.report import charts
from quantdl.report.document import (
    Bullets,
    Cell,
    Chart,
    Charts,
    Part,
    Row,
    Section,
    Table,
    header,
    notice,
    number,
    row,
    shortened,
)
from quantdl.report.formatting import COUNT, capitalized, counted, in_words, stated
from quantdl.results.run_record import RunRecord

LONGEST = 60


def section(run: RunRecord) -> Section:
    """Show the conditions of the plan, their course and every event."""
    lead = "Conditions that the plan states beforehand. When one fires, the book goes flat and the run stays halted."
    conditions = run.setup.plan.invalidation
    parts: list[Part] = [Bullets(tuple(condition_in_words(one) for one in conditions)), _halt(run)]
    parts.append(Charts(tuple(_courses(run.tables.conditions, run.setup.plan.conditions_by_name))))
    parts += _events(run)
    return Section("invalidation", "Invalidation and interventions", "Invalidation", lead, tuple(parts))


def condition_in_words(condition: Condition) -> str:
    """Write one condition of the plan as a sentence.

    Example:
        >>> condition_in_words(DrawdownLimit("drawdown", 0.2))
        'Drawdown: equity stands 20% or more below its peak.'
    """
    match condition:
        case DrawdownLimit(limit=limit):
            return f"Drawdown: equity stands {stated(limit)} or more below its peak."
        case VolatilityLimit(annualised=reached, window_bars=window):
            return f"Volatility: the book's own volatility over {window} bars reaches {stated(reached)} a year."
        case StaleDataLimit(bars=bars):
            return f"Stale data: a held asset makes no price for more than {bars} bars."
        case CalibrationLimit(level=level, false_halt_probability=chance):
            return (
                f"Calibration: losses beyond the predicted {stated(level)} value at risk come too often, by a test "
                f"that halts a right model with probability {stated(chance)} at most, however long it runs."
            )
        case ShortfallLimit(level=level, false_halt_probability=chance):
            return (
                f"Risk e-process: losses beyond the predicted {stated(level)} value at risk are too many or too large "
                f"for the predicted expected shortfall, by a test that halts a right model with probability "
                f"{stated(chance)} at most, however long it runs."
            )
        case TransformLimit(false_halt_probability=chance):
            return (
                "PIT drift: losses no longer fall evenly into their predicted law, by a test that halts a right model "
                f"with probability {stated(chance)} at most, however long it runs."
            )
        case StressedMarket():
            return "Stressed market: the market is stressed, as the plan's item on abnormal volatility defines it."
        case Combination(kind=kind, name=name, of=parts, for_bars=bars):
            inside = " ".join(f"({number}) {condition_in_words(part)}" for number, part in enumerate(parts, start=1))
            on = "on one bar" if bars == 1 else f"on {bars} bars in a row"
            return f"{capitalized(name)}: {kind} of these hold {on}. {inside}"


def _courses(values: pd.DataFrame, by_name: Mapping[str, Condition]) -> Iterator[Chart]:
    """Draw each condition and each part of one against its limit; a column has the name of its condition."""
    for position, column in enumerate(values.columns):
        yield charts.condition_course(values[column], f"chart-condition-{position}", _limit(by_name.get(str(column))))


def _limit(condition: Condition | None) -> charts.Limit | None:
    if condition is None:
        return None
    return charts.Limit(condition.fires_at, as_share=isinstance(condition, DrawdownLimit | VolatilityLimit))


def _halt(run: RunRecord) -> Part:
    since, reason = run.metrics.halted_on, run.metrics.halt_reason
    if since is None:
        return notice("No condition fired: the run was never halted.")
    return notice(f"The run was halted on {since}." + (f" {capitalized(reason)}" if reason else ""))


def _events(run: RunRecord) -> list[Part]:
    events = run.tables.events
    if events.empty:
        return [notice("The engine never had to intervene: no stop, no cut, no forced exit.")]
    tally = tuple(
        row(in_words(one.item), Cell(in_words(one.condition)), number(one.times, COUNT), Cell(one.remedy))
        for one in run.breakdowns.interventions
    )
    shown, note = shortened([_event_row(event) for _, event in events.iterrows()], LONGEST, "events", "events.parquet")
    columns = (Cell("Plan item"), Cell("Condition"), Cell("Times", numeric=True), Cell("What would change it"))
    timeline = header("Session", "Plan item", "Condition", "What happened", numeric_from=9)
    return [
        charts.event_timeline(events, run.tables.exposure.index),
        Table(f"Interventions by kind: {counted(len(events), 'event')}", columns, tally),
        Table("Timeline of events", timeline, shown, note),
    ]


def _event_row(event: pd.Series) -> Row:
    return row(
        bar_text(pd.Timestamp(str(event["session"]))),
        Cell(in_words(str(event["item"]))),
        Cell(in_words(str(event["condition"]))),
        Cell(str(event["detail"])),
    )
