"""The ``model:`` block, one class per kind. To add a model, add its class here and to `ModelConfig`."""

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field, PositiveFloat, PositiveInt, TypeAdapter, model_validator

from quantdl.config.blocks import Block
from quantdl.errors import FieldFaults


class _NeuralConfig(Block):
    """What the networks share.

    Attributes:
        horizon: Bars from fill to exit; equals the plan's horizon.
        width: Size of the encoding of one asset; a multiple of twice ``heads``.
        heads: Attention heads.
        layers: Transformer blocks over time.
        trailing_factors: Common factors of the trailing correlation that the joint law builds on.
        dropout: Share of activations dropped in training.
        context: Bars of history that a forecast may read.
    """

    horizon: PositiveInt
    width: PositiveInt = 32
    heads: PositiveInt = 4
    layers: PositiveInt = 2
    trailing_factors: PositiveInt = 4
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.1
    context: Annotated[int, Field(ge=2, le=4096)] = 64

    @model_validator(mode="after")
    def _heads_divide_width(self) -> "_NeuralConfig":
        if self.width % (2 * self.heads):
            expected = f"a multiple of twice the heads, which is {2 * self.heads}"
            raise FieldFaults(("width", f"given {self.width}; expected {expected}"))
        return self


class TransformerConfig(_NeuralConfig):
    """A causal transformer with Student-t marginals."""

    kind: Literal["transformer"]


class FlowConfig(_NeuralConfig):
    """A conditional flow on a Student-t base: affine, then a spline of ``bins`` pieces on ``[-bound, bound]``."""

    kind: Literal["flow"]
    bins: Annotated[int, Field(ge=2, le=64)] = 8
    bound: PositiveFloat = 4.0


class GraphConfig(_NeuralConfig):
    """A graph network over the most correlated assets.

    Attributes:
        kind: Tells the models apart.
        hops: Message-passing layers.
        neighbours: Edges into each asset.
        correlation_window: Trailing bars of the correlation.
    """

    kind: Literal["graph"]
    layers: PositiveInt = 1
    hops: PositiveInt = 1
    neighbours: PositiveInt = 5
    correlation_window: Annotated[int, Field(ge=20)] = 250


class _VolatilityConfig(Block):
    """What the classical models share.

    Attributes:
        horizon: Bars from fill to exit; equals the plan's horizon.
        factors: Common factors of the constant correlation.
        refit: Whether parameters are refitted at the end of every calendar year of the test span, or once before it.
    """

    horizon: PositiveInt
    factors: PositiveInt = 3
    refit: Literal["yearly", "once"] = "yearly"


class EwmaConfig(_VolatilityConfig):
    """Exponentially weighted variance with Student-t innovations."""

    kind: Literal["ewma_t"]
    decay: Annotated[float, Field(gt=0, lt=1)] = 0.94


class GarchConfig(_VolatilityConfig):
    """GARCH(1,1) with Student-t innovations."""

    kind: Literal["garch_t"]


ModelConfig = Annotated[
    TransformerConfig | FlowConfig | GraphConfig | EwmaConfig | GarchConfig, Field(discriminator="kind")
]
ModelKind = Literal["transformer", "flow", "graph", "ewma_t", "garch_t"]


def model_block(settings: Mapping[str, object]) -> ModelConfig:
    """Return the block that `model_settings` described, for instance of a stored model.

    Raises:
        ValueError: If the settings are not those of any model.
    """
    block: ModelConfig = TypeAdapter[ModelConfig](ModelConfig).validate_python(dict(settings))
    return block


def model_settings(block: ModelConfig) -> dict[str, object]:
    """Return a block as plain JSON values."""
    return block.model_dump(mode="json")


def with_defaults(kind: ModelKind, horizon: int) -> ModelConfig:
    """Return the block of a bare kind, as ``compare: [flow]`` means it."""
    match kind:
        case "transformer":
            return TransformerConfig(kind=kind, horizon=horizon)
        case "flow":
            return FlowConfig(kind=kind, horizon=horizon)
        case "graph":
            return GraphConfig(kind=kind, horizon=horizon)
        case "ewma_t":
            return EwmaConfig(kind=kind, horizon=horizon)
        case "garch_t":
            return GarchConfig(kind=kind, horizon=horizon)
