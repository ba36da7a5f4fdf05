"""What is declared of a set of prices, and the data card that their panel carries."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, time
from typing import TYPE_CHECKING, Literal, get_args

from quantdl.calendars.bars import bar_length, bar_period
from quantdl.calendars.corrections import CalendarCorrection
from quantdl.calendars.names import is_calendar, shipped_names, unknown_calendar
from quantdl.calendars.zones import zone_names
from quantdl.errors import CalendarError, DataSettingsError
from quantdl.market.currency import currency_faults, in_a_list, whole_currency
from quantdl.records import OMIT_DEFAULT
from quantdl.shown import block, facts, note, title

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from quantdl.calendars import TradingCalendar

Adjustment = Literal["raw", "split", "total_return"]
Universe = Literal["survivors", "point_in_time", "unknown"]
OnFault = Literal["refuse", "record"]
Label = Literal["start", "end"]
Anchor = Literal["open", "clock"]

DAILY = "1D"
"""The frequency of one bar a session."""


@dataclass(frozen=True)
class SilenceRule:
    """How silence after an asset's last trade is read.

    Attributes:
        delisted_after_sessions: A silence of more sessions than this at the end of the data is presumed to be the end
            of the asset: its cells are DELISTED, and those of a shorter one MISSING; counted in bars where each is a
            week or month. The default is ten: the longest that section 12(k)(1)(A) of the US Securities Exchange Act
            lets the SEC suspend trading in a security by one order. Longer suspensions and feeds that were cut off look
            the same, so this is a presumption for the census and for the judgement of survivorship; the card names the
            assets. No money follows from it: what may be held, and what is paid out, is decided by stated ends and by
            the plan's ``friction.delisted_after_sessions``.
        ended: Last trading day by symbol where the source states it. Sessions after it are DELISTED whatever the count,
            and a holding is paid out.
    """

    delisted_after_sessions: int = 10
    ended: Mapping[str, date] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse an invalid count.

        Raises:
            DataSettingsError: If it is negative.
        """
        if self.delisted_after_sessions < 0:
            message = f"given {self.delisted_after_sessions}; expected a number of sessions, 0 or more"
            raise DataSettingsError(("delisted_after_sessions", message))


@dataclass(frozen=True)
class IntradayBars:
    """How the bars within a session are cut and dated. A wrong word here is look-ahead, so two have no default.

    Attributes:
        labelled: Which instant of the bar the source writes beside it: its ``"start"`` or its ``"end"``. A bar that is
            dated by its start and read as if by its end is known a whole bar too early.
        anchored: Where bars begin: at the ``"open"`` of the session (09:30, 10:30, ... in New York, and again after a
            lunch break), or on whole multiples of their length on the local ``"clock"`` (09:00, 10:00, ...: the first
            one holds the half hour from 09:30).
        times_in: IANA zone that is meant by times without an offset from UTC; None refuses such times.
    """

    labelled: Label
    anchored: Anchor
    times_in: str | None = None

    def __post_init__(self) -> None:
        """Refuse invalid words, all of them at once.

        Raises:
            DataSettingsError: Naming them.
        """
        faults = [*_outside(self, {"labelled": get_args(Label), "anchored": get_args(Anchor)})]
        if self.times_in is not None:
            faults += zone_faults("times_in", self.times_in)
        if faults:
            raise DataSettingsError(*faults)


