r"""A joint law whose common shocks are bent by a flow: not elliptical, with exact joint density and draws.

A standard factor-t vector ``z`` (:class:`FactorStudentT`) is split into two scores, its projections on the direction in
which all present assets move alike and on what the largest trailing factor adds to it, and the rest. The scores, made
uncorrelated, ``w``, are carried to ``g(w)`` by an invertible map of the plane that the row's context shapes; the rest
stays. What comes out, ``v``, is carried to returns by location and scale. The density is that of ``z`` times the
determinant of the map of the plane, and draws go the other way, both exact.

The law of one asset is exact up to a quadrature over the plane, because given ``w`` the rest is Student-t:

.. math:: P(v_i \le x) = E_w \, T_{\nu + 2} \left( \frac{x - b_i^\top w - q_i^\top (g(w) - w)}
    {\sqrt{(1 - |b_i|^2) (\nu + |w|^2) / (\nu + 2)}} \right)

in polar coordinates, where the radius has a closed quantile function. So laws of single assets stay right when others
are left out; the joint density of a part of the assets that the law was made for has no closed form and is refused.
"""

import copy
from dataclasses import dataclass, field
from typing import final

import numpy as np
import torch
from torch import Tensor, nn

from quantdl.distributions.base_law import StudentTLaw
from quantdl.distributions.crps import crps_by_quantiles
from quantdl.distributions.density import student_t_log_density
from quantdl.distributions.factor_t import FactorStudentT
from quantdl.distributions.forecast import Forecast
from quantdl.distributions.marginals import AffineMarginals
from quantdl.distributions.splines import base_cdf
from quantdl.distributions.student_t import exact_probability, student_t_icdf, student_t_log_cdf
from quantdl.errors import RunError

_ANGLES, _RADII, _STEPS = 16, 12, 80
_SMALLEST_PIVOT = 1e-3  # of a direction of unit length once the first is taken out; below it there is no second one


