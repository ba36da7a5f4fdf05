"""Policies put into effect, and the record of it in the card."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import pandas as pd

from quantdl.errors import DataError
from quantdl.market.data_fault import DataFault
from quantdl.market.inspection.census import Census
from quantdl.market.inspection.checks import CHECKS, Check, InspectedPanel, Rule
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
    masked from its beginning starts its history after them. The card keeps the fingerprint of the data as loaded. If
    the census finds a universe of survivors that the card did not declare, the card says so from here on.

    A rule with hindsight judges a cell by later ones: a jump to another scale counts as a suspected split as long as no
    later bar undoes it. With ``judged_through``, such a rule masks and cuts what was known then, masks nothing later,
    and cuts later where the break was recognised at its own close, whatever came after it. So what such a rule does to
    the bars up to any later session is the same whatever the bars after it are. Not so ``refuse`` and ``drop_asset``:
    they choose the data of the run as a whole, by faults of any time.

    Args:
        panel: The panel of which the census was taken.
        census: Its census.
        policies: What to do.
        judged_through: Last session that a rule with hindsight may look at; a backtest gives the session before its
            first. None for the whole panel.

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
    known = _Known(panel, census, judged_through)
    masking = [check for check in CHECKS if actions[check.kind] == "mask"]
    cutting = [check for check in CHECKS if actions[check.kind] == "split_at_gap"]
    masked = _masked(panel, known, masking)
    cuts = _cuts(panel, known, cutting, left) + _uncovered_breaks(panel, masked, known, masking, left)
    final = cut_histories(masked.select(left) if gone else masked, cuts)
    if judged_through is not None and any(check.hindsight and treated[check.kind] for check in (*masking, *cutting)):
        notes.append(
            f"Rules with hindsight looked at nothing after {judged_through:%Y-%m-%d}: they masked no later cell, and "
            "cut later only where the break was recognised at its own close."
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


@dataclass(frozen=True, eq=False)
class _Known:
    """The cells and breaks of a panel that may be acted on.

    Attributes:
        panel: The panel.
        census: Its census.
        judged_through: See `apply_policies`.
    """

    panel: Panel
    census: Census
    judged_through: pd.Timestamp | None

    def cells(self, check: Check) -> np.ndarray:
        """Return (T, A) the cells of a rule; of one with hindsight as they were known then, and none later."""
        if self.judged_through is None or not check.hindsight:
            return self._laid_out(self.census.cells, check)
        return self._of_view(check.rule)

    def breaks(self, check: Check) -> np.ndarray:
        """Return (T, A) the breaks of a rule; of one with hindsight as known then, later those recognised at once."""
        if check.breaks is None or self.judged_through is None or not check.hindsight:
            return self._laid_out(self.census.breaks, check)
        later = self._laid_out(self.census.recognised_breaks, check)
        later[: self._n_judged] = False
        return np.asarray(self._of_view(check.breaks) | later)

    @property
    def _n_judged(self) -> int:
        if self.judged_through is None:
            return len(self.panel.sessions)
        return int(self.panel.sessions.searchsorted(self.judged_through, side="right"))

    @cached_property
    def _view(self) -> InspectedPanel:
        return InspectedPanel(self.panel.until(self.panel.sessions[self._n_judged - 1]))

    def _of_view(self, rule: Rule) -> np.ndarray:
        cells = np.zeros(self.panel.status.shape, dtype=bool)
        if self._n_judged:
            cells[: self._n_judged] = self._view.cells(rule)
        return cells

    def _laid_out(self, positions: Mapping[str, np.ndarray], check: Check) -> np.ndarray:
        cells = np.zeros(self.panel.status.size, dtype=bool)
        cells[positions.get(check.kind, [])] = True
        return cells.reshape(self.panel.status.shape)


def _cuts(panel: Panel, known: _Known, checks: Sequence[Check], left: Sequence[str]) -> list[Cut]:
    """Where the rules break the histories of the assets that are left, as `Cut` numbers them."""
    return [cut for check in checks for cut in _cuts_at(panel, known.breaks(check), left, check.same_share)]


def _uncovered_breaks(
    panel: Panel, masked: Panel, known: _Known, checks: Sequence[Check], left: Sequence[str]
) -> list[Cut]:
    """Where breaks beside cells that should have been masked, and were not, still join two scales.

    A run at a wrong scale that was not known for one yet is not masked; the jumps at its ends are cut, as far as
    they were recognised at their own close.
    """
    cuts = []
    for check in checks:
        if check.breaks is None:
            continue
        uncovered = known.breaks(check)
        for row, column in zip(*np.nonzero(uncovered), strict=True):
            before = np.flatnonzero(panel.has_bar[:row, column])[-1:]
            uncovered[row, column] = masked.has_bar[[row, *before], column].all()
        cuts += _cuts_at(panel, uncovered, left, check.same_share)
    return cuts


def _cuts_at(panel: Panel, cells: np.ndarray, left: Sequence[str], same_share: bool) -> list[Cut]:
    column_of = {name: column for column, name in enumerate(left)}
    places = [(int(row), panel.assets[column]) for row, column in zip(*np.nonzero(cells), strict=True)]
    return [Cut(column_of[name], row, same_share) for row, name in places if name in column_of]


def _masked(panel: Panel, known: _Known, checks: Sequence[Check]) -> Panel:
    found = [(check, cells) for check in checks if (cells := known.cells(check)).any()]
    if not found:
        return panel
    values = {name: array.copy() for name, array in panel.fields.items()}
    status = panel.status.copy()
    for check, cells in found:
        for name in check.fields:
            values[name][cells] = np.nan
        if not check.fields:
            status[cells & panel.has_bar] = CellStatus.MISSING
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
