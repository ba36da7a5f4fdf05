"""The panel as the engine plays it: for each session only what could be known at its close.

Every array is causal: row t is a function of rows up to t of the panel. That includes delistings: an asset is gone
after a day that is stated, or once its silence has become as long as the plan's own rule says.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby

import numpy as np
import pandas as pd

from quantdl.backtest.book.trailing import market_volatility, simple_returns, trailing_deviation
from quantdl.calendars import TradingCalendar
from quantdl.errors import DataError
from quantdl.market.corporate.adjustment import continuous_closes
from quantdl.market.corporate.confirmation import confirmed_prices
from quantdl.market.corporate.effects import Effect, carried_closes, effects
from quantdl.market.listing import delisted_as_known, last_trades, silent_bars
from quantdl.market.panel import Panel

# Trailing bars of the daily volatility in the square-root impact law: a month, as in Almgren et al. (2005).
IMPACT_WINDOW = 20


@dataclass(frozen=True, eq=False)
class Tape:
    """Causal arrays of one panel, each made when it is first asked for, and once.

    An order, to buy or to sell, fills in every session in which the asset traded. Bars do not say whether buyers or
    sellers were missing at a daily price limit, so neither is guessed; nothing fills where the source calls the session
    halted.

    Attributes:
        panel: The panel, without its bars of volume 0 and those that the plan waits to see confirmed.
        delisted_after_sessions: The plan's rule on silence, see `quantdl.market.listing.delisted_as_known`.
        sessions: (T,) unique label of each bar, see `quantdl.market.panel.Panel.bars`: its session, or its end within
            one.
        days: (T,) session of each bar.
        calendar: Trading calendar of the panel.
        frequency: Length of a bar, ``"1D"``, ``"1W"``, ``"1M"``, or one within a session such as ``"60min"``.
        assets: (A,) symbols.
        fields: The panel's fields by name, (T, A).
        continuous: (T, A) closes without the jumps of splits and dividends, for returns.
        traded: (T, A) whether the asset traded; a bar of volume 0 is no trade, and its fields are NaN.
        effects: What corporate actions do to shares before the open of a session, by its position.
        marks: (T, A) last traded close so far, in the units of the session; NaN before the first. Of unconfirmed bars
            see `quantdl.market.corporate.confirmation.ConfirmedPrices`.
        unconfirmed: (T, A) whether a bar was left out because no later one had confirmed its prices yet.
    """

    panel: Panel
    delisted_after_sessions: int | None
    sessions: pd.DatetimeIndex
    days: pd.DatetimeIndex
    calendar: TradingCalendar
    frequency: str
    assets: tuple[str, ...]
    fields: Mapping[str, np.ndarray]
    continuous: np.ndarray
    traded: np.ndarray
    effects: Mapping[int, tuple[Effect, ...]]
    marks: np.ndarray
    unconfirmed: np.ndarray

    @cached_property
    def silent_bars(self) -> np.ndarray:
        """(T, A) bars since the last trade, see `quantdl.market.listing.silent_bars`."""
        return silent_bars(self.panel)

    @cached_property
    def eligible(self) -> np.ndarray:
        """(T, A) in the universe as of the session."""
        return self.panel.eligible

    @cached_property
    def delisted(self) -> np.ndarray:
        """(T, A) known to be delisted as of the session, by a stated end or by the plan's rule on silence."""
        return delisted_as_known(self.panel, self.delisted_after_sessions)

    @cached_property
    def listed(self) -> np.ndarray:
        """(T, A) traded before, not delisted and in the universe as of the session: what may be held.

        A silent asset is listed; an order for it waits.
        """
        return np.asarray((last_trades(self.panel) >= 0) & ~self.delisted & self.eligible)

    @cached_property
    def terminal_values(self) -> np.ndarray:
        """(A,) money for each share of a delisted asset where the data states it, else NaN."""
        stated = self.panel.actions.delistings
        values = {item.asset: item.terminal_value for item in stated if item.terminal_value is not None}
        return np.array([values.get(asset, np.nan) for asset in self.assets])

    @cached_property
    def volatility(self) -> np.ndarray:
        """(T, A) standard deviation of the last simple returns, for the impact law."""
        return trailing_deviation(simple_returns(self.continuous), IMPACT_WINDOW, 2)

    @cached_property
    def trades(self) -> np.ndarray:
        """(T,) whether any asset traded; where none does, nothing falls due and no bar is counted."""
        return np.asarray(self.traded.any(axis=1))

    @cached_property
    def bars_so_far(self) -> np.ndarray:
        """(T,) how many bars up to each, that one included, had a trade."""
        return np.cumsum(self.trades)

    def causal_arrays(self) -> dict[str, np.ndarray]:
        """Return by name what is worked out of the panel with one row a session, row t of what is known at t."""
        names = ("marks", "silent_bars", "eligible", "delisted", "listed", "volatility", "trades", "bars_so_far")
        return {name: getattr(self, name) for name in names}

    @property
    def dollars(self) -> np.ndarray:
        """(T, A) dollars traded."""
        return dollars_traded(self.fields)

    @cached_property
    def _market_volatilities(self) -> dict[tuple[int, float], np.ndarray]:
        return {}

    def market_volatility(self, window: int, bars_per_year: float) -> np.ndarray:
        """Return (T,) the annualised trailing volatility of the equal-weighted market, see `trailing`."""
        found = self._market_volatilities
        if (window, bars_per_year) not in found:
            found[window, bars_per_year] = market_volatility(self.continuous, window, bars_per_year)
        return found[window, bars_per_year]


