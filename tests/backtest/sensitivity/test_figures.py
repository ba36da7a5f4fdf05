"""The figures of the twin are those of the report, and so are their derivatives."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from torch.func import grad, jacrev, vmap

from quantdl.backtest import play_targets
from quantdl.backtest.sensitivity.figures import CurveFigures
from quantdl.experiment.curves import curve_from_the_start
from quantdl.risk.curves.metrics import performance
from tests.backtest.sensitivity.books import job_of, random_table
from tests.backtest.worlds import random_walk, world

SILENT = random_walk(400, 3, seed=6, volatility=0.02)
SILENT[[50, 51, 120, 399]] = np.nan


def run_of(closes):
    job = replace(job_of(world(closes), risk_free=0.03), first=1)
    result = play_targets(job, random_table(job, 5, gross=0.9))
    return job, result


@pytest.mark.parametrize("closes", [SILENT, random_walk(900, 2, seed=1)])
def test_they_are_the_figures_of_the_report(closes):
    """With interest, and with sessions on which nothing trades."""
    job, result = run_of(closes)
    expected = performance(curve_from_the_start(result, job.tape.sessions), job.terms.bars_per_year, 0.03)
    found = CurveFigures.of(job).all(torch.tensor(result.equity["equity"].to_numpy()))
    assert float(found["log_wealth"]) == pytest.approx(np.log1p(expected.total_return), rel=1e-12)
    assert float(found["sharpe"]) == pytest.approx(expected.sharpe, rel=1e-10)
    assert float(found["sharpe_per_bar"]) == pytest.approx(expected.sharpe_per_bar, rel=1e-10)
    assert float(found["expected_shortfall"]) == pytest.approx(expected.expected_shortfall_95, rel=1e-10)
    assert float(found["max_drawdown"]) == pytest.approx(-expected.max_drawdown, rel=1e-12)


def test_a_rate_by_session_is_subtracted_as_in_the_report():
    closes = random_walk(400, 2, seed=3)
    sessions = world(closes).sessions
    rates = pd.Series(np.linspace(0.01, 0.06, 400), sessions)
    job = job_of(world(closes), risk_free=rates)
    job = replace(job, first=1)
    result = play_targets(job, random_table(job, 5))
    curve = curve_from_the_start(result, sessions)
    expected = performance(curve, job.terms.bars_per_year, rates.reindex(curve.index))
    found = CurveFigures.of(job).sharpe(torch.tensor(result.equity["equity"].to_numpy()))
    assert float(found) == pytest.approx(expected.sharpe, rel=1e-10)


def test_what_a_short_run_has_no_figure_of_is_left_out():
    job, _ = run_of(random_walk(16, 2))
    found = CurveFigures.of(job).all(torch.linspace(1000.0, 1100.0, 15, dtype=torch.float64))
    assert set(found) == {"log_wealth", "max_drawdown", "sharpe_per_bar"}


def test_the_drawdown_answers_to_its_peak_and_its_trough_alone():
    job, _ = run_of(random_walk(7, 2))
    curve = torch.tensor([1000.0, 1200.0, 1100.0, 900.0, 1000.0, 950.0], dtype=torch.float64)
    slope = grad(CurveFigures.of(job).max_drawdown)(curve)
    # 1 - 900 / 1200
    np.testing.assert_allclose(slope, [0.0, 900.0 / 1200.0**2, 0.0, -1.0 / 1200.0, 0.0, 0.0], rtol=1e-12)
    assert not grad(CurveFigures.of(job).max_drawdown)(curve.sort().values + 200.0).any()  # it never fell


def test_the_derivative_of_expected_shortfall_is_the_mean_over_the_tail():
    """Of 100 returns at 95 %: each of the five worst counts a fifth."""
    job, _ = run_of(random_walk(101, 2))
    figures, equity = CurveFigures.of(job), torch.tensor(1000.0 * np.exp(random_walk(100, 1, seed=9)[:, 0] / 100))
    slope = grad(lambda moved: figures.expected_shortfall(equity * moved))(torch.ones(100, dtype=torch.float64))
    returns = figures.returns(equity).numpy()
    worst = np.argsort(returns)[:5]
    expected = np.zeros(100)
    for at in worst:  # of -(m_t e_t / m_s e_s - 1) / 5
        expected[at] -= (1.0 + returns[at]) / 5
        if at:
            expected[at - 1] += (1.0 + returns[at]) / 5
    np.testing.assert_allclose(slope, expected, rtol=1e-9, atol=1e-12)


def test_they_can_be_mapped_over_scenarios():
    job, result = run_of(random_walk(400, 2))
    figures, equity = CurveFigures.of(job), torch.tensor(result.equity["equity"].to_numpy())
    generator = torch.Generator().manual_seed(0)
    moved = equity * (1.0 + 0.01 * torch.rand(5, 399, generator=generator, dtype=torch.float64))
    together = vmap(jacrev(figures.all))(moved)
    for name, slopes in together.items():
        for row in range(5):
            np.testing.assert_allclose(slopes[row], jacrev(figures.all)(moved[row])[name], rtol=1e-12, atol=1e-18)
