"""The compiled engine's arrays: made from a tape and terms, and read back as what happened in a run."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from quantdl.backtest.book import kernel
from quantdl.backtest.book.kernel import Codes, Market, Rules, State, Watches
from quantdl.backtest.book.tape import Tape, settles_at
from quantdl.backtest.book.terms import ENGINE_PREFIX, STRESSED, Terms

_FILL_AT = {
    "next_close": int(kernel.NEXT_CLOSE),
    "next_open": int(kernel.NEXT_OPEN),
    "decision_close": int(kernel.DECISION_CLOSE),
}
_IN_STRESS = {"trade": int(kernel.TRADE), "reduce_only": int(kernel.REDUCE_ONLY), "flat": int(kernel.FLAT)}
_KINDS = {
    "drawdown": kernel.DRAWDOWN,
    "volatility": kernel.VOLATILITY,
    "stale_data": kernel.STALE_DATA,
    "calibration": kernel.E_PROCESS,
    "risk_e_process": kernel.E_PROCESS,
    "pit_drift": kernel.E_PROCESS,
    "stressed_market": kernel.STRESSED_MARKET,
    "all": kernel.ALL,
    "any": kernel.ANY,
}
_PURPOSES = {"rebalance": kernel.REBALANCE, "entry": kernel.ENTRY, "exit": kernel.EXIT}
_EXITS = ("delisting", "split", "stop_loss", "universe", "horizon", "fast_exit", "stand_aside", "bankrupt", "margin")


@dataclass(frozen=True)
class RuleBook:
    """The rules that orders are tagged with, by number: those of the plan first, then those of the engine.

    Attributes:
        names: Name of each.
        codes: Numbers of the engine's own, and what each may do.
    """

    names: tuple[str, ...]
    codes: Codes

    def numbers(self, rules: Sequence[str]) -> np.ndarray:
        """Return the number of each rule."""
        known = {name: number for number, name in enumerate(self.names)}
        return np.array([known[rule] for rule in rules], dtype=np.int64)


def rule_book(terms: Terms) -> RuleBook:
    """Number the rules of a run."""
    own = tuple(terms.purposes)
    exits = (*_EXITS, *(condition.label for condition in terms.conditions))
    names = own + tuple(f"{ENGINE_PREFIX}{name}" for name in exits)
    purposes = [_PURPOSES[terms.purposes[name]] for name in own] + [kernel.REBALANCE] * len(exits)
    numbers = {f"rule_{name}": len(own) + place for place, name in enumerate((*_EXITS, "first_condition"))}
    return RuleBook(names, Codes(**numbers, purposes=_counts(np.array(purposes))))


def market(tape: Tape, terms: Terms) -> Market:
    """Return what the bars of a tape offer under the terms of a run."""
    close, shape = _money(tape.fields["close"]), tape.traded.shape
    bars = _has_bars(tape, terms)
    opens = _money(tape.fields["open"]) if _has_opens(tape, terms) else close
    first, column, ratio, payment_first, amount, row, payment_column = _actions(tape)
    paid = np.argsort(row, kind="stable")
    watches_silence = any(condition.kind == "stale_data" for condition in terms.conditions) and not tape.traded.all()
    waived = terms.costs.liquidity_is_waived
    nothing = _money(np.full((1, shape[1]), np.nan))
    return Market(
        opens=opens,
        highs=_money(tape.fields["high"]) if bars else close,
        lows=_money(tape.fields["low"]) if bars else close,
        closes=close,
        marks=_money(tape.marks),
        traded=_flags(tape.traded),
        listed=_flags(tape.listed),
        eligible=_constant(tape.eligible, value=True),
        delisted=_constant(tape.delisted, value=False),
        silent_bars=_counts(tape.silent_bars if watches_silence else np.zeros((1, shape[1]))),
        terminal_values=_money(tape.terminal_values),
        volatility=nothing if waived else _money(tape.volatility),
        dollar_volume=_money(np.full((1, shape[1]), np.inf)) if waived else _rows(terms.dollar_volume),
        bar_dollars=_rows(terms.bar_dollars),
        half_spreads=_rows(_half_spreads(terms, shape[1])),
        borrowable=_money(np.broadcast_to(terms.borrowable, (1, shape[1]))),
        groups=_counts(terms.limits.group_of[None] if terms.groups is None else terms.groups),
        lots=_money(np.full(shape[1], terms.lot_shares)),
        bars_so_far=_counts(tape.bars_so_far),
        trades=_flags(tape.trades),
        due=_flags(terms.due),
        regimes=_flags(terms.regimes == STRESSED),
        cash_rates=_money(terms.cash_rates),
        borrow_fees=_money(terms.borrow_fees(shape[0])),
        settles_at=_counts(settles_at(tape.days, terms.settlement_sessions)),
        action_first=first,
        action_column=column,
        action_ratio=ratio,
        payment_first=payment_first,
        payment_amount=amount,
        payment_row=row,
        payment_column=payment_column,
        paid_first=_counts(np.searchsorted(row[paid], np.arange(shape[0] + 1))),
        paid=_counts(paid),
    )


def _half_spreads(terms: Terms, n_assets: int) -> np.ndarray:
    """Return (T | 1, A) half the spread as a fraction of the price: each asset's own, or the same for all."""
    if terms.half_spreads is None:
        return np.full((1, n_assets), terms.costs.half_spread_bps / 1e4)
    return terms.half_spreads


