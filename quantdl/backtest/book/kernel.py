"""The accounting of a run, compiled: one session of one book, and a loop over sessions where decisions are a table.

One file, because a compiled function is kept on disk under the date of the file it stands in: functions spread over
several files would go on using one another's former code. Nothing here knows the plan or Python objects: the arrays
come from `quantdl.backtest.book.state`, and what was written into them is read by `quantdl.backtest.running.tables`.

A session runs in this order: sale proceeds settle, cash earns interest, dividends and splits take effect, delistings
are paid out, borrowing is charged, waiting orders fill, the book is marked, the conditions look at it. Then whoever
decides is asked, unless the run is halted or stands aside; orders are placed; the exits of the terms overrule them.

Rules about bars, each the one that costs more. Orders at the open come first, then those that a price within the bar
sets off, then those at the close. A stop that the open has jumped over fills at the open; a limit fills only where the
price trades through it, at the limit, or at the open where that is better. The exits of a position are looked at before
anything else of its bar, its stop before its target, and a bar that opened the position within itself can reach its
stop but not its target. A trailing stop follows the highs of bars that are over. Data without opens, highs and lows
have one price a bar, the close, and everything happens there.
"""

from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar, cast

import numpy as np
from numba import njit, types
from numba.core import cgutils
from numba.experimental import structref
from numba.extending import intrinsic

Function = TypeVar("Function", bound=Callable[..., object])


def compiled(function: Function) -> Function:
    """Compile a function that Python calls, and keep it on disk."""
    return cast("Function", njit(cache=True, error_model="numpy")(function))


def inner(function: Function) -> Function:
    """Compile a function that only other compiled ones call; it is kept with them."""
    made = njit(error_model="numpy", no_cpython_wrapper=True, no_cfunc_wrapper=True)  # type: ignore[call-overload]
    return cast("Function", made(function))


def _numbers(n: int, first: int = 0) -> tuple[int, ...]:
    """Return integers that count up, as numpy's: a plain one has each function compiled anew for each value."""
    return tuple(np.arange(first, first + n))


(NONE,) = _numbers(1, -1)

# Where an order fills.
# An order of the last kind has been set off in the present phase, at a price of its own.
AT_PLAN, AT_OPEN, AT_CLOSE, LIMIT, STOP, TRAILING_STOP, SET_OFF = _numbers(7)
# What the plan says of orders that name no place: the next close, the next open, the close of the decision itself.
NEXT_CLOSE, NEXT_OPEN, DECISION_CLOSE = _numbers(3)
# Phases of a bar.
OPENING, WITHIN, CLOSING = _numbers(3)
# How an order stands or ended, in the words of `STATUSES`.
WAITING, FILLED, PARTIAL, REPLACED, CASH_SHORT, CANCELLED, DELISTED, EXPIRED = _numbers(8)
STATUSES = ("waiting", "filled", "partial", "replaced", "cash_short", "cancelled", "delisted", "expired")
# What an event tells of; its figures stand in the columns of the log.
(
    DELISTING,
    STOPPED,
    LEFT_UNIVERSE,
    EXPIRED_BOOK,
    REDUCED,
    CUT,
    HALT,
    STRESS_BEGINS,
    STRESS_ENDS,
    DIVIDEND,
    SPLIT,
    NOT_BORROWED,
    FRACTION_PAID,
) = _numbers(13)
# Conditions that end a run; `BANKRUPT` and `MARGIN` are watched in every run.
DRAWDOWN, VOLATILITY, STALE_DATA, CALIBRATION, BANKRUPT, MARGIN = _numbers(6)
# What to do in a stressed market.
TRADE, REDUCE_ONLY, FLAT = _numbers(3)
# Whether whoever decides is asked.
ASK, STAND_ASIDE, HALTED = _numbers(3)
# What a rule may do.
REBALANCE, ENTRY, EXIT = _numbers(3)

# Cells of `State.money`.
(
    CASH,
    EQUITY_BEFORE,
    RETURN_SINCE_TRADE,
    PREDICTED_LOSS,
    PEAK,
    LAST_EQUITY,
    INTEREST,
    FEES,
    HELD_RETURN,
    PAID,
    TRADED,
    UNSETTLED,
) = _numbers(12)
# Cells of `State.counts`.
(
    DECIDED_AT,
    HALTED_AT,
    HALT_RULE,
    ASIDE,
    ORDERS,
    FILLS,
    TRADES,
    EVENTS,
    ACTIVE,
    BARS,
    BARS_TRADED,
    FIRST,
    NOW,
    ASKED,
    NEXT_ROW,
    RESTING,
) = _numbers(16)
# What `advance` returns: all sessions are played, a decision is asked for, a log is full, a decision is refused.
DONE_PLAYING, ASKS, FULL, REFUSED = _numbers(4)

# A position below this share of the last fill is what rounding left over, and counts as flat.
DUST = 1e-12
# A difference below this share of an order is rounding, not an unfilled part.
ROUNDING = 1e-9
# Room for rounding in weights that sum to a cap.
TOLERANCE = 1e-9
# Positions are cut to this share of what the fast exit allows: an order fills a session after it was sized, and a move
# of up to a tenth until then must not break the promise.
EXIT_ROOM = 0.9


class Market(NamedTuple):
    """What the bars offer. Arrays of one row stand for a figure that never changes; row t is known at close t.

    Attributes:
        opens, highs, lows, closes: (T, A) prices; the same array four times where data have closes only.
        marks: (T, A) last traded close so far, NaN before the first.
        traded: (T, A) whether the asset traded.
        listed: (T, A) whether it may be held.
        eligible: (T | 1, A) whether it belongs to the universe.
        delisted: (T | 1, A) whether it is known to be delisted.
        silent_bars: (T | 1, A) bars since its last trade.
        terminal_values: (A,) money for a share of a delisted asset, NaN where none is stated.
        volatility: (T | 1, A) daily volatility of its returns.
        dollar_volume: (T | 1, A) dollars it trades a session; infinite where liquidity is waived, NaN where unknown.
        bar_dollars: (T | 1, A) dollars that the bar itself traded, infinite where unknown.
        half_spreads: (T | 1, A) half the spread as a fraction of the price.
        borrowable: (T | 1, A) most money that may be sold short.
        groups: (T | 1, A) number of the asset's group.
        lots: (A,) least number of shares and their step, 0 where shares are fractional.
        bars_so_far: (T,) bars with a trade up to each.
        trades: (T,) whether anything trades.
        due: (T,) whether new positions may be decided.
        regimes: (T,) whether the market is stressed.
        cash_rates: (T,) what cash earns in the bar.
        action_first: (T + 1,) where the actions of each bar begin.
        action_column, action_ratio: (E,) asset and new shares for each old one.
        payment_first: (E + 1,) where the payments of each action begin.
        payment_amount, payment_row, payment_column: (P,) money for each share, the bar that pays it, and the asset.
        paid_first, paid: (T + 1,), (P,) the payments by the bar that pays them.
    """

    opens: np.ndarray
    highs: np.ndarray
    lows: np.ndarray
    closes: np.ndarray
    marks: np.ndarray
    traded: np.ndarray
    listed: np.ndarray
    eligible: np.ndarray
    delisted: np.ndarray
    silent_bars: np.ndarray
    terminal_values: np.ndarray
    volatility: np.ndarray
    dollar_volume: np.ndarray
    bar_dollars: np.ndarray
    half_spreads: np.ndarray
    borrowable: np.ndarray
    groups: np.ndarray
    lots: np.ndarray
    bars_so_far: np.ndarray
    trades: np.ndarray
    due: np.ndarray
    regimes: np.ndarray
    cash_rates: np.ndarray
    action_first: np.ndarray
    action_column: np.ndarray
    action_ratio: np.ndarray
    payment_first: np.ndarray
    payment_amount: np.ndarray
    payment_row: np.ndarray
    payment_column: np.ndarray
    paid_first: np.ndarray
    paid: np.ndarray


