"""The accounting of a run, compiled: one session of one book, and a loop over sessions where decisions are a table.

One file, because a compiled function is kept on disk under the date of the file it stands in: functions spread over
several files would go on using one another's former code. Nothing here knows the plan or Python objects: the arrays
come from `quantdl.backtest.book.state`, and what was written into them is read by `quantdl.backtest.running.tables`.

A session runs in this order: sale proceeds settle, cash earns interest, dividends and splits take effect, delistings
are paid out, borrowing is charged, waiting orders fill, the book is marked, the conditions look at it. Then whoever
decides is asked, unless the run is halted or stands aside; orders are placed; the exits of the terms overrule them.

Rules about bars, each the one that costs more. Orders at the open come first, then those that a price within the bar
sets off, then those at the close. A stop that the open has jumped over fills at the open; a limit fills only where the
price trades through it, at the limit, or at the open where that is better. What the open has reached and left unfilled,
for its limit or the volume, fills at no price within that bar. The exits of a position are looked at before anything
else of its bar, but for a limit or a stop that adds to it before its stop is reached, and for an order that reduces it
at a worse price than its target. The stop comes before the target, and a bar that opened the position within itself can
reach its stop but not its target. A target that the entry lies beyond is reached at the price of the entry. A trailing
stop follows the highs of bars that are over. Data without opens, highs and lows have one price a bar, the close, and
everything happens there: the exits of a position first, then what is decided, where orders fill at the close of their
decision.

Rules about exits. An order that reduces a position has no limit, and where one that turns a position around meets its
limit, the part that reduces fills: what is to be left never waits for a better price. Where orders are in whole lots,
an exit that the volume cuts fills any number of whole shares; a session whose share of the volume is below one share
takes none, and what it leaves over is not added to that of the next. In a market that allows reducing alone, whatever
was decided before reduces too, and what would add to a position waits until the stress is over.
"""

import gc
from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar, cast, get_type_hints

import numpy as np
from numba import from_dtype, njit, types
from numba.extending import intrinsic

Function = TypeVar("Function", bound=Callable[..., object])


def compiled(function: Function) -> Function:
    """Compile a function that Python calls, and keep it on disk."""
    return cast("Function", njit(cache=True, error_model="numpy")(function))


def inner(function: Function) -> Function:
    """Compile a function that only other compiled ones call; it is kept with them.

    Its code is not rewritten first, which takes a twentieth of the time and is for expressions of whole arrays, and for
    errors: there are none.
    """
    options = {"no_cpython_wrapper": True, "no_cfunc_wrapper": True, "no_rewrites": True}
    made = njit(error_model="numpy", **options)  # type: ignore[call-overload]
    return cast("Function", made(function))


def _numbers(n: int, first: int = 0) -> tuple[int, ...]:
    """Return integers that count up, as numpy's: a plain one has each function compiled anew for each value."""
    return tuple(np.arange(first, first + n))


def _address_of(kind: Any) -> Callable[..., Any]:
    """Return what turns an address, in a compiled function, into a pointer or a record.

    Arrays themselves would take seconds more to compile, and most of the time to count references to.
    """

    def pointer(_context: Any, _address: Any) -> tuple[Any, Callable[..., Any]]:
        def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            return builder.inttoptr(arguments[0], context.get_value_type(signature.return_type))

        return kind(types.int64), build

    return cast("Callable[..., Any]", intrinsic(pointer))


_floats = _address_of(types.CPointer(types.float64))
_ints = _address_of(types.CPointer(types.int64))
_shorts = _address_of(types.CPointer(types.int32))
_flags = _address_of(types.CPointer(types.uint8))

(NONE,) = _numbers(1, -1)

# Where an order fills.
# An order of the last kind has been set off in the present phase, at a price of its own.
AT_PLAN, AT_OPEN, AT_CLOSE, LIMIT, STOP, TRAILING_STOP, SET_OFF = _numbers(7)
# What the plan says of orders that name no place: the next close, the next open, the close of the decision itself.
NEXT_CLOSE, NEXT_OPEN, DECISION_CLOSE = _numbers(3)
# Phases of a bar. In the phase `GUARDS` only exits of positions fill that were set off. `BEFORE` and one of the first
# three is the look, before the exits of that phase, at orders that cost more than those exits and come before them.
OPENING, WITHIN, CLOSING, GUARDS, BEFORE = _numbers(5)
# How an order stands or ended, in the words of `STATUSES`.
WAITING, FILLED, PARTIAL, REPLACED, CASH_SHORT, CANCELLED, DELISTED, EXPIRED = _numbers(8)
KINDS = ("market", "market_on_open", "market_on_close", "limit", "stop", "trailing_stop", "exit")
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
# The last two are made of others, their parts.
DRAWDOWN, VOLATILITY, STALE_DATA, E_PROCESS, BANKRUPT, MARGIN, STRESSED_MARKET, ALL, ANY = _numbers(9)
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
    BETS_STAND,
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
        borrow_fees: (T,) fee of the bar on the money sold short, as a fraction.
        settles_at: (T,) bar at which the proceeds of a sale in the bar may be spent.
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
    borrow_fees: np.ndarray
    settles_at: np.ndarray
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
        keeps_books: Whether shares and weights of every session are written down; a sweep keeps sums of money alone.
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
        borrow_rate: Fee a year on the money sold short.
        maintenance_margin: Least equity as a fraction of gross exposure.
        recovery: Share of the last close that a delisted long position is paid out at.
        settlement: Sessions until the proceeds of a sale may be spent.
        horizon: Bars after which a book without a decision is closed.
        exit_sessions: Sessions within which the book can be left.
        in_stress: `TRADE`, `REDUCE_ONLY` or `FLAT`.
        bars_per_year: Bars of the calendar in a year.
        room: Entries of a log that one session may need.
    """

    fill_at: int
    has_bars: bool
    before_costs: bool
    keeps_books: bool
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
    room: int


class Watches(NamedTuple):
    """What ends the run, one entry a condition; the parts of a condition stand before it.

    Attributes:
        watch_kind: (C,) `DRAWDOWN`, `VOLATILITY`, `STALE_DATA`, `E_PROCESS`, `STRESSED_MARKET`, `ALL` or `ANY`.
        watch_limit: (C,) the value at which it fires.
        watch_window: (C,) trailing bars of a volatility.
        watch_whole: (C,) place of the condition that it is a part of, -1 where it ends the run itself.
        watch_bets: (C, K) of an e-process: the logarithm of each bet so far.
        watch_lines: (C, L) of an e-process: `CELLS` - 1 rising losses, then for each bet and each stretch between them
            the intercept and the slope of what the bet is multiplied by; told anew before each session.
        watch_returns: (C, W) the last returns of the book, for a volatility.
    """

    watch_kind: np.ndarray
    watch_limit: np.ndarray
    watch_window: np.ndarray
    watch_whole: np.ndarray
    watch_bets: np.ndarray
    watch_lines: np.ndarray
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
        held: (A, 7) shares, dividends due, money received less paid by the open trade, equity at its entry; then
            scratch: money of the session's volume that was traded already, what is wanted, a price.
        opened: (A, 4) position of the session of the entry or -1, the rule that asked for it, open order or -1 and its
            kind by now.
        waiting: (A, 4) of the open order: shares left, trigger price, last session it is good for, distance of a
            trailing stop as a fraction.
        guard: (A, 6) of a position: stop, target, distance and extreme of a trailing stop, 1 if the distance is a
            fraction, and 1 or -1 for a long or a short position; NaN where there is none.
        guard_set: (A, 2) the rule of these exits, and position of the session that set them.
        active: (A,) the assets that are held, ordered or owed, in order; the first `ACTIVE` count.
        active_before: (A,) the same before a decision; scratch.
        wanted: (A,) the assets with a weight; scratch.
        settling: (most bars until settlement + 1,) sale proceeds by the bar that settles them.
        earned: (P,) money of each payment that the book has earned and not received.
        group_sums: (G, 2) gross and net weight of each group; scratch.
        order_cells: (N, 5) session of the decision, asset, rule, status, kind.
        order_figures: (N, 5) shares, reference price, limit, target weight, filled.
        fill_cells: (N, 6) order, session of the decision, session, asset, rule, session whose figures were known.
        fill_figures: (N, 5) shares, price, commission, spread, impact.
        trade_cells: (N, 5) asset, entry, exit, rules in and out.
        trade_figures: (N, 2) profit, equity at entry.
        event_cells: (N, 3) session, code, asset.
        event_figures: (N, 3) figures of the event.
        record: (10, T) the book at each close, a row for each figure.
        halted: (T,) whether the run was halted then.
        decided: (T,) whether a decision was taken then.
        quantities: (T, A) shares then.
        exposures: (T, G) gross weight of each group then; of the heaviest alone where groups change.
        conditions: (T, C) values of the conditions.
        streaks: (C,) bars in a row on which a condition made of others has held by now.
    """

    money: np.ndarray
    counts: np.ndarray
    held: np.ndarray
    opened: np.ndarray
    waiting: np.ndarray
    guard: np.ndarray
    guard_set: np.ndarray
    active: np.ndarray
    active_before: np.ndarray
    wanted: np.ndarray
    settling: np.ndarray
    earned: np.ndarray
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
    streaks: np.ndarray


def _layout() -> np.dtype[np.void]:
    """Return the record that holds the fields of all five tuples: numbers as they are, arrays by address.

    An array ``name`` also has ``name_rows`` and, for two dimensions, ``name_step``: what lies between two rows, 0 where
    one row stands for all.
    """
    cells = []
    for part in (Market, Rules, Watches, Codes, State):
        for name, kind in get_type_hints(part).items():
            if kind is np.ndarray:
                cells += [(name, "<i8"), (f"{name}_rows", "<i8"), (f"{name}_step", "<i8")]
            else:
                cells.append((name, "<f8" if kind is float else "<i8"))
    return np.dtype(cells)


_LAYOUT = _layout()


def pack(market: Market, rules: Rules, watches: Watches, codes: Codes, state: State) -> np.ndarray:
    """Return (1,) the record of a run; whoever holds it must hold the arrays too."""
    values: list[float] = []
    for part in (market, rules, watches, codes, state):
        for value in part:
            if isinstance(value, np.ndarray):
                step = 0 if len(value) == 1 or value.ndim == 1 else value.strides[0] // value.itemsize
                values += [value.ctypes.data, len(value), step]
            else:
                values.append(value)
    record = np.zeros(1, _LAYOUT)
    record[0] = tuple(values)
    return record


