"""The skewed joint law: what the contract of all laws does not ask of it."""

import pytest
import torch

from quantdl.distributions import CopulaForecast, FactorNormalMixture, SinhArcsinhMarginals

ASSETS = 20


def law_of(tail: float, skew: float) -> CopulaForecast:
    one = torch.ones(1, ASSETS, dtype=torch.float64)
    shock = FactorNormalMixture(
        log_weights=torch.tensor([[0.6, 0.3, 0.1]], dtype=torch.float64).log(),
        variance=torch.tensor([0.5, 1.2, 4.0], dtype=torch.float64),
        shock_mean=torch.tensor([[0.2, -0.1, -0.9]], dtype=torch.float64),
        shock_variance=torch.tensor([[0.5, 1.0, 2.0]], dtype=torch.float64),
        exposures=0.6 * one,
        loadings=0.5 * one[..., None],
    )
    return CopulaForecast(SinhArcsinhMarginals(0.0 * one, 0.01 * one, tail * one, skew * one), shock, one > 0)


@pytest.mark.parametrize(("tail", "skew", "within"), [(1.0, 0.0, 0.015), (0.8, 0.1, 0.1)])
def test_the_law_of_a_book_is_that_of_its_draws(tail, skew, within):
    """For affine margins to the error of 200,000 draws; with heavy tails its far quantiles are within 10 %."""
    law = law_of(tail, skew)
    weights = torch.rand((1, 4, ASSETS), generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    weights = weights / weights.sum(-1, keepdim=True)
    with torch.random.fork_rng():
        torch.manual_seed(1)
        sums = torch.einsum("sba,bna->sbn", law.sample((200_000,)), weights)
    book = law.weighted_sum(weights)
    torch.testing.assert_close(sums.mean(0), book.mean, rtol=0.0, atol=5e-5)
    torch.testing.assert_close(sums.var(0), book.variance, rtol=0.02, atol=0.0)
    for level in (0.01, 0.05, 0.95, 0.99):
        torch.testing.assert_close(sums.quantile(level, dim=0), book.icdf(level), rtol=within, atol=0.0)


def test_a_book_is_more_skewed_to_losses_than_its_stocks():
    law = law_of(1.0, 0.0)
    book = law.weighted_sum(torch.full((1, 1, ASSETS), 1.0 / ASSETS, dtype=torch.float64))
    asymmetry = -book.icdf(0.01) / book.icdf(0.99)
    single = -law.icdf(0.01) / law.icdf(0.99)
    assert asymmetry.item() > single.max().item() > 1.0


def test_shapes_that_do_not_fit_are_named():
    law = law_of(1.0, 0.0)
    with pytest.raises(ValueError, match=r"present \(2, 4\) and the dependence \(1, 20\)"):
        CopulaForecast(law.marginals, law.dependence, torch.ones(2, 4, dtype=torch.bool))
