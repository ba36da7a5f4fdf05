"""What the engine plays: silence is counted in sessions, and actions fall on the first bar of their day."""

from dataclasses import replace

import numpy as np
import pandas as pd

from quantdl.backtest.book.tape import read_tape, settles_at
from quantdl.backtest.book.trailing import measured_dollar_volume
from quantdl.market.actions import CorporateActions, Split
from tests.backtest.worlds import world
from tests.panels import in_hours

BARS = 6


def hourly(closes):
    """Six bars a session of 24/7, made of a daily panel with as many rows."""
    daily = world(closes)
    sessions = daily.sessions[: len(closes) // BARS].repeat(BARS)
    hours = pd.to_timedelta(np.tile(np.arange(10, 10 + BARS), len(closes) // BARS), unit="h")
    known_at = sessions.tz_localize("UTC") + hours
    return replace(daily, sessions=sessions, known_at=known_at, card=in_hours(daily.card))


def test_a_silence_of_many_bars_but_few_sessions_is_no_delisting():
    closes = np.full((20 * BARS, 2), 100.0)
    closes[5 * BARS :, 0] = np.nan
    panel = hourly(closes)
    gone = read_tape(panel, 10).delisted[:, 0]
    assert list(np.unique(gone[: 15 * BARS])) == [False] and gone[15 * BARS :].all()
    assert not read_tape(panel).delisted.any()


def test_a_split_takes_effect_at_the_first_bar_of_its_day():
    closes = np.full((4 * BARS, 1), 100.0)
    closes[2 * BARS :] = 50.0
    panel = hourly(closes)
    split = Split(panel.sessions[2 * BARS].date(), "A00", 2.0)
    panel = replace(panel, card=panel.card.restated(adjustment="raw"), actions=CorporateActions(splits=(split,)))
    tape = read_tape(panel)
    assert list(tape.effects) == [2 * BARS]
    np.testing.assert_array_equal(tape.continuous, 100.0)


def test_a_silent_price_is_carried_and_a_price_before_the_first_is_none():
    closes = np.array([[np.nan], [100.0], [np.nan], [np.nan], [90.0]])
    tape = read_tape(world(closes))
    np.testing.assert_array_equal(tape.marks[:, 0], [np.nan, 100.0, 100.0, 100.0, 90.0])
    np.testing.assert_array_equal(tape.silent_bars[:, 0], [0, 0, 1, 2, 0])


def test_a_session_without_a_trade_has_no_dollars_and_one_before_the_listing_does_not_count():
    """Another asset trades throughout, so the sessions take place."""
    closes = np.array([[np.nan], [10.0], [np.nan], [np.nan], [10.0], [10.0]])
    volume = np.array(
        [[np.nan], [600.0], [np.nan], [np.nan], [600.0], [np.nan]]
    )  # the last one traded, unknown how much
    closes, volume = (np.hstack([item, np.full((6, 1), 5.0)]) for item in (closes, volume))
    panel = world(closes, fields={"volume": volume})
    tape = read_tape(panel)
    dollars = measured_dollar_volume(tape.dollars, tape.traded, 3)[:, 0]
    np.testing.assert_allclose(dollars, [np.nan, 6000.0, 3000.0, 2000.0, 2000.0, 2000.0])


def test_proceeds_arrive_with_the_first_bar_of_the_session_that_settles():
    """Sessions of three bars, one and two; a session beyond the data counts as one bar."""
    days = pd.DatetimeIndex(["2024-01-02"] * 3 + ["2024-01-03"] + ["2024-01-04"] * 2)
    assert settles_at(days, 0).tolist() == [0, 1, 2, 3, 4, 5]
    assert settles_at(days, 1).tolist() == [3, 3, 3, 4, 6, 6]
    assert settles_at(days, 2).tolist() == [4, 4, 4, 6, 7, 7]
