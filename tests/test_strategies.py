"""The strategies that come with quantdl: each runs, keeps to its plan, and the plain ones agree with plain numpy."""

import importlib.util
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from quantdl.backtest import Forecasts, run_backtest
from quantdl.backtest.plan.borrowing import Borrow
from quantdl.backtest.plan.fast_exit import FastExit
from quantdl.backtest.plan.friction import StatedVolume
from quantdl.backtest.plan.horizon import EveryBars, PeriodEnd
from quantdl.backtest.plan.invalidation import DrawdownLimit
from quantdl.backtest.plan.predicted_risk import ShortfallBudget
from quantdl.backtest.plan.related_positions import CorrelationGroups, SectorGroups
from quantdl.backtest.plan.rules import Rule
from quantdl.errors import LookAheadError
from quantdl.market.panel import Panel
from quantdl.market.sources import load_sp500
from tests.backtest.worlds import plan_for, random_walk, span, world

FOLDER = Path(__file__).parents[1] / "strategies"
FILES = sorted(path.stem for path in FOLDER.glob("*.py"))
OWN_RULES = ("crossover", "pairs", "tail_hedge")  # which do more than rebalance
REBALANCING = [name for name in FILES if name not in OWN_RULES]
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


@pytest.mark.parametrize("with_model", [False, pytest.param(True, marks=pytest.mark.slow)])
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


PAIR_RULES = (
    Rule("enter", "entry", "sell the dear share and buy the cheap one"),
    Rule("exit", "exit", "leave what has closed again"),
    Rule("stop", "exit", "leave what has not closed in time"),
)
WINDOW = 60


def pairs_on(spread, others=1, **parameters):
    """A share that follows another but for a spread, beside shares that follow neither."""
    n = len(spread)
    common = np.log(random_walk(n, 1, seed=8, volatility=0.02)[:, 0])
    alone = np.log(random_walk(n, others, seed=9, volatility=0.02))
    closes = np.exp(np.column_stack([0.8 * common + 1.0 + spread, common, alone]))
    panel = world(closes)
    plan = plan_for(
        panel,
        rules=PAIR_RULES,
        horizon={"bars": n - 1},
        sample={"minimum_sessions": n},
        sizing={"long_only": False, "max_weight": 0.4, "max_gross": 1.0, "max_net": 0.1},
        related_positions={
            "groups": CorrelationGroups("correlation", WINDOW, 0.6),
            "max_group_gross": 0.9,
            "max_group_net": 0.09,
        },
        friction={"borrow": Borrow(0.01, 0.3), "delisted_after_sessions": 10},
    )
    chosen = strategy("pairs", window=WINDOW, **parameters)
    return panel, run_backtest(panel, plan, chosen, *span(panel))


def quiet(n, seed=3):
    return 0.004 * np.random.default_rng(seed).standard_normal(n)


def test_a_pair_is_entered_in_the_ratio_of_its_fit_and_left_when_its_spread_has_closed():
    spread = quiet(140)
    spread[100:110], spread[110:] = 0.014, 0.0
    panel, result = pairs_on(spread, enter=2.5, stop=6.0)
    decided = result.orders.loc[result.orders["rule"] == "enter", "decided"].iloc[0]
    t = panel.sessions.get_loc(decided)
    logs = np.log(panel.closes[t - WINDOW + 1 : t + 1])
    ratio, level = np.polyfit(logs[:, 1], logs[:, 0], 1)
    width = (logs[-1, 0] - level - ratio * logs[-1, 1]) / np.std(logs[:, 0] - level - ratio * logs[:, 1], ddof=2)
    assert t == 100 and width > 2.5
    entered = result.orders[result.orders["decided"] == decided].set_index("asset")
    money = entered["quantity"] * entered["reference_price"]
    assert money["A01"] / -money["A00"] == pytest.approx(ratio, rel=1e-9)
    assert money.abs().sum() == pytest.approx(0.2 * 1e6, rel=1e-9) and money["A00"] < 0
    left = result.orders[result.orders["rule"] == "exit"]
    assert set(left["asset"]) == {"A00", "A01"} and left["decided"].nunique() == 1
    assert panel.sessions.get_loc(left["decided"].iloc[0]) == 110
    assert set(result.orders["asset"]) == {"A00", "A01"}
    assert (result.trades["rule_in"] == "enter").all() and result.trades["pnl"].sum() > 0


