"""The heads of a network: from the encoding of each asset to its own law and to the dependence between assets."""

import math

import torch
from scipy import stats
from torch import Tensor, nn

from quantdl.distributions import AffineMarginals, FactorNormalMixture, FactorStudentT, JohnsonSUMarginals
from quantdl.sequences import Batch


def unit(batch: Batch) -> Tensor:
    """Trailing volatility of each asset times the square root of the window's bars, (B, A), in log return.

    Laws are stated in multiples of it, which makes every model equivariant to the scale of returns.
    """
    return batch.at_position(batch.scale) * batch.window_bars.sqrt()[:, None]


class ForecastContext(nn.Module):
    """What the heads read: the asset's own encoding, the mean over all present assets, and the return window."""

    def __init__(self, width: int, n_windows: int) -> None:
        super().__init__()
        self.n_windows = n_windows
        self.size = 2 * width + n_windows

    def forward(self, hidden: Tensor, batch: Batch) -> tuple[Tensor, Tensor]:
        """Give (B, A, size) for the assets and (B, size) for the row: (B, A, width) encodings go in."""
        present = batch.present[..., None]
        market = torch.where(present, hidden, 0.0).sum(1) / present.sum(1).clamp(min=1)
        window = nn.functional.one_hot(batch.window, self.n_windows).to(hidden)
        row = torch.cat([market, market, window], dim=-1)
        shared = torch.cat([market, window], dim=-1)[:, None].expand(-1, hidden.shape[1], -1)
        return torch.cat([hidden, shared], dim=-1), row


class LastLayer(nn.Linear):
    """The last layer of a head: what a Bayesian forecaster is uncertain about.

    It starts at zero output, so that training begins from a plain volatility forecast.
    """

    def reset_parameters(self) -> None:
        """Set weights and biases to zero, after the draws that a linear layer makes: seeds keep their meaning."""
        super().reset_parameters()
        nn.init.zeros_(self.weight)
        nn.init.zeros_(self.bias)


class AffineHead(nn.Module):
    """Location and scale of each asset's Student-t law.

    The location is bounded to half a unit: daily returns carry no more drift than that, and a network overfits an
    unbounded one first.
    """

    def __init__(self, size: int, hidden: int) -> None:
        super().__init__()
        self.layers = _two_layers(size, hidden, 2)

    def forward(self, context: Tensor, unit: Tensor) -> AffineMarginals:
        """(B, A, size) encodings and (B, A) units give one law per asset."""
        location, log_scale = self.layers(context).unbind(-1)
        scale = torch.exp(log_scale.clamp(-4.0, 4.0) + math.log(0.8))
        return AffineMarginals(unit * 0.5 * torch.tanh(location), unit * scale)


class JohnsonSUHead(nn.Module):
    """Location, scale, tail and skew of each asset's own law; location and scale as in `AffineHead`.

    Training starts from a law that is close to a Student-t of six degrees of freedom in the middle. Tails are bounded
    where the rarest state of the market would bear a large part of the variance.
    """

    def __init__(self, size: int, hidden: int) -> None:
        super().__init__()
        self.affine = AffineHead(size, hidden)
        self.layers = _two_layers(size, hidden, 2)
        self.tail = nn.Parameter(torch.zeros(()))

    def forward(self, context: Tensor, unit: Tensor, stretch: Tensor) -> JohnsonSUMarginals:
        """(B, A, size) encodings and (B, A) units give one law per asset.

        ``stretch``, (B, A), is how much wider the common shock makes a standard variable. All parameters are stated for
        variables without it, so that learning the dependence moves no asset's own law much.
        """
        affine = self.affine(context, unit)
        tail, skew = self.layers(context).unbind(-1)
        bounded = torch.exp((_START_TAIL + _RATE * self.tail + tail).clamp(*_TAILS))
        skew = 0.3 * skew.clamp(-3.0, 3.0)
        return JohnsonSUMarginals(affine.location, affine.scale / stretch, stretch * bounded, stretch * skew)


