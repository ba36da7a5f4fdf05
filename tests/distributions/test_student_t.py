"""Student-t cdf and quantile against closed forms, scipy and published values."""

import math

import mpmath as mp
import numpy as np
import pytest
import torch
from scipy import stats

from quantdl.distributions import (
    exact_probability,
    student_t_cdf,
    student_t_icdf,
    student_t_log_cdf,
    student_t_log_density,
)
from tests.distributions import exact

DEGREES = [1.0, 1.5, 2.0, 2.05, 3.0, 4.0, 7.3, 10.0, 30.0, 100.0, 300.0, 1000.0]
MANY = np.concatenate([DEGREES, 10.0 ** np.random.default_rng(0).uniform(0.0, 3.0, 24)])[:, None]  # in one call


def doubles(values):
    return torch.as_tensor(values, dtype=torch.float64)


def lower_tail_in_closed_form(distance: np.ndarray, freedom: int) -> np.ndarray:
    """P(T < -distance), written without the cancellation of 1 - F."""
    if freedom == 1:
        return np.arctan2(1.0, distance) / np.pi
    hypotenuse = np.sqrt(freedom + distance**2)
    gap = freedom / (hypotenuse * (hypotenuse + distance))  # 1 - distance / hypotenuse
    return gap / 2.0 if freedom == 2 else gap**2 * (3.0 - gap) / 4.0


def quantile_in_closed_form(tail: np.ndarray, freedom: int) -> np.ndarray:
    """The distance whose lower tail is ``tail`` (Shaw, 2006, Sampling Student's t distribution)."""
    if freedom == 1:
        return 1.0 / np.tan(np.pi * tail)
    alpha = 4.0 * tail * (1.0 - tail)
    if freedom == 2:
        return (1.0 - 2.0 * tail) * np.sqrt(2.0 / alpha)
    return 2.0 * np.sqrt(np.cos(np.arccos(np.sqrt(alpha)) / 3.0) / np.sqrt(alpha) - 1.0)


@pytest.mark.parametrize("freedom", [1, 2, 4])
def test_lower_tail_keeps_its_relative_accuracy_down_to_1e_minus_100(freedom):
    distance = np.concatenate([np.linspace(0.0, 10.0, 400), np.logspace(-300.0, 100.0 / freedom, 800)])
    expected = lower_tail_in_closed_form(distance, freedom)
    assert expected.min() < 1e-99
    np.testing.assert_allclose(student_t_cdf(doubles(-distance), doubles(freedom)), expected, rtol=1e-12)


@pytest.mark.parametrize("freedom", [1, 2, 4])
def test_quantiles_keep_their_relative_accuracy_down_to_1e_minus_100(freedom):
    tail = np.logspace(-100.0, np.log10(0.45), 500)
    expected = quantile_in_closed_form(tail, freedom)
    np.testing.assert_allclose(student_t_icdf(doubles(tail), doubles(freedom)), -expected, rtol=1e-12)


@pytest.mark.parametrize("freedom", DEGREES)
def test_cdf_agrees_with_scipy(freedom):
    values = np.linspace(-30.0, 30.0, 601)
    expected = stats.t.cdf(values, freedom)
    np.testing.assert_allclose(student_t_cdf(doubles(values), doubles(freedom)), expected, rtol=2e-12)


@pytest.mark.parametrize("freedom", DEGREES)
def test_quantiles_agree_with_scipy(freedom):
    probabilities = np.concatenate([np.logspace(-100.0, -0.302, 100), 1.0 - np.logspace(-14.0, -0.302, 50)])
    expected = stats.t.ppf(probabilities, freedom)
    found = student_t_icdf(doubles(probabilities), doubles(freedom))
    np.testing.assert_allclose(found, expected, rtol=1e-11)


def test_quantile_inverts_cdf():
    tail, freedom = torch.logspace(-100.0, math.log10(0.5), 60, dtype=torch.float64), doubles(MANY)
    back = student_t_cdf(student_t_icdf(tail, freedom), freedom)
    np.testing.assert_allclose(back, tail.expand_as(back), rtol=1e-10)


