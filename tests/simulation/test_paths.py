"""Tests of whole paths against their own truth: what comes out has the law that is said to be true."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from quantdl.errors import ConfigError
from quantdl.market.corporate.adjustment import adjusted
from quantdl.market.status import CellStatus
from quantdl.simulation import (
    Delistings,
    Factors,
    Garch,
    Halts,
    Jumps,
    Listings,
    MarketDescription,
    Regimes,
    SimulatedPath,
    Splits,
    StudentTShocks,
    TrueLaw,
    conditional_law,
    returns_ahead,
    simulate,
)

GARCH = Garch(omega=2e-6, alpha=0.1, beta=0.88)
GJR = Garch(omega=2e-6, alpha=0.03, beta=0.88, gamma=0.14)
CHAIN = Regimes(((0.98, 0.02), (0.05, 0.95)), means=(5e-4, -1e-3), volatility_multiples=(0.7, 2.2))
MILD = replace(CHAIN, volatility_multiples=(0.7, 1.7))  # GARCH would explode under the wilder one
COMMON = replace(MILD, common=True)
JUMPS = Jumps(0.05, -0.04, 0.05)
EVENTS = MarketDescription(
    400,
    12,
    halts=Halts(0.01, 4.0),
    listings=Listings(0.4, latest=150),
    delistings=Delistings(0.003, terminal_fraction=0.25),
    splits=Splits(0.01),
)
MARKETS = {
    "normal": MarketDescription(2500, 8),
    "heavy_tails": MarketDescription(2500, 8, shocks=StudentTShocks(3.5)),
    "garch": MarketDescription(2500, 8, volatility=GARCH),
    "gjr_t": MarketDescription(2500, 8, volatility=GJR, shocks=StudentTShocks(5.0), mean=3e-4),
    "regimes": MarketDescription(2500, 8, regimes=CHAIN),
    "jumps": MarketDescription(2500, 8, jumps=JUMPS),
    "garch_regimes_jumps_t_halts": MarketDescription(
        2500,
        8,
        volatility=Garch(omega=4e-6, alpha=0.05, beta=0.85),
        shocks=StudentTShocks(5.0),
        regimes=MILD,
        jumps=JUMPS,
        halts=Halts(0.02, 5.0),
        listings=Listings(0.5, latest=500),
    ),
}
TOGETHER = MarketDescription(  # one asset stands for all: their transforms are dependent within a session
    1500,
    4,
    shocks=StudentTShocks(5.0),
    volatility=Garch(omega=4e-6, alpha=0.05, beta=0.85),
    regimes=replace(COMMON, loading_multiples=(0.6, 1.2)),
    jumps=replace(JUMPS, common=True),
    factors=Factors(loadings=((0.7,), (0.6,), (0.5,), (0.4,))),
)


def transforms(path: SimulatedPath, law: TrueLaw | None = None) -> np.ndarray:
    """Probability integral transforms of all returns that were made."""
    values = (law or path.law).cdf(path.log_returns)
    return values[np.isfinite(path.log_returns)]


@pytest.mark.parametrize("name", MARKETS)
def test_the_transforms_of_the_returns_under_the_true_law_are_uniform(name):
    path = simulate(MARKETS[name], seed=11)
    uniform = transforms(path)
    assert stats.kstest(uniform, "uniform").pvalue > 0.01
    normal = stats.norm.ppf(uniform)
    assert np.var(normal) == pytest.approx(1.0, abs=4 * np.sqrt(2 / len(normal)))


@pytest.fixture(scope="module")
def together() -> np.ndarray:
    path = simulate(TOGETHER, seed=2)
    return path.law.cdf(path.log_returns)[1:]


@pytest.mark.parametrize("asset", range(4))
def test_the_transforms_of_each_asset_of_a_common_market_are_uniform(together, asset):
    uniform = together[:, asset]
    assert stats.kstest(uniform, "uniform").pvalue > 0.01
    assert np.var(stats.norm.ppf(uniform)) == pytest.approx(1.0, abs=4 * np.sqrt(2 / len(uniform)))


@pytest.mark.parametrize("name", ["garch", "gjr_t", "regimes"])
def test_no_memory_is_left_in_the_squares_of_the_transforms(name):
    """The squared returns remember; what the true law makes of them does not."""
    path = simulate(MARKETS[name], seed=3)
    bound = 4 / np.sqrt(path.log_returns[1:].size)
    assert abs(lagged_correlation(np.square(path.log_returns[1:]))) > 2 * bound
    normal = stats.norm.ppf(path.law.cdf(path.log_returns)[1:])
    assert abs(lagged_correlation(np.square(normal))) < bound


def lagged_correlation(values: np.ndarray) -> float:
    ranks = stats.rankdata(values, axis=0)  # heavy tails have no fourth moment
    return float(np.corrcoef(ranks[1:].ravel(), ranks[:-1].ravel())[0, 1])


def without_memory(path: SimulatedPath, market: MarketDescription) -> TrueLaw:
    """The long-run law of a market with regimes: right on average, blind to the past."""
    weights = np.broadcast_to(market.regimes.stationary, path.law.own_weights.shape)
    return replace(path.law, own_weights=weights)


def test_the_filtered_law_scores_above_the_long_run_one_and_below_one_that_sees_the_regime():
    market = MARKETS["regimes"]
    path = simulate(market, seed=5)
    seen = np.eye(2)[path.regimes]
    laws = [without_memory(path, market), path.law, replace(path.law, own_weights=seen)]
    blind, filtered, oracle = (np.nanmean(law.log_density(path.log_returns)) for law in laws)
    assert blind + 0.05 < filtered < oracle - 0.02


def test_a_law_without_memory_keeps_the_memory_of_the_squares():
    """The counterpart that shows the test above can fail."""
    market = MARKETS["regimes"]
    path = simulate(market, seed=5)
    normal = stats.norm.ppf(without_memory(path, market).cdf(path.log_returns)[1:])
    assert abs(lagged_correlation(np.square(normal))) > 8 / np.sqrt(normal.size)


def test_a_law_with_the_wrong_tails_fails_the_test_of_uniformity():
    path = simulate(MARKETS["heavy_tails"], seed=11)
    wrong = conditional_law(MARKETS["normal"], path.log_returns)
    assert stats.kstest(transforms(path, wrong), "uniform").pvalue < 1e-6


def test_a_common_regime_is_seen_more_clearly_through_more_assets():
    alone = MarketDescription(3000, 1, regimes=COMMON)
    many = replace(alone, n_assets=10)
    path = simulate(many, seed=0)
    together = np.nanmean(path.true_log_density)
    apart = np.nanmean(
        [conditional_law(alone, path.log_returns[:, [n]]).log_density(path.log_returns[:, [n]]) for n in range(10)]
    )
    assert together > apart + 0.01


def test_quantiles_are_exceeded_as_often_as_they_say():
    path = simulate(MARKETS["garch"], seed=8)
    below = path.log_returns[1:] < path.law.quantile(0.05)[1:]
    assert below.mean() == pytest.approx(0.05, abs=4 * np.sqrt(0.05 * 0.95 / below.size))


def test_closes_make_the_returns_that_were_drawn():
    path = simulate(MARKETS["gjr_t"], seed=0)
    np.testing.assert_allclose(path.panel.log_returns(), path.log_returns, atol=1e-12)


def test_a_path_is_a_function_of_description_and_seed():
    first, again, other = (simulate(EVENTS, seed=seed) for seed in (1, 1, 2))
    assert first.panel.card.fingerprint == again.panel.card.fingerprint
    assert first.panel.card.fingerprint != other.panel.card.fingerprint
    np.testing.assert_array_equal(first.law.scales, again.law.scales)


def test_a_longer_simulation_begins_with_the_shorter_one():
    garch = Garch(omega=4e-6, alpha=0.05, beta=0.85)
    rich = replace(EVENTS, volatility=garch, shocks=StudentTShocks(4.0), regimes=COMMON, jumps=JUMPS)
    short, long = (simulate(replace(rich, n_sessions=n), seed=3) for n in (300, 400))
    np.testing.assert_array_equal(long.log_returns[:300], short.log_returns)
    np.testing.assert_array_equal(long.law.common_weights[:300], short.law.common_weights)
    np.testing.assert_array_equal(long.law.scales[:300], short.law.scales)
    for name in ("panel", "raw"):
        cut, whole = getattr(long, name).until(getattr(short, name).sessions[-1]), getattr(short, name)
        np.testing.assert_array_equal(cut.closes, whole.closes)
        np.testing.assert_array_equal(cut.status, whole.status)
        assert cut.actions == whole.actions


def test_splits_change_no_return_and_halts_no_draw_of_other_assets():
    plain = replace(EVENTS, splits=None)
    np.testing.assert_array_equal(simulate(plain, 1).log_returns, simulate(EVENTS, 1).log_returns)
    quiet, path = simulate(replace(EVENTS, halts=None), 1), simulate(EVENTS, 1)
    both = np.isfinite(quiet.log_returns) & np.isfinite(path.log_returns)
    assert both.sum() < np.isfinite(quiet.log_returns).sum()
    np.testing.assert_array_equal(quiet.log_returns[both], path.log_returns[both])


def test_raw_prices_times_the_shares_of_one_first_share_are_its_value():
    path = simulate(EVENTS, seed=1)
    assert len(path.raw.actions.splits) > 10
    shares = np.ones_like(path.raw.closes)
    for split in path.raw.actions.splits:
        row, column = path.raw.sessions.get_loc(str(split.ex_date)), path.raw.assets.index(split.asset)
        shares[row:, column] *= split.ratio
    np.testing.assert_allclose(path.raw.closes * shares, path.panel.closes, rtol=1e-12)
    assert path.panel.actions.splits == ()
    assert (path.raw.card.declaration.adjustment, path.panel.card.declaration.adjustment) == ("raw", "total_return")


def test_adjusting_the_raw_prices_gives_the_returns_that_were_drawn():
    path = simulate(EVENTS, seed=1)
    for direction in ("back", "forward"):
        returns = adjusted(path.raw, "split", direction).log_returns()
        np.testing.assert_allclose(returns, path.log_returns, atol=1e-12)


def test_a_split_goes_ex_where_the_asset_trades():
    raw = simulate(EVENTS, seed=1).raw
    assert len(raw.actions.splits) > 10
    for split in raw.actions.splits:
        row, column = raw.sessions.get_loc(str(split.ex_date)), raw.assets.index(split.asset)
        assert raw.traded[row, column]
        assert raw.traded[:row, column].any()


def test_a_delisting_pays_its_share_of_the_last_close_and_ends_the_asset():
    for panel in (simulate(EVENTS, seed=1).panel, simulate(EVENTS, seed=1).raw):
        assert len(panel.actions.delistings) >= 3
        for delisting in panel.actions.delistings:
            row, column = panel.sessions.get_loc(str(delisting.last)), panel.assets.index(delisting.asset)
            closes = panel.closes[: row + 1, column]
            assert delisting.terminal_value == pytest.approx(0.25 * closes[np.isfinite(closes)][-1])
            assert (panel.status[row + 1 :, column] == CellStatus.DELISTED).all()
        ended = {delisting.asset for delisting in panel.actions.delistings}
        gone = {
            name for name, status in zip(panel.assets, panel.status[-1], strict=True) if status == CellStatus.DELISTED
        }
        assert gone == ended


def test_an_unstated_terminal_value_is_unknown():
    path = simulate(replace(EVENTS, delistings=Delistings(0.003)), seed=1)
    assert {delisting.terminal_value for delisting in path.panel.actions.delistings} == {None}


def test_halted_cells_are_halted_and_late_assets_unlisted_before():
    panel = simulate(EVENTS, seed=1).panel
    assert (panel.status == CellStatus.HALTED).sum() > 50
    assert set(np.unique(panel.status)) == {0, 1, 3, 4}  # nothing is missing: the source knows why
    first = (panel.status != CellStatus.UNLISTED).argmax(axis=0)
    assert (first > 0).sum() >= 3
    assert (panel.status[first, range(12)] == CellStatus.TRADED).all()


def test_a_halt_pauses_the_process():
    """The return over a halt is that of one session, and the variance waits for it."""
    market = MarketDescription(
        400, 5, volatility=Garch(omega=4e-6, alpha=0.05, beta=0.85), regimes=MILD, halts=Halts(0.03, 5.0)
    )
    path = simulate(market, seed=0)
    halted = path.panel.status == CellStatus.HALTED
    rows, columns = np.nonzero(halted[:-1])
    assert len(rows) > 50
    np.testing.assert_array_equal(path.law.scales[rows + 1, columns], path.law.scales[rows, columns])
    np.testing.assert_array_equal(path.law.own_weights[rows + 1, columns], path.law.own_weights[rows, columns])
    resumed = rows[~halted[rows + 1, columns]] + 1, columns[~halted[rows + 1, columns]]
    assert (path.panel.bars_since_previous()[resumed] > 1).all()
    assert np.isfinite(path.log_returns[resumed]).all()


def test_returns_ahead_have_the_variance_that_the_recursion_expects():
    market, state = MARKETS["gjr_t"], np.array([2e-4, 4e-5])
    drawn = returns_ahead(market, state, 10, 200_000, seed=5)
    persistence = GJR.alpha + 0.5 * GJR.gamma + GJR.beta
    expected = GJR.long_run_variance + persistence ** np.arange(10)[:, None] * (state - GJR.long_run_variance)
    assert drawn.shape == (200_000, 10, 2)
    np.testing.assert_allclose(drawn.var(axis=0), expected, rtol=0.04)
    np.testing.assert_allclose(drawn.mean(axis=0), market.mean, atol=1.5e-4)
    first = StudentTShocks(5.0).quantile(np.array(0.01)) * np.sqrt(state) + market.mean
    np.testing.assert_allclose(np.quantile(drawn[:, 0], 0.01, axis=0), first, rtol=0.02)


def test_returns_ahead_of_a_market_with_hidden_states_are_refused():
    with pytest.raises(ConfigError, match="given a market with regimes or jumps"):
        returns_ahead(MARKETS["jumps"], np.array([1e-4]), 5, 10, seed=0)
