"""Mixtures of laws: sums of scipy's, the closed-form score of normal mixtures, and the spread over members."""

import math

import numpy as np
import pytest
import torch
from scipy import optimize, stats

from quantdl.distributions import AffineMarginals, CopulaForecast, FactorStudentT, MixtureForecast, StudentTMarginals

LOCATIONS, SCALES, FREEDOMS = (-0.01, 0.0, 0.02), (0.01, 0.015, 0.03), (3.0, 5.0, 30.0)
WEIGHTS = (0.2, 0.5, 0.3)


def member(location: float, scale: float, freedom: float, assets: int = 1, loading: float = 0.0) -> CopulaForecast:
    cell = torch.ones(1, assets, dtype=torch.float64)
    own = torch.full_like(cell, freedom)
    marginals = StudentTMarginals(location * cell, scale * cell, own)
    if math.isinf(freedom):
        marginals = AffineMarginals(location * cell, scale * cell)
    return CopulaForecast(marginals, FactorStudentT(own[:, 0], loading * cell[..., None]), cell > 0)


def heavy_tailed(weights=WEIGHTS) -> MixtureForecast:
    members = [member(*parts) for parts in zip(LOCATIONS, SCALES, FREEDOMS, strict=True)]
    return MixtureForecast(members, torch.tensor(weights, dtype=torch.float64))


def normal(locations, scales, weights) -> MixtureForecast:
    members = [member(location, scale, math.inf) for location, scale in zip(locations, scales, strict=True)]
    return MixtureForecast(members, torch.tensor(weights, dtype=torch.float64))


def reference(value: float, name: str) -> float:
    """The mixture's density, lower or upper tail from scipy's Student-t."""
    parts = zip(LOCATIONS, SCALES, FREEDOMS, WEIGHTS, strict=True)
    return sum(weight * getattr(stats.t(freedom, place, scale), name)(value) for place, scale, freedom, weight in parts)


def cell(value: float) -> torch.Tensor:
    return torch.tensor([[value]], dtype=torch.float64)


@pytest.mark.parametrize("value", [-0.4, 0.013, 3.0])
def test_density_and_probabilities_are_the_weighted_sums_of_the_members(value):
    law = heavy_tailed()
    assert law.marginal_log_prob(cell(value)).exp().item() == pytest.approx(reference(value, "pdf"), rel=1e-9)
    assert law.log_prob(cell(value)).exp().item() == pytest.approx(reference(value, "pdf"), rel=1e-9)
    assert law.cdf(cell(value)).item() == pytest.approx(reference(value, "cdf"), rel=1e-9)
    assert law.log_cdf(cell(value)).item() == pytest.approx(math.log(reference(value, "cdf")), rel=1e-9)
    assert law.log_survival(cell(value)).item() == pytest.approx(math.log(reference(value, "sf")), rel=1e-9)


@pytest.mark.parametrize("tail", [1e-280, 0.01])
def test_lower_quantiles_are_the_roots_of_the_weighted_sum(tail):
    expected = optimize.brentq(lambda x: math.log(reference(x, "cdf")) - math.log(tail), -1e95, 1.0, xtol=1e-16)
    assert heavy_tailed().icdf(tail).item() == pytest.approx(expected, rel=1e-8)


@pytest.mark.parametrize("tail", [1e-12, 0.01, 0.5])
def test_upper_quantiles_leave_the_tail_that_was_asked_for(tail):
    exact = 1.0 - (1.0 - tail)  # what a float64 near 1 keeps of the tail
    assert reference(heavy_tailed().icdf(1.0 - tail).item(), "sf") == pytest.approx(exact, rel=1e-9)


def test_quantiles_and_probabilities_undo_each_other_to_twelve_digits():
    law = heavy_tailed()
    levels = torch.tensor([1e-300, 0.02, 1.0 - 1e-9], dtype=torch.float64)[:, None, None]
    quantiles = law.icdf(levels)
    lower, upper = levels <= 0.5, levels > 0.5
    below = torch.stack([law.log_cdf(row) for row in quantiles])[lower]
    above = torch.stack([law.log_survival(row) for row in quantiles])[upper]
    torch.testing.assert_close(below, levels[lower].log(), rtol=0, atol=1e-12)
    torch.testing.assert_close(above, torch.log1p(-levels[upper]), rtol=0, atol=1e-12)


