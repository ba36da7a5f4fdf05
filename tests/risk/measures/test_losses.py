"""Risk measures: closed forms, axioms on samples, and sizes that torch.quantile refuses."""

import math

import numpy as np
import pytest
import torch
from arch.data import sp500
from hypothesis import given, settings, strategies as st
from hypothesis.extra import numpy as arrays
from scipy import stats

from quantdl.distributions import AffineMarginals, CopulaForecast, FactorStudentT
from quantdl.risk.measures.losses import (
    draw_returns,
    expected_shortfall,
    expected_shortfall_error,
    portfolio_losses,
    value_at_risk,
    value_at_risk_error,
)

MEASURES = [value_at_risk, expected_shortfall]
LEVELS = st.sampled_from([0.5, 0.55, 0.9, 0.95, 0.975, 0.99])
AMOUNTS = st.floats(-1e3, 1e3, allow_nan=False, width=32)


def losses_of(rows):
    return arrays.arrays(np.float64, st.integers(100, 140).map(lambda n: (n, rows)), elements=AMOUNTS)


def law(seed_shift=0.0):
    location, scale = torch.full((2, 3), seed_shift), torch.full((2, 3), 0.01)
    present = torch.tensor([[True, True, True], [True, False, True]])
    return CopulaForecast(
        AffineMarginals(location, scale), FactorStudentT(torch.tensor([5.0, 8.0]), torch.ones(2, 3, 1)), present
    )


@pytest.mark.parametrize(
    ("distribution", "level", "var", "shortfall"),
    [
        (stats.norm(), 0.95, 1.644853627, 2.062712808),
        (stats.norm(), 0.975, 1.959963985, 2.337802792),
        (stats.norm(), 0.99, 2.326347874, 2.665214220),
        (stats.t(4), 0.975, 2.776445105, 3.993557023),
        (stats.t(5), 0.99, 3.364929999, 4.452429112),
        (stats.t(10), 0.99, 2.763769458, 3.363251475),
    ],
)
def test_measures_of_an_even_grid_of_quantiles_are_the_closed_forms(distribution, level, var, shortfall):
    """A million quantiles at (i - 1/2) / n stand for the law without sampling noise."""
    grid = torch.from_numpy(distribution.ppf((np.arange(1_000_000) + 0.5) / 1_000_000))
    assert float(value_at_risk(grid, level)) == pytest.approx(var, rel=1e-4)
    assert float(expected_shortfall(grid, level)) == pytest.approx(shortfall, rel=1e-3)


def test_the_last_loss_of_the_tail_counts_in_part():
    """Worst 37.5 % of 4 losses: all of 0.4 and half of 0.3, over 1.5 losses."""
    losses = torch.tensor([0.1, 0.4, 0.2, 0.3], dtype=torch.float64)
    assert float(expected_shortfall(losses, 0.625)) == pytest.approx((0.4 + 0.5 * 0.3) / 1.5)
    assert float(value_at_risk(losses, 0.625)) == pytest.approx(0.3)


def test_a_level_that_is_a_whole_number_of_losses_is_not_pushed_up_by_rounding():
    """0.55 * 100 is 55.00000000000001, but the rank is 55."""
    losses = torch.arange(1.0, 101.0)
    assert [float(value_at_risk(losses, level)) for level in (0.55, 0.9, 0.95, 0.99)] == [55.0, 90.0, 95.0, 99.0]
    assert float(expected_shortfall(losses, 0.95)) == 98.0


def test_tied_losses_do_not_lower_the_shortfall():
    losses = torch.tensor([1.0] * 50 + [0.0] * 50, dtype=torch.float64)
    assert float(expected_shortfall(losses, 0.75)) == 1.0
    assert float(value_at_risk(losses, 0.75)) == 1.0
    assert float(value_at_risk(losses, 0.5)) == 0.0


def test_more_than_two_to_the_24_losses_are_served():
    n = 2**24 + 1000
    losses = torch.arange(n, dtype=torch.float32).flip(0) / n  # float32 cannot hold ranks above 2**24
    assert float(value_at_risk(losses, 0.99)) == pytest.approx(0.99, abs=1e-6)
    assert float(expected_shortfall(losses, 0.99)) == pytest.approx(0.995, abs=1e-6)


def test_every_column_is_measured_alone():
    losses = torch.from_numpy(np.random.default_rng(0).standard_normal((500, 2, 3)))
    for measure in (*MEASURES, value_at_risk_error, expected_shortfall_error):
        whole = measure(losses, 0.95)
        assert whole.shape == (2, 3)
        assert float(whole[1, 2]) == pytest.approx(float(measure(losses[:, 1, 2], 0.95)), rel=1e-12)


