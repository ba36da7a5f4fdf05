"""Training end to end: costs by hand, and a market whose risk only the graph tells."""

import numpy as np
import pytest
import torch

from quantdl.portfolio.learned import GraphPolicy, fit_policy, net_returns
from quantdl.risk.measures.losses import expected_shortfall
from tests.portfolio.learned.markets import told_by_neighbours, without_edges


def test_net_returns_are_those_of_a_book_that_drifts_and_pays_for_what_it_trades():
    generator = np.random.default_rng(0)
    weights, returns = generator.dirichlet(np.ones(3), 6) * 0.9, generator.normal(0.0, 0.05, (6, 3))
    held, wealth, expected = np.zeros(3), 1.0, []
    for target, move in zip(weights, returns, strict=True):  # in money
        wanted = wealth * target
        cost = 0.002 * np.abs(wanted - held).sum()
        held = wanted * (1 + move)
        after = wealth + held.sum() - wanted.sum()
        expected.append((after - cost) / wealth - 1.0)
        wealth = after  # costs are counted a period, not compounded into the next book
    found = net_returns(torch.from_numpy(weights), torch.from_numpy(returns), 0.002)
    np.testing.assert_allclose(found, expected, atol=1e-12)


@pytest.mark.parametrize("aim", ["shortfall", "sharpe"])
def test_training_lowers_the_loss(aim):
    torch.manual_seed(0)
    losses = fit_policy(GraphPolicy(1).double(), told_by_neighbours(150, 1), aim=aim, steps=15)
    assert losses[-1] < losses[0]


def test_a_policy_that_reads_the_graph_loses_less_out_of_sample_than_one_that_cannot():
    train, later = told_by_neighbours(200, 2), told_by_neighbours(1000, 3)
    found = {}
    for name, cut in (("graph", lambda data: data), ("none", without_edges)):
        torch.manual_seed(0)
        policy = GraphPolicy(1).double()
        fit_policy(policy, cut(train), steps=30, learning_rate=0.05, cost_fraction=0.0)
        seen = cut(later)
        with torch.no_grad():
            weights = policy(seen.features, seen.edge_index, seen.edge_weight)
        found[name] = float(expected_shortfall(-(weights * seen.returns).sum(-1), 0.95))
    equal = float(expected_shortfall(-later.returns.mean(-1), 0.95))
    assert found["graph"] < 0.75 * equal
    assert found["none"] > 0.9 * equal


def test_a_loss_that_is_not_finite_ends_the_training():
    data = told_by_neighbours(50, 4)
    data.returns[3, 2] = torch.nan
    with pytest.raises(FloatingPointError, match="step 0"):
        fit_policy(GraphPolicy(1).double(), data, aim="sharpe", steps=2)
