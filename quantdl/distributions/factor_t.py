"""The dependence between assets: a multivariate Student-t law with standard margins and a low-rank correlation."""

from dataclasses import dataclass

import torch
from torch import Tensor

from quantdl.distributions.base_law import StudentTLaw
from quantdl.distributions.density import multivariate_t_log_density

_NEARLY_INFINITE = 1e15  # the chi-squared law over its degrees of freedom is 1 to seven digits


@dataclass(frozen=True, eq=False)
class FactorStudentT:
    r"""Standard Student-t margins, correlated through ``K`` factors, with one degree of freedom per row.

    The variable of asset ``i`` is

    .. math:: z_i = (\ell_i^\top f + \epsilon_i) / \sqrt{(1 + |\ell_i|^2) \, \chi^2_\nu / \nu}

    with independent standard normal ``f`` and ``epsilon``. Every margin is the standard Student-t law with ``nu``
    degrees of freedom and the correlation is :math:`\ell_i^\top \ell_j / \sqrt{(1 + |\ell_i|^2)(1 + |\ell_j|^2)}`, a
    diagonal plus a matrix of rank ``K``. Dropping assets leaves the same form, and the order of the assets plays no
    part.

    Attributes:
        degrees_of_freedom: Positive, shape (B,).
        loadings: Factor loadings in units of the asset's own noise, shape (B, A, K).
    """

    degrees_of_freedom: Tensor
    loadings: Tensor

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and assets, ``(B, A)``."""
        rows, assets, _ = self.loadings.shape
        return rows, assets

    @property
    def margins(self) -> StudentTLaw:
        """The law of each variable alone."""
        return StudentTLaw(self.degrees_of_freedom[:, None])

    def log_density(self, value: Tensor, present: Tensor) -> Tensor:
        """Joint log density of the present assets: (B, A) values and mask give (B,).

        By the matrix inversion and determinant lemmas it costs ``A * K**2`` per row. Absent values are not read.
        """
        value = torch.where(present, value, 0.0)
        loadings = torch.where(present[..., None], self.loadings, 0.0)
        noise_precision = 1.0 + loadings.square().sum(-1)  # inverse of the unexplained share of the variance
        scaled = value * noise_precision.sqrt()
        eye = torch.eye(loadings.shape[-1], dtype=loadings.dtype, device=loadings.device)
        root, _ = torch.linalg.cholesky_ex(eye + loadings.mT @ loadings)  # fails for NaN alone, which stays NaN
        projected = torch.linalg.solve_triangular(root, loadings.mT @ scaled[..., None], upper=False)[..., 0]
        quadratic = (scaled.square().sum(-1) - projected.square().sum(-1)).clamp(min=0.0)
        log_determinant = 2.0 * root.diagonal(dim1=-2, dim2=-1).log().sum(-1) - noise_precision.log().sum(-1)
        return multivariate_t_log_density(quadratic, log_determinant, self.degrees_of_freedom, present.sum(-1))

    def correlation(self) -> Tensor:
        """Correlation matrix of the underlying normal factors and noise, shape (B, A, A)."""
        scaled = self.loadings / (1.0 + self.loadings.square().sum(-1, keepdim=True)).sqrt()
        matrix = scaled @ scaled.mT
        unexplained = 1.0 - scaled.square().sum(-1)
        return matrix + torch.diag_embed(unexplained)

    def sample(self, n_draws: int) -> Tensor:
        """Draws of shape (S, B, A) from torch's current random state, differentiable in the parameters."""
        rows, assets, factors = self.loadings.shape
        options = {"dtype": self.loadings.dtype, "device": self.loadings.device}
        factor = torch.randn((n_draws, rows, factors, 1), **options)  # type: ignore[call-overload]
        noise = torch.randn((n_draws, rows, assets), **options)  # type: ignore[call-overload]
        normal: Tensor = (self.loadings @ factor)[..., 0] + noise
        normal = normal / (1.0 + self.loadings.square().sum(-1)).sqrt()
        half = 0.5 * self.degrees_of_freedom.clamp(max=_NEARLY_INFINITE).expand(n_draws, rows)
        mixing = torch._standard_gamma(half) / half  # chi-squared over its degrees of freedom
        return normal / mixing.clamp(min=torch.finfo(normal.dtype).tiny).sqrt()[..., None]

    def rows(self, index: Tensor | slice) -> "FactorStudentT":
        """The same law for some of the rows."""
        return FactorStudentT(self.degrees_of_freedom[index], self.loadings[index])

    def assets(self, index: Tensor) -> "FactorStudentT":
        """The same law for some of the assets: exact, because the family is closed under dropping variables."""
        return FactorStudentT(self.degrees_of_freedom, self.loadings[:, index])

    def to(self, device: torch.device | str) -> "FactorStudentT":
        """The same law on another device."""
        return FactorStudentT(self.degrees_of_freedom.to(device), self.loadings.to(device))
