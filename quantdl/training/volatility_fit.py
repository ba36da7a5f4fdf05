"""The fit of a volatility model: each asset's recursion, the shape of each return window's law, and the copula."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from scipy import optimize, stats

from quantdl.distributions import SkewStudentTMarginals, StudentTLaw, skew_t_mode_and_scale
from quantdl.distributions.skew_t import skew_t_unit_log_density
from quantdl.errors import DataError
from quantdl.models.classical.correlation import ConstantCorrelation, DynamicCorrelation
from quantdl.models.classical.market_states import MarketStatesCorrelation
from quantdl.models.classical.recursion import VarianceRecursion, VolatilityFit, filtered_variance, variance_after
from quantdl.models.classical.volatility import DEFAULT_DESIGN, VolatilityDesign, VolatilityForecaster
from quantdl.relations.factors import TrailingFactors
from quantdl.sequences import Histories, ReturnWindow
from quantdl.training.correlation_fit import fit_copula, fit_dynamics
from quantdl.training.fit import Progress
from quantdl.training.market_states_fit import fit_market_states

_MINIMUM_RETURNS = 250
_COPULA_BARS = 1500
_LONGEST_FITTED = 10  # bars of a window whose shape is fitted to returns; of longer ones there are too few apart
_SIMULATED = 20_000  # returns over a longer window that its shape is fitted to
_MOST_ASSETS = 200  # of a correlation matrix that is kept whole for every session


def fit_volatility(
    histories: Histories,
    refits: Sequence[int],
    volatility_fit: VolatilityFit,
    design: VolatilityDesign = DEFAULT_DESIGN,
    progress: Progress | None = None,
) -> VolatilityForecaster:
    """Fit one parameter set per refit, each on returns and labels up to that bar only.

    Args:
        histories: Of the panel, with the return windows to answer for.
        refits: Bars through which the sets are fitted, increasing.
        volatility_fit: For one asset's returns.
        design: Of the model; ``volatility_fit`` fits its recursion and its law.
        progress: Called after each parameter set.

    Raises:
        DataError: If no asset has 250 returns at the first refit, a fit fails, or there are too many assets for a
            dynamic correlation.
    """
    if design.joined_by == "dynamic":
        refuse_many_assets(len(histories.assets), "a dynamic correlation")
    model = VolatilityForecaster(len(histories.assets), len(refits), histories.windows, design)
    for number, through in enumerate(refits):
        fitted = [_fit_asset(histories, asset, through, volatility_fit) for asset in range(len(histories.assets))]
        if progress:
            progress("fitting volatility", number + 1, len(refits))
        if not any(fitted):
            raise DataError(
                f"no asset has {_MINIMUM_RETURNS} returns up to {histories.sessions[through]:%Y-%m-%d}, where the fit "
                "ends. Fix: choose later days for train_end and validation_end, or bring a longer history."
            )
        _store(model, number, through, fitted)
        _fit_dependence(model, number, fitted, through, histories.factors)
    return model


def refuse_many_assets(n_assets: int, what: str) -> None:
    """Refuse more assets than a whole correlation matrix for every session has room for.

    Raises:
        DataError: If there are more than 200.
    """
    if n_assets > _MOST_ASSETS:
        raise DataError(
            f"given {n_assets:,} assets; {what} keeps a whole matrix for every session, for at most {_MOST_ASSETS}. "
            "Choose fewer assets, or a model with common factors, such as garch_t."
        )


def _fit_dependence(
    model: VolatilityForecaster,
    number: int,
    fitted: list["_FittedAsset | None"],
    through: int,
    factors: TrailingFactors,
) -> None:
    innovations = np.full((through + 1, len(fitted)), np.nan)
    for asset, item in enumerate(fitted):
        if item is not None:
            innovations[item.bars, asset] = item.standardised
    traded = innovations[np.isfinite(innovations).any(axis=1)]
    if isinstance(model.copula, DynamicCorrelation):
        dynamics = fit_dynamics(traded, _normal_scores(traded, fitted))
        model.copula.target[number] = torch.from_numpy(dynamics.target)
        model.copula.news[number], model.copula.memory[number] = dynamics.news, dynamics.memory
        model.copula.freedom[number] = dynamics.freedom
    elif isinstance(model.copula, ConstantCorrelation):
        recent = innovations[-_COPULA_BARS:]
        loadings, freedom = fit_copula(_normal_scores(recent, fitted), model.copula.loadings.shape[-1])
        model.copula.loadings[number] = torch.from_numpy(loadings)
        model.copula.freedom[number] = freedom
    elif isinstance(model.copula, MarketStatesCorrelation):
        trailing = factors.at(np.arange(through))  # each session's is known at the close before it
        parameters = fit_market_states(_normal_scores(innovations[1:], fitted), trailing)
        model.copula.parameters_of_states[number] = torch.from_numpy(parameters)


@dataclass(frozen=True, eq=False)
class _FittedAsset:
    recursion: VarianceRecursion
    bars: np.ndarray  # bars of the returns
    standardised: np.ndarray  # returns over their volatility, as unit-variance innovations
    freedom: tuple[float, ...]  # per window
    adjustment: tuple[float, ...]  # per window
    skewness: tuple[float, ...]  # per window


def _fit_asset(histories: Histories, asset: int, through: int, volatility_fit: VolatilityFit) -> _FittedAsset | None:
    first = int(histories.bars.first[asset])
    stop = first + int(histories.last[through, asset]) + 1
    if stop - first < _MINIMUM_RETURNS:
        return None
    returns = histories.bars.returns[first:stop].double().numpy()
    bars = histories.bars.bar[first:stop].long().numpy()
    recursion = volatility_fit(returns)
    variance = filtered_variance(np.append(returns, recursion.mean), recursion)  # through the bar after the last
    standardised = (returns - recursion.mean) / np.sqrt(variance[:-1])
    shapes = [
        implied_shape(variance[1:], standardised, recursion, window)
        if window.bars > _LONGEST_FITTED
        else _window_shape(histories, asset, through, number, bars, variance[1:], recursion)
        for number, window in enumerate(histories.windows)
    ]
    freedom, adjustment, skewness = zip(*shapes, strict=True)
    return _FittedAsset(recursion, bars, standardised, freedom, adjustment, skewness)


def _window_shape(
    histories: Histories,
    asset: int,
    through: int,
    number: int,
    bars: np.ndarray,
    next_variance: np.ndarray,
    recursion: VarianceRecursion,
) -> tuple[float, float, float]:
    """Degrees of freedom, scale and skewness of a window's return over its expected volatility, by likelihood."""
    window = histories.windows[number]
    if window == ReturnWindow(0, 1):
        return recursion.degrees_of_freedom, 1.0, recursion.skewness
    target = histories.targets[:, number, asset].double().numpy()[bars]
    usable = histories.observed[:, number, asset].numpy()[bars] & (bars + window.ends_after <= through)
    expected = sum_of_variances(next_variance, recursion, window)
    ratio = ((target - recursion.mean * window.bars) / np.sqrt(expected))[usable]
    if recursion.skewness:
        return _skewed_shape(ratio, recursion)
    best = _simplex_search(lambda p: _negative_log_likelihood(ratio, p), [_start(recursion), 0.0])
    return 2.05 + float(np.exp(min(best.x[0], 5.0))), float(np.exp(best.x[1])), 0.0


