"""What holds for any prices, gaps, delistings, costs and decisions."""

from dataclasses import dataclass, replace
from datetime import date

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings, strategies as st

from quantdl.backtest import Decision, Hold, run_backtest
from quantdl.backtest.plan.borrowing import Borrow
from quantdl.backtest.plan.fast_exit import FastExit
from quantdl.backtest.plan.friction import StatedVolume
from quantdl.backtest.plan.horizon import EveryBars
from quantdl.backtest.plan.invalidation import DrawdownLimit
from quantdl.backtest.plan.related_positions import CorrelationGroups, NamedGroups
from quantdl.market.corporate.confirmation import confirmed_prices
from quantdl.portfolio import within_limits
from tests.backtest.worlds import plan_for, random_walk, span, world


@dataclass(frozen=True)
class Setting:
    """One random market, plan and strategy."""

    seed: int
    n_assets: int
    jumps: float
    gaps: float
    delisted: bool
    short: bool
    cost_bps: float
    volume: float | None
    cadence: int
    fill_at: str
    clustered: bool


SETTINGS = st.builds(
    Setting,
    seed=st.integers(0, 10**6),
    n_assets=st.integers(2, 5),
    jumps=st.sampled_from([0.0, 0.02]),
    gaps=st.sampled_from([0.0, 0.1, 0.4]),
    delisted=st.booleans(),
    short=st.booleans(),
    cost_bps=st.sampled_from([0.0, 10.0, 300.0]),
    volume=st.sampled_from([None, 500.0, 1e6]),
    cadence=st.integers(1, 6),
    fill_at=st.sampled_from(["next_close", "decision_close"]),
    clustered=st.booleans(),
)
N_SESSIONS = 60


def market(setting):
    """Prices with tenfold jumps, holes, late listings and delistings."""
    generator = np.random.default_rng(setting.seed)
    shape = (N_SESSIONS, setting.n_assets)
    returns = 0.02 * generator.standard_t(3, shape)
    returns += np.log(10) * generator.choice([-1, 1], shape) * (generator.random(shape) < setting.jumps)
    closes = 100 * np.exp(np.clip(np.cumsum(returns, axis=0), -12, 12))
    closes[1:][generator.random((N_SESSIONS - 1, setting.n_assets)) < setting.gaps] = np.nan
    closes[: int(generator.integers(0, 20)), 1] = np.nan
    ended = {}
    if setting.delisted:
        closes[30:, 0] = np.nan
        ended = {"A00": date(2018, 2, 20)} if setting.seed % 2 else {}
    return world(closes, ended=ended)


class Restless:
    """Follows the last returns with noise; sometimes holds, sometimes says nothing, never breaks a cap."""

    def __init__(self, seed):
        self.seed = seed

    def decide(self, view):
        t = len(view.sessions)
        generator = np.random.default_rng([self.seed, t])
        action = generator.random()
        if not view.rebalance_due or action < 0.2:
            return None
        if action < 0.3:
            return Hold("rebalance")
        closes = view.closes[-3:]
        trend = np.where(np.isfinite(closes[-1] / closes[0]), np.log(closes[-1] / closes[0]), 0.0)
        wanted = generator.normal(0.3, 0.5, len(view.assets)) + trend
        return Decision(within_limits(wanted * view.listed, view.limits), "rebalance")


def plan_of(setting, panel):
    stops = {"max_weight": 0.7, "stop_loss": 0.05, "max_loss_per_trade": 0.1}
    short = {"long_only": False, "max_gross": 1.3, "max_net": 0.8, **stops}
    friction = {"commission_bps": setting.cost_bps / 2, "half_spread_bps": setting.cost_bps / 2}
    friction["fill_at"] = setting.fill_at
    items = {
        "horizon": {"bars": 8, "rebalance": EveryBars("every_bars", setting.cadence)},
        "sample": {"minimum_sessions": 20},
        "invalidation": (DrawdownLimit("drawdown", 0.55),),
        "sizing": short if setting.short else stops,
        "related_positions": {"max_group_gross": 0.65},
    }
    if setting.short:
        friction["borrow"] = Borrow(0.05, 0.25)
        items["related_positions"]["max_group_net"] = 0.6
    if setting.volume is not None:
        volume = dict.fromkeys(panel.assets, setting.volume)
        friction["liquidity"] = StatedVolume("stated", volume, "a guess made for this test", 0.2, 0.5)
        items["fast_exit"] = FastExit(4)
    if setting.clustered:
        items["related_positions"]["groups"] = CorrelationGroups("correlation", 20, 0.3)
    return plan_for(panel, **items, friction=friction)


