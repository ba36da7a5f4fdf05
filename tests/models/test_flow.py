"""The flow's splines are read off each asset's encoding, and start as none."""

import numpy as np
import pytest
import torch

from quantdl.distributions import CopulaForecast, RationalSpline, ScoreFlowForecast
from quantdl.models.coupling import CouplingFlow
from quantdl.models.flow import FlowForecaster, SplineHead
from quantdl.models.heads import unit
from quantdl.models.settings import FlowSettings
from quantdl.sequences import NEXT_SESSION, Batch, build_histories
from quantdl.simulation import panel_of_closes
from quantdl.training.batches import SessionBatches
from quantdl.training.fit import fit
from quantdl.training.settings import TrainingSettings
from quantdl.training.splits import FitSpans
from tests.models.batches import away_from_start, random_batch


def test_training_starts_from_the_identity():
    spline = SplineHead(3, 4, bins=6, bound=3.0).double()(torch.randn(1, 2, 3, dtype=torch.float64))
    grid = torch.linspace(-4.0, 4.0, 33, dtype=torch.float64)[:, None, None]
    image, log_slope = spline.forward(grid)
    torch.testing.assert_close(image, grid.expand_as(image), rtol=0, atol=1e-6)
    torch.testing.assert_close(log_slope, torch.zeros_like(image), rtol=0, atol=1e-6)


