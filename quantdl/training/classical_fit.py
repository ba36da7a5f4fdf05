"""From the settings of a classical model to the fitted model, and to the module that a stored one fits into."""

from collections.abc import Sequence

import numpy as np
import torch
from scipy import optimize

from quantdl.distributions import DenseStudentT
from quantdl.distributions.density import multivariate_t_log_density
from quantdl.models.classical.correlation import scaled_to_correlation
from quantdl.models.classical.historical import FilteredHistoricalForecaster, HistoricalForecaster
from quantdl.models.classical.recursion import LawKind, RecursionKind, VolatilityFit
from quantdl.models.classical.shrinkage import LedoitWolfForecaster
from quantdl.models.classical.volatility import JoinedBy, VolatilityDesign, VolatilityForecaster
from quantdl.models.forecaster import Forecaster
from quantdl.models.settings import (
    ClassicalModel,
    DccSettings,
    EgarchSettings,
    EgarchSkewSettings,
    EwmaSettings,
    FilteredHistoricalSettings,
    GarchSettings,
    GarchSkewSettings,
    GjrSettings,
    GjrSkewSettings,
    HistoricalSettings,
    LedoitWolfSettings,
    MarketStatesSettings,
)
from quantdl.sequences import Histories, ReturnWindow
from quantdl.training.fit import Progress
from quantdl.training.volatility_fit import fit_volatility, refuse_many_assets

_SHRINKAGE_BARS = 5000  # the last ones before a refit, to which the tails of the shrunk covariance are fitted
_ROWS_AT_ONCE = 500


def build_classical(
    settings: ClassicalModel, n_assets: int, n_refits: int, windows: Sequence[ReturnWindow]
) -> Forecaster:
    """Return the module of these settings, its parameters not yet fitted."""
    match settings:
        case HistoricalSettings():
            return HistoricalForecaster(windows, settings.window)
        case LedoitWolfSettings():
            return LedoitWolfForecaster(n_refits, windows, settings.window)
        case FilteredHistoricalSettings():
            design = _design(settings)
            return FilteredHistoricalForecaster(n_assets, n_refits, windows, settings.window, design)
        case _:
            return VolatilityForecaster(n_assets, n_refits, windows, _design(settings))


def fit_classical(
    settings: ClassicalModel, histories: Histories, refits: Sequence[int], progress: Progress | None = None
) -> Forecaster:
    """Fit one parameter set per refit, each on returns and labels up to that bar only.

    Args:
        settings: Of the model.
        histories: Of the panel, with the return windows to answer for.
        refits: Bars through which the sets are fitted, increasing.
        progress: Called after each parameter set.

    Raises:
        DataError: If a fit fails, or the model cannot serve so many assets.
    """
    match settings:
        case HistoricalSettings():
            return HistoricalForecaster(histories.windows, settings.window)
        case LedoitWolfSettings():
            return fit_ledoit_wolf(histories, refits, settings.window, progress)
        case FilteredHistoricalSettings():
            return fit_filtered_historical(settings, histories, refits, progress)
        case _:
            return fit_volatility(histories, refits, _fit_of(settings), _design(settings), progress)


_Volatility = (
    EwmaSettings
    | GarchSettings
    | GjrSettings
    | EgarchSettings
    | GarchSkewSettings
    | GjrSkewSettings
    | EgarchSkewSettings
    | FilteredHistoricalSettings
    | DccSettings
    | MarketStatesSettings
)


def _recursion_and_law(settings: _Volatility) -> tuple[RecursionKind, LawKind]:
    match settings:
        case EwmaSettings() | GarchSettings():
            return "garch", "student_t"
        case GjrSettings():
            return "gjr", "student_t"
        case EgarchSettings():
            return "egarch", "student_t"
        case GarchSkewSettings():
            return "garch", "skew_t"
        case GjrSkewSettings():
            return "gjr", "skew_t"
        case EgarchSkewSettings():
            return "egarch", "skew_t"
        case FilteredHistoricalSettings() | DccSettings():
            return settings.recursion, "student_t"
        case MarketStatesSettings():
            return settings.recursion, settings.innovations


def _design(settings: _Volatility) -> VolatilityDesign:
    recursion, law = _recursion_and_law(settings)
    return VolatilityDesign(recursion == "egarch", law, _joined_by(settings), settings.factors)


def _joined_by(settings: _Volatility) -> JoinedBy:
    match settings:
        case DccSettings():
            return "dynamic"
        case MarketStatesSettings():
            return "market_states"
        case _:
            return "constant"


def _fit_of(settings: _Volatility) -> VolatilityFit:
    from quantdl.models.classical.univariate_fits import ewma_t_fit, volatility_fit  # arch takes a second to import

    return (
        ewma_t_fit(settings.decay)
        if isinstance(settings, EwmaSettings)
        else volatility_fit(*_recursion_and_law(settings))
    )


