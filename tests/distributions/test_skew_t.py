"""Skewed Student-t margins against arch, scipy's quadrature and finite differences."""

import numpy as np
import pytest
import torch
from arch.univariate import SkewStudent
from scipy import integrate, stats

from quantdl.distributions import SkewStudentTMarginals, StudentTLaw, StudentTMarginals, skew_t_mode_and_scale
from quantdl.distributions.skew_t import half_mean, skew_t_downside_share, skew_t_unit_log_density

SHAPES = [(2.2, 0.0), (4.0, -0.3), (8.0, 0.5), (30.0, -0.1), (5.0, 0.9)]
RETURNS = np.array([-60.0, -5.0, -1.0, -0.3, 0.0, 0.2, 1.0, 4.0, 60.0])
ROW = 6.0  # degrees of freedom of the standard variable
shapes = pytest.mark.parametrize(("freedom", "skewness"), SHAPES)


def law_of(freedom, skewness, mean=0.0, deviation=1.0, cells=9):
    columns = [torch.full((cells, 1), value, dtype=torch.float64) for value in (mean, deviation, freedom, skewness)]
    mode, scale = skew_t_mode_and_scale(*columns)
    return SkewStudentTMarginals(mode, scale, columns[2], columns[3])


def rows(law):
    return StudentTLaw(torch.full((len(law.mode), 1), ROW, dtype=torch.float64))


@shapes
def test_probabilities_quantiles_and_densities_are_archs(freedom, skewness):
    law, values, theirs = law_of(freedom, skewness), torch.from_numpy(RETURNS)[:, None], SkewStudent()
    found = law.cdf(values, rows(law))[:, 0].numpy()
    np.testing.assert_allclose(found, theirs.cdf(RETURNS, [freedom, skewness]), rtol=1e-9, atol=1e-14)
    probabilities = np.array([1e-6, 0.01, 0.2, 0.5, 0.7, 0.95, 0.999, 1e-3, 0.4])
    quantiles = law.icdf(torch.from_numpy(probabilities)[:, None], rows(law))[:, 0].numpy()
    np.testing.assert_allclose(quantiles, theirs.ppf(probabilities, [freedom, skewness]), rtol=1e-8)
    standard, log_slope = law.to_standard(values, rows(law))
    density = stats.t.logpdf(standard[:, 0].numpy(), ROW) + log_slope[:, 0].numpy()
    ones = np.ones_like(RETURNS)
    expected = theirs.loglikelihood(np.array([freedom, skewness]), RETURNS, ones, individual=True)
    np.testing.assert_allclose(density, expected, rtol=1e-9)
    np.testing.assert_allclose(skew_t_unit_log_density(RETURNS, freedom, skewness), expected, rtol=1e-9)


@shapes
def test_the_law_has_the_mean_and_the_deviation_it_was_made_for(freedom, skewness):
    """Over the quantiles, in a place that tames their growth at both ends; slow convergence is left at 2.2."""
    law = law_of(freedom, skewness, mean=0.3, deviation=0.02, cells=1)
    expected = law.mean(rows(law)).item()
    assert expected == pytest.approx(0.3, abs=1e-12)
    if freedom > 3.0:
        density = lambda y: float(np.exp(skew_t_unit_log_density(np.array([y]), freedom, skewness))[0])  # noqa: E731
        first, second = (
            sum(
                integrate.quad(lambda y, k=k: y**k * density(y), *side, limit=200)[0]
                for side in ((-np.inf, 0), (0, np.inf))
            )
            for k in (1, 2)
        )
        assert first == pytest.approx(0.0, abs=1e-6)
        assert second == pytest.approx(1.0, rel=1e-5)


@shapes
def test_logs_of_both_tails_keep_their_digits_far_out(freedom, skewness):
    """Beyond the mode by d the tail is (1 -+ lambda) T(-d / (1 -+ lambda)), here by scipy."""
    law = law_of(freedom, skewness, cells=1)
    mode, scale = law.mode.item(), law.scale.item()
    for distance in (5.0, 1e3, 1e8):
        for sign, log_tail in ((-1.0, law.log_cdf), (1.0, law.log_survival)):
            share = 1.0 + sign * skewness
            expected = np.log(share) + stats.t.logsf(distance / share, freedom)
            at = torch.tensor([[mode + sign * scale * distance]], dtype=torch.float64)
            assert log_tail(at, rows(law)).item() == pytest.approx(expected, rel=1e-7)
    below = law.log_cdf(law.mode, rows(law)).exp().item()
    assert below == pytest.approx(0.5 * (1.0 - skewness), rel=1e-12)


@shapes
def test_the_map_to_the_standard_variable_and_back_is_the_identity(freedom, skewness):
    law, values = law_of(freedom, skewness), torch.from_numpy(RETURNS)[:, None]
    standard, _ = law.to_standard(values, rows(law))
    torch.testing.assert_close(law.from_standard(standard, rows(law)), values, rtol=1e-9, atol=1e-12)
    with torch.no_grad():  # by scipy
        torch.testing.assert_close(law.from_standard(standard, rows(law)), values, rtol=1e-7, atol=1e-9)