def test_both_functions_are_symmetric():
    freedom = doubles(MANY)
    values, probabilities = doubles(np.linspace(0.0, 9.0, 50)), doubles(np.arange(1, 33) / 64.0)  # 1 - p is exact
    total = student_t_cdf(values, freedom) + student_t_cdf(-values, freedom)
    np.testing.assert_allclose(total, 1.0, rtol=1e-15)
    below, above = (student_t_icdf(p, freedom) for p in (probabilities, 1.0 - probabilities))
    assert torch.equal(below, -above)


@pytest.mark.parametrize(
    ("freedom", "level", "quantile"),
    [(3, 0.99, 4.540702859), (4, 0.975, 2.776445105), (4, 0.99, 3.746947388), (5, 0.99, 3.364929999)]
    + [(10, 0.99, 2.763769458)],
)
def test_quantiles_of_the_published_tables(freedom, level, quantile):
    assert student_t_icdf(doubles(level), doubles(freedom)).item() == pytest.approx(quantile, abs=5e-10)


@pytest.mark.parametrize(("freedom", "distance", "tail", "slope"), exact.TAILS)
def test_probability_and_both_gradients_are_those_of_mpmath_for_every_degree_of_freedom(freedom, distance, tail, slope):
    with mp.workdps(40):
        density = float(mp.exp(exact.log_density(distance, freedom)))
    for side in (-1.0, 1.0):
        value, freedoms = doubles(side * distance).requires_grad_(), doubles(freedom).requires_grad_()
        probability = student_t_cdf(value, freedoms)
        probability.backward()
        expected = tail if side < 0 else 1.0 - tail
        assert probability.item() == pytest.approx(expected, rel=1e-12)
        assert value.grad.item() == pytest.approx(density, rel=1e-12)
        assert freedoms.grad.item() == pytest.approx(-side * slope, rel=1e-12, abs=1e-300)


@pytest.mark.parametrize(("freedom", "distance", "tail", "slope"), exact.TAILS)
def test_quantile_and_both_gradients_are_those_of_mpmath_for_every_degree_of_freedom(freedom, distance, tail, slope):
    with mp.workdps(40):
        density = mp.exp(exact.log_density(distance, freedom))
    probability, freedoms = doubles(tail).requires_grad_(), doubles(freedom).requires_grad_()
    quantile = student_t_icdf(probability, freedoms)
    quantile.backward()
    rounding = 1e-16 * tail / float(density)  # of the tail, which is given to the nearest double
    assert quantile.item() == pytest.approx(-distance, rel=1e-12, abs=1e-12 + rounding)
    assert quantile.item() == pytest.approx(-distance, rel=1e-12 + rounding / distance)
    assert probability.grad.item() == pytest.approx(float(1 / density), rel=1e-12)
    assert freedoms.grad.item() == pytest.approx(float(-slope / density), rel=1e-12, abs=1e-300)


@pytest.mark.parametrize(("dtype", "digits"), [(torch.float32, 2e-7), (torch.float64, 1e-13)])
def test_infinitely_many_degrees_of_freedom_are_the_normal_law(dtype, digits):
    values = torch.tensor([-8.0, -1.0, 0.0, 0.3, 5.0], dtype=dtype)
    infinite = torch.tensor(math.inf, dtype=dtype)
    np.testing.assert_allclose(student_t_cdf(values, infinite), stats.norm.cdf(values), rtol=digits)
    tails = torch.tensor([1e-30, 0.01, 0.5, 0.75], dtype=dtype)
    expected = stats.norm.ppf(tails.double().numpy())
    np.testing.assert_allclose(student_t_icdf(tails, infinite), expected, rtol=digits)