class Rules(NamedTuple):
    """The numbers of a run's terms; fractions are of equity, and infinite where nothing is limited.

    Attributes:
        fill_at: `NEXT_CLOSE`, `NEXT_OPEN` or `DECISION_CLOSE`.
        has_bars: Whether the data have opens, highs and lows.
        before_costs: Whether weights are of equity before the costs of reaching them, in place of after.
        long_only: Whether nothing may be sold short.
        max_weight, max_gross, max_net, max_group_gross, max_group_net: Caps on a decision.
        n_groups: Number of groups.
        stop_loss: Loss of a trade over equity at entry at which its exit is ordered.
        max_loss_per_trade: Loss that an order may cause by filling at a wrong price.
        commission: As a fraction of notional.
        commission_per_share: Money for each share.
        commission_minimum: Least money for a fill.
        impact: Coefficient of the square-root law.
        participation: Share of volume that fills may take.
        waived: Whether any amount may be traded.
        borrow_rate: Fee of a bar on the money sold short.
        maintenance_margin: Least equity as a fraction of gross exposure.
        recovery: Share of the last close that a delisted long position is paid out at.
        settlement: Sessions until the proceeds of a sale may be spent.
        horizon: Bars after which a book without a decision is closed.
        exit_sessions: Sessions within which the book can be left.
        in_stress: `TRADE`, `REDUCE_ONLY` or `FLAT`.
        bars_per_year: Bars of the calendar in a year.
    """

    fill_at: int
    has_bars: bool
    before_costs: bool
    long_only: bool
    max_weight: float
    max_gross: float
    max_net: float
    max_group_gross: float
    max_group_net: float
    n_groups: int
    stop_loss: float
    max_loss_per_trade: float
    commission: float
    commission_per_share: float
    commission_minimum: float
    impact: float
    participation: float
    waived: bool
    borrow_rate: float
    maintenance_margin: float
    recovery: float
    settlement: int
    horizon: int
    exit_sessions: int
    in_stress: int
    bars_per_year: float


class Watches(NamedTuple):
    """What ends the run, one entry a condition.

    Attributes:
        watch_kind: (C,) `DRAWDOWN`, `VOLATILITY`, `STALE_DATA` or `CALIBRATION`.
        watch_limit: (C,) the value at which it fires.
        watch_window: (C,) trailing bars of a volatility.
        watch_bets: (C, 3, K) of an e-process: what an exception and a session without one add to the logarithm of each
            bet, and the bets so far.
        watch_returns: (C, W) the last returns of the book, for a volatility.
    """

    watch_kind: np.ndarray
    watch_limit: np.ndarray
    watch_window: np.ndarray
    watch_bets: np.ndarray
    watch_returns: np.ndarray


class Codes(NamedTuple):
    """Numbers of the rules that the engine orders exits under, after those of the plan, and what each rule may do."""

    rule_delisting: int
    rule_split: int
    rule_stop_loss: int
    rule_universe: int
    rule_horizon: int
    rule_fast_exit: int
    rule_stand_aside: int
    rule_bankrupt: int
    rule_margin: int
    rule_first_condition: int
    purposes: np.ndarray


class State(NamedTuple):
    """The book, its orders and everything written down so far.

    Attributes:
        money: Figures of the book, by the cells named above.
        counts: Numbers and positions, by the cells named above.
        held: (A, 4) shares, dividends due, money received less paid by the open trade, equity at its entry.
        opened: (A, 3) position of the session of the entry or -1, the rule that asked for it, open order or -1.
        guard: (A, 5) of an open position: stop, target, distance and extreme of a trailing stop, 1 if the distance is a
            fraction; NaN where there is none.
        guard_set: (A, 2) the rule of these exits, and position of the session that set them.
        used: (A,) money of the session's volume that was traded already.
        active: (A,) the assets that are held, ordered or owed, in order; the first `ACTIVE` count.
        settling: (settlement + 1,) sale proceeds by the session that settles them.
        earned: (P,) money of each payment that the book has earned and not received.
        wanted: (A,) shares a decision asks for; scratch.
        price: (A,) price at which an exit was set off in the present phase; scratch.
        group_sums: (G, 2) gross and net weight of each group; scratch.
        order_cells: (N, 5) session of the decision, asset, rule, status, kind.
        order_figures: (N, 9) shares, reference price, limit, target weight, filled, left, trigger price, last session
            it is good for, distance of a trailing stop as a fraction.
        fill_cells: (N, 5) order, session of the decision, session, asset, rule.
        fill_figures: (N, 8) shares, price, notional, commission, spread, impact, dollar volume, volatility.
        trade_cells: (N, 5) asset, entry, exit, rules in and out.
        trade_figures: (N, 2) profit, equity at entry.
        event_cells: (N, 3) session, code, asset.
        event_figures: (N, 3) figures of the event.
        record: (T, 10) the book at each close.
        halted: (T,) whether the run was halted then.
        decided: (T,) whether a decision was taken then.
        quantities: (T, A) shares then, or (0, A) where they are not kept.
        exposures: (T, G) gross weight of each group then; of the heaviest alone where groups change.
        conditions: (T, C) values of the conditions.
    """

    money: np.ndarray
    counts: np.ndarray
    held: np.ndarray
    opened: np.ndarray
    guard: np.ndarray
    guard_set: np.ndarray
    used: np.ndarray
    active: np.ndarray
    settling: np.ndarray
    earned: np.ndarray
    wanted: np.ndarray
    price: np.ndarray
    group_sums: np.ndarray
    order_cells: np.ndarray
    order_figures: np.ndarray
    fill_cells: np.ndarray
    fill_figures: np.ndarray
    trade_cells: np.ndarray
    trade_figures: np.ndarray
    event_cells: np.ndarray
    event_figures: np.ndarray
    record: np.ndarray
    halted: np.ndarray
    decided: np.ndarray
    quantities: np.ndarray
    exposures: np.ndarray
    conditions: np.ndarray


def _array(kind: types.Type, dimensions: int) -> types.Array:
    return types.Array(kind, dimensions, "C")


_PRICES = _array(types.float64, 2)
_SERIES = _array(types.float64, 1)
_NUMBERS = _array(types.int64, 2)
_POSITIONS = _array(types.int64, 1)
_FLAGS = _array(types.boolean, 2)
_MASK = _array(types.boolean, 1)
_LOG = _array(types.float64, 2)
_CELLS = _array(types.int64, 2)
_FIGURES = _array(types.float64, 1)
_COUNTS = _array(types.int64, 1)
_HALTS = _array(types.boolean, 1)
_BETS = _array(types.float64, 3)


@structref.register
class _RunStruct(types.StructRef):
    """One pointer in place of a hundred arrays and numbers: what compiled functions hand to one another."""

    def preprocess_fields(self, fields: list[tuple[str, types.Type]]) -> tuple[tuple[str, types.Type], ...]:
        """Return the fields with their general types."""
        return tuple((name, types.unliteral(kind)) for name, kind in fields)


class Run(structref.StructRefProxy):
    """What Python holds of a packed run; its arrays are read from the tuples that it was made of."""


structref.define_boxing(_RunStruct, Run)

# A `Run` as compiled functions see it, with the fields of all five tuples.
Packed = Any

_RUN = _RunStruct(
    [
        ("opens", _PRICES),
        ("highs", _PRICES),
        ("lows", _PRICES),
        ("closes", _PRICES),
        ("marks", _PRICES),
        ("traded", _FLAGS),
        ("listed", _FLAGS),
        ("eligible", _FLAGS),
        ("delisted", _FLAGS),
        ("silent_bars", _NUMBERS),
        ("terminal_values", _SERIES),
        ("volatility", _PRICES),
        ("dollar_volume", _PRICES),
        ("bar_dollars", _PRICES),
        ("half_spreads", _PRICES),
        ("borrowable", _PRICES),
        ("groups", _NUMBERS),
        ("lots", _SERIES),
        ("bars_so_far", _POSITIONS),
        ("trades", _MASK),
        ("due", _MASK),
        ("regimes", _MASK),
        ("cash_rates", _SERIES),
        ("action_first", _POSITIONS),
        ("action_column", _POSITIONS),
        ("action_ratio", _SERIES),
        ("payment_first", _POSITIONS),
        ("payment_amount", _SERIES),
        ("payment_row", _POSITIONS),
        ("payment_column", _POSITIONS),
        ("paid_first", _POSITIONS),
        ("paid", _POSITIONS),
        ("fill_at", types.int64),
        ("has_bars", types.boolean),
        ("before_costs", types.boolean),
        ("long_only", types.boolean),
        ("max_weight", types.float64),
        ("max_gross", types.float64),
        ("max_net", types.float64),
        ("max_group_gross", types.float64),
        ("max_group_net", types.float64),
        ("n_groups", types.int64),
        ("stop_loss", types.float64),
        ("max_loss_per_trade", types.float64),
        ("commission", types.float64),
        ("commission_per_share", types.float64),
        ("commission_minimum", types.float64),
        ("impact", types.float64),
        ("participation", types.float64),
        ("waived", types.boolean),
        ("borrow_rate", types.float64),
        ("maintenance_margin", types.float64),
        ("recovery", types.float64),
        ("settlement", types.int64),
        ("horizon", types.int64),
        ("exit_sessions", types.int64),
        ("in_stress", types.int64),
        ("bars_per_year", types.float64),
        ("watch_kind", _POSITIONS),
        ("watch_limit", _SERIES),
        ("watch_window", _POSITIONS),
        ("watch_bets", _BETS),
        ("watch_returns", _LOG),
        ("rule_delisting", types.int64),
        ("rule_split", types.int64),
        ("rule_stop_loss", types.int64),
        ("rule_universe", types.int64),
        ("rule_horizon", types.int64),
        ("rule_fast_exit", types.int64),
        ("rule_stand_aside", types.int64),
        ("rule_bankrupt", types.int64),
        ("rule_margin", types.int64),
        ("rule_first_condition", types.int64),
        ("purposes", _POSITIONS),
        ("money", _FIGURES),
        ("counts", _COUNTS),
        ("held", _LOG),
        ("opened", _CELLS),
        ("guard", _LOG),
        ("guard_set", _CELLS),
        ("used", _FIGURES),
        ("active", _COUNTS),
        ("settling", _FIGURES),
        ("earned", _FIGURES),
        ("wanted", _FIGURES),
        ("price", _FIGURES),
        ("group_sums", _LOG),
        ("order_cells", _CELLS),
        ("order_figures", _LOG),
        ("fill_cells", _CELLS),
        ("fill_figures", _LOG),
        ("trade_cells", _CELLS),
        ("trade_figures", _LOG),
        ("event_cells", _CELLS),
        ("event_figures", _LOG),
        ("record", _LOG),
        ("halted", _HALTS),
        ("decided", _HALTS),
        ("quantities", _LOG),
        ("exposures", _LOG),
        ("conditions", _LOG),
    ]
)


