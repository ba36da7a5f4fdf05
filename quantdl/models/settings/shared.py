"""What the settings of all models share: when a model is fitted anew, and horizons of which each stands once."""

from collections.abc import Iterator
from typing import Literal

Refit = Literal["yearly", "quarterly", "monthly", "once"]
"""When parameters are fitted anew in the test span: at the end of every calendar year, quarter or month, or never."""


def repeated_horizons(horizon: int, also: tuple[int, ...]) -> Iterator[tuple[str, str]]:
    """Yield a fault where a horizon stands twice."""
    if len({horizon, *also}) <= len(also):
        given = f"given {list(also)} beside the horizon {horizon}"
        yield "also_horizons", f"{given}; expected other numbers of bars, each once"
