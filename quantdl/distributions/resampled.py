r"""The law of historical simulation: past returns drawn again, a day for all assets at once, and smoothed.

In units of ``scale`` from ``location`` a row's law is

.. math:: 0.95 \cdot \frac1N \sum_{j=1}^N \mathcal N(u_j, H R H) + 0.05 \cdot t_3(m, S R S / 3)

with the asset's ``N`` last values ``u_j``, their mean ``m`` and standard deviations ``S``, Silverman's bandwidths
``H``, and a factor-structured correlation ``R``, which tells how the smoothing of two assets moves together. So every
asset's own law is a kernel density with a Student-t floor, exactly normalised, under which no return is impossible; and
leaving assets out is exact.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from typing import final

import torch
from torch import Tensor

from quantdl.distributions.crps import crps_by_quantiles
from quantdl.distributions.density import student_t_log_density
from quantdl.distributions.factor_t import FactorStudentT
from quantdl.distributions.forecast import Forecast
from quantdl.distributions.student_t import exact_probability, student_t_icdf

_FLOOR_WEIGHT = 0.05
_FLOOR_FREEDOM = 3.0
_CELLS_AT_ONCE = 1_000_000  # of rows x draws x assets held in memory
_FEWEST = 20  # values from which a standard deviation and quartiles are read
_LEAST_QUARTILES = 0.1  # of the standard deviation: the least spread of a series that mostly stands still
_SERIES_FROM, _SERIES_TERMS = 3.0, 14
_STEPS = 100  # of the search for a quantile, which is bracketed; about ten are used
_CLOSE = 1e-10  # relative error of the probability at which the search ends


@dataclass(frozen=True, eq=False)
class Resamples:
    """The past values that each row draws from, and how they are smoothed, in units of the row's scale.

    Attributes:
        library: (G, T, A) float64 values of a session for all assets, NaN where there is none.
        group: (B,) int64 which of the G a row draws from.
        stop: (B,) int64 one past the last of the T that a row may draw.
        count: ``N``, how many end there.
        size: (B, A) standard deviation to presume of an asset with fewer than 20 values.
        loadings: (B, A, K) of the correlation of the smoothing.
    """

    library: Tensor
    group: Tensor
    stop: Tensor
    count: int
    size: Tensor
    loadings: Tensor

    def centers(self, rows: Tensor) -> Tensor:
        """The values of some rows, (b, N, A); an asset without one in a session gets its other values in turn."""
        steps = self.stop[rows][:, None] - self.count + torch.arange(self.count, device=rows.device)
        drawn = self.library[self.group[rows][:, None], steps.clamp(min=0)]
        drawn = torch.where((steps >= 0)[..., None], drawn, torch.nan)
        seen = torch.isfinite(drawn)
        if bool(seen.all()):
            return drawn
        first_seen = torch.argsort((~seen).to(torch.int8), dim=1, stable=True)
        turn = torch.arange(self.count, device=rows.device)[:, None] % seen.sum(1, keepdim=True).clamp(min=1)
        filled = torch.where(seen, drawn, drawn.gather(1, first_seen.gather(1, turn)))
        return torch.nan_to_num(filled)

    def counts(self, rows: Tensor) -> Tensor:
        """Values that each asset has of its own, (b, A)."""
        steps = self.stop[rows][:, None] - self.count + torch.arange(self.count, device=rows.device)
        seen = torch.isfinite(self.library[self.group[rows][:, None], steps.clamp(min=0)])
        return (seen & (steps >= 0)[..., None]).sum(1)

    def rows(self, index: Tensor | slice) -> "Resamples":
        """Those of some rows."""
        picked = {name: getattr(self, name)[index] for name in ("group", "stop", "size", "loadings")}
        return replace(self, **picked)

    def assets(self, index: Tensor) -> "Resamples":
        """Those of some assets."""
        picked = {name: getattr(self, name)[:, index] for name in ("size", "loadings")}
        return replace(self, library=self.library[..., index], **picked)

    def to(self, device: torch.device | str) -> "Resamples":
        """The same on another device."""
        moved = {item.name: getattr(self, item.name) for item in fields(self) if item.name != "count"}
        return replace(self, **{name: value.to(device) for name, value in moved.items()})


@final
class ResampledForecast(Forecast):
    """See the head of this file.

    Attributes:
        location: (B, A), in log return.
        scale: Positive, (B, A), in log return.
        resamples: What each row draws from.
        present: (B, A) bool.

    Args:
        smoothing: Mean, standard deviation and bandwidth of each cell, (B, A), in units of the scale, where they are
            known already; None computes them from the values.
    """

    def __init__(
        self,
        location: Tensor,
        scale: Tensor,
        resamples: Resamples,
        present: Tensor,
        smoothing: tuple[Tensor, Tensor, Tensor] | None = None,
    ) -> None:
        if resamples.loadings.shape[:2] != present.shape or location.shape != present.shape:
            raise ValueError(
                f"present {tuple(present.shape)}, location {tuple(location.shape)} and loadings "
                f"{tuple(resamples.loadings.shape)} must be (B, A), (B, A) and (B, A, K)."
            )
        self.location, self.scale, self.resamples = location, scale, resamples
        super().__init__(present)
        self._center, self._size, self._bandwidth = smoothing or self._smoothing()

    def log_prob(self, value: Tensor) -> Tensor:
        """See :class:`Forecast`."""
        unit = self._unit(value)
        kernels = torch.cat([self._log_kernels(unit, rows) for rows in self._chunks()])
        freedom = unit.new_full((len(unit),), _FLOOR_FREEDOM)
        loadings = self.resamples.loadings.double()
        floor = FactorStudentT(freedom, loadings).log_density((unit - self._center) / self._floor_scale, self.present)
        floor = floor - torch.where(self.present, self._floor_scale.log(), 0.0).sum(-1)
        joint = torch.logaddexp(kernels + math.log1p(-_FLOOR_WEIGHT), floor + math.log(_FLOOR_WEIGHT))
        return joint - torch.where(self.present, self.scale.double().log(), 0.0).sum(-1)

    def marginal_log_prob(self, value: Tensor) -> Tensor:
        """See :class:`Forecast`."""
        unit = self._unit(value)
        kernels = torch.cat([self._kernel_density(unit[rows], rows) for rows in self._chunks()])
        freedom = torch.full_like(unit, _FLOOR_FREEDOM)
        floor = torch.exp(student_t_log_density((unit - self._center) / self._floor_scale, freedom)) / self._floor_scale
        density = (1.0 - _FLOOR_WEIGHT) * kernels + _FLOOR_WEIGHT * floor
        return torch.where(self.present, density.log() - self.scale.double().log(), 0.0)

    def cdf(self, value: Tensor) -> Tensor:
        """See :class:`Forecast`."""
        below = self._log_below(self._unit(value)).exp()
        return torch.where(self.present, below.clamp(min=5e-324, max=1.0 - 2.0**-53), 0.5)

    def log_cdf(self, value: Tensor) -> Tensor:
        """See :class:`Forecast`."""
        lower, upper = self._log_tails(value)
        return torch.where(self.present, torch.where(lower < upper, lower, _log_rest(upper)), -math.log(2.0))

    def log_survival(self, value: Tensor) -> Tensor:
        """See :class:`Forecast`."""
        lower, upper = self._log_tails(value)
        return torch.where(self.present, torch.where(upper < lower, upper, _log_rest(lower)), -math.log(2.0))

    def icdf(self, value: Tensor | float) -> Tensor:
        """See :class:`Forecast`; the search for a quantile ends at a relative error of 1e-10 of its tail."""
        probability = exact_probability(value, self.present.device)
        shape = torch.broadcast_shapes(probability.shape, self.present.shape)
        flat = probability.expand(shape).reshape(-1, *self.present.shape)
        units = torch.stack([self._unit_quantile(one) for one in flat]).reshape(shape)
        return torch.where(self.present, self.location.double() + self.scale.double() * units, 0.0)

    def marginal_crps(self, value: Tensor) -> Tensor:
        """See :class:`Forecast`; by `crps_by_quantiles` over panels between the quantiles of the values."""
        unit = self._unit(value)
        scores = torch.cat([self._unit_scores(unit[rows], rows) for rows in self._chunks()])
        return torch.where(self.present, self.scale.double() * scores, 0.0)

    @property
    def mean(self) -> Tensor:
        """See :class:`Forecast`."""
        return torch.where(self.present, self.location + self.scale * self._center, 0.0)

    def rsample(self, sample_shape: torch.Size | list[int] | tuple[int, ...] = ()) -> Tensor:
        """See :class:`Forecast`."""
        shape = torch.Size(sample_shape)
        draws, rows = shape.numel(), len(self.present)
        infinite = self._center.new_full((rows,), torch.inf)
        normal = FactorStudentT(infinite, self.resamples.loadings.double()).sample(draws)
        device = self.present.device
        from_floor = torch.rand((draws, rows, 1), device=device) < _FLOOR_WEIGHT
        chosen = torch.randint(self.resamples.count, (draws, rows), device=device)
        half = self._center.new_full((draws, rows, 1), 0.5 * _FLOOR_FREEDOM)
        tail = (torch._standard_gamma(half) / half).sqrt()
        past = torch.cat([self._drawn(chosen[:, chunk], chunk) for chunk in self._chunks()], dim=1)
        unit = torch.where(
            from_floor, self._center + self._floor_scale * normal / tail, past + self._bandwidth * normal
        )
        returns = torch.where(self.present, self.location + self.scale * unit, 0.0)
        return returns.reshape(shape + self.present.shape)

    def observed(self, mask: Tensor) -> "ResampledForecast":
        """See :class:`Forecast`."""
        smoothing = (self._center, self._size, self._bandwidth)
        return ResampledForecast(self.location, self.scale, self.resamples, self.present & mask, smoothing)

    def rows(self, index: Tensor | slice) -> "ResampledForecast":
        """See :class:`Forecast`."""
        chosen = self.resamples.rows(index)
        smoothing = (self._center[index], self._size[index], self._bandwidth[index])
        return ResampledForecast(self.location[index], self.scale[index], chosen, self.present[index], smoothing)

    def assets(self, index: Tensor) -> "ResampledForecast":
        """See :class:`Forecast`."""
        chosen = self.resamples.assets(index)
        return ResampledForecast(self.location[:, index], self.scale[:, index], chosen, self.present[:, index])

    def to(self, device: torch.device | str) -> "ResampledForecast":
        """See :class:`Forecast`."""
        moved = (self.location.to(device), self.scale.to(device), self.resamples.to(device))
        return ResampledForecast(*moved, self.present.to(device))

    @property
    def _floor_scale(self) -> Tensor:
        """Scale of the floor, whose standard deviation is that of the values."""
        return self._size * math.sqrt((_FLOOR_FREEDOM - 2.0) / _FLOOR_FREEDOM)

    def _unit(self, value: Tensor) -> Tensor:
        """Returns in units of the scale, float64; absent cells at their center."""
        unit = (value.double() - self.location) / self.scale
        return torch.where(self.present, unit, self._center)

    def _chunks(self) -> Iterator[Tensor]:
        rows, assets = self.present.shape
        step = max(1, _CELLS_AT_ONCE // max(self.resamples.count * assets, 1))
        numbers = torch.arange(rows, device=self.present.device)
        return iter(numbers.split(step))

    def _smoothing(self) -> tuple[Tensor, Tensor, Tensor]:
        """Mean, standard deviation and bandwidth of each cell, (B, A), once for rows that draw from the same values.

        References:
            | Density Estimation for Statistics and Data Analysis (Silverman, 1986), equation 3.31
        """
        pairs = torch.stack([self.resamples.group, self.resamples.stop], dim=1)
        _, inverse = torch.unique(pairs, dim=0, return_inverse=True)
        first = torch.full((int(inverse.max()) + 1,), len(inverse), dtype=torch.int64, device=inverse.device)
        first = first.scatter_reduce(0, inverse, torch.arange(len(inverse), device=inverse.device), "amin")
        rows, assets = self.present.shape
        step = max(1, _CELLS_AT_ONCE // max(self.resamples.count * assets, 1))
        found = [self._moments(chunk) for chunk in first.split(step)]
        center, deviation, quartiles, counts = (torch.cat(part)[inverse] for part in zip(*found, strict=True))
        deviation = torch.where(counts < _FEWEST, self.resamples.size.double(), deviation).clamp(min=1e-9)
        quartiles = torch.where(counts < _FEWEST, deviation, quartiles)
        spread = torch.minimum(deviation, torch.maximum(quartiles, _LEAST_QUARTILES * deviation))
        return center, deviation, 0.9 * spread * counts.clamp(min=1).double() ** -0.2

    def _moments(self, rows: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Mean, standard deviation, normalised interquartile range and number of the values, each (b, A)."""
        values = self.resamples.centers(rows)
        probabilities = torch.tensor([0.25, 0.75], dtype=values.dtype, device=values.device)
        low, high = torch.quantile(values, probabilities, dim=1)
        deviation = values.std(1) if self.resamples.count > 1 else torch.zeros_like(low)
        return values.mean(1), deviation, (high - low) / 1.349, self.resamples.counts(rows)

    def _log_kernels(self, unit: Tensor, rows: Tensor) -> Tensor:
        """Log density of the mixture of kernels, (b,), in units of the scale."""
        present, loadings = self.present[rows], self.resamples.loadings[rows].double()
        bandwidth = self._bandwidth[rows]
        away = (unit[rows][:, None] - self.resamples.centers(rows)) / bandwidth[:, None]
        away = torch.where(present[:, None], away, 0.0)
        loadings = torch.where(present[..., None], loadings, 0.0)
        precision = 1.0 + loadings.square().sum(-1)  # inverse of the unexplained share of the variance
        scaled = away * precision.sqrt()[:, None]
        eye = torch.eye(loadings.shape[-1], dtype=loadings.dtype, device=loadings.device)
        root = torch.linalg.cholesky(eye + loadings.mT @ loadings)
        projected: Tensor = torch.linalg.solve_triangular(root, (scaled @ loadings).mT, upper=False)
        quadratic: Tensor = scaled.square().sum(-1) - projected.square().sum(-2)
        log_determinant: Tensor = 2.0 * root.diagonal(dim1=-2, dim2=-1).log().sum(-1) - precision.log().sum(-1)
        constant: Tensor = torch.where(present, bandwidth.log() + 0.5 * math.log(2.0 * math.pi), 0.0).sum(-1)
        mixed: Tensor = torch.logsumexp(-0.5 * quadratic, dim=1) - math.log(self.resamples.count)
        return mixed - 0.5 * log_determinant - constant

    def _kernel_density(self, unit: Tensor, rows: Tensor) -> Tensor:
        away = (unit[:, None] - self.resamples.centers(rows)) / self._bandwidth[rows][:, None]
        return torch.exp(-0.5 * away.square()).mean(1) / (math.sqrt(2.0 * math.pi) * self._bandwidth[rows])

    def _log_tails(self, value: Tensor) -> tuple[Tensor, Tensor]:
        return self._unit_tails(self._unit(value))

    def _unit_tails(self, unit: Tensor) -> tuple[Tensor, Tensor]:
        """Logs of the probabilities below and above, (B, A); each is exact where it is the smaller one."""
        return self._log_below(unit), self._log_below(unit, side=-1.0)

    def _log_below(self, unit: Tensor, side: float = 1.0) -> Tensor:
        """Log of the probability below, (B, A), or above where the side is -1."""
        kernels = []
        for rows in self._chunks():
            away = (unit[rows][:, None] - self.resamples.centers(rows)) / (side * self._bandwidth[rows][:, None])
            kernels.append(torch.special.ndtr(away).mean(1))
        return _with_floor(torch.cat(kernels), side * (unit - self._center) / self._floor_scale)

    def _unit_quantile(self, probability: Tensor) -> Tensor:
        """Quantiles (B, A) in units of the scale."""
        with torch.no_grad():
            return torch.cat([self._search(probability[rows], rows) for rows in self._chunks()])

    def _search(self, probability: Tensor, rows: Tensor) -> Tensor:
        """Quantiles of some rows; the upper ones are lower ones of the law mirrored."""
        sign = torch.where(probability < 0.5, 1.0, -1.0).double()
        tail = torch.minimum(probability, 1.0 - probability)
        inside = tail > 0
        ends = torch.where(tail == 0, -torch.inf, torch.nan)
        at = self._mixtures(rows, sign).lower_quantile(torch.where(inside, tail, 0.5).flatten())
        return sign * torch.where(inside, at.reshape(tail.shape), ends)

    def _unit_scores(self, unit: Tensor, rows: Tensor) -> Tensor:
        mixtures = self._mixtures(rows, torch.ones_like(unit))
        cuts = mixtures.values.sort(dim=1).values
        scores = crps_by_quantiles(
            lambda at: mixtures.log_below(at).exp(), lambda p: mixtures.near_quantile(float(p), cuts), unit.flatten()
        )
        return scores.reshape(unit.shape)

    def _mixtures(self, rows: Tensor, sign: Tensor) -> "_Mixtures":
        """The laws of some rows, mirrored at zero where the sign (b, A) is -1."""
        values = (sign[:, None] * self.resamples.centers(rows)).transpose(1, 2).flatten(0, 1)
        parts = (sign * self._center[rows], self._bandwidth[rows], self._floor_scale[rows])
        return _Mixtures(values.contiguous(), *(part.flatten() for part in parts))

    def _drawn(self, chosen: Tensor, rows: Tensor) -> Tensor:
        """Values at the numbers (S, b), as (S, b, A)."""
        values = self.resamples.centers(rows)
        index = chosen.T[..., None].expand(-1, -1, values.shape[-1])
        return values.gather(1, index).transpose(0, 1)