@dataclass(frozen=True, eq=False)
class PlaneMap:
    """An invertible map of the plane for each row.

    Attributes:
        flow: A module with ``forward`` and ``inverse`` of (..., B, 2) values and (B, C) contexts, which give images and
            log determinants.
        context: (B, C).
        differentiable: Whether values get gradients in the module's weights: not for a law made without gradients.
    """

    flow: nn.Module
    context: Tensor
    differentiable: bool = field(default_factory=torch.is_grad_enabled)

    def forward(self, value: Tensor) -> tuple[Tensor, Tensor]:
        """From the scores of the factor-t vector to bent ones: (..., B, 2) gives (..., B, 2) and (..., B)."""
        with torch.set_grad_enabled(self.differentiable and torch.is_grad_enabled()):
            image, log_determinant = self.flow(value, self.context)
        return image, log_determinant

    def inverse(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """The way back."""
        with torch.set_grad_enabled(self.differentiable and torch.is_grad_enabled()):
            value, log_determinant = self.flow.inverse(image, self.context)  # type: ignore[operator]
        return value, log_determinant

    def rows(self, index: Tensor | slice) -> "PlaneMap":
        """The maps of some of the rows."""
        return PlaneMap(self.flow, self.context[index], self.differentiable)

    def to(self, device: torch.device | str) -> "PlaneMap":
        """The same maps on another device; the module stays where it is, a copy moves."""
        return PlaneMap(copy.deepcopy(self.flow).to(device), self.context.to(device), self.differentiable)


@dataclass(frozen=True, eq=False)
class Scores:
    """How the two scores hang together with each asset's standard variable.

    Attributes:
        weights: (B, A, 2) whose products with the standard variables sum to the uncorrelated scores ``w``.
        returns: (B, A, 2) by which a change of ``w`` moves each variable: weights and returns are inverse on the plane.
        slopes: (B, A, 2) regression of each variable on ``w``.
    """

    weights: Tensor
    returns: Tensor
    slopes: Tensor

    @classmethod
    def of(cls, dependence: FactorStudentT, present: Tensor) -> "Scores":
        """The scores of the assets that are present; in a row without two different directions nothing is bent."""
        loadings = torch.where(present[..., None], dependence.loadings, 0.0)
        communal = loadings / (1.0 + loadings.square().sum(-1, keepdim=True)).sqrt()
        noise = torch.where(present, 1.0 - communal.square().sum(-1), 0.0)
        first = torch.where(present, 1.0, 0.0).to(communal)
        first = first / first.square().sum(-1, keepdim=True).sqrt().clamp(min=1.0)
        trailing = communal[..., min(1, communal.shape[-1] - 1)]
        trailing = trailing / trailing.square().sum(-1, keepdim=True).clamp(min=1e-12).sqrt()
        second = trailing - first * (first * trailing).sum(-1, keepdim=True)
        second = torch.where(
            second.pow(3).sum(-1, keepdim=True) < 0.0, -second, second
        )  # factors have no sign of theirs
        length = second.square().sum(-1, keepdim=True).clamp(min=1e-24).sqrt()
        plane = torch.stack([first, second / length], dim=-1)  # (B, A, 2), orthonormal
        bent = (length[..., None] > _SMALLEST_PIVOT).to(plane)
        projected = communal.mT @ plane
        correlated = communal @ projected + noise[..., None] * plane  # the correlation matrix times the plane
        eye = torch.eye(2, dtype=plane.dtype, device=plane.device)
        root, _ = torch.linalg.cholesky_ex(torch.where(bent > 0, plane.mT @ correlated, eye))
        unmixed = torch.linalg.solve_triangular(root, torch.cat([plane.mT, correlated.mT], dim=-1), upper=False)
        weights, slopes = unmixed.mT.split(plane.shape[1], dim=1)
        return cls(weights * bent, (plane @ root) * bent, slopes * bent)

    def rows(self, index: Tensor | slice) -> "Scores":
        """Those of some of the rows."""
        return Scores(self.weights[index], self.returns[index], self.slopes[index])

    def to(self, device: torch.device | str) -> "Scores":
        """The same on another device."""
        return Scores(self.weights.to(device), self.returns.to(device), self.slopes.to(device))


@final
class ScoreFlowForecast(Forecast):
    """The law of this module's docstring, over the assets that are present.

    Leaving assets out keeps every law of a single asset and every draw; `log_prob` is then refused, as is a row whose
    target is observed in part. A row of which nothing is asked has density one.

    Attributes:
        affine: Location and scale, (B, A).
        dependence: The factor-t law that is bent.
        plane: The map of the scores, one per row.
        whole: (B, A) assets that the law was made for.
        present: Those of them that are asked for, (B, A).
    """

    def __init__(
        self,
        affine: AffineMarginals,
        dependence: FactorStudentT,
        plane: PlaneMap,
        whole: Tensor,
        asked: Tensor | None = None,
        order: Tensor | None = None,
    ) -> None:
        self.affine, self.dependence, self.plane, self.whole = affine, dependence, plane, whole
        self.order = torch.arange(whole.shape[1], device=whole.device) if order is None else order
        self.scores = Scores.of(dependence, whole)
        super().__init__(whole[:, self.order] if asked is None else asked)

    def log_prob(self, value: Tensor) -> Tensor:
        """See :class:`Forecast`.

        Raises:
            RunError: If a row asks for some of its assets only.
        """
        asked = self.present.sum(-1)
        partly = (asked > 0) & (asked < self.whole.sum(-1))
        if bool(partly.any()):
            raise RunError(
                f"a joint density of {int(asked[partly][0])} of the {int(self.whole.sum(-1)[partly][0])} assets that "
                f"the law was made for was asked in {int(partly.sum())} of {len(partly)} rows (first: row "
                f"{int(partly.nonzero()[0])}). The coupling flow has no closed form for it; laws of single assets and "
                "draws are served. Train on sessions in which every asset has a return, or use joint: factors."
            )
        placed = torch.zeros_like(value).index_copy(1, self.order, torch.where(self.present, value, 0.0))
        bent = torch.where(self.whole, (placed - self.affine.location) / self.affine.scale, 0.0)
        image = (self.scores.weights.mT @ bent[..., None])[..., 0]
        plain, log_determinant = self.plane.inverse(image)
        standard = bent + (self.scores.returns @ (plain - image)[..., None])[..., 0]
        log_determinant = torch.where(self._bent, log_determinant, 0.0)
        slopes = torch.where(self.whole, self.affine.scale.log(), 0.0).sum(-1)
        density = self.dependence.log_density(standard, self.whole) + log_determinant - slopes
        return torch.where(asked > 0, density, 0.0)

    def marginal_log_prob(self, value: Tensor) -> Tensor:
        """See :class:`Forecast`."""
        location, scale, freedom, share = self._nodes(self.dependence.loadings.dtype)
        place = (self._standard(value)[None] - location) / scale
        parts = student_t_log_density(place, freedom) - scale.log() + share.log()[:, None, None]
        return self._kept(parts.logsumexp(0) - self._scale.log(), 0.0)

    def cdf(self, value: Tensor) -> Tensor:
        """See :class:`Forecast`."""
        location, scale, freedom, share = self._nodes(torch.float64)
        place = (self._standard(value.double())[None] - location) / scale
        probability = (share[:, None, None] * base_cdf(place, StudentTLaw(freedom))).sum(0)
        return self._kept(probability.clamp(5e-324, 1.0 - 2.0**-53), 0.5)

    def log_cdf(self, value: Tensor) -> Tensor:
        """See :class:`Forecast`."""
        return self._log_tail(value.double(), 1.0)

    def log_survival(self, value: Tensor) -> Tensor:
        """See :class:`Forecast`."""
        return self._log_tail(value.double(), -1.0)

    def icdf(self, value: Tensor | float) -> Tensor:
        """See :class:`Forecast`; without gradients."""
        probability = exact_probability(value, self.present.device)
        with torch.no_grad():
            location, scale, freedom, share = self._nodes(torch.float64)
            shape = torch.broadcast_shapes(probability.shape, self.present.shape)
            wanted = probability.expand(shape)
            searched = [self._search(each, location, scale, freedom, share) for each in wanted.reshape(-1, *shape[-2:])]
            quantile = torch.stack(searched)
            quantile = quantile.reshape(shape) * self._scale.double() + self._location.double()
        return self._kept(quantile, 0.0)

    def marginal_crps(self, value: Tensor) -> Tensor:
        """See :class:`Forecast`; by quantiles."""
        filled = torch.where(self.present, value, self._location.to(value.dtype))
        return self._kept(crps_by_quantiles(self.cdf, self.icdf, filled), 0.0)

    @property
    def mean(self) -> Tensor:
        """See :class:`Forecast`."""
        location, _, _, share = self._nodes(self.dependence.loadings.dtype)
        center = (share[:, None, None] * location).sum(0)
        expected = self._location + self._scale * center
        return self._kept(torch.where(self.dependence.degrees_of_freedom[:, None] > 1.0, expected, torch.nan), 0.0)

    def rsample(self, sample_shape: torch.Size | list[int] | tuple[int, ...] = ()) -> Tensor:
        """See :class:`Forecast`."""
        shape = torch.Size(sample_shape)
        standard = torch.where(self.whole, self.dependence.sample(shape.numel()), 0.0)
        plain = (self.scores.weights.mT @ standard[..., None])[..., 0]
        image, _ = self.plane.forward(plain)
        bent = standard + (self.scores.returns @ (image - plain)[..., None])[..., 0]
        returns = (self.affine.location + self.affine.scale * bent)[..., self.order]
        return self._kept(returns, 0.0).reshape(shape + self.present.shape)

    def observed(self, mask: Tensor) -> "ScoreFlowForecast":
        """See :class:`Forecast`."""
        return self._asking(self.present & mask, self.order)

    def rows(self, index: Tensor | slice) -> "ScoreFlowForecast":
        """See :class:`Forecast`."""
        dependence, plane = self.dependence.rows(index), self.plane.rows(index)
        return ScoreFlowForecast(
            self.affine.rows(index), dependence, plane, self.whole[index], self.present[index], self.order
        )

    def assets(self, index: Tensor) -> "ScoreFlowForecast":
        """See :class:`Forecast`."""
        return self._asking(self.present[:, index], self.order[index])

    def to(self, device: torch.device | str) -> "ScoreFlowForecast":
        """See :class:`Forecast`."""
        affine, dependence, plane = self.affine.to(device), self.dependence.to(device), self.plane.to(device)
        whole, asked = self.whole.to(device), self.present.to(device)
        return ScoreFlowForecast(affine, dependence, plane, whole, asked, self.order.to(device))

    def _asking(self, asked: Tensor, order: Tensor) -> "ScoreFlowForecast":
        return ScoreFlowForecast(self.affine, self.dependence, self.plane, self.whole, asked, order)

    @property
    def _bent(self) -> Tensor:
        """Rows in which the scores are bent, (B,)."""
        return self.scores.returns.detach().abs().amax((-2, -1)) > 0

    @property
    def _location(self) -> Tensor:
        return self.affine.location[:, self.order]

    @property
    def _scale(self) -> Tensor:
        return self.affine.scale[:, self.order]

    def _standard(self, value: Tensor) -> Tensor:
        return (torch.where(self.present, value, self._location.to(value.dtype)) - self._location) / self._scale

    def _kept(self, result: Tensor, absent: float) -> Tensor:
        return torch.where(self.present, result, absent)

    def _nodes(self, dtype: torch.dtype) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Student-t laws whose mixture is each asset's: locations and scales (N, B, A), freedom (B, 1), shares (N,).

        Angles are equally spaced. A radius is exceeded with probability ``(1 + r**2 / df) ** (-df / 2)``, which is
        ``exp(-t)`` for ``t`` at Laguerre's nodes.
        """
        freedom = self.dependence.degrees_of_freedom.to(dtype)
        times, heights = np.polynomial.laguerre.laggauss(_RADII)
        time = freedom.new_tensor(times).repeat_interleave(_ANGLES)
        share = freedom.new_tensor(heights / _ANGLES).repeat_interleave(_ANGLES)
        angle = (torch.arange(_ANGLES, dtype=dtype, device=freedom.device) + 0.5) * (2.0 * torch.pi / _ANGLES)
        direction = torch.stack([angle.cos(), angle.sin()], dim=-1).repeat(_RADII, 1)  # (N, 2)
        square = freedom * torch.expm1(2.0 * time[:, None] / freedom)  # (N, B)
        plain = square.sqrt()[..., None] * direction[:, None]
        image, _ = self.plane.forward(plain.to(self.plane.context.dtype))
        scores = self.scores
        moved = torch.einsum("nbk,bak->nba", image.to(dtype) - plain, scores.returns.to(dtype))
        location = moved + torch.einsum("nbk,bak->nba", plain, scores.slopes.to(dtype))
        left = (1.0 - scores.slopes.square().sum(-1).to(dtype)).clamp(min=1e-6)
        spread = torch.where(self._bent, (freedom + square) / (freedom + 2.0), 1.0)
        scale = (left * spread[..., None]).sqrt()
        # where nothing is bent the asset's own law is plain Student-t
        total = torch.where(self._bent, freedom + 2.0, freedom)[:, None]
        return location[..., self.order], scale[..., self.order], total, share

    def _log_tail(self, value: Tensor, side: float) -> Tensor:
        location, scale, freedom, share = self._nodes(torch.float64)
        place = side * (self._standard(value)[None] - location) / scale
        weights = share.log()[:, None, None]
        tail, other = ((student_t_log_cdf(end, freedom) + weights).logsumexp(0) for end in (place, -place))
        near = torch.minimum(tail, other)  # all digits are in the tail that holds less
        return self._kept(torch.where(tail <= other, near, torch.log1p(-near.exp())), -float(np.log(2.0)))

    @staticmethod
    def _search(probability: Tensor, location: Tensor, scale: Tensor, freedom: Tensor, share: Tensor) -> Tensor:
        """Quantiles of the mixture, (B, A), between the least and the largest of its members' quantiles.

        By Newton steps on the log of the nearer tail, and by halving where a step leaves the interval.
        """
        side = torch.where(probability > 0.5, -1.0, 1.0)  # the upper tail is the lower one of the mirrored law
        target, center = torch.minimum(probability, 1.0 - probability), side * location
        members = center + scale * student_t_icdf(target, freedom)
        low, high = members.amin(0), members.amax(0)
        place = (share[:, None, None] * members).sum(0)
        height = student_t_log_density(torch.zeros_like(freedom), freedom).exp()
        for _ in range(_STEPS):
            standard = (place - center) / scale
            tail = (share[:, None, None] * base_cdf(standard, StudentTLaw(freedom))).sum(0)
            kernel = torch.exp(-0.5 * (freedom + 1.0) * torch.log1p(standard.square() / freedom))
            density = height * (share[:, None, None] * kernel / scale).sum(0)
            low, high = torch.where(tail < target, place, low), torch.where(tail < target, high, place)
            newton = (target.log() - tail.log()) * tail / density
            moved, solved = place + newton, newton.abs() <= 1e-12 * (1.0 + place.abs())
            inside = (moved > low) & (moved < high) | solved  # a place that is found is an end of its interval
            place = torch.where(inside, moved, 0.5 * (low + high))
            if bool(solved.all()):
                break
        return side * place
