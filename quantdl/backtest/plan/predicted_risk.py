"""What the model may predict that a decided book loses, and a position of it: promises that sizing states.

The limits hold at each decision, for the joint law of returns from fill to horizon that the strategy is offered. They
are no promise of what will be lost: that stands beside them afterwards.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Literal

import numpy as np

from quantdl import percents
from quantdl.backtest.plan.context import FinishedRun
from quantdl.backtest.plan.evidence import ROUNDING, ItemVerdict
from quantdl.backtest.plan.refusals import PlanFault
from quantdl.backtest.plan.stated import Stated

if TYPE_CHECKING:
    from quantdl.backtest.plan.rebuilt import DecidedBook

_BOOK = "sizing.risk_budget"
_POSITION = "sizing.max_predicted_loss_per_trade"


@dataclass(frozen=True)
class ShortfallBudget(metaclass=Stated):
    """Most expected shortfall that the model may predict for a decided book, over the plan's horizon.

    Attributes:
        kind: Name of the variant.
        level: Confidence of the shortfall.
        limit: Fraction of equity.
    """

    kind: Literal["expected_shortfall"]
    level: float
    limit: float


@dataclass(frozen=True)
class PredictedLoss(metaclass=Stated):
    """Most expected shortfall that the model may predict for one position of a decided book, over the plan's horizon.

    Attributes:
        level: Confidence of the shortfall.
        limit: Fraction of equity.
    """

    level: float
    limit: float


@dataclass(frozen=True)
class PredictedLimits:
    """Both promises; None where one is not made."""

    book: ShortfallBudget | None
    position: PredictedLoss | None

    def stated(self) -> Iterator[tuple[str, ShortfallBudget | PredictedLoss]]:
        """Yield what is promised, with its place in the plan."""
        if self.book is not None:
            yield _BOOK, self.book
        if self.position is not None:
            yield _POSITION, self.position


def faults(
    limits: PredictedLimits, most_of_book: float, most_of_trade: float, *, has_model: bool
) -> Iterator[PlanFault]:
    """Yield a fault for each limit that no model is there for, that can never bind, or that contradicts another.

    Args:
        limits: What is promised.
        most_of_book: Largest gross weight of a book.
        most_of_trade: Largest loss of a trade that the plan promises.
        has_model: Whether the run has one.
    """
    for item, stated in limits.stated():
        if not has_model:
            expected = "null: no model predicts what a book may lose"
            yield PlanFault(item, "a limit on predicted losses", expected, "name a model, or write null")
        if not 0.5 <= stated.level < 1:
            expected = "a confidence from 0.5 on and below 1"
            yield PlanFault(f"{item}.level", f"{stated.level:g}", expected, "for instance 0.975")
        if not stated.limit > 0:
            expected = "a fraction of equity above 0, or no position can be opened"
            yield PlanFault(f"{item}.limit", f"{stated.limit:g}", expected, "for instance 0.02")
    if limits.book is not None and limits.book.limit >= most_of_book:
        expected = f"below {most_of_book:g}, the most a book can weigh: a larger predicted loss can never bind"
        yield PlanFault(f"{_BOOK}.limit", f"{limits.book.limit:g}", expected, f"set it below {most_of_book:g}")
    if limits.position is not None and limits.position.limit > most_of_trade:
        expected = f"at most max_loss_per_trade ({most_of_trade:g}): no larger loss may be planned than is promised"
        fix = f"set it to {most_of_trade:g} or less"
        yield PlanFault(f"{_POSITION}.limit", f"{limits.position.limit:g}", expected, fix)


def data_faults(limits: PredictedLimits, max_weight: float, n_assets: int) -> Iterator[PlanFault]:
    """Yield a fault for a budget of the book that so many positions can never use up.

    Shortfalls are subadditive and grow with their level, so a book loses at most the sum of what its positions lose.
    """
    book, position = limits.book, limits.position
    if book is None or position is None or position.level < book.level:
        return
    most = n_assets * min(position.limit, max_weight)
    if book.limit >= most:
        expected = (
            f"below {n_assets} assets x {min(position.limit, max_weight):g} = {most:g}, the most that positions within "
            "max_predicted_loss_per_trade can lose together, or it can never bind"
        )
        yield PlanFault(f"{_BOOK}.limit", f"{book.limit:g}", expected, f"set it below {most:g}, or write null")


@dataclass
class _Found:
    """The largest predicted loss so far, where it was found, and what was lost of all that was predicted."""

    largest: float = 0.0
    place: str = ""
    came: list[float] = field(default_factory=list)

    def take(self, predicted: float, place: str, came: list[float]) -> None:
        if predicted > self.largest:
            self.largest, self.place = predicted, place
        self.came += came


def judge(
    limits: PredictedLimits, books: Iterable["DecidedBook"], run: FinishedRun, horizon_bars: int, *, from_open: bool
) -> ItemVerdict | None:
    """Predict again what each book lost that fills made of a decision, and hold it against the limits.

    The weights are what the fills left, at the prices of the decision; the draws come from the laws that the run kept;
    the shortfall is computed by another formula than the engine's. While an order waits, any book between the one
    held and the one decided counts, as for the other caps. What the same books and positions lost from their fills to
    the horizon stands beside it.

    Args:
        limits: What is promised.
        books: What fills made of each decision.
        run: The run.
        horizon_bars: Bars from fill to exit.
        from_open: Whether a position is held from the open of the session that fills it.

    Returns:
        None where nothing is promised.
    """
    stated = tuple(limits.stated())
    if not stated:
        return None
    statement = "; ".join(_words(item, one, horizon_bars) for item, one in stated)
    law = run.evidence.position_draws
    if law is None:
        return ItemVerdict(statement, "predicted losses unknown", doubts=("no forecast to predict a loss by",))

    @lru_cache(maxsize=2)
    def returns_at(row: int) -> np.ndarray:
        return np.asarray(np.expm1(law(run.result.equity.index[row])))

    came_of = _outcomes(run, horizon_bars, from_open=from_open)
    whole, single = _Found(), _Found()
    for book in books:
        if not book.grown.any():
            continue
        returns, came, day = returns_at(book.decided), came_of(book.filled), run.day(book.filled)
        if limits.book is not None:
            predicted = _predicted_for_book(book, returns, limits.book)
            whole.take(predicted, f"on {day}", [] if came is None else [-float(book.weights @ came)])
        if limits.position is not None:
            own, held = _predicted_for_positions(book, returns, limits.position), book.weights != 0
            lost = [] if came is None else (-book.weights * came)[held].tolist()
            single.take(float(own.max()), f"{run.result.assets[int(own.argmax())]} on {day}", lost)
    found = {_BOOK: (whole, "book"), _POSITION: (single, "position")}
    figures = [_figure(*found[item], one.level) for item, one in stated]
    failures = [text for item, one in stated for text in _failure(item, one.limit, found[item][0])]
    return ItemVerdict(statement, "; ".join(figures), tuple(failures))


def _words(item: str, stated: ShortfallBudget | PredictedLoss, horizon_bars: int) -> str:
    whose = "a decided book" if item == _BOOK else "a position"
    bars = "1 bar" if horizon_bars == 1 else f"{horizon_bars} bars"
    level, limit = percents.stated(stated.level), percents.stated(stated.limit)
    return f"predicted {level} shortfall of {whose} over {bars} at most {limit}"


def _figure(found: _Found, what: str, level: float) -> str:
    """Say what was predicted at most, and what the shortfall of the outcomes was."""
    came = np.array(found.came)
    where = f" ({found.place})" if found.place else ""
    whose = "a decided book" if what == "book" else "a position"
    predicted = f"largest predicted shortfall of {whose} {found.largest:.2%}{where}"
    counted = f"{len(came):,} {what}{'' if len(came) == 1 else 's'}"
    if round(len(came) * (1.0 - level), 6) < 1:
        return f"{predicted}, too few outcomes ({counted}) for a realised one"
    return f"{predicted}, realised {_shortfall(came, level):.2%} over {counted}"


def _failure(item: str, limit: float, found: _Found) -> Iterator[str]:
    name = item.removeprefix("sizing.")
    if np.isinf(found.largest):
        yield f"{name} = {limit:g} cannot be shown to hold: an asset without a forecast is in the book, {found.place}"
    elif found.largest > limit + ROUNDING:
        yield f"{name} = {limit:g} is exceeded by {found.largest - limit:.4f}, {found.place}"


def _predicted_for_book(book: "DecidedBook", returns: np.ndarray, stated: ShortfallBudget) -> float:
    """Return the shortfall of the book held; beyond the limit, of what orders that wait still make of it if smaller."""
    held = _of_book(book.weights, returns, stated.level)
    if held <= stated.limit:
        return held
    decided = book.lowest + book.highest - book.weights
    return min(held, *(_of_book(weights, returns, stated.level) for weights in (decided, _smallest(book))))


def _predicted_for_positions(book: "DecidedBook", returns: np.ndarray, stated: PredictedLoss) -> np.ndarray:
    """Return (A,) the shortfall of each position that was enlarged, zero for the others; beyond the limit as above."""
    smallest, found = _smallest(book), np.zeros(len(book.weights))
    for asset in np.flatnonzero(book.grown):
        alone = np.arange(len(found)) == asset
        found[asset] = _of_book(book.weights * alone, returns, stated.level)
        if found[asset] > stated.limit:
            found[asset] = _of_book(smallest * alone, returns, stated.level)
    return found


def _smallest(book: "DecidedBook") -> np.ndarray:
    """Return (A,) the weight nearest to zero, with its sign, between the one held and the one decided."""
    return np.where(book.lowest > 0, book.lowest, np.minimum(book.highest, 0.0))


def _of_book(weights: np.ndarray, returns: np.ndarray, level: float) -> float:
    held = weights != 0
    if not held.any():
        return 0.0
    if np.isnan(returns[:, held]).any():
        return np.inf
    return _shortfall(-(returns[:, held] @ weights[held]), level)


def _shortfall(losses: np.ndarray, level: float) -> float:
    """Return the least, over thresholds, of threshold plus mean excess over it by the tail (Rockafellar, Uryasev)."""
    ordered = np.sort(losses)
    near = int(level * len(ordered))
    thresholds = ordered[max(near - 1, 0) : near + 2]
    return min(float(at + np.maximum(ordered - at, 0.0).mean() / (1.0 - level)) for at in thresholds)


def _outcomes(run: FinishedRun, horizon_bars: int, *, from_open: bool) -> Callable[[int], np.ndarray | None]:
    """Return what tells (A,) the simple returns from the fills of a session to the horizon; None beyond the run's end.

    From open to open where fills are at the open, else from close to close. An asset without a bar in the session is at
    its last close.
    """
    from quantdl.backtest.book.trailing import carried  # loads scipy
    from quantdl.market.corporate.adjustment import continuous_closes

    panel, rows = run.panel, run.book.rows
    raw = continuous_closes(panel)
    closes = carried(raw)
    prices = closes
    if from_open:
        opens = panel.fields["open"] / np.where(panel.traded, panel.closes, np.nan) * raw
        prices = np.where(np.isfinite(opens), opens, closes)
    bars = np.flatnonzero(panel.traded.any(axis=1))

    def came_of(filled: int) -> np.ndarray | None:
        row = run.book.first + filled
        place = int(bars.searchsorted(row)) + horizon_bars
        if place >= len(bars) or bars[place] >= rows.stop:
            return None
        return np.asarray(np.nan_to_num(prices[bars[place]] / prices[row] - 1.0))

    return came_of
