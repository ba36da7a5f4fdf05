"""The trading plan: what must be decided, in writing and in figures, before a backtest may start.

Every item is a typed field without a default, so a plan that leaves one out cannot be made. Before a run
`quantdl.backtest.plan.checks` refuses empty texts, contradictions and limits that can never bind; the engine obeys the
plan while it runs; the checklist measures afterwards whether it was kept. Fractions are of equity unless said
otherwise, basis points (bps) are of traded notional, bars are bars of the plan's calendar.

Alternatives are told apart by their ``kind``.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Literal

from quantdl.market.card import Adjustment


@dataclass(frozen=True)
class OtherExplanations:
    """What else could produce the same profit: an honest rival to the hypothesis for each context."""

    trend: str
    volatility: str
    liquidity: str


@dataclass(frozen=True)
class Hypothesis:
    """Why the strategy should work, and what would show that it does not.

    Attributes:
        statement: The claim, in one or two sentences.
        market_context: The market in which it should hold.
        refuted_by: The observation that would refute it.
        yardstick: The figure on which the strategy must not lose to equal weight after costs. Stated beforehand, so
            that it cannot be picked afterwards.
        other_explanations: Rival explanations; profit and loss are split along them after the run.
    """

    statement: str
    market_context: str
    refuted_by: str
    yardstick: Literal["sharpe", "total_return", "max_drawdown", "expected_shortfall"]
    other_explanations: OtherExplanations


@dataclass(frozen=True)
class EveryBars:
    """Rebalance every ``bars`` bars, counted from the first session of the run."""

    kind: Literal["every_bars"]
    bars: int


@dataclass(frozen=True)
class PeriodEnd:
    """Rebalance at the last session of every calendar week or month, and at the first session of the run."""

    kind: Literal["period_end"]
    period: Literal["week", "month"]


Cadence = EveryBars | PeriodEnd


@dataclass(frozen=True)
class Horizon:
    """How long a decision is meant to hold.

    Attributes:
        bars: Bars from fill to exit; equals the model's horizon. A book older than this without a decision is closed.
        timeframe: Spacing of the bars as on the data card, ``"1D"``.
        rebalance: When new positions may be decided. Between two such sessions positions may only be reduced.
    """

    bars: int
    timeframe: str
    rebalance: Cadence


@dataclass(frozen=True)
class TrustedData:
    """The data the plan was made for; each value must equal that of the data card.

    Attributes:
        source: Source as named on the card.
        timezone: IANA name of the exchange's zone.
        frequency: Spacing of the bars.
        adjustment: How prices are adjusted.
        calendar: Trading calendar, ISO code first.
        fingerprint: ``"sha256:<hex>"`` of the content.
        fields: The fields a strategy may read; ``"close"`` is always needed.
    """

    source: str
    timezone: str
    frequency: str
    adjustment: Adjustment
    calendar: str
    fingerprint: str
    fields: tuple[str, ...]


@dataclass(frozen=True)
class Rule:
    """A written rule that orders may cite.

    Attributes:
        name: Short tag carried by every order of this rule.
        purpose: Whether the rule opens positions, closes them, or does both.
        text: The rule in words, exact enough for another person to follow.
    """

    name: str
    purpose: Literal["entry", "exit", "rebalance"]
    text: str


@dataclass(frozen=True)
class Sizing:
    """How large a position may be and what one trade may cost.

    A trade runs from flat to flat in one asset; its loss is net of costs, over equity at entry. The promise also sets
    the limit of every order: it does not fill at a price from which a return to the decision's price would lose more.

    Attributes:
        method: The sizing rule in words.
        long_only: Whether negative weights are errors.
        max_weight: Largest absolute weight of one asset at a decision.
        max_gross: Largest sum of absolute weights at a decision.
        max_net: Largest absolute sum of weights; null for a long-only plan, whose net weight is its gross weight.
        stop_loss: Loss of a trade, seen at a close, at which the engine orders the exit.
        max_loss_per_trade: The promise measured afterwards, gaps and costs included. Above ``stop_loss`` by the room
            one more session may need.
    """

    method: str
    long_only: bool
    max_weight: float
    max_gross: float
    max_net: float | None
    stop_loss: float
    max_loss_per_trade: float


@dataclass(frozen=True)
class SectorGroups:
    """Assets are related when the panel's sector table says so."""

    kind: Literal["sector"]


@dataclass(frozen=True)
class NamedGroups:
    """Assets are related as listed: group name to symbols, every asset in exactly one group."""

    kind: Literal["named"]
    members: Mapping[str, tuple[str, ...]]


@dataclass(frozen=True)
class CorrelationGroups:
    """Assets are related when their trailing correlation clusters them, as of each decision.

    Attributes:
        kind: Tells the alternatives apart.
        window_bars: Trailing returns used.
        threshold: Average-linkage correlation above which assets share a cluster, between 0 and 1.
    """

    kind: Literal["correlation"]
    window_bars: int
    threshold: float


Groups = SectorGroups | NamedGroups | CorrelationGroups


@dataclass(frozen=True)
class RelatedPositions:
    """Caps on what moves together.

    Attributes:
        groups: What counts as related.
        max_group_gross: Largest sum of absolute weights inside one group at a decision.
        max_group_net: Largest absolute sum of weights inside one group; null for a long-only plan.
    """

    groups: Groups
    max_group_gross: float
    max_group_net: float | None


