"""Books of greatest growth against closed forms, another solver, and the conditions that an optimum must meet."""

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from scipy.optimize import minimize

from quantdl.portfolio import expected_growth, kelly_weights
from tests.portfolio.books import limits, market

FREE = {"max_weight": 50.0, "max_group": 50.0, "max_gross": 50.0, "max_net": 50.0}


def bet(n_wins, n_losses, win, loss):
    """Log returns of a bet that ends one way in so many of its draws."""
    return np.log1p(np.array([[win]] * n_wins + [[-loss]] * n_losses))


@pytest.mark.parametrize(
    ("n_wins", "n_losses", "win", "loss"),
    [(6, 4, 0.1, 0.1), (53, 47, 0.02, 0.02), (1, 1, 0.5, 0.3), (9, 1, 0.01, 0.05)],
)
def test_a_binary_bet_is_sized_by_the_formula_of_kelly(n_wins, n_losses, win, loss):
    p = n_wins / (n_wins + n_losses)
    exact = p / loss - (1 - p) / win
    found = kelly_weights(bet(n_wins, n_losses, win, loss), limits(1, **FREE))
    assert found[0] == pytest.approx(exact, rel=1e-7)


def test_a_bet_with_bad_odds_is_sold_where_shorts_are_allowed_and_left_where_not():
    draws = bet(4, 6, 0.1, 0.1)
    assert kelly_weights(draws, limits(1, **FREE)).tolist() == [0.0]
    assert kelly_weights(draws, limits(1, long_only=False, **FREE))[0] == pytest.approx(-2.0, rel=1e-7)


def test_two_independent_bets_are_sized_by_their_joint_law():
    """Both win or lose a with probability p: growth is p^2 log(1 + 2aw) + q^2 log(1 - 2aw) + 2pq log 1."""
    p, move = 0.6, 0.1
    outcomes = [(1, 1)] * 36 + [(1, -1)] * 24 + [(-1, 1)] * 24 + [(-1, -1)] * 16
    found = kelly_weights(np.log1p(move * np.array(outcomes)), limits(2, **FREE))
    exact = (p**2 - (1 - p) ** 2) / (p**2 + (1 - p) ** 2) / (2 * move)
    np.testing.assert_allclose(found, exact, rtol=1e-7)


def merton_draws(step):
    """Log returns over a short step whose sample mean and covariance are exact, and the weights of Merton (1969)."""
    generator = np.random.default_rng(4)
    noise = generator.standard_normal((4000, 3))
    noise -= noise.mean(axis=0)
    noise = np.linalg.solve(np.linalg.cholesky(noise.T @ noise / len(noise)), noise.T).T
    mixing = np.array([[0.2, 0.0, 0.0], [0.1, 0.25, 0.0], [0.05, -0.1, 0.15]])
    drift, covariance = np.array([0.05, 0.03, 0.02]), mixing @ mixing.T
    draws = (drift - np.diag(covariance) / 2) * step + np.sqrt(step) * noise @ mixing.T
    return draws, np.linalg.solve(covariance, drift)


def test_over_short_periods_log_normal_prices_are_held_as_merton_holds_them():
    missed = []
    for step in (1 / 25_000, 1 / 250_000):
        draws, exact = merton_draws(step)
        found = kelly_weights(draws, limits(3, long_only=False, **FREE))
        missed.append(np.abs(found / exact - 1).max())
    assert missed[1] < 1e-3
    assert missed[1] < missed[0] / 3  # by the root of ten: the third moments of the sample, of order root of the step


def solved_by_slsqp(draws, bound):
    """The same program by scipy's sequential quadratic programming, long and short parts apart."""
    returns, n = np.expm1(draws), draws.shape[1]

    def net(x):
        return x[:n] - x[n:]

    def slope(x):
        inside = -(returns / (1 + returns @ net(x))[:, None]).mean(axis=0)
        return np.concatenate([inside, -inside])

    rooms = [
        lambda x: bound.max_gross - x.sum(),
        lambda x: bound.max_net - net(x).sum(),
        lambda x: bound.max_net + net(x).sum(),
        lambda x: bound.max_group_gross - bound.group_sums(x[:n] + x[n:]),
        lambda x: bound.max_group_net - bound.group_sums(net(x)),
        lambda x: bound.max_group_net + bound.group_sums(net(x)),
    ]
    solved = minimize(
        lambda x: -np.log1p(returns @ net(x)).mean(),
        np.full(2 * n, 0.01),
        jac=slope,
        bounds=[(0, bound.max_weight)] * n + [(0, 0.0 if bound.long_only else bound.max_weight)] * n,
        constraints=[{"type": "ineq", "fun": room} for room in rooms],
        method="SLSQP",
        options={"ftol": 1e-15, "maxiter": 400},
    )
    return net(solved.x)


