"""Scores against closed forms, published values and simulation; the laws scored here are scipy's, not quantdl's."""

import math

import numpy as np
import pytest
import torch
from scipy import special, stats

from quantdl.scoring import (
    coverage,
    crps,
    crps_sample,
    energy_score,
    joint_log_score,
    log_score,
    mean_score,
    pit,
    scored_cells,
)
from tests.scipy_law import ScipyLaw


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
