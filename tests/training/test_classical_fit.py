"""Every classical model from its settings: fitted, stored and read back, on simulated markets with known laws."""

from typing import get_args

import numpy as np
import pytest
import torch
from scipy import stats

from quantdl.errors import DataError
from quantdl.models.settings import (
    ClassicalModel,
    DccSettings,
    EgarchSettings,
    FilteredHistoricalSettings,
    GjrSkewSettings,
    HistoricalSettings,
    LedoitWolfSettings,
    MarketStatesSettings,
)
from quantdl.records import plain_fields
from quantdl.sequences import NEXT_SESSION, Histories, ReturnWindow, build_histories, position_window
from quantdl.simulation import panel_of_closes
from quantdl.training.checkpoints import Architecture, load_checkpoint, save_checkpoint
from quantdl.training.classical_fit import build_classical, fit_classical, fit_student_t_scale
from quantdl.training.forecasting import FittedModel, forecast_sessions
from tests.panels import closes_of

WINDOWS = (NEXT_SESSION, position_window(5))
REFITS = (700, 800)
CORRELATION = np.array([[1.0, 0.7, 0.4], [0.7, 1.0, 0.5], [0.4, 0.5, 1.0]])


def simulated_returns(n_returns: int, seed: int, freedom: float = 6.0) -> np.ndarray:
    """Three GJR assets with a jointly Student-t shock, (n, 3)."""
    generator = np.random.default_rng(seed)
    shocks = stats.multivariate_t(np.zeros(3), CORRELATION, freedom, seed=generator).rvs(n_returns)
    shocks *= np.sqrt((freedom - 2.0) / freedom)
    returns, variance = np.zeros((n_returns, 3)), np.full(3, 1e-4)
    for bar in range(n_returns):
        surprise = np.sqrt(variance) * shocks[bar]
        returns[bar] = 2e-4 + surprise
        variance = 3e-6 + (0.03 + 0.1 * (surprise < 0)) * surprise**2 + 0.88 * variance
    return returns


def histories_of(returns: np.ndarray) -> Histories:
    return build_histories(panel_of_closes(closes_of(returns)), WINDOWS)


@pytest.fixture(scope="module")
def histories() -> Histories:
    closes = closes_of(simulated_returns(1000, seed=0))
    closes[:750, 2] = np.nan  # too little history at the first refit
    return build_histories(panel_of_closes(closes), WINDOWS)


CHEAP = {
    "dcc_t": DccSettings(5, recursion="garch"),
    "market_states": MarketStatesSettings(5, recursion="garch"),
    "egarch_t": EgarchSettings(5),
    "gjr_skewt": GjrSkewSettings(5),
    "filtered_historical": FilteredHistoricalSettings(5, window=300),
    "historical": HistoricalSettings(5, window=100),
    "ledoit_wolf_t": LedoitWolfSettings(5, window=100),
}


SLOW = ("egarch_t", "filtered_historical")


@pytest.fixture(scope="module", params=[pytest.param(n, marks=[pytest.mark.slow] * (n in SLOW)) for n in CHEAP])
def fitted(request, histories):
    settings = CHEAP[request.param]
    refits = [REFITS[0]] if isinstance(settings, HistoricalSettings) else list(REFITS)
    model = fit_classical(settings, histories, refits)
    sessions = tuple(histories.sessions[bar] for bar in refits)
    return settings, FittedModel(model, WINDOWS, None, sessions)


def test_a_stored_model_gives_the_same_laws(fitted, histories, tmp_path):
    settings, model = fitted
    save_checkpoint(tmp_path, model, Architecture(plain_fields(settings), (), histories.assets))
    read, _ = load_checkpoint(
        tmp_path,
        lambda architecture, windows, sets: build_classical(settings, len(architecture.assets), sets[0], windows),
    )
    bars = range(780, 830)
    for window in WINDOWS:
        first, second = (next(forecast_sessions(one, histories, bars).of(window)) for one in (model, read))
        torch.testing.assert_close(first.law.icdf(0.01), second.law.icdf(0.01), rtol=0, atol=0)
        torch.testing.assert_close(first.law.log_prob(first.target), second.law.log_prob(first.target), rtol=0, atol=0)


