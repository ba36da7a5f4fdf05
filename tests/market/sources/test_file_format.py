"""How files are written: what is stated counts, the rest is as in the layout, and faults are named."""

import pytest

from quantdl.errors import DataSettingsError
from quantdl.market.reading.dialect import PLAIN, Dialect
from quantdl.market.sources.file_format import FileFormat


def test_nothing_stated_is_a_plain_file():
    assert FileFormat().dialect() == PLAIN


def test_what_is_stated_counts_before_what_the_layout_says():
    stated = FileFormat(layout="investing", date_format="%d.%m.%Y", decimal=",", thousands=".", symbol="ABC")
    dialect = stated.dialect()
    assert (dialect.date_format, dialect.decimal, dialect.thousands) == ("%d.%m.%Y", ",", ".")
    assert dialect.multiples and dialect.newest_first and dialect.columns["close"] == ("Price",)
    assert dialect.symbol == "ABC"


def test_columns_that_are_stated_replace_those_of_the_layout_one_by_one():
    dialect = FileFormat(layout="investing", columns={"close": "Last"}).dialect()
    assert dialect.columns == {"close": ("Last",), "volume": ("Vol.",)}


def test_dates_are_counted_or_written_and_what_is_stated_replaces_either():
    assert FileFormat(layout="tradingview", date_format="%Y%m%d").dialect() == Dialect(date_format="%Y%m%d")
    assert FileFormat(layout="stooq", time_unit="ms").dialect().date_format is None


@pytest.mark.parametrize(
    ("stated", "field", "words"),
    [
        ({"decimal": ",", "thousands": ","}, "thousands", "given ','"),
        ({"decimal": ",", "layout": "investing"}, "decimal", "another mark"),
        ({"date_format": "%d/%m"}, "date_format", "year, month and day"),
        ({"date_format": "%Q-%d"}, "date_format", "strptime"),
        ({"date_format": "%Y-%m-%d", "time_unit": "s"}, "time_unit", "beside a date_format"),
        ({"skip_rows": -1}, "skip_rows", "0 or more"),
        ({"symbol": " "}, "symbol", "not empty"),
        ({"columns": {"closing": "Price"}}, "columns", "did you mean 'close'?"),
        ({"layout": "stoq"}, "layout", "did you mean 'stooq'?"),
    ],
)
def test_a_format_that_cannot_be_is_refused_by_field(stated, field, words):
    with pytest.raises(DataSettingsError) as refused:
        FileFormat(**stated)
    named = dict(refused.value.faults)
    assert words in named[field]
