"""The grid of a sweep: values of a strategy's parameters, of which every combination is a set to be played.

    sweep:
      parameters:
        fast: [5, 10, 20]
        slow: {low: 50, high: 200, step: 50}

What a strategy's parameters are, and whether a value suits one, is known once its file has been run: see
`quantdl.config.strategy_file.swept_strategies`. What is wrong with the grid by itself is refused when a config is read.
"""

import itertools
import json
import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import AfterValidator, JsonValue

from quantdl.bounds import NotEmpty, PositiveInt
from quantdl.errors import FieldFaults

_MOST_OF_ONE = 100_000  # steps of a range: more is a slip of the pen


@dataclass(frozen=True)
class Steps:
    """Numbers from ``low`` to ``high`` at equal steps, both among them; whole numbers where all three are.

    Attributes:
        low: First one.
        high: Last one: a whole number of steps above ``low``.
        step: Distance of two.

    Raises:
        FieldFaults: If nothing lies between, or ``high`` is not reached.

    Example:
        >>> Steps(50, 200, 50).values, Steps(0.1, 0.3, 0.1).values
        ((50, 100, 150, 200), (0.1, 0.2, 0.3))
    """

    low: int | float
    high: int | float
    step: int | float

    def __post_init__(self) -> None:
        faults = []
        if self.step <= 0:
            faults.append(("step", f"given {self.step}; expected a number above 0"))
        if self.high <= self.low:
            faults.append(("high", f"given {self.high}; expected a number above low, which is {self.low}"))
        if not faults and self._steps > _MOST_OF_ONE:
            faults.append(("step", f"given {self.step}; expected at most {_MOST_OF_ONE:,} steps from low to high"))
        if not faults and abs(self._steps - round(self._steps)) > 1e-6:
            last = self._value(math.floor(self._steps))
            faults.append(("high", f"given {self.high}; steps of {self.step} reach {last}; write high: {last}"))
        if faults:
            raise FieldFaults(*faults)

    @property
    def _steps(self) -> float:
        return (self.high - self.low) / self.step

    def _value(self, number: int) -> int | float:
        exact = self.low + number * self.step
        return exact if isinstance(exact, int) else float(f"{exact:.12g}")  # 0.3, not 0.30000000000000004

    @property
    def values(self) -> tuple[int | float, ...]:
        """All of them."""
        return tuple(self._value(number) for number in range(round(self._steps) + 1))


def _each_once(values: tuple[JsonValue, ...]) -> tuple[JsonValue, ...]:
    counts = Counter(map(json.dumps, values))
    twice = [text for text, count in counts.items() if count > 1]
    if twice:
        raise ValueError(f"given {', '.join(twice)} more than once; expected each value once, or a set is played twice")
    return values


Values = Steps | Annotated[tuple[JsonValue, ...], NotEmpty, AfterValidator(_each_once)]
"""The values of one parameter: listed, or a range."""


@dataclass(frozen=True)
class SweepSettings:
    """What `quantdl sweep` plays: every combination of values of the strategy's parameters, each under the plan.

    Attributes:
        parameters: Values by the name of the parameter, listed or as a range; the other parameters keep the values
            under ``strategy.parameters``.
        span: The span to play on. ``validation``: prices after it are not read, and a model is fitted on what lies
            before it. ``test``: the best of many sets is then no result out of sample.
        max_sets: Most combinations that are accepted.

    Raises:
        FieldFaults: If there are more combinations than that. Whether a parameter has values, each once, is checked
            where a config is read.
    """

    parameters: Annotated[Mapping[str, Values], NotEmpty]
    span: Literal["validation", "test"] = "validation"
    max_sets: PositiveInt = 10_000

    def __post_init__(self) -> None:
        if self.n_sets > self.max_sets:
            counts = " x ".join(str(len(values)) for values in self.listed().values())
            message = (
                f"given {counts} = {self.n_sets:,} sets; expected at most {self.max_sets:,}; take values out, or raise "
                "sweep.max_sets"
            )
            raise FieldFaults(("parameters", message))

    @property
    def n_sets(self) -> int:
        """Number of combinations."""
        return math.prod(map(len, self.listed().values()))

    def listed(self) -> dict[str, tuple[JsonValue, ...]]:
        """Return the values of each parameter, those of a range written out."""
        named = self.parameters.items()
        return {name: values.values if isinstance(values, Steps) else values for name, values in named}

    def sets(self) -> tuple[Mapping[str, JsonValue], ...]:
        """Return every combination, by the name of the parameter; the last parameter changes fastest.

        Example:
            >>> SweepSettings({"fast": (5, 10), "slow": Steps(50, 100, 50)}).sets()[1]
            {'fast': 5, 'slow': 100}
        """
        return tuple(dict(zip(self.parameters, one, strict=True)) for one in itertools.product(*self.listed().values()))
