"""Past returns session by session, and what stands in for an asset that did not exist yet."""

from dataclasses import dataclass
from datetime import date
from functools import cached_property

import numpy as np
import pandas as pd

from quantdl.calendars.periods import SessionDays
from quantdl.market.panel import Panel

LEAST_FOR_BETA = 60
"""Sessions that an asset and the market must share before a beta is told."""


@dataclass(frozen=True, eq=False)
class PastReturns:
    """Simple returns of assets in the sessions of the past.

    A return over a halt counts once, in the session of the first trade after it.

    Attributes:
        assets: Names, A of them.
        sessions: (T,) increasing.
        returns: (T, A) float64; NaN where an asset has none.
        calendar: Sessions of the exchange; None where they are not known.

    Raises:
        ValueError: If the shapes differ.
    """

    assets: tuple[str, ...]
    sessions: pd.DatetimeIndex
    returns: np.ndarray
    calendar: SessionDays | None = None

    def __post_init__(self) -> None:
        """Check the shapes."""
        if self.returns.shape != (len(self.sessions), len(self.assets)):
            raise ValueError(
                f"returns must be ({len(self.sessions)}, {len(self.assets)}), a row a session and a column an asset, "
                f"got {self.returns.shape}."
            )

    @staticmethod
    def of_panel(panel: Panel, through: pd.Timestamp | None = None) -> "PastReturns":
        """Read a panel of adjusted prices up to and including a session; bars of one session are put together.

        Args:
            panel: Adjusted prices.
            through: The last session, with all of its bars; no label of a bar, which may be dated by the next day.
        """
        through = panel.sessions[-1] if through is None else pd.Timestamp(through)
        stop = int(panel.sessions.searchsorted(through.normalize(), side="right"))
        logs, labels = panel.log_returns()[:stop], panel.sessions[:stop]
        first = np.flatnonzero(np.concatenate([[True], labels.asi8[1:] != labels.asi8[:-1]]))
        if len(first) < stop:
            known = np.add.reduceat(np.isfinite(logs), first, axis=0) > 0
            logs = np.where(known, np.add.reduceat(np.nan_to_num(logs), first, axis=0), np.nan)
        calendar = panel.card.declaration.trading_calendar()
        return PastReturns(panel.assets, labels[first], np.expm1(logs), calendar)

    def may_trade(self, first: date, last: date) -> bool:
        """Whether a session lies between two days, both included; any day may be one where no calendar knows it.

        Args:
            first: First day; after ``last`` for no day at all.
            last: Last day.
        """
        if first > last:
            return False
        known = self.calendar
        if known is None or pd.Timestamp(first) < known.first_day or pd.Timestamp(last) > known.last_day:
            return True
        return len(known.sessions(first, last)) > 0

    @cached_property
    def first_rows(self) -> np.ndarray:
        """(A,) row of each asset's first return; T for one without any."""
        known = np.isfinite(self.returns)
        return np.where(known.any(axis=0), known.argmax(axis=0), len(known))

    @cached_property
    def market(self) -> np.ndarray:
        """(T,) mean return of the assets that have one; NaN in a session in which none has."""
        known = np.isfinite(self.returns)
        count = known.sum(axis=1)
        total = np.where(known, self.returns, 0.0).sum(axis=1)
        return np.asarray(np.divide(total, count, out=np.full(len(total), np.nan), where=count > 0))

    def beta(self, asset: int) -> float | None:
        """Slope of an asset's returns on the market's over all sessions in which both have one; None with too few."""
        own, market = self.returns[:, asset], self.market
        shared = np.isfinite(own) & np.isfinite(market)
        if int(shared.sum()) < LEAST_FOR_BETA:
            return None
        deviations = market[shared] - market[shared].mean()
        power = float(deviations @ deviations)
        return float(deviations @ own[shared]) / power if power > 0 else None


@dataclass(frozen=True, eq=False)
class BookHistory:
    """Returns of a book's assets in every session of the past, proxies included.

    Before its first return, an asset moves by its beta times the mean of the assets that have a return; where no beta
    can be told, it is left out. Without a return later on (a halt) it does not move, and moves at once when it trades
    again.

    Attributes:
        past: What it is made of.
        weights: (A,) of the book, fractions of equity; those left out are still in it.
    """

    past: PastReturns
    weights: np.ndarray

    @cached_property
    def held(self) -> np.ndarray:
        """Numbers of the assets that the book holds."""
        return np.flatnonzero(self.weights != 0)

    @cached_property
    def betas(self) -> dict[int, float | None]:
        """Beta of each asset held that has no return in the first session of the past."""
        return {int(asset): self.past.beta(asset) for asset in self.held if self.past.first_rows[asset] > 0}

    @cached_property
    def filled(self) -> np.ndarray:
        """(T, A) returns, proxies included; zero for what does not move, is not held or is left out."""
        filled = np.where(np.isfinite(self.past.returns), self.past.returns, 0.0)
        market = np.nan_to_num(self.past.market)
        for asset, beta in self.betas.items():
            before = slice(0, int(self.past.first_rows[asset]))
            filled[before, asset] = 0.0 if beta is None else np.maximum(beta * market[before], -1.0)
        return filled

    def stand_ins(self, row: int) -> tuple[list[int], list[int]]:
        """Assets held that had no return of their own by ``row``: those with a proxy, and those left out."""
        later = [asset for asset in self.held.tolist() if self.past.first_rows[asset] > row]
        return (
            [asset for asset in later if self.betas.get(asset) is not None],
            [asset for asset in later if self.betas.get(asset) is None],
        )