@intrinsic
def _uncounted(typing_context: Any, values: types.Array) -> tuple[Any, Callable[..., Any]]:
    """Return the same memory as an array that counts no references: counting them took most of the time."""

    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        array = context.make_array(signature.args[0])(context, builder, arguments[0])
        array.meminfo = cgutils.get_null_value(array.meminfo.type)
        array.parent = cgutils.get_null_value(array.parent.type)
        return array._getvalue()

    return types.Array(values.dtype, values.ndim, "C")(values), build


@compiled
def pack(market: Market, rules: Rules, watches: Watches, codes: Codes, state: State) -> Packed:
    """Return one handle of all that a run's sessions need; whoever holds it must hold the arrays too."""
    packed: Packed = structref.new(_RUN)  # type: ignore[call-arg]
    packed.opens = _uncounted(market.opens)
    packed.highs = _uncounted(market.highs)
    packed.lows = _uncounted(market.lows)
    packed.closes = _uncounted(market.closes)
    packed.marks = _uncounted(market.marks)
    packed.traded = _uncounted(market.traded)
    packed.listed = _uncounted(market.listed)
    packed.eligible = _uncounted(market.eligible)
    packed.delisted = _uncounted(market.delisted)
    packed.silent_bars = _uncounted(market.silent_bars)
    packed.terminal_values = _uncounted(market.terminal_values)
    packed.volatility = _uncounted(market.volatility)
    packed.dollar_volume = _uncounted(market.dollar_volume)
    packed.bar_dollars = _uncounted(market.bar_dollars)
    packed.half_spreads = _uncounted(market.half_spreads)
    packed.borrowable = _uncounted(market.borrowable)
    packed.groups = _uncounted(market.groups)
    packed.lots = _uncounted(market.lots)
    packed.bars_so_far = _uncounted(market.bars_so_far)
    packed.trades = _uncounted(market.trades)
    packed.due = _uncounted(market.due)
    packed.regimes = _uncounted(market.regimes)
    packed.cash_rates = _uncounted(market.cash_rates)
    packed.action_first = _uncounted(market.action_first)
    packed.action_column = _uncounted(market.action_column)
    packed.action_ratio = _uncounted(market.action_ratio)
    packed.payment_first = _uncounted(market.payment_first)
    packed.payment_amount = _uncounted(market.payment_amount)
    packed.payment_row = _uncounted(market.payment_row)
    packed.payment_column = _uncounted(market.payment_column)
    packed.paid_first = _uncounted(market.paid_first)
    packed.paid = _uncounted(market.paid)
    packed.fill_at = rules.fill_at
    packed.has_bars = rules.has_bars
    packed.before_costs = rules.before_costs
    packed.long_only = rules.long_only
    packed.max_weight = rules.max_weight
    packed.max_gross = rules.max_gross
    packed.max_net = rules.max_net
    packed.max_group_gross = rules.max_group_gross
    packed.max_group_net = rules.max_group_net
    packed.n_groups = rules.n_groups
    packed.stop_loss = rules.stop_loss
    packed.max_loss_per_trade = rules.max_loss_per_trade
    packed.commission = rules.commission
    packed.commission_per_share = rules.commission_per_share
    packed.commission_minimum = rules.commission_minimum
    packed.impact = rules.impact
    packed.participation = rules.participation
    packed.waived = rules.waived
    packed.borrow_rate = rules.borrow_rate
    packed.maintenance_margin = rules.maintenance_margin
    packed.recovery = rules.recovery
    packed.settlement = rules.settlement
    packed.horizon = rules.horizon
    packed.exit_sessions = rules.exit_sessions
    packed.in_stress = rules.in_stress
    packed.bars_per_year = rules.bars_per_year
    packed.watch_kind = _uncounted(watches.watch_kind)
    packed.watch_limit = _uncounted(watches.watch_limit)
    packed.watch_window = _uncounted(watches.watch_window)
    packed.watch_bets = _uncounted(watches.watch_bets)
    packed.watch_returns = _uncounted(watches.watch_returns)
    packed.rule_delisting = codes.rule_delisting
    packed.rule_split = codes.rule_split
    packed.rule_stop_loss = codes.rule_stop_loss
    packed.rule_universe = codes.rule_universe
    packed.rule_horizon = codes.rule_horizon
    packed.rule_fast_exit = codes.rule_fast_exit
    packed.rule_stand_aside = codes.rule_stand_aside
    packed.rule_bankrupt = codes.rule_bankrupt
    packed.rule_margin = codes.rule_margin
    packed.rule_first_condition = codes.rule_first_condition
    packed.purposes = _uncounted(codes.purposes)
    packed.money = _uncounted(state.money)
    packed.counts = _uncounted(state.counts)
    packed.held = _uncounted(state.held)
    packed.opened = _uncounted(state.opened)
    packed.guard = _uncounted(state.guard)
    packed.guard_set = _uncounted(state.guard_set)
    packed.used = _uncounted(state.used)
    packed.active = _uncounted(state.active)
    packed.settling = _uncounted(state.settling)
    packed.earned = _uncounted(state.earned)
    packed.wanted = _uncounted(state.wanted)
    packed.price = _uncounted(state.price)
    packed.group_sums = _uncounted(state.group_sums)
    packed.order_cells = _uncounted(state.order_cells)
    packed.order_figures = _uncounted(state.order_figures)
    packed.fill_cells = _uncounted(state.fill_cells)
    packed.fill_figures = _uncounted(state.fill_figures)
    packed.trade_cells = _uncounted(state.trade_cells)
    packed.trade_figures = _uncounted(state.trade_figures)
    packed.event_cells = _uncounted(state.event_cells)
    packed.event_figures = _uncounted(state.event_figures)
    packed.record = _uncounted(state.record)
    packed.halted = _uncounted(state.halted)
    packed.decided = _uncounted(state.decided)
    packed.quantities = _uncounted(state.quantities)
    packed.exposures = _uncounted(state.exposures)
    packed.conditions = _uncounted(state.conditions)
    return packed


SHARES, DUE, FLOW, ENTRY_EQUITY = _numbers(4)
ENTERED, RULE_IN, ORDER = _numbers(3)
DECIDED, ASSET, RULE, STATUS, KIND = _numbers(5)
ORDERED, REFERENCE, LIMIT_PRICE, TARGET, DONE, LEFT, TRIGGER, GOOD_UNTIL, TRAIL = _numbers(9)
GUARD_STOP, GUARD_TARGET, GUARD_TRAIL, GUARD_EXTREME, GUARD_FRACTION = _numbers(5)


@inner
def row_of(values: np.ndarray, t: int) -> int:
    """Return the row of an array that holds for bar t."""
    return t if values.shape[0] > 1 else 0


@inner
def _note(s: Packed, t: int, code: int, asset: int, first: float, second: float, third: float) -> None:
    count = s.counts
    n = count[EVENTS]
    cells, figures = s.event_cells, s.event_figures
    cells[n, 0], cells[n, 1], cells[n, 2] = t, code, asset
    figures[n, 0], figures[n, 1], figures[n, 2] = first, second, third
    count[EVENTS] = n + 1


@inner
def equity_at(s: Packed, t: int) -> float:
    """Return cash, dividends due and positions at the marks of a bar."""
    held, active, marks = s.held, s.active, s.marks
    positions, due = 0.0, 0.0
    for k in range(s.counts[ACTIVE]):
        asset = active[k]
        shares = held[asset, SHARES]
        if shares != 0.0:
            positions += shares * marks[t, asset]
        due += held[asset, DUE]
    return s.money[CASH] + positions + due


