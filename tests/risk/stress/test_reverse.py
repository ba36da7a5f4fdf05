"""Reverse stress: proportional to covariance times weights for elliptical laws, and what cannot be lost."""

import pytest
import torch
from scipy import optimize

from quantdl.risk.stress.reverse import likeliest_loss, most_that_can_be_lost
from tests.risk.stress.known_laws import NORMAL, law, scatter

TINY = 1e-5


def book(count):
    weights = torch.linspace(-0.4, 1.2, count, dtype=torch.float64)
    return weights / weights.sum()


@pytest.mark.parametrize("degrees", [NORMAL, 4.0])
@pytest.mark.parametrize("count", [3, 15])
def test_elliptical_laws_lose_along_their_covariance_with_the_book(degrees, count):
    weights, matrix = book(count), scatter(count, TINY)
    loss = 8.0 * float((weights @ matrix @ weights).sqrt())
    found = likeliest_loss(law(count, degrees, TINY), weights, loss, 1)
    expected = -matrix @ weights * loss / (weights @ matrix @ weights)
    assert (found.log_returns - expected).abs().max() < 2e-3 * expected.abs().max()
    ratio = -32.0 if degrees == NORMAL else -(degrees + count) / 2 * float(torch.tensor(1 + 64 / degrees).log())
    assert found.log_density_ratio == pytest.approx(ratio, rel=1e-3)
    assert found.agreeing == found.starts == 4


def test_large_losses_are_those_of_a_general_optimiser():
    weights, matrix = book(4).numpy(), scatter(4, 0.05).numpy()
    inverse = torch.linalg.inv(scatter(4, 0.05)).numpy()
    reference = optimize.minimize(
        lambda x: 0.5 * x @ inverse @ x,
        -matrix @ weights * 0.3 / (weights @ matrix @ weights),
        constraints={"type": "eq", "fun": lambda x: weights @ torch.expm1(torch.tensor(x)).numpy() + 0.3},
        method="SLSQP",
        options={"ftol": 1e-12},
    )
    found = likeliest_loss(law(4, NORMAL, 0.05), book(4), 0.3, 1)
    assert found.log_density_ratio == pytest.approx(-reference.fun, rel=1e-4)
    assert abs(found.log_returns.numpy() - reference.x).max() < 2e-3


def test_a_law_in_single_precision_gives_the_same_within_its_digits():
    one, two = (likeliest_loss(law(6, 4.0, 0.01, dtype), book(6), 0.2, 1) for dtype in (torch.float64, torch.float32))
    assert two.log_density_ratio == pytest.approx(one.log_density_ratio, abs=0.01)
    assert float(-(torch.expm1(two.log_returns) @ book(6))) == pytest.approx(0.2, abs=1e-9)


def test_a_loss_beyond_what_the_book_holds_is_refused_with_what_it_can_lose():
    long_only = torch.tensor([0.1, 0.05], dtype=torch.float64)
    assert most_that_can_be_lost(long_only) == pytest.approx(0.15)
    assert most_that_can_be_lost(book(3)) == float("inf")
    with pytest.raises(ValueError, match=r"at most 0\.15"):
        likeliest_loss(law(2), long_only, 0.2, 1)
