"""Historical simulation: the book of today under the returns of the past."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
import torch

from quantdl.market.panel import Panel
from quantdl.risk.book import BookRisk

HISTORY_SESSIONS = 500
"""Sessions of the past that stand for the next one."""


@dataclass(frozen=True, eq=False)
class HistoricalSimulation:
    """Predicts that the next session is one of the last ones: what stands in where there is no model.

    Attributes:
        panel: Prices.
        source: What the predictions are called in the report.
    """

    panel: Panel
    source: str = f"historical simulation, {HISTORY_SESSIONS} sessions"

    def book_risk(self, session: pd.Timestamp, weights: np.ndarray) -> BookRisk:
        """Losses of the (A,) weights in each of the last sessions up to and including ``session``.

        A return over a halt or a gap counts in the session of the first trade after it; without a price, an asset
        neither gains nor loses.
        """
        stop = int(self.panel.sessions.searchsorted(session, side="right"))
        returns = self._returns[max(1, stop - HISTORY_SESSIONS) : stop]
        return BookRisk(torch.from_numpy(-(returns @ weights)))

    @cached_property
    def _returns(self) -> np.ndarray:
        return np.asarray(np.nan_to_num(self.panel.closes / self.panel.previous_closes() - 1.0))


def trailing_returns(panel: Panel, asset: int, session: pd.Timestamp) -> np.ndarray:
    """Return the last simple returns of one asset up to ``session``, (at most `HISTORY_SESSIONS`,), oldest first.

    Args:
        panel: Prices.
        asset: Position of the asset among ``panel.assets``.
        session: Last session read.
    """
    alone = panel.select([panel.assets[asset]]).until(session)
    returns = alone.log_returns()[:, 0]
    return np.asarray(np.expm1(returns[np.isfinite(returns)][-HISTORY_SESSIONS:]))
