"""What an interruption leaves behind, and the command that goes on from there."""

import shlex
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from quantdl.config import ForecastConfig


class InterruptedWork(KeyboardInterrupt):
    """Ctrl-C, with what is kept and how to go on."""


@contextmanager
def saying_how_to_go_on(kept: Callable[[], str]) -> Iterator[None]:
    """Say, where the block is interrupted, what ``kept`` answers then.

    Raises:
        InterruptedWork: With the sentence, for the end of the command line.
    """
    try:
        yield
    except KeyboardInterrupt as error:
        raise InterruptedWork(kept()) from error


def this_command() -> str:
    """Return the command as it was given, for a shell.

    Example:
        >>> this_command().startswith("`quantdl")
        True
    """
    return f"`quantdl {shlex.join(sys.argv[1:])}`".replace(" `", "`")


def training_kept(config: "ForecastConfig") -> str:
    """Say what is kept of the trainings of a config."""
    from quantdl.experiment.unfinished import kept_states

    states = kept_states(config)
    if not states:
        return _no_state_yet(config)
    size = sum(path.stat().st_size for path in states)
    what = f"the state of {len(states)} trainings" if len(states) > 1 else "the state of the training"
    return (
        f"interrupted: no run was written; {what} is kept in {_shown(states[0].parent)} ({size / 1e6:.1f} MB). "
        f"{this_command()} goes on from there, to the same bits"
    )


def _no_state_yet(config: "ForecastConfig") -> str:
    """Say why nothing is kept: what has no passes over the data has no state, and others save theirs now and then."""
    from quantdl.models.settings import EnsembleSettings, NetworkSettings

    members = config.model.members if isinstance(config.model, EnsembleSettings) else (config.model,)
    if not any(isinstance(member, NetworkSettings) for member in members):
        return nothing_kept()
    seconds = config.output.state_seconds
    if seconds is None:
        why = "output.state_seconds is null, so no state of a training is kept"
    else:
        why = f"no state of a training had been saved yet (the first is after {seconds:g} s of it)"
    return f"interrupted: no run was written, and {why}; {this_command()} starts again"


def search_kept(root: Path) -> str:
    """Say what is kept of a search under a folder of runs."""
    return (
        f"interrupted: the trials that had ended are kept under {_shown(root / 'searches')}; "
        f"{this_command()} goes on with the rest"
    )


def sweep_kept(root: Path) -> str:
    """Say what is kept of a sweep under a folder of runs."""
    return (
        f"interrupted: what had ended is kept in {_shown(root)} and its ledger; {this_command()} starts again, and "
        "what is the same counts once"
    )


def nothing_kept() -> str:
    """Say that there is nothing to go on with."""
    return f"interrupted: nothing was written; {this_command()} starts again"


def _shown(path: Path) -> str:
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)