@settings(deadline=None)
@given(losses_of(1), LEVELS)
def test_shortfall_is_at_least_value_at_risk(losses, level):
    sample = torch.from_numpy(losses)
    assert (expected_shortfall(sample, level) >= value_at_risk(sample, level)).all()


@settings(deadline=None)
@given(losses_of(1), LEVELS, AMOUNTS)
def test_cash_lowers_risk_one_for_one(losses, level, cash):
    sample = torch.from_numpy(losses)
    for measure in MEASURES:
        torch.testing.assert_close(measure(sample - cash, level), measure(sample, level) - cash, rtol=1e-9, atol=1e-9)


@settings(deadline=None)
@given(losses_of(1), LEVELS, st.floats(0.0, 100.0))
def test_risk_grows_in_proportion_to_the_position(losses, level, size):
    sample = torch.from_numpy(losses)
    for measure in MEASURES:
        torch.testing.assert_close(measure(size * sample, level), size * measure(sample, level), rtol=1e-9, atol=1e-9)


@settings(deadline=None)
@given(losses_of(2), LEVELS)
def test_larger_losses_are_not_less_risky(losses, level):
    sample = torch.from_numpy(losses)
    larger = sample[:, 0] + sample[:, 1].abs()
    for measure in MEASURES:
        assert measure(larger, level) >= measure(sample[:, 0], level) - 1e-9


@settings(deadline=None)
@given(losses_of(2), LEVELS)
def test_shortfall_of_two_books_together_is_at_most_the_sum(losses, level):
    sample = torch.from_numpy(losses)
    together = expected_shortfall(sample.sum(1), level)
    assert together <= expected_shortfall(sample, level).sum() + 1e-9


@settings(deadline=None)
@given(losses_of(1), LEVELS, st.integers(0, 1000))
def test_the_order_of_losses_does_not_matter(losses, level, seed):
    sample = torch.from_numpy(losses)
    shuffled = torch.from_numpy(np.random.default_rng(seed).permutation(losses))
    assert torch.equal(value_at_risk(sample, level), value_at_risk(shuffled, level))
    torch.testing.assert_close(
        expected_shortfall(sample, level), expected_shortfall(shuffled, level), rtol=1e-12, atol=1e-12
    )


@pytest.mark.parametrize("measure", [*MEASURES, value_at_risk_error, expected_shortfall_error])
def test_a_tail_probability_is_read_as_confidence_with_a_warning(measure):
    losses = torch.arange(1.0, 201.0)
    with pytest.warns(UserWarning, match="level is the confidence") as caught:
        assert measure(losses, 0.05) == measure(losses, 0.95)
    assert caught[0].filename == __file__


@pytest.mark.parametrize("measure", [*MEASURES, value_at_risk_error, expected_shortfall_error])
@pytest.mark.parametrize(
    ("losses", "level", "message"),
    [
        (torch.zeros(10), 1.0, "strictly between 0 and 1"),
        (torch.zeros(10), 95, "Did you mean 0.95"),
        (torch.zeros(99), 0.99, "level 0.99 needs at least 100 losses, got 99"),
        (torch.zeros(0), 0.5, "at least one draw"),
        (torch.tensor(1.0), 0.5, "at least one draw"),
        (torch.tensor([0.0, math.nan]), 0.5, "must be finite"),
        (torch.tensor([0.0, math.inf]), 0.5, "must be finite"),
    ],
)
def test_losses_that_have_no_tail_are_refused(measure, losses, level, message):
    with pytest.raises(ValueError, match=message):
        measure(losses, level)


@pytest.fixture(scope="module")
def heavy_draws():
    return torch.from_numpy(np.random.default_rng(1).standard_t(6, (10_000, 600)))


@pytest.mark.parametrize(
    ("measure", "error"), [(value_at_risk, value_at_risk_error), (expected_shortfall, expected_shortfall_error)]
)
@pytest.mark.parametrize("level", [0.5, 0.95, 0.99])
def test_the_standard_error_is_the_spread_of_the_measure_over_fresh_draws(heavy_draws, measure, error, level):
    spread = float(measure(heavy_draws, level).std())
    assert float(error(heavy_draws, level).mean()) == pytest.approx(spread, rel=0.1)


def test_the_standard_error_of_the_normal_quantile_is_the_textbook_one():
    """sqrt(p (1 - p) / n) / density at the quantile."""
    grid = torch.from_numpy(stats.norm.ppf((np.arange(100_000) + 0.5) / 100_000))
    expected = math.sqrt(0.95 * 0.05 / 100_000) / stats.norm.pdf(1.644853627)
    assert float(value_at_risk_error(grid, 0.95)) == pytest.approx(expected, rel=0.01)


