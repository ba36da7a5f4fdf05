"""What an audit found: the verdict, each leak with its place and reach, and how much was looked at."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Literal

from quantdl.shown import block, note, title

Verdict = Literal["CLEAN", "LEAK", "INCONCLUSIVE"]
SAYS: Mapping[Verdict, str] = {
    "CLEAN": "nothing that was decided depends on data from after it, as far as this was looked at",
    "LEAK": "something depends on data from after it",
    "INCONCLUSIVE": "nothing was shown, neither that it looks ahead nor that it does not",
}
"""What each verdict means."""

EXIT_CODES: dict[Verdict, int] = {"CLEAN": 0, "LEAK": 4, "INCONCLUSIVE": 7}


@dataclass(frozen=True)
class Leak:
    """Something that was computed or decided at a close and depends on data from after it.

    Attributes:
        stage: Where it first shows.
        field: What differs there.
        session: The close at which it is computed or decided.
        asset: The asset that it is about, or None.
        bars_ahead: The fewest bars after ``session`` whose change suffices to change it, or None where no change of
            a few bars does.
        furthest: The largest number of bars after ``session`` from which on changes still show, or None.
        reads: What the sources state that it depends on, such as ``close`` or ``volume``; nothing where that is not
            known.
        found_by: How the future was changed when it showed.
        detail: What more is known of it, or nothing.
    """

    stage: str
    field: str
    session: date
    asset: str | None
    bars_ahead: int | None
    furthest: int | None
    reads: tuple[str, ...]
    found_by: str
    detail: str = ""

    def sentence(self) -> str:
        """Say it in plain English."""
        what = f"{self.field} of {self.asset}" if self.asset else self.field
        far = f" It looks {self._reach()}." if self.bars_ahead is not None or self.furthest is not None else ""
        read = f" It depends on later values of {', '.join(self.reads)}." if self.reads else ""
        more = f" {self.detail}" if self.detail else ""
        return (
            f"{self.stage}: {what} at the close of {self.session} changes when only later data change "
            f"({self.found_by}).{far}{read}{more}"
        )

    def _reach(self) -> str:
        nearest, furthest = self.bars_ahead, self.furthest
        if nearest is None:
            return f"at least {_bars(furthest or 0)} ahead"
        if furthest is None or furthest <= nearest:
            return f"{_bars(nearest)} ahead"
        return f"{_bars(nearest)} ahead, and as far as {furthest:,}"


def _bars(number: int) -> str:
    return f"{number:,} bar{'' if number == 1 else 's'}"


@dataclass(frozen=True)
class Warned:
    """A place in the source of a strategy that often looks ahead. It proves nothing.

    Attributes:
        line: Of the file, from 1.
        code: The expression.
        reason: Why it may look ahead.
        file: Which one; empty where it was read as text alone.
    """

    line: int
    code: str
    reason: str
    file: str = ""


@dataclass(frozen=True)
class Coverage:
    """How much of a run was looked at.

    Attributes:
        sessions: Sessions in which the strategy was asked.
        decisions: Of them, those in which it decided something.
        asked_for: Decisions that were to be verified through the whole pipeline.
        verified: Decisions whose whole past was computed again in other futures that begin right after them, and
            agreed in every bit.
        decided_again: Decisions that the strategy took again, by itself, with another future behind its back.
        silences_verified: Sessions without a decision that were verified as well.
        worlds: Futures that were tried.
        kinds: How the future was changed, and how often.
        refused: Kinds of change that the pipeline refuses as faulty data, so that they show nothing.
        never_known: Columns that held no value, or one and the same, in all audited sessions: nothing is shown of them.
        rules_unused: Rules of the plan under which nothing was decided.
    """

    sessions: int
    decisions: int
    asked_for: int
    verified: int
    decided_again: int
    silences_verified: int
    worlds: int
    kinds: dict[str, int]
    refused: tuple[str, ...]
    never_known: tuple[str, ...]
    rules_unused: tuple[str, ...]

    def sentence(self) -> str:
        """Say it in plain English."""
        return (
            f"{self.verified:,} of {self.asked_for:,} decisions asked for verified through the whole pipeline, of "
            f"{self.decisions:,} taken in {self.sessions:,} sessions; {self.decided_again:,} of {self.decisions:,} "
            f"taken again by the strategy from what was known; {self.worlds:,} other futures tried."
        )


@dataclass(frozen=True)
class AuditReport:
    """The result of an audit.

    Attributes:
        verdict: ``CLEAN``: every decision that was asked for is a function of what was known. ``LEAK``: something is
            not. ``INCONCLUSIVE``: neither was shown.
        leaks: What was found, at most one for each of pipeline, fitted parts, strategy and book.
        reasons: Why nothing was shown.
        coverage: How much was looked at.
        self_test: Looks one bar ahead that the audit planted itself, by stage, and whether it found them.
        files_read: Files with data that the strategy opened by itself.
        warnings: From reading the strategy's source.
    """

    verdict: Verdict
    leaks: tuple[Leak, ...]
    reasons: tuple[str, ...]
    coverage: Coverage
    self_test: dict[str, bool]
    files_read: tuple[str, ...] = ()
    warnings: tuple[Warned, ...] = ()

    def __str__(self) -> str:
        """Return the verdict, what was found, why nothing was shown, and how much was looked at."""
        found = (*(leak.sentence() for leak in self.leaks), *self.reasons, self.coverage.sentence())
        return "\n".join([f"{self.verdict}: {SAYS[self.verdict]}", *(f"  - {sentence}" for sentence in found)])

    def _repr_html_(self) -> str:
        """Show the same, and what often looks ahead in the strategy's source."""
        found = [*(leak.sentence() for leak in self.leaks), *self.reasons]
        warned = [f"line {item.line}: {item.code}: {item.reason}" for item in self.warnings]
        return block(
            title(f"{self.verdict}: {SAYS[self.verdict]}"),
            *(note(f"\u2013 {sentence}") for sentence in (*found, *warned)),
            note(self.coverage.sentence()),
        )

    @property
    def exit_code(self) -> int:
        """Exit code of the command line."""
        return EXIT_CODES[self.verdict]
