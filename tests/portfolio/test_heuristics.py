"""Weights against closed forms."""

import numpy as np
import pytest
from hypothesis import given, strategies as st

from quantdl.portfolio import (
    equal_weights,
    fixed_fraction_weights,
    inverse_volatility_weights,
    volatility_target_weights,
)
from tests.portfolio.books import market


def test_nothing_available_means_cash():
    assert equal_weights(np.zeros(3, dtype=bool)).tolist() == [0, 0, 0]
    assert inverse_volatility_weights(np.full((10, 2), np.nan)).tolist() == [0, 0]
    assert inverse_volatility_weights(np.zeros((1, 2))).tolist() == [0, 0]


def test_inverse_volatility_uses_the_sample_deviation():
    returns = np.random.default_rng(0).normal(size=(60, 4)) * [1, 2, 3, 4]
    inverse = 1 / np.sqrt(((returns - returns.mean(axis=0)) ** 2).sum(axis=0) / 59)
    np.testing.assert_allclose(inverse_volatility_weights(returns), inverse / inverse.sum(), rtol=1e-12)


def test_a_stale_price_gets_no_weight():
    returns = np.column_stack([np.zeros(60), np.random.default_rng(0).normal(size=60)])
    assert inverse_volatility_weights(returns).tolist() == [0.0, 1.0]


def test_volatility_target_scales_to_the_target_or_the_cap():
    draws, weights = market(2000, 3, 9), np.full(3, 1 / 3)
    volatility = (np.expm1(draws) @ weights).std(ddof=1)
    scaled = volatility_target_weights(weights, draws, volatility / 2, 1.0)
    np.testing.assert_allclose(scaled, weights / 2, rtol=1e-12)
    np.testing.assert_allclose(volatility_target_weights(weights, draws, 9.0, 0.8).sum(), 0.8)
    assert volatility_target_weights(weights, np.zeros((10, 3)), 0.1, 1.0).tolist() == [0, 0, 0]
    with pytest.raises(ValueError, match="target_volatility"):
        volatility_target_weights(weights, draws, 0.0, 1.0)


def test_equity_is_shared_equally_among_what_is_available():
    assert equal_weights(np.array([True, False, True, True, True])).tolist() == [0.25, 0.0, 0.25, 0.25, 0.25]


def test_a_book_that_is_not_held_has_no_volatility_to_scale():
    draws = np.log1p(np.array([[0.02, np.nan], [-0.02, np.nan]]))
    assert volatility_target_weights(np.zeros(2), draws, 0.1, 1.0).tolist() == [0.0, 0.0]
    assert volatility_target_weights(np.array([1.0, 0.0]), draws[:1], 0.1, 1.0).tolist() == [0.0, 0.0]
    scaled = volatility_target_weights(np.array([1.0, 0.0]), draws, 0.01, 1.0)  # a deviation of 0.02 * sqrt(2)
    np.testing.assert_allclose(scaled, [0.01 / (0.02 * np.sqrt(2)), 0.0])


@given(st.floats(0.001, 0.5), st.sampled_from([-1.0, 1.0]), st.floats(0.001, 0.05), st.floats(0.0, 0.01))
def test_a_position_that_reaches_its_stop_costs_the_fraction(distance, side, fraction, cost):
    """Bought at 1 and sold at 1 - d, or sold short at 1 and bought back at 1 + d, with a cost each way."""
    (weight,) = fixed_fraction_weights(np.array([side]), np.array([distance]), fraction, 1e6, cost)
    out = 1.0 - side * distance
    lost = -weight * (out - 1.0) + abs(weight) * cost * (1.0 + out)
    assert lost == pytest.approx(fraction, rel=1e-12)
    assert np.sign(weight) == side


def test_a_fixed_fraction_needs_a_stop_and_keeps_the_cap():
    distances = np.array([0.001, np.nan, 0.0, -0.1, 0.1])
    found = fixed_fraction_weights(np.array([-1.0, 1.0, 1.0, 1.0, 3.0]), distances, 0.01, 0.2)
    np.testing.assert_allclose(found, [-0.2, 0.0, 0.0, 0.0, 0.1], rtol=1e-14)


@pytest.mark.parametrize("wrong", [{"fraction": 0.0}, {"max_weight": 0.0}, {"cost_fraction": -0.1}])
def test_a_fixed_fraction_out_of_range_is_refused(wrong):
    stated = {"fraction": 0.01, "max_weight": 0.1, "cost_fraction": 0.0} | wrong
    with pytest.raises(ValueError, match=next(iter(wrong))):
        fixed_fraction_weights(np.ones(1), np.full(1, 0.1), **stated)
