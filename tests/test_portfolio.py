"""Weights against closed forms, brute force and the caps they must obey."""

import numpy as np
import pytest
from hypothesis import given, strategies as st

from quantdl.portfolio import (
    Limits,
    TradingTerms,
    equal_weights,
    inverse_volatility_weights,
    least_shortfall_weights,
    volatility_target_weights,
    within_limits,
)


def limits(n_assets, max_weight=1.0, max_group=1.0, n_groups=1, long_only=True, **caps):
    return Limits(
        long_only=long_only,
        max_weight=max_weight,
        max_gross=caps.get("max_gross", 1.0),
        max_net=caps.get("max_net", 1.0),
        group_of=np.arange(n_assets) % n_groups,
        group_names=tuple(f"g{n}" for n in range(n_groups)),
        max_group_gross=max_group,
        max_group_net=caps.get("max_group_net", max_group),
    )


def terms(n_assets, cost=0.0, penalty=0.0, current=None):
    return TradingTerms(np.zeros(n_assets) if current is None else np.asarray(current, dtype=float), cost, penalty)


def shortfall(draws, weights, level):
    """Expected shortfall of the simple losses by sorting, the last draw in part."""
    losses = np.sort(-(np.expm1(draws) @ weights))[::-1]
    size = (1 - level) * len(losses)
    whole = int(np.floor(size + 1e-9))
    last = losses[min(whole, len(losses) - 1)] * (size - whole)
    return (losses[:whole].sum() + last) / size


def market(n_draws, n_assets, seed):
    generator = np.random.default_rng(seed)
    common = generator.standard_t(4, (n_draws, 1))
    spread = generator.uniform(0.5, 2, n_assets)
    return 0.01 * (common + generator.standard_t(4, (n_draws, n_assets))) * spread


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
    ("level", "invested", "long_only", "words"),
    [(1.0, 1.0, True, "level"), (0.9, 1.5, True, "invested"), (0.9, 1.0, False, "long-only")],
)
def test_least_shortfall_checks_what_it_is_given(level, invested, long_only, words):
    with pytest.raises(ValueError, match=words):
        least_shortfall_weights(market(50, 2, 0), level, limits(2, long_only=long_only), terms(2), invested)


def test_volatility_target_scales_to_the_target_or_the_cap():
    draws, weights = market(2000, 3, 9), np.full(3, 1 / 3)
    volatility = (np.expm1(draws) @ weights).std(ddof=1)
    scaled = volatility_target_weights(weights, draws, volatility / 2, 1.0)
    np.testing.assert_allclose(scaled, weights / 2, rtol=1e-12)
    np.testing.assert_allclose(volatility_target_weights(weights, draws, 9.0, 0.8).sum(), 0.8)
    assert volatility_target_weights(weights, np.zeros((10, 3)), 0.1, 1.0).tolist() == [0, 0, 0]
    with pytest.raises(ValueError, match="target_volatility"):
        volatility_target_weights(weights, draws, 0.0, 1.0)


@given(
    st.lists(st.floats(-3, 3), min_size=6, max_size=6),
    st.booleans(),
    st.floats(0.05, 1.0),
    st.floats(0.05, 1.0),
    st.floats(0.1, 2.0),
    st.floats(0.01, 1.0),
    st.floats(0.01, 1.0),
)
def test_shrunk_weights_obey_every_cap(weights, long_only, cap, group, gross, net, group_net):
    caps = {"max_gross": gross, "max_net": gross if long_only else net}
    caps["max_group_net"] = group if long_only else group_net
    bound = limits(6, cap, group, 3, long_only, **caps)
    shrunk = within_limits(np.array(weights), bound)
    assert np.abs(shrunk).max() <= cap + 1e-9
    assert np.abs(shrunk).sum() <= gross + 1e-9
    assert abs(shrunk.sum()) <= caps["max_net"] + 1e-9
    assert bound.group_sums(np.abs(shrunk)).max() <= group + 1e-9
    assert np.abs(bound.group_sums(shrunk)).max() <= caps["max_group_net"] + 1e-9
    assert (np.abs(shrunk) <= np.abs(weights) + 1e-12).all()
    assert (shrunk >= 0).all() or not long_only


def test_weights_inside_the_caps_are_left_alone():
    weights = np.array([0.2, 0.3, 0.1])
    assert within_limits(weights, limits(3, 0.3, 0.7)).tolist() == weights.tolist()