def play(setting, panel=None):
    panel = market(setting) if panel is None else panel
    return panel, run_backtest(panel, plan_of(setting, panel), Restless(setting.seed), *span(panel), None, 1000.0)


@settings(max_examples=30)
@given(SETTINGS)
def test_the_books_always_balance(setting):
    panel, result = play(setting)
    plan, fills, equity = plan_of(setting, panel), result.fills, result.equity
    assert np.isfinite(equity.drop(columns=["days_to_exit", "halted"]).to_numpy()).all()
    scale = max(1000.0, float(equity["equity"].abs().max()))

    # Equity is cash plus shares at the last confirmed price, with the shares rebuilt from the fills alone.
    carried = confirmed_prices(panel, plan.trusted_data.unconfirmed_beyond).marks
    marks = pd.DataFrame(carried, panel.sessions, panel.assets)
    traded = fills.pivot_table(index="session", columns="asset", values="quantity", aggfunc="sum", fill_value=0.0)
    shares = traded.reindex(index=panel.sessions, columns=panel.assets, fill_value=0.0).cumsum()
    np.testing.assert_allclose(shares, result.quantities, rtol=1e-9, atol=1e-9 * (1 + shares.abs().max().max()))
    held = (result.quantities * marks).fillna(0.0).sum(axis=1)
    np.testing.assert_allclose(equity["equity"], equity["cash"] + held, rtol=1e-9, atol=1e-9 * scale)

    # The trades, closed and open, explain the whole change of equity.
    assert result.trades["pnl"].sum() == pytest.approx(equity["equity"].iloc[-1] - 1000.0, abs=1e-8 * scale)
    assert (result.trades["bars"] >= 0).all()

    # Fills happen at prices that were really made, not before the session after the decision, within the volume.
    prices = pd.DataFrame(panel.closes, panel.sessions, panel.assets)
    ordered = fills[fills["order"] > 0]
    for fill in ordered.itertuples():
        assert fill.price == prices.at[fill.session, fill.asset]
    waited = ordered["session"] - ordered["decided"]
    assert (waited >= pd.Timedelta(days=0 if setting.fill_at == "decision_close" else 1)).all()
    if setting.volume is not None:
        most = ordered.groupby(["order", "session"])["notional"].sum()
        assert (most <= 0.2 * setting.volume * (1 + 1e-9)).all()

    # Caps hold at every decision; what costs money costs money.
    for decision in result.decisions:
        if decision.weights is not None:
            assert np.abs(decision.weights).max() <= plan.sizing.max_weight + 1e-9
            assert np.abs(decision.weights).sum() <= plan.sizing.max_gross + 1e-9
            assert decision.group_gross <= plan.related_positions.max_group_gross + 1e-9
            assert plan.sizing.long_only is False or (decision.weights >= 0).all()
    assert (equity["costs"] >= 0).all()
    assert (equity["cash"] >= -1e-9 * scale).all() or setting.short
    assert (equity["equity"] > 0).all() or result.halted_on is not None
    written = {"rebalance", "leave"}
    assert all(rule in written or rule.startswith("plan:") for rule in result.orders["rule"])


def decided_until(result, last):
    """What was decided up to a close, with the weights of the groups as of then."""
    return [
        (found.session, None if found.weights is None else found.weights.tolist(), found.rules, *sums)
        for found in result.decisions
        if found.session <= last
        for sums in [(found.group_gross, found.group_net)]
    ]


