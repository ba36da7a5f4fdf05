"""Five hundred plans, each with one thing wrong: every one is refused and the thing is named; the correct ones pass.

Twenty-four valid plans of different kinds are changed in one place each: by a text that says nothing, a figure out of
range, a contradiction of the data, the model or another item, or a limit that can never bind. Which plan, which text
and which figure come from the number of the case.
"""

from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from datetime import timedelta
from functools import cache

import numpy as np
import pytest

from quantdl.backtest.plan.abnormal_volatility import StressWindow
from quantdl.backtest.plan.borrowing import Borrow
from quantdl.backtest.plan.checks import check_plan, data_faults, plan_faults
from quantdl.backtest.plan.fast_exit import FastExit
from quantdl.backtest.plan.friction import CostWaiver, MeasuredVolume, StatedVolume, VolumeWaiver
from quantdl.backtest.plan.horizon import EveryBars, PeriodEnd
from quantdl.backtest.plan.invalidation import CalibrationLimit, DrawdownLimit, StaleDataLimit, VolatilityLimit
from quantdl.backtest.plan.items import Plan
from quantdl.backtest.plan.related_positions import CorrelationGroups, NamedGroups, SectorGroups
from quantdl.backtest.plan.rules import Rule
from quantdl.backtest.plan.spreads import HighLowSpread, StatedSpreads
from quantdl.errors import PlanError
from quantdl.market.panel import Panel
from tests.backtest.worlds import plan_for, random_walk, span, world
from tests.raw_panels import raw_world

N_SESSIONS, N_ASSETS = 300, 6
BARS = ("close", "open", "high", "low")


@dataclass(frozen=True, eq=False)
class Case:
    """A plan, the data it is for, and the model beside it."""

    plan: Plan
    panel: Panel
    horizon: int | None = None
    predicts_risk: bool = False

    @property
    def is_whole(self):
        return all(getattr(self.plan, entry.name) is not None for entry in fields(self.plan))

    def faults(self):
        found = plan_faults(self.plan, self.horizon, self.predicts_risk)
        return (*found, *(data_faults(self.plan, self.panel, *span(self.panel)) if self.is_whole else ()))

    @property
    def items(self):
        return [fault.item for fault in self.faults()]


@cache
def market(adjustment="split"):
    closes = random_walk(N_SESSIONS, N_ASSETS)
    bars = {"open": closes, "high": closes * 1.01, "low": closes * 0.99, "volume": np.full(closes.shape, 1e5)}
    panel = raw_world(closes, fields=bars) if adjustment == "raw" else world(closes, fields=bars)
    return replace(panel, sectors=dict(zip(panel.assets, "xxyyzz", strict=True)))


@cache
def closes_only():
    return replace(world(random_walk(N_SESSIONS, N_ASSETS)), sectors=dict.fromkeys(market().assets, "all"))


SHORT = {"long_only": False, "max_gross": 1.6, "max_net": 0.5}
SHORT_GROUPS = {"max_group_gross": 0.8, "max_group_net": 0.4}
BORROW = Borrow(0.01, 0.3)
STOPS = {"max_weight": 0.3, "stop_loss": 0.04, "max_loss_per_trade": 0.08}
GROUPS = {"max_group_gross": 0.6}


def measured(**changes):
    return MeasuredVolume("measured", **{"window_bars": 20, "participation": 0.1, "impact_coefficient": 1.0, **changes})


def stated(**changes):
    volume = dict.fromkeys(market().assets, 1e7)
    return StatedVolume(
        "stated",
        **{
            "dollar_volume": volume,
            "basis": "the exchange's fact book of that year",
            "participation": 0.1,
            "impact_coefficient": 1.0,
            **changes,
        },
    )


def valid(panel, model_bars=None, predicts_risk=False, purge=0, **items):
    """A plan of stops and groups on a panel; of closes alone liquidity is waived, else measured."""
    has_volume = "volume" in panel.fields
    liquidity = measured() if has_volume else VolumeWaiver("waiver", "A. Risk", "the source of these prices has none")
    base = {
        "sizing": STOPS | items.pop("sizing", {}),
        "related_positions": GROUPS | items.pop("related_positions", {}),
        "friction": {"liquidity": liquidity} | items.pop("friction", {}),
        "trusted_data": {"fields": (*BARS, "volume") if has_volume else ("close",)} | items.pop("trusted_data", {}),
        "sample": {"minimum_sessions": 250, "purge_bars": purge} | items.pop("sample", {}),
        "fast_exit": FastExit(2 if has_volume else 1),
    }
    return Case(plan_for(panel, **(base | items)), panel, model_bars, predicts_risk)


