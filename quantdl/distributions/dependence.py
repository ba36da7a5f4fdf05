"""What a copula needs of the law of its standard variables, and that law with a full correlation matrix."""

from dataclasses import dataclass
from typing import Protocol, Self

import torch
from torch import Tensor

from quantdl.distributions.base_law import BaseLaw, StudentTLaw
from quantdl.distributions.density import multivariate_t_log_density

_NEARLY_INFINITE = 1e15  # the chi-squared law over its degrees of freedom is 1 to seven digits


class Dependence(Protocol):
    """A joint law of standard variables, one per row, that joins marginals.

    It is closed under dropping variables, and the order of the assets plays no part in it.
    """

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and assets, ``(B, A)``."""

    @property
    def margins(self) -> BaseLaw:
        """The law of each variable alone, whose parameters broadcast with (B, A)."""

    def log_density(self, value: Tensor, present: Tensor) -> Tensor:
        """Joint log density of the present assets: (B, A) values and mask give (B,). Absent values are not read.

        A law of one row takes any number of values, (S, A), with a mask of one row, and gives (S,).
        """

    def correlation(self) -> Tensor:
        """Correlation matrix of the underlying normal variables without a common shock, shape (B, A, A)."""

    def sample(self, n_draws: int) -> Tensor:
        """Draws of shape (S, B, A) from torch's current random state, differentiable in the parameters."""

    def rows(self, index: Tensor | slice) -> Self:
        """The same law for some of the rows."""

    def assets(self, index: Tensor) -> Self:
        """The same law for some of the assets."""

    def to(self, device: torch.device | str) -> Self:
        """The same law on another device."""


@dataclass(frozen=True, eq=False)
class DenseStudentT:
    r"""Standard Student-t margins with a full correlation matrix and one degree of freedom per row.

    :math:`z = R^{1/2} \epsilon / \sqrt{\chi^2_\nu / \nu}` with independent standard normal ``epsilon``. The density
    costs ``A**3`` per row and the matrices ``A**2`` numbers; `quantdl.distributions.FactorStudentT` is for many assets.

    Attributes:
        degrees_of_freedom: Positive, shape (B,).
        matrix: Correlation, positive definite with ones on the diagonal, shape (B, A, A).
    """

    degrees_of_freedom: Tensor
    matrix: Tensor

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and assets, ``(B, A)``."""
        rows, assets, _ = self.matrix.shape
        return rows, assets

    @property
    def margins(self) -> StudentTLaw:
        """See :class:`Dependence`."""
        return StudentTLaw(self.degrees_of_freedom[:, None])

    def log_density(self, value: Tensor, present: Tensor) -> Tensor:
        """See :class:`Dependence`."""
        quadratic, log_determinant = self.distance(value, present)
        return multivariate_t_log_density(quadratic, log_determinant, self.degrees_of_freedom, present.sum(-1))

    def distance(self, value: Tensor, present: Tensor) -> tuple[Tensor, Tensor]:
        """Quadratic form of the present values (B, A) in the inverse of their correlation, and its log determinant.

        An absent asset is taken for an independent one at its center.
        """
        both = present[:, :, None] & present[:, None, :]
        eye = torch.eye(present.shape[1], dtype=self.matrix.dtype, device=self.matrix.device)
        root, _ = torch.linalg.cholesky_ex(torch.where(both, self.matrix, eye))  # fails for NaN alone, which stays NaN
        filled = torch.where(present, value, 0.0).to(root.dtype)
        columns = filled.mT[None] if len(root) == 1 else filled[..., None]  # a law of one row takes all values at once
        whitened = torch.linalg.solve_triangular(root, columns, upper=False)
        quadratic = whitened.square().sum(-2)  # (1, S), or (B, 1)
        return quadratic.flatten(), 2.0 * root.diagonal(dim1=-2, dim2=-1).log().sum(-1)

    def correlation(self) -> Tensor:
        """See :class:`Dependence`."""
        return self.matrix

    def sample(self, n_draws: int) -> Tensor:
        """See :class:`Dependence`."""
        rows, assets = self.shape
        root = torch.linalg.cholesky(self.matrix)
        normal = torch.randn((n_draws, rows, assets, 1), dtype=root.dtype, device=root.device)
        half = 0.5 * self.degrees_of_freedom.clamp(max=_NEARLY_INFINITE).expand(n_draws, rows)
        mixing = torch._standard_gamma(half) / half  # chi-squared over its degrees of freedom
        joint: Tensor = (root @ normal)[..., 0]
        return joint / mixing.clamp(min=torch.finfo(root.dtype).tiny).sqrt()[..., None]

    def rows(self, index: Tensor | slice) -> "DenseStudentT":
        """See :class:`Dependence`."""
        return DenseStudentT(self.degrees_of_freedom[index], self.matrix[index])

    def assets(self, index: Tensor) -> "DenseStudentT":
        """See :class:`Dependence`."""
        return DenseStudentT(self.degrees_of_freedom, self.matrix[:, index][:, :, index])

    def to(self, device: torch.device | str) -> "DenseStudentT":
        """See :class:`Dependence`."""
        return DenseStudentT(self.degrees_of_freedom.to(device), self.matrix.to(device))
