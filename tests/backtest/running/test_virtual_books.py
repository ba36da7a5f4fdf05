"""Whose shares are whose: examples counted by hand, and sums that must hold whatever happens."""

import numpy as np
import pytest

from quantdl.backtest.running.virtual_books import VirtualBooks

ONE, TRADED = np.ones(1), np.array([True])


def books(held, asked=None):
    """Strategies that hold some shares of one asset, and ask for some."""
    made = VirtualBooks(len(held), 1)
    made.held = np.array(held, dtype=float)[:, None]
    made.units = ONE
    if asked is not None:
        made.ask(np.array(asked, dtype=float)[:, None])
    return made


def after(held, asked, shares, traded=TRADED):
    made = books(held, asked)
    moved = made.advance(np.array([float(shares)]), ONE, traded)
    return made.held[:, 0].tolist(), moved.crossed[:, 0].tolist()


def test_a_fill_is_shared_in_proportion_to_what_was_asked_for():
    assert after([0, 0], [30, 10], 40)[0] == [30, 10]
    assert after([0, 0], [30, 10], 20)[0] == [15, 5]


def test_the_rest_of_a_partial_fill_waits_and_is_shared_alike():
    made = books([0, 0], [30, 10])
    made.advance(np.array([20.0]), ONE, TRADED)
    assert made.waiting[:, 0].tolist() == [15, 5]
    made.advance(np.array([40.0]), ONE, TRADED)
    assert made.held[:, 0].tolist() == [30, 10]
    assert made.waiting[:, 0].tolist() == [0, 0]


def test_opposite_wishes_meet_without_the_account():
    assert after([0, 8], [8, -8], 8) == ([8, 0], [8, -8])
    assert after([0, 8], [20, -8], 20) == ([20, 0], [8, -8])
    assert after([0, 0, 12], [6, 2, -4], 16) == ([6, 2, 8], [3, 1, -4])


def test_what_crosses_is_all_that_fills_while_the_account_waits():
    assert after([0, 8], [20, -8], 8) == ([8, 0], [8, -8])


def test_nothing_crosses_before_the_asset_trades():
    made = books([0, 8], [8, -8])
    made.advance(np.array([8.0]), ONE, ~TRADED)
    assert made.held[:, 0].tolist() == [0, 8]
    made.advance(np.array([8.0]), ONE, TRADED)
    assert made.held[:, 0].tolist() == [8, 0]


def test_a_new_wish_takes_the_place_of_what_waits():
    made = books([0, 0], [30, 10])
    made.ask(np.array([[0.0], [4.0]]))
    made.advance(np.array([4.0]), ONE, TRADED)
    assert made.held[:, 0].tolist() == [0, 4]


def test_an_exit_of_the_plan_takes_from_each_holder_its_part():
    assert after([30, 10], [0, 0], 0)[0] == [0, 0]
    assert after([30, 10], [0, 0], 20)[0] == [15, 5]


def test_an_exit_of_a_long_position_leaves_who_is_short_alone():
    assert after([30, -10], [0, 0], 5)[0] == [15, -10]


def test_shares_sold_for_costs_come_from_who_still_holds_some():
    held, _ = after([10, 10], [-10, -2], 7.9)
    assert held == pytest.approx([0, 7.9])


def test_a_split_multiplies_what_is_held_and_what_waits():
    made = books([3, 1], [2, 2])
    made.advance(np.array([16.0]), np.array([4.0]), ~TRADED)
    assert made.held[:, 0].tolist() == [12, 4]
    assert made.waiting[:, 0].tolist() == [8, 8]


def test_the_books_always_add_up_to_the_account():
    generator = np.random.default_rng(3)
    made, units = VirtualBooks(3, 5), np.ones(5)
    for _ in range(400):
        if generator.random() < 0.3:
            made.ask(np.round(generator.normal(0, 20, (3, 5))))
        ratio = np.where(generator.random(5) < 0.02, 2.0, 1.0)
        units = units * ratio
        before = made.held * ratio
        shares = before.sum(axis=0) + np.where(generator.random(5) < 0.5, np.round(generator.normal(0, 10, 5)), 0.0)
        moved = made.advance(shares, units, generator.random(5) < 0.7)
        np.testing.assert_allclose(made.held.sum(axis=0), shares, atol=1e-7 * units.max())
        np.testing.assert_allclose(made.held, before + moved.bought, atol=1e-7 * units.max())
        np.testing.assert_allclose(moved.crossed.sum(axis=0), 0.0, atol=1e-7 * units.max())
