"""What a model's forecasts say of a book."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from scipy import stats

from quantdl.distributions import Forecast, MixtureForecast
from quantdl.risk.book.historical import HISTORY_SESSIONS
from quantdl.risk.book.predicted import ModelPredictions
from quantdl.risk.measures.losses import expected_shortfall_error
from quantdl.sequences import NEXT_SESSION, position_window
from quantdl.simulation import panel_of_closes
from quantdl.training.forecasting import forecast_sessions
from tests.small_experiment import ASSETS, stored


@pytest.fixture(scope="module")
def book(small_outcome):
    fitted, histories = small_outcome.fitted.fitted, small_outcome.fitted.histories
    bars = range(histories.bar_of("2016-06-30"), histories.bar_of("2016-12-30") + 1)
    return forecast_sessions(fitted, histories, bars)


@pytest.fixture(scope="module")
def predictions(book, small_outcome) -> ModelPredictions:
    return ModelPredictions(book, position=position_window(5), seed=7, n_draws=50_000, panel=small_outcome.data.panel)


@pytest.fixture(scope="module")
def few_draws(predictions) -> ModelPredictions:
    return replace(predictions, n_draws=4000)


@pytest.mark.parametrize("day", ["2016-07-29", "2016-11-08"])
def test_the_risk_of_a_book_of_one_asset_is_the_stored_quantile_of_its_next_session(day, predictions, small_run):
    table = stored(small_run, "forecasts").loc[pd.Timestamp(day)]
    table = table[table["window"] == "next_session"].set_index("asset")
    for number, asset in enumerate(ASSETS):
        weights = np.eye(len(ASSETS))[number]
        risk = predictions.book_risk(pd.Timestamp(day), weights)
        for level, quantile in ((0.95, "q05"), (0.99, "q01")):
            expected = -np.expm1(table.loc[asset, quantile])
            assert risk.value_at_risk(level) == pytest.approx(expected, rel=0.06), (asset, level)
            assert predictions.value_at_risk(pd.Timestamp(day), weights, level) == risk.value_at_risk(level)


def test_the_draws_for_sizing_follow_the_stored_law_of_the_position(predictions, small_run):
    day = pd.Timestamp("2016-11-08")
    table = stored(small_run, "forecasts").loc[day]
    table = table[table["window"] == "position"].set_index("asset").loc[list(ASSETS)]
    draws = predictions.position_draws(day)
    assert draws.shape == (50_000, len(ASSETS))
    for quantile, probability in (("q05", 0.05), ("q25", 0.25), ("q75", 0.75), ("q95", 0.95)):
        width = table["q95"] - table["q05"]
        error = (np.quantile(draws, probability, axis=0) - table[quantile]) / width
        assert np.abs(error).max() < 0.02, quantile


def test_draws_are_the_same_when_asked_twice_and_others_for_another_session_or_seed(predictions):
    first, second = pd.Timestamp("2016-07-29"), pd.Timestamp("2016-08-01")
    draws = predictions.position_draws(first)
    np.testing.assert_array_equal(predictions.position_draws(first), draws)
    other_seed = replace(predictions, seed=8).position_draws(first)
    for other in (predictions.position_draws(second), other_seed):
        # Like draws under nearly the same law would have nearly the same ranks.
        ranks = [stats.spearmanr(draws[:, asset], other[:, asset]).statistic for asset in range(len(ASSETS))]
        assert np.abs(ranks).max() < 0.03
    np.testing.assert_array_equal(replace(predictions).position_draws(first), draws)


def test_the_stored_risk_of_a_book_lies_between_what_its_law_allows(small_run):
    """Value at risk may not be much more than its assets' together, nor that of a law over five bars."""
    risk = stored(small_run, "risk")
    risk = risk.loc[risk["level"] == 0.95, "value_at_risk"]
    weights = stored(small_run, "weights")
    table = pd.read_parquet(small_run / "forecasts.parquet")
    table = table[table["window"] == "next_session"].pivot(index="session", columns="asset", values="q05")
    alone = (weights * -np.expm1(table.loc[weights.index, weights.columns])).sum(axis=1).shift(1)
    share = risk / alone.loc[risk.index]
    assert len(risk) > 100
    assert 0.4 < share.min() <= share.max() < 1.1


def test_a_held_asset_that_did_not_trade_is_not_riskless(few_draws, small_outcome):
    session = few_draws.book.sessions[5]
    weights = np.array([0.0, 0.5, 0.5, 0.0, 0.0, 0.0])
    whole = few_draws.book_risk(session, weights)
    law = few_draws.book.law(session, NEXT_SESSION)
    gone = torch.ones_like(law.present)
    gone[:, 1] = False
    pieces = tuple(replace(piece, law=piece.law.observed(gone)) for piece in few_draws.book.pieces)
    gap = replace(few_draws, book=replace(few_draws.book, pieces=pieces)).book_risk(session, weights)
    without = few_draws.book_risk(session, weights * [1, 0, 1, 1, 1, 1])
    assert gap.value_at_risk(0.99) > 1.3 * without.value_at_risk(0.99)
    assert gap.value_at_risk(0.99) > 0.8 * whole.value_at_risk(0.99)