@pytest.mark.parametrize("level", [1e-9, 0.4999, 0.5, 0.500001])
def test_quantiles_between_two_modes_far_apart_are_found(level):
    """Two normal laws 50 standard deviations apart: between them there is next to no density."""
    law = normal((-0.25, 0.25), (0.01, 0.01), (0.5, 0.5))
    found = law.icdf(level).item()
    if level < 0.5:
        assert found == pytest.approx(stats.norm.ppf(2.0 * level, -0.25, 0.01), rel=1e-9)
    elif level == 0.5:
        assert found == pytest.approx(0.0, abs=1e-9)
    else:
        assert found == pytest.approx(stats.norm.isf(2.0 * (1.0 - level), 0.25, 0.01), rel=1e-9)


def test_probabilities_of_zero_and_one_have_infinite_quantiles():
    levels = torch.tensor([0.0, 1.0], dtype=torch.float64)[:, None, None]
    assert heavy_tailed().icdf(levels).flatten().tolist() == [-math.inf, math.inf]


def score_of_normal_mixture(value: float, locations, scales, weights) -> float:
    """Grimit, Gneiting, Berrocal and Johnson (2006), equation 5."""

    def distance(center: float, variance: float) -> float:
        z = center / math.sqrt(variance)
        return 2.0 * math.sqrt(variance) * stats.norm.pdf(z) + center * (2.0 * stats.norm.cdf(z) - 1.0)

    parts = list(zip(locations, scales, weights, strict=True))
    first = sum(w * distance(value - m, s**2) for m, s, w in parts)
    second = sum(w * v * distance(m - n, s**2 + r**2) for m, s, w in parts for n, r, v in parts)
    return first - 0.5 * second


MIXTURES = {
    "alike": ((-0.001, 0.0, 0.001), (0.01, 0.0102, 0.0098), (0.2, 0.3, 0.5)),
    "unlike": ((-0.01, 0.0, 0.02), (0.01, 0.003, 0.04), (0.2, 0.3, 0.5)),
    "far_apart": ((-0.25, 0.25, 0.3), (0.01, 0.01, 0.005), (0.4, 0.3, 0.3)),
    "needle": ((0.0, 0.07), (0.01, 0.0005), (0.9, 0.1)),
}


@pytest.mark.parametrize("name", MIXTURES)
@pytest.mark.parametrize("value", [-0.2, 0.004])
def test_the_score_of_a_normal_mixture_is_its_closed_form(name, value):
    expected = score_of_normal_mixture(value, *MIXTURES[name])
    assert normal(*MIXTURES[name]).marginal_crps(cell(value)).item() == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("value", [-0.05, 0.0, 0.3])
