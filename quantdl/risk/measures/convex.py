"""Measures that are no means of quantiles: expectiles, the entropic measure, and lower partial moments."""

import math

import torch
from torch import Tensor

from quantdl.risk.measures.losses import checked_shares
from quantdl.scoring import confidence

_ITERATIONS = 200


def expectile(losses: Tensor, level: float = 0.99, probabilities: Tensor | None = None) -> Tensor:
    r"""The amount at which expected losses beyond it and expected gains below it balance as ``1 - level`` to ``level``.

    .. math:: \alpha \, E (L - e)^+ = (1 - \alpha) \, E (e - L)^+

    From 1/2 on, where it is the mean, it is coherent, and it is the only coherent measure that is elicitable: forecasts
    of it can be scored by themselves. It depends on the whole law, as expected shortfall does not. Levels do not
    compare: of a normal loss the expectile at 0.99855 is as large as the value at risk at 0.99.

    Args:
        losses: Fractions of portfolio value, positive when money is lost.
        level: Between 0 and 1. Below 0.5, where it is not subadditive, it is read as ``1 - level``, with a warning.
        probabilities: Of each loss, not negative; they are divided by their sum. Equal where None.

    Shape:
        - losses: (S, \*), draws first
        - probabilities: (S,)
        - output: (\*) float64

    Raises:
        ValueError: If ``level`` is outside (0, 1), a loss is not finite, or the probabilities do not fit.

    References:
        | Asymmetric least squares estimation and testing (Newey and Powell, 1987)
        | Generalized quantiles as risk measures (Bellini, Klar, Mueller and Rosazza Gianin, 2014)

    Example:
        >>> expectile(torch.tensor([0.0, 1.0]), 0.75)
        tensor(0.7500, dtype=torch.float64)
    """
    level = confidence(level)
    losses, shares = checked_shares(losses, probabilities)
    own = shares.reshape(-1, *(1,) * (losses.ndim - 1))
    with torch.no_grad():
        found = (own * losses).sum(0)
        for _ in range(_ITERATIONS):  # a weighted mean that rises until no loss changes sides: a dozen steps
            further = _weighted_mean(losses, own, losses > found, level)
            if bool((further <= found).all()):
                break
            found = further
    return _weighted_mean(losses, own, losses > found, level)


def entropic(losses: Tensor, aversion: float, probabilities: Tensor | None = None) -> Tensor:
    r"""Certainty equivalent of exponential utility.

    .. math:: \rho_\theta(L) = \frac{1}{\theta} \log E \, e^{\theta L}

    Convex and cash-invariant, and additive over independent losses, but not positively homogeneous: twice the book is
    more than twice the risk, as :math:`\rho_\theta(2 L) = 2 \rho_{2 \theta}(L)`.

    Args:
        losses: Fractions of portfolio value, positive when money is lost.
        aversion: theta, positive, one over a fraction of portfolio value.
        probabilities: Of each loss, not negative; they are divided by their sum. Equal where None.

    Shape:
        - losses: (S, \*), draws first
        - probabilities: (S,)
        - output: (\*) float64

    Raises:
        ValueError: If the aversion is not a positive number, a loss is not finite, or the probabilities do not fit.

    References:
        | Convex measures of risk and trading constraints (Foellmer and Schied, 2002)

    Example:
        >>> entropic(torch.tensor([0.0, 1.0]), aversion=1.0)  # log of (1 + e) / 2
        tensor(0.6201, dtype=torch.float64)
    """
    if not 0.0 < aversion < math.inf:
        raise ValueError(f"aversion must be a positive number, got {aversion}.")
    losses, shares = checked_shares(losses, probabilities)
    own = shares.reshape(-1, *(1,) * (losses.ndim - 1))
    largest = losses.detach().amax(0)
    return largest + ((aversion * (losses - largest)).exp() * own).sum(0).log() / aversion


def lower_partial_moment(
    losses: Tensor, order: float = 2.0, threshold: float = 0.0, probabilities: Tensor | None = None
) -> Tensor:
    r"""Moment of what is lost beyond a threshold.

    .. math:: E \bigl[ \bigl( (L - t)^+ \bigr)^n \bigr]

    With :math:`t = -\tau` it is the lower partial moment of the returns about the target return tau. Order 0 is the
    probability of a loss above the threshold, order 1 the expected excess, order 2 the downside variance.

    Args:
        losses: Fractions of portfolio value, positive when money is lost.
        order: n, not negative.
        threshold: t, a loss; minus the target return.
        probabilities: Of each loss, not negative; they are divided by their sum. Equal where None.

    Shape:
        - losses: (S, \*), draws first
        - probabilities: (S,)
        - output: (\*) float64, in units of the loss to the power of the order

    Raises:
        ValueError: If the order is negative or the threshold not finite, a loss is not finite, or the probabilities do
            not fit.

    References:
        | Mean-risk analysis with risk associated with below-target returns (Fishburn, 1977)

    Example:
        >>> lower_partial_moment(torch.tensor([-0.02, 0.01, 0.03, 0.00]), order=2)
        tensor(0.0002, dtype=torch.float64)
    """
    if not 0.0 <= order < math.inf or not math.isfinite(threshold):
        raise ValueError(f"order must be finite and not negative, and threshold finite, got {order} and {threshold}.")
    losses, shares = checked_shares(losses, probabilities)
    excess = losses - threshold
    powers = torch.where(excess > 0.0, torch.where(excess > 0.0, excess, 1.0) ** order, 0.0)
    moment: Tensor = torch.tensordot(shares, powers, dims=1)
    return moment


def _weighted_mean(losses: Tensor, own: Tensor, beyond: Tensor, level: float) -> Tensor:
    weight = own * torch.where(beyond, level, 1.0 - level)
    return (weight * losses).sum(0) / weight.sum(0)
