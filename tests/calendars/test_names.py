"""Names of calendars are known without pandas, and a wrong one is answered with the one that was meant."""

import subprocess
import sys

import pytest

from quantdl.calendars import trading_calendar
from quantdl.calendars.names import is_calendar, meant_names, shipped_names, unknown_calendar
from quantdl.errors import CalendarError


def test_shipped_names_are_read_without_pandas():
    code = (
        "import sys; from quantdl.calendars.names import is_calendar; "
        "print(is_calendar('XNYS'), is_calendar('24/7'), 'pandas' in sys.modules)"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert found.split() == ["True", "True", "False"]


@pytest.mark.parametrize("name", ["XNYS", "XTKS", "24/7", "CME_Equity", "ASEX"])
def test_a_known_name_opens_a_calendar(name):
    assert is_calendar(name)
    assert trading_calendar(name).name == name


@pytest.mark.parametrize("name", ["xnys", "XNAS", "nan", "", "New York"])
def test_an_unknown_name_opens_none(name):
    assert not is_calendar(name)
    with pytest.raises(CalendarError, match="Unknown calendar"):
        trading_calendar(name)


def test_what_was_meant_is_named_nearest_first():
    assert meant_names("xnys", shipped_names())[0] == "XNYS"
    assert meant_names("QQQQQQ", ["NASDAQ", "XNYS"]) == []


def test_an_iso_code_kept_under_a_trading_name_is_known():
    assert "Did you mean 'NASDAQ'?" in unknown_calendar("XNAS", ["NASDAQ", "XNYS"])
    assert "Did you mean" not in unknown_calendar("QQQQQQ", ["NASDAQ", "XNYS"])
