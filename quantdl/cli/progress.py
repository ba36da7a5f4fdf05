"""What a command tells while it works, on standard error: bars on a terminal, lines in a log, nothing where quiet."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import typer

Progress = Callable[[str, int, int], None]
"""Told the stage, how much of it is done, and how much it is in all; zero where that is not known."""

_LINE_EVERY = 30.0  # seconds between two lines of one stage in a log
_FIRST = "reading"  # what is done before the first stage is told


@dataclass(eq=False)
class StageClock:
    """How long each stage took, in the order in which they began.

    Args:
        now: Seconds of a clock that only goes on.
    """

    now: Callable[[], float] = time.monotonic
    seconds: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Begin with what comes before the first stage."""
        self._stage, self._since = _FIRST, self.now()

    def at(self, stage: str) -> None:
        """Note that a stage goes on, or begins and ends the one before it."""
        moment = self.now()
        self.seconds[self._stage] = self.seconds.get(self._stage, 0.0) + moment - self._since
        self._stage, self._since = stage, moment

    def left(self, stage: str, done: int, total: int) -> float | None:
        """Return the seconds that a stage still takes at the pace so far; None where that is not known."""
        taken = self.seconds.get(stage, 0.0)
        return taken * (total - done) / done if 0 < done <= total and taken > 0 else None


@contextmanager
def told(*, quiet: bool = False, verbose: bool = False) -> Iterator[Progress]:
    """Give the callback that tells how far a command is.

    Args:
        quiet: Tell nothing.
        verbose: Say at the end how long each stage took, also where the block is left by an error.
    """
    clock = StageClock()
    try:
        if quiet:
            yield lambda stage, done, total: clock.at(stage)
        elif sys.stderr.isatty():
            with _bars(clock) as progress:
                yield progress
        else:
            yield _Lines(clock)
    finally:
        clock.at("")
        if verbose:
            for stage, seconds in clock.seconds.items():
                typer.echo(f"took: {stage}: {seconds:.1f} s", err=True)


@contextmanager
def _bars(clock: StageClock) -> Iterator[Progress]:
    """Draw one bar a stage, with the time that is left."""
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress as Bars,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=None),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
    )
    with Bars(*columns, console=Console(stderr=True)) as bars:
        stages = {}

        def advance(stage: str, done: int, total: int) -> None:
            clock.at(stage)
            if stage not in stages:
                stages[stage] = bars.add_task(stage, total=total or None)
            bars.update(stages[stage], completed=done, total=total or None)

        yield advance


class _Lines:
    """Writes a line when a stage begins, one now and then, and one when it has ended: for logs and pipes."""

    def __init__(self, clock: StageClock) -> None:
        self.clock, self.said, self.ended = clock, dict[str, float](), set[str]()

    def __call__(self, stage: str, done: int, total: int) -> None:
        self.clock.at(stage)
        now = self.clock.now()
        if stage not in self.said:
            self.said[stage] = now
            typer.echo(f"{stage} ...", err=True)
        if total and done >= total and stage not in self.ended:
            self.ended.add(stage)
            typer.echo(f"{stage}: {done:,}/{total:,} in {self.clock.seconds.get(stage, 0.0):.1f} s", err=True)
        elif now - self.said[stage] >= _LINE_EVERY and stage not in self.ended:
            self.said[stage] = now
            left = self.clock.left(stage, done, total)
            known = "" if left is None else f", about {left:.0f} s left"
            typer.echo(f"{stage}: {done:,}{f'/{total:,}' if total else ''}{known}", err=True)
