"""Policies put into effect, and the record of it in the card."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from quantdl.errors import DataError
from quantdl.market.data_fault import DataFault
from quantdl.market.inspection.census import Census
from quantdl.market.inspection.checks import CHECKS, Check
from quantdl.market.inspection.cuts import Cut, cut_histories
from quantdl.market.inspection.policies import AT_LOADING, AnyAction, Policies
from quantdl.market.panel import Panel
from quantdl.market.status import CellStatus, read_silence

_NAMED_ASSETS = 10


def apply_policies(
    panel: Panel, census: Census, policies: Policies, judged_through: pd.Timestamp | None = None
) -> Panel:
    """Return the panel with every fault of the census treated as the policies say, and each treatment in the card.

    Refusals come first, then cells are masked, then assets are dropped, then histories are cut (see
    `quantdl.market.inspection.cuts`). The cells are those that the census found. Masked cells are MISSING, so an asset
    masked from its beginning starts its history after them. Breaks are looked for in the panel as loaded, each with
    data up to its own bar, so cutting needs no hindsight. The card keeps the fingerprint of the data as loaded. If the
    census finds a universe of survivors that the card did not declare, the card says so from here on.

    Args:
        panel: The panel of which the census was taken.
        census: Its census.
        policies: What to do.
        judged_through: Last session that a rule with hindsight may look at. Such a rule judges a cell by later ones, so
            a backtest gives the session before its first; later cells stay as they came. None for the whole panel.

    Raises:
        DataError: If a fault meets ``refuse``, naming all of them, if one has no policy, or if no asset is left.
    """
    actions = policies.actions()
    strange = sorted({fault.kind for fault in census.faults} - set(actions))
    if strange:
        raise DataError(
            f"{panel.card.declaration.source}: "
            f"faults of a kind without a policy: {', '.join(strange)}. A loader records the kinds "
            "that quantdl.market.inspection.policies.Policies names. Fix: add the kind there, or use one of them."
        )
    refused = refused_faults(census, policies)
    if refused:
        raise DataError(_refusal(panel, refused))
    treated: dict[str, list[DataFault]] = {kind: [] for kind in actions}
    for fault in census.faults:
        treated[fault.kind].append(fault)
    notes = [_note(kind, actions[kind], faults) for kind, faults in treated.items() if faults]
    gone = {fault.symbol for fault in census.faults if actions[fault.kind] == "drop_asset"}
    left = [name for name in panel.assets if name not in gone]
    if not left:
        raise DataError(f"{panel.card.declaration.source}: the policies drop every asset: {'; '.join(notes)}")
    kinds = {kind for kind, faults in treated.items() if faults and actions[kind] == "mask"}
    cut = {kind for kind, faults in treated.items() if faults and actions[kind] == "split_at_gap"}
    masked = _masked(panel, census, kinds, judged_through)
    cuts = _cuts(panel, census, cut, left) + _unmended(panel, masked, kinds, left)
    final = cut_histories(masked.select(left) if gone else masked, cuts)
    if judged_through is not None and any(check.hindsight and check.kind in kinds for check in CHECKS):
        notes.append(
            f"Rules with hindsight masked nothing after {judged_through:%Y-%m-%d} and looked at nothing later."
        )
    if census.universe != panel.card.declaration.universe:
        notes.append(census.survivorship)
    return replace(final, card=panel.card.restated(*notes, universe=census.universe))


def refused_faults(census: Census, policies: Policies) -> tuple[DataFault, ...]:
    """Return the faults that meet the policy ``refuse``."""
    actions = policies.actions()
    return tuple(fault for fault in census.faults if actions.get(fault.kind) == "refuse")


def faults_at_loading(census: Census) -> tuple[DataFault, ...]:
    """Return the faults of data loaded with them at which a loader that refuses would have stopped."""
    return tuple(fault for fault in census.faults if fault.kind in AT_LOADING)


def _cuts(panel: Panel, census: Census, kinds: set[str], left: Sequence[str]) -> list[Cut]:
    """Where the kinds break the histories of the assets that are left, as `Cut` numbers them."""
    cuts = []
    for check in CHECKS:
        if check.kind in kinds and check.breaks is not None:
            found = _cells(panel, census, check.kind) if check.breaks is check.cells else check.breaks(panel)
            cuts += _cuts_at(panel, found, left, check.same_share)
    return cuts


def _unmended(panel: Panel, masked: Panel, kinds: set[str], left: Sequence[str]) -> list[Cut]:
    """Where breaks beside cells that should have been masked, and were not, still join two scales.

    A run at a wrong scale that was not known for one yet is not masked; the jumps at its ends are cut, as far as
    they were recognised at their own close.
    """
    cuts = []
    for check in CHECKS:
        if check.kind in kinds and check.breaks is not None:
            rows, columns = np.nonzero(check.breaks(panel))
            mended = np.zeros(panel.status.shape, dtype=bool)
            for row, column in zip(rows, columns, strict=True):
                before = np.flatnonzero(panel.traded[:row, column])[-1:]
                mended[row, column] = not masked.traded[[row, *before], column].all()
            open_ends = np.zeros(panel.status.shape, dtype=bool)
            open_ends[rows, columns] = ~mended[rows, columns]
            cuts += _cuts_at(panel, open_ends, left, check.same_share)
    return cuts


def _cuts_at(panel: Panel, cells: np.ndarray, left: Sequence[str], same_share: bool) -> list[Cut]:
    column_of = {name: column for column, name in enumerate(left)}
    places = [(int(row), panel.assets[column]) for row, column in zip(*np.nonzero(cells), strict=True)]
    return [Cut(column_of[name], row, same_share) for row, name in places if name in column_of]


def _cells(panel: Panel, census: Census, kind: str) -> np.ndarray:
    """(T, A) the cells that the census found."""
    cells = np.zeros(panel.status.size, dtype=bool)
    cells[census.cells.get(kind, [])] = True
    return cells.reshape(panel.status.shape)


def _known_cells(panel: Panel, check: Check, judged_through: pd.Timestamp) -> np.ndarray:
    """(T, A) the cells of a rule with hindsight, as they were known at ``judged_through``, and none after it."""
    cells = np.zeros(panel.status.shape, dtype=bool)
    if panel.sessions[0] <= judged_through:
        known = check.cells(panel.until(judged_through))
        cells[: len(known)] = known
    return cells


def _masked(panel: Panel, census: Census, kinds: set[str], judged_through: pd.Timestamp | None) -> Panel:
    if not kinds:
        return panel
    values = {name: array.copy() for name, array in panel.fields.items()}
    status = panel.status.copy()
    for check in CHECKS:
        if check.kind not in kinds:
            continue
        if judged_through is not None and check.hindsight:
            cells = _known_cells(panel, check, judged_through)
        else:
            cells = _cells(panel, census, check.kind)
        for name in check.fields:
            values[name][cells] = np.nan
        if not check.fields:
            status[cells & panel.traded] = CellStatus.MISSING
    for array in values.values():
        array[status != CellStatus.TRADED] = np.nan
    return replace(panel, fields=values, status=read_silence(status, panel.sessions, panel.assets, panel.silence))


def _refusal(panel: Panel, faults: Sequence[DataFault]) -> str:
    what = "1 fault meets" if len(faults) == 1 else f"{len(faults):,} faults meet"
    lines = [f"{panel.card.declaration.source}: {what} the policy 'refuse':"]
    lines += [f"{fault.kind}: {_who(fault)}, {_when(fault)}: {fault.detail}" for fault in faults]
    lines.append("Fix: mend the data, or choose another action for these kinds under data.policies.")
    return "\n  ".join(lines)


def _note(kind: str, action: AnyAction, faults: Sequence[DataFault]) -> str:
    named = "; ".join(f"{_who(fault)} {_when(fault)}" for fault in faults[:_NAMED_ASSETS])
    more = f" and {len(faults) - _NAMED_ASSETS:,} more" if len(faults) > _NAMED_ASSETS else ""
    return f"Policy {action} for {kind} ({sum(fault.count for fault in faults):,}): {named}{more}."


def _who(fault: DataFault) -> str:
    return fault.symbol if fault.symbol is not None else "all assets"


def _when(fault: DataFault) -> str:
    return f"{fault.first}" if fault.first == fault.last else f"{fault.first}..{fault.last}"
