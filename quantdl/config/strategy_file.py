"""A strategy file as a `Strategy`. The one place of quantdl where a file that a config names becomes code.

Running a config runs that file. It is found by its path, relative to the config, never by an import path, and neither
`sys.path` nor `sys.modules` keeps a trace of it.
"""

import dataclasses
import inspect
import json
import re
import sys
import traceback
from collections import abc
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, cast

from pydantic import ConfigDict, TypeAdapter
from pydantic.errors import PydanticUserError

from quantdl.config.config_fault import ConfigFault, Key, dotted
from quantdl.config.document import Document, Mapping
from quantdl.config.schema import ExperimentConfig
from quantdl.config.validation import FaultyPart, read_value, refusal
from quantdl.config.yaml_reader import parse_document
from quantdl.errors import ConfigError, closest

if TYPE_CHECKING:
    from quantdl.backtest.running.decisions import Strategy

_TYPES = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False, arbitrary_types_allowed=True)
_UNREADABLE = "the annotations of Strategy's constructor cannot be read"
_NAMED = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)


def load_strategy(path: Path | str, parameters: abc.Mapping[str, object] | None = None) -> "Strategy":
    """Run a strategy file and return its strategy, built with ``parameters``.

    Args:
        path: A Python file that defines ``class Strategy`` with a method ``decide(self, view)``.
        parameters: Arguments of its constructor, checked against names and annotations there. None means none.

    Raises:
        ConfigError: If the file cannot be run, has no such class, or the parameters do not suit; with file and line.
    """
    path = Path(path)
    document = parse_document(json.dumps({"parameters": dict(parameters or {})}, default=str), path)
    try:
        return _build(path, document, ("parameters",))
    except FaultyPart as part:
        lines = [f"{path}: {dotted(fault.keys)}: {fault.message}" for fault in part.faults]
        raise ConfigError("\n".join(lines)) from None


def configured_strategy(config: ExperimentConfig) -> "Strategy":
    """Return the strategy that a config names; faults of its parameters carry their line in the config.

    Several strategies are one that asks all of them, see `quantdl.backtest.running.combined`.

    Raises:
        ConfigError: As `load_strategy`.
    """
    if config.strategy is not None:
        return _configured(config, config.strategy.file, ("strategy", "parameters"))
    from quantdl.backtest.running.combined import Allocated, CombinedStrategy  # loads the compiled engine

    built = (
        Allocated(item.name, item.capital, _configured(config, item.file, ("strategies", number, "parameters")))
        for number, item in enumerate(config.strategies)
    )
    return CombinedStrategy(tuple(built), {rule.name: rule.purpose for rule in config.plan.rules})


def _configured(config: ExperimentConfig, file: Path, keys: tuple[Key, ...]) -> "Strategy":
    try:
        return _build(config.locate(file), config.source, keys)
    except FaultyPart as part:
        raise refusal(config.source, part.faults) from None


def _build(path: Path, document: Document, prefix: tuple[Key, ...]) -> "Strategy":
    built = _strategy_class(path)
    try:
        adapter: TypeAdapter[object] = TypeAdapter(_parameters_type(built, path))
    except PydanticUserError as error:
        raise ConfigError(f"{path}: {_UNREADABLE}: {error.message}") from None
    parameters = read_value(adapter, document, prefix)
    node = document.node(prefix)
    names = list(node.entries) if isinstance(node, Mapping) else []
    arguments = {name: getattr(parameters, name) for name in names}
    try:
        return cast("Strategy", built(**arguments))
    except Exception as error:  # the user's constructor may raise anything; what it says is the message
        name = next((name for name in names if re.match(rf"{name}\b", str(error))), None)
        keys = (*prefix, name) if name is not None else prefix
        message = f"refused by {path}:{_line(path, error)}: {type(error).__name__}: {error}"
        raise FaultyPart([ConfigFault(keys, message, document.mark(keys))]) from error


def _parameters_type(built: type, path: Path) -> type:
    """Return a dataclass with the constructor's arguments as fields, for checking names and types."""
    try:
        signature = inspect.signature(built, eval_str=True)
    except Exception as error:  # evaluates the annotations, which are the user's code
        raise ConfigError(f"{path}: {_UNREADABLE}: {error}") from None
    constructor = inspect.getattr_static(built, "__init__")
    if getattr(constructor, "__module__", None) == "typing":  # what a Protocol leaves to a class without constructor
        signature = inspect.Signature()
    fields: list[tuple[str, object, object]] = []
    for name, parameter in signature.parameters.items():
        if parameter.kind not in _NAMED:
            raise ConfigError(
                f"{path}: the constructor of Strategy takes '{parameter}'; expected named arguments only, "
                "so that a misspelt parameter in a config can be refused."
            )
        annotation = Any if parameter.annotation is parameter.empty else parameter.annotation
        fields.append((name, annotation, _field(parameter.default)))
    namespace = {"__pydantic_config__": _TYPES}
    return dataclasses.make_dataclass("Parameters", fields, kw_only=True, frozen=True, namespace=namespace)


