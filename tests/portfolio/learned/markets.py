"""A market in which only the neighbours of an asset tell how risky it is."""

import torch

from quantdl.portfolio.learned import PolicyData


def told_by_neighbours(n_periods, seed, n_pairs=4):
    """Assets in pairs; the feature of each is the volatility of the other one. Edges within pairs."""
    generator = torch.Generator().manual_seed(seed)
    n_assets = 2 * n_pairs
    calm = torch.rand(n_periods, n_assets, generator=generator) < 0.5
    deviation = torch.where(calm, 0.005, 0.03)
    returns = (deviation * torch.randn(n_periods, n_assets, generator=generator)).double()
    other = torch.arange(n_assets).view(n_pairs, 2).flip(1).reshape(-1)
    features = calm[:, other].double()[..., None]
    start = n_assets * torch.arange(n_periods)[:, None]
    edges = torch.stack([start + other, start + torch.arange(n_assets)]).reshape(2, -1)
    return PolicyData(features, returns, edges, torch.ones(edges.shape[1]).double())


def without_edges(data):
    return PolicyData(data.features, data.returns, data.edge_index[:, :0], data.edge_weight[:0])
