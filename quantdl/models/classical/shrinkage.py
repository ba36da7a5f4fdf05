"""Trailing covariance, shrunk as Ledoit and Wolf propose, under a multivariate Student-t law."""

from collections.abc import Sequence

import torch
from torch import Tensor

from quantdl.distributions import AffineMarginals, CopulaForecast, DenseStudentT
from quantdl.models.classical.correlation import by_session_of, scaled_to_correlation
from quantdl.models.classical.volatility import refit_in_force
from quantdl.models.forecaster import Forecaster
from quantdl.sequences import Batch, ReturnWindow

_CELLS_AT_ONCE = 4_000_000  # of forecasts x sessions x assets held in memory
_FEWEST = 20  # returns in the window from which a variance is read; below, it is the trailing one of the features
_SMALLEST_VARIANCE = 1e-10


class LedoitWolfForecaster(Forecaster):
    """A multivariate Student-t law around zero whose scale matrix is a multiple of the shrunk trailing covariance.

    The degrees of freedom and the multiple are fitted to past returns, one pair per refit and return window; for a
    window of several bars the covariance is that of one bar times the bars. An asset that misses sessions of the window
    keeps the variance of those it has, and its covariances are drawn to zero.

    Args:
        n_refits: Parameter sets.
        windows: Return windows to answer for.
        sessions: Of the trailing window.
    """

    freedom: Tensor
    multiple: Tensor
    fitted_through: Tensor

    def __init__(self, n_refits: int, windows: Sequence[ReturnWindow], sessions: int) -> None:
        super().__init__()
        self.windows, self.sessions = tuple(windows), sessions
        self.register_buffer("freedom", torch.full((n_refits, len(self.windows)), 5.0, dtype=torch.float64))
        self.register_buffer("multiple", torch.ones((n_refits, len(self.windows)), dtype=torch.float64))
        self.register_buffer("fitted_through", torch.zeros(n_refits, dtype=torch.int64))

    def forward(self, batch: Batch) -> CopulaForecast:
        """Return a law with batch_shape (B,) and event_shape (A,), in float64."""
        refit = refit_in_force(self.fitted_through, batch.bar)
        covariance = self.covariance(batch)
        variance = covariance.diagonal(dim1=-2, dim2=-1) * batch.window_bars.double()[:, None]
        scale = (variance * self.multiple[refit, batch.window][:, None]).sqrt()
        dependence = DenseStudentT(self.freedom[refit, batch.window], scaled_to_correlation(covariance))
        return CopulaForecast(AffineMarginals(torch.zeros_like(scale), scale), dependence, batch.present)

    def covariance(self, batch: Batch) -> Tensor:
        """Shrunk covariance of one bar's returns as of each forecast, (B, A, A)."""
        n_assets = batch.present.shape[1]
        result = torch.zeros((len(batch.bar), n_assets, n_assets), dtype=torch.float64, device=batch.bar.device)
        trailing = batch.at_position(batch.scale).double()
        for row in batch.row.unique().tolist():
            bars, returns = by_session_of(batch, row, batch.returns.double()[row])
            mine = (batch.row == row).nonzero()[:, 0]
            for part in mine.split(max(1, _CELLS_AT_ONCE // (self.sessions * n_assets))):
                stop = torch.searchsorted(bars, batch.bar[part], right=True)
                centred, sessions, alone = self._window(returns, stop, trailing[part])
                shrunk = ledoit_wolf(centred, sessions)
                variance = shrunk.diagonal(dim1=-2, dim2=-1)
                result[part] = shrunk + torch.diag_embed(torch.where(torch.isnan(alone), 0.0, alone - variance))
        return result

    def _window(self, returns: Tensor, stop: Tensor, trailing: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Returns of the sessions before ``stop`` (b,), centred, and scaled where an asset has few.

        Returns:
            The returns (b, N, A), 0 where there is none; how many sessions there are, (b,); and the variance of assets
            whose returns do not vary, (b, A), NaN for the others: they are taken for independent.
        """
        steps = stop[:, None] - self.sessions + torch.arange(self.sessions, device=stop.device)
        values = torch.where((steps >= 0)[..., None], returns[steps.clamp(min=0)], torch.nan)
        seen = torch.isfinite(values)
        count, sessions = seen.sum(1), (steps >= 0).sum(1)
        filled = torch.where(seen, values, 0.0)
        centred = torch.where(seen, filled - filled.sum(1, keepdim=True) / count.clamp(min=1)[:, None], 0.0)
        centred = centred * (sessions[:, None] / count.clamp(min=1)).sqrt()[:, None]
        variance = centred.square().sum(1) / sessions[:, None]
        wanted = torch.where(count < _FEWEST, trailing.square(), variance).clamp(min=_SMALLEST_VARIANCE)
        scaled = centred * (wanted / variance.clamp(min=1e-300)).sqrt()[:, None]
        still = variance < _SMALLEST_VARIANCE
        return torch.where(still[:, None], 0.0, scaled), sessions, torch.where(still, wanted, torch.nan)


def ledoit_wolf(centred: Tensor, sessions: Tensor) -> Tensor:
    r"""Covariance shrunk towards a multiple of the identity, (b, A, A).

    .. math:: (1 - \rho) S + \rho \, \frac{\operatorname{tr} S}{A} I

    with the ``rho`` that minimises the expected squared error. An asset without returns is not counted in ``A``, so it
    changes nothing of the others.

    Args:
        centred: (b, N, A) returns less their mean, 0 where there is none.
        sessions: (b,) how many of the N count.

    References:
        | A Well-Conditioned Estimator for Large-Dimensional Covariance Matrices (Ledoit and Wolf, 2004)
    """
    count = sessions.double()
    n_assets = (centred != 0.0).any(1).sum(-1).clamp(min=1).double()
    sample = centred.mT @ centred / count[:, None, None]
    square = sample.square().sum((-2, -1))
    fourth = centred.square().sum(-1).square().sum(-1) / count  # mean of the squared norms' squares
    average = sample.diagonal(dim1=-2, dim2=-1).sum(-1) / n_assets
    error = (fourth - square) / (n_assets * count)
    distance = square / n_assets - average.square()
    share = torch.where(distance > 0, torch.minimum(error, distance) / distance.clamp(min=1e-300), 1.0)
    eye = torch.eye(centred.shape[-1], dtype=centred.dtype, device=centred.device)
    return (1.0 - share)[:, None, None] * sample + (share * average)[:, None, None] * eye
