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
