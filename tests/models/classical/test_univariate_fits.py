"""Fits of one asset's volatility, against simulated truth and arch itself."""

import math

import numpy as np
import pytest
from arch import arch_model
from arch.univariate import SkewStudent
from scipy import stats

from quantdl.errors import DataError
from quantdl.market.sources import load_sp500
from quantdl.models.classical import univariate_fits
from quantdl.models.classical.recursion import VarianceRecursion, filtered_variance
from quantdl.models.classical.univariate_fits import ewma_t_fit, fit_garch_t, live_returns, volatility_fit

TRUTH = VarianceRecursion(mean=5e-4, omega=3e-6, alpha=0.09, beta=0.88, degrees_of_freedom=6.0)


def variance_step_by_step(returns: np.ndarray, recursion: VarianceRecursion, first: float) -> np.ndarray:
    variance = [first]
    for value in returns[:-1]:
        surprise = value - recursion.mean
        variance.append(recursion.omega + recursion.alpha * surprise**2 + recursion.beta * variance[-1])
    return np.array(variance)


def simulated(truth: VarianceRecursion, n_returns: int, seed: int) -> np.ndarray:
    freedom = truth.degrees_of_freedom
    shocks = np.random.default_rng(seed).standard_t(freedom, n_returns + 500) * math.sqrt((freedom - 2.0) / freedom)
    returns, variance = np.zeros(n_returns + 500), 1e-4
    for bar, shock in enumerate(shocks):
        returns[bar] = truth.mean + math.sqrt(variance) * shock
        variance = truth.omega + truth.alpha * (returns[bar] - truth.mean) ** 2 + truth.beta * variance
    return returns[500:]


def log_likelihood(returns: np.ndarray, recursion: VarianceRecursion) -> float:
    """Sum of the conditional log densities after the first 250, so that no start of the recursion matters."""
    variance = variance_step_by_step(returns, recursion, float(returns.var()))
    freedom = recursion.degrees_of_freedom
    scale = np.sqrt(variance * (freedom - 2.0) / freedom)
    return float(stats.t.logpdf(returns, freedom, recursion.mean, scale)[250:].sum())


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_garch_recovers_the_simulated_truth(seed):
    """Tolerances are three standard errors of a fit to 8000 returns, from the spread of such fits."""
    found = fit_garch_t(simulated(TRUTH, 8000, seed))
    assert found.alpha == pytest.approx(TRUTH.alpha, abs=0.03)
    assert found.beta == pytest.approx(TRUTH.beta, abs=0.04)
    assert found.omega == pytest.approx(TRUTH.omega, rel=0.5)
    assert found.degrees_of_freedom == pytest.approx(TRUTH.degrees_of_freedom, abs=1.2)
    assert found.mean == pytest.approx(TRUTH.mean, abs=3.5e-4)


@pytest.mark.parametrize("seed", [3, 4])
def test_the_fit_is_likelier_than_the_truth_and_no_more_than_chance_allows(seed):
    """Twice the gain follows chi-squared with five degrees of freedom (Wilks, 1938): above 20.5 once in a thousand."""
    returns = simulated(TRUTH, 5000, seed)
    gain = log_likelihood(returns, fit_garch_t(returns)) - log_likelihood(returns, TRUTH)
    assert -0.5 < gain < 20.5 / 2.0


@pytest.mark.parametrize("seed", [5, 6])
def test_garch_agrees_with_arch(seed):
    returns = simulated(TRUTH, 3000, seed)
    expected = arch_model(100.0 * returns, dist="t", rescale=False).fit(disp="off").params
    found = fit_garch_t(returns)
    assert found.mean == pytest.approx(expected["mu"] / 100.0, rel=2e-3)
    assert found.omega == pytest.approx(expected["omega"] / 100.0**2, rel=2e-3)
    assert found.alpha == pytest.approx(expected["alpha[1]"], rel=2e-3)
    assert found.beta == pytest.approx(expected["beta[1]"], rel=2e-3)
    assert found.degrees_of_freedom == pytest.approx(expected["nu"], rel=2e-3)


@pytest.mark.parametrize("factor", [1e-4, 1e-2, 100.0])
def test_returns_in_other_units_give_the_same_fit_in_those_units(factor):
    returns = simulated(TRUTH, 2000, seed=7)
    found, scaled = fit_garch_t(returns), fit_garch_t(factor * returns)
    assert scaled.mean == pytest.approx(factor * found.mean, rel=1e-3)
    assert scaled.omega == pytest.approx(factor**2 * found.omega, rel=1e-3)
    assert (scaled.alpha, scaled.beta) == pytest.approx((found.alpha, found.beta), rel=1e-3)
    assert scaled.degrees_of_freedom == pytest.approx(found.degrees_of_freedom, rel=1e-3)


