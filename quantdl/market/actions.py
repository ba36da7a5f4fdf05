"""Corporate actions: what happens to a share while the company's value stays where it is, and how a share ends."""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, fields, replace
from datetime import date, datetime
from typing import TypeVar

import pandas as pd

from quantdl.errors import DataError
from quantdl.market.days import session_label


@dataclass(frozen=True, order=True)
class Split:
    """New shares for old ones, stock dividends included.

    Attributes:
        ex_date: First session that trades the new shares.
        asset: Permanent symbol of the asset.
        ratio: New shares for each old one: 2.0 for a two-for-one split, 0.1 for a one-for-ten reverse split, 1.05 for a
            stock dividend of 5 %.

    Raises:
        DataError: If the ratio is not a positive number.
    """

    ex_date: date
    asset: str
    ratio: float

    def __post_init__(self) -> None:
        """Check what the annotations cannot say."""
        _check_days(self)
        if not (math.isfinite(self.ratio) and self.ratio > 0):
            raise DataError(
                f"Split of {self.asset} on {self.ex_date}: got a ratio of {self.ratio!r}; expected new shares for each "
                "old one, above zero. Fix: write 2.0 for two-for-one, 0.1 for one-for-ten."
            )


@dataclass(frozen=True, order=True)
class CashDividend:
    """Cash for each share.

    Attributes:
        ex_date: First session that trades without the right to it.
        asset: Permanent symbol of the asset.
        amount: Money for each share as it was on the session before ``ex_date``, in the units of the panel's prices: as
            it was paid where they are raw, per adjusted share where they are adjusted for splits.
        pay_date: Day on which the money arrives; None if not known.

    Raises:
        DataError: If the amount is not a positive number or is paid before it is due.
    """

    ex_date: date
    asset: str
    amount: float
    pay_date: date | None = None

    def __post_init__(self) -> None:
        """Check what the annotations cannot say."""
        _check_days(self)
        if not (math.isfinite(self.amount) and self.amount > 0):
            raise DataError(
                f"Dividend of {self.asset} on {self.ex_date}: got an amount of {self.amount!r}; expected money for "
                "each share, above zero. Fix: correct the amount or leave the dividend out."
            )
        if self.pay_date is not None and self.pay_date < self.ex_date:
            raise DataError(
                f"Dividend of {self.asset} on {self.ex_date}: got the pay date {self.pay_date}; expected a day not "
                "before the ex-date. Fix: correct either date, or leave the pay date empty."
            )


@dataclass(frozen=True, order=True)
class Rename:
    """A new ticker for the same asset.

    An asset whose first ticker is not its permanent symbol, or was another's before, has its first entry on the day of
    its listing.

    Attributes:
        first: First session under the new ticker.
        asset: Permanent symbol of the asset.
        ticker: The new ticker.
    """

    first: date
    asset: str
    ticker: str

    def __post_init__(self) -> None:
        """Check what the annotations cannot say."""
        _check_days(self)
        if not self.ticker.strip():
            raise DataError(f"Rename of {self.asset} on {self.first}: got an empty ticker; expected the new one.")


@dataclass(frozen=True, order=True)
class Delisting:
    """The end of an asset.

    Attributes:
        last: Last session on which it could trade.
        asset: Permanent symbol of the asset.
        terminal_value: Money for each share after ``last``, in the units of the panel's prices; None if not known.

    Raises:
        DataError: If the terminal value is negative or no number.
    """

    last: date
    asset: str
    terminal_value: float | None = None

    def __post_init__(self) -> None:
        """Check what the annotations cannot say."""
        _check_days(self)
        if self.terminal_value is not None and not (math.isfinite(self.terminal_value) and self.terminal_value >= 0):
            raise DataError(
                f"Delisting of {self.asset} after {self.last}: got a terminal value of {self.terminal_value!r}; "
                "expected money for each share, zero or more. Fix: leave it empty where it is not known."
            )


Action = Split | CashDividend | Rename | Delisting
_Kind = TypeVar("_Kind", Split, CashDividend, Rename, Delisting)