@pytest.mark.parametrize("distance", [0.5, 1.0, 5.0, 20.0])
def test_nothing_jumps_where_the_evaluation_changes(distance):
    below, above = (student_t_cdf(doubles(-distance), doubles(df)).item() for df in (200.0 * (1.0 - 1e-15), 200.0))
    assert above == pytest.approx(below, rel=1e-12)


@pytest.mark.parametrize(
    ("function", "points"),
    [
        (student_t_cdf, [-40.0, -1.2, -1e-3, 2.0]),
        (lambda logit, freedom: student_t_icdf(logit.sigmoid(), freedom), [-18.0, -2.3, -2.0, 0.4, 7.0]),
    ],
    ids=["cdf", "quantile"],
)
def test_gradients_are_exact_in_both_arguments(function, points):
    """Central differences; a value depends on its own arguments alone, so that all are moved at once."""
    point, log_df = torch.meshgrid(doubles(points), doubles([1.0, 2.0, 4.5, 200.0]).log(), indexing="ij")
    arguments, step = (point.clone().requires_grad_(), log_df.clone().requires_grad_()), 1e-5
    found = torch.autograd.grad(function(arguments[0], arguments[1].exp()).sum(), arguments)
    for number, gradient in enumerate(found):
        moved = [[x + side * step * (n == number) for n, x in enumerate((point, log_df))] for side in (-1.0, 1.0)]
        below, above = (function(x, log_freedom.exp()) for x, log_freedom in moved)
        np.testing.assert_allclose(gradient, (above - below) / (2.0 * step), rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("freedom", [1.0, 3.0, 20.0, 500.0])
def test_gradient_in_the_degrees_of_freedom_is_that_of_scipy(freedom):
    values, step = np.array([-12.0, -3.0, -0.5, 1.0, 4.0]), 1e-4 * freedom
    expected = (stats.t.cdf(values, freedom + step) - stats.t.cdf(values, freedom - step)) / (2.0 * step)
    freedoms = doubles([freedom] * 5).requires_grad_()
    student_t_cdf(doubles(values), freedoms).sum().backward()
    np.testing.assert_allclose(freedoms.grad, expected, rtol=1e-6, atol=1e-12)


def test_gradients_far_in_the_tail_are_finite_and_exact():
    value, freedom = doubles(-1e20).requires_grad_(), doubles(4.0).requires_grad_()
    torch.log(student_t_cdf(value, freedom)).backward()
    assert value.grad.item() == pytest.approx(4.0 / 1e20, rel=1e-9)  # the tail falls like |t|**-df
    # log P = log c(df) - df log |t|, and only c is left to difference:
    log_constant = [student_t_log_density(doubles(0.0), doubles(df)).item() for df in (4.0 - 1e-5, 4.0 + 1e-5)]
    powers = [0.5 * (df - 1.0) * math.log(df) for df in (4.0 - 1e-5, 4.0 + 1e-5)]
    slope = (log_constant[1] - log_constant[0] + powers[1] - powers[0]) / 2e-5
    assert freedom.grad.item() == pytest.approx(slope - math.log(1e20), rel=1e-8)


@pytest.mark.parametrize("freedom", [1.0, 4.0, 1000.0])
def test_the_ends_are_infinite_and_have_no_probability_beyond_them(freedom):
    ends = student_t_icdf(doubles([0.0, 1.0]), doubles(freedom))
    assert ends.tolist() == [-math.inf, math.inf]
    assert student_t_cdf(ends, doubles(freedom)).tolist() == [0.0, 1.0]


def test_the_middle_is_exact():
    assert student_t_cdf(doubles(0.0), doubles(3.0)).item() == 0.5
    assert student_t_icdf(doubles(0.5), doubles(3.0)).item() == 0.0


@pytest.mark.parametrize("probability", [-0.1, 1.1, math.nan])
def test_what_is_no_probability_has_no_quantile(probability):
    assert math.isnan(student_t_icdf(doubles(probability), doubles(3.0)).item())


def test_nan_in_gives_nan_out():
    assert math.isnan(student_t_cdf(doubles(math.nan), doubles(3.0)).item())


def test_a_masked_infinite_quantile_leaves_the_gradients_of_others_alone():
    probability, freedom = doubles([0.0, 0.3, 1.0]).requires_grad_(), doubles([5.0] * 3).requires_grad_()
    quantile = student_t_icdf(probability, freedom)
    torch.where(doubles([0.0, 1.0, 0.0]) > 0, quantile, 0.0).sum().backward()
    assert probability.grad.tolist() == [0.0, pytest.approx(1.0 / stats.t.pdf(stats.t.ppf(0.3, 5), 5)), 0.0]
    assert torch.isfinite(freedom.grad).all()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_result_is_float64_and_the_gradient_of_the_dtype_of_its_argument(dtype):
    value = torch.tensor([-2.0, 0.5], dtype=dtype, requires_grad=True)
    freedom = torch.tensor(4.0, dtype=dtype)
    probability = student_t_cdf(value, freedom)
    assert probability.dtype == student_t_log_cdf(value, freedom).dtype == torch.float64
    assert student_t_icdf(probability, freedom).dtype == torch.float64
    probability.sum().backward()
    assert value.grad.dtype == dtype


def test_single_precision_loses_nothing():
    value = torch.tensor([-8.5, -1.25, 0.75, 3.0])
    expected = stats.t.cdf(value.double().numpy(), 4.0)
    np.testing.assert_allclose(student_t_cdf(value, torch.tensor(4.0)), expected, rtol=1e-13)


@pytest.mark.parametrize("freedom", [torch.tensor(8.0), torch.tensor(8.0, dtype=torch.float64)])
@pytest.mark.parametrize(("tail", "published"), [(1e-8, 0.2189), (3e-8, 0.1904)])
def test_the_quantile_of_a_hundred_million_to_one_is_that_of_scipy(freedom, tail, published):
    """At 1 - tail, the nearest float64 of which differs from it by up to 6e-17: nine digits of the tail are left."""
    found = 0.01 * student_t_icdf(1.0 - tail, freedom).item()
    assert found == pytest.approx(0.01 * stats.t.isf(tail, 8), rel=1e-8)
    assert round(found, 4) == published


def test_a_probability_of_one_is_refused_where_its_type_cannot_tell_it_from_less():
    freedom = torch.tensor(8.0, dtype=torch.float64)
    with pytest.raises(ValueError, match=r"1\.0 came in float32.* pass the Python number, law\.icdf\(1 - 1e-8\)"):
        student_t_icdf(torch.tensor(1.0 - 1e-8), freedom)
    with pytest.raises(ValueError, match=r"1\.0 came in int64"):
        student_t_icdf(torch.tensor([0, 1]), freedom)
    assert student_t_icdf(torch.tensor(1.0, dtype=torch.float64), freedom).item() == math.inf
    assert exact_probability(0.1, torch.device("cpu")).item() == 0.1


def test_every_other_probability_in_single_precision_has_the_quantile_of_the_number_it_holds():
    """Uniform draws are below 1: the largest float32 there is 1 - 2**-24, the next one 1 - 2**-23."""
    drawn = torch.tensor([1e-30, 0.3, 0.975, 0.99995, 1 - 2**-23, 1 - 2**-24])
    found = student_t_icdf(drawn, torch.tensor(8.0))
    held = drawn.double().numpy()
    expected = np.where(held < 0.5, stats.t.ppf(held, 8), stats.t.isf(1.0 - held, 8))  # 1 - held is exact
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-8)
    uniform = torch.rand(100_000, generator=torch.Generator().manual_seed(1))
    highest = uniform[uniform > 0.999]
    assert highest.max() > 0.9999 and torch.isfinite(student_t_icdf(highest, torch.tensor(8.0))).all()


