"""Several strategies under one plan: each decides on its own part of the book, the account trades the sum.

Capital is a fraction of the book's equity as of each decision, so what one earns or loses is shared by all from the
next one on; what is not allocated stays in cash. A strategy is shown its own shares, and weights of its own capital.
Its targets are checked against the plan by themselves: a cap of the plan counts for each strategy on its own capital,
those on predicted losses too. Then they are scaled by the capital and added, and since the capitals add up to at most
one, and the shortfall of a sum is at most the sum of the shortfalls, the sum keeps the caps, too.
`quantdl.backtest.running.virtual_books` says whose shares are whose.

The plan's cadence counts for all of them, a decision of any refreshes the horizon of the whole book, and what the plan
does by itself (stops, cuts, a halt) it does to the positions of the account.

One that does not decide when another does keeps its shares; what it has asked for and not got until then is given up.
Where prices, or what the model has come to predict, have carried them so far that the sum would break a cap, its part
is cut to the caps; where the plan limits predicted losses, what the model has no law of is sold then. What has left the
universe is sold, too. Both happen under a closing rule of its own.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from quantdl.backtest.book.kernel import TOLERANCE
from quantdl.backtest.book.terms import Purpose
from quantdl.backtest.running.asking import ask
from quantdl.backtest.running.decision_checks import (
    check_cadence,
    check_decision,
    check_predicted_losses,
    check_purposes,
)
from quantdl.backtest.running.decisions import Answer, Decision, Hold, Orders, Strategy
from quantdl.backtest.running.view import MarketView
from quantdl.backtest.running.virtual_books import VirtualBooks
from quantdl.calendars.labels import bar_text
from quantdl.errors import RunError
from quantdl.portfolio.limits import Limits, within_limits
from quantdl.portfolio.risk_budget import position_shortfalls, predicted_shortfall, within_risk_budget

SEPARATOR = "."
"""Between the name of a strategy and that of its rule, as the plan writes them: ``momentum.rebalance``."""


@dataclass(frozen=True, eq=False)
class Allocated:
    """A strategy with its capital.

    Attributes:
        name: Its name, which begins those of its rules in the plan.
        capital: Fraction of the book's equity, above 0.
        strategy: Decides.
    """

    name: str
    capital: float
    strategy: Strategy


@dataclass(frozen=True, eq=False)
class Asked:
    """What the strategies asked for at one close.

    Attributes:
        session: The close.
        changes: (N, A) shares, negative to sell.
        rules: (N, A) the rule that each strategy cites for each asset.
    """

    session: pd.Timestamp
    changes: np.ndarray
    rules: tuple[tuple[str, ...], ...]


class CombinedStrategy:
    """A strategy that asks several and decides for the whole book.

    Attributes:
        parts: The strategies.
        asked: What they asked for, close by close.
    """

    def __init__(self, parts: Sequence[Allocated], purposes: Mapping[str, Purpose]) -> None:
        """Begin with nothing held.

        Args:
            parts: The strategies, with capitals that add up to at most one.
            purposes: Of the rules of the plan, by their whole names.

        Raises:
            ValueError: If the capitals, the names or the rules do not suit; a config is checked with its lines before.
        """
        self.parts, self.purposes = tuple(parts), dict(purposes)
        self.own_purposes = [_of_part(part.name, purposes) for part in self.parts]
        self._check()
        self.asked: list[Asked] = []
        self._books: VirtualBooks | None = None
        self._seen = 0  # sessions of the last view
        self._decided = [0] * len(self.parts)  # sessions of the view at each strategy's last decision, 0 before

    def _check(self) -> None:
        total = math.fsum(part.capital for part in self.parts)
        if not (self.parts and min(part.capital for part in self.parts) > 0 and total <= 1 + TOLERANCE):
            raise ValueError(f"capitals must be above 0 and add up to at most 1, got {total:g} in all.")
        if len(set(self.names)) < len(self.parts):
            raise ValueError(f"each strategy needs a name of its own, got {', '.join(self.names)}.")
        for name, own in zip(self.names, self.own_purposes, strict=True):
            if not set(own.values()) - {"entry"}:
                raise ValueError(f"the plan has no rule '{name}{SEPARATOR}...' that closes positions of '{name}'.")

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the strategies."""
        return tuple(part.name for part in self.parts)

    def decide(self, view: MarketView) -> Decision | Hold | None:
        """Ask every strategy and return the sum of what they decide.

        Raises:
            RunError: Naming the strategy that fails, or whose decision the plan forbids, alone or beside the others.
        """
        books = self._books_now(view)
        if view.equity <= 0:
            return None
        marks = _marks(view)
        shown = [self._shown(view, number, books.held[number], marks) for number in range(len(self.parts))]
        answers = [self._answer(number, one) for number, one in enumerate(shown)]
        for number, answer in enumerate(answers):
            if answer is not None:
                self._decided[number] = len(view.sessions)
        if all(answer is None or answer.weights is None for answer in answers):
            holding = [(part.name, one) for part, one in zip(self.parts, answers, strict=True) if one is not None]
            return Hold(f"{holding[0][0]}{SEPARATOR}{holding[0][1].rules[0]}") if holding else None
        return self._sum(view, marks, books, shown, answers)

    def _books_now(self, view: MarketView) -> VirtualBooks:
        """Share out what has been traded since the last close at which a decision was asked for."""
        if self._books is None:
            self._books = VirtualBooks(len(self.parts), len(view.assets))
        traded = np.asarray(view.traded[self._seen :].any(axis=0))
        self._books.advance(view.shares, view.share_units, traded)
        self._seen = len(view.sessions)
        return self._books

    def _shown(self, view: MarketView, number: int, held: np.ndarray, marks: np.ndarray) -> MarketView:
        """Return the view of one strategy: its shares, and weights of its capital."""
        equity, at = self.parts[number].capital * view.equity, self._decided[number]
        since = int(np.count_nonzero(view.traded[at:].any(axis=1))) if at else None
        shares, weights = held.copy(), np.where(held != 0, held * marks, 0.0) / equity
        for values in (shares, weights):
            values.flags.writeable = False
        law = None if view.law is None else lambda: np.asarray(view.draws)  # drawn once for all of them
        return replace(view, shares=shares, weights=weights, equity=equity, bars_since_decision=since, law=law)

    def _answer(self, number: int, view: MarketView) -> Answer | None:
        """Return what one strategy decides, after the checks of a book of its own."""
        part, purposes = self.parts[number], self.own_purposes[number]
        with _naming(f"strategy '{part.name}'"):
            answer = ask(part.strategy, view, frozenset(purposes))
            if answer is None:
                return None
            if answer.weights is None and (answer.orders != Orders() or not any(answer.rules)):
                raise RunError(
                    f"{bar_text(view.session)}: it answers single orders; expected target weights. An asset of the "
                    "account has one waiting order, which several strategies cannot share. Fix: let it return a "
                    "Decision, or run it by itself."
                )
            if answer.weights is not None:
                _check(answer.weights, answer.rules, purposes, view)
                check_predicted_losses(
                    answer.weights, answer.rules, view.limits, lambda: view.draws, view.assets, view.session
                )
        return answer

    def _sum(
        self,
        view: MarketView,
        marks: np.ndarray,
        books: VirtualBooks,
        shown: list[MarketView],
        answers: list[Answer | None],
    ) -> Decision:
        """Add up the targets, scaled by the capitals, and note what each strategy asks for."""
        capital = np.array([part.capital for part in self.parts])[:, None]
        held = np.array([one.weights for one in shown]) * capital
        given = [None if answer is None else answer.weights for answer in answers]
        decided = np.array([weights is not None for weights in given])
        of_own = [row if own is None else own for own, row in zip(given, held / capital, strict=True)]
        wanted = np.array(of_own) * capital
        wanted = _cut(wanted, held, decided, capital, view)
        rules = [self._rules(number, answer, view) for number, answer in enumerate(answers)]
        tags = self._tags(wanted, held, decided, rules, view)
        total = wanted.sum(axis=0)
        asking = ", ".join(f"'{part.name}'" for part, one in zip(self.parts, decided, strict=True) if one)
        with _naming(f"strategies together (deciding: {asking})"):
            _check(total, tags, self.purposes, view)
        known = np.isfinite(marks) & (marks > 0)
        changes = np.where(known, wanted * view.equity / np.where(known, marks, 1.0), 0.0) - books.held
        books.ask(changes)
        self.asked.append(Asked(view.session, changes, tuple(rules)))
        return Decision(total, tags)

    def _rules(self, number: int, answer: Answer | None, view: MarketView) -> tuple[str, ...]:
        """Return the whole name of the rule that a strategy cites for each asset; without a decision a closing one."""
        name = self.parts[number].name
        if answer is not None and answer.weights is not None:
            return tuple(f"{name}{SEPARATOR}{rule}" for rule in answer.rules)
        closing = next(rule for rule, purpose in self.own_purposes[number].items() if purpose != "entry")
        return (f"{name}{SEPARATOR}{closing}",) * len(view.assets)

    def _tags(
        self,
        wanted: np.ndarray,
        held: np.ndarray,
        decided: np.ndarray,
        rules: list[tuple[str, ...]],
        view: MarketView,
    ) -> tuple[str, ...]:
        """Return the rule that the account's order in each asset cites.

        It is that of the strategy that asks for most of what the account trades, among those whose purpose allows it.
        """
        changes, before, after = wanted - held, view.weights, wanted.sum(axis=0)
        turned = after * before < 0
        grows, shrinks = np.abs(after) > np.abs(before) + TOLERANCE, np.abs(after) < np.abs(before) - TOLERANCE
        forbids = {"exit": grows | turned, "entry": shrinks | turned, "rebalance": np.zeros(len(after), dtype=bool)}
        tags = list(rules[int(decided.argmax())])
        for asset in np.flatnonzero(grows | shrinks | turned).tolist():
            size = changes[:, asset] * np.sign(after[asset] - before[asset])
            asking = [rules[number][asset] for number in np.argsort(-size, kind="stable").tolist() if size[number] > 0]
            able = [rule for rule in asking if not forbids[self.purposes[rule]][asset]]
            if not able:
                given = ", ".join(map(repr, asking))
                raise RunError(
                    f"{bar_text(view.session)}: {view.assets[asset]} goes from weight {before[asset]:.4f} to "
                    f"{after[asset]:.4f} of the whole book, which the purpose of {given} forbids: "
                    "the strategies hold it on both sides. Fix: give these rules the purpose 'rebalance'."
                )
            tags[asset] = able[0]
        return tuple(tags)


