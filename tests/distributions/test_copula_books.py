"""The skewed joint law: what the contract of all laws does not ask of it."""

import pytest
import torch

from quantdl.distributions import AffineMarginals, CopulaForecast, FactorNormalMixture, JohnsonSUMarginals, Marginals

ASSETS = 20
ONE = torch.ones(1, ASSETS, dtype=torch.float64)
AFFINE = AffineMarginals(0.0 * ONE, 0.01 * ONE)
HEAVY = JohnsonSUMarginals(0.0 * ONE, 0.01 * ONE, 2.5 * ONE, 0.1 * ONE)


def law_of(marginals: Marginals) -> CopulaForecast:
    shock = FactorNormalMixture(
        log_weights=torch.tensor([[0.6, 0.3, 0.1]], dtype=torch.float64).log(),
        variance=torch.tensor([0.5, 1.2, 2.5], dtype=torch.float64),
        shock_mean=torch.tensor([[0.2, -0.1, -0.9]], dtype=torch.float64),
        shock_variance=torch.tensor([[0.5, 1.0, 2.0]], dtype=torch.float64),
        exposures=0.6 * ONE,
        loadings=0.5 * ONE[..., None],
    )
    return CopulaForecast(marginals, shock, ONE > 0)


@pytest.mark.parametrize(
    ("marginals", "within", "spread_within"), [(AFFINE, 0.015, 0.02), (HEAVY, 0.1, 0.06)], ids=["affine", "heavy"]
)
def test_the_law_of_a_book_is_that_of_its_draws(marginals, within, spread_within):
    """For affine margins to the error of 200,000 draws; with heavy tails variance and far quantiles are near."""
    law = law_of(marginals)
    weights = torch.rand((1, 4, ASSETS), generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    weights = weights / weights.sum(-1, keepdim=True)
    with torch.random.fork_rng():
        torch.manual_seed(1)
        sums = torch.einsum("sba,bna->sbn", law.sample((200_000,)), weights)
    book = law.weighted_sum(weights)
    torch.testing.assert_close(sums.mean(0), book.mean, rtol=0.0, atol=5e-5)
    torch.testing.assert_close(sums.var(0), book.variance, rtol=spread_within, atol=0.0)
    for level in (0.01, 0.05, 0.95, 0.99):
        torch.testing.assert_close(sums.quantile(level, dim=0), book.icdf(level), rtol=within, atol=0.0)


def test_a_book_is_more_skewed_to_losses_than_its_stocks():
    law = law_of(AFFINE)
    book = law.weighted_sum(torch.full((1, 1, ASSETS), 1.0 / ASSETS, dtype=torch.float64))
    asymmetry = -book.icdf(0.01) / book.icdf(0.99)
    single = -law.icdf(0.01) / law.icdf(0.99)
    assert asymmetry.item() > single.max().item() > 1.0


def test_shapes_that_do_not_fit_are_named():
    law = law_of(AFFINE)
    with pytest.raises(ValueError, match=r"present \(2, 4\) and the dependence \(1, 20\)"):
        CopulaForecast(law.marginals, law.dependence, torch.ones(2, 4, dtype=torch.bool))
