"""What trying often costs: how good the best of several strategies looks when none of them is any good.

All Sharpe ratios here are per bar (:class:`PeriodSharpe`); an annualised one would inflate every figure. What counts as
the same trial, data and idea is said in `quantdl.runs.ledger`.
"""

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist, variance
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from quantdl.runs.ledger import PeriodSharpe, Trial

FloatArray = NDArray[np.float64]

_NORMAL = NormalDist()
_EULER = 0.5772156649015329  # Euler-Mascheroni constant
_TRIALS_FOR_PBO = 10  # with fewer, ranks are too coarse to call one of them overfitted
_BLOCKS = 16  # 12,870 splits, as in the paper
_CONFIDENCE = 0.95
_DIGITS = 12  # beyond them equal trials differ by how a product of matrices is rounded
_SPLITS_AT_ONCE = 1_024  # keeps a sweep of thousands within memory


def probabilistic_sharpe(estimate: PeriodSharpe, benchmark: float = 0.0) -> float:
    r"""Probability that the true Sharpe ratio is above ``benchmark``, skew and fat tails considered.

    .. math:: \Phi\left( \frac{(s - s^*) \sqrt{T - 1}}{\sqrt{1 - \gamma_3 s + (\gamma_4 - 1) s^2 / 4}} \right)

    Args:
        estimate: Sharpe ratio per bar.
        benchmark: Sharpe ratio per bar to beat.

    References:
        | The Sharpe Ratio Efficient Frontier (Bailey and Lopez de Prado, 2012)

    Example:
        >>> fund = PeriodSharpe(sharpe=0.036 / 0.079, n_observations=24, skewness=-2.448, kurtosis=10.164)
        >>> round(probabilistic_sharpe(fund), 4)
        0.9127
    """
    distance = (estimate.sharpe - benchmark) * math.sqrt(estimate.n_observations - 1)
    return _NORMAL.cdf(distance / math.sqrt(_spread(estimate)))


def minimum_track_record(estimate: PeriodSharpe, benchmark: float = 0.0, confidence: float = _CONFIDENCE) -> float:
    r"""Number of bars that such a Sharpe ratio must be observed for, to be above ``benchmark`` at a confidence.

    .. math:: 1 + \left( 1 - \gamma_3 s + (\gamma_4 - 1) s^2 / 4 \right) \left( \frac{z}{s - s^*} \right)^2

    It is the length at which `probabilistic_sharpe` is the confidence.

    Args:
        estimate: Sharpe ratio per bar and the shape of the returns; its number of observations is not used.
        benchmark: Sharpe ratio per bar to beat.
        confidence: Between 0.5 and 1.

    Raises:
        ValueError: If the Sharpe ratio is not above the benchmark, which no length can make significant.

    References:
        | The Sharpe Ratio Efficient Frontier (Bailey and Lopez de Prado, 2012)

    Example:
        >>> daily = PeriodSharpe(sharpe=2 / math.sqrt(250), n_observations=250, skewness=0.0, kurtosis=3.0)
        >>> round(minimum_track_record(daily, benchmark=1 / math.sqrt(250)) / 250, 2)
        2.73
    """
    if not (estimate.sharpe > benchmark and 0.5 < confidence < 1.0):
        raise ValueError(
            f"expected a Sharpe ratio above {benchmark} and 0.5 < confidence < 1, got {estimate.sharpe}, {confidence}."
        )
    return 1.0 + _spread(estimate) * (_NORMAL.inv_cdf(confidence) / (estimate.sharpe - benchmark)) ** 2


def _spread(estimate: PeriodSharpe) -> float:
    """Variance of an estimated Sharpe ratio times the number of returns less one.

    Positive: the kurtosis is at least 1 + skewness**2, so it is at least (1 - skewness * sharpe / 2)**2.
    """
    sharpe = estimate.sharpe
    spread = 1.0 - estimate.skewness * sharpe + (estimate.kurtosis - 1.0) / 4.0 * sharpe**2
    return max(spread, 1e-12)


