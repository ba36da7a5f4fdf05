"""Volatility forecasters: filtered and summed like arch, fitted on the past, calibrated on simulated truth."""

import math

import numpy as np
import pytest
import torch
from arch import arch_model
from scipy import stats

from quantdl.errors import DataError
from quantdl.models.classical.recursion import VarianceRecursion
from quantdl.models.classical.univariate_fits import ewma_t_fit, fit_garch_t, volatility_fit
from quantdl.models.classical.volatility import VolatilityDesign
from quantdl.sequences import NEXT_SESSION, Histories, build_histories, position_window
from quantdl.simulation import panel_of_closes, simulate
from quantdl.training.forecasting import FittedModel, forecast_sessions
from quantdl.training.volatility_fit import fit_volatility, implied_shape, sum_of_variances
from tests.panels import closes_of
from tests.true_horizon import MONTH, Truth, gjr_market, predicted

WINDOWS = (NEXT_SESSION, position_window(5))
REFITS = (700, 800)
LATE = 900
TRUTH = VarianceRecursion(mean=2e-4, omega=3e-6, alpha=0.09, beta=0.88, degrees_of_freedom=5.0)
CORRELATION = np.array([[1.0, 0.7, 0.4], [0.7, 1.0, 0.5], [0.4, 0.5, 1.0]])


def simulated_returns(n_returns: int, seed: int) -> np.ndarray:
    """Three GARCH(1,1) assets whose shocks are jointly Student-t with the correlation above, (n, 3)."""
    generator, freedom = np.random.default_rng(seed), TRUTH.degrees_of_freedom
    shocks = stats.multivariate_t(np.zeros(3), CORRELATION, freedom, seed=generator).rvs(n_returns)
    shocks *= math.sqrt((freedom - 2.0) / freedom)
    returns, variance = np.zeros((n_returns, 3)), np.full(3, 1e-4)
    for bar in range(n_returns):
        returns[bar] = TRUTH.mean + np.sqrt(variance) * shocks[bar]
        variance = TRUTH.omega + TRUTH.alpha * (returns[bar] - TRUTH.mean) ** 2 + TRUTH.beta * variance
    return returns


def histories_of(returns: np.ndarray) -> Histories:
    return build_histories(panel_of_closes(closes_of(returns)), WINDOWS)


@pytest.fixture(scope="module")
def returns() -> np.ndarray:
    return simulated_returns(1100, seed=0)


@pytest.fixture(scope="module")
def histories(returns) -> Histories:
    closes = closes_of(returns)
    closes[:LATE, 2] = np.nan  # too little history at both refits
    return build_histories(panel_of_closes(closes), WINDOWS)


@pytest.fixture(scope="module")
def garch(histories) -> FittedModel:
    model = fit_volatility(histories, REFITS, fit_garch_t)
    return FittedModel(model, WINDOWS, None, tuple(histories.sessions[bar] for bar in REFITS))


def variances(laws) -> np.ndarray:
    """Of the marginals, (bars, A)."""
    margins = laws.law.marginals
    freedom = margins.own_degrees_of_freedom
    return (margins.scale**2 * freedom / (freedom - 2.0)).numpy()


def archs_fixed(returns: np.ndarray, fitted: FittedModel, refit: int, asset: int):
    """arch's own filter with the fitted parameters, on the returns the history holds."""
    model = fitted.model
    mean, omega = (values[refit, asset].item() for values in (model.mean, model.omega))
    parameters = [100.0 * mean, 1e4 * omega, model.alpha[refit, asset].item(), model.beta[refit, asset].item(), 5.0]
    return arch_model(100.0 * returns, dist="t", rescale=False).fix(parameters)


@pytest.mark.parametrize("asset", [0, 1])
def test_the_variance_of_the_next_session_is_archs_conditional_variance(histories, returns, garch, asset):
    laws = next(forecast_sessions(garch, histories, range(700, 1100)).of(NEXT_SESSION))
    observed = returns[19:, asset]  # histories begin with the twentieth return, which stands at bar 20
    for refit, bars in ((0, range(700, 800)), (1, range(800, 1100))):
        conditional = (archs_fixed(observed, garch, refit, asset).conditional_volatility / 100.0) ** 2
        expected = conditional[np.array(bars) + 1 - 20]
        np.testing.assert_allclose(variances(laws)[np.array(bars) - 700, asset], expected, rtol=1e-5)


@pytest.mark.parametrize("bar", [750, 1050])
def test_the_variance_of_a_position_is_the_sum_that_arch_forecasts(histories, returns, garch, bar):
    refit = 0 if bar < 800 else 1
    law = next(forecast_sessions(garch, histories, range(bar, bar + 1)).of(WINDOWS[1]))
    fixed = archs_fixed(returns[19:bar, 0], garch, refit, 0)  # through the return of this bar
    ahead = fixed.forecast(horizon=6).variance.to_numpy()[-1] / 1e4
    expected = ahead[1:6].sum()  # the fill waits for the next close
    adjustment = garch.model.adjustment[refit, 1, 0].item()
    assert variances(law)[0, 0] / adjustment**2 == pytest.approx(expected, rel=1e-5)


