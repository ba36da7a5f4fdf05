"""A fault of the data is a plain record: it cannot be changed, and it comes back from JSON as it was."""

import json
from dataclasses import FrozenInstanceError
from datetime import date

import pytest

from quantdl.market.data_fault import DataFault
from quantdl.records import from_plain, json_text, to_plain

FAULT = DataFault("zero_close", "NA", date(2020, 1, 2), date(2020, 1, 6), 2, "0 on 2020-01-02")


@pytest.mark.parametrize("symbol", ["NA", "007", "1E5", "\udc80", None])
def test_a_fault_comes_back_from_json_with_its_symbol_as_text(symbol):
    fault = DataFault("duplicate", symbol, date(2020, 1, 2), date(2020, 1, 2), 1, 'line 3 of "x.csv"')
    assert from_plain(DataFault, json.loads(json_text(to_plain(fault), "a fault"))) == fault


def test_its_days_are_written_as_days():
    plain = to_plain(FAULT)
    assert (plain["first"], plain["last"], plain["count"]) == ("2020-01-02", "2020-01-06", 2)


def test_a_fault_cannot_be_changed_and_equal_faults_are_one():
    with pytest.raises(FrozenInstanceError):
        FAULT.count = 3
    assert len({FAULT, DataFault("zero_close", "NA", date(2020, 1, 2), date(2020, 1, 6), 2, "0 on 2020-01-02")}) == 1
