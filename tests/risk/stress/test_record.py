"""The record of stress: the same after it was written and read."""

import json
from datetime import date

import pytest

from quantdl.records import from_plain, to_plain
from quantdl.risk.stress.record import PositionLoss, StressFigure, StressReport, StressRow

ROW = StressRow(
    "Event",
    "conditional",
    "market -10 %",
    0.11,
    0.002,
    812.5,
    1e-6,
    1e-8,
    (PositionLoss("AAA", 0.5, -0.2, 0.1),),
    (StressFigure("Market", -0.12, "fraction", "then"),),
    ("A note.",),
)


def test_a_report_is_the_same_after_it_was_written_and_read():
    report = StressReport(date(2022, 12, 28), 1.0, 0.8, 5, ("law, 1 bar",), (ROW,), ("All.",))
    assert from_plain(StressReport, json.loads(json.dumps(to_plain(report)))) == report


def test_a_figure_is_found_by_its_name():
    assert ROW.figure("Market") == -0.12
    with pytest.raises(KeyError):
        ROW.figure("Moon")
