"""The reference of the command line, from the commands themselves."""

from collections.abc import Iterator
from typing import Any, Literal, get_args, get_origin, get_type_hints

import typer

from quantdl.cli.commands import app


def command_page() -> str:
    """Return the page: each command with what it does, what it takes and its options."""
    says = "Each also answers `--help`. [Exit codes](../reference/exit_codes.md) are the same for all."
    lines = ["# Commands", "", says, ""]
    for words, command in _commands(typer.main.get_command(app), ("quantdl",)):
        lines += _section(words, command)
    return "\n".join(lines)


# Typer's own classes have no public types for what follows.
def _commands(command: Any, words: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any]]:  # noqa: ANN401
    if not hasattr(command, "commands"):
        yield words, command
        return
    for name, inner in command.commands.items():
        if not inner.hidden:
            yield from _commands(inner, (*words, name))


def _section(words: tuple[str, ...], command: Any) -> list[str]:  # noqa: ANN401
    shown = [one for one in command.params if not one.hidden]
    arguments = [one for one in shown if one.param_type_name == "argument"]
    hints = get_type_hints(command.callback)
    called = " ".join([*words, *(_metavar(one) for one in arguments)])
    lines = [f"## `{' '.join(words)}`", "", f"    {called}", "", _markdown(command.help or ""), ""]
    rows = [(_named(one, one in arguments) + _choices(hints.get(one.name)), one.help) for one in shown]
    if rows:
        lines += ["| argument or option | meaning |", "|---|---|"]
        lines += [f"| {name} | {_cell(meaning)} |" for name, meaning in rows]
    return [*lines, ""]


def _named(parameter: Any, is_argument: bool) -> str:  # noqa: ANN401
    if is_argument:
        return f"`{_metavar(parameter)}`".replace("|", r"\|")
    value = f" {parameter.metavar}" if parameter.metavar else ""
    return ", ".join(f"`{name}{value}`" for name in (*parameter.opts, *parameter.secondary_opts))


def _metavar(argument: Any) -> str:  # noqa: ANN401
    return str(argument.metavar or argument.name.upper())


def _choices(hint: object) -> str:
    """Say which words an option takes, where it takes some only."""
    found = [one for part in (hint, *get_args(hint)) if get_origin(part) is Literal for one in get_args(part)]
    return f": {', '.join(f'`{one}`' for one in dict.fromkeys(found))}" if found else ""


def _markdown(text: str) -> str:
    return text.replace("``", "`").replace("<", r"\<")


def _cell(text: str | None) -> str:
    return _markdown(text or "").replace("|", r"\|").replace("\n", " ")
