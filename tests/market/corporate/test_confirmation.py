"""Which bars wait to be confirmed, and at what a holding is marked meanwhile: tables worked out by hand."""

import numpy as np
import pytest

from quantdl.market.corporate.confirmation import confirmed_prices
from tests.backtest.worlds import random_walk, world
from tests.raw_panels import raw_world, split_up

GAP = np.nan


def beside_a_flat_asset(column):
    return np.stack([np.array(column, dtype=float), np.full(len(column), 50.0)], axis=1)


@pytest.mark.parametrize(
    ("closes", "waits", "marks"),
    [
        ([100, 1000, 101], [1], [100, 100, 101]),  # it was no trade
        ([100, 10, 11], [1], [100, 100, 11]),  # it was a crash
        ([100, 20, 20], [], [100, 20, 20]),  # a fall of four fifths is believed at once
        ([100, 500, 500], [], [100, 500, 500]),
        ([100, 1000, 10, 9], [1, 2], [100, 100, 100, 9]),  # two wild bars, of which the second is confirmed
        ([100, 1000, 100, 1000, 100], [1, 3], [100] * 5),
        ([100, 10, GAP, GAP, 9], [1], [100, 100, 10, 10, 9]),  # no bar follows: the news may have been true
        ([100, 1000, GAP, 100], [1], [100, 100, 1000, 100]),
        ([1000, 100, 100], [1], [1000, 1000, 100]),  # the first bar of all is wrong
        ([GAP, 100, 1000, 100], [2], [GAP, 100, 100, 100]),
    ],
)
def test_the_bar_that_follows_tells_a_bad_print_from_a_real_move(closes, waits, marks):
    found = confirmed_prices(world(beside_a_flat_asset(closes)), 5.0)
    assert np.flatnonzero(found.unconfirmed[:, 0]).tolist() == waits
    assert not found.unconfirmed[:, 1].any()
    np.testing.assert_array_equal(found.marks[:, 0], marks)
    traded = np.isfinite(closes)
    traded[waits] = False
    np.testing.assert_array_equal(found.panel.traded[:, 0], traded)
    np.testing.assert_array_equal(found.panel.closes[:, 0], np.where(traded, closes, np.nan))


@pytest.mark.parametrize("name", ["open", "high", "low"])
@pytest.mark.parametrize("factor", [10.0, 0.1])
def test_any_of_the_four_prices_makes_a_bar_wait(name, factor):
    closes = np.full((5, 2), 100.0)
    fields = {other: closes.copy() for other in ("open", "high", "low")}
    fields[name][2, 0] *= factor
    found = confirmed_prices(world(closes, fields=fields), 5.0)
    assert np.argwhere(found.unconfirmed).tolist() == [[2, 0]]
    assert np.isnan(found.panel.fields["close"][2, 0])


def test_a_recorded_split_makes_no_bar_wait_and_an_unrecorded_one_a_single_bar():
    closes, splits = random_walk(12, 2), {(6, 0): 10.0}
    quoted = split_up(closes, splits)
    assert not confirmed_prices(raw_world(quoted, splits), 5.0).unconfirmed.any()
    assert np.argwhere(confirmed_prices(raw_world(quoted), 5.0).unconfirmed).tolist() == [[6, 0]]


def test_a_session_on_which_nothing_trades_answers_nothing():
    closes = beside_a_flat_asset([100, 10, GAP, 9])
    closes[2, 1] = GAP
    np.testing.assert_array_equal(confirmed_prices(world(closes), 5.0).marks[:, 0], [100, 100, 100, 9])


def test_a_panel_of_ordinary_prices_is_left_as_it_is():
    panel = world(random_walk(200, 5))
    assert confirmed_prices(panel, 5.0).panel is panel


@pytest.mark.parametrize("seed", range(3))
def test_no_later_price_changes_what_was_known_before(seed):
    generator = np.random.default_rng(seed)
    closes = random_walk(60, 4, seed=seed)
    closes *= 10.0 ** generator.choice([-1, 0, 1], closes.shape, p=[0.05, 0.9, 0.05])
    closes[1:][generator.random((59, 4)) < 0.2] = np.nan
    panel = world(closes)
    whole = confirmed_prices(panel, 5.0)
    assert whole.unconfirmed.any()
    for t in range(1, 60):
        then = confirmed_prices(panel.until(panel.sessions[t]), 5.0)
        np.testing.assert_array_equal(then.unconfirmed, whole.unconfirmed[: t + 1])
        np.testing.assert_array_equal(then.marks, whole.marks[: t + 1])
