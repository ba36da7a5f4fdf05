"""EWMA and GARCH volatility as a forecaster: Student-t marginals joined by a constant factor-t copula."""

from collections.abc import Sequence

import torch
from torch import Tensor

from quantdl.distributions import CopulaForecast, FactorStudentT, Forecast, StudentTMarginals
from quantdl.models.forecaster import Forecaster
from quantdl.sequences import Batch, ReturnWindow


class VolatilityForecaster(Forecaster):
    """Filtered volatility, Student-t marginals with each asset's own degrees of freedom, constant factor-t copula.

    Parameters are buffers, one set per refit; a forecast at bar ``t`` uses the last set fitted through a bar at or
    before ``t``. An asset that had fewer than 250 returns at a refit takes the median parameters of the others.

    For a return window other than the next bar the variance is the recursion's expected sum; the window's own degrees
    of freedom and a scale are fitted to the training returns, because sums of Student-t variables are not Student-t.
    """

    mean: Tensor
    omega: Tensor
    alpha: Tensor
    beta: Tensor
    freedom: Tensor
    adjustment: Tensor
    loadings: Tensor
    copula_freedom: Tensor
    fitted_through: Tensor

    def __init__(self, n_assets: int, n_refits: int, windows: Sequence[ReturnWindow], factors: int = 3) -> None:
        super().__init__()
        self.windows = tuple(windows)
        for name in ("mean", "omega", "alpha", "beta"):
            self.register_buffer(name, torch.zeros(n_refits, n_assets, dtype=torch.float64))
        per_window = (n_refits, len(windows), n_assets)
        self.register_buffer("freedom", torch.full(per_window, 5.0, dtype=torch.float64))
        self.register_buffer("adjustment", torch.ones(per_window, dtype=torch.float64))
        self.register_buffer("loadings", torch.zeros(n_refits, n_assets, factors, dtype=torch.float64))
        self.register_buffer("copula_freedom", torch.full((n_refits,), 8.0, dtype=torch.float64))
        self.register_buffer("fitted_through", torch.zeros(n_refits, dtype=torch.int64))

    def forward(self, batch: Batch) -> Forecast:
        """Return a law with batch_shape (B,) and event_shape (A,), in float64."""
        refit = (torch.searchsorted(self.fitted_through, batch.bar, right=True) - 1).clamp(min=0)
        next_variance = self._next_variance(batch, refit)
        location, variance = self._over_window(next_variance, batch, refit)
        freedom = self.freedom[refit, batch.window]
        scale = (variance * (freedom - 2.0) / freedom).sqrt() * self.adjustment[refit, batch.window]
        scale = torch.where(batch.present, scale, 1.0)
        dependence = FactorStudentT(self.copula_freedom[refit], self.loadings[refit])
        return CopulaForecast(StudentTMarginals(location, scale, freedom), dependence, batch.present)

    def _next_variance(self, batch: Batch, refit: Tensor) -> Tensor:
        """Variance of the bar after each forecast's, (B, A): one pass over the histories per parameter set in use."""
        result = torch.ones(batch.present.shape, dtype=torch.float64, device=batch.bar.device)
        for number in refit.unique().tolist():
            filtered = self._filter(batch, number)
            result = torch.where((refit == number)[:, None], batch.at_position(filtered), result)
        return result

    def _filter(self, batch: Batch, refit: int) -> Tensor:
        """(R, A, L): the variance expected for the bar after each position."""
        squares = (batch.returns.double() - self.mean[refit][:, None]).square()
        omega, alpha, beta = (values[refit] for values in (self.omega, self.alpha, self.beta))
        variance = batch.scale[:, :, 0].double().square()
        filtered = []
        for position in range(squares.shape[2]):
            if position:
                variance = omega + alpha * squares[:, :, position] + beta * variance
            filtered.append(variance)
        return torch.stack(filtered, dim=2).clamp(min=1e-12)

    def _over_window(self, next_variance: Tensor, batch: Batch, refit: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and variance of the window's return: the recursion's expectations, summed over the window's bars."""
        persistence = (self.alpha + self.beta)[refit]
        omega = self.omega[refit]
        total, expected = torch.zeros_like(next_variance), next_variance
        starts = torch.tensor([window.starts_after for window in self.windows], device=batch.bar.device)
        ends = torch.tensor([window.ends_after for window in self.windows], device=batch.bar.device)
        first, last = starts[batch.window][:, None], ends[batch.window][:, None]
        for ahead in range(max(window.ends_after for window in self.windows)):
            total = total + torch.where((ahead >= first) & (ahead < last), expected, 0.0)
            expected = omega + persistence * expected
        return self.mean[refit] * batch.window_bars.double()[:, None], total.clamp(min=1e-12)
