"""Risk in blocks is risk of all draws at once, and contributions are those of the elliptical closed form."""

import numpy as np
import pytest
import torch
from scipy import stats

from quantdl.distributions import AffineMarginals, CopulaForecast, FactorStudentT
from quantdl.risk.measures.losses import (
    expected_shortfall,
    expected_shortfall_error,
    portfolio_losses,
    value_at_risk,
    value_at_risk_error,
)
from quantdl.risk.measures.streaming import drawn_blocks, risk_of_rows, streamed_risk

WEIGHTS = torch.tensor([0.6, 0.5, -0.3, 0.0], dtype=torch.float64)
COVARIANCE = np.array([[4.0, 1.0, 0.5, 0.2], [1.0, 2.0, 0.3, 0.1], [0.5, 0.3, 1.0, 0.0], [0.2, 0.1, 0.0, 1.0]]) / 1e4


def normal_returns(seed, n=20_000):
    return torch.from_numpy(np.random.default_rng(seed).multivariate_normal(np.zeros(4), COVARIANCE, n))


def law(rows=3):
    present = torch.ones(rows, 4, dtype=torch.bool)
    present[:, 3] = False
    scale = 0.01 * torch.arange(1.0, rows + 1.0)[:, None].expand(rows, 4)
    dependence = FactorStudentT(torch.full((rows,), 5.0), torch.ones(rows, 4, 1))
    return CopulaForecast(AffineMarginals(0.0 * scale, scale), dependence, present)


@pytest.mark.parametrize("size", [1, 777, 5000, 20_000])
def test_blocks_give_what_all_draws_give_at_once(size):
    returns = normal_returns(0) if size > 1 else normal_returns(0, 600)
    losses = -(returns @ WEIGHTS)
    for found in streamed_risk(returns.split(size), WEIGHTS, len(returns), (0.95, 0.975)):
        level = found.level
        assert found.value_at_risk.value == pytest.approx(float(value_at_risk(losses, level)), rel=1e-12)
        assert found.value_at_risk.standard_error == pytest.approx(float(value_at_risk_error(losses, level)), rel=1e-12)
        assert found.expected_shortfall.value == pytest.approx(float(expected_shortfall(losses, level)), rel=1e-12)
        assert float(found.contributions.sum()) == pytest.approx(found.expected_shortfall.value, rel=1e-12)


def test_contributions_are_those_of_the_normal_closed_form_within_their_errors():
    """w_i (Sigma w)_i / sigma times the expected shortfall of the standard normal law, REFERENCE_VALUES 3.6."""
    (found,) = streamed_risk(normal_returns(1, 100_000).split(8192), WEIGHTS, 100_000, (0.975,))
    weights = WEIGHTS.numpy()
    expected = 2.337802792 * weights * (COVARIANCE @ weights) / np.sqrt(weights @ COVARIANCE @ weights)
    distance = np.abs(found.contributions.numpy() - expected)[:3] / found.contribution_errors.numpy()[:3]
    assert distance.max() < 3.5
    assert float(found.contributions[3]) == 0.0 == float(found.contribution_errors[3])


def test_errors_of_contributions_are_their_spread_over_fresh_draws():
    found = [streamed_risk([normal_returns(seed, 4000)], WEIGHTS, 4000, (0.95,))[0] for seed in range(150)]
    spread = torch.stack([one.contributions for one in found]).std(0)[:3]
    stated = torch.stack([one.contribution_errors for one in found]).mean(0)[:3]
    torch.testing.assert_close(stated, spread, rtol=0.2, atol=0.0)


def test_tied_losses_are_shared_among_positions():
    """Two equal worst losses of which the tail holds one and a half."""
    rows = torch.zeros(30, 2, dtype=torch.float64)
    rows[3, 0], rows[7, 1] = -0.2, -0.2
    (found,) = streamed_risk(rows.split(4), torch.tensor([0.5, 0.5]), 30, (0.95,))
    assert found.expected_shortfall.value == pytest.approx(0.1)
    torch.testing.assert_close(found.contributions, torch.tensor([0.05, 0.05], dtype=torch.float64))