def test_a_spline_depends_on_its_own_encoding_alone():
    head = away_from_start(SplineHead(3, 4, bins=4, bound=2.0))
    context = torch.randn(2, 3, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    place = torch.full((2, 3), 0.3, dtype=torch.float64)
    whole = head(context).forward(place)[0]
    for row in range(2):
        for asset in range(3):
            alone = head(context[row : row + 1, asset : asset + 1]).forward(place[:1, :1])[0]
            torch.testing.assert_close(alone.squeeze(), whole[row, asset])
    assert whole.flatten().unique().numel() == 6


def unbent(flow: FlowForecaster, batch: Batch) -> CopulaForecast:
    """The law of a flow's margins and dependence alone."""
    assets, row = flow.context(batch.at_read(flow.encoder(batch)), batch)
    dependence = flow.dependence(assets, row, batch.trailing_loadings)
    if flow.joint == "coupling":
        return CopulaForecast(flow.affine(assets, unit(batch)), dependence, batch.present)
    marginals = flow.marginals(assets, unit(batch), dependence.shock_stretch)
    return CopulaForecast(marginals, dependence, batch.present)


def test_before_training_the_spline_bends_nothing():
    flow = away_from_start(FlowForecaster(2, 1, FlowSettings(1, width=8, heads=2, trailing_factors=2)))
    flow.spline = SplineHead(flow.context.size, 8, 8, 4.0).double()
    batch = random_batch()
    expected = unbent(flow, batch).log_prob(batch.target)
    torch.testing.assert_close(flow(batch).log_prob(batch.target), expected, rtol=0, atol=1e-5)
    away_from_start(flow.spline)
    assert (flow(batch).log_prob(batch.target) - expected).abs().min() > 1e-2


@pytest.mark.parametrize(("joint", "law"), [("factors", CopulaForecast), ("coupling", ScoreFlowForecast)])
def test_the_setting_chooses_what_joins_the_assets(joint, law):
    flow = FlowForecaster(2, 1, FlowSettings(1, width=8, heads=2, trailing_factors=2, joint=joint)).double()
    assert type(flow(random_batch())) is law


def test_before_training_the_coupling_flow_bends_nothing():
    flow = FlowForecaster(2, 1, FlowSettings(1, width=8, heads=2, trailing_factors=2, joint="coupling")).double().eval()
    for head in (flow.encoder, flow.affine, flow.dependence):
        away_from_start(head)
    batch = random_batch()
    expected = unbent(flow, batch).log_prob(batch.target)
    torch.testing.assert_close(flow(batch).log_prob(batch.target), expected, rtol=0, atol=1e-5)


def crescent_market(n_sessions: int, n_assets: int) -> tuple[np.ndarray, np.ndarray]:
    """Returns whose two common shocks are uncorrelated and not independent, and their true joint log density.

    In units of 1 % and with ``f1, f2`` standard normal, a third of the assets moves by ``f1 + sqrt(2) g``, the others
    by ``f1 - g / sqrt(2)``, where ``g = f2 / 2 - 0.8 (f1**2 - 1)``: a large move of either sign costs the first third.
    The shocks enter by an orthogonal map, so the density is that of ``(f1, f2)`` and of the noise.
    """
    generator = np.random.default_rng(0)
    first, second = generator.standard_normal((2, n_sessions))
    turned = 0.5 * second - 0.8 * (first**2 - 1.0)
    noise = 0.5 * generator.standard_normal((n_sessions, n_assets))
    side = np.where(np.arange(n_assets) < n_assets // 3, 2.0, -1.0)
    even, odd = np.ones(n_assets) / np.sqrt(n_assets), side / np.sqrt((side**2).sum())
    noise = noise - np.outer(noise @ even, even) - np.outer(noise @ odd, odd)  # none along the two scores
    size = np.sqrt(n_assets)
    standard = size * (np.outer(first, even) + np.outer(turned, odd)) + noise
    log_density = -0.5 * (first**2 + second**2) - np.log(2.0 * np.pi) - np.log(0.5 * size**2)
    rest = n_assets - 2
    log_density += -0.5 * (noise**2).sum(1) / 0.25 - 0.5 * rest * np.log(2.0 * np.pi * 0.25)
    return 0.01 * standard, log_density - n_assets * np.log(0.01)


@pytest.mark.slow
def test_the_coupling_flow_learns_a_dependence_that_no_elliptical_law_holds():
    """Joint score an asset on sessions not seen: half of what the factor copula loses to the truth is gained."""
    returns, truth = crescent_market(2400, 6)
    closes = 50.0 * np.exp(np.cumsum(returns, axis=0))
    histories = build_histories(panel_of_closes(closes), [NEXT_SESSION])
    settings = TrainingSettings(epochs=25, patience=6, marginal_share=0.2)
    spans, bars = FitSpans(range(500, 1800), range(1800, 2100)), range(2100, 2398)
    scores = {}
    for joint in ("factors", "coupling"):
        with torch.random.fork_rng():
            torch.manual_seed(0)
            model = FlowForecaster(histories.n_features, 1, FlowSettings(1, width=16, layers=1, joint=joint))
        fit(model, SessionBatches(histories, spans, 32, settings, seed=0), settings, seed=0)
        batch = histories.batch([bars], 32)
        with torch.no_grad():
            scores[joint] = -float(model(batch).log_prob(batch.target).mean()) / 6
    true = -float(truth[bars.start + 1 : bars.stop + 1].mean()) / 6
    assert scores["factors"] - true > 0.05  # an elliptical copula cannot hold it
    assert scores["coupling"] - true < 0.5 * (scores["factors"] - true)


@pytest.mark.slow
def test_flow_densities_compile_without_a_graph_break():
    def margins(place: torch.Tensor, numbers: torch.Tensor) -> torch.Tensor:
        spline = RationalSpline.of(numbers, 4.0)
        image, log_slope = spline.forward(place)
        return log_slope - 0.5 * image.square()

    flow = CouplingFlow(5, 3, layers=3, hidden=16, bins=8, bound=5.0)

    def joint(value: torch.Tensor, context: torch.Tensor) -> torch.Tensor:
        base, log_determinant = flow(value, context)
        return log_determinant - 0.5 * base.square().sum(-1)

    cases = (
        (margins, (torch.randn(6, 4), torch.randn(31, 6, 4))),
        (joint, (torch.randn(6, 5), torch.randn(6, 3))),
    )
    for density, arguments in cases:
        found = torch._dynamo.explain(density)(*arguments)
        assert (found.graph_break_count, found.graph_count) == (0, 1), found.break_reasons
        compiled = torch.compile(density, backend="aot_eager", fullgraph=True)
        torch.testing.assert_close(compiled(*arguments), density(*arguments))