_at = _address_of(from_dtype(_LAYOUT))
# The record as compiled functions see it.
Packed = Any

# Columns of the state's arrays, and how many there are.
SHARES, DUE, FLOW, ENTRY_EQUITY, USED, WANTED, PRICE, HELD = _numbers(8)
ENTERED, RULE_IN, ORDER, LIVE_KIND, OPENED = _numbers(5)
LEFT, TRIGGER, GOOD_UNTIL, TRAIL, WAITED = _numbers(5)
DECIDED, ASSET, RULE, STATUS, KIND, ORDER_CELLS = _numbers(6)
ORDERED, REFERENCE, LIMIT_PRICE, TARGET, DONE, ORDER_FIGURES = _numbers(6)
GUARD_STOP, GUARD_TARGET, GUARD_TRAIL, GUARD_EXTREME, GUARD_FRACTION, GUARD_SIDE, GUARD = _numbers(7)
FILL_CELLS, FILL_FIGURES, TRADE_CELLS, EVENT_CELLS, RECORD, BETS, CELLS = 6, 5, 5, 3, 10, 5, 20


@inner
def _long(value: int) -> int:
    """Return a number of a log in the width of all others, so that nothing is compiled for both."""
    return np.int64(value)  # type: ignore[return-value]


@inner
def _note(s: Packed, t: int, code: int, asset: int, first: float, second: float, third: float) -> None:
    counts, cells, figures = _ints(s.counts), _shorts(s.event_cells), _floats(s.event_figures)
    n = counts[EVENTS] * EVENT_CELLS
    cells[n], cells[n + 1], cells[n + 2] = t, code, asset
    figures[n], figures[n + 1], figures[n + 2] = first, second, third
    counts[EVENTS] += 1


@inner
def _equity(s: Packed, t: int) -> float:
    """Return cash, dividends due and positions at the marks of a bar."""
    held, active, marks, start = _floats(s.held), _ints(s.active), _floats(s.marks), t * s.marks_step
    positions, due = 0.0, 0.0
    for k in range(_ints(s.counts)[ACTIVE]):
        asset = active[k]
        shares = held[asset * HELD + SHARES]
        if shares != 0.0:
            positions += shares * marks[start + asset]
        due += held[asset * HELD + DUE]
    return _floats(s.money)[CASH] + positions + due


@inner
def _trade(s: Packed, asset: int, quantity: float, price: float, cost: float, t: int, equity: float, rule: int) -> None:
    """Book a fill; one that turns the position around closes one trade and opens another."""
    held, opened, money, base = _floats(s.held), _ints(s.opened), _floats(s.money), asset * HELD
    before = held[base + SHARES]
    turns = before * quantity < 0.0 and abs(quantity) > abs(before) * (1.0 + DUST)
    first = -before if turns else quantity
    share = first / quantity
    for part in range(2 if turns else 1):
        shares = first if part == 0 else quantity - first
        if held[base + SHARES] == 0.0:
            opened[asset * OPENED + ENTERED], opened[asset * OPENED + RULE_IN] = t, rule
            held[base + ENTRY_EQUITY] = equity
        amount = -shares * price - cost * (share if part == 0 else 1.0 - share)
        money[CASH] += amount
        held[base + FLOW] += amount
        left = held[base + SHARES] + shares
        if abs(left) <= DUST * abs(shares):
            left = 0.0
        held[base + SHARES] = left
        if left == 0.0:
            _finish_trade(s, asset, t, rule, np.sign(before))


@inner
def _finish_trade(s: Packed, asset: int, t: int, rule: int, side: float) -> None:
    """Write down the trade of an asset that is flat again, and forget the exits of a position on its side."""
    counts, held, opened = _ints(s.counts), _floats(s.held), _ints(s.opened)
    cells, figures, n = _shorts(s.trade_cells), _floats(s.trade_figures), counts[TRADES]
    place = n * TRADE_CELLS
    cells[place], cells[place + 1], cells[place + 2] = asset, opened[asset * OPENED + ENTERED], t
    cells[place + 3], cells[place + 4] = opened[asset * OPENED + RULE_IN], rule
    figures[2 * n], figures[2 * n + 1] = held[asset * HELD + FLOW], held[asset * HELD + ENTRY_EQUITY]
    counts[TRADES] = n + 1
    held[asset * HELD + FLOW] = 0.0
    opened[asset * OPENED + ENTERED] = NONE
    if _floats(s.guard)[asset * GUARD + GUARD_SIDE] == side:
        _forget_exits(s, asset)


@inner
def _cancel(s: Packed, asset: int, status: int) -> None:
    """Take what is left of an order off the desk, and with it the exits of a position that never came about."""
    _take_off(s, asset, status)
    if _floats(s.held)[asset * HELD + SHARES] == 0.0:
        _forget_exits(s, asset)


@inner
def _take_off(s: Packed, asset: int, status: int) -> None:
    """Take what is left of an order off the desk."""
    opened = _ints(s.opened)
    order = opened[asset * OPENED + ORDER]
    if order >= 0:
        done = _floats(s.order_figures)[order * ORDER_FIGURES + DONE]
        _shorts(s.order_cells)[order * ORDER_CELLS + STATUS] = PARTIAL if done != 0.0 else status
        opened[asset * OPENED + ORDER] = NONE


@inner
def _forget_exits(s: Packed, asset: int) -> None:
    """Forget the exits of a position that is no longer there, or never came about."""
    guard = _floats(s.guard)
    for k in range(asset * GUARD, (asset + 1) * GUARD):
        guard[k] = np.nan


@inner
def _place(
    s: Packed, asset: int, quantity: float, rule: int, t: int, reference: float, limit: float, target: float, kind: int
) -> None:
    """Open an order in place of whatever waits for the asset; a quantity of zero only cancels."""
    opened, counts = _ints(s.opened), _ints(s.counts)
    if opened[asset * OPENED + ORDER] >= 0:
        if quantity == 0.0:
            _cancel(s, asset, REPLACED)
        else:  # exits that were set for the position are those of the new order, too
            _take_off(s, asset, REPLACED)
    if quantity == 0.0:
        return
    cells, figures, waiting, n = _shorts(s.order_cells), _floats(s.order_figures), _floats(s.waiting), counts[ORDERS]
    place = n * ORDER_CELLS
    cells[place + DECIDED], cells[place + ASSET], cells[place + RULE] = t, asset, rule
    cells[place + STATUS], cells[place + KIND] = WAITING, kind
    place = n * ORDER_FIGURES
    figures[place + ORDERED], figures[place + REFERENCE], figures[place + LIMIT_PRICE] = quantity, reference, limit
    figures[place + TARGET], figures[place + DONE] = target, 0.0
    place = asset * WAITED
    waiting[place + LEFT], waiting[place + TRIGGER], waiting[place + TRAIL] = quantity, np.nan, np.nan
    waiting[place + GOOD_UNTIL] = np.inf
    counts[ORDERS] = n + 1
    opened[asset * OPENED + ORDER], opened[asset * OPENED + LIVE_KIND] = n, kind


@inner
def _record_fill(
    s: Packed, order: int, decided: int, t: int, known: int, asset: int, rule: int, shares: float, price: float
) -> int:
    """Write down a fill without costs, and return where they would stand."""
    counts, cells, figures = _ints(s.counts), _shorts(s.fill_cells), _floats(s.fill_figures)
    n = counts[FILLS]
    place = n * FILL_CELLS
    cells[place], cells[place + 1], cells[place + 2] = order, decided, t
    cells[place + 3], cells[place + 4], cells[place + 5] = asset, rule, known
    place = n * FILL_FIGURES
    figures[place], figures[place + 1] = shares, price
    figures[place + 2], figures[place + 3], figures[place + 4] = 0.0, 0.0, 0.0
    counts[FILLS] = n + 1
    return place + 2


@inner
def _impact(s: Packed, known: int, asset: int, notional: float) -> float:
    """Return the cost of moving the price by the square-root law, by what is known at a close."""
    if s.impact == 0.0 or notional == 0.0:
        return 0.0
    share = notional / _floats(s.dollar_volume)[known * s.dollar_volume_step + asset]
    return s.impact * _floats(s.volatility)[known * s.volatility_step + asset] * np.sqrt(share) * notional


@inner
def _tradable(s: Packed, t: int, asset: int) -> float:
    """Return the most money that may be traded in a session by what is known at close t; zero where nothing is."""
    if s.waived:
        return np.inf
    volume = _floats(s.dollar_volume)[t * s.dollar_volume_step + asset]
    known = s.impact == 0.0 or np.isfinite(_floats(s.volatility)[t * s.volatility_step + asset])
    return s.participation * volume if known and np.isfinite(volume) else 0.0


@inner
def _whole(shares: float, lot: float) -> float:
    """Return shares rounded towards zero to whole lots."""
    if lot == 0.0:
        return shares
    return np.sign(shares) * np.floor(abs(shares) / lot + ROUNDING) * lot


@inner
def _exit_dollars(s: Packed, t: int, asset: int, room: float) -> float:
    """Return the money that a session takes of an exit, by what is known at close t: whole shares where lots are whole.

    A room below one leaves the price that much to move until then.
    """
    most = room * _tradable(s, t, asset)
    if _floats(s.lots)[asset] == 0.0:
        return most
    mark = _floats(s.marks)[t * s.marks_step + asset]
    return _whole(most / mark, 1.0) * mark


@inner
def _leavable(s: Packed, t: int, asset: int, room: float) -> float:
    """Return the most money that a position may be worth to be left within the fast exit."""
    return _exit_dollars(s, t, asset, room) * s.exit_sessions


