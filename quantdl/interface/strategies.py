"""A strategy as a notebook has it, a function, a class or a class with arguments, and its source for the run folder."""

import dataclasses
import inspect
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from types import CellType, FunctionType
from typing import Any, cast

from quantdl.audit.outside_names import names_read_when_called
from quantdl.backtest import Decision, Hold, MarketView, Orders, Strategy, as_decision
from quantdl.errors import ConfigError, RunError
from quantdl.interface.source_text import SourceText, collected, plain_parameter

_EXPECTED = (
    "a function `decide(view)`, a class with a method `decide(self, view)`, an instance of one, "
    "`functools.partial(Class, parameter=...)`, or the path of a strategy file"
)

StrategyLike = Callable[[MarketView], object] | type | Strategy
"""A function of a view, a class that decides, an instance of one, or a `functools.partial` of either."""


@dataclass(frozen=True, eq=False)
class HandedStrategy:
    """A strategy that was handed over in Python.

    Attributes:
        make: Makes a new one.
        source: What its file holds.
        text: That file.
        parameters: Arguments of its constructor that a config can hold.
        given: Arguments that it cannot hold, such as a table, by name.
    """

    make: Callable[[], Strategy]
    source: SourceText
    text: str
    parameters: Mapping[str, object]
    given: Mapping[str, object]
    remake: Callable[[Mapping[str, object]], Strategy]

    @property
    def outside(self) -> dict[str, object]:
        """What it reads from outside its view and is no source, by name."""
        return {**self.source.outside, **self.given}

    def read_when_called(self) -> frozenset[str]:
        """Names of those that it looks up each time it decides, and did not take over when it was defined."""
        return frozenset(names_read_when_called(self.text)) | frozenset(self.given)

    def reading(self, values: Mapping[str, object]) -> Strategy:
        """Return a new strategy that finds other values under some of those names."""
        arguments = {name: value for name, value in values.items() if name in self.given}
        around = {name: value for name, value in values.items() if name in self.source.outside}
        with _bound(self.source, around):
            return _ReadingOther(self.remake(arguments), self.source, around)


def handed_strategy(strategy: object, rules: Sequence[object]) -> HandedStrategy:
    """Take a strategy over from Python.

    Args:
        strategy: See `StrategyLike`.
        rules: Of the plan; weights of a function are asked for by the only one.

    Raises:
        ConfigError: If it is none, or its source cannot be had.
    """
    made, arguments = (strategy.func, dict(strategy.keywords)) if isinstance(strategy, partial) else (strategy, {})
    if isinstance(strategy, partial) and strategy.args:
        raise ConfigError("strategy: a partial with arguments by position; expected arguments by name. Fix: name them.")
    if isinstance(made, FunctionType):
        return _of_function(made, arguments, _only_rule(rules))
    if isinstance(made, type):
        _refuse_without_decide(made)
        return _of_class(made, arguments)
    if callable(getattr(made, "decide", None)):
        _refuse_without_decide(type(made))
        return _of_class(type(made), _arguments_of(made))
    raise ConfigError(f"strategy: given {_described(strategy)}; expected {_EXPECTED}.")


@dataclass(frozen=True, eq=False)
class FunctionStrategy:
    """A function that is asked at the sessions of the plan's cadence.

    Attributes:
        function: From a view to weights, or to what a strategy may decide.
        arguments: Further ones, by name.
        rule: By which weights are asked for; None where the plan has several.
    """

    function: Callable[..., object]
    arguments: Mapping[str, object]
    rule: str | None

    def decide(self, view: MarketView) -> Decision | Orders | Hold | None:
        """Return what the function answers, where the cadence allows a decision."""
        if not view.rebalance_due:
            return None
        answer = self.function(view, **self.arguments)
        if self.rule is None and not (answer is None or isinstance(answer, Decision | Orders | Hold)):
            raise RunError(
                f"{view.session:%Y-%m-%d}: weights without a rule, and the plan has several. Fix: answer "
                "qd.Decision(weights, 'the rule'), with one rule for each asset where they differ."
            )
        return as_decision(answer, view, self.rule or "")


def _of_function(function: FunctionType, arguments: dict[str, Any], rule: str | None) -> HandedStrategy:
    _refuse_signature(function, arguments)
    source = collected(function)
    written, given = _parted(arguments)
    further = "".join(f", {name}={value!r}" for name, value in written.items())
    further += "".join(f", {name}={name}" for name in given)
    source.imports["from quantdl.backtest import as_decision"] = None
    answer = f"{function.__name__}(view{further})"
    if rule is not None:
        answer = f"as_decision({answer}, view, {json.dumps(rule)})"
    body = (
        f'class Strategy:\n    """Asks `{function.__name__}` at the sessions of the plan\'s cadence."""\n\n'
        f"    def decide(self, view):\n        return {answer} if view.rebalance_due else None"
    )
    if rule is None:
        del source.imports["from quantdl.backtest import as_decision"]

    def remake(others: Mapping[str, object]) -> Strategy:
        return FunctionStrategy(function, {**arguments, **others}, rule)

    return HandedStrategy(lambda: remake({}), source, source.text(body), {}, given, remake)


