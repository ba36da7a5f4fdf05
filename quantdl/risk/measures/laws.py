r"""Measures of a forecast without draws: of each asset's own law by its quantiles, of a book where its law is exact.

Of single assets every forecast knows the quantiles, so a measure is an integral over them. The nodes are those of Gauss
and Legendre on :math:`u = \frac{1}{2} s^6` from both ends, where a quantile that grows like a power stays smooth.
Relative errors: 1e-6 where the law is smooth and has more than two moments, 1e-4 where it has kinks (splines).

Of a book the law of its *log return*, the weighted sum of log returns, is exact where returns are affine in one family
(`quantdl.distributions.Forecast.exact_sum`): Student-t or normal margins joined by the dependence of the same family,
in market states too, and mixtures of such. `ledoit_wolf_t` is of this kind; the networks and the GARCH family are not.
Money lost is another thing, :math:`-\sum_i w_i (e^{x_i} - 1)`: less than the loss in log return by about half of the
return squared where the book is long. No law of it is exact for more than one asset, so it is drawn (`Scenarios`).
"""

import math
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from quantdl.distributions import Forecast, MixtureForecast, SumLaw
from quantdl.risk.measures.spectral import Spectrum
from quantdl.scoring import confidence, marginal_expected_shortfall, marginal_value_at_risk

_CROWDING = 6
_N_NODES = 48
_ITERATIONS = 30
_SOLVED_TO = 1e-8  # the last step squares it
_N_PANELS = 400
_BELOW_ONE, _SMALLEST = 1.0 - 2.0**-53, 5e-324
_FAR, _NO_LESS = (1e-10, 1e-13), 0.99


def marginal_expectile(forecast: Forecast, level: float = 0.99) -> Tensor:
    r"""Expectile of each asset's loss in log return, see `quantdl.risk.measures.convex.expectile`; (B, A) float64.

    The root of :math:`(2 \alpha - 1) \, E (L - e)^+ = (1 - \alpha)(e - E L)` by Newton's method from the mean, which
    rises to it; the partial mean is an integral over the quantiles beyond the root. 0 for an absent asset.

    Raises:
        ValueError: If ``level`` is outside (0, 1), or a present asset's law has no mean (which).
    """
    level = confidence(level)
    _refuse_without_moment(forecast, 1.0, both_tails=True)
    mean = _mixed(forecast, _mean_loss)
    with torch.no_grad():
        found = mean.detach().clone()
        for _ in range(_ITERATIONS):
            value, slope = _imbalance(forecast, found, mean.detach(), level)
            step = value / slope
            found = found - step
            if bool((step.abs() <= _SOLVED_TO * found.abs().clamp(min=_SOLVED_TO)).all()):
                break
    value, slope = _imbalance(forecast, found, mean, level)
    return torch.where(forecast.present, found - value / slope.detach(), 0.0)


def marginal_entropic(forecast: Forecast, aversion: float) -> Tensor:
    r"""Entropic measure of a long position in each asset, with the simple return as its loss; (B, A) float64.

    .. math:: \frac{1}{\theta} \log \int_0^1 e^{\theta (1 - e^{q(u)})} \, du

    A long position cannot lose more than 1, so this is finite for every law; in log return, or of a short position, it
    would be infinite for every law with tails heavier than normal. A position of weight w has
    :math:`w \rho_{\theta w}`. 0 for an absent asset.

    Raises:
        ValueError: If the aversion is not a positive number.
    """
    if not 0.0 < aversion < math.inf:
        raise ValueError(f"aversion must be a positive number, got {aversion}.")
    if isinstance(forecast, MixtureForecast):
        members = torch.stack([marginal_entropic(member, aversion) for member in forecast.members])
        logs = forecast.weights.clamp(min=_SMALLEST).log().mT[..., None]
        mixed = torch.logsumexp(aversion * members + logs, dim=0) / aversion
        return torch.where(forecast.present, mixed, 0.0)
    probability, share = _nodes(forecast)
    scaled = -aversion * torch.expm1(forecast.icdf(probability)) + share[:, None, None].log()
    return torch.where(forecast.present, torch.logsumexp(scaled, dim=0) / aversion, 0.0)


