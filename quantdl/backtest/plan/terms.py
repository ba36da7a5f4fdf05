"""What a plan means for the engine on given data: its terms, and the sentences that must stand beside any figure."""

import numpy as np
import pandas as pd

from quantdl.backtest.book.tape import Tape
from quantdl.backtest.book.terms import HaltCondition, Terms
from quantdl.backtest.book.trailing import correlation_groups, regimes
from quantdl.backtest.plan import invalidation
from quantdl.backtest.plan.borrowing import borrowable
from quantdl.backtest.plan.friction import Friction, VolumeWaiver, bar_dollars, dollar_volume, waiver_words
from quantdl.backtest.plan.horizon import Cadence, EveryBars, PeriodEnd
from quantdl.backtest.plan.items import Plan
from quantdl.backtest.plan.related_positions import CorrelationGroups, Groups, membership
from quantdl.backtest.plan.sample import bar_years, bars_per_year_of
from quantdl.backtest.plan.spreads import conversion, half_spreads
from quantdl.backtest.running.cadence import every_bars, period_ends
from quantdl.calendars.bars import is_intraday
from quantdl.calendars.labels import bar_text
from quantdl.errors import RunError
from quantdl.market.actions import CorporateActions
from quantdl.market.card import DataCard
from quantdl.market.panel import Panel
from quantdl.portfolio.limits import Limits, ShortfallLimit

RiskFree = float | pd.Series | None
"""Annual rate that cash earns: the same at all times, or as known at the close of each session; None for nothing."""


def plan_terms(plan: Plan, panel: Panel, tape: Tape, first: int, stop: int, risk_free: RiskFree = None) -> Terms:
    """Return what the engine must obey.

    Args:
        plan: The plan.
        panel: The data of the run.
        tape: The same as the engine plays it.
        first: Position of the run's first session.
        stop: Position after its last.
        risk_free: What cash earns, see `cash_rates`.

    Raises:
        RunError: If the rate is not known at some session.
    """
    friction, abnormal = plan.friction, plan.abnormal_volatility
    bars_per_year = bars_per_year_of(plan.sample, panel.card.declaration)
    volatility, years = tape.market_volatility(abnormal.window_bars, bars_per_year), bar_years(plan.sample, panel)
    spreads = half_spreads(friction.half_spread_bps, panel, friction.conversion_bps)
    return Terms(
        fields=plan.trusted_data.fields,
        due=_due(plan.horizon.rebalance, tape, first),
        horizon_bars=plan.horizon.bars,
        purposes={rule.name: rule.purpose for rule in plan.rules},
        limits=_limits(plan, panel),
        groups=_groups_by_close(plan.related_positions.groups, tape, first, stop),
        stop_loss=plan.sizing.stop_loss,
        max_loss_per_trade=plan.sizing.max_loss_per_trade,
        costs=friction.costs(spreads if spreads is None or len(spreads) == 1 else spreads[first:stop]),
        dollar_volume=dollar_volume(friction.liquidity, panel),
        bar_dollars=bar_dollars(friction.liquidity, panel),
        fill_at=friction.fill_at,
        borrow_rate=0.0 if friction.borrow is None else friction.borrow.annual_rate,
        cash_rates=cash_rates(risk_free, panel.bars, first, stop, bars_per_year, years),
        maintenance_margin=0.0 if friction.borrow is None else friction.borrow.maintenance_margin,
        delisting_recovery=friction.delisting_recovery,
        conditions=tuple(_halt_condition(part) for part in invalidation.flattened(plan.invalidation)),
        max_exit_sessions=plan.fast_exit.max_sessions,
        regimes=regimes(volatility, abnormal.calm_below, abnormal.stressed_above),
        market_volatility=volatility,
        in_stress=abnormal.in_stress,
        bars_per_year=bars_per_year,
        stamps=(*stamps(plan, panel.card, panel.actions), *(() if risk_free is None else (_INTEREST,))),
        half_spreads=spreads,
        conversion=conversion(panel, friction.conversion_bps),
        borrowable=borrowable(friction.borrow, panel.assets),
        lot_shares=plan.sizing.lot_shares or 0,
        settlement_sessions=friction.settlement_sessions,
        years=years,
    )


_INTEREST = "Cash earns the risk-free rate, and cash owed costs it; Sharpe and Sortino subtract the same rate."


def cash_rates(
    risk_free: RiskFree,
    sessions: pd.DatetimeIndex,
    first: int,
    stop: int,
    bars_per_year: float,
    years: np.ndarray | None = None,
) -> np.ndarray:
    r"""Return (T,) what cash earns in each bar of a run, as a fraction: :math:`(1 + r)^{1 / n} - 1` at n bars a year.

    A bar earns the rate known at the close of the bar before it, as `quantdl.risk.performance` subtracts it;
    the first bar of the data has none before it and earns nothing by a series. Bars outside of the run are zero.

    Args:
        risk_free: Annual rate as a fraction, above -1: a number, or a series by session; None for nothing.
        sessions: (T,) label of each bar.
        first: Position of the run's first bar.
        stop: Position after its last.
        bars_per_year: Bars of the calendar in a year.
        years: (T,) part of a year for which each bar earns, see `quantdl.backtest.plan.sample.bar_years`; None for one
            of ``bars_per_year`` each.

    Raises:
        RunError: If a rate is missing, not finite or not above -1, naming the session.
    """
    rates = np.zeros(len(sessions))
    if risk_free is None:
        return rates
    if isinstance(risk_free, pd.Series):
        begin = max(first, 1)
        annual = risk_free.reindex(sessions[begin - 1 : stop - 1]).to_numpy(np.float64)
    else:
        begin, annual = first, np.full(stop - first, float(risk_free))
    bad = ~(np.isfinite(annual) & (annual > -1.0))
    if bad.any():
        where = max(begin - 1, 0) + int(bad.argmax())
        raise RunError(
            f"risk_free: got {annual[bad][0]} for {bar_text(sessions[where])}; expected a yearly fraction above "
            "-1, known at every session from the one before the run on. Fix: give a series that covers them."
        )
    rates[begin:stop] = (1.0 + annual) ** (1.0 / bars_per_year if years is None else years[begin:stop]) - 1.0
    return rates


