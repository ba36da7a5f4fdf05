"""One contract for every law: a new law is a new row of LAWS."""

import dataclasses
import math
from collections.abc import Iterator

import numpy as np
import pytest
import torch
from scipy import stats

from quantdl.distributions import (
    AffineMarginals,
    CopulaForecast,
    FactorNormalMixture,
    FactorStudentT,
    Forecast,
    JohnsonSUMarginals,
    Marginals,
    MixtureForecast,
    RationalSpline,
    SkewStudentTMarginals,
    SplineMarginals,
    StudentTMarginals,
)

PRESENT = torch.tensor([[True, False, True], [True, True, True]])
ROWS, ASSETS = PRESENT.shape


def uniform(seed: int, low: float, high: float, *shape: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return low + (high - low) * torch.rand(shape, generator=generator, dtype=torch.float64)


def copula_of(marginals) -> Forecast:
    dependence = FactorStudentT(uniform(1, 3.0, 12.0, ROWS), uniform(2, -1.5, 1.5, ROWS, ASSETS, 2))
    return CopulaForecast(marginals, dependence, PRESENT)


def in_states(marginals) -> Forecast:
    """Joined by a skewed mixture of three market states."""
    dependence = FactorNormalMixture(
        log_weights=uniform(11, -2.0, 0.0, ROWS, 3),
        variance=torch.tensor([0.3, 1.0, 6.0], dtype=torch.float64),
        shock_mean=uniform(12, -0.8, 0.5, ROWS, 3),
        shock_variance=uniform(13, 0.2, 1.5, ROWS, 3),
        exposures=uniform(14, 0.2, 1.2, ROWS, ASSETS),
        loadings=uniform(2, -1.5, 1.5, ROWS, ASSETS, 2),
    )
    return CopulaForecast(marginals, dependence, PRESENT)


def own_tails_and_skews(location: torch.Tensor) -> JohnsonSUMarginals:
    tail, skew = uniform(15, 2.5, 6.0, ROWS, ASSETS), uniform(16, -0.2, 0.2, ROWS, ASSETS)
    return JohnsonSUMarginals(location, uniform(3, 0.01, 0.02, ROWS, ASSETS), tail, skew)


def skewed_t(location: torch.Tensor) -> SkewStudentTMarginals:
    scale, freedom = uniform(3, 0.01, 0.02, ROWS, ASSETS), uniform(4, 2.5, 9.0, ROWS, ASSETS)
    return SkewStudentTMarginals(location, scale, freedom, uniform(16, -0.4, 0.2, ROWS, ASSETS))


def affine(location: torch.Tensor) -> AffineMarginals:
    return AffineMarginals(location, uniform(3, 0.01, 0.02, ROWS, ASSETS))


def own_tails(location: torch.Tensor) -> StudentTMarginals:
    return StudentTMarginals(location, uniform(3, 0.01, 0.02, ROWS, ASSETS), uniform(4, 2.5, 9.0, ROWS, ASSETS))


def bent(inner: Marginals) -> SplineMarginals:
    return SplineMarginals(inner, RationalSpline.of(uniform(5, -1.0, 1.0, 23, ROWS, ASSETS), bound=4.0))


def mixture(location: torch.Tensor) -> MixtureForecast:
    """Three members that agree on nothing; the second row believes in others than the first."""
    wide = AffineMarginals(location, uniform(10, 0.02, 0.03, ROWS, ASSETS))
    members = [copula_of(affine(location)), copula_of(own_tails(location)), copula_of(wide)]
    return MixtureForecast(members, torch.tensor([[0.5, 0.3, 0.2], [0.1, 0.2, 0.7]]))


# Where the density of the spline has kinks, sums over a grid and the quantile rule of its score converge slowly.
SUMMED_TO = {
    "student_t": 1e-9,
    "own_tails": 1e-6,
    "spline": 2e-2,
    "mixture": 1e-6,
    "states": 1e-9,
    "spline_in_states": 2e-2,
    "skewed_t_in_states": 1e-6,
}
SCORED_TO = dict.fromkeys(SUMMED_TO, 2e-4)

LAWS = {
    "student_t": lambda location: copula_of(affine(location)),
    "own_tails": lambda location: copula_of(own_tails(location)),
    "spline": lambda location: copula_of(bent(affine(location))),
    "mixture": mixture,
    "states": lambda location: in_states(own_tails_and_skews(location)),
    "spline_in_states": lambda location: in_states(bent(own_tails_and_skews(location))),
    "skewed_t_in_states": lambda location: in_states(skewed_t(location)),
}


@pytest.fixture(params=LAWS)
def name(request) -> str:
    return request.param


@pytest.fixture
def build(name):
    return LAWS[name]


@pytest.fixture
def location() -> torch.Tensor:
    return uniform(9, -0.003, 0.003, ROWS, ASSETS)


@pytest.fixture
def law(build, location) -> Forecast:
    return build(location)


@pytest.fixture
def returns(location) -> torch.Tensor:
    return location + 0.02 * torch.tensor([[-1.3, 0.4, 0.2], [2.4, -0.3, -4.0]], dtype=torch.float64)


def wide_grid(points: int = 4001) -> torch.Tensor:
    """Returns from about -80 to 80, dense around zero."""
    return 1e-3 * torch.sinh(torch.linspace(-12.0, 12.0, points, dtype=torch.float64))


def over_grid(law: Forecast, row: int, grid: torch.Tensor, function: str) -> torch.Tensor:
    """A function of each asset's own law in one row along a grid, (points, A)."""
    repeated = law.rows(torch.full((len(grid),), row))
    return getattr(repeated, function)(grid[:, None].expand(-1, law.event_shape[0]))


def test_it_is_a_distribution_with_a_row_per_forecast_and_a_dimension_per_asset(law, returns):
    assert isinstance(law, torch.distributions.Distribution) and law.has_rsample
    assert (law.batch_shape, law.event_shape) == ((ROWS,), (ASSETS,))
    assert torch.equal(law.present, PRESENT)
    assert law.log_prob(returns).shape == (ROWS,)
    exact = (law.cdf(returns), law.log_cdf(returns), law.log_survival(returns), law.marginal_crps(returns))
    for found in (law.marginal_log_prob(returns), *exact, law.mean):
        assert found.shape == (ROWS, ASSETS) and torch.isfinite(found).all()
    assert law.icdf(torch.tensor([0.1, 0.9])[:, None, None]).shape == (2, ROWS, ASSETS)
    assert law.sample((3, 2)).shape == (3, 2, ROWS, ASSETS)
    assert law.sample().shape == (ROWS, ASSETS)


def test_an_absent_asset_says_nothing_and_is_not_read(law, returns):
    disturbed = torch.where(PRESENT, returns, torch.nan)
    assert torch.equal(law.log_prob(disturbed), law.log_prob(returns))
    half = math.log(0.5)
    neutrals = {"marginal_log_prob": 0.0, "cdf": 0.5, "log_cdf": half, "log_survival": half, "marginal_crps": 0.0}
    for name, neutral in neutrals.items():
        found = getattr(law, name)(disturbed)
        assert torch.isfinite(found).all() and (found[~PRESENT] == neutral).all()
    for found in (law.mean, law.icdf(torch.tensor(0.05)), law.sample()):
        assert (found[~PRESENT] == 0).all() and (found[PRESENT] != 0).all()


def test_the_density_is_the_slope_of_the_probability(law, returns):
    step = 1e-6
    slope = (law.cdf(returns + step) - law.cdf(returns - step)) / (2.0 * step)
    torch.testing.assert_close(slope[PRESENT], law.marginal_log_prob(returns).exp()[PRESENT], rtol=1e-6, atol=1e-6)


def test_quantiles_invert_probabilities(law):
    for level in (1e-6, 0.01, 0.5, 0.9, 0.9999):
        back = law.cdf(law.icdf(torch.tensor(level, dtype=torch.float64)))
        torch.testing.assert_close(back[PRESENT], torch.full_like(back[PRESENT], level), rtol=1e-8, atol=0.0)


def test_the_logs_of_both_tails_are_those_of_the_probability_and_add_to_one(law, returns):
    torch.testing.assert_close(law.log_cdf(returns).exp(), law.cdf(returns), rtol=1e-12, atol=0.0)
    total = law.log_cdf(returns).exp() + law.log_survival(returns).exp()
    torch.testing.assert_close(total, torch.ones_like(total), rtol=1e-14, atol=0.0)


@pytest.mark.parametrize("name", ["student_t", "own_tails", "spline"], indirect=True)
def test_far_out_each_law_has_the_tails_of_its_student_t(name, law):
    """Beyond its bound of 4 the spline is the identity, so all three laws end in a Student-t of known freedom."""
    freedom = uniform(4, 2.5, 9.0, ROWS, ASSETS) if name == "own_tails" else uniform(1, 3.0, 12.0, ROWS)[:, None]
    scale, center = uniform(3, 0.01, 0.02, ROWS, ASSETS), uniform(9, -0.003, 0.003, ROWS, ASSETS)
    for multiple in (40.0, 1e3, 1e30):
        expected = stats.t.logsf(multiple, freedom.expand(ROWS, ASSETS).numpy())
        above, below = law.log_survival(center + multiple * scale), law.log_cdf(center - multiple * scale)
        for found in (above, below):
            np.testing.assert_allclose(found[PRESENT], expected[PRESENT], rtol=1e-10)
        assert (law.cdf(center + multiple * scale) < 1.0).all() and (law.cdf(center - multiple * scale) > 0.0).all()


def test_the_logs_of_the_tails_have_the_density_over_the_tail_as_gradient(name, law, returns):
    """Far out the logs of a normal tail are so large that their difference, which is expected here, has no digits."""
    for multiple in (1.0, 10.0 if name in ("states", "spline_in_states") else 1e6):
        value = (multiple * returns).requires_grad_()
        density = law.marginal_log_prob(value).detach()
        for log_tail, sign in ((law.log_cdf(value), 1.0), (law.log_survival(value), -1.0)):
            (slope,) = torch.autograd.grad(log_tail.sum(), value)
            expected = sign * (density - log_tail.detach()).exp()
            torch.testing.assert_close(slope[PRESENT], expected[PRESENT], rtol=1e-9, atol=0.0)


def test_the_mean_is_the_integral_of_the_return_over_its_density(name, law):
    grid = wide_grid(96001 if "spline" in name else 16001)
    for row in range(ROWS):
        density = over_grid(law, row, grid, "marginal_log_prob").exp()
        expected = torch.trapezoid(grid[:, None] * density, grid, dim=0)
        torch.testing.assert_close(law.mean[row][PRESENT[row]], expected[PRESENT[row]], rtol=0.0, atol=2e-6)


def test_the_variance_is_the_integral_of_the_squared_distance_to_the_mean(law):
    """On a grid that reaches to 1e6: the heaviest tails here, of 2.5 degrees of freedom, lose 2e-4 beyond it."""
    grid = 1e-3 * torch.sinh(torch.linspace(-21.0, 21.0, 4001, dtype=torch.float64))
    for row in range(ROWS):
        density = over_grid(law, row, grid, "marginal_log_prob").exp()
        expected = torch.trapezoid((grid[:, None] - law.mean[row]).square() * density, grid, dim=0)
        torch.testing.assert_close(law.variance[row][PRESENT[row]], expected[PRESENT[row]], rtol=2e-3, atol=0.0)


def test_the_score_is_the_integral_of_the_squared_distance_to_what_happened(name, law, returns):
    """CRPS by its definition, on a grid that has the return among its points."""
    scores = law.marginal_crps(returns)
    assert scores.dtype == torch.float64
    for row, asset in PRESENT.nonzero().tolist():
        happened = returns[row, asset]
        grid = happened + wide_grid(8001)
        probability = over_grid(law, row, grid, "cdf")[:, asset]
        below, above = grid <= happened, grid >= happened
        expected = torch.trapezoid(probability[below].square(), grid[below])
        expected = expected + torch.trapezoid((1.0 - probability[above]).square(), grid[above])
        assert scores[row, asset].item() == pytest.approx(expected.item(), rel=SCORED_TO[name])


def test_one_asset_alone_has_its_own_density(law, returns):
    for asset in range(ASSETS):
        alone = law.observed(torch.arange(ASSETS) == asset)
        torch.testing.assert_close(alone.log_prob(returns), law.marginal_log_prob(returns)[:, asset])


def test_the_joint_density_of_two_assets_integrates_to_one(name, law):
    """Summed over y = 0.001 sinh(t): in t the density of a heavy-tailed law is smooth and falls off on both sides."""
    pair = law.rows(torch.tensor([1])).assets(torch.tensor([0, 2]))
    t = torch.linspace(-12.0, 12.0, 641 if "spline" in name else 241, dtype=torch.float64)
    grid, step = 1e-3 * torch.sinh(t), 1e-3 * torch.cosh(t) * (t[1] - t[0])
    points = torch.cartesian_prod(grid, grid)
    density = pair.expand((len(points),)).log_prob(points).exp().reshape(len(grid), len(grid))
    assert (step @ density @ step).item() == pytest.approx(1.0, abs=SUMMED_TO[name])


def test_rows_assets_and_observed_select_parts_of_the_same_law(law, returns):
    row = law.rows(torch.tensor([1]))
    assert torch.equal(row.log_prob(returns[1:]), law.log_prob(returns)[1:])
    torch.testing.assert_close(law.rows(slice(1, 2)).mean, law.mean[1:], rtol=1e-12, atol=1e-15)  # sums may regroup
    order = torch.tensor([2, 0])
    chosen = law.assets(order)
    assert torch.equal(chosen.present, PRESENT[:, order])
    assert torch.equal(chosen.cdf(returns[:, order]), law.cdf(returns)[:, order])
    left = law.observed(torch.tensor([True, False, True]))
    torch.testing.assert_close(left.log_prob(returns), law.assets(torch.tensor([0, 2])).log_prob(returns[:, [0, 2]]))
    assert torch.equal(left.present, PRESENT & torch.tensor([True, False, True]))


def test_the_order_of_the_assets_does_not_matter(law, returns):
    order = torch.tensor([2, 0, 1])
    torch.testing.assert_close(law.assets(order).log_prob(returns[:, order]), law.log_prob(returns))


def test_only_a_single_row_can_be_repeated(law):
    assert law.rows(slice(0, 1)).expand((4,)).batch_shape == (4,)
    with pytest.raises(ValueError, match="2 rows cannot be expanded to 4"):
        law.expand((4,))


def seeded(draw):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(11)
        return draw()


def test_draws_follow_each_assets_own_law(law):
    draws = seeded(lambda: law.sample((4000,)))
    row_of_draw = torch.arange(ROWS).repeat(len(draws))
    probabilities = law.rows(row_of_draw).cdf(draws.flatten(0, 1)).reshape(draws.shape)
    for row, asset in PRESENT.nonzero().tolist():
        assert stats.kstest(probabilities[:, row, asset].numpy(), "uniform").pvalue > 1e-4


def test_draws_with_a_gradient_are_the_draws_without_one(law):
    plain, differentiable = seeded(lambda: law.sample((50,))), seeded(lambda: law.rsample((50,)))
    torch.testing.assert_close(plain, differentiable, rtol=1e-7, atol=1e-10)
    assert torch.equal(seeded(lambda: law.sample((50,))), plain)


def test_draws_move_with_the_location_one_for_one(build, location):
    location.requires_grad_()
    law = build(location)
    assert not law.sample((2,)).requires_grad
    law.rsample((7,)).sum().backward()
    torch.testing.assert_close(location.grad, 7.0 * PRESENT.double())


def tensors_of(part) -> Iterator[torch.Tensor]:
    """Every tensor that an object holds, however deep."""
    if isinstance(part, torch.Tensor):
        yield part
    elif isinstance(part, tuple):
        for value in part:
            yield from tensors_of(value)
    elif dataclasses.is_dataclass(part) or isinstance(part, Forecast):
        for value in vars(part).values():
            yield from tensors_of(value)


def test_the_whole_law_moves_to_another_device(law):
    held = [tensor.device.type for tensor in tensors_of(law.to("meta"))]
    assert len(held) >= 5 and set(held) == {"meta"}
    assert torch.equal(law.to("cpu").mean, law.mean)


def test_the_contract_itself_is_no_law():
    with pytest.raises(TypeError, match="abstract"):
        Forecast(PRESENT)
    assert np.all([name in Forecast.__abstractmethods__ for name in ("log_prob", "icdf", "marginal_crps", "to")])


def test_the_density_of_many_draws_of_a_row_is_that_of_the_row_repeated(law):
    row = law.rows(slice(0, 1))
    drawn = row.sample((7,))[:, 0]
    repeated = row.rows(torch.zeros(7, dtype=torch.long)).log_prob(drawn)
    torch.testing.assert_close(row.log_prob_of_draws(drawn), repeated, rtol=1e-9, atol=1e-9)
    with pytest.raises(ValueError, match="must have one row, got 2"):
        law.log_prob_of_draws(drawn)


def test_standard_coordinates_come_back_as_returns_and_have_the_density_of_a_change_of_variables(law):
    row = law.rows(slice(1, 2))
    drawn = row.sample((5,))[:, 0]
    standard = row.to_standard(drawn).detach().requires_grad_()
    returns = row.from_standard(standard)
    torch.testing.assert_close(returns.detach(), drawn, rtol=1e-6, atol=1e-9)
    (slope,) = torch.autograd.grad(returns.sum(), standard)
    expected = row.log_prob_of_draws(returns) + slope.log().sum(-1)
    torch.testing.assert_close(row.log_prob_of_standard(standard), expected, rtol=1e-6, atol=1e-6)
