"""The fit of market states: the few numbers of a skewed joint law, by the likelihood of normal scores."""

import math
from dataclasses import dataclass

import numpy as np
import torch
from scipy import optimize
from torch import Tensor

from quantdl.distributions import FactorNormalMixture, NormalMixture
from quantdl.models.classical.market_states import N_PARAMETERS, StateParameters

_SESSIONS = 2000  # the last ones, to which the states are fitted
_ASSETS = 60  # that tell as much about what all share as more would
_FARTHEST_SCORE = 8.0
_SCORES, _EXPOSURES = 81, 16  # nodes of the map from scores to standard variables
_STEP = 2.0 * _FARTHEST_SCORE / (_SCORES - 1)
_LOG_ROOT_TWO_PI = 0.5 * math.log(2.0 * math.pi)


def fit_market_states(scores: np.ndarray, trailing: np.ndarray) -> np.ndarray:
    """Free parameters (4,) of `StateParameters` that maximise the likelihood of a copula, given its trailing factors.

    Each parameter has a normal law around the start of the search beforehand, so that a short past, or one asset, which
    tells nothing of common shocks, leaves the start. Of more than 60 assets as many are read, spread evenly over the
    exposures of those with the longest histories; their order decides only between assets with equal exposures.

    Args:
        scores: (n, A) normal quantiles of the probability integral transform, NaN where not observed.
        trailing: (n, A, K) trailing loadings as of the session before each, zero where unknown.
    """
    start = np.zeros(N_PARAMETERS)
    known = _together(scores) & (trailing != 0.0).any(axis=(1, 2))
    scores, trailing = scores[known][-_SESSIONS:], trailing[known][-_SESSIONS:]
    if not len(scores):
        return start
    chosen = _representative(scores, trailing)
    scores, trailing = scores[:, chosen], trailing[:, chosen]
    together = _together(scores)
    if not together.any():
        return start
    sessions = _Sessions.of(scores[together], trailing[together])

    def loss(values: np.ndarray) -> tuple[float, np.ndarray]:
        parameters = torch.from_numpy(values).requires_grad_()
        total = 0.5 * parameters.square().sum() - sessions.log_likelihood(parameters)
        (slope,) = torch.autograd.grad(total, parameters)
        return total.item() / len(scores), slope.numpy() / len(scores)

    best = optimize.minimize(loss, start, jac=True, method="L-BFGS-B", options={"ftol": 1e-7, "maxiter": 60})
    return np.asarray(best.x)


def _together(scores: np.ndarray) -> np.ndarray:
    """Sessions (n,) in which at least two assets are observed."""
    return np.asarray(np.isfinite(scores).sum(axis=1) > 1)


def _representative(scores: np.ndarray, trailing: np.ndarray) -> np.ndarray:
    """Numbers of at most 60 assets, of more those with long histories, evenly spread over the first mean loading."""
    if scores.shape[1] <= _ASSETS:
        return np.arange(scores.shape[1])
    counts = np.isfinite(scores).sum(axis=0)
    long = np.flatnonzero(counts >= 0.5 * counts.max())
    ranked = long[np.argsort(trailing[:, long, 0].mean(axis=0), kind="stable")]
    places = np.linspace(0, len(ranked) - 1, min(_ASSETS, len(ranked))).round().astype(np.int64)
    return np.asarray(ranked[places])


@dataclass(frozen=True, eq=False)
class _Sessions:
    """Sessions to fit to.

    Attributes:
        scores: (n, A), 0 where not observed.
        observed: (n, A).
        trailing: (n, A, K).
    """

    scores: Tensor
    observed: Tensor
    trailing: Tensor

    @staticmethod
    def of(scores: np.ndarray, trailing: np.ndarray) -> "_Sessions":
        bounded = np.clip(np.nan_to_num(scores), -_FARTHEST_SCORE, _FARTHEST_SCORE)
        return _Sessions(
            torch.from_numpy(bounded), torch.from_numpy(np.isfinite(scores)), torch.from_numpy(trailing).double()
        )

    def log_likelihood(self, parameters: Tensor) -> Tensor:
        """Log density of the copula at the scores, summed over the sessions."""
        law = StateParameters.of(parameters[None]).joined(self.trailing)
        table = ScoreTable.of(law)
        standard, slope = table.standard(self.scores, law.exposures)
        log_slope = slope.log() + 0.5 * self.scores.square() + _LOG_ROOT_TWO_PI
        return law.log_density(standard, self.observed).sum() + torch.where(self.observed, log_slope, 0.0).sum()