@settings(max_examples=15)
@given(SETTINGS, st.integers(5, N_SESSIONS - 10), st.integers(0, 10**6))
def test_future_prices_change_no_past_decision(setting, t, other):
    panel = market(setting)
    generator = np.random.default_rng(other)
    closes = panel.closes.copy()
    later = closes[t + 1 :]
    later *= np.exp(generator.normal(0, 0.5, later.shape))
    later[generator.random(later.shape) < 0.3] = np.nan
    later[generator.random(later.shape) < 0.1] = 1e-3
    changed = replace(world(closes), silence=panel.silence)
    _, first = play(setting, panel)
    _, second = play(setting, changed)
    known = panel.sessions[: t + 1]

    def past(frame, column):
        return frame[frame[column] <= known[-1]]

    order_columns = ["order", "decided", "asset", "rule", "quantity", "reference_price", "limit_price", "target_weight"]
    pd.testing.assert_frame_equal(
        past(first.orders, "decided")[order_columns], past(second.orders, "decided")[order_columns], check_exact=True
    )
    pd.testing.assert_frame_equal(past(first.fills, "session"), past(second.fills, "session"), check_exact=True)
    pd.testing.assert_frame_equal(first.equity.loc[known], second.equity.loc[known], check_exact=True)
    pd.testing.assert_frame_equal(first.regimes.loc[known], second.regimes.loc[known])
    pd.testing.assert_frame_equal(past(first.events, "session"), past(second.events, "session"))
    pd.testing.assert_frame_equal(first.exposures.loc[known], second.exposures.loc[known], check_exact=True)
    assert decided_until(first, known[-1]) == decided_until(second, known[-1])


@settings(max_examples=5)
@given(SETTINGS)
def test_a_run_repeats_to_the_last_bit(setting):
    _, first = play(setting)
    _, second = play(setting)
    for name in ("equity", "weights_after_fill", "quantities", "orders", "fills", "trades", "exposures", "events"):
        pd.testing.assert_frame_equal(getattr(first, name), getattr(second, name), check_exact=True)


@pytest.mark.parametrize("seed", range(3))
def test_the_order_of_the_assets_changes_no_figure(seed):
    """Sums over assets differ by rounding alone, and no order, fill or trade is another one."""
    panel = world(random_walk(N_SESSIONS, 5, seed=seed, volatility=0.03))
    targets = dict(zip(panel.assets, np.random.default_rng(seed).dirichlet(np.ones(5)) * 0.8, strict=True))
    tilted = panel.select(("A03", "A00", "A04", "A02", "A01"))

    class BySymbol:
        def decide(self, view):
            weights = np.array([targets[name] for name in view.assets]) * (1 + 0.1 * (-1) ** len(view.sessions))
            return Decision(weights, "rebalance")

    def ran(prices):
        costs = {"commission_bps": 7.0, "half_spread_bps": 3.0, "commission_minimum": 0.3}
        groups = {"groups": NamedGroups("named", {"some": panel.assets[:3], "rest": panel.assets[3:]})}
        items = {"friction": costs, "related_positions": groups, "sample": {"minimum_sessions": 20}}
        return run_backtest(prices, plan_for(prices, **items), BySymbol(), *span(prices), None, 1000.0)

    first, second = ran(panel), ran(tilted)
    np.testing.assert_allclose(first.equity.drop(columns="halted"), second.equity.drop(columns="halted"), rtol=1e-11)
    for name, keys in (
        ("orders", ["decided", "asset"]),
        ("fills", ["session", "asset"]),
        ("trades", ["entry", "asset"]),
    ):
        left, right = (
            getattr(result, name).drop(columns="order", errors="ignore").sort_values(keys).reset_index(drop=True)
            for result in (first, second)
        )
        pd.testing.assert_frame_equal(left, right, rtol=1e-10, atol=1e-9, obj=name)


