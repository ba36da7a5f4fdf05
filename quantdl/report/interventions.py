"""What would have ended the run, how close each condition came, and what the plan did to the book of its own accord."""

from collections import Counter

import pandas as pd

from quantdl.report import figures
from quantdl.report.contents import RunContents
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
from quantdl.report.performance import halted_on
from quantdl.report.record import Record

LONGEST = 60


def section(run: RunContents) -> Section:
    """Show the conditions of the plan, their course and every event."""
    lead = "Conditions that the plan states beforehand. When one fires, the book goes flat and the run stays halted."
    conditions = run.config.records("plan", "invalidation")
    parts: list[Part] = [Bullets(tuple(condition_in_words(one) for one in conditions))] if conditions else []
    parts.append(_halt(run))
    if run.conditions is not None:
        courses = enumerate(run.conditions.columns)
        parts.append(
            Charts(tuple(_course(run.conditions[column], position, conditions) for position, column in courses))
        )
    parts += _events(run)
    return Section("invalidation", "Invalidation and interventions", "Invalidation", lead, tuple(parts))


def condition_in_words(condition: Record) -> str:
    """Write one condition of the plan as a sentence.

    Example:
        >>> condition_in_words(Record({"kind": "drawdown", "limit": 0.2}))
        'Drawdown: equity stands 20% or more below its peak.'
    """
    match condition.text("kind"):
        case "drawdown":
            return f"Drawdown: equity stands {_share(condition, 'limit')} or more below its peak."
        case "volatility":
            window, reached = condition.number("window_bars") or 0, _share(condition, "annualised")
            return f"Volatility: the book's own volatility over {window:g} bars reaches {reached} a year."
        case "stale_data":
            return f"Stale data: a held asset makes no price for more than {condition.number('bars') or 0:g} bars."
        case "calibration":
            false_halt = _share(condition, "false_halt_probability")
            return (
                f"Calibration: losses beyond the predicted {_share(condition, 'level')} value at risk come too often, "
                f"by a test that halts a right model with probability {false_halt} at most, however long it runs."
            )
    return f"{in_words(condition.text('kind') or 'condition')}: " + ", ".join(
        f"{key} {value}" for key, value in condition.values.items() if key != "kind"
    )


def _share(condition: Record, key: str) -> str:
    value = condition.number(key)
    return "an unstated share" if value is None else stated(value)


def _course(values: pd.Series, position: int, conditions: tuple[Record, ...]) -> Chart:
    """Draw one condition; its limit and unit follow from the condition of the plan that its column is named after."""
    matching = [one for one in conditions if one.text("kind") and str(values.name).lower().startswith(one.text("kind"))]
    condition = matching[0] if matching else Record()
    false_halt = condition.number("false_halt_probability")
    share = condition.number("limit") or condition.number("annualised")
    bars = condition.number("bars")  # fires at more bars than this
    limit = 1.0 / false_halt if false_halt else share if bars is None else bars + 1
    return figures.condition_course(values, limit, f"chart-condition-{position}", as_share=share is not None)


def _halt(run: RunContents) -> Part:
    reason = run.metrics.text("halt_reason")
    since = halted_on(run)
    if since is not None:
        return notice(f"The run was halted on {since}." + (f" {capitalized(reason)}" if reason else ""))
    return notice("No condition fired: the run was never halted.")


def _events(run: RunContents) -> list[Part]:
    if run.events is None:
        return [notice("The engine never had to intervene: no stop, no cut, no forced exit.")]
    rows = [_event_row(event) for _, event in run.events.iterrows()]
    shown, note = shortened(rows, LONGEST, "events", "events.parquet")
    kinds = Counter(zip(run.events["item"].astype(str), run.events["condition"].astype(str), strict=True))
    tally = tuple(
        row(in_words(item), Cell(in_words(condition)), number(count, COUNT))
        for (item, condition), count in sorted(kinds.items())
    )
    columns = (Cell("Plan item"), Cell("Condition"), Cell("Times", numeric=True))
    return [
        figures.event_timeline(run.events, run.equity.index),
        Table(f"Interventions by kind: {counted(len(rows), 'event')}", columns, tally, narrow=True),
        Table(
            "Timeline of events",
            header("Session", "Plan item", "Condition", "What happened", numeric_from=9),
            shown,
            note,
        ),
    ]


def _event_row(event: pd.Series) -> Row:
    detail = event.get("detail")
    return row(
        str(pd.Timestamp(str(event["session"])).date()),
        Cell(in_words(str(event["item"]))),
        Cell(in_words(str(event["condition"]))),
        Cell("" if detail is None else str(detail)),
    )
