"""Prices that change their scale: splits that are not adjusted for, bars at a wrong scale, and symbols given twice.

The scan goes through an asset's sessions once and keeps the scale that each stands at, as far as it was known then. A
jump that leads back to an earlier scale ends a run: the bars between, be it one or a year of them, were at a wrong
scale. A jump that no later one undoes lasts. `scan_scales` is made once for a panel, and every rule on scales reads it.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from quantdl.market.inspection.moves import LARGE_RETURN
from quantdl.market.inspection.presence import LONG_GAP
from quantdl.market.inspection.scale_evidence import FEWEST, NEW_FOR_OLD, SMALLEST, WINDOW, Jump, is_temporary_scale
from quantdl.market.inspection.session_bars import SessionBars, session_bars, session_numbers
from quantdl.market.panel import Panel

_REUSED = 63
_LONGEST_SEEN_LATER = 63
_SMALLEST_SEEN_LATER = np.log(1.4)


@dataclass(frozen=True)
class _Run:
    """Sessions of an asset at another scale than those around them.

    Attributes:
        first: The first of them, counted in the asset's sessions with a close.
        stop: The first one back at the scale.
    """

    first: int
    stop: int


@dataclass(frozen=True, eq=False)
class _History:
    """The changes of scale of one asset, counted in its sessions with a close.

    Attributes:
        sessions: (N,) the sessions.
        lasting: First bars at a scale that nothing undoes.
        runs: Bars at a wrong scale.
        recognised: First bars at another scale that were recognised at their own close, whatever came later.
        returns: Of those, the first bars back at an earlier scale.
    """

    sessions: np.ndarray
    lasting: frozenset[int]
    runs: tuple[_Run, ...]
    recognised: frozenset[int]
    returns: frozenset[int]


@dataclass(frozen=True, eq=False)
class ScaleChanges:
    """What one scan found in a panel.

    Attributes:
        bars: The panel, one bar a session.
        histories: The changes of scale by column, of the assets with a jump.
    """

    bars: SessionBars
    histories: Mapping[int, _History]

    def first_bars(self, chosen: Callable[[_History], Iterable[int]]) -> np.ndarray:
        """Return (T, A) bool: the first bars of the sessions that are chosen from each history."""
        found = np.zeros(self.bars.close.shape, dtype=bool)
        for column, history in self.histories.items():
            found[history.sessions[sorted(chosen(history))], column] = True
        return self.bars.to_rows(found)


def scan_scales(panel: Panel) -> ScaleChanges:
    """Walk once through the sessions of every asset."""
    bars = session_bars(panel)
    return ScaleChanges(bars, dict(_histories(panel, bars)))


def suspected_split(changes: ScaleChanges) -> np.ndarray:
    """First bars at a new scale of price that no recorded split explains and no later bar undoes.

    A session's close is named when all of this holds:

    * it lies beyond a factor of 1.8 from the close before, over a gap of at most four sessions;
    * that is at least ten times the median of the asset's last 20 moves (of which ten must be other than zero: a price
      that stood still says nothing about what is ordinary);
    * each of the last five closes lies nearer to the old scale, so the way back from a spike is not named;
    * the whole bar, open included where there is one, lies nearer to the new scale, and its range is at most four times
      the median of the last 21;
    * its dollar volume (close times volume) is at most four times the median volume of the last 21 bars, at the old
      close; on the way up by a factor of at least 4.5, so many shares are enough. There is no lower limit: volume
      too is often left unadjusted.

    Closes before an earlier change of scale are compared at the scale of today. Where the ranges or the volumes are not
    known, or neither, the evidence is weak: news can pass for a split. So the jump must then be sixty ordinary moves
    and lie within 3 % of a common ratio (2, 2.5, 3, 4 ... for one), and many splits are missed.

    A split below 1.8 for one (three for two) cannot be told from news by one bar: it moves share volume by less than
    volume moves by itself. A spin-off, a special dividend of half the price or another fault of the source's factors
    looks the same and is named too. Bars within a session are drawn together first.

    Whether a jump lasts is judged with hindsight; see `recognised_changes` for what was known at its close.
    """
    return changes.first_bars(lambda history: history.lasting)


def recognised_changes(changes: ScaleChanges) -> np.ndarray:
    """First bars at another scale that were recognised at their own close, whether or not later bars undo them."""
    return changes.first_bars(lambda history: history.recognised)


def wrong_scale(changes: ScaleChanges) -> np.ndarray:
    """Bars of runs at another scale than the bars around them, gaps within a run included.

    A run begins with a jump as `suspected_split` defines it, and ends with the first later jump that leads back to the
    scale before: back by as much as the first one, give or take a tenth of it or ten ordinary moves; range and volume
    need not be ordinary. Where the run would be longer than the bars at the scale around it, both jumps last instead.

    Seen from afterwards a run may also begin with a jump that could not be told from news at its close, see
    `quantdl.market.inspection.scale_evidence.is_temporary_scale`, if it ends within 63 bars or with a jump that was
    recognised; and the first bars of a history, up to ten of them, may be such a run, judged by the bars after them.
    """
    bars = changes.bars
    found = np.zeros((int(bars.start[-1]), bars.close.shape[1]), dtype=bool)
    for column, history in changes.histories.items():
        for run in history.runs:
            first, last = history.sessions[[run.first, run.stop - 1]]
            found[bars.first_row[first, column] : bars.start[last + 1], column] = True
    return found


def wrong_scale_ends(changes: ScaleChanges) -> np.ndarray:
    """First bars of runs at a wrong scale and first bars after them, as far as they were recognised at their close."""
    return changes.first_bars(
        lambda history: {bar for run in history.runs for bar in (run.first, run.stop)} & history.recognised
    )


def recognised_returns(changes: ScaleChanges) -> np.ndarray:
    """First bars back at an earlier scale, recognised at their own close, whatever came later."""
    return changes.first_bars(lambda history: history.returns)


def reused_history(panel: Panel) -> np.ndarray:
    """First bars after a quarter of silence (63 sessions without a bar) at a price more than 50 % away.

    A company that reports every quarter has said something meanwhile, whatever the file shows: the symbol was relisted,
    or belongs to another company. Its return over the gap was earned by no holder.
    """
    columns, rows = np.nonzero((panel.closes > 0).T)
    closes = panel.closes[rows, columns]
    number = session_numbers(panel)[rows]
    same = columns[1:] == columns[:-1]
    change = np.abs(closes[1:] / closes[:-1] - 1) > LARGE_RETURN
    after = np.flatnonzero(same & change & (number[1:] - number[:-1] > _REUSED)) + 1
    found = np.zeros(panel.status.shape, dtype=bool)
    found[rows[after], columns[after]] = True
    return found


def scale_change(panel: Panel, column: int, rows: np.ndarray) -> str:
    """Name the closes on both sides of a break, their ratio and the split that comes nearest."""
    before, row = previous_close_row(panel, column, int(rows[0])), int(rows[0])
    old, new = panel.closes[before, column], panel.closes[row, column]
    nearest = NEW_FOR_OLD[np.abs(abs(np.log(new / old)) - np.log(NEW_FOR_OLD)).argmin()]
    split = f"{nearest:g} for 1" if new < old else f"1 for {nearest:g}"
    return f"Close {old:g} to {new:g} (x {new / old:.4g}), like a split of {split}."


def after_long_silence(panel: Panel, column: int, rows: np.ndarray) -> str:
    """Name the closes on both sides of a long silence."""
    row = int(rows[0])
    before = previous_close_row(panel, column, row)
    old, new = panel.closes[before, column], panel.closes[row, column]
    number = session_numbers(panel)
    silent = int(number[row] - number[before] - 1)
    return f"Close {old:g} on {panel.sessions[before]:%Y-%m-%d} to {new:g} after {silent:,} sessions without a bar."


def previous_close_row(panel: Panel, column: int, row: int) -> int:
    """Return the row of the last positive close of an asset before ``row``."""
    return int(np.flatnonzero(panel.closes[:row, column] > 0)[-1])


def run_scale(panel: Panel, column: int, rows: np.ndarray) -> str:
    """Name the closes around the beginning of a run at a wrong scale, and how long it lasts."""
    row, closes = int(rows[0]), panel.closes[:, column]
    n_bars = int((closes[rows] > 0).sum())
    how_long = "1 bar" if n_bars == 1 else f"{n_bars:,} bars"
    if not (closes[:row] > 0).any():
        old, new = closes[rows[-1]], closes[rows[-1] + 1 :][closes[rows[-1] + 1 :] > 0][0]
        return f"The history begins with {how_long} at another scale: close {old:g}, then {new:g} (x {new / old:.4g})."
    old, new = closes[previous_close_row(panel, column, row)], closes[row]
    return f"Close {old:g} to {new:g} (x {new / old:.4g}), and back after {how_long}."


def _histories(panel: Panel, bars: SessionBars) -> Iterator[tuple[int, _History]]:
    """Yield each asset with a jump and its changes of scale."""
    columns, sessions = np.nonzero(np.isfinite(bars.close).T)
    closes = np.log(bars.close[sessions, columns])
    far = (
        (columns[1:] == columns[:-1])
        & (np.abs(np.diff(closes)) >= _SMALLEST_SEEN_LATER)
        & (np.diff(sessions) <= LONG_GAP)
    )
    places = np.flatnonzero(far) + 1
    explained = _split_sessions(panel)
    for column in np.unique(columns[places]).tolist():
        start, stop = np.searchsorted(columns, [column, column + 1])
        own = sessions[start:stop]
        known = explained.get(panel.assets[column], frozenset())
        jumps = [int(place - start) for place in places[columns[places] == column]]
        jumps = [bar for bar in jumps if known.isdisjoint(range(own[bar - 1] + 1, own[bar] + 1))]
        yield column, _Scan(bars, column, own).history(jumps)


class _Scan:
    """One walk through the sessions of an asset."""

    def __init__(self, bars: SessionBars, column: int, sessions: np.ndarray) -> None:
        self.bars, self.column, self.sessions = bars, column, sessions
        self.scales = np.zeros(len(sessions))
        self.levels = [(0.0, 0)]  # the scales that may come back, each with the bar that it begins at
        self.runs: list[tuple[_Run, int]] = []  # with the bar at which the scale around them begins
        self.recognised: set[int] = set()
        self.returns: set[int] = set()

    def history(self, jumps: list[int]) -> _History:
        """Judge the jumps in order, each by what was known at its close."""
        for bar in jumps:
            self._judge(bar)
        lasting = {bar for _, bar in self.levels[1:]}
        runs = []
        for run, begun in self.runs:
            ends = [bar for bar in (*lasting, *(other.first for other, _ in self.runs)) if bar > run.stop]
            around = run.first - begun + min(ends, default=len(self.sessions)) - run.stop
            if run.stop - run.first > around:
                lasting |= {run.first, run.stop}
            else:
                runs.append(run)
        runs += self._runs_recognised_later(jumps, lasting, runs)
        runs += self._first_bars_at_another_scale(jumps, lasting, runs)
        lasting -= {bar for run in runs for bar in (run.first, run.stop)}
        return _History(
            self.sessions, frozenset(lasting), tuple(runs), frozenset(self.recognised), frozenset(self.returns)
        )

    def _runs_recognised_later(self, jumps: list[int], lasting: set[int], runs: list[_Run]) -> list[_Run]:
        """Return the runs that only the way back shows, without those that begin or end within another one."""
        taken = {bar for run in runs for bar in range(run.first, run.stop + 1)}
        found: list[_Run] = []
        for first in jumps:
            if first in taken or first in lasting:
                continue
            for stop in jumps:
                length = stop - first
                longest = len(self.sessions) // 2 if stop in lasting else _LONGEST_SEEN_LATER
                if (
                    0 < length <= longest
                    and stop not in taken
                    and is_temporary_scale(self.bars, self.column, self.sessions, first, stop)
                ):
                    found.append(_Run(first, stop))
                    taken |= set(range(first, stop + 1))
                    break
        return found

    def _first_bars_at_another_scale(self, jumps: list[int], lasting: set[int], runs: list[_Run]) -> list[_Run]:
        """Return the first bars of the history if they stand at another scale than the bars after them.

        Too few bars go before the jump to say what is ordinary, so it is judged backwards, by what came after, and must
        be of a common ratio, or large.
        """
        taken = {bar for run in runs for bar in range(run.first, run.stop + 1)} | lasting
        early = [bar for bar in jumps if bar < FEWEST and bar not in taken]
        for bar in early[-1:]:
            rows = np.arange(bar - 1, min(len(self.sessions), bar + WINDOW))[::-1]
            jump = Jump(self.bars, self.column, self.sessions[rows], self.scales[rows] - self.scales[bar])
            closes = np.log(self.bars.close[self.sessions[:bar], self.column])
            later = np.log(self.bars.close[self.sessions[bar], self.column])
            all_there = (np.sign(jump.size) * (closes - later) > abs(jump.size) / 2).all()
            if (
                abs(jump.size) >= SMALLEST
                and all_there
                and (jump.is_round() or jump.is_large())
                and jump.is_change_of_scale()
            ):
                return [_Run(0, bar)]
        return []

    def _judge(self, bar: int) -> None:
        jump = self._jump(bar)
        current = self.levels[-1][0]
        for depth in range(len(self.levels) - 2, -1, -1):
            level, begun = self.levels[depth]
            if jump.leads_back(level - current):
                self.runs.append((_Run(self.levels[depth + 1][1], bar), begun))
                self.returns.add(bar)
                self._stand_at(bar, self.levels[: depth + 1])
                return
        if abs(jump.size) >= SMALLEST and jump.is_change_of_scale():
            self._stand_at(bar, [*self.levels, (current + jump.size, bar)])

    def _stand_at(self, bar: int, levels: list[tuple[float, int]]) -> None:
        self.levels = levels
        self.scales[bar:] = levels[-1][0]
        self.recognised.add(bar)

    def _jump(self, bar: int) -> Jump:
        rows = slice(max(0, bar - WINDOW), bar + 1)
        return Jump(self.bars, self.column, self.sessions[rows], self.scales[rows])


def _split_sessions(panel: Panel) -> dict[str, frozenset[int]]:
    """Return the numbers of the sessions on which splits of an asset are recorded to take effect."""
    labels = panel.sessions.unique()
    found: dict[str, frozenset[int]] = {}
    for split in panel.actions.splits:
        number = int(labels.searchsorted(np.datetime64(split.ex_date), side="left"))
        found[split.asset] = found.get(split.asset, frozenset()) | {number}
    return found