class MarketStatesHead(nn.Module):
    """A skewed dependence: probabilities and common shock of the market's states per row, loadings per asset.

    The states are a grid: a few variances, fixed and evenly spaced in the logarithm, by a few kinds of common shock,
    whose means and variances are learned. Their probabilities are read off the row's context, so tails and skewness
    move with the market. Each variance is 1.5 times the one before: a sum of squares over twenty assets tells them
    apart, and with a factor of 2.8 between them the joint density of a day was .2 nats worse. They need not reach far
    where each asset has tails of its own, so that the states bear only what is common to all. Training starts from
    weights that make the law nearly Student-t, and from a shock with a rare bad kind. Exposures to the shock follow the
    largest trailing factor, loadings the other ones, each multiplied by a positive number read off the encoding; all
    factors of declared groups by the same one, if there are such (``group_factors``). No asset has parameters of its
    own, and no group.
    """

    variance: Tensor
    start: Tensor

    def __init__(self, size: int, hidden: int, trailing_factors: int, group_factors: bool = False) -> None:
        super().__init__()
        variance, log_weights = _student_t_grid()
        self.register_buffer("variance", variance, persistent=False)
        self.log_weights = nn.Parameter(log_weights)
        kinds = torch.tensor(_SHOCKS)
        start = torch.stack([kinds[:, 0].log(), kinds[:, 1], kinds[:, 2].log()])
        self.register_buffer("start", start, persistent=False)
        self.shock = nn.Parameter(torch.zeros(3, len(kinds)))
        self.spread = _two_layers(size, hidden, len(variance))
        self.kinds = _two_layers(size, hidden, len(kinds))
        self.own = _two_layers(size, hidden, 2)
        self.principal = trailing_factors
        self.stretch = _two_layers(size, hidden, trailing_factors + group_factors)

    def forward(self, context: Tensor, row: Tensor, trailing: Tensor) -> FactorNormalMixture:
        """(B, A, size), (B, size) and (B, A, K) give the dependence of each row, of rank K and one shock."""
        spread = (self.log_weights + self.spread(row)).log_softmax(-1)
        kind, mean, log_size = self.start + _RATE * self.shock
        kinds = (kind + self.kinds(row)).log_softmax(-1)
        mean = mean - (kinds.exp() * mean).sum(-1, keepdim=True)
        size = torch.exp(log_size.clamp(-4.0, 2.0)).expand_as(kinds)
        stretched = _stretched(trailing, self.stretch(context), self.principal)
        own, exposure = self.own(context).unbind(-1)
        loadings = torch.cat([own[..., None] + 0.3, stretched[..., 1:]], dim=-1)
        exposures = (stretched[..., 0] + exposure + 0.3) / (1.0 + loadings.square().sum(-1)).sqrt()
        return FactorNormalMixture(
            log_weights=(spread[:, :, None] + kinds[:, None]).flatten(1),
            variance=self.variance.repeat_interleave(kinds.shape[-1]),
            shock_mean=mean.repeat(1, len(self.variance)),
            shock_variance=size.repeat(1, len(self.variance)),
            exposures=exposures,
            loadings=loadings,
        )


_POINTS, _LOWEST, _HIGHEST, _START_FREEDOM = 7, 0.3, 4.0, 20.0  # of the states' variances
_RATE = 10.0  # how much faster a number that is shared by all rows is learned than a weight of a network
_START_TAIL, _TAILS = math.log(2.6), (0.45, 2.5)  # of the logarithm
_SHOCKS = ((0.55, 0.25, 0.5), (0.37, -0.15, 1.0), (0.08, -1.0, 2.5))  # probability, mean and variance of each kind


def _student_t_grid() -> tuple[Tensor, Tensor]:
    """Variances and log weights, each (points,), whose mixture of normals is close to a Student-t law."""
    grid = torch.linspace(math.log(_LOWEST), math.log(_HIGHEST), _POINTS, dtype=torch.float64)
    half = 0.5 * _START_FREEDOM
    borders = torch.exp(0.5 * (grid[1:] + grid[:-1])).numpy()
    below = torch.from_numpy(stats.invgamma(half, scale=half).cdf(borders))
    shares = torch.diff(below, prepend=below.new_zeros(1), append=below.new_ones(1))
    return grid.exp().float(), shares.clamp(min=1e-6).log().float()


class FactorCopulaHead(nn.Module):
    """Loadings of each asset and one degree of freedom per row.

    One loading is read off the asset's own encoding. The others are those of the trailing factors as of the session,
    each multiplied by a positive number read off the encoding: which assets move together comes from the trailing
    window, how strongly from the encoding. No asset has parameters of its own, so assets never seen in training are
    served.
    """

    def __init__(self, size: int, hidden: int, trailing_factors: int, group_factors: bool = False) -> None:
        super().__init__()
        self.loading = _two_layers(size, hidden, 1)
        self.principal = trailing_factors
        self.stretch = _two_layers(size, hidden, trailing_factors + group_factors)
        self.freedom = _two_layers(size, hidden, 1)

    def forward(self, context: Tensor, row: Tensor, trailing: Tensor) -> FactorStudentT:
        """(B, A, size), (B, size) and (B, A, K) give the dependence of each row, of rank K + 1."""
        freedom = 2.05 + nn.functional.softplus(self.freedom(row)[:, 0] * 4.0 + 4.0)
        stretched = _stretched(trailing, self.stretch(context), self.principal)
        own = self.loading(context) + 0.3
        return FactorStudentT(freedom, torch.cat([own, stretched], dim=-1))


def _stretched(trailing: Tensor, log_size: Tensor, principal: int) -> Tensor:
    """Trailing loadings (B, A, K), each multiplied by a positive number of its asset.

    Each principal factor has a number of its own; all factors of declared groups, which come after them, share one. So
    the weights of a network do not depend on which groups there are, nor on how many.
    """
    log_size, of_groups = log_size.clamp(-3.0, 3.0), trailing.shape[-1] - principal
    shared = log_size[..., principal:].expand(-1, -1, of_groups) if of_groups else log_size[..., :0]
    return trailing * torch.exp(torch.cat([log_size[..., :principal], shared], dim=-1))


def _two_layers(size: int, hidden: int, outputs: int) -> nn.Sequential:
    """A small network that starts at zero output."""
    last = LastLayer(hidden, outputs)
    return nn.Sequential(nn.Linear(size, hidden), nn.GELU(), last)