@inner
def _corporate_actions(s: Packed, t: int) -> None:
    """Apply what happens before the open: dividends on the old shares, splits, then what is paid."""
    held, guard, earned, amounts = _floats(s.held), _floats(s.guard), _floats(s.earned), _floats(s.payment_amount)
    waiting, actions, payments = _floats(s.waiting), _ints(s.action_first), _ints(s.payment_first)
    for e in range(actions[t], actions[t + 1]):
        asset, ratio = _ints(s.action_column)[e], _floats(s.action_ratio)[e]
        shares, cash, order = held[asset * HELD + SHARES], 0.0, _ints(s.opened)[asset * OPENED + ORDER]
        exits = order >= 0 and shares != 0.0 and abs(waiting[asset * WAITED + LEFT] + shares) <= ROUNDING * abs(shares)
        for p in range(payments[e], payments[e + 1]):
            cash += amounts[p]
            if shares != 0.0:
                earned[p] = shares * amounts[p]
                held[asset * HELD + DUE] += earned[p]
                held[asset * HELD + FLOW] += earned[p]
                _note(s, t, DIVIDEND, asset, shares, amounts[p], earned[p])
        if shares != 0.0 and ratio != 1.0:
            _split(s, t, asset, ratio, cash)
        order = _ints(s.opened)[asset * OPENED + ORDER]
        if order >= 0:
            figures, place = _floats(s.order_figures), order * ORDER_FIGURES
            figures[place + ORDERED] *= ratio
            figures[place + DONE] *= ratio
            figures[place + REFERENCE] = (figures[place + REFERENCE] - cash) / ratio
            figures[place + LIMIT_PRICE] = (figures[place + LIMIT_PRICE] - cash) / ratio
            waiting[asset * WAITED + LEFT] *= ratio
            waiting[asset * WAITED + TRIGGER] = (waiting[asset * WAITED + TRIGGER] - cash) / ratio
            if ratio != 1.0 and _floats(s.lots)[asset] != 0.0:
                _order_whole_lots(s, asset, exits)
        place = asset * GUARD
        guard[place + GUARD_STOP] = (guard[place + GUARD_STOP] - cash) / ratio
        guard[place + GUARD_TARGET] = (guard[place + GUARD_TARGET] - cash) / ratio
        guard[place + GUARD_EXTREME] = (guard[place + GUARD_EXTREME] - cash) / ratio
        if guard[place + GUARD_FRACTION] == 0.0:
            guard[place + GUARD_TRAIL] /= ratio
    paid, of = _ints(s.paid_first), _ints(s.payment_column)
    for k in range(paid[t], paid[t + 1]):
        p = _ints(s.paid)[k]
        held[of[p] * HELD + DUE] -= earned[p]
        _floats(s.money)[CASH] += earned[p]
        earned[p] = 0.0


@inner
def _order_whole_lots(s: Packed, asset: int, exits: bool) -> None:
    """Order whole lots after a split, or all that is held where the order is an exit; cancel what comes to nothing."""
    order, place = _ints(s.opened)[asset * OPENED + ORDER], asset * WAITED + LEFT
    figures, waiting, shares = _floats(s.order_figures), _floats(s.waiting), _floats(s.held)[asset * HELD + SHARES]
    left = -shares if exits else _whole(waiting[place], _floats(s.lots)[asset])
    figures[order * ORDER_FIGURES + ORDERED] += left - waiting[place]
    waiting[place] = left
    if left == 0.0:
        _cancel(s, asset, CANCELLED)


@inner
def _split(s: Packed, t: int, asset: int, ratio: float, dividend: float) -> None:
    """Exchange shares; where only whole lots are held, a fraction of a share is paid in cash at the new price.

    That is the last mark without the dividend of the day, in the new units.
    """
    held = _floats(s.held)
    before = held[asset * HELD + SHARES]
    after = before * ratio
    held[asset * HELD + SHARES] = after
    _record_fill(s, 0, t, t, NONE, asset, s.rule_split, after - before, 0.0)
    _note(s, t, SPLIT, asset, before, after, ratio)
    if _floats(s.lots)[asset] == 0.0 or t == 0:
        return
    whole, price = _whole(after, 1.0), (_floats(s.marks)[(t - 1) * s.marks_step + asset] - dividend) / ratio
    if whole != after and np.isfinite(price):
        _trade(s, asset, whole - after, price, 0.0, t, _equity(s, t), s.rule_split)
        _record_fill(s, 0, t, t, NONE, asset, s.rule_split, whole - after, price)
        _note(s, t, FRACTION_PAID, asset, after - whole, price, 0.0)


@inner
def _pay_out_delisted(s: Packed, t: int) -> None:
    """Pay out what is held of a delisted asset at the value the data states, or else the terms, without costs."""
    active, held, gone, n = _ints(s.active), _floats(s.held), _flags(s.delisted), _ints(s.counts)[ACTIVE]
    for k in range(n):
        if gone[t * s.delisted_step + active[k]] != 0:
            _cancel(s, active[k], DELISTED)
    for k in range(n):
        asset = active[k]
        shares = held[asset * HELD + SHARES]
        if gone[t * s.delisted_step + asset] == 0 or shares == 0.0:
            continue
        stated, recovery = _floats(s.terminal_values)[asset], s.recovery if shares > 0.0 else 1.0
        value = _floats(s.marks)[t * s.marks_step + asset] * recovery if np.isnan(stated) else stated
        _trade(s, asset, -shares, value, 0.0, t, _equity(s, t), s.rule_delisting)
        _record_fill(s, 0, t, t, NONE, asset, s.rule_delisting, -shares, value)
        _note(s, t, DELISTING, asset, shares, value, recovery if np.isnan(stated) else np.nan)


@inner
def _charge_borrowing(s: Packed, t: int) -> float:
    """Charge one bar's fee on the short positions held into the session, and return it."""
    fees, held, active = 0.0, _floats(s.held), _ints(s.active)
    if s.borrow_rate == 0.0:
        return fees
    for k in range(_ints(s.counts)[ACTIVE]):
        asset = active[k]
        shares = held[asset * HELD + SHARES]
        if shares < 0.0:
            fee = -shares * _floats(s.marks)[t * s.marks_step + asset] * _floats(s.borrow_fees)[t]
            _floats(s.money)[CASH] -= fee
            held[asset * HELD + FLOW] -= fee
            fees += fee
    return fees


@inner
def _resting_price(s: Packed, t: int, phase: int, asset: int, order: int, kind: int) -> float:
    """Return the price at which an order that names its own fills in a phase of a bar, NaN where it does not."""
    waiting, here = _floats(s.waiting), t * s.closes_step + asset
    buys, trigger = waiting[asset * WAITED + LEFT] > 0.0, waiting[asset * WAITED + TRIGGER]
    if _shorts(s.order_cells)[order * ORDER_CELLS + DECIDED] >= t:
        return np.nan
    price = _floats(s.opens)[here] if s.has_bars else _floats(s.closes)[here]
    if kind == LIMIT:
        reached = price < trigger if buys else price > trigger
    else:
        reached = price >= trigger if buys else price <= trigger
    if phase == WITHIN:
        low, high = _floats(s.lows)[here], _floats(s.highs)[here]
        if reached:  # at the open, and what did not fill there fills at no price that it jumped over
            return np.nan
        if kind == LIMIT:
            reached = low < trigger if buys else high > trigger
        else:
            reached = high >= trigger if buys else low <= trigger
        return trigger if reached else np.nan
    return price if reached and phase == (OPENING if s.has_bars else CLOSING) else np.nan


@inner
def _fill(s: Packed, t: int, known: int, asset: int, shares: float, price: float, equity: float) -> None:
    """Fill shares of the asset's open order at a price, and charge the costs."""
    order, notional, money, guard = (
        _ints(s.opened)[asset * OPENED + ORDER],
        abs(shares) * price,
        _floats(s.money),
        asset,
    )
    commission = max(notional * s.commission + abs(shares) * s.commission_per_share, s.commission_minimum)
    spread = notional * _floats(s.half_spreads)[known * s.half_spreads_step + asset]
    impact = _impact(s, known, asset, notional)
    cost, cells = commission + spread + impact, _shorts(s.order_cells)
    rule, decided = _long(cells[order * ORDER_CELLS + RULE]), _long(cells[order * ORDER_CELLS + DECIDED])
    _trade(s, asset, shares, price, cost, t, equity, rule)
    _floats(s.order_figures)[order * ORDER_FIGURES + DONE] += shares
    _floats(s.waiting)[asset * WAITED + LEFT] -= shares
    place, figures = _record_fill(s, order + 1, decided, t, known, asset, rule, shares, price), _floats(s.fill_figures)
    figures[place], figures[place + 1], figures[place + 2] = commission, spread, impact
    _floats(s.held)[asset * HELD + USED] += notional
    money[PAID] += cost
    money[TRADED] += notional
    if shares < 0.0 and s.settlement > 0 and notional > cost:
        _floats(s.settling)[_ints(s.settles_at)[t] % s.settling_rows] += notional - cost
        money[UNSETTLED] += notional - cost
    guard, place = _floats(s.guard), asset * GUARD
    ours = np.sign(_floats(s.held)[asset * HELD + SHARES]) == guard[place + GUARD_SIDE]
    if ours and np.isnan(guard[place + GUARD_EXTREME]) and not np.isnan(guard[place + GUARD_TRAIL]):
        guard[place + GUARD_EXTREME] = price


@inner
def _order_price(s: Packed, t: int, phase: int, asset: int, order: int) -> float:
    """Return the price at which an order fills in a phase of a bar, NaN where it does not."""
    kind = _ints(s.opened)[asset * OPENED + LIVE_KIND]
    if phase >= BEFORE:
        return _earlier_price(s, t, phase - BEFORE, asset, order, kind)
    if kind > AT_CLOSE:
        if kind == SET_OFF:
            return _floats(s.held)[asset * HELD + PRICE]
        return _resting_price(s, t, phase, asset, order, kind)
    at_open = kind == AT_OPEN or (kind == AT_PLAN and s.fill_at == NEXT_OPEN)
    if phase != (OPENING if at_open else CLOSING):
        return np.nan
    if kind == AT_CLOSE and _shorts(s.order_cells)[order * ORDER_CELLS + DECIDED] >= t:
        return np.nan
    return _floats(s.opens)[t * s.opens_step + asset] if at_open else _floats(s.closes)[t * s.closes_step + asset]


@inner
def _earlier_price(s: Packed, t: int, phase: int, asset: int, order: int, kind: int) -> float:
    """Return the price at which an order fills before the exit of its position in a phase, NaN where it does not.

    An order that adds to the position comes before its stop: a price that falls to a stop goes through the limit above
    it first, and may have risen to a stop that buys. What was bought is lost as well. An order that reduces the
    position comes before its target where it brings less.
    """
    shares, guard = _floats(s.held)[asset * HELD + SHARES], _floats(s.guard)
    if kind < LIMIT or kind == SET_OFF or shares == 0.0 or _ints(s.guard_set)[2 * asset + 1] >= t:
        return np.nan
    price, leaving = _resting_price(s, t, phase, asset, order, kind), _guard_price(s, t, phase, asset, False)
    if np.isnan(price) or np.isnan(leaving):
        return np.nan
    side = 1.0 if shares > 0.0 else -1.0
    at_target = side * leaving >= side * guard[asset * GUARD + GUARD_TARGET]
    if shares * _floats(s.waiting)[asset * WAITED + LEFT] > 0.0:
        return price if side * leaving <= side * price and not at_target else np.nan
    return price if at_target and side * price < side * leaving else np.nan