@dataclass(frozen=True)
class PriceFacts:
    """What only the person who brings prices can say of them. No loader guesses any of it.

    Attributes:
        source: Who published the prices, and through what they were read.
        timezone: IANA name of the exchange's zone; must be the calendar's own, under any of its names. Sessions are
            dates of that zone.
        frequency: Length of a bar: ``"1D"`` for one bar a session; ``"1W"`` or ``"1M"`` for one a week or month of the
            exchange, labelled by its last session whatever day of it the source writes; or a whole number of ``s``,
            ``min`` or ``h`` below a day, such as ``"60min"``; then ``intraday`` is needed too.
        adjustment: ``"raw"`` as traded, ``"split"`` for splits only, ``"total_return"`` for splits and dividends.
        calendar: Name of the trading calendar, ISO code first (``"XNYS"``).
        as_of: Day on which the source stated these values. Adjusted prices of the past change with later dividends
            and splits, so two vintages of one history differ.
        licence: Terms under which the prices may be used.
        universe: ``"survivors"`` when the assets were picked knowing that they live to the end, ``"point_in_time"``
            when membership is as it was known on each day, else ``"unknown"``.
        silence: How silence after an asset's last trade is read.
        sectors: Sector by symbol, where known.
        notes: Further facts for the data card.
        intraday: How bars shorter than a session are cut and dated; None for one bar a session.
        currency: What the prices are in: a code of ISO 4217 (``"JPY"``), or a unit below a currency as London, Tel
            Aviv and Johannesburg quote it (``"GBX"`` for pence, ``"ILA"``, ``"ZAc"``). None: not stated. Such prices
            cannot stand beside others.
        calendar_corrections: Sessions that the calendar has wrong: struck, added, or held at other hours, each with who
            says so. They hold for these prices and wherever their calendar is asked.

    Raises:
        DataSettingsError: If an attribute holds a value outside its list, a text is empty, the zone, the calendar or
            the currency is unknown, or ``frequency`` and ``intraday`` do not fit each other; all of it at once.
    """

    source: str
    timezone: str
    frequency: str
    adjustment: Adjustment
    calendar: str
    as_of: date
    licence: str
    universe: Universe = "unknown"
    silence: SilenceRule = SilenceRule()
    sectors: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    intraday: IntradayBars | None = None
    currency: str | None = field(default=None, metadata=OMIT_DEFAULT)
    calendar_corrections: tuple[CalendarCorrection, ...] = ()

    def __post_init__(self) -> None:
        """Refuse invalid facts."""
        faults = [*self.faults()]
        if faults:
            raise DataSettingsError(*faults)

    def trading_calendar(self) -> "TradingCalendar":
        """Return the calendar of these prices, with their corrections.

        Raises:
            CalendarError: If a correction says nothing new of its day; all of them at once.
        """
        from quantdl.calendars import trading_calendar  # loads pandas

        return trading_calendar(self.calendar, self.calendar_corrections)

    def faults(self) -> Iterator[tuple[str, str]]:
        """Yield each invalid field, with what was given and expected."""
        yield from empty_texts(self, ("source", "calendar", "licence"))
        yield from _outside(self, {"adjustment": get_args(Adjustment), "universe": get_args(Universe)})
        yield from zone_faults("timezone", self.timezone)
        if self.calendar and not is_calendar(self.calendar):
            yield "calendar", unknown_calendar(self.calendar, shipped_names())
        yield from currency_faults("currency", self.currency)
        yield from self._bar_faults()

    def _bar_faults(self) -> Iterator[tuple[str, str]]:
        if self.frequency == DAILY or bar_period(self.frequency) is not None:
            if self.intraday is not None:
                yield "intraday", f"given for bars of {self.frequency}; expected only for bars shorter than a session"
            return
        try:
            length = bar_length(self.frequency)
        except CalendarError as error:
            yield "frequency", str(error)
            return
        if self.intraday is None:
            fix = "labelled 'start' or 'end' and anchored 'open' or 'clock'"
            given = f"nothing for bars of {self.frequency!r}"
            yield "intraday", f"given {given}; expected how they are cut and dated: {fix}"
        elif self.intraday.anchored == "clock" and 86_400 % length.total_seconds():
            yield (
                "frequency",
                f"given {self.frequency!r}; expected a length that divides a day for bars anchored to the clock",
            )


@dataclass(frozen=True)
class Declaration(PriceFacts):
    """What a loader is told: the facts, and what to do about rows that cannot be right.

    Attributes:
        on_fault: ``"refuse"`` raises on the first load that finds impossible rows, with all of them named. ``"record"``
            loads every good row, so that a census may count the rest: impossible prices stay as they are, rows that
            cannot be read or cannot stand on the session axis are left out, and each is recorded in `Panel.faults`.

    Raises:
        DataSettingsError: As `PriceFacts`.
    """

    on_fault: OnFault = "refuse"

    def faults(self) -> Iterator[tuple[str, str]]:
        """Yield those of the facts, and of ``on_fault``."""
        yield from super().faults()
        yield from _outside(self, {"on_fault": get_args(OnFault)})