@cache
def valid_cases():
    bars, raw, closes = market(), market("raw"), closes_only()
    short = {"sizing": SHORT, "related_positions": SHORT_GROUPS}
    month = {"horizon": {"bars": 31, "rebalance": PeriodEnd("period_end", "month")}}
    week = {"horizon": {"bars": 7, "rebalance": PeriodEnd("period_end", "week")}}
    lots = {"lot_shares": 1}
    fees = {"commission_per_share": 0.005, "commission_minimum": 1.0}
    all_conditions = (
        DrawdownLimit("drawdown", 0.3),
        VolatilityLimit("volatility", 0.6, 21),
        StaleDataLimit("stale_data", 5),
    )
    calibrated = (*all_conditions, CalibrationLimit("calibration", 0.99, 0.05))
    windows = (StressWindow("spring", bars.sessions[50].date(), bars.sessions[90].date()),)
    free = {"commission_bps": 0.0, "cost_waiver": CostWaiver("A. Risk", "the broker charges no commission at all")}
    spreads = StatedSpreads("stated", dict.fromkeys(bars.assets, 2.0))
    return (
        valid(closes),
        valid(closes, **month),
        valid(closes, **week),
        valid(closes, invalidation=all_conditions),
        valid(closes, **short | {"friction": {"borrow": BORROW}}),
        valid(closes, related_positions={"groups": SectorGroups("sector")}),
        valid(closes, related_positions={"groups": CorrelationGroups("correlation", 60, 0.6)}),
        valid(closes, friction={"liquidity": stated()}, fast_exit=FastExit(3)),
        valid(closes, friction=free),
        valid(closes, model_bars=5, purge=6),
        valid(closes, model_bars=5, predicts_risk=True, purge=6, invalidation=calibrated),
        valid(bars),
        valid(bars, friction={"fill_at": "next_open"}),
        valid(bars, friction={"half_spread_bps": spreads}),
        valid(bars, friction={"half_spread_bps": HighLowSpread("high_low", 20, 1.0)}),
        valid(bars, friction={"settlement_sessions": 2, "delisted_after_sessions": 250}),
        valid(bars, abnormal_volatility={"in_stress": "flat", "stress_windows": windows}),
        valid(bars, invalidation=all_conditions, **month),
        valid(bars, **short | {"friction": {"borrow": BORROW, "fill_at": "next_open"}}),
        valid(bars, model_bars=5, predicts_risk=True, purge=6, invalidation=calibrated),
        valid(raw, sizing=lots, friction=fees),
        valid(raw, sizing={"lot_shares": 100}),
        valid(raw, **{"sizing": SHORT | lots, "related_positions": SHORT_GROUPS}, friction=fees | {"borrow": BORROW}),
        valid(raw, trusted_data={"unconfirmed_beyond": 3.0}, abnormal_volatility={"in_stress": "reduce_only"}),
    )


@pytest.mark.parametrize("number", range(24))
def test_a_correct_plan_is_accepted(number):
    case = valid_cases()[number]
    check_plan(case.plan, case.panel, *span(case.panel), case.horizon, case.predicts_risk)
    assert len(valid_cases()) == 24


@dataclass(frozen=True)
class Fault:
    """One thing that can be wrong.

    Attributes:
        item: What must be named.
        change: Makes a plan wrong, with figures from a generator.
        applies: Whether a case can be wrong in this way.
        never_binds: Whether what is wrong is a limit that can never bind.
        also: Items that the same change makes wrong, because they are stated in terms of this one.
    """

    item: str
    change: Callable[[Case, np.random.Generator], Plan]
    applies: Callable[[Case], bool] = lambda case: True
    never_binds: bool = False
    also: tuple[str, ...] = ()


def put(value, path, new):
    """The value with what stands at a dotted path replaced; numbers are places in a tuple."""
    head, _, rest = path.partition(".")
    if head.isdigit():
        place = int(head)
        return (*value[:place], put(value[place], rest, new) if rest else new, *value[place + 1 :])
    return replace(value, **{head: put(getattr(value, head), rest, new) if rest else new})