@inner
def _let_through(s: Packed, t: int, known: int, asset: int, order: int, price: float) -> float:
    """Return the shares of an order that its limit, the stress and the volume let through at a price."""
    left, shares = _floats(s.waiting)[asset * WAITED + LEFT], _floats(s.held)[asset * HELD + SHARES]
    limit = _floats(s.order_figures)[order * ORDER_FIGURES + LIMIT_PRICE]
    if not np.isfinite(price):
        return 0.0
    beyond = price - limit > 0.0 if left > 0.0 else price - limit < 0.0
    if beyond or _ints(s.counts)[ASIDE] == 1:  # what reduces the position alone
        left = np.sign(left) * min(abs(left), abs(shares)) if left * shares < 0.0 else 0.0
        if left == 0.0:
            return 0.0
    if s.waived:
        return left
    most = s.participation * _floats(s.bar_dollars)[t * s.bar_dollars_step + asset]
    most = min(_tradable(s, known, asset), most) - _floats(s.held)[asset * HELD + USED]
    if not most > 0.0:
        return 0.0
    if abs(left) * price <= most:
        return left
    lot = _floats(s.lots)[asset]
    if left * shares < 0.0 and _is_exit(s, order):
        lot = min(lot, 1.0)
    return _whole(np.sign(left) * most / price, lot)


@inner
def _is_exit(s: Packed, order: int) -> bool:
    """Whether an order leaves a position, or reduces it to what can be left in time."""
    leaves = _floats(s.order_figures)[order * ORDER_FIGURES + TARGET] == 0.0
    return leaves or _shorts(s.order_cells)[order * ORDER_CELLS + RULE] == s.rule_fast_exit


@inner
def _pays(s: Packed, known: int, asset: int, shares: float, price: float) -> bool:
    """Whether a sale brings what its commission costs, or else cash pays for it; it waits until one does."""
    if s.commission_minimum == 0.0:
        return True
    notional = -shares * price
    commission = max(notional * s.commission - shares * s.commission_per_share, s.commission_minimum)
    spread = notional * _floats(s.half_spreads)[known * s.half_spreads_step + asset]
    cost, money = commission + spread + _impact(s, known, asset, notional), _floats(s.money)
    return notional - cost + max(money[CASH] - money[UNSETTLED], 0.0) >= 0.0


@inner
def _execute(s: Packed, t: int, known: int, phase: int) -> None:
    """Fill what can be filled: sales, then covers of shorts, then purchases as far as the settled cash reaches.

    Purchases that cash cannot pay for are scaled down alike, and what is cut is not tried again: it was sized on prices
    that no longer hold. What the cap on volume leaves over waits.
    """
    held, active, opened, traded = _floats(s.held), _ints(s.active), _ints(s.opened), _flags(s.traded)
    equity, n, waiting, buys = _equity(s, t), _ints(s.counts)[ACTIVE], 0, False
    for k in range(n):
        asset = active[k]
        order = opened[asset * OPENED + ORDER]
        held[asset * HELD + WANTED] = 0.0
        if order < 0:
            continue
        waiting += 1
        if traded[t * s.traded_step + asset] == 0:
            continue
        price = _order_price(s, t, phase, asset, order)
        shares = _let_through(s, t, known, asset, order, price)
        if shares > 0.0:
            held[asset * HELD + WANTED], held[asset * HELD + PRICE] = shares, price
            buys = True
        elif shares < 0.0 and _pays(s, known, asset, shares, price):
            held[asset * HELD + PRICE] = price
            _fill(s, t, known, asset, shares, price, equity)
    if buys:
        _buy(s, t, known, equity)
    if waiting:
        for k in range(n):
            if opened[active[k] * OPENED + ORDER] >= 0:
                _close_if_done(s, active[k])


@inner
def _buy(s: Packed, t: int, known: int, equity: float) -> None:
    """Fill the purchases that are wanted, covers of shorts first, scaled down to what the settled cash pays for."""
    held, active, n, needed, fixed = _floats(s.held), _ints(s.active), _ints(s.counts)[ACTIVE], 0.0, 0.0
    for k in range(n):
        asset = active[k]
        shares, short = held[asset * HELD + WANTED], held[asset * HELD + SHARES]
        if shares > 0.0 and short < 0.0:
            cover = min(shares, -short)
            _fill(s, t, known, asset, cover, held[asset * HELD + PRICE], equity)
            held[asset * HELD + WANTED] = shares - cover
    for k in range(n):
        asset = active[k]
        shares = held[asset * HELD + WANTED]
        if shares > 0.0:
            notional = shares * held[asset * HELD + PRICE]
            commission = max(notional * s.commission + shares * s.commission_per_share, s.commission_minimum)
            spread = notional * _floats(s.half_spreads)[known * s.half_spreads_step + asset]
            needed += notional + (commission + spread + _impact(s, known, asset, notional))
            fixed += s.commission_minimum
    cash = max(_floats(s.money)[CASH] - _floats(s.money)[UNSETTLED], 0.0)
    scale = 1.0 if needed <= cash else max(cash - fixed, 0.0) / needed
    for k in range(n):
        asset = active[k]
        shares = held[asset * HELD + WANTED]
        if shares > 0.0:
            bought = shares if scale == 1.0 else _whole(shares * scale, _floats(s.lots)[asset])
            if bought > 0.0:
                _fill(s, t, known, asset, bought, held[asset * HELD + PRICE], equity)
            if bought != shares:
                _floats(s.waiting)[asset * WAITED + LEFT] -= shares - bought


@inner
def _close_if_done(s: Packed, asset: int) -> None:
    """Take an order with nothing left off the desk; what is left of one that was set off waits for the next price."""
    opened, figures, cells = _ints(s.opened), _floats(s.order_figures), _shorts(s.order_cells)
    order = opened[asset * OPENED + ORDER]
    quantity, done = figures[order * ORDER_FIGURES + ORDERED], figures[order * ORDER_FIGURES + DONE]
    place = order * ORDER_CELLS
    if abs(_floats(s.waiting)[asset * WAITED + LEFT]) <= ROUNDING * abs(quantity):
        missing = abs(quantity - done) > ROUNDING * abs(quantity)
        cells[place + STATUS] = CASH_SHORT if missing else FILLED
        opened[asset * OPENED + ORDER] = NONE
        if missing and _floats(s.held)[asset * HELD + SHARES] == 0.0:
            _forget_exits(s, asset)
    elif cells[place + KIND] >= STOP and (cells[place + KIND] == SET_OFF or done != 0.0):
        opened[asset * OPENED + LIVE_KIND] = AT_PLAN


@inner
def _guard_price(s: Packed, t: int, phase: int, asset: int, stops_only: bool) -> float:
    """Return the price at which the exits of a position are set off in a phase, NaN where none is."""
    guard, place, here = _floats(s.guard), asset * GUARD, t * s.closes_step + asset
    long = _floats(s.held)[asset * HELD + SHARES] > 0.0
    if guard[place + GUARD_SIDE] != (1.0 if long else -1.0):  # set for a position that is still to come
        return np.nan
    stop, target, extreme = guard[place + GUARD_STOP], guard[place + GUARD_TARGET], guard[place + GUARD_EXTREME]
    trail = guard[place + GUARD_TRAIL]
    if not np.isnan(trail) and not np.isnan(extreme):
        distance = extreme * trail if guard[place + GUARD_FRACTION] == 1.0 else trail
        level = extreme - distance if long else extreme + distance
        if np.isnan(stop) or (level > stop if long else level < stop):
            stop = level
    held_before = _ints(s.opened)[asset * OPENED + ENTERED] < t
    entry = _floats(s.held)[asset * HELD + PRICE]  # of a position of this bar, which may lie beyond its exits already
    if phase == WITHIN:
        low, high = _floats(s.lows)[here], _floats(s.highs)[here]
        if low <= stop if long else high >= stop:
            if held_before:
                return stop
            return min(stop, entry) if long else max(stop, entry)
        if not stops_only and (high > target if long else low < target):
            if held_before:
                return target
            return max(target, entry) if long else min(target, entry)
        return np.nan
    if not held_before or phase != (OPENING if s.has_bars else CLOSING):
        return np.nan
    price = _floats(s.opens)[here] if s.has_bars else _floats(s.closes)[here]
    reached = price <= stop or price > target if long else price >= stop or price < target
    return price if reached else np.nan


@inner
def _set_off_guards(s: Packed, t: int, phase: int, stops_only: bool) -> bool:
    """Order the exits of positions whose stop or target is reached; return whether there are any."""
    found, active, held = False, _ints(s.active), _floats(s.held)
    for k in range(_ints(s.counts)[ACTIVE]):
        asset = active[k]
        shares = held[asset * HELD + SHARES]
        if shares == 0.0 or _flags(s.traded)[t * s.traded_step + asset] == 0:
            continue
        if stops_only and _ints(s.opened)[asset * OPENED + ENTERED] != t:
            continue
        price, rule = _guard_price(s, t, phase, asset, stops_only), _ints(s.guard_set)[2 * asset]
        if np.isnan(price):
            continue
        decided = _ints(s.guard_set)[2 * asset + 1]
        if decided >= t:  # they hold from the next bar on
            continue
        _place(s, asset, -shares, rule, decided, price, -shares * np.inf, 0.0, SET_OFF)
        held[asset * HELD + PRICE] = price
        _forget_exits(s, asset)
        found = True
    return found


@inner
def _follow(s: Packed, t: int) -> None:
    """Move trailing stops after the bar, and let orders go that are past their last session."""
    active, waiting, guard, held = _ints(s.active), _floats(s.waiting), _floats(s.guard), _floats(s.held)
    opened, cells = _ints(s.opened), _shorts(s.order_cells)
    for k in range(_ints(s.counts)[ACTIVE]):
        asset = active[k]
        order, traded = opened[asset * OPENED + ORDER], _flags(s.traded)[t * s.traded_step + asset] != 0
        here, place = t * s.closes_step + asset, asset * WAITED
        high, low = _floats(s.highs)[here], _floats(s.lows)[here]
        if order >= 0 and cells[order * ORDER_CELLS + DECIDED] < t:
            if traded and opened[asset * OPENED + LIVE_KIND] == TRAILING_STOP:
                trail, trigger = waiting[place + TRAIL], waiting[place + TRIGGER]
                if waiting[place + LEFT] > 0.0:
                    waiting[place + TRIGGER] = min(trigger, low * (1.0 + trail))
                else:
                    waiting[place + TRIGGER] = max(trigger, high * (1.0 - trail))
            if t >= waiting[place + GOOD_UNTIL]:
                _cancel(s, asset, EXPIRED)
        place, shares = asset * GUARD + GUARD_EXTREME, held[asset * HELD + SHARES]
        if traded and shares != 0.0 and not np.isnan(guard[place]):
            if opened[asset * OPENED + ENTERED] == t:
                high, low = _floats(s.closes)[here], _floats(s.closes)[here]
            guard[place] = max(guard[place], high) if shares > 0.0 else min(guard[place], low)


