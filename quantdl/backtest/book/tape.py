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

from quantdl.backtest.book.trailing import simple_returns, trailing_deviation
from quantdl.calendars import TradingCalendar
from quantdl.errors import DataError
from quantdl.market.corporate.adjustment import continuous_closes
from quantdl.market.corporate.effects import Effect, carried_closes, effects
from quantdl.market.listing import delisted_as_known, last_trades, silent_bars
from quantdl.market.panel import Panel

# Trailing bars of the daily volatility in the square-root impact law: a month, as in Almgren et al. (2005).
IMPACT_WINDOW = 20


@dataclass(frozen=True, eq=False)
class Tape:
    """Causal arrays of one panel.

    An order, to buy or to sell, fills in every session in which the asset traded. Bars do not say whether buyers or
    sellers were missing at a daily price limit, so neither is guessed; nothing fills where the source calls the session
    halted.

    Attributes:
        sessions: (T,) labels.
        calendar: Trading calendar of the panel.
        frequency: Length of a bar, ``"1D"``, ``"1W"`` or ``"1M"``.
        assets: (A,) symbols.
        fields: The panel's fields by name, (T, A).
        continuous: (T, A) closes without the jumps of splits and dividends, for returns.
        traded: (T, A) whether the asset traded; a bar of volume 0 is no trade, and its fields are NaN.
        marks: (T, A) last traded close so far, in the units of the session; NaN before the first.
        silent_bars: (T, A) bars since the last trade, see `quantdl.market.listing.silent_bars`.
        listed: (T, A) traded before, not delisted and in the universe as of the session: what may be held. A silent
            asset is listed; an order for it waits.
        eligible: (T, A) in the universe as of the session.
        delisted: (T, A) known to be delisted as of the session, by a stated end or by the plan's rule on silence.
        terminal_values: (A,) money for each share of a delisted asset where the data states it, else NaN.
        effects: What corporate actions do to shares before the open of a session, by its position.
        volatility: (T, A) standard deviation of the last simple returns, for the impact law.
    """

    sessions: pd.DatetimeIndex
    calendar: TradingCalendar
    frequency: str
    assets: tuple[str, ...]
    fields: Mapping[str, np.ndarray]
    continuous: np.ndarray
    traded: np.ndarray
    marks: np.ndarray
    silent_bars: np.ndarray
    listed: np.ndarray
    eligible: np.ndarray
    delisted: np.ndarray
    terminal_values: np.ndarray
    effects: Mapping[int, tuple[Effect, ...]]
    volatility: np.ndarray

    @cached_property
    def trades(self) -> np.ndarray:
        """(T,) whether any asset traded; where none does, nothing falls due and no bar is counted."""
        return np.asarray(self.traded.any(axis=1))

    @cached_property
    def bars_so_far(self) -> np.ndarray:
        """(T,) how many bars up to each, that one included, had a trade."""
        return np.cumsum(self.trades)

    @property
    def dollars(self) -> np.ndarray:
        """(T, A) dollars traded."""
        return dollars_traded(self.fields)


def dollars_traded(fields: Mapping[str, np.ndarray]) -> np.ndarray:
    """Return (T, A) the field ``dollar_volume`` where there is one, else ``close`` times ``volume``."""
    stated = fields.get("dollar_volume")
    return fields["close"] * fields["volume"] if stated is None else stated


def read_tape(panel: Panel, delisted_after_sessions: int | None = None) -> Tape:
    """Prepare a panel for the engine.

    Args:
        panel: The panel.
        delisted_after_sessions: The plan's rule on silence, see `quantdl.market.listing.delisted_as_known`.

    Raises:
        DataError: If its prices are in several currencies, and so is the money of a book that would hold them.
    """
    wrong = [*panel.card.money_faults()]
    if wrong:
        raise DataError(f"{panel.card.declaration.source}: {' '.join(wrong)}")
    panel = panel.trades_only()
    last_trade, delisted = last_trades(panel), delisted_as_known(panel, delisted_after_sessions)
    continuous = continuous_closes(panel)
    return Tape(
        sessions=panel.sessions,
        calendar=panel.card.declaration.trading_calendar(),
        frequency=panel.card.declaration.frequency,
        assets=panel.assets,
        fields=panel.fields,
        continuous=continuous,
        traded=panel.traded,
        marks=carried_closes(panel),
        silent_bars=silent_bars(panel),
        listed=(last_trade >= 0) & ~delisted & panel.eligible,
        eligible=panel.eligible,
        delisted=delisted,
        terminal_values=_terminal_values(panel),
        effects=_by_row(effects(panel)),
        volatility=trailing_deviation(simple_returns(continuous), IMPACT_WINDOW, 2),
    )


def _terminal_values(panel: Panel) -> np.ndarray:
    values = {item.asset: item.terminal_value for item in panel.actions.delistings if item.terminal_value is not None}
    return np.array([values.get(asset, np.nan) for asset in panel.assets])


def _by_row(found: tuple[Effect, ...]) -> Mapping[int, tuple[Effect, ...]]:
    return {row: tuple(group) for row, group in groupby(found, key=lambda effect: effect.row)}
