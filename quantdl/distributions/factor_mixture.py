"""A dependence that is skewed: in each of a few market states normal factors, and a common shock with a mean."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from quantdl.distributions.normal_mixture import NormalMixture

_LOG_TWO_PI = math.log(2.0 * math.pi)


@dataclass(frozen=True, eq=False)
class FactorNormalMixture:
    r"""A finite mixture over market states, in each of which the variables are normal with low-rank correlation.

    In state ``c``, which has probability :math:`p_c`, the variable of asset ``i`` is

    .. math:: z_i = \sqrt{W_c} \Bigl( b_i (\mu_c + \sqrt{\kappa_c} \, m)
        + \frac{\ell_i^\top f + \epsilon_i}{\sqrt{1 + |\ell_i|^2}} \Bigr)

    with independent standard normal ``m``, ``f`` and ``epsilon``. The state's variance W moves all assets alike (fat
    tails); the common shock, with the state's mean and variance, moves them along their exposures ``b`` (skewness of
    books without skewness of single assets). A margin is a normal mixture; so is any weighted sum, in closed form. All
    states share the inverse of one matrix, so a density costs ``A * K**2 + C`` per row.

    Attributes:
        log_weights: Log probabilities of the states, (B, C).
        variance: W, positive, (C,) or (B, C).
        shock_mean: (B, C).
        shock_variance: Not negative, (B, C).
        exposures: b, (B, A).
        loadings: Factor loadings in units of the asset's own noise, (B, A, K).

    References:
        | Multivariate generalized hyperbolic laws are the continuous case: McNeil, Frey and Embrechts (2015),
        | Quantitative Risk Management, section 6.2
    """

    log_weights: Tensor
    variance: Tensor
    shock_mean: Tensor
    shock_variance: Tensor
    exposures: Tensor
    loadings: Tensor

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and assets, ``(B, A)``."""
        rows, assets = self.exposures.shape
        return rows, assets

    @property
    def margins(self) -> NormalMixture:
        """The law of each variable alone, of shape (B, A) with C components."""
        return NormalMixture(self.log_weights[:, None], self.state_means, self.state_variances)

    @property
    def state_means(self) -> Tensor:
        """Mean of each variable in each state, (B, A, C)."""
        return (self.variance.sqrt() * self.shock_mean)[:, None] * self.exposures[..., None]

    @property
    def state_variances(self) -> Tensor:
        """Variance of each variable in each state, (B, A, C)."""
        variance = self.variance.expand(self.log_weights.shape)[:, None]
        return variance * (1.0 + self.shock_variance[:, None] * self.exposures.square()[..., None])

    @property
    def shock_stretch(self) -> Tensor:
        """How much wider the common shock makes each variable: a standard deviation over that without it, (B, A)."""
        share = self.log_weights.softmax(-1)
        power = (share * (self.shock_variance + self.shock_mean.square())).sum(-1, keepdim=True)
        return (1.0 + power * self.exposures.square()).sqrt()

    def log_density(self, value: Tensor, present: Tensor) -> Tensor:
        """Joint log density of the present assets: (B, A) values and mask give (B,). Absent values are not read."""
        loadings = torch.where(present[..., None], self.loadings, 0.0)
        noise_precision = 1.0 + loadings.square().sum(-1)
        exposures = torch.where(present, self.exposures, 0.0).expand(value.shape)
        pair = torch.stack([torch.where(present, value, 0.0), exposures], dim=-1)
        scaled = pair * noise_precision.sqrt()[..., None]
        eye = torch.eye(loadings.shape[-1], dtype=loadings.dtype, device=loadings.device)
        root, _ = torch.linalg.cholesky_ex(eye + loadings.mT @ loadings)  # fails for NaN alone, which stays NaN
        projected = torch.linalg.solve_triangular(root, loadings.mT @ scaled, upper=False)
        products = scaled.mT @ scaled - projected.mT @ projected
        log_determinant = 2.0 * root.diagonal(dim1=-2, dim2=-1).log().sum(-1) - noise_precision.log().sum(-1)
        in_state = self._log_in_state(products, log_determinant, present.sum(-1))
        return torch.logsumexp(self.log_weights.log_softmax(-1) + in_state, dim=-1)

    def _log_in_state(self, products: Tensor, log_determinant: Tensor, count: Tensor) -> Tensor:
        """Log density in each state, (B, C), from the products of value and exposure in the inverse correlation."""
        own, mixed, exposure = (products[:, i, j, None] for i, j in ((0, 0), (0, 1), (1, 1)))
        shock = 1.0 + self.shock_variance * exposure
        root = self.variance.sqrt()
        centered = own - 2.0 * self.shock_mean * root * mixed + self.shock_mean.square() * self.variance * exposure
        along = mixed - self.shock_mean * root * exposure
        quadratic = (centered - self.shock_variance * along.square() / shock).clamp(min=0.0) / self.variance
        size = count[:, None] * (_LOG_TWO_PI + self.variance.log()) + log_determinant[:, None] + shock.log()
        return -0.5 * (size + quadratic)

    def sum_of(self, weights: Tensor, mean: Tensor, slope: Tensor, variance: Tensor) -> NormalMixture:
        """Law of weighted sums of variables that depend on the standard ones, normal in each state.

        It is exact where each variable is affine in its standard one. Elsewhere mean and variance of the sum are right
        in each state up to the part of the common variance that is not linear; sums of many assets are near normal.

        Args:
            weights: (B, N, A); zero for what takes no part.
            mean: Of each variable in each state, (B, A, C).
            slope: Covariance of each variable with its standard one over the variance of that, (B, A, C).
            variance: Of each variable in each state, (B, A, C).

        Returns:
            A law of batch shape (B, N).
        """
        scale = self.variance.expand(self.log_weights.shape)[:, None, :]  # (B, 1, C)
        normed = self.loadings / (1.0 + self.loadings.square().sum(-1, keepdim=True)).sqrt()
        sources = torch.cat([normed, self.exposures[..., None]], dim=-1).mT  # what assets share, (B, K + 1, A)
        held = (weights[:, :, None] * sources[:, None]).flatten(1, 2)
        shared = (held @ slope).square().unflatten(1, (-1, sources.shape[1]))  # (B, N, K + 1, C)
        factors, shock = shared[..., :-1, :].sum(-2), shared[..., -1, :] * self.shock_variance[:, None]
        common = normed.square().sum(-1)[..., None] + self.shock_variance[:, None] * self.exposures.square()[..., None]
        own = (variance - slope.square() * scale * common).clamp(min=0.0)
        total = scale * (factors + shock) + weights.square() @ own
        return NormalMixture(self.log_weights[:, None], weights @ mean, total)

    def correlation(self) -> Tensor:
        """Correlation matrix of factors and noise without the common shock, (B, A, A)."""
        normed = self.loadings / (1.0 + self.loadings.square().sum(-1, keepdim=True)).sqrt()
        return normed @ normed.mT + torch.diag_embed(1.0 - normed.square().sum(-1))

    def sample(self, n_draws: int) -> Tensor:
        """Draws of shape (S, B, A) from torch's random state; differentiable in all but the states' probabilities."""
        rows, _, factors = self.loadings.shape
        chosen = torch.multinomial(self.log_weights.softmax(-1), max(n_draws, 1), replacement=True).T[:n_draws]

        def of_state(values: Tensor) -> Tensor:
            return values.expand(rows, -1).gather(-1, chosen.T).T[..., None]  # (S, B, 1)

        factor = torch.randn((n_draws, rows, factors, 1), dtype=self.loadings.dtype, device=self.loadings.device)
        noise = torch.randn((n_draws, *self.exposures.shape), dtype=self.loadings.dtype, device=self.loadings.device)
        shock = torch.randn((n_draws, rows, 1), dtype=self.loadings.dtype, device=self.loadings.device)
        normal = ((self.loadings @ factor)[..., 0] + noise) / (1.0 + self.loadings.square().sum(-1)).sqrt()
        common = of_state(self.shock_mean) + of_state(self.shock_variance).sqrt() * shock
        drawn: Tensor = of_state(self.variance.expand(self.log_weights.shape)).sqrt() * (
            self.exposures * common + normal
        )
        return drawn

    def double(self) -> "FactorNormalMixture":
        """The same law with its parameters in float64."""
        states = (self.log_weights, self.variance, self.shock_mean, self.shock_variance)
        return FactorNormalMixture(*(part.double() for part in (*states, self.exposures, self.loadings)))

    def rows(self, index: Tensor | slice) -> "FactorNormalMixture":
        """The same law for some of the rows."""
        variance = self.variance if self.variance.ndim == 1 else self.variance[index]
        parts = (self.shock_mean, self.shock_variance, self.exposures, self.loadings)
        return FactorNormalMixture(self.log_weights[index], variance, *(part[index] for part in parts))

    def assets(self, index: Tensor) -> "FactorNormalMixture":
        """The same law for some of the assets: exact, because the family is closed under dropping variables."""
        states = (self.log_weights, self.variance, self.shock_mean, self.shock_variance)
        return FactorNormalMixture(*states, self.exposures[:, index], self.loadings[:, index])

    def to(self, device: torch.device | str) -> "FactorNormalMixture":
        """The same law on another device."""
        states = (self.log_weights, self.variance, self.shock_mean, self.shock_variance)
        assets = (self.exposures, self.loadings)
        return FactorNormalMixture(*(part.to(device) for part in states + assets))