@inner
def _trade(s: Packed, asset: int, quantity: float, price: float, cost: float, t: int, equity: float, rule: int) -> None:
    """Book a fill; one that turns the position around closes one trade and opens another."""
    money, held, opened = s.money, s.held, s.opened
    before = held[asset, SHARES]
    turns = before * quantity < 0.0 and abs(quantity) > abs(before) * (1.0 + DUST)
    first = -before if turns else quantity
    share = first / quantity
    for part in range(2 if turns else 1):
        shares = first if part == 0 else quantity - first
        if held[asset, SHARES] == 0.0:
            opened[asset, ENTERED], opened[asset, RULE_IN] = t, rule
            held[asset, ENTRY_EQUITY] = equity
        amount = -shares * price - cost * (share if part == 0 else 1.0 - share)
        money[CASH] += amount
        held[asset, FLOW] += amount
        left = held[asset, SHARES] + shares
        if abs(left) <= DUST * abs(shares):
            left = 0.0
        held[asset, SHARES] = left
        if left == 0.0:
            _finish_trade(s, asset, t, rule)


@inner
def _finish_trade(s: Packed, asset: int, t: int, rule: int) -> None:
    """Write down the trade of an asset that is flat again, and forget the exits of its position."""
    count, held, opened, guard = s.counts, s.held, s.opened, s.guard
    n, cells, figures = count[TRADES], s.trade_cells, s.trade_figures
    cells[n, 0], cells[n, 1], cells[n, 2] = asset, opened[asset, ENTERED], t
    cells[n, 3], cells[n, 4] = opened[asset, RULE_IN], rule
    figures[n, 0], figures[n, 1] = held[asset, FLOW], held[asset, ENTRY_EQUITY]
    count[TRADES] = n + 1
    held[asset, FLOW] = 0.0
    opened[asset, ENTERED] = NONE
    for k in range(guard.shape[1]):
        guard[asset, k] = np.nan


@inner
def _cancel(s: Packed, asset: int, status: int) -> None:
    """Take what is left of an order off the desk."""
    opened = s.opened
    order = opened[asset, ORDER]
    if order >= 0:
        s.order_cells[order, STATUS] = PARTIAL if s.order_figures[order, DONE] != 0.0 else status
        opened[asset, ORDER] = NONE


@inner
def _place(
    s: Packed, asset: int, quantity: float, rule: int, t: int, reference: float, limit: float, target: float, kind: int
) -> None:
    """Open an order in place of whatever waits for the asset; a quantity of zero only cancels."""
    _cancel(s, asset, REPLACED)
    if quantity == 0.0:
        return
    count, cells, figures = s.counts, s.order_cells, s.order_figures
    n = count[ORDERS]
    cells[n, DECIDED], cells[n, ASSET], cells[n, RULE], cells[n, STATUS], cells[n, KIND] = t, asset, rule, WAITING, kind
    figures[n, ORDERED], figures[n, REFERENCE], figures[n, LIMIT_PRICE] = quantity, reference, limit
    figures[n, TARGET], figures[n, DONE], figures[n, LEFT] = target, 0.0, quantity
    figures[n, TRIGGER], figures[n, GOOD_UNTIL], figures[n, TRAIL] = np.nan, np.inf, np.nan
    count[ORDERS] = n + 1
    s.opened[asset, ORDER] = n


@inner
def _record_fill(
    s: Packed,
    order: int,
    decided: int,
    t: int,
    asset: int,
    rule: int,
    shares: float,
    price: float,
    commission: float,
    spread: float,
    impact: float,
    volume: float,
    volatility: float,
) -> None:
    count, cells, figures = s.counts, s.fill_cells, s.fill_figures
    n = count[FILLS]
    cells[n, 0], cells[n, 1], cells[n, 2], cells[n, 3], cells[n, 4] = order, decided, t, asset, rule
    figures[n, 0], figures[n, 1], figures[n, 2] = shares, price, abs(shares) * price
    figures[n, 3], figures[n, 4], figures[n, 5] = commission, spread, impact
    figures[n, 6], figures[n, 7] = volume if np.isfinite(volume) else np.nan, volatility
    count[FILLS] = n + 1


@inner
def _costs(s: Packed, known: int, asset: int, shares: float, price: float) -> tuple[float, float, float]:
    """Return commission, spread and impact of a fill, by what is known at close ``known``."""
    notional = abs(shares) * price
    commission = max(notional * s.commission + abs(shares) * s.commission_per_share, s.commission_minimum)
    spreads = s.half_spreads
    spread, impact = notional * spreads[row_of(spreads, known), asset], 0.0
    if s.impact != 0.0 and notional != 0.0:
        volume, volatility = s.dollar_volume, s.volatility
        share = notional / volume[row_of(volume, known), asset]
        impact = s.impact * volatility[row_of(volatility, known), asset] * np.sqrt(share) * notional
    return commission, spread, impact


@inner
def tradable(s: Packed, t: int, asset: int) -> float:
    """Return the most money that may be traded in a session by what is known at close t; zero where nothing is."""
    if s.waived:
        return np.inf
    volumes, volatility = s.dollar_volume, s.volatility
    volume = volumes[row_of(volumes, t), asset]
    known = np.isfinite(volume) and (s.impact == 0.0 or np.isfinite(volatility[row_of(volatility, t), asset]))
    return s.participation * volume if known else 0.0


@inner
def _whole(shares: float, lot: float) -> float:
    """Return shares rounded towards zero to whole lots."""
    if lot == 0.0:
        return shares
    return np.sign(shares) * np.floor(abs(shares) / lot + ROUNDING) * lot


@inner
def _corporate_actions(s: Packed, t: int) -> None:
    """Apply what happens before the open: dividends on the old shares, splits, then what is paid."""
    held, guard = s.held, s.guard
    for e in range(s.action_first[t], s.action_first[t + 1]):
        asset, ratio = s.action_column[e], s.action_ratio[e]
        shares, cash = held[asset, SHARES], 0.0
        for p in range(s.payment_first[e], s.payment_first[e + 1]):
            payment = s.payment_amount[p]
            cash += payment
            if shares != 0.0:
                amount = shares * payment
                held[asset, DUE] += amount
                held[asset, FLOW] += amount
                s.earned[p] = amount
                _note(s, t, DIVIDEND, asset, shares, payment, amount)
        if shares != 0.0 and ratio != 1.0:
            _split(s, t, asset, ratio)
        order = s.opened[asset, ORDER]
        if order >= 0:
            figures = s.order_figures
            for k in (ORDERED, DONE, LEFT):
                figures[order, k] *= ratio
            for k in (REFERENCE, LIMIT_PRICE, TRIGGER):
                figures[order, k] = (figures[order, k] - cash) / ratio
        for k in (GUARD_STOP, GUARD_TARGET, GUARD_EXTREME):
            guard[asset, k] = (guard[asset, k] - cash) / ratio
        if guard[asset, GUARD_FRACTION] == 0.0:
            guard[asset, GUARD_TRAIL] /= ratio
    for k in range(s.paid_first[t], s.paid_first[t + 1]):
        p = s.paid[k]
        held[s.payment_column[p], DUE] -= s.earned[p]
        s.money[CASH] += s.earned[p]
        s.earned[p] = 0.0


@inner
def _split(s: Packed, t: int, asset: int, ratio: float) -> None:
    """Exchange shares; where only whole lots are held, a fraction of a share is paid in cash at the new mark."""
    held = s.held
    before = held[asset, SHARES]
    after = before * ratio
    held[asset, SHARES] = after
    _record_fill(s, 0, t, t, asset, s.rule_split, after - before, 0.0, 0.0, 0.0, 0.0, np.nan, np.nan)
    _note(s, t, SPLIT, asset, before, after, ratio)
    if s.lots[asset] == 0.0 or t == 0:
        return
    whole, price = _whole(after, 1.0), s.marks[t - 1, asset] / ratio
    if whole != after and np.isfinite(price):
        _trade(s, asset, whole - after, price, 0.0, t, equity_at(s, t), s.rule_split)
        _record_fill(s, 0, t, t, asset, s.rule_split, whole - after, price, 0.0, 0.0, 0.0, np.nan, np.nan)
        _note(s, t, FRACTION_PAID, asset, after - whole, price, 0.0)


