"""The session that is asked about is complete, lies within the data, and nothing is read beyond it."""

from datetime import date

import numpy as np
import pandas as pd
import pytest

from quantdl.errors import DataError
from quantdl.experiment.closing import _refuse_unfinished, following_session, last_session, no_session
from quantdl.market.sources import load_sp500
from tests.backtest.worlds import hours


def test_a_session_that_still_has_bars_to_come_is_refused():
    """The exchange closed at 13:00 on 3 July 2023; a bar of an hour from the open ends at 12:30."""
    whole = hours(100.0, "2023-06-26", "2023-07-03")
    _refuse_unfinished(whole)
    rows = np.arange(len(whole.sessions)) < len(whole.sessions) - 1
    with pytest.raises(DataError, match=r"end with the bar of 2023-07-03 12:30, and the session goes on to 13:00\."):
        _refuse_unfinished(whole.at(rows))


def test_a_sunday_stands_for_the_friday_before_it():
    panel = load_sp500().until("2022-06-30")
    assert last_session(panel, date(2022, 6, 12)) == pd.Timestamp("2022-06-10")
    assert last_session(panel) == pd.Timestamp("2022-06-30")


def test_a_day_that_the_data_do_not_reach_is_refused():
    panel = load_sp500().until("2022-06-30")
    with pytest.raises(DataError, match="the data end with 2022-06-30, and the exchange has traded since"):
        last_session(panel, date(2022, 7, 5))
    with pytest.raises(DataError, match="the data begin with 1990-01-02"):
        last_session(panel, date(1980, 1, 2))


def test_the_session_after_a_friday_before_a_holiday_is_the_tuesday():
    assert following_session(load_sp500().until("2022-07-01")) == pd.Timestamp("2022-07-05")


@pytest.mark.parametrize(
    ("day", "said"),
    [
        (None, ""),
        (date(2022, 6, 10), ""),
        (date(2022, 6, 12), "2022-06-12 is no session; the close before it is 2022-06-10."),
    ],
)
def test_a_day_that_is_no_session_is_named_with_the_close_that_counts(day, said):
    panel = load_sp500().until("2022-06-30")
    assert no_session(panel, day, last_session(panel, day)) == said
