"""What trying often costs: how good the best of several strategies looks when none of them is any good.

All Sharpe ratios here are per bar (:class:`PeriodSharpe`); an annualised one would inflate every figure.
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
    sharpe = estimate.sharpe
    # Positive: the kurtosis is at least 1 + skewness**2, so this is at least (1 - skewness * sharpe / 2)**2.
    spread = 1.0 - estimate.skewness * sharpe + (estimate.kurtosis - 1.0) / 4.0 * sharpe**2
    distance = (sharpe - benchmark) * math.sqrt(estimate.n_observations - 1)
    return _NORMAL.cdf(distance / math.sqrt(max(spread, 1e-12)))


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

    Args:
        returns: Returns per bar of each trial, (T, N); constant columns count as uncorrelated.

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
    correlation = unit.T @ unit
    mean = float((correlation.sum() - np.trace(correlation)) / (n_trials * (n_trials - 1)))
    mean = round(min(max(mean, 0.0), 1.0), 12)
    return mean + (1.0 - mean) * float(n_trials)


def overfitting_probability(returns: FloatArray, n_blocks: int = 16) -> float:
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
    inside, outside = _half_sharpes(returns, chosen), _half_sharpes(returns, 1.0 - chosen)
    best = np.take_along_axis(outside, inside.argmax(1)[:, None], axis=1)
    worse, equal = (outside < best).sum(1), (outside == best).sum(1)
    rank = worse + 0.5 * (equal + 1.0)  # 1 is the worst
    middle = 0.5 * (n_trials + 1.0)
    return float((rank < middle).mean() + 0.5 * (rank == middle).mean())


@dataclass(frozen=True)
class Selection:
    """How much of a Sharpe ratio is left once the number of trials is counted. None comes with a reason.

    Attributes:
        n_records: Runs recorded on this data.
        n_trials: Distinct trials among them (config, data, seed and code).
        effective_trials: Independent trials they amount to; ``n_trials`` when their returns are not at hand.
        sharpe: Of this trial, per bar.
        sharpe_variance: Variance of the trials' Sharpe ratios per bar.
        expected_maximum_sharpe: What the best of worthless trials would show, per bar.
        probabilistic_sharpe: Probability that the true Sharpe ratio is above zero.
        deflated_sharpe: Probability that it is above ``expected_maximum_sharpe``.
        overfitting_probability: From combinatorially symmetric cross-validation.
        undefined: Reason for each figure that is None.
    """

    n_records: int
    n_trials: int
    effective_trials: float
    sharpe: float | None
    sharpe_variance: float | None
    expected_maximum_sharpe: float | None
    probabilistic_sharpe: float | None
    deflated_sharpe: float | None
    overfitting_probability: float | None
    undefined: Mapping[str, str]


def selection_report(records: Sequence[Trial], trial: str, returns: FloatArray | None = None) -> Selection:
    """Judge one trial among all that were made on its data.

    Args:
        records: All records of the ledger; those of evaluations, which try no strategy, are left out.
        trial: Hash of the trial to judge; it must be recorded.
        returns: Returns per bar of the distinct trials over the span they share, (T, N), where they are at hand.

    Raises:
        ValueError: If the trial is not recorded, or ``returns`` has another number of columns than there are trials.
    """
    records = [record for record in records if record.is_run]
    own = next((record for record in records if record.trial == trial), None)
    if own is None:
        raise ValueError(f"trial {trial} is not in the ledger; record it first.")
    same_data = [record for record in records if record.data == own.data]
    distinct = {record.trial: record for record in reversed(same_data)}
    sharpes = [record.figures.sharpe for record in distinct.values() if record.figures is not None]
    if returns is not None and returns.shape[1] != len(distinct):
        raise ValueError(f"returns has {returns.shape[1]} columns for {len(distinct)} distinct trials.")
    n_effective = float(len(distinct)) if returns is None else effective_trials(returns)
    undefined: dict[str, str] = {}
    spread = _sharpe_variance(sharpes, len(distinct), undefined)
    ceiling = None if spread is None else expected_maximum_sharpe(n_effective, spread)
    figures = own.figures
    if figures is None:
        undefined |= dict.fromkeys(("sharpe", "probabilistic_sharpe", "deflated_sharpe"), own.reason)
    elif ceiling is None:
        undefined["deflated_sharpe"] = undefined["sharpe_variance"]
    return Selection(
        n_records=len(same_data),
        n_trials=len(distinct),
        effective_trials=n_effective,
        sharpe=None if figures is None else figures.sharpe,
        sharpe_variance=spread,
        expected_maximum_sharpe=ceiling,
        probabilistic_sharpe=None if figures is None else probabilistic_sharpe(figures),
        deflated_sharpe=None if figures is None or ceiling is None else probabilistic_sharpe(figures, ceiling),
        overfitting_probability=_overfitting(returns, len(distinct), undefined),
        undefined=MappingProxyType(undefined),
    )


def _sharpe_variance(sharpes: list[float], n_trials: int, undefined: dict[str, str]) -> float | None:
    if len(sharpes) > 1:
        return variance(sharpes)
    if n_trials == 1:
        return 0.0  # nothing was chosen
    reason = f"needs the Sharpe ratios of at least 2 trials; of {n_trials} trials {len(sharpes)} has one"
    undefined |= dict.fromkeys(("sharpe_variance", "expected_maximum_sharpe"), reason)
    return None


def _overfitting(returns: FloatArray | None, n_trials: int, undefined: dict[str, str]) -> float | None:
    if n_trials < _TRIALS_FOR_PBO:
        undefined["overfitting_probability"] = f"needs at least {_TRIALS_FOR_PBO} trials, there are {n_trials}"
    elif returns is None:
        undefined["overfitting_probability"] = "needs the returns of all trials over one span"
    else:
        return overfitting_probability(returns)
    return None


def _half_sharpes(returns: FloatArray, chosen: FloatArray) -> FloatArray:
    """Sharpe ratio of each trial over the chosen blocks: (C, blocks) gives (C, N); 0 where nothing varies."""
    center = returns.mean(0)  # moments about it do not cancel
    blocks = np.array_split(returns - center, chosen.shape[1])
    counts = chosen @ np.array([[float(len(block))] for block in blocks])
    mean = chosen @ np.array([block.sum(0) for block in blocks]) / counts
    spread = chosen @ np.array([(block**2).sum(0) for block in blocks]) / counts - mean**2
    scale = np.sqrt(np.maximum(spread, 0.0))
    sharpes: FloatArray = np.divide(center + mean, scale, out=np.zeros_like(mean), where=scale > 1e-14)
    return sharpes