@dataclass(frozen=True, eq=False)
class _Mixtures:
    """The laws of M cells, in units of the scale: values (M, N), and center, bandwidth and scale of the floor, (M,)."""

    values: Tensor
    center: Tensor
    bandwidth: Tensor
    floor: Tensor

    def lower_quantile(self, tail: Tensor) -> Tensor:
        """Where the probability below is ``tail`` (M,), at most one half: bracketed Newton steps in its log."""
        low, high = self._bracket(tail)
        log_tail, at, searching = tail.log(), high.clone(), torch.arange(len(tail), device=tail.device)
        if bool((tail == tail[0]).all()):  # as mostly; in the middle the values' own quantile is near
            near = self.values.quantile(tail[0], dim=1)
            at = torch.where((near > low) & (near < high) & (tail > 0.5 * _FLOOR_WEIGHT), near, high)
        for _ in range(_STEPS):
            here = at[searching]
            log_below, density = self._of(searching).log_below_and_density(here)
            excess = log_below - log_tail[searching]
            below = excess < 0
            low[searching] = torch.where(below, here, low[searching])
            high[searching] = torch.where(below, high[searching], here)
            moved = here - excess * torch.exp(log_below) / density
            bottom, top = low[searching], high[searching]
            moved = torch.where((moved > bottom) & (moved < top), moved, 0.5 * (bottom + top))
            further = excess.abs() >= _CLOSE
            at[searching] = torch.where(further, moved, here)
            searching = searching[further]
            if not len(searching):
                break
        return at

    def log_below(self, at: Tensor) -> Tensor:
        """Log of the probability below places (M,)."""
        away = (at[:, None] - self.values) / self.bandwidth[:, None]
        return _with_floor(torch.special.ndtr(away).mean(1), (at - self.center) / self.floor)

    def near_quantile(self, probability: float, ordered: Tensor) -> Tensor:
        """A place near the quantile (M,): of the values (M, N) in order, and of the floor beyond them."""
        last = ordered.shape[1] - 1
        rank = probability * last
        if min(rank, last - rank) >= 1.0:
            return ordered[:, round(rank)]
        tail = torch.full_like(self.center, min(min(probability, 1.0 - probability) / _FLOOR_WEIGHT, 0.5))
        return self.center + math.copysign(1.0, probability - 0.5) * -_floor_quantile(tail) * self.floor

    def log_below_and_density(self, at: Tensor) -> tuple[Tensor, Tensor]:
        """Log of the probability below places (M,), and the density there."""
        away = (at[:, None] - self.values) / self.bandwidth[:, None]
        place = (at - self.center) / self.floor
        kernels = torch.exp(-0.5 * away.square()).mean(1) / (math.sqrt(2.0 * math.pi) * self.bandwidth)
        floor = torch.exp(student_t_log_density(place, torch.full_like(place, _FLOOR_FREEDOM))) / self.floor
        density = (1.0 - _FLOOR_WEIGHT) * kernels + _FLOOR_WEIGHT * floor
        return _with_floor(torch.special.ndtr(away).mean(1), place), density

    def _of(self, index: Tensor) -> "_Mixtures":
        if len(index) == len(self.center):
            return self
        return _Mixtures(self.values[index], self.center[index], self.bandwidth[index], self.floor[index])

    def _bracket(self, tail: Tensor) -> tuple[Tensor, Tensor]:
        """Two points around a lower quantile, which lies among those of the parts, and not above the floor's own."""
        kernel = self.bandwidth * torch.special.ndtri(tail)
        floor = self.center + self.floor * _floor_quantile(tail)
        low = torch.minimum(self.values.amin(1) + kernel, floor)
        high = torch.maximum(self.values.amax(1) + kernel, floor)
        alone = self.center + self.floor * _floor_quantile((tail / _FLOOR_WEIGHT).clamp(max=0.999))
        high = torch.where(tail < 0.999 * _FLOOR_WEIGHT, torch.minimum(high, alone), high)
        slack = 1e-9 * (high - low) + 1e-12
        return low - slack, high + slack