def _has_opens(tape: Tape, terms: Terms) -> bool:
    """Whether opens are there, and trusted by the plan."""
    return "open" in tape.fields and "open" in terms.fields


def _has_bars(tape: Tape, terms: Terms) -> bool:
    """Whether opens, highs and lows are there, and trusted by the plan."""
    return {"open", "high", "low"} <= set(tape.fields) & set(terms.fields)


def rules(tape: Tape, terms: Terms) -> Rules:
    """Return the numbers of the terms."""
    limits, costs = terms.limits, terms.costs
    changing = terms.groups is not None
    return Rules(
        fill_at=_FILL_AT[terms.fill_at],
        has_bars=_has_bars(tape, terms),
        before_costs=False,
        keeps_books=True,
        long_only=bool(limits.long_only),
        max_weight=float(limits.max_weight),
        max_gross=float(limits.max_gross),
        max_net=float(limits.max_net),
        max_group_gross=float(limits.max_group_gross),
        max_group_net=float(limits.max_group_net),
        n_groups=len(tape.assets) if changing else len(limits.group_names),
        stop_loss=float(terms.stop_loss),
        max_loss_per_trade=float(terms.max_loss_per_trade),
        commission=costs.commission_bps / 1e4,
        commission_per_share=float(costs.commission_per_share),
        commission_minimum=float(costs.commission_minimum),
        impact=float(costs.impact_coefficient),
        participation=float(costs.participation),
        waived=bool(costs.liquidity_is_waived),
        borrow_rate=float(terms.borrow_rate),
        maintenance_margin=float(terms.maintenance_margin),
        recovery=float(terms.delisting_recovery),
        settlement=int(terms.settlement_sessions),
        horizon=int(terms.horizon_bars),
        exit_sessions=int(terms.max_exit_sessions),
        in_stress=_IN_STRESS[terms.in_stress],
        bars_per_year=float(terms.bars_per_year),
        room=8 * len(tape.assets) + 16 + most_payments(tape),
    )


def most_payments(tape: Tape) -> int:
    """Return the most dividends that fall due on one bar, each an entry of the log of events."""
    return max((sum(len(effect.payments) for effect in row) for row in tape.effects.values()), default=0)


def watches(terms: Terms) -> Watches:
    """Return the conditions of a run, with none of them advanced."""
    items = terms.conditions
    windows = np.array([max(item.window_bars, 1) for item in items], dtype=np.int64)
    width = kernel.CELLS - 1 + 2 * kernel.BETS * kernel.CELLS if terms.follows_risk else 1
    return Watches(
        watch_kind=_counts(np.array([_KINDS[item.kind] for item in items])),
        watch_limit=_money(np.array([item.limit for item in items])),
        watch_window=_counts(windows),
        watch_whole=_counts(np.array([item.whole for item in items])),
        watch_bets=np.zeros((len(items), kernel.BETS)),
        watch_lines=np.zeros((len(items), width)),
        watch_returns=np.zeros((len(items), int(windows.max(initial=1)))),
    )


def _longest_settlement(tape: Tape, terms: Terms) -> int:
    """Return the most bars from a sale until its proceeds may be spent."""
    return int((settles_at(tape.days, terms.settlement_sessions) - np.arange(len(tape.days))).max())