@inner
def _pay_out_delisted(s: Packed, t: int) -> None:
    """Pay out what is held of a delisted asset at the value the data states, or else the terms, without costs."""
    active, held, gone = s.active, s.held, s.delisted
    for k in range(s.counts[ACTIVE]):
        if gone[t, active[k]]:
            _cancel(s, active[k], DELISTED)
    for k in range(s.counts[ACTIVE]):
        asset = active[k]
        shares = held[asset, SHARES]
        if not gone[t, asset] or shares == 0.0:
            continue
        stated, recovery = s.terminal_values[asset], s.recovery if shares > 0.0 else 1.0
        value = s.marks[t, asset] * recovery if np.isnan(stated) else stated
        _trade(s, asset, -shares, value, 0.0, t, equity_at(s, t), s.rule_delisting)
        _record_fill(s, 0, t, t, asset, s.rule_delisting, -shares, value, 0.0, 0.0, 0.0, np.nan, np.nan)
        _note(s, t, DELISTING, asset, shares, value, recovery if np.isnan(stated) else np.nan)


@inner
def _charge_borrowing(s: Packed, t: int) -> float:
    """Charge one bar's fee on the short positions held into the session, and return it."""
    fees, held, active = 0.0, s.held, s.active
    if s.borrow_rate == 0.0:
        return fees
    for k in range(s.counts[ACTIVE]):
        asset = active[k]
        shares = held[asset, SHARES]
        if shares < 0.0:
            fee = -shares * s.marks[t, asset] * s.borrow_rate
            s.money[CASH] -= fee
            held[asset, FLOW] -= fee
            fees += fee
    return fees


@inner
def _resting_price(s: Packed, t: int, phase: int, asset: int, order: int, kind: int) -> float:
    """Return the price at which an order that names its own fills in a phase of a bar, NaN where it does not."""
    figures = s.order_figures
    buys, trigger = figures[order, LEFT] > 0.0, figures[order, TRIGGER]
    if s.order_cells[order, DECIDED] >= t:
        return np.nan
    if phase == WITHIN:
        if kind == LIMIT:
            reached = s.lows[t, asset] < trigger if buys else s.highs[t, asset] > trigger
        else:
            reached = s.highs[t, asset] >= trigger if buys else s.lows[t, asset] <= trigger
        return trigger if reached else np.nan
    if phase != (OPENING if s.has_bars else CLOSING):
        return np.nan
    price = s.opens[t, asset] if s.has_bars else s.closes[t, asset]
    if kind == LIMIT:
        reached = price < trigger if buys else price > trigger
    else:
        reached = price >= trigger if buys else price <= trigger
    return price if reached else np.nan


@inner
def _fill(s: Packed, t: int, known: int, asset: int, shares: float, price: float, equity: float) -> None:
    """Fill shares of the asset's open order at a price, and charge the costs."""
    order, notional, money, guard = s.opened[asset, ORDER], abs(shares) * price, s.money, s.guard
    commission, spread, impact = _costs(s, known, asset, shares, price)
    cost, rule = commission + spread + impact, s.order_cells[order, RULE]
    _trade(s, asset, shares, price, cost, t, equity, rule)
    figures, volume, volatility = s.order_figures, s.dollar_volume, s.volatility
    figures[order, DONE] += shares
    figures[order, LEFT] -= shares
    _record_fill(
        s, order + 1, s.order_cells[order, DECIDED], t, asset, rule, shares, price, commission, spread, impact,
        volume[row_of(volume, known), asset], volatility[row_of(volatility, known), asset],
    )  # fmt: skip
    s.used[asset] += notional
    money[PAID] += cost
    money[TRADED] += notional
    if shares < 0.0 and s.settlement > 0:
        s.settling[(t + s.settlement) % (s.settlement + 1)] += notional - cost
        money[UNSETTLED] += notional - cost
    if np.isnan(guard[asset, GUARD_EXTREME]) and not np.isnan(guard[asset, GUARD_TRAIL]):
        guard[asset, GUARD_EXTREME] = price


@inner
def _fillable(s: Packed, t: int, known: int, phase: int, asset: int, order: int) -> tuple[float, float]:
    """Return the shares of an order that price and volume let through, and the price."""
    figures, kind = s.order_figures, s.order_cells[order, KIND]
    at_open = kind == AT_OPEN or (kind == AT_PLAN and s.fill_at == NEXT_OPEN)
    price, left = np.nan, figures[order, LEFT]
    if kind <= AT_CLOSE:
        if phase == (OPENING if at_open else CLOSING):
            price = s.opens[t, asset] if at_open else s.closes[t, asset]
    elif kind == SET_OFF:
        price = s.price[asset]
    else:
        price = _resting_price(s, t, phase, asset, order, kind)
    if not np.isfinite(price) or (price - figures[order, LIMIT_PRICE]) * np.sign(left) > 0.0:
        return 0.0, np.nan
    if s.waived:
        return left, price
    dollars = s.bar_dollars
    most = min(tradable(s, known, asset), s.participation * dollars[row_of(dollars, t), asset]) - s.used[asset]
    if not most > 0.0:
        return 0.0, np.nan
    if abs(left) * price <= most:
        return left, price
    return _whole(np.sign(left) * most / price, s.lots[asset]), price


@inner
def _execute(s: Packed, t: int, known: int, phase: int) -> None:
    """Fill what can be filled: sales, then covers of shorts, then purchases as far as the settled cash reaches.

    Purchases that cash cannot pay for are scaled down alike, and what is cut is not tried again: it was sized on prices
    that no longer hold. What the cap on volume leaves over waits.
    """
    equity, active, opened, traded, wanted = equity_at(s, t), s.active, s.opened, s.traded, s.wanted
    prices, figures, n, buys = s.price, s.order_figures, s.counts[ACTIVE], False
    for k in range(n):
        asset = active[k]
        order = opened[asset, ORDER]
        wanted[asset] = 0.0
        if order < 0 or not traded[t, asset]:
            continue
        shares, price = _fillable(s, t, known, phase, asset, order)
        if shares > 0.0:
            wanted[asset], prices[asset] = shares, price
            buys = True
        if shares < 0.0:
            _fill(s, t, known, asset, shares, price, equity)
    if buys:
        scale = _affordable(s, t, known, equity)
        for k in range(n):
            asset = active[k]
            shares = wanted[asset]
            if shares > 0.0:
                bought = shares if scale == 1.0 else _whole(shares * scale, s.lots[asset])
                if bought > 0.0:
                    _fill(s, t, known, asset, bought, prices[asset], equity)
                if bought != shares:
                    figures[opened[asset, ORDER], LEFT] -= shares - bought
    for k in range(n):
        order = opened[active[k], ORDER]
        if order >= 0:
            _close_if_done(s, active[k], order)


@inner
def _affordable(s: Packed, t: int, known: int, equity: float) -> float:
    """Fill the covers of shorts, and return the share of the purchases that the settled cash pays for."""
    active, wanted, prices, needed, fixed = s.active, s.wanted, s.price, 0.0, 0.0
    for k in range(s.counts[ACTIVE]):
        asset = active[k]
        shares, price = wanted[asset], prices[asset]
        if shares > 0.0:
            cover = min(shares, max(-s.held[asset, SHARES], 0.0))
            if cover > 0.0:
                _fill(s, t, known, asset, cover, price, equity)
                wanted[asset] = shares - cover
    for k in range(s.counts[ACTIVE]):
        asset = active[k]
        if wanted[asset] > 0.0:
            commission, spread, impact = _costs(s, known, asset, wanted[asset], prices[asset])
            needed += wanted[asset] * prices[asset] + (commission + spread + impact)
            fixed += s.commission_minimum
    cash = max(s.money[CASH] - s.money[UNSETTLED], 0.0)
    return 1.0 if needed <= cash else max(cash - fixed, 0.0) / needed


@inner
def _close_if_done(s: Packed, asset: int, order: int) -> None:
    """Take an order with nothing left off the desk; what is left of one that was set off waits for the next price."""
    figures, cells = s.order_figures, s.order_cells
    quantity = figures[order, ORDERED]
    if abs(figures[order, LEFT]) <= ROUNDING * abs(quantity):
        missing = abs(quantity - figures[order, DONE]) > ROUNDING * abs(quantity)
        cells[order, STATUS] = CASH_SHORT if missing else FILLED
        s.opened[asset, ORDER] = NONE
    elif cells[order, KIND] >= STOP and (cells[order, KIND] == SET_OFF or figures[order, DONE] != 0.0):
        cells[order, KIND] = AT_PLAN


