"""Factors of the trailing correlation: causal, and they find what was planted."""

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from quantdl.market.sources import load_sp500
from quantdl.relations.factors import pairwise_correlation, principal_factors, trailing_factors
from tests.panels import heavy_tailed_returns, ragged_closes


def correlation_of(loadings: np.ndarray) -> np.ndarray:
    """What factors and noise of unit variance imply."""
    covariance = loadings @ loadings.T + np.eye(len(loadings))
    size = np.sqrt(np.diag(covariance))
    return covariance / np.outer(size, size)


def factor_returns(loadings: np.ndarray, n_bars: int, seed: int) -> np.ndarray:
    generator = np.random.default_rng(seed)
    factors, noise = generator.normal(size=(n_bars, loadings.shape[1])), generator.normal(size=(n_bars, len(loadings)))
    sizes = generator.uniform(0.005, 0.05, len(loadings))  # volatilities differ and must play no part
    return (factors @ loadings.T + noise) * sizes


def planted_loadings(assets: int, factors: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(assets, factors))


@settings(max_examples=30)
@given(st.integers(0, 10**6), st.integers(1, 4))
def test_the_correlation_of_planted_loadings_is_recovered_exactly(seed, factors):
    correlation = correlation_of(planted_loadings(25, factors, seed))
    np.testing.assert_allclose(correlation_of(principal_factors(correlation, factors)), correlation, atol=1e-3)


@settings(max_examples=30)
@given(st.integers(0, 10**6))
def test_one_planted_factor_is_recovered_up_to_its_sign(seed):
    loadings = np.random.default_rng(seed).uniform(0.3, 2.0, size=(10, 1))
    found = principal_factors(correlation_of(loadings), 1)
    np.testing.assert_allclose(found * np.sign(found[0]), loadings, rtol=1e-5)


def test_the_largest_factor_comes_first():
    found = principal_factors(correlation_of(planted_loadings(20, 3, seed=1) * [0.5, 2.0, 1.0]), 3)
    scaled = found / np.sqrt(1.0 + (found**2).sum(axis=1, keepdims=True))
    shares = (scaled**2).sum(axis=0)
    assert (np.diff(shares) < 0).all()


def test_an_asset_apart_from_all_others_has_no_loadings():
    correlation = np.eye(6)
    correlation[:4, :4] = 0.5 + 0.5 * np.eye(4)
    found = principal_factors(correlation, 4)
    np.testing.assert_allclose(found[4:], 0.0, atol=1e-9)
    np.testing.assert_allclose(correlation_of(found)[:4, :4], correlation[:4, :4], atol=1e-4)


@pytest.mark.parametrize("assets", [1, 2, 3])
def test_more_factors_than_assets_leave_columns_empty(assets):
    found = principal_factors(correlation_of(np.ones((assets, 1))), 4)
    assert found.shape == (assets, 4)
    assert not found[:, assets:].any() and np.isfinite(found).all()


def test_identical_assets_keep_some_noise_of_their_own():
    found = principal_factors(np.ones((5, 5)), 2)
    assert correlation_of(found)[0, 1] == pytest.approx(0.98, abs=1e-6)


def test_correlation_is_the_mean_product_over_the_shared_bars():
    scores = heavy_tailed_returns(300, 4, seed=2)
    scores[np.random.default_rng(3).random(scores.shape) < 0.2] = np.nan
    found = pairwise_correlation(scores)
    for first, second in ((0, 1), (2, 3), (3, 0)):
        a, b = scores[np.isfinite(scores[:, [first, second]]).all(axis=1)][:, [first, second]].T
        assert found[first, second] == pytest.approx(a @ b / np.sqrt(a @ a * (b @ b)))
    np.testing.assert_array_equal(np.diag(found), 1.0)
    np.testing.assert_allclose(found, found.T)


def test_pairs_with_fewer_than_sixty_shared_bars_count_as_uncorrelated():
    scores = np.repeat(heavy_tailed_returns(200, 1, seed=4), 3, axis=1)
    scores[60:, 1], scores[59:, 2] = np.nan, np.nan
    found = pairwise_correlation(scores)
    assert found[0, 1] == pytest.approx(1.0) and found[0, 2] == 0.0


