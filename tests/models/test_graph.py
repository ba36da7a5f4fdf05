"""Messages of the graph network: along the edges, in their direction, between present assets, and nowhere else."""

from dataclasses import replace
from typing import Literal

import numpy as np
import pytest
import torch
from torch.nn import functional

from quantdl.models.graph import GraphForecaster
from quantdl.models.settings import GraphSettings
from quantdl.relations.graphs import NeighbourGraph, correlation_graph, group_graph
from quantdl.relations.groups import group_paths
from quantdl.sequences import NEXT_SESSION, build_histories
from quantdl.simulation import sector_shock_market
from quantdl.training.batches import SessionBatches
from quantdl.training.fit import fit
from quantdl.training.settings import TrainingSettings
from quantdl.training.splits import FitSpans
from tests.models.batches import away_from_start, random_batch

EDGES = ((0, 1), (2, 1), (1, 3))  # asset 0 and 2 send to 1, 1 sends to 3; 4 has no edge


@pytest.fixture(scope="module")
def model() -> GraphForecaster:
    settings = GraphSettings(1, width=8, heads=2, trailing_factors=2, dropout=0.0)
    return away_from_start(GraphForecaster(2, 1, settings))


def location_of(model: GraphForecaster, batch) -> torch.Tensor:
    with torch.no_grad():
        return model(batch).marginals.location


def test_one_hop_carries_each_asset_to_the_ends_of_its_edges(model):
    nodes = torch.randn(5, 8, dtype=torch.float64, generator=torch.Generator().manual_seed(0), requires_grad=True)
    edges = torch.tensor(EDGES).T
    updated = model.messages[0](nodes, edges, torch.tensor([[0.3], [0.5], [0.7]], dtype=torch.float64))
    readers = {}
    for node in range(5):
        (gradient,) = torch.autograd.grad(updated[node].square().sum(), nodes, retain_graph=True)
        readers[node] = gradient.abs().sum(-1).nonzero().flatten().tolist()
    assert readers == {0: [0], 1: [0, 1, 2], 2: [2], 3: [1, 3], 4: [4]}


