"""Figures that may not exist: a number, or None with the reason, and never infinity or NaN."""

from collections.abc import Callable
from datetime import date

ROUNDING = 1e-14
"""Equity carries a relative rounding error of 1.1e-16, so returns that are equal on paper differ by a few times it."""


class Undefined(ValueError):
    """Why a figure does not exist."""


class Reasons:
    """Collects the reason of every figure that does not exist.

    Args:
        not_annual: Why nothing is annualised; empty where it is.

    Example:
        >>> reasons = Reasons(not_annual="10 sessions; a year of 252 is needed to annualise")
        >>> reasons.number("mean", lambda: 0.01), reasons.annual("volatility", lambda: 0.2)
        (0.01, None)
        >>> reasons.found
        {'volatility': '10 sessions; a year of 252 is needed to annualise'}
    """

    def __init__(self, not_annual: str = "") -> None:
        self.found: dict[str, str] = {}
        self.not_annual = not_annual

    def annual(self, name: str, compute: Callable[[], float]) -> float | None:
        """Return an annualised figure, None where nothing is annualised or it does not exist."""
        if not self.not_annual:
            return self.number(name, compute)
        self.found[name] = self.not_annual
        return None

    def number(self, name: str, compute: Callable[[], float]) -> float | None:
        """Return a figure, None where computing it raises `Undefined`."""
        try:
            return compute()
        except Undefined as reason:
            self.found[name] = str(reason)
            return None

    def given(self, name: str, value: float | None) -> float:
        """Return a figure that another one is made of.

        Raises:
            Undefined: For the reason of that figure, if it does not exist.
        """
        if value is None:
            raise Undefined(self.found.get(name, f"{name} is undefined"))
        return value

    def day(self, name: str, value: date | None, reason: str) -> date | None:
        """Return a day, None for the reason given."""
        if value is None:
            self.found[name] = reason
        return value


def ratio(numerator: float, denominator: float, reason: str) -> float:
    """Divide, by something that is positive where the figure exists.

    Raises:
        Undefined: With the reason, if the denominator is not positive.
    """
    if not denominator > ROUNDING:
        raise Undefined(reason)
    return numerator / denominator
