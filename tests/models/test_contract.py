"""One contract for every model: a new model is a new row of MODELS."""

import copy
from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

import numpy as np
import pytest
import torch
from scipy import stats

from quantdl.distributions import ScoreFlowForecast
from quantdl.models.bayesian import BayesianForecaster
from quantdl.models.classical.volatility import VolatilityForecaster
from quantdl.models.ensemble import EnsembleForecaster, RefittedForecaster
from quantdl.models.flow import FlowForecaster
from quantdl.models.graph import GraphForecaster
from quantdl.models.sector_tree import SectorTreeForecaster
from quantdl.models.settings import (
    DccSettings,
    EgarchSettings,
    EgarchSkewSettings,
    EwmaSettings,
    FilteredHistoricalSettings,
    FlowSettings,
    GarchSettings,
    GarchSkewSettings,
    GjrSettings,
    GjrSkewSettings,
    GraphSettings,
    HistoricalSettings,
    LedoitWolfSettings,
    MarketStatesSettings,
    SectorTreeSettings,
    TransformerSettings,
)
from quantdl.models.transformer import TransformerForecaster
from quantdl.relations.graphs import group_graph
from quantdl.relations.groups import group_paths
from quantdl.sequences import NEXT_SESSION, Batch, Histories, build_histories, position_window
from quantdl.simulation import panel_of_closes
from quantdl.training.classical_fit import fit_classical

CONTEXT = 24
EVERY_THIRD = slice(None, None, 3)  # rows of both return windows and both blocks
WINDOWS = (NEXT_SESSION, position_window(5))
SECTORS = {"SIM000": ("Energy", "Pipelines"), "SIM002": ("Energy", "Coal"), "SIM003": ("Banks",), "SIM004": ("Energy",)}


def market_closes() -> np.ndarray:
    """Five assets with common risk; the last is listed late, the third does not trade for a week."""
    generator = np.random.default_rng(5)
    common = generator.standard_normal((700, 1))
    returns = 0.01 * (common + generator.standard_t(5, (700, 5)))
    closes = 50.0 * np.exp(np.cumsum(returns, axis=0))
    closes[:330, 4] = np.nan
    closes[400:405, 2] = np.nan
    return closes


@pytest.fixture(scope="module")
def histories() -> Histories:
    return histories_of(market_closes())


@pytest.fixture(scope="module")
def changed_later() -> Histories:
    closes = market_closes()
    closes[630:] *= np.exp(0.3 * np.sin(np.arange(70)))[:, None]
    return histories_of(closes)


@pytest.fixture(scope="module")
def with_two_more() -> Histories:
    return histories_of(np.concatenate([market_closes(), market_closes()[:, :2] ** 1.5], axis=1))


def histories_of(closes: np.ndarray, order: Sequence[int] | None = None, sector_factors: bool = False) -> Histories:
    """Assets are named by their place; ``order`` says which assets of the market they are."""
    panel = panel_of_closes(closes)
    names = panel.assets if order is None else [panel.assets[number] for number in order]
    sectors = {name: SECTORS[own] for name, own in zip(panel.assets, names, strict=True) if own in SECTORS}
    groups = group_paths(panel, sectors)
    graph = group_graph(panel.log_returns(), groups, 2, 100, and_correlated=True)
    factor_groups = groups if sector_factors else None
    return build_histories(panel, WINDOWS, graph=graph, groups=groups, factor_groups=factor_groups)


def network(build, settings, seed=1):
    def make(histories: Histories):
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            model = build(histories.n_features, len(WINDOWS), settings)
            for parameter in model.parameters():  # away from the start, where most outputs are exactly zero
                parameter.data.add_(0.05 * torch.randn_like(parameter))
        return model.eval()

    return make


def classical(settings, refits=(390,)):
    return lambda histories: fit_classical(settings, histories, refits)


def bayesian(histories: Histories) -> BayesianForecaster:
    """Five members around the transformer."""
    model = BayesianForecaster(MODELS["transformer"](histories), 5)
    generator = torch.Generator().manual_seed(4)
    model.members.add_(0.05 * torch.randn(model.members.shape, generator=generator))
    return model.eval()