@pytest.mark.parametrize("error", [value_at_risk_error, expected_shortfall_error])
def test_one_draw_has_no_standard_error(error):
    with pytest.raises(ValueError, match="at least"):
        error(torch.zeros(1), 0.5)


def test_losses_are_simple_returns_of_the_weights():
    log_returns = torch.log(torch.tensor([[[1.10, 0.80]], [[0.90, 1.00]]], dtype=torch.float64))
    weights = torch.tensor([[0.5, -0.25]])
    np.testing.assert_allclose(portfolio_losses(log_returns, weights), [[-0.05 - 0.05], [0.05]], atol=1e-15)


def test_cash_loses_nothing():
    assert portfolio_losses(torch.randn(5, 2, 3), torch.zeros(2, 3)).abs().max() == 0


def test_a_weight_that_is_not_a_number_is_refused():
    with pytest.raises(ValueError, match="weights must be finite"):
        portfolio_losses(torch.zeros(5, 2, 2), torch.tensor([[0.5, math.nan], [0.0, 0.0]]))


def test_drawing_leaves_the_callers_random_state_alone_and_repeats():
    torch.manual_seed(11)
    before = torch.get_rng_state()
    first = draw_returns(law(), 64, seed=3)
    assert torch.equal(torch.get_rng_state(), before)
    assert first.shape == (64, 2, 3)
    assert first.dtype == torch.float64
    assert torch.equal(first, draw_returns(law(), 64, seed=3))
    assert not torch.equal(first, draw_returns(law(), 64, seed=4))
    assert (first[:, 1, 1] == 0).all()


def test_drawing_nothing_is_refused():
    with pytest.raises(ValueError, match="n_draws must be positive, got 0"):
        draw_returns(law(), 0, seed=1)


def test_draws_have_the_quantiles_of_their_law():
    draws = draw_returns(law(), 40_000, seed=5)
    losses = portfolio_losses(draws, torch.tensor([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]))
    expected = 1.0 - np.exp(0.01 * stats.t.ppf(0.01, [5.0, 8.0]))
    error = value_at_risk_error(losses, 0.99)
    assert (np.abs(value_at_risk(losses, 0.99).numpy() - expected) < 4.0 * error.numpy()).all()


@pytest.mark.parametrize("level", [0.9, 0.95, 0.99])
def test_errors_under_equal_probabilities_are_those_without(level):
    losses = torch.from_numpy(np.random.default_rng(7).standard_t(5, (5000, 2)))
    shares = torch.ones(5000)
    shortfall = expected_shortfall_error(losses, level, shares)
    torch.testing.assert_close(shortfall, expected_shortfall_error(losses, level), rtol=1e-9, atol=1e-12)
    torch.testing.assert_close(
        value_at_risk_error(losses, level, shares), value_at_risk_error(losses, level), rtol=0.1, atol=0.0
    )


@pytest.mark.parametrize(
    ("measure", "error"), [(value_at_risk, value_at_risk_error), (expected_shortfall, expected_shortfall_error)]
)
def test_errors_of_importance_weights_are_the_spread_over_repeated_draws(measure, error):
    """Draws around 2 stand for the standard normal law by their likelihood ratio."""
    draws = torch.from_numpy(np.random.default_rng(8).standard_normal((2000, 300))) + 2.0
    shares = torch.exp(2.0 - 2.0 * draws)
    found = torch.stack([measure(one, 0.99, own) for one, own in zip(draws.T, shares.T, strict=True)])
    stated = torch.stack([error(one, 0.99, own) for one, own in zip(draws.T[:60], shares.T[:60], strict=True)])
    assert float(stated.mean()) == pytest.approx(float(found.std()), rel=0.12)
    plain = torch.from_numpy(np.random.default_rng(9).standard_normal((2000, 300)))
    assert float(found.std()) < 0.75 * float(measure(plain, 0.99).std())


def test_losses_of_probability_zero_play_no_part_in_errors():
    losses = torch.from_numpy(np.random.default_rng(10).standard_normal(500))
    padded, shares = torch.cat([losses, torch.full((40,), 9.0)]), torch.cat([torch.ones(500), torch.zeros(40)])
    for error in (value_at_risk_error, expected_shortfall_error):
        assert float(error(padded, 0.9, shares)) == pytest.approx(float(error(losses, 0.9, torch.ones(500))), rel=1e-9)


def test_a_single_draw_with_probability_has_no_error():
    with pytest.raises(ValueError, match=r"at least 2 draws|too high"):
        expected_shortfall_error(torch.tensor([0.1, 0.2]), 0.5, torch.tensor([1.0, 0.0]))


