"""Figures of a small panel, counted by hand."""

import json
from dataclasses import replace
from datetime import date

import numpy as np
import pandas as pd
import pytest

from quantdl.calendars import trading_calendar
from quantdl.market.inspection.census import map_faults, take_census
from quantdl.market.inspection.summary import Extreme, LongestStretch
from quantdl.market.sources.frames import panel_from_frame
from quantdl.records import to_plain


@pytest.fixture
def panel(declaration):
    """2019-12-20 to 2020-01-31: A whole, B from 2020 with a gap of six sessions, C until Christmas Eve."""
    days = trading_calendar("XNYS").sessions("2019-12-20", "2020-01-31")
    closes = pd.DataFrame({"A": 10.0 + np.arange(len(days)), "B": 5.0, "C": 7.0}, index=days)
    closes.loc[:"2019-12-31", "B"] = np.nan
    closes.loc["2020-01-10":"2020-01-17", "B"] = np.nan
    closes.loc["2020-01-23", "B"] = 0.5
    closes.loc["2019-12-26":, "C"] = np.nan
    closes.loc["2019-12-24", "A"] = np.nan
    return panel_from_frame(closes, declaration)


def test_the_figures_are_those_that_one_counts_by_hand(panel):
    summary = take_census(panel).summary
    assert summary.n_bars == 27 + (21 - 6) + 3
    assert summary.cells == {"unlisted": 7, "traded": 45, "missing": 7, "halted": 0, "delisted": 25}
    assert summary.begin_by_year == {"2019": 2, "2020": 1}
    assert (summary.begin_at_first, summary.end_at_last) == (2, 2)
    assert summary.end_early == {"C": date(2019, 12, 24)}
    assert summary.longest_gap == LongestStretch("B", date(2020, 1, 10), date(2020, 1, 17), 6)
    assert summary.with_many_missing == 0
    assert (summary.early_closes, summary.missing_on_early_closes) == (1, 1)
    assert summary.lowest_close == Extreme("B", date(2020, 1, 23), 0.5)
    assert summary.highest_close == Extreme("A", date(2020, 1, 31), 37.0)
    assert summary.unchanged_share == pytest.approx((5 + 1 + 5 + 2) / (45 - 3))
    assert summary.longest_unchanged == LongestStretch("B", date(2020, 1, 3), date(2020, 1, 9), 5)
    assert summary.large_returns_adjacent == 2


def test_the_summary_is_plain_json(panel):
    document = json.loads(json.dumps(to_plain(take_census(panel).summary), allow_nan=False))
    assert document["end_early"] == {"C": "2019-12-24"}
    assert document["longest_gap"] == {"symbol": "B", "first": "2020-01-10", "last": "2020-01-17", "length": 6}


def test_cells_with_several_faults_count_once_for_their_asset(panel):
    years = np.asarray(panel.sessions.year)
    first, second = np.zeros((2, *panel.status.shape), dtype=bool)
    first[:10, 0] = second[5:12, 0] = second[0, 2] = True
    found = map_faults(panel, {"first": first, "second": second, "none": np.zeros_like(first)})
    assert found.bars == {"2019": int((years == 2019).sum()), "2020": int((years == 2020).sum())}
    assert found.kinds == {"first": {"2019": 7, "2020": 3}, "second": {"2019": 3, "2020": 5}}
    assert found.assets == {"A": {"2019": 7, "2020": 5}, "C": {"2019": 1}}


def test_the_census_says_where_in_time_its_faults_lie(panel):
    by_year = to_plain(take_census(panel).by_year)
    assert by_year["kinds"]["long_gap"] == {"2020": 6}
    assert by_year["assets"]["C"] == {"2019": 7, "2020": 21}


def test_bars_without_a_price_are_not_counted_as_traded(panel):
    closes = panel.closes.copy()
    closes[3:6, 0] = 0.0
    summary = take_census(replace(panel, fields={"close": closes})).summary
    assert summary.n_bars == 45 - 3
    assert summary.cells == {"unlisted": 7, "traded": 42, "missing": 7, "halted": 0, "delisted": 25, "no_price": 3}
