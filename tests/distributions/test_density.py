"""Log densities of Student's t, of one variable and of many, against mpmath for every number of degrees of freedom."""

import math

import mpmath as mp
import numpy as np
import pytest
import torch
from hypothesis import given, strategies as st
from scipy import stats

from quantdl.distributions.density import MANY, log_gamma_ratio, multivariate_t_log_density, student_t_log_density
from tests.distributions import exact


@pytest.fixture(autouse=True)
def digits():
    with mp.workdps(80):
        yield


def doubles(values):
    return torch.as_tensor(values, dtype=torch.float64)


@pytest.mark.parametrize("freedom", exact.DEGREES)
def test_value_and_both_gradients_are_those_of_mpmath(freedom):
    values = doubles([*exact.DISTANCES, *(-distance for distance in exact.DISTANCES)]).requires_grad_()
    freedoms = torch.full_like(values, freedom).detach().requires_grad_()
    density = student_t_log_density(values, freedoms)
    in_value, in_freedom = torch.autograd.grad(density.sum(), (values, freedoms))
    for number, value in enumerate(values.tolist()):
        assert exact.error(density[number], exact.log_density(value, freedom)) < 1e-12
        expected = mp.diff(lambda moved: exact.log_density(moved, freedom), mp.mpf(value)) if value else mp.mpf(0)
        assert exact.relative_error(in_value[number], expected) < 1e-12
        expected = exact.slope_in_freedom(exact.log_density, value, freedom)
        assert exact.relative_error(in_freedom[number], expected) < 1e-12


@pytest.mark.parametrize("dimension", [2, 30, 1000])
@pytest.mark.parametrize("freedom", exact.DEGREES)
def test_value_and_gradients_of_many_variables_are_those_of_mpmath(freedom, dimension):
    sizes = doubles([0.1, 0.9, 1.1, 30.0]) * math.sqrt(dimension)
    quadratic, freedoms = sizes.square().requires_grad_(), torch.full((4,), freedom, dtype=torch.float64)
    freedoms.requires_grad_()
    log_determinant = doubles(-2.5).requires_grad_()
    density = multivariate_t_log_density(quadratic, log_determinant, freedoms, torch.tensor(dimension))
    inputs = (quadratic, freedoms, log_determinant)
    in_quadratic, in_freedom, in_determinant = torch.autograd.grad(density.sum(), inputs)
    for number in range(4):
        root = mp.sqrt(mp.mpf(quadratic[number].item()))
        assert exact.error(density[number], exact.log_density(root, freedom, dimension) + 1.25) < 1e-12
        expected = exact.slope_in_freedom(exact.log_density, root, freedom, dimension)
        assert exact.error(in_freedom[number], expected) < 1e-12
        assert exact.relative_error(in_freedom[number], expected) < 1e-11
        slope = mp.diff(lambda moved: exact.log_density(mp.sqrt(moved), freedom, dimension), root**2)
        assert exact.relative_error(in_quadratic[number], slope) < 1e-12
    assert in_determinant.item() == -2.0  # a half for each of four


def test_the_log_density_of_a_hundred_million_degrees_of_freedom_has_all_its_digits():
    """-log(2 pi) / 2 - 1 / (4 df) at the center: the difference of two log gamma functions kept seven digits of it."""
    assert student_t_log_density(doubles(0.0), doubles(1e8)).item() == pytest.approx(-0.918938535704672742, rel=1e-15)


@pytest.mark.parametrize("freedom", [4.0, 40.0, 1e4, 1e12, math.inf])
@pytest.mark.parametrize("value", [0.0, -1.5, 30.0])
def test_single_precision_is_the_exact_value_rounded_once(freedom, value):
    single = torch.tensor(value), torch.tensor(freedom)
    found = student_t_log_density(*single)
    assert found.dtype == torch.float32
    assert found.item() == np.float32(float(exact.log_density(value, freedom)))