def test_sum_of_variances_by_hand():
    recursion = VarianceRecursion(0.0, omega=1.0, alpha=0.25, beta=0.25, degrees_of_freedom=5.0)
    # From 4 the expectations run 4, 3, 2.5, 2.25.
    assert sum_of_variances(np.array([4.0]), recursion, NEXT_SESSION).tolist() == [4.0]
    assert sum_of_variances(np.array([4.0]), recursion, position_window(3)).tolist() == [3.0 + 2.5 + 2.25]


def test_the_mean_of_a_window_is_the_mean_of_a_bar_times_its_bars(histories, garch):
    book = forecast_sessions(garch, histories, range(900, 905))
    for window, bars in zip(WINDOWS, (1.0, 5.0), strict=True):
        location = next(book.of(window)).law.marginals.location
        assert torch.allclose(location, bars * garch.model.mean[1], rtol=1e-12)


def test_parameters_are_those_of_the_fit_to_the_returns_before_the_refit(garch, returns):
    for number, refit in enumerate(REFITS):
        expected = fit_garch_t(returns[19:refit, 1].astype(np.float32).astype(float))
        assert garch.model.alpha[number, 1].item() == pytest.approx(expected.alpha, abs=2e-3)
        assert garch.model.beta[number, 1].item() == pytest.approx(expected.beta, abs=5e-3)
        assert garch.model.freedom[number, 0, 1].item() == pytest.approx(expected.degrees_of_freedom, rel=1e-2)
    assert not torch.equal(garch.model.alpha[0], garch.model.alpha[1])


def test_an_asset_with_too_little_history_takes_the_median_of_the_others(garch):
    model = garch.model
    for values in (model.mean, model.omega, model.alpha, model.beta):
        assert values[0, 2].item() == pytest.approx(values[0, :2].mean().item(), rel=1e-12)  # the median of two
    assert torch.allclose(model.freedom[0, :, 2], model.freedom[0, :, :2].mean(-1))
    assert torch.allclose(model.adjustment[0, :, 2], model.adjustment[0, :, :2].mean(-1))


def test_a_late_asset_is_forecast_once_it_has_twenty_returns(histories, garch):
    present = next(forecast_sessions(garch, histories, range(800, 1100)).of(NEXT_SESSION)).law.present[:, 2]
    assert present.nonzero()[0, 0] == LATE + 20 - 800 and present[LATE + 20 - 800 :].all()


def state(model: torch.nn.Module, refit: int) -> bytes:
    return b"".join(value[refit].numpy().tobytes() for value in model.state_dict().values())


@pytest.fixture(scope="module")
def ewma_laws(returns):
    def laws(changed_after: int | None):
        changed = returns.copy()
        if changed_after is not None:
            changed[changed_after:] = -2.0 * changed[changed_after:][::-1]  # return k stands at bar k + 1
        histories = histories_of(changed)
        model = fit_volatility(histories, REFITS, ewma_t_fit(0.94), VolatilityDesign(factors=2))
        fitted = FittedModel(model, WINDOWS, None, tuple(histories.sessions[bar] for bar in REFITS))
        return model, forecast_sessions(fitted, histories, range(700, 1000))

    return laws


def test_refits_use_only_what_was_known_at_the_refit(ewma_laws):
    untouched, _ = ewma_laws(None)
    changed, _ = ewma_laws(700)
    assert state(changed, 0) == state(untouched, 0)
    assert state(changed, 1) != state(untouched, 1)


@pytest.mark.parametrize("window", WINDOWS)
def test_future_returns_change_no_past_law(ewma_laws, window):
    untouched, changed = (next(ewma_laws(after)[1].of(window)).law for after in (None, 900))
    past = slice(0, 201)  # bars 700 to 900
    for before, after in (
        (untouched.marginals.location, changed.marginals.location),
        (untouched.marginals.scale, changed.marginals.scale),
        (untouched.marginals.own_degrees_of_freedom, changed.marginals.own_degrees_of_freedom),
        (untouched.dependence.degrees_of_freedom, changed.dependence.degrees_of_freedom),
        (untouched.dependence.loadings, changed.dependence.loadings),
        (untouched.present, changed.present),
    ):
        assert before[past].numpy().tobytes() == after[past].numpy().tobytes()
    assert not torch.equal(untouched.marginals.scale[201], changed.marginals.scale[201])


