"""Filtered volatility as a forecaster: Student-t or skewed marginals joined by a copula of one's choice."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Literal

import torch
from torch import Tensor

from quantdl.distributions import (
    CopulaForecast,
    Forecast,
    Marginals,
    SkewStudentTMarginals,
    StudentTMarginals,
    skew_t_mode_and_scale,
)
from quantdl.models.classical.correlation import ConstantCorrelation, CorrelationModel, DynamicCorrelation
from quantdl.models.classical.market_states import MarketStatesCorrelation
from quantdl.models.classical.recursion import SMALLEST_VARIANCE, LawKind, RecursionTensors
from quantdl.models.forecaster import Forecaster
from quantdl.sequences import Batch, ReturnWindow

JoinedBy = Literal["constant", "dynamic", "market_states"]
"""What joins the assets: a constant factor-t copula, a dynamic correlation, or market states on trailing factors."""


@dataclass(frozen=True)
class VolatilityDesign:
    """What a volatility model is made of.

    Attributes:
        exponential: Whether the recursion is EGARCH's.
        law: Of the marginals.
        joined_by: What joins the assets.
        factors: Common factors of the constant correlation.
    """

    exponential: bool = False
    law: LawKind = "student_t"
    joined_by: JoinedBy = "constant"
    factors: int = 3


DEFAULT_DESIGN = VolatilityDesign()
"""GARCH, GJR or EWMA with Student-t marginals and a constant copula."""


class VolatilityForecaster(Forecaster):
    """Filtered volatility, marginals with each asset's own tails, and a copula.

    Parameters are buffers, one set per refit; a forecast at bar ``t`` uses the last set fitted through a bar at or
    before ``t``. An asset that had fewer than 250 returns at a refit takes the median parameters of the others.

    For a return window other than the next bar the variance is the sum of the recursion's expectations: of the variance
    itself for GARCH and GJR, in closed form, and for EGARCH of its log, because the expected variance of an EGARCH with
    Student-t innovations is infinite beyond the next bar. The window's own degrees of freedom, skewness and a scale are
    fitted to the training returns, because sums of Student-t variables are not Student-t. Of a window of more than ten
    bars there are too few returns that do not overlap: it is given the shape of returns simulated by the recursion,
    which a reaction to losses makes skewed.

    The copula is a module of its own: any `CorrelationModel` can take its place.
    """

    mean: Tensor
    omega: Tensor
    alpha: Tensor
    beta: Tensor
    gamma: Tensor
    expected_constant: Tensor
    persistence: Tensor
    freedom: Tensor
    skewness: Tensor
    adjustment: Tensor
    fitted_through: Tensor

    def __init__(
        self,
        n_assets: int,
        n_refits: int,
        windows: Sequence[ReturnWindow],
        design: VolatilityDesign = DEFAULT_DESIGN,
    ) -> None:
        super().__init__()
        self.windows, self.exponential, self.law = tuple(windows), design.exponential, design.law
        for name in ("mean", "omega", "alpha", "beta", "gamma", "expected_constant", "persistence"):
            self.register_buffer(name, torch.zeros(n_refits, n_assets, dtype=torch.float64))
        per_window = (n_refits, len(windows), n_assets)
        self.register_buffer("freedom", torch.full(per_window, 5.0, dtype=torch.float64))
        self.register_buffer("skewness", torch.zeros(per_window, dtype=torch.float64))
        self.register_buffer("adjustment", torch.ones(per_window, dtype=torch.float64))
        self.register_buffer("fitted_through", torch.zeros(n_refits, dtype=torch.int64))
        self.copula = _copula(n_assets, n_refits, design)

    def forward(self, batch: Batch) -> Forecast:
        """Return a law with batch_shape (B,) and event_shape (A,), in float64."""
        refit = refit_in_force(self.fitted_through, batch.bar)
        sets, number = refit.unique(return_inverse=True)
        filtered = self._filter(batch, sets)
        location, variance = self.over_window(batch, refit, _at_position(batch, filtered, number))
        surprises = batch.returns.double() - self.mean[sets][:, None, :, None]
        dependence = self.copula(batch, refit, sets, number, surprises / _of_own_bar(filtered).sqrt())
        return CopulaForecast(self._marginals(batch, refit, location, variance), dependence, batch.present)

    def standard_deviation(self, batch: Batch, refit: Tensor) -> tuple[Tensor, Tensor]:
        """Expected return and standard deviation over each forecast's window, (B, A), by parameter sets (B,).

        The adjustment of a window's scale, which is fitted, is left out.
        """
        sets, number = refit.unique(return_inverse=True)
        next_variance = _at_position(batch, self._filter(batch, sets), number)
        location, variance = self.over_window(batch, refit, next_variance)
        return location, variance.sqrt()

    def over_window(self, batch: Batch, refit: Tensor, next_variance: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and variance of the window's return: the recursion's expectations, summed over the window's bars.

        Args:
            batch: The forecasts.
            refit: (B,) parameter set of each.
            next_variance: (B, A) of the next bar.
        """
        constant, persistence = self.expected_constant[refit], self.persistence[refit]
        expected = next_variance.log() if self.exponential else next_variance
        total = torch.zeros_like(next_variance)
        shares = list(zip_longest(*(window.shares() for window in self.windows), fillvalue=0.0))  # bar by bar
        of_rows = torch.tensor(shares, dtype=total.dtype, device=batch.bar.device)[:, batch.window, None]
        for share in of_rows:
            variance = expected.exp() if self.exponential else expected
            total = total + torch.where(share > 0.0, share * variance, 0.0)
            expected = constant + persistence * expected
        return self.mean[refit] * batch.window_bars.double()[:, None], total.clamp(min=SMALLEST_VARIANCE)

    def _marginals(self, batch: Batch, refit: Tensor, location: Tensor, variance: Tensor) -> Marginals:
        freedom = self.freedom[refit, batch.window]
        deviation = variance.sqrt() * self.adjustment[refit, batch.window]
        deviation = torch.where(batch.present, deviation, 1.0)
        if self.law == "student_t" and not self.skewness.any():
            return StudentTMarginals(location, deviation * ((freedom - 2.0) / freedom).sqrt(), freedom)
        skewness = self.skewness[refit, batch.window]
        mode, scale = skew_t_mode_and_scale(location, deviation, freedom, skewness)
        return SkewStudentTMarginals(mode, scale, freedom, skewness)

    def _filter(self, batch: Batch, sets: Tensor) -> Tensor:
        """(U, R, A, L): the variance expected for the bar after each position, by each parameter set."""
        names = ("mean", "omega", "alpha", "beta", "gamma")
        recursion = RecursionTensors(*(getattr(self, name)[sets] for name in names))
        return recursion.next_variance(batch.returns, batch.scale[:, :, 0].double().square(), self.exponential)


def _copula(n_assets: int, n_refits: int, design: VolatilityDesign) -> CorrelationModel:
    match design.joined_by:
        case "constant":
            return ConstantCorrelation(n_assets, n_refits, design.factors)
        case "dynamic":
            return DynamicCorrelation(n_assets, n_refits)
        case "market_states":
            return MarketStatesCorrelation(n_refits)


def refit_in_force(fitted_through: Tensor, bar: Tensor) -> Tensor:
    """Number of the last parameter set fitted through a bar at or before each, (B,); the first one before it."""
    return (torch.searchsorted(fitted_through, bar, right=True) - 1).clamp(min=0)


def _at_position(batch: Batch, filtered: Tensor, number: Tensor) -> Tensor:
    """Pick (B, A) what each forecast may read last, of its own parameter set, from (U, R, A, L)."""
    result = torch.ones(batch.present.shape, dtype=filtered.dtype, device=filtered.device)
    for position, values in enumerate(filtered):
        result = torch.where((number == position)[:, None], batch.at_position(values), result)
    return result


def _of_own_bar(filtered: Tensor) -> Tensor:
    """Variance expected for each position itself; the first has only its own."""
    return torch.cat([filtered[..., :1], filtered[..., :-1]], dim=-1)
