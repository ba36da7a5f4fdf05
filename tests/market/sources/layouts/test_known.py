"""Layouts by name, and by the look of a file."""

import pytest

from quantdl.market.sources.layouts.known import LAYOUTS, recognised
from tests.market.sources.layouts import test_investing, test_nasdaq, test_stooq, test_tradingview, test_yfinance
from tests.market.sources.layouts.conftest import PLAIN

FILES = {
    "investing": test_investing.FILE,
    "nasdaq": test_nasdaq.FILE,
    "stooq": test_stooq.FILE,
    "tradingview": test_tradingview.FILE,
    "yfinance": test_yfinance.FILE,
}


@pytest.mark.parametrize("name", FILES)
def test_a_file_is_recognised_as_one_layout(name):
    assert recognised(FILES[name]) is LAYOUTS[name]


@pytest.mark.parametrize("text", [PLAIN, "", "\n\n", "a message in words", "<html>"])
def test_what_has_no_layout_is_recognised_as_none(text):
    assert recognised(text) is None


def test_each_layout_is_called_what_its_name_says():
    assert {name: layout.name for name, layout in LAYOUTS.items()} == {name: name for name in LAYOUTS}