def marginal_lower_partial_moment(forecast: Forecast, order: float = 2.0, threshold: float = 0.0) -> Tensor:
    r"""Moment of each asset's loss in log return beyond a threshold; (B, A) float64, 0 for an absent asset.

    .. math:: \int_0^{F(-t)} (-q(u) - t)^n \, du

    see `quantdl.risk.measures.convex.lower_partial_moment`.

    Raises:
        ValueError: If the order is negative or the threshold not finite, or a present asset's law has no such moment
            (which): of Student's t, where the order is not below the degrees of freedom.
    """
    if not 0.0 <= order < math.inf or not math.isfinite(threshold):
        raise ValueError(f"order must be finite and not negative, and threshold finite, got {order} and {threshold}.")
    _refuse_without_moment(forecast, order, both_tails=False)
    place = torch.full(forecast.present.shape, threshold, dtype=torch.float64, device=forecast.present.device)
    moment = _mixed(forecast, lambda law: _moment_beyond(law, place, order))
    return torch.where(forecast.present, moment, 0.0)


def marginal_spectral(forecast: Forecast, spectrum: Spectrum) -> Tensor:
    r"""Spectral measure of each asset's loss in log return, see `quantdl.risk.measures.spectral`; (B, A) float64.

    Quantiles at the nodes are weighted by what the spectrum gives to the probability between the middles of the nodes,
    so a spectrum with steps is served; to 1e-4 of the measure. 0 for an absent asset.

    Raises:
        ValueError: If a present asset's law has no mean (which).
    """
    _refuse_without_moment(forecast, 1.0, both_tails=True)
    edges = torch.linspace(0.0, 1.0, _N_PANELS + 1, dtype=torch.float64, device=forecast.present.device)
    half = 0.5 * edges**_CROWDING
    borders = torch.cat([half, 1.0 - half.flip(0)[1:]])
    middle = 0.5 * (edges[1:] + edges[:-1])
    low = 0.5 * middle**_CROWDING
    probability = torch.cat([low, _above(low.flip(0))])
    weight = spectrum.tail_weight(borders).diff()
    value: Tensor = torch.tensordot(weight, forecast.icdf(probability[:, None, None]), dims=1)
    return torch.where(forecast.present, -value, 0.0)


def book_value_at_risk(forecast: Forecast, weights: Tensor, level: float = 0.99) -> Tensor:
    """Value at risk of books in log return, exact; weights (B, N, A) give (B, N) float64, differentiable in them.

    A book of one asset is served under every law; others where `Forecast.exact_sum` has their law. See the module for
    which laws these are and for the difference to the money lost.

    Raises:
        ValueError: If ``level`` is outside (0, 1), weights hold an absent asset, or the law of a book is not exact.
    """
    tail = round(1.0 - confidence(level), 12)
    law = _book(forecast, weights)
    return -law.icdf(tail) if law is not None else _single(forecast, weights, level, shortfall=False)


def book_expected_shortfall(forecast: Forecast, weights: Tensor, level: float = 0.99) -> Tensor:
    """Expected shortfall of books in log return, exact; as `book_value_at_risk`."""
    tail = round(1.0 - confidence(level), 12)
    law = _book(forecast, weights)
    return -law.tail_mean(tail) if law is not None else _single(forecast, weights, level, shortfall=True)


def _book(forecast: Forecast, weights: Tensor) -> SumLaw | None:
    """Exact law of the books; None where it is not known and each holds one asset."""
    rows, assets = forecast.present.shape
    if weights.ndim != 3 or weights.shape[0] != rows or weights.shape[2] != assets:
        raise ValueError(f"weights must be ({rows}, N, {assets}), got {(*weights.shape,)}.")
    if bool(((weights != 0) & ~forecast.present[:, None]).any()):
        raise ValueError("weights must be 0 for assets that the law leaves out.")
    law = forecast.exact_sum(weights)
    if law is None and bool(((weights != 0).sum(-1) != 1).any()):
        raise ValueError(
            f"a book of several assets has no exact law under this {type(forecast).__name__}: its returns are not "
            "affine in variables of one family. Draw it, with its error: Scenarios.of_law or streamed_risk."
        )
    return law


