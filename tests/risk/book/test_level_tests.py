"""Tests of the value at risk per level, and the reasons for those that do not exist."""

from datetime import date

import numpy as np
import pandas as pd
import pytest

from quantdl.records import to_plain
from quantdl.risk.book.level_tests import value_at_risk_tests
from quantdl.risk.book.predictions import LeftOut
from tests.risk.book.made_risk import risk_rows


@pytest.mark.parametrize(
    ("early", "late", "zone"), [(20, 0, "green"), (0, 4, "green"), (0, 5, "yellow"), (20, 9, "yellow"), (0, 10, "red")]
)
def test_the_basel_zone_counts_the_last_250_sessions(early, late, zone):
    """Green to four exceptions, yellow to nine, red from ten."""
    hits = np.zeros(400, dtype=bool)
    hits[150 - early : 150] = True  # up to the last session that no longer counts
    hits[150 : 150 + late] = True  # from the first that does
    (record,) = value_at_risk_tests(risk_rows(hits))
    assert record.basel_zone == zone
    assert record.exceptions == early + late


def test_the_counts_and_p_values_are_those_of_the_rows():
    """Twenty exceptions in 252 sessions at 95 %: Kupiec's example, p = 0.0479 by chi-square and 0.0588 exactly."""
    hits = np.zeros(252, dtype=bool)
    hits[:20] = True
    (found,) = value_at_risk_tests(risk_rows(hits, level=0.95))
    assert (found.level, found.n, found.exceptions) == (0.95, 252, 20)
    assert found.expected == pytest.approx(12.6)
    assert found.kupiec_p == pytest.approx(0.0588, abs=5e-5)
    assert found.independence_p < 1e-6  # all of them in a row
    assert found.undefined == {"basel_zone": "defined at 99% only"}


def test_z2_is_the_definition_of_acerbi_and_szekely():
    hits = np.zeros(300, dtype=bool)
    hits[[10, 100, 200, 290]] = True
    (found,) = value_at_risk_tests(risk_rows(hits))
    assert found.z2 == pytest.approx(1 - 4 * 0.03 / 0.025 / (300 * 0.01))
    assert 0 < found.z2_p < 1


def test_what_cannot_be_tested_has_its_reason():
    (found,) = value_at_risk_tests(risk_rows(np.array([True])))
    assert found.kupiec_p is found.independence_p is found.christoffersen_p is found.z2 is found.z2_p is None
    assert found.undefined["kupiec_p"] == "fewer than two sessions with positions"
    assert found.undefined["basel_zone"] == "fewer than 250 sessions"
    (flat,) = value_at_risk_tests(risk_rows(np.zeros(260, dtype=bool)).assign(expected_shortfall=0.0))
    assert flat.z2 is None and flat.undefined == {"z2": "a predicted shortfall is not positive"}


@pytest.mark.parametrize(
    ("places", "successive", "clustered"),
    [((5, 6, 7, 50), 2, True), ((5, 16, 27, 50), 0, False), ((5,), 0, False), ((), 0, False)],
)
def test_exceptions_that_follow_another_one_are_counted(places, successive, clustered):
    hits = np.zeros(100, dtype=bool)
    hits[list(places)] = True
    (found,) = value_at_risk_tests(risk_rows(hits))
    assert (found.successive, found.clustered) == (successive, clustered)


def test_levels_come_lowest_first():
    rows = pd.concat([risk_rows(np.zeros(5, dtype=bool), level) for level in (0.99, 0.95)])
    assert [found.level for found in value_at_risk_tests(rows)] == [0.95, 0.99]


def test_sessions_without_a_prediction_stand_beside_the_tests_and_in_their_place():
    left = LeftOut(3, date(2020, 1, 2), date(2020, 1, 6), "level 0.99 needs at least 100 observations, got 60 losses")
    some, none = value_at_risk_tests(risk_rows(np.zeros(260, dtype=bool), level=0.95), {0.95: left, 0.99: left})
    assert (some.level, some.n, some.left_out, some.kupiec_p is None) == (0.95, 260, left, False)
    assert (none.level, none.n, none.exceptions, none.expected, none.left_out) == (0.99, 0, 0, 0.0, left)
    for name in ("kupiec_p", "independence_p", "christoffersen_p", "z2"):
        assert none.undefined[name] == (
            "3 sessions held were left out, the first on 2020-01-02: "
            "level 0.99 needs at least 100 observations, got 60 losses"
        )
    (whole,) = value_at_risk_tests(risk_rows(np.zeros(260, dtype=bool)))
    assert "left_out" not in to_plain(whole)
