"""Features know the past only, bit for bit, and measure what they say."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from quantdl.features import FeatureTable, decayed_mean, feature_table
from quantdl.market.panel import Panel
from quantdl.market.sources import load_sp500
from quantdl.simulation import panel_of_closes
from tests.panels import closes_of, heavy_tailed_returns, ragged_closes

PAST = 320


@pytest.fixture(scope="module")
def ragged() -> np.ndarray:
    return ragged_closes(PAST + 40, 5, seed=0)


@pytest.fixture(scope="module")
def known(ragged) -> FeatureTable:
    """What is known at the close of the last past session."""
    return feature_table(panel_of_closes(ragged[:PAST]))


def assert_same_past(longer: FeatureTable, shorter: FeatureTable) -> None:
    """Equal bit for bit, not-a-numbers included."""
    bars = len(shorter.valid)
    assert longer.features == shorter.features
    for name in ("values", "scale", "valid"):
        assert getattr(longer, name)[:bars].tobytes() == getattr(shorter, name).tobytes(), name


FUTURES = {
    "as it came": lambda future: future,
    "flat": lambda future: np.full_like(future, 100.0),
    "zero": lambda future: np.zeros_like(future),
    "a gap": lambda future: np.full_like(future, np.nan),
    "a crash": lambda future: future * 1e-12,
    "an explosion": lambda future: future * np.logspace(0, 300, len(future))[:, None],
    "shuffled": lambda future: np.random.default_rng(0).permutation(future),
    "one trade after a long gap": lambda future: np.where(np.arange(len(future))[:, None] == 30, future, np.nan),
}


@pytest.mark.parametrize("future", FUTURES.values(), ids=FUTURES.keys())
def test_no_future_changes_a_past_value(ragged, known, future):
    closes = np.concatenate([ragged[:PAST], future(ragged[PAST:])])
    assert_same_past(feature_table(panel_of_closes(closes)), known)


def test_the_table_of_every_prefix_is_the_prefix_of_the_table(ragged):
    panel = panel_of_closes(ragged)
    whole = feature_table(panel)
    for bars in (1, 2, 19, 20, 21, 22, 50, 104, 107, 120, 127, 128, 129, 200, 223, 250, 255, 256, 257, 300, 359):
        assert_same_past(whole, feature_table(panel.until(panel.sessions[bars - 1])))


def test_prefixes_of_the_bundled_stocks_have_the_same_features():
    panel = load_sp500()
    whole = feature_table(panel)
    assert whole.valid.mean() > 0.9
    for session in ("1990-03-01", "1995-01-03", "2001-09-10", "2008-10-10", "2020-03-16"):
        assert_same_past(whole, feature_table(panel.until(session)))


def test_a_listing_in_the_future_changes_no_past_of_others(ragged):
    listed_later = ragged.copy()
    listed_later[:200, 3] = np.nan
    never_listed = ragged.copy()
    never_listed[:, 3] = np.nan
    with_listing, without = (feature_table(panel_of_closes(closes)) for closes in (listed_later, never_listed))
    assert with_listing.valid[200:, 3].any() and not without.valid[:, 3].any()
    others = [0, 1, 2, 4]
    np.testing.assert_array_equal(with_listing.values[:200, others], without.values[:200, others])
    np.testing.assert_array_equal(with_listing.scale[:200], without.scale[:200])


@pytest.mark.parametrize("factor", [0.01, 100.0])
def test_returns_in_other_units_give_the_same_features(factor):
    returns = heavy_tailed_returns(150, 3, seed=1)
    table, scaled = (feature_table(panel_of_closes(closes_of(item))) for item in (returns, factor * returns))
    np.testing.assert_allclose(scaled.values, table.values, atol=2e-5)
    np.testing.assert_allclose(scaled.scale, factor * table.scale, rtol=1e-9)


def test_what_is_not_valid_is_zero_and_has_no_scale(known):
    assert not known.values[~known.valid].any()
    assert np.isnan(known.scale[~known.valid]).all()
    assert np.isfinite(known.values).all() and (known.scale[known.valid] > 0).all()


def test_a_value_needs_a_trade_today_and_twenty_returns_behind_it(ragged, known):
    returns = np.isfinite(panel_of_closes(ragged[:PAST]).log_returns())
    np.testing.assert_array_equal(known.valid, returns & (np.cumsum(returns, axis=0) >= 20))


def test_an_asset_that_never_moved_is_not_valid():
    closes = closes_of(heavy_tailed_returns(60, 2, seed=2))
    closes[:, 1] = 100.0
    assert not feature_table(panel_of_closes(closes)).valid[:, 1].any()


# The decayed mean against its definition.


@given(
    arrays.arrays(np.float64, st.integers(1, 60), elements=st.floats(-1e3, 1e3)),
    st.floats(0.5, 500.0),
)
def test_decayed_mean_is_the_weighted_mean_with_halving_weights(values, half_life):
    expected = [
        np.average(values[: bar + 1], weights=0.5 ** (np.arange(bar, -1, -1) / half_life)) for bar in range(len(values))
    ]
    np.testing.assert_allclose(decayed_mean(values, half_life), expected, rtol=1e-9, atol=1e-9)


def test_decayed_mean_by_hand():
    # Weights 1; 1/3, 2/3; 1/7, 2/7, 4/7.
    np.testing.assert_allclose(decayed_mean(np.array([3.0, 0.0, 7.0]), 1.0), [3.0, 1.0, 1 / 3 * 0 + 3 / 7 + 4.0])


def test_decayed_mean_keeps_further_axes_apart():
    values = np.random.default_rng(0).normal(size=(30, 2, 3))
    whole = decayed_mean(values, 7.0)
    np.testing.assert_array_equal(whole[:, 1, 2], decayed_mean(values[:, 1, 2], 7.0))


# Columns in closed form. Returns of equal size make every decayed mean of squares that size squared.

SIZE = 0.01


def column(table: FeatureTable, name: str, half_life: float) -> np.ndarray:
    (number,) = [n for n, item in enumerate(table.features) if (item.name, item.half_life_bars) == (name, half_life)]
    return table.values[:, :, number]


def signs(*pattern: int, length: int = 120) -> np.ndarray:
    return np.resize(pattern, length)


@pytest.fixture(scope="module")
def table() -> FeatureTable:
    """Three assets: alternating, always up, and the first one's mirror image."""
    returns = SIZE * np.stack([signs(1, -1), signs(1), signs(-1, 1)], axis=1)
    return feature_table(panel_of_closes(closes_of(returns)))


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


