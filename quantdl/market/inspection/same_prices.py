"""Assets whose prices are those of another one: a file copied under two symbols, or one share listed twice."""

from collections.abc import Iterator

import numpy as np

from quantdl.market.data_fault import DataFault
from quantdl.market.panel import Panel

KIND = "same_prices"
FEWEST_MOVES = 60
"""Equal closes after a move from which on they are no chance, not even of funds of one index or of classes of a share.

Two funds that follow one index agree to a cent on some days in a row; that they do on sixty, of which each moved the
price, does not happen to rounded prices of two orders.
"""

_CLOSES = 4  # in a row, by which paths are told apart
_ODD = np.uint64(0x9E3779B97F4A7C15)  # no bit is lost when it multiplies


def same_prices(panel: Panel) -> tuple[DataFault, ...]:
    """Name each asset whose closes equal those of an asset before it on all bars that both have.

    At least `FEWEST_MOVES` of these bars must differ from the one before: prices that stand still agree by chance. The
    later asset, in the order of the panel, is the one at fault, so that the first of several alike is kept under
    ``drop_asset``. Nothing is said of which of them is right. A copy that differs in a single close is not
    found, nor one of which every few bars are left out: four closes in a row, which both have, tell where to look.
    """
    named: dict[int, int] = {}
    for first, second in _candidates(panel):
        if second not in named and _are_same(panel, first, second):
            named[second] = first
    return tuple(_fault(panel, first, second) for second, first in sorted(named.items()))


def _candidates(panel: Panel) -> Iterator[tuple[int, int]]:
    """Yield pairs of columns, the first below the second, that share many moves after the same few closes.

    Equal paths stand side by side once a session is sorted. A third asset that came the same way may stand between two,
    and a gap of one of both hides the bars behind it, so half of the moves that are asked for are worth a look.
    """
    keys = _paths(panel)
    order = np.argsort(keys, axis=1, kind="stable")
    ordered = np.take_along_axis(keys, order, axis=1)
    rows, places = np.nonzero((ordered[:, 1:] == ordered[:, :-1]) & (ordered[:, 1:] != 0))
    n_assets = keys.shape[1]
    codes, counts = np.unique(order[rows, places] * n_assets + order[rows, places + 1], return_counts=True)
    for code in codes[counts >= FEWEST_MOVES // 2].tolist():
        yield divmod(code, n_assets)


def _paths(panel: Panel) -> np.ndarray:
    """Return (T, A) uint64: a number for the last few closes of each bar that moved the price, 0 elsewhere."""
    closes, span = panel.closes, panel.bars_since_previous(of_bars=True)
    keys = closes.view(np.uint64)
    previous = np.arange(len(closes))[:, None] - span
    moved = (span > 0) & (closes != np.take_along_axis(closes, previous, axis=0))
    for _ in range(_CLOSES - 1):
        keys = keys * _ODD ^ np.take_along_axis(keys, previous, axis=0)
    return np.where(moved, keys, np.uint64(0))


def _are_same(panel: Panel, first: int, second: int) -> bool:
    common = panel.has_bar[:, first] & panel.has_bar[:, second]
    closes = panel.closes[common, first]
    equal = np.array_equal(closes, panel.closes[common, second], equal_nan=True)
    return equal and _moves(closes) >= FEWEST_MOVES


def _moves(closes: np.ndarray) -> int:
    return int(np.count_nonzero(np.diff(closes[np.isfinite(closes)])))


def _fault(panel: Panel, first: int, second: int) -> DataFault:
    rows = np.flatnonzero(panel.has_bar[:, first] & panel.has_bar[:, second])
    moves = _moves(panel.closes[rows, first])
    return DataFault(
        kind=KIND,
        symbol=panel.assets[second],
        first=panel.sessions[rows[0]].date(),
        last=panel.sessions[rows[-1]].date(),
        count=len(rows),
        detail=f"Every close is that of {panel.assets[first]}: {len(rows):,} bars, {moves:,} of which moved the price.",
    )