def _of_part(name: str, purposes: Mapping[str, Purpose]) -> dict[str, Purpose]:
    """Return the purposes of a strategy's rules, by the names that it cites itself."""
    prefix = f"{name}{SEPARATOR}"
    return {rule.removeprefix(prefix): purpose for rule, purpose in purposes.items() if rule.startswith(prefix)}


def _marks(view: MarketView) -> np.ndarray:
    """Return (A,) the last price of each asset; NaN before the first."""
    held = view.shares != 0
    marks = np.where(held, view.weights * view.equity / np.where(held, view.shares, 1.0), np.nan)
    missing = np.flatnonzero(~held)
    recent = view.closes[-1, missing]
    marks[missing] = recent
    for asset in missing[~np.isfinite(recent)]:
        known = view.closes[np.isfinite(view.closes[:, asset]), asset]
        marks[asset] = known[-1] if len(known) else np.nan
    return marks


def _cut(
    wanted: np.ndarray, held: np.ndarray, decided: np.ndarray, capital: np.ndarray, view: MarketView
) -> np.ndarray:
    """Take from those that do not decide what may not be held, and what carries the sum beyond a cap."""
    wanted = np.where(decided[:, None], wanted, np.where(view.listed, held, 0.0))
    total = wanted.sum(axis=0)
    draws = view.draws if view.limits.follows_forecasts and total.any() else None
    try:
        if _keeps(total, view.limits) and (draws is None or _keeps_predicted(total, draws, view.limits)):
            return wanted
        within = np.array([within_limits(row, view.limits) for row in wanted / capital])
        if draws is not None:
            within = np.array([within_risk_budget(row, draws, view.limits) for row in within])
    except ValueError as error:
        raise RunError(
            f"{bar_text(view.session)}: limits on predicted losses cannot be held against the model's draws: {error}"
        ) from error
    return np.where(decided[:, None], wanted, within * capital)


