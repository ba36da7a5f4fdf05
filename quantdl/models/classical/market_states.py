r"""Market states of few parameters: a skewed joint law for volatility models, on the factors of trailing correlations.

The states are a grid: variances W whose logarithm has the law of a Student-t copula's, by two kinds of common shock, an
ordinary and a bad one. Exposures to the shock follow the largest trailing factor, loadings the others. The shock has
mean zero and variance one over its kinds, so the correlation of the law is the trailing one, and the parameters say
what that does not: how fat the common tails are, and how bad the bad shocks.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from quantdl.distributions import FactorNormalMixture
from quantdl.models.classical.correlation import CorrelationModel
from quantdl.sequences import Batch

N_PARAMETERS = 4
_VARIANCES = 10
_LOWEST, _HIGHEST = -3.0, 4.5  # standard deviations of the logarithm of W at which the grid begins and ends


@dataclass(frozen=True, eq=False)
class StateParameters:
    """What all assets share, for rows (B,) or one row; C states.

    Attributes:
        log_weights: (B, C).
        variance: (B, C).
        shock_mean: (B, C).
        shock_variance: (B, C).
    """

    log_weights: Tensor
    variance: Tensor
    shock_mean: Tensor
    shock_variance: Tensor

    @staticmethod
    def of(parameters: Tensor) -> "StateParameters":
        """The states of free parameters (B, 4), which are zero at the start of a fit.

        They are, in this order: the logarithm of the degrees of freedom above 2.05, from 10; the log odds of a bad
        shock, from 0.15 to 0.85; what the mean of an ordinary shock is above that of a bad one, from 0.7; the logarithm
        of the ratio of their variances, from 4.
        """
        freedom, odds, gap, ratio = parameters.unbind(-1)
        log_spread, grid = _log_variances(2.05 + 10.0 * torch.exp(freedom.clamp(-4.0, 2.5)))
        kinds = torch.stack([-odds, odds], dim=-1) * 0.5 + parameters.new_tensor([0.85, 0.15]).log()
        kinds = kinds.log_softmax(-1)
        mean = torch.stack([torch.zeros_like(gap), -(gap + 0.7)], dim=-1)
        mean = mean - (kinds.exp() * mean).sum(-1, keepdim=True)
        variance = torch.stack([torch.ones_like(ratio), 4.0 * torch.exp(ratio.clamp(-3.0, 3.0))], dim=-1)
        power = (kinds.exp() * (variance + mean.square())).sum(-1, keepdim=True)

        def on_grid(values: Tensor) -> Tensor:
            return values.repeat((1,) * (values.ndim - 1) + (_VARIANCES,))

        return StateParameters(
            log_weights=(log_spread[..., :, None] + kinds[..., None, :]).flatten(-2),
            variance=grid.exp().repeat_interleave(2, dim=-1),
            shock_mean=on_grid(mean / power.sqrt()),
            shock_variance=on_grid(variance / power),
        )

    def joined(self, trailing: Tensor) -> FactorNormalMixture:
        """The law on trailing loadings (B, A, K), largest factor first; an asset without them moves by itself."""
        others = trailing[..., 1:]
        rows = (len(trailing), -1)
        return FactorNormalMixture(
            log_weights=self.log_weights.expand(rows),
            variance=self.variance.expand(rows),
            shock_mean=self.shock_mean.expand(rows),
            shock_variance=self.shock_variance.expand(rows),
            exposures=trailing[..., 0] / (1.0 + others.square().sum(-1)).sqrt(),
            loadings=others,
        )


def _log_variances(freedom: Tensor) -> tuple[Tensor, Tensor]:
    """Log weights and logarithms of the grid of W, (B, V): close to an inverse gamma law around 1 at any spread.

    Joint densities of many assets see each session's W well, so the points are as many to a standard deviation of its
    logarithm however narrow it is: between points that are too far apart a density has holes.
    """
    half = 0.5 * freedom[..., None]
    steps = torch.linspace(_LOWEST, _HIGHEST, _VARIANCES, dtype=freedom.dtype, device=freedom.device)
    grid = steps * torch.special.polygamma(1, half).sqrt()
    return (-half * (grid + torch.exp(-grid))).log_softmax(-1), grid


class MarketStatesCorrelation(CorrelationModel):
    """A skewed copula of market states: each refit's few numbers, over the trailing factors as of each session.

    It costs as much as the trailing factors do, linear in the assets, and has no parameters of single assets.
    """

    parameters_of_states: Tensor

    def __init__(self, n_refits: int) -> None:
        super().__init__()
        self.register_buffer("parameters_of_states", torch.zeros(n_refits, N_PARAMETERS, dtype=torch.float64))

    def forward(
        self, batch: Batch, refit: Tensor, sets: Tensor, number: Tensor, innovations: Tensor
    ) -> FactorNormalMixture:
        """See :class:`CorrelationModel`."""
        states = StateParameters.of(self.parameters_of_states[refit])
        return states.joined(batch.trailing_loadings.double())
