"""How the command line ends: a message on standard error and an exit code, never a traceback for bad input."""

import errno
import io
import os
import signal
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import NoReturn, TextIO

import typer
from typer.core import TyperGroup

from quantdl.cli.saying import say
from quantdl.errors import QuantdlError

INTERRUPTED = 130  # 128 + SIGINT, as shells report it
PIPE_CLOSED = 141  # 128 + SIGPIPE
_SAID = "interrupted; no run was written"  # where a command does not say more, see `quantdl.cli.going_on`


class Commands(TyperGroup):
    """A group of commands whose errors end in a message and an exit code, for every command in one place."""

    def invoke(self, ctx: typer.Context) -> object:  # type: ignore[override]  # the base class names a private type
        """Run the command that the context names.

        Raises:
            typer.Exit: With the exit code of what went wrong.
        """
        with _reported():
            return super().invoke(ctx)


@contextmanager
def _reported() -> Iterator[None]:
    try:
        yield
    except QuantdlError as error:
        say(error, err=True)
        raise typer.Exit(error.exit_code) from error
    except KeyboardInterrupt as error:
        typer.echo(str(error) or _SAID, err=True)
        raise typer.Exit(INTERRUPTED) from error
    except BrokenPipeError as error:
        discard_output()
        raise typer.Exit(PIPE_CLOSED) from error
    except OSError as error:
        say(_of_the_system(error), err=True)
        raise typer.Exit(QuantdlError.exit_code) from error


def _of_the_system(error: OSError) -> str:
    """Return what the operating system refused as a sentence with what to do."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        fix = "Free some space, or write to another disk."
    elif error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        fix = "Check the permissions, or give another path."
    else:
        fix = "Check the path."
    return f"{error.filename or 'writing the output'}: {error.strerror or error}. {fix}"


def discard_output() -> None:
    """Send what is still to be written nowhere: the reader of the output has gone."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)


def show_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    """Print a warning as one line for the user instead of a place in the source."""
    say(f"warning: {message}", err=True)


class _Interrupts:
    """Notes that Ctrl-C was pressed, and raises KeyboardInterrupt as Python does.

    What it interrupts may turn it into another error or lose it: a library that is being imported, a callback from C.
    """

    def __init__(self) -> None:
        self.any = False
        if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # else they are ignored, as in the background
            signal.signal(signal.SIGINT, self._raised)

    def _raised(self, number: int, frame: FrameType | None) -> None:
        self.any = True
        signal.default_int_handler(number, frame)


def leave_with(run: typer.Typer) -> None:
    """Run the command line to its end and leave the process with its exit code.

    A command that was interrupted and did not end well leaves with 130, whatever became of the interruption.
    """
    warnings.showwarning = show_warning
    interrupts = _Interrupts()
    if isinstance(sys.stdout, io.TextIOWrapper):  # a character that the terminal does not have ends no command
        sys.stdout.reconfigure(errors="backslashreplace")
    code: int | str | None = 0
    try:
        run(prog_name="quantdl")
    except SystemExit as leaving:
        code = leaving.code
    except (Exception, KeyboardInterrupt):
        if not interrupts.any:
            raise
        code = INTERRUPTED
        typer.echo(_SAID, err=True)
    if interrupts.any and code:
        _leave_interrupted()
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        discard_output()
        code = code or PIPE_CLOSED
    sys.exit(code)


def _leave_interrupted() -> NoReturn:
    """Leave with 130 at once.

    Python would kill itself by the signal at its end if the interruption met code that is compiled from text, as that
    of dataclasses is while a library is imported; and a further one could take the exit code away.
    """
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, KeyboardInterrupt):
            stream.flush()
    os._exit(INTERRUPTED)
