"""The law of bent scores against its own draws, a closed form where nothing is bent, and integrals of its density."""

import pytest
import torch
from scipy import stats

from quantdl.distributions import (
    AffineMarginals,
    CopulaForecast,
    FactorStudentT,
    PlaneMap,
    ScoreFlowForecast,
    score_flow,
)
from quantdl.distributions.splines import base_cdf
from quantdl.errors import RunError
from quantdl.models.coupling import CouplingFlow
from tests.models.batches import away_from_start

ROWS, ASSETS = 3, 5


def law_of(bend: float = 0.2, present: torch.Tensor | None = None) -> ScoreFlowForecast:
    generator = torch.Generator().manual_seed(4)

    def normal(*shape: int) -> torch.Tensor:
        return torch.randn(shape, generator=generator, dtype=torch.float64)

    with torch.random.fork_rng():
        torch.manual_seed(0)
        flow = CouplingFlow(2, 4, layers=4, hidden=8, bins=8, bound=5.0).double()
    flow = away_from_start(flow, bend) if bend else flow
    freedom = torch.tensor([4.0, 7.0, 15.0], dtype=torch.float64)
    dependence = FactorStudentT(freedom, 0.5 + 0.4 * normal(ROWS, ASSETS, 3))
    affine = AffineMarginals(0.001 * normal(ROWS, ASSETS), 0.01 * (0.3 * normal(ROWS, ASSETS)).exp())
    there = torch.ones(ROWS, ASSETS, dtype=torch.bool) if present is None else present
    return ScoreFlowForecast(affine, dependence, PlaneMap(flow, normal(ROWS, 4)), there)


def draws_of(law: ScoreFlowForecast, count: int) -> torch.Tensor:
    with torch.random.fork_rng(), torch.no_grad():
        torch.manual_seed(5)
        return law.sample((count,))


def plain(law: ScoreFlowForecast) -> CopulaForecast:
    return CopulaForecast(law.affine, law.dependence, law.whole)


def test_unbent_it_is_the_factor_copula():
    law = law_of(bend=0.0)
    value = draws_of(law, 1)[0]
    with torch.no_grad():
        torch.testing.assert_close(law.log_prob(value), plain(law).log_prob(value), rtol=0, atol=1e-4)
        for probability in (0.01, 0.3, 0.99):
            expected = plain(law).icdf(probability)
            torch.testing.assert_close(law.cdf(expected), plain(law).cdf(expected), rtol=2e-2, atol=1e-3)
        torch.testing.assert_close(law.mean, plain(law).mean, rtol=0, atol=1e-6)


def test_the_laws_of_single_assets_are_those_of_the_draws():
    law = law_of()
    draws = draws_of(law, 100_000)
    with torch.no_grad():
        for probability in (0.001, 0.01, 0.3, 0.5, 0.9, 0.99):
            share = (draws <= law.icdf(probability)).double().mean(0)
            error = 4.0 * (probability * (1.0 - probability) / 100_000) ** 0.5 + 0.02 * min(
                probability, 1.0 - probability
            )
            assert (share - probability).abs().max() < error
        spread = draws.std(0)
        assert ((draws.mean(0) - law.mean) / spread).abs().max() < 0.02
    skew = stats.skew(draws[:, 0].mean(-1).numpy())
    assert abs(skew) > 0.1  # the draws of a book are not symmetric, so the law is not elliptical


def test_the_joint_density_is_that_of_the_draws():
    """Its ratio to another density, of which draws are taken, has mean one; and swapped it has mean one as well."""
    law = law_of()
    for row in range(ROWS):
        one = law.rows(slice(row, row + 1))
        wide = CopulaForecast(AffineMarginals(one.affine.location, 1.3 * one.affine.scale), one.dependence, one.whole)
        draws, index = draws_of(wide, 50_000)[:, 0], torch.zeros(50_000, dtype=torch.int64)
        with torch.no_grad():
            ratio = (one.rows(index).log_prob(draws) - wide.rows(index).log_prob(draws)).exp()
        assert abs(ratio.mean() - 1.0) < 5.0 * ratio.std() / 50_000**0.5


def test_the_marginal_density_is_the_slope_of_the_probability():
    law = law_of()
    value, step = draws_of(law, 1)[0], 1e-6
    with torch.no_grad():
        slope = (law.cdf(value + step) - law.cdf(value - step)) / (2.0 * step)
        torch.testing.assert_close(law.marginal_log_prob(value), slope.log(), rtol=0, atol=1e-5)
        total = law.log_cdf(value).exp() + law.log_survival(value).exp()
        torch.testing.assert_close(total, torch.ones_like(total), rtol=1e-10, atol=0)


