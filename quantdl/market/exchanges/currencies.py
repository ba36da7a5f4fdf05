"""Prices of several currencies in one: everything that compares money then compares the same money.

450,000 dollars buy 150 shares at 3,000 only if those are dollars; at 3,000 yen and 148 yen to the dollar they buy
22,200. `in_currency` multiplies prices, money traded, dividends and terminal values by the rate that was known, so
sizes, caps on volume, price filters, fees and stops are all in the currency of the book.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date

import numpy as np
import pandas as pd

from quantdl.calendars import TradingCalendar, trading_calendar
from quantdl.errors import DataError, DataSettingsError
from quantdl.market.actions import CorporateActions
from quantdl.market.currency import currency_faults, in_a_list, whole_currency
from quantdl.market.exchanges.rates import LONGEST_AGE_SESSIONS, ExchangeRateFile, Leg, pair_faults, route
from quantdl.market.inspection.cuts import symbol_before_cuts
from quantdl.market.panel import Panel
from quantdl.market.series.exogenous import ExogenousSeries
from quantdl.market.series.files import load_series_file

_MONEY = ("open", "high", "low", "close", "dollar_volume")
_KNOWN = (*_MONEY, "volume")
_ASSETS_NAMED = 5


@dataclass(frozen=True, eq=False)
class ExchangeRate:
    """The rate between two currencies, and when it was known.

    Attributes:
        base: Code of the currency that one unit is of.
        quote: Code of the currency that values are in.
        series: Units of ``quote`` for one unit of ``base``, all above zero.
        longest_age_sessions: For how many sessions of the prices' calendar a rate serves after it became known.

    Raises:
        DataError: If a code is not one of ISO 4217, both are the same, or a value is not above zero.
    """

    base: str
    quote: str
    series: ExogenousSeries
    longest_age_sessions: int = LONGEST_AGE_SESSIONS

    def __post_init__(self) -> None:
        """Check codes and values."""
        faults = [*pair_faults(self.base, self.quote)]
        if faults:
            raise DataSettingsError(*faults)
        wrong = np.flatnonzero(~(self.series.values > 0))
        if len(wrong):
            first = wrong[0]
            raise DataError(
                f"{self.series.card.declaration.source}: {self.series.name!r} is {self.series.values[first]:g} on "
                f"{self.series.observed_on[first]:%Y-%m-%d}, and {len(wrong) - 1:,} further values are not above zero; "
                f"expected units of {self.quote} for one {self.base}. Fix: correct the values, or remove their dates."
            )

    def known_at(self, instants: pd.DatetimeIndex, calendar: str | TradingCalendar) -> np.ndarray:
        """Return (K,) the last rate known at each instant; NaN where none is, or none that is young enough.

        Args:
            instants: (K,) increasing, tz-aware.
            calendar: The calendar, or its name, whose closes count a rate's age.
        """
        position = self.series.positions(instants)
        rates = np.where(position >= 0, self.series.values[np.maximum(position, 0)], np.nan)
        since = self.series.known_at.as_unit("us").asi8[np.maximum(position, 0)]
        closes = _closes(calendar, instants, self.longest_age_sessions)
        age = np.searchsorted(closes, instants.as_unit("us").asi8) - np.searchsorted(closes, since)
        return np.where(age <= self.longest_age_sessions, rates, np.nan)


def load_exchange_rate(file: ExchangeRateFile) -> ExchangeRate:
    """Load the rates that a file holds.

    Raises:
        DataError: If it cannot be read, or a value is not above zero.
    """
    return ExchangeRate(file.base, file.quote, load_series_file(file), file.longest_age_sessions)


def currencies_of(panel: Panel) -> tuple[str | None, ...]:
    """Return (A,) the code of the currency or unit that each asset's prices are in; None where it is not stated."""
    own, common = panel.card.currencies or {}, panel.card.declaration.currency
    return tuple(own.get(asset, own.get(symbol_before_cuts(asset), common)) for asset in panel.assets)