@pytest.fixture(scope="module")
def range_resources() -> np.ndarray:
    """The bundled stock whose closes hardly changed before 1995: 27 to 92 percent of a year's returns are zero."""
    panel = load_sp500()
    returns = panel.log_returns()[:, panel.assets.index("RRC")]
    return returns[np.isfinite(returns)]


BARS_BEFORE_1995 = 1264


@pytest.mark.parametrize("n_returns", [1500, 3000, 8312])
def test_stale_prices_do_not_make_the_volatility_collapse(range_resources, n_returns):
    """Unchanged closes tempt the likelihood to a variance of zero; arch alone goes down to 2e-4 of the sample's."""
    returns = range_resources[:n_returns]
    found = fit_garch_t(returns)
    size = returns.std()
    assert found.alpha + found.beta <= 1.0 + 1e-6
    assert found.omega >= 0.99e-3 * size**2
    volatility = np.sqrt(variance_step_by_step(returns, found, size**2))
    assert volatility.min() > 0.03 * size and volatility.max() < 25.0 * size
    assert 0.25 * size < np.median(volatility) < 1.5 * size


def test_a_fit_to_stale_and_live_prices_still_describes_the_live_ones(range_resources):
    live = range_resources[BARS_BEFORE_1995:]
    stale_too, live_only = fit_garch_t(range_resources), fit_garch_t(live)
    loss = (log_likelihood(live, live_only) - log_likelihood(live, stale_too)) / len(live)
    assert 0.0 < loss < 0.05  # nats a bar


def test_no_other_start_finds_a_likelier_law_of_live_prices(range_resources):
    live = range_resources[BARS_BEFORE_1995:]
    found, variance = fit_garch_t(live), live.var()
    best = log_likelihood(live, found)
    for alpha, beta, freedom in ((0.05, 0.9, 5.0), (0.02, 0.97, 4.0), (0.1, 0.8, 8.0), (0.3, 0.6, 3.0)):
        model = arch_model(live / live.std(), dist="t", rescale=False)
        start = np.array([live.mean() / live.std(), 1.0 - alpha - beta, alpha, beta, freedom])
        other = model.fit(disp="off", show_warning=False, starting_values=start).params
        theirs = VarianceRecursion(
            other["mu"] * live.std(), other["omega"] * variance, other["alpha[1]"], other["beta[1]"], other["nu"]
        )
        assert best > log_likelihood(live, theirs) - 0.05


@pytest.mark.parametrize("returns", [np.zeros(500), np.full(500, 0.01)], ids=["unchanged", "steady"])
def test_returns_that_do_not_vary_are_refused(returns):
    with pytest.raises(DataError, match="500 returns with standard deviation") as refused:
        fit_garch_t(returns)
    assert refused.value.exit_code == 3


# EWMA


@pytest.mark.parametrize("freedom", [4.0, 8.0])
def test_ewma_recovers_the_degrees_of_freedom_of_its_own_process(freedom):
    # omega keeps the simulation from dying out; it is too small to be seen.
    returns = simulated(VarianceRecursion(0.0, 1e-8, 0.06, 0.94, freedom), 8000, seed=8)
    found = ewma_t_fit(0.94)(returns)
    assert (found.mean, found.omega, found.beta) == (0.0, 0.0, 0.94)
    assert found.alpha == pytest.approx(0.06)
    assert found.degrees_of_freedom == pytest.approx(freedom, rel=0.2)


def test_ewma_fits_nearly_normal_returns_with_many_degrees_of_freedom():
    returns = 0.01 * np.random.default_rng(9).standard_normal(5000)
    assert ewma_t_fit(0.99)(returns).degrees_of_freedom > 20.0


# Losses that count more, and skewed innovations


LEVERAGED = {
    "gjr": VarianceRecursion(5e-4, 3e-6, 0.03, 0.88, 6.0, gamma=0.1),
    "egarch": VarianceRecursion(5e-4, -0.18, 0.15, 0.98, 6.0, gamma=-0.08, exponential=True),
}


