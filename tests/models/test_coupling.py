"""The coupling flow is invertible, its log determinant is that of its Jacobian, and it learns what it should."""

import pytest
import torch

from quantdl.models.coupling import CouplingFlow
from tests.models.batches import away_from_start


def flow_of(dimension: int, layers: int = 3, context: int = 4) -> CouplingFlow:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return away_from_start(CouplingFlow(dimension, context, layers, hidden=8, bins=5, bound=4.0))


def normal(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.parametrize("dimension", [2, 3, 5])
def test_the_inverse_leads_back_with_the_opposite_log_determinant(dimension):
    flow, context = flow_of(dimension), normal(50, 4, seed=1)
    value = 2.0 * normal(7, 50, dimension)
    image, log_determinant = flow(value, context)
    back, inverse = flow.inverse(image, context)
    assert (image - value).abs().mean() > 0.05
    torch.testing.assert_close(back, value, rtol=0, atol=1e-8)
    torch.testing.assert_close(inverse, -log_determinant, rtol=0, atol=1e-7)


@pytest.mark.parametrize("dimension", [2, 5])
def test_the_log_determinant_is_that_of_the_jacobian(dimension):
    flow = flow_of(dimension)
    for seed in range(5):
        value, context = 1.5 * normal(dimension, seed=seed), normal(4, seed=9)
        jacobian = torch.autograd.functional.jacobian(lambda at, given=context: flow(at, given)[0], value)
        expected = torch.linalg.slogdet(jacobian).logabsdet
        torch.testing.assert_close(flow(value, context)[1], expected, rtol=0, atol=1e-8)


def test_it_starts_from_the_identity_and_ends_at_the_bound():
    fresh = CouplingFlow(4, 2, layers=3, hidden=8, bins=5, bound=4.0).double()
    value, context = 3.0 * normal(20, 4), normal(20, 2)
    image, log_determinant = fresh(value, context)
    torch.testing.assert_close(image, value, rtol=0, atol=1e-6)
    torch.testing.assert_close(log_determinant, torch.zeros(20, dtype=torch.float64), rtol=0, atol=1e-5)
    far = torch.full((1, 4), 60.0, dtype=torch.float64)
    torch.testing.assert_close(flow_of(4)(far, normal(1, 4))[0], far, rtol=0, atol=0)


def test_every_value_bends_and_bends_by_the_others_and_the_context():
    flow = flow_of(4, layers=2)
    value, context = 0.5 * normal(4), normal(4, seed=3)
    in_value, in_context = torch.autograd.functional.jacobian(lambda *at: flow(*at)[0], (value, context))
    assert (in_value.abs().sum(1) > 1e-6).all()
    assert (in_value[1::2, 0::2].abs() > 1e-9).all()  # odd places bend by even ones
    assert (in_context.abs().sum(1) > 1e-6).all()


def test_a_single_value_is_refused():
    with pytest.raises(ValueError, match="two values or more"):
        CouplingFlow(1, 2, layers=2, hidden=8, bins=5, bound=4.0)


def test_trained_on_a_crescent_it_comes_near_the_true_density():
    """x ~ N(0, 1), y given x ~ N(c x**2, 0.5): the best normal law loses about 0.38 nats, by the variance of c x**2."""
    generator = torch.Generator().manual_seed(0)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        flow = CouplingFlow(2, 1, layers=4, hidden=16, bins=8, bound=6.0)

    def draw(count: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        bend = torch.rand(count, generator=generator) * 0.8
        first = torch.randn(count, generator=generator)
        noise = torch.randn(count, generator=generator)
        true = -0.5 * (first.square() + noise.square()) - 1.8378771 - torch.tensor(0.5).log()
        return torch.stack([first, bend * first.square() + 0.5 * noise], -1), bend[:, None], true

    def log_density(value: torch.Tensor, context: torch.Tensor) -> torch.Tensor:
        base, log_determinant = flow(value, context)
        return log_determinant - 0.5 * base.square().sum(-1) - 1.8378771

    optimizer = torch.optim.Adam(flow.parameters(), lr=1e-2)
    for _ in range(120):
        value, context, _ = draw(256)
        optimizer.zero_grad()
        (-log_density(value, context).mean()).backward()
        optimizer.step()
    value, context, true = draw(20_000)
    with torch.no_grad():
        lost = (true - log_density(value, context)).mean().item()
        drawn, _ = flow.inverse(torch.randn(20_000, 2, generator=generator), context)
    assert 0.0 < lost < 0.12
    wanted = torch.stack([value[:, 1].mean(), (value[:, 0].square() * value[:, 1]).mean()])
    found = torch.stack([drawn[:, 1].mean(), (drawn[:, 0].square() * drawn[:, 1]).mean()])
    torch.testing.assert_close(found, wanted, rtol=0.1, atol=0.05)
