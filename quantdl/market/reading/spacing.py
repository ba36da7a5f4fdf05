"""Whether bars lie as far apart as declared: a month's bar read as a day's misstates every figure of a year."""

from collections.abc import Callable

import numpy as np

from quantdl.calendars.bars import bar_period
from quantdl.errors import DataError
from quantdl.market.card import DAILY, Declaration
from quantdl.market.reading.bars import Bars
from quantdl.market.reading.times import on_the_clock

_FEWEST_STEPS = 5  # from bar to bar that tell how an asset is spaced; fewer may be a listing or an end
_FEWEST_POOLED = 20  # of all assets together, where none has so many
_STRAY_SHARE = 0.05  # of steps that may be as declared in data that are not
_REGULAR_SHARE = 0.75  # of steps within half of the usual one; of an asset that trades at random it is 0.35
_CROWDED_SHARE = 0.3  # of steps that stay within one week or month
_DAYS_OF = {DAILY: (1, 3), "1W": (4, 10), "1M": (26, 33)}  # calendar days from bar to bar, the usual step


def refuse_other_spacing(bars: Bars, position: np.ndarray, declaration: Declaration) -> None:
    """Refuse bars that lie farther apart, or closer together, than the declared sessions, weeks or months.

    Each asset with six bars or more tells by its usual step; the data are refused when more than half of them say so.
    An asset that trades now and then has no usual step, and one suspension is one step, so neither is mistaken.

    Args:
        bars: Those given.
        position: (N,) int64 number of the session, week or month of each bar, of the last one before it where it lies
            in none; negative for a bar outside of the calendar.
        declaration: What was declared.

    Raises:
        DataError: Naming the spacing found, in how many assets, and the frequency to declare.
    """
    kept = bars.keep(position >= 0)
    steps = _steps(kept, position[position >= 0])
    period = bar_period(declaration.frequency)
    what = "sessions" if period is None else f"{period}s"
    wide, n_assets = _majority(steps, _is_wide)
    if wide:
        usual = float(np.median(np.concatenate([places for places, _ in wide])))
        _refuse(declaration, wide, n_assets, f"lie about {usual:.3g} {what} apart")
    crowded, n_assets = _majority(steps, _is_crowded) if period is not None else ([], 0)
    if crowded:
        places = np.concatenate([places for places, _ in crowded])
        _refuse(declaration, crowded, n_assets, f"stand about {len(places) / max(places.sum(), 1):.3g} to a {period}")


def refuse_one_a_day(bars: Bars, bars_a_session: float, declaration: Declaration) -> None:
    """Refuse bars declared shorter than a session that come once a day, always at the same time.

    Args:
        bars: Those given, with their times.
        bars_a_session: How many bars of the declared length a session holds.
        declaration: What was declared.

    Raises:
        DataError: If more than half of the assets with six bars or more are dated so.
    """
    if bars.time is None or bars_a_session < 2:
        return
    clock = (on_the_clock(bars.time, declaration.timezone) - bars.day).astype(np.int64)
    once = []
    groups = [rows for rows in _by_asset(bars) if len(rows) > _FEWEST_STEPS]
    for rows in groups:
        day = np.sort(bars.day[rows])
        _, counts = np.unique(clock[rows], return_counts=True)
        if np.mean(day[1:] == day[:-1]) < _STRAY_SHARE and counts.max() >= _REGULAR_SHARE * len(rows):
            once.append(len(rows))
    if 2 * len(once) > len(groups):
        raise DataError(
            f"{declaration.source}: declared frequency {declaration.frequency!r}, but there is one bar a day, always "
            f"at the same time, in {len(once):,} of {len(groups):,} assets with six bars or more ({sum(once):,} bars). "
            f"Fix: declare frequency {DAILY!r}, without 'intraday'."
        )


_Steps = tuple[np.ndarray, np.ndarray]  # of one asset, from bar to bar: places, and calendar days


def _by_asset(bars: Bars) -> list[np.ndarray]:
    """Return the rows of each asset that has any, by day."""
    order = np.lexsort((bars.day, bars.symbol))
    return np.split(order, np.flatnonzero(np.diff(bars.symbol[order])) + 1) if len(order) else []


def _steps(bars: Bars, position: np.ndarray) -> list[_Steps]:
    """Return the steps of each asset; a day given twice counts once."""
    found = []
    for rows in _by_asset(bars):
        days, first = np.unique(bars.day[rows], return_index=True)
        found.append((np.diff(position[rows[first]]), np.diff(days).astype(np.int64)))
    return found


def _majority(steps: list[_Steps], says: Callable[[np.ndarray], bool]) -> tuple[list[_Steps], int]:
    """Return the assets that say so where they are more than half, else none; and how many had a say."""
    heard = [item for item in steps if len(item[0]) >= _FEWEST_STEPS]
    if not heard:  # many assets with a few bars each
        pooled = [np.concatenate(part) for part in zip(*steps, strict=True)] if steps else []
        if not pooled or len(pooled[0]) < _FEWEST_POOLED:
            return [], 0
        return (steps, len(steps)) if says(pooled[0]) else ([], 0)
    saying = [item for item in heard if says(item[0])]
    return (saying, len(heard)) if 2 * len(saying) > len(heard) else ([], len(heard))


def _is_wide(places: np.ndarray) -> bool:
    usual = float(np.median(places))
    if usual < 2 or np.mean(places <= 1) >= _STRAY_SHARE:
        return False
    return bool(np.mean(np.abs(places - usual) <= usual / 2) >= _REGULAR_SHARE)


def _is_crowded(places: np.ndarray) -> bool:
    return bool(np.mean(places == 0) >= _CROWDED_SHARE)


def _refuse(declaration: Declaration, steps: list[_Steps], n_assets: int, found: str) -> None:
    days = float(np.median(np.concatenate([days for _, days in steps])))
    n_bars = sum(len(places) + 1 for places, _ in steps)
    meant = next((name for name, (least, most) in _DAYS_OF.items() if least <= days <= most), None)
    if meant in (None, declaration.frequency):
        fix = f"bring bars of a session, a week or a month ({', '.join(_DAYS_OF)}); these are none"
    else:
        fix = f"declare frequency {meant!r}"
    raise DataError(
        f"{declaration.source}: declared frequency {declaration.frequency!r}, but the bars {found}, in {len(steps):,} "
        f"of {n_assets:,} assets that tell ({n_bars:,} bars). Fix: {fix}."
    )
