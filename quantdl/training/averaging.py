"""A running mean of the weights, which is validated and kept: it varies less than the weights of the last step."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from torch import Tensor

from quantdl.models.forecaster import Forecaster


class WeightAverage:
    """Exponential running mean of a model's weights.

    Step ``n`` keeps ``min(decay, (n - 1) / (n + 9))`` of the mean before it, so the first steps count nearly alike and
    the initial weights not at all. Buffers that are no floating-point numbers stay as they were at the start.

    Averaged iterates go back to Polyak and Juditsky (1992), Acceleration of stochastic approximation by averaging.
    """

    def __init__(self, model: Forecaster, decay: float) -> None:
        self.decay, self.steps = decay, 0
        self.mean = _copy(model)

    def update(self, model: Forecaster) -> None:
        """Take in the weights after one step."""
        self.steps += 1
        decay = min(self.decay, (self.steps - 1.0) / (self.steps + 9.0))
        for name, value in model.state_dict().items():
            if value.is_floating_point():
                self.mean[name].lerp_(value.detach(), 1.0 - decay)

    def restore(self, mean: Mapping[str, Tensor], steps: int) -> None:
        """Go on from a mean of so many steps."""
        self.mean, self.steps = {name: mean[name].clone() for name in self.mean}, steps

    def weights(self) -> dict[str, Tensor]:
        """A copy of the mean."""
        return {name: value.clone() for name, value in self.mean.items()}

    @contextmanager
    def applied(self, model: Forecaster) -> Iterator[None]:
        """Give the model the mean weights inside a ``with`` block, and its own again afterwards."""
        own = _copy(model)
        model.load_state_dict(self.mean)
        try:
            yield
        finally:
            model.load_state_dict(own)


def _copy(model: Forecaster) -> dict[str, Tensor]:
    return {name: value.detach().clone() for name, value in model.state_dict().items()}
