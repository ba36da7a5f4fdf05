"""Unadjusted bars under the tickers of their day, with the map and factor files of QuantConnect's Lean."""

from collections import Counter
from dataclasses import replace
from datetime import date
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd

from quantdl.calendars import TradingCalendar
from quantdl.errors import DataError
from quantdl.market.actions import Action, CashDividend, Delisting, Rename, Split
from quantdl.market.card import Declaration
from quantdl.market.corporate.actions_table import collected
from quantdl.market.corporate.attachment import with_actions
from quantdl.market.panel import Panel
from quantdl.market.reading.assembly import assemble
from quantdl.market.reading.bars import Bars, read_bars
from quantdl.market.reading.row_faults import Place
from quantdl.market.sources.lean_files import (
    STILL_LISTED,
    FactorRow,
    TickerPeriod,
    read_factor_files,
    read_map_files,
)

# Ratios of shares are small whole numbers; a rounded one within the file's own digits of such a ratio is that ratio.
_LARGEST_DENOMINATOR = 100
_NOTE = (
    "Raw bars with Lean's map and factor files: dividends are derived from price factors and reference prices, so a "
    "spin-off stands as cash of equal value; pay dates and terminal values are not known."
)


def load_lean(
    bars: pd.DataFrame | Path | str, factor_file: Path | str, map_file: Path | str, declaration: Declaration
) -> Panel:
    """Load raw bars under tickers, and bring them under permanent symbols with their splits, dividends and ends.

    A ticker's bar belongs to the asset whose map row covers its day. A bar that no map row covers belongs to a company
    that the map does not know (another one had ``wm`` before Waste Management): the fault ``unmapped_ticker``, refused
    or left out and recorded as the declaration says.

    A factor row holds for the days up to its own. Between a row and the next one, with price factors p, q and split
    factors s, u, the session after the row's day is the ex-date of a split of u / s new shares for an old one and of a
    dividend of (1 - p / q) times the reference price, which is the raw close of the row's day. Both are the simplest
    number within the digits that the file has: 0.25 / 0.0357143 is 7.

    Args:
        bars: Long frame, or a Parquet file of one: a date (or ``ts``), a ``ticker``, and the fields.
        factor_file: Folder of Lean's factor files, or one CSV with the columns ``file, date, price_factor,
            split_factor, ref_price``.
        map_file: Folder of Lean's map files, or one CSV with the columns ``file, date, ticker``.
        declaration: What the prices are; ``adjustment`` must be ``"raw"``.

    Raises:
        DataError: If the prices are not declared raw, or a file cannot be read or holds impossible rows: all faults
            with file, row, column, symbol, what was expected and the fix.
    """
    if declaration.adjustment != "raw":
        raise DataError(
            f"{declaration.source}: declared adjustment {declaration.adjustment!r}, but Lean's bars are as traded. "
            "Fix: declare 'raw', then use quantdl.market.corporate.adjustment.adjusted."
        )
    calendar = declaration.trading_calendar()
    names, factors = read_map_files(map_file), read_factor_files(factor_file)
    found = _under_permanent_symbols(_read_bars(bars, declaration), names)
    kept = set(found.symbols)
    reused = _reused_tickers(names)
    actions = [item for asset, periods in names.items() if asset in kept for item in _ticker_actions(periods, reused)]
    for asset, rows in factors.items():
        actions += _share_actions(asset, rows, calendar, declaration.as_of, str(factor_file)) if asset in kept else []
    ended = {item.asset: item.last for item in actions if isinstance(item, Delisting)}
    silence = replace(declaration.silence, ended={**declaration.silence.ended, **ended})
    stated = replace(declaration, silence=silence, notes=(*declaration.notes, _NOTE))
    panel = assemble([found], stated)
    return with_actions(panel, collected(actions).select(panel.assets))


def _read_bars(bars: pd.DataFrame | Path | str, declaration: Declaration) -> Bars:
    if isinstance(bars, pd.DataFrame):
        frame, name = bars, declaration.source
    else:
        frame, name = _read_parquet(Path(bars)), str(bars)
    frame = frame.rename(columns={"ts": "date"}) if "date" not in frame.columns else frame
    return read_bars(frame, Place(name), declaration)


def _read_parquet(path: Path) -> pd.DataFrame:
    if not path.is_file():
        raise DataError(f"{path}: no such file. Expected a Parquet file of bars. Fix: check the path.")
    try:
        return pd.read_parquet(path, engine="pyarrow")
    except (ValueError, OSError, TypeError, KeyError, NotImplementedError) as error:  # pyarrow's derive from these
        first_line = next(iter(str(error).splitlines()), type(error).__name__)
        raise DataError(
            f"{path}: not a whole Parquet file: {first_line} Fix: write or download the file again."
        ) from error