def test_a_pair_that_never_closes_again_is_given_up_and_left_alone_for_a_while():
    spread = quiet(160)
    spread[100:] = 0.014
    panel, result = pairs_on(spread, enter=2.5, stop=6.0, patience=20)
    orders = result.orders
    first = panel.sessions.get_loc(orders.loc[orders["rule"] == "enter", "decided"].iloc[0])
    stopped = panel.sessions.get_loc(orders.loc[orders["rule"] == "stop", "decided"].iloc[0])
    assert stopped == first + 20
    again = [panel.sessions.get_loc(day) for day in orders.loc[orders["rule"] == "enter", "decided"]]
    assert all(row == first or row >= stopped + 20 for row in again)
    assert result.quantities.iloc[stopped + 1 - panel.sessions.get_loc(result.equity.index[0])].abs().max() == 0


def test_a_pair_whose_spread_runs_away_is_stopped():
    spread = quiet(140)
    spread[100:105], spread[105:] = 0.014, 0.06
    panel, result = pairs_on(spread, enter=2.5)
    stopped = result.orders[result.orders["rule"] == "stop"]
    assert panel.sessions.get_loc(stopped["decided"].iloc[0]) == 105
    assert len(stopped) == 2


def test_when_one_share_of_a_pair_leaves_the_market_the_other_is_sold():
    spread = quiet(140)
    spread[100:105] = 0.014
    spread[105:] = np.nan  # the share that follows trades no more
    panel, result = pairs_on(spread, enter=2.5, stop=6.0)
    left = result.orders[result.orders["rule"] == "stop"]
    assert list(left["asset"]) == ["A01"]
    assert (result.quantities.iloc[-1] == 0).all()
    assert np.isfinite(result.equity["equity"]).all()


def test_shares_that_do_not_move_together_are_no_pair():
    panel, result = pairs_on(np.log(random_walk(300, 1, seed=30, volatility=0.08)[:, 0]), enter=1.0)
    assert result.orders.empty


def test_pairs_earn_on_spreads_that_are_known_to_return():
    """A spread that halves in four sessions and is wide against the costs."""
    generator, spread = np.random.default_rng(5), np.zeros(900)
    for t in range(1, 900):
        spread[t] = 0.84 * spread[t - 1] + 0.015 * generator.standard_normal()
    _, result = pairs_on(spread, enter=1.5)
    returns = result.equity["equity"].pct_change().iloc[WINDOW:]
    assert returns.mean() / returns.std() * np.sqrt(365) > 1.0
    assert result.equity["net"].abs().max() < 0.15
    assert len(result.trades) > 20


HEDGE_RULES = (
    Rule("rebalance", "rebalance", "hold all in equal parts"),
    Rule("stand_aside", "exit", "hold less of them for a while"),
    Rule("return", "entry", "hold all of them again"),
)


def hedged(panel, draws, every=5, **parameters):
    plan = plan_for(
        panel,
        rules=HEDGE_RULES,
        horizon={"bars": 5, "rebalance": EveryBars("every_bars", every)},
        sample={"minimum_sessions": 50, "purge_bars": 6},
    )
    chosen = strategy("tail_hedge", memory=40, **parameters)
    return run_backtest(panel, plan, chosen, *span(panel), Forecasts(5, draws, None))