def get(value, path):
    for part in path.split("."):
        value = value[int(part)] if part.isdigit() else getattr(value, part)
    return value


def wrong(path, *values, item=None, applies=lambda case: True, never_binds=False, also=()):
    """One of several values at a path; a value that is a function makes it of the case."""

    def change(case, generator):
        value = values[generator.integers(len(values))]
        return put(case.plan, path, value(case) if callable(value) else value)

    return Fault(item or path, change, applies, never_binds, also)


def too_large(path, least, applies=lambda case: True, also=()):
    """A limit at or above what can be reached, so that it can never bind."""

    def change(case, generator):
        factor = 1.0 + 1.5 * generator.random()
        return put(case.plan, path, float(least(case) * factor))

    return Fault(path, change, applies, True, also)


FILLERS = (
    "",
    "   ",
    "n/a",
    "TODO",
    "asdf",
    "test test test test",
    "...",
    "!!! ??? --- +++",
    "asdf qwer zxcv uiop",
    "buy buy buy buy buy",
    "to be filled in later on",
    "Lorem ipsum dolor sit amet",
    "tbd: fixme, n/a; none",
    "a b c d e f g",
    "1 2 3 4 5 6",
    "foo bar baz qux",
)
SENTENCES = (
    "hypothesis.statement",
    "hypothesis.market_context",
    "hypothesis.refuted_by",
    "hypothesis.other_explanations.trend",
    "hypothesis.other_explanations.volatility",
    "hypothesis.other_explanations.liquidity",
    "sizing.method",
    "rules.0.text",
    "rules.1.text",
)
NAMES = ("", "n/a", "nobody", "TBD", "test", "-", "asdf", "to be determined", "aaa")
LABELS = ("", "TODO", "-1", "n/a", "123")


def of_kind(path, kind):
    return lambda case: isinstance(get(case.plan, path), kind)


def long_only(case):
    return case.plan.sizing.long_only


def short(case):
    return not case.plan.sizing.long_only


def waived(case):
    return isinstance(case.plan.friction.liquidity, VolumeWaiver)


def with_volume(case):
    return not waived(case)


def with_model(case):
    return case.horizon is not None


def with_condition(kind):
    return lambda case: any(isinstance(item, kind) for item in case.plan.invalidation)


def condition(kind, entry, *values, never_binds=False):
    """A wrong field of the condition of a kind, wherever it stands."""

    def change(case, generator):
        place = next(n for n, item in enumerate(case.plan.invalidation) if isinstance(item, kind))
        value = values[generator.integers(len(values))]
        return put(case.plan, f"invalidation.{place}.{entry}", value)

    return Fault(f"invalidation.*.{entry}", change, with_condition(kind), never_binds)


def stated_volume(case):
    return isinstance(case.plan.friction.liquidity, StatedVolume)


def named_groups(case):
    return isinstance(case.plan.related_positions.groups, NamedGroups)


def without(mapping):
    return dict(list(mapping.items())[1:])


def other_fingerprint(case):
    return f"sha256:{'f' * 64}"