@dataclass(frozen=True)
class CorporateActions:
    """Everything that is known to have happened to the assets of a panel, each kind in order of date.

    Raises:
        DataError: If an asset has two splits on one day, the same dividend twice, two tickers from one day on or two
            ends: an action that counts twice moves wealth.
    """

    splits: tuple[Split, ...] = ()
    dividends: tuple[CashDividend, ...] = ()
    renames: tuple[Rename, ...] = ()
    delistings: tuple[Delisting, ...] = ()

    def __post_init__(self) -> None:
        """Put each kind in order and refuse what stands twice."""
        object.__setattr__(self, "splits", _ordered(self.splits, lambda item: (item.ex_date, item.asset)))
        object.__setattr__(self, "dividends", _ordered(self.dividends, lambda item: (item.ex_date, item.asset)))
        object.__setattr__(self, "renames", _ordered(self.renames, lambda item: (item.first, item.asset)))
        object.__setattr__(self, "delistings", _ordered(self.delistings, lambda item: (item.last, item.asset)))
        twice = [
            *_twice([f"split of {item.asset} on {item.ex_date}" for item in self.splits]),
            *_twice([f"dividend of {item.amount:g} of {item.asset} on {item.ex_date}" for item in self.dividends]),
            *_twice([f"new ticker of {item.asset} on {item.first}" for item in self.renames]),
            *_twice([f"end of {item.asset}" for item in self.delistings]),
        ]
        if twice:
            raise DataError(
                f"Corporate actions stand twice: {'; '.join(twice)}. Expected each once. Fix: remove one of the two, "
                "or write the sum of two dividends that are both real."
            )

    def until(self, session: pd.Timestamp | date) -> "CorporateActions":
        """Return what had happened by the close of ``session``: splits and dividends that had gone ex, names in use.

        A delisting has happened only after its last session.
        """
        day = session_label(session).date()
        return replace(
            self,
            splits=tuple(item for item in self.splits if item.ex_date <= day),
            dividends=tuple(item for item in self.dividends if item.ex_date <= day),
            renames=tuple(item for item in self.renames if item.first <= day),
            delistings=tuple(item for item in self.delistings if item.last < day),
        )

    def select(self, assets: Iterable[str]) -> "CorporateActions":
        """Return the actions of the named assets."""
        kept = frozenset(assets)
        return replace(
            self,
            splits=tuple(item for item in self.splits if item.asset in kept),
            dividends=tuple(item for item in self.dividends if item.asset in kept),
            renames=tuple(item for item in self.renames if item.asset in kept),
            delistings=tuple(item for item in self.delistings if item.asset in kept),
        )

    def ticker_of(self, asset: str, session: pd.Timestamp | date | str) -> str:
        """Return the ticker under which ``asset`` traded on ``session``; its permanent symbol where none is stated.

        Example:
            >>> actions = CorporateActions(renames=(Rename(date(2022, 6, 9), "FB", "META"),))
            >>> actions.ticker_of("FB", "2022-06-08"), actions.ticker_of("FB", "2022-06-09")
            ('FB', 'META')
        """
        return self._stated_ticker(asset, session_label(session).date()) or asset

    def asset_of(self, ticker: str, session: pd.Timestamp | date | str) -> str:
        """Return the permanent symbol of the asset that traded under ``ticker`` on ``session``.

        A ticker that no rename gives to an asset is its own permanent symbol, until that asset takes another. One that
        an asset had before, or has only later, is not that asset's.

        Raises:
            DataError: If no asset had the ticker on that day, or two assets claim it.
        """
        day = session_label(session).date()
        renamed = {item.asset for item in self.renames}
        ended = {item.asset for item in self.delistings if item.last < day}
        found = sorted(asset for asset in renamed - ended if self._stated_ticker(asset, day) == ticker)
        mentioned = any(item.ticker == ticker for item in self.renames)
        if not found and not mentioned and ticker not in ended and self._stated_ticker(ticker, day) is None:
            found = [ticker]
        if len(found) == 1:
            return found[0]
        owners = f"{' and '.join(found)} both claim it" if found else "no asset had it"
        raise DataError(
            f"Ticker {ticker!r} on {day}: {owners}; expected one asset. Fix: correct the renames, or ask for the "
            "permanent symbol."
        )

    def _stated_ticker(self, asset: str, day: date) -> str | None:
        stated = [item.ticker for item in self.renames if item.asset == asset and item.first <= day]
        return stated[-1] if stated else None


def _check_days(action: Action) -> None:
    """Refuse what is no plain date: an instant would compare with none."""
    for item in fields(action):
        day = getattr(action, item.name)
        dated = item.name in ("ex_date", "first", "last") or (item.name == "pay_date" and day is not None)
        if dated and (not isinstance(day, date) or isinstance(day, datetime)):
            raise DataError(
                f"{type(action).__name__} of {action.asset}: got {item.name} {day!r}; expected a datetime.date. Fix: "
                "write date(2020, 8, 31), or .date() after a timestamp."
            )


def _ordered(items: Iterable[_Kind], key: Callable[[_Kind], tuple[date, str]]) -> tuple[_Kind, ...]:
    return tuple(sorted(items, key=key))


def _twice(names: list[str]) -> list[str]:
    return sorted({name for name in names if names.count(name) > 1}) if len(set(names)) < len(names) else []
