"""A graph network: each asset's history, then messages from its sector or from what it has moved with lately."""

import torch
from torch import Tensor, nn
from torch_geometric.nn import GATv2Conv

from quantdl.distributions import CopulaForecast, Forecast
from quantdl.models.encoder import CausalEncoder
from quantdl.models.forecaster import Forecaster
from quantdl.models.heads import ForecastContext, JohnsonSUHead, MarketStatesHead, unit
from quantdl.models.settings import GraphSettings
from quantdl.sequences import Batch


class GraphForecaster(Forecaster):
    """Each asset's law read off its encoding and those of its neighbours as of the session.

    Edges come with the batch, built from returns up to the session and from declared groups. Messages pass by attention
    (GATv2: Brody, Alon and Yahav, 2022, https://arxiv.org/abs/2105.14491) with the correlation as edge feature, and
    beside it, where edges are built from groups, whether the two share one; an absent asset sends none.

    Args:
        n_features: Feature columns.
        n_windows: Return windows the model answers for.
        settings: Of the network.
    """

    def __init__(self, n_features: int, n_windows: int, settings: GraphSettings) -> None:
        super().__init__()
        self.encoder = CausalEncoder(n_features, settings)
        self.reads_groups = settings.edges != "correlation"
        self.messages = nn.ModuleList([_MessagePassing(settings) for _ in range(settings.hops)])
        self.context = ForecastContext(settings.width, n_windows)
        self.marginals = JohnsonSUHead(self.context.size, settings.width)
        factors = (settings.trailing_factors, settings.sector_factors)
        self.dependence = MarketStatesHead(self.context.size, settings.width, *factors)

    def forward(self, batch: Batch) -> Forecast:
        """Return a law with batch_shape (B,) and event_shape (A,)."""
        hidden = batch.at_read(self.encoder(batch))
        edge_index, edge_features = self._between_present(batch)
        nodes = hidden.reshape(-1, hidden.shape[-1])
        for layer in self.messages:
            nodes = layer(nodes, edge_index, edge_features)
        assets, row = self.context(nodes.reshape(hidden.shape), batch)
        dependence = self.dependence(assets, row, batch.trailing_loadings)
        marginals = self.marginals(assets, unit(batch), dependence.shock_stretch)
        return CopulaForecast(marginals, dependence, batch.present)

    def _between_present(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Edges between present assets, (2, E), and their features, (E, 1) or (E, 2)."""
        weight, in_group = batch.edge_weight, batch.edge_in_group
        features = [weight]
        if self.reads_groups:
            features.append(torch.zeros_like(weight) if in_group is None else in_group.to(weight.dtype))
        present = batch.present.reshape(-1)
        both = present[batch.edge_index].all(dim=0)
        return batch.edge_index[:, both], torch.stack(features, dim=-1)[both]


class _MessagePassing(nn.Module):
    def __init__(self, settings: GraphSettings) -> None:
        super().__init__()
        width, heads = settings.width, settings.heads
        self.norm = nn.LayerNorm(width)
        edge_dim = 1 if settings.edges == "correlation" else 2
        self.attend = GATv2Conv(width, width // heads, heads=heads, edge_dim=edge_dim, add_self_loops=False)
        self.leave = nn.Sequential(nn.GELU(), nn.Linear(width, width), nn.Dropout(settings.dropout))

    def forward(self, nodes: Tensor, edge_index: Tensor, edge_features: Tensor) -> Tensor:
        received = self.attend(self.norm(nodes), edge_index, edge_attr=edge_features)
        updated: Tensor = nodes + self.leave(received)
        return updated
