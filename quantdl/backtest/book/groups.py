"""Which assets are related, as of a close."""

import numpy as np
from scipy.cluster.hierarchy import fcluster, linkage

from quantdl.backtest.plan.related_positions import CorrelationGroups, Groups, NamedGroups
from quantdl.market.panel import Panel

Membership = tuple[np.ndarray, tuple[str, ...]]


def fixed_groups(groups: Groups, panel: Panel) -> Membership | None:
    """Return (A,) group indices and the group names, or None when they change with time."""
    match groups:
        case CorrelationGroups():
            return None
        case NamedGroups(members=members):
            names = tuple(members)
            index = {symbol: position for position, name in enumerate(names) for symbol in members[name]}
            return np.array([index[asset] for asset in panel.assets]), names
        case _:
            names = tuple(sorted({panel.sectors[asset] for asset in panel.assets}))
            return np.array([names.index(panel.sectors[asset]) for asset in panel.assets]), names


def correlation_groups(closes: np.ndarray, groups: CorrelationGroups) -> Membership:
    """Cluster assets by average linkage on one minus the correlation of their last simple returns.

    An asset without a full window of prices, or whose price does not move, is a group of its own.

    Args:
        closes: (t, A) closes up to now.
        groups: Window and threshold.
    """
    n_assets = closes.shape[1]
    window = closes[-(groups.window_bars + 1) :]
    returns = window[1:] / window[:-1] - 1.0
    full = len(returns) == groups.window_bars
    usable = np.isfinite(returns).all(axis=0) & full
    usable &= np.where(usable, returns, 0.0).std(axis=0) > 0 if len(returns) else usable
    group_of = np.arange(n_assets)
    if np.count_nonzero(usable) > 1:
        correlation = np.corrcoef(returns[:, usable], rowvar=False)
        pairs = np.triu_indices(len(correlation), k=1)
        tree = linkage(np.clip(1.0 - correlation[pairs], 0.0, 2.0), method="average")
        clusters = fcluster(tree, t=1.0 - groups.threshold, criterion="distance")
        group_of[usable] = n_assets + clusters
    _, compact = np.unique(group_of, return_inverse=True)
    return compact, tuple(f"cluster {index + 1}" for index in range(int(compact.max()) + 1))
