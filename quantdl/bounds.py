"""What a value of a settings object may be, said in its type, where a reader of configs finds it.

A settings object is a frozen dataclass beside what it configures: ``epochs: PositiveInt = 30``. Python does not check
such a bound; `quantdl.config` does for what stands in a file. What several fields must be together is checked by the
object's ``__post_init__``, which raises `quantdl.errors.FieldFaults`.
"""

from typing import Annotated

from annotated_types import Ge, Gt, Interval, Len

__all__ = [
    "Interval",
    "NonNegativeFloat",
    "NonNegativeInt",
    "NotEmpty",
    "PositiveFloat",
    "PositiveInt",
    "Share",
    "ShareBelowOne",
    "Text",
]

PositiveInt = Annotated[int, Gt(0)]
NonNegativeInt = Annotated[int, Ge(0)]
PositiveFloat = Annotated[float, Gt(0)]
NonNegativeFloat = Annotated[float, Ge(0)]

Share = Annotated[float, Interval(ge=0, le=1)]
"""A fraction of a whole."""

ShareBelowOne = Annotated[float, Interval(ge=0, lt=1)]
"""A fraction that leaves something."""

NotEmpty = Len(min_length=1)
"""Goes with text, a tuple or a mapping that holds something."""

Text = Annotated[str, NotEmpty]
"""Text that is not empty."""
