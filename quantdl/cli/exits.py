"""How the command line ends: a message on standard error and an exit code, never a traceback for bad input."""

import io
import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

import typer
from typer.core import TyperGroup

from quantdl.errors import QuantdlError

INTERRUPTED = 130  # 128 + SIGINT, as shells report it
PIPE_CLOSED = 141  # 128 + SIGPIPE


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
        typer.echo(str(error), err=True)
        raise typer.Exit(error.exit_code) from error
    except KeyboardInterrupt as error:
        typer.echo("interrupted; no run was written", err=True)
        raise typer.Exit(INTERRUPTED) from error
    except BrokenPipeError as error:
        discard_output()
        raise typer.Exit(PIPE_CLOSED) from error
    except OSError as error:
        typer.echo(f"{error.filename or 'the operating system'}: {error.strerror or error}", err=True)
        raise typer.Exit(QuantdlError.exit_code) from error


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
    typer.echo(f"warning: {message}", err=True)


def leave_with(run: typer.Typer) -> None:
    """Run the command line to its end and leave the process with its exit code."""
    warnings.showwarning = show_warning
    if isinstance(sys.stdout, io.TextIOWrapper):  # a character that the terminal does not have ends no command
        sys.stdout.reconfigure(errors="backslashreplace")
    code: int | str | None = 0
    try:
        run(prog_name="quantdl")
    except SystemExit as leaving:
        code = leaving.code
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        discard_output()
        code = code or PIPE_CLOSED
    sys.exit(code)