def _under_permanent_symbols(bars: Bars, names: dict[str, tuple[TickerPeriod, ...]]) -> Bars:
    """Replace tickers by the permanent symbols of their day; bars of tickers that no asset had then become faults."""
    assets = tuple(sorted(names))
    number = {asset: index for index, asset in enumerate(assets)}
    symbol = np.full(len(bars.symbol), -1, dtype=np.int64)
    for period in (period for periods in names.values() for period in periods):
        codes = [code for code, ticker in enumerate(bars.symbols) if ticker.lower() == period.ticker]
        days = (bars.day >= np.datetime64(period.first)) & (bars.day <= np.datetime64(period.last))
        symbol[np.isin(bars.symbol, codes) & days] = number[period.asset]
    unknown = np.flatnonzero((symbol < 0) & (bars.symbol >= 0))

    def given(row: int) -> str:
        return f"the ticker {bars.symbols[bars.symbol[row]]!r} on {bars.day[row]}"

    expected = "a ticker that a map row covers on that day"
    fix = "add the company that had the ticker then to the map file, or remove the bars"
    row_faults = bars.find("unmapped_ticker", unknown, "ticker", given, expected, fix)
    kept = replace(bars, symbols=assets, symbol=symbol, row_faults=(*bars.row_faults, *row_faults)).keep(symbol >= 0)
    used = np.unique(kept.symbol)
    position = np.zeros(len(assets), dtype=np.int64)
    position[used] = np.arange(len(used))
    return replace(kept, symbols=tuple(assets[code] for code in used), symbol=position[kept.symbol])


def _reused_tickers(names: dict[str, tuple[TickerPeriod, ...]]) -> frozenset[str]:
    owners = Counter(ticker for periods in names.values() for ticker in {period.ticker for period in periods})
    return frozenset(ticker for ticker, count in owners.items() if count > 1)


def _ticker_actions(periods: tuple[TickerPeriod, ...], reused: frozenset[str]) -> list[Action]:
    """Return the tickers that an asset had, and its end where it has one."""
    actions: list[Action] = []
    before = periods[0].asset
    for period in periods:
        if period.ticker != before or (period is periods[0] and period.ticker in reused):
            actions.append(Rename(period.first, period.asset, period.ticker))
        before = period.ticker
    last = periods[-1].last
    return [*actions, Delisting(last, periods[-1].asset)] if last < STILL_LISTED else actions


def _share_actions(
    asset: str, rows: tuple[FactorRow, ...], calendar: TradingCalendar, as_of: date, name: str
) -> list[Action]:
    """Return the splits and dividends between consecutive factor rows that had happened by ``as_of``."""
    actions: list[Action] = []
    for row, following in pairwise(rows):
        ratio, amount = _split_ratio(row, following), _dividend(row, following)
        if (ratio == 1.0 and amount == 0.0) or row.day >= as_of:
            continue
        if amount < 0 or (amount and row.reference_price <= 0):
            raise DataError(
                f"{name}: {asset} on {row.day}: got the price factor {row.price_factor:g} before "
                f"{following.price_factor:g} at a reference price of {row.reference_price:g}; expected factors that "
                "do not fall and a price above zero. Fix: correct the row."
            )
        ex_date = _next_session(calendar, row.day)
        if ratio != 1.0:
            actions.append(Split(ex_date, asset, ratio))
        if amount:
            actions.append(CashDividend(ex_date, asset, amount))
    return actions


def _split_ratio(row: FactorRow, following: FactorRow) -> float:
    """Return new shares for an old one: the simplest ratio within the digits of both factors."""
    written = following.split_factor / row.split_factor
    error = row.half_units[1] / row.split_factor + following.half_units[1] / following.split_factor
    larger = max(written, 1.0 / written)
    simple = Fraction(larger).limit_denominator(_LARGEST_DENOMINATOR)
    if abs(float(simple) / larger - 1.0) > error:
        return written
    return float(simple if written >= 1.0 else 1 / simple)


def _dividend(row: FactorRow, following: FactorRow) -> float:
    """Return cash for an old share: the shortest decimal number within the digits of both factors."""
    ratio = row.price_factor / following.price_factor
    written = row.reference_price * (1.0 - ratio)
    error = row.half_units[0] / row.price_factor + following.half_units[0] / following.price_factor
    error *= abs(row.reference_price) * ratio
    if row.price_factor == following.price_factor:
        return 0.0
    rounded = (round(written, decimals) for decimals in range(1, 9))
    return next((value for value in rounded if abs(value - written) <= error), written)


def _next_session(calendar: TradingCalendar, day: date) -> date:
    first = pd.Timestamp(day) + pd.Timedelta(days=1)
    sessions = calendar.sessions(first, first + pd.Timedelta(days=20))
    if not len(sessions):
        raise DataError(f"{calendar.name} has no session within 20 days after {day}. Fix: declare another calendar.")
    return sessions[0].date()
