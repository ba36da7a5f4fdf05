"""Tests of panels made of simulated prices."""

import numpy as np

from quantdl.market.status import CellStatus
from quantdl.simulation import panel_of_closes


def test_a_gap_is_missing_and_the_time_before_the_first_close_unlisted():
    closes = np.array([[np.nan, 10.0], [5.0, np.nan], [6.0, 12.0]])
    panel = panel_of_closes(closes)
    expected = [
        [CellStatus.UNLISTED, CellStatus.TRADED],
        [CellStatus.TRADED, CellStatus.MISSING],
        [CellStatus.TRADED, CellStatus.TRADED],
    ]
    np.testing.assert_array_equal(panel.status, expected)
    np.testing.assert_array_equal(panel.closes, closes)
    assert panel.assets == ("SIM000", "SIM001")


def test_sessions_are_those_of_the_exchange():
    sessions = [f"{day:%Y-%m-%d}" for day in panel_of_closes(np.ones((12, 1))).sessions]
    assert sessions[:2] == ["2000-01-03", "2000-01-04"]
    assert sessions[10:] == ["2000-01-18", "2000-01-19"]  # 17 January 2000 was Martin Luther King's day
