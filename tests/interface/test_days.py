"""Days as a user writes them."""

from datetime import date, datetime

import pandas as pd
import pytest

from quantdl.errors import ConfigError
from quantdl.interface.days import day_of


@pytest.mark.parametrize("given", ["2016-12-30", date(2016, 12, 30), pd.Timestamp("2016-12-30")])
def test_a_day_may_be_text_a_date_or_a_timestamp(given):
    assert day_of(given, "end") == date(2016, 12, 30)


NO_DAYS = ("2016", "30.12.2016", "2016-13-01", "", 7, None, pd.NaT)
INSTANTS = (datetime(2016, 12, 30, 9), pd.Timestamp("2016-12-30", tz="UTC"))


@pytest.mark.parametrize("given", [*NO_DAYS, *INSTANTS])
def test_what_is_no_day_is_refused_with_the_argument(given):
    with pytest.raises(ConfigError, match=r"^end: given .*; expected a date such as 2016-12-30\.$"):
        day_of(given, "end")
