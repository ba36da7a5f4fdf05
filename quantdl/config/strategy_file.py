"""A strategy file as a `Strategy`. The one place of quantdl where a file that a config names becomes code.

Running a config runs that file. It is found by its path, relative to the config, never by an import path, and neither
`sys.path` nor `sys.modules` keeps a trace of it.
"""

import copy
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
from quantdl.config.document import Document, Entry, Mapping, Node, Scalar, Sequence
from quantdl.config.grid import Steps
from quantdl.config.schema import ExperimentConfig
from quantdl.config.validation import FaultyPart, read_value, refusal
from quantdl.config.yaml_reader import parse_document
from quantdl.errors import ConfigError, closest, closest_file, install_hint

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


@dataclasses.dataclass(frozen=True, eq=False)
class ParameterSet:
    """One combination of a sweep's values.

    Attributes:
        values: By the name of the parameter, as the config writes them.
        strategy: Built with them and with the other parameters of the config; None where it refused them.
        problem: Why it did, else empty.
    """

    values: abc.Mapping[str, object]
    strategy: "Strategy | None"
    problem: str = ""


def swept_strategies(config: ExperimentConfig) -> tuple[ParameterSet, ...]:
    """Run the strategy file of a config once, and build a strategy of each set of its ``sweep``, in their order.

    A constructor that raises a ValueError refuses the set: such a set is told, and not played.

    Raises:
        ConfigError: As `load_strategy`; with every unknown parameter and every value of a wrong type at its line.
        ValueError: If the config has no ``sweep``, or several strategies, which `load_config` refuses.
    """
    if config.sweep is None or config.strategy is None:
        raise ValueError("the config has no sweep of one strategy")
    path = config.locate(config.strategy.file)
    built = _strategy_class(path)
    try:
        fixed, swept = _grid_values(_adapter(built, path), config)
    except FaultyPart as part:
        raise refusal(config.source, part.faults) from None
    places = {name: {json.dumps(value): n for n, value in enumerate(values)} for name, (values, _) in swept.items()}
    found = []
    for values in config.sweep.sets():
        own = {name: swept[name][1][places[name][json.dumps(value)]] for name, value in values.items()}
        found.append(_set(built, path, values, copy.deepcopy({**fixed, **own})))
    return tuple(found)


def _set(built: type, path: Path, values: abc.Mapping[str, object], arguments: dict[str, object]) -> ParameterSet:
    try:
        return ParameterSet(values, cast("Strategy", built(**arguments)))
    except ValueError as error:
        return ParameterSet(values, None, f"refused by {path.name}:{_line(path, error)}: {error}")
    except Exception as error:  # the user's constructor may raise anything; what is no refusal is a fault of the file
        what = f"with {dict(values)} Strategy cannot be built: {type(error).__name__}: {error}"
        raise ConfigError(f"{path}:{_line(path, error)}: {what}. A ValueError would refuse the set.") from error


def _grid_values(
    adapter: TypeAdapter[object], config: ExperimentConfig
) -> tuple[dict[str, object], dict[str, tuple[tuple[object, ...], tuple[object, ...]]]]:
    """Read the parameters that keep one value, and of each other one its values as they are written and as they are.

    Raises:
        FaultyPart: With every fault of both.
    """
    document, prefix, grid = config.source, ("strategy", "parameters"), config.sweep
    assert grid is not None
    node = document.node(prefix)
    base = dict(node.entries) if isinstance(node, Mapping) else {}
    swept = {name: _nodes(document, name, values) for name, values in grid.listed().items()}
    firsts = {name: nodes[0] for name, nodes in swept.items()}
    faults: dict[tuple[Key, ...], ConfigFault] = {}
    fixed: dict[str, object] = {}
    read: dict[str, tuple[tuple[object, ...], tuple[object, ...]]] = {}
    for name, values in grid.listed().items():
        own = []
        for number, one in enumerate(swept[name]):
            changed = _with_parameters(document, base, {**firsts, name: one})
            try:
                parameters = read_value(adapter, changed, prefix)
                own.append(getattr(parameters, name))
                fixed = {other: getattr(parameters, other) for other in base if other not in swept}
            except FaultyPart as part:
                for fault in part.faults:
                    placed = _in_the_grid(fault, name, number, grid.parameters, document)
                    if placed is not None:
                        faults.setdefault(placed.keys, placed)
        read[name] = values, tuple(own)
    if faults:
        raise FaultyPart(faults.values())
    return fixed, read


def _in_the_grid(
    fault: ConfigFault, name: str, number: int, parameters: abc.Mapping[str, object], document: Document
) -> ConfigFault | None:
    """Place a fault of the strategy's parameters at the value of the sweep that makes it; None for another value's."""
    key = fault.keys[2] if len(fault.keys) > 2 else None
    if key not in parameters:
        return fault
    if key != name:  # told when it is the turn of that parameter
        return None
    unknown = fault.message.startswith("unknown key")
    inside = () if unknown or isinstance(parameters[name], Steps) else (number,)
    keys = ("sweep", "parameters", name, *inside, *fault.keys[3:])
    return ConfigFault(keys, fault.message, document.key_mark(keys) if unknown else fault.mark)


def _nodes(document: Document, name: str, values: tuple[object, ...]) -> tuple[Node, ...]:
    """Return each value of a parameter of the sweep as the file has it; those of a range at the place of the range."""
    keys = ("sweep", "parameters", name)
    node = document.node(keys)
    if isinstance(node, Sequence):
        return node.items
    return tuple(Scalar(document.mark(keys), repr(value), plain=True) for value in values)


def _with_parameters(document: Document, base: dict[str, Entry], swept: abc.Mapping[str, Node]) -> Document:
    """Return a document of the strategy's parameters alone, those of a sweep beside the others."""
    entries = {**base, **{name: Entry(node.mark, node) for name, node in swept.items()}}
    mark = document.mark(("strategy", "parameters"))
    parameters = Mapping(mark, {"parameters": Entry(mark, Mapping(mark, entries))})
    return dataclasses.replace(document, root=Mapping(mark, {"strategy": Entry(mark, parameters)}))


def _adapter(built: type, path: Path) -> TypeAdapter[object]:
    try:
        return TypeAdapter(_parameters_type(built, path))
    except PydanticUserError as error:
        raise ConfigError(f"{path}: {_UNREADABLE}: {error.message}") from None


def _build(path: Path, document: Document, prefix: tuple[Key, ...]) -> "Strategy":
    built = _strategy_class(path)
    adapter = _adapter(built, path)
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
        near = closest_file(path, sorted(path.parent.glob("*.py")))
        hint = f" Did you mean {near}?" if near is not None else ""
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
        beside = path.with_name(f"{(error.name or '').partition('.')[0]}.py")
        if beside.is_file():
            return (
                f"{message}. {beside} is a file beside the strategy. Fix: write what it needs into {path.name} itself"
            )
        missing = install_hint(error)
        if missing:
            return f"{message}. {missing}"
        message += ". A strategy imports quantdl and installed packages, not files beside it"
    return message


def _line(path: Path, error: BaseException) -> int:
    """Return the line of the file at which the error arose, or 1."""
    frames = traceback.extract_tb(error.__traceback__)
    return next((frame.lineno or 1 for frame in reversed(frames) if frame.filename == str(path)), 1)


def _class_line(path: Path, built: type) -> int:
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    return next((number for number, line in enumerate(lines, 1) if re.match(rf"class {built.__name__}\b", line)), 1)