def implied_shape(
    next_variance: np.ndarray, standardised: np.ndarray, recursion: VarianceRecursion, window: ReturnWindow
) -> tuple[float, float, float]:
    """Degrees of freedom, scale and skewness of a window's return over its expected volatility, by simulation.

    Returns are simulated from the variances that were filtered, evenly over the past, with innovations that are drawn
    from the past ones: a loss that raises the variance makes sums of symmetric innovations skewed.

    Args:
        next_variance: (n,) variance of the bar after each past one.
        standardised: (n,) past returns over their volatility.
        recursion: Of one bar.
        window: Of the return.
    """
    generator = np.random.default_rng(0)
    start = next_variance[np.linspace(0, len(next_variance) - 1, _SIMULATED).astype(np.int64)]
    innovations = (standardised - standardised.mean()) / standardised.std()
    variance, total = start, np.zeros(_SIMULATED)
    for share in window.shares():
        surprise = np.sqrt(variance) * generator.choice(innovations, _SIMULATED)
        if share:
            total = total + math.sqrt(share) * surprise
        variance = variance_after(variance, surprise, recursion)
    return _skewed_shape(total / np.sqrt(sum_of_variances(start, recursion, window)), recursion)


def _skewed_shape(ratio: np.ndarray, recursion: VarianceRecursion) -> tuple[float, float, float]:
    start = [_start(recursion), 0.0, np.arctanh(recursion.skewness)]
    best = _simplex_search(lambda p: _skewed_loss(ratio, p), start)
    return 2.05 + float(np.exp(min(best.x[0], 5.0))), float(np.exp(best.x[1])), float(np.tanh(best.x[2]))