def expected_maximum_sharpe(n_trials: float, sharpe_variance: float) -> float:
    r"""Sharpe ratio per bar that the best of ``n_trials`` worthless strategies is expected to show.

    .. math:: \sqrt{V} \left[ (1 - \gamma) \Phi^{-1}(1 - 1/N) + \gamma \Phi^{-1}(1 - 1/(N e)) \right]

    Args:
        n_trials: Number of independent trials, at least 1; need not be whole (an effective number).
        sharpe_variance: Variance of the trials' Sharpe ratios per bar.

    Raises:
        ValueError: If ``n_trials`` is below 1 or the variance is negative.

    References:
        | The Deflated Sharpe Ratio (Bailey and Lopez de Prado, 2014)

    Example:
        >>> round(expected_maximum_sharpe(100, 0.5 / 250), 6)
        0.113172
    """
    if not (1.0 <= n_trials < math.inf and 0.0 <= sharpe_variance < math.inf):
        raise ValueError(f"expected n_trials >= 1 and sharpe_variance >= 0, got {n_trials} and {sharpe_variance}.")
    if n_trials == 1.0:
        return 0.0
    first = _NORMAL.inv_cdf(1.0 - 1.0 / n_trials)
    second = _NORMAL.inv_cdf(1.0 - 1.0 / (n_trials * math.e))
    return math.sqrt(sharpe_variance) * max((1.0 - _EULER) * first + _EULER * second, 0.0)


def deflated_sharpe(estimate: PeriodSharpe, n_trials: float, sharpe_variance: float) -> float:
    """Probability that the true Sharpe ratio is above what the best of so many worthless trials would show.

    Args:
        estimate: Sharpe ratio per bar of the strategy that was chosen.
        n_trials: Number of independent trials, at least 1.
        sharpe_variance: Variance of the trials' Sharpe ratios per bar.

    References:
        | The Deflated Sharpe Ratio (Bailey and Lopez de Prado, 2014)
    """
    return probabilistic_sharpe(estimate, expected_maximum_sharpe(n_trials, sharpe_variance))


def effective_trials(returns: FloatArray) -> float:
    r"""Number of independent trials that correlated ones amount to: :math:`\bar\rho + (1 - \bar\rho) N`.

    The mean correlation of all pairs interpolates between one trial (all the same) and N (none alike); a negative
    mean counts as none alike.

    Args:
        returns: Returns per bar of each trial, (T, N); constant columns count as uncorrelated.

    References:
        | The Deflated Sharpe Ratio (Bailey and Lopez de Prado, 2014), appendix A.3

    Example:
        >>> wave = np.sin(np.arange(100.0))
        >>> effective_trials(np.column_stack([wave, wave, wave]))
        1.0
    """
    n_trials = returns.shape[1]
    if n_trials < 2:
        return float(n_trials)
    centered = returns - returns.mean(0)
    scale = np.sqrt((centered**2).sum(0))
    unit = np.divide(centered, scale, out=np.zeros_like(centered), where=scale > 0)
    # The sum over all pairs is that of the sum's squares less the diagonal: no matrix of all pairs is needed.
    pairs = (unit.sum(1) ** 2).sum() - (unit**2).sum()
    mean = float(pairs / (n_trials * (n_trials - 1)))
    mean = round(min(max(mean, 0.0), 1.0), 12)
    return mean + (1.0 - mean) * float(n_trials)


