"""Friction: what trading costs, how much can be traded, and where orders fill."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from quantdl.backtest.book.costs import Costs
from quantdl.backtest.plan.borrowing import Borrow, borrow_data_faults, borrow_failures, borrow_words
from quantdl.backtest.plan.context import FinishedRun
from quantdl.backtest.plan.evidence import ROUNDING, ItemVerdict, ReportRow
from quantdl.backtest.plan.payouts import payout_failures
from quantdl.backtest.plan.refusals import PlanFault, at_least, at_most, each_asset, within
from quantdl.backtest.plan.settlement import settlement_failures
from quantdl.backtest.plan.spreads import (
    HalfSpread,
    HighLowSpread,
    StatedSpreads,
    bps_faults,
    half_spreads,
    is_converted,
    is_zero,
    spread_at,
    spread_data_faults,
    spread_faults,
    spread_field_faults,
    spread_words,
)
from quantdl.backtest.plan.stated import Stated
from quantdl.backtest.plan.texts import PersonName, Sentence, Symbol
from quantdl.backtest.plan.trusted_data import TrustedData
from quantdl.percents import measured

if TYPE_CHECKING:
    from quantdl.market.panel import Panel


ROW = ReportRow("Friction", "costs", "Costs")
MOST_SILENT_SESSIONS = 2500
"""Ten years of sessions: a plan that waits longer for an asset to come back means that it never ends."""
MOST_SETTLEMENT_SESSIONS = 10
"""Two weeks: no exchange settles later, and what waits longer is not settlement."""
MOST_PER_SHARE, MOST_PER_FILL = 100.0, 10_000.0
"""Fees above these were mistyped."""
COSTS_TOO_HIGH = "no profit is left", "the stated costs are"
"""How the last of its failures begins, that on costs which are as stated and too high."""


@dataclass(frozen=True)
class MeasuredVolume:
    """Dollar volume is measured: trailing mean of close times volume, or of a ``dollar_volume`` field.

    Attributes:
        kind: Name of the variant.
        window_bars: Trailing bars of the mean.
        participation: Largest share that fills may take of that mean, and of the dollars of the bar they fall in.
        impact_coefficient: Y in the square-root law: cost as a fraction = Y * daily volatility * sqrt(share of volume).
    """

    kind: Literal["measured"]
    window_bars: int
    participation: float
    impact_coefficient: float


@dataclass(frozen=True)
class StatedVolume:
    """Dollar volume is stated, for data that has none.

    Attributes:
        kind: Name of the variant.
        dollar_volume: Money a session by asset, in the currency of the book; every asset of the data.
        basis: Where the figures come from.
        participation: Largest share of a session's dollar volume that may be traded.
        impact_coefficient: As for `MeasuredVolume`.
    """

    kind: Literal["stated"]
    dollar_volume: Mapping[Symbol, float]
    basis: Sentence
    participation: float
    impact_coefficient: float


@dataclass(frozen=True)
class VolumeWaiver:
    """Liquidity is not known: fills are unlimited, capacity is undefined, and the report prints who signed.

    Attributes:
        kind: Tells the variants apart.
        signed_by: Who answers for it.
        reason: Why, in a sentence.
    """

    kind: Literal["waiver"]
    signed_by: PersonName
    reason: Sentence


Liquidity = MeasuredVolume | StatedVolume | VolumeWaiver


@dataclass(frozen=True)
class CostWaiver(metaclass=Stated):
    """Trading costs no commission or no spread, and the report prints who signed for that and why.

    Attributes:
        signed_by: Who answers for it.
        reason: Why, in a sentence.
    """

    signed_by: PersonName
    reason: Sentence


@dataclass(frozen=True)
class Friction(metaclass=Stated):
    """What trading costs and where it is filled.

    Attributes:
        commission_bps: Commission each way, in basis points of notional.
        half_spread_bps: Half the bid-ask spread, paid each way: the same for all assets, stated for each, or estimated
            from highs and lows.
        borrow: Terms of selling short; null for a long-only plan.
        liquidity: Measured, stated or waived in writing.
        delisting_recovery: Share of the last close that a delisted long position is paid out at; shorts are bought
            back at the last close. Delistings for cause lost 30 % on NYSE and AMEX (Shumway, 1997), so 0.7 is prudent.
        delisted_after_sessions: Sessions of silence after which an asset counts as delisted although nothing states its
            end: a holding of it is then paid out. Null for never. Until then it stays in the book at its last close. A
            year of sessions, 250, is longer than suspensions that end.
        fill_at: ``"next_close"``; ``"next_open"`` where the data has opens, from which a model's positions then run;
            ``"decision_close"``, without a model only, fills at the very close that was decided on, at which no real
            order can fill any more, and is stamped on the result.
        commission_per_share: Money for each share, on top of the basis points. For raw prices only: shares at adjusted
            prices are not the shares that were traded.
        commission_minimum: Least commission of a fill, as money. An order that fills in parts pays it for each.
        settlement_sessions: Sessions until the proceeds of a sale may be spent on purchases; 0 for at once.
        conversion_bps: What it costs to convert money, in basis points of the amount: charged with the spread on every
            fill of an asset that is quoted in another currency than that of the book. 0 for nothing.
        cost_waiver: Who signs that there is no commission, or no spread; null where both are charged.
    """

    commission_bps: float
    half_spread_bps: HalfSpread
    borrow: Borrow | None
    liquidity: Liquidity
    delisting_recovery: float
    delisted_after_sessions: int | None
    fill_at: Literal["next_close", "next_open", "decision_close"]

    commission_per_share: float = 0.0
    commission_minimum: float = 0.0
    settlement_sessions: int = 0
    conversion_bps: float = 0.0
    cost_waiver: CostWaiver | None = None

    @property
    def is_proportional(self) -> bool:
        """Whether every fill pays the same fraction of its notional, impact aside."""
        fees = self.commission_per_share or self.commission_minimum
        by_asset = isinstance(self.half_spread_bps, StatedSpreads | HighLowSpread) or self.conversion_bps
        return not fees and not by_asset

    @property
    def waived_costs(self) -> tuple[str, ...]:
        """What costs nothing: the commission, the spread of some asset, or both."""
        charged, spread = self.commission_bps or self.commission_per_share or self.commission_minimum, "spread"
        if isinstance(self.half_spread_bps, StatedSpreads) and any(self.half_spread_bps.bps.values()):
            spread = "spread of some assets"
        return (*(() if charged else ("commission",)), *((spread,) if is_zero(self.half_spread_bps) else ()))

    def costs(self, half_spreads: np.ndarray | None) -> Costs:
        """Return the price of trading; without impact and without a cap on volume where liquidity is waived.

        Args:
            half_spreads: (T, A) half the spreads of the run as fractions, of which the mean is taken; None where the
                plan states one number.
        """
        liquidity, spread = self.liquidity, self.half_spread_bps
        if isinstance(spread, StatedSpreads | HighLowSpread) or (self.conversion_bps and half_spreads is not None):
            spread = float("nan") if half_spreads is None else 1e4 * float(half_spreads.mean())
        return Costs(
            commission_bps=self.commission_bps,
            half_spread_bps=spread,
            impact_coefficient=0.0 if isinstance(liquidity, VolumeWaiver) else liquidity.impact_coefficient,
            participation=float("inf") if isinstance(liquidity, VolumeWaiver) else liquidity.participation,
            commission_per_share=self.commission_per_share,
            commission_minimum=self.commission_minimum,
        )

    @property
    def special_terms(self) -> tuple[str, ...]:
        """Its terms beside basis points, in words: fees, spreads, borrowing, settlement, waivers."""
        found = []
        if self.commission_per_share or self.commission_minimum:
            fees = self.costs(np.zeros(1)).fees
            found.append(f"commission {self.commission_bps:g} bps and {fees}")
        if isinstance(self.half_spread_bps, StatedSpreads | HighLowSpread):
            found.append(spread_words(self.half_spread_bps))
        if self.borrow is not None and self.borrow.available is not None:
            found.append(borrow_words(self.borrow))
        if self.conversion_bps:
            found.append(f"converting money costs {self.conversion_bps:g} bps")
        if self.settlement_sessions:
            sessions = f"{self.settlement_sessions} session{'' if self.settlement_sessions == 1 else 's'}"
            found.append(f"proceeds of a sale may be spent {sessions} later")
        if self.cost_waiver is not None:
            found.append(waiver_words(self.cost_waiver, self.waived_costs))
        return tuple(found)


def faults(friction: Friction, model_horizon: int | None) -> Iterator[PlanFault]:
    """Yield a fault for costs that make no sense, and for fills that the model does not allow."""
    yield from bps_faults("friction.commission_bps", friction.commission_bps)
    yield from bps_faults("friction.conversion_bps", friction.conversion_bps)
    yield from spread_faults(friction.half_spread_bps)
    yield from _fees(friction)
    yield from _waiver(friction)
    if not 0 <= friction.settlement_sessions <= MOST_SETTLEMENT_SESSIONS:
        expected = f"a number of sessions between 0 and {MOST_SETTLEMENT_SESSIONS}"
        fix = "write 1 for the day after the trade"
        yield PlanFault("friction.settlement_sessions", str(friction.settlement_sessions), expected, fix)
    if not 0 <= friction.delisting_recovery <= 1:
        expected = "a share of the last price between 0 and 1"
        yield PlanFault("friction.delisting_recovery", f"{friction.delisting_recovery:g}", expected, "for instance 0.7")
    if friction.delisted_after_sessions is not None:
        item, meaning = "friction.delisted_after_sessions", "a number of silent sessions, or null for never,"
        yield from within(item, friction.delisted_after_sessions, 0, MOST_SILENT_SESSIONS, meaning)
    yield from _liquidity(friction.liquidity)
    if friction.fill_at == "decision_close" and model_horizon is not None:
        expected = "'next_close' or 'next_open': the model's position law runs from the next fill"
        yield PlanFault("friction.fill_at", repr(friction.fill_at), expected, "write next_close")


def trusted_data_faults(friction: Friction, data: TrustedData) -> Iterator[PlanFault]:
    """Yield a fault for costs, volumes and fills that the trusted data do not allow."""
    yield from spread_field_faults(friction.half_spread_bps, data)
    if friction.commission_per_share and data.adjustment != "raw":
        expected = f"0 on {data.adjustment} prices: their shares are not the shares that were traded"
        fix = "trust raw prices, or state the commission in basis points"
        yield PlanFault("friction.commission_per_share", f"{friction.commission_per_share:g}", expected, fix)
    if isinstance(friction.liquidity, MeasuredVolume):
        yield from _measured_faults(data)
    if friction.fill_at == "next_open" and "open" not in data.fields:
        expected = "'next_close', because 'open' is not among trusted_data.fields"
        yield PlanFault("friction.fill_at", "'next_open'", expected, "add 'open' to the fields or write next_close")


def _fees(friction: Friction) -> Iterator[PlanFault]:
    """Yield a fault for fees out of range."""
    for name, most in (("commission_per_share", MOST_PER_SHARE), ("commission_minimum", MOST_PER_FILL)):
        money = getattr(friction, name)
        if not 0 <= money <= most:
            expected = f"money between 0 and {most:g}, in the currency of the book"
            yield PlanFault(f"friction.{name}", f"{money:g}", expected, "write 0 where there is none")


def _waiver(friction: Friction) -> Iterator[PlanFault]:
    """Yield a fault for a cost of zero that is not signed for, and for a signature under nothing."""
    zero = friction.waived_costs
    if zero and friction.cost_waiver is None:
        expected = f"a waiver, because {' and '.join(zero)} {'is' if len(zero) == 1 else 'are'} zero"
        yield PlanFault("friction.cost_waiver", "null", expected, "state the cost, or signed_by and reason")
    if friction.cost_waiver is not None and not zero:
        expected = "null: commission and spread are charged, so there is nothing to waive"
        yield PlanFault("friction.cost_waiver", "a waiver", expected, "write null")


def _liquidity(liquidity: Liquidity) -> Iterator[PlanFault]:
    if isinstance(liquidity, VolumeWaiver):
        return
    yield from within("friction.liquidity.participation", liquidity.participation, 0.0, 1.0, "a share of volume")
    if liquidity.impact_coefficient < 0:
        given = f"{liquidity.impact_coefficient:g}"
        yield PlanFault("friction.liquidity.impact_coefficient", given, "zero or more", "for instance 1.0")
    if isinstance(liquidity, StatedVolume):
        for symbol, dollars in liquidity.dollar_volume.items():
            if dollars <= 0:
                item = f"friction.liquidity.dollar_volume.{symbol}"
                yield PlanFault(item, f"{dollars:g}", "dollars a session, above 0", "state a positive volume")
    if isinstance(liquidity, MeasuredVolume):
        yield from at_least("friction.liquidity.window_bars", liquidity.window_bars, 1, "a number of bars")


def _measured_faults(data: TrustedData) -> Iterator[PlanFault]:
    """Yield a fault where the trusted data cannot tell what is traded."""
    if not {"volume", "dollar_volume"} & set(data.fields):
        expected = "'volume' or 'dollar_volume' among trusted_data.fields"
        fix = "declare the field, state the dollar volume per asset, or sign the waiver"
        yield PlanFault("friction.liquidity.kind", "'measured'", expected, fix)
    elif "dollar_volume" not in data.fields and data.adjustment == "total_return":
        expected = "'raw' or 'split' prices: dividend-adjusted prices times shares are not dollars"
        fix = "trust a 'dollar_volume' field or state the dollar volume per asset"
        yield PlanFault("friction.liquidity.kind", "'measured' on total-return prices", expected, fix)


def data_faults(friction: Friction, panel: "Panel") -> Iterator[PlanFault]:
    """Yield a fault for assets of which something is not stated, and for a waiver where the data have volume."""
    liquidity = friction.liquidity
    yield from spread_data_faults(friction.half_spread_bps, panel)
    if friction.conversion_bps and not is_converted(panel).any():
        expected = "0: no price of the data was converted from another currency, so it can never be charged"
        yield PlanFault("friction.conversion_bps", f"{friction.conversion_bps:g}", expected, "leave it out")
    yield from borrow_data_faults(friction.borrow, panel)
    if isinstance(liquidity, StatedVolume):
        named = set(liquidity.dollar_volume)
        yield from each_asset("friction.liquidity.dollar_volume", named, panel.assets, "a dollar volume")
    if isinstance(liquidity, MeasuredVolume):
        meaning = "fewer bars than the data has"
        yield from at_most("friction.liquidity.window_bars", liquidity.window_bars, len(panel.sessions) - 1, meaning)
    in_shares = "volume" in panel.fields and panel.card.declaration.adjustment != "total_return"
    has_volume = in_shares or "dollar_volume" in panel.fields
    if isinstance(liquidity, VolumeWaiver) and has_volume:
        expected = "'measured': the data has volume, so there is nothing to waive"
        yield PlanFault("friction.liquidity.kind", "'waiver'", expected, "measure the volume")


@dataclass(frozen=True, eq=False)
class KnownLiquidity:
    """What is known of each asset at each close of the data.

    Attributes:
        dollar_volume: (T, A) dollars an asset trades a session; infinite under a waiver, NaN where unknown.
        volatility: (T, A) daily standard deviation of its simple returns, NaN where unknown.
        most_dollars: (T, A) the most that may be traded in a session; infinite under a waiver, 0 where unknown.
    """

    dollar_volume: np.ndarray
    volatility: np.ndarray
    most_dollars: np.ndarray


def dollar_volume(liquidity: Liquidity, panel: "Panel") -> np.ndarray:
    """Return (T, A) the dollars an asset trades a session, as known at each close; infinite under a waiver."""
    from quantdl.backtest.book.tape import dollars_traded  # these load pandas and scipy
    from quantdl.backtest.book.trailing import measured_dollar_volume

    match liquidity:
        case VolumeWaiver():
            return np.broadcast_to(np.inf, panel.closes.shape)
        case StatedVolume(dollar_volume=stated):
            return np.broadcast_to([stated[asset] for asset in panel.assets], panel.closes.shape)
        case MeasuredVolume(window_bars=window):
            return measured_dollar_volume(dollars_traded(panel.fields), panel.traded, window)


def bar_dollars(liquidity: Liquidity, panel: "Panel") -> np.ndarray:
    """Return (T, A) the dollars that each bar itself traded, where the plan measures them; infinite where unknown."""
    from quantdl.backtest.book.tape import dollars_traded  # loads pandas and scipy

    if not isinstance(liquidity, MeasuredVolume):
        return np.broadcast_to(np.inf, panel.closes.shape)
    dollars = dollars_traded(panel.fields)
    return np.where(np.isfinite(dollars), dollars, np.inf)


def known_liquidity(friction: Friction, panel: "Panel") -> KnownLiquidity:
    """Measure on the data what the plan's terms of liquidity allow.

    The cap on what may be traded is worked out here once more, and not by the function that the engine asks: a cap that
    did not bind then shows in the evidence.
    """
    from quantdl.backtest.book.tape import IMPACT_WINDOW  # these load pandas and scipy
    from quantdl.backtest.book.trailing import simple_returns, trailing_deviation
    from quantdl.market.corporate.adjustment import continuous_closes

    volatility = trailing_deviation(simple_returns(continuous_closes(panel)), IMPACT_WINDOW, 2)
    volume, liquidity = dollar_volume(friction.liquidity, panel), friction.liquidity
    if isinstance(liquidity, VolumeWaiver):
        return KnownLiquidity(volume, volatility, volume)
    known = np.isfinite(volume) & (np.isfinite(volatility) | (liquidity.impact_coefficient == 0))
    return KnownLiquidity(
        volume, volatility, np.where(known, liquidity.participation * np.where(known, volume, 0.0), 0.0)
    )


def judge(friction: Friction, run: FinishedRun) -> ItemVerdict:
    """Charge every fill again by the stated terms, and look at its price, its day and its share of the volume."""
    found, fills = run.evidence.break_even, run.book.ordered
    commission, spread = _commission(friction, run), _spread(friction, run)
    stated = _bps_each_way(friction, commission + spread, fills.notional)
    failures = [*_costs(friction, commission + spread, run), *_participation(friction, run), *_prices(friction, run)]
    failures += payout_failures(friction.delisting_recovery, friction.delisted_after_sessions, run)
    failures += borrow_failures(friction.borrow, run)
    failures += settlement_failures(friction.settlement_sessions, run)
    doubts = []
    if not len(fills):
        doubts.append("nothing was traded, so no cost was paid")
    elif found is None:
        doubts.append("the break-even cost was not computed")
    elif found.lower_bps == 0:
        failures.append(f"{COSTS_TOO_HIGH[0]} to bear any cost")
    elif found.lower_bps < stated:
        failures.append(f"{COSTS_TOO_HIGH[1]} {stated - found.lower_bps:.1f} bps above what the profit can bear")
    if isinstance(friction.liquidity, VolumeWaiver):
        doubts.append(f"liquidity is waived (signed: {friction.liquidity.signed_by}), capacity is undefined")
    paid = (float(fills.cost.sum()) + float(run.book.fees.sum())) / run.result.initial_equity
    before = run.book.equity_before[fills.row]
    turnover = float((fills.notional / np.where(before > 0, before, np.inf)).sum())
    figure = f"costs {measured(paid)} of initial equity, turnover {turnover:.2f} times equity"
    figure += f". {found.statement}" if found is not None else ""
    each_way = f"{stated:g} bps each way" if friction.is_proportional else f"{stated:.2f} bps each way on average"
    terms = "; ".join([f"{each_way}, filled at {friction.fill_at}", *friction.special_terms])
    return ItemVerdict(terms, figure, tuple(failures), tuple(doubts))


def waiver_words(waiver: CostWaiver, waived: tuple[str, ...]) -> str:
    """Say what is not charged, who signed for it, and why."""
    return f"{' and '.join(waived)} waived (signed: {waiver.signed_by}): {waiver.reason.rstrip('.')}"


def highest_fraction(friction: Friction, run: FinishedRun) -> float:
    """Return what trading costs each way at most, impact and the least commission of a fill aside, over notional."""
    spreads = half_spreads(friction.half_spread_bps, run.panel, friction.conversion_bps)
    dearest = friction.costs(spreads).half_spread_bps / 1e4 if spreads is None else float(np.max(spreads))
    prices = run.book.marks[run.book.marks > 0]
    per_share = friction.commission_per_share / float(prices.min()) if friction.commission_per_share else 0.0
    return friction.commission_bps / 1e4 + dearest + per_share


def _commission(friction: Friction, run: FinishedRun) -> np.ndarray:
    """Return (N,) the commission of each order's fill by the stated terms."""
    fills = run.book.ordered
    charged = fills.notional * friction.commission_bps / 1e4 + np.abs(fills.quantity) * friction.commission_per_share
    return np.asarray(np.maximum(charged, friction.commission_minimum))


