"""Value-at-risk and expected shortfall of losses, wherever the losses come from: model draws, history or a backtest.

A loss is a fraction of portfolio value, positive when money is lost. ``level`` is the confidence: 0.99, not 0.01.
Draws come first in every shape: (S, *). Everything is float64.
"""

import math

import torch
from torch import Tensor

from quantdl.distributions import Forecast
from quantdl.scoring import confidence

_SHARE_ROUNDING = 1e-9  # of a sum of up to millions of probabilities


def draw_returns(forecast: Forecast, n_draws: int, seed: int) -> Tensor:
    """Draw joint log returns from a forecast and leave the caller's random state alone.

    Args:
        forecast: Law with batch_shape (B,) and event_shape (A,); an absent asset draws 0, so its weight must be 0.
        n_draws: Number of draws S, positive.
        seed: The same seed gives the same draws.

    Shape:
        - output: (S, B, A) float64

    Raises:
        ValueError: If ``n_draws`` is not positive.
    """
    if n_draws < 1:
        raise ValueError(f"n_draws must be positive, got {n_draws}.")
    device = forecast.present.device
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.manual_seed(seed)
        return forecast.sample(torch.Size((n_draws,))).double()


def portfolio_losses(log_returns: Tensor, weights: Tensor) -> Tensor:
    r"""Fractions of portfolio value lost: :math:`-\sum_i w_i (e^{x_i} - 1)`, what is not invested being cash.

    Args:
        log_returns: Log returns of each asset.
        weights: Fractions of equity held; negative for a short position.

    Shape:
        - log_returns: (S, \*, A)
        - weights: (\*, A)
        - output: (S, \*) float64

    Raises:
        ValueError: If a weight is not finite.

    Example:
        >>> portfolio_losses(torch.tensor([[0.10, -0.20]]), torch.tensor([0.5, 0.5]))
        tensor([0.0380], dtype=torch.float64)
    """
    if not bool(torch.isfinite(weights).all()):
        raise ValueError("weights must be finite; a weight of an asset that is not held is 0, not NaN.")
    return -(weights.double() * torch.expm1(log_returns.double())).sum(-1)


def value_at_risk(losses: Tensor, level: float = 0.99, probabilities: Tensor | None = None) -> Tensor:
    r"""Smallest loss that is not exceeded with probability ``level`` (inverse of the empirical distribution).

    .. math:: \mathrm{VaR}_\alpha(L) = \inf \{ x : P(L \le x) \ge \alpha \}

    It is an order statistic, one of the losses given; nothing is interpolated. There is no limit on the number of
    draws (``torch.quantile`` stops at 2**24).

    Args:
        losses: Fractions of portfolio value, positive when money is lost.
        level: Confidence level, strictly between 0 and 1. Below 0.5 it is read as ``1 - level``, with a warning.
        probabilities: Of each loss, not negative; they are divided by their sum. Equal where None.

    Shape:
        - losses: (S, \*), draws first
        - probabilities: (S,)
        - output: (\*) float64

    Raises:
        ValueError: If ``level`` is outside (0, 1), a loss is not finite, or there are fewer than ``1 / (1 - level)``
            losses, so that the tail holds not even one: with probabilities, if the largest loss has more than the tail.

    Example:
        >>> value_at_risk(torch.tensor([0.3, 0.1, 0.2, 0.4]), level=0.75)
        tensor(0.3000, dtype=torch.float64)
        >>> value_at_risk(torch.tensor([0.3, 0.1, 0.2, 0.4]), 0.75, torch.tensor([0.0, 0.8, 0.1, 0.1]))
        tensor(0.1000, dtype=torch.float64)
    """
    if probabilities is not None:
        return _of_tail(losses, confidence(level), probabilities)[0]
    losses, tail = _losses_and_tail(losses, confidence(level))
    return _order_statistic(losses, len(losses) - math.floor(tail))


def expected_shortfall(losses: Tensor, level: float = 0.99, probabilities: Tensor | None = None) -> Tensor:
    r"""Mean of the worst ``1 - level`` share of the losses.

    .. math:: \mathrm{ES}_\alpha(L) = \frac{1}{1 - \alpha} \int_\alpha^1 \mathrm{VaR}_u(L) \, du
        = \mathrm{VaR}_\alpha + \frac{E (L - \mathrm{VaR}_\alpha)^+}{1 - \alpha}

    The last loss counts in part when the share is not a whole number of losses, which is what keeps the measure
    subadditive on samples; "the mean of the losses beyond VaR" is another, smaller or larger number.

    Args:
        losses: Fractions of portfolio value, positive when money is lost.
        level: Confidence level, strictly between 0 and 1. Below 0.5 it is read as ``1 - level``, with a warning.
        probabilities: Of each loss, not negative; they are divided by their sum. Equal where None.

    Shape:
        - losses: (S, \*), draws first
        - probabilities: (S,)
        - output: (\*) float64, never below :func:`value_at_risk`

    Raises:
        ValueError: As :func:`value_at_risk`.

    References:
        | On the coherence of expected shortfall (Acerbi and Tasche, 2002), https://arxiv.org/abs/cond-mat/0104295
        | Optimization of conditional value-at-risk (Rockafellar and Uryasev, 2000)

    Example:
        >>> expected_shortfall(torch.tensor([0.0, 0.1, 0.2, 0.3]), level=0.5)
        tensor(0.2500, dtype=torch.float64)
    """
    if probabilities is not None:
        threshold, beyond = _of_tail(losses, confidence(level), probabilities)
        return threshold + beyond
    losses, tail = _losses_and_tail(losses, confidence(level))
    threshold = _order_statistic(losses, len(losses) - math.floor(tail))
    return threshold + (losses - threshold).clamp(min=0.0).sum(0) / tail


