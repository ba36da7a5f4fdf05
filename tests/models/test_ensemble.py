"""Several fits as one forecaster: which refit serves a session, and what a mixture of members says."""

import math

import numpy as np
import pytest
import torch
from scipy import stats

from quantdl.distributions import AffineMarginals, CopulaForecast, FactorStudentT, MixtureForecast
from quantdl.models.ensemble import EnsembleForecaster, RefittedForecaster, mixed
from quantdl.models.forecaster import Forecaster
from tests.models.batches import random_batch


class Constant(Forecaster):
    """Says the same Student-t law of every asset of every row, independent between assets."""

    def __init__(self, scale: float) -> None:
        super().__init__()
        self.register_buffer("scale", torch.tensor(scale, dtype=torch.float64))

    def forward(self, batch):
        return law_of(self.scale, batch.present)


def law_of(scale, present: torch.Tensor) -> CopulaForecast:
    rows, assets = present.shape
    scales = torch.as_tensor(scale, dtype=torch.float64).expand(rows, assets)
    dependence = FactorStudentT(torch.full((rows,), 5.0).double(), torch.zeros(rows, assets, 1).double())
    return CopulaForecast(AffineMarginals(torch.zeros_like(scales), scales), dependence, present)


def log_density(scale: float, values: torch.Tensor) -> np.ndarray:
    return stats.multivariate_t.logpdf(values.numpy(), shape=scale**2 * np.eye(values.shape[1]), df=5)


@pytest.fixture
def batch():
    batch = random_batch(rows=4, assets=3)
    batch.bar.copy_(torch.tensor([10, 20, 25, 31]))
    return batch


def test_a_session_is_served_by_the_last_fit_that_had_ended(batch):
    model = RefittedForecaster([Constant(0.01), Constant(0.02), Constant(0.04)], (15, 20, 30))
    expected = [log_density(scale, batch.target[row : row + 1]) for row, scale in enumerate((0.01, 0.02, 0.02, 0.04))]
    np.testing.assert_allclose(model(batch).log_prob(batch.target).numpy(), expected, rtol=1e-9)
    quantile = model(batch).icdf(0.05)[:, 0].numpy()
    np.testing.assert_allclose(quantile, stats.t.ppf(0.05, 5) * np.array([0.01, 0.02, 0.02, 0.04]), rtol=1e-9)


def test_one_fit_that_serves_all_rows_gives_its_own_law(batch):
    model = RefittedForecaster([Constant(0.01), Constant(0.02)], (5, 100))
    assert isinstance(model(batch), CopulaForecast)
    np.testing.assert_allclose(model(batch).log_prob(batch.target), log_density(0.01, batch.target), rtol=1e-9)


def test_rows_of_several_fits_have_no_spread(batch):
    """What serves a row is known: two fits at different times are no two opinions."""
    law = RefittedForecaster([Constant(0.01), Constant(0.02)], (5, 25))(batch)
    assert (law.spread(lambda member: member.icdf(0.01)) == 0.0).all()
    assert (law.variance_parts().between == 0.0).all()


def test_the_density_of_an_ensemble_is_the_weighted_mean_of_its_members(batch):
    law = EnsembleForecaster([Constant(0.01), Constant(0.03)], (0.25, 0.75))(batch)
    apart = np.stack([log_density(scale, batch.target) for scale in (0.01, 0.03)])
    expected = np.log(0.25 * np.exp(apart[0]) + 0.75 * np.exp(apart[1]))
    np.testing.assert_allclose(law.log_prob(batch.target).numpy(), expected, rtol=1e-9)


def test_the_spread_of_an_ensemble_is_the_standard_deviation_of_its_members(batch):
    law = EnsembleForecaster([Constant(0.01), Constant(0.03)], (0.5, 0.5))(batch)
    unit = stats.t.ppf(0.01, 5)
    spread = law.spread(lambda member: member.icdf(0.01))
    np.testing.assert_allclose(spread, np.full((4, 3), abs(unit) * 0.01), rtol=1e-9)


def test_a_member_that_is_a_mixture_gives_its_members_their_share(batch):
    posterior = MixtureForecast([law_of(s, batch.present) for s in (0.01, 0.02)], torch.tensor([0.25, 0.75]))
    law = mixed([law_of(0.05, batch.present), posterior], torch.tensor([0.5, 0.5]))
    assert len(law.members) == 3
    np.testing.assert_allclose(law.weights[0], [0.5, 0.125, 0.375], rtol=1e-12)
    densities = [math.exp(log_density(s, batch.target[:1]).item()) for s in (0.05, 0.01, 0.02)]
    expected = math.log(float(np.dot([0.5, 0.125, 0.375], densities)))
    assert law.log_prob(batch.target)[0].item() == pytest.approx(expected, rel=1e-9)
