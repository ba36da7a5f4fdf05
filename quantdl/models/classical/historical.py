"""Historical simulation: the law of past returns drawn again, as they were or over their filtered volatility."""

from collections.abc import Sequence

import torch
from torch import Tensor

from quantdl.distributions import ResampledForecast, Resamples
from quantdl.models.classical.correlation import ConstantCorrelation, by_session_of
from quantdl.models.classical.volatility import VolatilityDesign, VolatilityForecaster, refit_in_force
from quantdl.models.forecaster import Forecaster
from quantdl.sequences import Batch, ReturnWindow


class HistoricalForecaster(Forecaster):
    """Historical simulation: the last returns of all assets, drawn a session at a time, each as likely as the other.

    For a return window of several bars the last overlapping returns of as many bars are drawn. Nothing is fitted; how
    the smoothing of two assets moves together follows the trailing factors of the batch.

    Args:
        windows: Return windows to answer for.
        count: Returns to draw from.
    """

    def __init__(self, windows: Sequence[ReturnWindow], count: int) -> None:
        super().__init__()
        self.windows, self.count = tuple(windows), count

    def forward(self, batch: Batch) -> ResampledForecast:
        """Return a law with batch_shape (B,) and event_shape (A,), in float64."""
        stop = torch.zeros_like(batch.bar)
        libraries: list[Tensor] = []
        for row in range(len(batch.lengths)):
            bars, returns = by_session_of(batch, row, batch.returns.double()[row])
            stop = torch.where(batch.row == row, torch.searchsorted(bars, batch.bar, right=True), stop)
            libraries += [sums_of_bars(returns, window.bars) for window in self.windows]
        trailing = batch.at_position(batch.scale).double() * batch.window_bars.double().sqrt()[:, None]
        resamples = Resamples(
            library=_stacked(libraries),
            group=batch.row * len(self.windows) + batch.window,
            stop=stop,
            count=self.count,
            size=trailing,
            loadings=batch.trailing_loadings,
        )
        none = torch.zeros_like(trailing)
        return ResampledForecast(none, torch.ones_like(none), resamples, batch.present)


class FilteredHistoricalForecaster(Forecaster):
    """Filtered historical simulation: past returns over the volatility expected for them, in units of today's.

    For a return window of several bars these are the window's own past returns, over the volatility that the recursion
    expected for the whole window, so that whatever the recursion does not say of such windows is in them.

    Args:
        n_assets: ``A``.
        n_refits: Parameter sets.
        windows: Return windows to answer for.
        count: Standardised returns to draw from, the last ones before each refit.
        design: Of the volatility; its marginals and its copula's tails play no part.

    References:
        | VaR without Correlations for Portfolios of Derivative Securities (Barone-Adesi, Giannopoulos and Vosper, 1999)
    """

    standardised: Tensor

    def __init__(
        self, n_assets: int, n_refits: int, windows: Sequence[ReturnWindow], count: int, design: VolatilityDesign
    ) -> None:
        super().__init__()
        self.windows, self.count = tuple(windows), count
        self.volatility = VolatilityForecaster(n_assets, n_refits, windows, design)
        shape = (n_refits, len(self.windows), count, n_assets)
        self.register_buffer("standardised", torch.full(shape, torch.nan, dtype=torch.float64))

    def forward(self, batch: Batch) -> ResampledForecast:
        """Return a law with batch_shape (B,) and event_shape (A,), in float64."""
        refit = refit_in_force(self.volatility.fitted_through, batch.bar)
        location, deviation = self.volatility.standard_deviation(batch, refit)
        deviation = torch.where(batch.present, deviation, 1.0)
        copula = self.volatility.copula
        loadings = copula.loadings[refit] if isinstance(copula, ConstantCorrelation) else batch.trailing_loadings
        resamples = Resamples(
            library=self.standardised.flatten(0, 1),
            group=refit * len(self.windows) + batch.window,
            stop=torch.full_like(batch.bar, self.count),
            count=self.count,
            size=torch.ones_like(deviation),
            loadings=loadings,
        )
        return ResampledForecast(location, deviation, resamples, batch.present)


def sums_of_bars(returns: Tensor, bars: int) -> Tensor:
    """Returns over the ``bars`` that end at each of (T, A); NaN where one of them is missing or before the first."""
    if bars == 1:
        return returns
    short = returns.new_full((min(bars - 1, len(returns)), returns.shape[1]), torch.nan)
    if len(returns) < bars:
        return short
    return torch.cat([short, returns.unfold(0, bars, 1).sum(-1)])


def _stacked(libraries: list[Tensor]) -> Tensor:
    """Stack libraries (T, A) of unequal length, NaN after the end of the shorter ones."""
    longest = max(len(library) for library in libraries)
    result = libraries[0].new_full((len(libraries), longest, libraries[0].shape[1]), torch.nan)
    for number, library in enumerate(libraries):
        result[number, : len(library)] = library
    return result
