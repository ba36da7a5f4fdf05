"""A tree of market, sectors and assets: what reaches whom, in any order, at any depth, in any session."""

import gc
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import torch

from quantdl.models.sector_tree import Node, SectorTreeForecaster, TreeEncoder, market_tree
from quantdl.models.settings import SectorTreeSettings, TransformerSettings
from quantdl.models.transformer import TransformerForecaster
from quantdl.relations.groups import group_paths
from quantdl.sequences import NEXT_SESSION, build_histories
from quantdl.simulation import sector_shock_market
from quantdl.training.batches import SessionBatches
from quantdl.training.fit import fit
from quantdl.training.settings import TrainingSettings
from quantdl.training.splits import FitSpans
from tests.models.batches import away_from_start, random_batch

# Assets 0 and 1 share an industry, 2 is in another one of their sector, 3 in another sector, 4 hangs from the market.
PATHS = ((0, 0), (0, 0), (0, 1), (1, -1), (-1, -1))
WIDTH = 8


@pytest.fixture(scope="module")
def encoder() -> TreeEncoder:
    return away_from_start(TreeEncoder(WIDTH, by_level=True))


def encodings(rows: int = 3, assets: int = 5) -> torch.Tensor:
    generator = torch.Generator().manual_seed(2)
    return torch.randn((rows, assets, WIDTH), dtype=torch.float64, generator=generator)


def groups(rows: int = 3) -> torch.Tensor:
    return torch.tensor(PATHS).expand(rows, -1, -1)


def both_ways(encoder: TreeEncoder, hidden, paths, present) -> list[torch.Tensor]:
    found = []
    for by_level in (True, False):
        encoder.by_level = by_level
        found.append(encoder(hidden, paths, present))
    encoder.by_level = True
    return found


def shape_of(node: Node) -> object:
    """An asset's number, or the set of what is below a group."""
    return node.asset if node.asset is not None else frozenset(map(shape_of, node.children))


def test_the_tree_has_a_node_for_every_group_that_has_an_asset():
    everything = shape_of(market_tree(PATHS, range(5)))
    pipelines, coal, banks = frozenset({0, 1}), frozenset({2}), frozenset({3})
    assert everything == frozenset({frozenset({pipelines, coal}), banks, 4})
    assert shape_of(market_tree(PATHS, [1, 4])) == frozenset({frozenset({frozenset({1})}), 4})


def test_another_set_of_assets_and_other_groups_in_each_session_give_the_same_by_level_and_by_recursion(encoder):
    present = torch.tensor([[1, 1, 1, 1, 1], [0, 1, 0, 1, 0], [0, 0, 0, 0, 1]]) > 0
    paths = groups().clone()
    paths[1, 1] = torch.tensor([3, -1])  # the second asset has moved to a sector of its own
    by_level, by_recursion = both_ways(encoder, encodings(), paths, present)
    torch.testing.assert_close(by_level[present], by_recursion[present], rtol=1e-12, atol=1e-12)


def test_both_ways_have_the_same_gradients(encoder):
    present = torch.tensor([[1, 1, 1, 1, 1], [0, 1, 0, 1, 0], [1, 0, 0, 0, 1]]) > 0
    slopes = []
    for found in both_ways(encoder, encodings(), groups(), present):
        slopes.append(torch.autograd.grad(found[present].square().sum(), list(encoder.parameters())))
    for by_level, by_recursion in zip(*slopes, strict=True):
        torch.testing.assert_close(by_level, by_recursion, rtol=1e-10, atol=1e-10)


def test_the_recursion_is_the_formula_written_out(encoder):
    """Two assets in one sector and one beside it: every node by hand."""
    hidden = encodings(1, 3)[0]
    first, second, beside = hidden

    def summary(*children: torch.Tensor) -> torch.Tensor:
        mean = sum(children) / len(children)
        count = torch.tensor([float(len(children))], dtype=torch.float64)
        return mean + encoder.rise(torch.cat([encoder.norm_child(mean), count.log()]))

    def informed(own: torch.Tensor, above: torch.Tensor) -> torch.Tensor:
        return own + encoder.fall(torch.cat([encoder.norm_child(own), encoder.norm_above(above)]))

    sector = summary(first, second)
    market = summary(sector, beside)
    told = informed(sector, market)
    expected = [informed(first, told), informed(second, told), informed(beside, market)]
    found = encoder.walk(market_tree([[0], [0], [-1]], [0, 1, 2]), hidden)
    torch.testing.assert_close(torch.stack([found[asset] for asset in range(3)]), torch.stack(expected))


def reversed_tree(node: Node) -> Node:
    return Node(tuple(map(reversed_tree, reversed(node.children))), node.asset)