def test_left_out_assets_change_no_law_of_the_others_and_their_joint_density_is_refused():
    law, order = law_of(), torch.tensor([3, 0])
    some = law.assets(order)
    value = draws_of(law, 1)[0]
    with torch.no_grad():
        torch.testing.assert_close(some.cdf(value[:, order]), law.cdf(value)[:, order])
        torch.testing.assert_close(some.icdf(0.05), law.icdf(0.05)[:, order])
        torch.testing.assert_close(draws_of(some, 7), draws_of(law, 7)[..., order])
        with pytest.raises(RunError, match="2 of the 5 assets.*in 3 of 3 rows.*joint: factors"):
            some.log_prob(value[:, order])
        with pytest.raises(RunError, match="4 of the 5"):
            law.observed(torch.arange(ASSETS).expand(ROWS, -1) > 0).log_prob(value)
        nothing = law.observed(torch.zeros(ROWS, ASSETS, dtype=torch.bool))
        assert (nothing.log_prob(value) == 0).all()
        shuffled = torch.tensor([4, 2, 0, 1, 3])
        torch.testing.assert_close(law.assets(shuffled).log_prob(value[:, shuffled]), law.log_prob(value))


def test_an_absent_asset_leaves_the_law_of_the_others_as_if_it_had_never_been():
    present = torch.ones(ROWS, ASSETS, dtype=torch.bool)
    present[:, 2] = False
    law, kept = law_of(present=present), torch.tensor([0, 1, 3, 4])
    dependence = FactorStudentT(law.dependence.degrees_of_freedom, law.dependence.loadings[:, kept])
    without = ScoreFlowForecast(law.affine.assets(kept), dependence, law.plane, present[:, kept])
    value = draws_of(law, 1)[0]
    assert (value[:, 2] == 0).all()
    with torch.no_grad():
        disturbed = value.clone()
        disturbed[:, 2] = torch.nan
        torch.testing.assert_close(law.log_prob(disturbed), without.log_prob(value[:, kept]))
        torch.testing.assert_close(law.icdf(0.01)[:, kept], without.icdf(0.01))


def test_gradients_reach_the_flow_and_stay_finite_far_out():
    law = law_of()
    for distance in (0.0, 0.5, -40.0):
        value = torch.full((ROWS, ASSETS), distance, dtype=torch.float64)
        for result in (law.log_prob(value), law.marginal_log_prob(value)):
            weights = list(law.plane.flow.parameters())
            gradients = torch.autograd.grad(result.sum(), weights, allow_unused=True)
            assert torch.isfinite(result).all()
            assert all(torch.isfinite(gradient).all() for gradient in gradients if gradient is not None)


def test_with_one_asset_or_no_second_direction_nothing_is_bent():
    law = law_of()
    flat = FactorStudentT(law.dependence.degrees_of_freedom, torch.ones(ROWS, ASSETS, 3, dtype=torch.float64))
    even = ScoreFlowForecast(law.affine, flat, law.plane, law.whole)
    value = draws_of(law, 1)[0]
    with torch.no_grad():
        torch.testing.assert_close(even.log_prob(value), plain(even).log_prob(value))
        torch.testing.assert_close(even.cdf(value), plain(even).cdf(value), rtol=1e-8, atol=1e-12)


def test_a_quantile_is_found_in_few_steps_also_where_some_are_found_before_others(monkeypatch):
    """Newton's method doubles the digits in each step; halving alone would take forty for the digits that are asked."""
    law, evaluated = law_of(), []

    def counted(*arguments):
        evaluated.append(1)
        return base_cdf(*arguments)

    monkeypatch.setattr(score_flow, "base_cdf", counted)
    with torch.no_grad():
        for probability in (1e-6, 0.01, 0.5, 0.9, 1.0 - 1e-6):
            evaluated.clear()
            quantile = law.icdf(probability)
            steps = len(evaluated)
            assert steps <= 25
            tail = law.log_cdf(quantile) if probability <= 0.5 else law.log_survival(quantile)
            expected = torch.full_like(tail, min(probability, 1.0 - probability))
            torch.testing.assert_close(tail.exp(), expected, rtol=1e-9, atol=0.0)