def test_unknown_returns_of_what_is_not_held_play_no_part():
    returns = normal_returns(2, 400)
    returns[:, 3] = torch.nan
    (found,) = streamed_risk(returns.split(100), WEIGHTS, 400, (0.95,))
    assert found.expected_shortfall.value > 0.0
    with pytest.raises(ValueError, match="held must be finite"):
        streamed_risk(returns.split(100), torch.ones(4), 400)


def test_drawn_blocks_depend_on_the_seed_alone(monkeypatch):
    monkeypatch.setattr("quantdl.risk.measures.streaming._CELLS_AT_ONCE", 4 * 300)
    one, same, other = (list(drawn_blocks(law(1), 1000, seed)) for seed in (7, 7, 8))
    assert [len(block) for block in one] == [300, 300, 300, 100]
    assert torch.equal(torch.cat(one), torch.cat(same)) and not torch.equal(torch.cat(one), torch.cat(other))
    assert not torch.equal(one[0], one[1]), "each block has draws of its own"


def test_rows_are_measured_one_by_one():
    weights = torch.tensor([0.5, 0.4, 0.1, 0.0])
    found = risk_of_rows(law(), weights, (0.95, 0.99), n_draws=40_000, seed=1)
    assert found.value_at_risk.shape == (2, 3)
    normed = float(((weights[:3] @ (torch.full((3, 3), 0.5) + 0.5 * torch.eye(3))) @ weights[:3]).sqrt())
    for row in range(3):
        quantile = 0.01 * (row + 1) * normed * stats.t(5).ppf(0.99)
        assert float(found.value_at_risk[1, row]) == pytest.approx(quantile, rel=0.08)  # of log returns, about 5 %
    assert bool((found.expected_shortfall > found.value_at_risk).all())
    assert bool((found.value_at_risk_error > 0).all() and (found.expected_shortfall_error > 0).all())


def test_the_upper_tail_alone_gives_measures_and_errors_of_all_draws():
    from quantdl.risk.measures.streaming import _of_upper

    losses = torch.from_numpy(np.random.default_rng(3).standard_t(4, 10_000))
    values = _of_upper(losses, 0.95, (0.95, 0.99))
    for number, measure in enumerate(
        (value_at_risk, value_at_risk_error, expected_shortfall, expected_shortfall_error)
    ):
        for place, level in enumerate((0.95, 0.99)):
            assert float(values[number, place]) == pytest.approx(float(measure(losses, level)), rel=1e-12)


def test_rows_agree_with_losses_of_the_same_law():
    held = torch.tensor([0.5, 0.4, 0.1, 0.0])
    found = risk_of_rows(law(1), held, (0.95,), n_draws=50_000, seed=2)
    (whole,) = (portfolio_losses(torch.log1p(torch.cat(list(drawn_blocks(law(1), 50_000, 3)))), held),)
    error = 4 * float(found.value_at_risk_error[0, 0]) * 2**0.5
    assert float(found.value_at_risk[0, 0]) == pytest.approx(float(value_at_risk(whole, 0.95)), abs=error)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: streamed_risk([normal_returns(0, 100)], WEIGHTS, 99), "100 rows, not n_draws = 99"),
        (lambda: streamed_risk([], WEIGHTS, 99), "no block"),
        (lambda: streamed_risk([torch.ones(9, 3)], WEIGHTS, 9), r"blocks must be \(s, 4\)"),
        (lambda: streamed_risk([torch.ones(9, 4)], WEIGHTS * torch.nan, 9), "finite"),
        (lambda: streamed_risk([normal_returns(0, 30)], WEIGHTS, 30, (0.99,)), "at least 100 losses"),
        (lambda: risk_of_rows(law(), torch.ones(4)), "row 0 holds an absent asset"),
        (lambda: next(drawn_blocks(law(2), 10, 0)), "must have one row"),
        (lambda: next(drawn_blocks(law(1), 0, 0)), "n_draws must be positive"),
    ],
)
def test_bad_arguments_are_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
