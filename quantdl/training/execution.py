"""How a fit is carried out on the device that is there: batch size and what goes with it, precision, compilation."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Literal

import torch

from quantdl.distributions import SplineKernels
from quantdl.models.coupling import CouplingFlow
from quantdl.models.encoder import CausalEncoder
from quantdl.models.flow import SplineHead
from quantdl.models.forecaster import Forecaster
from quantdl.training.settings import TrainingSettings

Precision = Literal["float32", "bfloat16"]

_ROWS_ON_CPU, _ROWS_ON_GPU = 2, 8  # with more, a pass over thirty years of twenty stocks has too few steps


@dataclass(frozen=True)
class Capabilities:
    """What a device can do.

    Attributes:
        name: As its maker calls it.
        is_gpu: Whether it works beside the processor, which then need not wait for every result.
        bfloat16: Whether it multiplies in bfloat16 at full speed.
        compiles: Whether all that torch's compiler needs for it is installed.
    """

    name: str
    is_gpu: bool = False
    bfloat16: bool = False
    compiles: bool = False

    @staticmethod
    def of(device: torch.device) -> "Capabilities":
        """Look at a device of this machine."""
        if device.type != "cuda":
            return Capabilities(device.type)
        name = torch.cuda.get_device_name(device)
        return Capabilities(name, True, torch.cuda.is_bf16_supported(), find_spec("triton") is not None)


@dataclass(frozen=True)
class Execution:
    """How one fit is carried out; written into the run, since results differ a little by device.

    Attributes:
        device: Name of the device.
        rows: History rows in a batch, over all processes.
        learning_rate: Of AdamW at its peak.
        warm_up_steps: Steps over which the learning rate rises.
        averaging: Decay per step of the running mean of the weights.
        precision: Of the encoder in training.
        compiled: Whether the encoder's blocks and the flow's splines are compiled.
        waits_for_steps: Whether the loss of every step is looked at when it is made. A GPU is asked once a pass.
    """

    device: str
    rows: int
    learning_rate: float
    warm_up_steps: int
    averaging: float
    precision: Precision = "float32"
    compiled: bool = False
    waits_for_steps: bool = True

    @property
    def described(self) -> str:
        """The choice in words."""
        words = [self.device, f"{self.rows} rows a batch", f"learning rate {self.learning_rate:g}", self.precision]
        return ", ".join([*words, "compiled"] if self.compiled else words)


def execution_on(capabilities: Capabilities, settings: TrainingSettings) -> Execution:
    """Choose how a fit is carried out.

    ``rows: auto`` takes k times the rows on a GPU, because small batches leave it idle. The settings beside it are for
    the batches of a CPU and are carried over, so that as many sessions as before pass while the learning rate rises and
    while a weight is remembered: the learning rate grows by the square root of k, which is the rule for Adam (Malladi,
    Lyu, Panigrahi and Arora, 2022, https://arxiv.org/abs/2205.10287), the warm-up takes a k-th of the steps, and the
    decay of the averaging is raised to the k-th power (Busbridge et al., 2023, https://arxiv.org/abs/2307.13813). Rows
    given as a number are taken with the other settings as they stand.

    Args:
        capabilities: Of the device.
        settings: Of the fit.

    Example:
        >>> execution_on(Capabilities("cpu"), TrainingSettings()).rows
        2
        >>> execution_on(Capabilities("a GPU", is_gpu=True), TrainingSettings(learning_rate=2e-3)).learning_rate
        0.004
    """
    rows, factor = rows_on(capabilities, settings), 1.0
    if settings.rows == "auto":
        factor = rows / _ROWS_ON_CPU
    bfloat16 = settings.precision == "bfloat16" or (settings.precision == "auto" and capabilities.bfloat16)
    return Execution(
        device=capabilities.name,
        rows=rows,
        learning_rate=settings.learning_rate * math.sqrt(factor),
        warm_up_steps=math.ceil(settings.warm_up_steps / factor),
        averaging=settings.averaging**factor,
        precision="bfloat16" if bfloat16 else "float32",
        compiled=settings.compile == "on" or (settings.compile == "auto" and capabilities.compiles),
        waits_for_steps=not capabilities.is_gpu,
    )


def rows_on(capabilities: Capabilities, settings: TrainingSettings) -> int:
    """History rows in a batch, see `execution_on`."""
    if settings.rows != "auto":
        return settings.rows
    return _ROWS_ON_GPU if capabilities.is_gpu else _ROWS_ON_CPU


@contextmanager
def encoding_in(precision: Precision, model: Forecaster) -> Iterator[None]:
    """Let the encoders of a model compute in a precision inside a ``with`` block; their output keeps its dtype."""
    encoders = [module for module in model.modules() if isinstance(module, CausalEncoder)]
    for encoder in encoders:
        encoder.autocast = torch.bfloat16 if precision == "bfloat16" else None
    try:
        yield
    finally:
        for encoder in encoders:
            encoder.autocast = None


def compile_parts(model: Forecaster) -> None:
    """Compile a model's encoders and flows in place, for histories of any length; names of weights stay."""
    for module in model.modules():
        match module:
            case CausalEncoder():
                for block in module.blocks:
                    block.compile(dynamic=True)
            case SplineHead():
                module.kernels = SplineKernels.compiled()
            case CouplingFlow():
                for layer in module.layers:
                    layer.compile(dynamic=True)