def _field(default: object) -> object:
    if default is inspect.Parameter.empty:
        return dataclasses.field()
    return dataclasses.field(default_factory=lambda: default)


def _strategy_class(path: Path) -> type[object]:
    module = _run_file(path)
    classes = dict(_own_classes(module))
    built = classes.get("Strategy")
    if built is None:
        found = f"found {', '.join(classes)}" if classes else "found no class"
        if "Strategy" in vars(module):
            found += " and a 'Strategy' that is not a class of this file"
        near = closest("Strategy", classes)
        hint = f" Rename {near} to Strategy?" if near is not None else ""
        raise ConfigError(f"{path}: no class Strategy; expected one with a method decide(self, view); {found}.{hint}")
    _check_decide(built, path)
    return built


def _own_classes(module: ModuleType) -> Iterator[tuple[str, type[object]]]:
    for name, item in vars(module).items():
        if isinstance(item, type) and item.__module__ == module.__name__:
            yield name, item


def _check_decide(built: type, path: Path) -> None:
    where = f"{path}:{_class_line(path, built)}"
    decide = inspect.getattr_static(built, "decide", None)
    if not inspect.isfunction(decide) or inspect.iscoroutinefunction(decide):
        methods = [name for name, item in vars(built).items() if inspect.isfunction(item) and name[0] != "_"]
        near = closest("decide", methods)
        hint = f" Rename {near} to decide?" if near is not None else ""
        raise ConfigError(f"{where}: Strategy has no method decide; expected decide(self, view).{hint}")
    try:
        inspect.signature(decide).bind(None, None)
    except TypeError:
        given = f"decide{inspect.signature(decide)}"
        raise ConfigError(f"{where}: Strategy.{given} cannot be called; expected decide(self, view).") from None


class _Source(SourceFileLoader):
    """Always runs the file itself: no byte code of an earlier version is read, and none is left beside it."""

    def path_stats(self, path: object) -> abc.Mapping[str, Any]:
        raise OSError("byte code is not used for strategies")


def _run_file(path: Path) -> ModuleType:
    if path.suffix != ".py" or not path.is_file():
        near = closest(path.name, (file.name for file in sorted(path.parent.glob("*.py"))))
        hint = f" Did you mean {path.with_name(near)}?" if near is not None else ""
        raise ConfigError(f"{path}: no such strategy file; expected a Python file (.py).{hint}")
    name = "quantdl_strategy_" + re.sub(r"\W", "_", path.stem)
    loader = _Source(name, str(path))
    spec = spec_from_file_location(name, path, loader=loader)
    if spec is None:
        raise ConfigError(f"{path}: cannot be read as a Python file.")
    module = module_from_spec(spec)
    with _importable(module):
        try:
            loader.exec_module(module)
        except (Exception, SystemExit) as error:  # the user's file may raise anything while it runs
            raise ConfigError(_run_message(path, error)) from error
    return module


@contextmanager
def _importable(module: ModuleType) -> Iterator[None]:
    """Register the module while it runs, as dataclasses look up their own module, and remove it afterwards."""
    before = list(sys.path)
    sys.modules[module.__name__] = module
    try:
        yield
    finally:
        del sys.modules[module.__name__]
        sys.path[:] = before


def _run_message(path: Path, error: BaseException) -> str:
    if isinstance(error, SyntaxError) and error.filename == str(path):
        text = (error.text or "").rstrip()
        return f"{path}:{error.lineno}:{error.offset}: not valid Python: {error.msg}\n    {text.strip()}"
    message = f"{path}:{_line(path, error)}: running the strategy file failed: {type(error).__name__}: {error}"
    if isinstance(error, ImportError):
        message += ". A strategy imports quantdl and installed packages, not files beside it"
    return message


def _line(path: Path, error: BaseException) -> int:
    """Return the line of the file at which the error arose, or 1."""
    frames = traceback.extract_tb(error.__traceback__)
    return next((frame.lineno or 1 for frame in reversed(frames) if frame.filename == str(path)), 1)


def _class_line(path: Path, built: type) -> int:
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    return next((number for number, line in enumerate(lines, 1) if re.match(rf"class {built.__name__}\b", line)), 1)
