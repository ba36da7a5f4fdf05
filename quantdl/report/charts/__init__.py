"""Draws with plotly: each function turns series into one chart and knows nothing of where they come from.

A chart is plain JSON with a fixed id, so the same run gives the same bytes. What charts share stands in
`quantdl.report.look` and `quantdl.report.charts.canvas`.
"""

from quantdl.report.charts.books import (
    Cap,
    Limit,
    book_exposure,
    condition_course,
    cumulative_costs,
    equity_and_drawdown,
    event_timeline,
    group_exposure,
    holding_times,
    regime_strip,
)
from quantdl.report.charts.canvas import figure, library
from quantdl.report.charts.census import DrawnFault, fault_map, faults_over_time, kind_map, traded_map
from quantdl.report.charts.contributions import components
from quantdl.report.charts.forecasts import (
    forecast_monitor,
    losses_against_predictions,
    pit_histogram,
    reliability_diagram,
    training_course,
    value_at_risk_of_members,
)
from quantdl.report.charts.laws import density, fan, losses_of_book
from quantdl.report.charts.prices import growth

__all__ = [
    "Cap",
    "Limit",
    "DrawnFault",
    "book_exposure",
    "components",
    "density",
    "condition_course",
    "cumulative_costs",
    "equity_and_drawdown",
    "event_timeline",
    "fan",
    "fault_map",
    "figure",
    "forecast_monitor",
    "faults_over_time",
    "group_exposure",
    "growth",
    "holding_times",
    "kind_map",
    "library",
    "losses_against_predictions",
    "losses_of_book",
    "pit_histogram",
    "reliability_diagram",
    "regime_strip",
    "traded_map",
    "training_course",
    "value_at_risk_of_members",
]
