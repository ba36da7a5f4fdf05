import numpy as np
import pandas as pd
import pytest

from quantdl.market import arrays
from quantdl.market.consistency import axis_problems, cell_problems

SESSIONS = pd.bdate_range("2024-01-16", periods=9)
KNOWN_AT = (SESSIONS + pd.Timedelta(hours=21)).tz_localize("UTC")


@pytest.fixture
def cells():
    closes = np.column_stack([np.arange(1.0, 10.0), [np.nan] * 4 + [5.0] * 5])
    return closes, np.where(np.isnan(closes), 2, 1).astype(np.int8)


def test_cells_that_fit_their_status_are_no_problem(cells):
    closes, status = cells
    assert cell_problems((9, 2), {"close": closes}, status, None) == []


@pytest.mark.parametrize("row", range(9))
def test_a_fault_is_found_in_whatever_block_it_lies(cells, monkeypatch, row):
    monkeypatch.setattr(arrays, "BLOCK_CELLS", 4)
    closes, status = cells
    gone = status.copy()
    gone[row, 0] = 2
    (words,) = cell_problems((9, 2), {"close": closes}, gone, None)
    assert words == "Cells without a trade must be NaN, but ['close'] hold numbers there."
    closes[row, 0] = np.inf
    assert cell_problems((9, 2), {"close": closes}, status, None) == ["Every TRADED cell needs a finite close."]


def test_only_bars_shorter_than_a_session_share_one():
    twice = SESSIONS[[0, 0, 1, 1, 2, 2, 3, 3, 4]]
    assert axis_problems(twice, KNOWN_AT, ("A",), "60min") == []
    assert len(axis_problems(twice, KNOWN_AT, ("A",), "1D")) == 1
