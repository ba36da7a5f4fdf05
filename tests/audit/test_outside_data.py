"""Data from outside keeps its past to the bit in another world, and has another future or none."""

import numpy as np
import pandas as pd
import pytest

from quantdl.audit.outside_data import BarArray, DatedTable, Moment, OutsidePanel, outside_data
from quantdl.market.panel import Panel
from quantdl.simulation import panel_of_closes

SESSIONS = pd.bdate_range("2020-01-01", periods=6)
AFTER, LAST = (Moment(bar, SESSIONS[bar], SESSIONS[bar].tz_localize("UTC")) for bar in (2, 4))


@pytest.fixture(scope="module")
def panel() -> Panel:
    return panel_of_closes(100.0 + np.arange(12.0).reshape(6, 2))


TABLE = pd.DataFrame(
    {"a": np.arange(6.0), "n": np.arange(6), "up": [True, False] * 3, "word": list("abcdef")}, SESSIONS
)


@pytest.mark.parametrize(
    "index",
    [SESSIONS, SESSIONS.tz_localize("UTC"), pd.MultiIndex.from_arrays([list("xxxyyy"), SESSIONS])],
    ids=["sessions", "instants", "a level"],
)
def test_a_table_ends_at_a_close_or_goes_on_otherwise(index: pd.Index) -> None:
    table = TABLE.set_axis(index)
    data = outside_data(table, 99)
    assert isinstance(data, DatedTable)
    pd.testing.assert_frame_equal(data.until(AFTER).value, table[:3])
    other = data.rewritten(AFTER, LAST, np.random.default_rng(1)).value
    same = [0, 1, 2, 5]
    assert (other.to_numpy()[same] == table.to_numpy()[same]).all()
    assert (other[["a", "n"]].to_numpy()[3:5] != table[["a", "n"]].to_numpy()[3:5]).all()
    assert other["word"].tolist() == table["word"].tolist()
    assert other.columns.equals(table.columns)


def test_a_column_of_flags_is_drawn_anew() -> None:
    flags = pd.Series(True, pd.bdate_range("2020-01-01", periods=200), name="up")
    data = outside_data(flags, 99)
    assert data is not None
    first, last = (Moment(at, flags.index[at], flags.index[at].tz_localize("UTC")) for at in (99, 199))
    other = data.rewritten(first, last, np.random.default_rng(1)).value
    assert isinstance(other, pd.Series)
    assert other[:100].all()
    assert 25 < other[100:].sum() < 75
    assert other.name == "up"


def test_an_array_has_a_row_a_bar() -> None:
    array = np.arange(12.0).reshape(6, 2)
    data = outside_data(array, 6)
    assert isinstance(data, BarArray)
    assert (data.until(AFTER).value == array[:3]).all()
    changed = data.rewritten(AFTER, LAST, np.random.default_rng(1)).value != array
    assert changed.any(axis=1).tolist() == [False, False, False, True, True, False]


def test_a_panel_is_known_up_to_a_close(panel: Panel) -> None:
    data = outside_data(panel, 6)
    assert isinstance(data, OutsidePanel)
    first, last = (Moment(bar, panel.bars[bar], panel.known_at[bar]) for bar in (2, 4))
    assert data.until(first).value.sessions.equals(panel.sessions[:3])
    changed = data.rewritten(first, last, np.random.default_rng(1)).value.closes != panel.closes
    assert changed.any(axis=1).tolist() == [False, False, False, True, True, False]


@pytest.mark.parametrize(
    "value",
    [np.zeros(5), np.array(3.0), TABLE.reset_index(drop=True), {"a": 1.0}, object(), np.array(list("abcdef"))],
    ids=["other length", "a number", "no dates", "a mapping", "anything", "text"],
)
def test_what_has_no_dates_has_no_other_future(value: object) -> None:
    assert outside_data(value, 6) is None
