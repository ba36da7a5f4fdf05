"""Caps, terms and draws for tests of weights."""

import numpy as np

from quantdl.portfolio import (
    Limits,
    TradingTerms,
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


def random_problem(seed):
    """Draws, caps, terms and a budget: every second one with both sides, every third with a cap on turnover."""
    generator = np.random.default_rng(seed)
    n_assets = int(generator.integers(4, 16))
    long_only = seed % 2 == 0
    invested = 1.0 if long_only else float(generator.uniform(0.3, 0.8))
    current = generator.dirichlet(np.ones(n_assets))
    bound = limits(
        n_assets,
        float(generator.uniform(2.0, 4.0)) / n_assets,
        float(generator.uniform(0.55, 0.9)),
        int(generator.integers(2, 4)),
        long_only,
        max_gross=1.0 if long_only else 1.3,
        max_group_net=0.5,
    )
    trading = TradingTerms(current, 0.0005, 0.001 * (seed % 4), 0.9 if seed % 3 == 0 else None)
    return market(400, n_assets, seed + 100), bound, trading, invested
