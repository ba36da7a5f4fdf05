"""A measure of risk with its standard error and an interval: over draws of a model, or over a history of returns.

Draws are independent, so the error of any measure follows from how it reacts to the probability of each draw. Sessions
of a history are not: large losses come in clusters. Their error is that over histories resampled in blocks.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
import torch
from scipy import stats
from torch import Tensor

from quantdl.risk.measures.losses import checked_shares, error_of_mean, value_at_risk, value_at_risk_error
from quantdl.scoring import confidence

_COLUMNS_AT_ONCE = 1 << 22


@dataclass(frozen=True)
class Estimate:
    """A figure, how far it may be from the truth, and why.

    Attributes:
        value: The estimate.
        standard_error: Of the value, in its unit.
        low: Lower end of an interval around the value.
        high: Upper end of it.
        confidence: Probability with which such an interval holds the truth.
        n: Observations or draws behind it; for draws of unequal probability, how many equal ones say as much.
        error: What the error is about: ``simulation`` (other draws of the same law), ``sampling`` (another history of
            the same length).
        method: How the error was found, in words.
    """

    value: float
    standard_error: float
    low: float
    high: float
    confidence: float
    n: float
    error: Literal["simulation", "sampling"]
    method: str


class Measure(Protocol):
    """A measure of risk of losses (S, *) whose probabilities (S,) may be given, such as `expectile` at some level."""

    def __call__(self, losses: Tensor, *, probabilities: Tensor | None = None) -> Tensor:
        """Return the measure, (*)."""


def normal_estimate(
    value: float,
    standard_error: float,
    n: float,
    error: Literal["simulation", "sampling"],
    method: str,
    level: float = 0.95,
) -> Estimate:
    """An estimate whose interval is that of a normal error.

    Args:
        value: The estimate.
        standard_error: Of it.
        n: Observations behind it.
        error: See `Estimate`.
        method: See `Estimate`.
        level: Confidence of the interval.
    """
    reach = float(stats.norm.ppf(0.5 + 0.5 * confidence(level))) * standard_error
    return Estimate(value, standard_error, value - reach, value + reach, level, n, error, method)


def estimate_of_draws(
    measure: Measure, losses: Tensor, probabilities: Tensor | None = None, interval: float = 0.95
) -> Estimate:
    r"""A measure of independent draws with its simulation error, by the delta method.

    The influence of a draw is the derivative of the measure by its probability, found by autograd, so this holds for
    every measure that has one: expected shortfall, spectral measures, expectiles, entropic measure, partial moments.
    The standard error is the root of :math:`\sum_s p_s^2` times the squared distance of the influence from its mean.

    Args:
        measure: For instance ``functools.partial(expectile, level=0.99)``.
        losses: (S,).
        probabilities: (S,) of each draw, for instance the weights of importance sampling; equal where None.
        interval: Confidence of the interval, which is that of a normal error.

    Raises:
        ValueError: If losses are not (S,), there are fewer than 2, or the measure has no derivative by probabilities,
            as a quantile has none: `estimate_of_value_at_risk` is for that one.

    Example:
        >>> from functools import partial
        >>> from quantdl.risk.measures.losses import expected_shortfall
        >>> found = estimate_of_draws(partial(expected_shortfall, level=0.5), torch.tensor([0.0, 0.1, 0.2, 0.3]))
        >>> round(found.value, 4), round(found.standard_error, 4)
        (0.25, 0.0957)
    """
    losses, shares = _single_book(losses, probabilities)
    given = shares.clone().requires_grad_()
    with torch.enable_grad():
        value = measure(losses.detach(), probabilities=given)
        influence = torch.autograd.grad(value, given, allow_unused=True)[0] if value.requires_grad else None
    if influence is None or (not bool(influence.any()) and bool((losses != losses[0]).any())):
        raise ValueError(
            "the measure has no derivative by the probabilities of the draws, so its error is not that of a mean; for "
            "a value at risk use estimate_of_value_at_risk."
        )
    error = float(error_of_mean(influence, shares))
    return normal_estimate(
        float(value.detach()), error, _effective(shares), "simulation", "delta method over draws", interval
    )


def estimate_of_value_at_risk(
    losses: Tensor, level: float = 0.99, probabilities: Tensor | None = None, interval: float = 0.95
) -> Estimate:
    """Value at risk of independent draws with its simulation error; arguments as `estimate_of_draws`.

    The interval is that of a normal error, see `quantdl.risk.value_at_risk_error`.

    Raises:
        ValueError: As `quantdl.risk.value_at_risk_error`, and if losses are not (S,).
    """
    losses, shares = _single_book(losses, probabilities)
    value = float(value_at_risk(losses, level, probabilities))
    error = float(value_at_risk_error(losses, level, probabilities))
    return normal_estimate(value, error, _effective(shares), "simulation", "spacing of order statistics", interval)


def estimate_of_history(
    measure: Callable[[Tensor], Tensor],
    series: Tensor,
    seed: int,
    n_resamples: int = 1000,
    block: float | None = None,
    interval: float = 0.95,
) -> Estimate:
    """A measure of a history with its sampling error, by the stationary bootstrap.

    Histories of the same length are put together from blocks of the given one, of random length around ``block``, so
    what is dependent within a block stays so: clusters of large losses, and the order that drawdowns rest on. The
    standard error is that over the resampled histories, the interval holds the middle ones of them. A bootstrap cannot
    know losses worse than the worst on record: with fewer than some ten losses in the tail its interval is too narrow,
    and `quantdl.risk.measures.tails` is for such levels.

    Args:
        measure: From series (T, R) to (R,), for instance ``partial(expected_shortfall, level=0.99)``, or of returns
            ``lambda returns: maximum_drawdown(value_path(returns))``.
        series: (T,) losses or returns in time order.
        seed: Of the resampling.
        n_resamples: Histories put together.
        block: Mean length of a block in sessions; chosen by Politis and White's rule where None, the longer one of
            those for the series and for its sizes, which cluster.
        interval: Confidence of the interval.

    Raises:
        ValueError: If the series is not (T,), not finite, or holds fewer than 20 values, or there are fewer than 100
            resamples.

    References:
        | The stationary bootstrap (Politis and Romano, 1994)
        | Automatic block-length selection for the dependent bootstrap (Politis and White, 2004; corrected 2009)
    """
    if series.ndim != 1 or len(series) < 20 or not bool(torch.isfinite(series).all()):
        raise ValueError(
            f"a history must be at least 20 finite values in one series, got shape {(*series.shape,)}; leave out the "
            "sessions without a value."
        )
    if n_resamples < 100:
        raise ValueError(f"n_resamples must be at least 100, got {n_resamples}.")
    series = series.double()
    length = block_length(series) if block is None else block
    found = torch.cat([measure(part) for part in resampled(series, length, n_resamples, seed)])
    value = float(measure(series[:, None])[0])
    outside = 0.5 - 0.5 * confidence(interval)
    low, high = np.quantile(found.numpy(), [outside, 1.0 - outside]).tolist()
    method = f"stationary bootstrap, blocks of {length:.3g} sessions on average, {n_resamples:,} resamples"
    return Estimate(value, float(found.std()), low, high, interval, float(len(series)), "sampling", method)


def block_length(series: Tensor) -> float:
    """Mean block length of a stationary bootstrap of a series (T,), by Politis and White's rule, at least 1.

    The longer one of that for the series and that for its sizes around their mean: returns hardly depend on those
    before, but their sizes do. A constant series has length 1.
    """
    from arch.bootstrap import optimal_block_length  # arch takes a second to import

    values = series.double().numpy()
    if float(np.ptp(values)) == 0.0:
        return 1.0
    both = np.column_stack([values, np.abs(values - values.mean())])
    varied = both[:, np.ptp(both, axis=0) > 0.0]
    return max(1.0, float(optimal_block_length(varied)["stationary"].max()))


def resampled(series: Tensor, length: float, n_resamples: int, seed: int) -> list[Tensor]:
    """Return histories put together from blocks of one (T,), (T, R) each, some at once; see `estimate_of_history`.

    After each session a new block begins with probability ``1 / length``, so the mean length need not be whole.
    """
    from arch.bootstrap import StationaryBootstrap

    if not 1.0 <= length < math.inf:
        raise ValueError(f"block must be at least 1 session, got {length}.")
    values = series.numpy()
    blocks = StationaryBootstrap(length, values, seed=seed)  # type: ignore[arg-type]  # it takes 1 / length alone
    drawn = blocks.bootstrap(n_resamples)
    stacked = torch.from_numpy(np.stack([positional[0] for positional, _ in drawn], axis=1))
    return list(stacked.split(max(1, _COLUMNS_AT_ONCE // len(values)), dim=1))


def _single_book(losses: Tensor, probabilities: Tensor | None) -> tuple[Tensor, Tensor]:
    if losses.ndim != 1 or len(losses) < 2:
        raise ValueError(f"an estimate is of one book: losses must be (S,) with at least 2 draws, got {losses.shape}.")
    return checked_shares(losses, probabilities)


def _effective(shares: Tensor) -> float:
    return float(1.0 / shares.square().sum())