def test_the_stand_in_for_an_absent_asset_is_its_own_history_alone(few_draws):
    session = few_draws.book.sessions[5]
    alone = np.array([0.0, 1.0, 0.0, 0.0, 0.0, 0.0])
    law = few_draws.book.law(session, NEXT_SESSION)
    gone = torch.ones_like(law.present)
    gone[:, 1] = False
    pieces = tuple(replace(piece, law=piece.law.observed(gone)) for piece in few_draws.book.pieces)
    risk = replace(few_draws, book=replace(few_draws.book, pieces=pieces)).book_risk(session, alone)
    closes = few_draws.panel.until(session).closes[:, 1]
    history = -np.diff(closes)[-HISTORY_SESSIONS:] / closes[:-1][-HISTORY_SESSIONS:]
    assert risk.value_at_risk(0.95) == pytest.approx(np.quantile(history, 0.95), rel=0.02)


def test_an_asset_without_a_forecast_and_with_few_returns_is_told_and_not_taken_for_riskless(few_draws):
    """Listed thirty returns before the session that asks: enough for one loss in twenty, not for one in a hundred."""
    session = few_draws.book.sessions[5]
    law = few_draws.book.law(session, NEXT_SESSION)
    gone = torch.ones_like(law.present)
    gone[:, 1] = False
    pieces = tuple(replace(piece, law=piece.law.observed(gone)) for piece in few_draws.book.pieces)
    known = few_draws.panel.until(session)
    for listed, returns in ((31, 30), (1, 0)):
        closes = known.closes.copy()
        closes[:-listed, 1] = np.nan
        panel = panel_of_closes(closes)
        panel = replace(panel, sessions=known.sessions, known_at=known.known_at, assets=known.assets)
        short = replace(few_draws, book=replace(few_draws.book, pieces=pieces), panel=panel)
        risk = short.book_risk(session, np.array([0.0, 0.5, 0.5, 0.0, 0.0, 0.0]))
        assert risk.n == returns
        assert risk.reaches(0.95) is (returns == 30) and not risk.reaches(0.99)
        assert f"got {returns} past returns of {ASSETS[1]}, which is held and has no forecast" in risk.short_of(0.99)
        assert short.value_at_risk(session, np.array([0.0, 0.5, 0.5, 0.0, 0.0, 0.0]), 0.99) is None
    assert few_draws.source(4000, 4000) == "model"


def mixture_of(book, scales: tuple[float, ...]):
    """The book's laws, and the same with other scales, mixed: each asset's log return times the factor."""

    def mixed(piece):
        target, observed = piece.target, piece.observed
        laws = [StretchedForecast(piece.law, scale) for scale in scales]
        return replace(piece, law=MixtureForecast(laws), target=target, observed=observed)

    return replace(book, pieces=tuple(map(mixed, book.pieces)))


class StretchedForecast(Forecast):
    """A law whose returns are those of another one times a factor; it can be drawn from and no more."""

    def __init__(self, law: Forecast, factor: float) -> None:
        super().__init__(law.present)
        self.law, self.factor = law, factor

    def rsample(self, sample_shape=()):
        return self.factor * self.law.rsample(sample_shape)

    def rows(self, index):
        return StretchedForecast(self.law.rows(index), self.factor)


for name in Forecast.__abstractmethods__ - {"rsample", "rows"}:
    setattr(StretchedForecast, name, None)
StretchedForecast.__abstractmethods__ = frozenset()


def test_members_that_agree_have_no_spread_and_others_that_of_their_scales(few_draws):
    session, weights = few_draws.book.sessions[5], np.full(len(ASSETS), 0.1)
    alone = few_draws.book_risk(session, weights)
    assert alone.by_member is None
    alike = replace(few_draws, book=mixture_of(few_draws.book, (1.0, 1.0, 1.0))).book_risk(session, weights)
    low, high, spread = alike.by_member().range_of_value_at_risk(0.99)
    assert low == high == alone.value_at_risk(0.99) and spread < 1e-15 * low + 1e-16
    apart = replace(few_draws, book=mixture_of(few_draws.book, (1.0, 2.0))).book_risk(session, weights)
    low, high, spread = apart.by_member().range_of_value_at_risk(0.99)
    assert low == alone.value_at_risk(0.99)
    assert high == pytest.approx(2.0 * low, rel=0.05)  # losses of a few percent are nearly linear in log returns
    assert spread == pytest.approx((high - low) / 2.0, rel=1e-9)
    assert low < apart.value_at_risk(0.99) < high


def test_the_draws_for_sizing_come_from_the_mixture_over_the_members(few_draws):
    """Half of them from each member: the deviation is the root mean square of the members', not that of either."""
    session = few_draws.book.sessions[5]
    alone = replace(few_draws, n_draws=50_000).position_draws(session)
    mixed = replace(few_draws, book=mixture_of(few_draws.book, (1.0, 4.0)), n_draws=50_000).position_draws(session)
    share = np.nanstd(mixed, axis=0) / np.nanstd(alone, axis=0)
    np.testing.assert_allclose(share, ((1.0 + 4.0**2) / 2.0) ** 0.5, rtol=0.08)


def test_not_knowing_the_parameters_adds_to_the_shortfall_of_a_book(few_draws):
    session, weights = few_draws.book.sessions[5], np.full(len(ASSETS), 0.1)
    apart = replace(few_draws, book=mixture_of(few_draws.book, (1.0, 2.0))).book_risk(session, weights)
    mixed, known, between = apart.by_member().price_of_not_knowing(0.99)
    error = float(expected_shortfall_error(apart.losses, 0.99))  # these are other draws of the same mixture
    assert mixed == pytest.approx(apart.expected_shortfall(0.99), abs=4 * error)
    assert known < mixed < 2.0 * known
    assert 0.0 <= between < 0.01