def empty_state(tape: Tape, terms: Terms, first: int, sessions: int, equity: float, capacity: int) -> State:
    """Return a book of cash with nothing written down.

    Args:
        tape: The market.
        terms: What must be obeyed.
        first: Position of the first session.
        sessions: Sessions to be played.
        equity: Money at the start.
        capacity: Orders and fills that the logs hold at first.
    """
    n_assets, n_groups = len(tape.assets), len(terms.limits.group_names)
    changing = terms.groups is not None
    columns = 1 if changing else max(n_groups, 1)
    state = State(
        money=np.zeros(12),
        counts=np.zeros(16, dtype=np.int64),
        held=np.zeros((n_assets, int(kernel.HELD))),
        opened=np.zeros((n_assets, int(kernel.OPENED)), dtype=np.int64),
        waiting=np.zeros((n_assets, int(kernel.WAITED))),
        guard=np.zeros((n_assets, int(kernel.GUARD))),
        guard_set=np.zeros((n_assets, 2), dtype=np.int64),
        active=np.zeros(n_assets, dtype=np.int64),
        active_before=np.zeros(n_assets, dtype=np.int64),
        wanted=np.zeros(n_assets, dtype=np.int64),
        settling=np.zeros(_longest_settlement(tape, terms) + 1),
        earned=np.zeros(sum(len(effect.payments) for row in tape.effects.values() for effect in row)),
        group_sums=np.zeros((n_assets if changing else columns, 2)),
        order_cells=np.empty((capacity, int(kernel.ORDER_CELLS)), dtype=np.int32),
        order_figures=np.empty((capacity, int(kernel.ORDER_FIGURES))),
        fill_cells=np.empty((capacity, kernel.FILL_CELLS), dtype=np.int32),
        fill_figures=np.empty((capacity, kernel.FILL_FIGURES)),
        trade_cells=np.empty((capacity, kernel.TRADE_CELLS), dtype=np.int32),
        trade_figures=np.empty((capacity, 2)),
        event_cells=np.empty((capacity, kernel.EVENT_CELLS), dtype=np.int32),
        event_figures=np.empty((capacity, kernel.EVENT_CELLS)),
        record=np.empty((kernel.RECORD, sessions)),
        halted=np.zeros(sessions, dtype=np.bool_),
        decided=np.zeros(sessions, dtype=np.bool_),
        quantities=np.empty((sessions, n_assets)),
        exposures=np.empty((sessions, columns)),
        conditions=np.empty((sessions, len(terms.conditions))),
        streaks=np.zeros(len(terms.conditions)),
    )
    start_over(state, first, equity)
    return state


def start_over(state: State, first: int, equity: float) -> None:
    """Make a book of cash of a state again, with nothing written down: for the next of many runs on one market."""
    state.money[:] = 0.0
    for cell in (kernel.CASH, kernel.EQUITY_BEFORE, kernel.PEAK, kernel.LAST_EQUITY):
        state.money[cell] = equity
    state.counts[:] = 0
    for cell in (kernel.DECIDED_AT, kernel.HALTED_AT, kernel.ASKED):
        state.counts[cell] = -1
    state.counts[kernel.FIRST] = state.counts[kernel.NOW] = first
    state.held[:] = 0.0
    state.held[:, kernel.ENTRY_EQUITY] = 1.0
    state.opened[:] = -1
    state.guard[:] = np.nan
    for figures in (state.settling, state.earned, state.streaks):
        figures[:] = 0.0
    state.decided[:] = False
    state.halted[:] = False


def with_room(state: State, room: int) -> State:
    """Return the state with longer logs where one is nearly full."""
    logs = {"orders": kernel.ORDERS, "fills": kernel.FILLS, "trades": kernel.TRADES, "events": kernel.EVENTS}
    grown = {}
    for name, cell in logs.items():
        used = int(state.counts[cell])
        for part in ("cells", "figures"):
            log = getattr(state, f"{name[:-1]}_{part}")
            if used + room > len(log):
                longer = np.empty((2 * len(log) + 2 * room, log.shape[1]), dtype=log.dtype)
                longer[:used] = log[:used]
                grown[f"{name[:-1]}_{part}"] = longer
    return state._replace(**grown) if grown else state


def _money(values: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(values, dtype=np.float64)


def _flags(values: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(values, dtype=np.bool_)


def _counts(values: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(values, dtype=np.int64)


def _rows(values: np.ndarray) -> np.ndarray:
    """Return the one row of an array that repeats it, else the array."""
    return _money(values[:1] if len(values) and values.strides[0] == 0 else values)


def _constant(values: np.ndarray, *, value: bool) -> np.ndarray:
    """Return one row where all cells have a value, else the array."""
    return _flags(values[:1] if len(values) and bool((values == value).all()) else values)


def _actions(tape: Tape) -> tuple[np.ndarray, ...]:
    """Return the corporate actions as flat arrays, in order of bar and asset."""
    listed = [effect for row in sorted(tape.effects) for effect in tape.effects[row]]
    first = np.searchsorted([effect.row for effect in listed], np.arange(len(tape.sessions) + 1))
    payments = [payment for effect in listed for payment in effect.payments]
    counts = np.cumsum([0, *(len(effect.payments) for effect in listed)])
    return (
        _counts(first),
        _counts(np.array([effect.column for effect in listed])),
        _money(np.array([effect.ratio for effect in listed])),
        _counts(counts),
        _money(np.array([payment.amount for payment in payments])),
        _counts(np.array([payment.pay_row for payment in payments])),
        _counts(np.array([effect.column for effect in listed for _ in effect.payments])),
    )
