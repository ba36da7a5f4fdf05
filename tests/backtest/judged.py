"""A run that kept its plan, ways to doctor its record, and the one item that then fails."""

from dataclasses import replace
from functools import cache

import numpy as np
import pandas as pd

from quantdl.backtest import BreakEven, CalibrationTest, Decision, Evidence, Yardstick, assess, run_backtest
from quantdl.backtest.plan.friction import StatedVolume
from quantdl.backtest.plan.horizon import EveryBars
from quantdl.backtest.plan.invalidation import DrawdownLimit
from tests.backtest.worlds import plan_for, span, world

GOOD_TESTS = (
    CalibrationTest("Kupiec, 99 %", 400, 0.61, "5 exceptions in 400 sessions, 4 expected"),
    CalibrationTest("PIT uniform", 2400, 0.2, "largest gap 0.02"),
)
EVIDENCE = Evidence(
    calibration=GOOD_TESTS,
    exceptions=(),
    universe="point_in_time",
    survivorship="Membership is as it was known on each day.",
    yardstick=Yardstick(strategy=0.9, equal_weight=0.6),
    break_even=BreakEven(55.0, "The profit is gone at 55.0 bps each way; the plan states 10 bps.", 55.0),
    reproduced_by="config.yaml, seed 7, data sha256:0123456789ab",
)
VOLUME = 1e8


@cache
def market():
    """Six shares that rise a little, with ten weeks of stress."""
    generator = np.random.default_rng(11)
    scale = np.full((400, 1), 0.008)
    scale[200:250] = 0.05
    return world(100 * np.exp(np.cumsum(0.001 + scale * generator.standard_normal((400, 6)), axis=0)))


class Fixed:
    """The same weights, decided whenever the cadence allows; equal parts unless told otherwise."""

    def __init__(self, weights=(0.15,) * 6, rule="rebalance"):
        self.weights, self.rule = np.array(weights), rule

    def decide(self, view):
        return Decision(self.weights, self.rule) if view.rebalance_due else None


class AtBars:
    """Weights by bar of the run, counted from 1, each with its rule."""

    def __init__(self, decisions):
        self.decisions = decisions

    def decide(self, view):
        weights, rule = self.decisions.get(len(view.sessions), (None, ""))
        return None if weights is None else Decision(np.array(weights), rule)


def good_plan(panel=None, **items):
    panel = market() if panel is None else panel
    volume = StatedVolume("stated", dict.fromkeys(panel.assets, VOLUME), "the exchange's fact book", 0.05, 0.0)
    return plan_for(
        panel,
        **{
            "horizon": {"bars": 5, "rebalance": EveryBars("every_bars", 5)},
            "sizing": {"max_weight": 0.2, "stop_loss": 0.1, "max_loss_per_trade": 0.12},
            "related_positions": {"max_group_gross": 0.5},
            "friction": {"liquidity": volume},
            "sample": {"minimum_sessions": 300},
            "abnormal_volatility": {"stressed_above": 0.3},
            "invalidation": (DrawdownLimit("drawdown", 0.4),),
            **items,
        },
    )


def run(plan, strategy=None, panel=None, forecasts=None):
    panel = market() if panel is None else panel
    return run_backtest(panel, plan, strategy or Fixed(), *span(panel), forecasts)


@cache
def good_run():
    return run(good_plan())


def judged(plan=None, result=None, panel=None, **evidence):
    panel = market() if panel is None else panel
    return assess(plan or good_plan(), panel, result or good_run(), replace(EVIDENCE, **evidence))


def failed(checklist):
    """The cause of every item that failed."""
    return {row.item: row.cause for row in checklist.items if row.passed is False}


def only(item, checklist):
    """The cause of the one item that may fail."""
    causes = failed(checklist)
    assert set(causes) == {item}, causes
    assert checklist.verdict == "not defended"
    return causes[item]


def row(item, checklist):
    return next(one for one in checklist.items if one.item == item)


def rebooked(result, panel, fills, orders=None):
    """The record with other fills, and shares, money and costs that follow from them: a whole record of a bad run.

    For markets without splits, dividends, delistings and short sales, where cash is all that a fill leaves.
    """
    sessions, assets = result.equity.index, list(result.assets)
    cells = {"index": "session", "columns": "asset", "aggfunc": "sum", "fill_value": 0.0}

    def by_cell(amounts):
        table = fills.assign(amount=amounts).pivot_table(values="amount", **cells)
        return table.reindex(index=sessions, columns=assets, fill_value=0.0)

    quantities = by_cell(fills["quantity"]).cumsum()
    marks = pd.DataFrame(panel.closes, panel.sessions, assets).ffill().reindex(sessions)
    spent = by_cell(fills["quantity"] * fills["price"] + fills["cost"]).sum(axis=1).cumsum()
    equity = result.initial_equity - spent + (quantities * marks).sum(axis=1)
    costs = by_cell(fills["cost"]).sum(axis=1)
    before = equity.shift(fill_value=result.initial_equity)
    gains = (quantities.shift(fill_value=0.0) * marks.diff().fillna(0.0)).sum(axis=1)
    return replace(
        result,
        fills=fills,
        orders=result.orders if orders is None else orders,
        quantities=quantities,
        weights_after_fill=(quantities * marks).div(equity, axis=0),
        equity=result.equity.assign(equity=equity, costs=costs, held_return=gains / before),
    )


def shifted_shares(result, panel, index, extra):
    """The record of a run in which one fill had ``extra`` shares more, and the next one of its asset as many less."""
    fills = result.fills.copy()
    later = fills.index[(fills["asset"] == fills.loc[index, "asset"]) & (fills.index > index)]
    for place, change in ((index, extra), (later[0], -extra)):
        fills.loc[place, "quantity"] += change
        notional = abs(fills.loc[place, "quantity"]) * fills.loc[place, "price"]
        fills.loc[place, ["notional", "commission", "spread", "cost"]] = notional * np.array([1, 5e-4, 5e-4, 1e-3])
    return rebooked(result, panel, fills)


def followed_by(result, sign, first_sign=1):
    """Positions of the fills of one side whose asset trades on the given side next."""
    fills = result.fills
    after = fills.groupby("asset")["quantity"].shift(-1)
    return np.flatnonzero((np.sign(fills["quantity"]) == first_sign) & (np.sign(after) == sign))


def changed_fill(result, panel, index, **changes):
    """The record with one fill changed; its costs are those of the plan, 10 bps, unless they are changed themselves."""
    fills = result.fills.copy()
    for name, value in changes.items():
        fills.loc[index, name] = value
    if "cost" not in changes:
        notional = abs(fills.loc[index, "quantity"]) * fills.loc[index, "price"]
        fills.loc[index, ["notional", "commission", "spread", "cost"]] = notional * np.array([1, 5e-4, 5e-4, 1e-3])
    return rebooked(result, panel, fills)
