"""A graph network: each asset's history, then messages from the peers it has moved with lately."""

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

    Edges come with the batch, built from returns up to the session. Messages pass by attention
    (GATv2: Brody, Alon and Yahav, 2022, https://arxiv.org/abs/2105.14491) with the correlation as edge feature; an
    absent asset sends none.

    Args:
        n_features: Feature columns.
        n_windows: Return windows the model answers for.
        settings: Of the network.
    """

    def __init__(self, n_features: int, n_windows: int, settings: GraphSettings) -> None:
        super().__init__()
        self.encoder = CausalEncoder(n_features, settings)
        self.messages = nn.ModuleList([_MessagePassing(settings) for _ in range(settings.hops)])
        self.context = ForecastContext(settings.width, n_windows)
        self.marginals = JohnsonSUHead(self.context.size, settings.width)
        self.dependence = MarketStatesHead(self.context.size, settings.width, settings.trailing_factors)

    def forward(self, batch: Batch) -> Forecast:
        """Return a law with batch_shape (B,) and event_shape (A,)."""
        hidden = batch.at_read(self.encoder(batch))
        edge_index, edge_weight = _between_present(batch)
        nodes = hidden.reshape(-1, hidden.shape[-1])
        for layer in self.messages:
            nodes = layer(nodes, edge_index, edge_weight)
        assets, row = self.context(nodes.reshape(hidden.shape), batch)
        dependence = self.dependence(assets, row, batch.trailing_loadings)
        marginals = self.marginals(assets, unit(batch), dependence.shock_stretch)
        return CopulaForecast(marginals, dependence, batch.present)


class _MessagePassing(nn.Module):
    def __init__(self, settings: GraphSettings) -> None:
        super().__init__()
        width, heads = settings.width, settings.heads
        self.norm = nn.LayerNorm(width)
        self.attend = GATv2Conv(width, width // heads, heads=heads, edge_dim=1, add_self_loops=False)
        self.leave = nn.Sequential(nn.GELU(), nn.Linear(width, width), nn.Dropout(settings.dropout))

    def forward(self, nodes: Tensor, edge_index: Tensor, edge_weight: Tensor) -> Tensor:
        received = self.attend(self.norm(nodes), edge_index, edge_attr=edge_weight[:, None])
        updated: Tensor = nodes + self.leave(received)
        return updated


def _between_present(batch: Batch) -> tuple[Tensor, Tensor]:
    present = batch.present.reshape(-1)
    both = present[batch.edge_index].all(dim=0)
    return batch.edge_index[:, both], batch.edge_weight[both]