def test_future_returns_change_no_past_law_and_no_past_parameter(fitted, histories):
    """Refitted with other returns after bar 750, up to which everything must stay, bit for bit."""
    settings, model = fitted
    returns = simulated_returns(1000, seed=0)
    returns[750:] = -1.5 * returns[750:][::-1]
    closes = closes_of(returns)
    closes[:750, 2] = np.nan
    changed = build_histories(panel_of_closes(closes), WINDOWS)
    refitted = fit_classical(settings, changed, [REFITS[0]])
    other = FittedModel(refitted, WINDOWS, None, (changed.sessions[REFITS[0]],))
    for window in WINDOWS:
        before = next(forecast_sessions(model, histories, range(700, 751)).of(window)).law
        after = next(forecast_sessions(other, changed, range(700, 751)).of(window)).law
        assert torch.equal(before.icdf(0.01), after.icdf(0.01))
        assert torch.equal(before.log_prob(torch.zeros(51, 3)), after.log_prob(torch.zeros(51, 3)))


def test_a_late_asset_is_forecast_as_soon_as_it_can_be(fitted, histories):
    _, model = fitted
    for window in WINDOWS:
        laws = next(forecast_sessions(model, histories, range(740, 900)).of(window))
        present = laws.law.present[:, 2]
        assert present.nonzero()[0, 0] == 770 - 740 and present[30:].all()
        quantiles = laws.law.icdf(0.05)[30:]
        assert torch.isfinite(quantiles).all() and (quantiles < 0).all()
        assert torch.isfinite(laws.law.log_prob(laws.target)).all()


def test_every_kind_has_a_module():
    for settings in (choice(5) for choice in get_args(ClassicalModel)):
        assert sum(1 for _ in build_classical(settings, 2, 1, WINDOWS).parameters()) == 0  # buffers only


def test_market_states_of_one_asset_leave_its_own_law():
    histories = histories_of(simulated_returns(600, seed=2)[:, :1])
    model = fit_classical(MarketStatesSettings(5, recursion="garch"), histories, [500])
    law = model(histories.batch([range(500, 590)], 600))
    torch.testing.assert_close(law.log_prob(law.mean), law.marginal_log_prob(law.mean)[:, 0], rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize(("recursion", "innovations"), [("gjr", "student_t"), ("garch", "skew_t")])
def test_market_states_have_the_margins_that_their_settings_name(recursion, innovations):
    states = build_classical(MarketStatesSettings(5, recursion=recursion, innovations=innovations), 3, 1, WINDOWS)
    assert (states.exponential, states.law) == (False, innovations)


@pytest.fixture(scope="module")
def long_histories() -> Histories:
    return histories_of(simulated_returns(4000, seed=1))


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["gjr_skewt", "egarch_t", "dcc_t", "filtered_historical"])
@pytest.mark.parametrize("window", WINDOWS, ids=["next", "position"])
def test_laws_of_simulated_truth_are_calibrated_out_of_sample(long_histories, kind, window):
    """Positions of five bars overlap, so every fifth is looked at."""
    settings = DccSettings(5) if kind == "dcc_t" else CHEAP[kind]
    model = fit_classical(settings, long_histories, [2500])
    fitted = FittedModel(model, WINDOWS, None, (long_histories.sessions[2500],))
    laws = next(forecast_sessions(fitted, long_histories, range(2500, 3990)).of(window))
    for values in laws.law.cdf(laws.target)[:: window.bars].T.numpy():
        assert stats.kstest(values, "uniform").pvalue > 1e-3