def value_at_risk_error(losses: Tensor, level: float = 0.99, probabilities: Tensor | None = None) -> Tensor:
    r"""Monte-Carlo standard error of :func:`value_at_risk` over independent draws.

    The standard error of the probability of at most the value at risk, which is
    :math:`\sqrt{\alpha (1 - \alpha) / S}`, or :math:`\sqrt{\sum_s p_s^2 (1\{L_s \le \mathrm{VaR}\} - \alpha)^2}` where
    draws have probabilities, times the slope of the quantile: the distance of the losses that lie that far to either
    side over the probability between them. No density is estimated. The draws must be independent: for a history of
    returns this is the sampling error of the quantile only where returns do not depend on those before, see
    `quantdl.risk.measures.estimates.estimate_of_history`.

    Args:
        losses: Fractions of portfolio value, positive when money is lost.
        level: Confidence level, strictly between 0 and 1.
        probabilities: Of each loss, see :func:`value_at_risk`; the weights of importance sampling.

    Shape:
        - losses: (S, \*), draws first
        - probabilities: (S,)
        - output: (\*) float64, in units of the loss

    Raises:
        ValueError: As :func:`value_at_risk`, and if there is a single draw.

    References:
        | Monte Carlo Methods in Financial Engineering (Glasserman, 2003), section 9.1.2
    """
    level = confidence(level)
    if probabilities is not None:
        return _weighted_quantile_error(losses, level, probabilities)
    losses, tail = _losses_and_tail(losses, level)
    n_draws = len(losses)
    _refuse_single(n_draws)
    ranks = math.sqrt(n_draws * level * (1.0 - level))
    rank = n_draws - math.floor(tail)
    upper, lower = min(rank + math.ceil(ranks), n_draws), max(rank - math.ceil(ranks), 1)
    spacing = (_order_statistic(losses, upper) - _order_statistic(losses, lower)) / (upper - lower)
    return ranks * spacing


def expected_shortfall_error(losses: Tensor, level: float = 0.99, probabilities: Tensor | None = None) -> Tensor:
    r"""Monte-Carlo standard error of :func:`expected_shortfall` over independent draws.

    The standard deviation of :math:`(L - \mathrm{VaR})^+ / (1 - \alpha)` over :math:`\sqrt S`, the first-order error
    of the estimator; with probabilities, the root of :math:`\sum_s p_s^2` times its squared distance from its mean. It
    needs a finite variance: under a tail heavier than Student-t with 2 degrees of freedom it understates.

    Args:
        losses: Fractions of portfolio value, positive when money is lost.
        level: Confidence level, strictly between 0 and 1.
        probabilities: Of each loss, see :func:`value_at_risk`; the weights of importance sampling.

    Shape:
        - losses: (S, \*), draws first
        - probabilities: (S,)
        - output: (\*) float64, in units of the loss

    Raises:
        ValueError: As :func:`value_at_risk`, and if there is a single draw.

    References:
        | Variance of the CTE Estimator (Manistre and Hancock, 2005)
        | Monte Carlo theory, methods and examples (Owen, 2013), section 9.2, for the probabilities
    """
    level = confidence(level)
    if probabilities is not None:
        threshold, _ = _of_tail(losses, level, probabilities)
        _refuse_single(int((probabilities > 0).sum()))
        return error_of_mean((losses.double() - threshold).clamp(min=0.0), probabilities) / round(1.0 - level, 12)
    losses, tail = _losses_and_tail(losses, level)
    _refuse_single(len(losses))
    excess = (losses - _order_statistic(losses, len(losses) - math.floor(tail))).clamp(min=0.0)
    return excess.std(0) * math.sqrt(len(losses)) / tail


def error_of_mean(values: Tensor, probabilities: Tensor | None = None) -> Tensor:
    r"""Standard error of the mean of independent draws (S, \*), of probabilities (S,) where given: (\*).

    .. math:: \sqrt{\frac{\sum_s p_s^2 (x_s - \bar x)^2}{1 - \sum_s p_s^2}}

    which is the standard deviation over :math:`\sqrt S` where the probabilities are equal.

    Example:
        >>> values = torch.tensor([1.0, 2.0, 3.0, 4.0], dtype=torch.float64)
        >>> error_of_mean(values), error_of_mean(values, torch.ones(4))
        (tensor(0.6455, dtype=torch.float64), tensor(0.6455, dtype=torch.float64))
    """
    if probabilities is None:
        return values.std(0) / math.sqrt(len(values))
    shares = probabilities.double() / probabilities.double().sum()
    around = values - torch.tensordot(shares, values, dims=1)
    variance: Tensor = torch.tensordot(shares.square(), around.square(), dims=1) / (1.0 - shares.square().sum())
    return variance.sqrt()


