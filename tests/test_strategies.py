"""The strategies that come with quantdl: each runs, keeps to its plan, and the plain ones agree with plain numpy."""

import importlib.util
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from quantdl.backtest import Forecasts, run_backtest
from quantdl.backtest.plan.fast_exit import FastExit
from quantdl.backtest.plan.friction import StatedVolume
from quantdl.backtest.plan.horizon import EveryBars, PeriodEnd
from quantdl.backtest.plan.invalidation import DrawdownLimit
from quantdl.backtest.plan.predicted_risk import ShortfallBudget
from quantdl.backtest.plan.related_positions import SectorGroups
from quantdl.backtest.plan.rules import Rule
from quantdl.errors import LookAheadError
from quantdl.market.panel import Panel
from quantdl.market.sources import load_sp500
from tests.backtest.worlds import plan_for, random_walk, span, world

FOLDER = Path(__file__).parents[1] / "strategies"
FILES = sorted(path.stem for path in FOLDER.glob("*.py"))
REBALANCING = [name for name in FILES if name != "crossover"]  # which places single orders
COST = 0.001


def strategy(name, **parameters):
    spec = importlib.util.spec_from_file_location(f"strategy_{name}", FOLDER / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.Strategy(**parameters)


@cache
def sp500() -> Panel:
    return load_sp500()


def monthly_plan(panel, first, **items):
    sizing = {"max_weight": 0.99, "stop_loss": 0.97, "max_loss_per_trade": 0.98}
    return plan_for(
        panel,
        first=first,
        **{
            "horizon": {"bars": 23, "rebalance": PeriodEnd("period_end", "month")},
            "sample": {"minimum_sessions": 500},
            "sizing": sizing,
            "related_positions": {"groups": SectorGroups("sector"), "max_group_gross": 0.995},
            "invalidation": (DrawdownLimit("drawdown", 0.57),),
            **items,
        },
    )


def recomputed(prices, first, weights_at):
    """Month-end rebalancing from the definition: decided at a close, filled at the next, 10 bps, no borrowed cash.

    The first day and each last day of a month of the data are decision days; the data's own last day is no month's end.
    """
    months = sp500().sessions.to_period("M")
    cash, shares, wanted, values = 1e6, np.zeros(prices.shape[1]), None, []
    for t in range(first, len(prices)):
        price = prices[t]
        if wanted is not None:
            sold, bought = np.minimum(wanted, 0), np.maximum(wanted, 0)
            cash += -(sold @ price) * (1 - COST)
            bill = (bought @ price) * (1 + COST)
            part = min(1.0, cash / bill)
            cash -= part * bill
            shares = shares + sold + part * bought
            wanted = None
        values.append(cash + shares @ price)
        if t == first or (t + 1 < len(prices) and months[t] != months[t + 1]):
            weights = weights_at(t)
            low, high = 0.0, values[-1]  # the value after costs, by bisection
            for _ in range(100):
                middle = (low + high) / 2
                after = values[-1] - COST * np.abs(weights * middle - shares * price).sum()
                low, high = (middle, high) if after > middle else (low, middle)
            wanted = weights * low / price - shares
    return np.array(values)


def inverse_deviation(prices, t):
    returns = prices[t - 59 : t + 1] / prices[t - 60 : t] - 1
    inverse = 1 / np.sqrt(((returns - returns.mean(axis=0)) ** 2).sum(axis=0) / 59)
    return inverse / inverse.sum()


@pytest.mark.parametrize("start", ["2008-06-16", "2019-01-02"])
@pytest.mark.parametrize("name", ["equal_weight", "inverse_volatility"])
def test_monthly_books_agree_with_plain_numpy(name, start):
    panel = sp500()
    first = int(panel.sessions.searchsorted(np.datetime64(start)))
    days = (panel.sessions[first], panel.sessions[-1])
    result = run_backtest(panel, monthly_plan(panel, first), strategy(name), *days)
    prices = panel.closes
    rules = {
        "equal_weight": lambda t: np.full(20, 1 / 20),
        "inverse_volatility": lambda t: inverse_deviation(prices, t),
    }
    np.testing.assert_allclose(result.equity["equity"], recomputed(prices, first, rules[name]), rtol=1e-9)
    assert result.events.empty  # neither a stop nor a cut took part


def model_of(panel, horizon):
    """Draws from what the last year did over the horizon, and the 99 % value at risk of the book on it."""

    def draws(session):
        closes = panel.until(session).closes[-300:]
        return np.log(closes[horizon:] / closes[:-horizon])

    def value_at_risk(session, weights, level):
        losses = -(np.expm1(draws(session)) @ weights) / np.sqrt(horizon)
        return float(np.quantile(losses, level, method="inverted_cdf"))

    return Forecasts(horizon, draws, value_at_risk)


@pytest.mark.parametrize("with_model", [False, True])
@pytest.mark.parametrize("name", REBALANCING)
def test_every_strategy_runs_on_closes_alone(name, with_model):
    panel = sp500()
    first = int(panel.sessions.searchsorted(np.datetime64("2021-01-04")))
    horizon = {"bars": 5, "rebalance": PeriodEnd("period_end", "week")}
    volume = StatedVolume("stated", dict.fromkeys(panel.assets, 5e8), "a round figure made up here", 0.01, 1.0)
    plan = monthly_plan(panel, first, horizon=horizon, friction={"liquidity": volume}, fast_exit=FastExit(2))
    plan = replace(plan, sample=replace(plan.sample, purge_bars=6 if with_model else 0))
    forecasts = model_of(panel, 5) if with_model else None
    result = run_backtest(panel, plan, strategy(name), panel.sessions[first], panel.sessions[-1], forecasts)
    assert result.halted_on is None
    assert len(result.decisions) > 95
    assert {rule for item in result.decisions for rule in item.rules} == {"rebalance"}
    assert result.equity["gross"].iloc[5:].min() > 0.1


@pytest.mark.parametrize("name", REBALANCING)
def test_every_strategy_leaves_out_what_is_not_there(name):
    """Late listings, gaps, a delisting: no decision touches what cannot be held, no equity is lost to NaN."""
    closes = random_walk(400, 6, seed=4)
    closes[:150, 0] = np.nan
    closes[200:, 1] = np.nan
    closes[np.random.default_rng(0).random(closes.shape) < 0.02] = np.nan
    closes[0, 2:] = 100.0
    panel = world(closes)
    horizon = {"bars": 10, "rebalance": EveryBars("every_bars", 10)}
    plan = plan_for(panel, horizon=horizon, sample={"minimum_sessions": 100}, friction={"delisted_after_sessions": 10})
    result = run_backtest(panel, plan, strategy(name), *span(panel))
    assert np.isfinite(result.equity["equity"]).all()
    weights = result.weights_after_fill
    assert (weights.iloc[:150, 0] == 0).all()
    assert (weights.iloc[212:, 1] == 0).all()
    assert weights.iloc[-1].sum() > 0.2


def test_least_shortfall_shuns_the_asset_that_crashes():
    panel = world(random_walk(80, 3))
    generator = np.random.default_rng(2)
    draws = 0.01 * generator.standard_normal((2000, 3))
    draws[:100, 2] -= 0.2

    plan = plan_for(panel, sample={"minimum_sessions": 40, "purge_bars": 6}, friction={"commission_bps": 0.0})
    result = run_backtest(panel, plan, strategy("least_shortfall"), *span(panel), Forecasts(5, lambda day: draws, None))
    assert result.decisions[0].weights[2] < 0.02
    assert result.decisions[0].weights.sum() == pytest.approx(1.0)


def test_volatility_target_meets_its_target():
    panel = world(random_walk(800, 4, volatility=0.02))
    plan = plan_for(
        panel, horizon={"bars": 20, "rebalance": EveryBars("every_bars", 20)}, sample={"minimum_sessions": 99}
    )
    result = run_backtest(panel, plan, strategy("volatility_target", target=0.1), *span(panel))
    returns = result.equity["equity"].pct_change().iloc[100:]
    assert returns.std() * np.sqrt(365) == pytest.approx(0.1, rel=0.1)


def test_risk_parity_is_cut_to_the_budget_and_its_parts_add_the_same():
    """Draws twice as wide half-way: the book is half as large, and its proportions are those of equal shortfalls."""
    panel = world(random_walk(80, 3))
    moves = 0.02 * np.random.default_rng(2).standard_normal((4000, 3)) * [1.0, 2.0, 4.0]
    limit = {"risk_budget": ShortfallBudget("expected_shortfall", 0.975, 0.02)}
    rare = {"bars": 5, "rebalance": EveryBars("every_bars", 20)}
    plan = plan_for(panel, sample={"minimum_sessions": 40, "purge_bars": 6}, sizing=limit, horizon=rare)
    wide = Forecasts(5, lambda day: np.log1p(moves * (2.0 if day >= panel.sessions[40] else 1.0)), None)
    result = run_backtest(panel, plan, strategy("risk_parity"), *span(panel), wide)
    calm, rough = result.decisions[0].weights, result.decisions[-1].weights
    np.testing.assert_allclose(calm / calm.sum(), np.array([4, 2, 1]) / 7, rtol=0.08)
    np.testing.assert_allclose(rough, calm / 2, rtol=1e-6)
    losses = np.sort(-(moves @ calm))[-100:]
    assert losses.mean() == pytest.approx(0.02, rel=1e-9)


def test_momentum_holds_the_best_of_the_year_but_its_last_month():
    panel = sp500()
    first = int(panel.sessions.searchsorted(np.datetime64("2015-01-02")))
    days = (panel.sessions[first], panel.sessions[-1])
    result = run_backtest(panel, monthly_plan(panel, first), strategy("momentum"), *days)
    assert len(result.decisions) == 96
    for decision in result.decisions:
        t = panel.sessions.get_loc(decision.session)
        past = panel.closes[t - 21] / panel.closes[t - 252]
        best = set(np.argsort(past)[-6:])
        assert set(np.flatnonzero(decision.weights)) == best
        np.testing.assert_allclose(decision.weights[decision.weights > 0], 1 / 6, rtol=1e-12)


TWO_RULES = (Rule("enter", "entry", "buy what has begun to rise"), Rule("leave", "exit", "sell what has turned"))


def crossover_on(column):
    closes = np.column_stack([column, np.full(len(column), 100.0)])
    panel = world(closes)
    plan = plan_for(panel, rules=TWO_RULES, horizon={"bars": 60}, sample={"minimum_sessions": 61})
    chosen = strategy("crossover", fast=3, slow=10, trail=0.1, part=0.4)
    return panel, run_backtest(panel, plan, chosen, *span(panel))


def test_a_crossover_buys_a_rise_and_leaves_it_when_its_averages_turn():
    column = np.concatenate([np.full(20, 100.0), 100 * 1.01 ** np.arange(1, 21), 122 * 0.995 ** np.arange(1, 60)])
    panel, result = crossover_on(column)
    (trade,) = result.trades.itertuples()
    averages = [(column[t - 2 : t + 1].mean(), column[t - 9 : t + 1].mean()) for t in range(9, len(column))]
    rises = next(t for t, (fast, slow) in enumerate(averages, 9) if fast > slow)
    turns = next(t for t, (fast, slow) in enumerate(averages, 9) if t > rises and fast < slow)
    assert (trade.rule_in, trade.rule_out) == ("enter", "leave")
    assert (trade.entry, trade.exit) == (panel.sessions[rises + 1], panel.sessions[turns + 1])
    assert list(result.orders["kind"]) == ["market", "market"]


def test_a_crossover_leaves_a_share_that_falls_far_before_its_averages_turn():
    column = np.concatenate([np.full(20, 100.0), 100 * 1.02 ** np.arange(1, 21), [125.0] * 30])
    panel, result = crossover_on(column)
    first = result.trades.iloc[0]
    assert first["rule_out"] == "leave" and first["exit"] == panel.sessions[40]  # 148.6 to 125 at one close
    assert "exit" in set(result.orders["kind"])


def test_a_model_that_has_seen_the_session_stops_the_strategies_that_ask_it():
    def seen(session):
        raise LookAheadError("fitted through the end")

    panel = world(random_walk(80, 3))
    plan = plan_for(panel, sample={"minimum_sessions": 40, "purge_bars": 6})
    with pytest.raises(LookAheadError, match="fitted through the end"):
        run_backtest(panel, plan, strategy("least_shortfall"), *span(panel), Forecasts(5, seen, None))


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("inverse_volatility", {"window": 1}),
        ("least_shortfall", {"level": 0.05}),
        ("least_shortfall", {"turnover_penalty": -1.0}),
        ("volatility_target", {"target": 10.0}),
        ("momentum", {"skip": 300}),
        ("momentum", {"fraction": 0.0}),
        ("risk_parity", {"level": 0.4}),
        ("risk_parity", {"history": 1}),
        ("crossover", {"fast": 200}),
        ("crossover", {"trail": 1.0}),
    ],
)
def test_parameters_out_of_range_are_refused(name, parameters):
    with pytest.raises(ValueError, match=next(iter(parameters))):
        strategy(name, **parameters)


def test_each_file_holds_one_strategy_and_states_hypothesis_and_rules():
    assert {"equal_weight", "inverse_volatility", "least_shortfall", "volatility_target"} <= set(FILES)
    for name in FILES:
        text = (FOLDER / f"{name}.py").read_text()
        assert text.count("\nclass ") == 1
        assert all(word in text for word in ("class Strategy:", "Hypothesis:", "Refuted by:", "Rules:"))
        assert Rule("rebalance", "rebalance", "x").name in text
