"""The pieces of a plan under short names, as a notebook writes them; ``qd.plan`` is this file.

A plan has no defaults: each of its items is a decision, and one that was left out is refused. What can be read off the
prices (source, calendar, fingerprint) is not decided again: `trust` takes it from them. `template` prints a plan to be
filled in.

Where an item has variants, a function makes one: ``every(5)`` and ``at_end_of("month")`` are two cadences. They return
the same objects that a config is read into, see `quantdl.backtest.plan.items`.
"""

from collections.abc import Iterable, Mapping, Sequence

from quantdl.backtest.plan.abnormal_volatility import AbnormalVolatility, StressWindow
from quantdl.backtest.plan.borrowing import Borrow
from quantdl.backtest.plan.documentation import Documentation
from quantdl.backtest.plan.fast_exit import FastExit
from quantdl.backtest.plan.friction import CostWaiver, Friction, MeasuredVolume, StatedVolume, VolumeWaiver
from quantdl.backtest.plan.horizon import EveryBars, Horizon, PeriodEnd
from quantdl.backtest.plan.hypothesis import Hypothesis, OtherExplanations
from quantdl.backtest.plan.invalidation import (
    CalibrationLimit,
    Combination,
    Condition,
    DrawdownLimit,
    ShortfallLimit,
    StaleDataLimit,
    StressedMarket,
    TransformLimit,
    VolatilityLimit,
)
from quantdl.backtest.plan.items import Plan
from quantdl.backtest.plan.predicted_risk import PredictedLoss, ShortfallBudget
from quantdl.backtest.plan.related_positions import CorrelationGroups, NamedGroups, RelatedPositions, SectorGroups
from quantdl.backtest.plan.rules import Rule
from quantdl.backtest.plan.sample import Sample
from quantdl.backtest.plan.sizing import Sizing
from quantdl.backtest.plan.spreads import HighLowSpread, StatedSpreads
from quantdl.backtest.plan.trusted_data import TrustedData
from quantdl.calendars.bars import CadencePeriod
from quantdl.market.panel import Panel

__all__ = [
    "AbnormalVolatility",
    "Borrow",
    "CostWaiver",
    "Documentation",
    "FastExit",
    "Friction",
    "Horizon",
    "Hypothesis",
    "OtherExplanations",
    "Plan",
    "PredictedLoss",
    "RelatedPositions",
    "Rule",
    "Sample",
    "ShortfallBudget",
    "Sizing",
    "StressWindow",
    "TrustedData",
    "all_of",
    "any_of",
    "at_end_of",
    "calibration",
    "correlated",
    "drawdown",
    "every",
    "high_low_spread",
    "measured_volume",
    "named_groups",
    "pit_drift",
    "risk_e_process",
    "sectors",
    "stale_data",
    "stated_spreads",
    "stated_volume",
    "stressed_market",
    "template",
    "trust",
    "volatility",
    "volume_waiver",
]


def trust(panel: Panel, fields: Sequence[str] | None = None, unconfirmed_beyond: float = 5.0) -> TrustedData:
    """Return the item ``trusted_data`` for some prices: what their card says, and the fingerprint of what they hold.

    Args:
        panel: The prices that the plan is written for. Another vintage of them is then refused.
        fields: Those that the strategy may read; None for all that the prices have.
        unconfirmed_beyond: How many times the last close a price may be before the next bar must confirm it.
    """
    said = panel.card.declaration
    return TrustedData(
        source=said.source,
        timezone=said.timezone,
        frequency=said.frequency,
        adjustment=said.adjustment,
        calendar=said.calendar,
        fingerprint=panel.card.fingerprint,
        fields=_listed(panel.fields if fields is None else fields),
        unconfirmed_beyond=unconfirmed_beyond,
    )


def _listed(names: Iterable[str]) -> tuple[str, ...]:
    """Return names as a tuple; a text, which is no list of letters, as it is: the check of the plan refuses it."""
    return names if isinstance(names, str) else tuple(names)  # type: ignore[return-value]


def every(bars: int) -> EveryBars:
    """Return the cadence of new positions every so many bars with a trade."""
    return EveryBars("every_bars", bars)


def at_end_of(period: CadencePeriod) -> PeriodEnd:
    """Return the cadence of new positions at the last session of every ``"week"``, ``"month"`` or ``"quarter"``."""
    return PeriodEnd("period_end", period)


def sectors() -> SectorGroups:
    """Return groups by the sectors that the prices know."""
    return SectorGroups("sector")


def named_groups(members: Mapping[str, Sequence[str]]) -> NamedGroups:
    """Return groups by name, each with its symbols; every asset stands in one."""
    return NamedGroups("named", {name: _listed(symbols) for name, symbols in members.items()})


def correlated(window_bars: int, threshold: float) -> CorrelationGroups:
    """Return groups of assets whose trailing returns are correlated above a threshold."""
    return CorrelationGroups("correlation", window_bars, threshold)


def measured_volume(window_bars: int, participation: float, impact_coefficient: float) -> MeasuredVolume:
    """Return liquidity by the traded volume of the prices; see `quantdl.backtest.plan.friction.MeasuredVolume`."""
    return MeasuredVolume("measured", window_bars, participation, impact_coefficient)


def stated_volume(
    dollar_volume: Mapping[str, float], basis: str, participation: float, impact_coefficient: float
) -> StatedVolume:
    """Return liquidity by stated volumes; see `quantdl.backtest.plan.friction.StatedVolume`."""
    return StatedVolume("stated", dict(dollar_volume), basis, participation, impact_coefficient)


