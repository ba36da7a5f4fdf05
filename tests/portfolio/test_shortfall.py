"""The weights of least shortfall against closed forms, brute force and another program."""

import numpy as np
import pytest

from quantdl.portfolio import InfeasibleError, TradingTerms, least_shortfall_weights, mean_shortfall_weights
from tests.portfolio import reference
from tests.portfolio.books import limits, market, random_problem, shortfall, terms


def test_least_shortfall_beats_every_book_tried():
    draws, cap = market(800, 4, 1), 0.6
    best = least_shortfall_weights(draws, 0.9, limits(4, cap), terms(4))
    assert best.sum() == pytest.approx(1.0)
    least = shortfall(draws, best, 0.9)
    tried = np.random.default_rng(2).dirichlet(np.ones(4), 3000)
    near = np.clip(best + 0.02 * np.random.default_rng(3).normal(size=(3000, 4)), 0, None)
    for weights in (*tried, *(near / near.sum(axis=1, keepdims=True))):
        if weights.max() <= cap:
            assert shortfall(draws, weights, 0.9) >= least - 1e-12


def test_least_shortfall_solves_the_program_of_rockafellar_and_uryasev():
    """The primal program, one row per draw, solved by an interior-point method, has the same value."""
    from scipy.optimize import linprog

    n_draws, n_assets, level, cost = 300, 5, 0.9, 0.002
    draws, current = market(n_draws, n_assets, 4), np.array([0.5, 0.1, 0.1, 0.1, 0.0])
    bound = limits(n_assets, 0.4, 0.7, 2)
    returns, eye = np.expm1(draws), np.eye(n_assets)
    tail = np.full(n_draws, 1 / ((1 - level) * n_draws))
    losses = np.hstack([-returns, returns, -np.ones((n_draws, 1)), -np.eye(n_draws)])
    zeros = np.zeros((n_assets, 1 + n_draws))
    groups = np.equal.outer(np.arange(2), bound.group_of).astype(float)
    group_rows = np.hstack([groups, -groups, np.zeros((2, 1 + n_draws))])
    solved = linprog(
        np.concatenate([np.full(2 * n_assets, cost), [1.0], tail]),
        A_ub=np.vstack([losses, np.hstack([eye, -eye, zeros]), np.hstack([-eye, eye, zeros]), group_rows]),
        b_ub=np.concatenate([returns @ current, 0.4 - current, current, 0.7 - groups @ current]),
        A_eq=np.concatenate([np.ones(n_assets), -np.ones(n_assets), np.zeros(1 + n_draws)])[None],
        b_eq=[1 - current.sum()],
        bounds=[(0, None)] * (2 * n_assets) + [(None, None)] + [(0, None)] * n_draws,
        method="highs-ipm",
    )
    weights = least_shortfall_weights(draws, level, bound, terms(n_assets, cost, 0.0, current))
    value = shortfall(draws, weights, level) + cost * np.abs(weights - current).sum()
    assert value == pytest.approx(solved.fun, abs=1e-8)
    assert (weights <= 0.4 + 1e-9).all()
    assert (bound.group_sums(weights) <= 0.7 + 1e-9).all()


def test_two_normal_assets_get_the_closed_form():
    """With normal returns shortfall is a multiple of volatility, so the best book has the least variance."""
    generator = np.random.default_rng(5)
    half = 1e-3 * generator.standard_normal((100_000, 2)) * [1.0, 2.0]
    draws = np.log1p(np.vstack([half, -half]))
    weights = least_shortfall_weights(draws[::4], 0.5, limits(2), terms(2))
    assert weights == pytest.approx([0.8, 0.2], abs=0.01)


def test_a_penalty_keeps_the_book_where_it_is():
    draws, current = market(500, 4, 6), np.full(4, 0.25)
    moved = [
        np.abs(least_shortfall_weights(draws, 0.9, limits(4), terms(4, 0.001, penalty, current)) - current).sum()
        for penalty in (0.0, 0.002, 1.0)
    ]
    assert moved[0] > moved[1] > moved[2]
    assert moved[2] == pytest.approx(0, abs=1e-9)


def test_an_absent_asset_gets_nothing():
    draws = market(400, 3, 7)
    draws[:, 1] = np.nan
    weights = least_shortfall_weights(draws, 0.9, limits(3), terms(3))
    assert weights[1] == 0
    assert weights.sum() == pytest.approx(1.0)
    assert least_shortfall_weights(np.full((10, 3), np.nan), 0.9, limits(3), terms(3)).tolist() == [0, 0, 0]


