"""Every test of a book's predicted value at risk, per level, and what could not be tested."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal

import pandas as pd

from quantdl.records import OMIT_DEFAULT
from quantdl.risk.backtests import acerbi_szekely_z2, basel_zone, christoffersen, tail_degrees_of_freedom
from quantdl.risk.book.predictions import LeftOut

BASEL_SESSIONS = 250
"""Sessions over which the Basel committee counts exceptions."""

_P_VALUES = ("kupiec_p", "independence_p", "christoffersen_p")
_NONE_LEFT_OUT: Mapping[float, LeftOut] = MappingProxyType({})


@dataclass(frozen=True)
class LevelTests:
    """Tests of the value at risk predicted at one level. What is undefined is None, and ``undefined`` says why.

    Attributes:
        level: Confidence of the value at risk, for instance 0.99.
        n: Sessions with positions and a prediction.
        exceptions: Losses above the value at risk predicted for them.
        expected: ``(1 - level) * n``.
        kupiec_p: Exact p-value of Kupiec's test of the number of exceptions.
        independence_p: Exact p-value of Christoffersen's test that an exception makes another one in the next session
            neither more nor less likely.
        christoffersen_p: Exact p-value of both at once.
        basel_zone: Zone of the last 250 sessions, at 99 % only.
        z2: Statistic of Acerbi and Szekely's second test of the expected shortfall.
        z2_p: Its p-value.
        undefined: Reason for each figure that is None.
        left_out: Sessions with positions and without a prediction; None where there are none.
        successive: Exceptions whose session follows that of another one; None where that was not counted.
    """

    level: float
    n: int
    exceptions: int
    expected: float
    kupiec_p: float | None
    independence_p: float | None
    christoffersen_p: float | None
    basel_zone: Literal["green", "yellow", "red"] | None
    z2: float | None
    z2_p: float | None
    undefined: Mapping[str, str]
    left_out: LeftOut | None = field(default=None, metadata=OMIT_DEFAULT)
    successive: int | None = field(default=None, metadata=OMIT_DEFAULT)

    @property
    def clustered(self) -> bool | None:
        """Whether more exceptions follow another one than if their order were left to chance; None if not known.

        Of x exceptions in n sessions, x (x - 1) / n follow another one on average over all orders.
        """
        if self.successive is None or self.n == 0:
            return None
        return self.successive * self.n > self.exceptions * (self.exceptions - 1)


def value_at_risk_tests(
    risk: pd.DataFrame, left_out: Mapping[float, LeftOut] = _NONE_LEFT_OUT
) -> tuple[LevelTests, ...]:
    """Test the predicted value at risk at each of its levels, lowest first.

    Args:
        risk: The rows of `quantdl.risk.book.predictions.risk_table`.
        left_out: By level, the sessions held for which it was not predicted.
    """
    levels = sorted({*map(float, risk["level"]), *left_out})
    return tuple(_tests_at(level, risk[risk["level"] == level], left_out.get(level)) for level in levels)


def _tests_at(level: float, rows: pd.DataFrame, left_out: LeftOut | None) -> LevelTests:
    hits, n = rows["exception"].to_numpy(dtype=bool), len(rows)
    undefined: dict[str, str] = {}
    tests = christoffersen(hits, level, exact=True) if n > 1 else None
    if tests is None:
        few = "fewer than two sessions with positions" if left_out is None else left_out.statement
        undefined |= dict.fromkeys((*_P_VALUES, "z2"), few)
    zone = None
    if level == 0.99 and n >= BASEL_SESSIONS:
        zone = basel_zone(int(hits[-BASEL_SESSIONS:].sum()), BASEL_SESSIONS, level).zone
    else:
        undefined["basel_zone"] = "defined at 99% only" if level != 0.99 else "fewer than 250 sessions"
    shortfall, z2 = rows["expected_shortfall"].to_numpy(), None
    if n > 1 and (shortfall > 0).all():
        value = rows["value_at_risk"].to_numpy()
        degrees = tail_degrees_of_freedom(value, shortfall, level) if (value > 0).any() else 5.0
        z2 = acerbi_szekely_z2(rows["loss"].to_numpy(), value, shortfall, level, degrees)
    else:
        undefined.setdefault("z2", "a predicted shortfall is not positive")
    return LevelTests(
        level=level,
        n=n,
        exceptions=int(hits.sum()),
        expected=(1.0 - level) * n,
        kupiec_p=None if tests is None else tests.coverage.p_value,
        independence_p=None if tests is None else tests.independence.p_value,
        christoffersen_p=None if tests is None else tests.conditional_coverage.p_value,
        basel_zone=zone,
        z2=None if z2 is None else z2.statistic,
        z2_p=None if z2 is None else z2.p_value,
        undefined=undefined,
        left_out=left_out,
        successive=int((hits[1:] & hits[:-1]).sum()) if n > 1 else None,
    )