def test_a_tail_hedge_stands_aside_at_once_and_returns_with_the_cadence():
    panel = world(random_walk(120, 3))
    base, size = 0.02 * np.random.default_rng(1).standard_normal((400, 3)), np.ones(120)
    size[:60] += 1e-6 * np.arange(60) % 7e-6
    size[62:73] = 3.0
    result = hedged(panel, lambda day: size[panel.sessions.get_loc(day)] * base)
    rules = {panel.sessions.get_loc(item.session): item.rules[0] for item in result.decisions}
    gross = result.equity["gross"].to_numpy()
    assert rules[60] == "rebalance" and rules[62] == "stand_aside"  # 62 is no session of the cadence
    assert gross[61] == pytest.approx(1.0, abs=0.01) and gross[63] == pytest.approx(0.3, abs=0.01)
    assert rules[75] == "return" and gross[74] < 0.35 < 0.95 < gross[77]
    assert all(rule == "stand_aside" for row, rule in rules.items() if 62 <= row < 75)


def test_the_shortfall_that_decides_is_the_mean_loss_of_the_worst_twentieth():
    chosen = strategy("tail_hedge")
    panel, views = world(random_walk(30, 2)), []
    losses = np.linspace(-0.1, 0.1, 200)
    draws = np.log1p(-np.column_stack([losses, losses]))

    class Looks:
        def decide(self, view):
            views.append((view, view.draws))

    plan = plan_for(panel, sample={"minimum_sessions": 20, "purge_bars": 6})
    run_backtest(panel, plan, Looks(), *span(panel), Forecasts(5, lambda day: draws, None))
    assert chosen._shortfall(views[-1][0], np.array([0.5, 0.5])) == pytest.approx(losses[-10:].mean())
    assert chosen._shortfall(views[-1][0], np.array([0.5, 0.0])) == pytest.approx(losses[-10:].mean() / 2)


def test_a_tail_hedge_with_the_true_law_loses_less_at_equal_exposure():
    """Volatility has two known states; a law that tells them apart must keep the book out of the bad one."""
    generator, n = np.random.default_rng(11), 1500
    bad = np.zeros(n, dtype=bool)
    for t in range(1, n):
        bad[t] = generator.random() < (0.97 if bad[t - 1] else 0.006)
    deviation = np.where(bad, 0.04, 0.008)[:, None]
    returns = deviation * generator.standard_normal((n, 4))
    panel = world(100 * np.exp(np.cumsum(np.vstack([np.zeros((1, 4)), returns[:-1]]), axis=0)))
    base = generator.standard_normal((500, 4))
    result = hedged(panel, lambda day: np.sqrt(5) * deviation[panel.sessions.get_loc(day)] * base)

    def shortfall(book):
        losses = np.sort(-book.equity["equity"].pct_change().iloc[50:])
        return losses[int(0.95 * len(losses)) :].mean() / book.equity["gross"].iloc[50:].mean()

    always = hedged(panel, lambda day: base)
    assert shortfall(result) < 0.8 * shortfall(always)


def test_without_a_model_a_tail_hedge_reads_the_trailing_returns():
    returns = 0.01 * np.random.default_rng(2).standard_normal((260, 3))
    returns[200:230] *= 6.0
    panel = world(100 * np.exp(np.cumsum(returns, axis=0)))
    horizon = {"bars": 5, "rebalance": EveryBars("every_bars", 5)}
    plan = plan_for(panel, rules=HEDGE_RULES, horizon=horizon, sample={"minimum_sessions": 50})
    chosen = strategy("tail_hedge", memory=60, history=30)
    result = run_backtest(panel, plan, chosen, *span(panel))
    aside = {panel.sessions.get_loc(item.session) for item in result.decisions if item.rules[0] == "stand_aside"}
    assert aside & set(range(200, 215))


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
        ("pairs", {"window": 10}),
        ("pairs", {"leave": 3.0}),
        ("pairs", {"patience": 0}),
        ("pairs", {"part": 1.0}),
        ("tail_hedge", {"level": 0.05}),
        ("tail_hedge", {"memory": 5}),
        ("tail_hedge", {"low": 0.95}),
        ("tail_hedge", {"remains": 1.0}),
    ],
)
def test_parameters_out_of_range_are_refused(name, parameters):
    with pytest.raises(ValueError, match=next(iter(parameters))):
        strategy(name, **parameters)


