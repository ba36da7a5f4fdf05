"""Each asset's own bars side by side, so that a window of n bars holds the last n on which the asset traded.

A halt, another exchange's holiday in aligned prices or a bar of volume 0 takes no place in a window: such bars are left
out before windows are counted, and what was computed is laid back on the sessions. Statistics of windows have the same
bits wherever the window stands, so an asset without such bars keeps every bit.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from quantdl.features.windows import earlier
from quantdl.market.panel import Panel


@dataclass(frozen=True, eq=False)
class OwnBars:
    """The bars on which each asset traded, the first one of each in row 0; NaN behind the last.

    Attributes:
        panel: Whose bars they are.

    Shape:
        - T bars of the panel, N own bars, A assets.
    """

    panel: Panel

    @cached_property
    def traded(self) -> np.ndarray:
        """(T, A) `Panel.traded`."""
        return self.panel.traded

    @cached_property
    def n_bars(self) -> int:
        """``N``, bars of the asset that has most."""
        return int(self.traded.sum(axis=0).max(initial=0))

    def side_by_side(self, values: np.ndarray) -> np.ndarray:
        """Return (N, A) float64 from (T, A): each asset's own bars in time order, then NaN."""
        packed = np.full((self.n_bars, self.traded.shape[1]), np.nan)
        packed.ravel()[self._places] = values[self.traded]
        return packed

    def on_sessions(self, packed: np.ndarray) -> np.ndarray:
        """Return (T, A) float64 from (N, A): each bar at its session, NaN where the asset did not trade."""
        values = np.full(self.traded.shape, np.nan)
        values[self.traded] = packed.ravel()[self._places]
        return values

    @cached_property
    def log_closes(self) -> np.ndarray:
        """(N, A) logarithms of the closes, NaN where one is not positive."""
        closes = self.side_by_side(self.panel.closes)
        return np.asarray(np.log(np.where(closes > 0, closes, np.nan)))  # NaN compares as False

    @cached_property
    def returns_per_session(self) -> np.ndarray:
        """(N, A) log returns from the last positive close before, over the root of the sessions that they span."""
        sessions = self.side_by_side(self.panel.bars_since_previous())
        return np.asarray(self.side_by_side(self.panel.log_returns()) / np.sqrt(np.maximum(sessions, 1)))

    @cached_property
    def bars_per_return(self) -> np.ndarray:
        """(N, A) int64 own bars that those returns span: more than one where closes in between are not positive."""
        bars = np.broadcast_to(np.arange(self.n_bars)[:, None], self.log_closes.shape)
        priced = np.maximum.accumulate(np.where(np.isnan(self.log_closes), 0, bars), axis=0)
        return np.asarray(bars - earlier(priced, 1, 0))

    def sessions_spanned(self, bars: int) -> np.ndarray:
        """Return (N, A) float64 sessions from the own bar ``bars`` before: as many, or more over a gap.

        NaN where there is no such bar.
        """
        return np.asarray(self._rows - earlier(self._rows, bars))

    @cached_property
    def _places(self) -> np.ndarray:
        """(M,) int64 place of each traded cell in a flat (N, A) array, in the order of the rows of the panel."""
        n_assets = self.traded.shape[1]
        columns = np.broadcast_to(np.arange(n_assets), self.traded.shape)[self.traded]
        return np.asarray((np.cumsum(self.traded, axis=0)[self.traded] - 1) * n_assets + columns)

    @cached_property
    def _rows(self) -> np.ndarray:
        """(N, A) row of the panel of each own bar."""
        return self.side_by_side(np.broadcast_to(np.arange(float(len(self.traded)))[:, None], self.traded.shape))
