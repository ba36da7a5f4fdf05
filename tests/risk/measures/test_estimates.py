"""Standard errors against simulations with known truth, and intervals against their promised coverage."""

from functools import partial

import numpy as np
import pytest
import torch
from scipy import stats

from quantdl.risk.measures.convex import entropic, expectile, lower_partial_moment
from quantdl.risk.measures.drawdowns import maximum_drawdown, value_path
from quantdl.risk.measures.estimates import (
    block_length,
    estimate_of_draws,
    estimate_of_history,
    estimate_of_value_at_risk,
    resampled,
)
from quantdl.risk.measures.losses import expected_shortfall, expected_shortfall_error, value_at_risk
from quantdl.risk.measures.spectral import ExponentialSpectrum, WangTransform, spectral

MEASURES = {
    "expected shortfall": partial(expected_shortfall, level=0.95),
    "expectile": partial(expectile, level=0.99),
    "entropic": partial(entropic, aversion=0.5),
    "spectral": partial(spectral, spectrum=ExponentialSpectrum(20.0)),
    "Wang": partial(spectral, spectrum=WangTransform(0.7)),
    "partial moment": partial(lower_partial_moment, order=1.0, threshold=0.5),
}


def normal_draws(rows, n=2000):
    return torch.from_numpy(np.random.default_rng(3).standard_normal((n, rows)))


@pytest.mark.parametrize("name", MEASURES)
def test_the_error_of_draws_is_the_spread_over_repeated_draws(name):
    draws = normal_draws(400)
    spread = float(MEASURES[name](draws).std())
    stated = np.mean([estimate_of_draws(MEASURES[name], draws[:, column]).standard_error for column in range(25)])
    assert stated == pytest.approx(spread, rel=0.12)


@pytest.mark.parametrize("name", MEASURES)
def test_the_error_of_weighted_draws_is_the_spread_over_repeated_draws(name):
    """Draws around 1 stand for the standard normal law by importance weights."""
    draws = normal_draws(400) + 1.0
    shares = torch.exp(0.5 - draws)
    found = [MEASURES[name](one, probabilities=own) for one, own in zip(draws.T, shares.T, strict=True)]
    spread = float(torch.stack(found).std())
    stated = [estimate_of_draws(MEASURES[name], draws[:, one], shares[:, one]).standard_error for one in range(25)]
    assert np.mean(stated) == pytest.approx(spread, rel=0.15)


def test_the_error_of_expected_shortfall_is_the_one_in_closed_form():
    draws = normal_draws(1)[:, 0]
    found = estimate_of_draws(MEASURES["expected shortfall"], draws)
    assert found.standard_error == pytest.approx(float(expected_shortfall_error(draws, 0.95)), rel=1e-9)
    assert (found.error, found.n) == ("simulation", pytest.approx(2000))


def test_the_interval_of_value_at_risk_holds_the_truth_as_often_as_it_says():
    draws = normal_draws(400)
    truth = stats.norm.ppf(0.95)
    found = [estimate_of_value_at_risk(one, 0.95) for one in draws.T]
    assert np.mean([one.low <= truth <= one.high for one in found]) == pytest.approx(0.95, abs=0.035)


def test_a_quantile_is_refused_an_error_by_the_delta_method():
    with pytest.raises(ValueError, match="use estimate_of_value_at_risk"):
        estimate_of_draws(partial(value_at_risk, level=0.9), normal_draws(1)[:, 0])


def test_constant_losses_have_no_error():
    found = estimate_of_draws(partial(expected_shortfall, level=0.9), torch.full((20,), 0.01))
    assert (found.value, found.standard_error) == (pytest.approx(0.01), 0.0)


def test_a_history_of_independent_losses_has_the_error_of_draws():
    losses = normal_draws(1, 3000)[:, 0]
    found = estimate_of_history(partial(expected_shortfall, level=0.95), losses, seed=0, n_resamples=500, block=1.0)
    assert found.standard_error == pytest.approx(float(expected_shortfall_error(losses, 0.95)), rel=0.12)
    assert found.low < found.value < found.high and found.error == "sampling"


def clustered(rows, n=2000):
    """Losses whose volatility doubles and halves slowly: the log of it is autoregressive."""
    random = np.random.default_rng(5)
    log_volatility, found = np.zeros(rows), np.empty((n, rows))
    for time in range(n):
        log_volatility = 0.97 * log_volatility + 0.15 * random.standard_normal(rows)
        found[time] = np.exp(log_volatility) * random.standard_normal(rows)
    return torch.from_numpy(found)


@pytest.mark.parametrize("length", [1.0, 1.49, 2.6, 30.0])
def test_blocks_are_as_long_as_asked_on_average(length):
    """A session that does not follow the one before it, of which one in 1,000 does by chance, begins a block."""
    series = torch.arange(1000, dtype=torch.float64)
    drawn = torch.cat(resampled(series, length, 300, seed=3), dim=1)
    begins = (drawn.diff(dim=0) % 1000 != 1).double().mean()
    expected = (1.0 - 1.0 / 1000) / length
    error = np.sqrt(expected * (1.0 - expected) / drawn[1:].numel())
    assert float(begins) == pytest.approx(expected, abs=4.0 * error)
    found = estimate_of_history(partial(expected_shortfall, level=0.9), series, 0, n_resamples=100, block=length)
    assert f"blocks of {length:.3g} sessions" in found.method


def test_clusters_of_losses_widen_the_error_of_a_history():
    losses = clustered(200)
    measure = partial(expected_shortfall, level=0.95)
    spread = float(measure(losses).std())
    independent = float(expected_shortfall_error(losses, 0.95).mean())
    found = [estimate_of_history(measure, one, 0, n_resamples=200, block=60.0).standard_error for one in losses.T[:12]]
    assert independent < 0.65 * spread, "the case must be one in which independence understates"
    assert np.mean(found) == pytest.approx(spread, rel=0.25)


def test_blocks_are_longer_where_sizes_cluster():
    assert block_length(normal_draws(1)[:, 0]) < 6.0 < block_length(clustered(1)[:, 0])
    assert block_length(torch.ones(50)) == 1.0


def test_drawdowns_have_an_error_too_and_the_same_seed_gives_the_same():
    returns = 0.01 * normal_draws(1, 500)[:, 0]
    both = [
        estimate_of_history(lambda path: maximum_drawdown(value_path(path)), returns, seed=4, n_resamples=200)
        for _ in range(2)
    ]
    assert both[0] == both[1]
    assert 0.0 < both[0].low < both[0].value < both[0].high < 1.0


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: estimate_of_draws(partial(expectile, level=0.9), torch.ones(3, 2)), "of one book"),
        (lambda: estimate_of_draws(partial(expectile, level=0.9), torch.ones(1)), "at least 2 draws"),
        (lambda: estimate_of_history(expectile, torch.ones(10), 0), "at least 20 finite"),
        (lambda: estimate_of_history(expectile, torch.ones(30) * torch.nan, 0), "at least 20 finite"),
        (lambda: estimate_of_history(expectile, torch.ones(30), 0, n_resamples=10), "at least 100"),
        (lambda: estimate_of_history(expectile, torch.ones(30), 0, block=0.0), "at least 1 session"),
    ],
)
def test_bad_arguments_are_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
