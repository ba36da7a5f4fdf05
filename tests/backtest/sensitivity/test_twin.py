"""The twin stands for the engine only where it keeps the same book, says so where not, and can be transformed."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.func import grad, jacrev, vmap

from quantdl.backtest import Prices, TargetTable, Twin, play_targets, prepare, without_overlays
from quantdl.backtest.plan.friction import StatedVolume
from quantdl.backtest.plan.invalidation import DrawdownLimit
from quantdl.backtest.plan.predicted_risk import PredictedLoss, ShortfallBudget
from quantdl.errors import RunError
from tests.backtest.sensitivity.books import job_of, measured, other_costs, random_table, weights_of
from tests.backtest.worlds import plan_for, random_walk, span, world

CLOSES = random_walk(90, 3, seed=4, volatility=0.03)
PANEL = world(CLOSES)
TABLE = TargetTable(np.arange(0, 90, 5), np.full((18, 3), 0.3), "rebalance")


def planned(panel=PANEL, **items):
    """A job with all that its plan states."""
    items["horizon"] = {"bars": 89} | items.get("horizon", {})
    return prepare(panel, plan_for(panel, **items), *span(panel), 1000.0)


def refusal(job, table=TABLE):
    with pytest.raises(RunError) as refused:
        Twin.of(job, table).check(table)
    return str(refused.value)


def test_a_plan_whose_overlays_do_not_act_is_taken_as_it_is():
    job = planned(sizing={"stop_loss": 0.4, "max_loss_per_trade": 0.6}, invalidation=(DrawdownLimit("drawdown", 0.5),))
    result = Twin.of(job, TABLE).check(TABLE)
    assert result.events.empty
    assert result.final_equity == play_targets(job, TABLE).final_equity


def test_terms_under_which_fills_move_in_steps_are_refused_together():
    job = planned()
    costs = replace(job.terms.costs, commission_minimum=1.0)
    words = refusal(replace(job, terms=replace(job.terms, costs=costs, lot_shares=1)))
    assert words.startswith("sensitivities: the plan states sizing.lot_shares and friction.commission_minimum")
    assert "`without_overlays`" in words


def test_an_overlay_that_acted_is_named_with_its_first_session():
    stopped = planned(sizing={"stop_loss": 0.01, "max_loss_per_trade": 0.6})
    event = play_targets(stopped, TABLE).events.iloc[0]
    assert event["condition"] == "stop_loss"
    assert refusal(stopped).startswith(f"sensitivities: {event['session']:%Y-%m-%d}: sizing, stop_loss: A0")
    ended = planned(invalidation=(DrawdownLimit("drawdown", 0.02),))
    halted = play_targets(ended, TABLE).halted_on
    assert refusal(ended).startswith(f"sensitivities: {halted:%Y-%m-%d}: invalidation, drawdown: ")


def test_an_order_that_waited_shows_by_the_first_session_on_which_equity_differs():
    closes = CLOSES.copy()
    closes[6, 0] *= 1.5  # far beyond the limit price of an order decided the day before
    closes[8:, 0] *= 1.1
    panel = world(closes)
    table = replace(TABLE, weights=np.where(np.arange(18)[:, None] == 0, 0.0, TABLE.weights))
    job = planned(panel, sizing={"stop_loss": 0.01, "max_loss_per_trade": 0.02})
    job = replace(job, terms=replace(job.terms, stop_loss=float("inf"), conditions=()))
    words = refusal(job, table)
    assert words.startswith(f"sensitivities: {panel.sessions[6]:%Y-%m-%d}: equity is ")
    assert "the first session on which they differ" in words
    assert "sizing.max_loss_per_trade" in words


def test_a_cap_on_volume_that_binds_is_named():
    volume = StatedVolume("stated", dict.fromkeys(PANEL.assets, 1e3), "a guess made for this test", 0.1, 0.0)
    words = refusal(planned(friction={"liquidity": volume}))
    assert "fast_exit, cut: A00: weight 0.3 cut to 0.09" in words


def test_without_overlays_every_one_of_them_is_gone():
    volume = StatedVolume("stated", dict.fromkeys(PANEL.assets, 1e3), "a guess made for this test", 0.1, 0.5)
    job = planned(
        friction={"liquidity": volume, "commission_minimum": 1.0, "settlement_sessions": 2},
        sizing={"stop_loss": 0.01, "max_loss_per_trade": 0.011, "lot_shares": 1},
        invalidation=(DrawdownLimit("drawdown", 0.02),),
    )
    job = replace(job, first=25)  # volatility, by which impact is measured, is known
    table = TargetTable(np.arange(25, 90, 5), np.full((13, 3), 0.3), "rebalance")
    result = Twin.of(without_overlays(job), table).check(table)
    assert result.events.empty
    assert (result.orders["status"].isin(["filled", "cash_short", "waiting"])).all()
    assert result.fills["impact"].sum() > 0
    assert result.stamps[0].startswith("No stop, no condition and no cap on volume")


def test_without_overlays_a_plan_that_limits_predicted_losses_needs_no_model():
    limits = {
        "risk_budget": ShortfallBudget("expected_shortfall", 0.95, 0.02),
        "max_predicted_loss_per_trade": PredictedLoss(0.95, 0.01),
    }
    job = planned(sizing={"stop_loss": 0.4, "max_loss_per_trade": 0.6} | limits)
    with pytest.raises(RunError, match="no model predicts any"):
        Twin.of(job, TABLE).check(TABLE)
    free = without_overlays(job)
    plain = without_overlays(planned(sizing={"stop_loss": 0.4, "max_loss_per_trade": 0.6}))
    assert Twin.of(free, TABLE).check(TABLE).final_equity == play_targets(plain, TABLE).final_equity


def test_a_price_that_was_not_confirmed_is_followed():
    closes = CLOSES.copy()
    closes[12, 0] *= 10
    job = planned(world(closes), sizing={"stop_loss": 0.4, "max_loss_per_trade": 0.6})
    events = Twin.of(job, TABLE).check(TABLE).events
    assert events["condition"].tolist() == ["unconfirmed_price"]


def test_a_table_of_other_sessions_is_no_input_of_a_twin():
    twin = Twin.of(planned(), TABLE)
    other = replace(TABLE, sessions=TABLE.sessions + 1)
    with pytest.raises(RunError, match="other sessions or holds than the twin"):
        twin.check(other)


def test_what_the_plan_forbids_is_refused_as_in_a_run():
    table = replace(TABLE, weights=np.full((18, 3), 0.5))
    with pytest.raises(RunError, match=r"weight 1\.5 of the book, gross breaks sizing\.max_gross"):
        Twin.of(planned(), table).check(table)


def test_scenarios_of_costs_at_once_are_the_runs_at_each_cost():
    job = job_of(PANEL, short=True)
    table = random_table(job, 4, short=True)
    twin, weights = Twin.of(job, table), weights_of(table)
    costs = torch.linspace(0.0, 60.0, 7, dtype=torch.float64)
    found = vmap(lambda bps: twin.equity(weights, twin.frictions._replace(commission_bps=bps)))(costs)
    for bps, equity in zip(costs.tolist(), found, strict=True):
        other, _ = other_costs("commission_bps")(job, table, bps - 5.0)  # the plan states 5
        np.testing.assert_allclose(equity, play_targets(other, table).equity["equity"], rtol=1e-12)


def test_scenarios_of_prices_at_once_are_the_runs_on_each_panel():
    worlds = [CLOSES * np.exp(0.2 * random_walk(90, 3, seed=seed) / 100 - 0.2) for seed in range(4)]
    closes = [np.where(np.arange(90)[:, None] == 40, np.nan, world_) for world_ in worlds]  # a day without a trade
    jobs = [job_of(world(one)) for one in closes]
    table = random_table(jobs[0], 4, zeros=0.0)
    twin, weights = Twin.of(jobs[0], table), weights_of(table)
    marks = [np.where(np.isnan(one), np.roll(one, 1, axis=0), one) for one in closes]
    scenarios = torch.tensor(np.stack(marks))
    found = vmap(lambda prices: twin.equity(weights, prices=Prices(prices, prices)))(scenarios)
    for job, equity in zip(jobs, found, strict=True):
        np.testing.assert_allclose(equity, play_targets(job, table).equity["equity"], rtol=1e-12)


def test_derivatives_over_scenarios_are_those_of_each():
    job = job_of(PANEL)
    table = random_table(job, 6)
    twin, weights = Twin.of(job, table), weights_of(table)

    def sharpe(weights, bps):
        return twin.figures.sharpe_per_bar(twin.equity(weights, twin.frictions._replace(commission_bps=bps)))

    costs = torch.tensor([0.0, 5.0, 50.0], dtype=torch.float64)
    together = vmap(grad(sharpe), in_dims=(None, 0))(weights, costs)
    for bps, slopes in zip(costs, together, strict=True):
        np.testing.assert_allclose(slopes, grad(sharpe)(weights, bps), rtol=1e-9, atol=1e-15)


def test_derivatives_by_parameters_are_those_of_reruns():
    """Softmax weights of a score with two parameters: what a user hands over is any function to weights."""
    job = replace(job_of(PANEL), first=20)
    rows = np.arange(20, 90, 6)
    scores = torch.tensor(np.stack([np.log(CLOSES[rows] / CLOSES[rows - lag]) for lag in (5, 20)], axis=-1))

    def weights(theta):
        return 0.9 * torch.softmax(scores @ theta, dim=-1)

    def table(theta):
        return TargetTable(rows, weights(theta).numpy(), "rebalance")

    theta = torch.tensor([3.0, -2.0], dtype=torch.float64)
    twin = Twin.of(job, table(theta))
    twin.check(table(theta))
    found = jacrev(lambda theta: twin.figures.all(twin.equity(weights(theta))))(theta)
    names = ("log_wealth", "sharpe_per_bar", "expected_shortfall", "max_drawdown")
    step = 1e-4
    for k in range(2):
        moved = step * torch.eye(2, dtype=torch.float64)[k]
        expected = (measured(job, table(theta + moved)) - measured(job, table(theta - moved))) / (2 * step)
        np.testing.assert_allclose([float(found[name][k]) for name in names], expected, rtol=1e-5, atol=1e-8)
