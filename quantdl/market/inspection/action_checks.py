"""The rules of the census about corporate actions that the source states and prices that say something else."""

from collections.abc import Iterator, Sequence
from typing import TypeVar

import numpy as np

from quantdl.market.actions import CashDividend, Split
from quantdl.market.inspection.moves import LARGE_RETURN
from quantdl.market.panel import Panel

_TELLING = np.log(1.4)
_Stated = TypeVar("_Stated", Split, CashDividend)


def split_contradicts_price(panel: Panel) -> np.ndarray:
    """First bars on or after the ex-date of a split whose price does not do what the split says.

    From the close before to this close, unadjusted prices change by 1 / ratio and adjusted ones not at all, give or
    take the day's move. The split is contradicted when the change is off by more than half of the split in logarithms:
    another split then fits better, such as the inverse (a forward split recorded as a reverse one), none (recorded but
    not made, or made twice), or one of another size. The open counts too where there is one, and either may clear the
    split. Splits below 1.4 for one move the price by less than news can, and are not judged.
    """
    found = np.zeros(panel.status.shape, dtype=bool)
    for split, row, before, column in _effects(panel, panel.actions.splits):
        size = np.log(split.ratio)
        if abs(size) < _TELLING:
            continue
        expected = -size if panel.card.declaration.adjustment == "raw" else 0.0
        prices = [panel.closes[row, column], *_open(panel, row, column)]
        off = [abs(np.log(price / panel.closes[before, column]) - expected) for price in prices]
        found[row, column] |= min(off) > abs(size) / 2
    return found


def dividend_exceeds_price(panel: Panel) -> np.ndarray:
    """First bars on or after the ex-date of a cash dividend that is as large as the close before it, or larger.

    No company pays out more than it is worth: amount and price are on different scales, mostly an unadjusted amount
    beside split-adjusted prices.
    """
    found = np.zeros(panel.status.shape, dtype=bool)
    for dividend, row, before, column in _effects(panel, panel.actions.dividends):
        found[row, column] |= dividend.amount >= panel.closes[before, column]
    return found


def large_return_without_action(panel: Panel) -> np.ndarray:
    """Cells of ``return_above_50pct`` that stay beyond 50 % with every recorded split and dividend counted in.

    Looked for only where the source states splits or dividends at all: an action it lost shows here. On unadjusted
    prices the return is that of the shares and the cash that one share of the previous close became; on adjusted ones
    it is that of the close.
    """
    found = np.zeros(panel.status.shape, dtype=bool)
    if not panel.actions.splits and not panel.actions.dividends:
        return found
    gross = panel.closes / panel.previous_closes(of_bars=True)
    if panel.card.declaration.adjustment == "raw":  # ratios and amounts are both stated for a share of the close before
        for split, row, _, column in _effects(panel, panel.actions.splits):
            gross[row, column] *= split.ratio
        for dividend, row, before, column in _effects(panel, panel.actions.dividends):
            gross[row, column] += dividend.amount / panel.closes[before, column]
    return np.asarray((np.abs(gross - 1) > LARGE_RETURN) & (panel.closes > 0))


def recorded_splits(panel: Panel, column: int, rows: np.ndarray) -> str:
    """Name the splits that take effect at a bar, and the closes on both sides."""
    own = [item for item in panel.actions.splits if item.asset == panel.assets[column]]
    stated = [item for item, row, _, _ in _effects(panel, own) if row == rows[0]]
    words = ", ".join(f"{item.ratio:g} new for 1 old share on {item.ex_date}" for item in stated)
    return f"Stated: {words}; {_closes(panel, column, int(rows[0]))} ({panel.card.declaration.adjustment} prices)."


def recorded_dividends(panel: Panel, column: int, rows: np.ndarray) -> str:
    """Name the dividends that take effect at a bar, and the closes on both sides."""
    own = [item for item in panel.actions.dividends if item.asset == panel.assets[column]]
    stated = [item for item, row, _, _ in _effects(panel, own) if row == rows[0]]
    words = ", ".join(f"{item.amount:g} a share on {item.ex_date}" for item in stated)
    return f"Stated: {words}; {_closes(panel, column, int(rows[0]))}."


def _effects(panel: Panel, items: Sequence[_Stated]) -> Iterator[tuple[_Stated, int, int, int]]:
    """Give each action with the rows of its asset's first priced bar from the ex-date on and of the one before.

    The column follows them. Actions without a priced bar on either side are left out.
    """
    columns = {name: column for column, name in enumerate(panel.assets)}
    priced: dict[int, np.ndarray] = {}
    days = np.array([item.ex_date for item in items], dtype="datetime64[D]")
    firsts = panel.sessions.to_numpy().astype("datetime64[D]").searchsorted(days, side="left")
    for item, first in zip(items, firsts, strict=True):
        column = columns.get(item.asset)
        if column is None:
            continue
        if column not in priced:
            priced[column] = np.flatnonzero(panel.closes[:, column] > 0)
        rows = priced[column]
        at = int(rows.searchsorted(first))
        if 0 < at < len(rows):
            yield item, int(rows[at]), int(rows[at - 1]), column


def _closes(panel: Panel, column: int, row: int) -> str:
    before = int(np.flatnonzero(panel.closes[:row, column] > 0)[-1])
    return f"close {panel.closes[before, column]:g} to {panel.closes[row, column]:g}"


def _open(panel: Panel, row: int, column: int) -> list[float]:
    opening = float(panel.fields["open"][row, column]) if "open" in panel.fields else 0.0
    return [opening] if opening > 0 else []