def fit_filtered_historical(
    settings: FilteredHistoricalSettings, histories: Histories, refits: Sequence[int], progress: Progress | None = None
) -> FilteredHistoricalForecaster:
    """Fit the volatility, and keep the last returns before each refit over the volatility expected for them."""
    design, count = _design(settings), settings.window
    model = FilteredHistoricalForecaster(len(histories.assets), len(refits), histories.windows, count, design)
    model.volatility = fit_volatility(histories, refits, _fit_of(settings), design, progress)
    longest = max(window.ends_after for window in histories.windows)
    for number, through in enumerate(refits):
        bars = range(max(through + 1 - count - longest, 0), through + 1)
        batch = histories.batch([bars], len(histories.sessions), labels_through=through)
        location, deviation = model.volatility.standard_deviation(batch, torch.full_like(batch.bar, number))
        ratio = torch.where(batch.target_observed, (batch.target - location) / deviation, torch.nan)
        for window, item in enumerate(histories.windows):
            usable = ratio[window * len(bars) : (window + 1) * len(bars)][: len(bars) - item.ends_after][-count:]
            model.standardised[number, window, count - len(usable) :] = usable
    return model


def fit_ledoit_wolf(
    histories: Histories, refits: Sequence[int], sessions: int, progress: Progress | None = None
) -> LedoitWolfForecaster:
    """Fit the degrees of freedom and the multiple of the shrunk covariance to the last 5,000 bars before each refit.

    Raises:
        DataError: If there are more than 200 assets.
    """
    refuse_many_assets(len(histories.assets), "a shrunk covariance")
    model = LedoitWolfForecaster(len(refits), histories.windows, sessions)
    first = max(sessions, refits[0] + 1 - _SHRINKAGE_BARS)
    distances = _distances(model, histories, _parts(first, [through + 1 for through in refits]))
    for number, through in enumerate(refits):
        model.fitted_through[number] = through
        for window, item in enumerate(histories.windows):
            bars, *scores = distances[window]
            known = (bars + item.ends_after <= through) & (bars > through - _SHRINKAGE_BARS)
            model.freedom[number, window], model.multiple[number, window] = fit_student_t_scale(
                *(score[known] for score in scores)
            )
        if progress:
            progress("fitting tails", number + 1, len(refits))
    return model


def _parts(first: int, stops: Sequence[int]) -> list[range]:
    """Bars in parts that end at every stop, so that nothing up to it is computed together with what comes later."""
    parts = []
    for start, stop in zip([first, *stops[:-1]], stops, strict=True):
        parts += [range(at, min(at + _ROWS_AT_ONCE, stop)) for at in range(start, stop, _ROWS_AT_ONCE)]
    return parts


def _distances(
    model: LedoitWolfForecaster, histories: Histories, parts: Sequence[range]
) -> list[tuple[np.ndarray, ...]]:
    """For each return window: bars, quadratic forms, log determinants and numbers of assets of the realised returns."""
    found: list[list[tuple[np.ndarray, ...]]] = [[] for _ in histories.windows]
    for part in parts:
        batch = histories.batch([part], model.sessions + 1)
        covariance = model.covariance(batch) * batch.window_bars.double()[:, None, None]
        deviation = covariance.diagonal(dim1=-2, dim2=-1).sqrt()
        law = DenseStudentT(torch.full((len(deviation),), torch.inf).double(), scaled_to_correlation(covariance))
        quadratic, log_determinant = law.distance(batch.target.double() / deviation, batch.target_observed)
        log_determinant = log_determinant + 2.0 * torch.where(batch.target_observed, deviation.log(), 0.0).sum(-1)
        columns = (batch.bar, quadratic, log_determinant, batch.target_observed.sum(-1))
        for window, rows in enumerate(found):
            rows.append(tuple(column[batch.window == window].numpy() for column in columns))
    return [tuple(np.concatenate(column) for column in zip(*rows, strict=True)) for rows in found]


def fit_student_t_scale(
    quadratic: np.ndarray, log_determinant: np.ndarray, dimension: np.ndarray
) -> tuple[float, float]:
    """Degrees of freedom and multiple ``c`` of a multivariate Student-t law with scale matrix ``c`` times a covariance.

    Args:
        quadratic: (n,) quadratic forms of returns in the inverse of their covariance.
        log_determinant: (n,) of the covariances.
        dimension: (n,) assets in each; rows of none are left out.
    """
    some = dimension > 0
    square, log_size, count = (
        torch.from_numpy(item[some]).double() for item in (quadratic, log_determinant, dimension)
    )

    def loss(parameters: np.ndarray) -> float:
        freedom = torch.full_like(square, 2.05 + float(np.exp(min(parameters[0], 5.0))))
        log_multiple = float(parameters[1])
        scaled = square * np.exp(-log_multiple)
        return -float(multivariate_t_log_density(scaled, log_size + count * log_multiple, freedom, count).mean())

    corners = [[1.5, 0.0], [2.5, 0.0], [1.5, 0.5]]  # by itself the method steps hardly away from 0
    best = optimize.minimize(loss, corners[0], method="Nelder-Mead", options={"initial_simplex": corners}).x
    return 2.05 + float(np.exp(min(best[0], 5.0))), float(np.exp(best[1]))
