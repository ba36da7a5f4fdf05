"""The strategy asked again: by itself, with what it was shown, while the future behind its back is another one."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from quantdl.audit.decisions import Asked, Recorder, Taken, decide_again, decide_all
from quantdl.audit.futures import TRUNCATED, Futures
from quantdl.audit.outside_reads import OutsideReads
from quantdl.audit.reach import furthest, nearest
from quantdl.audit.verdict import Leak
from quantdl.audit.world import Change, World, changed, kinds_of, sources_of
from quantdl.backtest import Decision, Hold, MarketView, Orders, Strategy
from quantdl.backtest.running.asking import play_strategy
from quantdl.market.panel import Panel

STAGE = "strategy"
Builder = Callable[[World], Strategy]
_PRIMED = 6  # sessions at which passes after other futures are compared


@dataclass(eq=False)
class Questions:
    """What the strategy was asked in the true run, ready to be asked again.

    Attributes:
        futures: Other worlds.
        build: Makes a new strategy in a world.
        asked: What it was shown in the true run, and what it decided.
        files: Files with data that it opened by itself.
        remembers: Whether what it decides depends on the sessions before; one that does is shown all of them again.
    """

    futures: Futures
    build: Builder
    asked: Sequence[Asked]
    files: Sequence[str] = ()
    remembers: bool = False

    def reproduced(self) -> int | None:
        """Show all sessions to a new strategy; returns the number of the first that it decides otherwise, or None.

        It also learns whether the strategy remembers.
        """
        again = decide_all(lambda: self.build(self.futures.world), self.asked)
        for number, item in enumerate(self.asked):
            if number >= len(again) or again[number] != item.answer:
                return number
        samples = np.unique(np.linspace(0, len(self.asked) - 1, 8).astype(int))
        decided = [number for number, item in enumerate(self.asked) if item.answer.decides]
        few = [decided[at] for at in np.unique(np.linspace(0, len(decided) - 1, 8).astype(int))] if decided else []
        self.remembers = any(self._alone(number) != self.asked[number].answer for number in {*samples, *few})
        return None

    def _alone(self, number: int) -> Taken:
        return decide_again(lambda: self.build(self.futures.world), [self.asked[number]])

    def answer(self, world: World, number: int) -> Taken:
        """What a strategy that was built in a world decides in a session, shown what it was shown."""
        if not self.remembers:
            alone = decide_again(lambda: self.build(world), [self.asked[number]])
            if alone == self.asked[number].answer:
                return alone
        return decide_again(lambda: self.build(world), self.asked[: number + 1])

    def leak(self, number: int, turn: int) -> Leak | None:
        """Ask again in a world with another future, and in one that ends.

        Args:
            number: Of the session.
            turn: Which way of changing the future has its turn.
        """
        session = self.asked[number].view.session
        kind, rewritten = self.futures.rewritten_after(session, turn)
        for how, world in ((kind, rewritten), (TRUNCATED, self.futures.truncated_at(session))):
            answer = self.answer(world, number)
            if answer != self.asked[number].answer:
                return self.measured(number, how, answer)
        return None

    def measured(self, number: int, kind: str, answer: Taken) -> Leak:
        """Measure how far a decision looks, and on which of the sources it depends."""
        futures, session = self.futures, self.asked[number].view.session
        after, most = futures.row(session), futures.bars_after(session)

        def shows(change: Change) -> bool:
            return self.answer(changed(futures.world, change), number) != self.asked[number].answer

        known = kinds_of(futures.world)
        telling = next((item for item in (kind, *known) if item in known and shows(Change(item, after))), None)
        near = far = None
        reads: tuple[str, ...] = ()
        detail = f"It {_failure(answer)}." if answer.kind == "raised" else ""
        if telling is not None:
            near = nearest(lambda bars: shows(Change(telling, after, after + 1 + bars)), most)
            far = furthest(lambda bar: shows(Change(telling, after, since=after + bar)), most)
            names = sources_of(futures.world)
            found = [name for name in names if shows(Change("noise", after, only=name))]
            reads = tuple(found) if len(names) > 1 else ()
        return Leak(STAGE, "the decision", session.date(), None, near, far, reads, kind, detail)

    def file_leak(self, number: int) -> tuple[Leak | None, list[str]]:
        """Ask again while the files that the strategy opens lack their later rows.

        Returns:
            What was found, and the files in which no later rows could be left out.
        """
        session = self.asked[number].view.session
        reads = OutsideReads(session.date())
        answer = self._reading(number, reads)
        if answer == self.asked[number].answer:
            return None, reads.unchanged
        after, sessions = self.futures.row(session), self.futures.world.sessions

        def enough(bars: int) -> bool:
            until = sessions[min(after + bars, len(sessions) - 1)].date()
            return self._reading(number, OutsideReads(until)) == self.asked[number].answer

        far = nearest(enough, self.futures.bars_after(session))
        files = tuple(name for name in reads.opened if name not in reads.unchanged)
        detail = f"It {_failure(answer)} without them." if answer.kind == "raised" else ""
        how = "a file that it opens lacks its later rows"
        return Leak(STAGE, "the decision", session.date(), None, None, far, files, how, detail), reads.unchanged

    def _reading(self, number: int, reads: OutsideReads) -> Taken:
        with reads.watching():
            return self.answer(self.futures.world, number)

    def former_pass_leak(self) -> Leak | None:
        """Tell whether a strategy that answers otherwise a second time has kept what it saw in later sessions.

        Passes are played through other futures, and each is followed by the same question to a new strategy. If the
        answer depends on which future was played before, something of it was kept.
        """
        decided = [number for number, item in enumerate(self.asked) if item.answer.decides]
        chosen = [decided[at] for at in np.unique(np.linspace(0, len(decided) - 1, _PRIMED).astype(int))]
        for number in chosen:
            session = self.asked[number].view.session
            other = changed(self.futures.world, Change("noise", self.futures.row(session)))
            true, otherwise, again = (self._asked_after(world, number) for world in (self.futures.world, other, None))
            if true == again != otherwise:
                how = "a former pass went through other later sessions"
                detail = "Something outlives the strategy: a global, a class or a cache keeps what it saw."
                return Leak(STAGE, "the decision", session.date(), None, None, None, (), how, detail)
        return None

    def _asked_after(self, world: World | None, number: int) -> Taken:
        """Play a run in a world, the true one where None, and ask a new strategy after it."""
        self._play(self.futures.world if world is None else world)
        return decide_again(lambda: self.build(self.futures.world), self.asked[: number + 1])

    def _play(self, world: World) -> None:
        """Play a whole run in a world, for what the strategy keeps of it."""
        pipeline = self.futures.pipeline
        values = self.futures.values(world, None)
        play_strategy(pipeline.job(values, None), self.build(world), pipeline.forecasts(values))


def _failure(answer: Taken) -> str:
    return f"fails ({answer.rules[0]})"


class OneBarAhead:
    """A strategy that the audit knows to look ahead: each weight of another one, moved by the next bar's closes."""

    def __init__(self, strategy: Strategy, panel: Panel) -> None:
        """Plant a look at a panel into a strategy."""
        self.strategy, self.panel = strategy, panel

    def decide(self, view: MarketView) -> Decision | Orders | Hold | None:
        """Return the other strategy's decision, hardly changed."""
        answer = self.strategy.decide(view)
        row = int(self.panel.bars.searchsorted(view.session, side="right"))
        later = np.nan_to_num(self.panel.closes[row : row + 1]).sum()
        hint = 1e-9 * float(np.log1p(abs(later)))
        if isinstance(answer, Decision):
            return Decision(np.asarray(answer.weights, dtype=np.float64) + hint, answer.rule)
        if isinstance(answer, Orders):
            orders = tuple(replace(order, quantity=order.quantity + hint) for order in answer.orders)
            return replace(answer, orders=orders) if orders else Hold(repr(hint))
        return Hold(f"{answer.rule} {hint!r}") if isinstance(answer, Hold) else answer


def planted_strategy_is_found(questions: Questions, number: int) -> bool:
    """Whether the audit finds a strategy that looks one bar ahead, and says one bar.

    Args:
        questions: Of the strategy under audit.
        number: Of a session in which it decides, with bars after it.
    """
    build, futures = questions.build, questions.futures

    def leaky(world: World) -> Strategy:
        return OneBarAhead(build(world), world.panel)

    history = questions.asked[: number + 1] if questions.remembers else [questions.asked[number]]
    recorder = Recorder(leaky(futures.world), OutsideReads())
    for item in history:
        recorder.decide(item.view)
    found = Questions(futures, leaky, recorder.asked, remembers=True).leak(len(history) - 1, 0)
    return found is not None and found.bars_ahead == 1 and found.furthest == 1
