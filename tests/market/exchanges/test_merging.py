"""Bars merged by hand."""

from datetime import date

import numpy as np
import pandas as pd

from quantdl.market.card import DataCard, Declaration
from quantdl.market.exchanges.merging import merge_bars
from quantdl.market.panel import Panel
from quantdl.market.status import CellStatus

NAN = np.nan
FIELDS = ("open", "high", "low", "close", "volume")
CARD = DataCard(Declaration("a test", "UTC", "1D", "split", "24/7", date(2024, 12, 31), "none"), FIELDS, "sha256:0")


def panel():
    """Five days of two assets; B does not trade on the second and third."""
    sessions = pd.date_range("2024-01-01", periods=5, freq="D")
    close = np.array([[10.0, 1.0], [12.0, NAN], [11.0, NAN], [13.0, 2.0], [9.0, 3.0]])
    fields = {"open": close - 0.5, "high": close + 1.0, "low": close - 1.0, "close": close, "volume": close * 10}
    return Panel(
        sessions=sessions,
        known_at=(sessions + pd.Timedelta(days=1)).tz_localize("UTC"),
        assets=("A", "B"),
        fields=fields,
        status=np.where(np.isnan(close), CellStatus.MISSING, CellStatus.TRADED).astype(np.int8),
        sectors={},
        card=CARD,
    )


def decisions(*texts):
    return pd.DatetimeIndex(texts).as_unit("us").asi8


def test_bars_are_merged_field_by_field():
    merged = merge_bars(panel(), decisions("2024-01-02 12:00", "2024-01-05 00:00"), FIELDS)
    np.testing.assert_array_equal(merged.fields["open"], [[9.5, 0.5], [10.5, 1.5]])
    np.testing.assert_array_equal(merged.fields["high"], [[11.0, 2.0], [14.0, 3.0]])
    np.testing.assert_array_equal(merged.fields["low"], [[9.0, 0.0], [10.0, 1.0]])
    np.testing.assert_array_equal(merged.fields["close"], [[10.0, 1.0], [13.0, 2.0]])
    np.testing.assert_array_equal(merged.fields["volume"], [[100.0, 10.0], [360.0, 20.0]])
    assert merged.bars.tolist() == [[1, 1], [3, 1]]
    assert merged.last.tolist() == [[0, 0], [3, 3]]
    assert merged.seen.tolist() == [0, 3]


def test_a_decision_without_a_new_bar_has_nothing():
    merged = merge_bars(panel(), decisions("2023-12-31", "2024-01-02", "2024-01-02 06:00", "2024-01-03"), FIELDS)
    assert merged.seen.tolist() == [-1, 0, 0, 1]
    np.testing.assert_array_equal(merged.fields["close"], [[NAN, NAN], [10.0, 1.0], [NAN, NAN], [12.0, NAN]])
    assert merged.last[3].tolist() == [1, -1]


def test_no_decision_sees_a_bar_before_it_is_known():
    merged = merge_bars(panel(), decisions("2024-01-01 23:59:59.999999"), FIELDS)
    assert np.isnan(merged.fields["close"]).all()
    assert merged.seen.tolist() == [-1]
