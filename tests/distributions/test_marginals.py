"""The monotone maps between standard variables and returns."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings, strategies as st
from scipy import stats

from quantdl.distributions import (
    AffineMarginals,
    StudentTLaw,
    StudentTMarginals,
    cdf_by_transport,
    icdf_by_transport,
)

few = settings(max_examples=20)
ROW_FREEDOM = torch.tensor([3.5, 12.0], dtype=torch.float64)
BASE = StudentTLaw(ROW_FREEDOM[:, None])
LOCATION = torch.tensor([[0.001, -0.002, 0.0], [0.0, 0.0005, 0.003]], dtype=torch.float64)
SCALE = torch.tensor([[0.01, 0.02, 0.005], [0.03, 0.0001, 0.01]], dtype=torch.float64)
OWN_FREEDOM = torch.tensor([[3.5, 2.2, 60.0], [5.0, 12.0, 2.05]], dtype=torch.float64)
MAPS = [AffineMarginals(LOCATION, SCALE), StudentTMarginals(LOCATION, SCALE, OWN_FREEDOM)]
both_maps = pytest.mark.parametrize("marginals", MAPS, ids=["affine", "student_t"])


def returns_in_scales(multiple: float) -> torch.Tensor:
    return LOCATION + SCALE * multiple


@both_maps
@few
@given(multiple=st.floats(-50.0, 50.0))
def test_to_standard_and_back_is_the_identity(marginals, multiple):
    standard, _ = marginals.to_standard(returns_in_scales(multiple), BASE)
    back = marginals.from_standard(standard, BASE)
    np.testing.assert_allclose(back, returns_in_scales(multiple), rtol=1e-9, atol=1e-12)


@both_maps
@few
@given(multiple=st.floats(-20.0, 20.0).filter(lambda size: abs(size) > 1e-3))
def test_log_slope_is_the_log_of_the_derivative(marginals, multiple):
    value = returns_in_scales(multiple).requires_grad_()
    standard, log_slope = marginals.to_standard(value, BASE)
    (slope,) = torch.autograd.grad(standard.sum(), value)
    np.testing.assert_allclose(log_slope.detach(), slope.log(), atol=1e-8)


@both_maps
def test_the_maps_increase(marginals):
    grid = torch.linspace(-30.0, 30.0, 301, dtype=torch.float64)[:, None, None] * torch.ones(2, 3)
    assert (marginals.from_standard(grid, BASE).diff(dim=0) > 0).all()


@few
@given(multiple=st.floats(-100.0, 100.0))
def test_own_law_and_standard_law_give_a_return_the_same_probability(multiple):
    standard, _ = MAPS[1].to_standard(returns_in_scales(multiple), BASE)
    row = np.broadcast_to(ROW_FREEDOM.numpy()[:, None], (2, 3))
    side = -np.sign(multiple) or 1.0  # compare in the tail, where a probability has digits
    expected = stats.t.logcdf(side * multiple, OWN_FREEDOM.numpy())
    np.testing.assert_allclose(stats.t.logcdf(side * standard.numpy(), row), expected, rtol=1e-9)


def test_equal_degrees_of_freedom_make_the_map_affine():
    equal = StudentTMarginals(LOCATION, SCALE, ROW_FREEDOM[:, None].expand(2, 3))
    standard, log_slope = equal.to_standard(returns_in_scales(-7.0), BASE)
    np.testing.assert_allclose(standard, -7.0, rtol=1e-12)
    np.testing.assert_allclose(log_slope, -SCALE.log(), rtol=1e-12)


def test_gradients_reach_every_parameter_exactly():
    names = (LOCATION, SCALE, OWN_FREEDOM, ROW_FREEDOM)
    parameters = [value.clone().requires_grad_() for value in names]
    value = returns_in_scales(-2.5)

    def mapped(location, scale, own, row):
        base = StudentTLaw(row[:, None])
        standard, log_slope = StudentTMarginals(location, scale, own).to_standard(value, base)
        return standard, log_slope

    assert torch.autograd.gradcheck(mapped, parameters, eps=1e-7, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("multiple", [-1e6, -1e3, 0.0, 1e3, 1e6])
def test_a_crash_beyond_all_experience_stays_finite(multiple):
    standard, log_slope = MAPS[1].to_standard(returns_in_scales(multiple), BASE)
    assert torch.isfinite(standard).all() and torch.isfinite(log_slope).all()


@both_maps
def test_rows_and_assets_select_parameters(marginals):
    value = returns_in_scales(1.5)
    standard, _ = marginals.to_standard(value, BASE)
    row, _ = marginals.rows(slice(1, 2)).to_standard(value[1:], StudentTLaw(ROW_FREEDOM[1:, None]))
    picked, _ = marginals.assets(torch.tensor([2, 0])).to_standard(value[:, [2, 0]], BASE)
    assert torch.equal(row, standard[1:]) and torch.equal(picked, standard[:, [2, 0]])


def test_single_precision_stays_single():
    single = StudentTMarginals(LOCATION.float(), SCALE.float(), OWN_FREEDOM.float())
    standard, log_slope = single.to_standard(returns_in_scales(1.0).float(), StudentTLaw(ROW_FREEDOM[:, None].float()))
    assert standard.dtype == log_slope.dtype == torch.float32
    assert single.from_standard(standard, StudentTLaw(ROW_FREEDOM[:, None].float())).dtype == torch.float32


@pytest.mark.parametrize("multiple", [-30.0, -2.0, 0.1, 4.0])
def test_cdf_is_that_of_each_assets_own_law_by_either_way(multiple):
    value, expected = returns_in_scales(multiple), stats.t.cdf(multiple, OWN_FREEDOM.numpy())
    np.testing.assert_allclose(MAPS[1].cdf(value, BASE), expected, rtol=1e-9)
    np.testing.assert_allclose(cdf_by_transport(MAPS[1], value, BASE), expected, rtol=1e-9)


@both_maps
def test_quantiles_are_those_of_each_assets_own_law_by_either_way(marginals):
    levels = torch.tensor([1e-6, 0.05, 0.5, 0.99], dtype=torch.float64)[:, None, None]
    own = OWN_FREEDOM if isinstance(marginals, StudentTMarginals) else ROW_FREEDOM[:, None]
    expected = stats.t.ppf(levels.numpy(), own.numpy(), LOCATION.numpy(), SCALE.numpy())
    for found in (marginals.icdf(levels, BASE), icdf_by_transport(marginals, levels, BASE)):
        np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-15)
