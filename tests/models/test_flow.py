"""Splines by hand: their knots, slopes and pieces; the identity outside their bound, and their inverse."""

import math

import numpy as np
import pytest
import torch
from scipy import integrate, stats

from quantdl.distributions import AffineMarginals
from quantdl.models.flow import FlowForecaster, SplineHead, SplineMarginals, SplineShape
from quantdl.models.settings import FlowSettings, TransformerSettings
from quantdl.models.transformer import TransformerForecaster
from tests.models.batches import away_from_start, random_batch

BOUND = 3.0
WIDTHS, HEIGHTS = (0.2, 0.5, 0.3), (0.4, 0.1, 0.5)
SLOPES, SPLITS = (0.6, 1.7), (0.3, 0.5, 0.8)
FREEDOM = torch.tensor([5.0], dtype=torch.float64)


@pytest.fixture
def shape() -> SplineShape:
    parts = (torch.tensor(part, dtype=torch.float64)[None, None] for part in (WIDTHS, HEIGHTS, SLOPES, SPLITS))
    return SplineShape(*parts, bound=BOUND)


def marginals_of(shape: SplineShape, location: float = 0.0, scale: float = 1.0) -> SplineMarginals:
    affine = AffineMarginals(
        torch.full((1, 1), location, dtype=torch.float64), torch.full((1, 1), scale, dtype=torch.float64)
    )
    return SplineMarginals(affine, shape)


