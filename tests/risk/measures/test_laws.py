"""Measures of laws without draws, against scipy's integrals and the same measures of fine grids of quantiles."""

import math

import numpy as np
import pytest
import torch
from scipy import integrate, optimize, stats

from quantdl.distributions import (
    AffineMarginals,
    CopulaForecast,
    FactorStudentT,
    JohnsonSUMarginals,
    MixtureForecast,
    StudentTMarginals,
)
from quantdl.risk.measures.convex import entropic, expectile, lower_partial_moment
from quantdl.risk.measures.laws import (
    book_expected_shortfall,
    book_value_at_risk,
    marginal_entropic,
    marginal_expectile,
    marginal_lower_partial_moment,
    marginal_spectral,
)
from quantdl.risk.measures.losses import expected_shortfall, value_at_risk
from quantdl.risk.measures.scenarios import Scenarios
from quantdl.risk.measures.spectral import DualPower, ExponentialSpectrum, SteppedSpectrum, WangTransform, spectral

PRESENT = torch.tensor([[True, True, False]])
LOCATION = torch.tensor([[0.001, -0.002, 0.0]], dtype=torch.float64)
SCALE = torch.tensor([[0.01, 0.02, 0.01]], dtype=torch.float64)


def law(freedom=4.0, present=PRESENT):
    dependence = FactorStudentT(torch.tensor([freedom], dtype=torch.float64), torch.ones(1, 3, 1, dtype=torch.float64))
    return CopulaForecast(AffineMarginals(LOCATION, SCALE), dependence, present)


def normal():
    return law(math.inf)


def student_t(asset, freedom=4.0):
    return stats.t(freedom, float(LOCATION[0, asset]), float(SCALE[0, asset]))


def excess_of(asset, place, freedom):
    """Mean of the loss beyond a place: a closed form of Student's t."""
    scale = float(SCALE[0, asset])
    own, at = stats.t(freedom), (place + float(LOCATION[0, asset])) / scale
    return scale * (own.pdf(at) * (freedom + at**2) / (freedom - 1.0) - at * own.sf(at))


def expectile_of(asset, level, *freedoms):
    """Root of the balance of partial moments of equally likely members."""

    def balance(e):
        beyond = np.mean([excess_of(asset, e, freedom) for freedom in freedoms])
        return level * beyond - (1.0 - level) * (beyond + e + float(LOCATION[0, asset]))

    return optimize.brentq(balance, -0.05, 0.5, xtol=1e-14)


@pytest.mark.parametrize("level", [0.5, 0.9, 0.99])
def test_expectile_is_the_root_of_its_balance(level):
    found = marginal_expectile(law(), level)
    expected = [expectile_of(asset, level, 4.0) for asset in (0, 1)]
    assert found[0].tolist() == pytest.approx([*expected, 0.0], rel=1e-6, abs=1e-9)


def test_entropic_measure_is_the_integral_of_the_exponential():
    place = np.linspace(-100.0, 100.0, 400_001)
    scaled = np.exp(-5.0 * np.expm1(-0.002 + 0.02 * place)) * stats.t(4).pdf(place)
    value = math.log(integrate.simpson(scaled, x=place)) / 5.0
    assert float(marginal_entropic(law(), 5.0)[0, 1]) == pytest.approx(value, rel=1e-3)
    assert float(marginal_entropic(law(), 5.0)[0, 2]) == 0.0


def test_entropic_measure_of_a_long_position_is_finite_and_below_one_under_any_law():
    assert float(marginal_entropic(law(0.5), 50.0).max()) < 1.0


@pytest.mark.parametrize("order", [0.0, 1.0, 2.0, 2.5])
def test_partial_moments_are_integrals_of_the_density(order):
    begins = (0.001 + 0.01) / 0.01  # in units of the scale
    value = 0.01**order * integrate.quad(lambda z: (z - begins) ** order * stats.t.pdf(z, 4.0), begins, np.inf)[0]
    assert float(marginal_lower_partial_moment(law(), order, 0.01)[0, 0]) == pytest.approx(value, rel=1e-4)


@pytest.mark.parametrize("order", [4.0, 5.0])
def test_a_moment_that_student_t_has_not_is_refused(order):
    with pytest.raises(ValueError, match=f"asset 0 of row 0 has no finite moment of order {order:g}"):
        marginal_lower_partial_moment(law(), order)
    assert float(marginal_lower_partial_moment(normal(), order)[0, 0]) > 0.0


def test_a_law_without_a_mean_has_no_expectile():
    for measure in (marginal_expectile, lambda bad: marginal_spectral(bad, DualPower(2.0))):
        with pytest.raises(ValueError, match="no finite moment of order 1"):
            measure(law(1.0))


def test_wang_transform_of_normal_returns_is_the_mean_and_shift_deviations():
    expected = -LOCATION + 0.8 * SCALE
    torch.testing.assert_close(
        marginal_spectral(normal(), WangTransform(0.8))[:, :2], expected[:, :2], rtol=2e-4, atol=0.0
    )


@pytest.mark.parametrize("spectrum", [ExponentialSpectrum(20.0), DualPower(3.0), SteppedSpectrum((0.9,), (1.0,))])
def test_spectral_measures_are_those_of_a_fine_grid_of_quantiles(spectrum):
    """Cells of equal probability; in the last ones the grid's own error is 1e-3 of the measure."""
    grid = torch.from_numpy(-student_t(0, 8.0).ppf((np.arange(400_000) + 0.5) / 400_000))
    found = float(marginal_spectral(law(8.0), spectrum)[0, 0])
    assert found == pytest.approx(float(spectral(grid, spectrum)), rel=1e-3)


