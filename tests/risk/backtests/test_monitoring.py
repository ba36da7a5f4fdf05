"""E-processes: fair if the forecasts are right, so false alarms are as rare as Ville says; rich where they are not."""

import math

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from scipy import stats

from quantdl.backtest.book.conditions import ExceptionProcess
from quantdl.risk.backtests.monitoring import (
    CELLS,
    RESTART,
    e_process,
    exception_bets,
    exception_e_values,
    exception_process,
    greedy_process,
    money,
    redivided,
    shortfall_bets,
    shortfall_e_values,
    shortfall_process,
    transform_bets,
    transform_densities,
    transform_edges,
    transform_process,
)

FOUR_YEARS, ALARM = 1008, 20.0
VAR, ES = 1.959963985, 2.337802792  # standard normal at 0.975


def peaks(factors, restart=0.0):
    """The highest money of each of (N, T, K) tables: the process for many paths at once."""
    logs, highest = np.zeros((factors.shape[0], factors.shape[2])), np.zeros(len(factors))
    for t in range(factors.shape[1]):
        if restart:
            top = logs.max(axis=1, keepdims=True)
            held = np.exp(logs - top)
            logs = top + np.log((1 - restart) * held + restart * held.mean(axis=1, keepdims=True))
        logs = logs + np.log(factors[:, t])
        highest = np.maximum(highest, np.exp(logs).mean(axis=1))
    return highest


def test_bets_on_exceptions_are_those_of_the_engine():
    losses = np.where(np.random.default_rng(1).random(300) < 0.05, 2.0, 0.0)
    process = ExceptionProcess(0.01)
    path = [process.update(bool(loss > 1.0)) for loss in losses]
    np.testing.assert_allclose(exception_process(losses, np.ones(300), 0.99), path, rtol=1e-10)


@given(level=st.floats(0.51, 0.999))
def test_a_bet_on_an_exception_has_the_mean_one_if_it_comes_as_often_as_stated(level):
    bets = exception_bets(1.0, level)
    np.testing.assert_allclose(level * bets.factors(0.5) + (1 - level) * bets.factors(1.5), 1.0, rtol=1e-12)


def test_a_bet_on_the_shortfall_has_the_mean_one_at_the_truth_and_more_where_risk_is_understated():
    """E (L - v)+ of the normal law is pdf(v) - v sf(v), and p (ES - VaR) at the quantile."""
    for scale, larger in ((1.0, False), (1.25, True)):
        v = VAR / scale
        mean = (scale * (stats.norm.pdf(v) - v * stats.norm.sf(v))) / (0.025 * (ES - VAR))
        found = shortfall_e_values(stats.norm(scale=scale).ppf((np.arange(400_000) + 0.5) / 400_000),
                                   np.full(400_000, VAR), np.full(400_000, ES), 0.975).mean()  # fmt: skip
        assert found == pytest.approx(mean, rel=1e-3)
        assert (mean > 1.5) == larger
    assert (shortfall_bets(VAR, ES, 0.975).factors(VAR) < 1).all()


@given(loss=st.floats(-5, 50), var=st.floats(0.1, 3), more=st.floats(0.05, 2), level=st.floats(0.9, 0.995))
def test_lines_of_the_bets_are_stakes_on_the_e_value(loss, var, more, level):
    e = float(shortfall_e_values([loss], [var], [var + more], level)[0])
    staked = 1 - shortfall_bets(var, var + more, level).factors(var - 1)
    expected = 1 - staked + staked * e
    np.testing.assert_allclose(shortfall_bets(var, var + more, level).factors(loss), expected, rtol=1e-6, atol=1e-9)


def test_nothing_is_staked_where_the_shortfall_is_the_value_at_risk():
    assert shortfall_bets(0.02, 0.02, 0.99).factors(5.0).tolist() == [1.0] * 5
    assert shortfall_e_values([5.0], [0.02], [0.02], 0.99).tolist() == [1.0]


