"""The running mean of the weights against its closed form."""

import numpy as np
import pytest
import torch

from quantdl.models.forecaster import Forecaster
from quantdl.training.averaging import WeightAverage


class Weights(Forecaster):
    """Two weights, a buffer of floats and one of whole numbers."""

    def __init__(self, *values: float) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.tensor(values, dtype=torch.float64))
        self.register_buffer("spread", torch.tensor(values, dtype=torch.float64))
        self.register_buffer("count", torch.tensor(3))

    def forward(self, batch):
        raise NotImplementedError

    def become(self, *values: float) -> "Weights":
        with torch.no_grad():
            self.weight.copy_(torch.tensor(values))
            self.spread.copy_(torch.tensor(values))
        return self


def mean_after(steps: list[float], decay: float) -> float:
    model = Weights(100.0, 100.0)
    average = WeightAverage(model, decay)
    for step in steps:
        average.update(model.become(step, -step))
    mean = average.weights()
    assert mean["weight"][1] == -mean["weight"][0]
    torch.testing.assert_close(mean["spread"], mean["weight"])
    return mean["weight"][0].item()


def test_the_first_step_replaces_the_initial_weights():
    assert mean_after([5.0], decay=0.99) == 5.0


def test_a_young_mean_weighs_early_steps_by_the_closed_form():
    """Keeping ``(n - 1) / (n + 9)`` at step n gives step k the weight 10 / (k + 9) times what later steps keep.

    The product telescopes: ``(k + 8)! / (k - 1)! * (n - 1)! / (n + 9)!`` times ten, a polynomial of degree nine.
    """
    steps, n = np.arange(1.0, 9.0) ** 2, 8
    rising = np.array([np.prod(np.arange(k, k + 9.0)) for k in range(1, n + 1)])
    expected = float(rising @ steps / rising.sum())
    assert mean_after(list(steps), decay=0.9999) == pytest.approx(expected, rel=1e-12)


def test_an_old_mean_forgets_exponentially():
    """From 900 steps on with a decay of 0.9 the start is gone: a mean of equal steps, then three new ones."""
    late = [1.0, 4.0, 9.0]
    expected = 2.0 * 0.9**3 + 0.1 * (1.0 * 0.9**2 + 4.0 * 0.9 + 9.0)
    assert mean_after([2.0] * 900 + late, decay=0.9) == pytest.approx(expected, rel=1e-12)


def test_whole_numbers_are_not_averaged():
    model = Weights(1.0, 2.0)
    average = WeightAverage(model, 0.9)
    model.count.fill_(7)
    average.update(model)
    assert average.weights()["count"].item() == 3


def test_the_mean_is_lent_to_the_model_and_taken_back_also_after_an_error():
    model = Weights(1.0, 2.0)
    average = WeightAverage(model, 0.9)
    model.become(5.0, 6.0)

    def stop() -> None:
        with average.applied(model):
            assert model.weight.tolist() == [1.0, 2.0]
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stop()
    assert model.weight.tolist() == [5.0, 6.0]


def test_weights_are_a_copy():
    model = Weights(1.0, 2.0)
    average = WeightAverage(model, 0.9)
    average.weights()["weight"].zero_()
    model.become(9.0, 9.0)
    assert average.weights()["weight"].tolist() == [1.0, 2.0]
