r"""Rare events of a joint law by importance sampling, by nothing but the contract of a forecast.

The event is one of the simple return of a portfolio, :math:`m(x) = \sum_i v_i (e^{x_i} - 1)`: at most, at least or
exactly some value. Draws of the law, in the coordinates ``z`` in which it is nearest to an elliptical law (those of a
copula are its standard variables), are moved by affine maps towards it, :math:`z \mapsto c + s (z - c) + d`, whose
shifts ``d`` and scales ``s`` are found from the draws nearest to the event, level by level (cross-entropy); beside
them stands a Student-t law with the mean and covariance of these draws. All draws are weighted by the density of the
law over that of the mixture of what they were drawn from (balance heuristic). One part of it is the law itself, so no
weight is above the inverse of its share, and a part that fits badly costs draws, not correctness.

References:
    | Rubinstein and Kroese (2004), The Cross-Entropy Method
    | Owen and Zhou (2000), Safe and effective importance sampling, JASA 95
    | Glasserman, Heidelberger and Shahabuddin (2002), Portfolio value-at-risk with heavy-tailed risk factors
    | Beaumont, Zhang and Balding (2002), Approximate Bayesian computation in population genetics, Genetics 162
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from quantdl.distributions import AffineMarginals, CopulaForecast, DenseStudentT, Forecast
from quantdl.risk.measures.losses import draw_returns
from quantdl.risk.stress.settings import MarketEvent

_BLOCK_CELLS = 400_000  # of rows times assets whose densities are computed at once
_PILOT, _LEVEL_DRAWS, _LEVELS = 4000, 2000, 12
_ELITE = 0.1  # share of a level's weight that lies nearest to the event
_IDENTITY = 0.1  # share of the last draws that are not moved
_COMMON = 0.05  # an event of this probability needs no moves
_LARGEST_SCALE = 10.0
_WIDER, _POWERS = 1.1, (0.7, 1.0, 1.3)  # several scales: where assets are many, a law is wide in a narrow range of them
_FITTED_DEGREES = 6.0  # of the Student-t law beside the maps: wide enough for what few draws do not show
_MOST_FITTED = 200  # assets; the covariance of more cannot be told from some hundred draws
_BANDWIDTH = 0.1  # of the kernel, in standard deviations of the moved portfolio


@dataclass(frozen=True)
class PortfolioEvent:
    """An event of the simple return of a portfolio.

    Attributes:
        weights: (A,) float64 of the portfolio, not all zero.
        value: Simple return.
        kind: At most, at least or equal to the value.
    """

    weights: Tensor
    value: float
    kind: MarketEvent = "at_most"

    def portfolio(self, log_returns: Tensor) -> Tensor:
        """Simple returns (N,) of the portfolio from log returns (N, A)."""
        returns: Tensor = torch.expm1(log_returns) @ self.weights
        return returns


@dataclass(frozen=True, eq=False)
class EventDraws:
    """Draws of a law given an event.

    Attributes:
        log_returns: (N, A) float64.
        weights: (N,) adding to one; zero for draws outside of the event.
        probability: Of the event; of "at most" (or "at least", from a gain on) for an event of equality.
        probability_error: Its standard error.
        bandwidth: Half width of the kernel around an event of equality; None for others.
    """

    log_returns: Tensor
    weights: Tensor
    probability: float
    probability_error: float
    bandwidth: float | None = None

    @property
    def effective_number(self) -> float:
        """Equally weighted draws that say as much (Kish); 0 where no draw met the event."""
        power = float(self.weights.square().sum())
        return 1.0 / power if power > 0 else 0.0

    def mean(self, values: Tensor) -> Tensor:
        """Mean of ``values`` (N, ...) given the event."""
        found: Tensor = torch.tensordot(self.weights, values, dims=([0], [0]))
        return found

    def error(self, values: Tensor) -> float:
        """Standard error of the mean of ``values`` (N,) by the delta method of a self-normalised mean."""
        return float((self.weights.square() * (values - self.mean(values)).square()).sum().sqrt())


def draws_given(law: Forecast, event: PortfolioEvent, n_draws: int, seed: int) -> EventDraws:
    """Draw from a law given an event.

    Args:
        law: Of one row, in which all assets are present.
        event: Of a portfolio of them.
        n_draws: Draws N of the last stage, from which all figures come; some thousands more find the moves.
        seed: The same seed gives the same draws.

    Returns:
        Weighted draws; with an effective number of 0 where none met the event, which is for the caller to refuse.

    Raises:
        ValueError: If the law has several rows or absent assets, or the weights do not match.
    """
    _check(law, event)
    tail = _as_tail(event)
    moves = _moves(law, tail, seed)
    counts = _shares(n_draws, len(moves))
    parts = enumerate(zip(moves, counts, strict=True))
    standard = torch.cat([move.draw(n, _seed(seed, 100 + at)) for at, (move, n) in parts])
    log_weights = _log_weights(moves, [n / sum(counts) for n in counts], standard)
    drawn, ratios = _returns(law, standard), log_weights.exp()
    value = tail.portfolio(drawn)
    inside = ratios * (value <= tail.value)
    probability, error = float(inside.mean()), float(inside.std()) / math.sqrt(len(inside))
    if event.kind != "equal":
        return EventDraws(drawn, _normed(inside), probability, error)
    near, width = _kernel(ratios, value, tail.value)
    slid = _slid(drawn, _normed(near), tail)
    return EventDraws(slid, _normed(near), probability, error, width)


@dataclass(frozen=True, eq=False)
class _Move:
    """Draws of a law in its standard coordinates, moved by ``z -> center + scale (z - center) + shift``."""

    law: Forecast
    center: Tensor
    shift: Tensor
    scale: float

    def draw(self, n_draws: int, seed: int) -> Tensor:
        drawn = _standard(self.law, draw_returns(self.law, n_draws, seed)[:, 0])
        return self.center + self.scale * (drawn - self.center) + self.shift

    def log_density(self, value: Tensor) -> Tensor:
        """Of moved draws, (N,)."""
        back = self.center + (value - self.shift - self.center) / self.scale
        return _in_blocks(self.law, self.law.log_prob_of_standard, back) - value.shape[-1] * math.log(self.scale)


def log_density(law: Forecast, value: Tensor) -> Tensor:
    """Log density of a law of one row at (N, A) log returns, (N,) float64, in blocks."""
    return _in_blocks(law, law.log_prob_of_draws, value)


def _standard(law: Forecast, log_returns: Tensor) -> Tensor:
    return _in_blocks(law, law.to_standard, log_returns)


def _returns(law: Forecast, standard: Tensor) -> Tensor:
    return _in_blocks(law, law.from_standard, standard)


def _in_blocks(law: Forecast, function: Callable[[Tensor], Tensor], value: Tensor) -> Tensor:
    """What a law's function makes of (N, A) values, float64, in blocks that memory holds."""
    size = max(1, _BLOCK_CELLS // value.shape[-1])
    dtype, device = law.mean.dtype, law.present.device
    with torch.no_grad():
        blocks = [function(block.to(device=device, dtype=dtype)).double().cpu() for block in value.split(size)]
    return torch.cat(blocks)


def _moves(law: Forecast, event: PortfolioEvent, seed: int) -> tuple[_Move, ...]:
    """Find what to draw from, the law as it is first."""
    returns = draw_returns(law, _PILOT, _seed(seed, 0))[:, 0].cpu()
    pilot = _standard(law, returns)
    center, spread = pilot.mean(0), pilot.var(0).clamp(min=1e-300)
    still = torch.zeros_like(center)
    identity = _Move(law, center, still, 1.0)
    correlation = torch.nan_to_num(torch.corrcoef(pilot.T)).reshape(len(center), len(center))
    drawn, ratios, moved = pilot, torch.ones(len(pilot), dtype=torch.float64), slice(None)
    if float((event.portfolio(returns) <= event.value).double().mean()) >= _COMMON:
        return (identity,)
    found: tuple[_Move, ...] = ()
    reached = False  # once it is, one more level finds the moves from draws that are there
    for level in range(_LEVELS):
        value = event.portfolio(_returns(law, drawn))
        cut = max(event.value, float(value[moved].quantile(_ELITE)))
        shares = _normed(ratios * (value <= cut))
        shift = shares @ drawn - center
        around = shares @ (drawn - center - shift).square()
        scale = min(max(float((around / spread).mean().sqrt()), 1.0), _LARGEST_SCALE)
        scales = [1.0] if scale < _WIDER else [1.0, *(scale**power for power in _POWERS)]
        found = tuple(_Move(law, center, shift, one) for one in scales)
        if len(center) <= _MOST_FITTED:
            fitted = _fitted(drawn, shares, scale * spread.sqrt(), correlation)
            found = (*found, _Move(fitted, center, still, 1.0))
        refined = cut <= event.value and reached
        reached = cut <= event.value
        if refined:
            break
        parts = (identity, *found)
        drawn = torch.cat(
            [move.draw(_LEVEL_DRAWS, _seed(seed, 1_000 + 10 * level + at)) for at, move in enumerate(parts)]
        )
        moved = slice(_LEVEL_DRAWS, None)
        ratios = _log_weights(parts, [1.0 / len(parts)] * len(parts), drawn).exp()
    return (identity, *found)


def _fitted(drawn: Tensor, shares: Tensor, spread: Tensor, correlation: Tensor) -> CopulaForecast:
    """A Student-t law with the mean and covariance of weighted draws, shrunk towards another covariance.

    The shrinkage is the number of variables over that and the effective number of draws.
    """
    count, effective = drawn.shape[1], 1.0 / float(shares.square().sum())
    mean = shares @ drawn
    away = drawn - mean
    share = count / (count + effective)
    own = (away * shares[:, None]).T @ away
    other = torch.outer(spread, spread) * (0.99 * correlation + 0.01 * torch.diag(correlation.diagonal()))
    other.diagonal().copy_(spread.square())
    mixed = (1.0 - share) * own + share * other
    scale = mixed.diagonal().sqrt()
    dependence = DenseStudentT(
        torch.tensor([_FITTED_DEGREES], dtype=torch.float64), (mixed / torch.outer(scale, scale))[None]
    )
    narrow = math.sqrt((_FITTED_DEGREES - 2.0) / _FITTED_DEGREES)
    return CopulaForecast(AffineMarginals(mean[None], narrow * scale[None]), dependence, torch.ones(1, count) > 0)


def _log_weights(moves: Sequence[_Move], shares: Sequence[float], value: Tensor) -> Tensor:
    """Log density of the law over that of the mixture of moves, (N,)."""
    pairs = zip(moves, shares, strict=True)
    own = torch.stack([move.log_density(value) + math.log(share) for move, share in pairs])
    of_law = own[0] - math.log(shares[0])  # the first is the law as it is
    return torch.nan_to_num(of_law - own.logsumexp(0), nan=-torch.inf)


def _shares(n_draws: int, n_moves: int) -> list[int]:
    if n_moves == 1:
        return [n_draws]
    identity = max(1, round(_IDENTITY * n_draws))
    rest = (n_draws - identity) // (n_moves - 1)
    return [identity] + [rest] * (n_moves - 1)


def _as_tail(event: PortfolioEvent) -> PortfolioEvent:
    """The same event as one of at most: at least and a gain are those of the portfolio sold short."""
    turned = event.kind == "at_least" or (event.kind == "equal" and event.value > 0)
    return PortfolioEvent(-event.weights if turned else event.weights, -event.value if turned else event.value)


def _kernel(ratios: Tensor, value: Tensor, at: float) -> tuple[Tensor, float]:
    """Epanechnikov's kernel around a value, times the ratios, and its half width."""
    near = (value - at).abs()
    typical = float(near.quantile(0.5)) if len(near) <= 2**24 else float(near[: 2**24].quantile(0.5))
    width = max(_BANDWIDTH * typical / 0.6745, 1e-12)
    return ratios * (1.0 - (near / width).square()).clamp(min=0.0), width


def _slid(drawn: Tensor, shares: Tensor, event: PortfolioEvent) -> Tensor:
    """Move draws near an event of equality onto it, along the regression of each asset on the portfolio."""
    value = event.portfolio(drawn)
    away = value - shares @ value
    power = shares @ away.square()
    if not float(power) > 0:
        return drawn
    slope = (shares * away) @ drawn / power
    place = torch.zeros(len(drawn), dtype=torch.float64)
    for _ in range(20):
        moved = drawn + place[:, None] * slope
        rate = torch.exp(moved) @ (event.weights * slope)
        step = (event.portfolio(moved) - event.value) / torch.where(rate.abs() > 1e-12, rate, 1.0)
        place = place - torch.where(shares > 0, step, 0.0)
    return drawn + place[:, None] * slope


def _normed(ratios: Tensor) -> Tensor:
    total = ratios.sum()
    return ratios / total if float(total) > 0 else torch.zeros_like(ratios)


def _seed(seed: int, part: int) -> int:
    key = np.random.SeedSequence([seed, part]).generate_state(1, np.uint64)[0]
    return int(key >> np.uint64(1))


def _check(law: Forecast, event: PortfolioEvent) -> None:
    if law.batch_shape != (1,) or not bool(law.present.all()):
        raise ValueError("the law must have one row and every asset present; take `law.rows` and `law.assets` first.")
    if event.weights.shape != law.event_shape or not bool((event.weights != 0).any()):
        raise ValueError(f"weights must be one for each of {law.event_shape[0]} assets, and not all zero.")
