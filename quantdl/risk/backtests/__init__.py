"""Were the risk forecasts right? Tests of value-at-risk, expected shortfall and whole laws against what happened.

An exception is a loss above the value-at-risk forecast for it. ``level`` is the confidence of that forecast, 0.99 and
not 0.01. P-values are those of the null hypothesis "the forecasts are right": a small one speaks against them, and
``how`` says whether it is exact. One file is one subject; docs/risk/tests.md states definition, size and power of each.
"""

from quantdl.risk.backtests.book_scores import BookScores, compare_book_risk
from quantdl.risk.backtests.coverage import exceptions, kupiec, kupiec_counts
from quantdl.risk.backtests.durations import weibull_durations
from quantdl.risk.backtests.dynamic_quantile import dynamic_quantile
from quantdl.risk.backtests.independence import Christoffersen, christoffersen, christoffersen_counts
from quantdl.risk.backtests.result import TestResult
from quantdl.risk.backtests.shortfall import (
    acerbi_szekely_z1,
    acerbi_szekely_z2,
    simulate_z1,
    simulate_z2,
    tail_degrees_of_freedom,
)
from quantdl.risk.backtests.traffic_light import BaselZone, TrafficLights, basel_zone, traffic_lights
from quantdl.risk.backtests.uniformity import berkowitz, kolmogorov_smirnov

__all__ = [
    "BaselZone",
    "BookScores",
    "Christoffersen",
    "TestResult",
    "TrafficLights",
    "acerbi_szekely_z1",
    "acerbi_szekely_z2",
    "basel_zone",
    "berkowitz",
    "christoffersen",
    "christoffersen_counts",
    "compare_book_risk",
    "dynamic_quantile",
    "exceptions",
    "kolmogorov_smirnov",
    "kupiec",
    "kupiec_counts",
    "simulate_z1",
    "simulate_z2",
    "tail_degrees_of_freedom",
    "traffic_lights",
    "weibull_durations",
]
