r"""The tail of a loss beyond what the sample holds: its index by Hill, and generalised Pareto excesses (GPD).

Both read the largest losses alone. Excesses over a high threshold u are close to

.. math:: P(L - u > y \mid L > u) = \left( 1 + \xi \frac{y}{\beta} \right)^{-1 / \xi}

whatever the law of the losses (Pickands, Balkema and de Haan), and that law reaches beyond the largest loss on record.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from quantdl.risk.measures.estimates import Estimate, normal_estimate
from quantdl.scoring import confidence

FloatArray = NDArray[np.float64]

FEWEST_EXCESSES = 30
"""Losses beyond the threshold below which no tail is fitted: the error of its shape is then above 0.2."""

_SHARE_BEYOND = 0.10  # of the losses: what is meant by a tail


def hill(losses: ArrayLike, beyond: int | None = None, interval: float = 0.95) -> Estimate:
    r"""Tail index of losses: the number of moments they have, by Hill's estimator.

    .. math:: \frac{1}{\hat \alpha} = \frac{1}{k} \sum_{i = 1}^k \log \frac{L_{(i)}}{L_{(k + 1)}}

    over the k largest losses. Its standard error is :math:`\hat \alpha / \sqrt k`, that of independent losses: in a
    history whose large losses cluster it is larger. It is biased towards heavy tails where the tail is no exact power:
    of 5,000 Student-t losses with 2.5, 3 and 4 degrees of freedom it gives 2.4, 2.7 and 3.3 on average, so what it says
    of the moments that exist is on the safe side.

    Args:
        losses: (T,), positive when money is lost, in any order.
        beyond: k; the root of T where None, but at least 30, and never more than a tenth of T: further in, what is
            measured is the middle of the losses (30 of 200 Student-t losses with 3 degrees of freedom give 1.9). Fixed
            shares of the losses and the choice by the distance of quantiles (Danielsson and others, 2016) err more on
            Student-t losses, see benchmarks/EXPERIMENTS.md.
        interval: Confidence of the interval.

    Raises:
        ValueError: If losses are not one finite series, the largest ones are not positive or all alike, or k is below
            30, above a tenth of T or not below the number of positive losses.

    References:
        | A simple general approach to inference about the tail of a distribution (Hill, 1975)
        | Estimating the stable index in order to measure tail thickness (DuMouchel, 1983), for the tenth
    """
    ordered = np.sort(_series(losses))[::-1]
    positive = int((ordered > 0.0).sum())
    count = max(FEWEST_EXCESSES, round(math.sqrt(len(ordered)))) if beyond is None else beyond
    if not FEWEST_EXCESSES <= count < positive:
        raise ValueError(
            f"a tail index needs at least {FEWEST_EXCESSES} losses in the tail and a positive one beside them; asked "
            f"for {count} of {positive} positive losses."
        )
    if count > _SHARE_BEYOND * len(ordered):
        raise ValueError(
            f"a tail index reads the largest {100 * _SHARE_BEYOND:g}% of the losses at most; {count} of {len(ordered)} "
            f"are more. Bring at least {math.ceil(round(count / _SHARE_BEYOND, 6))} losses, or read fewer of them."
        )
    inverse = float(np.log(ordered[:count] / ordered[count]).mean())
    if inverse <= 0.0:
        raise ValueError(f"the tail index is undefined: the {count + 1} largest losses are all {ordered[0]:g}.")
    method = f"Hill, {count} largest losses of {len(ordered)}"
    return normal_estimate(1.0 / inverse, 1.0 / inverse / math.sqrt(count), count, "sampling", method, interval)


@dataclass(frozen=True, eq=False)
class ParetoTail:
    """Generalised Pareto law of the losses beyond a threshold, by maximum likelihood.

    Attributes:
        threshold: u, a loss.
        shape: xi; the tail has moments below 1 / xi, and an end where it is negative.
        scale: beta, positive.
        n: Losses in all.
        n_beyond: Losses above the threshold.
        influence: (T, 3) what each loss, in time order, adds to the error of the share beyond the threshold, of shape
            and of scale; their means are 0.
        lags: Sessions over which errors are taken to depend on each other.
    """

    threshold: float
    shape: float
    scale: float
    n: int
    n_beyond: int
    influence: FloatArray
    lags: int

    @property
    def shape_error(self) -> float:
        """Standard error of the shape."""
        return self._error(np.array([0.0, 1.0, 0.0]))

    @property
    def scale_error(self) -> float:
        """Standard error of the scale."""
        return self._error(np.array([0.0, 0.0, 1.0]))

    def value_at_risk(self, level: float, interval: float = 0.95) -> Estimate:
        r"""Value at risk at a level beyond the threshold, with its sampling error by the delta method.

        .. math:: u + \frac{\beta}{\xi} \left( \left( \frac{n}{n_u} (1 - \alpha) \right)^{-\xi} - 1 \right)

        The interval is symmetric for the log of the excess over the threshold: errors are larger upwards.

        Raises:
            ValueError: If the threshold does not lie below it: the level is too low for this fit.
        """
        tail = self._tail(level)
        value, slope = self._quantile(tail)
        return self._estimate(value, self._error(slope), interval)

    def expected_shortfall(self, level: float, interval: float = 0.95) -> Estimate:
        r"""Expected shortfall at a level beyond the threshold, likewise.

        .. math:: \frac{\mathrm{VaR} + \beta - \xi u}{1 - \xi}

        Raises:
            ValueError: As `value_at_risk`, and if the shape is 1 or more, so that the mean beyond is infinite.
        """
        if self.shape >= 1.0:
            raise ValueError(
                f"expected shortfall is undefined: the fitted shape is {self.shape:.3g}, and from 1 on the mean of the "
                "losses beyond any threshold is infinite."
            )
        quantile, slope = self._quantile(self._tail(level))
        rest = 1.0 - self.shape
        value = (quantile + self.scale - self.shape * self.threshold) / rest
        by_shape = (value - self.threshold) / rest
        return self._estimate(value, self._error(slope / rest + np.array([0.0, by_shape, 1.0 / rest])), interval)

    def _tail(self, level: float) -> float:
        tail, share = round(1.0 - confidence(level), 12), self.n_beyond / self.n
        if tail > share:
            raise ValueError(
                f"level {level:g} lies below the threshold, which {share:.3%} of the losses exceed: take the empirical "
                f"quantile, or a level above {1.0 - share:.4g}."
            )
        return tail

    def _quantile(self, tail: float) -> tuple[float, FloatArray]:
        """The loss that is exceeded with probability ``tail``, and its derivatives by share, shape and scale."""
        share = self.n_beyond / self.n
        reach = math.log(share / tail)
        if abs(self.shape) * reach < 1e-6:  # the exponential law
            growth, by_shape = reach * (1.0 + 0.5 * self.shape * reach), 0.5 * reach**2
        else:
            growth = math.expm1(self.shape * reach) / self.shape
            by_shape = (reach * math.exp(self.shape * reach) - growth) / self.shape
        slope = [self.scale * math.exp(self.shape * reach) / share, self.scale * by_shape, growth]
        return self.threshold + self.scale * growth, np.array(slope)

    def _error(self, slope: FloatArray) -> float:
        """Standard error of what has these derivatives: the long-run variance of its influence (Newey and West)."""
        series = self.influence @ slope
        total = float(series @ series)
        for lag in range(1, self.lags + 1):
            total += 2.0 * (1.0 - lag / (self.lags + 1)) * float(series[lag:] @ series[:-lag])
        return math.sqrt(max(total, 0.0)) / self.n

    def _estimate(self, value: float, error: float, interval: float) -> Estimate:
        excess = value - self.threshold
        stretch = math.exp(float(stats.norm.ppf(0.5 + 0.5 * confidence(interval))) * error / excess) if excess else 1.0
        ends = self.threshold + excess / stretch, self.threshold + excess * stretch
        method = f"generalised Pareto excesses over {self.threshold:.4g}, delta method over {self.lags} lags"
        return Estimate(value, error, *ends, interval, self.n_beyond, "sampling", method)


def pareto_tail(losses: ArrayLike, threshold: float | None = None, lags: int = 0) -> ParetoTail:
    """Fit generalised Pareto excesses to the largest losses (peaks over threshold).

    Args:
        losses: (T,) in time order, positive when money is lost.
        threshold: u. Where None, the loss that a tenth of the losses exceed, as in McNeil and Frey (2000), which in
            their simulations is near the least error of the 99 % quantile for Student-t losses of financial sizes.
        lags: Sessions over which errors depend on each other: 0 for independent losses, as residuals of a volatility
            model are; for raw returns, whose large losses cluster, a month or more.

    Raises:
        ValueError: If losses are not one finite series, fewer than 30 exceed the threshold, the excesses are all alike,
            or the shape is -1/2 or less, where maximum likelihood has no standard error (Smith, 1985).

    References:
        | Estimation of tail-related risk measures for heteroscedastic financial time series (McNeil and Frey, 2000)
        | Maximum likelihood estimation in a class of nonregular cases (Smith, 1985)

    Example:
        >>> tail = pareto_tail(stats.t(4).ppf((np.arange(2000) + 0.5) / 2000))
        >>> found = tail.value_at_risk(0.9999)  # beyond one in 2,000; the law's is 13.03
        >>> bool(found.low < 13.03 < found.high), tail.n_beyond
        (True, 200)
    """
    series = _series(losses)
    if lags < 0 or lags >= len(series):
        raise ValueError(f"lags must lie between 0 and the number of losses, got {lags}.")
    level = float(np.sort(series)[::-1][int(_SHARE_BEYOND * len(series))]) if threshold is None else threshold
    excess = series[series > level] - level
    if len(excess) < FEWEST_EXCESSES:
        needed = "" if threshold is not None else f", so at least {round(FEWEST_EXCESSES / _SHARE_BEYOND)} losses"
        raise ValueError(
            f"a tail needs at least {FEWEST_EXCESSES} losses above its threshold{needed}; {len(excess)} of "
            f"{len(series)} lie above {level:g}."
        )
    if float(np.ptp(excess)) <= 1e-12 * float(excess.max()):
        raise ValueError(f"the tail is undefined: all losses above {level:g} are alike.")
    unit = float(excess.mean())  # so that the optimiser sees numbers of the size of one
    shape, _, scale = (float(one) for one in stats.genpareto.fit(excess / unit, floc=0.0))
    if shape <= -0.5:
        raise ValueError(
            f"the fitted shape is {shape:.3g}: the losses end abruptly, and from -1/2 down the likelihood has no "
            "regular maximum. A lower threshold, or bounds on the loss, describe such a tail."
        )
    influence = _influence(series, level, shape, scale * unit)
    return ParetoTail(level, shape, scale * unit, len(series), len(excess), influence, lags)


def _influence(series: FloatArray, threshold: float, shape: float, scale: float) -> FloatArray:
    """See `ParetoTail.influence`: scores of the likelihood times the inverse of their expected slope."""
    beyond = series > threshold
    share = float(beyond.mean())
    excess = np.where(beyond, series - threshold, 0.0) / scale
    stretched = 1.0 + shape * excess
    if abs(shape) < 1e-6:
        by_shape = 0.5 * excess**2 - excess
    else:
        by_shape = np.log(stretched) / shape**2 - (1.0 + 1.0 / shape) * excess / stretched
    by_scale = (-1.0 + (1.0 + shape) * excess / stretched) / scale
    inverse = (1.0 + shape) * np.array([[1.0 + shape, -scale], [-scale, 2.0 * scale**2]])
    scores = np.where(beyond[:, None], np.column_stack([by_shape, by_scale]), 0.0) @ inverse / share
    return np.column_stack([beyond - share, scores])


def _series(losses: ArrayLike) -> FloatArray:
    series = np.asarray(losses, np.float64)
    if series.ndim != 1 or not len(series) or not np.isfinite(series).all():
        raise ValueError("losses must be one finite series (T,); leave out the sessions without one.")
    return series
