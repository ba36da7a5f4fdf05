"""Files of Yahoo Finance."""

import numpy as np
import pytest

from quantdl.errors import DataError
from tests.market.sources.layouts.conftest import PLAIN

FILE = """Date,Open,High,Low,Close,Adj Close,Volume
2024-01-02,1000,1050.5,950.25,1000,999,1000000
2024-01-03,1010,1060,990,1020.75,1019,1100000
2024-01-04,1020,1040,1000,1010,1009,900000
"""


def test_its_files_are_read_as_the_plain_form(load):
    assert load(FILE, layout="yahoo").card.fingerprint == load(PLAIN).card.fingerprint


def test_a_session_of_nulls_has_no_bar(load):
    panel = load(FILE + "2024-01-05,null,null,null,null,null,null\n2024-01-08,1,1,1,1,1,1\n", layout="yahoo")
    assert panel.closes[-2:, 0].tolist()[1] == 1.0 and np.isnan(panel.closes[-2, 0])
    with pytest.raises(DataError, match="state layout: yahoo"):
        load(FILE + "2024-01-05,null,null,null,null,null,null\n")