@pytest.mark.parametrize("long_only", [True, False])
@pytest.mark.parametrize("seed", [0, 1])
def test_books_under_caps_agree_with_sequential_quadratic_programming(seed, long_only):
    draws = market(1500, 7, seed) + np.linspace(-0.002, 0.002, 7)
    net = {"max_net": 1.0} if long_only else {"max_net": 0.2, "max_group_net": 0.15}
    bound = limits(7, 0.35, 0.6, 3, long_only, max_gross=1.0 if long_only else 1.4, **net)
    found, other = kelly_weights(draws, bound), solved_by_slsqp(draws, bound)
    np.testing.assert_allclose(found, other, atol=1e-6)
    assert expected_growth(found, draws) >= expected_growth(other, draws) - 1e-12


@pytest.mark.parametrize("caps", [{"max_net": 0.0}, {"max_group_net": 0.0}, {"max_net": 0.0, "max_group_net": 0.1}])
def test_a_cap_of_zero_on_net_weights_is_an_equality(caps):
    """As scipy's sequential quadratic programming finds it, and as the limit of ever smaller caps."""
    draws = market(1500, 7, 0) + np.linspace(-0.002, 0.002, 7)
    bound = limits(7, 0.35, 0.6, 3, False, max_gross=1.4, **caps)
    found = kelly_weights(draws, bound)
    np.testing.assert_allclose(found, solved_by_slsqp(draws, bound), atol=1e-6)
    near = limits(7, 0.35, 0.6, 3, False, max_gross=1.4, **{name: max(cap, 1e-7) for name, cap in caps.items()})
    np.testing.assert_allclose(found, kelly_weights(draws, near), atol=1e-5)
    nets = [found.sum()] if bound.max_net == 0 else bound.group_sums(found)
    np.testing.assert_allclose(nets, 0.0, atol=1e-15)
    assert np.abs(found).sum() > 0.3


def test_caps_that_leave_no_room_leave_cash():
    draws = market(100, 3, 0)
    assert kelly_weights(draws, limits(3, max_net=0.0)).tolist() == [0, 0, 0]
    alone = limits(3, n_groups=3, long_only=False, max_group_net=0.0)
    assert kelly_weights(draws, alone).tolist() == [0, 0, 0]
    assert kelly_weights(draws, limits(3, max_weight=0.0, long_only=False)).tolist() == [0, 0, 0]


def test_no_small_move_within_the_caps_grows_faster():
    """The slope of growth towards any corner of the simplex of long-only books is negative or zero."""
    draws = market(2000, 12, 5)
    found = kelly_weights(draws, limits(12))
    returns = np.expm1(draws)
    slope = (returns / (1 + returns @ found)[:, None]).mean(axis=0)
    assert slope @ found >= max(slope.max(), 0.0) - 1e-11


def test_the_caps_hold_and_a_fraction_is_a_fraction():
    draws = market(500, 6, 2) + 0.003
    bound = limits(6, 0.25, 0.4, 3)
    full, half = kelly_weights(draws, bound), kelly_weights(draws, bound, 0.5)
    np.testing.assert_allclose(half, full / 2)
    assert full.max() <= 0.25 and full.min() >= 0
    assert bound.group_sums(full).max() <= 0.4
    assert full.sum() == pytest.approx(1.0, abs=1e-6)  # all of it is worth holding


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10_000), st.booleans(), st.permutations(range(5)))
def test_the_order_of_assets_does_not_matter_and_caps_always_hold(seed, long_only, order):
    draws = market(200, 5, seed)
    bound = limits(5, 0.4, 0.9, 1, long_only, max_gross=1.2, max_net=0.8)
    found = kelly_weights(draws, bound)
    np.testing.assert_allclose(kelly_weights(draws[:, order], bound), found[list(order)], atol=1e-6)
    sizes = np.abs(found).max(), np.abs(found).sum(), abs(found.sum())
    assert all(size <= cap + 1e-15 for size, cap in zip(sizes, (0.4, 0.9, 0.8), strict=True))
    assert (found >= 0).all() or not long_only
    assert expected_growth(found, draws) >= -1e-12  # cash grows by nothing


def test_leverage_ruins_no_draw():
    """One draw loses half: twice the equity would be gone, whatever the others earn."""
    draws = np.log1p(np.array([[0.05]] * 99 + [[-0.5]]))
    found = kelly_weights(draws, limits(1, **FREE))
    assert found[0] == pytest.approx(0.99 / 0.5 - 0.01 / 0.05, rel=1e-7)
    assert expected_growth(np.array([2.0]), draws) == float("-inf")


def test_assets_without_draws_are_left_out():
    draws = market(300, 4, 1) + 0.002
    draws[:, 2] = np.nan
    found = kelly_weights(draws, limits(4, 0.5))
    assert found[2] == 0
    np.testing.assert_allclose(found[[0, 1, 3]], kelly_weights(draws[:, [0, 1, 3]], limits(3, 0.5)), atol=1e-8)
    assert kelly_weights(np.full((3, 2), np.nan), limits(2)).tolist() == [0.0, 0.0]


@pytest.mark.parametrize("fraction", [0.0, 1.5, float("nan")])
def test_a_fraction_out_of_range_is_refused(fraction):
    with pytest.raises(ValueError, match="fraction"):
        kelly_weights(market(10, 2, 0), limits(2), fraction)
