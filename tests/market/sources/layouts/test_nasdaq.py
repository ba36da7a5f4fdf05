"""Files of Nasdaq.com."""

import pytest

from quantdl.errors import DataError

FILE = """Date,Close/Last,Volume,Open,High,Low
01/04/2024,$1010.00,900000,$1020.00,$1040.00,$1000.00
01/03/2024,$1020.75,1100000,$1010.00,$1060.00,$990.00
01/02/2024,$1000.00,1000000,$1000.00,$1050.50,$950.25
"""


def test_its_files_are_read_as_the_plain_form_and_refused_without_the_layout(same_as_plain):
    same_as_plain(FILE, "nasdaq")


def test_a_day_that_cannot_be_one_with_the_month_first_is_refused_with_its_line(load):
    with pytest.raises(DataError, match=r"ABC\.csv: line 2: column 'Date' .* such as 01/31/2024"):
        load("Date,Close/Last\n13/02/2024,$1\n", layout="nasdaq")