def test_market_columns_average_over_the_assets(table):
    """The mirror images cancel, so the market moves a third of the one that always rises."""
    np.testing.assert_allclose(column(table, "market_return", 0.0)[21:], np.arcsinh(1.0 / 3.0), rtol=1e-5)
    np.testing.assert_allclose(column(table, "market_surprise", 0.0)[21:], 0.0, atol=1e-5)
    # The market's columns start with the first valid bar; half-lives of five bars have forgotten that after ninety.
    np.testing.assert_allclose(column(table, "co_movement", 5.0)[-1], np.log(1.0 / 9.0), rtol=1e-4)


def test_assets_that_move_as_one_have_full_co_movement_and_correlation():
    returns = heavy_tailed_returns(200, 1, seed=3) * np.ones((1, 4))
    table = feature_table(panel_of_closes(closes_of(returns)))
    for half_life in (5.0, 20.0, 80.0):
        np.testing.assert_allclose(column(table, "co_movement", half_life)[20:], 0.0, atol=1e-5)
    np.testing.assert_allclose(column(table, "correlation_with_market", 80.0)[20:], 1.0, atol=1e-5)


def test_an_asset_that_mirrors_the_market_has_correlation_minus_one():
    returns = heavy_tailed_returns(200, 1, seed=3) * np.array([1.0, 1.0, 1.0, -1.0])
    table = feature_table(panel_of_closes(closes_of(returns)))
    np.testing.assert_allclose(column(table, "correlation_with_market", 20.0)[20:, 3], -1.0, atol=1e-5)


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


def test_days_to_the_next_session_are_those_of_the_exchanges_own_year():
    panel = panel_of_closes(closes_of(heavy_tailed_returns(440, 1, seed=4)))
    days = np.exp(column(feature_table(panel), "days_closed_ahead", 0.0)[:, 0])
    expected = {"2000-02-17": 1, "2000-02-18": 4, "2000-04-20": 4, "2000-07-03": 2, "2000-11-22": 2, "2001-09-10": 1}
    for session, gap in expected.items():  # Presidents' Day, Good Friday, the 4th, Thanksgiving; nobody foresaw 9/11
        assert days[panel.sessions.get_loc(session)] == pytest.approx(gap, rel=1e-5)


def test_every_feature_declares_its_look_back_and_stands_once(known):
    keys = [(item.name, item.half_life_bars) for item in known.features]
    assert len(set(keys)) == len(keys) == known.values.shape[-1]
    assert all(half_life >= 0 for _, half_life in keys)


@pytest.fixture(scope="module")
def one_outlier() -> Panel:
    closes = closes_of(heavy_tailed_returns(120, 2, seed=5))
    closes[80:, 0] *= 1e8
    return panel_of_closes(closes)


def test_one_absurd_return_leaves_every_feature_bounded(one_outlier):
    assert np.abs(feature_table(one_outlier).values).max() < 100.0
