"""What is declared of exchange rates, and which of them lead from one currency to another. Light to import."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from quantdl.errors import DataSettingsError
from quantdl.market.currency import currency_faults, whole_currency
from quantdl.market.series.declaration import SeriesFile

LONGEST_AGE_SESSIONS = 5
"""Sessions for which a rate serves by default.

The euro reference rates of the European Central Bank rest from the Thursday before Easter to the Tuesday after it,
which is three closes of a market that trades through; five is a week.
"""


@dataclass(frozen=True, kw_only=True)
class ExchangeRateFile(SeriesFile):
    """A series of exchange rates in a file: values are units of ``quote`` for one unit of ``base``.

    Attributes:
        base: Code of the currency that one unit is of: ``"USD"`` where a value is 148 yen.
        quote: Code of the currency that values are in: ``"JPY"``.
        name: As in `SeriesFile`; ``"JPY per USD"`` by default.
        unit: ``"JPY per USD"``; need not be written.
        longest_age_sessions: For how many sessions of the prices' calendar a rate serves after it became known, until
            the next one does. An older one counts as not known.

    Raises:
        DataSettingsError: If a code is not one of ISO 4217, both are the same, or as `SeriesFile`; all of it at once.
    """

    base: str
    quote: str
    name: str = ""
    unit: str = ""
    longest_age_sessions: int = LONGEST_AGE_SESSIONS

    def __post_init__(self) -> None:
        """Name the series by its pair, then check."""
        for field in ("name", "unit"):
            object.__setattr__(self, field, getattr(self, field) or f"{self.quote} per {self.base}")
        faults = [*pair_faults(self.base, self.quote)]
        if self.unit != f"{self.quote} per {self.base}":
            expected = f"'{self.quote} per {self.base}', or nothing: base and quote say it"
            faults.append(("unit", f"given {self.unit!r}; expected {expected}"))
        try:
            super().__post_init__()
        except DataSettingsError as error:
            faults += error.faults
        if faults:
            raise DataSettingsError(*faults)


def pair_faults(base: str, quote: str) -> Iterator[tuple[str, str]]:
    """Yield what is wrong with the two currencies of a rate."""
    yield from currency_faults("base", base, whole=True)
    yield from currency_faults("quote", quote, whole=True)
    if base == quote:
        yield "quote", f"given {quote!r}, which is the base too; expected another currency"


@dataclass(frozen=True)
class Leg:
    """One rate on the way from a currency to another.

    Attributes:
        number: Which of the rates it is.
        divides: Whether money is divided by the rate, as on the way from its quote to its base; else multiplied.
    """

    number: int
    divides: bool


def route(pairs: Sequence[tuple[str, str]], given: str, wanted: str) -> tuple[Leg, ...] | None:
    """Return the shortest way from one currency to another, None if there is none.

    Args:
        pairs: Base and quote of each rate.
        given: Code of the currency or unit that money is in; a unit counts as its currency.
        wanted: Code of the currency it shall be in.

    Example:
        >>> route([("EUR", "USD"), ("EUR", "JPY")], "JPY", "USD")
        (Leg(number=1, divides=True), Leg(number=0, divides=False))
    """
    start, _ = whole_currency(given)
    ways: dict[str, tuple[Leg, ...]] = {start: ()}
    waiting = [start]
    while waiting and wanted not in ways:
        here = waiting.pop(0)
        for number, (base, quote) in enumerate(pairs):
            for there, divides in ((base, True),) if quote == here else ((quote, False),) if base == here else ():
                if there not in ways:
                    ways[there] = (*ways[here], Leg(number, divides))
                    waiting.append(there)
    return ways.get(wanted)
