import numpy as np
import pandas as pd
import pytest
import torch

from quantdl.errors import LookAheadError, RunError
from quantdl.models.settings import TransformerSettings
from quantdl.models.transformer import TransformerForecaster
from quantdl.sequences import NEXT_SESSION, build_histories, position_window
from quantdl.simulation import correlation_jump_market
from quantdl.training.forecasting import FittedModel, forecast_sessions

WINDOWS = (NEXT_SESSION, position_window(3))


@pytest.fixture(scope="module")
def histories():
    return build_histories(correlation_jump_market(np.full(300, 0.4), n_assets=3, seed=1).panel, WINDOWS)


@pytest.fixture(scope="module")
def fitted(histories):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        settings = TransformerSettings(horizon=5, width=8, heads=2)
        model = TransformerForecaster(histories.n_features, len(WINDOWS), settings)
    return FittedModel(model, WINDOWS, context=20, fitted_through=(histories.sessions[200],))


def test_a_session_the_model_has_seen_is_refused(fitted, histories):
    with pytest.raises(LookAheadError) as refused:
        forecast_sessions(fitted, histories, range(199, 220))
    assert refused.value.exit_code == 4
    assert f"fitted through {histories.sessions[200]:%Y-%m-%d}" in str(refused.value)


def test_the_close_of_the_last_seen_session_may_forecast_the_next(fitted, histories):
    book = forecast_sessions(fitted, histories, range(200, 205))
    assert book.sessions[0] == histories.sessions[200]


def test_a_law_does_not_depend_on_the_span_that_was_asked_for(fitted, histories):
    session = histories.sessions[230]
    alone = forecast_sessions(fitted, histories, range(230, 231)).law(session, NEXT_SESSION)
    among = forecast_sessions(fitted, histories, range(200, 280)).law(session, NEXT_SESSION)
    probability = torch.tensor(0.01)
    torch.testing.assert_close(alone.icdf(probability), among.icdf(probability), rtol=1e-5, atol=1e-8)


def test_every_window_answers_for_every_session(fitted, histories):
    book = forecast_sessions(fitted, histories, range(200, 280))
    for window in WINDOWS:
        assert sum(len(piece.sessions) for piece in book.of(window)) == 80
        assert book.law(histories.sessions[279], window).batch_shape == (1,)


def test_targets_are_the_returns_of_their_window(fitted, histories):
    panel_logs = np.log(correlation_jump_market(np.full(300, 0.4), n_assets=3, seed=1).panel.closes)
    book = forecast_sessions(fitted, histories, range(200, 240))
    first = next(iter(book.of(position_window(3))))
    np.testing.assert_allclose(first.target[0].numpy(), panel_logs[204] - panel_logs[201], atol=1e-6)


def test_returns_that_end_after_the_span_are_not_observed(fitted, histories):
    book = forecast_sessions(fitted, histories, range(200, 240))
    observed = {window: [bool(row.all()) for piece in book.of(window) for row in piece.observed] for window in WINDOWS}
    assert observed[NEXT_SESSION] == [True] * 39 + [False]
    assert observed[position_window(3)] == [True] * 36 + [False] * 4


def test_a_session_outside_the_book_is_named(fitted, histories):
    book = forecast_sessions(fitted, histories, range(200, 210))
    with pytest.raises(RunError, match="no forecast for 2030-01-02"):
        book.law(pd.Timestamp("2030-01-02"), NEXT_SESSION)


def test_the_law_of_the_last_session_stands_until_the_next_one(fitted, histories):
    """Nothing is learnt in a session in which nothing trades, so its law is that of the session before."""
    book = forecast_sessions(fitted, histories, range(200, 210), through=histories.sessions[209] + pd.Timedelta(days=1))
    made = histories.sessions[209]
    between = made + pd.Timedelta(days=1)
    assert book.made_at(between) == book.made_at(made) == made
    for window in WINDOWS:
        assert book.law(between, window).icdf(0.05).tolist() == book.law(made, window).icdf(0.05).tolist()
    for outside in (made + pd.Timedelta(days=2), histories.sessions[199]):
        with pytest.raises(RunError, match=f"no forecast for {outside:%Y-%m-%d}"):
            book.law(outside, NEXT_SESSION)
