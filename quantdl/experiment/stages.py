"""What is told of the stages of a run."""

from collections.abc import Callable

from quantdl.training.fit import Progress

Step = Callable[[int, int], None]
"""Told how much of one stage is done, and how much there is."""


def step_of(progress: Progress | None, stage: str) -> Step:
    """Return what is told of one stage; where there is no progress to tell, what keeps silent.

    Args:
        progress: Told of every stage.
        stage: Its name, as it is shown.

    Example:
        >>> step_of(lambda stage, done, total: print(f"{stage}: {done} of {total}"), "stress")(1, 14)
        stress: 1 of 14
        >>> step_of(None, "stress")(1, 14)
    """

    def step(done: int, total: int) -> None:
        if progress is not None:
            progress(stage, done, total)

    return step
