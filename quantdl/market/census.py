"""The census: everything that is wrong or doubtful with a panel, named, dated and counted; nothing is repaired here."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date

import numpy as np
import pandas as pd

from quantdl.market.card import Universe
from quantdl.market.checks import CHECKS, Check
from quantdl.market.faults import Fault
from quantdl.market.panel import Panel
from quantdl.market.survivorship import judge_survivorship


@dataclass(frozen=True)
class Census:
    """What a panel holds and what is wrong with it.

    Attributes:
        first: First session.
        last: Last session.
        n_sessions: Number of sessions.
        n_assets: Number of assets.
        coverage: Share of the panel's sessions in which each asset traded.
        faults: Every fault, by kind and then by asset.
        universe: How the universe looks chosen, see `quantdl.market.survivorship`.
        survivorship: The reasons for that, in a sentence.
    """

    first: date
    last: date
    n_sessions: int
    n_assets: int
    coverage: Mapping[str, float]
    faults: tuple[Fault, ...]
    universe: Universe
    survivorship: str

    def counts(self) -> dict[str, int]:
        """Return the number of cells, sessions or runs of every kind that was looked for, zeros included."""
        counts = dict.fromkeys(["session_missing_for_all", *(check.kind for check in CHECKS)], 0)
        for fault in self.faults:
            counts[fault.kind] = counts.get(fault.kind, 0) + fault.count
        return counts

    def to_json(self) -> dict[str, object]:
        """Return the census as plain values, dates as ISO text, ready for ``json.dumps``."""
        return {
            "first": self.first.isoformat(),
            "last": self.last.isoformat(),
            "n_sessions": self.n_sessions,
            "n_assets": self.n_assets,
            "coverage": dict(self.coverage),
            "counts": self.counts(),
            "faults": [
                {**asdict(fault), "first": fault.first.isoformat(), "last": fault.last.isoformat()}
                for fault in self.faults
            ],
            "universe": self.universe,
            "survivorship": self.survivorship,
        }


def take_census(panel: Panel) -> Census:
    """Look for every kind of fault that is known.

    The kinds on cells are defined by the functions of `quantdl.market.checks` and `quantdl.market.staleness`.
    ``session_missing_for_all`` is a session of the calendar on which no asset has a bar although some asset has one
    before and after. What the loader recorded (``duplicate``, ``unsorted``, ``non_session`` and others, see
    `quantdl.market.assembly.assemble`) is repeated.

    Args:
        panel: The panel as loaded, before any policy.
    """
    found = [fault for check in CHECKS for fault in _faults(panel, check)]
    survivorship = judge_survivorship(panel)
    share = panel.traded.mean(axis=0)
    return Census(
        first=panel.sessions[0].date(),
        last=panel.sessions[-1].date(),
        n_sessions=len(panel.sessions),
        n_assets=len(panel.assets),
        coverage={name: float(value) for name, value in zip(panel.assets, share, strict=True)},
        faults=(*panel.faults, *_missing_for_all(panel), *found),
        universe=survivorship.universe,
        survivorship=survivorship.sentence,
    )


def _missing_for_all(panel: Panel) -> list[Fault]:
    days = panel.sessions[np.flatnonzero(~panel.traded.any(axis=1))]
    return [
        Fault("session_missing_for_all", None, day.date(), day.date(), 1, "No asset has a bar on this session.")
        for day in days
    ]


def _faults(panel: Panel, check: Check) -> list[Fault]:
    cells = check.cells(panel)
    return [_fault(panel, check, column, cells[:, column]) for column in np.flatnonzero(cells.any(axis=0)).tolist()]


def _fault(panel: Panel, check: Check, column: int, cells: np.ndarray) -> Fault:
    rows = np.flatnonzero(cells)
    starts = np.flatnonzero(np.r_[True, np.diff(rows) != 1])
    lengths = np.diff(np.r_[starts, len(rows)])
    return Fault(
        kind=check.kind,
        symbol=panel.assets[column],
        first=panel.sessions[rows[0]].date(),
        last=panel.sessions[rows[-1]].date(),
        count=len(lengths) if check.runs else len(rows),
        detail=_detail(panel, check, column, rows, starts, lengths),
    )


def _detail(panel: Panel, check: Check, column: int, rows: np.ndarray, starts: np.ndarray, lengths: np.ndarray) -> str:
    if check.kind == "return_above_50pct":
        closes = panel.closes[:, column]
        traded = np.flatnonzero(closes > 0)
        change = closes[rows] / closes[traded[np.searchsorted(traded, rows) - 1]] - 1
        largest = int(np.abs(np.log1p(change)).argmax())
        return f"Largest {change[largest]:+.1%} on {panel.sessions[rows[largest]]:%Y-%m-%d}."
    if len(check.fields) == 1:
        return f"First value {panel.fields[check.fields[0]][rows[0], column]:g}."
    if check.kind == "stale_year":
        return f"Years {_years(panel.sessions[rows])}."
    longest = int(lengths.argmax())
    day = panel.sessions[rows[starts[longest]]]
    return f"Longest run {lengths[longest]:,} from {day:%Y-%m-%d}."


def _years(sessions: pd.DatetimeIndex) -> str:
    return ", ".join(str(year) for year in sorted(set(sessions.year)))