@pytest.mark.parametrize("value", [-1e300, -1e100, -1e5, 1e5, 1e100, 1e300])
def test_no_finite_value_has_probability_zero_or_one(value):
    assert 0.0 < student_t_cdf(doubles(value), doubles(30.0)).item() < 1.0
    assert student_t_cdf(doubles([-math.inf, math.inf]), doubles(30.0)).tolist() == [0.0, 1.0]


def exact_log_tail(distance: float, freedom: mp.mpf) -> mp.mpf:
    """Log P(T < -distance) by the incomplete beta function in forty digits (NIST DLMF 8.17)."""
    squared = mp.mpf(distance) ** 2
    return mp.log(mp.betainc(freedom / 2, mp.mpf("0.5"), 0, freedom / (freedom + squared), regularized=True) / 2)


@pytest.mark.parametrize("freedom", [0.5, 3.0, 8.0, 60.0, 250.0, 1000.0])
@pytest.mark.parametrize("distance", [0.0, 1e-3, 0.7, 1.3, 6.0, 40.0, 1e3, 1e6])
def test_logs_of_both_tails_and_their_gradients_are_those_of_mpmath(distance, freedom):
    """Down to probabilities of 10**-3600: 40 units at df 3 leave 1.7e-5, a thousand units at df 8 leave 1e-20."""
    with mp.workdps(40):
        lower = exact_log_tail(distance, mp.mpf(freedom))
        slope = mp.diff(lambda df: exact_log_tail(distance, df), mp.mpf(freedom), h=mp.mpf(10) ** -12)
        log_density = mp.log(mp.gamma((freedom + mp.mpf(1)) / 2) / mp.gamma(mp.mpf(freedom) / 2))
        log_density -= mp.log(freedom * mp.pi) / 2 + (freedom + 1) / mp.mpf(2) * mp.log1p(
            mp.mpf(distance) ** 2 / freedom
        )
        upper = mp.log1p(-mp.exp(lower))
        expected_at = {-1: (lower, mp.exp(log_density - lower), slope)}
        expected_at[1] = (upper, mp.exp(log_density - upper), -slope * mp.exp(lower - upper))
    for side, expected in expected_at.items():
        value, df = doubles(side * distance).requires_grad_(), doubles(freedom).requires_grad_()
        found = student_t_log_cdf(value, df)
        found.backward()
        for got, exactly in zip((found, value.grad, df.grad), expected, strict=True):
            assert got.item() == pytest.approx(float(exactly), rel=1e-10, abs=1e-300), side