def test_no_asset_with_enough_returns_is_an_error_that_says_so(histories):
    with pytest.raises(DataError, match=r"no asset has 250 returns up to 2000-10-"):
        fit_volatility(histories, [200], ewma_t_fit())


def test_progress_is_told_of_every_refit(histories):
    told = []
    fit_volatility(histories, REFITS, ewma_t_fit(), progress=lambda *step: told.append(step))
    assert told == [("fitting volatility", 1, 2), ("fitting volatility", 2, 2)]


@pytest.fixture(scope="module")
def long_run():
    """Fitted to 2500 simulated returns; asked about the 1500 after them."""
    histories = histories_of(simulated_returns(4000, seed=1))
    model = fit_volatility(histories, [2500], fit_garch_t)
    fitted = FittedModel(model, WINDOWS, None, (histories.sessions[2500],))
    return model, forecast_sessions(fitted, histories, range(2500, 3990))


def test_laws_of_simulated_truth_are_calibrated_out_of_sample(long_run):
    laws = next(long_run[1].of(NEXT_SESSION))
    for values in laws.law.cdf(laws.target).T.numpy():
        assert stats.kstest(values, "uniform").pvalue > 1e-3
    below = (laws.target <= laws.law.icdf(torch.tensor(0.01))).double().mean()
    assert below.item() == pytest.approx(0.01, abs=0.006)


def test_position_laws_of_simulated_truth_are_calibrated_out_of_sample(long_run):
    """Positions of five bars overlap, so every fifth is looked at."""
    laws = next(long_run[1].of(WINDOWS[1]))
    for values in laws.law.cdf(laws.target)[::5].T.numpy():
        assert stats.kstest(values, "uniform").pvalue > 1e-3


def test_expected_variance_of_positions_needs_little_adjustment_when_the_recursion_is_true(long_run):
    next_session, position = long_run[0].adjustment[0]
    assert (next_session == 1.0).all()
    np.testing.assert_allclose(position, 1.0, atol=0.12)


def test_the_planted_dependence_is_found(long_run):
    laws = next(long_run[1].of(NEXT_SESSION))
    np.testing.assert_allclose(laws.law.dependence.correlation()[0], CORRELATION, atol=0.08)
    assert 3.0 < laws.law.dependence.degrees_of_freedom[0].item() < 9.0  # the truth is 5


def test_the_joint_law_beats_its_own_margins_out_of_sample(long_run):
    laws = next(long_run[1].of(NEXT_SESSION))
    gain = laws.law.log_prob(laws.target) - laws.law.marginal_log_prob(laws.target).sum(-1)
    # Of these normal shocks alone it would be -log det(R) / 2 = 0.46; common tails add to it.
    assert gain.mean().item() > -0.5 * np.log(np.linalg.det(CORRELATION)) - 0.1


@pytest.fixture(scope="module")
def month() -> Truth:
    return Truth.of(2500, 3, seed=1, n_bars=20, n_draws=10_000)


@pytest.mark.parametrize("law", ["student_t", pytest.param("skew_t", marks=pytest.mark.slow)])
def test_a_month_of_a_gjr_market_has_the_true_law_and_not_that_of_a_scaled_day(law, month):
    """Fitted on one path, held against the truth on another one."""
    path = simulate(gjr_market(6000, 3), seed=0)
    histories = build_histories(path.panel, (NEXT_SESSION, position_window(5), MONTH))
    model = fit_volatility(histories, [5999], volatility_fit("gjr", law), VolatilityDesign(law=law))
    fitted = FittedModel(model, histories.windows, None, (histories.sessions[0],))
    errors, scaled = month.errors(predicted(fitted, month)), month.errors(month.scaled_day())
    assert (errors < 0.1).all()
    assert (errors < 0.65 * scaled).all()


def test_the_shape_of_a_longer_window_is_that_of_simulated_sums():
    """Constant variance: sums of t variables, whose excess kurtosis falls with their number. GJR: skewed to losses."""
    generator, freedom = np.random.default_rng(3), 6.0
    innovations = generator.standard_t(freedom, 50_000) * math.sqrt((freedom - 2.0) / freedom)
    flat = VarianceRecursion(0.0, 1e-4, 0.0, 0.0, freedom)
    found = implied_shape(np.full(1000, 1e-4), innovations, flat, position_window(20))
    excess = 6.0 / (freedom - 4.0) / 20.0  # of the sum; a Student-t variable has 6 / (freedom - 4)
    assert found[0] > 0.5 * (4.0 + 6.0 / excess)
    assert found[1] == pytest.approx(1.0, abs=0.02)
    assert found[2] == pytest.approx(0.0, abs=0.04)
    leverage = VarianceRecursion(0.0, 2e-6, 0.02, 0.90, freedom, gamma=0.12)
    assert implied_shape(np.full(1000, 1e-4), innovations, leverage, position_window(20))[2] < -0.1