@pytest.mark.parametrize("dimension", [1, 5, 1000])
@pytest.mark.parametrize("freedom", [0.1, 2.05, 5.0, 31.5, 200.0, 1e5, 1e9, math.inf])
def test_many_variables_in_single_precision_are_the_exact_value_and_gradients_rounded_once(freedom, dimension):
    quadratic = (torch.tensor([0.05, 1.3, 3.0, 30.0]) * dimension).requires_grad_()
    freedoms = torch.full((4,), freedom).requires_grad_()
    found = multivariate_t_log_density(quadratic, torch.zeros(()), freedoms, torch.tensor(dimension))
    in_quadratic, in_freedom = torch.autograd.grad(found.sum(), (quadratic, freedoms))
    assert found.dtype == in_quadratic.dtype == in_freedom.dtype == torch.float32
    stored = freedoms[0].item()
    for number, square in enumerate(quadratic.tolist()):
        root = mp.sqrt(mp.mpf(square))
        assert found[number].item() == np.float32(float(exact.log_density(root, stored, dimension)))
        expected = exact.slope_in_freedom(exact.log_density, root, stored, dimension)
        assert exact.relative_error(in_freedom[number], expected) < 6e-8 or abs(expected) < 1e-38
        slope = mp.diff(lambda moved: exact.log_density(mp.sqrt(moved), stored, dimension), root**2)
        assert exact.relative_error(in_quadratic[number], slope) < 6e-8


def test_single_precision_gives_a_row_the_same_value_whatever_stands_beside_it():
    freedoms = torch.tensor([5.0, 20.0, 100.0, 1e10, math.inf]).requires_grad_()
    together = multivariate_t_log_density(torch.full((5,), 2.0), torch.zeros(()), freedoms, torch.tensor(3))
    alone = [
        multivariate_t_log_density(torch.tensor(2.0), torch.zeros(()), freedom, torch.tensor(3)).item()
        for freedom in freedoms
    ]
    assert together.tolist() == alone
    together.sum().backward()
    assert torch.isfinite(freedoms.grad).all()


@pytest.mark.parametrize("limit", [8.0, 16.0, 32.0, MANY])
def test_nothing_jumps_where_the_evaluation_changes(limit):
    value = doubles(1.3)
    below, above = (student_t_log_density(value, doubles(freedom)).item() for freedom in (limit * (1.0 - 1e-15), limit))
    assert above == pytest.approx(below, rel=2e-13)


@pytest.mark.parametrize(("freedom", "value", "log_density"), [(4.0, 0.0, -0.9808292530), (3.0, 1e6, -54.0657065042)])
def test_log_density_of_the_published_values(freedom, value, log_density):
    assert student_t_log_density(doubles(value), doubles(freedom)).item() == pytest.approx(log_density, abs=5e-11)


@given(st.floats(1.0, 1000.0), st.floats(-1e6, 1e6))
def test_any_log_density_agrees_with_scipy(freedom, value):
    found = student_t_log_density(doubles(value), doubles(freedom)).item()
    assert found == pytest.approx(stats.t.logpdf(value, freedom), rel=1e-10, abs=1e-10)


@pytest.mark.parametrize("freedom", [0.4, 7.0, 300.0, 1e7])
def test_second_derivatives_follow_from_the_first(freedom):
    values = doubles([-2.0, 0.3, 5.0]).requires_grad_()
    logs = torch.full((3,), math.log(freedom), dtype=torch.float64).requires_grad_()
    assert torch.autograd.gradgradcheck(lambda x, log: student_t_log_density(x, log.exp()), (values, logs), atol=1e-6)


def test_nan_in_gives_nan_out():
    nan, one = doubles(math.nan), doubles(1.0)
    assert math.isnan(student_t_log_density(nan, one).item()) and math.isnan(student_t_log_density(one, nan).item())


@pytest.mark.parametrize("start", [100.0, 1e3, 1e8, 1e15])
@pytest.mark.parametrize("step", [0.5, 5.0, 500.0])
def test_the_ratio_of_gamma_functions_is_that_of_mpmath(start, step):
    z, h = mp.mpf(start), mp.mpf(step)
    expected = mp.loggamma(z + h) - mp.loggamma(z) - h * mp.log(z)
    assert exact.relative_error(log_gamma_ratio(doubles(start), doubles(step)), expected) < 1e-12