@inner
def _guard_price(s: Packed, t: int, phase: int, asset: int, stops_only: bool) -> float:
    """Return the price at which the exits of a position are set off in a phase, NaN where none is."""
    guard = s.guard
    long, held_before = s.held[asset, SHARES] > 0.0, s.opened[asset, ENTERED] < t
    stop, target, extreme = guard[asset, GUARD_STOP], guard[asset, GUARD_TARGET], guard[asset, GUARD_EXTREME]
    trail = guard[asset, GUARD_TRAIL]
    if not np.isnan(trail) and not np.isnan(extreme):
        distance = extreme * trail if guard[asset, GUARD_FRACTION] == 1.0 else trail
        level = extreme - distance if long else extreme + distance
        if np.isnan(stop) or (level > stop if long else level < stop):
            stop = level
    if phase == WITHIN:
        if s.lows[t, asset] <= stop if long else s.highs[t, asset] >= stop:
            return stop
        if not stops_only and (s.highs[t, asset] > target if long else s.lows[t, asset] < target):
            return target
        return np.nan
    if not held_before or phase != (OPENING if s.has_bars else CLOSING):
        return np.nan
    price = s.opens[t, asset] if s.has_bars else s.closes[t, asset]
    reached = price <= stop or price > target if long else price >= stop or price < target
    return price if reached else np.nan


@inner
def _set_off_guards(s: Packed, t: int, phase: int, stops_only: bool) -> bool:
    """Order the exits of positions whose stop or target is reached; return whether there are any."""
    found, active, held, guard = False, s.active, s.held, s.guard
    for k in range(s.counts[ACTIVE]):
        asset = active[k]
        shares = held[asset, SHARES]
        if shares == 0.0 or not s.traded[t, asset] or (stops_only and s.opened[asset, ENTERED] != t):
            continue
        price = _guard_price(s, t, phase, asset, stops_only)
        if np.isnan(price):
            continue
        _place(s, asset, -shares, s.guard_set[asset, 0], s.guard_set[asset, 1], price, -shares * np.inf, 0.0, SET_OFF)
        s.price[asset] = price
        for j in range(guard.shape[1]):
            guard[asset, j] = np.nan
        found = True
    return found


@inner
def _follow(s: Packed, t: int) -> None:
    """Move trailing stops after the bar, and let orders go that are past their last session."""
    active, figures, guard = s.active, s.order_figures, s.guard
    for k in range(s.counts[ACTIVE]):
        asset = active[k]
        order, traded, high, low = s.opened[asset, ORDER], s.traded[t, asset], s.highs[t, asset], s.lows[t, asset]
        if order >= 0 and s.order_cells[order, DECIDED] < t:
            if traded and s.order_cells[order, KIND] == TRAILING_STOP:
                trail, trigger = figures[order, TRAIL], figures[order, TRIGGER]
                if figures[order, LEFT] > 0.0:
                    figures[order, TRIGGER] = min(trigger, low * (1.0 + trail))
                else:
                    figures[order, TRIGGER] = max(trigger, high * (1.0 - trail))
            if t >= figures[order, GOOD_UNTIL]:
                _cancel(s, asset, EXPIRED)
        extreme = guard[asset, GUARD_EXTREME]
        if traded and s.held[asset, SHARES] != 0.0 and not np.isnan(extreme):
            if s.opened[asset, ENTERED] == t:
                high, low = s.closes[t, asset], s.closes[t, asset]
            guard[asset, GUARD_EXTREME] = max(extreme, high) if s.held[asset, SHARES] > 0.0 else min(extreme, low)


@inner
def _e_process(bets: np.ndarray) -> float:
    """Return the average of the bets (3, K), at most 1e300 so that it stays a number."""
    highest, total = -np.inf, 0.0
    for j in range(bets.shape[1]):
        highest = max(highest, bets[2, j])
    for j in range(bets.shape[1]):
        total += np.exp(bets[2, j] - highest)
    return np.exp(min(highest, 690.0)) * (total / bets.shape[1])


@inner
def _volatility(returns: np.ndarray, i: int, window: int) -> float:
    """Return the standard deviation (n - 1) of the first returns of a row."""
    mean, squares = 0.0, 0.0
    for k in range(window):
        mean += returns[i, k]
    mean /= window
    for k in range(window):
        squares += (returns[i, k] - mean) ** 2
    return np.sqrt(squares / (window - 1))


@inner
def _halt(s: Packed, t: int, rule: int, value: float, limit: float) -> None:
    if s.counts[HALTED_AT] < 0:
        s.counts[HALTED_AT], s.counts[HALT_RULE] = t, rule
        _note(s, t, HALT, rule, value, limit, 0.0)


@inner
def _watch(s: Packed, t: int, equity: float) -> None:
    """Update every condition; the first that fires halts the run for good."""
    money, count, held, active, marks = s.money, s.counts, s.held, s.active, s.marks
    trades, earlier, held_return = s.trades[t], money[RETURN_SINCE_TRADE], money[HELD_RETURN]
    money[RETURN_SINCE_TRADE] = (1.0 + earlier) * (1.0 + held_return) - 1.0 if earlier != 0.0 else held_return
    predicted = money[PREDICTED_LOSS]
    judged = trades and not np.isnan(predicted)
    outcome = 0 if judged and -money[RETURN_SINCE_TRADE] > predicted else 1
    count[BARS] += 1
    money[PEAK] = max(money[PEAK], equity)
    last_return = 0.0
    if trades:
        count[BARS_TRADED] += 1
        last_return = equity / money[LAST_EQUITY] - 1.0 if money[LAST_EQUITY] > 0.0 else 0.0
        money[LAST_EQUITY] = equity
    for i in range(len(s.watch_kind)):
        kind, value = s.watch_kind[i], np.nan
        if kind == DRAWDOWN:
            value = 1.0 - equity / money[PEAK]
        elif kind == STALE_DATA:
            value = 0.0
            for j in range(count[ACTIVE]):
                if held[active[j], SHARES] != 0.0:
                    value = max(value, float(s.silent_bars[t, active[j]]))
        elif kind == CALIBRATION:
            bets = s.watch_bets[i]
            for j in range(bets.shape[1] if judged else 0):
                bets[2, j] += bets[outcome, j]
            value = _e_process(bets)
        else:
            window = s.watch_window[i]
            if trades:
                s.watch_returns[i, (count[BARS_TRADED] - 1) % window] = last_return
            if count[BARS_TRADED] >= window:
                value = _volatility(s.watch_returns, i, window)
                value *= np.sqrt(s.bars_per_year * (count[BARS_TRADED] / count[BARS]))
        s.conditions[t - count[FIRST], i] = value
        if value >= s.watch_limit[i]:
            _halt(s, t, s.rule_first_condition + i, value, s.watch_limit[i])
    if equity <= 0.0:
        _halt(s, t, s.rule_bankrupt, equity, 0.0)
    elif s.maintenance_margin > 0.0:
        gross = 0.0
        for j in range(count[ACTIVE]):
            asset = active[j]
            gross += abs(held[asset, SHARES] * marks[t, asset]) if held[asset, SHARES] != 0.0 else 0.0
        if equity < s.maintenance_margin * gross:
            _halt(s, t, s.rule_margin, equity / gross, s.maintenance_margin)


@inner
def _close(s: Packed, t: int, asset: int, rule: int) -> bool:
    """Order a position closed in place of whatever waits for it; return whether a new order was placed."""
    shares, order = s.held[asset, SHARES], s.opened[asset, ORDER]
    if shares == 0.0:
        _cancel(s, asset, CANCELLED)
        return False
    if order >= 0 and s.order_cells[order, RULE] == rule:
        return False
    _place(s, asset, -shares, rule, t, s.marks[t, asset], -shares * np.inf, 0.0, AT_PLAN)
    return True


@inner
def _close_all(s: Packed, t: int, rule: int) -> bool:
    placed, active = False, s.active
    for k in range(s.counts[ACTIVE]):
        placed |= _close(s, t, active[k], rule)
    return placed


@inner
def _open_session(s: Packed, t: int) -> int:
    """Play a session up to the moment at which whoever decides is asked: `ASK`, `STAND_ASIDE` or `HALTED`."""
    money, count, active = s.money, s.counts, s.active
    money[PAID], money[TRADED] = 0.0, 0.0
    if s.settlement > 0:
        slot = t % (s.settlement + 1)
        money[UNSETTLED] -= s.settling[slot]
        s.settling[slot] = 0.0
    money[INTEREST] = money[CASH] * s.cash_rates[t]
    money[CASH] += money[INTEREST]
    if s.action_first[t] != s.action_first[t + 1] or s.paid_first[t] != s.paid_first[t + 1]:
        _corporate_actions(s, t)
    if s.delisted.shape[0] > 1:
        _pay_out_delisted(s, t)
    money[FEES] = _charge_borrowing(s, t)
    equity, before = equity_at(s, t), money[EQUITY_BEFORE]
    money[HELD_RETURN] = equity / before - 1.0 if before > 0.0 else 0.0
    for j in range(count[ACTIVE]):
        s.used[active[j]] = 0.0
    # The phases of the bar; without orders that name their own price there is only the one that the plan fills in. The
    # last look within the bar is at positions that were opened in it.
    resting, known = count[RESTING] > 0, max(t - 1, 0)
    begin = 0 if resting else (0 if s.fill_at == NEXT_OPEN else 3)
    end = (4 if s.fill_at != DECISION_CLOSE else 3) if resting or s.fill_at == NEXT_CLOSE else 1
    if s.fill_at == DECISION_CLOSE and not resting:
        end = 0
    for step in range(begin, end):
        if (step == 1 or step == 2) and not s.has_bars:
            continue
        phase = OPENING if step == 0 else (CLOSING if step == 3 else WITHIN)
        found = _set_off_guards(s, t, phase, step == 2) if resting else False
        if found or step != 2:
            _execute(s, t, known, phase)
    equity = equity_at(s, t)
    _watch(s, t, equity)
    if count[HALTED_AT] >= 0:
        return HALTED
    stressed = s.in_stress != TRADE and s.regimes[t]
    if stressed != (count[ASIDE] == 1):
        count[ASIDE] = 1 if stressed else 0
        _note(s, t, STRESS_BEGINS if stressed else STRESS_ENDS, NONE, 0.0, 0.0, 0.0)
    return STAND_ASIDE if stressed and s.in_stress == FLAT else ASK


