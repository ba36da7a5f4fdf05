"""What yfinance's to_csv writes."""

import numpy as np
import pytest

from quantdl.errors import DataError
from tests.market.sources.layouts.conftest import PLAIN

FILE = """Price,Close,High,Low,Open,Volume
Ticker,ABC,ABC,ABC,ABC,ABC
Date,,,,,
2024-01-02,1000.0,1050.5,950.25,1000.0,1000000
2024-01-03,1020.75,1060.0,990.0,1010.0,1100000
2024-01-04,1010.0,1040.0,1000.0,1020.0,900000
"""


def test_its_files_are_read_as_the_plain_form_and_refused_without_the_layout(same_as_plain):
    same_as_plain(FILE, "yfinance")


def test_several_tickers_are_several_assets_also_where_they_are_words_of_fields(load):
    text = "Price,Close,Close\nTicker,LOW,NA\nDate,,\n2024-01-02,10,\n2024-01-03,11,7\n"
    panel = load(text, layout="yfinance")
    assert panel.assets == ("LOW", "NA")
    np.testing.assert_array_equal(panel.closes, [[10, np.nan], [11, 7]])


def test_another_file_is_refused_with_its_first_lines(load):
    with pytest.raises(DataError, match="expected three lines above the rows"):
        load(PLAIN, layout="yfinance")