def test_a_purchase_at_the_last_bar_leaves_less_by_its_cost_and_is_marked():
    """The price jumps by half between the decision and the last close; what is bought there has earned nothing yet."""
    closes = np.full((30, 2), 100.0)
    closes[29, 0] = 150.0

    class AtTheEnd:
        def decide(self, view):
            return Decision(np.array([0.5, 0.0]), "rebalance") if len(view.sessions) == 29 else None

    panel = world(closes)
    plan = plan_for(panel, sample={"minimum_sessions": 20}, sizing={"max_loss_per_trade": 0.8})
    result = run_backtest(panel, plan, AtTheEnd(), *span(panel), None, 1000.0)
    (fill,) = result.fills.itertuples()
    assert fill.price == 150.0 and fill.session == panel.sessions[29]
    assert result.final_equity == pytest.approx(1000.0 - fill.cost, rel=1e-12)
    assert result.trades["pnl"].tolist() == pytest.approx([-fill.cost]) and result.trades["open"].tolist() == [True]


@settings(max_examples=5)
@given(st.integers(0, 10**6))
def test_costs_lower_equity(seed):
    """With weights fixed in advance and no cap in the way, a dearer run ends poorer."""
    generator = np.random.default_rng(seed)
    panel = world(100 * np.exp(np.cumsum(0.01 * generator.standard_normal((60, 3)), axis=0)))
    targets = generator.dirichlet(np.ones(3), 60) * 0.7

    class Fixed:
        def decide(self, view):
            return Decision(targets[len(view.sessions) - 1], "rebalance")

    finals = []
    for bps in (0.0, 1.0, 20.0, 200.0):
        costs = {"commission_bps": bps, "half_spread_bps": 0.0}
        deep = (DrawdownLimit("drawdown", 0.57),)
        plan = plan_for(panel, friction=costs, sample={"minimum_sessions": 20}, invalidation=deep)
        finals.append(run_backtest(panel, plan, Fixed(), *span(panel)).equity["equity"].iloc[-1])
    assert finals == sorted(finals, reverse=True)
    assert len(set(finals)) == 4


@settings(max_examples=20)
@given(st.integers(0, 10**6), st.integers(2, 57), st.sampled_from([0.1, 10.0]))
def test_one_bad_print_costs_no_more_than_was_promised(seed, t, factor):
    """One price ten times too high or too low: no trade may lose more than the plan's loss limit, costs aside."""
    generator = np.random.default_rng(seed)
    closes = 100 * np.exp(np.cumsum(0.004 * generator.standard_normal((60, 4)), axis=0))
    closes[t, 1] *= factor
    panel = world(closes)
    promise = {"max_weight": 0.3, "stop_loss": 0.04, "max_loss_per_trade": 0.06}
    plan = plan_for(panel, sizing=promise, related_positions={"max_group_gross": 0.55}, sample={"minimum_sessions": 20})
    targets = generator.dirichlet(np.ones(4), 60) * 0.6

    class Fixed:
        def decide(self, view):
            return Decision(within_limits(targets[len(view.sessions) - 1], view.limits), "rebalance")

    result = run_backtest(panel, plan, Fixed(), *span(panel))
    assert result.trades["return_on_equity"].min() >= -0.06 - 0.002


@pytest.mark.parametrize(("seed", "t"), [(0, 25), (1, 40)])
def test_future_prices_change_no_past_cluster(seed, t):
    """Every share trades every day, so that all of them are clustered; from t + 1 on they move as one, or do not."""
    setting = Setting(seed, 5, 0.0, 0.0, False, True, 0.0, None, 1, "next_close", True)
    closes = random_walk(N_SESSIONS, 5, seed=seed)
    together = closes.copy()
    together[t + 1 :] = closes[t] * 1.4 ** np.arange(1, N_SESSIONS - t)[:, None]
    _, first = play(setting, world(closes))
    _, second = play(setting, world(together))
    known = first.exposures.index[: t + 1]
    pd.testing.assert_frame_equal(first.exposures.loc[known], second.exposures.loc[known], check_exact=True)
    assert decided_until(first, known[-1]) == decided_until(second, known[-1])
