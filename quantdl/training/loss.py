"""The loss of a network: its log score, joint and asset by asset."""

import math
from collections.abc import Callable, Iterable

import torch
from torch import Tensor

from quantdl.distributions import Forecast
from quantdl.models.forecaster import Forecaster
from quantdl.sequences import Batch


def log_loss(model: Callable[[Batch], Forecast], batch: Batch, marginal_share: float) -> tuple[Tensor, Tensor]:
    """Sum of negative log densities of the observed targets, in nats, and how many targets there are.

    The joint density carries weight ``1 - marginal_share``, the product of the marginal densities the rest. Both are
    proper scores, so the true law is best under any share. Under the joint density alone a misspecified model fits the
    dependence at the expense of the marginals and gives each asset lighter tails than it has.

    Args:
        model: Gives the law.
        batch: Histories and targets; an unobserved target is integrated out.
        marginal_share: Between 0 and 1.
    """
    observed = batch.target_observed
    law = model(batch).observed(observed)
    joint = law.log_prob(batch.target).sum()
    marginal = law.marginal_log_prob(batch.target).sum()
    return -((1.0 - marginal_share) * joint + marginal_share * marginal), observed.sum()


def mean_log_loss(model: Forecaster, batches: Iterable[Batch], marginal_share: float) -> float:
    """Mean loss per observed target of some batches, in nats, without dropout; NaN when nothing is observed."""
    total, count = summed_log_loss(model, batches, marginal_share).tolist()
    return total / count if count else math.nan


def summed_log_loss(model: Forecaster, batches: Iterable[Batch], marginal_share: float) -> Tensor:
    """Loss of some batches in all, in nats, and their observed targets, without dropout: (2,) float64 on the device."""
    model.eval()
    sums = torch.zeros(2, dtype=torch.float64)
    with torch.no_grad():
        for batch in batches:
            loss, observed = log_loss(model, batch, marginal_share)
            sums = sums.to(loss.device) + torch.stack([loss.double(), observed.double()])
    return sums
