"""Forecasts laid out as a table, and their scores by hand."""

from dataclasses import replace
from datetime import date

import numpy as np
import pandas as pd
import pytest
import torch
from scipy import stats

from quantdl.distributions import MixtureForecast
from quantdl.risk.scores.forecast_scores import (
    Coverage,
    coverages,
    forecast_scores,
    forecast_table,
    mean_scores,
    next_session,
)
from quantdl.scoring import crps
from quantdl.sequences import NEXT_SESSION
from quantdl.training.forecasting import forecast_sessions


def test_coverage_counts_the_central_interval():
    scored = pd.DataFrame({"pit": [0.04, 0.06, 0.5, 0.94, 0.96]})
    assert coverages(scored, [0.9, 0.5]) == (Coverage(0.9, 0.6, 5.0), Coverage(0.5, 0.2, 5.0))


@pytest.fixture
def table():
    """Two sessions of two assets; one cell of the first session was not observed, and a position window beside it."""
    rows = [
        ("2020-01-02", "next_session", "B", True, 0.1, -1.0, -3.0, 0.25),
        ("2020-01-02", "next_session", "A", False, np.nan, np.nan, -3.0, np.nan),
        ("2020-01-03", "next_session", "B", True, 0.2, 3.0, 5.0, 0.75),
        ("2020-01-03", "next_session", "A", True, 0.4, 2.0, 5.0, 0.5),
        ("2020-01-03", "position", "A", True, 9.0, 9.0, 9.0, 0.9),
    ]
    columns = ["session", "window", "asset", "observed", "crps", "log_density", "joint_log_density", "pit"]
    return pd.DataFrame(rows, columns=columns)


def test_scores_are_means_over_the_observed_cells_of_the_next_session(table):
    found = forecast_scores(table, "a model")
    assert (found.model, found.window, found.n) == ("a model", "next_session", 3)
    assert found.nll == pytest.approx(-(-1.0 + 3.0 + 2.0) / 3)
    assert found.joint_nll == pytest.approx(-(-3.0 + 5.0) / 3)  # once a session
    assert found.crps == pytest.approx(0.7 / 3)
    assert mean_scores(next_session(table)).crps == found.crps


def test_each_fit_is_scored_on_the_sessions_it_served(table):
    """A fit through a session forecasts at its close; the third fit came after the last forecast and served none."""
    fits = [pd.Timestamp(day) for day in ("2019-12-31", "2020-01-03", "2020-01-06")]
    dated = table.assign(session=pd.to_datetime(table["session"]))
    first, second = forecast_scores(dated, "a model", fitted_through=fits).fits
    assert (first.fitted_through, first.first, first.last, first.n) == (date(2019, 12, 31), *[date(2020, 1, 2)] * 2, 1)
    assert (first.nll, first.joint_nll, first.crps) == pytest.approx((1.0, 3.0, 0.1))
    assert (second.fitted_through, second.first, second.last, second.n) == (*[date(2020, 1, 3)] * 3, 2)
    assert (second.nll, second.joint_nll, second.crps) == pytest.approx((-2.5, -2.5, 0.3))
    assert (first.coverage_90, second.coverage_90) == (1.0, 1.0)


def test_a_model_that_is_fitted_once_has_no_table_of_fits(table):
    assert forecast_scores(table, "a model", fitted_through=[pd.Timestamp("2019-12-31")]).fits == ()


def test_each_asset_has_its_own_scores_in_the_order_of_the_symbols(table):
    first, second = forecast_scores(table, "a model").assets
    assert (first.asset, first.n, first.nll, first.crps) == ("A", 1, -2.0, 0.4)
    assert (second.asset, second.n, second.nll) == ("B", 2, -1.0)
    assert second.crps == pytest.approx(0.15)


def test_uniformity_is_the_test_of_kolmogorov_and_smirnov(table):
    found = forecast_scores(table, "a model").pit
    expected = stats.kstest([0.25, 0.75, 0.5], "uniform")
    assert (found.statistic, found.p_value) == pytest.approx((expected.statistic, expected.pvalue))