@inner
def _e_process(s: Packed, i: int, judged: bool, loss: float) -> float:
    """Take in the loss of a session, and return the average of the bets, at most 1e300 so that it stays a number."""
    values, lines, bets, first = _floats(s.watch_bets), _floats(s.watch_lines), i * BETS, i * s.watch_lines_step
    cell, highest, total = 0, -np.inf, 0.0
    while judged and cell < CELLS - 1 and loss > lines[first + cell]:
        cell += 1
    for j in range(BETS):
        if judged:
            at = first + CELLS - 1 + 2 * (j * CELLS + cell)
            values[bets + j] += np.log(max(lines[at] + lines[at + 1] * loss, 1e-12))
        highest = max(highest, values[bets + j])
    for j in range(BETS):
        total += np.exp(values[bets + j] - highest)
    return np.exp(min(highest, 690.0)) * (total / BETS)


@inner
def _volatility(s: Packed, i: int, window: int) -> float:
    """Return the standard deviation (n - 1) of the last returns of the book."""
    returns, start, mean, squares = _floats(s.watch_returns), i * s.watch_returns_step, 0.0, 0.0
    for k in range(start, start + window):
        mean += returns[k]
    mean /= window
    for k in range(start, start + window):
        squares += (returns[k] - mean) ** 2
    return np.sqrt(squares / (window - 1))


@inner
def _streak(s: Packed, i: int, row: int, trades: bool) -> float:
    """Return on how many bars in a row, this one included, all or any parts of a condition were at their limits."""
    values, wholes, streaks = _floats(s.conditions), _ints(s.watch_whole), _floats(s.streaks)
    every, start = _ints(s.watch_kind)[i] == ALL, row * s.watch_kind_rows
    holds = every
    for j in range(i):
        if wholes[j] == i:
            reached = values[start + j] >= _floats(s.watch_limit)[j]
            holds = (holds and reached) if every else (holds or reached)
    if trades:
        streaks[i] = streaks[i] + 1.0 if holds else 0.0
    return streaks[i]


@inner
def _halt(s: Packed, t: int, rule: int, value: float, limit: float) -> None:
    counts = _ints(s.counts)
    if counts[HALTED_AT] < 0:
        counts[HALTED_AT], counts[HALT_RULE] = t, rule
        _note(s, t, HALT, rule, value, limit, 0.0)


@inner
def _watch(s: Packed, t: int, equity: float) -> None:
    """Update every condition; the first that fires halts the run for good."""
    money, counts, held, active = _floats(s.money), _ints(s.counts), _floats(s.held), _ints(s.active)
    trades, earlier, held_return = _flags(s.trades)[t] != 0, money[RETURN_SINCE_TRADE], money[HELD_RETURN]
    money[RETURN_SINCE_TRADE] = (1.0 + earlier) * (1.0 + held_return) - 1.0 if earlier != 0.0 else held_return
    judged = trades and money[BETS_STAND] != 0.0
    counts[BARS] += 1
    money[PEAK] = max(money[PEAK], equity)
    last_return = 0.0
    if trades:
        counts[BARS_TRADED] += 1
        last_return = equity / money[LAST_EQUITY] - 1.0 if money[LAST_EQUITY] > 0.0 else 0.0
        money[LAST_EQUITY] = equity
    for i in range(s.watch_kind_rows):
        kind, limit, value = _ints(s.watch_kind)[i], _floats(s.watch_limit)[i], np.nan
        if kind == DRAWDOWN:
            value = 1.0 - equity / money[PEAK]
        elif kind == STALE_DATA:
            value = 0.0
            for j in range(counts[ACTIVE]):
                if held[active[j] * HELD + SHARES] != 0.0:
                    value = max(value, float(_ints(s.silent_bars)[t * s.silent_bars_step + active[j]]))
        elif kind == E_PROCESS:
            value = _e_process(s, i, judged, -money[RETURN_SINCE_TRADE])
        elif kind == STRESSED_MARKET:
            value = 1.0 if _flags(s.regimes)[t] != 0 else 0.0
        elif kind >= ALL:
            value = _streak(s, i, t - counts[FIRST], trades)
        else:
            window = _ints(s.watch_window)[i]
            if trades:
                slot = i * s.watch_returns_step + (counts[BARS_TRADED] - 1) % window
                _floats(s.watch_returns)[slot] = last_return
            if counts[BARS_TRADED] >= window:
                share = counts[BARS_TRADED] / counts[BARS]
                value = _volatility(s, i, window) * np.sqrt(s.bars_per_year * share)
        _floats(s.conditions)[(t - counts[FIRST]) * s.watch_kind_rows + i] = value
        if value >= limit and _ints(s.watch_whole)[i] < 0:
            _halt(s, t, s.rule_first_condition + i, value, limit)
    if equity <= 0.0:
        _halt(s, t, s.rule_bankrupt, equity, 0.0)
    elif s.maintenance_margin > 0.0:
        gross = 0.0
        for j in range(counts[ACTIVE]):
            shares = held[active[j] * HELD + SHARES]
            gross += abs(shares * _floats(s.marks)[t * s.marks_step + active[j]]) if shares != 0.0 else 0.0
        if equity < s.maintenance_margin * gross:
            _halt(s, t, s.rule_margin, equity / gross, s.maintenance_margin)


@inner
def _close(s: Packed, t: int, asset: int, rule: int) -> bool:
    """Order a position closed in place of whatever waits for it; return whether a new order was placed."""
    shares, order = _floats(s.held)[asset * HELD + SHARES], _ints(s.opened)[asset * OPENED + ORDER]
    if shares == 0.0:
        _cancel(s, asset, CANCELLED)
        return False
    if order >= 0 and _shorts(s.order_cells)[order * ORDER_CELLS + RULE] == rule:
        return False
    mark = _floats(s.marks)[t * s.marks_step + asset]
    _place(s, asset, -shares, rule, t, mark, -shares * np.inf, 0.0, AT_PLAN)
    return True


@inner
def _close_all(s: Packed, t: int, rule: int) -> bool:
    placed = False
    for k in range(_ints(s.counts)[ACTIVE]):
        placed |= _close(s, t, _ints(s.active)[k], rule)
    return placed


@inner
def _fill_phases(s: Packed, t: int) -> None:
    """Fill orders, phase by phase of the bar; where none names its own price there is only the one of the plan.

    The last look within the bar is at positions that were opened in it.
    """
    resting, known = _ints(s.counts)[RESTING] > 0, max(t - 1, 0)
    begin = 0 if resting or s.fill_at == NEXT_OPEN else 3
    end = 4 if resting or s.fill_at == NEXT_CLOSE else 1
    if s.fill_at == DECISION_CLOSE:
        end = 3 if resting else 0
    for step in range(begin, end):
        if (step == 1 or step == 2) and not s.has_bars:
            continue
        phase = OPENING if step == 0 else (CLOSING if step == 3 else WITHIN)
        if resting and step != 2:
            _execute(s, t, known, BEFORE + phase)
        found = _set_off_guards(s, t, phase, step == 2) if resting else False
        if found or step != 2:
            _execute(s, t, known, phase)


@inner
def _open_session(s: Packed, t: int) -> int:
    """Play a session up to the moment at which whoever decides is asked: `ASK`, `STAND_ASIDE` or `HALTED`."""
    money, counts, active, held = _floats(s.money), _ints(s.counts), _ints(s.active), _floats(s.held)
    money[PAID], money[TRADED] = 0.0, 0.0
    if s.settlement > 0:
        settling, slot = _floats(s.settling), t % s.settling_rows
        money[UNSETTLED] -= settling[slot]
        settling[slot] = 0.0
    money[INTEREST] = money[CASH] * _floats(s.cash_rates)[t]
    money[CASH] += money[INTEREST]
    actions, paid = _ints(s.action_first), _ints(s.paid_first)
    if actions[t] != actions[t + 1] or paid[t] != paid[t + 1]:
        _corporate_actions(s, t)
    if s.delisted_step > 0:
        _pay_out_delisted(s, t)
    money[FEES] = _charge_borrowing(s, t)
    equity, before = _equity(s, t), money[EQUITY_BEFORE]
    money[HELD_RETURN] = equity / before - 1.0 if before > 0.0 else 0.0
    if not s.waived:
        for k in range(counts[ACTIVE]):
            held[active[k] * HELD + USED] = 0.0
    if s.fill_at != DECISION_CLOSE or counts[RESTING] > 0:
        _fill_phases(s, t)
        if s.fill_at == DECISION_CLOSE and not s.has_bars:
            _execute(s, t, t, BEFORE + CLOSING)
            if _set_off_guards(s, t, CLOSING, False):  # the strategy is asked afterwards, and sees what is left
                _execute(s, t, t, GUARDS)
        equity = _equity(s, t)
    _watch(s, t, equity)
    if counts[HALTED_AT] >= 0:
        return HALTED
    stressed = s.in_stress != TRADE and _flags(s.regimes)[t] != 0
    if stressed != (counts[ASIDE] == 1):
        counts[ASIDE] = 1 if stressed else 0
        _note(s, t, STRESS_BEGINS if stressed else STRESS_ENDS, NONE, 0.0, 0.0, 0.0)
    return STAND_ASIDE if stressed and s.in_stress == FLAT else ASK


@inner
def _is_busy(s: Packed, asset: int) -> bool:
    """Whether an asset is held, ordered or owed."""
    held, place = _floats(s.held), asset * HELD
    return held[place + SHARES] != 0.0 or _ints(s.opened)[asset * OPENED + ORDER] >= 0 or held[place + DUE] != 0.0


@inner
def _cost_fraction(s: Packed, t: int, asset: int, price: float) -> float:
    """Return commission and half-spread of trading an asset each way, as a fraction of notional."""
    fraction = s.commission + _floats(s.half_spreads)[t * s.half_spreads_step + asset]
    return fraction + s.commission_per_share / price if s.commission_per_share != 0.0 else fraction