def leveraged_returns(kind: str, skewness: float, n_returns: int, seed: int) -> np.ndarray:
    """Simulated by the recursion written out; skewed shocks are quantiles by arch."""
    truth = LEVERAGED[kind]
    uniform = np.random.default_rng(seed).uniform(size=n_returns)
    shocks = SkewStudent().ppf(uniform, np.array([truth.degrees_of_freedom, skewness]))
    returns, variance = np.zeros(n_returns), 1e-4
    for bar, shock in enumerate(shocks):
        surprise = math.sqrt(variance) * shock
        returns[bar] = truth.mean + surprise
        if truth.exponential:
            news = truth.alpha * (abs(shock) - math.sqrt(2 / math.pi)) + truth.gamma * shock
            variance = math.exp(truth.omega + news + truth.beta * math.log(variance))
        else:
            variance = truth.omega + (truth.alpha + truth.gamma * (shock < 0)) * surprise**2 + truth.beta * variance
    return returns


@pytest.mark.parametrize(
    ("kind", "skewness"),
    [
        ("gjr", 0.0),
        ("egarch", -0.25),
        pytest.param("egarch", 0.0, marks=pytest.mark.slow),
        pytest.param("gjr", -0.25, marks=pytest.mark.slow),
    ],
)
def test_leverage_and_skewness_are_recovered(kind, skewness):
    """Tolerances are about three standard errors of a fit to 8000 returns."""
    truth, law = LEVERAGED[kind], "skew_t" if skewness else "student_t"
    found = volatility_fit(kind, law)(leveraged_returns(kind, skewness, 8000, seed=20))
    assert found.exponential == truth.exponential
    assert found.gamma == pytest.approx(truth.gamma, abs=0.04 if kind == "gjr" else 0.025)
    assert found.beta == pytest.approx(truth.beta, abs=0.04)
    assert found.alpha == pytest.approx(truth.alpha, abs=0.04)
    assert found.degrees_of_freedom == pytest.approx(truth.degrees_of_freedom, abs=1.2)
    assert found.skewness == pytest.approx(skewness, abs=0.05)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["gjr", "egarch"])
def test_leveraged_fits_in_other_units_are_the_same_in_those_units(kind):
    returns = leveraged_returns(kind, 0.0, 2000, seed=21)
    found, scaled = (volatility_fit(kind, "student_t")(factor * returns) for factor in (1.0, 50.0))
    omega = found.omega + (1 - found.beta) * 2 * math.log(50.0) if kind == "egarch" else 2500.0 * found.omega
    assert scaled.omega == pytest.approx(omega, rel=1e-2, abs=1e-3 if kind == "egarch" else 0.0)
    assert (scaled.alpha, scaled.beta) == pytest.approx((found.alpha, found.beta), rel=1e-2)
    assert scaled.gamma == pytest.approx(found.gamma, rel=1e-2)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["garch", "gjr", "egarch"])
@pytest.mark.parametrize("law", ["student_t", "skew_t"])
def test_stale_prices_lead_no_fit_astray(range_resources, kind, law):
    """arch's own start alone ends, for this series, at a daily volatility of 950 percent."""
    found = volatility_fit(kind, law)(range_resources)
    volatility = np.sqrt(filtered_variance(range_resources, found))
    size = range_resources.std()
    assert volatility.max() < 25.0 * size
    assert 0.25 * size < np.median(volatility) < 1.5 * size


def test_a_refusal_names_the_model():
    with pytest.raises(DataError, match=r"no EGARCH\(1,1,1\)-skew-t fits 500 returns"):
        volatility_fit("egarch", "skew_t")(np.zeros(500))


def test_stale_prices_are_left_out_of_a_fit_where_enough_is_left(range_resources):
    live = live_returns(range_resources)
    stale = range_resources[: len(range_resources) - len(live)]
    assert (stale == 0).mean() > 0.6 and (live[:250] == 0).mean() <= 0.5
    assert len(live_returns(live)) == len(live)
    short = range_resources[:1300]
    assert live_returns(short) is short  # too little would remain
    assert live_returns(np.zeros(3000)).size == 3000
    assert live_returns(np.zeros(10)).size == 10


def test_a_fit_that_no_start_reaches_holds_the_recursion_at_a_start(monkeypatch):
    """A student's volatility of 25 times the sample's is out of reach, so the limit is lowered to refuse every fit."""
    monkeypatch.setattr(univariate_fits, "_LARGEST_VOLATILITY", 0.0)
    returns = leveraged_returns("egarch", 0.0, 3000, seed=22)
    found = volatility_fit("egarch", "student_t")(returns)
    assert (found.alpha, found.gamma, found.beta, found.exponential) == (0.12, -0.04, 0.98, True)
    assert found.degrees_of_freedom == pytest.approx(6.0, abs=1.5)
    variance = filtered_variance(returns, found)
    assert np.median(variance) == pytest.approx(returns.var(), rel=0.5)
