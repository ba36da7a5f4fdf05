"""What is stored of a census and of a series, counted by hand on four bars of two assets."""

import json
from dataclasses import replace
from datetime import date

import numpy as np
import pandas as pd
import pytest

from quantdl.market.data_fault import DataFault
from quantdl.market.inspection.census import Census, take_census
from quantdl.market.series.declaration import ReleaseRule
from quantdl.records import from_plain, to_plain
from quantdl.results.census import CensusRecord, SeriesRecord, census_record, series_record
from tests.backtest.worlds import world
from tests.panels import exogenous_series

NAN = float("nan")


@pytest.fixture(scope="module")
def panel():
    """Two assets over the end of a year: A00 trades on every session, A01 begins with the new year and misses one."""
    closes = [[100.0, NAN], [101.0, NAN], [102.0, 50.0], [103.0, NAN], [104.0, 51.0]]
    return world(closes, first="2018-12-30")


@pytest.fixture(scope="module")
def census(panel) -> Census:
    return take_census(panel)


FAULTS = (
    DataFault("revision", "A00", date(2018, 12, 30), date(2018, 12, 30), 2, "close: 1 before, 2 now"),
    DataFault("revision", "A01", date(2019, 1, 1), date(2019, 1, 1), 1, "close: 3 before, 4 now"),
    DataFault("revision", "A01", date(2019, 1, 3), date(2019, 1, 3), 1, "close: 5 before, 6 now"),
    DataFault("session_missing_for_all", None, date(2018, 12, 29), date(2018, 12, 29), 1, "No asset has a bar."),
)


def test_faults_are_counted_by_kind_and_assets_once_for_each_kind(census):
    record = census_record(replace(census, faults=FAULTS))
    assert record.faults == FAULTS
    assert (record.counts["revision"], record.assets_affected["revision"]) == (4, 2)
    assert (record.counts["session_missing_for_all"], record.assets_affected["session_missing_for_all"]) == (1, 0)
    assert record.counts["duplicate"] == record.assets_affected["duplicate"] == 0  # looked for, none there


def test_what_describes_the_panel_is_taken_over(census, panel):
    record = census_record(census)
    assert (record.first, record.last) == (date(2018, 12, 30), date(2019, 1, 3))
    assert (record.n_sessions, record.n_assets) == (5, 2)
    assert record.coverage == {"A00": 1.0, "A01": 0.4}
    assert record.fingerprint == panel.card.fingerprint
    assert record.universe == "point_in_time"
    assert record.schema_version == 1


def test_the_share_of_each_year_is_that_of_the_panel_after_the_policies(census, panel):
    shares = census_record(census, panel).traded_by_year
    assert shares["A00"] == {"2018": 1.0, "2019": 1.0}
    assert shares["A01"] == {"2018": 0.0, "2019": pytest.approx(2 / 3)}


def test_without_a_treated_panel_no_years_are_written(census):
    record = census_record(census)
    assert record.traded_by_year is None
    assert "traded_by_year" not in to_plain(record)


@pytest.mark.parametrize("treated", [True, False])
def test_the_record_is_read_back_as_it_was_written(treated, census, panel):
    record = census_record(replace(census, faults=FAULTS), panel if treated else None)
    assert from_plain(CensusRecord, json.loads(json.dumps(to_plain(record)))) == record


def test_a_series_is_stored_as_its_card_and_its_first_and_last_date():
    days = pd.DatetimeIndex(["2024-01-05", "2024-01-08", "2024-01-10"])
    series = exogenous_series("index", days, np.array([1.0, 2.0, 3.0]), ReleaseRule("day", 1, "09:00", "UTC", None))
    record = series_record(series)
    assert record == SeriesRecord(series.card, date(2024, 1, 5), date(2024, 1, 10))
    plain = to_plain(record)
    assert (plain["first"], plain["last"]) == ("2024-01-05", "2024-01-10")
    assert plain["fingerprint"] == series.card.fingerprint  # the card stands among the dates, not below a key
    assert from_plain(SeriesRecord, json.loads(json.dumps(plain))) == record
