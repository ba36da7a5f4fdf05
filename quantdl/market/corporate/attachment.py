"""Corporate actions put on a panel, once it is certain that they fit its prices."""

import hashlib
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pandas as pd

from quantdl.calendars.bars import bar_period, is_intraday
from quantdl.calendars.periods import last_sessions
from quantdl.errors import DataError, closest
from quantdl.market.actions import Action, CashDividend, CorporateActions, Split
from quantdl.market.card import content_fingerprint
from quantdl.market.panel import Panel
from quantdl.market.status import read_silence


def with_actions(panel: Panel, actions: CorporateActions) -> Panel:
    """Return the panel with these actions in place of the ones it has.

    A delisting also states where the asset's history ends: its cells after the last session are DELISTED from the first
    on, not only once the silence has become long. The card's fingerprint takes the actions in.

    Args:
        panel: The prices.
        actions: What happened to its assets. Actions outside of its sessions are kept and have no effect.

    Raises:
        DataError: If an action names an asset that the panel does not have, goes ex on a day without a session, takes
            effect on prices that contain it already, or if an asset trades after its end; all of them are named.
    """
    problems = list(_problems(panel, actions))
    if problems:
        raise DataError(
            "\n  ".join([f"{panel.card.declaration.source}: the corporate actions do not fit the prices:", *problems])
        )
    ended = {**panel.silence.ended, **{item.asset: item.last for item in actions.delistings}}
    silence = replace(panel.silence, ended=ended)
    status = read_silence(panel.status, panel.sessions, panel.assets, silence)
    card = replace(panel.card, fingerprint=_fingerprint(panel, status, actions)).restated(*_notes(actions))
    return replace(panel, actions=actions, silence=silence, status=status, card=card)


def _fingerprint(panel: Panel, status: np.ndarray, actions: CorporateActions) -> str:
    """Return that of the values, with the actions in it where there are any."""
    instants = panel.known_at if is_intraday(panel.card.declaration.frequency) else None
    values = content_fingerprint(panel.sessions, panel.assets, panel.fields, status, instants)
    return fingerprint_with_actions(values, actions)


def fingerprint_with_actions(values: str, actions: CorporateActions) -> str:
    """Return the fingerprint of values and actions together: that of the values alone where there are no actions.

    Args:
        values: Fingerprint of the values, see `quantdl.market.card.content_fingerprint`.
        actions: What happened to the assets.
    """
    if actions == CorporateActions():
        return values
    return "sha256:" + hashlib.sha256(f"{values} {actions!r}".encode()).hexdigest()


def _notes(actions: CorporateActions) -> list[str]:
    """Say which ends are stated now."""
    if not actions.delistings:
        return []
    stated = ", ".join(f"{item.asset} {item.last}" for item in actions.delistings)
    return [f"Delistings stated by the corporate actions, whatever is said of silence: {stated}."]


def _problems(panel: Panel, actions: CorporateActions) -> Iterator[str]:
    yield from _unknown_assets(panel, actions)
    yield from _days_without_session(panel, actions)
    kept_out = {"raw": (), "split": ("splits",), "total_return": ("splits", "dividends")}[
        panel.card.declaration.adjustment
    ]
    for kind in kept_out:
        items = getattr(actions, kind)
        if items:
            yield (
                f"got {len(items)} {kind}, the first of {items[0].asset} on {items[0].ex_date}, for prices whose card "
                f"says {panel.card.declaration.adjustment!r}: they would count twice. Fix: leave the {kind} out."
            )
    yield from _after_the_end(panel, actions)


def _after_the_end(panel: Panel, actions: CorporateActions) -> Iterator[str]:
    shares: tuple[Split | CashDividend, ...] = (*actions.splits, *actions.dividends)
    for end in actions.delistings:
        for item in shares:
            if item.asset == end.asset and item.ex_date > end.last:
                yield (
                    f"{end.asset}: got the last session {end.last}, but the ex-date {item.ex_date}; expected none "
                    "after its end. Fix: correct either date."
                )
        if end.asset in panel.assets:
            after = np.asarray(panel.sessions > _last_label(panel, pd.Timestamp(end.last)))
            traded = panel.has_bar[:, panel.assets.index(end.asset)] & after
            if traded.any():
                day = panel.sessions[int(traded.argmax())]
                yield (
                    f"{end.asset}: got the last session {end.last}, but a bar on {day:%Y-%m-%d}; expected none after "
                    "its end. Fix: correct the date, or give the later history a permanent symbol of its own."
                )


def _unknown_assets(panel: Panel, actions: CorporateActions) -> Iterator[str]:
    items: tuple[Action, ...] = (*actions.splits, *actions.dividends, *actions.renames, *actions.delistings)
    known = frozenset(panel.assets)
    for name in sorted({item.asset for item in items if item.asset not in known}):
        near = closest(name, panel.assets)
        fix = f"did you mean {near!r}" if near is not None else "leave its actions out, as CorporateActions.select does"
        yield f"got actions of {name!r}; expected assets of the panel. Fix: {fix}."


def _days_without_session(panel: Panel, actions: CorporateActions) -> Iterator[str]:
    first, last = panel.sessions[0], panel.sessions[-1]
    items: tuple[Split | CashDividend, ...] = (*actions.splits, *actions.dividends)
    for item in items:
        day = pd.Timestamp(item.ex_date)
        if first <= day <= last and not _has_session(panel, day):
            yield (
                f"{item.asset}: got the ex-date {item.ex_date} ({day.day_name()}); expected a session "
                f"of {panel.card.declaration.calendar}. Fix: correct it to the first session without the right."
            )


def _has_session(panel: Panel, day: pd.Timestamp) -> bool:
    """Return whether a bar stands for the day: one of its own, or one of its week or month if the exchange trades."""
    said = panel.card.declaration
    if bar_period(said.frequency) is None:
        return day in panel.sessions
    return said.trading_calendar().is_session(day)


def _last_label(panel: Panel, day: pd.Timestamp) -> pd.Timestamp:
    """Return the label of the last bar that may hold trades up to a day: that of its week or month, else the day."""
    said = panel.card.declaration
    period = bar_period(said.frequency)
    if period is None:
        return day
    return pd.Timestamp(last_sessions(pd.DatetimeIndex([day]), period, said.trading_calendar())[0])
