"""A history cut in two: two scales of one symbol, or two companies under it, become two assets."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date

import numpy as np

from quantdl.errors import DataError
from quantdl.market.actions import CorporateActions, Delisting
from quantdl.market.panel import Panel
from quantdl.market.status import CellStatus, read_silence


@dataclass(frozen=True, eq=False)
class Cut:
    """Where one asset's history is cut.

    Attributes:
        column: The asset.
        row: The first bar of the later part.
        same_share: Whether the parts are the same share on two scales, as after a split: then a holder of the earlier
            part lost nothing at the cut. Else it is not known what became of it.
    """

    column: int
    row: int
    same_share: bool


_EARLIER_PART = re.compile(r"(.+)~\d{4}-\d\d-\d\d", re.DOTALL)


def symbol_before_cuts(asset: str) -> str:
    """Return the symbol that the source gave to an asset, whether or not its history was cut.

    Example:
        >>> symbol_before_cuts("SSYS~2008-11-07"), symbol_before_cuts("SSYS")
        ('SSYS', 'SSYS')
    """
    match = _EARLIER_PART.fullmatch(asset)
    return asset if match is None else match[1]


def cut_histories(panel: Panel, cuts: Sequence[Cut]) -> Panel:
    """Return the panel with every cut history as several assets, the earlier ones at the end of the columns.

    The part after the last cut keeps the symbol and begins there (UNLISTED before). A part before a cut becomes
    ``SYMBOL~2008-11-07``, named by its last session, and is DELISTED after it, so that no return runs over the cut:

    * between two scales of the same share from the next bar on, with a `quantdl.market.actions.Delisting` at
      its last close: a split changes no wealth, so a book that holds the asset is paid what it was worth;
    * before a long silence as the panel's `quantdl.market.card.SilenceRule` reads every silence, and without a terminal
      value: at the time it was not known that the symbol would come back, and what it was worth is not known. A book
      that holds it keeps it at its last close until the plan's own rule on silence pays it out.

    Corporate actions go to the part that they belong to. A part in which nothing trades is left out. The numbers of a
    view are those of a panel that had ended there, but its columns have the names of the whole: the date in a
    name reveals a later cut, and no number does.

    Args:
        panel: The panel; it is not changed.
        cuts: The cuts, in any order.

    Raises:
        DataError: If an asset of the panel has the name that an earlier part would get.
    """
    rows: dict[int, dict[int, bool]] = {}
    for cut in cuts:
        rows.setdefault(cut.column, {})[cut.row] = cut.same_share
    parts = [part for column in sorted(rows) for part in _earlier_parts(panel, column, rows[column])]
    status = panel.status.copy()
    for column, edges in rows.items():
        status[: max(edges), column] = CellStatus.UNLISTED
    if not parts:
        return panel
    taken = sorted({part.name for part in parts} & set(panel.assets))
    if taken:
        raise DataError(
            f"{panel.card.declaration.source}: "
            f"the earlier part of a cut history would be called {', '.join(map(repr, taken))}, as "
            "an asset of the panel is already. Fix: rename that asset, or choose another action than split_at_gap."
        )
    whole = np.column_stack([status, *(part.status for part in parts)])
    assets = (*panel.assets, *(part.name for part in parts))
    columns = [*range(len(panel.assets)), *(part.column for part in parts)]
    ended = {part.name: part.last for part in parts if part.same_share}
    silence = replace(panel.silence, ended={**panel.silence.ended, **ended})
    whole = read_silence(whole, panel.sessions, assets, silence)
    traded = whole == CellStatus.TRADED
    sectors = {part.name: panel.sectors[part.symbol] for part in parts if part.symbol in panel.sectors}
    return replace(
        panel,
        assets=assets,
        fields={name: np.where(traded, values[:, columns], np.nan) for name, values in panel.fields.items()},
        status=whole,
        sectors={**panel.sectors, **sectors},
        silence=silence,
        actions=_actions(panel.actions, parts),
        members=None if panel.members is None else panel.members[:, columns],
    )


@dataclass(frozen=True, eq=False)
class _Part:
    """The history of an asset before a cut.

    Attributes:
        symbol: The asset.
        column: Its column.
        last: Session of the part's last bar.
        status: (T,) codes of the part as an asset of its own, the cells after it not yet read.
        same_share: See `Cut`.
        close: The part's last close.
    """

    symbol: str
    column: int
    last: date
    status: np.ndarray
    same_share: bool
    close: float

    @property
    def name(self) -> str:
        return f"{self.symbol}~{self.last}"


def _earlier_parts(panel: Panel, column: int, cuts: Mapping[int, bool]) -> list[_Part]:
    parts, first = [], 0
    for row in sorted(cuts):
        status = panel.status[:, column].copy()
        status[:first] = CellStatus.UNLISTED
        status[row:] = CellStatus.MISSING
        traded = np.flatnonzero(status == CellStatus.TRADED)
        if len(traded):
            last, close = panel.sessions[traded[-1]].date(), float(panel.closes[traded[-1], column])
            parts.append(_Part(panel.assets[column], column, last, status, cuts[row], close))
        first = row
    return parts


def _actions(actions: CorporateActions, parts: Sequence[_Part]) -> CorporateActions:
    """Hand the actions of a cut symbol to the part that they happened to, and end the parts that a split ended."""
    ends: dict[str, list[_Part]] = {}
    for part in parts:
        ends.setdefault(part.symbol, []).append(part)

    def owner(symbol: str, day: date) -> str:
        return next((part.name for part in ends.get(symbol, ()) if day <= part.last), symbol)

    closed = [Delisting(part.last, part.name, part.close) for part in parts if part.same_share and part.close > 0]
    return replace(
        actions,
        splits=tuple(replace(item, asset=owner(item.asset, item.ex_date)) for item in actions.splits),
        dividends=tuple(replace(item, asset=owner(item.asset, item.ex_date)) for item in actions.dividends),
        renames=tuple(replace(item, asset=owner(item.asset, item.first)) for item in actions.renames),
        delistings=tuple(sorted([*actions.delistings, *closed], key=lambda item: item.last)),
    )