@shapes
def test_the_score_is_the_integral_of_the_squared_error_of_the_probability(freedom, skewness):
    law, theirs = law_of(freedom, skewness), SkewStudent()
    found = law.crps(torch.from_numpy(RETURNS)[:, None], rows(law))[:, 0].numpy()
    place = np.linspace(-12.0, 12.0, 6_001)  # the line is its sinh
    for value, score in zip(RETURNS[1::3], found[1::3], strict=True):
        parts = []
        for low, high, passed in ((-12.0, np.arcsinh(value), 0.0), (np.arcsinh(value), 12.0, 1.0)):
            grid = low + (high - low) * (place + 12.0) / 24.0
            wrong = theirs.cdf(np.sinh(grid), [freedom, skewness]) - passed
            parts.append(np.trapezoid(wrong**2 * np.cosh(grid), grid))
        assert score == pytest.approx(sum(parts), rel=3e-4)


def test_without_skewness_it_is_students_law():
    law = law_of(5.0, 0.0, mean=1e-3, deviation=0.02)
    plain = StudentTMarginals(law.mode, law.scale, law.own_degrees_of_freedom)
    values = 0.02 * torch.from_numpy(RETURNS)[:, None]
    for name in ("cdf", "log_cdf", "log_survival", "crps"):
        torch.testing.assert_close(getattr(law, name)(values, rows(law)), getattr(plain, name)(values, rows(law)))
    torch.testing.assert_close(
        law.icdf(torch.tensor(0.01).double(), rows(law)), plain.icdf(torch.tensor(0.01), rows(law))
    )


def outputs_of(parameters, values):
    """Every function of the law, (outputs, values)."""
    law = SkewStudentTMarginals(*parameters)
    standard, log_slope = law.to_standard(values, rows(law))
    tails = law.log_cdf(values, rows(law)), law.log_survival(values, rows(law)), law.cdf(values, rows(law))
    back = law.from_standard(0.3 * values, rows(law)), law.icdf(torch.tensor(0.03).double(), rows(law))
    return torch.cat([standard, log_slope, *tails, *back, law.crps(values, rows(law)), law.mean(rows(law))], 1)


@pytest.mark.parametrize(("freedom", "skewness"), [(4.0, -0.3), (8.0, 0.0)])
def test_gradients_are_those_of_finite_differences(freedom, skewness):
    """In one direction of all parameters at once, at places left, at and right of the mode."""
    values = torch.tensor([[-2.0], [0.1], [1.5]], dtype=torch.float64)
    start = torch.tensor([0.1, 0.7, freedom, skewness], dtype=torch.float64)[:, None, None].expand(-1, 3, 1)
    direction = torch.tensor([0.3, -0.4, 0.8, 0.2], dtype=torch.float64)[:, None, None]
    weights = torch.randn((3, 9), generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    parameters = start.clone().requires_grad_()
    (gradient,) = torch.autograd.grad((weights * outputs_of(parameters, values)).sum(), parameters)
    with torch.enable_grad():  # so that both ways are computed alike
        ahead, behind = (outputs_of(start + step * direction, values) for step in (1e-6, -1e-6))
    expected = (weights * (ahead - behind)).sum().item() / 2e-6
    assert (gradient * direction).sum().item() == pytest.approx(expected, rel=1e-6)


@shapes
def test_the_downside_share_is_archs_partial_moment(freedom, skewness):
    expected = SkewStudent().partial_moment(2, 0.0, np.array([freedom, skewness]))
    assert skew_t_downside_share(freedom, skewness) == pytest.approx(expected, rel=1e-8)


@pytest.mark.parametrize("freedom", [1.5, 4.0, 1000.0])
def test_the_half_mean_is_an_integral(freedom):
    expected, _ = integrate.quad(lambda w: w * stats.t.pdf(w, freedom), 0.0, np.inf, limit=500)
    assert half_mean(torch.tensor(freedom)).item() == pytest.approx(expected, rel=1e-5)


def test_rows_and_assets_pick_parameters():
    law = law_of(4.0, -0.3)
    wide = SkewStudentTMarginals(
        *(torch.cat([value, 2.0 * value], 1) for value in (law.mode, law.scale, law.scale, law.skewness))
    )
    picked = wide.rows(slice(2, 4)).assets(torch.tensor([1]))
    torch.testing.assert_close(picked.mode, 2.0 * law.mode[2:4])
    torch.testing.assert_close(picked.skewness, 2.0 * law.skewness[2:4])
    assert picked.to("cpu").scale.shape == (2, 1)


def test_the_variance_is_that_of_the_standardised_law():
    """Hansen's law is parametrised to mean 0 and variance 1, which `skew_t_mode_and_scale` undoes."""
    mean = torch.full((1, 3), 0.001, dtype=torch.float64)
    deviation = torch.tensor([[0.01, 0.02, 0.5]], dtype=torch.float64)
    freedom = torch.tensor([[2.3, 5.0, 40.0]], dtype=torch.float64)
    skewness = torch.tensor([[-0.4, 0.0, 0.6]], dtype=torch.float64)
    law = SkewStudentTMarginals(*skew_t_mode_and_scale(mean, deviation, freedom, skewness), freedom, skewness)
    torch.testing.assert_close(law.variance(torch.tensor([5.0])), deviation.square())
