"""The factor-t law against scipy's multivariate t, and its draws against its own density by facts about both."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings, strategies as st
from scipy import stats

from quantdl.distributions import FactorStudentT

few = settings(max_examples=30)


def random_law(seed: int, rows: int, assets: int, factors: int) -> FactorStudentT:
    generator = torch.Generator().manual_seed(seed)
    freedom = 2.1 + 20.0 * torch.rand(rows, generator=generator, dtype=torch.float64)
    loadings = 1.5 * torch.randn((rows, assets, factors), generator=generator, dtype=torch.float64)
    return FactorStudentT(freedom, loadings)


def correlation_of(loadings: np.ndarray) -> np.ndarray:
    """By the definition of the variable: covariance of loadings @ factor + noise, over standard deviations."""
    covariance = loadings @ loadings.T + np.eye(len(loadings))
    size = np.sqrt(np.diag(covariance))
    return covariance / np.outer(size, size)


def values_for(law: FactorStudentT, seed: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return 2.0 * torch.randn(law.loadings.shape[:2], generator=generator, dtype=torch.float64)


def everyone(law: FactorStudentT) -> torch.Tensor:
    return torch.ones(law.loadings.shape[:2], dtype=torch.bool)


@few
@given(st.integers(0, 10**6), st.integers(1, 8), st.integers(1, 5))
def test_log_density_is_that_of_the_multivariate_t_with_the_correlation_as_its_shape(seed, assets, factors):
    law = random_law(seed, 3, assets, factors)
    values = values_for(law, seed + 1)
    found = law.log_density(values, everyone(law))
    for row in range(3):
        shape = correlation_of(law.loadings[row].numpy())
        scipy_law = stats.multivariate_t(np.zeros(assets), shape, df=law.degrees_of_freedom[row].item())
        assert found[row].item() == pytest.approx(scipy_law.logpdf(values[row].numpy()), rel=1e-9, abs=1e-9)


def test_correlation_is_that_of_the_definition():
    law = random_law(0, 2, 6, 3)
    for row in range(2):
        np.testing.assert_allclose(law.correlation()[row], correlation_of(law.loadings[row].numpy()), atol=1e-12)


@few
@given(st.integers(0, 10**6), st.lists(st.booleans(), min_size=7, max_size=7).filter(any))
def test_dropping_assets_leaves_the_law_of_the_sub_matrix(seed, kept):
    law = random_law(seed, 1, 7, 2)
    values, present = values_for(law, seed + 1), torch.tensor([kept])
    shape = correlation_of(law.loadings[0].numpy())[np.ix_(kept, kept)]
    scipy_law = stats.multivariate_t(np.zeros(sum(kept)), shape, df=law.degrees_of_freedom[0].item())
    expected = scipy_law.logpdf(values[0].numpy()[kept])
    assert law.log_density(values, present).item() == pytest.approx(expected, rel=1e-9, abs=1e-9)
    index = torch.tensor(kept).nonzero()[:, 0]
    dropped = law.assets(index).log_density(values[:, index], torch.ones(1, len(index), dtype=torch.bool))
    assert dropped.item() == pytest.approx(expected, rel=1e-9, abs=1e-9)


@few
@given(st.integers(0, 10**6), st.permutations(range(6)))
def test_the_order_of_the_assets_plays_no_part(seed, order):
    law, order = random_law(seed, 2, 6, 3), torch.tensor(order)
    values, present = values_for(law, seed + 1), values_for(law, seed + 2) > -2.0
    shuffled = law.assets(order).log_density(values[:, order], present[:, order])
    np.testing.assert_allclose(shuffled, law.log_density(values, present), rtol=1e-10)


def test_a_row_is_the_law_of_that_row():
    law = random_law(1, 5, 4, 2)
    values, present = values_for(law, 2), everyone(law)
    whole = law.log_density(values, present)
    assert torch.equal(law.rows(torch.tensor([3, 0])).log_density(values[[3, 0]], present[[3, 0]]), whole[[3, 0]])
    assert torch.equal(law.rows(slice(1, 3)).log_density(values[1:3], present[1:3]), whole[1:3])


def test_a_row_without_assets_has_log_density_zero():
    law = random_law(3, 2, 4, 2)
    assert law.log_density(values_for(law, 4), ~everyone(law)).tolist() == [0.0, 0.0]


def test_marginal_log_density_is_that_of_scipy():
    law = random_law(5, 3, 4, 2)
    values = values_for(law, 6)
    expected = stats.t.logpdf(values.numpy(), law.degrees_of_freedom.numpy()[:, None])
    np.testing.assert_allclose(law.margins.log_prob(values), expected, rtol=1e-11)


def test_nan_in_an_absent_cell_reaches_neither_value_nor_gradient():
    law = random_law(7, 2, 4, 2)
    loadings, freedom = law.loadings.clone().requires_grad_(), law.degrees_of_freedom.clone().requires_grad_()
    present = torch.tensor([[True, False, True, True], [True, True, False, False]])
    values = torch.where(present, values_for(law, 8), torch.nan).requires_grad_()
    joint = FactorStudentT(freedom, loadings).log_density(values, present)
    joint.sum().backward()
    assert torch.isfinite(joint).all()
    assert all(torch.isfinite(item.grad).all() for item in (loadings, freedom, values))
    assert not values.grad[~present].any() and not loadings.grad[~present].any()


def test_gradients_are_exact():
    law = random_law(9, 2, 3, 2)
    freedom, loadings = law.degrees_of_freedom.requires_grad_(), law.loadings.requires_grad_()
    present, values = torch.tensor([[True, True, True], [True, False, True]]), values_for(law, 10).requires_grad_()
    assert torch.autograd.gradcheck(
        lambda v, df, load: FactorStudentT(df, load).log_density(v, present), (values, freedom, loadings)
    )


@pytest.mark.parametrize("size", [20.0, 1e4])
def test_nearly_identical_assets_keep_a_finite_density_in_single_precision(size):
    loadings = torch.full((1, 30, 1), 7.0)  # correlation 0.98, the most that trailing factors give
    law = FactorStudentT(torch.tensor([4.0]), loadings)
    values = torch.full((1, 30), size)
    found = law.log_density(values, torch.ones(1, 30, dtype=torch.bool)).item()
    scipy_law = stats.multivariate_t(np.zeros(30), correlation_of(loadings[0].double().numpy()), df=4.0)
    assert found == pytest.approx(scipy_law.logpdf(np.full(30, size)), rel=1e-3)


@pytest.fixture(scope="module")
def law_and_draws():
    law = random_law(11, 2, 5, 2)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(12)
        return law, law.sample(20_000).numpy()


def test_margins_of_the_draws_are_standard_student_t(law_and_draws):
    law, draws = law_and_draws
    assert draws.shape == (20_000, 2, 5)
    for row, freedom in enumerate(law.degrees_of_freedom.tolist()):
        for asset in range(5):
            assert stats.kstest(draws[:, row, asset], stats.t(freedom).cdf).pvalue > 1e-3


def test_the_quadratic_form_of_the_draws_follows_fishers_law(law_and_draws):
    """z' R^-1 z / A ~ F(A, df): true of the multivariate t with shape R, and of no other elliptical law."""
    law, draws = law_and_draws
    for row, freedom in enumerate(law.degrees_of_freedom.tolist()):
        precision = np.linalg.inv(correlation_of(law.loadings[row].numpy()))
        form = np.einsum("si,ij,sj->s", draws[:, row], precision, draws[:, row]) / 5.0
        assert stats.kstest(form, stats.f(5, freedom).cdf).pvalue > 1e-3


def test_kendalls_tau_of_the_draws_gives_back_the_correlation(law_and_draws):
    """Tau is 2 asin(r) / pi for every elliptical law, whatever its tails (Lindskog, McNeil and Schmock, 2003)."""
    law, draws = law_and_draws
    correlation = correlation_of(law.loadings[1].numpy())
    for first, second in ((0, 1), (0, 4), (2, 3)):
        tau = stats.kendalltau(draws[:, 1, first], draws[:, 1, second]).statistic
        assert np.sin(np.pi * tau / 2.0) == pytest.approx(correlation[first, second], abs=0.03)


def test_draws_repeat_under_a_seed():
    law = random_law(13, 2, 3, 1)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(5)
        first = law.sample(10)
        torch.manual_seed(5)
        assert torch.equal(law.sample(10), first)
