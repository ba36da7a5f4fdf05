"""Limits on predicted losses: refused where they cannot hold, obeyed at each decision, shown from fills afterwards."""

from dataclasses import replace

import numpy as np
import pytest

from quantdl.backtest import Decision, Forecasts, Order, Orders, TargetTable, play_targets, prepare, sweep_targets
from quantdl.backtest.plan import sizing
from quantdl.backtest.plan.borrowing import Borrow
from quantdl.backtest.plan.friction import StatedVolume
from quantdl.backtest.plan.invalidation import DrawdownLimit
from quantdl.backtest.plan.predicted_risk import PredictedLoss, ShortfallBudget
from quantdl.backtest.plan.sizing import Sizing
from quantdl.errors import LookAheadError, PlanError, RunError
from quantdl.portfolio import within_risk_budget
from tests.backtest.judged import (
    AtBars,
    Fixed,
    followed_by,
    good_plan,
    judged,
    market,
    only,
    row,
    run,
    shifted_shares,
)
from tests.backtest.worlds import NO_COSTS, span, world
from tests.portfolio.books import market as drawn_market, shortfall

LONG = Sizing("The same weights at every decision.", True, 0.2, 1.0, None, 0.1, 0.12)
BUDGET, PER_TRADE = ShortfallBudget("expected_shortfall", 0.95, 0.02), PredictedLoss(0.95, 0.01)
LOSSES = np.array([0.2, 0.1, 0.1, 0.1, 0.1, 0.1])  # of each asset in the worst twentieth of the draws


