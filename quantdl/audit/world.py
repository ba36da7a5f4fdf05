"""What a run reads, as it came from the sources, and the same with another future.

The past of an altered world is that of the true one to the last bit. What comes after is cut off, or rewritten: by
noise, by a flat line, by absurd and by impossible prices, by silence, by ends, by other volumes and other actions. One
kind may leave a rule blind that looks ahead (a maximum of later prices does not see that they fall), so there are many.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date

import numpy as np
import pandas as pd

from quantdl.audit.outside_data import Moment, OutsideData
from quantdl.market.actions import CorporateActions, Delisting, Split
from quantdl.market.exchanges.currencies import ExchangeRate
from quantdl.market.panel import Panel
from quantdl.market.series.exogenous import ExogenousSeries
from quantdl.market.status import CellStatus

PRICES = ("open", "high", "low", "close")
VOLUMES = ("volume", "dollar_volume")
SERIES = "series:"
_DAILY = 0.03  # of the noise, a standard deviation of log prices: a wild stock, but no fault of the data
_ABSURD = 0.2  # a bar, in log prices: larger jumps at once are taken for splits, which name the assets anew
_LARGEST = 30.0


@dataclass(frozen=True, eq=False)
class World:
    """What the sources say.

    Attributes:
        panel: Prices as loaded, before any treatment.
        series: Series beside the prices, by name.
        rates: Exchange rates.
        outside: What a strategy reads from outside of its view, by name.
    """

    panel: Panel
    series: Mapping[str, ExogenousSeries] = field(default_factory=dict)
    rates: tuple[ExchangeRate, ...] = ()
    outside: Mapping[str, OutsideData] = field(default_factory=dict)

    @property
    def sessions(self) -> pd.DatetimeIndex:
        """(T,) label of each bar of the prices."""
        return self.panel.bars


@dataclass(frozen=True)
class Change:
    """How the rows of a world after one of its bars are rewritten.

    Attributes:
        kind: One of `kinds_of`.
        after: Number of the last bar that stays as it is.
        stop: Number of the first bar after ``after`` that is left as it is again; None for none.
        only: Name of the only field, or ``series:NAME`` of the only series, or `outside_name` of what is read
            from outside, that is rewritten; None for all.
        since: Number of the first bar that is rewritten; the one after ``after`` where None.
    """

    kind: str
    after: int
    stop: int | None = None
    only: str | None = None
    since: int | None = None


def truncated(world: World, after: int) -> World:
    """Return the world as it was known at the close of a bar, physically ending there.

    Args:
        world: The true one.
        after: Number of its last bar.
    """
    instant = world.panel.known_at[after]
    moment = Moment(after, world.sessions[after], instant)
    return World(
        world.panel.until(instant),
        {name: series.until(instant) for name, series in world.series.items()},
        tuple(replace(rate, series=rate.series.until(instant)) for rate in world.rates),
        {name: data.until(moment) for name, data in world.outside.items()},
    )


def kinds_of(world: World) -> tuple[str, ...]:
    """Return the kinds of change that mean something for what a world holds, the gentlest first."""
    kinds = ["noise", "flat", "missing", "ended", "absurd", "zero"]
    if set(VOLUMES) & set(world.panel.fields):
        kinds.insert(1, "volume")
    if world.panel.actions.splits and world.panel.card.declaration.adjustment == "raw":
        kinds.append("split")
    return tuple(kinds)


def sources_of(world: World) -> tuple[str, ...]:
    """Return the names by which a change may be kept to one source, for `Change.only`."""
    beside = (f"{SERIES}{name}" for name in world.series)
    return (*world.panel.fields, *beside, *map(outside_name, world.outside))


def outside_name(name: str) -> str:
    """Return how a change and a message name what a strategy reads from outside."""
    return f"`{name}`, which stands outside its view"


def changed(world: World, change: Change) -> World:
    """Return a world whose rows differ from the true one's in the bars that a change names, and nowhere else.

    The same change gives the same world.
    """
    n_bars = len(world.sessions)
    since, stop = change.after + 1 if change.since is None else change.since, n_bars
    stop = n_bars if change.stop is None else min(change.stop, n_bars)
    window = slice(since, stop)
    generator = np.random.default_rng([change.after, since, sum(map(ord, change.kind))])
    panel = world.panel
    if change.only is None or change.only in panel.fields:
        panel = _KINDS[change.kind](panel, window, generator, change.only)
    first, last = world.panel.known_at[since - 1], world.panel.known_at[stop - 1]
    series = {
        name: _other_values(item, first, last, generator)
        if change.only in {None, f"{SERIES}{name}"} and since < stop
        else item
        for name, item in world.series.items()
    }
    rates = tuple(
        replace(rate, series=_other_values(rate.series, first, last, generator, scale=True))
        if change.only is None and since < stop
        else rate
        for rate in world.rates
    )
    between = [Moment(bar, world.sessions[bar], world.panel.known_at[bar]) for bar in (since - 1, stop - 1)]
    outside = {
        name: data.rewritten(between[0], between[1], generator)
        if change.only in {None, outside_name(name)} and since < stop
        else data
        for name, data in world.outside.items()
    }
    return World(panel, series, rates, outside)


def _other_values(
    series: ExogenousSeries,
    first: pd.Timestamp,
    last: pd.Timestamp,
    generator: np.random.Generator,
    scale: bool = False,
) -> ExogenousSeries:
    """Other values of what became known after one instant and not after another."""
    later = np.asarray((series.known_at > first) & (series.known_at <= last))
    if not later.any():
        return series
    noise = generator.standard_normal(len(series.values))
    spread = float(np.std(series.values[~later])) if (~later).any() else 0.0
    other = series.values * np.exp(_DAILY * noise) + (0.0 if scale else 0.1 * spread * np.abs(noise))
    return replace(series, values=np.where(later, other, series.values))


_Generator = np.random.Generator
_Kind = Callable[[Panel, slice, _Generator, str | None], Panel]


def _noise(panel: Panel, window: slice, generator: _Generator, only: str | None) -> Panel:
    """Another random walk from the last true price on; volumes of another size."""
    shape = panel.status[window].shape
    walk = np.exp(np.cumsum(_DAILY * generator.standard_normal(shape), axis=0))
    size = np.exp(generator.standard_normal(shape))
    factors = {**dict.fromkeys(PRICES, walk), "volume": size, "dollar_volume": walk * size}
    other = {name: values[window] * factors.get(name, walk) for name, values in panel.fields.items()}
    return _with_fields(panel, window, other, only)


def _volume(panel: Panel, window: slice, generator: _Generator, only: str | None) -> Panel:
    """Volumes of quite another size, and none at all in a tenth of the bars; prices stay."""
    shape = panel.status[window].shape
    factor = np.exp(2.0 * generator.standard_normal(shape)) * (generator.random(shape) > 0.1)
    other = {name: panel.fields[name][window] * factor for name in VOLUMES if name in panel.fields}
    return _with_fields(panel, window, other, only)


def _flat(panel: Panel, window: slice, generator: _Generator, only: str | None) -> Panel:
    """Every price is the last true close."""
    closes = pd.DataFrame(panel.closes[: window.start]).ffill().to_numpy()
    last = closes[-1] if len(closes) else np.full(len(panel.assets), np.nan)
    own = np.broadcast_to(last, panel.status[window].shape)
    other = {name: np.where(np.isfinite(own), own, panel.fields[name][window]) for name in _prices(panel)}
    return _with_fields(panel, window, other, only)


def _absurd(panel: Panel, window: slice, generator: _Generator, only: str | None) -> Panel:
    """Prices that rise or fall by a fifth a bar until no currency could pay them and no coin is as small."""
    way = np.where(generator.random(len(panel.assets)) < 0.5, 1.0, -1.0)
    bars = np.arange(1, len(panel.status[window]) + 1)[:, None]
    factor = np.exp(way * np.minimum(_ABSURD * bars, _LARGEST))
    return _with_fields(panel, window, {name: panel.fields[name][window] * factor for name in _prices(panel)}, only)


def _zero(panel: Panel, window: slice, generator: _Generator, only: str | None) -> Panel:
    """Prices of zero, which only faulty data have."""
    return _with_fields(panel, window, {name: 0.0 * panel.fields[name][window] for name in _prices(panel)}, only)


def _missing(panel: Panel, window: slice, generator: _Generator, only: str | None) -> Panel:
    """No bar in half of the cells, and none at all in the first session."""
    gone = generator.random(panel.status[window].shape) < 0.5
    gone[:1] = True
    return _without_cells(panel, window, gone, CellStatus.MISSING)


def _ended(panel: Panel, window: slice, generator: _Generator, only: str | None) -> Panel:
    """Half of the assets end with their last true bar, as a statement of the source says."""
    ends = generator.permutation(len(panel.assets)) < max(len(panel.assets) // 2, 1)
    gone = np.broadcast_to(ends, panel.status[window].shape)
    panel = _without_cells(panel, window, gone, CellStatus.DELISTED)
    if window.stop < len(panel.sessions) or not window.start:
        return panel
    last = panel.sessions[window.start - 1].date()
    listed = (panel.status[: window.start] == CellStatus.TRADED).any(axis=0)
    names = [name for name, end, was in zip(panel.assets, ends, listed, strict=True) if end and was]
    kept = _other_actions(panel, names, last)
    ended = {item.asset for item in kept.delistings}
    new = tuple(Delisting(last, name) for name in names if name not in ended)
    return replace(panel, actions=replace(kept, delistings=(*kept.delistings, *new)))


def _split(panel: Panel, window: slice, generator: _Generator, only: str | None) -> Panel:
    """The actions to come do not, and every asset splits two for one in the first session that is all ahead instead."""
    inside = panel.sessions[window.start :] == panel.sessions[window.start - 1]
    window = slice(window.start + int(inside.sum()), window.stop) if window.start else window
    if window.start >= min(len(panel.sessions), window.stop) or not window.start:
        return panel
    day, before = panel.sessions[window.start].date(), panel.sessions[window.start - 1].date()
    kept = _other_actions(panel, panel.assets, before)
    splits = tuple(Split(day, name, 2.0) for name in panel.assets)
    halved = {name: panel.fields[name][window] / 2.0 for name in _prices(panel)}
    return replace(_with_fields(panel, window, halved, only), actions=replace(kept, splits=(*kept.splits, *splits)))


_KINDS: Mapping[str, _Kind] = {
    "noise": _noise,
    "volume": _volume,
    "flat": _flat,
    "absurd": _absurd,
    "zero": _zero,
    "missing": _missing,
    "ended": _ended,
    "split": _split,
}


def _prices(panel: Panel) -> tuple[str, ...]:
    return tuple(name for name in panel.fields if name in PRICES)


def _with_fields(panel: Panel, window: slice, other: Mapping[str, np.ndarray], only: str | None) -> Panel:
    fields = dict(panel.fields)
    traded = panel.has_bar[window]
    for name, values in other.items():
        if only in {None, name}:
            fields[name] = fields[name].copy()
            fields[name][window] = np.where(traded, values, np.nan)
    return replace(panel, fields=fields)


def _without_cells(panel: Panel, window: slice, gone: np.ndarray, status: CellStatus) -> Panel:
    """The panel without the cells (rows of the window, A) that are gone; what was not listed yet stays so."""
    codes, fields = panel.status.copy(), {name: values.copy() for name, values in panel.fields.items()}
    gone = gone & (codes[window] != CellStatus.UNLISTED)
    codes[window] = np.where(gone, status, codes[window])
    for values in fields.values():
        values[window] = np.where(gone, np.nan, values[window])
    return replace(panel, status=codes, fields=fields)


def _other_actions(panel: Panel, assets: tuple[str, ...] | list[str], last: date) -> CorporateActions:
    """The actions without those of some assets after a day."""
    actions, own = panel.actions, frozenset(assets)
    return replace(
        actions,
        splits=tuple(item for item in actions.splits if item.asset not in own or item.ex_date <= last),
        dividends=tuple(item for item in actions.dividends if item.asset not in own or item.ex_date <= last),
        delistings=tuple(item for item in actions.delistings if item.asset not in own or item.last < last),
    )
