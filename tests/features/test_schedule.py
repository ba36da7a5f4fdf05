"""What the exchange's calendar says ahead, against days typed from its notices."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from quantdl.calendars import trading_calendar
from quantdl.features import feature_table, scheduled_early_close, session_of_month
from quantdl.market.panel import Panel
from quantdl.market.status import CellStatus
from quantdl.simulation import panel_of_closes
from tests.panels import closes_of, heavy_tailed_returns, in_hours


def panel_of_sessions(start: str, end: str, calendar: str = "XNYS") -> Panel:
    """One asset that trades in every session of the span."""
    exchange = trading_calendar(calendar)
    sessions = exchange.sessions(start, end)
    plain = panel_of_closes(closes_of(heavy_tailed_returns(len(sessions) - 1, 1, seed=0)))
    elsewhere = replace(plain.card.declaration, calendar=calendar, timezone=exchange.timezone)
    card = replace(plain.card, declaration=elsewhere)
    return replace(plain, sessions=sessions, known_at=exchange.closes(sessions), card=card)


def hourly_panel(start: str, end: str) -> Panel:
    """One asset on hourly bars from 09:30 New York time; the last bar of a session is shorter."""
    exchange = trading_calendar("XNYS")
    sessions = exchange.sessions(start, end)
    labels, ends = [], []
    for session, opened, close in zip(sessions, exchange.opens(sessions), exchange.closes(sessions), strict=True):
        bar = opened
        while bar < close:
            bar += pd.Timedelta(hours=1)
            labels.append(session)
            ends.append(min(bar, close))
    plain = panel_of_closes(np.ones((1, 1)))
    closes = closes_of(heavy_tailed_returns(len(labels) - 1, 1, seed=1))
    return replace(
        plain,
        sessions=pd.DatetimeIndex(labels),
        known_at=pd.DatetimeIndex(ends),
        fields={"close": closes},
        status=np.full(closes.shape, CellStatus.TRADED, dtype=np.int8),
        card=in_hours(plain.card),
    )


def on(panel: Panel, values: np.ndarray, days: str) -> list:
    return [values[panel.sessions.get_loc(day)] for day in days.split()]


def days_closed(panel: Panel) -> np.ndarray:
    table = feature_table(panel, ("days_closed",))
    return table.values[:, 0, 0]


def test_days_to_the_next_session_are_those_of_the_exchanges_own_year():
    panel = panel_of_sessions("1999-11-01", "2001-10-31")
    expected = {"2000-02-17": 1, "2000-02-18": 4, "2000-04-20": 4, "2000-07-03": 2, "2000-11-22": 2, "2001-09-10": 1}
    for session, gap in expected.items():  # Presidents' Day, Good Friday, the 4th, Thanksgiving; 9/11 was not foreseen
        assert np.exp(on(panel, days_closed(panel), session)) == pytest.approx(gap, rel=1e-5)


def test_the_gap_lies_ahead_of_the_last_bar_of_a_session_only():
    panel = hourly_panel("2024-11-01", "2024-12-06")
    days = pd.Series(days_closed(panel), index=panel.known_at.tz_convert("America/New_York"))
    assert (days["2024-11-20 00:00":"2024-11-20 15:59"] == -1.0).all()
    assert days["2024-11-20 16:00"] == 0.0
    assert days["2024-11-27 16:00"] == pytest.approx(np.log(2))  # Thanksgiving
    assert days["2024-11-29 13:00"] == pytest.approx(np.log(3))  # the half day after it
    assert days["2024-11-29 12:30"] == -1.0


def test_the_last_bar_of_a_session_is_the_calendars_word_not_that_of_the_bars_that_came():
    panel = hourly_panel("2024-11-01", "2024-12-06")
    bars = panel.until(pd.Timestamp("2024-11-20 11:30", tz="America/New_York"))
    assert days_closed(bars)[-1] == -1.0


def test_every_group_that_stands_on_closes_works_on_bars_within_sessions():
    panel = hourly_panel("2023-09-01", "2024-03-28")
    groups = ("own_history", "cross_section", "days_closed", "returns", "volatility", "drawdown", "market", "calendar")
    table = feature_table(panel, groups)
    assert len(panel.sessions) > 900 and table.known.any(axis=(0, 1)).all() and np.isfinite(table.values).all()
    for cut in ("2023-11-24 11:30", "2023-11-24 13:00", "2024-03-11 10:30"):  # a half day; the first day of DST
        early = feature_table(panel.until(pd.Timestamp(cut, tz="America/New_York")), groups)
        assert table.values[: len(early.valid)].tobytes() == early.values.tobytes()


def test_early_closes_are_those_of_the_exchanges_notices():
    panel = panel_of_sessions("1996-01-02", "2025-12-31")
    early = "1997-07-03 1997-12-26 1999-12-31 2002-07-05 2003-12-26 2013-07-03 2024-11-29 2025-12-24"
    full = "1997-10-27 1998-12-31 2002-07-03 2013-07-05 2020-07-02 2024-12-23 2025-12-26"
    assert all(on(panel, scheduled_early_close(panel), early))
    assert not any(on(panel, scheduled_early_close(panel), full))
    before = "1997-07-02 1999-12-30 2013-07-02 2024-11-27 2025-12-23"
    assert all(on(panel, scheduled_early_close(panel, 1), before))
    np.testing.assert_array_equal(scheduled_early_close(panel, 1)[:-1], scheduled_early_close(panel)[1:])


def test_an_early_close_that_could_not_be_foreseen_is_not_known_ahead():
    """The calendar of the trading name holds the circuit breaker of 1997-10-27 and the failure of 2005-06-01."""
    panel = panel_of_sessions("1993-01-04", "2006-12-29", "NYSE")
    for day in ("1994-02-11", "1996-01-08", "1997-10-27", "2005-06-01"):
        assert pd.Timestamp(day) in trading_calendar("NYSE").early_closes("1993-01-04", "2006-12-29")
        assert not on(panel, scheduled_early_close(panel), day)[0]
        assert not scheduled_early_close(panel, 1)[panel.sessions.get_loc(day) - 1]
    assert on(panel, scheduled_early_close(panel), "1996-07-05")[0]


def test_sessions_are_counted_from_the_first_of_the_month_and_the_last_is_minus_one():
    panel = panel_of_sessions("2024-01-17", "2024-07-16")  # begins and ends within a month
    number, ahead = session_of_month(panel), session_of_month(panel, 1)
    # January: the 1st and the 15th are holidays. March ends with Good Friday, the 29th. May: Memorial Day is the 27th.
    days = (
        "2024-01-17 2024-01-31 2024-02-01 2024-03-27 2024-03-28 2024-04-01 2024-04-02 2024-05-31 2024-06-28 2024-07-16"
    )
    assert on(panel, number, days) == [11, -1, 1, 19, -1, 1, 2, -1, -1, 11]
    np.testing.assert_array_equal(ahead[:-1], number[1:])
    assert ahead[-1] == 12


def test_a_month_whose_end_fell_to_the_unforeseen_is_counted_as_it_was_expected():
    """Hurricane Sandy closed 2012-10-29 and 30; at the close of the 26th this was not known."""
    panel = panel_of_sessions("2012-10-01", "2012-11-30")
    assert on(panel, session_of_month(panel, 1), "2012-10-26 2012-10-31") == [21, 1]
    assert on(panel, session_of_month(panel), "2012-10-26 2012-10-31") == [20, -1]
    outage = panel_of_sessions("2020-09-01", "2020-10-30", "XTKS")  # 2020-10-01 did not take place
    assert on(outage, session_of_month(outage, 1), "2020-09-29 2020-09-30") == [-1, 1]


def test_a_session_that_was_expected_and_did_not_take_place_is_not_counted():
    """Tokyo's outage of 2020-10-01: the 2nd was the month's first session, whether or not the panel knows the day."""
    for first in ("2020-09-01", "2020-10-02"):
        panel = panel_of_sessions(first, "2020-10-30", "XTKS")
        assert on(panel, session_of_month(panel, 1), "2020-10-02 2020-10-05 2020-10-06") == [2, 3, 4]
        assert on(panel, session_of_month(panel), "2020-10-02 2020-10-05 2020-10-06") == [1, 2, 3]
    attacks = panel_of_sessions("2001-09-04", "2001-09-28")  # closed from 2001-09-11 to 14
    assert on(attacks, session_of_month(attacks, 1), "2001-09-10 2001-09-17 2001-09-26") == [6, 7, 14]


def test_the_turn_of_the_month_is_its_last_and_first_three_sessions():
    panel = panel_of_sessions("2024-01-02", "2024-06-28")
    table = feature_table(panel, ("calendar",))
    names = [item.name for item in table.features]
    turn = table.values[:, 0, names.index("turn_of_month")]
    april = panel.sessions[(panel.sessions >= "2024-03-25") & (panel.sessions <= "2024-04-10") & (turn == 1.0)]
    assert [f"{day:%m-%d}" for day in april] == ["03-28", "04-01", "04-02", "04-03"]
    weekdays = table.values[30:, 0, :5]
    np.testing.assert_array_equal(weekdays.argmax(axis=1), panel.sessions[30:].day_of_week)
    np.testing.assert_array_equal(weekdays.sum(axis=1), 1.0)


def test_a_market_that_never_closes_has_weekends_and_no_early_closes():
    panel = panel_of_sessions("2024-01-01", "2024-03-31", "24/7")
    table = feature_table(panel, ("days_closed", "calendar"))
    assert not table.values[..., 0].any()
    weekend = panel.sessions.day_of_week >= 5
    assert not table.values[weekend, 0, 1:6].any() and table.valid[weekend][10:].all()
    assert not scheduled_early_close(panel).any()


def test_only_this_session_and_the_next_one_can_be_asked_for():
    panel = panel_of_sessions("2024-01-02", "2024-01-10")
    for function in (scheduled_early_close, session_of_month):
        with pytest.raises(ValueError, match="must be 0 .* or 1 .* got 2"):
            function(panel, 2)