def _spread(friction: Friction, run: FinishedRun) -> np.ndarray:
    """Return (N,) half the spread of each order's fill, by what was known before it."""
    fills = run.book.ordered
    fractions = spread_at(friction.half_spread_bps, run.panel, run.book.known_rows[fills.row], fills.column)
    if friction.conversion_bps:  # looked up again on the card, fill by fill
        quoted = run.panel.card.converted or {}
        abroad = [run.result.assets[column] in quoted for column in fills.column.tolist()]
        fractions = fractions + friction.conversion_bps / 1e4 * np.array(abroad, dtype=np.float64)
    return np.asarray(fills.notional * fractions)


def _bps_each_way(friction: Friction, charged: np.ndarray, notional: np.ndarray) -> float:
    """Return commission and half-spread in basis points: as stated, or on average where fills differ."""
    spread = friction.half_spread_bps
    if friction.is_proportional and isinstance(spread, float | int):
        return friction.commission_bps + spread
    return 1e4 * float(charged.sum()) / float(notional.sum()) if notional.sum() > 0 else 0.0


def _costs(friction: Friction, charged: np.ndarray, run: FinishedRun) -> list[str]:
    """Return how many fills were charged otherwise than the terms say."""
    fills = run.book.ordered
    if friction.waived_costs == ("commission", "spread") or (len(fills) and not fills.cost.sum()):
        return ["no costs were charged"]
    stated = charged + _impact(friction, run)
    off = np.maximum(np.abs(fills.cost - stated), np.abs(fills.parts - stated))
    wrong = ~(off <= ROUNDING * np.maximum(stated, fills.notional / 1e4))
    what = f"{np.count_nonzero(wrong)} fills were charged otherwise than stated, {np.nansum(off[wrong]):,.2f} in all"
    return [what] if wrong.any() else []


