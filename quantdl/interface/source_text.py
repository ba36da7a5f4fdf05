"""The source of a function or a class, wherever it was typed, as a file that stands alone.

The text holds what the object needs: imports, the functions and classes beside it, and plain values such as numbers.
Other values that it reads (a table, an array, a model) are no source. They are named, so that it is known that the
strategy reads something that it is not shown.
"""

import ast
import linecache
import sys
import textwrap
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from types import CellType, FunctionType, ModuleType
from typing import Any

from quantdl.audit.outside_names import free_names
from quantdl.errors import ConfigError

_LONGEST_VALUE = 500
_PLAIN = (bool, int, float, str, bytes, type(None))

Named = Callable[..., object] | type


@dataclass
class SourceText:
    """What is stored of a strategy.

    Attributes:
        imports: Lines that import, in the order in which they were needed.
        values: Lines that bind plain values.
        definitions: Functions and classes, each after what it needs.
        outside: What is read and cannot be stored, by name.
        places: Where each of these stands: among the names of a module, or in the cell of a closure.
    """

    imports: dict[str, None] = field(default_factory=dict)
    values: dict[str, str] = field(default_factory=dict)
    definitions: dict[str, str] = field(default_factory=dict)
    outside: dict[str, object] = field(default_factory=dict)
    places: dict[str, list[dict[str, Any] | CellType]] = field(default_factory=dict)

    def text(self, *more: str) -> str:
        """Return the file, with further definitions at its end."""
        head = []
        if self.outside:
            kinds = ", ".join(f"{name} ({type(value).__name__})" for name, value in self.outside.items())
            head = [f"# Not stored, because it is data and no source: {kinds}. Without it this file cannot decide."]
        parts = ["\n".join(head), "\n".join(sorted(self.imports)), "\n".join(self.values.values())]
        return "\n\n\n".join([part for part in [*parts, *self.definitions.values(), *more] if part]) + "\n"


def collected(made: Named) -> SourceText:
    """Return the source of a function or a class with all that it needs.

    Args:
        made: Typed in a notebook cell, a file or a script.

    Raises:
        ConfigError: If its source cannot be had, with the fix.
    """
    found = SourceText()
    _collect(made, found)
    return found


def _collect(made: Named, found: SourceText) -> None:
    name, (text, around) = made.__name__, _definition(made)
    found.definitions[name] = ""  # taken, should it need itself
    for needed in free_names(text):
        if needed == name or needed in found.definitions or needed not in around:
            continue
        if needed not in found.outside:
            _take(needed, _value(around[needed], needed), made.__module__, found)
        if needed in found.outside:
            found.places.setdefault(needed, []).append(around[needed])
    del found.definitions[name]  # it comes after what it needs
    found.definitions[name] = text


def _take(name: str, value: object, beside: str | None, found: SourceText) -> None:
    """Take up a value that is read by name: as an import, as source, as a plain value, or as something outside."""
    line = import_line(name, value, beside)
    if line is not None:
        found.imports[line] = None
    elif isinstance(value, FunctionType | type) and value.__module__ == beside:
        try:
            _collect(value, found)
        except ConfigError:
            found.definitions.pop(value.__name__, None)
            found.outside[name] = value
            return
        if value.__name__ != name:
            found.values[name] = f"{name} = {value.__name__}"
    elif is_plain(value) and len(repr(value)) <= _LONGEST_VALUE:
        found.values[name] = f"{name} = {value!r}"
    else:
        found.outside[name] = value


def import_line(name: str, value: object, beside: str | None) -> str | None:
    """Return the line that imports a value under a name, or None where no import gives it.

    Args:
        name: Under which it is read.
        value: What stands there.
        beside: Module of what reads it; nothing is imported from it, its source is stored.

    Example:
        >>> import numpy
        >>> import_line("np", numpy, "__main__"), import_line("log", numpy.log, "__main__")
        ('import numpy as np', 'from numpy import log')
    """
    if isinstance(value, ModuleType):
        known = value.__name__
        return f"import {known}" if name == known else f"import {known} as {name}"
    module = getattr(value, "__module__", None) or ("numpy" if type(value).__module__ == "numpy" else None)
    own = getattr(value, "__qualname__", None) or getattr(value, "__name__", None)
    if not isinstance(module, str) or not isinstance(own, str) or module in (beside, "__main__", "builtins"):
        return None
    parts = module.split(".")
    packages = (".".join(parts[: length + 1]) for length in range(len(parts)))
    shortest = next((one for one in packages if getattr(sys.modules.get(one), own, None) is value), None)
    if shortest is None or not own.isidentifier():
        return None
    return f"from {shortest} import {own}" if own == name else f"from {shortest} import {own} as {name}"


