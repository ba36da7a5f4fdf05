r"""One asset's conditional variance: GARCH, GJR and EGARCH of order one, and EWMA as a special case.

With :math:`e_t = r_t - \mu` and :math:`z_t = e_t / \sqrt{v_t}`

.. math:: v_{t+1} = \omega + (\alpha + \gamma 1_{e_t < 0}) \, e_t^2 + \beta v_t

for GARCH (:math:`\gamma = 0`), GJR, and EWMA (:math:`\omega = \gamma = 0, \alpha = 1 - \beta`), and for EGARCH

.. math:: \log v_{t+1} = \omega + \alpha \, (|z_t| - \sqrt{2 / \pi}) + \gamma z_t + \beta \log v_t

References:
    | On the Relation between the Expected Value and the Volatility of the Nominal Excess Return on Stocks (Glosten,
      Jagannathan and Runkle, 1993)
    | Conditional Heteroskedasticity in Asset Returns: A New Approach (Nelson, 1991)
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from scipy import signal
from torch import Tensor

from quantdl.distributions import student_t_cdf, student_t_log_density
from quantdl.distributions.skew_t import skew_t_downside_share, skew_t_mode_and_scale

RecursionKind = Literal["garch", "gjr", "egarch"]
LawKind = Literal["student_t", "skew_t"]

NORMAL_SIZE = math.sqrt(2.0 / math.pi)
"""Expected size of a standard normal variable, from which EGARCH counts the size of a surprise."""
SMALLEST_VARIANCE = 1e-12
"""Of a log return; what is forecast is never smaller."""
_LOG_BOUNDS = (math.log(SMALLEST_VARIANCE), math.log(1e4))  # of an EGARCH variance
_LARGEST_SURPRISE = 30.0  # standard deviations that count in EGARCH, where a surprise enters an exponent


@dataclass(frozen=True)
class VarianceRecursion:
    """One asset's parameters, in units of log return.

    Attributes:
        mean: Expected return of one bar.
        omega: Constant of the recursion.
        alpha: Weight of the last squared surprise, or of its size in EGARCH.
        beta: Weight of the last variance, or of its log.
        degrees_of_freedom: Of the innovations of one bar.
        gamma: Weight of a loss beyond that of a gain: positive in GJR, negative in EGARCH, where losses raise it more.
        skewness: Of the innovations, see `quantdl.distributions.SkewStudentTMarginals`.
        exponential: Whether the recursion is EGARCH's.
    """

    mean: float
    omega: float
    alpha: float
    beta: float
    degrees_of_freedom: float
    gamma: float = 0.0
    skewness: float = 0.0
    exponential: bool = False

    @property
    def persistence(self) -> float:
        """What is left of a deviation of the expected variance, or of its log, after one bar."""
        if self.exponential:
            return self.beta
        share = skew_t_downside_share(self.degrees_of_freedom, self.skewness) if self.gamma else 0.5
        return self.alpha + self.gamma * share + self.beta

    @property
    def expected_constant(self) -> float:
        """What is added to the expected variance, or to its log, with every bar."""
        if not self.exponential:
            return self.omega
        return self.omega + self.alpha * (_mean_size(self.degrees_of_freedom, self.skewness) - NORMAL_SIZE)


VolatilityFit = Callable[[np.ndarray], VarianceRecursion]
"""Fits one asset's observed log returns, (n,)."""


def _mean_size(degrees_of_freedom: float, skewness: float) -> float:
    """Expected size of an innovation of variance 1: twice the mean of its negative part, as its mean is zero."""
    freedom, skew = (torch.tensor(value, dtype=torch.float64) for value in (degrees_of_freedom, -abs(skewness)))
    zero = torch.zeros_like(freedom)
    mode, scale = (float(item) for item in skew_t_mode_and_scale(zero, torch.ones_like(freedom), freedom, skew))
    left = 1.0 + abs(skewness)
    edge = torch.tensor(-mode / (scale * left), dtype=torch.float64)  # all below zero lies left of the mode
    beyond, below = _partial_mean(edge, freedom)
    return -2.0 * left * (mode * below + scale * left * beyond)


def _partial_mean(edge: Tensor, freedom: Tensor) -> tuple[float, float]:
    """Partial mean and probability of a Student-t variable below a point."""
    at_edge = torch.exp(student_t_log_density(edge, freedom)) * (freedom + edge.square()) / (freedom - 1.0)
    return -float(at_edge), float(student_t_cdf(edge, freedom))


