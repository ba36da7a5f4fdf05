"""The universe as of t: who could be held at each bar, by what was known then, and why the others could not."""

from dataclasses import dataclass, replace
from datetime import date
from enum import IntEnum

import numpy as np
import pandas as pd

from quantdl.errors import DataError
from quantdl.market.corporate.effects import carried_closes
from quantdl.market.listing import delisted_as_known, last_trades
from quantdl.market.panel import Panel
from quantdl.market.universe.membership import Membership, load_membership, member_cells, members_between
from quantdl.market.universe.rule import UniverseRule

_ASSETS_AT_ONCE = 512
_NAMES_SHOWN = 10


class Standing(IntEnum):
    """Why an asset belongs to the universe of a bar, or why not: the first reason that holds."""

    MEMBER = 0
    """It belongs."""
    NO_MEMBERSHIP = 1
    """It was no member on that day."""
    NOT_TRADED_YET = 2
    """It had not traded yet."""
    DELISTED = 3
    """It was known to be gone."""
    SHORT_HISTORY = 4
    """It had traded on too few bars."""
    LOW_PRICE = 5
    """Its last close was too low."""
    LOW_DOLLAR_VOLUME = 6
    """Too little money changed hands in it."""


@dataclass(frozen=True, eq=False, repr=False)
class Universe:
    """Who belonged to the universe, bar by bar.

    Attributes:
        panel: The prices it was judged by.
        rule: The rule.
        membership: Times of membership by symbol; None where every asset of the panel is a member.
        standings: (T, A) int8 codes of `Standing`, read-only.
        absent: Symbols that were members during the panel's time and have no prices in it, sorted.
    """

    panel: Panel
    rule: UniverseRule
    membership: Membership | None
    standings: np.ndarray
    absent: tuple[str, ...]

    @property
    def members(self) -> np.ndarray:
        """(T, A) bool: whether the asset belonged to the universe as of the bar."""
        return np.asarray(self.standings == Standing.MEMBER)

    def at(self, session: pd.Timestamp | date | str) -> pd.DataFrame:
        """Return the universe at the close of a session: a row for each asset, members first.

        Args:
            session: A session; a day without one means the session before it. A tz-aware instant means the last bar
                that was known then.

        Returns:
            A table by asset with the columns ``member`` (bool), ``standing`` (the reason in words), ``history_bars``,
            ``last_close`` (NaN before the first) and ``dollar_volume`` (the mean of the rule; NaN where it has none).

        Raises:
            DataError: If the panel does not reach back to it.
        """
        seen = self.panel.until(session)
        standings = self.standings[len(seen.sessions) - 1]
        table = pd.DataFrame(
            {
                "member": standings == Standing.MEMBER,
                "standing": [_in_words(Standing(code)) for code in standings],
                "history_bars": seen.traded.sum(axis=0),
                "last_close": carried_closes(seen)[-1],
                "dollar_volume": _mean_dollars(seen, self.rule)[-1],
            },
            index=pd.Index(self.panel.assets, dtype=object, name="asset"),
        )
        return table.sort_values("member", ascending=False, kind="stable")

    def changes(self) -> pd.DataFrame:
        """Return where each asset stood, a row for the first bar and one for each bar at which that changed.

        Returns:
            A table with the columns ``known_at`` (UTC), ``session``, ``asset``, ``member`` (bool) and ``standing`` (the
            reason in words), by time and then by asset.
        """
        changed = np.ones(self.standings.shape, dtype=bool)
        changed[1:] = self.standings[1:] != self.standings[:-1]
        rows, columns = np.nonzero(changed)
        codes = self.standings[rows, columns]
        return pd.DataFrame(
            {
                "known_at": self.panel.known_at[rows],
                "session": self.panel.sessions[rows],
                "asset": pd.Series(np.array(self.panel.assets, dtype=object)[columns], dtype=object),
                "member": codes == Standing.MEMBER,
                "standing": np.array([_in_words(code) for code in Standing], dtype=object)[codes],
            }
        )

    def __repr__(self) -> str:
        """Return a short summary."""
        counts = self.members.sum(axis=1)
        last = f"{self.panel.sessions[-1]:%Y-%m-%d}"
        lines = [
            f"Universe: {counts[-1]:,} of {len(self.panel.assets):,} assets on {last}; "
            f"{counts.min():,} to {counts.max():,} a bar"
        ]
        lines += [f"  {sentence}" for sentence in _sentences(self)]
        return "\n".join(lines)