@inner
def _refresh_active(s: Packed, weights: np.ndarray) -> None:
    """Write down the assets that are held, ordered, owed or wanted, in order."""
    n, held, opened, active = 0, s.held, s.opened, s.active
    for asset in range(len(weights)):
        busy = held[asset, SHARES] != 0.0 or opened[asset, ORDER] >= 0 or held[asset, DUE] != 0.0
        if weights[asset] != 0.0 or busy:
            active[n] = asset
            n += 1
    s.counts[ACTIVE] = n


@inner
def _cost_fraction(s: Packed, t: int, asset: int, price: float) -> float:
    """Return commission and half-spread of trading an asset each way, as a fraction of notional."""
    spreads = s.half_spreads
    fraction = s.commission + spreads[row_of(spreads, t), asset]
    return fraction + s.commission_per_share / price if s.commission_per_share != 0.0 else fraction


@inner
def _cut_weight(s: Packed, t: int, asset: int, weight: float, equity: float) -> float:
    """Return a wanted weight cut to what stress and the fast exit allow."""
    shares = s.held[asset, SHARES]
    held = shares * s.marks[t, asset] / equity if shares != 0.0 and equity > 0.0 else 0.0
    if s.counts[ASIDE] == 1:
        weight = np.sign(weight) * min(abs(weight), abs(held)) if weight * held > 0.0 else 0.0
    cap = EXIT_ROOM * (tradable(s, t, asset) * s.exit_sessions) / equity
    if not s.traded[t, asset]:  # what is silent need not be sold for that
        cap = max(cap, abs(held))
    if abs(weight) > cap:
        _note(s, t, CUT, asset, weight, cap, 0.0)
        return min(max(weight, -cap), cap)
    return weight


@inner
def _value_after_costs(s: Packed, t: int, equity: float) -> float:
    """Return the value of the book once the wanted weights are reached: the fixed point of value and costs."""
    value, held, wanted, active, marks = equity, s.held, s.wanted, s.active, s.marks
    for _ in range(200):
        costs = 0.0
        for k in range(s.counts[ACTIVE]):
            asset = active[k]
            shares = held[asset, SHARES]
            if wanted[asset] != 0.0 or shares != 0.0:
                there = shares * marks[t, asset] if shares != 0.0 else 0.0
                costs += _cost_fraction(s, t, asset, marks[t, asset]) * abs(wanted[asset] * value - there)
        after = equity - costs
        if abs(after - value) <= 1e-16 * equity:
            break
        value = after
    return value


@inner
def _order_targets(s: Packed, t: int, weights: np.ndarray, rules: np.ndarray) -> None:
    """Turn target weights into orders for the shares that are missing or too many."""
    _refresh_active(s, weights)
    equity, marks, active, wanted, held = equity_at(s, t), s.marks, s.active, s.wanted, s.held
    plain = s.waived and s.counts[ASIDE] == 0
    for k in range(s.counts[ACTIVE]):
        asset = active[k]
        wanted[asset] = weights[asset] if plain else _cut_weight(s, t, asset, weights[asset], equity)
    value = equity if s.before_costs else _value_after_costs(s, t, equity)
    may_lose, wide = s.max_loss_per_trade * equity, rules.shape[0] > 1
    for k in range(s.counts[ACTIVE]):
        asset = active[k]
        weight, mark = wanted[asset], marks[t, asset]
        target = weight * value / mark if weight != 0.0 else 0.0
        if target < 0.0:
            target = _borrowed(s, t, asset, target)
        missing = _whole(target - held[asset, SHARES], s.lots[asset])
        limit = mark + may_lose / missing if missing != 0.0 else 0.0
        _place(s, asset, missing, rules[asset if wide else 0], t, mark, limit, weight, AT_PLAN)


@inner
def _borrowed(s: Packed, t: int, asset: int, target: float) -> float:
    """Return a short target cut to the shares that can be borrowed."""
    most, mark = s.borrowable, s.marks[t, asset]
    dollars = most[row_of(most, t), asset]
    if not -target * mark > dollars:
        return target
    _note(s, t, NOT_BORROWED, asset, target, dollars, 0.0)
    return -dollars / mark


@inner
def _plan_exits(s: Packed, t: int) -> None:
    """Order the exits of what left the universe, outgrew the fast exit, passed its horizon or reached its stop."""
    active, held, opened, marks, eligible = s.active, s.held, s.opened, s.marks, s.eligible
    for k in range(s.counts[ACTIVE] if eligible.shape[0] > 1 else 0):
        asset = active[k]
        if eligible[t, asset]:
            continue
        shares, order = held[asset, SHARES], opened[asset, ORDER]
        if order >= 0 and shares != 0.0 and abs(s.order_figures[order, LEFT] + shares) <= ROUNDING * abs(shares):
            continue
        if _close(s, t, asset, s.rule_universe):
            _note(s, t, LEFT_UNIVERSE, asset, shares, 0.0, 0.0)
    for k in range(0 if s.waived else s.counts[ACTIVE]):
        _reduce_to_fast_exit(s, t, active[k])
    decided = s.counts[DECIDED_AT]
    if decided >= 0:
        age = s.bars_so_far[t] - s.bars_so_far[decided]
        if age >= s.horizon and _close_all(s, t, s.rule_horizon):
            _note(s, t, EXPIRED_BOOK, NONE, float(age), float(s.horizon), 0.0)
    for k in range(s.counts[ACTIVE] if s.stop_loss != np.inf else 0):
        asset = active[k]
        if opened[asset, ENTERED] < 0:
            continue
        shares, mark = held[asset, SHARES], marks[t, asset]
        value = shares * mark if shares != 0.0 else 0.0
        value -= abs(value) * _cost_fraction(s, t, asset, mark)
        loss = -(held[asset, FLOW] + value) / held[asset, ENTRY_EQUITY]
        if loss >= s.stop_loss and _close(s, t, asset, s.rule_stop_loss):
            _note(s, t, STOPPED, asset, loss, s.stop_loss, 0.0)


@inner
def _reduce_to_fast_exit(s: Packed, t: int, asset: int) -> None:
    """Order a position reduced that has outgrown the fast exit, unless an order does so already."""
    shares, mark, order = s.held[asset, SHARES], s.marks[t, asset], s.opened[asset, ORDER]
    if shares == 0.0 or not s.traded[t, asset]:
        return
    most = tradable(s, t, asset) * s.exit_sessions
    if not abs(shares * mark) > most:
        return
    if order >= 0 and abs(shares + s.order_figures[order, LEFT]) * mark <= most:
        return
    kept = np.sign(shares) * EXIT_ROOM * most / mark
    quantity, weight = kept - shares, kept * mark / equity_at(s, t)
    _place(s, asset, quantity, s.rule_fast_exit, t, mark, quantity * np.inf, weight, AT_PLAN)
    _note(s, t, REDUCED, asset, abs(shares) * mark, most, 0.0)