def test_caps_without_room_leave_cash():
    weights = least_shortfall_weights(market(300, 3, 8), 0.9, limits(3, 0.2), terms(3))
    np.testing.assert_allclose(weights, 0.2, rtol=1e-9)


@pytest.mark.parametrize(
    ("level", "invested", "words"),
    [(1.0, 1.0, "level"), (0.9, 1.5, "invested"), (0.9, 0.0, "invested")],
)
def test_least_shortfall_checks_what_it_is_given(level, invested, words):
    with pytest.raises(ValueError, match=words):
        least_shortfall_weights(market(50, 2, 0), level, limits(2, long_only=False), terms(2), invested)


@pytest.mark.parametrize("cap", ["max_gross", "max_net"])
def test_caps_on_the_whole_book_without_room_leave_cash(cap):
    draws, bound = market(300, 3, 8), limits(3, **{cap: 0.8})
    weights = least_shortfall_weights(draws, 0.9, bound, terms(3))
    assert weights.sum() == pytest.approx(0.8)
    np.testing.assert_allclose(weights / 0.8, least_shortfall_weights(draws, 0.9, limits(3), terms(3)), atol=1e-6)
    assert least_shortfall_weights(draws, 0.9, limits(3, **{cap: 0.0}), terms(3)).tolist() == [0, 0, 0]


@pytest.mark.parametrize(("n_draws", "level", "needed"), [(50, 0.99, 100), (1, 0.999, 1000), (0, 0.9, 10)])
def test_draws_that_do_not_reach_the_level_are_refused(n_draws, level, needed):
    draws = market(n_draws, 3, 8)
    with pytest.raises(ValueError, match=f"needs at least {needed} draws"):
        least_shortfall_weights(draws, level, limits(3), terms(3))
    with pytest.raises(ValueError, match=f"needs at least {needed} draws"):
        mean_shortfall_weights(draws, level, limits(3), terms(3), risk_aversion=1.0)


def test_a_draw_more_likely_than_the_tail_is_refused_and_as_likely_is_not():
    draws = market(100, 3, 8)
    likely = np.full(100, 0.9 / 99)
    likely[7] = 0.1
    assert least_shortfall_weights(draws, 0.9, limits(3), terms(3), probabilities=likely).sum() == pytest.approx(1.0)
    with pytest.raises(ValueError, match="probability of 0.1, and the tail holds 0.05"):
        least_shortfall_weights(draws, 0.95, limits(3), terms(3), probabilities=likely)
    assert least_shortfall_weights(draws, 0.99, limits(3), terms(3)).sum() == pytest.approx(1.0)


def test_expected_returns_must_fit_the_assets_and_are_not_read_of_absent_ones():
    draws, expected = market(300, 3, 8), np.array([0.001, np.nan, 0.002])
    with pytest.raises(ValueError, match="at position 1 it is nan"):
        mean_shortfall_weights(draws, 0.9, limits(3), terms(3), risk_aversion=1.0, expected=expected)
    with pytest.raises(ValueError, match=r"expected must be \(3,\)"):
        mean_shortfall_weights(draws, 0.9, limits(3), terms(3), risk_aversion=1.0, expected=expected[:2])
    draws[:, 1] = np.nan
    found = mean_shortfall_weights(draws, 0.9, limits(3), terms(3), least_return=0.0015, expected=expected)
    assert found[1] == 0 and found[[0, 2]] @ expected[[0, 2]] >= 0.0015 - 1e-9


@pytest.mark.parametrize("seed", range(12))
def test_no_book_has_less_shortfall_after_costs_than_cvxpy_finds(seed):
    draws, bound, trading, invested = random_problem(seed)
    weights = least_shortfall_weights(draws, 0.9, bound, trading, invested)
    value = shortfall(draws, weights, 0.9) + trading.price * np.abs(weights - trading.current).sum()
    assert value == pytest.approx(
        reference.least_shortfall(draws, 0.9, bound, trading, invested), abs=1e-6 * abs(value)
    )
    assert np.abs(weights).max() <= bound.max_weight + 1e-8