def refitted(histories: Histories) -> RefittedForecaster:
    """Transformers of other weights, the second in force from bar 600 on."""
    later = network(TransformerForecaster, TransformerSettings(horizon=5, width=16, heads=2), seed=2)
    return RefittedForecaster([MODELS["transformer"](histories), later(histories)], (390, 600)).eval()


def ensemble(histories: Histories) -> EnsembleForecaster:
    """A network and a posterior, whose members each have a share."""
    posterior = bayesian(histories)
    posterior.members = posterior.members[:2]
    return EnsembleForecaster([MODELS["graph"](histories), posterior], (0.4, 0.6)).eval()


def across(way: Literal["pooled", "attention"]) -> TransformerSettings:
    """A transformer in which the assets of a session tell each other."""
    return TransformerSettings(horizon=5, width=16, heads=2, cross_section=way)


MODELS = {
    "transformer": network(TransformerForecaster, TransformerSettings(horizon=5, width=16, heads=2)),
    "pooled": network(TransformerForecaster, TransformerSettings(5, width=16, heads=2, cross_section="pooled")),
    "attention": network(
        TransformerForecaster, TransformerSettings(5, width=16, heads=2, cross_section="attention"), 2
    ),
    "flow": network(FlowForecaster, FlowSettings(horizon=5, width=16, heads=2)),
    "coupling": network(FlowForecaster, FlowSettings(horizon=5, width=16, heads=2, joint="coupling")),
    "graph": network(GraphForecaster, GraphSettings(horizon=5, width=16, heads=2, layers=2)),
    "sector_edges": network(GraphForecaster, GraphSettings(horizon=5, width=16, heads=2, edges="both")),
    "sector_tree": network(SectorTreeForecaster, SectorTreeSettings(horizon=5, width=16, heads=2)),
    "bayesian": bayesian,
    "refitted": refitted,
    "ensemble": ensemble,
}
NETWORKS = tuple(MODELS)
MODELS |= {
    "ewma_t": classical(EwmaSettings(5), (350, 600)),
    "garch_t": classical(GarchSettings(5), (350, 600)),
    "gjr_t": classical(GjrSettings(5)),
    "egarch_t": classical(EgarchSettings(5)),
    "garch_skewt": classical(GarchSkewSettings(5)),
    "gjr_skewt": classical(GjrSkewSettings(5)),
    "egarch_skewt": classical(EgarchSkewSettings(5)),
    "dcc_t": classical(DccSettings(5, recursion="garch")),
    "market_states": classical(MarketStatesSettings(5, recursion="garch"), (390, 600)),
    "filtered_historical": classical(FilteredHistoricalSettings(5, window=200)),
    "ledoit_wolf_t": classical(LedoitWolfSettings(5, window=60)),
    "historical": classical(HistoricalSettings(5, window=60)),
}


SLOW = ("gjr_t", "egarch_t", "garch_skewt")  # their parts are in the others
QUICKLY_FITTED = (*NETWORKS, "ledoit_wolf_t", "historical")  # a network is not fitted here
FITTED_ANEW = [pytest.param(name, marks=[pytest.mark.slow] * (name not in QUICKLY_FITTED)) for name in MODELS]


@pytest.fixture(scope="module", params=[pytest.param(n, marks=[pytest.mark.slow] * (n in SLOW)) for n in MODELS])
def model(request, histories):
    return MODELS[request.param](histories)


@pytest.fixture(scope="module", params=NETWORKS)
def net(request, histories):
    return MODELS[request.param](histories)


@pytest.fixture(scope="module")
def batch(histories) -> Batch:
    """Before, during and after the third asset's week of silence, and a later block of another length."""
    return histories.batch([range(397, 408), range(625, 629)], CONTEXT)


@pytest.fixture(scope="module")
def permuted() -> Histories:
    return histories_of(market_closes()[:, ORDER], ORDER)


@pytest.fixture(scope="module")
def small() -> Histories:
    """A hundredth of every log return."""
    return histories_of(np.exp(0.01 * np.log(market_closes())))