def test_value_at_risk_of_two_independent_bonds_is_more_than_the_sum():
    """Each defaults with probability 4 %: alone no loss at 95 %, together one with probability 7.84 %."""
    both, one, other, none = 0.0016, 0.0384, 0.0384, 0.9216
    first = torch.tensor([1.0, 1.0, 0.0, 0.0], dtype=torch.float64)
    second = torch.tensor([1.0, 0.0, 1.0, 0.0], dtype=torch.float64)
    shares = torch.tensor([both, one, other, none], dtype=torch.float64)
    apart = [float(value_at_risk(losses, 0.95, shares)) for losses in (first, second)]
    assert apart == [0.0, 0.0]
    assert float(value_at_risk(first + second, 0.95, shares)) == 1.0
    together = float(expected_shortfall(first + second, 0.95, shares))
    assert together <= sum(float(expected_shortfall(losses, 0.95, shares)) for losses in (first, second))


def test_shortfall_is_not_value_at_risk_of_a_published_series():
    """FAULTS F4: the most used reporting library printed one for the other; REFERENCE_VALUES 3.3 has both."""
    close = sp500.load()["Adj Close"].to_numpy(dtype=np.float64)
    losses = torch.from_numpy(1.0 - close[1:] / close[:-1])
    for level, var, shortfall in ((0.95, 0.018648495, 0.028629073), (0.975, 0.024737133, 0.035766556)):
        assert float(value_at_risk(losses, level)) == pytest.approx(var, abs=5e-10)
        assert float(expected_shortfall(losses, level)) == pytest.approx(shortfall, abs=5e-10)
    columns = losses[:, None].expand(-1, 2)
    assert (expected_shortfall(columns, 0.99) > 1.3 * value_at_risk(columns, 0.99)).all()


def test_an_empty_tail_is_an_error_that_says_how_many_losses_it_needs():
    """FAULTS F4: shortfall fell back to value at risk silently."""
    with pytest.raises(ValueError, match="level 0.99 needs at least 100 losses, got 99"):
        expected_shortfall(torch.zeros(99), 0.99)


def test_a_tail_probability_given_for_a_level_is_told_the_fix():
    """FAULTS F11: 0.01 is read as 0.99 and says so; 99 asks whether 0.99 was meant."""
    losses = torch.arange(1.0, 201.0)
    with pytest.warns(UserWarning, match=r"Write level=0\.99"):
        assert float(value_at_risk(losses, 0.01)) == 198.0
    with pytest.raises(ValueError, match=r"Did you mean 0\.99"):
        value_at_risk(losses, 99)


def test_a_loss_is_positive_where_money_is_lost():
    """FAULTS F11: the sign."""
    fallen = torch.full((100, 1), math.log(0.9), dtype=torch.float64)
    assert float(value_at_risk(portfolio_losses(fallen, torch.ones(1)), 0.95)) == pytest.approx(0.1)


def test_means_in_the_tail_of_large_equal_losses_keep_their_digits():
    """FAULTS H5, NumAcc4 of NIST: 10,000,000.2, then .1 and .3 by turns: float32 has steps of 1 there."""
    numbers = torch.tensor([10_000_000.2, *([10_000_000.1, 10_000_000.3] * 500)], dtype=torch.float64)
    assert float(expected_shortfall(numbers, 0.5)) == pytest.approx(10_000_000.3 - 0.1 / 500.5 * 0.5, abs=1e-7)
    assert float(expected_shortfall_error(numbers, 0.5)) > 0.0
    single = expected_shortfall(torch.full((1000,), 0.1, dtype=torch.float32), 0.5)
    assert single.dtype == torch.float64 and float(single) == pytest.approx(0.1, abs=1e-8)


@pytest.mark.parametrize("measure", MEASURES)
@pytest.mark.parametrize("weighted", [False, True])
def test_derivatives_by_losses_are_right(measure, weighted):
    losses = torch.from_numpy(np.random.default_rng(11).standard_normal((23, 2))).requires_grad_()
    shares = torch.linspace(1.0, 2.0, 23, dtype=torch.float64) if weighted else None
    assert torch.autograd.gradcheck(lambda given: measure(given, 0.85, shares), (losses,))


def test_the_derivative_of_shortfall_by_probabilities_is_the_excess():
    """The influence that errors rest on: (L - VaR)+ over the tail, and none through the quantile."""
    losses = torch.arange(40.0, dtype=torch.float64)
    shares = torch.full((40,), 1 / 40, dtype=torch.float64, requires_grad=True)
    (slope,) = torch.autograd.grad(expected_shortfall(losses, 0.9, shares), shares)
    excess = (losses - value_at_risk(losses, 0.9)).clamp(min=0.0) / 0.1
    torch.testing.assert_close(slope - slope[0], excess)
