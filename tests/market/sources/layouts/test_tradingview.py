"""Files of TradingView."""

import pytest

from quantdl.errors import DataError

FILE = """time,open,high,low,close,Volume,RSI
1704205800,1000,1050.5,950.25,1000,1000000,51.2
1704292200,1010,1060,990,1020.75,1100000,53.1
1704378600,1020,1040,1000,1010,900000,49.9
"""


def test_its_files_are_read_as_the_plain_form_and_refused_without_the_layout(same_as_plain):
    same_as_plain(FILE, "tradingview")


def test_a_time_in_words_is_refused_with_its_line(load):
    with pytest.raises(DataError, match=r"ABC\.csv: line 3: column 'time' .*seconds since 1970"):
        load("time,open,high,low,close\n1704205800,1,1,1,1\nsoon,1,1,1,1\n", layout="tradingview")
