"""Prices are drawn as they are given."""

import numpy as np
import pandas as pd
import pytest

from quantdl.report.charts import growth
from tests.report.drawings import drawn, traces, values

SESSIONS = pd.bdate_range("2019-01-01", periods=3)


def test_each_asset_has_a_line_of_its_own_with_its_gaps():
    chart = growth(pd.DataFrame({"A": [1.0, 2.0, 3.0], "R&D": [1.0, np.nan, 0.5]}, SESSIONS), "as traded")
    found = traces(chart)
    assert values(found["A"]["y"]) == pytest.approx([1.0, 2.0, 3.0])
    assert values(found["R&amp;D"]["y"]) == pytest.approx([1.0, np.nan, 0.5], nan_ok=True)
    assert found["A"]["line"] != found["R&amp;D"]["line"]
    assert drawn(chart)["layout"]["yaxis"]["type"] == "log"


def test_of_many_assets_the_first_are_drawn_and_it_is_said():
    chart = growth(pd.DataFrame(1.0, SESSIONS, [f"A{number}" for number in range(20)]), "as traded")
    assert len(drawn(chart)["data"]) == 14
    assert "The first 14 of 20 assets." in chart.caption
