"""Windows of the past: losses worked out by hand, what is not covered, and the worst year."""

from datetime import date

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from quantdl.calendars import trading_calendar
from quantdl.risk.book.past_returns import BookHistory, PastReturns
from quantdl.risk.stress.settings import StressedCalibration, WindowScenario
from quantdl.risk.stress.windows import NAMED_WINDOWS, calibration_row, position_losses, rolling_shortfall, window_row

SESSIONS = pd.bdate_range("2020-01-01", periods=6)
RETURNS = np.array([[np.nan, np.nan], [0.1, 0.0], [-0.5, 0.2], [-0.1, -0.1], [0.4, -0.2], [0.0, 0.0]])
WEIGHTS = np.array([0.6, -0.2])


def history(returns=RETURNS, weights=WEIGHTS, sessions=SESSIONS):
    return BookHistory(PastReturns(("AAA", "BBB")[: returns.shape[1]], sessions, returns), weights)


def window(first, last):
    return WindowScenario("some days", SESSIONS[first].date(), SESSIONS[last].date())


def test_the_loss_of_a_window_is_that_of_a_book_held_through_it():
    row = window_row(history(), window(2, 4), bars=2)
    moves = 0.5 * 0.9 * 1.4 - 1, 1.2 * 0.9 * 0.8 - 1
    assert row.loss == pytest.approx(-(0.6 * moves[0] - 0.2 * moves[1]))
    assert [(one.asset, round(one.loss, 9)) for one in row.worst] == [("AAA", round(-0.6 * moves[0], 9))]
    assert row.figure("Worst session") == pytest.approx(0.6 * 0.5 + 0.2 * 0.2)
    assert row.figure("Worst 2 sessions") == pytest.approx(0.6 * (1 - 0.45) + 0.2 * (1.2 * 0.9 - 1))
    assert row.figures[0].when == str(SESSIONS[2].date())


def test_the_deepest_loss_may_lie_before_the_end_of_the_window():
    row = window_row(history(), window(2, 4), bars=2)
    after_one, after_two = 0.6 * 0.5 + 0.2 * 0.2, 0.6 * (1 - 0.45) + 0.2 * (1.2 * 0.9 - 1)
    assert row.figure("Deepest since the start") == pytest.approx(max(after_one, after_two))


@pytest.mark.parametrize(
    ("first", "last", "reason"),
    [
        ("2019-12-01", "2020-01-03", "the data begin on 2020-01-02"),
        ("2020-01-03", "2020-03-01", "the data end on 2020-01-08"),
        ("2020-01-04", "2020-01-05", "no session of the data"),
    ],
)
def test_a_window_that_the_data_do_not_cover_says_why(first, last, reason):
    row = window_row(history(), WindowScenario("x", date.fromisoformat(first), date.fromisoformat(last)), 2)
    assert row.loss is None and reason in row.why_not


@pytest.mark.parametrize(
    ("first", "last", "reason"),
    [
        ("2020-12-21", "2020-12-27", ""),  # Christmas Day, then a weekend
        ("2020-12-19", "2020-12-24", ""),  # begins on a Saturday
        ("2020-12-21", "2020-12-28", "the data end on 2020-12-24"),
        ("2020-12-18", "2020-12-24", "the data begin on 2020-12-21"),
    ],
)
def test_days_without_a_session_are_not_missed_at_the_ends_of_a_window(first, last, reason):
    calendar = trading_calendar("XNYS")
    sessions = calendar.sessions("2020-12-18", "2020-12-24")
    returns = np.full((len(sessions), 2), 0.01)
    returns[0] = np.nan
    past = PastReturns(("AAA", "BBB"), sessions, returns, calendar)
    days = WindowScenario("x", date.fromisoformat(first), date.fromisoformat(last))
    row = window_row(BookHistory(past, WEIGHTS), days, 2)
    assert row.why_not == reason and (row.loss is None) == bool(reason)


