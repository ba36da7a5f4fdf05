"""Several fits as one forecaster: refits, of which the last one that had ended serves a session, and ensembles."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from quantdl.distributions import Forecast, MixtureForecast
from quantdl.models.classical.volatility import refit_in_force
from quantdl.models.forecaster import Forecaster
from quantdl.sequences import Batch


class RefittedForecaster(Forecaster):
    """A network that was fitted several times in the course of the years.

    A forecast at bar ``t`` is made by the last fit that ended with a bar at or before ``t``, and by the first one
    before that. Where the forecasts of a batch fall to several fits, its law is a mixture in which each row has one
    member.

    Args:
        sets: The network as each fit has left it.
        fitted_through: Bars that the fits ended with, increasing.
    """

    fitted_through: Tensor

    def __init__(self, sets: Sequence[Forecaster], fitted_through: Sequence[int]) -> None:
        super().__init__()
        self.sets = nn.ModuleList(sets)
        self.register_buffer("fitted_through", torch.tensor(fitted_through, dtype=torch.int64))

    def forward(self, batch: Batch) -> Forecast:
        """Return a law with batch_shape (B,) and event_shape (A,)."""
        numbers, chosen = refit_in_force(self.fitted_through, batch.bar).unique(return_inverse=True)
        laws = [self.sets[number](batch) for number in numbers.tolist()]
        return laws[0] if len(laws) == 1 else mixed(laws, nn.functional.one_hot(chosen, len(laws)))


class EnsembleForecaster(Forecaster):
    """Models whose laws are mixed, with constant weights.

    All members read the same batch here. Where they read histories of different lengths or other neighbours, each is
    given its own, see `quantdl.training.forecasting.forecast_members`.

    Args:
        members: Of any kind.
        weights: Of each member, adding to one.
    """

    weights: Tensor

    def __init__(self, members: Sequence[Forecaster], weights: Sequence[float]) -> None:
        super().__init__()
        self.members = nn.ModuleList(members)
        self.register_buffer("weights", torch.tensor(weights, dtype=torch.float64))

    def forward(self, batch: Batch) -> MixtureForecast:
        """Return a law with batch_shape (B,) and event_shape (A,): the mixture over the members."""
        return mixed([member(batch) for member in self.members], self.weights)


def mixed(laws: Sequence[Forecast], weights: Tensor) -> MixtureForecast:
    """Mix laws; the members of one that is a mixture itself become members, each with its share.

    Args:
        laws: Of the same rows and assets; brought to the device of the first.
        weights: (M,), or (B, M) for one set per row.
    """
    device, rows = laws[0].present.device, len(laws[0].present)
    shares = weights.to(device, torch.float64).expand(rows, len(laws))
    members: list[Forecast] = []
    split: list[Tensor] = []
    for law, share in zip((law.to(device) for law in laws), shares.unbind(-1), strict=True):
        inner = law if isinstance(law, MixtureForecast) else None
        members += [law] if inner is None else inner.members
        split.append(share[:, None] * (torch.ones_like(share[:, None]) if inner is None else inner.weights))
    return MixtureForecast(members, torch.cat(split, dim=-1))