def test_each_file_holds_one_strategy_and_states_hypothesis_and_rules():
    assert {"equal_weight", "inverse_volatility", "least_shortfall", "volatility_target"} <= set(FILES)
    for name in FILES:
        text = (FOLDER / f"{name}.py").read_text()
        assert text.count("\nclass Strategy:") == 1
        assert all(word in text for word in ("class Strategy:", "Hypothesis:", "Refuted by:", "Rules:"))
        assert Rule("rebalance", "rebalance", "x").name in text


def naive_graph_signal(prices, neighbours, lookback, own):
    """The signal by loops over pairs: np.corrcoef, the nearest peers, an edge both ways, means by correlation."""
    logs = np.log(prices)
    correlation = np.corrcoef(np.diff(logs, axis=0).T)
    np.fill_diagonal(correlation, -np.inf)
    edges = {}
    for asset in range(len(correlation)):
        for peer in np.argsort(-correlation[asset])[:neighbours]:
            weight = max(correlation[asset, peer], 0.0)
            edges[asset, int(peer)] = edges[int(peer), asset] = weight
    moved = logs[-1] - logs[-1 - lookback]
    signal = []
    for asset in range(len(correlation)):
        mine = [(weight, moved[peer]) for (source, peer), weight in edges.items() if source == asset]
        peers = sum(weight * move for weight, move in mine) / sum(weight for weight, _ in mine)
        signal.append(own * moved[asset] + (1 - own) * peers)
    return np.array(signal)


def test_the_book_of_the_graph_is_long_and_short_by_the_signal_of_plain_numpy():
    panel = sp500()
    first = int(panel.sessions.searchsorted(np.datetime64("2021-01-04")))
    sizing = {"long_only": False, "max_weight": 0.2, "max_net": 0.5, "stop_loss": 0.97, "max_loss_per_trade": 0.98}
    related = {"groups": SectorGroups("sector"), "max_group_gross": 0.79, "max_group_net": 0.45}
    plan = monthly_plan(panel, first, sizing=sizing, related_positions=related, friction={"borrow": Borrow(0.01, 0.3)})
    result = run_backtest(panel, plan, strategy("graph_momentum"), panel.sessions[first], panel.sessions[-1])
    assert len(result.decisions) > 20
    for item in result.decisions:
        t = int(panel.sessions.searchsorted(item.session))
        order = np.argsort(-naive_graph_signal(panel.closes[t - 250 : t + 1], 5, 126, 0.5))
        expected = np.zeros(20)
        expected[order[:5]], expected[order[-5:]] = 0.08, -0.08
        np.testing.assert_allclose(item.weights, expected, atol=1e-9)


def test_a_share_that_rises_alone_ranks_below_one_whose_neighbours_rise_too():
    generator = np.random.default_rng(1)
    common = 0.02 * generator.standard_normal((251, 2))
    logs = np.cumsum(common[:, [0, 0, 0, 1, 1, 1]] + 0.002 * generator.standard_normal((251, 6)), axis=0)
    logs += np.linspace(0.0, 1.0, 251)[:, None] * np.array([0.3, 0.2, 0.2, 0.3, 0.0, 0.0])
    logs -= np.linspace(0.0, 1.0, 251)[:, None] * (logs[-1] - np.array([0.3, 0.2, 0.2, 0.3, 0.0, 0.0]))
    signal = strategy("graph_momentum", neighbours=2, lookback=250)._signal(logs - logs[0])
    assert signal[0] > signal[3] and signal[1] > signal[4]
