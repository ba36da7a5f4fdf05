"""How far long work is, in one line that is written over."""

import sys
import time

from quantdl.errors import ConfigError
from quantdl.training.fit import Progress

_EVERY = 0.2  # seconds


def told(progress: bool | Progress) -> Progress | None:
    """Return what is told how far the work is.

    Args:
        progress: Whether a line is shown; or what is told, see `quantdl.training.fit.Progress`.

    Raises:
        ConfigError: If it is neither.
    """
    if isinstance(progress, bool):
        return ProgressLine() if progress else None
    if not callable(progress):
        raise ConfigError(
            f"progress: given {progress!r}; expected True for a line, False for none, or a function of a stage, what "
            "is done and the total."
        )
    return progress


class ProgressLine:
    """One line a stage on standard error, with what is done, for how long, and about how long it will still take."""

    def __init__(self) -> None:
        self._stage, self._began, self._written, self._width = "", 0.0, 0.0, 0

    def __call__(self, stage: str, done: int, total: int) -> None:
        """Say how far a stage is; see `quantdl.training.fit.Progress`."""
        now = time.monotonic()
        if stage != self._stage:
            self._stage, self._began, self._width = stage, now, 0
        ended = bool(total) and done >= total
        if now - self._written < _EVERY and not ended:
            return
        line = line_of(stage, done, total, now - self._began)
        sys.stderr.write(f"\r{line:<{self._width}}" + ("\n" if ended else ""))
        sys.stderr.flush()
        self._written, self._width = now, len(line)


def line_of(stage: str, done: int, total: int, seconds: float) -> str:
    """Return what a stage is at.

    Args:
        stage: What is going on.
        done: Steps that are done.
        total: Steps that there can be at most; 0 where that is not known.
        seconds: Since it began.

    Example:
        >>> line_of("training", 2, 8, 10.0), line_of("training", 8, 8, 41.0)
        ('training: 2 of 8, 10 s, at most 30 s left', 'training: 8 of 8, 41 s')
    """
    count = f"{done:,} of {total:,}" if total else f"{done:,}"
    left = f", at most {seconds * (total - done) / done:.0f} s left" if 0 < done < total else ""
    return f"{stage}: {count}, {seconds:.0f} s{left}"
