"""Columns of large moves against dates looked up one by one, and moves planted on known days."""

from datetime import timedelta

import numpy as np
import pandas as pd
import pytest

from quantdl.features import FeatureTable, feature_table
from quantdl.market.panel import Panel
from quantdl.simulation import panel_of_closes
from tests.panels import closes_of, heavy_tailed_returns

GROUPS = ("large_moves", "quarterly_moves")
QUARTERS = [91 * number for number in range(1, 9)]
YEARS = [364, 728, 1092]
DEFINITIONS = {
    "move_13_weeks_before": ([91], [0]),
    "move_52_weeks_before": ([364], [0]),
    "quarterly_moves": (QUARTERS, [0]),
    "quarterly_moves_within_a_day": (QUARTERS, [-1, 0, 1]),
    "quarterly_moves_a_week_off": (QUARTERS, [-7, 7]),
    "yearly_moves": (YEARS, [0]),
    "yearly_moves_a_day_off": (YEARS, [-1, 1]),
    "yearly_moves_a_week_off": (YEARS, [-7, 7]),
    "quarterly_moves_in_the_next_week": (QUARTERS, [-7, -6, -5, -4, -3, -2, -1]),
    "quarterly_moves_in_the_last_week": (QUARTERS, [1, 2, 3, 4, 5, 6, 7]),
    "quarterly_moves_in_the_two_weeks_before": (QUARTERS, list(range(8, 22))),
}


def column(table: FeatureTable, name: str) -> np.ndarray:
    """(T, A) values of a column by its name."""
    return table.values[:, :, [item.name for item in table.features].index(name)]


def mirrored(sizes: np.ndarray) -> Panel:
    """Two assets that mirror each other, so the market stands still: returns of these sizes (T - 1,), in turns."""
    signs = np.resize([1.0, -1.0], len(sizes))
    return panel_of_closes(closes_of(np.stack([signs * sizes, -signs * sizes], axis=1)))


@pytest.fixture(scope="module")
def random() -> Panel:
    return panel_of_closes(closes_of(heavy_tailed_returns(1199, 3, seed=4)))


def test_columns_are_means_over_anniversaries_of_the_next_session_looked_up_day_by_day(random):
    standardised = np.sinh(feature_table(random).values[:, :, 0].astype(float))
    valid = feature_table(random).valid
    market = np.where(valid, standardised, 0.0).sum(axis=1) / np.maximum(valid.sum(axis=1), 1)
    moves = np.where(valid, np.minimum(np.abs(standardised - market[:, None]), 6.0) ** 2, 0.0)
    on = dict(zip(random.sessions, moves, strict=True))
    table = feature_table(random, ("quarterly_moves",))
    following = random.card.declaration.trading_calendar().sessions("2000-01-03", "2005-12-30")
    nothing, known_from = np.zeros(3), random.sessions[20]
    assert valid[20:].all() and not valid[:20].any()
    for bar in (40, 80, 85, 90, 300, 301, 302, 303, 700, 1100, 1150, 1199):
        next_session = following[following.searchsorted(random.sessions[bar], side="right")]
        for name, (days, offsets) in DEFINITIONS.items():
            largest = [
                np.max([on.get(next_session - timedelta(days=day + off), nothing) for off in offsets], axis=0)
                for day in days
                if next_session - timedelta(days=day) >= known_from
            ] or [nothing]
            expected = np.log1p(np.mean(largest, axis=0))
            np.testing.assert_allclose(column(table, name)[bar], expected, rtol=1e-4, atol=1e-6, err_msg=name)


def test_the_last_column_is_the_mean_of_the_assets(random):
    table = feature_table(random, ("quarterly_moves",))
    own = column(table, "quarterly_moves_within_a_day")
    market = column(table, "market_quarterly_moves_within_a_day")
    np.testing.assert_allclose(market[100:], np.repeat(own[100:].mean(axis=1, keepdims=True), 3, axis=1), rtol=1e-5)


@pytest.mark.parametrize(("name", "weeks"), [("move_13_weeks_before", 13), ("move_52_weeks_before", 52)])
def test_a_move_comes_back_at_the_close_before_the_same_weekday(name, weeks):
    sizes = np.full(599, 0.01)
    sizes[199] = 0.2
    panel = mirrored(sizes)
    planted = panel.sessions[200]
    values = column(feature_table(panel, ("quarterly_moves",)), name)
    (largest,) = np.flatnonzero(values[:, 0] > 3.0)
    assert panel.sessions[largest + 1] == planted + pd.Timedelta(weeks=weeks)
    assert values[largest, 0] == pytest.approx(np.log(37.0))  # of 20 volatilities, 6 count
    assert (values[:largest] <= np.log(2.0) + 1e-6).all()  # every other move is one volatility or less


def test_a_firm_that_moves_every_thirteen_weeks_moves_most_where_the_columns_say_so():
    days = panel_of_closes(closes_of(np.zeros((1499, 1)))).sessions
    reports = (days - days[10]).days % 91 == 0
    generator = np.random.default_rng(0)
    sizes = 0.01 * np.abs(generator.standard_normal(1499)) * np.where(reports[1:], 5.0, 1.0)
    panel = mirrored(sizes)
    quarterly = column(feature_table(panel, ("quarterly_moves",)), "quarterly_moves")[:-1, 0]
    expected = np.argsort(quarterly)[-12:]
    assert reports[1:][expected].all()


def test_the_age_of_a_large_move_counts_bars_until_a_year_and_its_size_stays():
    sizes = np.full(699, 0.01)
    sizes[299] = 0.1
    table = feature_table(mirrored(sizes), ("large_moves",))
    age, size = column(table, "age_of_large_move")[:, 0], column(table, "size_of_large_move")[:, 0]
    bars = np.minimum(np.arange(400), 252)
    np.testing.assert_allclose(age[300:], np.log1p(bars) / np.log(64.0), rtol=1e-6)
    np.testing.assert_allclose(age[25:300], np.log(253.0) / np.log(64.0), rtol=1e-6)
    np.testing.assert_allclose(size[300:], np.arcsinh(10.0), rtol=1e-5)
    assert (size[:300] == 0.0).all()


def test_the_largest_move_is_that_of_nineteen_bars():
    sizes = np.full(399, 0.01)
    sizes[299] = 0.1
    largest = column(feature_table(mirrored(sizes), ("large_moves",)), "largest_move_19")[:, 0]
    np.testing.assert_allclose(largest[300:319], np.arcsinh(10.0), rtol=1e-5)
    assert largest[319] < 1.0 and largest[299] == pytest.approx(np.arcsinh(1.0))


def test_a_crash_that_all_assets_share_is_no_move_of_their_own():
    returns = 0.01 * np.random.default_rng(1).standard_normal((299, 1)) * np.ones((1, 4))
    returns[199] = -0.2
    table = feature_table(panel_of_closes(closes_of(returns)), GROUPS)
    for name in ("largest_move_19", "size_of_large_move", "quarterly_moves_within_a_day"):
        np.testing.assert_allclose(column(table, name), 0.0, atol=1e-5)
