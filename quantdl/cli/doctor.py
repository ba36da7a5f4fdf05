"""A check-up on the terminal: a line for each thing that is well, the fix for each that is not, and a sentence."""

import shutil
import sys
import textwrap
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import typer

from quantdl.cli.checkup.finding import Finding

_COLOURS = {"ok": typer.colors.GREEN, "note": None, "slow": typer.colors.YELLOW, "broken": typer.colors.RED}
_STATE, _WHAT = 8, 17  # columns of the first two words
_NARROWEST, _WIDEST = 60, 120


@contextmanager
def waiting() -> Iterator[Callable[[str], None]]:
    """Give a function that says on a terminal what is looked at, in a line that goes away."""
    shown = sys.stderr.isatty()

    def look(what: str) -> None:
        if shown:
            typer.echo(f"\r\x1b[Klooking at {what} ...", err=True, nl=False)

    try:
        yield look
    finally:
        if shown:
            typer.echo("\r\x1b[K", err=True, nl=False)


def print_findings(findings: Sequence[Finding]) -> None:
    """Print what was found, and last how many things are broken or slow."""
    width = min(max(shutil.get_terminal_size().columns, _NARROWEST), _WIDEST)
    for one in findings:
        for line in _lines(one, width):
            typer.echo(line)
    typer.echo(f"\n{summary(findings)}")


def summary(findings: Sequence[Finding]) -> str:
    """Say in a sentence how things stand.

    Example:
        >>> summary([Finding("threads", "slow", "..."), Finding("runs", "ok", "...")])
        'Nothing is broken. Slow: threads.'
    """
    named = {state: [one.what for one in findings if one.state == state] for state in ("broken", "slow")}
    first = f"Broken: {', '.join(named['broken'])}." if named["broken"] else "Nothing is broken."
    return f"{first} Slow: {', '.join(named['slow'])}." if named["slow"] else first


def _lines(one: Finding, width: int) -> Iterator[str]:
    indent = " " * (_STATE + _WHAT)
    head = f"{one.state:<{_STATE}}{one.what:<{_WHAT}}"
    state = typer.style(head[:_STATE], fg=_COLOURS[one.state], bold=one.state == "broken")
    printable = "".join(letter if letter.isprintable() else " " for letter in one.detail)
    first, *rest = textwrap.wrap(printable, width - len(indent), break_on_hyphens=False) or [""]
    yield f"{state}{head[_STATE:]}{first}"
    yield from (indent + line for line in rest)
    if one.fix and one.state != "ok":
        yield from textwrap.wrap(
            f"fix: {one.fix}", width, initial_indent=indent, subsequent_indent=f"{indent}     ", break_on_hyphens=False
        )