@pytest.mark.slow
def test_dynamic_correlation_finds_no_dynamics_where_there_are_none(long_histories):
    model = fit_classical(DccSettings(5), long_histories, [3500])
    fitted = FittedModel(model, WINDOWS, None, (long_histories.sessions[3500],))
    law = next(forecast_sessions(fitted, long_histories, range(3500, 3990)).of(NEXT_SESSION)).law
    np.testing.assert_allclose(law.dependence.correlation().numpy().mean(0), CORRELATION, atol=0.08)
    assert law.dependence.correlation().std(0).max() < 0.1


@pytest.mark.parametrize("freedom", [4.0, 12.0])
def test_the_tails_of_a_scaled_covariance_are_recovered(freedom):
    generator = np.random.default_rng(3)
    draws = stats.multivariate_t(np.zeros(3), 2.5 * CORRELATION, freedom, seed=generator).rvs(8000)
    quadratic = np.einsum("ni,ij,nj->n", draws, np.linalg.inv(CORRELATION), draws)
    log_determinant = np.full(8000, np.linalg.slogdet(CORRELATION)[1])
    found, multiple = fit_student_t_scale(quadratic, log_determinant, np.full(8000, 3))
    assert found == pytest.approx(freedom, rel=0.15)
    assert multiple == pytest.approx(2.5, rel=0.05)


@pytest.mark.parametrize("settings", [DccSettings(5), LedoitWolfSettings(5)], ids=["dcc", "ledoit_wolf"])
def test_too_many_assets_for_whole_matrices_are_refused_with_a_way_out(settings):
    returns = 0.01 * np.random.default_rng(4).standard_normal((40, 201))
    with pytest.raises(DataError, match="given 201 assets; .* for at most 200. Choose fewer assets, or a model with"):
        fit_classical(settings, histories_of(returns), [30])


@pytest.mark.slow
def test_the_law_of_a_month_is_that_of_simulated_paths_and_not_that_of_a_day_scaled_up():
    """From a calm and from a stormy session, beside 100,000 paths of the true GJR recursion from the same state."""
    returns = simulated_returns(6000, seed=5)
    month = (NEXT_SESSION, ReturnWindow(0, 21))
    histories = build_histories(panel_of_closes(closes_of(returns)), month)
    model = fit_classical(GjrSkewSettings(21), histories, [5000])
    fitted = FittedModel(model, month, None, (histories.sessions[5000],))
    day, laws = (next(forecast_sessions(fitted, histories, range(5000, 5970)).of(window)).law for window in month)
    variance = true_next_variance(returns[:, 0])[5000:5970]  # return k stands at bar k + 1
    own, scaled = [], []
    for session in (int(np.argmin(variance)), int(np.argmax(variance))):
        paths = simulated_sums(float(variance[session]), 21, 100_000, seed=6)
        for level in (0.05, 0.95):
            expected = np.quantile(paths, level)
            own.append(laws.icdf(level)[session, 0].item() / expected - 1.0)
            scaled.append(np.sqrt(21.0) * day.icdf(level)[session, 0].item() / expected - 1.0)
    assert np.abs(own).max() < 0.12
    assert np.abs(own).mean() < 0.5 * np.abs(scaled).mean()


def true_next_variance(returns: np.ndarray) -> np.ndarray:
    """Variance of the return at each place, by the recursion that made it."""
    variance = np.full(len(returns) + 1, 1e-4)
    for bar, value in enumerate(returns):
        surprise = value - 2e-4
        variance[bar + 1] = 3e-6 + (0.03 + 0.1 * (surprise < 0)) * surprise**2 + 0.88 * variance[bar]
    return variance[:-1]


def simulated_sums(variance: float, bars: int, paths: int, seed: int) -> np.ndarray:
    """Returns over ``bars`` sessions from a state, (paths,)."""
    generator, total = np.random.default_rng(seed), np.zeros(paths)
    state = np.full(paths, variance)
    for _ in range(bars):
        surprise = np.sqrt(state * 4.0 / 6.0) * generator.standard_t(6, paths)
        total += 2e-4 + surprise
        state = 3e-6 + (0.03 + 0.1 * (surprise < 0)) * surprise**2 + 0.88 * state
    return total
