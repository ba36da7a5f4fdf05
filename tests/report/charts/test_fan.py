"""The fan holds the bands and the returns it was given, and marks exactly those outside the widest one."""

import numpy as np
import pandas as pd
import pytest

from quantdl.report import charts
from tests.report.drawings import traces, values

SESSIONS = pd.bdate_range("2019-01-01", periods=4)


@pytest.fixture
def law():
    bands = {"0.01": -0.03, "0.05": -0.02, "0.25": -0.005, "0.5": 0.001, "0.75": 0.006, "0.95": 0.02, "0.99": 0.03}
    return pd.DataFrame(bands, SESSIONS).assign(**{"return": [0.01, -0.04, 0.031, 0.03]})


def test_returns_outside_the_widest_band_are_marked_by_side(law):
    found = traces(charts.predicted_law(law))
    assert values(found["Below the 98% band (1)"]["y"]) == pytest.approx([-4.0])
    assert values(found["Above it (1)"]["y"]) == pytest.approx([3.1])
    assert values(found["Return that came"]["y"]) == pytest.approx([1.0, 3.0])


def test_the_bands_lie_between_their_quantiles(law):
    drawn = charts.predicted_law(law)
    found = traces(drawn)
    for name, high in (("98% of returns", 3.0), ("90%", 2.0), ("50%", 0.6)):
        assert found[name]["fill"] == "tonexty"
        assert values(found[name]["y"]) == pytest.approx([high] * 4)
    assert drawn.described.endswith("Of 4 sessions, 1 fell below the palest band and 1 above it.")


def test_a_band_that_nothing_is_known_of_is_left_out(law):
    known = law.assign(**{"0.01": np.nan, "0.99": np.nan})
    found = traces(charts.predicted_law(known))
    assert "98% of returns" not in found and "90%" in found
    assert len(values(found["Return that came"]["y"])) == 4
