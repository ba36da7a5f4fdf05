"""Exact laws of books against scipy, draws, and what they must be in their limits."""

import numpy as np
import pytest
import torch
from scipy import integrate, optimize, stats

from quantdl.distributions import (
    AffineMarginals,
    CopulaForecast,
    DenseStudentT,
    FactorNormalMixture,
    FactorStudentT,
    JohnsonSUMarginals,
    MixtureForecast,
    NormalMixture,
    StudentTSum,
)

PRESENT = torch.tensor([[True, True, True, False]])
WEIGHTS = torch.tensor([[[0.5, 0.3, -0.2, 0.0], [0.2, 0.2, 0.2, 0.0]]], dtype=torch.float64)
LOCATION = torch.tensor([[0.001, -0.002, 0.0005, 0.0]])
SCALE = torch.tensor([[0.01, 0.02, 0.015, 0.01]])
LOADINGS = torch.tensor([[[1.0, 0.2], [0.7, -0.3], [0.4, 0.5], [0.1, 0.1]]])


def student(freedom=4.0, scale=1.0):
    return CopulaForecast(
        AffineMarginals(LOCATION, scale * SCALE), FactorStudentT(torch.tensor([freedom]), LOADINGS), PRESENT
    )


def in_states():
    states = FactorNormalMixture(
        torch.tensor([[0.0, -1.0, -2.5]]),
        torch.tensor([0.6, 1.0, 4.0]),
        torch.tensor([[0.1, -0.2, -0.8]]),
        torch.tensor([[0.1, 0.2, 0.9]]),
        torch.tensor([[0.8, 1.0, 0.6, 0.5]]),
        LOADINGS,
    )
    return CopulaForecast(AffineMarginals(LOCATION, SCALE), states, PRESENT)


def draws_of(law, n=200_000):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return law.sample((n,))[:, 0].double()


def test_a_book_of_student_t_returns_is_student_t():
    law = student().exact_sum(WEIGHTS)
    normed = LOADINGS[0] / (1.0 + LOADINGS[0].square().sum(-1, keepdim=True)).sqrt()
    matrix = (normed @ normed.T).fill_diagonal_(1.0).double().numpy()
    along = (WEIGHTS[0, 0] * SCALE[0].double()).numpy()
    expected = stats.t(4.0, float(WEIGHTS[0, 0] @ LOCATION[0].double()), np.sqrt(along @ matrix @ along))
    assert float(law.icdf(0.01)[0, 0]) == pytest.approx(expected.ppf(0.01), rel=1e-6)
    beyond = expected.expect(lambda x: x, ub=expected.ppf(0.01)) / 0.01
    assert float(law.tail_mean(0.01)[0, 0]) == pytest.approx(beyond, rel=1e-6)


def test_dense_and_factor_dependence_give_the_same_book():
    dense = DenseStudentT(torch.tensor([4.0]), FactorStudentT(torch.tensor([4.0]), LOADINGS).correlation())
    other = CopulaForecast(AffineMarginals(LOCATION, SCALE), dense, PRESENT).exact_sum(WEIGHTS)
    torch.testing.assert_close(other.icdf(0.05), student().exact_sum(WEIGHTS).icdf(0.05), rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("freedom", [3.0, 4.0, 5.0])
def test_tail_means_of_student_t_are_the_reference_values(freedom):
    expected = {3.0: 7.003082036, 4.0: 5.220584194, 5.0: 4.452429112}[freedom]
    one = torch.ones(1, 1, dtype=torch.float64)
    assert float(-StudentTSum(0 * one, one, freedom * one).tail_mean(0.01)) == pytest.approx(expected, rel=1e-9)


def test_a_student_t_law_without_a_mean_has_no_tail_mean():
    one = torch.ones(1, 1, dtype=torch.float64)
    assert bool(StudentTSum(0 * one, one, one).tail_mean(0.01).isnan())


@pytest.mark.parametrize("build", [student, in_states, lambda: MixtureForecast([student(), student(8.0, 2.0)])])
@pytest.mark.parametrize("probability", [0.01, 0.05, 0.9])
def test_draws_agree_with_the_exact_book(build, probability):
    law = build().exact_sum(WEIGHTS)
    sums = (draws_of(build()) @ WEIGHTS[0].T).numpy()
    quantile = law.icdf(probability)[0].numpy()
    below = (sums <= quantile).mean(0)
    assert below == pytest.approx(probability, abs=4 * np.sqrt(probability / 200_000))
    ordered = np.sort(sums, axis=0)[: round(probability * 200_000)]
    assert law.tail_mean(probability)[0].numpy() == pytest.approx(ordered.mean(0), rel=0.03, abs=2e-4)


def test_a_book_in_market_states_is_the_mixture_of_their_normal_laws():
    law = in_states().exact_sum(WEIGHTS)
    assert isinstance(law, NormalMixture) and law.means.dtype == torch.float64
    shares, means = law.log_weights[0, 0].exp().numpy(), law.means[0, 0].numpy()
    deviations = law.variances[0, 0].sqrt().numpy()
    found = optimize.brentq(lambda x: shares @ stats.norm.cdf(x, means, deviations) - 0.01, -1.0, 1.0, xtol=1e-15)
    assert float(law.icdf(0.01)[0, 0]) == pytest.approx(found, abs=1e-12)
    density = lambda x: x * (shares @ stats.norm.pdf(x, means, deviations))  # noqa: E731 - an integrand
    assert float(law.partial_mean(torch.tensor(found))[0, 0]) == pytest.approx(
        integrate.quad(density, -0.5, found, epsabs=1e-14)[0], abs=1e-10
    )


def test_a_mixture_of_members_is_solved_over_all_of_them():
    law = MixtureForecast([student(), student(8.0, 2.0)], torch.tensor([0.7, 0.3])).exact_sum(WEIGHTS)
    calm, wild = student().exact_sum(WEIGHTS), student(8.0, 2.0).exact_sum(WEIGHTS)
    quantile = law.icdf(0.01)
    torch.testing.assert_close(
        0.7 * calm.cdf(quantile) + 0.3 * wild.cdf(quantile), torch.full((1, 2), 0.01, dtype=torch.float64)
    )
    torch.testing.assert_close(law.cdf(quantile), torch.full((1, 2), 0.01, dtype=torch.float64))


def test_members_in_market_states_are_one_mixture_of_normals():
    law = MixtureForecast([in_states(), in_states()]).exact_sum(WEIGHTS)
    assert isinstance(law, NormalMixture)
    torch.testing.assert_close(law.icdf(0.01), in_states().exact_sum(WEIGHTS).icdf(0.01), rtol=1e-9, atol=1e-12)


def test_what_is_not_affine_or_of_two_kinds_has_no_exact_book():
    bent = JohnsonSUMarginals(LOCATION, SCALE, torch.full((1, 4), 3.0), torch.zeros(1, 4))
    assert CopulaForecast(bent, in_states().dependence, PRESENT).exact_sum(WEIGHTS) is None
    assert MixtureForecast([student(), in_states()]).exact_sum(WEIGHTS) is None


@pytest.mark.parametrize("build", [student, in_states, lambda: MixtureForecast([student(), student(8.0, 2.0)])])
def test_exact_risk_has_right_derivatives_by_the_weights(build):
    law, held = build(), WEIGHTS.clone().requires_grad_()
    assert torch.autograd.gradcheck(lambda w: law.exact_sum(w).icdf(0.05), (held,), rtol=1e-4)
    assert torch.autograd.gradcheck(lambda w: law.exact_sum(w).tail_mean(0.05), (held,), rtol=1e-4)
