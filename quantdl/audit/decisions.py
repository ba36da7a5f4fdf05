"""What a strategy was shown and what it decided, and the same question asked of another one.

A decision is compared *given what was known*: the view, the book and the caps that the strategy is shown again are
those of the true run, bit for bit. So delays, sizes that depend on the whole cross-section, stops, stand-asides and
orders that waited for a price are no reason for an alarm; only what reaches the strategy on another way is.
"""

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from quantdl.audit.outside_reads import OutsideReads
from quantdl.backtest import Decision, Hold, MarketView, Orders, Strategy


@dataclass(frozen=True)
class Taken:
    """A decision to the last bit.

    Attributes:
        kind: ``decision``, ``orders``, ``hold``, ``nothing``, or ``raised``.
        weights: Bytes of the float64 weights, or of single orders as text; nothing without either.
        rules: Rule or rules; the error's text where the strategy raised.
    """

    kind: str
    weights: bytes = b""
    rules: tuple[str, ...] = ()

    @property
    def decides(self) -> bool:
        """Whether something was decided."""
        return self.kind in {"decision", "orders", "hold"}


def taken(answer: object) -> Taken:
    """Return the answer of a strategy in a form that its later changes do not reach."""
    if isinstance(answer, Decision):
        weights = np.array(answer.weights, dtype=np.float64)
        rules = (answer.rule,) if isinstance(answer.rule, str) else tuple(answer.rule)
        return Taken("decision", weights.tobytes(), rules)
    if isinstance(answer, Orders):
        rules = (*(order.rule for order in answer.orders), *(exits.rule for exits in answer.exits))
        return Taken("orders", repr(answer).encode(), rules)
    if isinstance(answer, Hold):
        return Taken("hold", b"", (answer.rule,))
    return Taken("nothing")


@dataclass(frozen=True, eq=False)
class Asked:
    """One session of the true run: what was shown, and what was decided."""

    view: MarketView
    answer: Taken


class Recorder:
    """A strategy that notes what another is shown and answers.

    Attributes:
        asked: One entry a session in which it was asked.
    """

    def __init__(self, strategy: Strategy, reads: OutsideReads) -> None:
        """Pass questions on to a strategy, while the files that it opens are watched."""
        self.strategy, self.reads = strategy, reads
        self.asked: list[Asked] = []

    def decide(self, view: MarketView) -> Decision | Orders | Hold | None:
        """Return what the strategy decides."""
        kept = replace(view, listed=_own(view.listed), weights=_own(view.weights), shares=_own(view.shares))
        with self.reads.watching():
            answer = self.strategy.decide(view)
        self.asked.append(Asked(kept, taken(answer)))
        return answer


def shown_again(view: MarketView) -> MarketView:
    """Return a view of the same with arrays of its own, so that nothing later lies behind them."""
    return replace(
        view,
        fields={name: _own(values) for name, values in view.fields.items()},
        continuous_closes=_own(view.continuous_closes),
        traded=_own(view.traded),
        listed=_own(view.listed),
        weights=_own(view.weights),
        shares=_own(view.shares),
    )


def _own(values: np.ndarray) -> np.ndarray:
    copy = values.copy()
    copy.flags.writeable = False
    return copy


def decide_again(build: Callable[[], Strategy], asked: Sequence[Asked]) -> Taken:
    """Build a strategy, show it one session after another and return what it decides in the last of them.

    Args:
        build: Makes a new one.
        asked: The sessions of the true run, in order; at least one.
    """
    return decide_all(build, asked)[-1]


def decide_all(build: Callable[[], Strategy], asked: Sequence[Asked]) -> list[Taken]:
    """Build a strategy, show it one session after another and return all that it decides.

    What is raised is an answer, too, and ends the list: a strategy that fails without the future has used it.
    """
    answers: list[Taken] = []
    try:
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # another future may be a strange one
            strategy = build()
            for item in asked:
                answers.append(taken(strategy.decide(shown_again(item.view))))
    except Exception as error:  # whatever a user's code raises
        answers.append(Taken("raised", b"", (f"{type(error).__name__}: {error}",)))
    return answers
