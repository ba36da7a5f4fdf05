"""Days to leave a book by hand."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from quantdl.calendars import trading_calendar
from quantdl.market.card import IntradayBars
from quantdl.market.sources import load_sp500
from quantdl.market.status import CellStatus
from quantdl.risk.book.liquidation import liquidation, traded_money
from quantdl.simulation.panels import panel_of_cells


def test_the_slowest_position_decides_and_half_the_volume_takes_twice_as_long():
    found = liquidation({"A": 0.5, "B": -0.25}, 2e6, {"A": 5e6, "B": 1e6}, 0.05, 3.0)
    assert [one.asset for one in found.positions] == ["B", "A"]
    assert (found.days, found.days_half_volume) == (10.0, 20.0)  # 500,000 at 50,000 a session
    assert found.positions[1].days == pytest.approx(4.0)
    assert (found.cost, found.cost_five_spreads) == pytest.approx((0.75 * 3e-4, 0.75 * 15e-4))


def test_a_position_without_a_volume_leaves_the_days_undefined_and_says_whose():
    found = liquidation({"A": 0.5, "B": 0.25}, 1e6, {"A": 1e6}, 0.1, 2.0)
    assert found.days is None and found.days_half_volume is None
    assert found.reason == "no volume is known of B"
    assert [one.days for one in found.positions] == [5.0, None]


def test_adjusted_prices_and_prices_without_volumes_tell_no_money():
    assert traded_money(load_sp500().until("1991-01-02"), 21) == {}


def test_traded_money_is_the_mean_of_close_times_volume_over_all_bars_of_the_window():
    closes, volume = np.array([[10.0], [20.0], [30.0]]), np.array([[5.0], [0.0], [7.0]])  # no trade on the second
    panel = panel_of_cells(closes, np.full((3, 1), CellStatus.TRADED, dtype=np.int8), adjustment="raw")
    panel = replace(panel, fields={"close": closes, "volume": volume})
    assert traded_money(panel, 2) == {panel.assets[0]: 105.0}
    assert traded_money(panel, 3) == {panel.assets[0]: pytest.approx(260.0 / 3)}


def bars(labels, frequency):
    """One asset that trades 1,000 a session, whatever the length of the bars."""
    closes = np.full((len(labels), 1), 10.0)
    panel = panel_of_cells(closes, np.full(closes.shape, CellStatus.TRADED, dtype=np.int8), adjustment="raw")
    intraday = IntradayBars("start", "open", "America/New_York") if frequency == "60min" else None
    declared = replace(panel.card.declaration, frequency=frequency, intraday=intraday, calendar="XNYS")
    sessions = trading_calendar("XNYS").sessions("2021-03-01", "2021-03-26")
    per_bar = 100.0 * len(sessions) / len(labels)
    return replace(
        panel,
        sessions=pd.DatetimeIndex(labels),
        fields={"close": closes, "volume": np.full(closes.shape, per_bar)},
        card=replace(panel.card, declaration=declared),
    )


@pytest.mark.parametrize("frequency", ["1D", "1W", "60min"])
def test_money_is_that_of_a_session_whatever_the_length_of_a_bar(frequency):
    sessions = trading_calendar("XNYS").sessions("2021-03-01", "2021-03-26")
    labels = {"1D": sessions, "1W": sessions[4::5], "60min": sessions.repeat(7)}[frequency]
    panel = bars(labels, frequency)
    for window in (len(labels), len(labels) // 2, 1):
        assert traded_money(panel, window) == {panel.assets[0]: pytest.approx(1000.0)}