def test_returns_over_several_bars_are_scored_in_sets_that_do_not_overlap():
    """Of 13 sessions in threes, the sets are 0, 3 .. 12; 1, 4 .. 10; 2, 5 .. 11; unscored sessions are in none."""
    sessions = pd.bdate_range("2020-01-01", periods=15)
    density = np.arange(15.0) ** 2
    rows = {"session": sessions, "asset": "A", "observed": np.arange(15) < 13, "log_density": -density}
    frame = pd.DataFrame(rows | {"crps": 0.01, "joint_log_density": 0.0, "pit": 0.02})
    table = pd.concat([frame.assign(window=name) for name in ("next_session", "position", "position_3")])
    position, further = forecast_scores(table, "a model", (2, 3)).horizons
    assert (position.bars, further.bars) == (2, 3)
    assert further.nll == pytest.approx(np.mean([np.mean(density[start:13:3]) for start in range(3)]))
    assert (further.n, further.crps_bp, further.coverage_90) == (13, pytest.approx(100.0), 0.0)
    assert forecast_scores(table, "a model", (2, 7)).horizons[1:] == ()  # 7 bars ahead, 13 sessions make no two sets


@pytest.fixture(scope="module")
def book(small_outcome):
    fitted, histories = small_outcome.fitted.fitted, small_outcome.fitted.histories
    return forecast_sessions(fitted, histories, range(histories.bar_of("2016-06-30"), histories.bar_of("2016-07-29")))


def test_the_table_holds_the_laws_of_the_book(book):
    table = forecast_table(book)
    assert len(table) == 2 * len(book.sessions) * len(book.assets)
    for name, window in (("next_session", book.pieces[0].window), ("position", book.pieces[1].window)):
        piece = next(iter(book.of(window)))
        own = table[(table["window"] == name) & (table["session"] == piece.sessions[0])]
        assert list(own["asset"]) == list(book.assets)
        np.testing.assert_allclose(own["q05"], piece.law.icdf(torch.tensor(0.05))[0].detach(), rtol=1e-6)
        np.testing.assert_allclose(own["target"], piece.target[0], atol=1e-7)
        below = piece.law.cdf(piece.target)[0].detach().numpy()
        np.testing.assert_allclose(own["pit"], below, atol=1e-6)


def test_the_crps_of_a_law_is_the_integral_of_its_definition(book):
    """The integral of (F(x) - 1{x >= y})^2, by the trapezoid rule on a fine grid."""
    piece = book.pieces[0]
    law, target = piece.law.rows(slice(0, 1)), piece.target[:1].double()
    grid = torch.linspace(-0.5, 0.5, 50_001, dtype=torch.float64)
    with torch.no_grad():
        found = crps(law, target, piece.observed[:1])[0, 0]
        many = piece.law.rows(torch.zeros(len(grid), dtype=torch.long))
        below = many.cdf(grid[:, None].expand(-1, len(book.assets)))[:, 0].double()
    squares = (below - (grid >= target[0, 0]).double()) ** 2
    assert float(found) == pytest.approx(float(torch.trapezoid(squares, grid)), rel=1e-3)


def test_the_spread_of_quantiles_over_members_stands_beside_them_where_there_are_members(book):
    """Members that are alike have none; a table of a law without members has no such column."""
    assert not [name for name in forecast_table(book) if name.endswith("_spread")]
    first = next(book.of(NEXT_SESSION))
    mixed = replace(first, law=MixtureForecast([first.law, first.law]))
    table = forecast_table(replace(book, pieces=(mixed,)))
    present = table["present"].to_numpy(bool)
    assert (table.loc[present, ["q01_spread", "q05_spread"]] == 0.0).all(axis=None)
    shifted = first.law.rows(torch.arange(len(first.sessions)).roll(1))  # of other sessions: of other scales
    apart = replace(first, law=MixtureForecast([first.law, shifted]))
    table = forecast_table(replace(book, pieces=(apart,)))
    own, other = first.law.icdf(0.05).numpy(), shifted.icdf(0.05).numpy()
    np.testing.assert_allclose(table["q05_spread"], np.abs(own - other).ravel() / 2.0, rtol=1e-6, atol=1e-12)