def _impact(friction: Friction, run: FinishedRun) -> np.ndarray:
    """Return (N,) the impact of each order's fill by the square-root law, on what was known before it."""
    fills, liquidity = run.book.ordered, friction.liquidity
    if isinstance(liquidity, VolumeWaiver) or liquidity.impact_coefficient == 0:
        return np.zeros(len(fills))
    known, rows = known_liquidity(friction, run.panel), run.book.known_rows[fills.row]
    volume, volatility = known.dollar_volume[rows, fills.column], known.volatility[rows, fills.column]
    return np.asarray(liquidity.impact_coefficient * volatility * np.sqrt(fills.notional / volume) * fills.notional)


def _participation(friction: Friction, run: FinishedRun) -> list[str]:
    """Return how often more was traded of an asset in a session than its share of the volume, known before or own."""
    fills, book = run.book.ordered, run.book
    taken = np.zeros(book.shares.shape)
    np.add.at(taken, (fills.row, fills.column), fills.notional)
    most = known_liquidity(friction, run.panel).most_dollars[book.known_rows]
    if isinstance(friction.liquidity, MeasuredVolume):
        own = bar_dollars(friction.liquidity, run.panel)[book.rows]
        most = np.minimum(most, friction.liquidity.participation * own)
    excess = taken > most * (1 + ROUNDING)
    if not excess.any():
        return []
    unknown = np.count_nonzero(excess & (most == 0))
    times = np.divide(taken, most, out=np.zeros(taken.shape), where=excess & (most > 0)).max()
    failures = [f"{unknown} fills where no volume was known"] if unknown else []
    if np.count_nonzero(excess) > unknown:
        known = np.count_nonzero(excess) - unknown
        failures.append(f"more traded than the participation allows, {known} times, up to {times:.4g} times it")
    return failures


