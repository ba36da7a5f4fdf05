"""What the heads make of an encoding, by hand."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy import stats

from quantdl.distributions import CopulaForecast, JohnsonSUMarginals, NormalMixture
from quantdl.models.heads import (
    AffineHead,
    FactorCopulaHead,
    ForecastContext,
    JohnsonSUHead,
    MarketStatesHead,
    unit,
)
from tests.models.batches import away_from_start, random_batch


def normal(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def test_the_unit_is_the_volatility_at_the_forecast_times_the_root_of_the_window():
    batch = random_batch(rows=2, assets=2, length=3)
    scale = torch.arange(1.0, 13.0).reshape(2, 2, 3)
    batch = replace(batch, scale=scale, position=torch.tensor([[0, 2], [1, 1]]), window_bars=torch.tensor([1.0, 9.0]))
    assert unit(batch).tolist() == [[1.0, 6.0], [24.0, 33.0]]


def test_the_context_is_the_own_encoding_the_mean_of_present_assets_and_the_window():
    batch = random_batch(rows=2, assets=3)
    present = torch.tensor([[True, False, True], [False, False, False]])
    batch = replace(batch, present=present, window=torch.tensor([1, 0]))
    hidden = torch.tensor([[[1.0, 2.0], [50.0, 60.0], [3.0, 6.0]], [[7.0, 8.0], [9.0, 1.0], [2.0, 3.0]]])
    assets, row = ForecastContext(2, n_windows=2)(hidden, batch)
    assert row.tolist() == [[2.0, 4.0, 2.0, 4.0, 0.0, 1.0], [0.0, 0.0, 0.0, 0.0, 1.0, 0.0]]
    assert assets[0].tolist() == [
        [1.0, 2.0, 2.0, 4.0, 0.0, 1.0],
        [50.0, 60.0, 2.0, 4.0, 0.0, 1.0],
        [3.0, 6.0, 2.0, 4.0, 0.0, 1.0],
    ]
    assert assets.shape == (2, 3, ForecastContext(2, n_windows=2).size)


def test_training_starts_from_a_plain_volatility_forecast_with_one_common_factor():
    units = torch.tensor([[0.01, 0.02]])
    marginals = AffineHead(5, 4)(torch.randn(1, 2, 5), units)
    assert marginals.location.tolist() == [[0.0, 0.0]]
    torch.testing.assert_close(marginals.scale, 0.8 * units)
    trailing = torch.tensor([[[0.5, -0.2], [0.0, 1.0]]])
    dependence = MarketStatesHead(5, 4, 2)(torch.randn(1, 2, 5), torch.randn(1, 5), trailing)
    torch.testing.assert_close(dependence.loadings, torch.tensor([[[0.3, -0.2], [0.3, 1.0]]]))
    sizes = torch.tensor([math.sqrt(1.0 + 0.09 + 0.04), math.sqrt(1.0 + 0.09 + 1.0)])
    torch.testing.assert_close(dependence.exposures, torch.tensor([[0.8, 0.3]]) / sizes)
    stretch = torch.tensor([[1.0, 1.5]])
    bent = JohnsonSUHead(5, 4)(torch.randn(1, 2, 5), units, stretch)
    torch.testing.assert_close(bent.tail, 2.6 * stretch)
    torch.testing.assert_close(bent.scale, 0.8 * units / stretch)
    assert (bent.skew == 0.0).all()


def test_the_common_shock_has_mean_zero_and_more_room_below():
    law = away_from_start(MarketStatesHead(5, 4, 2))(normal(3, 2, 5), normal(3, 5, seed=1), normal(3, 2, 2, seed=2))
    kinds = law.log_weights.exp().reshape(3, -1, 3)
    mean = (kinds.sum(1) * law.shock_mean.reshape(3, -1, 3)[:, 0]).sum(-1)
    torch.testing.assert_close(mean, torch.zeros(3, dtype=torch.float64), atol=1e-6, rtol=0.0)
    torch.testing.assert_close(kinds.sum((1, 2)), torch.ones(3, dtype=torch.float64))


def test_the_starting_states_are_close_to_a_student_t_of_twenty_degrees_of_freedom():
    head = MarketStatesHead(5, 4, 1)
    flat = NormalMixture(head.log_weights.double(), torch.zeros(1, dtype=torch.float64), head.variance.double())
    places = torch.linspace(-8.0, 8.0, 65, dtype=torch.float64)
    difference = flat.expand((65,)).cdf(places).detach().numpy() - stats.t.cdf(places.numpy(), 20.0)
    assert np.abs(difference).max() < 0.01


def test_location_and_scale_stay_in_their_bounds_whatever_the_encoding():
    head = away_from_start(AffineHead(5, 4), size=3.0)
    units = normal(40, 3).exp()
    marginals = head(100.0 * normal(40, 3, 5), units)
    location, scale = marginals.location / units, marginals.scale / units / 0.8
    assert 0.45 < location.abs().max() <= 0.5
    assert scale.log().abs().max().item() == pytest.approx(4.0)
    assert (marginals.scale > 0).all()


def test_laws_scale_with_the_unit():
    head, context, units = away_from_start(AffineHead(5, 4)), normal(2, 3, 5), normal(2, 3).exp()
    small, large = head(context, units), head(context, 100.0 * units)
    torch.testing.assert_close(large.location, 100.0 * small.location)
    torch.testing.assert_close(large.scale, 100.0 * small.scale)


def test_the_encoding_of_one_asset_moves_its_own_marginal_and_loadings_only():
    affine, copula = away_from_start(AffineHead(5, 4)), away_from_start(MarketStatesHead(5, 4, 2))
    context, row, trailing = normal(1, 3, 5), normal(1, 5, seed=1), normal(1, 3, 2, seed=2)
    moved = context.clone()
    moved[0, 1] += 1.0
    units = torch.ones(1, 3, dtype=torch.float64)
    first, second = affine(context, units), affine(moved, units)
    assert (first.location != second.location).tolist() == [[False, True, False]]
    assert (first.scale != second.scale).tolist() == [[False, True, False]]
    before, after = copula(context, row, trailing), copula(moved, row, trailing)
    assert (before.loadings != after.loadings).all(-1).tolist() == [[False, True, False]]
    assert (before.exposures != after.exposures).tolist() == [[False, True, False]]
    assert torch.equal(before.log_weights, after.log_weights)
    assert not torch.equal(copula(context, row + 1.0, trailing).log_weights, before.log_weights)


def test_trailing_factors_keep_their_sign_and_are_stretched_by_at_most_e_cubed():
    head = away_from_start(MarketStatesHead(5, 4, 3), size=3.0)
    trailing = normal(30, 4, 3)
    trailing[0] = 0.0  # unknown
    loadings = head(100.0 * normal(30, 4, 5, seed=1), normal(30, 5, seed=2), trailing).loadings
    assert loadings.shape == (30, 4, 3)
    assert (loadings[0, :, 1:] == 0).all()
    ratio = (loadings[1:, :, 1:] / trailing[1:, :, 1:]).log()
    assert ratio.abs().max().item() == pytest.approx(3.0)
    assert (ratio > 0).any()
    assert (ratio < 0).any()


@pytest.mark.parametrize("build", [MarketStatesHead, FactorCopulaHead])
def test_all_factors_of_groups_are_stretched_by_one_number_of_each_asset(build):
    head = away_from_start(build(5, 4, 2, True))
    context, row, trailing = normal(6, 4, 5), normal(6, 5, seed=1), normal(6, 4, 5, seed=2)
    loadings = head(context, row, trailing).loadings[..., -3:]
    ratio = loadings / trailing[..., 2:]
    torch.testing.assert_close(ratio, ratio[..., :1].expand_as(ratio))
    assert ratio[..., 0].unique().numel() == 24
    fewer = head(context, row, trailing[..., [0, 1, 4]]).loadings  # the same weights serve other groups, or none
    torch.testing.assert_close(fewer[..., -1], loadings[..., -1])
    assert head(context, row, trailing[..., :2]).loadings.shape[-1] == fewer.shape[-1] - 1


def test_tails_and_skews_stay_in_their_bounds_whatever_the_encoding():
    head = away_from_start(JohnsonSUHead(5, 4), size=3.0)
    law = head(100.0 * normal(40, 3, 5), *torch.ones(2, 40, 3, dtype=torch.float64))
    assert law.tail.log().min().item() == pytest.approx(0.45) and law.tail.log().max().item() == pytest.approx(2.5)
    assert law.skew.abs().max().item() == pytest.approx(0.9)


def test_the_width_of_the_shock_moves_no_asset_that_does_not_follow_it():
    """Location, and scale, tail and skew relative to the width, are read off the encoding alone."""
    head = away_from_start(JohnsonSUHead(5, 4))
    encoding, units = normal(10, 3, 5), normal(10, 3, seed=1).exp()
    plain, wide = (head(encoding, units, torch.full_like(units, stretch)) for stretch in (1.0, 2.0))
    torch.testing.assert_close(wide.location, plain.location)
    for at in (-2.0, 0.3, 5.0):
        image = plain.from_standard(torch.full_like(units, at), None)
        torch.testing.assert_close(wide.from_standard(torch.full_like(units, 2.0 * at), None), image)


def test_with_tails_at_their_bound_the_rarest_state_bears_a_small_part_of_the_variance():
    dependence = MarketStatesHead(5, 4, 1)(torch.zeros(1, 1, 5), torch.zeros(1, 5), torch.full((1, 1, 1), 0.7))
    base = dependence.margins
    stretch, one = dependence.shock_stretch, torch.ones(1, 1)
    law = JohnsonSUMarginals(0.0 * one, one / stretch, stretch * math.exp(0.45), 0.0 * one)
    centers, _, variances = law.moments_in_states(base.means, base.variances.sqrt(), base)
    shares = base.log_weights.exp() * (variances + centers.square())
    assert (shares / shares.sum()).max().item() < 0.3
    assert (shares / shares.sum())[0, 0, -1].item() < 0.2


def test_at_the_bounds_of_tails_and_shocks_books_have_finite_densities_and_gradients():
    head = MarketStatesHead(5, 4, 1)
    with torch.no_grad():
        head.shock[2] = torch.tensor([-0.4, -0.4, 0.12])
        head.kinds[-1].bias.copy_(torch.tensor([0.0, 0.0, -4.0]))
    dependence = head(torch.zeros(1, 3, 5), torch.zeros(1, 5), torch.full((1, 3, 1), 3.0))
    one, stretch = torch.ones(1, 3), dependence.shock_stretch
    law = CopulaForecast(
        JohnsonSUMarginals(0.0 * one, 0.01 * one / stretch, stretch * math.exp(0.45), 0.0 * one), dependence, one > 0
    )
    density = law.weighted_sum(one[:, None] / 3.0).log_prob(torch.full((1, 1), -0.02))
    density.sum().backward()
    assert torch.isfinite(density).all() and torch.isfinite(law.variance).all()
    assert all(torch.isfinite(part.grad).all() for part in head.parameters() if part.grad is not None)