def law(losses=LOSSES, n_draws=100):
    """Draws in which all assets lose together in one of twenty and nothing happens else: the shortfall is w'LOSSES."""
    draws = np.zeros((n_draws, len(losses)))
    draws[: n_draws // 20] = np.log1p(-losses)
    return draws


def forecasts(draws=None):
    return Forecasts(5, lambda session: law() if draws is None else draws, None)


def plan(budget=None, per_trade=None, panel=None, **items):
    limits = {"risk_budget": budget, "max_predicted_loss_per_trade": per_trade}
    items["sizing"] = {"max_weight": 0.2, "stop_loss": 0.1, "max_loss_per_trade": 0.12} | items.get("sizing", {})
    items["sizing"] |= limits
    items["sample"] = {"minimum_sessions": 300, "purge_bars": 6} | items.get("sample", {})
    return good_plan(panel, **items)


@pytest.mark.parametrize(
    ("stated", "has_model", "item", "words"),
    [
        ({"risk_budget": BUDGET}, False, "sizing.risk_budget", "name a model, or write null"),
        ({"max_predicted_loss_per_trade": PER_TRADE}, False, "sizing.max_predicted_loss_per_trade", "no model"),
        ({"risk_budget": replace(BUDGET, limit=1.0)}, True, "sizing.risk_budget.limit", "never bind"),
        ({"risk_budget": replace(BUDGET, limit=0.0)}, True, "sizing.risk_budget.limit", "above 0"),
        ({"risk_budget": replace(BUDGET, level=1.0)}, True, "sizing.risk_budget.level", "below 1"),
        ({"risk_budget": replace(BUDGET, level=0.05)}, True, "sizing.risk_budget.level", "from 0.5 on"),
        (
            {"max_predicted_loss_per_trade": PredictedLoss(0.95, 0.13)},
            True,
            "sizing.max_predicted_loss_per_trade.limit",
            "at most max_loss_per_trade (0.12)",
        ),
        (
            {"max_predicted_loss_per_trade": PredictedLoss(0.95, -0.1)},
            True,
            "sizing.max_predicted_loss_per_trade.limit",
            "above 0",
        ),
    ],
)
def test_limits_that_nothing_can_show_or_that_never_bind_are_refused(stated, has_model, item, words):
    found = {fault.item: str(fault) for fault in sizing.faults(replace(LONG, **stated), has_model=has_model)}
    assert set(found) == {item}
    assert words in found[item] and "Fix: " in found[item]


def test_limits_that_can_bind_are_accepted():
    both = replace(LONG, risk_budget=BUDGET, max_predicted_loss_per_trade=PER_TRADE)
    assert list(sizing.faults(both, has_model=True)) == list(sizing.data_faults(both, 6)) == []


@pytest.mark.parametrize(("limit", "level", "refused"), [(0.06, 0.95, True), (0.05, 0.95, False), (0.06, 0.9, False)])
def test_a_budget_that_positions_within_their_own_limit_cannot_use_up_is_refused(limit, level, refused):
    """Six positions that may lose 0.01 each lose 0.06 together at most; at a lower level they may lose more at 0.95."""
    stated = replace(
        LONG, risk_budget=replace(BUDGET, limit=limit), max_predicted_loss_per_trade=PredictedLoss(level, 0.01)
    )
    found = [fault.item for fault in sizing.data_faults(stated, 6)]
    assert found == (["sizing.risk_budget.limit"] if refused else [])


def test_a_plan_that_limits_predicted_losses_needs_a_model():
    with pytest.raises(PlanError, match=r"plan.sizing.risk_budget: .* Fix: name a model, or write null"):
        run(plan(BUDGET))


def test_a_decided_book_beyond_its_budget_stops_the_run():
    """0.15 of six assets: 0.15 x (0.2 + 5 x 0.1) = 0.105."""
    words = (
        r"2018-01-02: a predicted 95% shortfall of 0.105 of the book breaks sizing.risk_budget = 0.1 "
        r"\(rule 'rebalance'\). quantdl.portfolio.within_risk_budget\(weights, view.draws, view.limits\) cuts"
    )
    with pytest.raises(RunError, match=words) as stopped:
        run(plan(replace(BUDGET, limit=0.1)), forecasts=forecasts())
    assert stopped.value.exit_code == 6


def test_a_position_beyond_its_limit_stops_the_run():
    words = "a predicted 95% shortfall of 0.03 of A00 breaks sizing.max_predicted_loss_per_trade = 0.02"
    with pytest.raises(RunError, match=words):
        run(plan(None, PredictedLoss(0.95, 0.02)), forecasts=forecasts())


def test_a_book_at_its_limits_is_accepted():
    run(plan(replace(BUDGET, limit=0.105), PredictedLoss(0.95, 0.03)), forecasts=forecasts())


class Cut:
    """Asks for equal parts, cut to what may be lost."""

    def decide(self, view):
        if not view.rebalance_due:
            return None
        return Decision(within_risk_budget(np.full(6, 0.15), view.draws, view.limits), "rebalance")


def test_a_book_that_was_cut_keeps_its_promise_and_the_checklist_shows_it():
    stated = plan(replace(BUDGET, limit=0.05), PredictedLoss(0.95, 0.01))
    result = run(stated, Cut(), forecasts=forecasts())
    wanted = np.array([0.05, 0.1, 0.1, 0.1, 0.1, 0.1]) * 0.05 / 0.06
    np.testing.assert_allclose(result.decisions[0].weights, wanted)
    found = row("sizing", judged(stated, result, position_draws=forecasts().draws))
    assert found.passed is True
    assert "predicted 95% shortfall of a decided book over 5 bars at most 5%" in found.statement
    assert "predicted 95% shortfall of a position over 5 bars at most 1%" in found.statement
    assert "largest predicted shortfall of a decided book 5.00% (on 2018-" in found.figure
    assert "largest predicted shortfall of a position 0.83% (A0" in found.figure


def test_a_plan_without_such_limits_says_nothing_of_predicted_losses():
    found = row("sizing", judged(position_draws=forecasts().draws))
    assert found.passed is True
    assert "predicted" not in found.statement + found.figure


def test_a_book_beyond_its_budget_fails_by_how_much():
    """Bought under a loose plan: 0.105 is predicted where 0.1 is promised; costs take a thousandth of the weights."""
    result = run(plan(replace(BUDGET, limit=0.2)), AtBars({1: ([0.15] * 6, "rebalance")}), forecasts=forecasts())
    strict = plan(replace(BUDGET, limit=0.1))
    cause = only("sizing", judged(strict, result, position_draws=forecasts().draws))
    assert cause == f"risk_budget = 0.1 is exceeded by {0.105 / (1 + 0.001 * 0.9) - 0.1:.4f}, on 2018-01-03"


def test_a_position_beyond_its_limit_fails_by_how_much():
    result = run(plan(), AtBars({1: ([0.15] * 6, "rebalance")}), forecasts=forecasts())
    strict = plan(None, PredictedLoss(0.95, 0.02))
    cause = only("sizing", judged(strict, result, position_draws=forecasts().draws))
    found = 0.03 / (1 + 0.001 * 0.9) - 0.02
    assert cause == f"max_predicted_loss_per_trade = 0.02 is exceeded by {found:.4f}, A00 on 2018-01-03"


def test_a_fill_larger_than_the_budget_allows_fails():
    """The decision kept the budget; the record holds a purchase twice as large as ordered."""
    kept = plan(replace(BUDGET, limit=0.106), sizing={"max_weight": 0.5}, related_positions={"max_group_gross": 0.9})
    result = run(kept, forecasts=forecasts())
    assert row("sizing", judged(kept, result, position_draws=forecasts().draws)).passed is True
    bought = int(followed_by(result, -1)[0])
    doubled = shifted_shares(result, market(), bought, float(result.fills.loc[bought, "quantity"]))
    cause = row("sizing", judged(kept, doubled, position_draws=forecasts().draws)).cause
    lost = LOSSES[int(result.fills.loc[bought, "asset"][1:])]
    exceeded = float(cause.split("risk_budget = 0.106 is exceeded by ")[1].split(",")[0])
    assert exceeded == pytest.approx(0.15 * lost - 0.001, abs=2e-4)


def test_evidence_agrees_with_shortfalls_by_sorting_and_outcomes_from_prices():
    draws = drawn_market(777, 6, 3)
    stated = plan(ShortfallBudget("expected_shortfall", 0.975, 0.5), PredictedLoss(0.9, 0.1))
    weights = np.array([0.19, 0.05, 0.1, 0.15, 0.12, 0.02])
    result = run(stated, Fixed(weights), forecasts=forecasts(draws))
    found = row("sizing", judged(stated, result, position_draws=forecasts(draws).draws))
    books = []
    for decision in result.decisions:
        t = market().sessions.get_loc(decision.session)
        if t + 1 < len(market().sessions):
            equity = result.equity["equity"].iloc[t]
            books.append((t, result.quantities.iloc[t + 1].to_numpy() * market().closes[t] / equity))
    predicted = max(shortfall(draws, book, 0.975) for _, book in books)
    assert f"largest predicted shortfall of a decided book {predicted:.2%} (on 20" in found.figure
    lost = [
        -book * (market().closes[t + 6] / market().closes[t + 1] - 1)
        for t, book in books
        if t + 6 < len(market().sessions)
    ]
    worst = np.sort([one.sum() for one in lost])[::-1]
    tail = len(worst) * 0.025
    realised = (worst[:1].sum() + (tail - 1) * worst[1]) / tail
    assert 1 < tail < 2
    assert f"realised {realised:.2%} over {len(worst)} books" in found.figure
    every = np.sort(np.ravel(lost))[::-1]
    tail = len(every) * 0.1
    pooled = (every[: int(tail)].sum() + (tail - int(tail)) * every[int(tail)]) / tail
    assert f"realised {pooled:.2%} over {len(every)} positions" in found.figure


def test_too_few_outcomes_are_said():
    stated = plan(replace(BUDGET, limit=0.2))
    result = run(stated, AtBars({1: ([0.15] * 6, "rebalance")}), forecasts=forecasts())
    figure = row("sizing", judged(stated, result, position_draws=forecasts().draws)).figure
    assert "too few outcomes (1 book) for a realised one" in figure


def test_without_forecasts_nothing_can_be_said_of_the_promise():
    stated = plan(replace(BUDGET, limit=0.2))
    found = row("sizing", judged(stated, run(stated, forecasts=forecasts())))
    assert (found.passed, found.cause) == (None, "no forecast to predict a loss by")


def test_an_asset_without_a_forecast_is_not_held_under_a_budget():
    draws = law()
    draws[:, 2] = np.nan
    words = "the model has no forecast of A02, so sizing.risk_budget cannot be kept with a weight on it"
    with pytest.raises(RunError, match=words):
        run(plan(replace(BUDGET, limit=0.2)), forecasts=forecasts(draws))
    kept = plan(replace(BUDGET, limit=0.2))
    result = run(kept, Cut(), forecasts=forecasts(draws))
    assert (result.quantities["A02"] == 0).all()
    blind = run(kept, AtBars({1: ([0.15] * 6, "rebalance")}), forecasts=forecasts())
    cause = only("sizing", judged(kept, blind, position_draws=forecasts(draws).draws))
    assert cause.startswith("risk_budget = 0.2 cannot be shown to hold: an asset without a forecast is in the book")


def test_leaving_everything_needs_no_forecast():
    def gone(session):
        if session > market().sessions[0]:
            raise LookAheadError("fitted through the end")
        return law()

    schedule = AtBars({1: ([0.15] * 6, "rebalance"), 6: ([0.0] * 6, "leave")})
    result = run(plan(replace(BUDGET, limit=0.2)), schedule, forecasts=Forecasts(5, gone, None))
    assert result.equity["gross"].iloc[-1] == 0


def test_a_level_that_the_draws_do_not_reach_stops_the_run():
    words = "sizing.risk_budget cannot be held against the model's draws: level 0.995 needs at least 200 losses"
    with pytest.raises(RunError, match=words):
        run(plan(ShortfallBudget("expected_shortfall", 0.995, 0.2)), forecasts=forecasts())


class Buys:
    """Buys one asset after the other, single orders of a tenth of equity each."""

    def __init__(self, decisions):
        self.decisions = decisions

    def decide(self, view):
        asset, part = self.decisions.get(len(view.sessions), ("", 0.0))
        if not asset:
            return None
        place = view.assets.index(asset)
        return Orders((Order(asset, part * view.equity / view.closes[-1, place], "rebalance"),))


def ordered(result):
    """The assets of the fills that the strategy asked for."""
    return list(result.fills.loc[result.fills["rule"] == "rebalance", "asset"])


def test_single_orders_are_held_against_the_book_they_lead_to():
    """A tenth of A01 may lose 0.01, and a tenth of A00 another 0.02: together 0.03."""
    stated = plan(replace(BUDGET, limit=0.025))
    buys = Buys({1: ("A01", 0.1), 6: ("A00", 0.1)})
    with pytest.raises(RunError, match=r"2018-01-07: a predicted 95% shortfall of 0\.0\d+ of the book"):
        run(stated, buys, forecasts=forecasts())
    run(plan(replace(BUDGET, limit=0.04)), buys, forecasts=forecasts())
    sells = Buys({1: ("A01", 0.1), 6: ("A01", -0.05)})
    draws = {market().sessions[0]: law(), market().sessions[5]: law(4 * LOSSES)}
    worse = Forecasts(5, lambda session: draws[session], None)
    assert ordered(run(stated, sells, forecasts=worse)) == [
        "A01",
        "A01",
    ]  # a sale is not refused for what is predicted now


def test_a_single_order_answers_for_its_own_position_only():
    """A01 has come to lose more than allowed; that is no reason not to buy A02."""
    draws = {market().sessions[0]: law(), market().sessions[5]: law(LOSSES * [1, 4, 1, 1, 1, 1])}
    worse = Forecasts(5, lambda session: draws[session], None)
    stated = plan(None, PredictedLoss(0.95, 0.02))
    assert ordered(run(stated, Buys({1: ("A01", 0.1), 6: ("A02", 0.1)}), forecasts=worse)) == ["A01", "A02"]
    with pytest.raises(RunError, match="of A01 breaks sizing.max_predicted_loss_per_trade"):
        run(stated, Buys({1: ("A01", 0.1), 6: ("A01", 0.01)}), forecasts=worse)


def test_a_table_of_targets_is_held_against_the_same_limits():
    table = TargetTable(np.array([0, 5]), np.array([[0.1] * 6, [0.15] * 6]), "rebalance")

    def job(limit):
        return prepare(market(), plan(replace(BUDGET, limit=limit)), *span(market()))

    with pytest.raises(RunError, match="2018-01-07: a predicted 95% shortfall of 0.105 of the book breaks"):
        play_targets(job(0.1), table, forecasts())
    assert len(play_targets(job(0.106), table, forecasts()).decisions) == 2
    with pytest.raises(RunError, match="no model predicts any"):
        play_targets(job(0.106), table)
    with pytest.raises(RunError, match="tables of targets have no model"):
        sweep_targets(job(0.106), [table])


def test_a_hedge_that_is_not_filled_yet_breaks_no_budget():
    """A00 and A01 lose against each other; the short side makes no price for a week, but was decided together."""
    closes = market().closes.copy()
    closes[1:8, 1] = np.nan
    panel = world(closes)
    draws = np.zeros((100, 6))
    draws[:5, :2] = np.log1p(-0.2)
    terms = {**good_plan(panel).friction.__dict__, "borrow": Borrow(0.01, 0.3)}
    stated = plan(
        ShortfallBudget("expected_shortfall", 0.95, 0.01),
        panel=panel,
        sizing={"long_only": False, "max_weight": 0.4, "max_gross": 1.3, "max_net": 0.5},
        related_positions={"max_group_gross": 1.2, "max_group_net": 0.9},
        friction=terms,
        horizon={"bars": 60},
        sample={"purge_bars": 61},
    )
    schedule = AtBars({1: ([0.3, -0.3, 0, 0, 0, 0], "rebalance")})
    result = run(stated, schedule, panel, Forecasts(60, lambda session: draws, None))
    assert result.equity["net"].iloc[2] > 0.29  # only the long side is there
    found = row("sizing", judged(stated, result, panel, position_draws=lambda session: draws))
    assert found.passed is True
    naked = replace(result, decisions=(replace(result.decisions[0], weights=np.array([0.3, 0, 0, 0, 0, 0])),))
    naked = replace(naked, orders=result.orders[result.orders["asset"] == "A00"])
    cause = row("sizing", judged(stated, naked, panel, position_draws=lambda session: draws)).cause
    assert cause.startswith("risk_budget = 0.01 is exceeded by 0.0")


def test_from_open_to_open_counts_where_fills_are_at_the_open():
    """Sessions close at 100 and open from 95 on by a thousandth lower each: every book loses from open to open."""
    closes = np.full((330, 6), 100.0)
    opens = 95.0 * 0.999 ** np.arange(330)[:, None] * np.ones(6)
    panel = world(closes, fields={"open": opens, "high": closes, "low": opens})
    volume = StatedVolume("stated", dict.fromkeys(panel.assets, 1e12), "the exchange's fact book", 0.05, 0.0)
    stated = plan(
        ShortfallBudget("expected_shortfall", 0.5, 0.05),
        panel=panel,
        trusted_data={"fields": ("close", "open")},
        friction=NO_COSTS | {"fill_at": "next_open", "liquidity": volume},
        sizing={"stop_loss": 0.1},
        invalidation=(DrawdownLimit("drawdown", 0.57),),
    )
    without = replace(stated, sizing=replace(stated.sizing, risk_budget=None))
    result = run(replace(without, sample=replace(stated.sample, purge_bars=0)), Fixed((0.1,) * 6), panel)
    found = row("sizing", judged(stated, result, panel, position_draws=lambda session: np.zeros((100, 6))))
    assert f"realised {0.6 * (1 - 0.999**5):.2%} over " in found.figure
