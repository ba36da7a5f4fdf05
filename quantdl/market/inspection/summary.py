"""Figures about a panel that are no faults by themselves: first and last bars, gaps, extremes, unchanged closes."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd

from quantdl.market.inspection.session_bars import session_numbers
from quantdl.market.inspection.staleness import unchanged_closes
from quantdl.market.panel import Panel
from quantdl.market.status import CellStatus

MANY_MISSING = 20
"""More missing sessions than this, a month, are many for one asset."""


@dataclass(frozen=True)
class LongestStretch:
    """A stretch of one asset's bars.

    Attributes:
        symbol: The asset.
        first: Its first session.
        last: Its last session.
        length: How long it is: whole sessions of a gap, bars of unchanged closes.
    """

    symbol: str
    first: date
    last: date
    length: int


@dataclass(frozen=True)
class Extreme:
    """The lowest or highest close.

    Attributes:
        symbol: The asset.
        session: When.
        close: The price.
    """

    symbol: str
    session: date
    close: float


@dataclass(frozen=True)
class Summary:
    """Figures about a panel.

    Attributes:
        n_bars: Bars of all assets together, with a price above zero.
        cells: Number of cells of every `CellStatus`, by name; bars whose close is no price count as ``no_price``, which
            is there where there are any, and not as traded.
        begin_by_year: How many assets have their first bar in each year.
        begin_at_first: How many have one on the first session.
        end_at_last: How many have one on the last session.
        end_early: Session of the last bar of every other asset.
        longest_gap: The longest gap between two bars of an asset; None if there is no gap of a whole session.
        with_many_missing: Assets with more than 20 missing bars within their life.
        early_closes: Sessions that close early by the calendar.
        missing_on_early_closes: Bars missing on those, between the first and the last bar of each asset.
        lowest_close: The lowest positive close; None if there is none.
        highest_close: The highest close.
        unchanged_share: Share of bars after the first of an asset that repeat the close of the bar right before.
        longest_unchanged: The longest run of such bars; None without any.
        large_returns_adjacent: Returns beyond 50 % from one bar to the next, without a gap.
    """

    n_bars: int
    cells: Mapping[str, int]
    begin_by_year: Mapping[str, int]
    begin_at_first: int
    end_at_last: int
    end_early: Mapping[str, date]
    longest_gap: LongestStretch | None
    with_many_missing: int
    early_closes: int
    missing_on_early_closes: int
    lowest_close: Extreme | None
    highest_close: Extreme | None
    unchanged_share: float
    longest_unchanged: LongestStretch | None
    large_returns_adjacent: int


def summarise(panel: Panel, missing: np.ndarray, large_returns: np.ndarray) -> Summary:
    """Return the figures of a panel as loaded.

    Args:
        panel: The panel.
        missing: (T, A) the cells of `quantdl.market.inspection.presence.missing_session`.
        large_returns: (T, A) the cells of `quantdl.market.inspection.moves.return_above_50pct`.
    """
    priced = panel.has_bar & (panel.closes > 0) & np.isfinite(panel.closes)
    traded, unchanged = panel.has_bar, unchanged_closes(panel)
    alive = np.flatnonzero(traded.any(axis=0))
    days = panel.sessions.to_numpy()
    first = days[traded[:, alive].argmax(axis=0)]
    last = days[len(days) - 1 - traded[::-1, alive].argmax(axis=0)]
    early = panel.sessions.isin(_early_closes(panel))
    years = pd.Series(pd.DatetimeIndex(first).year).value_counts().sort_index()
    later_bars = int(traded.sum()) - len(alive)
    ended = {panel.assets[column]: pd.Timestamp(day).date() for column, day in zip(alive, last, strict=True)}
    return Summary(
        n_bars=int(priced.sum()),
        cells=_cells(panel, priced),
        begin_by_year={str(year): int(count) for year, count in years.items()},
        begin_at_first=int((first == days[0]).sum()),
        end_at_last=int((last == days[-1]).sum()),
        end_early={name: day for name, day in ended.items() if day != panel.sessions[-1].date()},
        longest_gap=_longest_gap(panel),
        with_many_missing=int((missing.sum(axis=0) > MANY_MISSING).sum()),
        early_closes=int(panel.sessions[early].nunique()),
        missing_on_early_closes=int(missing[early].sum()),
        lowest_close=_extreme(panel, lowest=True),
        highest_close=_extreme(panel, lowest=False),
        unchanged_share=float(unchanged.sum() / later_bars) if later_bars else 0.0,
        longest_unchanged=_longest_run(panel, unchanged),
        large_returns_adjacent=int((large_returns & (panel.bars_since_previous(of_bars=True) == 1)).sum()),
    )


def _cells(panel: Panel, priced: np.ndarray) -> dict[str, int]:
    """Count cells by status; bars without a price apart from those that traded."""
    counted = {status.name.lower(): int((panel.status == status).sum()) for status in CellStatus}
    without = int((panel.has_bar & ~priced).sum())
    return counted | {"traded": counted["traded"] - without, "no_price": without} if without else counted


def _early_closes(panel: Panel) -> pd.DatetimeIndex:
    return panel.card.declaration.trading_calendar().early_closes(panel.sessions[0], panel.sessions[-1])


def _longest_gap(panel: Panel) -> LongestStretch | None:
    columns, rows = np.nonzero(panel.has_bar.T)
    number = session_numbers(panel)[rows]
    gaps = np.where(columns[1:] == columns[:-1], np.diff(number) - 1, 0)
    if not gaps.size or gaps.max() < 1:
        return None
    longest = int(gaps.argmax())
    labels = panel.sessions.unique()
    before, after = int(number[longest]), int(number[longest + 1])
    symbol = panel.assets[int(columns[longest])]
    return LongestStretch(symbol, labels[before + 1].date(), labels[after - 1].date(), int(gaps[longest]))


def _longest_run(panel: Panel, cells: np.ndarray) -> LongestStretch | None:
    columns, rows = np.nonzero(cells.T)
    if not len(rows):
        return None
    starts = np.flatnonzero(np.r_[True, (columns[1:] != columns[:-1]) | (np.diff(rows) != 1)])
    lengths = np.diff(np.r_[starts, len(rows)])
    longest = int(lengths.argmax())
    first = int(rows[starts[longest]])
    end = first + int(lengths[longest]) - 1
    symbol = panel.assets[int(columns[starts[longest]])]
    return LongestStretch(symbol, panel.sessions[first].date(), panel.sessions[end].date(), end - first + 1)


def _extreme(panel: Panel, *, lowest: bool) -> Extreme | None:
    closes = np.where(panel.closes > 0, panel.closes, np.inf if lowest else -np.inf)
    place = closes.argmin() if lowest else closes.argmax()
    row, column = divmod(int(place), closes.shape[1])
    if not np.isfinite(closes[row, column]):
        return None
    return Extreme(panel.assets[column], panel.sessions[row].date(), float(closes[row, column]))
