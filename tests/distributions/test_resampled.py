"""Smoothed past returns: against the formula written out with scipy, quadrature, and agreement with draws."""

import math

import numpy as np
import pytest
import torch
from scipy import stats

from quantdl.distributions import ResampledForecast, Resamples, student_t_log_cdf
from quantdl.distributions.resampled import log_student_t3_cdf

COUNT, ASSETS = 60, 3
STOPS = (60, 61, 100, 40, 100)


def past_returns() -> np.ndarray:
    """The third asset is listed late, the second has a gap, and the first has one crash."""
    values = 0.01 * np.random.default_rng(0).standard_t(4, (100, ASSETS))
    values[80, 0] = -0.15
    values[:70, 2] = np.nan
    values[45:50, 1] = np.nan
    return values


def forecast(loadings: float = 0.8) -> ResampledForecast:
    shape = (len(STOPS), ASSETS)
    present = torch.ones(shape, dtype=torch.bool)
    present[[0, 1, 3], 2] = False
    resamples = Resamples(
        library=torch.from_numpy(past_returns())[None],
        group=torch.zeros(len(STOPS), dtype=torch.int64),
        stop=torch.tensor(STOPS),
        count=COUNT,
        size=torch.full(shape, 0.01, dtype=torch.float64),
        loadings=torch.full((*shape, 1), loadings, dtype=torch.float64),
    )
    return ResampledForecast(
        torch.full(shape, 2e-4, dtype=torch.float64), torch.full(shape, 1.5, dtype=torch.float64), resamples, present
    )


def targets() -> torch.Tensor:
    return torch.from_numpy(0.015 * np.random.default_rng(1).standard_t(4, (len(STOPS), ASSETS)))


def smoothing_by_hand(row: int, asset: int) -> tuple[np.ndarray, float, float, float]:
    """Values, bandwidth, center and scale of the floor; what is missing is the asset's other values in turn."""
    values = past_returns()[STOPS[row] - COUNT : STOPS[row], asset]
    own = values[np.isfinite(values)]
    values = np.where(np.isfinite(values), values, own[np.arange(COUNT) % len(own)])
    quartiles = np.subtract(*np.quantile(values, [0.75, 0.25])) / 1.349
    spread = min(values.std(ddof=1), quartiles)
    return values, 0.9 * spread * len(own) ** -0.2, values.mean(), values.std(ddof=1) * math.sqrt(1 / 3)


@pytest.mark.parametrize(("row", "asset"), [(0, 0), (2, 0), (2, 1), (4, 2)])
def test_a_marginal_density_is_the_mixture_written_out(row, asset):
    values, bandwidth, center, floor = smoothing_by_hand(row, asset)
    unit = (targets()[row, asset].item() - 2e-4) / 1.5
    kernels = stats.norm.pdf(unit, values, bandwidth).mean()
    expected = math.log(0.95 * kernels + 0.05 * stats.t.pdf(unit, 3, center, floor)) - math.log(1.5)
    assert forecast().marginal_log_prob(targets())[row, asset].item() == pytest.approx(expected, rel=1e-12)
    below = 0.95 * stats.norm.cdf(unit, values, bandwidth).mean() + 0.05 * stats.t.cdf(unit, 3, center, floor)
    assert forecast().cdf(targets())[row, asset].item() == pytest.approx(below, rel=1e-12)
    above = 0.95 * stats.norm.sf(9.0, values, bandwidth).mean() + 0.05 * stats.t.sf(9.0, 3, center, floor)
    far = torch.full_like(targets(), 2e-4 + 1.5 * 9.0)
    assert forecast().log_survival(far)[row, asset].item() == pytest.approx(math.log(above), rel=1e-10)


def test_the_joint_density_is_the_mixture_of_whole_sessions_written_out():
    first, second = (smoothing_by_hand(0, asset) for asset in (0, 1))
    unit = (targets()[0, :2].numpy() - 2e-4) / 1.5
    share = 0.8**2 / (1.0 + 0.8**2)
    correlation = np.array([[1.0, share], [share, 1.0]])
    bandwidths, floors = np.diag([first[1], second[1]]), np.diag([first[3], second[3]])
    kernel = stats.multivariate_normal(np.zeros(2), bandwidths @ correlation @ bandwidths)
    kernels = np.mean([kernel.pdf(unit - [a, b]) for a, b in zip(first[0], second[0], strict=True)])
    floor = stats.multivariate_t([first[2], second[2]], floors @ correlation @ floors, 3).pdf(unit)
    expected = math.log(0.95 * kernels + 0.05 * floor) - 2 * math.log(1.5)
    assert forecast().log_prob(targets())[0].item() == pytest.approx(expected, rel=1e-10)


def test_leaving_out_all_but_one_asset_leaves_its_marginal_law():
    law = forecast()
    for asset in range(ASSETS):
        alone = law.observed(torch.arange(ASSETS).expand(len(STOPS), -1) == asset)
        torch.testing.assert_close(alone.log_prob(targets()), law.marginal_log_prob(targets())[:, asset])