@dataclass(frozen=True)
class DataCard:
    """Where the prices of a panel come from and how they may be read.

    Attributes:
        declaration: What is said of the prices. It begins as what was declared; what changes the prices, or finds one
            of these words wrong, restates it and says so in its notes.
        fields: The fields that exist, for instance ``("close",)``. What is not listed cannot be read.
        fingerprint: ``"sha256:<hex>"`` of the values as loaded, before any policy, see `content_fingerprint`; with
            corporate actions, of both.
        currencies: Currency by asset as the source names it, where they differ; None where they do not.
        converted: Currency by asset in which the prices were quoted, of the assets that were converted from another
            currency at exchange rates; None where none was.
    """

    declaration: Declaration
    fields: tuple[str, ...]
    fingerprint: str
    currencies: Mapping[str, str] | None = field(default=None, metadata=OMIT_DEFAULT)
    converted: Mapping[str, str] | None = field(default=None, metadata=OMIT_DEFAULT)

    def _repr_html_(self) -> str:
        said = self.declaration
        pairs = {
            "source": said.source,
            "licence": said.licence,
            "as of": said.as_of,
            "calendar": f"{said.calendar} ({said.timezone})",
            "length of a bar": said.frequency,
            "adjustment": said.adjustment,
            "universe": said.universe,
            "fields": ", ".join(self.fields),
            "currency": self.currency,
            "fingerprint": self.fingerprint,
        }
        return block(title("Data card"), facts(pairs), *map(note, said.notes))

    @property
    def currency(self) -> str:
        """What the prices are in, in words: ``"USD"``, ``"JPY and USD"``, ``"not stated"``."""
        return in_a_list([*self.currencies.values()] if self.currencies else [self.declaration.currency])

    @property
    def quoted_in(self) -> str:
        """As `currency`, and of a unit below a currency how many make one: ``"GBX, of which 100 make 1 GBP"``."""
        whole, units = whole_currency(self.currency)
        return self.currency if units == 1 else f"{self.currency}, of which {units:,} make 1 {whole}"

    def money_faults(self) -> Iterator[str]:
        """Yield why the prices cannot be compared with each other as money, where they cannot."""
        if self.currencies:
            yield (
                f"Its prices are in {self.currency}, which cannot be compared or held in one book. Fix: bring exchange "
                "rates and convert it, with quantdl.market.exchanges.currencies.in_currency(panel, 'USD', rates), or "
                "book_currency and exchange_rates under data in a config."
            )

    def restated(
        self,
        *notes: str,
        adjustment: Adjustment | None = None,
        universe: Universe | None = None,
        currency: str | None = None,
    ) -> "DataCard":
        """Return the card with another word on these, where one is given, and with further notes."""
        said = self.declaration
        return replace(
            self,
            declaration=replace(
                said,
                adjustment=adjustment or said.adjustment,
                universe=universe or said.universe,
                currency=currency or said.currency,
                notes=(*said.notes, *notes),
            ),
        )


def zone_faults(field_name: str, timezone: str) -> Iterator[tuple[str, str]]:
    """Yield the fault of a field that should name a time zone and does not."""
    if timezone not in zone_names():
        yield field_name, f"given {timezone!r}; expected an IANA name such as 'America/New_York'"


def local_time(text: str) -> time | None:
    """Return a time of day as ``"16:15"`` says it, to the minute and without an offset; None for any other text."""
    try:
        clock = time.fromisoformat(text)
    except (TypeError, ValueError):
        return None
    return clock if clock.tzinfo is None and clock.replace(second=0, microsecond=0) == clock else None


def empty_texts(settings: object, names: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Yield the fault of each named field whose text is empty."""
    for name in names:
        if not getattr(settings, name).strip():
            yield name, f"given {getattr(settings, name)!r}; expected text that is not empty"


def _outside(settings: object, allowed: Mapping[str, tuple[str, ...]]) -> Iterator[tuple[str, str]]:
    for name, choices in allowed.items():
        given = getattr(settings, name)
        if given not in choices:
            yield name, f"given {given!r}; expected {' or '.join(map(repr, choices))}"


def content_fingerprint(
    sessions: "pd.DatetimeIndex",
    assets: Sequence[str],
    fields: "Mapping[str, np.ndarray]",
    status: "np.ndarray",
    known_at: "pd.DatetimeIndex | None" = None,
) -> str:
    """Return ``"sha256:<hex>"`` of the values themselves, whatever file or column order they came in.

    Assets and fields enter in sorted order and every NaN counts as the same NaN, so one data set has one fingerprint as
    CSV, as long Parquet and as wide Parquet. A changed price, status, session or symbol changes it.

    Args:
        sessions: (T,) tz-naive session labels.
        assets: (A,) symbols.
        fields: Arrays (T, A) by field name.
        status: (T, A) codes of `CellStatus`.
        known_at: (T,) instants at which the bars were known, for bars shorter than a session; they enter too.
    """
    import numpy as np  # only here: a config that names a card must not pay for it

    from quantdl.market.arrays import row_blocks

    digest = hashlib.sha256()
    days = np.asarray(sessions.values).astype("datetime64[ns]").astype("<i8")
    order = sorted(range(len(assets)), key=lambda column: assets[column])
    digest.update(repr((len(sessions), [assets[column] for column in order], sorted(fields))).encode())
    digest.update(days.tobytes())
    if known_at is not None:
        instants = np.asarray(known_at.tz_convert(None).values).astype("datetime64[ns]")
        digest.update(instants.astype("<i8").tobytes())
    blocks = list(row_blocks(status))  # a mapped panel larger than memory is never copied whole
    for rows in blocks:
        digest.update(np.ascontiguousarray(status[rows][:, order], dtype=np.int8).tobytes())
    for name in sorted(fields):
        for rows in blocks:
            values = np.ascontiguousarray(fields[name][rows][:, order], dtype="<f8")
            digest.update(np.where(np.isnan(values), np.nan, values).tobytes())
    return f"sha256:{digest.hexdigest()}"