def _price_range(friction: Friction, run: FinishedRun) -> tuple[np.ndarray, np.ndarray]:
    """Return (N,) the lowest and the highest price at which each order's fill may stand.

    They are one price, that of the plan or of the order, but for orders that name their own: those fill within the bar.
    """
    fills, orders, prices = run.book.ordered, run.book.orders, run.panel.fields
    cells = (run.book.first + fills.row, fills.column)
    kind = dict(zip(orders.order.tolist(), orders.kind.tolist(), strict=True))
    kinds = np.array([kind.get(number, "market") for number in fills.order.tolist()], dtype=object)
    at_open = (kinds == "market_on_open") | ((kinds == "market") & (friction.fill_at == "next_open"))
    within = np.isin(kinds, ["limit", "stop", "trailing_stop", "exit"])
    close = prices["close"][cells]
    made = np.where(at_open, prices.get("open", prices["close"])[cells], close)
    low, high = (np.where(within, prices.get(name, prices["close"])[cells], made) for name in ("low", "high"))
    return low, high


def _prices(friction: Friction, run: FinishedRun) -> list[str]:
    """Return how many fills stand at a price that the data did not make, or on the day of their decision."""
    fills, (low, high) = run.book.ordered, _price_range(friction, run)
    off = ~((fills.price >= low - ROUNDING * np.abs(low)) & (fills.price <= high + ROUNDING * np.abs(high)))
    off |= ~run.panel.traded[run.book.first + fills.row, fills.column]
    failures = [f"{np.count_nonzero(off)} fills at prices that were not made"] if off.any() else []
    same_bar = np.count_nonzero(fills.row <= fills.decided)
    if same_bar:
        failures.append(f"{same_bar} of {len(fills)} fills at the close they were decided on")
    return failures
