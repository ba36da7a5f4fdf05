"""Scores of the tail that a risk manager reads: value at risk and expected shortfall together, of any law.

Losses are positive, ``level`` is the confidence: 0.99, not 0.01.
"""

import warnings

import numpy as np
import torch
from torch import Tensor

from quantdl.distributions import Forecast
from quantdl.scoring.laws import scored_cells

# Quantiles are averaged over the tail at probabilities that crowd towards its end: tail * s**_CROWDING at the nodes s
# of Gauss and Legendre. A quantile that grows like u**(-1 / df) becomes s**(_CROWDING - 1 - _CROWDING / df): smooth.
_CROWDING = 6
_N_NODES = 16


def marginal_value_at_risk(forecast: Forecast, level: float) -> Tensor:
    """Loss of each asset's own law, in log return, that is not exceeded with probability ``level``; (B, A) float64."""
    return -forecast.icdf(_tail(level))


def marginal_expected_shortfall(forecast: Forecast, level: float) -> Tensor:
    r"""Mean loss of each asset's own law, in log return, beyond the value at risk.

    .. math:: -\frac{1}{1 - \alpha} \int_0^{1 - \alpha} F^{-1}(u) \, du

    by Gauss-Legendre nodes on :math:`u = (1 - \alpha) s^6`. Relative errors: below 1e-8 for Student-t laws with 2.5
    degrees of freedom or more and for skewed ones, 1e-6 with 2, where the law has kinks up to 1e-4.

    Shape:
        - output: (B, A) float64, 0 for an absent asset

    Raises:
        ValueError: If ``level`` is outside (0, 1).
    """
    tail = _tail(level)
    node, weight = np.polynomial.legendre.leggauss(_N_NODES)
    place = 0.5 * (node + 1.0)
    share = 0.5 * weight * _CROWDING * place ** (_CROWDING - 1)  # they add up to one
    device = forecast.present.device
    probability = torch.from_numpy(tail * place**_CROWDING).to(device)[:, None, None]
    mean: Tensor = torch.tensordot(torch.from_numpy(share).to(device), forecast.icdf(probability), dims=1)
    return -mean


def marginal_fz0(forecast: Forecast, target: Tensor, observed: Tensor, level: float) -> Tensor:
    """Score each asset's own value at risk and expected shortfall with `fz0`, in log return.

    Shape:
        - target, observed: (B, A), log returns and bool
        - output: (B, A) float64, 0 where not scored

    Raises:
        ValueError: If ``level`` is outside (0, 1), or an expected shortfall is not positive.
    """
    scored = scored_cells(forecast, observed)
    level = confidence(level)
    var, shortfall = marginal_value_at_risk(forecast, level), marginal_expected_shortfall(forecast, level)
    score = fz0(-torch.where(scored, target, 0.0), var, torch.where(scored, shortfall, 1.0), level)
    return torch.where(scored, score, 0.0)


def fz0(loss: Tensor, value_at_risk: Tensor, expected_shortfall: Tensor, level: float) -> Tensor:
    r"""Joint score of value-at-risk and expected shortfall, homogeneous of degree 0, all three positive as losses.

    .. math:: \frac{1\{L \ge v\} (L - v)}{(1 - \alpha) e} + \frac{v}{e} + \log e - 1

    This is FZ0 of Patton, Ziegel and Chen with their ``v`` and ``e`` (negative returns) turned into losses. At the true
    ``v`` and ``e`` its mean is ``log e``.

    Args:
        loss: Fraction of value lost, positive when money is lost.
        value_at_risk: Forecast of the loss not exceeded with probability ``level``.
        expected_shortfall: Forecast of the mean loss beyond it, positive.
        level: Confidence, 0.99 and not 0.01; strictly between 0 and 1.

    Shape:
        - loss, value_at_risk, expected_shortfall: broadcastable
        - output: the broadcast shape, float64

    Raises:
        ValueError: If ``level`` is outside (0, 1), or an expected shortfall is not positive: the score has a logarithm
            of it, so a book that cannot lose (all cash) has no score.

    References:
        | Dynamic Semiparametric Models for Expected Shortfall (and Value-at-Risk) (Patton, Ziegel and Chen, 2019)
    """
    level = confidence(level)
    loss, var, shortfall = loss.double(), value_at_risk.double(), expected_shortfall.double()
    if not bool((shortfall > 0).all()):
        raise ValueError(f"fz0 needs a positive expected shortfall, got {float(shortfall.min())} as the smallest.")
    excess = torch.where(loss >= var, loss - var, 0.0)
    return excess / ((1.0 - level) * shortfall) + var / shortfall + shortfall.log() - 1.0


def confidence(level: float) -> float:
    """Check a confidence level; a value below 0.5 is read as a tail probability, with a warning.

    Raises:
        ValueError: If ``level`` is not strictly between 0 and 1.

    Example:
        >>> confidence(0.975)
        0.975
    """
    if not 0 < level < 1:
        hint = f" Did you mean {level / 100}?" if 1 < level < 100 else ""
        raise ValueError(f"level must lie strictly between 0 and 1, got {level}.{hint}")
    if level >= 0.5:
        return level
    return _read_as_tail(level)


def _read_as_tail(level: float) -> float:
    flipped = round(1.0 - level, 12)
    warnings.warn(
        f"level={level} was read as {flipped}: level is the confidence, not the tail probability. "
        f"Write level={flipped}.",
        UserWarning,
        stacklevel=4,
    )
    return flipped


def _tail(level: float) -> float:
    return round(1.0 - confidence(level), 12)
