"""Columns of an asset's own history in closed form: returns of equal size make every decayed mean of squares known."""

import numpy as np
import pytest

from quantdl.features import FeatureTable, feature_table
from quantdl.simulation import panel_of_closes
from tests.features.mirrored import SIZE, column, mirrored_table, signs
from tests.panels import closes_of


@pytest.fixture(scope="module")
def table() -> FeatureTable:
    return mirrored_table()


def test_returns_of_one_size_have_that_volatility(table):
    np.testing.assert_allclose(table.scale[20:], SIZE, rtol=1e-9)


@pytest.mark.parametrize(
    ("name", "half_life"),
    [("volatility_over_base", 2.0), ("volatility_over_base", 120.0), ("base_volatility_over_long", 500.0)],
)
def test_returns_of_one_size_have_volatility_ratios_of_one(table, name, half_life):
    np.testing.assert_allclose(column(table, name, half_life)[20:], 0.0, atol=1e-6)


def test_last_return_is_the_asinh_of_the_return_over_the_volatility_before_it(table):
    expected = np.arcsinh(1.0) * np.stack([signs(1, -1), signs(1), signs(-1, 1)], axis=1)
    np.testing.assert_allclose(column(table, "last_return", 0.0)[21:], expected[20:], rtol=1e-5)


def test_tail_weight_of_returns_of_one_size_is_one_against_the_normal_laws_0_8(table):
    np.testing.assert_allclose(column(table, "tail_weight", 60.0)[20:], 0.2, atol=1e-6)


@pytest.mark.parametrize("half_life", [5.0, 30.0])
def test_downside_share_is_the_weight_of_losses_less_a_half(table, half_life):
    weights = 0.5 ** (np.arange(119, -1, -1) / half_life)
    losses = weights[signs(1, -1) < 0].sum() / weights.sum()
    expected = [losses - 0.5, -0.5, (1.0 - losses) - 0.5]
    np.testing.assert_allclose(column(table, "downside_share", half_life)[-1], expected, atol=1e-6)


@pytest.mark.parametrize("half_life", [3.0, 20.0, 120.0])
def test_trend_is_the_weighted_mean_return_over_its_standard_deviation(table, half_life):
    """Of independent unit returns the infinite weighted mean has variance (1 - d) / (1 + d), close to ln 2 / (2 h)."""
    weights = 0.5 ** (np.arange(119, -1, -1) / half_life)
    standardised = np.stack([signs(1, -1), signs(1), signs(-1, 1)], axis=1).astype(float)
    standardised[0] = 0.0  # no volatility is known before the first return
    expected = weights @ standardised / weights.sum() * np.sqrt(2.0 * half_life / np.log(2.0))
    np.testing.assert_allclose(column(table, "trend", half_life)[-1], expected, rtol=1e-4)


def test_volatility_after_a_jump_in_size_is_the_decayed_mean_of_squares():
    returns = np.where(np.arange(100) < 80, SIZE, 3.0 * SIZE)[:, None]
    table = feature_table(panel_of_closes(closes_of(returns)))
    weights = 0.5 ** (np.arange(99, -1, -1) / 11.2)
    expected = np.sqrt(weights @ returns[:, 0] ** 2 / weights.sum())
    assert table.scale[-1, 0] == pytest.approx(expected, rel=1e-9)
    fast = 0.5 ** (np.arange(99, -1, -1) / 2.0)
    ratio = np.log(np.sqrt(fast @ returns[:, 0] ** 2 / fast.sum()) / expected)
    assert column(table, "volatility_over_base", 2.0)[-1, 0] == pytest.approx(ratio, rel=1e-5)


def test_unchanged_closes_lower_the_volatility_to_a_tenth_of_the_long_one_and_no_further():
    returns = np.where(np.arange(300) < 100, SIZE, 0.0)[:, None]
    table = feature_table(panel_of_closes(closes_of(returns)))
    weights = 0.5 ** (np.arange(299, -1, -1) / 500.0)
    assert table.scale[-1, 0] == pytest.approx(0.1 * np.sqrt(weights @ returns[:, 0] ** 2 / weights.sum()), rel=1e-9)


def test_a_return_over_several_bars_enters_as_its_share_of_one_bar():
    returns = SIZE * signs(1, -1)[:, None].astype(float)
    returns[80] *= 2.0  # over four bars twice the size is ordinary
    gapped = np.insert(closes_of(returns), [81, 81, 81], np.nan, axis=0)
    table = feature_table(panel_of_closes(gapped))
    np.testing.assert_allclose(table.scale[20:][table.valid[20:]], SIZE, rtol=1e-9)
    assert not table.valid[81:84].any() and table.valid[84, 0]