def test_trailing_factors_recover_planted_correlations():
    loadings = planted_loadings(12, 2, seed=5)
    found = trailing_factors(factor_returns(loadings, 2000, seed=6), n_factors=2, half_lives=(2000.0,)).at(
        np.array([1999])
    )
    error = correlation_of(found[0]) - correlation_of(loadings)
    assert np.abs(error).max() < 0.08  # sampling error near 1 / sqrt(2000) = 0.022, and asinh shrinks a little


def test_trailing_factors_follow_a_change_within_a_few_half_lives():
    one, other = np.repeat([[1.5], [0.0]], 6, axis=0), np.repeat([[0.0], [1.5]], 6, axis=0)
    returns = np.concatenate([factor_returns(one, 600, seed=7), factor_returns(other, 600, seed=8)])
    factors = trailing_factors(returns, n_factors=1, half_lives=(100.0,))
    before, after = np.abs(factors.at(np.array([599, 1199]))[:, :, 0])
    assert before[:6].min() > 1.0 > 0.5 > before[6:].max()
    assert after[6:].min() > 1.0 > 0.5 > after[:6].max()


def test_one_common_crash_day_makes_no_correlation():
    returns = heavy_tailed_returns(500, 8, seed=9)
    returns[250] = -0.4
    assert np.corrcoef(returns.T)[0, 1] > 0.6  # what the raw returns would say
    found = trailing_factors(returns, n_factors=1).at(np.array([499]))
    assert correlation_of(found[0])[0, 1:].max() < 0.25


@pytest.fixture(scope="module", params=["simulated", "bundled"])
def returns(request) -> np.ndarray:
    if request.param == "bundled":
        return load_sp500().log_returns()[:2500]
    closes = ragged_closes(900, 5, seed=10)
    closes[:700, 4] = np.nan  # listed late
    return np.vstack([np.full(5, np.nan), np.diff(np.log(closes), axis=0)])


@pytest.fixture(scope="module")
def whole(returns):
    return trailing_factors(returns)


@pytest.mark.parametrize("bars", [1, 100, 499, 500, 501, 520, 521, 522, 777, 899])
def test_a_prefix_has_the_factors_it_had(returns, whole, bars):
    prefix = trailing_factors(returns[:bars])
    axis = np.arange(bars)
    assert whole.at(axis).tobytes() == prefix.at(axis).tobytes()


def test_no_future_changes_past_factors(returns):
    changed = returns.copy()
    changed[600:] = np.where(np.arange(len(returns) - 600)[:, None] % 7 == 0, np.nan, -3.0 * returns[600:][::-1])
    axis = np.arange(600)
    assert trailing_factors(returns).at(axis).tobytes() == trailing_factors(changed).at(axis).tobytes()