def _of_class(made: type, arguments: dict[str, Any]) -> HandedStrategy:
    source = collected(made)
    written, given = _parted(arguments)
    body = "" if made.__name__ == "Strategy" else f"Strategy = {made.__name__}"
    parameters = {name: value for name, value in written.items() if plain_parameter(value)}
    if given or len(parameters) < len(written):
        parameters = {}
        named = ", ".join(
            [f"{name}={value!r}" for name, value in written.items()] + [f"{name}={name}" for name in given]
        )
        base = made.__name__
        if base == "Strategy":
            source.definitions["_Typed"] = "_Typed = Strategy"
            base = "_Typed"
        body = (
            f'class Strategy({base}):\n    """With the arguments that it was given in Python."""\n\n'
            f"    def __init__(self):\n        super().__init__({named})"
        )

    def remake(others: Mapping[str, object]) -> Strategy:
        try:
            return cast("Strategy", made(**{**arguments, **others}))
        except TypeError as error:
            raise ConfigError(
                f"strategy: {made.__name__} cannot be made: {error}. Fix: hand over "
                f"functools.partial({made.__name__}, parameter=...), or give its parameters defaults."
            ) from error

    return HandedStrategy(lambda: remake({}), source, source.text(body), parameters, given, remake)


def _parted(arguments: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Part arguments into those that can be written out and those that are data."""
    written = {name: value for name, value in arguments.items() if plain_parameter(value)}
    return written, {name: value for name, value in arguments.items() if name not in written}


def _arguments_of(strategy: object) -> dict[str, Any]:
    """Return the constructor's arguments of an instance, from its attributes of the same names."""
    if dataclasses.is_dataclass(strategy):
        return {item.name: getattr(strategy, item.name) for item in dataclasses.fields(strategy) if item.init}
    made = type(strategy)
    names = [name for name in inspect.signature(made).parameters]
    kept = vars(strategy) if hasattr(strategy, "__dict__") else {}
    if all(name in kept for name in names):
        return {name: kept[name] for name in names}
    missing = ", ".join(name for name in names if name not in kept)
    raise ConfigError(
        f"strategy: how this {made.__name__} was made cannot be told: it has no attribute {missing}. Fix: hand over "
        f"functools.partial({made.__name__}, {names[0]}=...), which makes a new one for each run."
    )


def _refuse_signature(function: FunctionType, arguments: Mapping[str, object]) -> None:
    try:
        inspect.signature(function).bind(None, **arguments)
    except TypeError as error:
        given = f"{function.__name__}{inspect.signature(function)}"
        raise ConfigError(f"strategy: {given} cannot be asked ({error}); expected decide(view).") from None


def _refuse_without_decide(made: type) -> None:
    decide = inspect.getattr_static(made, "decide", None)
    if not inspect.isfunction(decide) or inspect.iscoroutinefunction(decide):
        raise ConfigError(f"strategy: {made.__name__} has no method decide; expected decide(self, view).")
    try:
        inspect.signature(decide).bind(None, None)
    except TypeError:
        given = f"{made.__name__}.decide{inspect.signature(decide)}"
        raise ConfigError(f"strategy: {given} cannot be called; expected decide(self, view).") from None


def _only_rule(rules: Sequence[object]) -> str | None:
    names = [getattr(rule, "name", None) for rule in rules] if isinstance(rules, list | tuple) else []
    return names[0] if len(names) == 1 and isinstance(names[0], str) else None


def _described(value: object) -> str:
    return f"{type(value).__name__} {value!r}"[:80]


class _ReadingOther:
    """A strategy that finds other values under the names that it reads from outside, while it decides."""

    def __init__(self, strategy: Strategy, source: SourceText, values: Mapping[str, object]) -> None:
        self.strategy, self.source, self.values = strategy, source, values

    def decide(self, view: MarketView) -> Decision | Orders | Hold | None:
        """Return what the strategy decides meanwhile."""
        with _bound(self.source, self.values):
            return self.strategy.decide(view)


@contextmanager
def _bound(source: SourceText, values: Mapping[str, object]) -> Iterator[None]:
    """Bind other values where the strategy reads names from outside, and what stood there again afterwards."""
    places = [(place, name) for name in values for place in source.places.get(name, ())]
    before = [_read(place, name) for place, name in places]
    try:
        for place, name in places:
            _write(place, name, values[name])
        yield
    finally:
        for (place, name), value in zip(places, before, strict=True):
            _write(place, name, value)


def _read(place: dict[str, Any] | CellType, name: str) -> object:
    return place.cell_contents if isinstance(place, CellType) else place[name]


def _write(place: dict[str, Any] | CellType, name: str, value: object) -> None:
    if isinstance(place, CellType):
        place.cell_contents = value
    else:
        place[name] = value