SPAN = N_SESSIONS
CAPS = ("sizing.max_gross", "sizing.max_loss_per_trade", "related_positions.max_group_gross")
ABNORMAL = "abnormal_volatility"
FAULTS = (
    *(wrong(path, *FILLERS) for path in SENTENCES),
    *(wrong(path, *FILLERS[:8]) for path in SENTENCES),
    # horizon, timeframe, cadence
    wrong(
        "horizon.bars",
        0,
        -3,
        applies=lambda case: not with_model(case) and case.plan.horizon.bars < 6,
        also=("fast_exit.max_sessions",),
    ),
    wrong("horizon.bars", 1, 4, 6, 20, applies=with_model),
    wrong(
        "horizon.bars",
        SPAN,
        SPAN + 7,
        applies=lambda case: not with_model(case),
        never_binds=True,
        also=("sample.minimum_sessions",),
    ),
    wrong("horizon.timeframe", "1W", "60min", "1M"),
    wrong("horizon.timeframe", "", "daily", "0"),
    wrong("horizon.rebalance.bars", 0, -1, applies=of_kind("horizon.rebalance", EveryBars)),
    wrong(
        "horizon.bars", 28, 29, 30, applies=lambda case: case.plan.horizon.rebalance == PeriodEnd("period_end", "month")
    ),
    # trusted data
    *(
        wrong(f"trusted_data.{name}", value)
        for name, value in (
            ("source", "another vendor"),
            ("source", "n/a"),
            ("timezone", "Asia/Tokyo"),
            ("timezone", "New York"),
            ("calendar", "XNYS"),
            ("calendar", "wall street"),
            ("fingerprint", other_fingerprint),
            ("fingerprint", "sha256:0"),
        )
    ),
    wrong("trusted_data.adjustment", "total_return", applies=waived),
    wrong("trusted_data.fields", ("close", "vwap"), ("close", "bid"), applies=waived),
    wrong("trusted_data.fields", (), applies=waived),
    wrong("trusted_data.unconfirmed_beyond", 1.0, 0.0, 1.5, -5.0),
    wrong("trusted_data.unconfirmed_beyond", 10.0, 50.0, 1e6, never_binds=True),
    # rules
    wrong("rules.0.name", "plan:stop_loss", "plan:mine"),
    wrong("rules.0.name", *LABELS),
    wrong("rules", (), (Rule("leave", "exit", "sell what has risen enough"),)),
    wrong("rules", (Rule("enter", "entry", "buy what has fallen enough"),)),
    wrong("rules.1.name", "rebalance", item="rules"),
    # sizing
    wrong("sizing.max_weight", 0.0, -0.1, also=CAPS),
    too_large("sizing.max_weight", lambda case: case.plan.sizing.max_gross * 1.001, also=CAPS),
    wrong("sizing.max_gross", 1.01, 1.5, 2.0, applies=long_only, also=CAPS),
    wrong("sizing.max_net", 0.5, 1.0, applies=long_only, never_binds=True),
    wrong("sizing.max_net", None, applies=short),
    wrong("sizing.max_net", 0.0, -0.2, applies=short),
    too_large("sizing.max_net", lambda case: 1.01, applies=short),
    too_large("sizing.max_loss_per_trade", lambda case: case.plan.sizing.max_weight, applies=long_only),
    too_large("sizing.max_loss_per_trade", lambda case: case.plan.sizing.max_gross, applies=short),
    wrong("sizing.stop_loss", 0.0, -0.01),
    too_large("sizing.stop_loss", lambda case: case.plan.sizing.max_loss_per_trade),
    wrong(
        "sizing.max_weight",
        lambda case: case.plan.sizing.max_gross / (N_ASSETS + 1),
        item="sizing.max_gross",
        never_binds=True,
        also=CAPS,
    ),
    wrong("sizing.lot_shares", 0, -1, 2_000_000, applies=lambda case: case.plan.trusted_data.adjustment == "raw"),
    wrong("sizing.lot_shares", 1, 100, applies=lambda case: case.plan.trusted_data.adjustment != "raw"),
    # related positions
    wrong("related_positions.max_group_gross", 0.0, -0.5),
    too_large("related_positions.max_group_gross", lambda case: case.plan.sizing.max_gross * 1.001, applies=long_only),
    wrong(
        "related_positions.max_group_gross",
        lambda case: 3 * case.plan.sizing.max_weight + 0.01,
        applies=lambda case: named_groups(case) and long_only(case),
        never_binds=True,
    ),
    wrong("related_positions.max_group_net", 0.3, 0.5, applies=long_only, never_binds=True),
    wrong("related_positions.max_group_net", None, applies=short),
    too_large(
        "related_positions.max_group_net", lambda case: case.plan.related_positions.max_group_gross, applies=short
    ),
    wrong(
        "related_positions.groups.window_bars",
        0,
        5,
        19,
        applies=of_kind("related_positions.groups", CorrelationGroups),
    ),
    wrong(
        "related_positions.groups.threshold",
        0.0,
        1.0,
        1.5,
        -0.2,
        applies=of_kind("related_positions.groups", CorrelationGroups),
    ),
    wrong(
        "related_positions.groups",
        lambda case: NamedGroups("named", {"one": case.panel.assets[:3], "two": case.panel.assets[3:5]}),
        item="related_positions.groups.members",
        applies=named_groups,
    ),
    wrong(
        "related_positions.groups",
        lambda case: NamedGroups("named", {"one": case.panel.assets[:3], "two": (*case.panel.assets[3:], "A77")}),
        item="related_positions.groups.members",
        applies=named_groups,
    ),
    wrong(
        "related_positions.groups",
        lambda case: NamedGroups("named", {"one": case.panel.assets[:4], "two": case.panel.assets[3:]}),
        item="related_positions.groups.members",
        applies=lambda case: named_groups(case),
    ),
    # friction
    wrong("friction.commission_bps", -1.0, 1001.0, 1e6),
    wrong("friction.half_spread_bps", -0.5, 1500.0, applies=of_kind("friction.half_spread_bps", float)),
    wrong("friction.commission_bps", 0.0, item="friction.cost_waiver", applies=lambda case: _charged(case)),
    wrong(
        "friction.half_spread_bps",
        0.0,
        item="friction.cost_waiver",
        applies=lambda case: case.plan.friction.cost_waiver is None,
    ),
    wrong(
        "friction.cost_waiver",
        CostWaiver("A. Risk", "nothing is charged by this broker"),
        applies=lambda case: case.plan.friction.cost_waiver is None,
    ),
    wrong("friction.cost_waiver.reason", *FILLERS[:9], applies=lambda case: case.plan.friction.cost_waiver is not None),
    wrong("friction.cost_waiver.signed_by", *NAMES, applies=lambda case: case.plan.friction.cost_waiver is not None),
    wrong("friction.liquidity.reason", *FILLERS, applies=waived),
    wrong("friction.liquidity.signed_by", *NAMES, applies=waived),
    wrong("friction.liquidity.basis", *FILLERS, applies=stated_volume),
    wrong("friction.liquidity.participation", 0.0, -0.1, 1.5, 20.0, applies=with_volume),
    wrong("friction.liquidity.impact_coefficient", -0.5, applies=with_volume),
    wrong("friction.liquidity.window_bars", 0, -5, SPAN, applies=of_kind("friction.liquidity", MeasuredVolume)),
    wrong(
        "friction.liquidity.dollar_volume",
        lambda case: without(case.plan.friction.liquidity.dollar_volume),
        applies=stated_volume,
    ),
    wrong(
        "friction.liquidity.dollar_volume",
        lambda case: {**case.plan.friction.liquidity.dollar_volume, "A00": 0.0},
        item="friction.liquidity.dollar_volume.A00",
        applies=stated_volume,
    ),
    wrong(
        "friction.liquidity",
        VolumeWaiver("waiver", "A. Risk", "nobody measured the volume here"),
        item="friction.liquidity.kind",
        applies=lambda case: (
            isinstance(case.plan.friction.liquidity, MeasuredVolume) and case.plan.fast_exit.max_sessions == 1
        ),
    ),
    wrong("friction.liquidity", measured(), item="friction.liquidity.kind", applies=waived),
    wrong(
        "friction.half_spread_bps.bps",
        lambda case: without(case.plan.friction.half_spread_bps.bps),
        applies=of_kind("friction.half_spread_bps", StatedSpreads),
    ),
    wrong(
        "friction.half_spread_bps.window_bars", 0, 1, SPAN, applies=of_kind("friction.half_spread_bps", HighLowSpread)
    ),
    wrong("friction.half_spread_bps.least_bps", 0.0, -1.0, applies=of_kind("friction.half_spread_bps", HighLowSpread)),
    wrong(
        "friction.half_spread_bps",
        HighLowSpread("high_low", 20, 1.0),
        item="friction.half_spread_bps.kind",
        applies=lambda case: waived(case) and case.plan.friction.half_spread_bps,
    ),
    wrong("friction.commission_per_share", 0.005, applies=lambda case: case.plan.trusted_data.adjustment != "raw"),
    wrong(
        "friction.commission_per_share", -0.01, 101.0, applies=lambda case: case.plan.trusted_data.adjustment == "raw"
    ),
    wrong("friction.commission_minimum", -1.0, 20_000.0),
    wrong("friction.settlement_sessions", -1, 11, 400),
    wrong("friction.delisting_recovery", -0.1, 1.1, 70.0),
    wrong("friction.delisted_after_sessions", 0, -1, 5000),
    wrong("friction.borrow", BORROW, applies=long_only, never_binds=False),
    wrong("friction.borrow", None, applies=short),
    wrong("friction.borrow.annual_rate", -0.01, 1.5, applies=short),
    wrong("friction.borrow.maintenance_margin", 0.0, 0.9, 2.0, applies=short),
    wrong("friction.borrow.available", 0.0, -1.0, applies=short),
    wrong("friction.fill_at", "next_open", applies=lambda case: waived(case) and not with_model(case)),
    wrong("friction.fill_at", "decision_close", applies=with_model),
    # invalidation
    wrong("invalidation", ()),
    wrong("invalidation", (DrawdownLimit("drawdown", 0.2), DrawdownLimit("drawdown", 0.3))),
    condition(DrawdownLimit, "limit", 0.0, -0.2),
    condition(DrawdownLimit, "limit", 0.99, 1.0, 1.5, 5.0, never_binds=True),
    condition(VolatilityLimit, "annualised", 0.0, -0.5),
    condition(VolatilityLimit, "annualised", 5.0, 20.0, never_binds=True),
    condition(VolatilityLimit, "window_bars", 0, 1, 4),
    condition(VolatilityLimit, "window_bars", SPAN, 2 * SPAN, never_binds=True),
    condition(StaleDataLimit, "bars", 0, -2),
    condition(StaleDataLimit, "bars", SPAN, SPAN + 50, never_binds=True),
    condition(CalibrationLimit, "level", 0.5, 0.01, 1.0),
    condition(CalibrationLimit, "false_halt_probability", 0.2, 0.06, 0.0, 1e-9),
    wrong(
        "invalidation",
        (DrawdownLimit("drawdown", 0.2), CalibrationLimit("calibration", 0.99, 0.05)),
        item="invalidation.1",
        applies=lambda case: not case.predicts_risk,
        never_binds=True,
    ),
    # fast exit
    wrong("fast_exit.max_sessions", 0, -1),
    wrong("fast_exit.max_sessions", 2, 5, applies=waived, never_binds=True),
    wrong("fast_exit.max_sessions", 40, 100, applies=with_volume),
    # sample and trials
    wrong("sample.minimum_sessions", 1, 2, 4),
    wrong("sample.minimum_sessions", SPAN + 1, 5000),
    wrong("sample.purge_bars", 1, 5, applies=lambda case: not with_model(case)),
    wrong("sample.purge_bars", 0, 5, 7, applies=with_model),
    wrong("sample.first", lambda case: case.plan.sample.first + timedelta(days=3), item="sample"),
    wrong("sample.last", lambda case: case.plan.sample.last - timedelta(days=9), item="sample"),
    # abnormal volatility
    wrong(f"{ABNORMAL}.window_bars", 0, 4, 2_000_000),
    wrong(f"{ABNORMAL}.stressed_above", 1.2, 9.9, never_binds=True),
    wrong(f"{ABNORMAL}.calm_below", 0.0, -0.1, 0.9, 2.0),
    wrong(
        f"{ABNORMAL}.stress_windows",
        lambda case: (
            StressWindow("early", case.plan.sample.first - timedelta(50), case.plan.sample.first - timedelta(20)),
        ),
        item=f"{ABNORMAL}.stress_windows.0",
        never_binds=False,
    ),
    wrong(
        f"{ABNORMAL}.stress_windows",
        lambda case: (StressWindow("turned", case.plan.sample.last, case.plan.sample.first),),
        item=f"{ABNORMAL}.stress_windows.0.last",
    ),
    wrong(
        f"{ABNORMAL}.stress_windows",
        lambda case: (StressWindow("n/a", case.plan.sample.first, case.plan.sample.last),),
        item=f"{ABNORMAL}.stress_windows.0.name",
    ),
    # documentation
    wrong("documentation.author", *NAMES),
    wrong("documentation.author", *NAMES),
    wrong("documentation.run_folder", *LABELS),
    # an item that is not there, and figures that are none
    *(wrong(entry.name, None) for entry in fields(Plan)),
    wrong("sizing.max_weight", float("nan"), float("inf")),
    wrong("friction.delisting_recovery", float("nan")),
    condition(DrawdownLimit, "limit", float("nan")),
)