def _single(forecast: Forecast, weights: Tensor, level: float, shortfall: bool) -> Tensor:
    """Risk of books of one asset each: of a short position the other tail."""
    measure = marginal_expected_shortfall if shortfall else marginal_value_at_risk
    long = measure(forecast, level)
    if bool((weights >= 0).all()):
        return (weights * long[:, None]).sum(-1)
    tail = round(1.0 - confidence(level), 12)
    place, share = _tail_nodes(forecast)
    above = forecast.icdf(_above(tail * place)) if shortfall else forecast.icdf(1.0 - tail)[None]
    short = torch.tensordot(share, above, dims=1) if shortfall else above[0]
    return torch.where(weights >= 0, weights * long[:, None], -weights * short[:, None]).sum(-1)


def _imbalance(forecast: Forecast, place: Tensor, mean: Tensor, level: float) -> tuple[Tensor, Tensor]:
    """What the expectile's equation leaves at a place, falling and convex, and its slope."""
    excess = _mixed(forecast, lambda law: _moment_beyond(law, place, 1.0))
    value = (2.0 * level - 1.0) * excess - (1.0 - level) * (place - mean)
    return value, -(2.0 * level - 1.0) * forecast.cdf(-place) - (1.0 - level)


def _mixed(forecast: Forecast, of: Callable[[Forecast], Tensor]) -> Tensor:
    """An expectation (B, A) under a law: of a mixture, that of its members, whose quantiles are quicker to find."""
    if not isinstance(forecast, MixtureForecast):
        return of(forecast)
    members = torch.stack([_mixed(member, of) for member in forecast.members])
    return (forecast.weights.mT[..., None] * members).sum(0)


def _moment_beyond(law: Forecast, place: Tensor, order: float) -> Tensor:
    """Moment (B, A) of what each asset's loss in log return is beyond a place."""
    beyond = law.cdf(-place)
    nodes, weight = _tail_nodes(law)
    excess = (-law.icdf(nodes * beyond) - place).clamp(min=0.0)
    moment: Tensor = beyond * torch.tensordot(weight, excess**order, dims=1)
    return moment


def _mean_loss(law: Forecast) -> Tensor:
    probability, share = _nodes(law)
    mean: Tensor = -torch.tensordot(share, law.icdf(probability), dims=1)
    return mean


def _nodes(forecast: Forecast) -> tuple[Tensor, Tensor]:
    """Probabilities (n, 1, 1) from both ends, and the share of each (n,), adding to one."""
    place, weight = _tail_nodes(forecast)
    low = 0.5 * place
    return torch.cat([low, _above(low.flip(0))]), 0.5 * torch.cat([weight, weight.flip(0)])


def _above(tail: Tensor) -> Tensor:
    """One less a probability, and the float64 below one where that would be one."""
    return (1.0 - tail).clamp(max=_BELOW_ONE)


def _tail_nodes(forecast: Forecast) -> tuple[Tensor, Tensor]:
    """Places in (0, 1) that crowd towards 0, (n, 1, 1), and the share of each (n,)."""
    node, weight = np.polynomial.legendre.leggauss(_N_NODES)
    place = 0.5 * (node + 1.0)
    share = 0.5 * weight * _CROWDING * place ** (_CROWDING - 1)
    device = forecast.present.device
    return torch.from_numpy(place**_CROWDING).to(device)[:, None, None], torch.from_numpy(share).to(device)


def _refuse_without_moment(forecast: Forecast, order: float, both_tails: bool) -> None:
    """A moment is finite where what a tail adds to it falls as one goes out, of power tails exactly there."""
    if isinstance(forecast, MixtureForecast):
        for member in forecast.members:
            _refuse_without_moment(member, order, both_tails)
        return
    with torch.no_grad():
        low = [tail * forecast.icdf(tail).abs() ** order for tail in _FAR]
        high = [tail * forecast.icdf(1.0 - tail).abs() ** order for tail in _FAR]
    lacking = low[1] >= _NO_LESS * low[0]
    if both_tails:
        lacking = lacking | (high[1] >= _NO_LESS * high[0])
    lacking = lacking & forecast.present
    if bool(lacking.any()):
        row, asset = lacking.nonzero()[0].tolist()
        raise ValueError(
            f"asset {asset} of row {row} has no finite moment of order {order:g}: its tails are too heavy for "
            "this measure."
        )
