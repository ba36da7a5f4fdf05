"""Two traces are compared in every bit, and what differs last is named."""

from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
import pandas as pd
import pytest

from quantdl.audit.stages import TERMS, Difference, Traced, difference, rows_of, traced_job
from tests.leaks.market import N_BARS, pipeline, true_world

SESSIONS = pd.bdate_range("2020-01-01", periods=6)
ASSETS = ("A", "B")


def traced(**fields: np.ndarray) -> Traced:
    return Traced(SESSIONS, fields, ASSETS)


def values() -> np.ndarray:
    return np.arange(12.0).reshape(6, 2)


def with_cell(row: int, column: int, value: float) -> np.ndarray:
    changed = values()
    changed[row, column] = value
    return changed


def test_equal_traces_do_not_differ():
    gaps = with_cell(2, 0, np.nan)
    assert difference("s", traced(x=gaps), traced(x=gaps.copy()), SESSIONS[-1]) is None


@pytest.mark.parametrize("value", [np.nextafter(4.0, 5.0), np.nan, -4.0])
def test_one_bit_is_a_difference(value):
    found = difference("s", traced(x=values()), traced(x=with_cell(2, 0, value)), SESSIONS[-1])
    assert found == Difference("s", "x", SESSIONS[2], "A")


def test_the_sign_of_zero_is_a_bit():
    found = difference("s", traced(x=with_cell(1, 1, 0.0)), traced(x=with_cell(1, 1, -0.0)), SESSIONS[-1])
    assert found == Difference("s", "x", SESSIONS[1], "B")


def test_rows_after_the_session_are_not_compared():
    assert difference("s", traced(x=values()), traced(x=with_cell(4, 0, 9.0)), SESSIONS[3]) is None


def test_a_shorter_trace_is_compared_up_to_its_end():
    short = Traced(SESSIONS[:4], {"x": values()[:4]}, ASSETS)
    assert difference("s", traced(x=values()), short, SESSIONS[3]) is None
    missing = Traced(SESSIONS[:3], {"x": values()[:3]}, ASSETS)
    assert difference("s", traced(x=values()), missing, SESSIONS[3]) == Difference("s", "sessions", SESSIONS[3], None)


def test_the_last_of_the_rows_that_differ_is_named():
    one = traced(x=values(), y=values())
    other = traced(x=with_cell(1, 0, 9.0), y=with_cell(3, 1, 9.0))
    assert difference("s", one, other, SESSIONS[-1]) == Difference("s", "y", SESSIONS[3], "B")


def test_other_assets_fields_and_types_are_differences():
    one = traced(x=values())
    assert difference("s", one, Traced(SESSIONS, {"x": values()}, ("A", "C")), SESSIONS[-1]).field == "assets"
    assert difference("s", one, traced(x=values(), y=values()), SESSIONS[-1]).field == "y"
    assert difference("s", one, traced(x=values().astype(np.float32)), SESSIONS[-1]).field == "x"


def test_arrays_of_texts_are_compared():
    one, other = (np.array(["", text, "", "", "", ""], dtype=object) for text in ("split", "none"))
    assert difference("s", traced(x=one), traced(x=other), SESSIONS[-1]).session == SESSIONS[1]


@dataclass
class Record:
    rows: np.ndarray
    others: np.ndarray
    mapped: MappingProxyType
    events: dict
    name: str = "record"


def test_everything_with_a_row_a_session_is_traced():
    record = Record(np.zeros(6), np.zeros(5), MappingProxyType({"close": np.ones((6, 2))}), {2: ("split",)})
    found = rows_of(record, 6)
    assert set(found) == {"rows", "close", "events"}
    assert found["events"][2] == "('split',)" and not any(found["events"][[0, 1, 3, 4, 5]])


def test_the_terms_of_a_job_are_traced_in_every_session():
    made = pipeline()
    job = made.job({"universe": true_world().panel}, None)
    traced_terms = traced_job(job, true_world().sessions[-1])
    assert {"close", "volume", "listed", "delisted", "due", "regimes", "dollar_volume"} <= set(traced_terms.fields)
    assert {len(array) for array in traced_terms.fields.values()} == {N_BARS}
    assert made.all_stages()[-1].name == TERMS