def test_one_step_is_expected_shortfall_by_its_closed_form():
    found = float(marginal_spectral(law(), SteppedSpectrum.of_expected_shortfall(0.99))[0, 0])
    assert found == pytest.approx(-0.001 + 0.01 * 5.220584194, rel=1e-3)


def test_measures_of_a_bent_law_are_those_of_a_fine_grid_of_quantiles():
    bent = JohnsonSUMarginals(LOCATION, SCALE, torch.full((1, 3), 2.5), torch.full((1, 3), 0.1))
    forecast = CopulaForecast(bent, normal_states(), PRESENT)
    probability = ((torch.arange(20_000, dtype=torch.float64) + 0.5) / 20_000)[:, None, None]
    losses = -forecast.icdf(probability)[:, 0, 1]
    for found, expected in (
        (marginal_expectile(forecast, 0.95), expectile(losses, 0.95)),
        (marginal_entropic(forecast, 5.0), entropic(-torch.expm1(-losses), 5.0)),
        (marginal_lower_partial_moment(forecast, 1.0, 0.02), lower_partial_moment(losses, 1.0, 0.02)),
    ):
        assert float(found[0, 1]) == pytest.approx(float(expected), rel=2e-3)


def test_a_mixture_has_the_expectations_of_its_members():
    mixed = MixtureForecast([law(5.0), law(8.0)])
    assert float(marginal_expectile(mixed, 0.95)[0, 1]) == pytest.approx(expectile_of(1, 0.95, 5.0, 8.0), rel=1e-6)
    moment = np.mean([excess_of(1, 0.02, freedom) for freedom in (5.0, 8.0)])
    assert float(marginal_lower_partial_moment(mixed, 1.0, 0.02)[0, 1]) == pytest.approx(moment, rel=1e-6)
    apart = [math.exp(5.0 * float(marginal_entropic(law(freedom), 5.0)[0, 1])) for freedom in (5.0, 8.0)]
    assert float(marginal_entropic(mixed, 5.0)[0, 1]) == pytest.approx(math.log(np.mean(apart)) / 5.0, rel=1e-9)


def normal_states():
    from quantdl.distributions import FactorNormalMixture

    ones = torch.ones(1, 2, dtype=torch.float64)
    return FactorNormalMixture(
        0.0 * ones,
        torch.tensor([0.6, 1.4], dtype=torch.float64),
        -0.1 * ones,
        0.2 * ones,
        torch.ones(1, 3, dtype=torch.float64),
        torch.ones(1, 3, 1, dtype=torch.float64),
    )


def test_measures_have_right_derivatives_by_the_parameters():
    def of(location, scale):
        dependence = FactorStudentT(torch.tensor([5.0]).double(), torch.ones(1, 3, 1).double())
        return CopulaForecast(AffineMarginals(location, scale), dependence, PRESENT)

    given = LOCATION.clone().requires_grad_(), SCALE.clone().requires_grad_()
    for measure in (
        lambda forecast: marginal_expectile(forecast, 0.9),
        lambda forecast: marginal_entropic(forecast, 5.0),
        lambda forecast: marginal_spectral(forecast, DualPower(3.0)),
        lambda forecast: 100.0 * marginal_lower_partial_moment(forecast, 2.0, 0.005),
    ):
        assert torch.autograd.gradcheck(
            lambda *parts, of_law=measure: of_law(of(*parts)), given, rtol=1e-4, fast_mode=True
        )


def test_an_exact_book_is_what_draws_of_log_returns_find_within_their_error():
    weights = torch.tensor([[[0.5, 0.3, 0.0]]], dtype=torch.float64)
    exact = book_value_at_risk(law(), weights), book_expected_shortfall(law(), weights)
    scenarios = Scenarios.of_law(law(), ["A", "B", "C"], 1, 200_000, seed=0)
    losses = -(torch.log1p(scenarios.returns[:, :2]) @ weights[0, 0, :2])
    assert float(exact[0]) == pytest.approx(float(value_at_risk(losses)), rel=0.02)
    assert float(exact[1]) == pytest.approx(float(expected_shortfall(losses)), rel=0.03)


def test_a_book_of_one_asset_is_exact_under_every_law_on_both_sides():
    own = StudentTMarginals(LOCATION, SCALE, torch.full((1, 3), 3.0, dtype=torch.float64))
    bent = CopulaForecast(own, law().dependence, PRESENT)
    weights = torch.tensor([[[0.5, 0.0, 0.0], [0.0, -2.0, 0.0]]], dtype=torch.float64)
    var, shortfall = book_value_at_risk(bent, weights)[0], book_expected_shortfall(bent, weights)[0]
    assert var.tolist() == pytest.approx(
        [0.5 * (-0.001 + 0.01 * 4.540702859), 2.0 * (-0.002 + 0.02 * 4.540702859)], rel=1e-6
    )
    assert shortfall.tolist() == pytest.approx(
        [0.5 * (-0.001 + 0.01 * 7.003082036), 2.0 * (-0.002 + 0.02 * 7.003082036)], rel=1e-6
    )


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ([[[0.5, 0.5, 0.0]]], "no exact law under this CopulaForecast"),
        ([[[0.5, 0.0, 0.1]]], "must be 0 for assets that the law leaves out"),
        ([[0.5, 0.0, 0.1]], r"weights must be \(1, N, 3\)"),
    ],
)
def test_books_that_are_not_exact_or_do_not_fit_are_refused(weights, message):
    own = StudentTMarginals(LOCATION, SCALE, torch.full((1, 3), 3.0, dtype=torch.float64))
    with pytest.raises(ValueError, match=message):
        book_value_at_risk(CopulaForecast(own, law().dependence, PRESENT), torch.tensor(weights))
