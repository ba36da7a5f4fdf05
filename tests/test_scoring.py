"""Scores against closed forms, published values and simulation; the laws scored here are scipy's, not quantdl's."""

import math
import warnings

import numpy as np
import pytest
import torch
from scipy import special, stats

from quantdl.distributions import Forecast, crps_by_quantiles
from quantdl.scoring import (
    confidence,
    coverage,
    crps,
    crps_sample,
    energy_score,
    fz0,
    joint_log_score,
    log_score,
    mean_score,
    pit,
    scored_cells,
)


class ScipyLaw(Forecast):
    """Independent assets, each with a frozen scipy law."""

    def __init__(self, laws, present):
        super().__init__(present)
        self.laws = laws

    def _columns(self, method, value):
        value = value.expand(self.present.shape)
        columns = [getattr(law, method)(value[..., i].numpy()) for i, law in enumerate(self.laws)]
        return torch.from_numpy(np.stack(columns, axis=-1))

    def cdf(self, value):
        return self._columns("cdf", value)

    def log_cdf(self, value):
        return self._columns("logcdf", value)

    def log_survival(self, value):
        return self._columns("logsf", value)

    def icdf(self, value):
        return self._columns("ppf", torch.as_tensor(value))

    def marginal_log_prob(self, value):
        return self._columns("logpdf", value)

    def log_prob(self, value):
        return torch.where(self.present, self.marginal_log_prob(value), 0.0).sum(-1)

    def observed(self, mask):
        return ScipyLaw(self.laws, self.present & mask)

    def marginal_crps(self, value):
        return crps_by_quantiles(self.cdf, self.icdf, value)

    @property
    def mean(self):
        return torch.tensor([law.mean() for law in self.laws]).expand(self.present.shape)

    def rows(self, index):
        return ScipyLaw(self.laws, self.present[index])

    def assets(self, index):
        return ScipyLaw([self.laws[i] for i in index.tolist()], self.present[:, index])

    def to(self, device):
        return self

    def rsample(self, sample_shape=()):
        raise NotImplementedError


def _crps_t(y, df):
    """Jordan, Krueger and Lerch (2019), written again from the paper."""
    c = 2 * np.sqrt(df) / (df - 1) * np.exp(special.betaln(0.5, df - 0.5) - 2 * special.betaln(df / 2, 0.5))
    return y * (2 * stats.t.cdf(y, df) - 1) + 2 * stats.t.pdf(y, df) * (df + y**2) / (df - 1) - c


def test_crps_is_that_of_each_assets_own_law():
    everywhere = torch.ones(1, 2, dtype=torch.bool)
    target = torch.tensor([[1.0, -2.5]], dtype=torch.float64)
    score = crps(ScipyLaw([stats.norm(), stats.t(4)], everywhere), target, everywhere)
    np.testing.assert_allclose(score[0], [0.6024413576, _crps_t(-2.5, 4.0)], rtol=1e-5)


def test_crps_of_draws_matches_pairwise_distances():
    draws = np.array([0.3, -1.0, 2.0, 0.3])
    by_hand = np.abs(draws - 0.5).mean() - 0.5 * np.abs(draws[:, None] - draws).mean()
    assert float(crps_sample(torch.from_numpy(draws), torch.tensor(0.5))) == pytest.approx(by_hand, rel=1e-14)


def test_crps_of_many_draws_approaches_the_closed_form():
    draws = torch.from_numpy(stats.t(5).rvs((200_000, 1), random_state=1))
    assert float(crps_sample(draws, torch.tensor([0.8]))[0]) == pytest.approx(_crps_t(0.8, 5.0), abs=0.004)


def test_log_score_is_minus_the_log_density():
    everywhere = torch.ones(1, 3, dtype=torch.bool)
    law = ScipyLaw([stats.norm(), stats.t(4), stats.t(3)], everywhere)
    target = torch.tensor([[40.0, 0.0, 1e6]], dtype=torch.float64)
    score = log_score(law, target, everywhere)
    np.testing.assert_allclose(score[0], [800.9189385332, 0.9808292530, 54.0657065042], rtol=1e-9)
    assert float(joint_log_score(law, target, everywhere)) == pytest.approx(float(score.sum()))


def test_a_cell_that_is_absent_or_unobserved_is_neither_read_nor_counted():
    present = torch.tensor([[True, True, False], [False, False, False]])
    observed = torch.tensor([[True, False, True], [True, True, True]])
    target = torch.tensor([[0.1, torch.nan, 0.2], [0.1, torch.nan, torch.inf]], dtype=torch.float64)
    law = ScipyLaw([stats.norm()] * 3, present)
    scored = scored_cells(law, observed)
    assert scored.tolist() == [[True, False, False], [False, False, False]]
    for score in (log_score, pit, crps):
        values = score(law, target, observed)
        assert torch.isfinite(values).all()
        assert (values[~scored] == 0).all()
        assert float(mean_score(values, scored)) == float(values[0, 0])
    assert joint_log_score(law, target, observed).tolist() == pytest.approx([-stats.norm.logpdf(0.1), 0.0])