@inner
def _cut_weight(s: Packed, t: int, asset: int, weight: float, equity: float) -> float:
    """Return a wanted weight cut to what stress and the fast exit allow."""
    shares = _floats(s.held)[asset * HELD + SHARES]
    held = shares * _floats(s.marks)[t * s.marks_step + asset] / equity if shares != 0.0 and equity > 0.0 else 0.0
    if _ints(s.counts)[ASIDE] == 1:
        weight = np.sign(weight) * min(abs(weight), abs(held)) if weight * held > 0.0 else 0.0
    cap = _leavable(s, t, asset, EXIT_ROOM) / equity
    if _flags(s.traded)[t * s.traded_step + asset] == 0:  # what is silent need not be sold for that
        cap = max(cap, abs(held))
    if abs(weight) > cap:
        _note(s, t, CUT, asset, weight, cap, 0.0)
        return min(max(weight, -cap), cap)
    return weight


@inner
def _keep_net(s: Packed, t: int) -> None:
    """Shrink the wanted weights alike where the cuts of one side left the caps on net weight behind."""
    sums, groups, held, active = _floats(s.group_sums), _ints(s.groups), _floats(s.held), _ints(s.active)
    net, n, share = 0.0, _ints(s.counts)[ACTIVE], 1.0
    for g in range(s.group_sums_rows):
        sums[2 * g + 1] = 0.0
    for k in range(n):
        wanted = held[active[k] * HELD + WANTED]
        net += wanted
        sums[2 * groups[t * s.groups_step + active[k]] + 1] += wanted
    if abs(net) > s.max_net + TOLERANCE:
        share = s.max_net / abs(net)
    for g in range(s.group_sums_rows):
        if abs(sums[2 * g + 1]) > s.max_group_net + TOLERANCE:
            share = min(share, s.max_group_net / abs(sums[2 * g + 1]))
    for k in range(n):
        wanted = held[active[k] * HELD + WANTED]
        if share < 1.0 and wanted != 0.0:
            _note(s, t, CUT, active[k], wanted, wanted * share, 0.0)
            held[active[k] * HELD + WANTED] = wanted * share


@inner
def _value_after_costs(s: Packed, t: int, equity: float) -> float:
    """Return the value of the book once the wanted weights are reached: the fixed point of value and costs."""
    value, held, active, marks = equity, _floats(s.held), _ints(s.active), _floats(s.marks)
    for _ in range(200):
        costs = 0.0
        for k in range(_ints(s.counts)[ACTIVE]):
            place, mark = active[k] * HELD, marks[t * s.marks_step + active[k]]
            shares, wanted = held[place + SHARES], held[place + WANTED]
            if wanted != 0.0 or shares != 0.0:
                there = shares * mark if shares != 0.0 else 0.0
                costs += _cost_fraction(s, t, active[k], mark) * abs(wanted * value - there)
        after = equity - costs
        if abs(after - value) <= 1e-16 * equity:
            break
        value = after
    return value


@inner
def _borrowed(s: Packed, t: int, asset: int, target: float) -> float:
    """Return a short target cut to the shares that can be borrowed."""
    mark = _floats(s.marks)[t * s.marks_step + asset]
    dollars = _floats(s.borrowable)[t * s.borrowable_step + asset]
    if not -target * mark > dollars:
        return target
    _note(s, t, NOT_BORROWED, asset, target, dollars, 0.0)
    return -dollars / mark


@inner
def _find_wanted(s: Packed, weights: np.ndarray) -> int:
    """List the assets with a weight, in order, and return how many there are.

    Without a branch: of a thousand assets a hundred are wanted, here and there, and a branch that cannot be foreseen
    costs more than to write a number that the next one overwrites.
    """
    wanted, n = _ints(s.wanted), 0
    for asset in range(s.held_rows):
        wanted[n] = asset
        n += 1 if weights[asset] != 0.0 else 0
    return n


@inner
def _activate(s: Packed, weights: np.ndarray) -> int:
    """Make active what is wanted beside what is held, ordered or owed, in order; return how many there are."""
    active, before, wanted, n, k, busy = _ints(s.active), _ints(s.active_before), _ints(s.wanted), 0, 0, 0
    for at in range(_ints(s.counts)[ACTIVE]):
        before[busy] = active[at]
        busy += 1 if _is_busy(s, active[at]) else 0
    n_wanted, j = _find_wanted(s, weights), 0
    while k < busy or j < n_wanted:
        from_before = j >= n_wanted or (k < busy and before[k] <= wanted[j])
        asset = before[k] if from_before else wanted[j]
        j += 1 if j < n_wanted and wanted[j] == asset else 0
        k += 1 if from_before else 0
        active[n] = asset
        n += 1
    _ints(s.counts)[ACTIVE] = n
    return n


@inner
def _limit_price(s: Packed, asset: int, quantity: float, mark: float, may_lose: float) -> float:
    """Return the price beyond which an order does not fill; infinite for one that only reduces a position."""
    shares = _floats(s.held)[asset * HELD + SHARES]
    if quantity == 0.0:
        return 0.0
    return quantity * np.inf if quantity * shares < 0.0 and abs(quantity) <= abs(shares) else mark + may_lose / quantity


@inner
def _order_targets(s: Packed, t: int, weights: np.ndarray, rules: np.ndarray) -> None:
    """Turn target weights into orders for the shares that are missing or too many."""
    counts, active, held, marks = _ints(s.counts), _ints(s.active), _floats(s.held), _floats(s.marks)
    n = _activate(s, weights)
    equity, plain = _equity(s, t), s.waived and counts[ASIDE] == 0
    cut = False
    for k in range(n):
        weight = weights[active[k]]
        kept = weight if plain else _cut_weight(s, t, active[k], weight, equity)
        held[active[k] * HELD + WANTED] = kept
        cut |= kept != weight
    if cut:
        _keep_net(s, t)
    value = equity if s.before_costs else _value_after_costs(s, t, equity)
    may_lose, wide = s.max_loss_per_trade * equity, len(rules) > 1
    for k in range(n):
        asset = active[k]
        weight, mark = held[asset * HELD + WANTED], marks[t * s.marks_step + asset]
        target = weight * value / mark if weight != 0.0 else 0.0
        if target < 0.0:
            target = _borrowed(s, t, asset, target)
        missing = target - held[asset * HELD + SHARES]
        if counts[ASIDE] == 1 and missing * held[asset * HELD + SHARES] > 0.0:  # rounding of what is to be kept
            missing = 0.0
        if weight != 0.0:  # an exit sells odd lots too
            missing = _whole(missing, _floats(s.lots)[asset])
        limit = _limit_price(s, asset, missing, mark, may_lose)
        _place(s, asset, missing, rules[asset if wide else 0], t, mark, limit, weight, AT_PLAN)


@inner
def _plan_exits(s: Packed, t: int) -> None:
    """Order the exits of what left the universe, outgrew the fast exit, passed its horizon or reached its stop."""
    active, counts, n = _ints(s.active), _ints(s.counts), _ints(s.counts)[ACTIVE]
    if s.eligible_step > 0:
        for k in range(n):
            if _flags(s.eligible)[t * s.eligible_step + active[k]] == 0:
                _leave_universe(s, t, active[k])
    if not s.waived:
        for k in range(n):
            _reduce_to_fast_exit(s, t, active[k])
    decided = counts[DECIDED_AT]
    if decided >= 0:
        age = _ints(s.bars_so_far)[t] - _ints(s.bars_so_far)[decided]
        if age >= s.horizon and _close_all(s, t, s.rule_horizon):
            _note(s, t, EXPIRED_BOOK, NONE, float(age), float(s.horizon), 0.0)
    if s.stop_loss != np.inf:
        for k in range(n):
            if _ints(s.opened)[active[k] * OPENED + ENTERED] >= 0:
                _stop_loss(s, t, active[k])


@inner
def _leave_universe(s: Packed, t: int, asset: int) -> None:
    """Order the exit of an asset that left the universe, unless an order does so already."""
    shares, order = _floats(s.held)[asset * HELD + SHARES], _ints(s.opened)[asset * OPENED + ORDER]
    left, plain = _floats(s.waiting)[asset * WAITED + LEFT], _ints(s.opened)[asset * OPENED + LIVE_KIND] <= AT_CLOSE
    if order >= 0 and plain and shares != 0.0 and abs(left + shares) <= ROUNDING * abs(shares):
        return
    if _close(s, t, asset, s.rule_universe):
        _note(s, t, LEFT_UNIVERSE, asset, shares, 0.0, 0.0)


@inner
def _stop_loss(s: Packed, t: int, asset: int) -> None:
    """Order the exit of a trade whose loss, its exit's costs included, has reached the stop."""
    held, place, mark = _floats(s.held), asset * HELD, _floats(s.marks)[t * s.marks_step + asset]
    shares = held[place + SHARES]
    value = shares * mark if shares != 0.0 else 0.0
    value -= abs(value) * _cost_fraction(s, t, asset, mark)
    loss = -(held[place + FLOW] + value) / held[place + ENTRY_EQUITY]
    if loss >= s.stop_loss and _close(s, t, asset, s.rule_stop_loss):
        _note(s, t, STOPPED, asset, loss, s.stop_loss, 0.0)


@inner
def _reduce_to_fast_exit(s: Packed, t: int, asset: int) -> None:
    """Order a position reduced that has outgrown the fast exit, unless an order does so already."""
    shares, order = _floats(s.held)[asset * HELD + SHARES], _ints(s.opened)[asset * OPENED + ORDER]
    if shares == 0.0 or _flags(s.traded)[t * s.traded_step + asset] == 0:
        return
    most, mark = _leavable(s, t, asset, 1.0), _floats(s.marks)[t * s.marks_step + asset]
    if not abs(shares * mark) > most:
        return
    plain = _ints(s.opened)[asset * OPENED + LIVE_KIND] <= AT_CLOSE  # others may wait for ever
    if order >= 0 and plain and abs(shares + _floats(s.waiting)[asset * WAITED + LEFT]) * mark <= most:
        return
    kept = np.sign(shares) * _leavable(s, t, asset, EXIT_ROOM) / mark
    lot, quantity = _floats(s.lots)[asset], kept - shares
    if lot != 0.0:  # rather a lot more is sold than one too few
        quantity = np.sign(quantity) * min(np.ceil(abs(quantity) / lot - ROUNDING) * lot, abs(shares))
    weight = (shares + quantity) * mark / _equity(s, t)
    _place(s, asset, quantity, s.rule_fast_exit, t, mark, quantity * np.inf, weight, AT_PLAN)
    _note(s, t, REDUCED, asset, abs(shares) * mark, most, 0.0)


