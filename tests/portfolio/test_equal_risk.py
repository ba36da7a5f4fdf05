"""Equal contributions to risk: by closed forms, by a linear program over the tail, by skfolio, at any scale."""

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from scipy.optimize import linprog

from quantdl.portfolio import equal_risk_weights, risk_contributions
from tests.portfolio.books import market, shortfall


def drawn_with(covariance, n_draws=4000):
    """Log returns whose simple returns have exactly this covariance and a mean of zero."""
    noise = np.random.default_rng(8).standard_normal((n_draws, len(covariance)))
    noise -= noise.mean(axis=0)
    noise = np.linalg.solve(np.linalg.cholesky(noise.T @ noise / (n_draws - 1)), noise.T).T
    return np.log1p(noise @ np.linalg.cholesky(covariance).T)


def test_two_assets_weigh_by_inverse_volatility_whatever_their_correlation():
    for correlation in (-0.7, 0.0, 0.9):
        a, b = 0.01, 0.025
        draws = drawn_with(np.array([[a * a, correlation * a * b], [correlation * a * b, b * b]]))
        np.testing.assert_allclose(equal_risk_weights(draws), [b / (a + b), a / (a + b)], rtol=1e-8)


def test_assets_of_one_correlation_weigh_by_inverse_volatility():
    """Maillard, Roncalli and Teiletche (2010), equation 6."""
    deviations = np.array([0.01, 0.02, 0.03, 0.015])
    draws = drawn_with(np.outer(deviations, deviations) * (0.4 + 0.6 * np.eye(4)))
    np.testing.assert_allclose(equal_risk_weights(draws), (1 / deviations) / (1 / deviations).sum(), rtol=1e-8)


def test_shares_of_risk_of_two_uncorrelated_assets():
    """Without correlation weights go by the root of the share over the volatility."""
    draws = drawn_with(np.diag([0.01**2, 0.02**2]))
    raw = np.sqrt([0.8, 0.2]) / [0.01, 0.02]
    np.testing.assert_allclose(
        equal_risk_weights(draws, shares_of_risk=np.array([8.0, 2.0])), raw / raw.sum(), rtol=1e-8
    )


@pytest.mark.parametrize("n_assets", [2, 9, 40])
def test_contributions_to_volatility_are_equal(n_assets):
    draws = market(3000, n_assets, n_assets)
    weights = equal_risk_weights(draws)
    parts = risk_contributions(weights, draws)
    np.testing.assert_allclose(parts, parts.mean(), rtol=1e-8)
    assert parts.sum() == pytest.approx((np.expm1(draws) @ weights).std(ddof=1), rel=1e-12)
    assert weights.sum() == pytest.approx(1.0, abs=1e-12) and weights.min() > 0


def widest_contributions(weights, draws, level):
    """The least relative gap between contributions over all averages of the tail that give the shortfall, by scipy.

    Each draw counts at most 1 / (S (1 - level)), all together one, and the average loss is the shortfall.
    """
    losses = -np.expm1(draws) * weights
    book, n = losses.sum(axis=1), len(losses)
    near = np.abs(book - np.quantile(book, level)) < 0.2 * book.std()
    sure = ~near & (book > np.quantile(book, level))
    most = 1 / (n * (1 - level))
    fixed, rest = most * losses[sure].sum(axis=0), losses[near]
    unit = shortfall(draws, weights, level)
    # unknown: weights of the draws near the edge, and the largest gap
    above = np.hstack([rest.T / unit, -np.ones((losses.shape[1], 1))])
    below = np.hstack([-rest.T / unit, -np.ones((losses.shape[1], 1))])
    equal = 1 / losses.shape[1]
    solved = linprog(
        np.append(np.zeros(len(rest)), 1.0),
        A_ub=np.vstack([above, below, np.append(-rest.sum(axis=1) / unit, 0.0)]),
        b_ub=np.concatenate([equal - fixed / unit, fixed / unit - equal, [fixed.sum() / unit - 1 + 1e-8]]),
        A_eq=np.append(np.ones(len(rest)), 0.0)[None],
        b_eq=[1 - most * sure.sum()],
        bounds=[(0, most)] * len(rest) + [(0, None)],
    )
    assert solved.success
    return solved.x[-1] * losses.shape[1]


