"""How good a predictive law was, once the return is known: of each asset, and of all together.

Every score is a loss: smaller is better. A cell is scored when the law has the asset (``present``) and its return was
``observed``; every other cell gets 0 and is left out of averages, which is what :func:`mean_score` is for. Unscored
targets are never read, so they may be NaN.

Shapes: B rows (one session and return window each), A assets, S draws.
"""

import torch
from torch import Tensor

from quantdl.distributions import Forecast


def scored_cells(forecast: Forecast, observed: Tensor) -> Tensor:
    """Cells that can be scored: present in the law and observed, (B, A) bool."""
    return forecast.present & observed


def mean_score(scores: Tensor, scored: Tensor) -> Tensor:
    """Average over the scored cells; both arguments (B, A).

    Raises:
        ValueError: If nothing was scored.

    Example:
        >>> mean_score(torch.tensor([[1.0, 3.0, 0.0]]), torch.tensor([[True, True, False]]))
        tensor(2.)
    """
    count = int(scored.sum())
    if count == 0:
        raise ValueError("no cell was scored: no observed return belongs to an asset that the forecast covers.")
    return torch.where(scored, scores, 0.0).sum() / count


def log_score(forecast: Forecast, target: Tensor, observed: Tensor) -> Tensor:
    """Minus the log density of each asset's own law at the return, in nats per asset.

    Shape:
        - target, observed: (B, A), log returns and bool
        - output: (B, A), 0 where not scored
    """
    scored = scored_cells(forecast, observed)
    density = forecast.marginal_log_prob(torch.where(scored, target, 0.0))
    return torch.where(scored, -density, 0.0)


def joint_log_score(forecast: Forecast, target: Tensor, observed: Tensor) -> Tensor:
    """Minus the joint log density of the observed returns, in nats per row; unobserved assets are integrated out.

    Shape:
        - target, observed: (B, A)
        - output: (B,), 0 for a row without a scored asset
    """
    scored = scored_cells(forecast, observed)
    density = forecast.observed(observed).log_prob(torch.where(scored, target, 0.0))
    return torch.where(scored.any(-1), -density, 0.0)


def pit(forecast: Forecast, target: Tensor, observed: Tensor) -> Tensor:
    """Probability integral transform: where the return fell in its law, uniform on (0, 1) when the law is right.

    Strictly between 0 and 1: a return that happened was possible. How far out an extreme one was is told by
    `Forecast.log_cdf` and `Forecast.log_survival`.

    Shape:
        - target, observed: (B, A)
        - output: (B, A) float64, 0 where not scored
    """
    scored = scored_cells(forecast, observed)
    return torch.where(scored, forecast.cdf(torch.where(scored, target, 0.0)), 0.0)


def coverage(pit_values: Tensor, scored: Tensor, level: float) -> Tensor:
    """Share of scored returns inside the central interval that should hold ``level`` of them.

    Args:
        pit_values: From :func:`pit`, (B, A).
        scored: From :func:`scored_cells`, (B, A).
        level: Probability of the interval, strictly between 0 and 1; 0.9 runs from the 5 % to the 95 % quantile.

    Raises:
        ValueError: If ``level`` is outside (0, 1) or nothing was scored.

    Example:
        >>> coverage(torch.tensor([[0.02, 0.3, 0.6, 0.97]]), torch.ones(1, 4) > 0, level=0.9)
        tensor(0.5000)
    """
    if not 0 < level < 1:
        raise ValueError(f"level must lie strictly between 0 and 1, got {level}.")
    inside = (pit_values - 0.5).abs() <= 0.5 * level
    return mean_score(inside.to(pit_values.dtype), scored)


def crps(forecast: Forecast, target: Tensor, observed: Tensor) -> Tensor:
    """Continuous ranked probability score of each asset's own law, in log return.

    Shape:
        - target, observed: (B, A), log returns and bool
        - output: (B, A) float64, 0 where not scored
    """
    scored = scored_cells(forecast, observed)
    return torch.where(scored, forecast.marginal_crps(torch.where(scored, target, 0.0)), 0.0)


def crps_sample(draws: Tensor, target: Tensor) -> Tensor:
    r"""CRPS of the empirical law of the draws, :math:`E|X - y| - \frac12 E|X - X'|` over all S * S pairs.

    Shape:
        - draws: (S, \*), draws first
        - target: (\*)
        - output: (\*) float64

    Example:
        >>> crps_sample(torch.tensor([0.0, 1.0]), torch.tensor(0.0))
        tensor(0.2500, dtype=torch.float64)
    """
    ordered = draws.double().sort(dim=0).values
    n_draws = len(ordered)
    rank = torch.arange(1, n_draws + 1, dtype=torch.float64, device=draws.device)
    weight = (2.0 * rank - n_draws - 1.0) / n_draws**2
    distance = (ordered - target.double()).abs().mean(0)
    spread: Tensor = torch.tensordot(weight, ordered, dims=1)
    return distance - spread


def energy_score(draws: Tensor, target: Tensor, scored: Tensor, n_shifts: int = 16) -> Tensor:
    r"""Energy score of the joint law, the CRPS of a vector: :math:`E\|X - y\| - \frac12 E\|X - X'\|`.

    The second term is the average over pairs of draws 1, 2, ... ``n_shifts`` places apart (cyclically). Draws are
    independent, so this is unbiased and costs S * ``n_shifts`` distances instead of S * S.

    Shape:
        - draws: (S, B, A), log returns
        - target, scored: (B, A); assets not scored do not enter the distance
        - output: (B,) float64, in log return

    Raises:
        ValueError: If there are not more draws than shifts.

    References:
        | Strictly Proper Scoring Rules, Prediction, and Estimation (Gneiting and Raftery, 2007)
    """
    if not 1 <= n_shifts < len(draws):
        raise ValueError(
            f"n_shifts must lie between 1 and the number of draws less one, got {n_shifts} for {len(draws)}."
        )
    kept = torch.where(scored, draws.double(), 0.0)
    gap = kept - torch.where(scored, target.double(), 0.0)
    to_target: Tensor = torch.linalg.vector_norm(gap, dim=-1).mean(0)
    between = torch.zeros_like(to_target)
    for shift in range(1, n_shifts + 1):
        between += torch.linalg.vector_norm(kept - kept.roll(shift, dims=0), dim=-1).mean(0)
    return to_target - 0.5 * between / n_shifts
