"""The loss of a network: its log score, joint, asset by asset, and of books."""

import math
from collections.abc import Callable, Iterable

import torch
from torch import Tensor

from quantdl.distributions import Forecast
from quantdl.models.forecaster import Forecaster
from quantdl.sequences import Batch
from quantdl.training.settings import LossShares

_MOST_ASSETS = 64  # that one step builds books from; of more, it draws so many
_VALIDATION_SEED = 0


def log_loss(
    model: Callable[[Batch], Forecast],
    batch: Batch,
    shares: LossShares,
    row_weight: Tensor | None = None,
    generator: torch.Generator | None = None,
) -> tuple[Tensor, Tensor]:
    """Sum of negative log densities of the observed targets, in nats, and how many targets there are.

    Args:
        model: Gives the law.
        batch: Histories and targets; an unobserved target is integrated out.
        shares: Of the joint density, the marginal densities and books. Books are left out where a row holds one asset,
            or the law has no closed form for them.
        row_weight: (B,) weight of each row; one where None.
        generator: Of the random books; torch's current random state where None.
    """
    observed = batch.target_observed
    law = model(batch).observed(observed)
    gain = log_gain(law, batch, shares.marginal_share)
    if shares.book_share > 0.0 and observed.shape[1] > 1:
        density = book_log_density(law, batch.target, observed, shares.books, generator)
        if density is not None:
            gain = gain + shares.book_share * observed.sum(-1) * density
    weighted = gain if row_weight is None else gain * row_weight
    return -weighted.sum(), observed.sum()


def log_gain(law: Forecast, batch: Batch, marginal_share: float) -> Tensor:
    """Mix of the joint and the marginal log densities of each row's targets, (B,), in nats."""
    joint, marginal = law.log_prob(batch.target), law.marginal_log_prob(batch.target).sum(-1)
    return (1.0 - marginal_share) * joint + marginal_share * marginal


def book_log_density(
    law: Forecast, target: Tensor, observed: Tensor, books: int, generator: torch.Generator | None = None
) -> Tensor | None:
    """Mean log density of the returns of some long-only books, in nats per book; 0 for a row without a target.

    The first book holds the observed assets in equal parts, the others in parts drawn from the uniform law over all
    long-only books. A book's return is the weighted sum of log returns.

    Shape:
        - target, observed: (B, A)
        - output: (B,); None where the law has no closed form for a weighted sum
    """
    if observed.shape[1] > _MOST_ASSETS:
        order = torch.rand(observed.shape[1], generator=generator, device=observed.device).argsort()[:_MOST_ASSETS]
        law, target, observed = law.assets(order), target[:, order], observed[:, order]
    weights = random_books(observed, books, generator).to(target)
    sums = law.weighted_sum(weights)
    if sums is None:
        return None
    returns = (weights * torch.where(observed, target, 0.0)[:, None]).sum(-1)
    known = observed.any(-1, keepdim=True)
    variances = torch.where(known[..., None], sums.variances, 1.0)  # the sum of nothing has none
    density = type(sums)(sums.log_weights, sums.means, variances).log_prob(returns)
    return torch.where(known, density, 0.0).mean(-1)


def random_books(held: Tensor, books: int, generator: torch.Generator | None = None) -> Tensor:
    """Weights (B, N, A) that add to one over the assets held, (B, A): equal weights, then uniform over all books."""
    uniform = torch.rand((len(held), books, held.shape[1]), generator=generator, device=held.device)
    parts = -torch.log(uniform.clamp(min=1e-12))  # exponential draws over their sum are uniform on the simplex
    parts[:, 0] = 1.0
    parts = torch.where(held[:, None], parts, 0.0)
    return parts / parts.sum(-1, keepdim=True).clamp(min=1e-12)


def mean_log_loss(model: Forecaster, batches: Iterable[Batch], shares: LossShares) -> float:
    """Mean loss per observed target of some batches, in nats, without dropout; NaN when nothing is observed."""
    total, count = summed_log_loss(model, batches, shares).tolist()
    return total / count if count else math.nan


def summed_log_loss(model: Forecaster, batches: Iterable[Batch], shares: LossShares) -> Tensor:
    """Loss of some batches in all, in nats, and their observed targets, without dropout: (2,) float64 on the device.

    The random books are the same in every call.
    """
    model.eval()
    sums = torch.zeros(2, dtype=torch.float64)
    with torch.no_grad():
        for batch in batches:
            generator = torch.Generator(batch.target.device).manual_seed(_VALIDATION_SEED)
            loss, observed = log_loss(model, batch, shares, generator=generator)
            sums = sums.to(loss.device) + torch.stack([loss.double(), observed.double()])
    return sums
