"""Laws of standard variables: what both kinds must keep, against scipy and by hand."""

import math

import numpy as np
import pytest
import torch
from scipy import stats

from quantdl.distributions import NormalMixture, StudentTLaw, student_t_variance

FREEDOM = torch.tensor([[3.0], [12.0]], dtype=torch.float64)
STUDENT = StudentTLaw(FREEDOM)
SKEWED = NormalMixture(
    torch.tensor([[[0.8, 0.2]]], dtype=torch.float64).log(),
    torch.tensor([[[0.1, -0.6]]], dtype=torch.float64),
    torch.tensor([[[0.5, 5.0]]], dtype=torch.float64),
)
both = pytest.mark.parametrize("law", [STUDENT, SKEWED], ids=["student_t", "normal_mixture"])
VALUES = torch.tensor([-30.0, -2.0, -0.1, 0.4, 3.0, 20.0], dtype=torch.float64)[:, None, None].expand(-1, 2, 3)


@both
def test_the_nearer_tail_leads_back_to_the_value_in_all_digits(law):
    tail, lower = law.nearer_tail(VALUES)
    assert (tail <= 0.5).all()
    np.testing.assert_allclose(law.at_tail(tail, lower), VALUES, rtol=1e-9)


@both
def test_the_nearer_tail_is_the_smaller_probability(law):
    tail, lower = law.nearer_tail(VALUES)
    below = law.cdf(VALUES)
    np.testing.assert_allclose(torch.where(lower, tail, 1.0 - tail), below, rtol=1e-12, atol=1e-300)
    assert torch.equal(lower, below < 0.5)


def test_students_law_is_scipys():
    freedom = FREEDOM.numpy()
    np.testing.assert_allclose(STUDENT.log_prob(VALUES), stats.t.logpdf(VALUES.numpy(), freedom), rtol=1e-12)
    np.testing.assert_allclose(STUDENT.cdf(VALUES), stats.t.cdf(VALUES.numpy(), freedom), rtol=1e-10)
    np.testing.assert_allclose(STUDENT.log_survival(VALUES), stats.t.logsf(VALUES.numpy(), freedom), rtol=1e-10)
    np.testing.assert_allclose(STUDENT.variance, stats.t.var(freedom), rtol=1e-12)


def test_without_a_mean_there_is_no_score():
    heavy = StudentTLaw(torch.tensor([[1.0], [0.5]], dtype=torch.float64))
    assert heavy.mean.isnan().all() and heavy.crps(VALUES[:, :, :1]).isnan().all()
    assert student_t_variance(torch.tensor([1.5, 2.0])).isinf().all()


def test_quantiles_without_a_gradient_are_those_with_one():
    """Without, they come from scipy; far out, and for very many degrees of freedom, from our own in both cases."""
    generator = torch.Generator().manual_seed(3)
    uniform = torch.rand(2, 2000, dtype=torch.float64, generator=generator)
    degrees = torch.exp(uniform[0] * math.log(50.0)) * 2.1
    for low, high in ((1e-3, 0.5), (1e-12, 1e-3), (1e-50, 1e-12), (1e-200, 1e-50)):
        tail = torch.exp(math.log(low) + uniform[1] * math.log(high / low))
        law = StudentTLaw(degrees)
        with torch.no_grad():
            fast = law.at_tail(tail, tail > 0)
        exact = law.at_tail(tail.clone().requires_grad_(), tail > 0).detach()
        torch.testing.assert_close(fast, exact, rtol=2e-12, atol=0.0)
    with torch.no_grad():
        torch.testing.assert_close(
            StudentTLaw(torch.tensor([1e9])).at_tail(torch.tensor([0.01]).double(), torch.tensor([True])),
            torch.tensor([-2.3263478740408408], dtype=torch.float64),
            rtol=1e-8,
            atol=0.0,
        )