def overfitting_probability(returns: FloatArray, n_blocks: int = _BLOCKS) -> float:
    """Probability of backtest overfitting by combinatorially symmetric cross-validation.

    The span is cut into ``n_blocks`` consecutive blocks. For every half of the blocks the trial with the best Sharpe
    ratio is chosen and ranked in the other half; the answer is how often it falls below the median there (exactly at
    the median counts half). About 0.5 or more when the choice is worthless, near 0 when one trial is truly better.

    Args:
        returns: Returns per bar of each trial over one span, (T, N).
        n_blocks: Even number of blocks; 16 give 12,870 splits.

    Raises:
        ValueError: If there are fewer than 2 trials or fewer than 2 bars per block, ``n_blocks`` is odd, or a return is
            not finite.

    References:
        | The Probability of Backtest Overfitting (Bailey, Borwein, Lopez de Prado and Zhu, 2017)
    """
    n_bars, n_trials = returns.shape
    if n_trials < 2 or n_blocks < 2 or n_blocks % 2 or n_bars < 2 * n_blocks:
        raise ValueError(
            f"needs 2 trials, an even n_blocks and 2 bars a block, got {returns.shape} in {n_blocks} blocks."
        )
    if not np.isfinite(returns).all():
        raise ValueError("returns must be finite; compare trials over the span that they share.")
    halves = np.array(list(itertools.combinations(range(n_blocks), n_blocks // 2)))
    chosen = np.zeros((len(halves), n_blocks))
    np.put_along_axis(chosen, halves, 1.0, axis=1)
    moments = _BlockMoments.of(returns, n_blocks)
    starts = range(0, len(halves), _SPLITS_AT_ONCE)
    below = math.fsum(_below_the_median(moments, chosen[at : at + _SPLITS_AT_ONCE]) for at in starts)
    return float(below / len(halves))


def _below_the_median(moments: "_BlockMoments", chosen: FloatArray) -> float:
    """In how many of the splits the trial that is best in the chosen blocks is below the median in the others."""
    inside, outside = moments.sharpes(chosen), moments.sharpes(1.0 - chosen)
    best = np.take_along_axis(outside, inside.argmax(1)[:, None], axis=1)
    worse, equal = (outside < best).sum(1), (outside == best).sum(1)
    rank = worse + 0.5 * (equal + 1.0)  # 1 is the worst
    middle = 0.5 * (outside.shape[1] + 1.0)
    return float((rank < middle).sum() + 0.5 * (rank == middle).sum())


@dataclass(frozen=True)
class Selection:
    """How much of a Sharpe ratio is left once the number of trials is counted. None comes with a reason.

    Attributes:
        n_records: Runs and searched fits recorded on the same data.
        n_trials_on_data: Distinct trials among them (config, data, seed and code), whichever their idea.
        n_trials: Distinct trials among those, of the same idea.
        n_with_returns: Those of the same idea whose returns over the bars of this trial are at hand.
        effective_trials: Independent trials that those of the same idea amount to, by the correlation of their returns;
            one whose returns are not at hand counts as independent.
        sharpe: Of this trial, per bar.
        n_observations: Its returns.
        sharpe_variance: Variance of the Sharpe ratios per bar, across the trials of the same idea.
        expected_maximum_sharpe: What the best of so many effective trials, all worthless, would show, per bar.
        probabilistic_sharpe: Probability that the true Sharpe ratio is above zero.
        deflated_sharpe: Probability that it is above ``expected_maximum_sharpe``; of a single trial, which nothing was
            chosen from, the probabilistic one.
        deflated_sharpe_raw: The same with ``n_trials``, as if all were independent.
        deflated_sharpe_on_data: The same with ``n_trials_on_data`` and the variance across all of those, so that
            another wording of the hypothesis begins no new count.
        minimum_track_record: Returns needed for the true Sharpe ratio to be above zero with 95 % confidence.
        overfitting_probability: From combinatorially symmetric cross-validation of the trials of the same idea.
        undefined: Reason for each figure that is None.
    """

    n_records: int
    n_trials_on_data: int
    n_trials: int
    n_with_returns: int
    effective_trials: float
    sharpe: float | None
    n_observations: int | None
    sharpe_variance: float | None
    expected_maximum_sharpe: float | None
    probabilistic_sharpe: float | None
    deflated_sharpe: float | None
    deflated_sharpe_raw: float | None
    deflated_sharpe_on_data: float | None
    minimum_track_record: int | None
    overfitting_probability: float | None
    undefined: Mapping[str, str]


def same_data(records: Sequence[Trial], own: Trial) -> tuple[Trial, ...]:
    """The distinct trials on the same data as one of them, each by the last of its records."""
    return tuple({record.trial: record for record in records if record.is_run and record.shares_data(own)}.values())


def selection_report(
    records: Sequence[Trial], own: Trial, returns: Mapping[str, FloatArray] = MappingProxyType({})
) -> Selection:
    """Judge one trial among all that were made on its data.

    Args:
        records: All records of the ledger; those of evaluations, which try no strategy, are left out.
        own: The record to judge, one of them.
        returns: Returns (T,) per bar of trials over the bars of this one, by the trial's hash, where they are at hand:
            `quantdl.runs.returns.synchronous_returns`.

    Raises:
        ValueError: If the record is not among them.
    """
    if own not in records:
        raise ValueError(f"trial {own.trial} is not in the ledger; record it first.")
    on_data = same_data(records, own)
    of_idea = tuple(trial for trial in on_data if trial.shares_idea(own))
    known = [returns[trial.trial] for trial in of_idea if trial.trial in returns]
    matrix = np.column_stack(known) if known else np.empty((0, 0))
    n_effective = effective_trials(matrix) + len(of_idea) - len(known)
    undefined: dict[str, str] = {}
    idea, everything = _Spread.of(of_idea), _Spread.of(on_data)
    figures = own.figures
    if figures is None:
        names = ("sharpe", "n_observations", "probabilistic_sharpe", "minimum_track_record")
        undefined |= dict.fromkeys(names, own.reason)
    ceiling = idea.ceiling(n_effective)
    if idea.variance is None:
        undefined |= dict.fromkeys(("sharpe_variance", "expected_maximum_sharpe"), idea.reason)
    return Selection(
        n_records=sum(record.is_run and record.shares_data(own) for record in records),
        n_trials_on_data=len(on_data),
        n_trials=len(of_idea),
        n_with_returns=len(known),
        effective_trials=n_effective,
        sharpe=None if figures is None else figures.sharpe,
        n_observations=None if figures is None else figures.n_observations,
        sharpe_variance=idea.variance,
        expected_maximum_sharpe=ceiling,
        probabilistic_sharpe=None if figures is None else probabilistic_sharpe(figures),
        deflated_sharpe=_deflated("deflated_sharpe", own, idea, n_effective, undefined),
        deflated_sharpe_raw=_deflated("deflated_sharpe_raw", own, idea, len(of_idea), undefined),
        deflated_sharpe_on_data=_deflated("deflated_sharpe_on_data", own, everything, len(on_data), undefined),
        minimum_track_record=None if figures is None else _track_record(figures, undefined),
        overfitting_probability=_overfitting(matrix, len(of_idea), undefined),
        undefined=MappingProxyType(undefined),
    )


@dataclass(frozen=True)
class _Spread:
    """Variance of the Sharpe ratios of some trials; None with a reason."""

    variance: float | None
    reason: str

    @staticmethod
    def of(trials: Sequence[Trial]) -> "_Spread":
        sharpes = [trial.figures.sharpe for trial in trials if trial.figures is not None]
        if len(sharpes) > 1:
            return _Spread(variance(sharpes), "")
        if len(trials) == 1:
            return _Spread(0.0, "")  # nothing was chosen
        lacking = f"of {len(trials)} trials {len(sharpes) or 'none'} has one"
        return _Spread(None, f"needs the Sharpe ratios of at least 2 trials; {lacking}")

    def ceiling(self, n_trials: float) -> float | None:
        return None if self.variance is None else expected_maximum_sharpe(n_trials, self.variance)


def _deflated(name: str, own: Trial, spread: _Spread, n_trials: float, undefined: dict[str, str]) -> float | None:
    ceiling = spread.ceiling(n_trials)
    if own.figures is None or ceiling is None:
        undefined[name] = own.reason if own.figures is None else spread.reason
        return None
    return probabilistic_sharpe(own.figures, ceiling)


def _track_record(figures: PeriodSharpe, undefined: dict[str, str]) -> int | None:
    if figures.sharpe > 0.0:
        return math.ceil(minimum_track_record(figures))
    undefined["minimum_track_record"] = "the Sharpe ratio is not above zero, however long it is observed"
    return None


def _overfitting(returns: FloatArray, n_trials: int, undefined: dict[str, str]) -> float | None:
    n_bars, n_known = returns.shape
    lacking = "" if n_known == n_trials else f", of which {n_known} have returns over these bars at hand"
    if n_known < _TRIALS_FOR_PBO:
        reason = f"needs at least {_TRIALS_FOR_PBO} trials, there are {n_trials}{lacking}"
    elif n_bars < 2 * _BLOCKS:
        reason = f"needs at least {2 * _BLOCKS} bars, there are {n_bars}"
    else:
        return overfitting_probability(returns)
    undefined["overfitting_probability"] = reason
    return None


@dataclass(frozen=True)
class _BlockMoments:
    """Sums over consecutive blocks of bars, about each trial's own mean so that moments do not cancel.

    Attributes:
        center: (N,) mean of each trial.
        counts: (blocks, 1) bars of each block.
        sums: (blocks, N) sums of returns less the mean.
        squares: (blocks, N) sums of their squares.
    """

    center: FloatArray
    counts: FloatArray
    sums: FloatArray
    squares: FloatArray

    @staticmethod
    def of(returns: FloatArray, n_blocks: int) -> "_BlockMoments":
        center = returns.mean(0)
        blocks = np.array_split(returns - center, n_blocks)
        return _BlockMoments(
            center,
            np.array([[float(len(block))] for block in blocks]),
            np.array([block.sum(0) for block in blocks]),
            np.array([(block**2).sum(0) for block in blocks]),
        )

    def sharpes(self, chosen: FloatArray) -> FloatArray:
        """Sharpe ratio of each trial over the chosen blocks: (C, blocks) gives (C, N); 0 where nothing varies."""
        counts = chosen @ self.counts
        mean = chosen @ self.sums / counts
        spread = chosen @ self.squares / counts - mean**2
        scale = np.sqrt(np.maximum(spread, 0.0))
        found = np.divide(self.center + mean, scale, out=np.zeros_like(mean), where=scale > 1e-14)
        same: FloatArray = found.round(_DIGITS)
        return same
