"""A book with what is known of its assets, laid out once for all kinds of stress."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property

import numpy as np
import pandas as pd
import torch

from quantdl.distributions import Forecast
from quantdl.errors import did_you_mean
from quantdl.market.panel import Panel
from quantdl.risk.book.past_returns import BookHistory, PastReturns
from quantdl.risk.measures.scenarios import Scenarios
from quantdl.risk.stress.liquidity import MarketDepth
from quantdl.risk.stress.settings import StressSettings
from quantdl.risk.stress.student_t_fit import LEAST_ROWS, fitted_student_t

PAST_SESSIONS = 500
"""Sessions to which a law is fitted where no model gives one."""

_MOST_FITTED = 200  # assets; beyond it, those held


@dataclass(frozen=True, eq=False)
class StressLaw:
    """A law of future log returns.

    Attributes:
        law: Of one row, over all assets of the book or, with ``columns``, over some.
        bars: Length of its window.
        source: What it is, in words: ``"transformer"``.
        columns: Numbers of its assets among the book's; None for all.
    """

    law: Forecast
    bars: int
    source: str
    columns: tuple[int, ...] | None = None

    def reduced(self) -> "StressLaw":
        """The same over the assets that are present alone."""
        present = self.law.present[0].cpu()
        columns = range(len(present)) if self.columns is None else self.columns
        kept = tuple(column for column, here in zip(columns, present.tolist(), strict=True) if here)
        index = torch.nonzero(present)[:, 0]
        law = self.law.to("cpu")
        return StressLaw(law if len(kept) == len(present) else law.assets(index), self.bars, self.source, kept)

    def of(self, wanted: np.ndarray) -> "StressLaw":
        """The same over those of its assets that are ``wanted``, (A,) bool of all assets; the others integrated out."""
        columns = np.array(self.columns)
        kept = wanted[columns]
        if kept.all():
            return self
        law = self.law.assets(torch.from_numpy(np.flatnonzero(kept)))
        return StressLaw(law, self.bars, self.source, tuple(columns[kept].tolist()))

    @property
    def described(self) -> str:
        """What it is and over how many bars."""
        return f"{self.source}, {self.bars} {'bar' if self.bars == 1 else 'bars'}"


@dataclass(frozen=True, eq=False)
class StressedBook:
    """A book held at the close of a session.

    Attributes:
        past: Returns of its assets up to that close.
        weights: (A,) fractions of equity, negative for short positions.
        laws: Of future returns; empty for a Student-t law fitted to the past.
        groups: Group by asset; may be partial.
        depth: How liquid its assets are; None where that is not known.
        no_depth: Why it is not.

    Raises:
        ValueError: If weights or laws do not match the assets, or a weight is not finite.
    """

    past: PastReturns
    weights: np.ndarray
    laws: tuple[StressLaw, ...] = ()
    groups: Mapping[str, str] = field(default_factory=dict)
    depth: MarketDepth | None = None
    no_depth: str = "no volume is known"

    def __post_init__(self) -> None:
        """Check what is laid beside one another."""
        count = len(self.past.assets)
        if self.weights.shape != (count,) or not np.isfinite(self.weights).all():
            raise ValueError(f"weights must be finite, one for each of {count} assets, got shape {self.weights.shape}.")
        for one in self.laws:
            wanted = count if one.columns is None else len(one.columns)
            if one.law.batch_shape != (1,) or one.law.event_shape != (wanted,):
                raise ValueError(f"a law must have one row and {wanted} assets, got {one.law!r}.")

    @staticmethod
    def of_panel(
        panel: Panel,
        weights: np.ndarray,
        through: pd.Timestamp | None = None,
        laws: Sequence[StressLaw] = (),
        groups: Mapping[str, str] | None = None,
        depth: MarketDepth | None = None,
    ) -> "StressedBook":
        """Lay out a book of the assets of a panel.

        Args:
            panel: Adjusted prices.
            weights: (A,) of its assets.
            through: Last session read; that of the panel where None.
            laws: See the class.
            groups: Those of the panel's sectors where None.
            depth: See the class.
        """
        past = PastReturns.of_panel(panel, through)
        known = dict(panel.sectors) if groups is None else dict(groups)
        return StressedBook(past, np.asarray(weights, dtype=np.float64), tuple(laws), known, depth)

    @property
    def assets(self) -> tuple[str, ...]:
        """Names of the assets."""
        return self.past.assets

    @property
    def on(self) -> date:
        """Session at whose close the book is held."""
        found: date = self.past.sessions[-1].date()
        return found

    @cached_property
    def history(self) -> BookHistory:
        """Past returns with proxies."""
        return BookHistory(self.past, self.weights)

    @cached_property
    def known_laws(self) -> tuple[StressLaw, ...]:
        """The laws over their present assets, shortest window first; one fitted to the past where none are given."""
        given = self.laws or tuple(self._of_past())
        reduced = (one.reduced() for one in given if bool(one.law.present.any()))
        return tuple(sorted(reduced, key=lambda one: one.bars))

    def law_over(self, bars: int | None) -> StressLaw | str:
        """The law over so many bars, the longest for None; or why there is none."""
        if not self.known_laws:
            return (
                f"no law is given, and none can be fitted: it takes {LEAST_ROWS} of the last {PAST_SESSIONS} sessions "
                f"and at most {_MOST_FITTED} assets held"
            )
        if bars is None:
            return self.known_laws[-1]
        found = [one for one in self.known_laws if one.bars == bars]
        windows = ", ".join(str(one.bars) for one in self.known_laws)
        return found[0] if found else f"no law over {bars} bars; there are laws over {windows}"

    def holds_in(self, law: StressLaw) -> bool:
        """Whether a law covers any position."""
        return bool(self.held_in(law).any())

    def held_in(self, law: StressLaw) -> np.ndarray:
        """Weights of the assets that a law covers."""
        return np.asarray(self.weights[np.array(law.columns)])

    def outside(self, law: StressLaw) -> tuple[str, ...]:
        """A note on the positions that a law does not cover; empty where it covers all."""
        covered = {*(law.columns or ())}
        left = [asset for asset in np.flatnonzero(self.weights).tolist() if asset not in covered]
        named = ", ".join(f"{self.assets[asset]} ({100 * self.weights[asset]:.1f}%)" for asset in left)
        return (f"Left out, as the law does not cover them, weight in brackets: {named}.",) if left else ()

    def scenarios(self, law: StressLaw, draws: int, seed: int) -> Scenarios:
        """Draws of a law over the assets that it covers."""
        names = [self.assets[column] for column in law.columns or ()]
        return Scenarios.of_law(law.law, names, law.bars, draws, seed, f"draws of {law.source}")

    def _of_past(self) -> Iterator[StressLaw]:
        """A Student-t law of the last sessions in which the assets that are held, or all of them, have returns."""
        recent = self.past.returns[-PAST_SESSIONS:]
        known = np.isfinite(recent)
        often = known.mean(axis=0) > 0.9
        columns = np.flatnonzero(often if int(often.sum()) <= _MOST_FITTED else often & (self.weights != 0))
        rows = known[:, columns].all(axis=1)
        if not 0 < len(columns) <= _MOST_FITTED or int(rows.sum()) < LEAST_ROWS:
            return
        logs = np.log1p(recent[np.ix_(rows, columns)])
        moving = logs.std(axis=0) > 0
        law = fitted_student_t(logs[:, moving])
        source = f"Student-t law fitted to {int(rows.sum())} sessions"
        yield StressLaw(law, 1, source, tuple(columns[moving].tolist()))


Place = tuple[str | int, ...]


def scenario_faults(
    settings: StressSettings, assets: Sequence[str], groups: Iterable[str]
) -> Iterator[tuple[Place, str]]:
    """Yield the assets and groups that scenarios name and the data do not have, each with its keys in the settings.

    Args:
        settings: The scenarios.
        assets: Names of the assets of the data.
        groups: Names of their groups.
    """
    known, kinds = set(assets), sorted(set(groups))
    for at, shock in enumerate(settings.shocks):
        for name in shock.assets:
            if name not in known:
                yield ("shocks", at, "assets", name), _unknown("an asset of the data", name, assets)
        for name in shock.groups:
            if name not in kinds:
                yield ("shocks", at, "groups", name), _unknown(_group_words(kinds), name, kinds)
    for at, event in enumerate(settings.conditional):
        for name in event.weights:
            if name not in known:
                yield ("conditional", at, "weights", name), _unknown("an asset of the data", name, assets)
    for at, law in enumerate(settings.laws):
        if law.group is not None and law.group not in kinds:
            yield ("laws", at, "group"), _unknown(_group_words(kinds), law.group, kinds)


def _group_words(kinds: list[str]) -> str:
    return f"a group of the data, of {', '.join(kinds)}" if kinds else "no group: the data have none"


def _unknown(expected: str, given: str, choices: Iterable[str]) -> str:
    return f"given {given!r}; expected {expected}{did_you_mean(given, choices)}"
