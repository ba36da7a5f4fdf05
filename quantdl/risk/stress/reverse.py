r"""Reverse stress: the likeliest returns at which a book loses a given amount.

Of all log returns ``x`` with :math:`L(x) = -\sum_i w_i (e^{x_i} - 1) \ge \ell` those of the greatest density. For an
elliptical law around ``mu`` and a small loss they are :math:`\mu - \Sigma w \, (\ell + w^\top \mu) / w^\top \Sigma w`.

References:
    | Breuer, Jandacka, Rheinberger and Summer (2009), How to find plausible, severe and useful stress scenarios
    | McNeil, Frey and Embrechts (2015), Quantitative Risk Management, section 13.2 (depth and likelihood of scenarios)
"""

from dataclasses import dataclass

import numpy as np
import torch
from scipy import optimize
from torch import Tensor

from quantdl.distributions import Forecast
from quantdl.risk.measures.losses import draw_returns

_PILOT, _WORST, _STARTS = 4000, 100, 4
_NEWTON = 60
_SHRUNK = 0.05  # of the draws' correlations, which only scale the search
_ITERATIONS = 300
_ALIKE = 0.05  # nats within which two starts found the same


@dataclass(frozen=True, eq=False)
class ReverseStress:
    """The likeliest way to a loss.

    Attributes:
        log_returns: (A,) float64.
        log_density_ratio: Log of the density there over that at the mode of the law, 0 or less.
        starts: Places from which the search began.
        agreeing: Of these, how many ended within 0.05 nats of the best.
    """

    log_returns: Tensor
    log_density_ratio: float
    starts: int
    agreeing: int


def most_that_can_be_lost(weights: Tensor) -> float:
    """Greatest loss that a book can make: without bound for short positions, else its gross weight."""
    return float("inf") if bool((weights < 0).any()) else float(weights.sum())


def likeliest_loss(law: Forecast, weights: Tensor, loss: float, seed: int) -> ReverseStress:
    """Find the likeliest log returns at which a book loses ``loss`` or more.

    The search is over all returns: each is moved along one direction onto the surface of the loss, and the density
    there climbed by its gradient (L-BFGS), in the coordinates in which the law's draws are uncorrelated. It starts
    from the mode and from the draws that lose most.

    Args:
        law: Of one row, in which all assets are present.
        weights: (A,) float64 fractions of equity.
        loss: Positive, below `most_that_can_be_lost`.
        seed: Of the draws.

    Raises:
        ValueError: If the book cannot lose as much, or no start ended at a finite density.
    """
    if not 0 < loss < most_that_can_be_lost(weights):
        raise ValueError(
            f"the book can lose at most {most_that_can_be_lost(weights):.4g} of its equity, not {loss:.4g}."
        )
    drawn = draw_returns(law, _PILOT, seed)[:, 0].cpu()
    losses = -(torch.expm1(drawn) @ weights)
    worst = drawn[losses.topk(_WORST).indices]
    space = _Space.of_draws(drawn)
    climb = _Climb(law, space)
    mode = climb.top(space.center, None)
    if float(-(torch.expm1(mode) @ weights)) >= loss:
        return ReverseStress(mode, 0.0, 1, 1)
    towards = worst.mean(0) - space.center
    surface = _Surface(weights, loss, towards)
    starts = [mode, space.center + towards, *worst[: _STARTS - 2]]
    found = [climb.top(start, surface) for start in starts]
    values = climb.log_density(torch.stack([mode, *found]))
    finite = torch.isfinite(values[1:])
    if not bool(finite.any()):
        raise ValueError("the density is not finite wherever the search ended.")
    best = int(torch.where(finite, values[1:], -torch.inf).argmax())
    agreeing = int((values[1:] > values[1 + best] - _ALIKE).sum())
    ratio = min(float(values[1 + best] - values[0]), 0.0)
    return ReverseStress(found[best], ratio, len(starts), agreeing)


@dataclass(frozen=True, eq=False)
class _Space:
    """Coordinates in which the draws of a law are nearly uncorrelated, with variance one."""

    center: Tensor
    root: Tensor

    @staticmethod
    def of_draws(drawn: Tensor) -> "_Space":
        spread = drawn.std(0).clamp(min=1e-12)
        correlation = torch.corrcoef(drawn.T) if drawn.shape[1] > 1 else torch.ones(1, 1, dtype=drawn.dtype)
        shrunk = (1 - _SHRUNK) * torch.nan_to_num(correlation) + _SHRUNK * torch.eye(len(spread), dtype=drawn.dtype)
        shrunk.fill_diagonal_(1.0)
        return _Space(drawn.median(0).values, spread[:, None] * torch.linalg.cholesky(shrunk))

    def inside(self, log_returns: Tensor) -> Tensor:
        found: Tensor = torch.linalg.solve_triangular(self.root, (log_returns - self.center)[:, None], upper=False)
        return found[:, 0]

    def outside(self, place: Tensor) -> Tensor:
        returns: Tensor = self.center + self.root @ place
        return returns


@dataclass(frozen=True, eq=False)
class _Surface:
    """The returns at which a book loses a given amount."""

    weights: Tensor
    loss: float
    direction: Tensor

    def onto(self, log_returns: Tensor) -> Tensor:
        """Move returns along the direction onto the surface; the last step carries the gradient."""
        with torch.no_grad():
            place = torch.zeros((), dtype=torch.float64)
            for _ in range(_NEWTON):
                step = self._step(log_returns + place * self.direction)
                place = place + step.clamp(-1.0, 1.0)
                if abs(float(step)) < 1e-13:
                    break
        near = log_returns + place * self.direction
        return near + self._step(near, held=True) * self.direction

    def _step(self, log_returns: Tensor, held: bool = False) -> Tensor:
        away = self.loss + torch.expm1(log_returns) @ self.weights
        rate = torch.exp(log_returns) @ (self.weights * self.direction)
        rate = rate.detach() if held else rate
        return -away / torch.where(rate.abs() > 1e-12, rate, -1.0)


@dataclass(frozen=True, eq=False)
class _Climb:
    """Climbs the density of a law."""

    law: Forecast
    space: _Space

    def log_density(self, log_returns: Tensor) -> Tensor:
        """At (N, A), (N,) float64; differentiable."""
        given = log_returns.to(device=self.law.present.device, dtype=self.law.mean.dtype)
        return self.law.log_prob_of_draws(given).double().cpu()

    def top(self, start: Tensor, surface: _Surface | None) -> Tensor:
        """Return the log returns of greatest density, on a surface if one is given."""

        def at(place: Tensor) -> Tensor:
            returns = self.space.outside(place)
            return returns if surface is None else surface.onto(returns)

        def fall(flat: np.ndarray) -> tuple[float, np.ndarray]:
            place = torch.from_numpy(flat).requires_grad_()
            value = -self.log_density(at(place)[None])[0]
            if not bool(torch.isfinite(value)):
                return 1e10, np.zeros_like(flat)
            (slope,) = torch.autograd.grad(value, place)
            return float(value.detach()), torch.nan_to_num(slope).numpy()

        begun = self.space.inside(start if surface is None else surface.onto(start)).numpy()
        done = optimize.minimize(fall, begun, jac=True, method="L-BFGS-B", options={"maxiter": _ITERATIONS})
        return at(torch.from_numpy(np.asarray(done.x))).detach()
