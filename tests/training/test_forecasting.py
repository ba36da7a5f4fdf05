import numpy as np
import pandas as pd
import pytest
import torch

from quantdl.distributions import MixtureForecast
from quantdl.errors import LookAheadError, RunError
from quantdl.models.ensemble import EnsembleForecaster, RefittedForecaster
from quantdl.models.settings import EwmaSettings, TransformerSettings
from quantdl.models.transformer import TransformerForecaster
from quantdl.sequences import NEXT_SESSION, build_histories, position_window
from quantdl.simulation import correlation_jump_market
from quantdl.training.classical_fit import fit_classical
from quantdl.training.forecasting import FittedModel, forecast_members, forecast_sessions

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


def transformer(histories, seed: int) -> TransformerForecaster:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = TransformerForecaster(histories.n_features, len(WINDOWS), TransformerSettings(5, width=8, heads=2))
        for parameter in model.parameters():  # heads start at zero, where all seeds say the same
            parameter.data.add_(0.05 * torch.randn_like(parameter))
    return model


def densities(book, window) -> torch.Tensor:
    return torch.cat([piece.law.log_prob(piece.target) for piece in book.of(window)])


def test_each_session_is_served_by_the_last_fit_that_had_ended(histories):
    sets, ends = [transformer(histories, seed) for seed in (1, 2, 3)], (200, 217, 250)
    through = tuple(histories.sessions[bar] for bar in ends)
    book = forecast_sessions(
        FittedModel(RefittedForecaster(sets, ends), WINDOWS, 20, through), histories, range(200, 280)
    )
    for window in WINDOWS:
        apart = []
        for number, (first, stop) in enumerate(((200, 217), (217, 250), (250, 280))):
            alone = FittedModel(sets[number], WINDOWS, 20, through[:1])
            own = forecast_sessions(alone, histories, range(200, 280))
            apart.append(densities(own, window)[first - 200 : stop - 200])
        torch.testing.assert_close(densities(book, window), torch.cat(apart), rtol=1e-5, atol=1e-5)
        assert not any(isinstance(piece.law, MixtureForecast) for piece in book.of(window))


def test_a_session_before_the_first_of_several_fits_is_refused(histories):
    through = tuple(histories.sessions[bar] for bar in (200, 230))
    model = RefittedForecaster([transformer(histories, seed) for seed in (1, 2)], (200, 230))
    with pytest.raises(LookAheadError):
        forecast_sessions(FittedModel(model, WINDOWS, 20, through), histories, range(199, 240))


@pytest.fixture(scope="module")
def members(histories) -> list[FittedModel]:
    """Two networks of other contexts and a model of volatility, which reads the whole past."""
    through = (histories.sessions[270],)
    volatility = fit_classical(EwmaSettings(3), histories, [270])
    return [
        FittedModel(transformer(histories, 1), WINDOWS, 20, through),
        FittedModel(transformer(histories, 2), WINDOWS, 40, (histories.sessions[272],)),
        FittedModel(volatility, WINDOWS, None, through),
    ]


def test_the_density_of_an_ensemble_is_the_weighted_mean_of_its_members_forecast_apart(histories, members):
    weights = (0.25, 0.25, 0.5)
    ensemble = FittedModel.ensemble(EnsembleForecaster([member.model for member in members], weights), members)
    bars = range(272, 299)
    book = forecast_sessions(ensemble, histories, bars)
    for window in WINDOWS:
        apart = [densities(forecast_sessions(member, histories, bars), window) for member in members]
        expected = np.log(np.exp(np.stack([own.double().numpy() for own in apart], axis=-1)) @ np.array(weights))
        np.testing.assert_allclose(densities(book, window).numpy(), expected, rtol=1e-5, atol=1e-4)
    assert book.law(histories.sessions[280], NEXT_SESSION).weights.tolist() == [[0.25, 0.25, 0.5]]


def test_an_ensemble_forecasts_once_all_of_its_members_are_fitted(histories, members):
    ensemble = FittedModel.ensemble(EnsembleForecaster([member.model for member in members], (0.2, 0.3, 0.5)), members)
    assert ensemble.fitted_through == (histories.sessions[272],)
    with pytest.raises(LookAheadError):
        forecast_members(ensemble, [histories] * 3, range(271, 280))
