"""A batch: histories of unequal length, right-padded, and which forecasts are to be made from them."""

from dataclasses import dataclass, fields, replace

import torch
from torch import Tensor


@dataclass(frozen=True, eq=False)
class Batch:
    """Histories, and which forecasts are to be made from them.

    A *history* is a row of ``R`` with one right-padded sequence of observed bars per asset; a gap in trading shows as a
    jump of ``bar_index``. A *forecast* is a row of ``B``: a position in a history and a return window.

    Attributes:
        features: (R, A, L, F), 0 in the padding.
        bar_index: (R, A, L) int64 number of each observed bar on the panel's axis.
        scale: (R, A, L) trailing volatility of one bar's log return; 1 in the padding.
        returns: (R, A, L) log return of each observed bar; 0 in the padding.
        lengths: (R, A) int64 observed bars.
        row: (B,) int64 history of each forecast.
        position: (B, A) int64 last position of each asset's sequence that the forecast may read.
        bar: (B,) int64 bar at whose close the forecast is made.
        window: (B,) int64 number of the return window.
        window_bars: (B,) float length of the return window.
        present: (B, A) whether the asset can be forecast: traded at the bar, with enough history, in the universe.
        trailing_loadings: (B, A, K) factor loadings of the trailing correlation as of the bar; 0 where unknown.
        target: (B, A) realised log return, 0 where it is not observed.
        target_observed: (B, A), never true where the asset is absent.
        edge_index: (2, E) int64 edges between nodes ``b * A + a``; empty without a graph.
        edge_weight: (E,).
        groups: (B, A, D) int64 group of each asset at each depth below the market (sector, industry ...); -1 from the
            depth on at which it has none. D is 0 for models that need no groups.
    """

    features: Tensor
    bar_index: Tensor
    scale: Tensor
    returns: Tensor
    lengths: Tensor
    row: Tensor
    position: Tensor
    bar: Tensor
    window: Tensor
    window_bars: Tensor
    present: Tensor
    trailing_loadings: Tensor
    target: Tensor
    target_observed: Tensor
    edge_index: Tensor
    edge_weight: Tensor
    groups: Tensor

    @property
    def padding(self) -> Tensor:
        """(R, A, L) true where a position holds no bar."""
        steps = torch.arange(self.features.shape[2], device=self.features.device)
        return steps >= self.lengths[..., None]

    def at_position(self, per_bar: Tensor) -> Tensor:
        """Pick what each forecast may read last: (R, A, L, *) gives (B, A, *)."""
        assets = torch.arange(per_bar.shape[1], device=per_bar.device)
        return per_bar[self.row[:, None], assets, self.position]

    def to(self, device: torch.device) -> "Batch":
        """The same batch on another device."""
        return replace(self, **{item.name: getattr(self, item.name).to(device) for item in fields(self)})
