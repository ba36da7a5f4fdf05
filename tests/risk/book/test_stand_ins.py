"""What stands in for an unknown asset hedges nothing and keeps the size of its own past."""

import numpy as np
import pytest
import torch

from quantdl.risk.book.stand_ins import with_stand_ins, worst_together
from quantdl.risk.measures.scenarios import Scenarios

PAST = np.random.default_rng(1).standard_t(4, size=300) * 0.02


def half_known(n_draws: int = 1000) -> Scenarios:
    known = torch.from_numpy(np.random.default_rng(2).normal(size=n_draws) * 0.01)
    return Scenarios(("A", "NEW"), torch.stack([known, torch.full_like(known, torch.nan)], dim=1), 1)


@pytest.mark.parametrize("weight", [0.4, -0.4])
def test_the_book_with_a_stand_in_loses_the_sum_of_both_at_every_level(weight):
    """Comonotone losses: value at risk and shortfall of the sum are the sums (the worst case of a shortfall)."""
    weights = torch.tensor([0.6, weight]).double()
    filled = with_stand_ins(half_known(), weights, {1: PAST})
    position = -filled.returns * weights
    for level in (0.95, 0.99):
        whole, parts = filled.expected_shortfall(weights, level), 0.0
        for column in (0, 1):
            parts += float(Scenarios(("X",), -position[:, [column]], 1).expected_shortfall(torch.ones(1), level))
        assert float(whole) == pytest.approx(parts, rel=1e-9)


def test_the_filled_column_has_the_quantiles_of_the_past():
    filled = with_stand_ins(half_known(), torch.tensor([0.5, 0.5]).double(), {1: PAST})
    column = filled.returns[:, 1].numpy()
    for share in (0.05, 0.5, 0.95):
        assert np.quantile(column, share) == pytest.approx(np.quantile(PAST, share), abs=2e-4)


def test_nothing_absent_leaves_the_scenarios_as_they_are():
    scenarios = half_known()
    assert with_stand_ins(scenarios, torch.tensor([1.0, 0.0]), {}) is scenarios


def test_no_past_at_all_is_refused():
    with pytest.raises(ValueError, match="nothing stands in for NEW"):
        with_stand_ins(half_known(), torch.tensor([0.5, 0.5]), {1: np.array([])})


def test_the_largest_own_loss_comes_with_the_largest_of_the_book():
    book = torch.tensor([0.3, -0.1, 0.1])
    assert worst_together(book, np.array([0.0, 0.02, 0.04])).argmax() == book.argmax()