@inner
def _record(s: Packed, t: int) -> None:
    """Write down the book after the session's fills, and forget assets that are no longer held, ordered or owed."""
    money, count, held, active, opened, groups = s.money, s.counts, s.held, s.active, s.opened, s.groups
    row, group_row, equity, sums = t - count[FIRST], row_of(s.groups, t), equity_at(s, t), s.group_sums
    gross, net, due, days, n, heaviest = 0.0, 0.0, 0.0, 0.0, 0, 0.0
    for g in range(sums.shape[0]):
        sums[g, 0] = 0.0
    for k in range(count[ACTIVE]):
        asset = active[k]
        shares = held[asset, SHARES]
        due += held[asset, DUE]
        if shares != 0.0:
            value = shares * s.marks[t, asset]
            weight = value / equity if equity > 0.0 else 0.0
            gross += abs(weight)
            net += weight
            sums[groups[group_row, asset], 0] += abs(weight)
            if not s.waived:
                most = tradable(s, t, asset)
                days = max(days, abs(value) / most if most > 0.0 else np.inf)
        if shares != 0.0 or opened[asset, ORDER] >= 0 or held[asset, DUE] != 0.0:
            active[n] = asset
            n += 1
    count[ACTIVE] = n
    before, cells = equity + money[PAID], s.record
    cells[row, 0], cells[row, 1], cells[row, 2], cells[row, 3], cells[row, 4] = equity, money[CASH], due, gross, net
    cells[row, 5] = money[TRADED] / before if before > 0.0 else 0.0
    cells[row, 6], cells[row, 7], cells[row, 8] = money[PAID] + money[FEES], money[INTEREST], money[HELD_RETURN]
    cells[row, 9] = np.nan if s.waived else days
    s.halted[row] = count[HALTED_AT] >= 0
    quantities, exposures = s.quantities, s.exposures
    for asset in range(quantities.shape[1] if quantities.shape[0] > 0 else 0):
        quantities[row, asset] = held[asset, SHARES]
    for g in range(sums.shape[0]):
        heaviest = max(heaviest, sums[g, 0])
        if groups.shape[0] == 1:
            exposures[row, g] = sums[g, 0]
    if groups.shape[0] > 1:
        exposures[row, 0] = heaviest
    money[EQUITY_BEFORE] = equity
    if s.trades[t] or count[HALTED_AT] >= 0:
        money[PREDICTED_LOSS], money[RETURN_SINCE_TRADE] = np.nan, 0.0


@inner
def _close_session(s: Packed, t: int, asked: int, action: int, weights: np.ndarray, rules: np.ndarray) -> None:
    """Take the decision, let the exits of the terms overrule it, and write the book down."""
    if asked == HALTED:
        _close_all(s, t, s.counts[HALT_RULE])
    else:
        if asked == STAND_ASIDE:
            _close_all(s, t, s.rule_stand_aside)
        elif action > 0:
            s.counts[DECIDED_AT], s.decided[t - s.counts[FIRST]] = t, True
            if action == 2:
                _order_targets(s, t, weights, rules)
        _plan_exits(s, t)
    resting = s.counts[RESTING] > 0
    if s.fill_at == DECISION_CLOSE:
        if resting and not s.has_bars:
            _set_off_guards(s, t, CLOSING, False)
        _execute(s, t, t, CLOSING)
    if resting:
        _follow(s, t)
    _record(s, t)


@inner
def _is_refused(s: Packed, t: int, weights: np.ndarray, rules: np.ndarray) -> bool:
    """Whether the terms forbid a decision: what `decision_checks` says in words."""
    gross, net, negative, sums, groups, held = 0.0, 0.0, False, s.group_sums, s.groups, s.held
    equity, group_row, wide, listed, due = equity_at(s, t), row_of(s.groups, t), rules.shape[0] > 1, s.listed, s.due[t]
    for g in range(sums.shape[0]):
        sums[g, 0], sums[g, 1] = 0.0, 0.0
    for asset in range(len(weights)):
        weight, shares = weights[asset], held[asset, SHARES]
        if weight == 0.0 and shares == 0.0:
            continue
        if (
            not np.isfinite(weight)
            or (weight != 0.0 and not listed[t, asset])
            or abs(weight) > s.max_weight + TOLERANCE
        ):
            return True
        negative |= weight < 0.0
        gross += abs(weight)
        net += weight
        group = groups[group_row, asset]
        sums[group, 0] += abs(weight)
        sums[group, 1] += weight
        there = shares * s.marks[t, asset] / equity if shares != 0.0 and equity > 0.0 else 0.0
        grows = abs(weight) > abs(there) + TOLERANCE or weight * there < 0.0
        shrinks = abs(weight) < abs(there) - TOLERANCE or weight * there < 0.0
        purpose = s.purposes[rules[asset if wide else 0]]
        if (grows and (purpose == EXIT or not due)) or (shrinks and purpose == ENTRY):
            return True
    if (s.long_only and negative) or gross > s.max_gross + TOLERANCE or abs(net) > s.max_net + TOLERANCE:
        return True
    for g in range(sums.shape[0]):
        if sums[g, 0] > s.max_group_gross + TOLERANCE or abs(sums[g, 1]) > s.max_group_net + TOLERANCE:
            return True
    return False


@inner
def _has_room(s: Packed) -> bool:
    """Whether the logs have room for another session: each asset may be ordered, filled and noted several times."""
    count, most = s.counts, 8 * s.held.shape[0] + 16
    return (
        count[ORDERS] + most <= len(s.order_cells)
        and count[FILLS] + most <= len(s.fill_cells)
        and count[TRADES] + most <= len(s.trade_cells)
        and count[EVENTS] + most <= len(s.event_cells)
    )


@compiled
def advance(
    s: Packed,
    stop: int,
    action: int,
    weights: np.ndarray,
    rules: np.ndarray,
    rows: np.ndarray,
    table: np.ndarray,
    table_rules: np.ndarray,
) -> int:
    """Play on, from where the run stands, until all sessions are played or Python has to do something.

    Returns `DONE_PLAYING`; `ASKS` where a decision is to be given with the next call; `FULL` where a log must grow;
    `REFUSED` where the terms forbid a decision of the table.

    Args:
        s: The packed run.
        stop: Position after the last session.
        action: The answer to what was asked: 0 for no decision, 1 for one that leaves the targets alone (a hold, or
            single orders), 2 for targets.
        weights: (A,) the targets.
        rules: (A,) or (1,) the rules they cite.
        rows: (N,) positions of the sessions with a decision, rising, where decisions are a table; else empty, and each
            one is asked for.
        table: (N, A) targets; a row that begins with NaN is an explicit hold.
        table_rules: (N, A) or (N, 1) the rules they cite.
    """
    count, tabled = s.counts, len(rows) > 0
    t, asked, row = count[NOW], count[ASKED], count[NEXT_ROW]
    while t < stop:
        if asked < 0:
            if not _has_room(s):
                count[NOW], count[ASKED], count[NEXT_ROW] = t, NONE, row
                return FULL
            asked, action = _open_session(s, t), 0
            if asked == ASK and not tabled:
                count[NOW], count[ASKED] = t, asked
                return ASKS
            while row < len(rows) and rows[row] < t:
                row += 1
            if asked == ASK and row < len(rows) and rows[row] == t:
                action = 1 if np.isnan(table[row, 0]) else 2
                if action == 2 and _is_refused(s, t, table[row], table_rules[row]):
                    count[NOW], count[ASKED], count[NEXT_ROW] = t, asked, row
                    return REFUSED
        if tabled:
            at = min(row, len(rows) - 1)
            _close_session(s, t, asked, action, table[at], table_rules[at])
        else:
            _close_session(s, t, asked, action, weights, rules)
        asked = NONE
        t += 1
    count[NOW], count[ASKED], count[NEXT_ROW] = t, NONE, row
    return DONE_PLAYING


@compiled
def place_order(
    s: Packed, asset: int, quantity: float, rule: int, kind: int, trigger: float, trail: float, good_until: float
) -> None:
    """Place one order for shares at the session that asks; the book's equity sets how far a bad price may take it."""
    t = s.counts[NOW]
    equity, mark = equity_at(s, t), s.marks[t, asset]
    quantity = _whole(quantity, s.lots[asset])
    wanted = s.wanted
    for other in range(len(wanted)):
        wanted[other] = 1.0 if other == asset else 0.0
    _refresh_active(s, wanted)
    target = (s.held[asset, SHARES] + quantity) * mark / equity
    limit = mark + s.max_loss_per_trade * equity / quantity if quantity != 0.0 else 0.0
    _place(s, asset, quantity, rule, t, mark, limit, target, kind)
    s.counts[RESTING] += 1
    order = s.opened[asset, ORDER]
    if order >= 0:
        figures = s.order_figures
        figures[order, TRIGGER], figures[order, TRAIL], figures[order, GOOD_UNTIL] = trigger, trail, good_until


@compiled
def guard_position(
    s: Packed, asset: int, rule: int, stop: float, target: float, trail: float, is_fraction: bool
) -> None:
    """Set the exits of a position, NaN for none; they hold from the next session on, until it is flat."""
    guard = s.guard
    s.counts[RESTING] += 1
    guard[asset, GUARD_STOP], guard[asset, GUARD_TARGET], guard[asset, GUARD_TRAIL] = stop, target, trail
    guard[asset, GUARD_EXTREME], guard[asset, GUARD_FRACTION] = np.nan, 1.0 if is_fraction else 0.0
    s.guard_set[asset, 0], s.guard_set[asset, 1] = rule, s.counts[NOW]
