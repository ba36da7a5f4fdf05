"""Draws with plotly: each function turns series into one chart and knows nothing of where they come from.

A chart is plain JSON with a fixed id, so the same run gives the same bytes. What charts share stands in
`quantdl.report.look` and `quantdl.report.figures.canvas`.
"""

from quantdl.report.figures.books import (
    Cap,
    book_exposure,
    condition_course,
    cumulative_costs,
    equity_and_drawdown,
    event_timeline,
    group_exposure,
    holding_times,
    regime_strip,
)
from quantdl.report.figures.canvas import library
from quantdl.report.figures.data import FaultSpan, fault_map, fault_spans, kind_map, traded_map
from quantdl.report.figures.forecasts import losses_against_predictions, pit_histogram, training_course

__all__ = [
    "Cap",
    "FaultSpan",
    "book_exposure",
    "condition_course",
    "cumulative_costs",
    "equity_and_drawdown",
    "event_timeline",
    "fault_map",
    "fault_spans",
    "group_exposure",
    "holding_times",
    "kind_map",
    "library",
    "losses_against_predictions",
    "pit_histogram",
    "regime_strip",
    "traded_map",
    "training_course",
]
