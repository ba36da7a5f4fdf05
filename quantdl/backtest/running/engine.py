"""The backtest: at every close the terms are obeyed first, then whoever decides is asked.

The sessions themselves are played by compiled code, `quantdl.backtest.book.kernel`, which says what happens in which
order. Here a run is set up, whoever decides is asked, and what was written down is read.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import pandas as pd

from quantdl.backtest.book import kernel
from quantdl.backtest.book.kernel import Market
from quantdl.backtest.book.state import RuleBook, empty_state, market, rule_book, rules, watches, with_room
from quantdl.backtest.book.tape import Tape
from quantdl.backtest.book.terms import Terms
from quantdl.backtest.running.decisions import Answer, BookNow, Driver, Moment, Order, Orders, RecordedDecision
from quantdl.backtest.running.forecast_bets import ForecastBets
from quantdl.backtest.running.result import BacktestResult
from quantdl.backtest.running.tables import Logs, result_of
from quantdl.backtest.running.view import Forecasts
from quantdl.errors import RunError
from quantdl.portfolio.limits import Limits

Progress = Callable[[int, int], None]

_NO_ROWS = np.zeros(0, dtype=np.int64)
_NO_CODES = np.zeros((0, 1), dtype=np.int64)
_CAPACITY = 4096  # orders and fills that the logs hold at first


@dataclass(frozen=True, eq=False)
class Job:
    """One run to be made, whoever decides in it.

    Attributes:
        tape: The market.
        terms: What must be obeyed.
        first: Position of the first session played; what comes before is history.
        stop: Position after the last.
        initial_equity: Money at the start.
    """

    tape: Tape
    terms: Terms
    first: int
    stop: int
    initial_equity: float = 1_000_000.0

    def __post_init__(self) -> None:
        """Refuse a run without money.

        Raises:
            RunError: If there is none.
        """
        if not (np.isfinite(self.initial_equity) and self.initial_equity > 0):
            raise RunError(f"initial_equity must be a positive amount of money, got {self.initial_equity}.")

    @cached_property
    def columns(self) -> dict[str, int]:
        """Position of each asset."""
        return {asset: column for column, asset in enumerate(self.tape.assets)}

    @property
    def before(self) -> pd.Timestamp:
        """The session before the first one, or the first one where the data begin with it."""
        return self.tape.sessions[max(self.first - 1, 0)]

    def limits_at(self, t: int) -> Limits:
        """Return the caps as of a close."""
        if self.terms.groups is None:
            return self.terms.limits
        group_of = self.terms.groups[t].copy()  # a strategy sees it, and must not see later rows through its base
        group_of.flags.writeable = False
        names = tuple(f"cluster {number + 1}" for number in range(int(group_of.max()) + 1))
        return replace(self.terms.limits, group_of=group_of, group_names=names)


def play(job: Job, driver: Driver, forecasts: Forecasts | None, progress: Progress | None = None) -> BacktestResult:
    """Play every session of a job.

    Args:
        job: Market, terms, span and money.
        driver: Decides at each close.
        forecasts: A model's predictions, where a condition of the terms needs them.
        progress: Called with sessions done and sessions in all.

    Raises:
        RunError: What the driver raises; or if a value at risk that a condition needs is not finite.
    """
    engine = Engine(job, forecasts)
    engine.play(driver, progress)
    return engine.result()


class Engine:
    """The state of one run."""

    def __init__(
        self, job: Job, forecasts: Forecasts | None, *, before_costs: bool = False, keeps_books: bool = True
    ) -> None:
        """Prepare an empty book and what is watched.

        Args:
            job: Market, terms, span and money.
            forecasts: A model's predictions, or None.
            before_costs: Whether targets are of equity before the costs of reaching them.
            keeps_books: Whether shares and weights of every session are written down.
        """
        kernel.compile_once()
        tape, terms = job.tape, job.terms
        self.job, self.tape, self.terms = job, tape, terms
        self.book: RuleBook = rule_book(terms)
        self.market: Market = market(tape, terms)
        own = rules(tape, terms)._replace(before_costs=before_costs, keeps_books=keeps_books)
        self.rules, self.watches = own, watches(terms)
        self.state = empty_state(tape, terms, job.first, job.stop - job.first, job.initial_equity, _CAPACITY)
        self.record = self._packed()
        follows = forecasts is not None and terms.follows_risk
        self.bets = ForecastBets(terms, forecasts, self.watches) if forecasts is not None and follows else None
        self.decisions: list[RecordedDecision] = []

    def _packed(self) -> np.ndarray:
        return kernel.pack(self.market, self.rules, self.watches, self.book.codes, self.state)

    def take_weights(self, *, before_costs: bool) -> None:
        """Say whether targets are of equity before the costs of reaching them, or after."""
        self.rules = self.rules._replace(before_costs=before_costs)
        self.record = self._packed()

    def play(self, driver: Driver, progress: Progress | None = None) -> None:
        """Play the sessions, asking a driver at each close that asks for a decision."""
        job, no_table = self.job, np.zeros((0, len(self.tape.assets)))
        weights, codes, action = np.zeros(len(self.tape.assets)), np.zeros(1, dtype=np.int64), 0
        stop = job.stop if self.bets is None else job.first + 1
        while True:
            told = kernel.advance(self.record.ctypes.data, stop, action, weights, codes, _NO_ROWS, no_table, _NO_CODES)
            action, now = 0, int(self.state.counts[kernel.NOW])
            if progress is not None and told != kernel.FULL and now > job.first:
                progress(now - job.first, job.stop - job.first)
            if told == kernel.ASKS:
                answer = driver.decide(self.moment(now))
                if answer is not None:
                    self.decisions.append(self.recorded(now, answer))
                    self._place(answer.orders)
                    action = 1
                    if answer.weights is not None:
                        action, codes = 2, self.book.numbers(answer.rules)
                        weights = np.array(answer.weights, dtype=np.float64)
            elif told == kernel.FULL:
                self.state = with_room(self.state, self.rules.room)
                self.record = self._packed()
            elif now >= job.stop:
                return
            else:
                self._predict(now - 1)
                stop = now + 1

    def play_rows(
        self, rows: np.ndarray, table: np.ndarray, codes: np.ndarray, progress: Progress | None = None
    ) -> tuple[int, np.ndarray, int] | None:
        """Play the sessions with decisions that are known; return the one that the terms forbid, or None.

        Args:
            rows: (N,) positions of the sessions with a decision, rising.
            table: (N, A) targets; a row that begins with NaN is an explicit hold.
            codes: (N, 1) number of the rule of each.
            progress: Called with sessions done and sessions in all.
        """
        job, state = self.job, self.state
        if not len(rows):
            rows, table, codes = np.array([-1]), np.zeros((1, len(self.tape.assets))), np.zeros((1, 1), dtype=np.int64)
        stop = job.stop if self.bets is None else job.first + 1
        while True:
            told = kernel.advance(self.record.ctypes.data, stop, 0, table[0], codes[0], rows, table, codes)
            now = int(state.counts[kernel.NOW])
            if told == kernel.REFUSED:
                row = int(state.counts[kernel.NEXT_ROW])
                return row, table[row], int(codes[row, 0])
            if told == kernel.FULL:
                self.state = state = with_room(state, self.rules.room)
                self.record = self._packed()
                continue
            if progress is not None:
                progress(now - job.first, job.stop - job.first)
            if now >= job.stop:
                return None
            self._predict(now - 1)
            stop = now + 1

    def book_now(self, t: int) -> BookNow:
        """Return the book as of a close."""
        shares, due = self.state.held[:, kernel.SHARES], self.state.held[:, kernel.DUE]
        money = float(self.state.money[kernel.CASH]) + float(due.sum())
        waits = self.state.opened[:, kernel.ORDER] >= 0
        return BookNow(
            shares.copy(), self.tape.marks[t], money, np.where(waits, self.state.waiting[:, kernel.LEFT], 0.0)
        )

    def moment(self, t: int) -> Moment:
        """Return what the engine tells at a close whoever decides."""
        so_far, decided = self.tape.bars_so_far, int(self.state.counts[kernel.DECIDED_AT])
        since = None if decided < 0 else int(so_far[t] - so_far[decided])
        return Moment(t, self.book_now(t), self.job.limits_at(t), bool(self.terms.due[t]), since)

    def _place(self, decided: Orders) -> None:
        """Hand single orders and exits of positions to the compiled engine."""
        address, column = self.record.ctypes.data, self.job.columns
        for order in decided.orders:
            (rule,), last = self.book.numbers((order.rule,)), np.inf
            if order.sessions is not None:
                last = float(self.state.counts[kernel.NOW] + order.sessions)
            trail = np.nan if order.trail is None else order.trail
            kernel.place_order(
                address,
                column[order.asset],
                order.quantity,
                rule,
                kernel.KINDS.index(order.kind),
                self._trigger(order),
                trail,
                last,
            )
        for exits in decided.exits:
            (rule,) = self.book.numbers((exits.rule,))
            stop, target, trail = (
                np.nan if it is None else float(it) for it in (exits.stop, exits.target, exits.trail)
            )
            at = column[exits.asset]
            shares = self.state.held[at, kernel.SHARES]
            waits = self.state.waiting[at, kernel.LEFT] if self.state.opened[at, kernel.ORDER] >= 0 else 0.0
            side = float(np.sign(shares + waits) or np.sign(shares))
            kernel.guard_position(address, at, rule, side, stop, target, trail, True)

    def _trigger(self, order: Order) -> float:
        """Return the price that an order waits for, NaN where it waits for none."""
        if order.price is not None or order.trail is None:
            return np.nan if order.price is None else order.price
        mark = float(self.tape.marks[int(self.state.counts[kernel.NOW]), self.job.columns[order.asset]])
        return mark * (1.0 + float(np.copysign(order.trail, order.quantity)))

    def recorded(self, t: int, answer: Answer) -> RecordedDecision:
        """Return a decision as it is kept, with the weights of its groups."""
        limits, weights = self.job.limits_at(t), answer.weights
        wanted = np.zeros(len(self.tape.assets)) if weights is None else weights
        gross = float(limits.group_sums(np.abs(wanted)).max())
        net = float(np.abs(limits.group_sums(wanted)).max())
        return RecordedDecision(self.tape.sessions[t], weights, answer.rules, gross, net, answer.orders)

    def _predict(self, t: int) -> None:
        """Ask what the next session may bring to the book held after a close, where a condition needs it.

        The next session is the next one in which anything trades, so a prediction stands until then.
        """
        if self.bets is None or not self.tape.trades[t] or self.state.counts[kernel.HALTED_AT] >= 0:
            return
        weights = self.book_now(t).weights()
        if np.any(weights != 0) and self.bets.tell(self.tape.sessions[t], weights):
            self.state.money[kernel.BETS_STAND] = 1.0

    @property
    def logs(self) -> Logs:
        """What the sessions played have written down, and what waits after the last of them."""
        return Logs(self.tape, self.terms, self.book, self.state, self.job.first, self.job.stop)

    def result(self, decisions: Callable[[], tuple[RecordedDecision, ...]] | None = None) -> BacktestResult:
        """Return the record of the sessions played.

        Args:
            decisions: What was decided, made when it is first read; what drivers answered where None.
        """
        job, taken = self.job, tuple(self.decisions)
        return result_of(self.logs, job.initial_equity, decisions or (lambda: taken))