def test_densities_of_transforms_are_densities():
    densities = transform_densities()
    np.testing.assert_allclose(densities.mean(axis=1), 1.0, rtol=1e-12)
    assert (densities > 0).all()
    middle = (np.arange(CELLS) + 0.5) / CELLS
    np.testing.assert_allclose(densities[1], 1 + 0.5 * (2 * middle - 1), atol=1e-12)
    np.testing.assert_allclose(densities[3], 1 + 0.5 * (6 * middle**2 - 6 * middle + 1), atol=0.002)


@pytest.mark.parametrize("n", [19, 20, 250, 1000])
def test_edges_part_the_next_loss_into_equally_likely_parts(n):
    """Of n + 1 exchangeable losses the last falls into each part with the same chance, whatever n."""
    random = np.random.default_rng(n)
    cells = np.zeros(CELLS)
    for draw in random.standard_normal((6000, n + 1)):
        cells[np.searchsorted(transform_edges(draw[:-1]), draw[-1])] += 1
    assert stats.chisquare(cells).pvalue > 1e-4


def test_too_few_losses_part_nothing():
    assert transform_edges(np.zeros(18)) is None


def test_bets_between_edges_are_the_densities_of_the_transforms():
    bets = transform_bets(np.arange(1.0, CELLS))
    for cell, loss in ((0, -3.0), (0, 1.0), (1, 1.5), (19, 100.0)):
        np.testing.assert_allclose(bets.factors(loss), transform_densities()[:, cell])


@given(logs=st.lists(st.floats(-50, 50), min_size=5, max_size=5), restart=st.floats(0, 0.9))
def test_dividing_anew_keeps_the_money(logs, restart):
    before = np.array(logs)
    after = redivided(before, restart)
    assert money(after) == pytest.approx(money(before), rel=1e-9)


def test_right_forecasts_raise_an_alarm_in_at_most_five_percent_of_four_year_runs():
    """2,000 runs of 1,008 normal losses with the true law; Ville's bound holds for each of the three."""
    random = np.random.default_rng(7)
    alarms = dict.fromkeys(("exceptions", "shortfall", "transforms"), 0)
    for _ in range(2):
        losses = random.standard_normal((1000, FOUR_YEARS))
        staked = 1 - exception_bets(VAR, 0.975).factors(0.0)
        beyond = losses > VAR
        exceptions = 1 - staked + staked * beyond[:, :, None] / 0.025
        e = np.maximum(losses - VAR, 0) / (0.025 * (ES - VAR))
        shortfall = 1 - staked + staked * e[:, :, None]
        cells = np.minimum((stats.norm.cdf(losses) * CELLS).astype(int), CELLS - 1)
        alarms["exceptions"] += int((peaks(exceptions) >= ALARM).sum())
        alarms["shortfall"] += int((peaks(shortfall) >= ALARM).sum())
        alarms["transforms"] += int((peaks(transform_densities().T[cells], RESTART) >= ALARM).sum())
    assert max(alarms.values()) <= 0.05 * 2000
    assert alarms["exceptions"] > 0  # the bets are real


def test_many_paths_at_once_are_the_process():
    cells = np.random.default_rng(8).integers(0, CELLS, (3, 200))
    factors = transform_densities().T[cells]
    alone = [e_process(row, RESTART).max() for row in factors]
    np.testing.assert_allclose(peaks(factors, RESTART), alone, rtol=1e-10)


def test_understated_risk_makes_each_of_them_rich():
    losses = 1.4 * np.random.default_rng(9).standard_normal(FOUR_YEARS)
    var, shortfall = np.full(FOUR_YEARS, VAR), np.full(FOUR_YEARS, ES)
    assert exception_process(losses, var, 0.975)[-1] > ALARM
    assert shortfall_process(losses, var, shortfall, 0.975)[-1] > 10 * ALARM
    assert transform_process(stats.norm.cdf(losses)).max() > 10 * ALARM