def in_currency(panel: Panel, currency: str, rates: Sequence[ExchangeRate] = ()) -> Panel:
    """Return the panel with all money in one currency.

    The four prices of a bar, and the field ``dollar_volume``, are multiplied by the last rate that was known when the
    bar was; volumes are shares and stay. So a bar holds nothing that was known later than itself, and its low is still
    its lowest price. Where no rate leads straight to ``currency``, the shortest chain of them does; units below a
    currency (``"GBX"``) need no rate to their own.

    A dividend is worth what it was at the rate of its ex-date, also where it is paid later; a terminal value, at that
    of the last session. Where an asset did not trade it has no price in any currency: a position whose exchange rests
    is worth its last close at the rate of that day, and the move of the rate arrives with the next trade.

    Args:
        panel: Prices; see `currencies_of` for what they are in.
        currency: Code of the currency of the book, no unit below one.
        rates: Rates between pairs of currencies, in any order and either direction.

    Raises:
        DataError: If the currency of an asset is not stated, no rates lead from it to ``currency``, or at some bar with
            a trade none was known that is young enough: all of it at once.
    """
    quoted = currencies_of(panel)
    _refuse_unstated(panel, quoted, currency)
    foreign = sorted({code for code in quoted if code is not None and code != currency})
    pairs = [(rate.base, rate.quote) for rate in rates]
    ways = {code: route(pairs, code, currency) for code in foreign}
    factors = {code: _factor(panel, code, way, rates) for code, way in ways.items() if way is not None}
    problems = [_no_way(code, currency, rates) for code, way in ways.items() if way is None]
    for code, factor in factors.items():
        problems += _unknown(panel, code, _needed(panel, code), factor, [rates[leg.number] for leg in ways[code] or ()])
    if problems:
        raise DataError("\n  ".join([f"{panel.card.declaration.source}: prices in {currency}:", *problems]))
    if not foreign:
        return panel
    return _converted(panel, currency, factors, _stated(panel, currency, ways, rates))


def converted_from(panel: Panel) -> tuple[str | None, ...]:
    """Return (A,) the currency that each asset's prices were converted from at exchange rates; None for the others."""
    own = panel.card.converted or {}
    return tuple(own.get(asset, own.get(symbol_before_cuts(asset))) for asset in panel.assets)


def conversion_rates(panel: Panel, rates: Sequence[ExchangeRate]) -> np.ndarray:
    """Return (T, A) what one unit of the currency of each asset's quotes was worth at each bar, in that of the panel.

    1 for an asset that was not converted; NaN where no rate was known.

    Args:
        panel: Prices as `in_currency` made them.
        rates: The rates that it was given.
    """
    codes, currency = converted_from(panel), panel.card.declaration.currency or ""
    pairs, worth = [(rate.base, rate.quote) for rate in rates], np.ones(panel.status.shape)
    for code in sorted({code for code in codes if code is not None}):
        factor = _factor(panel, code, route(pairs, code, currency) or (), rates)
        worth[:, [own == code for own in codes]] = (factor.times / factor.over)[:, None]
    return worth


@dataclass(frozen=True, eq=False)
class _Factor:
    """(T,) what money of one currency is multiplied by and divided by at each bar; NaN where that is not known.

    The two are apart so that yen are divided by 148 and not multiplied by a rounded 1 / 148.
    """

    times: np.ndarray
    over: np.ndarray

    def at(self, row: int, amount: float) -> float:
        """Return an amount in the currency of the book."""
        return float(amount * self.times[row] / self.over[row])

    def of(self, values: np.ndarray) -> np.ndarray:
        """Return (T, N) values in the currency of the book."""
        return np.asarray(values * self.times[:, None] / self.over[:, None])