def _charged(case):
    friction = case.plan.friction
    return bool(friction.commission_bps) and not friction.commission_per_share and not friction.commission_minimum


def matches(item, pattern):
    """Whether an item is the one of a pattern, in which a star stands for a place."""
    parts, wanted = item.split("."), pattern.split(".")
    return len(parts) == len(wanted) and all(b in ("*", a) for a, b in zip(parts, wanted, strict=True))


@cache
def usable_faults():
    return tuple(fault for fault in FAULTS if any(fault.applies(case) for case in valid_cases()))


def spoiled(number):
    """The fault and the spoiled case of a number: faults in turn, the plan and the figures at random."""
    faults, generator = usable_faults(), np.random.default_rng([7, number])
    fault = faults[number % len(faults)]
    suitable = [case for case in valid_cases() if fault.applies(case)]
    case = suitable[generator.integers(len(suitable))]
    return fault, replace(case, plan=fault.change(case, generator))


LIMITS = ("never bind", "at most", "the exit fills a session later")


def test_five_hundred_plans_with_one_thing_wrong_are_refused_and_it_is_named():
    missed, unnamed, more, binding = [], [], [], []
    for number in range(500):
        fault, case = spoiled(number)
        found = case.faults()
        named = [item.item for item in found]
        if not found:
            missed.append((number, fault.item))
        elif not any(matches(item, fault.item) for item in named):
            unnamed.append((number, fault.item, named))
        elif not all(matches(item, fault.item) or item in fault.also for item in named):
            more.append((number, fault.item, named))
        if fault.never_binds and not any(says in item.expected for says in LIMITS for item in found):
            binding.append((number, fault.item, [item.expected for item in found]))
        assert all(item.given and item.expected and item.fix for item in found)
    assert (missed, unnamed, more, binding) == ([], [], [], [])