def _in_words(standing: Standing) -> str:
    return standing.name.lower().replace("_", " ")


def universe_as_of(panel: Panel, rule: UniverseRule, membership: Membership | None = None) -> Universe:
    """Judge every asset at every bar by what was known at its close.

    The universe of a bar is the same, bit for bit, for any panel that reaches to it. Where the panel has members
    already, no other asset becomes one.

    Args:
        panel: Prices.
        rule: What an asset must have.
        membership: Times of membership by symbol, in place of the file that the rule may name.

    Raises:
        DataError: If the rule asks for what the prices cannot tell: a price filter on adjusted prices, dollar volume
            from total-return prices or without volumes.
    """
    _refuse_unfit(panel, rule)
    if membership is None and rule.membership is not None:
        membership = load_membership(rule.membership)
    standings = np.empty(panel.status.shape, dtype=np.int8)
    for start in range(0, len(panel.assets), _ASSETS_AT_ONCE):
        part = panel.select(panel.assets[start : start + _ASSETS_AT_ONCE])
        standings[:, start : start + len(part.assets)] = _standings(part, rule, membership)
    standings.flags.writeable = False
    absent: tuple[str, ...] = ()
    if membership is not None:
        during = members_between(membership, panel.sessions[0].date(), panel.sessions[-1].date())
        absent = tuple(sorted(set(during) - set(panel.assets)))
    return Universe(panel, rule, membership, standings, absent)


def with_universe(panel: Panel, universe: Universe) -> Panel:
    """Return the panel with the universe's members, and a card that says how they were chosen.

    With membership as it was on each day, and prices for every member, the card's universe is ``"point_in_time"``. If
    members have no prices here, those that went under are likely to be among them: the card keeps what it said, and
    names them. Where the card says that the assets were chosen as survivors, a table in which none of them ever ceases
    to be a member was made of those same survivors: the card keeps what it said, and says why.

    Raises:
        DataError: If the universe was judged on other sessions or assets.
    """
    if panel.assets != universe.panel.assets or not panel.known_at.equals(universe.panel.known_at):
        raise DataError(
            f"{panel.card.declaration.source}: the universe was judged on {len(universe.panel.sessions):,} bars of "
            f"{len(universe.panel.assets):,} assets, the panel has {len(panel.sessions):,} of {len(panel.assets):,}. "
            "Fix: judge the universe of this panel with universe_as_of(panel, rule)."
        )
    complete = universe.membership is not None and not universe.absent
    notes = _sentences(universe)
    if complete and panel.card.declaration.universe == "survivors" and not _anyone_left(panel, universe):
        complete = False
        notes.append("No asset ever leaves that membership, so it lists the survivors: survivorship is not controlled.")
    card = panel.card.restated(*notes, universe="point_in_time" if complete else None)
    return replace(panel, members=universe.members, card=card)


def _anyone_left(panel: Panel, universe: Universe) -> bool:
    """Whether some asset was a member during the panel's time and is none on its last day, or is gone by then."""
    members = member_cells(universe.membership or {}, panel.sessions, panel.assets)
    gone = ~members[-1] | (universe.standings[-1] == Standing.DELISTED)
    return bool((members.any(axis=0) & gone).any())


