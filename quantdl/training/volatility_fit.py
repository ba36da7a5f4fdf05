"""The fit of a volatility model: each asset's recursion, the tails of each return window, and the constant copula."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from scipy import optimize, stats

from quantdl.distributions import FactorStudentT
from quantdl.errors import DataError
from quantdl.models.classical import VarianceRecursion, VolatilityFit, filtered_variance
from quantdl.models.filtered_volatility import VolatilityForecaster
from quantdl.relations.factors import pairwise_correlation, principal_factors
from quantdl.sequences import Histories, ReturnWindow
from quantdl.training.fit import Progress

_MINIMUM_RETURNS = 250
_COPULA_BARS = 1500


def fit_volatility(
    histories: Histories,
    refits: Sequence[int],
    volatility_fit: VolatilityFit,
    factors: int = 3,
    progress: Progress | None = None,
) -> VolatilityForecaster:
    """Fit one parameter set per refit, each on returns and labels up to that bar only.

    Args:
        histories: Of the panel, with the return windows to answer for.
        refits: Bars through which the sets are fitted, increasing.
        volatility_fit: For one asset's returns.
        factors: Common factors of the constant correlation.
        progress: Called after each parameter set.

    Raises:
        DataError: If no asset has 250 returns at the first refit, or a fit fails.
    """
    model = VolatilityForecaster(len(histories.assets), len(refits), histories.windows, factors)
    for number, through in enumerate(refits):
        fitted = [_fit_asset(histories, asset, through, volatility_fit) for asset in range(len(histories.assets))]
        if progress:
            progress("fitting volatility", number + 1, len(refits))
        if not any(fitted):
            raise DataError(
                f"no asset has {_MINIMUM_RETURNS} returns up to {histories.sessions[through]:%Y-%m-%d}. "
                "Set splits.train_end and splits.validation_end later, or bring a longer history."
            )
        _store(model, number, through, fitted)
        scores = _normal_scores(histories, fitted, through)
        loadings, freedom = fit_copula(scores, factors)
        model.loadings[number] = torch.from_numpy(loadings)
        model.copula_freedom[number] = freedom
    return model


@dataclass(frozen=True, eq=False)
class _FittedAsset:
    recursion: VarianceRecursion
    bars: np.ndarray  # bars of the returns
    standardised: np.ndarray  # returns over their volatility, as unit-variance innovations
    freedom: tuple[float, ...]  # per window
    adjustment: tuple[float, ...]  # per window


def _fit_asset(histories: Histories, asset: int, through: int, volatility_fit: VolatilityFit) -> _FittedAsset | None:
    first = int(histories.bars.first[asset])
    stop = first + int(histories.last[through, asset]) + 1
    if stop - first < _MINIMUM_RETURNS:
        return None
    returns = histories.bars.returns[first:stop].double().numpy()
    bars = histories.bars.bar[first:stop].long().numpy()
    recursion = volatility_fit(returns)
    variance = filtered_variance(returns, recursion)
    shapes = [
        _window_shape(histories, asset, through, window, bars, returns, variance, recursion)
        for window in range(len(histories.windows))
    ]
    standardised = (returns - recursion.mean) / np.sqrt(variance)
    return _FittedAsset(
        recursion, bars, standardised, tuple(shape[0] for shape in shapes), tuple(shape[1] for shape in shapes)
    )


def _window_shape(
    histories: Histories,
    asset: int,
    through: int,
    number: int,
    bars: np.ndarray,
    returns: np.ndarray,
    variance: np.ndarray,
    recursion: VarianceRecursion,
) -> tuple[float, float]:
    """Degrees of freedom and scale of a window's return over its expected volatility, by maximum likelihood."""
    window = histories.windows[number]
    if window == ReturnWindow(0, 1):
        return recursion.degrees_of_freedom, 1.0
    target = histories.targets[:, number, asset].double().numpy()[bars]
    usable = histories.observed[:, number, asset].numpy()[bars] & (bars + window.ends_after <= through)
    next_variance = np.append(variance[1:], variance[-1])
    next_variance[-1] = recursion.omega + recursion.alpha * (returns[-1] - recursion.mean) ** 2
    next_variance[-1] += recursion.beta * variance[-1]
    expected = sum_of_variances(next_variance, recursion, window)
    ratio = ((target - recursion.mean * window.bars) / np.sqrt(expected))[usable]
    start = [np.log(recursion.degrees_of_freedom - 2.0 + 1e-3), 0.0]
    best = optimize.minimize(lambda p: _negative_log_likelihood(ratio, p), start, method="Nelder-Mead")
    return 2.05 + float(np.exp(min(best.x[0], 5.0))), float(np.exp(best.x[1]))