def _start(recursion: VarianceRecursion) -> float:
    return float(np.log(recursion.degrees_of_freedom - 2.0 + 1e-3))


def sum_of_variances(next_variance: np.ndarray, recursion: VarianceRecursion, window: ReturnWindow) -> np.ndarray:
    """Expected variance of a window's return, (n,), from the variance of the next bar, (n,).

    For an exponential recursion it is the sum of the variances at their expected logs.
    """
    expected = np.log(next_variance) if recursion.exponential else next_variance
    constant, persistence = recursion.expected_constant, recursion.persistence
    total = np.zeros_like(next_variance)
    for share in window.shares():
        if share:
            total = total + share * (np.exp(expected) if recursion.exponential else expected)
        expected = constant + persistence * expected
    return total


def _negative_log_likelihood(ratio: np.ndarray, parameters: np.ndarray) -> float:
    freedom, scale = 2.05 + np.exp(min(parameters[0], 5.0)), np.exp(parameters[1])
    spread = scale * np.sqrt((freedom - 2.0) / freedom)
    return -float(stats.t.logpdf(ratio, freedom, 0.0, spread).sum())


def _simplex_search(loss: Callable[[np.ndarray], float], start: list[float]) -> optimize.OptimizeResult:
    """Nelder and Mead's search, from corners that are apart in every direction: its own are not, where a start is 0."""
    corners = np.vstack([start, start + 0.25 * np.eye(len(start))])
    return optimize.minimize(loss, start, method="Nelder-Mead", options={"initial_simplex": corners})


def _skewed_loss(ratio: np.ndarray, parameters: np.ndarray) -> float:
    freedom, skewness = 2.05 + float(np.exp(min(parameters[0], 5.0))), float(np.tanh(parameters[2]))
    density = skew_t_unit_log_density(ratio / np.exp(parameters[1]), freedom, skewness)
    return -float((density - parameters[1]).sum())


def _store(model: VolatilityForecaster, number: int, through: int, fitted: list[_FittedAsset | None]) -> None:
    """Write one parameter set; assets without a fit take the median of the others."""
    model.fitted_through[number] = through
    known = [item for item in fitted if item is not None]
    for name in ("mean", "omega", "alpha", "beta", "gamma", "expected_constant", "persistence"):
        buffer = getattr(model, name)
        median = float(np.median([getattr(item.recursion, name) for item in known]))
        values = [median if item is None else getattr(item.recursion, name) for item in fitted]
        buffer[number] = torch.tensor(values, dtype=torch.float64)
    for name in ("freedom", "adjustment", "skewness"):
        buffer = getattr(model, name)
        median_shape = np.median([getattr(item, name) for item in known], axis=0)
        shapes = [median_shape if item is None else np.array(getattr(item, name)) for item in fitted]
        buffer[number] = torch.from_numpy(np.stack(shapes, axis=1))


def _normal_scores(innovations: np.ndarray, fitted: list[_FittedAsset | None]) -> np.ndarray:
    """Normal quantiles of each innovation's probability, (n, A); NaN where there is none."""
    scores = np.full_like(innovations, np.nan)
    for asset, item in enumerate(fitted):
        seen = np.isfinite(innovations[:, asset])
        if item is not None and seen.any():
            lower, upper = _tails(innovations[seen, asset], item.recursion)
            size = -stats.norm.ppf(np.clip(np.minimum(lower, upper), 1e-300, 0.5))
            scores[seen, asset] = np.where(lower < upper, -size, size)
    return scores


def _tails(innovations: np.ndarray, recursion: VarianceRecursion) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities below and above innovations of variance 1, (n,), in all digits."""
    freedom, skewness = recursion.degrees_of_freedom, recursion.skewness
    if not skewness:
        scaled = innovations * np.sqrt(freedom / (freedom - 2.0))
        return stats.t.cdf(scaled, freedom), stats.t.cdf(-scaled, freedom)
    values = torch.from_numpy(innovations)[:, None]
    mean, deviation = torch.zeros_like(values), torch.ones_like(values)
    shape = torch.full_like(values, freedom), torch.full_like(values, skewness)
    law = SkewStudentTMarginals(*skew_t_mode_and_scale(mean, deviation, *shape), *shape)
    base = StudentTLaw(shape[0])
    return law.log_cdf(values, base).exp().numpy()[:, 0], law.log_survival(values, base).exp().numpy()[:, 0]
