"""Historical simulation: the book of today under the returns of the past."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
import torch

from quantdl.calendars.bars import bar_unit
from quantdl.market.panel import Panel
from quantdl.risk.book.predictions import BookRisk
from quantdl.risk.measures.scenarios import Scenarios

HISTORY_SESSIONS = 500
"""Sessions of the past that stand for the next one, where there are as many."""


@dataclass(frozen=True, eq=False)
class HistoricalSimulation:
    """Predicts that the next session is one of the last ones: what stands in where there is no model.

    A session of the past counts where every asset of the book has a return, so that what fell together falls together
    and no loss is diluted by an asset that was not listed yet or did not trade. A return over a halt or a gap counts
    once, in the session of the first trade after it.

    Attributes:
        panel: Prices.
    """

    panel: Panel

    def source(self, fewest: int, most: int) -> str:
        """See `LossPredictions`."""
        used = f"{most}" if fewest == most else f"{fewest} to {most}"
        return f"historical simulation, {used} {bar_unit(self.panel.card.declaration.frequency)}s"

    def book_risk(self, session: pd.Timestamp, weights: np.ndarray) -> BookRisk:
        """Losses of the (A,) weights in the last sessions that count, up to and including ``session``.

        They are fewer than `HISTORY_SESSIONS` where the assets held have no more sessions in common.
        """
        stop = int(self.panel.bars.searchsorted(session, side="right"))
        held = np.flatnonzero(weights != 0)
        losses = torch.from_numpy(-(self._filled[self._counted(stop, held)] @ weights))
        if len(losses) >= HISTORY_SESSIONS or not len(held):
            return BookRisk(losses)
        unit = bar_unit(self.panel.card.declaration.frequency)
        return BookRisk(
            losses, basis=f"past {unit}s in which every held asset has a return ({self._least(stop, held)})"
        )

    def scenarios(self, session: pd.Timestamp, weights: np.ndarray, level: float) -> Scenarios | None:
        """Joint returns behind `book_risk`; see `quantdl.risk.book.run_contributions.PredictedScenarios`."""
        stop = int(self.panel.bars.searchsorted(session, side="right"))
        rows = self._counted(stop, np.flatnonzero(weights != 0))
        known = self._known[rows].all(axis=0)
        returns = np.where(known, self._filled[rows], np.nan)
        if round(len(returns) * (1.0 - level), 6) < 1.0:
            return None
        unit = bar_unit(self.panel.card.declaration.frequency)
        source = f"historical simulation, {len(returns)} {unit}s"
        return Scenarios(tuple(self.panel.assets), torch.from_numpy(returns), 1, source=source)

    def _counted(self, stop: int, held: np.ndarray) -> slice | np.ndarray:
        """Rows before ``stop`` in which every asset held has a return, the last ones."""
        last = slice(max(0, stop - HISTORY_SESSIONS), stop)
        if stop >= HISTORY_SESSIONS and bool(self._known[last, held].all()):
            return last
        return np.flatnonzero(self._known[:stop, held].all(axis=1))[-HISTORY_SESSIONS:]

    def _least(self, stop: int, held: np.ndarray) -> str:
        """Say which asset held has the fewest returns of its own."""
        counts = self._known[:stop, held].sum(axis=0)
        least = int(counts.argmin())
        return f"{self.panel.assets[held[least]]} has {counts[least]}, the fewest of them"

    @cached_property
    def _returns(self) -> np.ndarray:
        return np.asarray(self.panel.closes / self.panel.previous_closes() - 1.0)

    @cached_property
    def _known(self) -> np.ndarray:
        return np.asarray(np.isfinite(self._returns))

    @cached_property
    def _filled(self) -> np.ndarray:
        """Returns, with zeros for the assets that a book counted by `_known` does not hold."""
        return np.where(self._known, self._returns, 0.0)


def trailing_returns(panel: Panel, asset: int, session: pd.Timestamp, bars: int = 1) -> np.ndarray:
    """Return the last simple returns of one asset up to ``session``, (at most `HISTORY_SESSIONS`,), oldest first.

    Args:
        panel: Prices.
        asset: Position of the asset among ``panel.assets``.
        session: Last session read.
        bars: Of its own trades that a return runs over; returns over several overlap.
    """
    last = int(panel.bars.searchsorted(session, side="right")) - 1
    alone = panel.select([panel.assets[asset]]).until(panel.known_at[last])
    returns = alone.log_returns()[:, 0]
    known = returns[np.isfinite(returns)]
    if bars > 1:
        known = np.convolve(known, np.ones(bars), mode="valid") if len(known) >= bars else known[:0]
    return np.asarray(np.expm1(known[-HISTORY_SESSIONS:]))