def test_an_average_over_nothing_is_refused():
    with pytest.raises(ValueError, match="no cell was scored"):
        mean_score(torch.zeros(2, 2), torch.zeros(2, 2, dtype=torch.bool))


def test_the_true_law_is_covered_and_uniform():
    rng = np.random.default_rng(3)
    target = torch.from_numpy(rng.standard_t(5, (20_000, 1)))
    everywhere = torch.ones_like(target, dtype=torch.bool)
    values = pit(ScipyLaw([stats.t(5)], everywhere), target, everywhere)
    for level in (0.5, 0.9, 0.98):
        assert float(coverage(values, everywhere, level)) == pytest.approx(level, abs=0.01)
    assert stats.kstest(values[:, 0].numpy(), "uniform").pvalue > 0.01


@pytest.mark.parametrize("level", [0.0, 1.0, 90.0, math.nan])
def test_coverage_refuses_an_impossible_level(level):
    with pytest.raises(ValueError, match="level must lie strictly between 0 and 1"):
        coverage(torch.zeros(1, 1), torch.ones(1, 1, dtype=torch.bool), level)


def test_energy_score_of_one_asset_is_the_crps():
    draws = torch.from_numpy(np.random.default_rng(5).standard_normal((40_000, 1, 1)))
    score = energy_score(draws, torch.tensor([[1.0]]), torch.ones(1, 1, dtype=torch.bool))
    assert float(score) == pytest.approx(0.6024413576, abs=0.01)


def test_energy_score_prefers_the_true_dependence():
    rng = np.random.default_rng(6)
    target = torch.from_numpy(rng.multivariate_normal([0, 0], [[1, 0.9], [0.9, 1]], 500))
    everywhere = torch.ones_like(target, dtype=torch.bool)

    def mean_energy(correlation):
        cov = [[1, correlation], [correlation, 1]]
        draws = torch.from_numpy(rng.multivariate_normal([0, 0], cov, (2000, 500)))
        return float(energy_score(draws, target, everywhere).mean())

    assert mean_energy(0.9) < mean_energy(0.0) < mean_energy(-0.9)


def test_energy_score_leaves_unobserved_assets_out():
    draws = torch.from_numpy(np.random.default_rng(7).standard_normal((500, 1, 2)))
    target = torch.tensor([[0.5, torch.nan]], dtype=torch.float64)
    scored = torch.tensor([[True, False]])
    alone = energy_score(draws[..., :1], target[:, :1], scored[:, :1])
    torch.testing.assert_close(energy_score(draws, target, scored), alone)


@pytest.mark.parametrize("shifts", [0, 4, 9])
def test_energy_score_needs_more_draws_than_shifts(shifts):
    with pytest.raises(ValueError, match="n_shifts"):
        energy_score(torch.zeros(4, 1, 1), torch.zeros(1, 1), torch.ones(1, 1) > 0, n_shifts=shifts)


def test_fz0_at_the_true_values_averages_to_the_log_of_expected_shortfall():
    loss = torch.from_numpy(np.random.default_rng(8).standard_normal(2_000_000))
    var, shortfall = torch.tensor(1.644853627), torch.tensor(2.062712808)
    assert float(fz0(loss, var, shortfall, 0.95).mean()) == pytest.approx(0.72402, abs=0.005)


def test_fz0_by_hand():
    """Loss 3, VaR 2, ES 2.5 at 95 %: 1 / (0.05 * 2.5) + 2 / 2.5 + log 2.5 - 1; the first term is 0 for a loss of 1."""
    score = fz0(torch.tensor([3.0, 1.0]), torch.tensor(2.0), torch.tensor(2.5), 0.95)
    np.testing.assert_allclose(score, [8.0 + 0.8 + math.log(2.5) - 1.0, 0.8 + math.log(2.5) - 1.0], rtol=1e-12)


def test_fz0_punishes_a_wrong_level_of_risk():
    loss = torch.from_numpy(np.random.default_rng(9).standard_normal(500_000))
    var, shortfall = 1.644853627, 2.062712808
    scores = [
        float(fz0(loss, torch.tensor(k * var), torch.tensor(k * shortfall), 0.95).mean()) for k in (0.7, 1.0, 1.4)
    ]
    assert scores[1] < scores[0]
    assert scores[1] < scores[2]


def test_fz0_refuses_a_book_that_cannot_lose():
    with pytest.raises(ValueError, match="positive expected shortfall, got 0.0"):
        fz0(torch.zeros(2), torch.zeros(2), torch.tensor([0.1, 0.0]), 0.99)


def test_a_tail_probability_is_read_as_confidence_with_a_warning():
    with pytest.warns(UserWarning, match=r"level=0\.01 was read as 0\.99"):
        assert confidence(0.01) == 0.99


def test_a_percentage_is_refused_with_the_fix():
    with pytest.raises(ValueError, match=r"got 99\. Did you mean 0\.99\?"):
        confidence(99)


def test_half_is_a_confidence_without_a_warning():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert confidence(0.5) == 0.5