@dataclass(frozen=True)
class MeasuredVolume:
    """Dollar volume is measured: trailing mean of close times volume, or of a ``dollar_volume`` field.

    Attributes:
        kind: Tells the alternatives apart.
        window_bars: Trailing bars of the mean.
        participation: Largest share of a session's dollar volume that may be traded.
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
        kind: Tells the alternatives apart.
        dollar_volume: Dollars a session by asset; every asset of the data.
        basis: Where the figures come from.
        participation: Largest share of a session's dollar volume that may be traded.
        impact_coefficient: As for `MeasuredVolume`.
    """

    kind: Literal["stated"]
    dollar_volume: Mapping[str, float]
    basis: str
    participation: float
    impact_coefficient: float


@dataclass(frozen=True)
class VolumeWaiver:
    """Nobody vouches for liquidity: fills are unlimited, capacity is undefined, and the report prints who signed."""

    kind: Literal["waiver"]
    signed_by: str
    reason: str


Liquidity = MeasuredVolume | StatedVolume | VolumeWaiver


@dataclass(frozen=True)
class Borrow:
    """The terms of selling short.

    Attributes:
        annual_rate: Fee a year as a fraction of the short notional, charged every bar.
        maintenance_margin: Least equity as a fraction of gross exposure; below it the book is liquidated.
    """

    annual_rate: float
    maintenance_margin: float


@dataclass(frozen=True)
class Friction:
    """What trading costs and where it is filled.

    Attributes:
        commission_bps: Commission each way.
        half_spread_bps: Half the bid-ask spread, paid each way.
        borrow: Terms of selling short; null for a long-only plan.
        liquidity: Measured, stated or waived in writing.
        delisting_recovery: Share of the last close that a delisted long position is paid out at; shorts are bought
            back at the last close. Delistings for cause lost 30 % on NYSE and AMEX (Shumway, 1997), so 0.7 is prudent.
        fill_at: ``"next_close"``; ``"next_open"`` where the data has opens; ``"decision_close"`` fills at the very
            close that was decided on, which nobody can trade, and is stamped on the result.
    """

    commission_bps: float
    half_spread_bps: float
    borrow: Borrow | None
    liquidity: Liquidity
    delisting_recovery: float
    fill_at: Literal["next_close", "next_open", "decision_close"]


@dataclass(frozen=True)
class DrawdownLimit:
    """Fires when equity has fallen from its peak by ``limit`` or more."""

    kind: Literal["drawdown"]
    limit: float


@dataclass(frozen=True)
class VolatilityLimit:
    """Fires when the book's own volatility over ``window_bars``, annualised, reaches ``annualised``."""

    kind: Literal["volatility"]
    annualised: float
    window_bars: int


@dataclass(frozen=True)
class StaleDataLimit:
    """Fires when a held asset has made no price for more than ``bars`` bars."""

    kind: Literal["stale_data"]
    bars: int


@dataclass(frozen=True)
class CalibrationLimit:
    """Fires when losses beyond the predicted value at risk come too often, by a test that may be read every day.

    Attributes:
        kind: Tells the alternatives apart.
        level: Confidence of the value at risk, for instance 0.99.
        false_halt_probability: Largest probability, over a run of any length, that a right model is halted. The
            e-process fires at its reciprocal (Ville's inequality); at most 0.05.
    """

    kind: Literal["calibration"]
    level: float
    false_halt_probability: float


Condition = DrawdownLimit | VolatilityLimit | StaleDataLimit | CalibrationLimit


@dataclass(frozen=True)
class FastExit:
    """Within how many sessions the whole book can be flat at the participation cap. Decisions beyond it are cut."""

    max_sessions: int


@dataclass(frozen=True)
class Sample:
    """On what the claim is tested.

    Attributes:
        first: First session of the out-of-sample span.
        last: Last session of the span.
        minimum_sessions: Fewest sessions, while not halted, that the plan accepts as evidence.
        purge_bars: Training decisions dropped at the end of each span because their labels end in the next. A label
            reaches ``horizon.bars + 1`` bars ahead, and a run drops exactly these; 0 without a model.
    """

    first: date
    last: date
    minimum_sessions: int
    purge_bars: int


@dataclass(frozen=True)
class StressWindow:
    """A span whose result is reported on its own, for instance the crash of 2020."""

    name: str
    first: date
    last: date


@dataclass(frozen=True)
class AbnormalVolatility:
    """What counts as abnormal, and what is done then.

    The regime of a session is read from the volatility of the equal-weighted market up to the close before it.

    Attributes:
        window_bars: Trailing bars of that volatility.
        calm_below: Annualised volatility below which the market is calm.
        stressed_above: Annualised volatility above which it is stressed.
        in_stress: Trade on, only reduce positions, or go flat until the stress ends.
        stress_windows: Further spans to report; may be empty.
    """

    window_bars: int
    calm_below: float
    stressed_above: float
    in_stress: Literal["trade", "reduce_only", "flat"]
    stress_windows: tuple[StressWindow, ...]


@dataclass(frozen=True)
class Documentation:
    """Who answers for the run and where its record is kept."""

    author: str
    run_folder: str


@dataclass(frozen=True)
class Plan:
    """Everything that must be decided before a backtest may start. No field has a default."""

    hypothesis: Hypothesis
    horizon: Horizon
    trusted_data: TrustedData
    rules: tuple[Rule, ...]
    sizing: Sizing
    related_positions: RelatedPositions
    friction: Friction
    invalidation: tuple[Condition, ...]
    fast_exit: FastExit
    sample: Sample
    abnormal_volatility: AbnormalVolatility
    documentation: Documentation
