"""The stages of a pipeline computed again in worlds with another future, and what differs in the past."""

import warnings
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd

from quantdl.audit.reach import furthest, nearest
from quantdl.audit.stages import Difference, Fitted, Pipeline, Stage, Traced, difference
from quantdl.audit.verdict import Leak
from quantdl.audit.world import Change, World, changed, kinds_of, sources_of, truncated
from quantdl.errors import DataError

TRUNCATED = "the data end there"
_NOISE = "noise"


class StageFailed(Exception):
    """A stage that raised something in another world which it did not raise in the true one."""


@dataclass(eq=False)
class Futures:
    """Runs the stages in other worlds and keeps count.

    Attributes:
        pipeline: Under audit.
        base: What each stage left behind in the true world.
        kinds: How the future was changed, and how often.
        refused: Kinds of change that the pipeline refuses as faulty data, with what it said.
    """

    pipeline: Pipeline
    base: Mapping[str, Any]
    kinds: Counter[str] = field(default_factory=Counter)
    refused: dict[str, str] = field(default_factory=dict)

    @property
    def world(self) -> World:
        """The true one."""
        return self.pipeline.world

    def row(self, session: pd.Timestamp) -> int:
        """Number of the bar of a session."""
        return int(self.world.sessions.searchsorted(session, side="right")) - 1

    def bars_after(self, session: pd.Timestamp) -> int:
        """How many bars follow a session."""
        return len(self.world.sessions) - 1 - self.row(session)

    def truncated_at(self, session: pd.Timestamp) -> World:
        """The world as it was known at a close."""
        self.kinds[TRUNCATED] += 1
        return truncated(self.world, self.row(session))

    def rewritten_after(self, session: pd.Timestamp, number: int) -> tuple[str, World]:
        """A world whose future is another one, in a way that takes turns with ``number``, and the name of the way."""
        kinds = [kind for kind in kinds_of(self.world) if kind not in self.refused] or [_NOISE]
        kind = kinds[number % len(kinds)]
        self.kinds[kind] += 1
        return kind, changed(self.world, Change(kind, self.row(session)))

    def values(self, world: World, at: pd.Timestamp | None, through: str | None = None) -> dict[str, Any]:
        """Compute the stages of another world, up to and including one of them.

        Raises:
            DataError: If a stage refuses the data.
            StageFailed: If it fails in another way.
        """
        found: dict[str, Any] = {}
        for stage in self.pipeline.all_stages():
            self._compute(stage, world, found, at)
            if stage.name == through:
                break
        return found

    def first_difference(self, world: World, at: pd.Timestamp) -> tuple[Difference | None, dict[str, Any]]:
        """Return what differs in the rows up to a session in the first stage in which anything does, and the values.

        Raises:
            DataError: If a stage refuses the data.
            StageFailed: If it fails in another way.
        """
        found: dict[str, Any] = {}
        for stage in self.pipeline.all_stages():
            self._compute(stage, world, found, at)
            other = difference(
                stage.name, stage.trace(self.base[stage.name], at), stage.trace(found[stage.name], at), at
            )
            if other is not None:
                return other, found
        return None, found

    def _compute(self, stage: Stage, world: World, found: dict[str, Any], at: pd.Timestamp | None) -> None:
        try:
            with np.errstate(all="ignore"), warnings.catch_warnings():
                warnings.simplefilter("ignore")  # prices of zero and the like are meant to be strange
                found[stage.name] = stage.compute(world, found, at)
        except DataError:
            raise
        except Exception as error:  # stages may be anyone's code
            raise StageFailed(f"{stage.name}: {type(error).__name__}: {error}") from error

    def leak(self, found: Difference, kind: str) -> Leak:
        """Measure how far a difference looks and on which of the sources it depends.

        Args:
            found: The difference.
            kind: How the future was changed when it showed.
        """
        after, most = self.row(found.session), self.bars_after(found.session)
        shown = [item for item in (kind, *kinds_of(self.world)) if item in kinds_of(self.world)]
        telling = next((item for item in shown if self._shows(found, Change(item, after))), None)
        if telling is None:
            detail = "It shows only when the data end at that session: it depends on how far they go."
            return _leak_of(found, kind, None, None, (), detail)
        near = nearest(lambda bars: self._shows(found, Change(telling, after, after + 1 + bars)), most)
        far = furthest(lambda bar: self._shows(found, Change(telling, after, since=after + bar)), most)
        names = sources_of(self.world)
        alone = [name for name in names if self._shows(found, Change(_NOISE, after, only=name))]
        return _leak_of(found, kind, near, far, tuple(alone) if len(names) > 1 else ())

    def _shows(self, found: Difference, change: Change) -> bool:
        """Whether a change of the future shows in the same stage, field and session."""
        try:
            values = self.values(changed(self.world, change), found.session, found.stage)
        except (DataError, StageFailed):
            return False
        (stage,) = (item for item in self.pipeline.all_stages() if item.name == found.stage)
        one, other = (stage.trace(item[stage.name], found.session) for item in (self.base, values))
        one, other = (_only(traced, found.field) for traced in (one, other))
        here = difference(found.stage, one, other, found.session)
        return here is not None and here.session == found.session

    def fitted_leak(self, part: Fitted) -> Leak | None:
        """Fit something again in a world whose future after its own last session is another one.

        Raises:
            DataError: If a stage refuses the data.
            StageFailed: If it fails in another way.
        """
        after = self.row(part.through)
        if not self.bars_after(part.through):
            return None
        true = part.fit(self.world, self.base)
        self.kinds[_NOISE] += 1
        name = self._refitted(part, true, Change(_NOISE, after))
        return None if name is None else self._fitted_leak(part, true, name)

    def _fitted_leak(self, part: Fitted, true: Mapping[str, np.ndarray], name: str) -> Leak:
        """Measure how far a fit looks beyond the session through which it says it was made."""
        after, most = self.row(part.through), self.bars_after(part.through)

        def shows(change: Change) -> bool:
            return self._refitted(part, true, change) is not None

        near = nearest(lambda bars: shows(Change(_NOISE, after, after + 1 + bars)), most)
        far = furthest(lambda bar: shows(Change(_NOISE, after, since=after + bar)), most)
        found = Difference(part.name, name, part.through, None)
        return _leak_of(found, _NOISE, near, far, (), f"It says that it saw nothing after {part.through:%Y-%m-%d}.")

    def _refitted(self, part: Fitted, true: Mapping[str, np.ndarray], change: Change) -> str | None:
        """Name of the first fitted array that differs in another world, or None."""
        world = changed(self.world, change)
        try:
            other = part.fit(world, self.values(world, None, part.after))
        except DataError:
            raise
        except Exception as error:
            raise StageFailed(f"{part.name}: {type(error).__name__}: {error}") from error
        if set(true) != set(other):
            return sorted({*true} ^ {*other})[0]
        same = (name for name, values in true.items() if values.tobytes() != other[name].tobytes())
        return next(same, None)

    def planted(self, session: pd.Timestamp) -> dict[str, bool]:
        """Plant in each stage a field that is the one of the next bar, and tell whether a change of that bar shows it.

        A stage of nothing but yes and no that no change of the bar moves is left out.

        Args:
            session: After which one bar is changed, and no other.

        Raises:
            DataError: If a stage refuses the data.
            StageFailed: If it fails in another way.
        """
        after = self.row(session)
        following = self.world.sessions[after + 1]
        seen: dict[str, bool] = {}
        for kind in (_NOISE, *(kind for kind in kinds_of(self.world) if kind not in {_NOISE, *self.refused})):
            values = self.values(changed(self.world, Change(kind, after, after + 2)), following)
            for stage in self.pipeline.all_stages():
                pair = [stage.trace(item[stage.name], following) for item in (self.base, values)]
                if any(following not in traced.sessions for traced in pair):
                    continue  # a session in which nothing trades has no row here
                one, other = (_one_bar_ahead(traced, session, following) for traced in pair)
                found = difference(stage.name, one, other, session) is not None
                coarse = all(array.dtype == bool for array in one.fields.values())
                if found or not coarse:
                    seen[stage.name] = seen.get(stage.name, False) or found
            if all(seen.values()):
                break
        return seen


def _only(traced: Traced, name: str) -> Traced:
    return replace(traced, fields={name: traced.fields[name]}) if name in traced.fields else traced


def _one_bar_ahead(traced: Traced, session: pd.Timestamp, following: pd.Timestamp) -> Traced:
    """The row of the next session as if it were that of this one."""
    row = int(traced.sessions.searchsorted(following))
    fields = {name: values[row : row + 1] for name, values in traced.fields.items()}
    return Traced(pd.DatetimeIndex([session]), fields, traced.assets)


def _leak_of(
    found: Difference,
    kind: str,
    near: int | None,
    far: int | None,
    reads: tuple[str, ...],
    detail: str = "",
) -> Leak:
    return Leak(found.stage, found.field, found.session.date(), found.asset, near, far, reads, kind, detail)