@inner
def _record(s: Packed, t: int) -> None:
    """Write down the book after the session's fills, and forget assets that are no longer held, ordered or owed."""
    money, counts, held, active = _floats(s.money), _ints(s.counts), _floats(s.held), _ints(s.active)
    row, equity, sums, groups = t - counts[FIRST], _equity(s, t), _floats(s.group_sums), _ints(s.groups)
    marks, quantities, n_assets = _floats(s.marks), _floats(s.quantities), s.held_rows
    gross, net, due, days, n = 0.0, 0.0, 0.0, 0.0, 0
    for g in range(s.group_sums_rows):
        sums[2 * g] = 0.0
    if s.keeps_books:
        for asset in range(n_assets):
            quantities[row * n_assets + asset] = 0.0
    for k in range(counts[ACTIVE]):
        asset = active[k]
        shares = held[asset * HELD + SHARES]
        due += held[asset * HELD + DUE]
        if shares != 0.0:
            value = shares * marks[t * s.marks_step + asset]
            weight = value / equity if equity > 0.0 else 0.0
            gross += abs(weight)
            net += weight
            sums[2 * groups[t * s.groups_step + asset]] += abs(weight)
            if s.keeps_books:
                quantities[row * n_assets + asset] = shares
            if not s.waived:
                most = _exit_dollars(s, t, asset, 1.0)
                days = max(days, abs(value) / most if most > 0.0 else np.inf)
        if _is_busy(s, asset):
            active[n] = asset
            n += 1
        else:
            held[asset * HELD + USED] = 0.0
    counts[ACTIVE] = n
    before, cells, end = equity + money[PAID], _floats(s.record), s.record_step
    cells[row], cells[row + end], cells[row + 2 * end], cells[row + 3 * end] = equity, money[CASH], due, gross
    cells[row + 4 * end], cells[row + 5 * end] = net, money[TRADED] / before if before > 0.0 else 0.0
    cells[row + 6 * end], cells[row + 7 * end] = money[PAID] + money[FEES], money[INTEREST]
    cells[row + 8 * end], cells[row + 9 * end] = money[HELD_RETURN], np.nan if s.waived else days
    _flags(s.halted)[row] = 1 if counts[HALTED_AT] >= 0 else 0
    exposures, heaviest = _floats(s.exposures), 0.0
    for g in range(s.group_sums_rows):
        heaviest = max(heaviest, sums[2 * g])
        if s.groups_step == 0:
            exposures[row * s.group_sums_rows + g] = sums[2 * g]
    if s.groups_step > 0:
        exposures[row] = heaviest
    money[EQUITY_BEFORE] = equity
    if _flags(s.trades)[t] != 0 or counts[HALTED_AT] >= 0:
        money[BETS_STAND], money[RETURN_SINCE_TRADE] = 0.0, 0.0


@inner
def _close_session(s: Packed, t: int, asked: int, action: int, weights: np.ndarray, rules: np.ndarray) -> None:
    """Take the decision, let the exits of the terms overrule it, and write the book down."""
    counts = _ints(s.counts)
    if asked == HALTED:
        _close_all(s, t, counts[HALT_RULE])
    else:
        if asked == STAND_ASIDE:
            _close_all(s, t, s.rule_stand_aside)
        elif action > 0:
            counts[DECIDED_AT] = t
            _flags(s.decided)[t - counts[FIRST]] = 1
            if action == 2:
                _order_targets(s, t, weights, rules)
        _plan_exits(s, t)
    resting = counts[RESTING] > 0
    if s.fill_at == DECISION_CLOSE:
        _execute(s, t, t, CLOSING)
    if resting:
        _follow(s, t)
    _record(s, t)


@inner
def _is_refused(s: Packed, t: int, weights: np.ndarray, rules: np.ndarray) -> bool:
    """Whether the terms forbid a decision: what `decision_checks` says in words."""
    gross, net, negative, sums, groups, held = 0.0, 0.0, False, _floats(s.group_sums), _ints(s.groups), _floats(s.held)
    equity, wide, due, listed = _equity(s, t), len(rules) > 1, _flags(s.due)[t] != 0, _flags(s.listed)
    wanted, active, marks = _ints(s.wanted), _ints(s.active), _floats(s.marks)
    for g in range(2 * s.group_sums_rows):
        sums[g] = 0.0
    for k in range(_find_wanted(s, weights)):
        asset = wanted[k]
        weight, shares = weights[asset], held[asset * HELD + SHARES]
        if not abs(weight) <= s.max_weight + TOLERANCE or listed[t * s.listed_step + asset] == 0:
            return True
        negative |= weight < 0.0
        gross += abs(weight)
        net += weight
        group = 2 * groups[t * s.groups_step + asset]
        sums[group] += abs(weight)
        sums[group + 1] += weight
        there = shares * marks[t * s.marks_step + asset] / equity if shares != 0.0 and equity > 0.0 else 0.0
        grows = abs(weight) > abs(there) + TOLERANCE or weight * there < 0.0
        shrinks = abs(weight) < abs(there) - TOLERANCE or weight * there < 0.0
        purpose = _ints(s.purposes)[rules[asset if wide else 0]]
        if (grows and (purpose == EXIT or not due)) or (shrinks and purpose == ENTRY):
            return True
    for k in range(_ints(s.counts)[ACTIVE]):
        asset = active[k]
        shares = held[asset * HELD + SHARES]
        if shares != 0.0 and weights[asset] == 0.0 and equity > 0.0:
            left = abs(shares * marks[t * s.marks_step + asset] / equity) > TOLERANCE
            if left and _ints(s.purposes)[rules[asset if wide else 0]] == ENTRY:
                return True
    if (s.long_only and negative) or gross > s.max_gross + TOLERANCE or abs(net) > s.max_net + TOLERANCE:
        return True
    for g in range(s.group_sums_rows):
        if sums[2 * g] > s.max_group_gross + TOLERANCE or abs(sums[2 * g + 1]) > s.max_group_net + TOLERANCE:
            return True
    return False


@inner
def _has_room(s: Packed) -> bool:
    """Whether the logs have room for another session: each asset may be ordered, filled and noted several times."""
    counts, most = _ints(s.counts), s.room
    return (
        counts[ORDERS] + most <= s.order_cells_rows
        and counts[FILLS] + most <= s.fill_cells_rows
        and counts[TRADES] + most <= s.trade_cells_rows
        and counts[EVENTS] + most <= s.event_cells_rows
    )


@inner
def _may_be_quiet(s: Packed) -> bool:
    """Whether the terms leave a session alone in which nothing is decided, ordered or paid."""
    counts = _ints(s.counts)
    for i in range(s.watch_kind_rows):
        if _ints(s.watch_kind)[i] != DRAWDOWN and _ints(s.watch_kind)[i] != STALE_DATA:
            return False
    moves = s.delisted_step > 0 or s.eligible_step > 0 or s.groups_step > 0 or s.settlement > 0
    judged = s.borrow_rate != 0.0 or s.maintenance_margin != 0.0 or s.in_stress != TRADE
    return s.waived and not moves and not judged and counts[RESTING] == 0 and counts[HALTED_AT] < 0


@inner
def _is_settled(s: Packed) -> bool:
    """Whether nothing is ordered or owed, so that a session changes no more than the marks."""
    active, opened, held = _ints(s.active), _ints(s.opened), _floats(s.held)
    for k in range(_ints(s.counts)[ACTIVE]):
        if opened[active[k] * OPENED + ORDER] >= 0 or held[active[k] * HELD + DUE] != 0.0:
            return False
    return True


@inner
def _quiet_until(s: Packed, t: int, stop: int) -> int:
    """Return the first session from t on with a corporate action, a payment or a book past its horizon."""
    counts, actions, paid, so_far = _ints(s.counts), _ints(s.action_first), _ints(s.paid_first), _ints(s.bars_so_far)
    if actions[t] != actions[stop] or paid[t] != paid[stop]:
        last = t
        while last < stop and actions[last] == actions[last + 1] and paid[last] == paid[last + 1]:
            last += 1
        stop = last
    decided = counts[DECIDED_AT]
    if counts[ACTIVE] > 0 and decided >= 0 and stop > t and so_far[stop - 1] - so_far[decided] >= s.horizon:
        last = t
        while so_far[last] - so_far[decided] < s.horizon:
            last += 1
        stop = last
    return stop


@inner
def _exit_is_due(s: Packed, t: int, asset: int, shares: float) -> bool:
    """Whether the loss of a trade, its exit's costs included, has reached the stop."""
    held, place, mark = _floats(s.held), asset * HELD, _floats(s.marks)[t * s.marks_step + asset]
    value = shares * mark
    value -= abs(value) * _cost_fraction(s, t, asset, mark)
    return -(held[place + FLOW] + value) / held[place + ENTRY_EQUITY] >= s.stop_loss


@inner
def _condition_fires(s: Packed, row: int, drawdown: float, stale: float) -> bool:
    """Write down the values of the conditions that a quiet session may have; return whether one of them fires."""
    start, kinds, limits, values = row * s.watch_kind_rows, _ints(s.watch_kind), _floats(s.watch_limit), s.conditions
    for i in range(s.watch_kind_rows):
        value = drawdown if kinds[i] == DRAWDOWN else stale
        if value >= limits[i]:
            return True
        _floats(values)[start + i] = value
    return False


@inner
def _keep_book(s: Packed, t: int, row: int, equity: float, cash: float, interest: float, held_return: float) -> None:
    """Write down the shares, the weights and the money of a quiet session."""
    active, held, marks, groups = _ints(s.active), _floats(s.held), _floats(s.marks), _ints(s.groups)
    quantities, exposures, cells, end = _floats(s.quantities), _floats(s.exposures), _floats(s.record), s.record_step
    n_groups, n_assets, gross, net = s.group_sums_rows, s.held_rows, 0.0, 0.0
    for g in range(n_groups):
        exposures[row * n_groups + g] = 0.0
    for asset in range(n_assets):
        quantities[row * n_assets + asset] = 0.0
    for k in range(_ints(s.counts)[ACTIVE]):
        shares = held[active[k] * HELD + SHARES]
        weight = shares * marks[t * s.marks_step + active[k]] / equity
        gross += abs(weight)
        net += weight
        exposures[row * n_groups + groups[active[k]]] += abs(weight)
        quantities[row * n_assets + active[k]] = shares
    cells[row + end], cells[row + 2 * end], cells[row + 3 * end], cells[row + 4 * end] = cash, 0.0, gross, net
    cells[row + 7 * end], cells[row + 8 * end], cells[row + 9 * end] = interest, held_return, np.nan