def checked_shares(losses: Tensor, probabilities: Tensor | None) -> tuple[Tensor, Tensor]:
    r"""Losses (S, \*) in float64 and a probability of each (S,), adding to one.

    Raises:
        ValueError: If there is no loss, one is not finite, or the probabilities do not fit, are negative or all zero.
    """
    if losses.ndim == 0 or len(losses) == 0:
        raise ValueError("losses must hold at least one draw, with draws along the first axis.")
    shares = losses.new_ones(len(losses), dtype=torch.float64) if probabilities is None else probabilities.double()
    if shares.shape != losses.shape[:1]:
        given, wanted = tuple(shares.shape), tuple(losses.shape[:1])
        raise ValueError(f"probabilities must be one for each of the losses, {wanted}, got shape {given}.")
    losses = losses.double()
    if not bool(torch.isfinite(losses).all() and torch.isfinite(shares).all() and (shares >= 0).all()):
        raise ValueError("losses must be finite, and probabilities finite and not negative.")
    if not bool(shares.sum() > 0):
        raise ValueError("probabilities must not all be zero.")
    return losses, shares / shares.sum()


def _weighted_quantile_error(losses: Tensor, level: float, probabilities: Tensor) -> Tensor:
    threshold, _ = _of_tail(losses, level, probabilities)
    losses, shares = checked_shares(losses, probabilities)
    _refuse_single(int((shares > 0).sum()))
    held = shares > 0
    losses, shares = losses[held], shares[held]
    doubt = torch.tensordot(shares.square(), ((losses <= threshold).double() - level).square(), dims=1).sqrt()
    ordered, order = losses.sort(dim=0, descending=True)
    place = shares[order].cumsum(0) - 0.5 * shares[order]  # probability beyond, half of its own counted
    at = (ordered > threshold).sum(0, keepdim=True)
    tail = round(1.0 - level, 12)
    last = len(losses) - 1
    upper = torch.minimum((place < tail - doubt).sum(0, keepdim=True), (at - 1).clamp(min=0))
    lower = torch.maximum((place <= tail + doubt).sum(0, keepdim=True), at + 1).clamp(max=last)
    rise = ordered.gather(0, upper) - ordered.gather(0, lower)
    slope: Tensor = rise / (place.gather(0, lower) - place.gather(0, upper))
    error: Tensor = doubt * slope[0]
    return error


def _refuse_single(n_draws: int) -> None:
    if n_draws < 2:
        raise ValueError("a standard error needs at least 2 draws, got 1.")


def _of_tail(losses: Tensor, level: float, probabilities: Tensor) -> tuple[Tensor, Tensor]:
    """Value at risk, and what the expected shortfall is beyond it, of losses (S, *) with probabilities (S,)."""
    losses, shares = checked_shares(losses, probabilities)
    tail = round(1.0 - level, 12)
    ordered, order = losses.sort(dim=0, descending=True)
    own = shares[order]
    beyond = own.cumsum(0)
    largest = torch.where(own > 0, own, torch.inf).masked_fill(beyond > own, torch.inf).amin(0)
    if bool((largest > tail * (1.0 + _SHARE_ROUNDING)).any()):
        raise ValueError(
            f"level {level} is too high: the largest loss alone has a probability of {float(largest.max()):.3g}, and "
            f"the tail holds {tail:.3g}. Take more draws or a lower level."
        )
    first = (beyond > tail * (1.0 + _SHARE_ROUNDING)).double().argmax(0, keepdim=True)
    threshold = ordered.gather(0, first)
    excess = ((ordered - threshold).clamp(min=0.0) * own).sum(0) / tail
    return threshold[0], excess


def _losses_and_tail(losses: Tensor, level: float) -> tuple[Tensor, float]:
    """Checked float64 losses, and how many of them, in whole and parts, make up the tail."""
    if losses.ndim == 0 or len(losses) == 0:
        raise ValueError("losses must hold at least one draw, with draws along the first axis.")
    tail = round((1.0 - level) * len(losses), 6)  # (1 - 0.99) * 100 is 1.0000000000000009
    if tail < 1.0:
        needed = math.ceil(round(1.0 / (1.0 - level), 6))
        raise ValueError(f"level {level} needs at least {needed} losses, got {len(losses)}: the tail would be empty.")
    losses = losses.double()
    if not bool(torch.isfinite(losses).all()):
        raise ValueError("losses must be finite; NaN or infinity has no rank.")
    return losses, tail


def _order_statistic(losses: Tensor, rank: int) -> Tensor:
    """The ``rank``-th smallest loss, counted from 1: the smallest of the largest ones.

    Not ``kthvalue``: on sorted input its time grows with the square of the number of losses.
    """
    return losses.topk(len(losses) - rank + 1, dim=0, sorted=False).values.amin(0)
