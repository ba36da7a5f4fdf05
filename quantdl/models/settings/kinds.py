"""The kinds of models, and the settings class of each."""

from typing import Literal, get_args

from quantdl.models.settings.classical import ClassicalKind
from quantdl.models.settings.ensemble import EnsembleSettings, MemberSettings
from quantdl.models.settings.networks import NetworkKind

ModelSettings = MemberSettings | EnsembleSettings
ModelKind = Literal[NetworkKind, ClassicalKind]
"""Models whose name alone says what they are, at their default settings."""


def settings_class(kind: object) -> type[ModelSettings]:
    """Return the class of a kind.

    Raises:
        ValueError: If no model is of this kind.
    """
    return EnsembleSettings if kind == EnsembleSettings.kind else member_class(kind)


def member_class(kind: object) -> type[MemberSettings]:
    """Return the class of a kind that an ensemble may have as a member, which is any but an ensemble; raises alike."""
    classes: dict[object, type[MemberSettings]] = {choice.kind: choice for choice in get_args(MemberSettings)}
    if kind not in classes:
        raise ValueError(f"given the model kind {kind!r}; expected one of {', '.join(map(str, classes))}")
    return classes[kind]