def _due(cadence: Cadence, tape: Tape, first: int) -> np.ndarray:
    match cadence:
        case EveryBars(bars=bars):
            return every_bars(tape.trades, first, bars)
        case PeriodEnd(period=period):
            return period_ends(tape, first, period)


def _limits(plan: Plan, panel: Panel) -> Limits:
    """Return the caps; the net cap of a long-only plan is its gross cap."""
    sizing, related = plan.sizing, plan.related_positions
    group_of, names = membership(related.groups, panel)
    group_of.flags.writeable = False  # a strategy sees it
    book, position = sizing.predicted.book, sizing.predicted.position
    return Limits(
        long_only=sizing.long_only,
        max_weight=sizing.max_weight,
        max_gross=sizing.max_gross,
        max_net=sizing.max_gross if sizing.max_net is None else sizing.max_net,
        group_of=group_of,
        group_names=names,
        max_group_gross=related.max_group_gross,
        max_group_net=related.max_group_gross if related.max_group_net is None else related.max_group_net,
        book_shortfall=None if book is None else ShortfallLimit(book.level, book.limit),
        position_shortfall=None if position is None else ShortfallLimit(position.level, position.limit),
    )


def _groups_by_close(groups: Groups, tape: Tape, first: int, stop: int) -> np.ndarray | None:
    """Return (T, A) the clusters as of each close of the run, -1 outside it; None where groups never change."""
    if not isinstance(groups, CorrelationGroups):
        return None
    found = np.full(tape.continuous.shape, -1)
    for t in range(first, stop):
        found[t] = correlation_groups(tape.continuous[: t + 1], groups.window_bars, groups.threshold)
    return found


def _halt_condition(part: invalidation.Part) -> HaltCondition:
    condition, window, level = part.condition, 0, float("nan")
    match condition:
        case invalidation.VolatilityLimit(window_bars=window):
            pass
        case invalidation.CalibrationLimit(level=level) | invalidation.ShortfallLimit(level=level):
            pass
    return HaltCondition(condition.kind, condition.fires_at, window, level, part.name, part.whole)


_FILLS = {
    "next_close": "Decided at a close, filled at the next traded close.",
    "next_open": "Decided at a close, filled at the next traded open.",
    "decision_close": (
        "FILLED AT THE CLOSE IT WAS DECIDED ON, as the plan asked for. No order can be given at a price that is not "
        "known yet: the figures are for comparison with other programs only."
    ),
}


def stamps(plan: Plan, card: DataCard, actions: CorporateActions) -> tuple[str, ...]:
    """Return what a reader must know about how the figures came about."""
    friction = plan.friction
    sentences = [_FILLS[friction.fill_at]]
    if is_intraday(card.declaration.frequency):
        sentences.append(
            f"Bars are of {card.declaration.frequency}: where the figures count sessions they count bars, each named "
            "by the time at which it ended. Interest and fees of borrowing accrue from session to session."
        )
    if isinstance(friction.liquidity, VolumeWaiver):
        waiver = friction.liquidity
        sentences.append(
            f"Liquidity is waived (signed: {waiver.signed_by}): {waiver.reason.rstrip('.')}. "
            "Fills are unlimited and capacity is undefined."
        )
    if friction.cost_waiver is not None:
        words = waiver_words(friction.cost_waiver, friction.waived_costs)
        sentences.append(f"{words[0].upper()}{words[1:]}.")
    if card.declaration.universe == "survivors":
        sentences.append("The assets were picked knowing that they survived: only differences between books count.")
    elif card.declaration.universe == "unknown":
        sentences.append("It is not known how the assets were picked: survivorship is not controlled.")
    sentences += _dividends(card, actions)
    sentences.append(_silence(friction, actions))
    return tuple(sentences)


def _silence(friction: Friction, actions: CorporateActions) -> str:
    """Say what becomes of a holding whose bars stop."""
    stated = any(item.terminal_value is not None for item in actions.delistings)
    after = friction.delisted_after_sessions
    until = "until then or" if after is None else f"until then, until {after} sessions of silence have passed, or"
    return (
        f"A delisted holding is paid out at {friction.delisting_recovery:.0%} of its last close"
        f"{', or at the terminal value that the data states' if stated else ''}, after the day that the data states; "
        f"one whose bars stop stays in the book at its last close {until} until it trades again. Stops see closes only."
    )


def _dividends(card: DataCard, actions: CorporateActions) -> list[str]:
    """Say what the prices leave out and the data does not make up for."""
    sentences = []
    if card.declaration.adjustment == "raw" and not actions.splits:
        sentences.append("Prices are raw and the data names no split: one that happened counts as a loss or a gain.")
    if card.declaration.adjustment != "total_return" and not actions.dividends:
        sentences.append("The data names no dividend: none is paid to longs, none is charged to shorts.")
    return sentences
