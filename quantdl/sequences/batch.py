"""A batch: histories of unequal length, right-padded, and which forecasts are to be made from them."""

from dataclasses import dataclass, fields, replace

import torch
from torch import Tensor


@dataclass(frozen=True, eq=False)
class Reads:
    """The consecutive positions of each history that forecasts read last.

    Attributes:
        first: (R, A) int64.
        count: Q, the same for all histories; those that reach beyond an asset's last bar are of no use.
    """

    first: Tensor
    count: int

    def positions(self, length: int) -> Tensor:
        """(R, A, Q) int64, below the length of the histories."""
        steps = torch.arange(self.count, device=self.first.device)
        return (self.first[..., None] + steps).clamp(max=length - 1)

    def to(self, device: torch.device) -> "Reads":
        """The same positions on another device."""
        return replace(self, first=self.first.to(device))


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
        edge_weight: (E,) correlation of the two.
        groups: (B, A, D) int64 group of each asset at each depth below the market (sector, industry ...); -1 from the
            depth on at which it has none. D is 0 for models that need no groups.
        reads: Positions among which every ``position`` is; None where they are all positions.
        eligible: (R, A, L) whether the asset could be forecast at each bar, as ``present`` says of the bars at which
            forecasts are made; None where it could be at all of them.
        edge_in_group: (E,) whether the two share a declared group; None where no two do.
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
    reads: Reads | None = None
    eligible: Tensor | None = None
    edge_in_group: Tensor | None = None

    @property
    def padding(self) -> Tensor:
        """(R, A, L) true where a position holds no bar."""
        steps = torch.arange(self.features.shape[2], device=self.features.device)
        return steps >= self.lengths[..., None]

    def at_position(self, per_bar: Tensor) -> Tensor:
        """Pick what each forecast may read last: (R, A, L, *) gives (B, A, *)."""
        return _picked(per_bar, self.row, self.position)

    def at_read(self, encoded: Tensor) -> Tensor:
        """As `at_position`, from encodings (R, A, Q, *) of the positions in ``reads``."""
        if self.reads is None:
            return self.at_position(encoded)
        return _picked(encoded, self.row, self.position - self.reads.first[self.row])

    def to(self, device: torch.device) -> "Batch":
        """The same batch on another device."""
        parts = {item.name: getattr(self, item.name) for item in fields(self)}
        return replace(self, **{name: part.to(device) for name, part in parts.items() if part is not None})


def _picked(values: Tensor, row: Tensor, step: Tensor) -> Tensor:
    """(R, A, L, *), (B,) and (B, A) give (B, A, *)."""
    _, assets, length = values.shape[:3]
    place = (row[:, None] * assets + torch.arange(assets, device=row.device)) * length + step
    chosen = values.flatten(0, 2).index_select(0, place.flatten())
    return chosen.reshape(*place.shape, *values.shape[3:])
