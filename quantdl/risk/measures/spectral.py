r"""Spectral measures of risk: means of the losses in which a worse loss counts no less than a better one.

.. math:: \rho_\varphi(L) = \int_0^1 \mathrm{VaR}_u(L) \, \varphi(u) \, du

with a spectrum :math:`\varphi \ge 0` that does not fall and has integral one. Such a measure is coherent and
adds up over comonotonic losses, and it is a distorted expectation: the ``q`` worst of the losses have the weight
:math:`g(q) = \int_{1 - q}^1 \varphi`, which is concave.

References:
    | Spectral measures of risk: a coherent representation of subjective risk aversion (Acerbi, 2002)
"""

import math
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from quantdl.risk.measures.losses import checked_shares
from quantdl.scoring import confidence

_ROUNDING = 1e-9


class Spectrum(Protocol):
    """How much a loss counts by how bad it is."""

    def tail_weight(self, share: Tensor) -> Tensor:
        """Weight g of the worst ``share`` of the losses, elementwise on float64 in [0, 1]; g(0) = 0 and g(1) = 1."""


@dataclass(frozen=True)
class ExponentialSpectrum:
    r""":math:`\varphi(u) = a e^{-a (1 - u)} / (1 - e^{-a})`: the spectrum of constant absolute aversion.

    Attributes:
        aversion: a, positive; towards 0 the measure is the mean, without bound the largest loss.

    Raises:
        ValueError: If the aversion is not a positive number.

    References:
        | Extreme spectral risk measures: an application to futures clearinghouse margin requirements
        | (Cotter and Dowd, 2006)
    """

    aversion: float

    def __post_init__(self) -> None:
        """Check the aversion."""
        if not 0.0 < self.aversion < math.inf:
            raise ValueError(f"aversion must be a positive number, got {self.aversion}.")

    def tail_weight(self, share: Tensor) -> Tensor:
        """See :class:`Spectrum`."""
        return torch.expm1(-self.aversion * share) / math.expm1(-self.aversion)


@dataclass(frozen=True)
class DualPower:
    """:math:`g(q) = 1 - (1 - q)^k`: for a whole k, the mean of the worst of k independent losses.

    Attributes:
        power: k, at least 1, at which the measure is the mean.

    Raises:
        ValueError: If the power is below 1 or not finite.

    References:
        | Premium calculation by transforming the layer premium density (Wang, 1996)
    """

    power: float

    def __post_init__(self) -> None:
        """Check the power."""
        if not 1.0 <= self.power < math.inf:
            raise ValueError(f"power must be at least 1 and finite, got {self.power}: below, better losses count more.")

    def tail_weight(self, share: Tensor) -> Tensor:
        """See :class:`Spectrum`."""
        return 1.0 - (1.0 - share) ** self.power


@dataclass(frozen=True)
class WangTransform:
    r""":math:`g(q) = \Phi(\Phi^{-1}(q) + \lambda)`: of a normal loss, the mean plus lambda standard deviations.

    Attributes:
        shift: lambda, not negative; at 0 the measure is the mean.

    Raises:
        ValueError: If the shift is negative or not finite.

    References:
        | A class of distortion operators for pricing financial and insurance risks (Wang, 2000)
    """

    shift: float

    def __post_init__(self) -> None:
        """Check the shift."""
        if not 0.0 <= self.shift < math.inf:
            raise ValueError(
                f"shift must be finite and not negative, got {self.shift}: below, better losses count more."
            )

    def tail_weight(self, share: Tensor) -> Tensor:
        """See :class:`Spectrum`."""
        inside = (share > 0.0) & (share < 1.0)
        moved = torch.special.ndtr(torch.special.ndtri(torch.where(inside, share, 0.5)) + self.shift)
        return torch.where(inside, moved, share)


@dataclass(frozen=True)
class SteppedSpectrum:
    """Any mixture of expected shortfalls: a spectrum that is constant between given levels.

    Every spectral measure is a limit of these (Kusuoka, 2001), and expected shortfall is the one with a single level.

    Attributes:
        levels: Confidence levels in (0, 1), or 0 for the mean of all losses; rising.
        weights: Weight of the expected shortfall at each level, not negative, adding to one.

    Raises:
        ValueError: If they do not match, are out of order, or the weights are negative or do not add to one.

    References:
        | On law invariant coherent risk measures (Kusuoka, 2001)

    Example:
        >>> losses = torch.arange(1.0, 101.0)
        >>> spectral(losses, SteppedSpectrum((0.0, 0.9), (0.5, 0.5)))  # of mean 50.5 and expected shortfall 95.5
        tensor(73., dtype=torch.float64)
    """

    levels: tuple[float, ...]
    weights: tuple[float, ...]

    def __post_init__(self) -> None:
        """Check that the spectrum is one."""
        if not self.levels or len(self.levels) != len(self.weights):
            raise ValueError(f"give one weight for each level, got {len(self.weights)} for {len(self.levels)}.")
        if any(not 0.0 <= level < 1.0 for level in self.levels) or any(
            later <= level for level, later in zip(self.levels, self.levels[1:], strict=False)
        ):
            raise ValueError(f"levels must rise within [0, 1), got {self.levels}.")
        if min(self.weights) < 0.0 or abs(sum(self.weights) - 1.0) > _ROUNDING:
            raise ValueError(f"weights must not be negative and must add to one, got {self.weights}.")

    @staticmethod
    def of_expected_shortfall(level: float) -> "SteppedSpectrum":
        """The spectrum of expected shortfall at a level."""
        return SteppedSpectrum((confidence(level),), (1.0,))

    def tail_weight(self, share: Tensor) -> Tensor:
        """See :class:`Spectrum`."""
        parts = [
            weight * (share / round(1.0 - level, 12)).clamp(max=1.0)
            for level, weight in zip(self.levels, self.weights, strict=True)
        ]
        return torch.stack(parts).sum(0)


def spectral(losses: Tensor, spectrum: Spectrum, probabilities: Tensor | None = None) -> Tensor:
    r"""Spectral measure of losses: each in the order of its size, weighted by the spectrum over its probability.

    .. math:: \sum_s L_{(s)} \, \bigl( g(q_s) - g(q_{s - 1}) \bigr)

    with :math:`q_s` the probability of the s worst losses: exact for the law that the losses are.

    Args:
        losses: Fractions of portfolio value, positive when money is lost.
        spectrum: How much a loss counts by how bad it is.
        probabilities: Of each loss, not negative; they are divided by their sum. Equal where None.

    Shape:
        - losses: (S, \*), draws first
        - probabilities: (S,)
        - output: (\*) float64

    Raises:
        ValueError: If a loss is not finite, or the probabilities do not fit.

    Example:
        >>> spectral(torch.tensor([0.0, 0.1, 0.2, 0.3]), SteppedSpectrum.of_expected_shortfall(0.5))
        tensor(0.2500, dtype=torch.float64)
    """
    losses, shares = checked_shares(losses, probabilities)
    ordered, order = losses.sort(dim=0, descending=True)
    beyond = shares[order].cumsum(0).clamp(max=1.0)
    before = torch.cat([torch.zeros_like(beyond[:1]), beyond[:-1]])
    return (ordered * (spectrum.tail_weight(beyond) - spectrum.tail_weight(before))).sum(0)
