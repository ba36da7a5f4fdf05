"""The law of a book: exact where scipy is, tested where the truth is known, without what is not there."""

import time

import numpy as np
import pandas as pd
import pytest
import torch
from scipy import stats

from quantdl.distributions import AffineMarginals, CopulaForecast, FactorStudentT
from quantdl.risk.measures.losses import expected_shortfall, value_at_risk, value_at_risk_error
from quantdl.risk.scores.book_laws import (
    TAILS,
    BookForecasts,
    DrawnSums,
    book_tests,
    forecast_books,
    long_only_books,
    pooled_tails,
    share_better,
)
from quantdl.sequences import NEXT_SESSION
from quantdl.training.forecasting import SessionLaws

FREEDOM, SCALE = 5.0, 0.01


def student_law(n_rows, present=None, loading=0.7):
    """Assets with one freedom and one factor: every book is Student-t with that freedom, in closed form."""
    n_assets = 4
    loadings = torch.full((n_rows, n_assets, 1), loading)
    marginals = AffineMarginals(torch.zeros(n_rows, n_assets), torch.full((n_rows, n_assets), SCALE))
    there = torch.ones(n_rows, n_assets, dtype=torch.bool) if present is None else present
    return CopulaForecast(marginals, FactorStudentT(torch.full((n_rows,), FREEDOM), loadings), there)


def pieces_of(law, target, observed=None):
    sessions = pd.bdate_range("2020-01-01", periods=len(target))
    seen = torch.ones_like(target, dtype=torch.bool) if observed is None else observed
    return [SessionLaws(sessions, NEXT_SESSION, law, target, seen)]


def correlation_of(law):
    """Of the standard variable, estimated from its own draws' signs: sin(pi / 2 * Kendall's tau) of elliptical laws."""
    torch.manual_seed(0)
    draws = law.sample(torch.Size((20_000,)))[:, 0, :2].numpy()
    return np.sin(np.pi / 2 * stats.kendalltau(draws[:, 0], draws[:, 1]).statistic)


def test_drawn_tails_are_those_of_the_risk_measures():
    draws = np.random.default_rng(0).standard_t(4, (3, 2500))
    law, losses = DrawnSums(draws.copy()), torch.from_numpy(-draws.T)
    for level in (0.95, 0.99, 0.975):
        tail = 1 - level
        torch.testing.assert_close(-law.icdf(tail), value_at_risk(losses, level))
        torch.testing.assert_close(-law.lower_mean(tail), expected_shortfall(losses, level))
        torch.testing.assert_close(law.icdf(level), value_at_risk(-losses, level))
        torch.testing.assert_close(law.upper_mean(tail), expected_shortfall(-losses, level))
    torch.testing.assert_close(law.quantile_error(0.01), value_at_risk_error(losses, 0.99), rtol=0.15, atol=0)


def test_an_outcome_beyond_all_draws_is_possible():
    law = DrawnSums(np.arange(9.0)[None])
    assert law.cdf(torch.tensor([-5.0])).tolist() == [0.05]
    assert law.cdf(torch.tensor([50.0])).tolist() == [0.95]
    assert law.cdf(torch.tensor([4.0])).tolist() == [0.5]


def test_books_of_an_elliptical_law_have_its_quantiles_and_shortfalls():
    law = student_law(1)
    correlation = correlation_of(law)
    weights = torch.tensor([[0.25] * 4, [1.0, 0, 0, 0]], dtype=torch.float64)
    torch.manual_seed(3)
    drawn = DrawnSums.of(weights, law.sample(torch.Size((200_000,)))[:, 0])
    scales = SCALE * np.sqrt([(1 + 3 * correlation) / 4, 1.0])
    quantile = stats.t.ppf(0.01, FREEDOM)
    beyond = stats.t.pdf(quantile, FREEDOM) / 0.01 * (FREEDOM + quantile**2) / (FREEDOM - 1)
    np.testing.assert_allclose(drawn.icdf(0.01), scales * quantile, rtol=0.02)
    np.testing.assert_allclose(drawn.lower_mean(0.01), -scales * beyond, rtol=0.03)
    np.testing.assert_allclose(drawn.upper_mean(0.01), scales * beyond, rtol=0.03)
    spread = np.sqrt(0.01 * 0.99 / 200_000) / stats.t.pdf(quantile, FREEDOM)
    np.testing.assert_allclose(drawn.quantile_error(0.01), scales * spread, rtol=0.25)