def test_every_item_of_the_plan_is_spoiled_in_many_ways():
    counts = {entry.name: 0 for entry in fields(Plan)}
    for number in range(500):
        counts[spoiled(number)[0].item.partition(".")[0]] += 1
    assert sum(counts.values()) == 500
    assert min(counts.values()) >= 10
    assert sum(fault.never_binds for fault in usable_faults()) >= 20


@pytest.mark.parametrize("number", range(0, 500, 25))
def test_a_refused_plan_never_runs_and_the_message_names_what_is_wrong(number):
    fault, case = spoiled(number)
    with pytest.raises(PlanError, match=r"The trading plan is refused, \d+ fault") as refused:
        check_plan(case.plan, case.panel, *span(case.panel), case.horizon, case.predicts_risk)
    assert any(f"plan.{item}: got" in str(refused.value) for item in [entry.item for entry in case.faults()])
    assert "Fix: " in str(refused.value)


def test_two_things_wrong_in_two_items_are_named_at_once():
    wrong_pairs = 0
    for number in range(200):
        first, case = spoiled(number)
        generator = np.random.default_rng([8, number])
        second = usable_faults()[generator.integers(len(usable_faults()))]
        apart = first.item.partition(".")[0] != second.item.partition(".")[0]
        if not apart or not case.is_whole or not second.applies(case):
            continue
        twice = replace(case, plan=second.change(case, generator))
        if not twice.is_whole:
            continue
        named = twice.items
        for fault in (first, second):
            assert any(matches(item, fault.item) for item in named), (number, fault.item, named)
        wrong_pairs += 1
    assert wrong_pairs > 80


