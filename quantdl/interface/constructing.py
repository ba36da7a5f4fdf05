"""What a model's constructor says of names it does not know, and of those it lacks: what a config says of its keys."""

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any, Protocol, TypeVar

from quantdl.backtest.plan.stated import ConstructorSignature
from quantdl.config.arguments import Arguments
from quantdl.errors import closest, did_you_mean


class _Settings(Protocol):
    @classmethod
    def read_as(cls) -> tuple[type[Any], ...]: ...


Model = TypeVar("Model", bound=_Settings)


class NamedSettings(type):
    """The class of a class whose constructor takes settings by name.

    A name that is none, or one that is missing, is refused together with every value that is wrong, before Python
    raises a ``TypeError`` for the first of them.
    """

    def __call__(cls: type[Model], *given: Any, **named: Any) -> Model:  # noqa: ANN401, N805 - what settings take
        """Make an instance.

        Raises:
            ConfigError: With every name and value that is wrong.
        """
        accepted = inspect.signature(cls).parameters
        _refuse_places(cls, given, named)
        values = {**dict(zip(accepted, given, strict=False)), **named}
        unknown = [name for name in values if name not in accepted]
        lacking = {name for name, one in accepted.items() if one.default is one.empty and name not in values}
        if unknown or lacking:
            _refuse(cls, cls.read_as(), values, unknown)
        made: Model = type.__call__(cls, *given, **named)
        return made

    __signature__ = ConstructorSignature()  # which editors and `help` show


def _refuse_places(kind: type, given: Sequence[object], named: Mapping[str, object]) -> None:
    """Raise what is wrong with values given by their place: too many of them, or one that has a name as well."""
    parameters = inspect.signature(kind).parameters.values()
    places = [one.name for one in parameters if one.kind is one.POSITIONAL_OR_KEYWORD]
    call = Arguments(kind.__name__)
    if len(given) > len(places):
        call.add(f"{len(given)} values without a name", f"expected at most {len(places)}: {', '.join(places)}")
    for name in places[: len(given)]:
        if name in named:
            call.add(name, "given twice, by its place and by its name; expected once")
    call.refuse_faults()


def _refuse(kind: type, parts: Sequence[type[Any]], values: Mapping[str, object], unknown: list[str]) -> None:
    """Raise what is wrong with all of the names and values; a misspelt one is read as what was meant."""
    call, accepted = Arguments(kind.__name__), list(inspect.signature(kind).parameters)
    meant = {name: closest(name, accepted) for name in unknown}
    for name in unknown:
        call.add(name, f"unknown argument{did_you_mean(name, accepted) or '; expected one of ' + ', '.join(accepted)}")
    corrected = {meant.get(name) or name: _plain(value) for name, value in values.items()}
    for part in parts:
        own = {one.name: corrected[one.name] for one in fields(part) if one.name in corrected}
        call.read(part, own)
    call.refuse_faults()


def _plain(value: object) -> object:
    """The settings of the models in a sequence, as a config would state them."""
    members = value if isinstance(value, list | tuple) else ()
    return [getattr(one, "settings", one) for one in members] if members else value
