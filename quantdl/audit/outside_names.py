"""Names that the source of a strategy reads and does not bind: what they hold came from outside of what it is shown."""

import ast
import builtins
import symtable
from collections.abc import Iterator

from quantdl.audit.verdict import Warned

FROM_OUTSIDE = (
    "it stood outside of the strategy when that was handed over, and may hold later rows; hand the data to the run as "
    "a field or a series"
)
_OF_A_MODULE = {"__name__", "__file__", "__doc__", "__annotations__", "__builtins__"}


def free_names(text: str) -> dict[str, int]:
    r"""Return the names that a source reads and binds nowhere, each with the first line on which it stands.

    Args:
        text: Of a whole file, or of one function or class.

    Raises:
        SyntaxError: If it is no Python.

    Example:
        >>> free_names("import numpy as np\ndef decide(view):\n    return np.log(prices[len(view.sessions)])")
        {'prices': 3}
    """
    read = _unbound(text, called=False)
    lines: dict[str, int] = {}
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Name) and node.id in read:
            lines[node.id] = min(node.lineno, lines.get(node.id, node.lineno))
    return dict(sorted(lines.items(), key=lambda item: (item[1], item[0])))


def names_read_when_called(text: str) -> frozenset[str]:
    r"""Return those of `free_names` that functions look up when they are called, not when they are defined.

    Example:
        >>> sorted(names_read_when_called("def decide(view, weights=table):\n    return weights.loc[day(view)]"))
        ['day']
    """
    return frozenset(_unbound(text, called=True))


def _unbound(text: str, *, called: bool) -> set[str]:
    top = symtable.symtable(text, "strategy", "exec")
    bound = {item.get_name() for item in top.get_symbols() if item.is_assigned() or item.is_imported()}
    bound |= {item.get_name() for item in top.get_symbols() if item.is_namespace()}
    return {*_read(top, called=called)} - bound - {*dir(builtins)} - _OF_A_MODULE


def outside_names(text: str) -> tuple[Warned, ...]:
    """Return a warning for each name that a strategy file reads and binds nowhere; none if it is no Python."""
    try:
        found = free_names(text)
    except SyntaxError:
        return ()
    return tuple(Warned(line, name, FROM_OUTSIDE) for name, line in found.items())


def _read(table: symtable.SymbolTable, *, called: bool) -> Iterator[str]:
    """Names that a scope or one inside of it takes from the module; of functions alone where those are called for."""
    for item in table.get_symbols() if not called or table.get_type() == "function" else ():
        of_module = item.is_global() or (table.get_type() == "module" and not item.is_assigned())
        if of_module and item.is_referenced():
            yield item.get_name()
    for inner in table.get_children():
        yield from _read(inner, called=called)