def test_the_score_of_a_heavy_tailed_mixture_is_the_integral_of_its_definition(value):
    t = torch.linspace(-14.0, 14.0, 40001, dtype=torch.float64)
    grid, step = value + 1e-3 * torch.sinh(t), 1e-3 * torch.cosh(t) * (t[1] - t[0])
    wrong = np.where(grid <= value, reference(grid.numpy(), "cdf"), reference(grid.numpy(), "sf")) ** 2
    wrong[len(grid) // 2] = 0.5 * (reference(value, "cdf") ** 2 + reference(value, "sf") ** 2)
    expected = float((torch.from_numpy(wrong) * step).sum())
    assert heavy_tailed().marginal_crps(cell(value)).item() == pytest.approx(expected, rel=1e-6)


def test_members_that_agree_make_their_own_law():
    one = member(0.001, 0.01, 4.0)
    law, value = MixtureForecast([one, one, one]), cell(0.02)
    for name in ("log_prob", "marginal_log_prob", "cdf", "log_cdf", "log_survival", "marginal_crps"):
        torch.testing.assert_close(getattr(law, name)(value), getattr(one, name)(value), rtol=1e-12, atol=1e-15)
    torch.testing.assert_close(law.icdf(1e-7), one.icdf(1e-7), rtol=1e-12, atol=0.0)
    spread = law.spread(lambda member: member.icdf(0.01))
    assert law.variance_parts().between.item() < 1e-30 and spread.item() < 1e-15


def test_far_out_the_member_with_the_heaviest_tail_is_left():
    law = heavy_tailed()
    for multiple in (1e6, 1e30):
        expected = math.log(WEIGHTS[0]) + stats.t.logsf(multiple, FREEDOMS[0])
        assert law.log_survival(cell(multiple * SCALES[0])).item() == pytest.approx(expected, rel=1e-6)
        assert law.log_cdf(cell(-multiple * SCALES[0])).item() == pytest.approx(expected, rel=1e-6)


def test_one_member_holds_for_all_assets_of_a_row():
    """Given the member the assets are independent, so all their dependence is in which member holds."""
    members = [member(0.0, 0.01, math.inf, assets=2), member(0.0, 0.03, math.inf, assets=2)]
    law = MixtureForecast(members, torch.tensor([0.75, 0.25]))
    value = torch.tensor([[0.02, -0.04]], dtype=torch.float64)
    sides = [weight * stats.norm.pdf(value.numpy(), 0.0, size).prod() for weight, size in ((0.75, 0.01), (0.25, 0.03))]
    assert law.log_prob(value).item() == pytest.approx(math.log(sum(sides)), rel=1e-9)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        squares = law.sample((200_000,))[:, 0].square().double().numpy()
    expected = 0.75 * 0.25 * (0.03**2 - 0.01**2) ** 2  # variance of the members' variances
    assert np.cov(squares.T)[0, 1] == pytest.approx(expected, rel=0.05)


def test_the_variance_is_what_the_members_expect_and_what_they_disagree_on():
    law = normal((-0.01, 0.02), (0.01, 0.03), (0.25, 0.75))
    parts = law.variance_parts()
    assert parts.within.item() == pytest.approx(0.25 * 0.01**2 + 0.75 * 0.03**2, rel=1e-6)
    assert parts.between.item() == pytest.approx(0.25 * 0.75 * 0.03**2, rel=1e-6)
    assert parts.between_share.item() == pytest.approx(parts.between.item() / law.variance.item(), rel=1e-9)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        assert law.sample((400_000,)).double().var().item() == pytest.approx(parts.total.item(), rel=0.01)


def test_the_spread_of_a_figure_is_its_standard_deviation_over_the_members():
    law = heavy_tailed()
    quantiles = [stats.t.ppf(0.01, *parts) for parts in zip(FREEDOMS, LOCATIONS, SCALES, strict=True)]
    center = np.average(quantiles, weights=WEIGHTS)
    expected = math.sqrt(np.average((quantiles - center) ** 2, weights=WEIGHTS))
    assert law.spread(lambda member: member.icdf(0.01)).item() == pytest.approx(expected, rel=1e-6)


def test_a_member_without_weight_plays_no_part_and_the_scale_of_weights_none():
    value = cell(0.02)
    with_spare = heavy_tailed((0.0, 1.0, 0.0))
    alone = member(LOCATIONS[1], SCALES[1], FREEDOMS[1])
    for name in ("log_prob", "cdf", "log_survival", "marginal_crps"):
        torch.testing.assert_close(getattr(with_spare, name)(value), getattr(alone, name)(value), rtol=1e-9, atol=1e-12)
    torch.testing.assert_close(with_spare.icdf(0.01), alone.icdf(0.01), rtol=1e-12, atol=0.0)
    doubled = heavy_tailed(tuple(2.0 * weight for weight in WEIGHTS))
    torch.testing.assert_close(doubled.cdf(value), heavy_tailed().cdf(value), rtol=1e-12, atol=0.0)


def test_quantiles_have_the_slope_of_the_parameters_and_of_the_probability():
    location = torch.zeros(1, 1, dtype=torch.float64, requires_grad=True)
    level = cell(0.03).requires_grad_()
    dependence = FactorStudentT(torch.full((1,), 4.0, dtype=torch.float64), torch.zeros(1, 1, 1, dtype=torch.float64))

    def quantile(location: torch.Tensor, level: torch.Tensor) -> torch.Tensor:
        moving = AffineMarginals(location, torch.full_like(location, 0.01))
        law = CopulaForecast(moving, dependence, torch.ones(1, 1) > 0)
        return MixtureForecast([law, member(0.0, 0.03, 5.0)]).icdf(level)

    slopes = torch.autograd.grad(quantile(location, level).sum(), (location, level))
    with torch.no_grad():
        moved = quantile(location + 1e-6, level) - quantile(location - 1e-6, level)
        raised = quantile(location, level + 1e-6) - quantile(location, level - 1e-6)
    assert slopes[0].item() == pytest.approx(moved.item() / 2e-6, rel=1e-5)
    assert slopes[1].item() == pytest.approx(raised.item() / 2e-6, rel=1e-5)


def test_draws_carry_gradients_to_every_member():
    scales = [torch.full((1, 1), size, requires_grad=True) for size in (0.01, 0.02)]
    dependence = FactorStudentT(torch.tensor([4.0]), torch.zeros(1, 1, 1))
    members = [CopulaForecast(AffineMarginals(torch.zeros(1, 1), s), dependence, torch.ones(1, 1) > 0) for s in scales]
    MixtureForecast(members).rsample((50,)).square().sum().backward()
    assert all(scale.grad is not None and scale.grad.item() > 0.0 for scale in scales)


def test_no_draw_is_a_tensor_of_no_draws():
    assert heavy_tailed().sample((0,)).shape == (0, 1, 1)


def test_members_and_weights_that_do_not_fit_are_refused():
    one, two = member(0.0, 0.01, 4.0), member(0.0, 0.01, 4.0, assets=2)
    with pytest.raises(ValueError, match="at least one member"):
        MixtureForecast([])
    with pytest.raises(ValueError, match="member 0 has .1, 1. and member 1 has .1, 2."):
        MixtureForecast([one, two])
    with pytest.raises(ValueError, match="`present` masks differ"):
        MixtureForecast([two, two.observed(torch.tensor([True, False]))])
    with pytest.raises(ValueError, match=r"weights \(3,\) must be \(2,\) or \(1, 2\)"):
        MixtureForecast([one, one], torch.ones(3))
    for wrong in ([0.5, -0.5], [0.0, 0.0], [math.nan, 1.0]):
        with pytest.raises(ValueError, match="finite, not negative"):
            MixtureForecast([one, one], torch.tensor(wrong))


def test_a_mixture_of_mixtures_is_that_of_all_members_with_their_weights_multiplied():
    """An ensemble with a posterior in it: closed-form score, and the roots of the weighted sum of five laws."""
    locations, scales, weights = (-0.01, 0.0, 0.02), (0.01, 0.003, 0.04), (0.2, 0.3, 0.5)
    inner = MixtureForecast([normal(locations[1:], scales[1:], weights[1:])])
    law = MixtureForecast([member(locations[0], scales[0], math.inf), inner], torch.tensor([0.2, 0.8]))
    for value in (-0.2, 0.004):
        expected = score_of_normal_mixture(value, locations, scales, weights)
        assert law.marginal_crps(cell(value)).item() == pytest.approx(expected, rel=1e-6)
    levels = (0.7, 1e-5, 0.01, 1.0 - 1e-6)  # in no order
    found = law.icdf(torch.tensor(levels, dtype=torch.float64)[:, None, None]).flatten().tolist()
    parts = list(zip(locations, scales, weights, strict=True))
    for level, root in zip(levels, found, strict=True):
        expected = optimize.brentq(
            lambda x, p=level: sum(w * stats.norm.cdf(x, m, s) for m, s, w in parts) - p, -1.0, 1.0, xtol=1e-15
        )
        assert root == pytest.approx(expected, rel=1e-8, abs=1e-12)


def test_many_quantiles_at_once_ask_the_members_for_theirs_twice():
    asked = []

    law = heavy_tailed()
    first = law.members[0]
    original = first.icdf
    first.icdf = lambda value: (asked.append(1), original(value))[1]
    levels = torch.linspace(0.005, 0.995, 4, dtype=torch.float64)[:, None, None]
    found = law.icdf(levels)
    assert len(asked) == 2
    singly = torch.stack([heavy_tailed().icdf(level.item()) for level in levels])
    torch.testing.assert_close(found, singly, rtol=1e-10, atol=1e-14)