def filtered_variance(returns: np.ndarray, recursion: VarianceRecursion) -> np.ndarray:
    """Variance of each return given the ones before it, (n,); starts at the mean square of the first twenty."""
    surprises = returns - recursion.mean
    first = max(float(np.mean(surprises[:20] ** 2)), SMALLEST_VARIANCE)
    if recursion.exponential:
        return _exponential_variance(surprises, recursion, first)
    weight = recursion.alpha + recursion.gamma * (surprises < 0)
    drive = recursion.omega + (weight * surprises**2)[:-1]
    later, _ = signal.lfilter([1.0], [1.0, -recursion.beta], drive, zi=[recursion.beta * first])
    return np.asarray(np.maximum(np.concatenate([[first], later]), SMALLEST_VARIANCE))


def variance_after(variance: np.ndarray, surprise: np.ndarray, recursion: VarianceRecursion) -> np.ndarray:
    """Variance of the bar after one of this variance, (n,), whose return was a ``surprise``, (n,), from its mean."""
    if not recursion.exponential:
        weight = recursion.alpha + recursion.gamma * (surprise < 0)
        moved = recursion.omega + weight * np.square(surprise) + recursion.beta * variance
        return np.asarray(np.maximum(moved, SMALLEST_VARIANCE))
    innovation = np.clip(surprise / np.sqrt(variance), -_LARGEST_SURPRISE, _LARGEST_SURPRISE)
    news = recursion.alpha * (np.abs(innovation) - NORMAL_SIZE) + recursion.gamma * innovation
    return np.asarray(np.exp(np.clip(recursion.omega + news + recursion.beta * np.log(variance), *_LOG_BOUNDS)))


def _exponential_variance(surprises: np.ndarray, recursion: VarianceRecursion, first: float) -> np.ndarray:
    lowest, highest = _LOG_BOUNDS
    logs = np.empty(len(surprises))
    log_variance = math.log(first)
    constant = recursion.omega - recursion.alpha * NORMAL_SIZE
    for bar, surprise in enumerate(surprises.tolist()):
        logs[bar] = log_variance
        innovation = min(max(surprise * math.exp(-0.5 * log_variance), -_LARGEST_SURPRISE), _LARGEST_SURPRISE)
        news = recursion.alpha * abs(innovation) + recursion.gamma * innovation
        log_variance = min(max(constant + news + recursion.beta * log_variance, lowest), highest)
    return np.exp(logs)


@dataclass(frozen=True, eq=False)
class RecursionTensors:
    """Parameters of many assets, each of shape (*U, A), where U are the parameter sets."""

    mean: Tensor
    omega: Tensor
    alpha: Tensor
    beta: Tensor
    gamma: Tensor

    def next_variance(self, returns: Tensor, first: Tensor, exponential: bool) -> Tensor:
        """Variance expected for the bar after each position.

        Args:
            returns: (R, A, L).
            first: (R, A) that for the bar after the first position, whose return is not read.
            exponential: Whether the recursion is EGARCH's.

        Returns:
            (*U, R, A, L), float64. Each position is a function of the returns up to it, bit for bit.
        """
        surprises = returns.double() - self.mean[..., None, :, None]
        if exponential:
            return self._exponential(surprises, first.double())
        weight = self.alpha[..., None, :, None] + self.gamma[..., None, :, None] * (surprises < 0)
        drive = self.omega[..., None, :, None] + weight * surprises.square()
        drive[..., 0] = first.double()
        return geometric_sums(drive, self.beta[..., None, :, None]).clamp(min=SMALLEST_VARIANCE)

    def _exponential(self, surprises: Tensor, first: Tensor) -> Tensor:
        lowest, highest = _LOG_BOUNDS
        alpha, beta, gamma = (value[..., None, :] for value in (self.alpha, self.beta, self.gamma))
        constant = (self.omega - self.alpha * NORMAL_SIZE)[..., None, :]
        log_variance = first.log().clamp(min=lowest).expand(surprises.shape[:-1])
        logs = [log_variance]
        for surprise in surprises.unbind(-1)[1:]:
            innovation = (surprise * torch.exp(-0.5 * log_variance)).clamp(-_LARGEST_SURPRISE, _LARGEST_SURPRISE)
            news = alpha * innovation.abs() + gamma * innovation
            log_variance = (constant + news + beta * log_variance).clamp(lowest, highest)
            logs.append(log_variance)
        return torch.stack(logs, dim=-1).exp()


def geometric_sums(drive: Tensor, decay: Tensor) -> Tensor:
    """``x[t] = drive[t] + decay * x[t - 1]`` along the last axis, in a number of passes that grows with its log.

    Args:
        drive: (..., L).
        decay: Broadcasts to it, the same at every position.
    """
    sums, reach, power = drive, 1, decay
    while reach < drive.shape[-1]:
        sums = torch.cat([sums[..., :reach], sums[..., reach:] + power * sums[..., :-reach]], dim=-1)
        reach, power = 2 * reach, power.square()
    return sums