def dollars_traded(fields: Mapping[str, np.ndarray]) -> np.ndarray:
    """Return (T, A) the field ``dollar_volume`` where there is one, else ``close`` times ``volume``."""
    stated = fields.get("dollar_volume")
    return fields["close"] * fields["volume"] if stated is None else stated


def read_tape(
    panel: Panel, delisted_after_sessions: int | None = None, unconfirmed_beyond: float | None = None
) -> Tape:
    """Prepare a panel for the engine, once: the tape is kept with it.

    Args:
        panel: The panel.
        delisted_after_sessions: The plan's rule on silence, see `quantdl.market.listing.delisted_as_known`.
        unconfirmed_beyond: How many times the last close a price may be before the next bar must confirm it, see
            `quantdl.market.corporate.confirmation`; None to believe every price.

    Raises:
        DataError: If its prices are in several currencies, and so is the money of a book that would hold them.
    """
    wrong = [*panel.card.money_faults()]
    if wrong:
        raise DataError(f"{panel.card.declaration.source}: {' '.join(wrong)}")
    key = (Tape, delisted_after_sessions, unconfirmed_beyond)
    if key not in panel.derived:
        panel.derived[key] = _tape(panel, delisted_after_sessions, unconfirmed_beyond)
    return panel.derived[key]  # type: ignore[no-any-return]


def _tape(panel: Panel, delisted_after_sessions: int | None, unconfirmed_beyond: float | None) -> Tape:
    if unconfirmed_beyond is None:
        panel = panel.trades_only()
        marks, unconfirmed = carried_closes(panel), np.zeros(panel.status.shape, dtype=bool)
    else:
        found = confirmed_prices(panel, unconfirmed_beyond)
        panel, marks, unconfirmed = found.panel, found.marks, found.unconfirmed
    return Tape(
        panel=panel,
        delisted_after_sessions=delisted_after_sessions,
        sessions=panel.bars,
        days=panel.sessions,
        calendar=panel.card.declaration.trading_calendar(),
        frequency=panel.card.declaration.frequency,
        assets=panel.assets,
        fields=panel.fields,
        continuous=continuous_closes(panel),
        traded=panel.traded,
        effects=_by_row(effects(panel)),
        marks=marks,
        unconfirmed=unconfirmed,
    )


def _by_row(found: tuple[Effect, ...]) -> Mapping[int, tuple[Effect, ...]]:
    return {row: tuple(group) for row, group in groupby(found, key=lambda effect: effect.row)}


def settles_at(days: pd.DatetimeIndex, sessions: int) -> np.ndarray:
    """Return (T,) the bar from which on the proceeds of a sale in each bar may be spent.

    It is the first bar of the session that lies so many sessions later; the bar itself where that is 0. Sessions beyond
    the last are as if they had one bar each.

    Args:
        days: (T,) session of each bar, increasing.
        sessions: Sessions until settlement.

    Example:
        >>> settles_at(pd.DatetimeIndex(["2024-01-02", "2024-01-02", "2024-01-03", "2024-01-03"]), 1).tolist()
        [2, 2, 4, 4]
    """
    if sessions == 0:
        return np.arange(len(days))
    begins = np.concatenate([[True], days[1:] != days[:-1]])
    first, number = np.flatnonzero(begins), np.cumsum(begins) - 1 + sessions
    beyond = number - len(first)
    return np.where(beyond >= 0, len(days) + beyond, first[np.minimum(number, len(first) - 1)])
