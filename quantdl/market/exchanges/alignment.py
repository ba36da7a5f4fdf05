"""Several exchanges side by side, as one who decides at certain instants sees them.

A panel stands on the sessions of one exchange. `align` lays several on the decisions of one calendar: a cell holds what
the asset's own exchange made known since the decision before, and nothing where it made nothing known. No value is
carried forward: a holiday in Tokyo is a missing cell in New York's week, not a return of zero.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from quantdl.calendars import trading_calendar
from quantdl.errors import DataError
from quantdl.market.card import DataCard, Declaration, SilenceRule, Universe, content_fingerprint
from quantdl.market.corporate.attachment import fingerprint_with_actions
from quantdl.market.currency import in_a_list
from quantdl.market.exchanges.currencies import currencies_of
from quantdl.market.exchanges.decisions import DecisionTimes
from quantdl.market.exchanges.merging import MergedBars, merge_bars
from quantdl.market.exchanges.sighting import Sighting, actions_as_seen, faults_as_seen
from quantdl.market.panel import Panel
from quantdl.market.status import CellStatus, read_silence


@dataclass(frozen=True, eq=False)
class AlignedPanel:
    """Assets of several exchanges on the decisions of one calendar.

    Attributes:
        panel: Bars are decisions: ``sessions`` are those of the deciding calendar, ``known_at`` the instants of
            decision. A cell is one bar, or several merged: first open, highest high, lowest low, last close, total
            volume. The open is the first one made at the decision before or later, NaN where there is none: a
            backtest that fills at opens must not trade at one made before it decided.
        value_known_at: (T, A) datetime64[us] UTC instants at which the values of a cell became known, all of them at or
            before the decision and after the one before; NaT without a trade.
        value_session: (T, A) datetime64[D] session of the asset's own exchange that the close belongs to.
        bars: (T, A) int64 how many bars with a trade were merged into a cell; 0 without one.
    """

    panel: Panel
    value_known_at: np.ndarray
    value_session: np.ndarray
    bars: np.ndarray


def align(panels: Sequence[Panel], decisions: DecisionTimes, *, several_currencies: bool = False) -> AlignedPanel:
    """Lay panels of several exchanges side by side on the decisions of one calendar.

    The result begins with the first decision at which anything was known and ends with the last one whose date no panel
    ends before: beyond it, a panel that simply ended would look like an exchange that fell silent.

    A cell without a trade says why, as far as its own exchange says it: UNLISTED, HALTED, DELISTED; a day on which that
    exchange rested is MISSING, but a halt goes on, or the silence of the rest would be read as a delisting. After the
    last trade, silence is read on the decisions (`SilenceRule` with the longest of the panels' counts). Corporate
    actions and recorded faults are dated by the decisions that first see them, an end by the one that sees all of it;
    what the last decision does not see is left out. Prices stay as their exchange quotes them.

    Args:
        panels: Any calendars and lengths of bars; every asset once; one kind of adjustment.
        decisions: When decisions are made.
        several_currencies: Whether assets of several currencies may stand side by side, each in its own. Such a panel
            shows bars and their faults; a book or a filter of money takes it only after
            `quantdl.market.exchanges.currencies.in_currency` has put it into one.

    Raises:
        DataError: If an asset is in two panels, adjustments differ, a currency is not stated or differs from the others
            where that is not allowed, nothing is known at any decision, or a split falls
            between bars that one decision would merge.
        CalendarError: If the deciding calendar does not know the span.
    """
    _check(panels, several_currencies)
    sessions, instants = _span(panels, decisions)
    when = instants.as_unit("us").asi8
    names = tuple(name for name in panels[0].fields if all(name in panel.fields for panel in panels))
    merged = [merge_bars(panel, when, names) for panel in panels]
    assets = tuple(asset for panel in panels for asset in panel.assets)
    fields = {name: np.hstack([part.fields[name] for part in merged]) for name in names}
    silence = SilenceRule(
        delisted_after_sessions=max(panel.silence.delisted_after_sessions for panel in panels),
        ended={
            asset: Sighting(panel, sessions, when).all_of(day) or day
            for panel in panels
            for asset, day in panel.silence.ended.items()
        },
    )
    status = np.hstack([_status(panel, part) for panel, part in zip(panels, merged, strict=True)])
    status = read_silence(status, sessions, assets, silence)
    actions = actions_as_seen(panels, sessions, when)
    fingerprint = fingerprint_with_actions(content_fingerprint(sessions, assets, fields, status), actions)
    aligned = Panel(
        sessions=sessions,
        known_at=instants,
        assets=assets,
        fields=fields,
        status=status,
        sectors={asset: sector for panel in panels for asset, sector in panel.sectors.items()},
        card=_card(panels, decisions, sessions, names, fingerprint),
        faults=faults_as_seen(panels, sessions, when),
        silence=silence,
        actions=actions,
        members=_members(panels, merged),
    )
    parts = list(zip(panels, merged, strict=True))
    return AlignedPanel(
        panel=aligned,
        value_known_at=np.hstack([_of_last(panel.known_at.tz_localize(None), part) for panel, part in parts]),
        value_session=np.hstack([_of_last(panel.sessions, part) for panel, part in parts]).astype("datetime64[D]"),
        bars=np.hstack([part.bars for part in merged]),
    )


def _check(panels: Sequence[Panel], several_currencies: bool) -> None:
    if not panels:
        raise DataError("There is nothing to align. Give at least one panel.")
    kinds = sorted({panel.card.declaration.adjustment for panel in panels})
    if len(kinds) > 1:
        each = ", ".join(f"{panel.card.declaration.source}: {panel.card.declaration.adjustment}" for panel in panels)
        raise DataError(f"Panels of different adjustment cannot stand side by side ({each}). Adjust them alike first.")
    _check_currencies(panels, several_currencies)
    assets = [asset for panel in panels for asset in panel.assets]
    twice = sorted({asset for asset in assets if assets.count(asset) > 1})
    if twice:
        named = ", ".join(f"{asset!r} ({_sources_with(panels, asset)})" for asset in twice[:10])
        fix = "Panel.select, or 'assets' under the source in a config"
        raise DataError(f"Assets that are in two panels: {named}. Rename them, or leave them out of one: {fix}.")


def _check_currencies(panels: Sequence[Panel], several_currencies: bool) -> None:
    quoted = {code for panel in panels for code in currencies_of(panel)}
    each = ", ".join(f"{panel.card.declaration.source}: {panel.card.currency}" for panel in panels)
    if None in quoted and len(panels) > 1:
        raise DataError(
            f"Panels whose currency is not stated cannot stand beside others ({each}). Declare what each is quoted in: "
            "Declaration(currency='USD'), or 'GBX' for pence."
        )
    if len(quoted) > 1 and not several_currencies:
        raise DataError(
            f"Panels in several currencies cannot stand side by side ({each}): what 450,000 dollars buy of a stock at "
            "3,000 yen depends on the rate. Put each into one currency first, with "
            "quantdl.market.exchanges.currencies.in_currency; or align with several_currencies=True and put the result "
            "into one currency, at the rates known at its decisions."
        )


def _sources_with(panels: Sequence[Panel], asset: str) -> str:
    """Return what the panels that hold an asset say they are."""
    said = [panel.card.declaration for panel in panels if asset in panel.assets]
    return "; ".join(f"{one.source} on {one.calendar}" for one in said)


def _span(panels: Sequence[Panel], decisions: DecisionTimes) -> tuple[pd.DatetimeIndex, pd.DatetimeIndex]:
    """Return the decisions from the first that knows anything to the last that every panel reaches."""
    start = min(panel.sessions[0] for panel in panels)
    end = min(panel.sessions[-1] for panel in panels)
    if end >= start:
        sessions, instants = decisions.between(start, end)
        known = instants >= min(panel.known_at[0] for panel in panels)
        if known.any():
            return sessions[known], instants[known]
    spans = ", ".join(
        f"{p.card.declaration.source} {p.sessions[0]:%Y-%m-%d}..{p.sessions[-1]:%Y-%m-%d}" for p in panels
    )
    raise DataError(f"No decision of {decisions.calendar} lies within all of the panels ({spans}). Choose longer ones.")


def _status(panel: Panel, merged: MergedBars) -> np.ndarray:
    """Return (T, A) int8: TRADED, or what the exchange said last; a close of before is MISSING."""
    before = merged.seen < 0
    status = panel.status[np.maximum(merged.seen, 0)].astype(np.int8)
    status[before] = CellStatus.UNLISTED
    status[status == CellStatus.TRADED] = CellStatus.MISSING
    status[merged.bars > 0] = CellStatus.TRADED
    return np.asarray(status)


def _of_last(labels: pd.DatetimeIndex, merged: MergedBars) -> np.ndarray:
    """Return (T, A) datetime64[us] the label of the last bar in each cell, NaT without one."""
    values = labels.to_numpy(dtype="datetime64[us]")[np.maximum(merged.last, 0)]
    values[merged.last < 0] = np.datetime64("NaT")
    return np.asarray(values)


def _members(panels: Sequence[Panel], merged: Sequence[MergedBars]) -> np.ndarray | None:
    """Return (T, A) membership as each panel last stated it; an asset belongs to nothing before its panel begins."""
    if all(panel.members is None for panel in panels):
        return None
    parts = []
    for panel, part in zip(panels, merged, strict=True):
        stated = panel.eligible[np.maximum(part.seen, 0)].copy()
        stated[part.seen < 0] = False
        parts.append(stated)
    return np.hstack(parts)


def _card(
    panels: Sequence[Panel],
    decisions: DecisionTimes,
    sessions: pd.DatetimeIndex,
    names: tuple[str, ...],
    fingerprint: str,
) -> DataCard:
    declared = [panel.card.declaration for panel in panels]
    notes = [
        f"Aligned on the decisions of {decisions.calendar} at the {decisions.at}: a cell holds the bars of the asset's "
        "own exchange that became known since the decision before; nothing is carried forward.",
        *(
            f"{said.source}: {', '.join(panel.assets[:5])}{', ...' * (len(panel.assets) > 5)} on {said.calendar}, "
            f"bars of {said.frequency}, as of {said.as_of}, licence {said.licence}, {panel.card.fingerprint}."
            for said, panel in zip(declared, panels, strict=True)
        ),
    ]
    quoted = {asset: code for panel in panels for asset, code in zip(panel.assets, currencies_of(panel), strict=True)}
    stated = {asset: code for asset, code in quoted.items() if code is not None}
    one = len({*quoted.values()}) == 1
    notes += (
        [] if one else [f"As loaded, prices are in the currency of their exchange: {in_a_list([*stated.values()])}."]
    )
    caveat = trading_calendar(decisions.calendar, decisions.corrections).caveat(sessions[0], sessions[-1])
    notes += [caveat] if caveat else []
    left = sorted({name for panel in panels for name in panel.fields} - set(names))
    if left:
        notes.append(f"Fields that not every panel has are left out: {', '.join(left)}.")
    universes = {said.universe for said in declared}
    weakest_first: tuple[Universe, ...] = ("survivors", "unknown", "point_in_time")
    weakest = next(kind for kind in weakest_first if kind in universes)
    return DataCard(
        Declaration(
            source=" + ".join(dict.fromkeys(said.source for said in declared)),
            timezone=trading_calendar(decisions.calendar, decisions.corrections).timezone,
            frequency="1D",
            adjustment=declared[0].adjustment,
            calendar=decisions.calendar,
            calendar_corrections=decisions.corrections,
            as_of=max(said.as_of for said in declared),
            licence=" + ".join(dict.fromkeys(said.licence for said in declared)),
            universe=weakest,
            currency=next(iter(quoted.values())) if one else None,
            notes=(*notes, *dict.fromkeys(note for said in declared for note in said.notes)),
        ),
        fields=names,
        fingerprint=fingerprint,
        currencies=None if one else stated,
    )
