"""The ``exogenous:`` list: series beside the prices, each with its own card."""

from datetime import date
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field, NonNegativeInt

from quantdl.config.blocks import Block
from quantdl.config.data_blocks import Text
from quantdl.config.data_paths import DataPath

if TYPE_CHECKING:
    from quantdl.market.series.exogenous import ReleaseRule

Clock = Annotated[str, Field(pattern=r"^\d\d:\d\d$", description="a local time such as 16:15", examples=["16:15"])]


class ReleaseConfig(Block):
    """When a value became known; see `quantdl.market.series.exogenous.ReleaseRule`.

    Attributes:
        period: What a value dated d measures: that day, or the whole week, month, quarter or year that d lies in.
        days_after: Days, or sessions of ``calendar``, from the end of the period to the release.
        at: Local time of the release.
        timezone: IANA zone of ``at``.
        calendar: Trading calendar that counts ``days_after``; null counts every day of the week.
    """

    period: Literal["day", "week", "month", "quarter", "year"]
    days_after: NonNegativeInt
    at: Clock
    timezone: Text
    calendar: Text | None = None

    def rule(self) -> "ReleaseRule":
        """Return the rule.

        Raises:
            DataError: If the zone or the time means nothing.
            CalendarError: If the calendar is unknown.
        """
        from quantdl.market.series.exogenous import ReleaseRule

        return ReleaseRule(self.period, self.days_after, self.at, self.timezone, self.calendar)


class SeriesConfig(Block):
    """One series: a volatility index, a rate, a benchmark.

    Attributes:
        name: What it is called in features, figures and reports.
        path: CSV or Parquet file, relative to the config file.
        column: Column of the values.
        date_column: Column of the dates; null for the one that is named so.
        source: Who published the values.
        timezone: IANA name of the zone whose dates the series uses.
        unit: What a value of 1 means; ``percent a year`` and ``fraction a year`` can serve as a risk-free rate.
        as_of: Day on which the source stated these values.
        licence: Terms under which they may be used.
        release: When a value became known.
        notes: Further facts for the card.
    """

    name: Text
    path: DataPath
    column: Text
    date_column: Text | None = None
    source: Text
    timezone: Text
    unit: Text
    as_of: date
    licence: Text
    release: ReleaseConfig
    notes: tuple[Text, ...] = ()