@pytest.mark.parametrize("seed", range(6))
def test_no_book_sets_shortfall_against_the_mean_better_than_cvxpy_finds(seed):
    draws, bound, trading, invested = random_problem(seed)
    mean, aversion = np.random.default_rng(seed).normal(0.002, 0.004, draws.shape[1]), 0.3
    weights = mean_shortfall_weights(
        draws, 0.9, bound, trading, risk_aversion=aversion, expected=mean, invested=invested
    )
    traded = trading.price * np.abs(weights - trading.current).sum()
    value = aversion * shortfall(draws, weights, 0.9) + traded - mean @ weights
    best = reference.least_shortfall(draws, 0.9, bound, trading, invested, aversion=aversion, reward=mean)
    assert value == pytest.approx(best, abs=1e-8)


@pytest.mark.parametrize("seed", range(6))
def test_no_book_with_the_mean_asked_for_has_less_shortfall_than_cvxpy_finds(seed):
    draws, bound, trading, invested = random_problem(seed)
    calm = least_shortfall_weights(draws, 0.9, bound, trading, invested)
    mean = np.expm1(draws).mean(axis=0)
    floor = float(mean @ calm) + 0.0002
    weights = mean_shortfall_weights(draws, 0.9, bound, trading, least_return=floor, invested=invested)
    value = shortfall(draws, weights, 0.9) + trading.price * np.abs(weights - trading.current).sum()
    best = reference.least_shortfall(draws, 0.9, bound, trading, invested, least=(mean, floor))
    assert value == pytest.approx(best, abs=1e-8)
    assert mean @ weights == pytest.approx(floor, abs=1e-9)


def test_draws_of_other_probabilities_are_as_good_as_copies_of_them():
    draws, copies = market(300, 4, 9), np.random.default_rng(9).integers(1, 4, 300)
    copied = least_shortfall_weights(np.repeat(draws, copies, axis=0), 0.9, limits(4), terms(4))
    weighed = least_shortfall_weights(draws, 0.9, limits(4), terms(4), probabilities=copies / copies.sum())
    np.testing.assert_allclose(weighed, copied, atol=1e-7)


def test_draws_left_out_at_first_are_looked_at_when_they_matter():
    """The book held sees only the first asset, whose worst draws are not those of the best book."""
    draws = market(4000, 6, 10)
    held = np.eye(6)[0]
    near = least_shortfall_weights(draws, 0.95, limits(6), terms(6, current=held))
    far = least_shortfall_weights(draws, 0.95, limits(6), terms(6, current=np.eye(6)[5]))
    assert shortfall(draws, near, 0.95) == pytest.approx(shortfall(draws, far, 0.95), rel=1e-9)


def test_constraints_that_collide_are_named_and_no_others():
    draws, current = market(200, 4, 11), [1.0, 0.0, 0.0, 0.0]
    few = TradingTerms(np.array(current), 0.0, 0.0, max_turnover=0.3)
    with pytest.raises(InfeasibleError) as caught:
        least_shortfall_weights(draws, 0.9, limits(4, 0.4), few)
    assert len(caught.value.colliding) == 2
    assert "max_weight" in caught.value.colliding[0] and "max_turnover 0.3" in caught.value.colliding[1]
    with pytest.raises(InfeasibleError, match="least_return"):
        mean_shortfall_weights(draws, 0.9, limits(4), terms(4), least_return=1.0)


def test_mean_shortfall_asks_for_a_floor_or_an_aversion():
    draws = market(50, 2, 0)
    with pytest.raises(ValueError, match="exactly one"):
        mean_shortfall_weights(draws, 0.9, limits(2), terms(2))
    with pytest.raises(ValueError, match="positive"):
        mean_shortfall_weights(draws, 0.9, limits(2), terms(2), risk_aversion=0.0)


def test_probabilities_count_by_their_ratios_and_wrong_ones_are_refused():
    draws, copies = market(300, 4, 9), np.random.default_rng(3).integers(1, 5, 300).astype(float)
    weights = least_shortfall_weights(draws, 0.9, limits(4), terms(4), probabilities=copies / copies.sum())
    counted = least_shortfall_weights(draws, 0.9, limits(4), terms(4), probabilities=copies)
    np.testing.assert_allclose(counted, weights, atol=1e-9)
    for wrong in (-copies, copies[:-1], np.zeros(300)):
        with pytest.raises(ValueError, match="probabilities must be"):
            least_shortfall_weights(draws, 0.9, limits(4), terms(4), probabilities=wrong)