@dataclass(frozen=True, eq=False)
class ScoreTable:
    """What leads from normal scores to the standard variables of a law, at some scores and exposures.

    All rows share the states, so a margin depends on the asset's exposure alone. The map from scores is interpolated by
    cubics that know the slopes between scores, and by lines between exposures. It is increasing, and the slope is its
    own, so the density of the scores integrates to one whatever the table leaves out.

    Attributes:
        lowest: Exposure of the first node.
        width: Between two exposures.
        values: Standard variables (S, E) at evenly spaced scores from -8 to 8.
        slopes: Theirs, (S, E).
    """

    lowest: Tensor
    width: Tensor
    values: Tensor
    slopes: Tensor

    @staticmethod
    def of(law: FactorNormalMixture) -> "ScoreTable":
        """The table of a law whose rows all have the same states."""
        lowest, highest = law.exposures.detach().min(), law.exposures.detach().max()
        width = (highest - lowest + 1e-6) / (_EXPOSURES - 1)
        nodes = lowest + width * torch.arange(_EXPOSURES)
        states = law.rows(slice(0, 1))
        shared = (states.log_weights, states.variance, states.shock_mean, states.shock_variance)
        one = FactorNormalMixture(*shared, nodes[None], nodes.new_zeros(1, _EXPOSURES, 0))
        return ScoreTable(lowest, width, *_at_scores(one.margins))

    def standard(self, scores: Tensor, exposures: Tensor) -> tuple[Tensor, Tensor]:
        """Standard variables (n, A) with the probabilities of scores (n, A) between -8 and 8, and their slopes."""
        step, part = _cell((scores + _FARTHEST_SCORE) / _STEP, _SCORES)
        node, share = self._node(exposures)
        left, left_slope = self._cubic(step, part, node)
        right, right_slope = self._cubic(step, part, node + 1)
        return torch.lerp(left, right, share), torch.lerp(left_slope, right_slope, share) / _STEP

    def _node(self, exposures: Tensor) -> tuple[Tensor, Tensor]:
        return _cell((exposures - self.lowest) / self.width, _EXPOSURES)

    def _cubic(self, step: Tensor, part: Tensor, node: Tensor) -> tuple[Tensor, Tensor]:
        """Hermite's cubics: values, and slopes a step long."""
        first, last = step * _EXPOSURES + node, (step + 1) * _EXPOSURES + node
        start, end = self.values.flatten()[first], self.values.flatten()[last]
        rise, fall = _STEP * self.slopes.flatten()[first], _STEP * self.slopes.flatten()[last]
        cube, square = 2.0 * (start - end) + rise + fall, 3.0 * (end - start) - 2.0 * rise - fall
        return ((cube * part + square) * part + rise) * part + start, (3.0 * cube * part + 2.0 * square) * part + rise


def _cell(place: Tensor, nodes: int) -> tuple[Tensor, Tensor]:
    """Number of the node at or before each place, and how far it is on the way to the next."""
    node = place.detach().long().clamp(max=nodes - 2)
    return node, place - node


def _at_scores(margins: NormalMixture) -> tuple[Tensor, Tensor]:
    """Standard variables of margins (1, E) at the table's scores, and their slopes, (S, E)."""
    places = torch.linspace(-_FARTHEST_SCORE, _FARTHEST_SCORE, _SCORES, dtype=torch.float64)[:, None, None]
    places = places.expand(-1, *margins.batch_shape)
    values = margins.at_tail(torch.special.ndtr(-places.abs()), places < 0.0)
    log_slopes = -0.5 * places.square() - _LOG_ROOT_TWO_PI - margins.log_prob(values)
    return values[:, 0], log_slopes.exp()[:, 0]