def _keeps(weights: np.ndarray, limits: Limits) -> bool:
    """Whether weights lie within the caps."""
    return bool(np.abs(within_limits(weights, limits) - weights).max(initial=0.0) <= TOLERANCE)


def _keeps_predicted(weights: np.ndarray, draws: np.ndarray, limits: Limits) -> bool:
    """Whether the model predicts no larger loss than the limits allow, of the book and of each position."""
    book, position = limits.book_shortfall, limits.position_shortfall
    whole = book is None or predicted_shortfall(weights, draws, book.level) <= book.limit + TOLERANCE
    if position is None:
        return whole
    return whole and bool((position_shortfalls(weights, draws, position.level) <= position.limit + TOLERANCE).all())


def _check(weights: np.ndarray, rules: tuple[str, ...], purposes: Mapping[str, Purpose], view: MarketView) -> None:
    check_decision(weights, rules, view.limits, view.listed, view.assets, view.session)
    check_purposes(weights, rules, purposes, view.weights, view.assets, view.session)
    if not view.rebalance_due:
        check_cadence(weights, view.weights, rules, view.assets, view.session)


@contextmanager
def _naming(who: str) -> Iterator[None]:
    """Say in an error of a run who caused it."""
    try:
        yield
    except RunError as error:
        raise RunError(f"{who}: {error}") from error
