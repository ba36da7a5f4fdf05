"""Small markets built by hand and plans that fit them, for tests of the backtest."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd

from quantdl.backtest import BacktestResult, Decision, Hold, run_backtest
from quantdl.backtest.plan.abnormal_volatility import AbnormalVolatility
from quantdl.backtest.plan.documentation import Documentation
from quantdl.backtest.plan.fast_exit import FastExit
from quantdl.backtest.plan.friction import CostWaiver, Friction, VolumeWaiver
from quantdl.backtest.plan.horizon import EveryBars, Horizon
from quantdl.backtest.plan.hypothesis import Hypothesis, OtherExplanations
from quantdl.backtest.plan.invalidation import DrawdownLimit
from quantdl.backtest.plan.items import Plan
from quantdl.backtest.plan.related_positions import NamedGroups, RelatedPositions
from quantdl.backtest.plan.rules import Rule
from quantdl.backtest.plan.sample import Sample
from quantdl.backtest.plan.sizing import Sizing
from quantdl.backtest.plan.trusted_data import TrustedData
from quantdl.calendars import trading_calendar
from quantdl.config import load_config
from quantdl.market.card import DataCard, Declaration, IntradayBars, SilenceRule
from quantdl.market.panel import Panel
from quantdl.market.status import CellStatus

SIGNED = CostWaiver("A. Risk", "this test is about something else")
FINGERPRINT = f"sha256:{'0123456789abcdef' * 4}"
RULES = (
    Rule("rebalance", "rebalance", "move to the target weights"),
    Rule("leave", "exit", "sell what has risen enough"),
)


def world(
    closes,
    first: str = "2018-01-02",
    ended: Mapping[str, date] | None = None,
    fields: Mapping[str, np.ndarray] | None = None,
    halted: np.ndarray | None = None,
    universe: str = "point_in_time",
    calendar: str = "24/7",
) -> Panel:
    """A panel of closes (T, A); NaN is unlisted before the first price, missing after it.

    Trades every day of the year unless told otherwise: New York's holidays take longer to look up than a test to run.
    """
    closes = np.asarray(closes, dtype=float)
    sessions = sessions_from(calendar, first, len(closes))
    assets = tuple(f"A{number:02d}" for number in range(closes.shape[1]))
    priced = np.isfinite(closes)
    listed = np.logical_or.accumulate(priced, axis=0)
    status = np.where(priced, CellStatus.TRADED, np.where(listed, CellStatus.MISSING, CellStatus.UNLISTED))
    if halted is not None:
        status = np.where(halted, CellStatus.HALTED, status)
    status = status.astype(np.int8)
    everything = {"close": closes, **(fields or {})}
    about = Declaration(
        source="made by a test",
        timezone="America/New_York",
        frequency="1D",
        adjustment="split",
        calendar=calendar,
        as_of=date(2030, 1, 1),
        licence="none needed",
        universe=universe,
    )
    card = DataCard(about, tuple(everything), FINGERPRINT)
    known_at = sessions.tz_localize("America/New_York").tz_convert("UTC") + pd.Timedelta(hours=16)
    silence = SilenceRule(ended=dict(ended or {}))
    return Panel(sessions, known_at, assets, everything, status, {}, card, silence=silence)


@cache
def sessions_from(calendar: str, first: str, count: int) -> pd.DatetimeIndex:
    last = pd.Timestamp(first) + pd.Timedelta(days=int(count * 1.5) + 10)
    return trading_calendar(calendar).sessions(first, last)[:count]


def random_walk(n_sessions: int, n_assets: int, seed: int = 0, volatility: float = 0.01, drift: float = 0.0):
    generator = np.random.default_rng(seed)
    returns = drift + volatility * generator.standard_normal((n_sessions - 1, n_assets))
    return 100 * np.exp(np.concatenate([np.zeros((1, n_assets)), np.cumsum(returns, axis=0)]))


@cache
def shipped_plan() -> Plan:
    """A plan that ships: what a test says nothing about is as it says."""
    return load_config(Path(__file__).parents[2] / "configs" / "equal_weight.yaml").plan


def plan_for(panel: Panel, first: int = 0, last: int = -1, **items) -> Plan:
    """A complete plan for a panel from session ``first`` to ``last``; each item may be changed field by field."""
    card, assets = panel.card, panel.assets
    half = max(1, len(assets) // 2)
    groups = {"left": assets[:half], "right": assets[half:]} if len(assets) > 1 else {"all": assets}
    start, end = panel.sessions[first].date(), panel.sessions[last].date()
    plan = replace(
        shipped_plan(),
        hypothesis=Hypothesis(
            statement="Spreading money over shares that do not move together loses less.",
            market_context="Any market that trades every day.",
            refuted_by="A Sharpe ratio below that of equal weight.",
            yardstick="sharpe",
            other_explanations=OtherExplanations(
                "All shares rose in those years.", "Risk was low throughout the span.", "Small shares paid a premium."
            ),
        ),
        horizon=Horizon(5, "1D", EveryBars("every_bars", 1)),
        trusted_data=TrustedData(
            card.declaration.source,
            card.declaration.timezone,
            card.declaration.frequency,
            card.declaration.adjustment,
            card.declaration.calendar,
            card.fingerprint,
            ("close",),
        ),
        rules=RULES,
        sizing=Sizing(
            "The same weights at every decision.", True, 1.0 if len(assets) == 1 else 0.9, 1.0, None, 0.5, 0.6
        ),
        related_positions=RelatedPositions(NamedGroups("named", groups), 1.0 if len(assets) < 3 else 0.99, None),
        friction=Friction(
            5.0, 5.0, None, VolumeWaiver("waiver", "A. Risk", "no volume in the data"), 0.7, None, "next_close"
        ),
        invalidation=(DrawdownLimit("drawdown", 0.5),),
        fast_exit=FastExit(1),
        sample=Sample(start, end, 6, 0),
        abnormal_volatility=AbnormalVolatility(20, 0.1, 0.9, "trade", ()),
        documentation=Documentation("A. Researcher", "runs"),
    )
    for name, change in items.items():
        value = replace(getattr(plan, name), **change) if isinstance(change, dict) else change
        plan = replace(plan, **{name: value})
    friction = plan.friction
    if (friction.waived_costs != ()) == (friction.cost_waiver is None):
        plan = replace(plan, friction=replace(friction, cost_waiver=SIGNED if friction.waived_costs else None))
    return plan


def span(panel: Panel) -> tuple[pd.Timestamp, pd.Timestamp]:
    return panel.sessions[0], panel.sessions[-1]


NO_COSTS = {"commission_bps": 0.0, "half_spread_bps": 0.0}
FLAT = np.full((12, 2), 100.0)


class Schedule:
    """Decides what the schedule says at the n-th session it is asked: weights, a Hold, or nothing."""

    def __init__(self, schedule, rule="rebalance"):
        self.schedule, self.rule, self.views = schedule, rule, []

    def decide(self, view):
        self.views.append(view)
        answer = self.schedule.get(len(view.sessions) - 1)
        return answer if answer is None or isinstance(answer, Hold) else Decision(np.array(answer), self.rule)


def run(panel, schedule, initial_equity=1000.0, forecasts=None, **items) -> BacktestResult:
    """Run a schedule; without a model the horizon is as long as the run unless the test is about it."""
    if forecasts is None:
        longest = len(panel.sessions) - 1
        items["horizon"] = {"bars": longest} | items.get("horizon", {})
        items["sample"] = {"minimum_sessions": longest + 1} | items.get("sample", {})
    plan = plan_for(panel, **items)
    strategy = schedule if hasattr(schedule, "decide") else Schedule(schedule)
    return run_backtest(panel, plan, strategy, *span(panel), forecasts, initial_equity)


def closes_with(column, length=12):
    """Closes of two assets: the first as given, then as at its end; the second at 100."""
    closes = np.full((length, 2), 100.0)
    closes[: len(column), 0] = column
    closes[len(column) :, 0] = column[-1]
    return closes


def ends_of_bars(calendar: str, first: str, last: str, frequency: str) -> pd.DataFrame:
    """Session and UTC end of each bar of a span, cut from every open to the break and from its end to the close."""
    length, rows = pd.Timedelta(frequency), []
    for session, day in trading_calendar(calendar).schedule(first, last).iterrows():
        rest = pd.notna(day["break_start"]) and day["break_start"] < day["close"]
        stretches = [(day["open"], day["break_start"]), (day["break_end"], day["close"])]
        for begin, end in stretches if rest else [(day["open"], day["close"])]:
            rows += [
                (session, min(at + length, end)) for at in pd.date_range(begin, end, freq=length, inclusive="left")
            ]
    return pd.DataFrame(rows, columns=["session", "end"])


def hours(
    closes: np.ndarray | float,
    first: str = "2023-07-03",
    last: str = "2023-07-14",
    calendar: str = "XNYS",
    frequency: str = "60min",
    fields: Mapping[str, np.ndarray] | None = None,
) -> Panel:
    """A panel of bars within sessions from closes (T, A), or one close for two assets; NaN is missing."""
    axis = ends_of_bars(calendar, first, last, frequency)
    closes = np.full((len(axis), 2), closes) if np.ndim(closes) == 0 else np.asarray(closes, dtype=float)[: len(axis)]
    everything = {"close": closes, **(fields or {})}
    about = Declaration(
        source="made by a test",
        timezone=trading_calendar(calendar).timezone,
        frequency=frequency,
        adjustment="split",
        calendar=calendar,
        as_of=date(2030, 1, 1),
        licence="none needed",
        universe="point_in_time",
        intraday=IntradayBars("start", "open"),
    )
    status = np.where(np.isfinite(closes), CellStatus.TRADED, CellStatus.MISSING).astype(np.int8)
    assets = tuple(f"A{number:02d}" for number in range(closes.shape[1]))
    card = DataCard(about, tuple(everything), FINGERPRINT)
    known_at = pd.DatetimeIndex(axis["end"])
    return Panel(pd.DatetimeIndex(axis["session"]), known_at, assets, everything, status, {}, card)


def run_hours(panel: Panel, schedule, **items) -> BacktestResult:
    """As `run`, on a panel of `hours`."""
    frequency, n_sessions = panel.card.declaration.frequency, panel.sessions.nunique()
    items["horizon"] = {"timeframe": frequency} | items.get("horizon", {})
    items["sample"] = {"minimum_sessions": n_sessions} | items.get("sample", {})
    return run(panel, schedule, **items)
