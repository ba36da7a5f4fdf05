"""Predicted shortfall of books and positions against closed forms and the risk package, and books cut to a budget."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, strategies as st
from scipy.stats import norm

from quantdl.portfolio import (
    ShortfallLimit,
    position_shortfalls,
    predicted_shortfall,
    within_limits,
    within_risk_budget,
)
from quantdl.portfolio.risk_budget import expected_shortfall
from quantdl.risk.measures import losses as measures
from tests.portfolio.books import limits, market, shortfall


@pytest.mark.parametrize("level", [0.5, 0.9, 0.975, 0.9871])
def test_the_shortfall_is_that_of_the_risk_package(level):
    losses = np.random.default_rng(0).standard_t(3, (777, 2))
    other = measures.expected_shortfall(torch.from_numpy(losses), level).numpy()
    np.testing.assert_allclose(expected_shortfall(losses, level), other, rtol=1e-12)


def test_the_shortfall_of_normal_losses():
    """phi(z) / (1 - level) standard deviations."""
    losses = norm.ppf((np.arange(200_000) + 0.5) / 200_000)
    assert expected_shortfall(losses, 0.975) == pytest.approx(norm.pdf(norm.ppf(0.975)) / 0.025, rel=1e-4)


def test_a_book_loses_by_simple_returns_and_a_position_by_its_own():
    draws = market(1000, 4, 1)
    weights = np.array([0.5, -0.3, 0.2, 0.0])
    assert predicted_shortfall(weights, draws, 0.95) == pytest.approx(shortfall(draws, weights, 0.95), rel=1e-12)
    alone = [shortfall(draws, np.where(np.arange(4) == n, weights, 0.0), 0.95) for n in range(4)]
    np.testing.assert_allclose(position_shortfalls(weights, draws, 0.95), alone, rtol=1e-12, atol=1e-15)


def test_what_the_law_leaves_out_can_lose_anything_where_it_is_held():
    draws = market(100, 3, 1)
    draws[:, 1] = np.nan
    assert predicted_shortfall(np.array([0.5, 0.1, 0.0]), draws, 0.9) == np.inf
    assert position_shortfalls(np.array([0.5, 0.1, 0.0]), draws, 0.9)[1:].tolist() == [np.inf, 0.0]
    assert np.isfinite(predicted_shortfall(np.array([0.5, 0.0, 0.1]), draws, 0.9))


@given(
    st.integers(0, 10_000),
    st.lists(st.floats(-1, 1), min_size=5, max_size=5),
    st.floats(0.001, 0.1),
    st.floats(0.0005, 0.05),
)
def test_a_book_that_was_cut_keeps_both_limits_and_every_cap(seed, wanted, book, position):
    draws = market(200, 5, seed)
    bound = limits(5, 0.4, 0.6, 2, long_only=False, max_net=0.5)
    bound = replace(bound, book_shortfall=ShortfallLimit(0.95, book), position_shortfall=ShortfallLimit(0.9, position))
    before = within_limits(np.array(wanted), bound)
    after = within_risk_budget(before, draws, bound)
    assert predicted_shortfall(after, draws, 0.95) <= book + 1e-12
    assert position_shortfalls(after, draws, 0.9).max() <= position + 1e-12
    assert (np.abs(after) <= np.abs(before) + 1e-15).all() and (after * before >= 0).all()
    np.testing.assert_allclose(within_limits(after, bound), after, atol=1e-12)


def test_a_book_is_cut_no_further_than_needed():
    draws = market(2000, 3, 4)
    weights = np.array([0.5, 0.3, 0.2])
    now = shortfall(draws, weights, 0.975)
    tight = replace(limits(3), book_shortfall=ShortfallLimit(0.975, now / 3))
    np.testing.assert_allclose(within_risk_budget(weights, draws, tight), weights / 3, rtol=1e-12)
    wide = replace(limits(3), book_shortfall=ShortfallLimit(0.975, 2 * now))
    assert within_risk_budget(weights, draws, wide).tolist() == weights.tolist()


def test_only_the_positions_that_lose_too_much_are_cut():
    draws = market(2000, 3, 4)
    weights = np.array([0.5, 0.3, 0.2])
    own = position_shortfalls(weights, draws, 0.9)
    most = float(np.sort(own)[1])
    cut = within_risk_budget(weights, draws, replace(limits(3), position_shortfall=ShortfallLimit(0.9, most)))
    largest = int(own.argmax())
    assert cut[largest] == pytest.approx(weights[largest] * most / own[largest])
    assert np.delete(cut, largest).tolist() == np.delete(weights, largest).tolist()


def test_without_a_limit_a_book_is_left_alone_and_with_one_what_has_no_forecast_is_sold():
    draws = market(100, 2, 4)
    draws[:, 0] = np.nan
    weights = np.array([0.5, 0.1])
    assert within_risk_budget(weights, draws, limits(2)) is weights
    wide = replace(limits(2), book_shortfall=ShortfallLimit(0.9, 0.9))
    assert within_risk_budget(weights, draws, wide).tolist() == [0.0, 0.1]


@pytest.mark.parametrize(
    ("level", "words"), [(0.4, "between 0.5 and 1"), (1.0, "between"), (0.999, "at least 1000 loss")]
)
def test_a_level_out_of_reach_is_refused(level, words):
    with pytest.raises(ValueError, match=words):
        predicted_shortfall(np.ones(2) / 2, market(100, 2, 0), level)
