"""The flow's splines are read off each asset's encoding, and start as none."""

import torch

from quantdl.models.flow import FlowForecaster, SplineHead
from quantdl.models.settings import FlowSettings, TransformerSettings
from quantdl.models.transformer import TransformerForecaster
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


def test_before_training_the_flow_is_the_transformer_with_the_same_weights():
    transformer = away_from_start(
        TransformerForecaster(2, 1, TransformerSettings(1, width=8, heads=2, trailing_factors=2))
    )
    flow = FlowForecaster(2, 1, FlowSettings(1, width=8, heads=2, trailing_factors=2)).double().eval()
    names = {name.replace("marginals.", "affine."): value for name, value in transformer.state_dict().items()}
    missing, unexpected = flow.load_state_dict(names, strict=False)
    assert (unexpected, {name.split(".")[0] for name in missing}) == ([], {"spline"})
    batch = random_batch()
    expected = transformer(batch).log_prob(batch.target)
    torch.testing.assert_close(flow(batch).log_prob(batch.target), expected, rtol=0, atol=1e-5)
    away_from_start(flow.spline)
    assert (flow(batch).log_prob(batch.target) - expected).abs().min() > 1e-2