@inner
def _pass_quiet(s: Packed, t: int, stop: int) -> int:
    """Play sessions in which the book is only marked; return the first that is not such.

    It does what opening and closing a session do, as far as anything is left of it, at a fraction of the time: what
    changes from session to session is held in variables, and written back at the end.
    """
    money, counts, active, held = _floats(s.money), _ints(s.counts), _ints(s.active), _floats(s.held)
    marks, cells, rates, trades = _floats(s.marks), _floats(s.record), _floats(s.cash_rates), _flags(s.trades)
    silent, n, first, end, stops = _ints(s.silent_bars), counts[ACTIVE], counts[FIRST], s.record_step, s.stop_loss
    if t >= stop or not _is_settled(s):
        return t
    stop, begun, live, watched = _quiet_until(s, t, stop), t, 0, s.watch_kind_rows > 0
    cash, before, peak, since = money[CASH], money[EQUITY_BEFORE], money[PEAK], money[RETURN_SINCE_TRADE]
    held_return, last, keeps = money[HELD_RETURN], money[LAST_EQUITY], s.keeps_books != 0
    while t < stop:
        interest, row, positions, stale, due, here = cash * rates[t], t - first, 0.0, 0.0, False, t * s.marks_step
        for k in range(n):
            shares = held[active[k] * HELD + SHARES]
            positions += shares * marks[here + active[k]]
            if stops != np.inf:
                due |= _exit_is_due(s, t, active[k], shares)
            if watched:
                stale = max(stale, float(silent[t * s.silent_bars_step + active[k]]))
        equity = cash + interest + positions
        if due or equity <= 0.0:
            break
        if watched and _condition_fires(s, row, 1.0 - equity / max(peak, equity), stale):
            break
        cash += interest
        traded = trades[t] != 0
        if keeps or not traded or since != 0.0:
            held_return = equity / before - 1.0 if before > 0.0 else 0.0
            since = (1.0 + since) * (1.0 + held_return) - 1.0 if since != 0.0 else held_return
        before, peak = equity, max(peak, equity)
        if traded:
            live, last, since = live + 1, equity, 0.0
        if keeps:
            _keep_book(s, t, row, equity, cash, interest, held_return)
        cells[row], cells[row + 5 * end], cells[row + 6 * end] = equity, 0.0, 0.0
        t += 1
    money[CASH], money[EQUITY_BEFORE], money[PEAK], money[RETURN_SINCE_TRADE] = cash, before, peak, since
    money[HELD_RETURN], money[LAST_EQUITY] = held_return, last
    counts[BARS] += t - begun
    counts[BARS_TRADED] += live
    if live > 0:
        money[BETS_STAND] = 0.0
    return t


@compiled
def advance(
    address: int,
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
        address: Of the packed run.
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
    s = _at(address)
    counts, tabled = _ints(s.counts), len(rows) > 0
    t, asked, row, quiet = counts[NOW], counts[ASKED], counts[NEXT_ROW], _may_be_quiet(s)
    while t < stop:
        if asked < 0:
            if tabled and quiet:
                while row < len(rows) and rows[row] < t:
                    row += 1
                t = _pass_quiet(s, t, min(stop, rows[row]) if row < len(rows) else stop)
                if t >= stop:
                    break
            if not _has_room(s):
                counts[NOW], counts[ASKED], counts[NEXT_ROW] = t, NONE, row
                return FULL
            asked, action = _open_session(s, t), 0
            if asked == ASK and not tabled:
                counts[NOW], counts[ASKED] = t, asked
                return ASKS
            while row < len(rows) and rows[row] < t:
                row += 1
            if asked == ASK and row < len(rows) and rows[row] == t:
                action = 1 if np.isnan(table[row, 0]) else 2
                if action == 2 and _is_refused(s, t, table[row], table_rules[row]):
                    counts[NOW], counts[ASKED], counts[NEXT_ROW] = t, asked, row
                    return REFUSED
        if tabled:
            at = min(row, len(rows) - 1)
            _close_session(s, t, asked, action, table[at], table_rules[at])
        else:
            _close_session(s, t, asked, action, weights, rules)
        asked, quiet = NONE, quiet and counts[HALTED_AT] < 0
        t += 1
    counts[NOW], counts[ASKED], counts[NEXT_ROW] = t, NONE, row
    return DONE_PLAYING


def compile_once() -> None:
    """Compile `advance`, or load it from the disk, unless it is there.

    The garbage collector waits: compiling makes millions of objects that stay, and looking through them again and again
    takes a tenth of the time.
    """
    dispatcher = cast("Any", advance)
    if dispatcher.signatures:
        return
    number, numbers, whole = types.int64, types.float64[::1], types.int64[::1]
    running = gc.isenabled()
    gc.disable()
    try:
        dispatcher.compile((number, number, number, numbers, whole, whole, types.float64[:, ::1], types.int64[:, ::1]))
    finally:
        if running:
            gc.enable()


@inner
def _cut_order(s: Packed, t: int, asset: int, quantity: float, equity: float) -> float:
    """Return the shares of an order cut to what stress, the fast exit and the lender of shares allow."""
    held, mark = _floats(s.held)[asset * HELD + SHARES], _floats(s.marks)[t * s.marks_step + asset]
    after = _cut_weight(s, t, asset, (held + quantity) * mark / equity, equity) * equity / mark
    if after < 0.0 and after < held:
        after = min(_borrowed(s, t, asset, after), max(held, after))
    if s.long_only and held >= 0.0:
        after = max(after, 0.0)
    cut = after - held
    if cut * quantity <= 0.0:  # nothing is left of it; an order is never turned into its opposite
        return 0.0
    kept = abs(cut - quantity) <= ROUNDING * abs(quantity) or abs(cut) > abs(quantity)
    return quantity if kept else cut


@compiled
def place_order(
    address: int, asset: int, quantity: float, rule: int, kind: int, trigger: float, trail: float, good_until: float
) -> None:
    """Place one order for shares at the session that asks; the book's equity sets how far a bad price may take it."""
    s = _at(address)
    counts, active, n = _ints(s.counts), _ints(s.active), 0
    t = counts[NOW]
    equity, mark = _equity(s, t), _floats(s.marks)[t * s.marks_step + asset]
    quantity = _cut_order(s, t, asset, quantity, equity)
    if quantity != -_floats(s.held)[asset * HELD + SHARES]:  # an exit sells odd lots too
        quantity = _whole(quantity, _floats(s.lots)[asset])
    for other in range(s.held_rows):
        if other == asset or _is_busy(s, other):
            active[n] = other
            n += 1
    counts[ACTIVE] = n
    target = (_floats(s.held)[asset * HELD + SHARES] + quantity) * mark / equity
    limit = _limit_price(s, asset, quantity, mark, s.max_loss_per_trade * equity)
    _place(s, asset, quantity, rule, t, mark, limit, target, kind)
    counts[RESTING] += 1
    waiting, place = _floats(s.waiting), asset * WAITED
    waiting[place + TRIGGER], waiting[place + TRAIL], waiting[place + GOOD_UNTIL] = trigger, trail, good_until


@compiled
def guard_position(
    address: int, asset: int, rule: int, side: float, stop: float, target: float, trail: float, is_fraction: bool
) -> None:
    """Set the exits of a position on a side, NaN for none; they hold from the next session on, until it is flat.

    A trailing stop of a position that is held starts from the mark, or from the best price of the one it replaces.
    """
    s = _at(address)
    guard, place, counts = _floats(s.guard), asset * GUARD, _ints(s.counts)
    shares, before, was = (
        _floats(s.held)[asset * HELD + SHARES],
        guard[place + GUARD_EXTREME],
        guard[place + GUARD_SIDE],
    )
    if shares == 0.0 and _ints(s.opened)[asset * OPENED + ORDER] < 0:
        return
    counts[RESTING] += 1
    guard[place + GUARD_STOP], guard[place + GUARD_TARGET], guard[place + GUARD_TRAIL] = stop, target, trail
    guard[place + GUARD_EXTREME], guard[place + GUARD_FRACTION] = np.nan, 1.0 if is_fraction else 0.0
    guard[place + GUARD_SIDE] = side
    if np.sign(shares) == side and not np.isnan(trail):
        extreme = _floats(s.marks)[counts[NOW] * s.marks_step + asset]
        if was == side and not np.isnan(before):
            extreme = max(extreme, before) if side > 0.0 else min(extreme, before)
        guard[place + GUARD_EXTREME] = extreme
    _ints(s.guard_set)[2 * asset], _ints(s.guard_set)[2 * asset + 1] = rule, counts[NOW]


@compiled
def summarise(address: int, figures: np.ndarray) -> None:
    """Sum a run up that has been played, into (7,) figures.

    They are equity at the end, mean and standard deviation (n - 1) of the returns of sessions in which anything
    traded, the largest fall of equity from its peak, turnover, costs, and the number of fills.
    """
    s = _at(address)
    cells, trades, sessions = _floats(s.record), _flags(s.trades), s.record_step
    first, last, peak, fall = _ints(s.counts)[FIRST], figures[0], figures[0], 0.0
    n, origin, total, squares, turnover, costs = 0, 0.0, 0.0, 0.0, 0.0, 0.0
    for row in range(sessions):
        equity = cells[row]
        turnover += cells[row + 5 * sessions]
        costs += cells[row + 6 * sessions]
        peak = max(peak, equity)
        if equity < peak * (1.0 - fall):
            fall = max(fall, 1.0 - equity / peak)
        if trades[first + row] != 0 or row == sessions - 1:
            change = equity / last - 1.0 if last > 0.0 else 0.0
            if n == 0:  # sums about the first return, so that equal ones vary by nothing
                origin = change
            n += 1
            total += change - origin
            squares += (change - origin) ** 2
            last = equity
    mean = total / n if n > 0 else 0.0
    spread = max(squares - total * mean, 0.0)
    figures[0], figures[1], figures[2] = last, origin + mean, np.sqrt(spread / (n - 1)) if n > 1 else np.nan
    figures[3], figures[4], figures[5], figures[6] = fall, turnover, costs, float(_ints(s.counts)[FILLS])