def _with_floor(kernels: Tensor, floor: Tensor) -> Tensor:
    """Log of the probability of the mixture, from that of the kernels and the place in the floor's law."""
    log_floor = log_student_t3_cdf(floor) + math.log(_FLOOR_WEIGHT)
    return torch.logaddexp(torch.log((1.0 - _FLOOR_WEIGHT) * kernels), log_floor)


def log_student_t3_cdf(value: Tensor) -> Tensor:
    r"""Log of the probability that a standard Student-t variable with 3 degrees of freedom is at most ``value``.

    With :math:`x = \sqrt 3 / |t|` the tail is :math:`(\arctan x - x / (1 + x^2)) / \pi`; far out, where the two cancel,
    it is summed as a series in ``x``. Exact to 1e-13, and many times faster than for any degrees of freedom.
    """
    size = value.abs() / math.sqrt(_FLOOR_FREEDOM)
    near = torch.atan2(torch.ones_like(size), size) - size / (1.0 + size.square())
    inverse = 1.0 / size.clamp(min=_SERIES_FROM)
    square, series = inverse.square(), torch.zeros_like(size)
    for k in range(_SERIES_TERMS, 0, -1):
        series = 2.0 * k / (2 * k + 1) - square * series
    far = 3.0 * inverse.log() + series.log()
    log_tail = torch.where(size > _SERIES_FROM, far, near.clamp(min=1e-300).log()) - math.log(math.pi)
    return torch.where(value <= 0, log_tail, torch.log1p(-torch.exp(log_tail)))


def _floor_quantile(probability: Tensor) -> Tensor:
    """Quantile of the standard floor at each probability (M,), found once where all are the same, as mostly."""
    some = probability[:1] if bool((probability == probability[0]).all()) else probability
    return student_t_icdf(some, torch.full_like(some, _FLOOR_FREEDOM)).expand(len(probability))


def _log_rest(log_probability: Tensor) -> Tensor:
    return torch.log1p(-torch.exp(log_probability))