@pytest.mark.parametrize(("level", "n_assets"), [(0.95, 6), (0.975, 12), (0.99, 3)])
def test_contributions_to_the_shortfall_are_equal(level, n_assets):
    draws = market(2000, n_assets, 3)
    weights = equal_risk_weights(draws, level)
    assert widest_contributions(weights, draws, level) < 1e-6
    tilted = weights * np.linspace(0.99, 1.01, n_assets)
    assert widest_contributions(tilted / tilted.sum(), draws, level) > 1e-3


def test_with_many_draws_the_mean_losses_of_the_tail_are_equal():
    draws = market(100_000, 5, 6)
    parts = risk_contributions(equal_risk_weights(draws, 0.95), draws, 0.95)
    np.testing.assert_allclose(parts, parts.mean(), rtol=2e-3)


@pytest.mark.parametrize("level", [None, 0.9])
def test_the_optimum_is_unique(level):
    """No other book, near or far, has a smaller risk less the mean of the logarithms."""
    draws = market(1000, 5, 9)
    weights = equal_risk_weights(draws, level)

    def objective(book):
        book = book / (risk(book) if level is not None else np.sqrt(risk(book) * 2))
        return risk(book) - np.log(book).mean()

    def risk(book):
        return shortfall(draws, book, level) if level is not None else (np.expm1(draws) @ book).var(ddof=1) / 2

    generator = np.random.default_rng(1)
    others = [weights * np.exp(size * generator.standard_normal(5)) for size in (0.01, 0.1, 1.0) for _ in range(30)]
    assert all(objective(other) > objective(weights) for other in others)


UNITS = st.lists(st.floats(0.2, 5), min_size=4, max_size=4)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10_000), st.permutations(range(4)), st.sampled_from([None, 0.9]), UNITS)
def test_order_and_units_of_assets_do_not_matter(seed, order, level, units):
    """Twice the return of an asset is half of its weight."""
    draws, units = market(400, 4, seed), np.array(units)
    weights = equal_risk_weights(draws, level)
    np.testing.assert_allclose(equal_risk_weights(draws[:, order], level), weights[list(order)], rtol=1e-6)
    scaled = equal_risk_weights(np.log1p(np.expm1(draws) * 0.2 * units), level)
    np.testing.assert_allclose(scaled, (weights / units) / (weights / units).sum(), rtol=1e-6)


def test_what_cannot_be_held_gets_nothing():
    draws = market(500, 4, 2)
    draws[:, 1] = 0.0
    draws[3, 2] = np.nan
    for level in (None, 0.95):
        weights = equal_risk_weights(draws, level)
        assert weights[[1, 2]].tolist() == [0.0, 0.0]
        np.testing.assert_allclose(weights[[0, 3]], equal_risk_weights(draws[:, [0, 3]], level), rtol=1e-9)
    assert equal_risk_weights(np.full((30, 2), np.nan)).tolist() == [0.0, 0.0]


def test_a_single_asset_is_all_of_the_book():
    assert equal_risk_weights(market(100, 1, 0), 0.9).tolist() == [1.0]


@pytest.mark.parametrize("level", [None, 0.9])
def test_assets_that_hedge_each_other_have_no_such_book(level):
    up = np.expm1(market(100, 1, 0))
    with pytest.raises(ValueError, match="hedge each other"):
        equal_risk_weights(np.log1p(np.hstack([up, -up])), level)


def test_an_asset_that_gains_in_all_of_its_tail_has_no_such_book():
    draws = market(100, 2, 0)
    draws[:, 1] = 0.01 + np.abs(draws[:, 1])
    with pytest.raises(ValueError, match="no risk"):
        equal_risk_weights(draws, 0.9)


@pytest.mark.parametrize(
    ("level", "shares", "words"),
    [(1.0, None, "level"), (0.999, None, "at least 1000 losses"), (None, [-1.0, 1.0], "shares_of_risk")],
)
def test_arguments_out_of_range_are_refused(level, shares, words):
    with pytest.raises(ValueError, match=words):
        equal_risk_weights(market(100, 2, 0), level, None if shares is None else np.array(shares))


@pytest.mark.slow
@pytest.mark.parametrize("level", [None, 0.95])
def test_books_agree_with_skfolio(level):
    from skfolio import RiskMeasure
    from skfolio.optimization import RiskBudgeting

    draws = market(1500, 6, 7)
    measure = RiskMeasure.VARIANCE if level is None else RiskMeasure.CVAR
    extra = {} if level is None else {"cvar_beta": level}
    model = RiskBudgeting(risk_measure=measure, **extra)
    model.fit(np.expm1(draws))
    np.testing.assert_allclose(equal_risk_weights(draws, level), model.weights_, atol=2e-5)