def _standings(panel: Panel, rule: UniverseRule, membership: Membership | None) -> np.ndarray:
    """Return (T, A) the first reason that holds; the last one written wins, so they are written in reverse."""
    standings = np.full(panel.status.shape, Standing.MEMBER, dtype=np.int8)
    if rule.minimum_dollar_volume is not None:
        standings[_mean_dollars(panel, rule) < rule.minimum_dollar_volume] = Standing.LOW_DOLLAR_VOLUME
    if rule.minimum_price is not None:
        standings[carried_closes(panel) < rule.minimum_price] = Standing.LOW_PRICE
    history = np.cumsum(panel.traded, axis=0, dtype=np.int32)
    standings[history < rule.minimum_history_bars] = Standing.SHORT_HISTORY
    standings[delisted_as_known(panel)] = Standing.DELISTED
    standings[history == 0] = Standing.NOT_TRADED_YET
    if panel.members is not None:
        standings[~panel.members] = Standing.NO_MEMBERSHIP
    if membership is not None:
        standings[~member_cells(membership, panel.sessions, panel.assets)] = Standing.NO_MEMBERSHIP
    return standings


def _mean_dollars(panel: Panel, rule: UniverseRule) -> np.ndarray:
    """Return (T, A) the mean dollars a bar over the rule's window, NaN before the first trade and without the rule.

    The bars of a window are added one after the other, the newest first, so a mean never depends on what lies outside
    of its window, nor on how long the panel is.
    """
    means = np.full(panel.status.shape, np.nan)
    if rule.window_bars is None:
        return means
    stated = panel.fields.get("dollar_volume")
    dollars = panel.closes * panel.fields["volume"] if stated is None else stated
    dollars = np.where(np.isfinite(dollars), dollars, 0.0)
    total = dollars.copy()
    for back in range(1, min(rule.window_bars, len(total))):
        total[back:] += dollars[:-back]
    started = last_trades(panel) >= 0
    life = np.minimum(np.cumsum(started, axis=0), rule.window_bars)
    np.divide(total, life, out=means, where=started)
    return means


def _refuse_unfit(panel: Panel, rule: UniverseRule) -> None:
    said = panel.card.declaration
    in_money = rule.minimum_price is not None or rule.minimum_dollar_volume is not None
    wrong = [*panel.card.money_faults()] if in_money else []
    if rule.minimum_price is not None and said.adjustment != "raw":
        wrong.append(
            f"minimum_price = {rule.minimum_price:g} needs prices as they were quoted, and these are adjusted "
            f"({said.adjustment}): later splits and dividends have changed what a share cost then. Fix: load raw "
            "prices with their corporate actions, or filter by minimum_dollar_volume."
        )
    if rule.minimum_dollar_volume is not None and said.adjustment == "total_return":
        wrong.append(
            "minimum_dollar_volume needs raw or split-adjusted prices, and these are total returns: later dividends "
            "have lowered them. Fix: load raw or split-adjusted prices."
        )
    if rule.minimum_dollar_volume is not None and not {"volume", "dollar_volume"} & set(panel.fields):
        wrong.append(
            f"minimum_dollar_volume needs the field 'volume' or 'dollar_volume', and the panel has "
            f"{', '.join(panel.fields)}. Fix: load prices with volumes, or leave the filter out."
        )
    if wrong:
        raise DataError(f"{said.source}: the universe cannot be judged. " + " ".join(wrong))


def _sentences(universe: Universe) -> list[str]:
    """Say how the universe was chosen."""
    rule, parts = universe.rule, []
    if universe.membership is not None:
        parts.append("membership as of each day")
    if rule.minimum_history_bars > 1:
        parts.append(f"at least {rule.minimum_history_bars:,} bars of history")
    if rule.minimum_price is not None:
        parts.append(f"a last close of at least {rule.minimum_price:g}")
    if rule.minimum_dollar_volume is not None:
        parts.append(f"a mean dollar volume of at least {rule.minimum_dollar_volume:,.0f} over {rule.window_bars} bars")
    sentences = [f"Universe as of each bar: {', '.join(parts) if parts else 'listed assets'}."]
    if universe.absent:
        shown = ", ".join(universe.absent[:_NAMES_SHOWN]) + (", ..." if universe.absent[_NAMES_SHOWN:] else "")
        sentences.append(
            f"{len(universe.absent):,} members of that time have no prices here, so the universe is not complete and "
            f"survivorship is not controlled: {shown}."
        )
    return sentences
