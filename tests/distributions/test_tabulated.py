"""Many values of one map are read off a table, as they would have been computed one by one."""

import math

import pytest
import torch
from scipy import stats

from quantdl.distributions.base_law import StudentTLaw
from quantdl.distributions.marginals import StudentTMarginals
from quantdl.distributions.tabulated import INTERVALS, read_off_a_table, worth_a_table

MANY = 8 * INTERVALS
OWN = (2.1, 3.0, 4.0, 7.5, 50.0)


def doubled_power(values):
    """An odd power, 2 sign(z) |z|^1.5 far out and 2 z near zero, and the log of its slope."""
    square = values.square()
    slope = math.log(2.0) + 0.25 * torch.log1p(square) + torch.log1p(0.5 * square / (1.0 + square))
    return 2.0 * values * (1.0 + square) ** 0.25, slope


def test_a_map_with_a_known_slope_is_read_to_eight_digits():
    values = torch.linspace(-900.0, 900.0, MANY, dtype=torch.float64).reshape(-1, 1)
    values = torch.cat([values, torch.linspace(-3.0, 3.0, MANY, dtype=torch.float64).reshape(-1, 1)])
    found = read_off_a_table(doubled_power, values)
    torch.testing.assert_close(found, doubled_power(values)[0], rtol=2e-8, atol=1e-10)


def test_values_beyond_the_table_are_computed():
    values = torch.full((MANY, 2), 1e5, dtype=torch.float64)
    values[1:] = 0.5
    found = read_off_a_table(doubled_power, values)
    torch.testing.assert_close(found[0], doubled_power(values[0])[0], rtol=1e-14, atol=0.0)


def test_a_value_is_mapped_alike_whatever_stands_beside_it():
    values = torch.linspace(-5.0, 5.0, 2 * MANY, dtype=torch.float64).reshape(-1, 1)
    whole = read_off_a_table(doubled_power, values)
    assert torch.equal(read_off_a_table(doubled_power, values[MANY:]), whole[MANY:])


def test_a_table_is_worth_it_for_more_values_than_it_has_nodes():
    assert not worth_a_table(INTERVALS)
    assert worth_a_table(MANY)


@pytest.mark.parametrize("degrees", [2.5, 6.0, 200.0])
def test_draws_of_student_t_margins_are_the_quantiles_of_their_probabilities(degrees):
    """Against scipy's quantile of scipy's probability, draw by draw."""
    generator = torch.Generator().manual_seed(5)
    normal = torch.randn((MANY, 1, len(OWN)), generator=generator, dtype=torch.float64)
    draws = normal * (1.0 + normal[..., :1].square())  # some far out
    own = torch.tensor([OWN], dtype=torch.float64)
    margins = StudentTMarginals(torch.zeros_like(own), torch.ones_like(own), own)
    base = StudentTLaw(torch.tensor([[degrees]], dtype=torch.float64))
    with torch.no_grad():
        found = margins.from_standard(draws, base)
    tail = stats.t(degrees).cdf(-draws.abs().numpy())
    expected = torch.from_numpy(stats.t(OWN).ppf(tail)) * -draws.sign()
    plain = torch.from_numpy(tail > 1e-12)
    torch.testing.assert_close(found[plain], expected[plain], rtol=5e-7, atol=1e-8)


def test_what_is_not_a_number_stays_so_and_infinity_is_mapped():
    values = torch.zeros((MANY, 1), dtype=torch.float64)
    values[0], values[1] = torch.nan, torch.inf
    found = read_off_a_table(doubled_power, values)
    assert bool(found[0].isnan()) and bool(found[1].isinf()) and bool((found[2:] == 0.0).all())


def test_a_value_far_out_is_computed_beside_one_that_is_no_number():
    values = torch.zeros((MANY, 2), dtype=torch.float64)
    values[0] = torch.tensor([torch.nan, 5000.0])
    found = read_off_a_table(doubled_power, values)
    torch.testing.assert_close(found[0, 1], doubled_power(values[0])[0][1], rtol=1e-14, atol=0.0)


@pytest.mark.parametrize(("own", "within"), [(1.0, 1e-7), (2.0, 2e-8), (4.0, 3e-7), (30.0, 2e-8)])
def test_draws_are_as_near_to_those_computed_one_by_one_as_is_stated(own, within):
    """At 4 degrees of freedom scipy's own quantiles, which the nodes are, differ by 2e-7 between neighbours."""
    base = StudentTLaw(torch.tensor([[1e4]], dtype=torch.float64))
    one = torch.full((1, 1), own, dtype=torch.float64)
    margins = StudentTMarginals(torch.zeros_like(one), torch.ones_like(one), one)
    draws = torch.linspace(-6.0, 6.0, 2 * MANY, dtype=torch.float64).reshape(-1, 1, 1)
    with torch.no_grad():
        many = margins.from_standard(draws, base)
        few = torch.cat([margins.from_standard(part, base) for part in draws.split(1000)])
    torch.testing.assert_close(many, few, rtol=within, atol=1e-10)
