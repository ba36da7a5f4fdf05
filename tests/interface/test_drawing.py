"""What the plots of a notebook share."""

import numpy as np
import pytest
import torch

from quantdl.interface.drawing import drawn_losses
from quantdl.risk.measures.scenarios import Scenarios


def test_losses_are_drawn_with_their_measures():
    returns = -torch.linspace(0.0, 0.1998, 1000, dtype=torch.float64)[:, None]
    figure = drawn_losses(Scenarios(("A",), returns, 1), torch.ones(1, dtype=torch.float64), 0.99, "All losses")
    assert np.sum(figure.data[0].y) == pytest.approx(100.0)
    value_at_risk, shortfall = (note.text for note in figure.layout.annotations)
    assert value_at_risk == "VaR 99% 19.78%"  # ten of a thousand losses lie beyond it: 19.80 % to 19.98 %
    assert shortfall == "ES 99% 19.89%"
