"""Scores of the tail against closed forms, other libraries and another benchmark's rows."""

import csv
import math
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from arch.univariate import SkewStudent
from scipy import stats

from quantdl.scoring import (
    confidence,
    crps,
    fz0,
    log_score,
    marginal_expected_shortfall,
    marginal_fz0,
    marginal_value_at_risk,
    pit,
)
from tests.scipy_law import ScipyLaw

ROWS = Path(__file__).parents[1] / "fixtures" / "scoring" / "egarch_t_rows.csv"


class SkewStudentLaw:
    """Hansen's skewed Student-t as arch has it."""

    def __init__(self, freedom, skew):
        self.shape = np.array([freedom, skew])

    def ppf(self, probability):
        return SkewStudent().ppf(np.asarray(probability).reshape(-1), self.shape).reshape(np.shape(probability))


def _everywhere(n):
    return torch.ones(1, n, dtype=torch.bool)


@pytest.mark.parametrize("level", [0.95, 0.99])
@pytest.mark.parametrize("freedom", [2.05, 2.5, 4.0, 30.0])
def test_expected_shortfall_of_student_t_is_its_closed_form(freedom, level):
    law = ScipyLaw([stats.t(freedom, loc=0.001, scale=0.02)], _everywhere(1))
    quantile = stats.t.ppf(1 - level, freedom)
    beyond = stats.t.pdf(quantile, freedom) / (1 - level) * (freedom + quantile**2) / (freedom - 1)
    assert float(marginal_value_at_risk(law, level)) == pytest.approx(-0.001 - 0.02 * quantile, rel=1e-12)
    assert float(marginal_expected_shortfall(law, level)) == pytest.approx(0.02 * beyond - 0.001, rel=1e-8)


@pytest.mark.parametrize("level", [0.95, 0.99])
def test_expected_shortfall_of_the_normal_law_is_its_closed_form(level):
    law = ScipyLaw([stats.norm()], _everywhere(1))
    beyond = stats.norm.pdf(stats.norm.ppf(level)) / (1 - level)
    assert float(marginal_expected_shortfall(law, level)) == pytest.approx(beyond, rel=1e-8)


@pytest.mark.parametrize("skew", [-0.4, 0.0, 0.3])
def test_expected_shortfall_of_a_skewed_law_is_that_of_arch(skew):
    law = ScipyLaw([SkewStudentLaw(5.0, skew)], _everywhere(1))
    shape = np.array([5.0, skew])
    tail_mean = SkewStudent().partial_moment(1, float(SkewStudent().ppf(0.01, shape)), shape) / 0.01
    assert float(marginal_expected_shortfall(law, 0.99)) == pytest.approx(-tail_mean, rel=1e-7)


def test_scores_are_those_of_another_benchmark():
    """Rows of arch's EGARCH-t on real stock-days, scored by formulas written independently of quantdl."""
    with ROWS.open(encoding="utf-8") as file:
        rows = [{key: float(value) for key, value in row.items()} for row in csv.DictReader(file)]
    laws = [stats.t(r["nu"], r["mu"], r["sd"] * math.sqrt((r["nu"] - 2) / r["nu"])) for r in rows]
    law, target = ScipyLaw(laws, _everywhere(len(rows))), torch.tensor([[r["y"] for r in rows]], dtype=torch.float64)
    seen = _everywhere(len(rows))
    found = {
        "nll": log_score(law, target, seen),
        "crps": crps(law, target, seen),
        "pit": pit(law, target, seen),
        "var01": -marginal_value_at_risk(law, 0.99),
        "es01": -marginal_expected_shortfall(law, 0.99),
        "fz01": marginal_fz0(law, target, seen, 0.99),
        "var05": -marginal_value_at_risk(law, 0.95),
        "es05": -marginal_expected_shortfall(law, 0.95),
        "fz05": marginal_fz0(law, target, seen, 0.95),
    }
    for name, values in found.items():
        np.testing.assert_allclose(values[0], [r[name] for r in rows], rtol=2e-5, err_msg=name)
    assert any(r["y"] < r["var01"] for r in rows)  # a row beyond its value at risk is among them


def test_an_absent_or_unobserved_asset_has_no_tail_score():
    present = torch.tensor([[True, True, False]])
    observed = torch.tensor([[True, False, True]])
    target = torch.tensor([[-3.0, torch.nan, torch.nan]], dtype=torch.float64)
    score = marginal_fz0(ScipyLaw([stats.norm()] * 3, present), target, observed, 0.95)
    assert score[0, 1:].tolist() == [0.0, 0.0]
    var, shortfall = stats.norm.ppf(0.95), stats.norm.pdf(stats.norm.ppf(0.95)) / 0.05
    by_hand = (3.0 - var) / (0.05 * shortfall) + var / shortfall + math.log(shortfall) - 1.0
    assert float(score[0, 0]) == pytest.approx(by_hand, rel=1e-8)


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