def _factor(panel: Panel, code: str, way: Sequence[Leg], rates: Sequence[ExchangeRate]) -> _Factor:
    times, over = np.ones(len(panel.sessions)), np.full(len(panel.sessions), float(whole_currency(code)[1]))
    for leg in way:
        values = rates[leg.number].known_at(panel.known_at, panel.card.declaration.trading_calendar())
        if leg.divides:
            over *= values
        else:
            times *= values
    return _Factor(times, over)


def _converted(panel: Panel, currency: str, factors: Mapping[str, _Factor], said: tuple[str, str]) -> Panel:
    strange = sorted(set(panel.fields) - set(_KNOWN))
    if strange:
        raise DataError(
            f"{panel.card.declaration.source}: got the fields {strange}; expected only {', '.join(_KNOWN)}, for which "
            "it is known whether they are money. Fix: leave the others out."
        )
    quoted = currencies_of(panel)
    fields = dict(panel.fields)
    for name in (name for name in _MONEY if name in fields):
        fields[name] = np.array(fields[name])
        for code, factor in factors.items():
            columns = [column for column, own in enumerate(quoted) if own == code]
            fields[name][:, columns] = factor.of(fields[name][:, columns])
    note, fingerprint = said
    foreign = {code for code in factors if whole_currency(code)[0] != currency}
    converted = {asset: code for asset, code in zip(panel.assets, quoted, strict=True) if code in foreign}
    card = replace(panel.card, currencies=None, fingerprint=fingerprint, converted=converted or None)
    card = card.restated(note, currency=currency)
    return replace(panel, fields=fields, actions=_actions(panel, factors), card=card)


def _actions(panel: Panel, factors: Mapping[str, _Factor]) -> CorporateActions:
    code_of = dict(zip(panel.assets, currencies_of(panel), strict=True))

    def worth(asset: str, row: int, amount: float) -> float:
        factor = factors.get(code_of.get(asset) or "")
        return amount if factor is None else factor.at(row, amount)

    dividends = [
        replace(paid, amount=worth(paid.asset, _ex_row(panel, paid.ex_date), paid.amount))
        for paid in panel.actions.dividends
    ]
    delistings = [
        end
        if end.terminal_value is None
        else replace(end, terminal_value=worth(end.asset, _end_row(panel, end.last), end.terminal_value))
        for end in panel.actions.delistings
    ]
    return replace(panel.actions, dividends=tuple(dividends), delistings=tuple(delistings))


def _ex_row(panel: Panel, day: date) -> int:
    """Return the bar on which a dividend goes ex; the last one where that lies beyond the panel."""
    return min(int(panel.sessions.searchsorted(pd.Timestamp(day), side="left")), len(panel.sessions) - 1)


def _end_row(panel: Panel, day: date) -> int:
    """Return the last bar of a day, or before it; the first one where that lies before the panel."""
    return max(int(panel.sessions.searchsorted(pd.Timestamp(day), side="right")) - 1, 0)


def _needed(panel: Panel, code: str) -> np.ndarray:
    """Return (T,) bool: the bars at which the rate of a currency is needed."""
    own = [asset for asset, quoted in zip(panel.assets, currencies_of(panel), strict=True) if quoted == code]
    columns = [panel.assets.index(asset) for asset in own]
    needed = np.zeros(len(panel.sessions), dtype=bool)
    needed |= panel.traded[:, columns].any(axis=1)
    paid = [_ex_row(panel, item.ex_date) for item in panel.actions.dividends if item.asset in own]
    ended = [_end_row(panel, item.last) for item in panel.actions.delistings if item.asset in own]
    needed[[*paid, *ended]] = True
    return needed