def test_named_windows_are_in_order_and_cover_the_crises_that_are_asked_for():
    years = {year for one in NAMED_WINDOWS for year in range(one.first.year, one.last.year + 1)}
    assert {1998, 2000, 2001, 2002, 2008, 2011, 2020, 2022} <= years
    assert [one.first for one in NAMED_WINDOWS] == sorted(one.first for one in NAMED_WINDOWS)


def long_history(late=0):
    """Normal losses whose deviation is tripled in sessions 300 to 550."""
    random = np.random.default_rng(3)
    deviation = np.where((np.arange(1000) >= 300) & (np.arange(1000) < 550), 0.03, 0.01)
    returns = np.column_stack([deviation * random.standard_normal(1000), 0.001 * random.standard_normal(1000)])
    returns[:late, 1] = np.nan
    return history(returns, np.array([1.0, 0.5]), pd.bdate_range("2010-01-01", periods=1000))


def test_the_worst_year_is_found_where_volatility_was_tripled():
    row = calibration_row(long_history(), StressedCalibration(250), 0.975)
    quantile = stats.norm.isf(0.025)
    exact = 0.03 * stats.norm.pdf(quantile) / 0.025
    assert row.loss == pytest.approx(exact, rel=0.12)
    start = pd.Timestamp(row.figures[0].when.split(" to ")[0])
    assert abs(pd.bdate_range("2010-01-01", periods=1000).get_loc(start) - 300) < 120
    assert row.figure("Stressed over last") == pytest.approx(3.0, rel=0.15)


def test_an_asset_listed_later_scales_the_shortfall_of_the_reduced_set():
    row = calibration_row(long_history(late=400), StressedCalibration(250), 0.975)
    assert "Not in the reduced set: BBB" in row.notes[0]
    own = long_history(late=400)
    losses, reduced = (-(own.filled[-250:] @ weights) for weights in (np.array([1.0, 0.5]), np.array([1.0, 0.0])))
    ratio = max(rolling_shortfall(losses, 250, 0.975)[0] / rolling_shortfall(reduced, 250, 0.975)[0], 1.0)
    assert row.loss == pytest.approx(row.figure("Worst window") * ratio)


def test_a_reduced_set_that_tells_too_little_is_refused():
    own = long_history(late=400)
    row = calibration_row(BookHistory(own.past, np.array([0.01, 1.0])), StressedCalibration(250), 0.975)
    assert row.loss is None and "75% are needed" in row.why_not
    tiny = calibration_row(BookHistory(own.past, np.array([0.0, 1.0])), StressedCalibration(250), 0.975)
    assert tiny.loss is None and "no asset of the book" in tiny.why_not


def test_levels_and_spans_beyond_the_data_are_refused():
    assert "fewer than 250" in calibration_row(history(), StressedCalibration(250), 0.975).why_not
    assert "fewer than 5" in calibration_row(history(np.full((6, 2), np.nan)), StressedCalibration(5), 0.5).why_not
    assert calibration_row(history(RETURNS), StressedCalibration(6), 0.9).why_not.startswith(
        "the data have returns in 5"
    )
    assert "100 sessions" in calibration_row(long_history(), StressedCalibration(60), 0.99).why_not


def test_a_rolling_shortfall_is_that_of_each_span():
    losses = np.random.default_rng(0).standard_normal(30)
    expected = [np.sort(losses[at : at + 20])[-5:].mean() for at in range(11)]
    np.testing.assert_allclose(rolling_shortfall(losses, 20, 0.75), expected)


def test_positions_come_by_their_losses_and_gains_are_left_out():
    found = position_losses(("A", "B", "C"), np.array([0.5, -0.5, 0.2]), np.array([-0.1, 0.3, 0.1]))
    assert [(one.asset, round(one.loss, 9)) for one in found] == [("B", 0.15), ("A", 0.05)]
