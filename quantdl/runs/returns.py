"""The returns of trials, kept beside the ledger: what several trials are compared by over the same bars.

A file holds the returns of one trial, or of all that were carried out together, as an array of NumPy's own format (no
pickle). Its name is its SHA-256, which stands in the ledger's lines, so a changed file is found and the same returns
are kept once. They outlast run folders that are deleted: a trial that was seen counts.
"""

import hashlib
import io
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from quantdl.disk import disk_errors, replace_file
from quantdl.errors import IntegrityError
from quantdl.runs.ledger import Ledger, ReturnsColumn, Trial

FloatArray = NDArray[np.float64]
BarArray = NDArray[np.datetime64]

_FOLDER = "returns"


def returns_folder(ledger: Ledger) -> Path:
    """Where the returns of a ledger's trials are kept."""
    return ledger.path.parent / _FOLDER


def store_returns(ledger: Ledger, bars: BarArray, returns: FloatArray) -> tuple[ReturnsColumn, ...]:
    """Keep the returns of trials; when this returns, they are on the disk.

    Args:
        ledger: In which the trials will be recorded.
        bars: (T,) bar at whose end each return was earned, increasing.
        returns: (T, N) simple returns of N trials, net of costs and of what cash earns, as their Sharpe ratios are.

    Returns:
        For each trial where its returns are, for its line in the ledger.

    Raises:
        ValueError: If the shapes differ, the bars do not increase, or a return is not finite.
        RunError: If the disk refuses.
    """
    instants = np.asarray(bars, "datetime64[ns]").astype(np.int64)
    values = np.asarray(returns, np.float64)
    if values.ndim != 2 or instants.shape != values.shape[:1] or not (np.diff(instants) > 0).all():
        raise ValueError(f"expected increasing bars (T,) and returns (T, N), got {instants.shape} and {values.shape}.")
    if not np.isfinite(values).all():
        raise ValueError("returns must be finite.")
    table = np.empty(len(instants), [("bar", np.int64), ("returns", np.float64, (values.shape[1],))])
    table["bar"], table["returns"] = instants, values
    stream = io.BytesIO()
    np.save(stream, table, allow_pickle=False)
    content = stream.getvalue()
    sha256 = hashlib.sha256(content).hexdigest()
    path = _path(ledger, sha256)
    with disk_errors(path, "The trial was not recorded."):
        if not path.exists() or path.read_bytes() != content:
            replace_file(path, content, force=True)
    return tuple(ReturnsColumn(sha256, column) for column in range(values.shape[1]))


def stored_returns(ledger: Ledger, sha256: str) -> tuple[BarArray, FloatArray]:
    """Read a file of returns: bars (T,) and returns (T, N).

    Raises:
        IntegrityError: If it is missing or not what was written.
        RunError: If the disk refuses.
    """
    path = _path(ledger, sha256)
    with disk_errors(path):
        content = path.read_bytes() if path.is_file() else b""
    if hashlib.sha256(content).hexdigest() != sha256:
        fault = "not the returns that were written" if content else "missing"
        raise IntegrityError(f"{path}: {fault}. Restore the file from a copy; the ledger keeps the trials' figures.")
    table = np.load(io.BytesIO(content), allow_pickle=False)
    return table["bar"].astype("datetime64[ns]"), table["returns"]


def synchronous_returns(ledger: Ledger, own: Trial, trials: Iterable[Trial]) -> dict[str, FloatArray]:
    """The returns of trials over the bars of one of them.

    Left out are trials whose returns are not kept, are not what was written, or lack one of the bars.

    Args:
        ledger: That holds the trials.
        own: The trial whose bars count.
        trials: Those to compare.

    Returns:
        (T,) returns of each trial by its hash; none where the returns of ``own`` are not at hand.
    """
    files: dict[str, tuple[BarArray, FloatArray] | None] = {}
    bars, found = None, {}
    for trial in (own, *trials):
        kept = _of_trial(ledger, trial, files)
        if kept is None:
            continue
        if trial is own:
            bars = kept[0]
        if bars is not None and trial.trial not in found:
            rows = np.flatnonzero(np.isin(kept[0], bars, assume_unique=True))
            if len(rows) == len(bars):
                found[trial.trial] = kept[1][rows]
    return found


def returns_problems(ledger: Ledger, trials: Iterable[Trial]) -> tuple[str, ...]:
    """What is wrong with the files of returns that trials name; nothing where all are what was written."""
    problems = []
    for sha256 in dict.fromkeys(trial.returns.sha256 for trial in trials if trial.returns is not None):
        try:
            stored_returns(ledger, sha256)
        except IntegrityError as error:
            problems.append(str(error))
    return tuple(problems)


def _of_trial(
    ledger: Ledger, trial: Trial, files: dict[str, tuple[BarArray, FloatArray] | None]
) -> tuple[BarArray, FloatArray] | None:
    """Bars and returns of a trial, reading each file once; None where they are not at hand."""
    if trial.returns is None:
        return None
    sha256 = trial.returns.sha256
    if sha256 not in files:
        try:
            files[sha256] = stored_returns(ledger, sha256)
        except IntegrityError:
            files[sha256] = None
    kept = files[sha256]
    return None if kept is None else (kept[0], kept[1][:, trial.returns.column])


def _path(ledger: Ledger, sha256: str) -> Path:
    return returns_folder(ledger) / f"{sha256}.npy"