def is_plain(value: object) -> bool:
    """Whether a value is numbers, text and lists of them, which can be written out.

    Example:
        >>> is_plain({"KO": [1, 2.5]}), is_plain(object())
        (True, False)
    """
    if isinstance(value, dict):
        return all(isinstance(key, _PLAIN) and is_plain(item) for key, item in value.items())
    if type(value) in (list, tuple, set, frozenset):
        assert isinstance(value, list | tuple | set | frozenset)
        return all(map(is_plain, value))
    return type(value) in _PLAIN


def plain_parameter(value: object) -> bool:
    """Whether a config can hold a value as a parameter of a strategy."""
    if isinstance(value, Mapping):
        return all(isinstance(key, str) and plain_parameter(item) for key, item in value.items())
    if isinstance(value, list | tuple):
        return all(map(plain_parameter, value))
    return value is None or isinstance(value, bool | int | float | str | date | Path)


def _value(place: dict[str, Any] | CellType, name: str) -> object:
    return place.cell_contents if isinstance(place, CellType) else place[name]


def _definition(made: Named) -> tuple[str, Mapping[str, dict[str, Any] | CellType]]:
    """Return the source of a function or class, and where each name stands that it could read."""
    function = _a_function(made)
    lines = linecache.getlines(function.__code__.co_filename)
    name = getattr(made, "__name__", "")
    if not lines or name == "<lambda>":
        raise _no_source(made)
    try:
        tree = ast.parse("".join(lines))
    except SyntaxError:
        raise _no_source(made) from None
    kinds = ast.ClassDef if isinstance(made, type) else ast.FunctionDef | ast.AsyncFunctionDef
    first = function.__code__.co_firstlineno
    within = [
        node
        for node in ast.walk(tree)
        if isinstance(node, kinds) and node.name == name and _first_line(node) <= first <= (node.end_lineno or 0)
    ]
    if not within:
        raise _no_source(made)
    node = min(within, key=lambda item: (item.end_lineno or 0) - item.lineno)
    text = textwrap.dedent("".join(lines[_first_line(node) - 1 : node.end_lineno]))
    return text.rstrip(), {**dict.fromkeys(function.__globals__, function.__globals__), **_closed_over(made)}


def _first_line(node: ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    return min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])


def _a_function(made: Named) -> FunctionType:
    """Return the function itself, or one that was written in the body of a class, ``decide`` before others."""
    if isinstance(made, FunctionType):
        return made
    written = [item for item in _functions(made) if item.__module__ == made.__module__ and _has_lines(item)]
    own = [item for item in written if item.__qualname__.startswith(f"{made.__qualname__}.")]
    if not own:
        raise _no_source(made)
    return next((item for item in own if item.__name__ == "decide"), own[-1])


def _functions(made: Named) -> list[FunctionType]:
    return [made] if isinstance(made, FunctionType) else [f for f in vars(made).values() if isinstance(f, FunctionType)]


def _has_lines(function: FunctionType) -> bool:
    """Whether a function was typed: what `dataclass` adds to a class has no lines."""
    return bool(linecache.getlines(function.__code__.co_filename))


def _closed_over(made: Named) -> dict[str, CellType]:
    """The cells in which stands what a function, or the methods of a class, take from the function around them."""
    return {
        name: cell
        for function in _functions(made)
        for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True)
        if name != "__class__"
    }


def _no_source(made: object) -> ConfigError:
    name = getattr(made, "__name__", type(made).__name__)
    return ConfigError(
        f"strategy: the source of {name!r} cannot be had, and a run keeps the source of its strategy; expected a "
        "function written with `def`, or a class, in a notebook cell or a file. Fix: write it into a file and give its "
        "path, strategy='mine.py'."
    )