def test_the_order_of_children_does_not_matter(encoder):
    hidden, tree = encodings()[0], market_tree(PATHS, range(5))
    straight, backwards = encoder.walk(tree, hidden), encoder.walk(reversed_tree(tree), hidden)
    for asset in range(5):
        torch.testing.assert_close(straight[asset], backwards[asset], rtol=1e-12, atol=1e-12)
    order = torch.tensor([3, 0, 4, 2, 1])
    present = torch.ones(3, 5, dtype=torch.bool)
    permuted = encoder(encodings()[:, order], groups()[:, order], present[:, order])
    torch.testing.assert_close(permuted, encoder(encodings(), groups(), present)[:, order], rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("by_level", [True, False])
def test_an_absent_asset_is_in_no_tree(encoder, by_level):
    encoder.by_level = by_level
    present = torch.tensor([[True, False, True, True, True]])
    hidden = encodings(1)
    disturbed = hidden.clone()
    disturbed[0, 1] = torch.nan
    expected, found = (encoder(values, groups(1), present)[present] for values in (hidden, disturbed))
    encoder.by_level = True
    assert torch.equal(found, expected) and torch.isfinite(found).all()
    without = encoder(hidden[:, [0, 2, 3, 4]], groups(1)[:, [0, 2, 3, 4]], torch.ones(1, 4) > 0)
    torch.testing.assert_close(found, without[0], rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("by_level", [True, False])
def test_one_asset_alone_and_a_session_without_any_are_served(encoder, by_level):
    encoder.by_level = by_level
    hidden = encodings(2, 1)
    found = encoder(hidden, torch.tensor(PATHS[:1]).expand(2, -1, -1), torch.tensor([[True], [False]]))
    nobody_knows = encoder(hidden, torch.zeros((2, 1, 0), dtype=torch.int64), torch.tensor([[True], [False]]))
    encoder.by_level = True
    assert torch.isfinite(found).all() and not torch.equal(found[0], hidden[0])
    assert torch.equal(found[1], hidden[1])
    assert not torch.equal(nobody_knows[0], found[0])  # without a sector the tree is one step less deep


def test_an_asset_reads_its_own_industry_and_all_others_through_the_market(encoder):
    hidden = encodings(1).requires_grad_()
    found = encoder(hidden, groups(1), torch.ones(1, 5) > 0)
    (slope,) = torch.autograd.grad(found[0, 0].sum(), hidden)
    assert (slope[0].abs().sum(-1) > 0).all()
    moved = encodings(1)
    moved[0, 1, 0] += 1.0  # not all numbers alike, which a normalisation would take away
    effect = (encoder(moved, groups(1), torch.ones(1, 5) > 0) - found)[0].detach().norm(dim=-1)
    assert effect[0] > effect[2] > 0 and effect[0] > effect[3] > 0  # its neighbour more than the others


def test_sessions_do_not_read_each_other(encoder):
    present = torch.ones(3, 5) > 0
    moved = encodings()
    moved[2] += 1.0
    changed, expected = encoder(moved, groups(), present), encoder(encodings(), groups(), present)
    torch.testing.assert_close(changed[:2], expected[:2], rtol=0, atol=1e-13)


def tensors_alive() -> int:
    gc.collect()
    return sum(issubclass(type(item), torch.Tensor) for item in gc.get_objects())


@pytest.mark.slow
@pytest.mark.parametrize("steps", [60, pytest.param(1000, marks=pytest.mark.slow)])
def test_memory_stays_flat_however_many_steps_are_taken(steps):
    """A graph built anew in every step, of another tree each time, is gone after the step."""
    settings = SectorTreeSettings(1, width=8, heads=2, layers=1, trailing_factors=2, evaluation="recursive")
    model = SectorTreeForecaster(2, 1, settings).double()
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-4)
    batch = replace(random_batch(rows=1, assets=5), groups=groups(1))
    generator = torch.Generator().manual_seed(0)
    alive = []
    for step in range(steps):
        present = torch.rand((1, 5), generator=generator) > 0.3
        listed = replace(batch, present=present, target_observed=present)
        optimizer.zero_grad()
        (-model(listed).log_prob(listed.target).sum()).backward()
        optimizer.step()
        if step in (10, steps // 2, steps - 1):
            alive.append(tensors_alive())
    grown = [later - earlier for earlier, later in pairwise(alive)]
    assert max(grown) <= 5  # what falls was left behind by tests before this one


@pytest.mark.slow
def test_the_tree_earns_its_place_where_sectors_have_shocks_of_their_own():
    """The volatility of a sector is hidden and changes fast: eight assets together show it, one alone hardly."""
    market = sector_shock_market(1000, n_sectors=4, sector_size=8, seed=0)
    sectors = {name: (f"sector {number // 8}",) for number, name in enumerate(market.panel.assets)}
    histories = build_histories(market.panel, [NEXT_SESSION], groups=group_paths(market.panel, sectors))
    training = TrainingSettings(epochs=12, patience=4, learning_rate=5e-3, warm_up_steps=20, rows=1, averaging=0.95)
    bars, spans = range(800, 999), FitSpans(range(30, 700), range(700, 800))

    def score(build, settings) -> float:
        with torch.random.fork_rng():
            torch.manual_seed(0)
            model = build(histories.n_features, 1, settings)
        fit(model, SessionBatches(histories, spans, 16, training, seed=0), training, seed=0)
        batch = histories.batch([bars], 16)
        with torch.no_grad():
            return -float(model(batch).marginal_log_prob(batch.target).mean())

    tree = score(SectorTreeForecaster, SectorTreeSettings(1, context=16))
    without = score(TransformerForecaster, TransformerSettings(1, layers=1, context=16))
    truth = -float(np.mean(market.true_log_density[bars.start + 1 : bars.stop + 1]))
    print(f"tree {tree:.4f}, without {without:.4f}, truth {truth:.4f}")
    assert without - tree > 0.02
    assert tree > truth  # the density given the hidden volatility is out of reach
