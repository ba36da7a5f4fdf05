"""Lengths of bars."""

import pandas as pd
import pytest

from quantdl.calendars import bar_length, is_daily
from quantdl.errors import CalendarError


@pytest.mark.parametrize(("bar", "daily"), [("1D", True), (" d ", True), ("60min", False), ("24h", False)])
def test_a_daily_bar_is_named_so(bar, daily):
    assert is_daily(bar) == daily


def test_a_length_is_read_as_pandas_writes_it():
    assert bar_length("60min") == bar_length("1h") == pd.Timedelta(hours=1)


@pytest.mark.parametrize(("bar", "seconds"), [("30s", 30), ("1min", 60), ("60min", 3600), ("2h", 7200)])
def test_a_length_is_a_number_of_seconds(bar, seconds):
    assert bar_length(bar).total_seconds() == seconds


@pytest.mark.parametrize("bar", ["2D", "0min", "-5min", "hourly", "1D", "1.5h", "60 min", "24h", ""])
def test_what_is_no_length_within_a_day_is_refused(bar):
    with pytest.raises(CalendarError, match="bar"):
        bar_length(bar)
