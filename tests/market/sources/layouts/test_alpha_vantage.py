"""Files of Alpha Vantage."""

from tests.market.sources.layouts.conftest import PLAIN

FILE = """timestamp,open,high,low,close,volume
2024-01-04,1020,1040,1000,1010,900000
2024-01-03,1010,1060,990,1020.75,1100000
2024-01-02,1000,1050.5,950.25,1000,1000000
"""


def test_its_files_are_read_as_the_plain_form_and_refused_without_the_layout(same_as_plain):
    same_as_plain(FILE, "alpha_vantage")


def test_the_oldest_bar_may_stand_first_too(load):
    assert load(PLAIN.replace("date", "timestamp"), layout="alpha_vantage").closes[0, 0] == 1000.0
