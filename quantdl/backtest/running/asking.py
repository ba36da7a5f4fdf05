"""Asking the strategy: what it raises or answers in error becomes a message that names file, line and session."""

import inspect
import traceback
from pathlib import Path
from types import FunctionType

import numpy as np

from quantdl.backtest.running.decision_checks import (
    check_cadence,
    check_decision,
    check_predicted_losses,
    check_purposes,
)
from quantdl.backtest.running.decisions import Answer, Decision, Hold, Moment, Orders, Strategy
from quantdl.backtest.running.engine import Job, Progress, play
from quantdl.backtest.running.order_checks import check_orders
from quantdl.backtest.running.result import BacktestResult
from quantdl.backtest.running.targets import TableStrategy, TargetTable
from quantdl.backtest.running.view import Forecasts, MarketHistory, MarketView
from quantdl.backtest.running.window import Window
from quantdl.calendars.labels import bar_text
from quantdl.errors import QuantdlError, RunError

_POSITIONS_SHOWN = 5


class StrategyFailedError(RunError):
    """A strategy that failed, or decided what the terms forbid.

    Attributes:
        session: Label of the close at which it was asked.
        equity: Money of the book then.
        weights: Fractions of equity held then, by asset; what is not held is left out.
    """

    def __init__(self, message: str, view: MarketView) -> None:
        self.session = bar_text(view.session)
        self.equity = view.equity
        held = np.flatnonzero(view.weights)
        self.weights = {view.assets[at]: float(view.weights[at]) for at in held}
        super().__init__(f"{message.rstrip('.')}. The book then: {self._book()}.")

    def _book(self) -> str:
        largest = sorted(self.weights.items(), key=lambda item: -abs(item[1]))
        shown = ", ".join(f"{asset} {weight:.1%}" for asset, weight in largest[:_POSITIONS_SHOWN])
        more = f" and {len(largest) - _POSITIONS_SHOWN} more" if len(largest) > _POSITIONS_SHOWN else ""
        return f"equity {self.equity:,.2f}, {shown + more if largest else 'no position'}"


class StrategyDriver:
    """Drives the engine with a strategy: shows it the market at each close and checks what it answers."""

    def __init__(self, job: Job, strategy: Strategy, forecasts: Forecasts | None) -> None:
        """Prepare the buffers that the strategy is shown."""
        self.strategy, self.purposes = strategy, job.terms.purposes
        self.window = Window(job.tape, job.terms, forecasts)

    def decide(self, now: Moment) -> Answer | None:
        """Return the strategy's decision.

        Raises:
            StrategyFailedError: If the strategy fails, or decides what the terms forbid, or changes what it is shown.
        """
        view = self.window.view(now)
        try:
            answer = self._checked(now, view)
            self.window.check()
        except RunError as error:
            raise StrategyFailedError(str(error), view) from error
        return answer

    def _checked(self, now: Moment, view: MarketView) -> Answer | None:
        answer = ask(self.strategy, view, frozenset(self.purposes))
        if answer is None:
            return None
        if answer.orders.orders or answer.orders.exits:
            check_orders(answer.orders, now, view, self.purposes)
        if answer.weights is not None:
            check_decision(answer.weights, answer.rules, now.limits, view.listed, view.assets, view.session)
            check_predicted_losses(
                answer.weights, answer.rules, now.limits, lambda: view.draws, view.assets, view.session
            )
            check_purposes(answer.weights, answer.rules, self.purposes, view.weights, view.assets, view.session)
            if not now.due:
                check_cadence(answer.weights, view.weights, answer.rules, view.assets, view.session)
        return answer


def play_strategy(
    job: Job, strategy: Strategy, forecasts: Forecasts | None = None, progress: Progress | None = None
) -> BacktestResult:
    """Run a strategy on the terms of a job.

    Args:
        job: Market, terms, span and money.
        strategy: Decides at each close.
        forecasts: A model's predictions, or None.
        progress: Called with sessions done and sessions in all.

    Raises:
        LookAheadError: If the strategy asks for a forecast of a session that the model has seen.
        RunError: If the strategy fails, or decides what the terms forbid.
    """
    driver = StrategyDriver(job, strategy, forecasts)
    result = play(job, driver, forecasts, progress)
    driver.window.check(whole=True)
    return result


