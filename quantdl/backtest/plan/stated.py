"""What the constructors of a plan and of its items say of arguments that are missing, unknown or too many."""

import inspect
from collections.abc import Iterator
from typing import Any, TypeVar

from quantdl.errors import PlanError, closest, did_you_mean

T = TypeVar("T")

TEMPLATE = "print(qd.plan.template(panel)) shows a plan to be filled in"


class ConstructorSignature:
    """What `inspect.signature` asks a class for: the signature of its constructor; the metaclass itself has its own."""

    def __get__(self, kind: type | None, owner: type) -> inspect.Signature:
        if kind is None:
            raise AttributeError("__signature__")
        return inspect.Signature(list(_parameters(kind)))


class Stated(type):
    """The class of a class whose arguments are decisions: most have no default.

    What is not stated, or under a name that is none, is refused with all of it named, where Python would raise a
    ``TypeError`` that does not say where to look.
    """

    def __call__(cls: type[T], *given: Any, **named: Any) -> T:  # noqa: ANN401, N805 - what the items take
        """Make an instance.

        Raises:
            PlanError: With every argument that is missing or unknown.
        """
        try:
            made: T = type.__call__(cls, *given, **named)
        except TypeError:
            faults = list(_faults(list(_parameters(cls)), given, named))
            if not faults:
                raise
            said = "; ".join(faults)
            raise PlanError(f"{cls.__name__}: {said}{'' if said.endswith('?') else '.'} Fix: {TEMPLATE}.") from None
        return made

    __signature__ = ConstructorSignature()  # which editors and `help` show


def _parameters(kind: type) -> Iterator[inspect.Parameter]:
    own = inspect.signature(type.__getattribute__(kind, "__init__"))
    yield from list(own.parameters.values())[1:]


def _faults(parameters: list[inspect.Parameter], given: tuple[object, ...], named: dict[str, object]) -> Iterator[str]:
    """Yield what is wrong with the arguments of a call; nothing where all of them have their places."""
    names = [one.name for one in parameters]
    if len(given) > len(names):
        yield f"{len(given)} arguments given; expected at most {len(names)}: {', '.join(names)}"
    stated = {*names[: len(given)], *named}
    twice = [name for name in names[: len(given)] if name in named]
    if twice:
        yield f"given twice, by place and by name: {', '.join(twice)}"
    unknown = [name for name in named if name not in names]
    misspelt = {closest(name, names) for name in unknown}  # which is told once, beside what was written
    needed = [one.name for one in parameters if one.default is one.empty]
    missing = [name for name in needed if name not in stated and name not in misspelt]
    if missing:
        yield f"missing {', '.join(missing)}; each is a decision and has no default"
    for name in unknown:
        hint = did_you_mean(name, names) or f"; expected one of {', '.join(names)}"
        yield f"unknown argument {name}{hint}"