def test_the_log_of_a_certainty_is_zero_and_of_the_impossible_minus_infinity():
    value, df = doubles([-math.inf, math.inf]).requires_grad_(), doubles([4.0, 4.0]).requires_grad_()
    found = student_t_log_cdf(value, df)
    assert found.tolist() == [-math.inf, 0.0]
    found[1:].sum().backward()
    assert value.grad.tolist() == [0.0, 0.0] and df.grad.tolist() == [0.0, 0.0]
    assert math.isnan(student_t_log_cdf(doubles(math.nan), doubles(3.0)).item())


def test_arguments_broadcast():
    value, freedom = torch.zeros(5, 1, 3) - 1.0, torch.tensor([[2.0], [4.0]])
    assert student_t_cdf(value, freedom).shape == student_t_icdf(value + 1.5, freedom).shape == (5, 2, 3)


def test_no_value_depends_on_its_neighbours_in_the_tensor():
    generator = np.random.default_rng(0)
    freedom, tail = doubles([1.0, 2.5, 60.0, 199.0, 201.0, 900.0]), doubles(10.0 ** generator.uniform(-50.0, -0.31, 6))
    quantile = student_t_icdf(tail, freedom)
    probability = student_t_cdf(quantile, freedom)
    alone = [student_t_icdf(p, df).item() for p, df in zip(tail, freedom, strict=True)]
    assert quantile.tolist() == alone
    assert probability.tolist() == [student_t_cdf(t, df).item() for t, df in zip(quantile, freedom, strict=True)]