@pytest.fixture(scope="module")
def before_listing() -> tuple[Histories, Histories]:
    """With an asset that is listed at bar 620, and without it."""
    closes = market_closes()
    closes[:620, 4] = np.nan
    return histories_of(closes), histories_of(closes[:, :4])


@pytest.fixture(scope="module")
def hostile() -> Histories:
    """Stale prices, a price that is all but lost and comes back, one of a millionth, and a last one that explodes."""
    closes = market_closes()
    closes[200:300, 0] = closes[200, 0]
    closes[520:590, 0] = closes[520, 0]
    closes[250, 1] *= 0.02
    closes[560, 1] *= 0.02
    closes[:, 3] *= 1e-6
    closes[580:, 4] *= 50.0
    return histories_of(closes)


ORDER = [3, 0, 4, 1, 2]


def law_of(model, batch):
    with torch.no_grad():
        return model(batch)


def test_a_law_has_one_row_per_forecast_and_one_dimension_per_asset(model, batch):
    law = law_of(model, batch)
    assert isinstance(law, torch.distributions.Distribution)
    assert law.batch_shape == (30,)  # 15 bars in two return windows
    assert law.event_shape == (5,)
    assert law.log_prob(batch.target).shape == (30,)
    assert law.sample((3,)).shape == (3, 30, 5)


def test_log_densities_are_finite_also_far_out(model, batch):
    law = law_of(model, batch)
    for shift in (0.0, 0.5, -2.0):
        assert torch.isfinite(law.log_prob(batch.target + shift)).all()


def test_an_absent_asset_has_density_one_and_draws_zero(model, batch):
    law = law_of(model, batch)
    absent = ~batch.present
    assert absent.any()
    assert (law.marginal_log_prob(batch.target)[absent] == 0).all()
    assert (law.sample((4,))[:, absent] == 0).all()
    disturbed = torch.where(absent, torch.nan, batch.target)
    torch.testing.assert_close(law.log_prob(disturbed), law.log_prob(batch.target), rtol=0, atol=0)


def test_a_marginal_density_integrates_to_one(model, batch):
    law = law_of(model, batch)
    row = int(batch.present.all(1).nonzero()[0])
    grid = torch.sinh(torch.linspace(-12, 12, 1201, dtype=torch.float64)) * 1e-3
    rows = law.rows(torch.full((len(grid),), row))
    density = rows.marginal_log_prob(grid[:, None].expand(-1, 5)).double().exp()
    total = torch.trapezoid(density, grid, dim=0)
    torch.testing.assert_close(total, torch.ones(5, dtype=torch.float64), rtol=0, atol=2e-3)


def test_draws_agree_with_the_marginal_laws(model, batch):
    law = law_of(model, batch)
    row = int(batch.present.all(1).nonzero()[0])
    one = law.rows(slice(row, row + 1))
    n_draws = 1000 if isinstance(law, ScoreFlowForecast) else 4000  # its own tests take more of a smaller flow
    with torch.random.fork_rng():
        torch.manual_seed(2)
        draws = one.sample((n_draws,))[:, 0]
    probabilities = law.rows(torch.full((n_draws,), row)).cdf(draws)
    for asset in range(5):
        assert stats.kstest(probabilities[:, asset].numpy(), "uniform").pvalue > 1e-4


def test_quantiles_invert_probabilities(model, batch):
    law, present = law_of(model, batch).rows(EVERY_THIRD), batch.present[EVERY_THIRD]
    for probability in (0.001, 0.05, 0.5, 0.99):
        back = law.cdf(law.icdf(probability))[present]
        torch.testing.assert_close(back, torch.full_like(back, probability), rtol=1e-7, atol=0.0)


def test_quantiles_far_out_are_finite_and_leave_the_tail_that_was_asked_for(model, batch):
    """1 - 1e-8 is a float64, whatever the dtype of the network; half an ulp of it is 6e-9 of the tail."""
    law, present = law_of(model, batch).rows(EVERY_THIRD), batch.present[EVERY_THIRD]
    for tail in (1e-4, 3e-8, 1e-8):
        upper, lower = law.icdf(1.0 - tail), law.icdf(tail)
        assert upper.dtype == lower.dtype == torch.float64
        for log_tail in (law.log_survival(upper), law.log_cdf(lower)):
            found = log_tail.exp()[present]
            torch.testing.assert_close(found, torch.full_like(found, tail), rtol=1e-6, atol=0.0)