def to_standard(shape: SplineShape, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    marginals = marginals_of(shape)
    pairs = [marginals.to_standard(torch.tensor([[value]], dtype=torch.float64), FREEDOM) for value in values]
    return tuple(np.array([float(pair[part]) for pair in pairs]) for part in (0, 1))


def knots(shares: tuple[float, ...]) -> np.ndarray:
    """Ends of the bins; each share gives a thousandth of the interval to every bin first."""
    widths = 1e-3 + (1.0 - 3e-3) * np.array(shares)
    return BOUND * (2.0 * np.concatenate([[0.0], np.cumsum(widths)]) - 1.0)


def test_the_spline_leads_through_its_knots_with_its_slopes(shape):
    values, log_slopes = to_standard(shape, knots(WIDTHS)[1:-1])
    np.testing.assert_allclose(values, knots(HEIGHTS)[1:-1], rtol=0, atol=1e-6)
    np.testing.assert_allclose(np.exp(log_slopes), np.array(SLOPES) + 1e-3, rtol=1e-4)


def test_the_spline_rises_and_its_log_slope_is_that_of_its_values(shape):
    grid = np.linspace(-4.0, 4.0, 161)
    values, log_slopes = to_standard(shape, grid)
    assert (np.diff(values) > 0).all()
    step = 1e-5
    differences = (to_standard(shape, grid + step)[0] - to_standard(shape, grid - step)[0]) / (2 * step)
    away = np.abs(np.abs(grid) - BOUND) > 0.01  # the slope jumps from 0.999 to 1 at the bound
    np.testing.assert_allclose(np.exp(log_slopes)[away], differences[away], rtol=2e-4)


def test_outside_the_bound_it_is_the_identity_with_gradients(shape):
    values, log_slopes = to_standard(shape, np.array([-50.0, -3.0, 3.0, 1e6]))
    np.testing.assert_array_equal(values, [-50.0, -3.0, 3.0, 1e6])
    np.testing.assert_array_equal(log_slopes, np.zeros(4))
    value = torch.tensor([[1e8]], dtype=torch.float64, requires_grad=True)
    standard, log_slope = marginals_of(shape).to_standard(value, FREEDOM)
    (standard + log_slope).sum().backward()
    assert value.grad.item() == 1.0


def test_returns_come_back_from_the_standard_variable(shape):
    marginals = marginals_of(shape, location=0.002, scale=0.015)
    standard = torch.linspace(-4.0, 4.0, 81, dtype=torch.float64)[:, None, None]
    returns = marginals.from_standard(standard, FREEDOM)
    assert (returns.diff(dim=0) > 0).all()
    back = torch.stack([marginals.to_standard(value, FREEDOM)[0] for value in returns])
    torch.testing.assert_close(back, standard, rtol=0, atol=2e-5)


def test_each_piece_is_one_hyperbola(shape):
    """Hyperbolas keep the cross-ratio of four points, and across a joint of two it changes."""

    def cross_ratios(edges: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        places = [left + (right - left) * np.array([0.1, 0.35, 0.6, 0.9]) for left, right in edges]
        images = [to_standard(shape, place)[0] for place in places]
        return tuple(np.array([_cross_ratio(points) for points in group]) for group in (places, images))

    ends = shape.pieces()[:, 0, 0].numpy()
    np.testing.assert_allclose(ends[::2], knots(WIDTHS), rtol=0, atol=1e-12)
    before, after = cross_ratios(np.stack([ends[:-1], ends[1:]], axis=1))
    np.testing.assert_allclose(after, before, rtol=1e-5)
    middles = 0.5 * (ends[:-1] + ends[1:])
    before, after = cross_ratios(np.stack([middles[:-1], middles[1:]], axis=1))
    assert (np.abs(after / before - 1.0) > 1e-3).all()


def _cross_ratio(points: np.ndarray) -> float:
    a, b, c, d = points
    return (c - a) * (d - b) / ((c - b) * (d - a))


def test_the_mean_is_the_integral_of_the_returns(shape):
    marginals = marginals_of(shape, location=0.1, scale=2.0)

    def weighted(place: float) -> float:
        standard, log_slope = to_standard(shape, np.array([place]))
        return place * stats.t.pdf(standard[0], 5.0) * math.exp(log_slope[0])

    inner, _ = integrate.quad(weighted, -BOUND, BOUND, points=shape.pieces()[1:-1, 0, 0].tolist(), epsabs=1e-9)
    assert marginals.mean(FREEDOM).item() == pytest.approx(0.1 + 2.0 * inner, abs=1e-4)
    assert math.isnan(marginals.mean(torch.ones(1, dtype=torch.float64)).item())


def test_rows_and_assets_keep_their_own_spline():
    head = away_from_start(SplineHead(3, 4, bins=4, bound=2.0))
    shape = head(torch.randn(2, 3, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0)))
    assert (shape.widths.shape, shape.heights.shape, shape.slopes.shape) == ((2, 3, 4), (2, 3, 4), (2, 3, 3))
    torch.testing.assert_close(shape.widths.sum(-1), torch.ones(2, 3, dtype=torch.float64))
    torch.testing.assert_close(shape.heights.sum(-1), torch.ones(2, 3, dtype=torch.float64))
    assert (shape.slopes > 0).all()
    assert ((shape.splits > 0) & (shape.splits < 1)).all()
    scale = torch.arange(1.0, 7.0, dtype=torch.float64).reshape(2, 3)
    whole = SplineMarginals(AffineMarginals(scale, scale), shape)
    freedom, value = torch.tensor([4.0, 9.0], dtype=torch.float64), 1.2 * scale
    expected = whole.cdf(value, freedom)
    order = torch.tensor([2, 0])
    torch.testing.assert_close(whole.assets(order).cdf(value[:, order], freedom), expected[:, order])
    torch.testing.assert_close(whole.rows(slice(1, 2)).cdf(value[1:], freedom[1:]), expected[1:])


def test_training_starts_from_the_identity():
    """Up to Pyro's slope of 0.999 at the bound, which bends the outermost bins."""
    with torch.no_grad():
        shape = SplineHead(3, 4, bins=6, bound=BOUND).double()(torch.zeros(1, 1, 3, dtype=torch.float64))
    grid = np.linspace(-2.95, 2.95, 60)
    values, log_slopes = to_standard(shape, grid)
    outermost = np.abs(grid) > 2.0
    np.testing.assert_allclose(values[~outermost], grid[~outermost], rtol=0, atol=1e-8)
    np.testing.assert_allclose(log_slopes[~outermost], 0.0, atol=1e-8)
    np.testing.assert_allclose(values, grid, rtol=0, atol=2e-4)
    np.testing.assert_allclose(log_slopes, 0.0, atol=1.1e-3)


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
    torch.testing.assert_close(flow(batch).log_prob(batch.target), expected, rtol=0, atol=3e-3)  # see above
    away_from_start(flow.spline)
    assert (flow(batch).log_prob(batch.target) - expected).abs().min() > 1e-2