def volume_waiver(signed_by: str, reason: str) -> VolumeWaiver:
    """Return the statement that liquidity is not shown; the report prints it."""
    return VolumeWaiver("waiver", signed_by, reason)


def stated_spreads(bps: Mapping[str, float]) -> StatedSpreads:
    """Return a half-spread for each asset, in basis points."""
    return StatedSpreads("stated", dict(bps))


def high_low_spread(window_bars: int, least_bps: float) -> HighLowSpread:
    """Return half-spreads that are estimated from highs and lows; see `quantdl.backtest.plan.spreads`."""
    return HighLowSpread("high_low", window_bars, least_bps)


def drawdown(limit: float) -> DrawdownLimit:
    """Return the condition that ends the run once equity lies this fraction below its peak."""
    return DrawdownLimit("drawdown", limit)


def volatility(annualised: float, window_bars: int) -> VolatilityLimit:
    """Return the condition that ends the run once the book's trailing volatility a year exceeds this."""
    return VolatilityLimit("volatility", annualised, window_bars)


def stale_data(bars: int) -> StaleDataLimit:
    """Return the condition that ends the run once a held asset has not traded for so many bars."""
    return StaleDataLimit("stale_data", bars)


def calibration(level: float, false_halt_probability: float) -> CalibrationLimit:
    """Return the condition that ends the run once losses exceed the predicted value at risk too often."""
    return CalibrationLimit("calibration", level, false_halt_probability)


def risk_e_process(level: float, false_halt_probability: float) -> ShortfallLimit:
    """Return the condition that ends the run once losses speak against the predicted shortfall."""
    return ShortfallLimit("risk_e_process", level, false_halt_probability)


def pit_drift(false_halt_probability: float) -> TransformLimit:
    """Return the condition that ends the run once losses speak against the whole predicted law."""
    return TransformLimit("pit_drift", false_halt_probability)


def stressed_market() -> StressedMarket:
    """Return the condition that the market is stressed, as a part of others."""
    return StressedMarket("stressed_market")


def all_of(name: str, *conditions: Condition, for_bars: int = 1) -> Combination:
    """Return the condition that others hold together, for a number of bars in a row."""
    return Combination("all", name, conditions, for_bars)


def any_of(name: str, *conditions: Condition, for_bars: int = 1) -> Combination:
    """Return the condition that one of others holds, for a number of bars in a row."""
    return Combination("any", name, conditions, for_bars)


def template(panel: Panel) -> str:
    """Return the text of a plan for some prices, to be pasted into a cell and filled in.

    What the prices tell stands in it. Every decision is ``...`` with the question it answers; a plan that still holds
    one is refused, and the refusal names it.
    """
    fields = ", ".join(repr(name) for name in panel.fields)
    first, last = panel.sessions[0], panel.sessions[-1]
    return _TEMPLATE.format(fields=f"[{fields}]", first=f"{first:%Y-%m-%d}", last=f"{last:%Y-%m-%d}")


_TEMPLATE = """p = qd.plan
plan = qd.Plan(
    hypothesis=p.Hypothesis(
        statement=...,  # what is claimed, in a sentence
        market_context=...,  # of which market, in which regime
        refuted_by=...,  # what result would refute it
        yardstick=...,  # "sharpe", "total_return", "max_drawdown" or "expected_shortfall": judged against equal weight
        other_explanations=p.OtherExplanations(
            trend=...,  # could a rising market explain it
            volatility=...,  # could more or less risk explain it
            liquidity=...,  # could illiquidity explain it
        ),
    ),
    horizon=p.Horizon(bars=..., timeframe="1D", rebalance=...),  # bars held; p.every(5) or p.at_end_of("month")
    trusted_data=p.trust(panel, fields={fields}),  # prices {first} to {last}
    rules=(p.Rule(name="rebalance", purpose="rebalance", text=...),),  # when and what, so that another could do it
    sizing=p.Sizing(
        method=...,  # how weights follow, in words
        long_only=...,
        max_weight=...,  # of one asset, fraction of equity
        max_gross=...,
        max_net=...,  # None for no limit
        stop_loss=...,  # loss of a trade, fraction of equity, at which it is ended
        max_loss_per_trade=...,  # fraction of equity
    ),
    related_positions=p.RelatedPositions(
        groups=...,  # p.sectors(), p.named_groups({{...}}) or p.correlated(window_bars, threshold)
        max_group_gross=...,
        max_group_net=...,  # None for no limit
    ),
    friction=p.Friction(
        commission_bps=...,  # of what is traded
        half_spread_bps=...,
        borrow=...,  # None where nothing is sold short
        liquidity=...,  # p.measured_volume(...), p.stated_volume(...), or p.volume_waiver(signed_by, reason)
        delisting_recovery=...,  # fraction of the last price that is paid
        delisted_after_sessions=...,  # of silence; None for stated ends alone
        fill_at=...,  # "next_close" or "next_open"
    ),
    invalidation=(...,),  # what ends the run: p.drawdown(0.3), p.volatility(0.9, 21), p.stale_data(5)
    fast_exit=p.FastExit(max_sessions=...),  # in which the whole book can be left
    sample=p.Sample(first=..., last=..., minimum_sessions=..., purge_bars=...),  # days such as "2019-01-02"
    abnormal_volatility=p.AbnormalVolatility(
        window_bars=...,
        calm_below=...,  # volatility of the market a year
        stressed_above=...,
        in_stress=...,  # "trade", "reduce_only" or "flat"
        stress_windows=(...,),  # p.StressWindow("crash of 2020", "2020-02-20", "2020-04-30")
    ),
    documentation=p.Documentation(author=..., run_folder="runs"),
)
"""
