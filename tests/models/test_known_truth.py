"""Each model on a market made for it: without the part that makes the model, the score falls."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from quantdl.models.flow import FlowForecaster
from quantdl.models.forecaster import Forecaster
from quantdl.models.graph import GraphForecaster
from quantdl.models.settings import FlowSettings, GraphSettings, TransformerSettings
from quantdl.models.transformer import TransformerForecaster
from quantdl.relations.graphs import NeighbourGraph, correlation_graph
from quantdl.sequences import NEXT_SESSION, Histories, build_histories
from quantdl.simulation import (
    SimulatedMarket,
    correlation_jump_market,
    simulate,
    skewed_bimodal_market,
    spill_over_market,
)
from quantdl.training.batches import SessionBatches
from quantdl.training.fit import fit
from quantdl.training.forecasting import FittedModel
from quantdl.training.settings import TrainingSettings
from quantdl.training.splits import FitSpans
from tests.true_horizon import LONG_RUN, WINDOWS as MONTHS, Truth, deviations, gjr_market, predicted

SETTINGS = TrainingSettings(epochs=12, patience=4)
TRANSFORMER, GRAPH = TransformerSettings(1), GraphSettings(1, layers=2)
SMALL = {"width": 16, "heads": 2, "layers": 1, "context": 32}  # as much network as the simplest markets ask for
SMALL_TRANSFORMER, SMALL_FLOW = TransformerSettings(1, **SMALL), FlowSettings(1, **SMALL)


def fitted(build, settings, histories: Histories, train_end: int, validation_end: int) -> Forecaster:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = build(histories.n_features, 1, settings)
    spans = FitSpans(range(30, train_end), range(train_end, validation_end))
    fit(model, SessionBatches(histories, spans, settings.context, SETTINGS, seed=0), SETTINGS, seed=0)
    return model


def test_score(model: Forecaster, histories: Histories, bars: range, context: int) -> float:
    """Mean negative log density of the next session's return of each asset, in nats."""
    batch = histories.batch([bars], context)
    with torch.no_grad():
        density = model(batch).marginal_log_prob(batch.target)
    return -float(density[batch.target_observed].mean())


test_score.__test__ = False


def true_score(market: SimulatedMarket, bars: range) -> float:
    return -float(np.mean(market.true_log_density[bars.start + 1 : bars.stop + 1]))


@pytest.fixture(scope="module")
def skewed():
    market = skewed_bimodal_market(1500, 4, seed=0)
    return market, build_histories(market.panel, [NEXT_SESSION])


@pytest.mark.slow
def test_the_spline_is_worth_its_place_on_a_skewed_bimodal_market(skewed):
    market, histories = skewed
    bars = range(1200, 1499)

    def score(build, settings) -> float:
        return test_score(fitted(build, settings, histories, 1000, 1200), histories, bars, settings.context)

    flow, without_spline = score(FlowForecaster, SMALL_FLOW), score(TransformerForecaster, SMALL_TRANSFORMER)
    assert without_spline - flow > 0.02
    assert flow - true_score(market, bars) < 0.05  # near the truth, and not only better than without


@pytest.mark.slow
def test_shuffled_edges_lose_the_gain_of_the_graph():
    market = spill_over_market(1600, n_groups=4, group_size=4, strength=0.6, seed=1)
    graph = correlation_graph(market.panel.log_returns(), n_neighbours=3)
    order = np.random.default_rng(0).permutation(16)
    shuffled = replace(graph, neighbours=np.where(graph.neighbours >= 0, order[graph.neighbours], -1))
    empty = replace(graph, neighbours=np.full_like(graph.neighbours, -1))
    bars = range(1300, 1599)

    def score(edges: NeighbourGraph) -> float:
        histories = build_histories(market.panel, [NEXT_SESSION], graph=edges)
        return test_score(fitted(GraphForecaster, GRAPH, histories, 1100, 1300), histories, bars, GRAPH.context)

    with_graph, without = score(graph), score(empty)
    gain = without - with_graph
    assert gain > 0.03
    assert score(shuffled) - with_graph > 0.8 * gain
    assert with_graph - true_score(market, bars) < 0.05


@pytest.mark.slow
def test_the_joint_law_follows_a_jump_of_the_correlation():
    generator = np.random.default_rng(3)
    regimes = [np.full(generator.integers(80, 200), (0.2, 0.8)[number % 2]) for number in range(14)]
    correlation = np.concatenate([np.concatenate(regimes)[:1700], np.full(150, 0.2), np.full(150, 0.8)])
    market = correlation_jump_market(correlation, n_assets=6, seed=0)
    histories = build_histories(market.panel, [NEXT_SESSION])
    model = fitted(TransformerForecaster, SMALL_TRANSFORMER, histories, 1400, 1700)
    with torch.no_grad():
        law = model(histories.batch([range(1700, 1999)], SMALL_TRANSFORMER.context))
    pair = torch.triu_indices(6, 6, offset=1)
    each = torch.eye(6)
    alone = law.weighted_sum(each).variance
    covariance = (
        law.weighted_sum(each[pair[0]] + each[pair[1]]).variance - alone[:, pair[0]] - alone[:, pair[1]]
    ) / 2.0
    predicted = (covariance / (alone[:, pair[0]] * alone[:, pair[1]]).sqrt()).mean(dim=1).numpy()
    assert abs(np.mean(predicted[60:149]) - 0.2) < 0.15  # two months into the calm; trailing factors remember longer
    assert abs(np.mean(predicted[210:299]) - 0.8) < 0.1
    assert predicted[180] > 0.6  # a month and a half after the jump it has moved most of the way


@pytest.fixture(scope="module")
def three_horizons() -> FittedModel:
    """One transformer trained on the next session, a week and a month of a GJR market, with the shipped settings."""
    path = simulate(gjr_market(6000, 8), seed=0)
    histories = build_histories(path.panel, MONTHS)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = TransformerForecaster(histories.n_features, 3, replace(TRANSFORMER, horizon=5, also_horizons=(21,)))
    spans, settings = FitSpans(range(4999), range(4998, 5999)), TrainingSettings()
    fit(model, SessionBatches(histories, spans, TRANSFORMER.context, settings, seed=0), settings, seed=0)
    return FittedModel(model, MONTHS, TRANSFORMER.context, (histories.sessions[0],))


@pytest.mark.slow
def test_a_network_knows_that_the_volatility_of_a_month_reverts(three_horizons):
    """Held against the truth on another path; a scaled day knows the true variance, and nothing of the way back."""
    truth = Truth.of(3000, 8, seed=1, n_bars=40, n_draws=10_000)
    state, true = truth.variance / LONG_RUN, truth.months.std(axis=0)
    found, scaled = deviations(three_horizons, truth) / true, np.sqrt(21.0 * truth.variance) / true
    calm, shock = state < 0.6, state > 2.0
    assert abs(found[calm].mean() - 1.0) < 0.06 < 1.0 - scaled[calm].mean()
    assert abs(found[shock].mean() - 1.0) < 0.06 < scaled[shock].mean() - 1.0
    assert (truth.errors(predicted(three_horizons, truth)) < truth.errors(truth.scaled_day())).all()