def test_messages_are_attention_over_the_incoming_edges(model):
    """Brody, Alon and Yahav (2022), equation 7, head by head, with the correlation in the scoring function."""
    layer = model.messages[0]
    nodes = torch.randn(5, 8, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    weights = torch.tensor([0.3, 0.5, 0.7], dtype=torch.float64)
    attend, normed = layer.attend, functional.layer_norm(nodes, (8,), layer.norm.weight, layer.norm.bias)
    sent, receiving = attend.lin_l(normed).view(5, 2, 4), attend.lin_r(normed).view(5, 2, 4)
    received = torch.zeros(5, 2, 4, dtype=torch.float64)
    for node in range(5):
        incoming = [(source, weight) for (source, end), weight in zip(EDGES, weights, strict=True) if end == node]
        for head in range(2):
            scores = []
            for source, weight in incoming:
                edge = (attend.lin_edge.weight[:, 0] * weight).view(2, 4)[head]
                mixed = functional.leaky_relu(sent[source, head] + receiving[node, head] + edge, 0.2)
                scores.append(mixed @ attend.att[0, head])
            shares = torch.stack(scores).softmax(0) if scores else []
            for (source, _), share in zip(incoming, shares, strict=True):
                received[node, head] += share * sent[source, head]
    expected = nodes + layer.leave(received.flatten(1) + attend.bias)
    torch.testing.assert_close(layer(nodes, torch.tensor(EDGES).T, weights[:, None]), expected)


def test_a_stronger_correlation_shifts_attention_between_two_senders(model):
    batch = random_batch(rows=1, assets=5, edges=EDGES)
    weaker = replace(batch, edge_weight=torch.tensor([0.9, 0.1, 0.5], dtype=torch.float64))
    changed = location_of(model, batch) != location_of(model, weaker)
    assert changed[0, 1]  # the common mean of all encodings carries it on to the others


def test_edges_have_a_direction(model):
    batch = random_batch(rows=1, assets=5, edges=EDGES)
    reversed_edges = replace(batch, edge_index=batch.edge_index.flip(0))
    assert not torch.allclose(location_of(model, batch), location_of(model, reversed_edges))


def test_an_absent_asset_sends_and_receives_nothing(model):
    batch = random_batch(rows=1, assets=5, edges=EDGES)
    present = batch.present.clone()
    present[0, 0] = False
    absent = replace(batch, present=present)
    features = batch.features.clone()
    features[0, 0] += 1.0
    kept = present[0]
    expected = location_of(model, absent)[0, kept]
    assert torch.equal(location_of(model, replace(absent, features=features))[0, kept], expected)
    without = replace(absent, edge_index=batch.edge_index[:, 1:], edge_weight=batch.edge_weight[1:])
    assert torch.equal(location_of(model, without)[0, kept], expected)
    assert not torch.equal(location_of(model, replace(batch, features=features))[0, kept], expected)


def test_rows_are_graphs_of_their_own(model):
    """Nodes are numbered row by row; the edges of the first row reach no other."""
    batch = random_batch(rows=2, assets=5, edges=EDGES)
    without = replace(batch, edge_index=batch.edge_index[:, :0], edge_weight=batch.edge_weight[:0])
    assert torch.equal(location_of(model, batch)[1], location_of(model, without)[1])
    assert not torch.equal(location_of(model, batch)[0], location_of(model, without)[0])


def test_an_edge_within_a_group_is_told_from_one_between_groups():
    """Where edges are built from groups, the flag of the edge shifts attention; elsewhere it is not read."""
    batch = random_batch(rows=1, assets=5, edges=EDGES)
    flagged = replace(batch, edge_in_group=torch.tensor([True, False, False]))
    settings = GraphSettings(1, width=8, heads=2, trailing_factors=2, dropout=0.0, edges="both")
    both = away_from_start(GraphForecaster(2, 1, settings))
    none = replace(batch, edge_in_group=torch.zeros(3, dtype=torch.bool))
    assert not torch.equal(location_of(both, flagged)[0, 1], location_of(both, none)[0, 1])
    assert torch.equal(location_of(both, batch), location_of(both, none))


def test_edges_by_correlation_alone_read_no_flag(model):
    batch = random_batch(rows=1, assets=5, edges=EDGES)
    flagged = replace(batch, edge_in_group=torch.tensor([True, False, False]))
    assert torch.equal(location_of(model, batch), location_of(model, flagged))


@pytest.mark.slow
def test_edges_by_sector_earn_their_place_where_sectors_are_shaken_and_uncorrelated():
    """Returns are independent given the volatility of their sector, so no correlation finds who shares one."""
    market = sector_shock_market(1000, n_sectors=4, sector_size=8, seed=0)
    sectors = {name: (f"sector {number // 8}",) for number, name in enumerate(market.panel.assets)}
    returns, groups = market.panel.log_returns(), group_paths(market.panel, sectors)
    training = TrainingSettings(epochs=12, patience=4, learning_rate=5e-3, warm_up_steps=20, rows=1, averaging=0.95)
    bars, spans = range(800, 999), FitSpans(range(30, 700), range(700, 800))

    def score(graph: NeighbourGraph, edges: Literal["correlation", "sector"]) -> float:
        histories = build_histories(market.panel, [NEXT_SESSION], graph=graph)
        with torch.random.fork_rng():
            torch.manual_seed(0)
            model = GraphForecaster(histories.n_features, 1, GraphSettings(1, context=16, edges=edges))
        fit(model, SessionBatches(histories, spans, 16, training, seed=0), training, seed=0)
        batch = histories.batch([bars], 16)
        with torch.no_grad():
            return -float(model(batch).marginal_log_prob(batch.target).mean())

    by_sector = score(group_graph(returns, groups, 7, 60), "sector")
    by_correlation = score(correlation_graph(returns, 7, 60), "correlation")
    truth = -float(np.mean(market.true_log_density[bars.start + 1 : bars.stop + 1]))
    print(f"sector {by_sector:.4f}, correlation {by_correlation:.4f}, truth {truth:.4f}")
    assert by_correlation - by_sector > 0.02
    assert by_sector > truth  # the density given the hidden volatility is out of reach
