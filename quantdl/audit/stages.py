"""The stages between the sources and a decision, what each leaves behind, and where two worlds first differ in it."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import pandas as pd

from quantdl.audit.world import World
from quantdl.backtest import Forecasts, Job, Strategy

TERMS = "terms of the backtest"
"""Name of the stage that every pipeline ends with: what the engine plays and must obey."""


@dataclass(frozen=True, eq=False)
class Traced:
    """What a stage computed, with one row a session, to be compared bit for bit.

    Attributes:
        sessions: (T,) session at whose close each row was known.
        fields: Arrays (T, ...) by name; the second axis, where there is one, is that of the assets.
        assets: (A,) symbols, or nothing where no array has such an axis.
    """

    sessions: pd.DatetimeIndex
    fields: Mapping[str, np.ndarray]
    assets: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Stage:
    """One step of a pipeline, as a callable, so that another may be put in its place.

    Attributes:
        name: What it is called in the report.
        compute: From a world, what the stages before left behind by their names, and the last session that will be
            looked at (None: all of them), to what this stage leaves behind.
        trace: From that and a session to the rows up to that session; a stage that is dear to compute may trace only
            the last of them.
    """

    name: str
    compute: Callable[[World, Mapping[str, Any], pd.Timestamp | None], Any]
    trace: Callable[[Any, pd.Timestamp], Traced]


@dataclass(frozen=True, eq=False)
class Fitted:
    """Something that was computed once from the sessions up to one of them, such as a fit.

    Attributes:
        name: What it is called in the report.
        through: The last session that it says it saw.
        fit: From a world and what its stages left behind to what it is, as arrays by name.
        after: Name of the last stage whose result it reads.
    """

    name: str
    through: pd.Timestamp
    fit: Callable[[World, Mapping[str, Any]], Mapping[str, np.ndarray]]
    after: str


@dataclass(frozen=True, eq=False)
class Pipeline:
    """All that lies between the sources and the fills of a run.

    Attributes:
        world: The true one.
        stages: In order; each may use what those before it left behind.
        job: What the engine plays, from what the stages left behind and the last session (None: that of the run).
        forecasts: What the strategy may ask a model, from what the stages left behind; None without one.
        strategy: A new strategy, as a run begins with one.
        built_from_world: Whether building a strategy reads the world that it is given. One that is built from a file
            and its parameters alone is the same in every world.
        fitted: What was fitted once and serves all later sessions, such as a scaler or a model.
    """

    world: World
    stages: tuple[Stage, ...]
    job: Callable[[Mapping[str, Any], pd.Timestamp | None], Job]
    forecasts: Callable[[Mapping[str, Any]], Forecasts | None]
    strategy: Callable[[World], Strategy]
    built_from_world: bool = True
    fitted: tuple["Fitted", ...] = ()

    def all_stages(self) -> tuple[Stage, ...]:
        """The stages, and the terms of the backtest after them."""
        terms = Stage(TERMS, lambda _, values, at: self.job(values, at), traced_job)
        return (*self.stages, terms)


@dataclass(frozen=True)
class Difference:
    """Where two traces of one stage first disagree, seen from the last session backwards.

    Attributes:
        stage: Name of the stage.
        field: Name of the array.
        session: The last session in whose row they disagree.
        asset: The first asset that disagrees there, or None.
    """

    stage: str
    field: str
    session: pd.Timestamp
    asset: str | None


def difference(stage: str, one: Traced, other: Traced, at: pd.Timestamp) -> Difference | None:
    """Return where two traces disagree in the rows up to a session, or None if they agree in every bit.

    Args:
        stage: Name for the answer.
        one: Of the true world.
        other: Of another.
        at: Last session that is compared.
    """
    rows, others = (int(traced.sessions.searchsorted(at, side="right")) for traced in (one, other))
    if not one.sessions[:rows].equals(other.sessions[:others]):
        return Difference(stage, "sessions", at, None)
    if one.assets != other.assets:
        return Difference(stage, "assets", at, next(iter(sorted({*one.assets} ^ {*other.assets})), None))
    if set(one.fields) != set(other.fields):
        return Difference(stage, sorted({*one.fields} ^ {*other.fields})[0], at, None)
    found = [
        (row, name, cell)
        for name, values in one.fields.items()
        for row, cell in _last_disagreement(values[:rows], other.fields[name][:rows])
    ]
    if not found:
        return None
    row, name, cell = max(found, key=lambda item: item[0])  # the first of the fields in that row
    asset = one.assets[cell] if cell is not None and cell < len(one.assets) else None
    return Difference(stage, name, one.sessions[row], asset)


def _last_disagreement(one: np.ndarray, other: np.ndarray) -> Iterator[tuple[int, int | None]]:
    """Give the last row in which two arrays differ in a bit and the first place on their second axis; or nothing."""
    if one.dtype != other.dtype or one.shape != other.shape:
        yield len(one) - 1, None
        return
    differs = _differing(one, other)
    if not differs.any():
        return
    row = int(np.flatnonzero(differs.reshape(len(differs), -1).any(axis=1))[-1])
    if one.ndim == 1:
        yield row, None
        return
    yield row, int(np.flatnonzero(differs[row].reshape(one.shape[1], -1).any(axis=1))[0])


def _differing(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Return where two arrays of one shape and type differ in a bit."""
    if one.dtype == object:
        return np.asarray(one != other)
    one, other = np.ascontiguousarray(one), np.ascontiguousarray(other)
    if one.tobytes() == other.tobytes():
        return np.zeros(one.shape, dtype=bool)
    bits = [values.view(np.uint8).reshape(*values.shape, values.dtype.itemsize) for values in (one, other)]
    return np.asarray((bits[0] != bits[1]).any(axis=-1))


def traced_job(job: Job, at: pd.Timestamp) -> Traced:
    """Return the rows of everything that the engine plays and must obey: every array with one row a session."""
    sessions = job.tape.sessions
    with np.errstate(all="ignore"):  # another future may be a strange one
        worked_out = job.tape.causal_arrays()
    arrays = rows_of(job.tape, len(sessions)) | worked_out | rows_of(job.terms, len(sessions))
    return Traced(sessions, arrays, job.tape.assets)


def rows_of(record: object, n_rows: int) -> dict[str, np.ndarray]:
    """Return the arrays of a dataclass that have one row a session, those in its mappings and what happens in a row."""
    found: dict[str, np.ndarray] = {}
    for item in fields(record):  # type: ignore[arg-type]  # any dataclass
        value = getattr(record, item.name)
        if isinstance(value, Mapping) and value and all(isinstance(key, int | np.integer) for key in value):
            events = np.full(n_rows, "", dtype=object)
            for row, what in value.items():
                events[row] = repr(what)
            found[item.name] = events
        named = value if isinstance(value, Mapping) else {item.name: value}
        arrays = {str(name): array for name, array in named.items() if isinstance(array, np.ndarray)}
        found |= {name: array for name, array in arrays.items() if array.ndim and len(array) == n_rows}
    return found