def sum_of_variances(next_variance: np.ndarray, recursion: VarianceRecursion, window: ReturnWindow) -> np.ndarray:
    """Expected variance of a window's return, (n,), from the variance of the next bar, (n,)."""
    total, expected = np.zeros_like(next_variance), next_variance
    for ahead in range(window.ends_after):
        total = total + (expected if ahead >= window.starts_after else 0.0)
        expected = recursion.omega + (recursion.alpha + recursion.beta) * expected
    return total


def _negative_log_likelihood(ratio: np.ndarray, parameters: np.ndarray) -> float:
    freedom, scale = 2.05 + np.exp(min(parameters[0], 5.0)), np.exp(parameters[1])
    spread = scale * np.sqrt((freedom - 2.0) / freedom)
    return -float(stats.t.logpdf(ratio, freedom, 0.0, spread).sum())


def _store(model: VolatilityForecaster, number: int, through: int, fitted: list[_FittedAsset | None]) -> None:
    """Write one parameter set; assets without a fit take the median of the others."""
    model.fitted_through[number] = through
    known = [item for item in fitted if item is not None]
    for name, buffer in (("mean", model.mean), ("omega", model.omega), ("alpha", model.alpha), ("beta", model.beta)):
        median = float(np.median([getattr(item.recursion, name) for item in known]))
        values = [median if item is None else getattr(item.recursion, name) for item in fitted]
        buffer[number] = torch.tensor(values, dtype=torch.float64)
    for name, buffer in (("freedom", model.freedom), ("adjustment", model.adjustment)):
        median_shape = np.median([getattr(item, name) for item in known], axis=0)
        shapes = [median_shape if item is None else np.array(getattr(item, name)) for item in fitted]
        buffer[number] = torch.from_numpy(np.stack(shapes, axis=1))


def _normal_scores(histories: Histories, fitted: list[_FittedAsset | None], through: int) -> np.ndarray:
    """Normal quantiles of each return's probability, (bars, A) over the last bars up to the refit; NaN where none."""
    scores = np.full((through + 1, len(fitted)), np.nan)
    for asset, item in enumerate(fitted):
        if item is None:
            continue
        freedom = item.recursion.degrees_of_freedom
        tails = stats.t.cdf(-np.abs(item.standardised) * np.sqrt(freedom / (freedom - 2.0)), freedom)
        scores[item.bars, asset] = np.copysign(-stats.norm.ppf(np.clip(tails, 1e-300, 0.5)), item.standardised)
    return scores[-_COPULA_BARS:]


def fit_copula(scores: np.ndarray, factors: int) -> tuple[np.ndarray, float]:
    """Loadings and degrees of freedom of a factor-t copula, from normal scores.

    The correlation comes from the scores by iterated principal factors; the degrees of freedom maximise the copula's
    likelihood given it.

    Args:
        scores: (n, A) normal quantiles of the probability integral transform, NaN where not observed.
        factors: ``K``.

    Returns:
        Loadings (A, K) in units of the asset's own noise, and the degrees of freedom.
    """
    loadings = principal_factors(pairwise_correlation(scores), factors)
    present = np.isfinite(scores)
    tails = stats.norm.cdf(-np.abs(np.where(present, scores, 0.0)))

    def loss(freedom: float) -> float:
        values = np.copysign(-stats.t.ppf(np.maximum(tails, 1e-300), freedom), np.where(present, scores, 0.0))
        value, mask = torch.from_numpy(values), torch.from_numpy(present)
        rows = torch.full((len(values),), freedom, dtype=torch.float64)
        law = FactorStudentT(rows, torch.from_numpy(loadings).expand(len(values), -1, -1))
        own = torch.where(mask, law.marginal_log_density(value), 0.0).sum()
        return float(own - law.log_density(value, mask).sum())

    best = optimize.minimize_scalar(loss, bounds=(2.1, 60.0), method="bounded", options={"xatol": 0.05})
    return loadings, float(best.x)
