"""Scenarios with another volatility, or with correlations nearer to one while each asset keeps its own law."""

import math
from dataclasses import replace

import numpy as np
import torch
from scipy import special
from torch import Tensor

from quantdl.risk.measures.scenarios import Scenarios
from quantdl.risk.stress.student_t_fit import best_degrees

_RIDGE = 0.01  # of the correlation of scores, so that it can be inverted


def with_volatility(scenarios: Scenarios, factor: float, assets: Tensor | None = None) -> Scenarios:
    r"""Scale the log returns around their means: :math:`x_i \mapsto \bar x_i + k (x_i - \bar x_i)`.

    Correlations of log returns stay, their standard deviations are multiplied by ``factor``.

    Args:
        scenarios: To be changed; assets of which nothing is known stay so.
        factor: k, positive.
        assets: (A,) bool, those that are changed; None for all.

    Raises:
        ValueError: If the factor is not positive.
    """
    if not factor > 0:
        raise ValueError(f"the factor of the volatility must be positive, got {factor}.")
    logs = torch.log1p(scenarios.returns.clamp(min=-1.0 + 1e-15))
    shares = _shares(scenarios)
    mean = shares @ logs
    wider = torch.expm1(mean + factor * (logs - mean))
    changed = scenarios.known if assets is None else scenarios.known & assets
    return replace(scenarios, returns=torch.where(changed, wider, scenarios.returns))


def with_correlation(scenarios: Scenarios, towards_one: float, seed: int, assets: Tensor | None = None) -> Scenarios:
    r"""Move correlations towards one and keep each asset's own law.

    The normal scores ``z`` of the ranks of each asset are mixed with a common variable,
    :math:`z_i' = \sqrt{1 - \theta} \, z_i + \sqrt\theta \, g \, r`, and each asset's returns are put into the order of
    :math:`z_i'`. ``g`` is standard normal, and ``r`` the size of the scenario,
    :math:`r^2 = (\nu + z^\top R^{-1} z) / (\nu + A)` with the likeliest degrees of freedom of a Student-t law of the
    scores: near one where they are normal, and large in a scenario in which all assets move far at once where the law
    has such, so that it keeps them. For a normal law every correlation becomes :math:`\rho + \theta (1 - \rho)`.

    Args:
        scenarios: Equally likely; assets of which nothing is known stay so.
        towards_one: theta, 0 to 1.
        seed: Of the common variable.
        assets: (A,) bool, those among which correlations move; None for all. Against the others they fade by
            :math:`\sqrt{1 - \theta}`.

    Raises:
        ValueError: If theta is outside [0, 1] or the scenarios are not equally likely: ranks would not keep the laws.
    """
    if not 0.0 <= towards_one <= 1.0:
        raise ValueError(f"the share towards one must be from 0 to 1, got {towards_one}.")
    if scenarios.probabilities is not None:
        raise ValueError("correlations are moved by ranks, which needs equally likely scenarios; draw some first.")
    chosen = scenarios.known if assets is None else scenarios.known & assets
    columns = torch.nonzero(chosen)[:, 0]
    if towards_one == 0.0 or len(columns) < 2:
        return scenarios
    own = scenarios.returns[:, columns]
    mixed = _mixed(normal_scores(own), towards_one, seed)
    ordered, ranks = own.sort(0).values, mixed.argsort(dim=0, stable=True).argsort(dim=0, stable=True)
    returns = scenarios.returns.clone()
    returns[:, columns] = ordered.gather(0, ranks)
    return replace(scenarios, returns=returns)


def normal_scores(values: Tensor) -> Tensor:
    """Standard normal quantiles of the ranks of each column, (S, A) gives (S, A)."""
    ranks = values.argsort(dim=0, stable=True).argsort(dim=0, stable=True).double()
    return torch.from_numpy(special.ndtri(((ranks + 0.5) / len(values)).numpy()))


def _mixed(scores: Tensor, towards_one: float, seed: int) -> Tensor:
    count = scores.shape[1]
    correlation = (1.0 - _RIDGE) * torch.corrcoef(scores.T) + _RIDGE * torch.eye(count, dtype=torch.float64)
    root = torch.linalg.cholesky(correlation)
    distance = torch.linalg.solve_triangular(root, scores.T, upper=False).square().sum(0)
    degrees = best_degrees(distance.numpy(), count)
    size = ((degrees + distance) / (degrees + count)).sqrt()
    size = size / size.square().mean().sqrt()
    common = torch.from_numpy(np.random.default_rng(seed).standard_normal(len(scores)))
    mixed: Tensor = math.sqrt(1.0 - towards_one) * scores + math.sqrt(towards_one) * (common * size)[:, None]
    return mixed


def _shares(scenarios: Scenarios) -> Tensor:
    n = len(scenarios.returns)
    return (
        torch.full((n,), 1.0 / n, dtype=torch.float64) if scenarios.probabilities is None else scenarios.probabilities
    )