@pytest.mark.parametrize(("shift", "scale"), [(0.7, 1.0), (-0.7, 1.0), (0.0, 1.7), (0.0, 0.5)])
def test_a_drift_after_three_good_years_is_found_within_half_a_year(shift, scale):
    """Larger losses, smaller ones, a law too narrow, and one too wide, each from session 756 on."""
    z = np.random.default_rng(11).standard_normal(FOUR_YEARS)
    z[756:] = shift + scale * z[756:]
    path = transform_process(stats.norm.cdf(z))
    assert path[:756].max() < ALARM
    assert 756 < int(np.argmax(path >= ALARM)) < 756 + 126


def test_without_dividing_anew_a_late_drift_would_be_missed():
    z = np.random.default_rng(11).standard_normal(FOUR_YEARS)
    z[756:] *= 1.7
    cells = np.minimum((stats.norm.cdf(z) * CELLS).astype(int), CELLS - 1)
    at = [int(np.argmax(e_process(transform_densities().T[cells], share) >= ALARM)) for share in (RESTART, 0.0)]
    assert 756 < at[0] < (at[1] or FOUR_YEARS)


def test_the_greedy_stake_is_the_best_of_the_past():
    """Against a search over a grid of stakes; the first session has no past, and nothing is staked."""
    values = np.random.default_rng(13).exponential(1.4, 40)
    found = greedy_process(values)
    grid = np.linspace(0, 0.5, 2001)
    wealth = [1.0]
    for t in range(1, 40):
        best = grid[np.argmax(np.log(1 + np.outer(grid, values[:t] - 1)).sum(axis=1))]
        wealth.append(wealth[-1] * (1 + best * (values[t] - 1)))
    np.testing.assert_allclose(found, wealth, rtol=5e-3)
    assert found[0] == 1.0


def test_the_greedy_process_raises_few_false_alarms_and_finds_understated_risk():
    random, n = np.random.default_rng(12), 150
    right = random.standard_normal((80, n))
    false = sum(greedy_process(exception_e_values(row, np.full(n, VAR), 0.975)).max() >= ALARM for row in right)
    assert false <= 80 * (0.05 + 3 * math.sqrt(0.05 * 0.95 / 80))
    wrong = 1.8 * random.standard_normal(n)
    assert greedy_process(shortfall_e_values(wrong, np.full(n, VAR), np.full(n, ES), 0.975)).max() > ALARM


@settings(max_examples=30)
@given(table=st.lists(st.tuples(st.floats(0.1, 3), st.floats(0.1, 3)), min_size=1, max_size=30))
def test_an_e_process_without_dividing_is_the_mean_of_products(table):
    factors = np.array(table)
    np.testing.assert_allclose(e_process(factors), np.cumprod(factors, axis=0).mean(axis=1), rtol=1e-9)


def test_bad_input_is_refused():
    with pytest.raises(ValueError, match="losses must be one finite series"):
        exception_process([math.nan], [0.1], 0.99)
    with pytest.raises(ValueError, match="value_at_risk must be finite and as long as losses, 2"):
        exception_process([0.1, 0.2], [0.1], 0.99)
    with pytest.raises(ValueError, match="expected_shortfall must be finite"):
        shortfall_process([0.1], [0.1], [math.inf], 0.99)
    with pytest.raises(ValueError, match="strictly between 0.5 and 1"):
        exception_process([0.1], [0.1], 0.4)
    with pytest.raises(ValueError, match="series of probabilities"):
        transform_process([1.2])
    with pytest.raises(ValueError, match="restart is a share"):
        e_process([[1.0]], 1.0)
    with pytest.raises(ValueError, match="factors must be finite and not negative"):
        e_process([[-1.0]])
    with pytest.raises(ValueError, match="e_values must be one series"):
        greedy_process([-1.0])
    with pytest.raises(ValueError, match="most is the largest stake"):
        greedy_process([1.0], most=1.0)