def varied(number):
    """A valid case with other figures, each within what its item allows."""
    generator = np.random.default_rng([9, number])
    case = valid_cases()[number % len(valid_cases())]
    plan, assets = case.plan, len(case.panel.assets)
    weight = float(generator.uniform(0.28, 0.35))
    promise = float(generator.uniform(0.03, 0.2))
    plan = replace(
        plan,
        sizing=replace(
            plan.sizing, max_weight=weight, max_loss_per_trade=promise, stop_loss=promise * generator.uniform(0.2, 0.9)
        ),
        related_positions=replace(plan.related_positions, max_group_gross=float(generator.uniform(0.45, 0.7))),
        friction=replace(plan.friction, delisting_recovery=float(generator.uniform())),
        abnormal_volatility=replace(plan.abnormal_volatility, window_bars=int(generator.integers(5, 200))),
        trusted_data=replace(plan.trusted_data, unconfirmed_beyond=float(generator.uniform(1.6, 9.0))),
        sample=replace(plan.sample, minimum_sessions=int(generator.integers(60, N_SESSIONS + 1))),
    )
    assert plan.sizing.max_gross <= assets * weight * 1.2
    return replace(case, plan=plan)


def test_correct_plans_with_other_figures_are_accepted():
    refused = {number: varied(number).items for number in range(240)}
    assert {number: items for number, items in refused.items() if items} == {}
