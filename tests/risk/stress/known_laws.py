"""Normal and Student-t laws with known covariance, for tests against closed forms."""

import torch

from quantdl.distributions import AffineMarginals, CopulaForecast, DenseStudentT

NORMAL = 1e7
"""Degrees of freedom of a law that is normal to seven digits."""


def correlation(count, seed=0):
    loadings = torch.randn(count, 2, generator=torch.Generator().manual_seed(seed), dtype=torch.float64) * 0.4
    loadings[:, 0] += 0.8
    matrix = loadings @ loadings.T + torch.eye(count, dtype=torch.float64)
    root = matrix.diagonal().sqrt()
    return matrix / root[:, None] / root


def scales(count, size=0.01):
    return size * torch.linspace(0.7, 1.6, count, dtype=torch.float64)


def law(count, degrees=NORMAL, size=0.01, dtype=torch.float64):
    """A law around zero whose log returns have scatter `scatter(count, size)`."""
    margins = AffineMarginals(torch.zeros(1, count, dtype=dtype), scales(count, size)[None].to(dtype))
    dependence = DenseStudentT(torch.tensor([degrees], dtype=dtype), correlation(count)[None].to(dtype))
    return CopulaForecast(margins, dependence, torch.ones(1, count, dtype=torch.bool))


def scatter(count, size=0.01):
    own = scales(count, size)
    return correlation(count) * own[:, None] * own
