"""The graph policy: what its weights keep, and what they depend on."""

import pytest
import torch

from quantdl.portfolio.learned import GraphPolicy
from tests.portfolio.learned.markets import told_by_neighbours


@pytest.fixture
def stirred():
    """A policy whose scores are no longer zero."""
    torch.manual_seed(0)
    policy = GraphPolicy(1, cap=0.3).double()
    torch.nn.init.normal_(policy.score.weight, std=3.0)
    return policy


def test_it_begins_at_equal_weights():
    data = told_by_neighbours(5, 1)
    weights = GraphPolicy(1).double()(data.features, data.edge_index, data.edge_weight)
    torch.testing.assert_close(weights, torch.full_like(weights, 1 / 8))


@pytest.mark.parametrize("messages", ["sage", "attention"])
def test_weights_are_long_only_capped_and_fully_invested(messages):
    torch.manual_seed(1)
    data, policy = told_by_neighbours(20, 2), GraphPolicy(1, cap=0.2, messages=messages).double()
    torch.nn.init.normal_(policy.score.weight, std=20.0)
    weights = policy(data.features, data.edge_index, data.edge_weight)
    assert weights.min() >= 0 and weights.max() <= 0.2 + 1e-9
    torch.testing.assert_close(weights.sum(-1), torch.ones(20, dtype=torch.float64))


def test_the_order_of_assets_does_not_matter(stirred):
    data = told_by_neighbours(1, 3)
    order = torch.randperm(8, generator=torch.Generator().manual_seed(4))
    weights = stirred(data.features, data.edge_index, data.edge_weight)
    moved = stirred(data.features[:, order], order.argsort()[data.edge_index], data.edge_weight)
    torch.testing.assert_close(moved, weights[:, order])


def test_a_session_depends_on_its_own_features_only(stirred):
    data = told_by_neighbours(6, 5)
    changed = data.features.clone()
    changed[3] = 1.0 - changed[3]
    before = stirred(data.features, data.edge_index, data.edge_weight)
    after = stirred(changed, data.edge_index, data.edge_weight)
    kept = [0, 1, 2, 4, 5]
    torch.testing.assert_close(after[kept], before[kept])
    assert (after[3] - before[3]).abs().max() > 1e-3


def test_a_cap_that_is_none_is_refused():
    with pytest.raises(ValueError, match="cap"):
        GraphPolicy(1, cap=0.0)