def test_no_return_has_probability_zero_or_one(model, batch):
    law, target = law_of(model, batch).rows(EVERY_THIRD), batch.target[EVERY_THIRD]
    for shift in (-50.0, -0.5, 0.5, 50.0):
        far = target + shift
        assert law.cdf(far).dtype == torch.float64
        assert ((law.cdf(far) > 0.0) & (law.cdf(far) < 1.0)).all()
        logs = torch.stack([law.log_cdf(far), law.log_survival(far)])
        assert logs.dtype == torch.float64 and torch.isfinite(logs).all() and (logs < 0.0).all()
        torch.testing.assert_close(logs.exp().sum(0), torch.ones_like(law.cdf(far)), rtol=1e-12, atol=0.0)


def test_padding_is_invisible(model, batch):
    padding = batch.padding
    assert padding.any()
    noisy = replace(
        batch,
        features=batch.features.masked_fill(padding[..., None], 7.0),
        returns=batch.returns.masked_fill(padding, 3.0),
        scale=batch.scale.masked_fill(padding, 9.0),
    )
    expected = law_of(model, batch).log_prob(batch.target)
    torch.testing.assert_close(law_of(model, noisy).log_prob(batch.target), expected, rtol=0, atol=0)


def test_other_dates_in_the_batch_change_nothing(model, histories):
    alone = law_of(model, histories.batch([range(620, 630)], CONTEXT))
    together = law_of(model, histories.batch([range(395, 410), range(620, 630)], CONTEXT))
    probability = 0.05
    # Windows follow each other: rows 15..24 are the second block in the first window.
    torch.testing.assert_close(together.icdf(probability)[15:25], alone.icdf(probability)[:10], rtol=1e-4, atol=1e-7)


def test_future_prices_change_no_law(model, histories, changed_later):
    blocks = [range(600, 630)]
    expected, batch = law_of(model, histories.batch(blocks, CONTEXT)), changed_later.batch(blocks, CONTEXT)
    seen = law_of(model, batch)
    probability = 0.01
    torch.testing.assert_close(seen.icdf(probability), expected.icdf(probability), rtol=0, atol=0)
    torch.testing.assert_close(seen.log_prob(batch.target), expected.log_prob(batch.target), rtol=0, atol=0)


def test_the_same_seed_draws_the_same(model, batch):
    law = law_of(model, batch)
    with torch.random.fork_rng():
        torch.manual_seed(3)
        first = law.sample((5,))
        torch.manual_seed(3)
        assert torch.equal(law.sample((5,)), first)


@pytest.mark.parametrize("net", sorted({*NETWORKS} - {"bayesian", "ensemble", "refitted"}), indirect=True)
def test_every_parameter_learns(net, histories):
    batch = histories.batch([range(560, 624)], CONTEXT)  # the trailing factors are known from bar 500 on
    net = copy.deepcopy(net)
    for name, value in net.named_parameters():
        if name.endswith("marginals.tail"):
            value.data.zero_()  # at a bound of tails it rests
    loss = -net(batch).observed(batch.target_observed).log_prob(batch.target).sum()
    loss.backward()
    dead = [name for name, value in net.named_parameters() if value.grad is None or not value.grad.abs().sum() > 0]
    assert dead == []


def test_extreme_targets_leave_gradients_finite(net, batch):
    for size in (1e-12, 3.0, 50.0):
        net.zero_grad()
        net(batch).log_prob(torch.full_like(batch.target, size)).sum().backward()
        assert all(torch.isfinite(value.grad).all() for value in net.parameters() if value.grad is not None)


def test_an_asset_never_seen_is_served(net, with_two_more):
    batch = with_two_more.batch([range(620, 622)], CONTEXT)
    law = law_of(net, batch)
    assert law.event_shape == (7,)
    assert torch.isfinite(law.log_prob(batch.target)).all()


