"""Tails beyond the sample against laws whose tails are known."""

import numpy as np
import pytest
from scipy import stats

from quantdl.risk.measures.tails import hill, pareto_tail


def test_hill_of_a_pareto_law_is_its_index():
    losses = stats.pareto(3.0).rvs(20_000, random_state=0)
    found = hill(losses, beyond=2000)
    assert found.value == pytest.approx(3.0, abs=3 * found.standard_error)
    assert found.standard_error == pytest.approx(found.value / np.sqrt(2000))


@pytest.mark.parametrize(("freedom", "bias"), [(2.5, -0.1), (3.0, -0.3), (4.0, -0.7)])
def test_hill_of_student_t_losses_is_biased_towards_heavy_tails_as_stated(freedom, bias):
    found = [hill(stats.t(freedom).rvs(5000, random_state=seed)).value for seed in range(40)]
    assert np.mean(found) - freedom == pytest.approx(bias, abs=0.2)


def test_hill_reads_a_tenth_of_the_losses_and_no_more():
    losses = stats.t(3).rvs(1000, random_state=2)
    assert hill(losses, beyond=100).n == 100
    assert hill(losses[:300]).n == 30
    with pytest.raises(ValueError, match="at least 300 losses"):
        hill(np.abs(losses[:31]))


def test_the_order_and_the_unit_of_losses_play_no_part():
    losses = stats.t(4).rvs(2000, random_state=1)
    assert hill(100.0 * losses[::-1]).value == pytest.approx(hill(losses).value)
    one, other = pareto_tail(losses), pareto_tail(1e-4 * losses)
    assert other.shape == pytest.approx(one.shape, rel=1e-9)
    assert other.value_at_risk(0.999).value == pytest.approx(1e-4 * one.value_at_risk(0.999).value, rel=1e-9)


def test_a_generalised_pareto_law_is_found_within_its_errors():
    law = stats.genpareto(0.3, scale=0.02)
    tail = pareto_tail(law.rvs(20_000, random_state=2), threshold=0.0)
    assert tail.shape == pytest.approx(0.3, abs=3 * tail.shape_error)
    assert tail.scale == pytest.approx(0.02, abs=3 * tail.scale_error)
    assert tail.shape_error == pytest.approx((1 + 0.3) / np.sqrt(20_000), rel=0.05)


def test_excesses_of_an_exponential_law_are_exponential():
    tail = pareto_tail(stats.expon().rvs(20_000, random_state=3), threshold=1.0)
    assert tail.shape == pytest.approx(0.0, abs=3 * tail.shape_error)
    assert tail.value_at_risk(0.999).value == pytest.approx(stats.expon().ppf(0.999), rel=0.05)
    assert tail.expected_shortfall(0.999).value == pytest.approx(stats.expon().ppf(0.999) + 1.0, rel=0.05)


def test_the_shortfall_is_the_mean_of_the_quantiles_beyond():
    tail = pareto_tail(stats.t(4).rvs(2000, random_state=4))
    places = (np.arange(4000) + 0.5) / 4000
    levels, weights = 1.0 - 0.01 * places**2, 2.0 * places / 4000
    mean = sum(weight * tail.value_at_risk(level).value for level, weight in zip(levels, weights, strict=True))
    assert tail.expected_shortfall(0.99).value == pytest.approx(mean, rel=2e-3)


@pytest.mark.parametrize("measure", ["value_at_risk", "expected_shortfall"])
def test_intervals_beyond_the_sample_hold_the_truth_as_often_as_they_say(measure):
    """1,000 Student-t losses, level 99.9 %: one loss beyond on average."""
    law = stats.t(4)
    quantile = law.ppf(0.999)
    shortfall = law.expect(lambda x: x, lb=quantile) / 0.001
    truth = quantile if measure == "value_at_risk" else shortfall
    found = [getattr(pareto_tail(law.rvs(1000, random_state=seed)), measure)(0.999) for seed in range(60)]
    assert np.mean([one.low <= truth <= one.high for one in found]) >= 0.85
    spread, stated = np.std([one.value for one in found]), np.median([one.standard_error for one in found])
    assert 0.5 < stated / spread < 1.6


def test_dependence_over_lags_widens_the_error_of_clustered_losses():
    random = np.random.default_rng(6)
    volatility = np.exp(0.15 * np.array(_autoregressive(0.98, random.standard_normal(4000))))
    losses = volatility * random.standard_normal(4000)
    alone, together = (pareto_tail(losses, lags=lags).value_at_risk(0.999).standard_error for lags in (0, 60))
    assert together > 1.2 * alone


def _autoregressive(memory, shocks):
    found = [0.0]
    for shock in shocks:
        found.append(memory * found[-1] + shock)
    return found[1:]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: pareto_tail(np.arange(200.0)), "at least 30 losses above its threshold, so at least 300"),
        (lambda: pareto_tail(np.r_[np.zeros(400), np.ones(50)], threshold=0.5), "all losses above 0.5 are alike"),
        (lambda: pareto_tail(np.zeros(400)), "at least 30 losses"),
        (lambda: pareto_tail([np.nan] * 400), "finite series"),
        (lambda: pareto_tail(np.linspace(0, 1, 4000)), "fitted shape is -"),
        (lambda: pareto_tail(stats.t(4).rvs(400, random_state=0), lags=-1), "lags must lie"),
        (lambda: pareto_tail(stats.t(4).rvs(400, random_state=0)).value_at_risk(0.8), "lies below the threshold"),
        (
            lambda: pareto_tail(stats.pareto(0.5).rvs(4000, random_state=0)).expected_shortfall(0.999),
            "expected shortfall is undefined",
        ),
        (lambda: hill(np.arange(20.0)), "at least 30 losses in the tail"),
        (lambda: hill(-np.arange(1000.0)), "for 32 of 0 positive"),
        (lambda: hill(np.ones(1000)), "largest losses are all 1"),
        (lambda: hill(np.arange(1000.0), beyond=5), "for 5 of 999"),
        (lambda: hill(1.0 + np.arange(299.0)), "30 of 299 are more. Bring at least 300 losses"),
        (lambda: hill(1.0 + np.arange(1000.0), beyond=101), "101 of 1000 are more. Bring at least 1010 losses"),
    ],
)
def test_what_has_no_tail_to_fit_is_refused_with_the_reason(call, message):
    with pytest.raises(ValueError, match=message):
        call()