def test_the_true_law_passes_every_test_and_a_narrow_one_fails():
    n = 500
    law = student_law(n)
    torch.manual_seed(1)
    target = law.sample()
    weights = long_only_books(4, 20)
    right = forecast_books(pieces_of(law, target), weights, 1000, seed=5)
    tests = book_tests(right)
    assert tests.ks_p > 0.01
    assert all(tail.kupiec_p > 0.01 and tail.christoffersen_p > 0.01 for tail in tests.tails)
    assert [(tail.side, tail.level) for tail in tests.tails] == list(TAILS)
    assert 0 < tests.error_bp < 25
    pooled = {(tail.side, tail.level): tail for tail in pooled_tails(right)}
    assert pooled["losses", 0.99].hits == pytest.approx(0.01, abs=0.008)
    assert pooled["gains", 0.95].hits == pytest.approx(0.05, abs=0.02)
    narrow = forecast_books(pieces_of(law, 1.5 * target), weights, 1000, seed=5)
    assert book_tests(narrow).tails[0].kupiec_p < 0.01
    assert book_tests(narrow).ks_p < 0.01
    assert pooled_tails(narrow)[0].rejected > 0.9


def test_the_sharper_law_has_the_better_score_on_every_book():
    n = 300
    law = student_law(n)
    torch.manual_seed(2)
    target = law.sample()
    weights = long_only_books(4, 10)
    right = forecast_books(pieces_of(law, target), weights, 1000, seed=5)
    wide = CopulaForecast(
        AffineMarginals(torch.zeros(n, 4), torch.full((n, 4), 2 * SCALE)), law.dependence, law.present
    )
    wrong = forecast_books(pieces_of(wide, target), weights, 1000, seed=5)
    tail = TAILS[0]
    assert share_better(right.fz0(tail), wrong.fz0(tail)) == 1.0
    assert right.energy.mean() < wrong.energy.mean()
    with pytest.raises(ValueError, match="same sessions and books"):
        share_better(right.fz0(tail), wrong.fz0(tail)[1:])


def test_an_asset_that_is_not_there_is_in_no_book():
    present = torch.tensor([[True, True, True, False]])
    target = torch.tensor([[0.01, -0.02, torch.nan, torch.nan]])
    observed = torch.tensor([[True, True, False, False]])
    books = forecast_books(pieces_of(student_law(1, present), target, observed), long_only_books(4, 0), 500, seed=1)
    assert books.outcome.tolist() == [[pytest.approx(-0.005)]]  # half and half of the two that are


def test_a_session_without_an_outcome_is_left_out_and_a_span_without_one_is_refused():
    target = torch.zeros(2, 4)
    observed = torch.tensor([[True] * 4, [False] * 4])
    books = forecast_books(pieces_of(student_law(2), target, observed), long_only_books(4, 1), 200, seed=1)
    assert books.outcome.shape == (1, 2)
    with pytest.raises(ValueError, match="no session was scored"):
        forecast_books(pieces_of(student_law(2), target, observed & False), long_only_books(4, 1), 200, seed=1)


def test_draws_are_those_of_the_seed_and_leave_the_state_alone():
    target = torch.zeros(3, 4)
    torch.manual_seed(9)
    before = torch.random.get_rng_state()
    one, two, other = (
        forecast_books(pieces_of(student_law(3), target), long_only_books(4, 2), 300, seed) for seed in (1, 1, 2)
    )
    assert torch.equal(torch.random.get_rng_state(), before)
    pd.testing.assert_frame_equal(one.table(), two.table())
    assert not np.array_equal(one.pit, other.pit)
    assert list(one.table().columns[:4]) == ["session", "book", "outcome", "pit"]
    assert len(one.table()) == 9


def test_without_the_energy_score_the_rest_is_the_same():
    target = 0.01 * torch.ones(3, 4)
    pieces = [pieces_of(student_law(3), target) for _ in range(2)]
    with_it, without = (
        forecast_books(own, long_only_books(4, 2), 300, 1, with_energy=asked)
        for own, asked in zip(pieces, (True, False), strict=True)
    )
    assert (with_it.pit == without.pit).all()
    assert (with_it.value_at_risk["losses", 0.99] == without.value_at_risk["losses", 0.99]).all()
    assert np.isfinite(with_it.energy).all()
    assert np.isnan(without.energy).all()


def test_the_random_books_are_the_same_long_only_books_every_time():
    weights = long_only_books(20, 200)
    assert weights.shape == (201, 20)
    np.testing.assert_allclose(weights.sum(axis=1), 1.0)
    assert (weights >= 0).all()
    np.testing.assert_array_equal(weights, long_only_books(20, 200))
    assert weights[1:].std() == pytest.approx(np.sqrt(stats.beta(1, 19).var()), rel=0.05)  # uniform on the simplex


def test_two_hundred_books_of_a_session_take_hundredths_of_a_second():
    started = time.process_time()
    forecast_books(pieces_of(student_law(20), torch.zeros(20, 4)), long_only_books(4, 200), 10_000, seed=1)
    assert (time.process_time() - started) / 20 < 0.4  # of CPU; 0.03 where nothing else runs


def test_a_shortfall_that_is_no_loss_has_no_score():
    one = np.ones((2, 1))
    figures = dict.fromkeys(TAILS, -one)
    sessions = pd.DatetimeIndex(["2020-01-01", "2020-01-02"])
    books = BookForecasts(sessions, one, one, figures, figures, one, np.ones(2))
    assert np.isnan(books.fz0(TAILS[0])).all()
    assert pooled_tails(books, first=0)[0].fz0 is None