def test_joint_densities_are_those_of_the_draws(model, batch):
    """Over draws from any two laws p and q, the mean of q / (p + q) under p is that of p / (p + q) under q.

    Here q is the product of the marginal laws; draws from it are those of p, each asset's in an order of its own.
    """
    law = law_of(model, batch)
    count = 300 if isinstance(law, ScoreFlowForecast) else 1500  # whose own laws are integrals, by quadrature
    row = int(batch.present.all(1).nonzero()[-1])
    with torch.random.fork_rng():
        torch.manual_seed(6)
        draws = law.rows(slice(row, row + 1)).sample((count,))[:, 0]
        apart = torch.stack([draws[torch.randperm(count), asset] for asset in range(5)], dim=-1)
    rows = law.rows(torch.full((count,), row))

    def share_of_the_product(values: torch.Tensor) -> torch.Tensor:
        with torch.no_grad():
            return (rows.marginal_log_prob(values).double().sum(-1) - rows.log_prob(values).double()).sigmoid()

    under_joint, under_product = share_of_the_product(draws), 1.0 - share_of_the_product(apart)
    error = ((under_joint.var() + under_product.var()) / count).sqrt()
    assert (under_joint.mean() - under_product.mean()).abs() < 4.0 * error
    assert under_joint.mean() < 0.49  # the assets do move together, or nothing would be shown


def test_whatever_numbers_a_model_holds_are_stored_and_moved_with_it(model):
    held = [
        f"{name}.{key}" for name, part in model.named_modules() for key, value in vars(part).items() if is_tensor(value)
    ]
    assert held == []  # besides parameters and buffers
    moved = copy.deepcopy(model).to("meta")
    assert {value.device.type for value in (*moved.parameters(), *moved.buffers())} <= {"meta"}


def is_tensor(value: object) -> bool:
    if isinstance(value, list | tuple):
        return any(map(is_tensor, value))
    return isinstance(value, torch.Tensor | np.ndarray)


@pytest.mark.parametrize("name", FITTED_ANEW)
def test_the_order_of_assets_does_not_matter(name, histories, permuted):
    blocks = [range(620, 628)]
    straight, other = histories.batch(blocks, CONTEXT), permuted.batch(blocks, CONTEXT)
    expected, found = law_of(MODELS[name](histories), straight), law_of(MODELS[name](permuted), other)
    # Trailing factors are fixed up to signs, which cancel in the law.
    torch.testing.assert_close(found.log_prob(other.target), expected.log_prob(straight.target), rtol=1e-3, atol=1e-2)
    probability = 0.05
    torch.testing.assert_close(
        found.icdf(probability), expected.icdf(probability)[:, ORDER], rtol=1e-3, atol=1e-6, check_dtype=False
    )


