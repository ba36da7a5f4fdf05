"""The audit: a run is played once, then everything that led to its decisions is computed again in other futures.

It compares bit for bit, at cuts that lie exactly at decisions, so a look one bar ahead shows. A verdict of ``CLEAN``
needs that every decision that was asked for was verified, that there were enough of them, that the run can be
reproduced, and that looks one bar ahead which the audit plants itself are found.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from quantdl.audit.books import book_leak
from quantdl.audit.decisions import Recorder
from quantdl.audit.futures import TRUNCATED, Futures, StageFailed
from quantdl.audit.outside_reads import OutsideReads
from quantdl.audit.questions import Questions, planted_strategy_is_found
from quantdl.audit.source_read import FILE_READ, WHOLE_HISTORY
from quantdl.audit.stages import TERMS, Pipeline
from quantdl.audit.verdict import AuditReport, Coverage, Leak, Verdict, Warned
from quantdl.audit.world import World
from quantdl.backtest import BacktestResult
from quantdl.backtest.running.asking import play_strategy
from quantdl.errors import DataError

FEWEST_DECISIONS = 5
"""Decisions that a verdict needs. Each is tried in two other futures at least, and a leak that only chooses between two
answers escapes one of them half of the time: all of five decisions, once in a thousand."""

CUTS = 16
_BOOKS = 3  # cuts at which the book is played again
_SILENCES = 8  # one silent session is verified for so many decisions, and one for each where all are
Progress = Callable[[str, int, int], None]


def audit(
    pipeline: Pipeline,
    cuts: int | None = CUTS,
    progress: Progress | None = None,
    warnings: tuple[Warned, ...] = (),
    unseen: tuple[str, ...] = (),
) -> AuditReport:
    """Tell whether anything that a run decides depends on data from after it.

    Args:
        pipeline: From the sources to the fills.
        cuts: Decisions to verify through the whole pipeline, spread evenly; None for all. The strategy itself is asked
            again about every decision.
        progress: Told how far it is.
        warnings: What reading the strategy's source has found, for the report.
        unseen: What nothing can be shown of, a sentence each; no verdict is clean beside one.

    Raises:
        QuantdlError: What the run itself raises in the true world.
    """
    return _Audit(pipeline, cuts, progress or (lambda stage, done, total: None)).report(warnings, unseen)


@dataclass(eq=False)
class _Audit:
    pipeline: Pipeline
    cuts: int | None
    progress: Progress
    leaks: list[Leak] = field(default_factory=list)
    reasons: list[str] = field(default_factory=list)

    def report(self, warnings: tuple[Warned, ...], unseen: tuple[str, ...]) -> AuditReport:
        reads = OutsideReads()
        result, recorder = self._play(reads)
        questions = Questions(self.futures, self.pipeline.strategy, recorder.asked, reads.opened)
        self.silent = [number for number, item in enumerate(recorder.asked) if not item.answer.decides]
        self.decided = [number for number, item in enumerate(recorder.asked) if item.answer.decides]
        self._enough()
        verified, silences = self._whole_pipeline(questions, result) if self.decided else (0, 0)
        self._fitted()
        again = self._strategy(questions)
        self._unseen_reads(warnings, reads)
        planted = self._self_test(questions)
        self.reasons += unseen
        coverage = Coverage(
            sessions=len(recorder.asked),
            decisions=len(self.decided),
            asked_for=len(self._chosen()),
            verified=verified,
            decided_again=again,
            silences_verified=silences,
            worlds=sum(self.futures.kinds.values()),
            kinds=dict(self.futures.kinds),
            refused=tuple(f"{kind}: {why}" for kind, why in self.futures.refused.items()),
            never_known=self._never_known(recorder),
            rules_unused=self._unused_rules(questions),
        )
        verdict: Verdict = "LEAK" if self.leaks else "INCONCLUSIVE" if self.reasons else "CLEAN"
        return AuditReport(
            verdict, tuple(self.leaks), tuple(self.reasons), coverage, planted, tuple(reads.opened), warnings
        )

    def _play(self, reads: OutsideReads) -> tuple[BacktestResult, Recorder]:
        """Play the true run and keep what was shown and decided."""
        pipeline, values = self.pipeline, dict[str, Any]()
        for stage in pipeline.all_stages():
            self.progress(f"true run: {stage.name}", 1, 1)
            values[stage.name] = stage.compute(pipeline.world, values, None)
        self.futures = Futures(pipeline, values)
        with reads.watching():
            strategy = pipeline.strategy(pipeline.world)
        recorder = Recorder(strategy, reads)
        self.forecasts = pipeline.forecasts(values)
        result = play_strategy(values[TERMS], recorder, self.forecasts)
        return result, recorder

    def _enough(self) -> None:
        n_decided = len(self.decided)
        if not n_decided:
            self.reasons.append("The strategy decided nothing, so there is nothing to verify.")
        elif n_decided < FEWEST_DECISIONS:
            self.reasons.append(
                f"Too few decisions: {n_decided}; a verdict needs {FEWEST_DECISIONS}. Audit a longer span."
            )

    def _chosen(self) -> list[int]:
        """The decisions that are verified through the whole pipeline."""
        return _spread(self.decided, self.cuts)

    def _session(self, questions: Questions, number: int) -> pd.Timestamp:
        return questions.asked[number].view.session

    def _whole_pipeline(self, questions: Questions, result: BacktestResult) -> tuple[int, int]:
        """Compute the whole past of decisions and of silences again in other futures."""
        chosen = self._chosen()
        few = len(chosen) if self.cuts is None else max(len(chosen) // _SILENCES, 1)
        silences = _spread(self.silent, few)  # the engine orders exits in them
        of_books = set(_spread(chosen, _BOOKS))
        verified = {number: False for number in (*chosen, *silences)}
        for turn, number in enumerate(verified):
            self.progress("other futures", turn, len(verified))
            at = self._session(questions, number)
            book = result if number in of_books else None
            try:
                verified[number] = self._cut(at, turn, book)
            except StageFailed as error:
                self.reasons.append(f"A stage failed in another future after {at:%Y-%m-%d}: {error}")
            if self.leaks or (self.reasons and not verified[number]):
                break
        self.progress("other futures", len(verified), len(verified))
        done = sum(verified[number] for number in chosen)
        if done < len(chosen) and not self.leaks:
            self.reasons.append(f"Only {done} of {len(chosen)} decisions asked for could be verified.")
        return done, sum(verified[number] for number in silences)

    def _cut(self, at: pd.Timestamp, turn: int, book: BacktestResult | None) -> bool:
        """Whether everything up to a session agrees in a world with another future, and in one that ends there."""
        if not self.futures.bars_after(at):
            return True  # there is no future that could be looked at
        for how, world in self._worlds(at, turn):
            try:
                found, values = self.futures.first_difference(world, at)
            except DataError as error:
                if how == TRUNCATED:
                    raise StageFailed(f"the data up to there are refused: {error}") from error
                self.futures.refused[how] = _first_line(error)
                return self._cut_gently(at, turn, book)
            if found is not None:
                self.leaks.append(self.futures.leak(found, how))
                return False
            if book is not None:
                leak = book_leak(values[TERMS], book, at, self.forecasts, how)
                if leak is not None:
                    self.leaks.append(leak)
                    return False
        return True

    def _cut_gently(self, at: pd.Timestamp, turn: int, book: BacktestResult | None) -> bool:
        """Try again without the kinds of change that the pipeline refuses."""
        if "noise" in self.futures.refused:
            raise StageFailed(f"other prices are refused: {self.futures.refused['noise']}")
        return self._cut(at, turn, book)

    def _worlds(self, at: pd.Timestamp, turn: int) -> Iterator[tuple[str, World]]:
        yield self.futures.rewritten_after(at, turn)
        yield TRUNCATED, self.futures.truncated_at(at)

    def _fitted(self) -> None:
        for number, part in enumerate(self.pipeline.fitted):
            self.progress("fitted again", number, len(self.pipeline.fitted))
            try:
                leak = self.futures.fitted_leak(part)
            except (StageFailed, DataError) as error:
                self.reasons.append(f"Fitting again in another future failed: {_first_line(error)}")
                continue
            if leak is not None:
                self.leaks.append(leak)

    def _strategy(self, questions: Questions) -> int:
        """Ask the strategy again about every decision; returns how many it takes again."""
        if not self.decided:
            return 0
        first = questions.reproduced()
        if first is not None:
            leak = questions.former_pass_leak()
            if leak is not None:
                self.leaks.append(leak)
            else:
                self.reasons.append(
                    f"The strategy decides otherwise at {self._session(questions, first):%Y-%m-%d} when it is shown "
                    "the same again: it draws random numbers without a seed, reads the clock, or keeps something from "
                    "run to run."
                )
            return 0
        if not (self.pipeline.built_from_world or questions.files):
            return len(self.decided)  # a strategy built the same in every world was asked about all of them just now
        return self._behind_its_back(questions)

    def _behind_its_back(self, questions: Questions) -> int:
        asked = sorted({*self.decided, *_spread(self.silent, max(len(self.decided) // _SILENCES, 1))})
        done = 0
        unchanged: set[str] = set()
        for turn, number in enumerate(asked):
            self.progress("strategy asked again", turn, len(asked))
            if not self.futures.bars_after(self._session(questions, number)):
                done += number in set(self.decided)
                continue
            leak = questions.leak(number, turn) if self.pipeline.built_from_world else None
            if leak is None and questions.files:
                leak, files = questions.file_leak(number)
                unchanged |= set(files)
            if leak is not None:
                self.leaks.append(leak)
                return done
            done += number in set(self.decided)
        if unchanged:
            self.reasons.append(
                f"The strategy opens {', '.join(sorted(unchanged))}, whose rows have no dates that the audit "
                "understands, so nothing is shown about it. Hand the data to the run as a series or a field."
            )
        return done

    def _unseen_reads(self, warnings: tuple[Warned, ...], reads: OutsideReads) -> None:
        """Say where the source reads files and none was seen to be opened: some readers open them past Python."""
        lines = [str(item.line) for item in warnings if item.reason in {FILE_READ, WHOLE_HISTORY}]
        if lines and not reads.opened:
            self.reasons.append(
                f"The strategy's source reads files (line {', '.join(lines)}), and none was seen to be opened, so "
                "nothing is shown about them. Hand the data to the run as a field or a series."
            )

    def _self_test(self, questions: Questions) -> dict[str, bool]:
        """Plant looks one bar ahead and tell which of them are found."""
        able = [number for number in self.decided if self.futures.bars_after(self._session(questions, number))]
        if not able or self.leaks:
            return {}
        number = able[0 if questions.remembers else len(able) // 2]  # what remembers is shown all that came before
        self.progress("self-test", 0, 1)
        try:
            found = self.futures.planted(self._session(questions, number))
        except (StageFailed, DataError) as error:
            self.reasons.append(f"The self-test failed: {_first_line(error)}")
            return {}
        if not self.reasons:
            found["strategy"] = planted_strategy_is_found(questions, number)
        missed = [name for name, seen in found.items() if not seen]
        if missed:
            self.reasons.append(
                f"The audit plants a look one bar ahead itself, and did not see it in: {', '.join(missed)}."
            )
        self.progress("self-test", 1, 1)
        return found

    def _never_known(self, recorder: Recorder) -> tuple[str, ...]:
        """Columns that are one and the same value in all sessions in which the strategy was asked."""
        if not recorder.asked:
            return ()
        first, last = (recorder.asked[at].view.session for at in (0, -1))
        found = []
        for stage in self.pipeline.stages:
            traced = stage.trace(self.futures.base[stage.name], last)
            rows = traced.sessions >= first
            for name, values in traced.fields.items():
                seen = values[np.asarray(rows)]
                if seen.dtype.kind == "f" and len(seen) > 1 and _constant(seen):
                    found.append(f"{stage.name}: {name}")
        return tuple(found)

    def _unused_rules(self, questions: Questions) -> tuple[str, ...]:
        used = {rule for number in self.decided for rule in questions.asked[number].answer.rules}
        return tuple(rule for rule in self.futures.base[TERMS].terms.purposes if rule not in used)


def _spread(numbers: list[int], most: int | None) -> list[int]:
    """Return at most so many of the numbers, spread evenly, the first and the last among them."""
    if most is None or len(numbers) <= most:
        return numbers
    return [numbers[at] for at in np.unique(np.linspace(0, len(numbers) - 1, most).astype(int))]


def _constant(values: np.ndarray) -> bool:
    finite = values[np.isfinite(values)]
    return not finite.size or bool((finite == finite.flat[0]).all())


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__
