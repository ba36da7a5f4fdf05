"""What the parts of a panel owe each other, checked once, when it is built; no array is copied whole."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from quantdl.calendars.bars import is_intraday
from quantdl.market.arrays import row_blocks
from quantdl.market.status import CellStatus


def axis_problems(
    sessions: pd.DatetimeIndex, known_at: pd.DatetimeIndex, assets: tuple[str, ...], frequency: str
) -> list[str]:
    """Return a sentence for each way in which the axes of a panel contradict each other.

    Args:
        sessions: (T,) session label of each bar.
        known_at: (T,) UTC instants.
        assets: (A,) symbols.
        frequency: Length of a bar; only bars shorter than ``"1D"`` share a session.
    """
    problems = []
    if not len(sessions) or not assets:
        problems.append(f"It needs at least one session and one asset, got {len(sessions)} and {len(assets)}.")
    if sessions.tz is not None:
        problems.append(f"Session labels must be tz-naive dates, got zone {sessions.tz}.")
    if not sessions.is_monotonic_increasing or not (sessions.is_unique or is_intraday(frequency)):
        problems.append("Sessions must be increasing and unique, or repeat within a session for bars shorter than it.")
    if not (known_at.is_unique and known_at.is_monotonic_increasing):
        problems.append("known_at must be increasing and unique.")
    if str(known_at.tz) != "UTC" or len(known_at) != len(sessions):
        problems.append(f"known_at needs one tz-aware UTC instant for each of {len(sessions)} sessions.")
    if len(set(assets)) != len(assets) or not all(isinstance(name, str) for name in assets):
        problems.append("Assets must be unique strings.")
    return problems


def cell_problems(
    shape: tuple[int, int], fields: Mapping[str, np.ndarray], status: np.ndarray, members: np.ndarray | None
) -> list[str]:
    """Return a sentence for each way in which the cells of a panel contradict their status.

    Args:
        shape: Number of bars and of assets.
        fields: Arrays (T, A) by name.
        status: (T, A) codes of `CellStatus`.
        members: (T, A) bool, or None.
    """
    arrays = {**fields, "status": status} | ({} if members is None else {"members": members})
    wrong = {name: values.shape for name, values in arrays.items() if values.shape != shape}
    if wrong:
        return [f"Every array must have shape {shape}, got {wrong}."]
    if "close" not in fields:
        return [f"A 'close' field is needed, got {sorted(fields)}."]
    infinite = False
    filled: set[str] = set()
    for rows in row_blocks(status):
        traded = np.asarray(status[rows] == CellStatus.TRADED)
        infinite |= not np.isfinite(fields["close"][rows])[traded].all()
        filled |= {name for name, values in fields.items() if not (np.isnan(values[rows]) | traded).all()}
    problems = ["Every TRADED cell needs a finite close."] if infinite else []
    if filled:
        named = [name for name in fields if name in filled]
        problems.append(f"Cells without a trade must be NaN, but {named} hold numbers there.")
    return problems