def test_an_asset_without_a_session_draws_its_other_values_in_turn():
    resamples = forecast().resamples
    centers = resamples.centers(torch.tensor([2]))[0].numpy()  # sessions 40 to 99
    own = past_returns()[70:100, 2]
    np.testing.assert_array_equal(centers[30:, 2], own)
    np.testing.assert_array_equal(centers[:30, 2], own)
    assert np.isin(centers[5:10, 1], past_returns()[40:100, 1]).all() and np.isfinite(centers).all()
    assert resamples.counts(torch.tensor([2]))[0].tolist() == [60, 55, 30]


@pytest.mark.parametrize("probability", [1e-8, 1e-4, 0.01, 0.05, 0.3, 0.5, 0.9, 0.999, 1 - 1e-8])
def test_quantiles_invert_probabilities_in_both_tails(probability):
    law = forecast()
    quantile = law.icdf(probability)
    log_tail = law.log_cdf(quantile) if probability < 0.5 else law.log_survival(quantile)
    found = log_tail.exp()[law.present].numpy()
    np.testing.assert_allclose(found, min(probability, 1.0 - probability), rtol=1e-7)


def test_quantiles_at_the_ends_are_infinite_and_different_probabilities_broadcast():
    law = forecast()
    assert (law.icdf(0.0)[law.present] == -torch.inf).all() and (law.icdf(1.0)[law.present] == torch.inf).all()
    both = torch.tensor([0.02, 0.6], dtype=torch.float64)[:, None, None]
    torch.testing.assert_close(law.icdf(both), torch.stack([law.icdf(0.02), law.icdf(0.6)]), rtol=1e-8, atol=1e-12)
    mixed = torch.where(torch.arange(ASSETS) == 0, 0.02, 0.6).double().expand(len(STOPS), -1)
    expected = torch.where(torch.arange(ASSETS) == 0, law.icdf(0.02), law.icdf(0.6))
    torch.testing.assert_close(law.icdf(mixed), expected, rtol=1e-8, atol=1e-8)


def test_the_density_integrates_to_one_and_the_score_to_the_squared_error():
    law = forecast()
    grid = torch.sinh(torch.linspace(-16.0, 8.0, 20_001, dtype=torch.float64)) * 0.002
    grid = torch.cat([grid.flip(0).neg(), grid]).unique()
    one = law.rows(torch.full((len(grid),), 2)).assets(torch.tensor([0]))
    density = one.marginal_log_prob(grid[:, None])[:, 0].exp()
    assert torch.trapezoid(density, grid).item() == pytest.approx(1.0, abs=1e-5)
    target = targets()[2, 0]
    error = (one.cdf(grid[:, None])[:, 0] - (grid >= target).double()).square()
    assert law.marginal_crps(targets())[2, 0].item() == pytest.approx(torch.trapezoid(error, grid).item(), rel=2e-3)


def test_draws_follow_the_marginal_laws_and_keep_sessions_together():
    law = forecast()
    with torch.random.fork_rng():
        torch.manual_seed(2)
        draws = law.sample((4000,))
    assert (draws[:, ~law.present] == 0).all()
    for row, asset in ((0, 0), (2, 2), (3, 1)):
        repeated = law.rows(torch.full((4000,), row))
        values = repeated.cdf(draws[:, row])[:, asset].numpy()
        assert stats.kstest(values, "uniform").pvalue > 1e-3
    crash = draws[:, 2, 0] < -0.18  # one session in sixty, on which the second asset had one return of its own
    returned = past_returns()[80, 1] * 1.5
    assert (draws[crash, 2, 1] - returned).abs().median() < 0.01


def test_a_window_that_stands_still_has_a_law_all_the_same():
    still = Resamples(
        library=torch.zeros(1, 30, 1, dtype=torch.float64),
        group=torch.zeros(1, dtype=torch.int64),
        stop=torch.tensor([30]),
        count=30,
        size=torch.full((1, 1), 0.01, dtype=torch.float64),
        loadings=torch.zeros(1, 1, 1),
    )
    one = torch.ones(1, 1, dtype=torch.float64)
    law = ResampledForecast(0.0 * one, one, still, torch.ones(1, 1, dtype=torch.bool))
    assert torch.isfinite(law.log_prob(0.02 * one)).all() and law.icdf(0.05).item() < 0.0


def test_rows_assets_and_their_order_pick_the_same_law():
    law, order = forecast(), torch.tensor([2, 0, 1])
    torch.testing.assert_close(law.assets(order).log_prob(targets()[:, order]), law.log_prob(targets()))
    picked = law.rows(torch.tensor([3, 2]))
    torch.testing.assert_close(picked.log_prob(targets()[[3, 2]]), law.log_prob(targets())[[3, 2]])
    assert law.to("cpu").mean.shape == law.present.shape


def test_shapes_that_do_not_fit_are_named():
    law = forecast()
    with pytest.raises(ValueError, match=r"present \(5, 3\), location \(4, 3\)"):
        ResampledForecast(law.location[:4], law.scale, law.resamples, law.present)


def test_the_log_probability_of_three_degrees_of_freedom_is_that_of_any():
    sizes = torch.cat([torch.linspace(0.0, 12.0, 200), torch.logspace(1, 140, 100)]).double()
    values = torch.cat([-sizes, sizes])
    expected = student_t_log_cdf(values, torch.full_like(values, 3.0))
    torch.testing.assert_close(log_student_t3_cdf(values), expected, rtol=1e-12, atol=1e-12)