def ask(strategy: Strategy, view: MarketView, rules: frozenset[str]) -> Answer | None:
    """Return the strategy's decision with one rule per asset, or None.

    Raises:
        RunError: If the strategy fails, or answers what is no decision, or cites a rule that the plan does not have.
        QuantdlError: What quantdl itself raises inside the strategy, unchanged.
    """
    try:
        answer = strategy.decide(view)
    except QuantdlError:
        raise
    except (Exception, SystemExit) as error:  # whatever a user's code raises is reported with its place
        what = f"the strategy failed on {bar_text(view.session)}: {_named(error)}"
        raise RunError(f"{_place(strategy, error)}: {what}") from error
    match answer:
        case None:
            return None
        case Hold(rule=rule):
            return Answer(None, _tags(rule, view, rules))
        case Decision():
            return Answer(_weights(answer, view), _tags(answer.rule, view, rules))
        case Orders():
            return Answer(None, _cited(answer, view, rules), answer)
    raise RunError(
        f"{bar_text(view.session)}: the strategy answered {type(answer).__name__}, expected Decision, Orders, Hold or "
        "None."
    )


def ask_targets(strategy: TableStrategy, history: MarketHistory) -> TargetTable:
    """Return the table of all targets of a strategy.

    Raises:
        RunError: If the strategy fails, or answers no table.
        QuantdlError: What quantdl itself raises inside the strategy, unchanged.
    """
    try:
        table = strategy.targets(history)
    except QuantdlError:
        raise
    except (Exception, SystemExit) as error:  # whatever a user's code raises is reported with its place
        raise RunError(f"{_place(strategy, error)}: `targets` failed: {_named(error)}") from error
    if not isinstance(table, TargetTable):
        raise RunError(f"`targets` answered {type(table).__name__}, expected a TargetTable.")
    return table


def _cited(answer: Orders, view: MarketView, rules: frozenset[str]) -> tuple[str, ...]:
    """Return the rule that each asset's order cites, empty where there is none, after a look at all of them."""
    cited = dict.fromkeys(view.assets, "")
    cited.update({order.asset: order.rule for order in answer.orders})
    _check_tags({tag for tag in (*cited.values(), *(exits.rule for exits in answer.exits)) if tag}, view, rules)
    return tuple(cited[asset] for asset in view.assets)


def _weights(decision: Decision, view: MarketView) -> np.ndarray:
    try:
        weights = np.array(decision.weights, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise RunError(f"{bar_text(view.session)}: weights are not numbers: {error}.") from error
    if weights.shape != (len(view.assets),):
        raise RunError(
            f"{bar_text(view.session)}: weights have shape {weights.shape}, expected ({len(view.assets)},), one per "
            "asset of view.assets, zero for those left out."
        )
    weights.flags.writeable = False
    return weights


def _tags(rule: str | tuple[str, ...], view: MarketView, rules: frozenset[str]) -> tuple[str, ...]:
    tags = (rule,) * len(view.assets) if isinstance(rule, str) else tuple(rule)
    if len(tags) != len(view.assets):
        raise RunError(
            f"{bar_text(view.session)}: {len(tags)} rules for {len(view.assets)} assets. Give one for all, or one each."
        )
    _check_tags(set(tags), view, rules)
    return tags


def _check_tags(tags: set[str], view: MarketView, rules: frozenset[str]) -> None:
    for tag in sorted(tags - rules):
        raise RunError(
            f"{bar_text(view.session)}: an order cites the rule {tag!r}, which the plan does not have. "
            f"Its rules are {sorted(rules)}; write the rule down in plan.rules or cite another."
        )


def _named(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__


def _place(strategy: Strategy, error: BaseException) -> str:
    """Return file:line of the innermost frame inside the strategy's own file, else of the innermost frame."""
    frames = traceback.extract_tb(error.__traceback__)
    own = _own_file(strategy)
    inside = [frame for frame in frames if own is not None and Path(frame.filename) == Path(own)]
    frame = (inside or list(frames))[-1]
    return f"{frame.filename}:{frame.lineno}"


def _own_file(strategy: Strategy) -> str | None:
    """Return the file, or the cell of a notebook, in which a strategy, or the function that it asks, was typed."""
    while (inner := getattr(strategy, "strategy", None)) is not None:  # one that records another, for instance
        strategy = inner
    asked = getattr(strategy, "function", None) or getattr(type(strategy), "decide", None)
    if isinstance(asked, FunctionType):
        return asked.__code__.co_filename
    try:
        return inspect.getsourcefile(type(strategy))
    except TypeError:  # a class without a source file, as in an interactive session
        return None