def _unknown(
    panel: Panel, code: str, needed: np.ndarray, factor: _Factor, used: Sequence[ExchangeRate]
) -> Iterator[str]:
    """Say at which bars no rate was known that is young enough."""
    missing = np.flatnonzero(needed & np.isnan(factor.times / factor.over))
    if not len(missing):
        return
    first, last = (panel.sessions[missing[at]] for at in (0, -1))
    series = "; ".join(
        f"{rate.series.name!r} from {rate.series.card.declaration.source} runs {rate.series.observed_on[0]:%Y-%m-%d}.."
        f"{rate.series.observed_on[-1]:%Y-%m-%d} and serves for {rate.longest_age_sessions} sessions"
        for rate in used
    )
    yield (
        f"no rate of {code} was known at the bar of {first:%Y-%m-%d}"
        + (f", nor at {len(missing) - 1:,} more up to {last:%Y-%m-%d}" if len(missing) > 1 else "")
        + f"; {series}. Fix: bring rates that cover the prices, shorten the prices (start, end), or let an older rate "
        "serve (longest_age_sessions)."
    )


def _no_way(code: str, currency: str, rates: Sequence[ExchangeRate]) -> str:
    known = ", ".join(f"{rate.quote} per {rate.base}" for rate in rates) or "none"
    return (
        f"no exchange rates lead from {code} to {currency}; given {known}. "
        f"Fix: bring a series of {whole_currency(code)[0]} per {currency}, or the reverse, with when it was known."
    )


def _refuse_unstated(panel: Panel, quoted: Sequence[str | None], currency: str) -> None:
    faults = [*currency_faults("currency", currency, whole=True)]
    unstated = [asset for asset, code in zip(panel.assets, quoted, strict=True) if code is None]
    if unstated:
        named = ", ".join(unstated[:_ASSETS_NAMED]) + ", ..." * (len(unstated) > _ASSETS_NAMED)
        fix = "declare it: Declaration(currency='JPY'), or currency: JPY under data in a config"
        faults.append(("currency", f"{panel.card.declaration.source} does not state that of {named}; {fix}"))
    if faults:
        raise DataSettingsError(*faults)


def _stated(
    panel: Panel, currency: str, ways: Mapping[str, tuple[Leg, ...] | None], rates: Sequence[ExchangeRate]
) -> tuple[str, str]:
    """Return the note for the card, and the fingerprint of prices and rates together."""
    used = [rates[number] for number in sorted({leg.number for way in ways.values() for leg in way or ()})]
    series = "; ".join(
        f"{rate.series.name} from {rate.series.card.declaration.source}, as of "
        f"{rate.series.card.declaration.as_of}, {rate.series.card.fingerprint}"
        for rate in used
    )
    note = (
        f"Converted from {in_a_list([*ways])} to {currency}, each bar at the last rate known with it"
        f"{f' ({series})' if series else ''}: prices, money traded, dividends (at the rate of their ex-date) and "
        "terminal values (of the last session); volumes are shares. A position whose exchange rests keeps the value of "
        "its last trade, at the rate of that day."
    )
    digest = hashlib.sha256(f"{panel.card.fingerprint} {currency} {sorted(ways)}".encode())
    for rate in used:
        digest.update(f"{rate.quote} per {rate.base} {rate.series.card.fingerprint}".encode())
        digest.update(rate.series.known_at.as_unit("us").asi8.astype("<i8").tobytes())
    return note, f"sha256:{digest.hexdigest()}"


def _closes(calendar: str | TradingCalendar, instants: pd.DatetimeIndex, sessions: int) -> np.ndarray:
    """Return the closes of a calendar, int64 microseconds UTC, from well over ``sessions`` before the first instant."""
    exchange = trading_calendar(calendar)
    first = instants[0].tz_convert(exchange.timezone).tz_localize(None).normalize()
    last = instants[-1].tz_convert(exchange.timezone).tz_localize(None).normalize()
    reach = min(20 + 2 * sessions, (first - exchange.first_day).days)  # a limit may be any number
    start = first - pd.Timedelta(days=max(reach, 0))
    labels = exchange.sessions(start, min(last + pd.Timedelta(days=4), exchange.last_day))
    return np.asarray(exchange.closes(labels).as_unit("us").asi8)