def with_dead_sessions(returns: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns with a session on which nothing returns after every fifth, and the rows of the others."""
    rows = np.arange(6 * len(returns) // 5)
    rows = rows[rows % 6 != 5]
    wide = np.full((6 * len(returns) // 5, returns.shape[1]), np.nan)
    wide[rows] = returns[: len(rows)]
    return wide, rows


def test_sessions_on_which_nothing_returns_change_no_bit_of_the_factors(returns):
    returns = returns[:900]
    wide, rows = with_dead_sessions(returns)
    found = trailing_factors(wide)
    assert found.at(rows).any()
    assert found.at(rows).tobytes() == trailing_factors(returns).at(np.arange(900)).tobytes()
    np.testing.assert_array_equal(found.at(np.arange(5, len(wide), 6)), found.at(np.arange(4, len(wide), 6)))


def test_nothing_is_known_in_the_first_year():
    factors = trailing_factors(factor_returns(planted_loadings(4, 1, seed=11), 600, seed=12), n_factors=1)
    first = 19 + 250  # scores begin with the twentieth return; the first estimate reads 251 of them
    assert not factors.at(np.arange(first)).any()
    assert factors.at(np.array([first])).any()


def test_estimates_hold_until_the_next_refresh():
    factors = trailing_factors(factor_returns(planted_loadings(4, 1, 13), 700, 14), refresh_bars=21)
    np.testing.assert_array_equal(factors.refreshed[[268, 269, 289, 290, 310, 311]], [0, 1, 1, 2, 2, 3])


def test_an_asset_with_too_little_history_has_no_loadings(returns):
    short = returns.copy()
    short[:850, 1] = np.nan  # 50 bars at most up to bar 899
    found = trailing_factors(short[:900]).at(np.array([899]))[0]
    np.testing.assert_allclose(found[1], 0.0, atol=1e-7)
    assert np.abs(found[0]).max() > 0.0


def test_many_assets_have_the_loadings_that_all_eigenvectors_give():
    """Principal axis factoring by numpy's full decomposition, written down again."""
    loadings = planted_loadings(240, 3, seed=15)
    correlation = pairwise_correlation(factor_returns(loadings, 400, seed=16))
    scaled, shared = np.zeros((240, 3)), np.abs(correlation - np.eye(240)).max(axis=1)
    for _ in range(50):
        values, vectors = np.linalg.eigh(correlation - np.diag(1 - shared))
        scaled = vectors[:, -3:] * np.sqrt(values[-3:])
        shared = np.minimum((scaled**2).sum(axis=1), 0.98)
    found = principal_factors(correlation, 3)
    expected = scaled @ scaled.T
    own = np.sqrt(1 - np.diag(expected))
    np.testing.assert_allclose(found @ found.T, expected / np.outer(own, own), atol=1e-7)


def test_many_assets_without_any_correlation_have_no_loadings():
    np.testing.assert_array_equal(principal_factors(np.eye(240), 3), 0.0)


def test_a_prefix_of_many_assets_has_the_factors_it_had():
    returns = factor_returns(planted_loadings(230, 2, seed=17), 560, seed=18)
    returns[np.random.default_rng(19).random(returns.shape) < 0.05] = np.nan
    whole, prefix = trailing_factors(returns), trailing_factors(returns[:530])
    axis = np.arange(530)
    assert whole.at(axis).any()
    assert whole.at(axis).tobytes() == prefix.at(axis).tobytes()


def test_sector_factors_recover_planted_correlations_that_the_market_alone_does_not():
    sectors = np.repeat(np.arange(4), 5)
    loadings = np.column_stack([np.full(20, 0.8), 0.7 * (sectors[:, None] == np.arange(4))])
    returns = factor_returns(loadings, 1500, seed=20)
    alone, found = (
        trailing_factors(returns, n_factors=1, half_lives=(1500.0,), groups=groups).at(np.array([1499]))[0]
        for groups in (None, sectors[:, None])
    )
    assert found.shape == (20, 5)
    together = (sectors[:, None] == sectors) & ~np.eye(20, dtype=bool)
    errors = [np.abs(correlation_of(item) - correlation_of(loadings))[together].mean() for item in (alone, found)]
    assert errors[1] < 0.04 < 0.1 < errors[0]  # sampling error near 1 / sqrt(1500) = 0.026


@pytest.fixture(scope="module")
def market_of_sectors() -> tuple[np.ndarray, np.ndarray]:
    """Returns of twelve assets with gaps, two of them listed late, and their groups at two depths."""
    outer, inner = np.repeat([0, 1], 6), np.repeat([0, -1, 1, -1], 3)
    sectors = (outer[:, None] == np.arange(2)) * 0.8 + (inner[:, None] == np.arange(2)) * 0.5
    returns = factor_returns(np.column_stack([np.linspace(0.5, 1.0, 12), sectors]), 700, seed=21)
    returns[np.random.default_rng(22).random(returns.shape) < 0.05] = np.nan
    returns[:400, [2, 7]] = np.nan
    return returns, np.column_stack([outer, inner])


@pytest.mark.parametrize("bars", [300, 501, 622])
def test_a_prefix_has_the_sector_factors_it_had(market_of_sectors, bars):
    returns, groups = market_of_sectors
    whole, prefix = (trailing_factors(item, 1, groups=groups) for item in (returns, returns[:bars]))
    axis = np.arange(bars)
    assert whole.loadings.shape[2] == 5 and whole.loadings[:, :, 1:].any(axis=(0, 1)).all()
    assert whole.at(axis)[:, :, 1:].any()
    assert whole.at(axis).tobytes() == prefix.at(axis).tobytes()


def test_sector_factors_follow_the_assets_in_any_order(market_of_sectors):
    returns, groups = market_of_sectors
    order = np.random.default_rng(23).permutation(12)
    straight = trailing_factors(returns, 1, groups=groups).at(np.array([699]))[0]
    permuted = trailing_factors(returns[:, order], 1, groups=groups[order]).at(np.array([699]))[0]
    np.testing.assert_allclose(permuted, straight[order], atol=1e-4)