@pytest.mark.parametrize("name", FITTED_ANEW)
def test_the_scale_of_returns_carries_through(name, histories, small):
    blocks = [range(500, 505)]
    large_law, small_law = (law_of(MODELS[name](own), own.batch(blocks, CONTEXT)) for own in (histories, small))
    probability = 0.05
    torch.testing.assert_close(small_law.icdf(probability) * 100, large_law.icdf(probability), rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("name", FITTED_ANEW)
def test_an_asset_that_is_not_listed_yet_changes_no_law_of_the_others(name, before_listing):
    laws, batches = [], []
    for own in before_listing:
        batches.append(own.batch([range(600, 606)], CONTEXT))
        laws.append(law_of(MODELS[name](own), batches[-1]))
    with_it, without = laws
    assert not with_it.present[:, 4].any() and with_it.present[:, :4].all()
    probability = 0.05
    torch.testing.assert_close(with_it.icdf(probability)[:, :4], without.icdf(probability), rtol=1e-4, atol=1e-7)
    torch.testing.assert_close(
        with_it.log_prob(batches[0].target), without.log_prob(batches[1].target), rtol=1e-4, atol=1e-3
    )


@pytest.mark.parametrize("name", FITTED_ANEW)
def test_stale_lost_and_exploding_prices_leave_a_law(name, hostile):
    """In what is fitted and in what is read."""
    batch = hostile.batch([range(580, 582)], CONTEXT)
    law = law_of(MODELS[name](hostile), batch)
    present = batch.present
    low, middle, high = (law.icdf(probability)[present] for probability in (0.01, 0.5, 0.99))
    assert torch.isfinite(torch.stack([low, middle, high])).all() and (low < middle).all() and (middle < high).all()
    assert torch.isfinite(law.log_prob(batch.target)).all()
    assert torch.isfinite(law.marginal_crps(batch.target)).all()
    with torch.random.fork_rng():
        torch.manual_seed(0)
        assert torch.isfinite(law.sample((20,))).all()


SECTOR_FACTORS = {
    "transformer": network(TransformerForecaster, TransformerSettings(5, width=16, heads=2, sector_factors=True)),
    "coupling": network(FlowForecaster, FlowSettings(5, width=16, heads=2, joint="coupling", sector_factors=True)),
    "market_states": classical(MarketStatesSettings(5, recursion="garch", sector_factors=True)),
}


@pytest.fixture(scope="module")
def grouped() -> Histories:
    return histories_of(market_closes(), sector_factors=True)


@pytest.fixture(scope="module", params=SECTOR_FACTORS)
def by_sector(request, grouped):
    return SECTOR_FACTORS[request.param](grouped)


def test_sector_factors_join_the_members_of_a_sector_alone(by_sector, grouped):
    batch = grouped.batch([range(620, 624)], CONTEXT)
    assert batch.trailing_loadings.shape[-1] == 7  # six of the market, and Energy's; the other groups are too small
    plain = replace(batch, trailing_loadings=batch.trailing_loadings[..., :6])
    assert (law_of(by_sector, batch).log_prob(batch.target) != law_of(by_sector, plain).log_prob(batch.target)).all()
    if not isinstance(by_sector, FlowForecaster):  # a coupling flow bends common scores, of which all assets have parts
        own, bare = (law_of(by_sector, item).assets(torch.tensor([1, 3])).icdf(0.01) for item in (batch, plain))
        torch.testing.assert_close(own, bare, rtol=1e-5, atol=0.0)  # of no group, and of a small one


def test_sector_factors_hold_the_contract_of_absent_assets_and_of_order(by_sector, grouped):
    closes, blocks, order = market_closes(), [range(397, 408), range(620, 628)], [3, 0, 4, 1, 2]
    batch = grouped.batch(blocks, CONTEXT)
    law = law_of(by_sector, batch)
    assert torch.isfinite(law.log_prob(batch.target)).all()
    disturbed = torch.where(batch.present, batch.target, torch.nan)
    assert (~batch.present).any()
    torch.testing.assert_close(law.log_prob(disturbed), law.log_prob(batch.target), rtol=0, atol=0)
    if not isinstance(by_sector, VolatilityForecaster):  # those have parameters of single assets
        permuted = histories_of(closes[:, order], order, sector_factors=True).batch(blocks, CONTEXT)
        found = law_of(by_sector, permuted).log_prob(permuted.target)
        torch.testing.assert_close(found, law.log_prob(batch.target), rtol=1e-3, atol=1e-2)
        more = np.concatenate([closes, closes[:, :2] ** 1.5], axis=1)
        seven = histories_of(more, [0, 1, 2, 3, 4, 0, 0], sector_factors=True).batch(blocks, CONTEXT)
        assert torch.isfinite(law_of(by_sector, seven).log_prob(seven.target)).all()


def test_future_prices_change_no_law_with_sector_factors(by_sector, grouped):
    changed = market_closes()
    changed[630:] *= np.exp(0.3 * np.sin(np.arange(70)))[:, None]
    past = grouped.batch([range(600, 630)], CONTEXT)
    seen = histories_of(changed, sector_factors=True).batch([range(600, 630)], CONTEXT)
    found, expected = (law_of(by_sector, item).log_prob(seen.target) for item in (seen, past))
    torch.testing.assert_close(found, expected, rtol=0, atol=0)
