"""The score of a step of the price: exact where scipy is, and fair where closes stand still."""

import math
import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from scipy import stats

from quantdl.scoring import find_tick, interval_log_score, log_score, tick_bounds
from tests.scipy_law import ScipyLaw


def _row(*values):
    return torch.tensor([values], dtype=torch.float64)


EVERYWHERE = torch.ones(1, 1, dtype=torch.bool)


@pytest.mark.parametrize("place", [-40.0, -6.0, -1.0, 0.0, 0.3, 2.0, 9.0, 40.0])
@pytest.mark.parametrize("width", [1e-9, 1e-3, 0.5])
def test_the_probability_of_a_step_keeps_its_digits_in_both_tails(place, width):
    law = stats.t(4)
    score = interval_log_score(ScipyLaw([law], EVERYWHERE), _row(place), _row(place + width), EVERYWHERE)
    node, weight = np.polynomial.legendre.leggauss(30)
    inside = 0.5 * width * float((weight * law.pdf(place + 0.5 * width * (node + 1))).sum())
    assert float(score) == pytest.approx(-math.log(inside), rel=1e-6)


def test_a_step_too_narrow_for_probabilities_is_its_width_times_the_density():
    law = ScipyLaw([stats.norm()], EVERYWHERE)
    score = interval_log_score(law, _row(1.0), _row(1.0 + 4e-16), EVERYWHERE)
    assert float(score) == pytest.approx(-stats.norm.logpdf(1.0) - math.log(4.440892098500626e-16), rel=1e-9)


def test_bounds_are_half_a_tick_on_either_side_of_the_close():
    lower, upper = tick_bounds(_row(math.log(3.21 / 3.20)), _row(3.21), _row(0.01))
    assert float(lower) == pytest.approx(math.log(3.205 / 3.20), rel=1e-9)
    assert float(upper) == pytest.approx(math.log(3.215 / 3.20), rel=1e-9)


def test_a_close_of_half_a_tick_may_have_been_anything_above_zero():
    lower, upper = tick_bounds(_row(-0.5), _row(0.005), _row(0.01))
    assert float(lower) < -20
    assert float(upper) == pytest.approx(-0.5 + math.log(2.0))


def test_cells_that_are_not_scored_are_not_read():
    present = torch.tensor([[True, True, False]])
    law = ScipyLaw([stats.norm()] * 3, present)
    observed = torch.tensor([[True, False, True]])
    score = interval_log_score(law, _row(-0.1, math.nan, 0.0), _row(0.1, math.nan, 1.0), observed)
    assert score[0].tolist() == pytest.approx([-math.log(stats.norm.cdf(0.1) - stats.norm.cdf(-0.1)), 0.0, 0.0])


def test_on_a_rounded_market_a_spike_deceives_the_density_and_the_truth_wins_by_steps():
    rng = np.random.default_rng(0)
    volatility, tick, n = 0.01, 0.01, 20_000
    before = rng.uniform(0.5, 2.0, n)  # a cent is about a standard deviation
    close = np.round(before * np.exp(volatility * rng.standard_normal(n)) / tick) * tick
    column = torch.from_numpy(np.log(close / before))[:, None]
    seen = torch.ones_like(column, dtype=torch.bool)
    lower, upper = tick_bounds(column, torch.from_numpy(close)[:, None], torch.full_like(column, tick))

    def score(law):
        return float(interval_log_score(ScipyLaw([law], seen), lower, upper, seen).mean())

    true = score(stats.norm(0, volatility))
    assert true < score(stats.norm(0, 0.8 * volatility)) - 0.01
    assert true < score(stats.norm(0, 1.25 * volatility)) - 0.01
    unchanged = torch.zeros_like(column)  # recorded closes that did not move
    spike = ScipyLaw([stats.laplace(0, 1e-12)], seen)  # bets that they will not
    assert float(log_score(spike, unchanged, seen).mean()) < -25  # the narrower, the better, without an end
    lower, upper = tick_bounds(unchanged, torch.from_numpy(close)[:, None], torch.full_like(column, tick))
    assert (interval_log_score(spike, lower, upper, seen) >= 0).all()  # no step is likelier than certain


def test_the_tick_is_found_and_adjusted_prices_have_none():
    rng = np.random.default_rng(1)
    price = 20 * np.exp(np.cumsum(0.02 * rng.standard_normal(500)))
    for tick in (0.01, 0.05, 0.25, 1.0):
        assert find_tick(np.round(price / tick) * tick) == tick
    assert find_tick(price) is None
    assert find_tick(np.round(price / 0.01) * 0.01 * 0.9137462) is None


def test_stocks_in_cents_are_found_on_the_databank():
    """Closes of NASDAQ stocks through 2012 as Google had them: of a stock 67 to 100 in a hundred are whole cents."""
    folder = os.environ.get("QUANTDL_DATABANK")
    if not folder or not Path(folder, "nasdaq_ohlcv.parquet").exists():
        pytest.skip("the prices are not here; QUANTDL_DATABANK names their folder")
    chosen = ["AAON", "CSCO", "INTC", "MSFT", "ORLY"]
    through = [("ticker", "in", chosen), ("date", "<=", pd.Timestamp("2012-12-31"))]
    table = pd.read_parquet(Path(folder, "nasdaq_ohlcv.parquet"), columns=["ticker", "close"], filters=through)
    for ticker, rows in table.groupby("ticker"):
        closes = rows["close"].to_numpy()
        whole = np.mean(np.abs(100 * closes - np.round(100 * closes)) < 1e-4)
        tick = find_tick(closes)
        assert (tick == 0.01) == (whole >= 0.9), (ticker, tick, whole)
    assert find_tick(table.loc[table["ticker"] == "CSCO", "close"].to_numpy()) == 0.01


def test_a_few_odd_closes_do_not_hide_a_tick_and_few_closes_show_none():
    closes = np.round(np.linspace(5, 9, 4000), 2)
    closes[[5, 900, 3000]] += 0.00137
    assert find_tick(closes) == 0.01
    assert find_tick(np.array([1.0, np.nan, 2.0])) is None
