"""What each model is built from: one settings class per model, distinguished by ``kind``.

To add a model, add its class here, and to `Network` or `ClassicalModel` and to `ModelKind`.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Annotated, Literal, get_args

from quantdl.bounds import Interval, NotEmpty, PositiveFloat, PositiveInt, ShareBelowOne
from quantdl.errors import FieldFaults

Refit = Literal["yearly", "once"]
"""When parameters are fitted anew during the test span."""


def _repeated_horizons(horizon: int, also: tuple[int, ...]) -> Iterator[tuple[str, str]]:
    """Yield a fault where a horizon stands twice."""
    if len({horizon, *also}) <= len(also):
        given = f"given {list(also)} beside the horizon {horizon}"
        yield "also_horizons", f"{given}; expected other numbers of bars, each once"


@dataclass(frozen=True)
class NetworkSettings:
    """What the networks share.

    Attributes:
        horizon: Bars from fill to exit; equals the plan's horizon.
        width: Size of the encoding of one asset; a multiple of twice ``heads``.
        heads: Attention heads.
        layers: Transformer blocks over time.
        trailing_factors: Common factors of the trailing correlation that the joint law builds on.
        dropout: Share of activations dropped in training.
        context: Bars of history that a forecast may read.
        checkpoint_activations: Keep only what enters each block in training and compute the rest again on the way
            back: less memory for more time, and the same weights bit for bit. For long contexts.
        also_horizons: Further horizons, in bars from fill to exit, that the same model is trained on, forecasts and is
            scored by.
        refit: Whether the network is fitted anew at the end of every calendar year of the test span, on spans that
            have moved on with it, or once before it.
    """

    horizon: PositiveInt
    width: PositiveInt = 32
    heads: PositiveInt = 4
    layers: PositiveInt = 2
    trailing_factors: PositiveInt = 6
    dropout: ShareBelowOne = 0.1
    context: Annotated[int, Interval(ge=2, le=4096)] = 64
    checkpoint_activations: bool = False
    also_horizons: tuple[PositiveInt, ...] = ()
    refit: Refit = "once"

    def __post_init__(self) -> None:
        faults = [*_repeated_horizons(self.horizon, self.also_horizons)]
        if self.width % (2 * self.heads):
            expected = f"a multiple of twice the heads, which is {2 * self.heads}"
            faults.append(("width", f"given {self.width}; expected {expected}"))
        if faults:
            raise FieldFaults(*faults)


@dataclass(frozen=True)
class TransformerSettings(NetworkSettings):
    """A causal transformer."""

    kind: Literal["transformer"] = "transformer"


@dataclass(frozen=True)
class FlowSettings(NetworkSettings):
    """A conditional flow: each asset's own map is affine, then a spline; joined by market states or a coupling flow.

    Attributes:
        bins: Pieces of the spline.
        bound: Distance from the center, in units of the scale, up to which the spline bends the law.
        joint: ``factors`` joins spline margins by factors within market states, as the other networks do. ``coupling``
            bends the two largest common scores of affine Student-t margins by a coupling flow, which margins and
            dependence both inherit; its joint density needs every present asset observed, see
            `quantdl.distributions.ScoreFlowForecast`.
        kind: Name of the model.
    """

    bins: Annotated[int, Interval(ge=2, le=64)] = 8
    bound: PositiveFloat = 4.0
    joint: Literal["factors", "coupling"] = "factors"
    kind: Literal["flow"] = "flow"


@dataclass(frozen=True)
class GraphSettings(NetworkSettings):
    """A graph network over the most correlated assets.

    Attributes:
        layers: Transformer blocks over time.
        hops: Message-passing layers.
        neighbours: Edges into each asset.
        correlation_window: Trailing bars of the correlation.
        kind: Name of the model.
    """

    layers: PositiveInt = 1
    hops: PositiveInt = 1
    neighbours: PositiveInt = 5
    correlation_window: Annotated[int, Interval(ge=20)] = 250
    kind: Literal["graph"] = "graph"


@dataclass(frozen=True)
class SectorTreeSettings(NetworkSettings):
    """A transformer over time, then a recursive network over the tree of market, sectors, industries and assets.

    Attributes:
        layers: Transformer blocks over time.
        groups: Groups of each asset by symbol, from the top down (sector, industry ...); an asset that is not named
            has the sector that the data declare, and hangs from the market itself where they declare none.
        evaluation: ``by_level`` computes all nodes of a depth at once; ``recursive`` walks each session's tree node by
            node, which is the same function, slower, and can be stepped through.
        kind: Name of the model.
    """

    layers: PositiveInt = 1
    groups: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    evaluation: Literal["by_level", "recursive"] = "by_level"
    kind: Literal["sector_tree"] = "sector_tree"


@dataclass(frozen=True)
class BayesianSettings(NetworkSettings):
    """A network whose last layers have a posterior; the law is a mixture over draws from it.

    Attributes:
        network: Which network; it is built from the fields that all networks share, its own ones at their defaults.
        members: Draws that the mixture holds.
        prior_scale: Standard deviation of the prior of every weight, around zero.
        guide: Form of the normal law that is fitted to the posterior: independent weights, or correlated ones.
        guide_rank: Rank of the correlated form.
        posterior_steps: Of variational inference, one batch each.
        posterior_learning_rate: At the first step; it falls to a twentieth.
        kind: Name of the model.
    """

    network: Literal["transformer", "flow", "graph", "sector_tree"] = "transformer"
    members: Annotated[int, Interval(ge=2, le=256)] = 16
    prior_scale: PositiveFloat = 1.0
    guide: Literal["diagonal", "low_rank"] = "low_rank"
    guide_rank: PositiveInt = 16
    posterior_steps: PositiveInt = 600
    posterior_learning_rate: PositiveFloat = 0.01
    kind: Literal["bayesian"] = "bayesian"

    def network_settings(self) -> "TransformerSettings | FlowSettings | GraphSettings | SectorTreeSettings":
        """The settings of the network below the posterior."""
        shared = {item.name: getattr(self, item.name) for item in fields(NetworkSettings)}
        match self.network:
            case "transformer":
                return TransformerSettings(**shared)
            case "flow":
                return FlowSettings(**shared)
            case "graph":
                return GraphSettings(**shared)
            case "sector_tree":
                return SectorTreeSettings(**shared)


@dataclass(frozen=True)
class ClassicalSettings:
    """What the classical models share.

    Attributes:
        horizon: Bars from fill to exit; equals the plan's horizon.
        factors: Common factors of the constant correlation.
        also_horizons: Further horizons, in bars from fill to exit, that the same model forecasts and is scored by.
    """

    horizon: PositiveInt
    factors: PositiveInt = 3
    also_horizons: tuple[PositiveInt, ...] = ()

    def __post_init__(self) -> None:
        faults = [*_repeated_horizons(self.horizon, self.also_horizons)]
        if faults:
            raise FieldFaults(*faults)


@dataclass(frozen=True)
class VolatilitySettings(ClassicalSettings):
    """What the classical models with fitted parameters share.

    Attributes:
        refit: Whether parameters are refitted at the end of every calendar year of the test span, or once before it.
    """

    refit: Refit = "yearly"


@dataclass(frozen=True)
class EwmaSettings(VolatilitySettings):
    """Exponentially weighted variance with Student-t innovations; ``decay`` is the weight of the variance before."""

    decay: Annotated[float, Interval(gt=0, lt=1)] = 0.94
    kind: Literal["ewma_t"] = "ewma_t"


@dataclass(frozen=True)
class GarchSettings(VolatilitySettings):
    """GARCH(1,1) with Student-t innovations."""

    kind: Literal["garch_t"] = "garch_t"


@dataclass(frozen=True)
class GjrSettings(VolatilitySettings):
    """GJR(1,1,1), in which losses raise the variance more than gains, with Student-t innovations."""

    kind: Literal["gjr_t"] = "gjr_t"


@dataclass(frozen=True)
class EgarchSettings(VolatilitySettings):
    """EGARCH(1,1,1), a recursion of the log variance, with Student-t innovations."""

    kind: Literal["egarch_t"] = "egarch_t"


@dataclass(frozen=True)
class GarchSkewSettings(VolatilitySettings):
    """GARCH(1,1) with Hansen's skewed Student-t innovations."""

    kind: Literal["garch_skewt"] = "garch_skewt"


@dataclass(frozen=True)
class GjrSkewSettings(VolatilitySettings):
    """GJR(1,1,1) with Hansen's skewed Student-t innovations."""

    kind: Literal["gjr_skewt"] = "gjr_skewt"


@dataclass(frozen=True)
class EgarchSkewSettings(VolatilitySettings):
    """EGARCH(1,1,1) with Hansen's skewed Student-t innovations."""

    kind: Literal["egarch_skewt"] = "egarch_skewt"


@dataclass(frozen=True)
class DccSettings(VolatilitySettings):
    """Dynamic conditional correlation in a Student-t copula; ``recursion`` is that of each asset's variance."""

    recursion: Literal["garch", "gjr", "egarch"] = "gjr"
    kind: Literal["dcc_t"] = "dcc_t"


@dataclass(frozen=True)
class FilteredHistoricalSettings(VolatilitySettings):
    """Filtered historical simulation.

    Attributes:
        recursion: Of each asset's variance.
        window: Past standardised returns to draw from.
        kind: Name of the model.
    """

    recursion: Literal["garch", "gjr", "egarch"] = "garch"
    window: Annotated[int, Interval(ge=20, le=10_000)] = 1000
    kind: Literal["filtered_historical"] = "filtered_historical"


@dataclass(frozen=True)
class LedoitWolfSettings(VolatilitySettings):
    """A multivariate Student-t law on the shrunk covariance of the last ``window`` sessions."""

    window: Annotated[int, Interval(ge=20, le=10_000)] = 252
    kind: Literal["ledoit_wolf_t"] = "ledoit_wolf_t"


@dataclass(frozen=True)
class HistoricalSettings(ClassicalSettings):
    """Historical simulation from the last ``window`` returns."""

    window: Annotated[int, Interval(ge=20, le=10_000)] = 250
    kind: Literal["historical"] = "historical"


Network = TransformerSettings | FlowSettings | GraphSettings | SectorTreeSettings | BayesianSettings
ClassicalModel = (
    EwmaSettings
    | GarchSettings
    | GjrSettings
    | EgarchSettings
    | GarchSkewSettings
    | GjrSkewSettings
    | EgarchSkewSettings
    | DccSettings
    | FilteredHistoricalSettings
    | LedoitWolfSettings
    | HistoricalSettings
)
MemberSettings = Network | ClassicalModel


@dataclass(frozen=True)
class EnsembleSettings:
    """Several models, each fitted with several seeds, mixed with equal weights.

    Attributes:
        horizon: Bars from fill to exit; equals the plan's horizon, and that of every member.
        members: Blocks of models, each with its own settings. In a config a bare kind stands for a block, and a block
            without a horizon takes that of the ensemble.
        seeds: Fits of each member that is a network, with a seed of its own each; the first is the config's. What has
            no random start is fitted once. Members count alike, and the fits of one share what it counts.
        refit: Whether all members are fitted anew every calendar year, or once; it takes the place of their own.
        also_horizons: Further horizons that all members answer for; they take the place of their own.
        kind: Name of the model.
    """

    horizon: PositiveInt
    members: Annotated[tuple[MemberSettings, ...], NotEmpty]
    seeds: Annotated[int, Interval(ge=1, le=64)] = 1
    refit: Refit = "once"
    also_horizons: tuple[PositiveInt, ...] = ()
    kind: Literal["ensemble"] = "ensemble"

    def __post_init__(self) -> None:
        faults = [*_repeated_horizons(self.horizon, self.also_horizons)]
        if not faults:
            object.__setattr__(self, "members", tuple(map(self._as_member, self.members)))
        faults += [("members", fault) for fault in self._misfits()]
        if faults:
            raise FieldFaults(*faults)

    def _as_member(self, member: MemberSettings) -> MemberSettings:
        """The member with what the ensemble decides for all; one of another horizon is refused later on."""
        if self.horizon == member.horizon:
            member = replace(member, also_horizons=self.also_horizons)
        return replace(member, refit=self.refit) if isinstance(member, NetworkSettings | VolatilitySettings) else member

    def _misfits(self) -> Iterator[str]:
        for number, member in enumerate(self.members, start=1):
            if member.horizon != self.horizon:
                named = f"member {number}, {member.kind},"
                yield f"{named} has the horizon {member.horizon}; expected {self.horizon}, the ensemble's"
            if member in self.members[: number - 1]:
                yield f"member {number}, {member.kind}, stands there twice; expected each once: seeds fits it again"
        if self.n_fits == 1:
            yield "given one member that is fitted once; expected several, or a network and seeds above 1"

    @property
    def n_fits(self) -> int:
        """Fits that are mixed."""
        return sum(self.fits_of(member) for member in self.members)

    @property
    def weights(self) -> tuple[float, ...]:
        """Weight of each fit, those of one member after each other."""
        counts = [self.fits_of(member) for member in self.members]
        return tuple(1.0 / (len(counts) * count) for count in counts for _ in range(count))

    def fits_of(self, member: MemberSettings) -> int:
        """How often a member is fitted: with every seed, if it begins from random weights."""
        return self.seeds if isinstance(member, NetworkSettings) else 1


ModelSettings = MemberSettings | EnsembleSettings
ModelKind = Literal[
    "transformer",
    "flow",
    "graph",
    "sector_tree",
    "bayesian",
    "ewma_t",
    "garch_t",
    "gjr_t",
    "egarch_t",
    "garch_skewt",
    "gjr_skewt",
    "egarch_skewt",
    "dcc_t",
    "filtered_historical",
    "ledoit_wolf_t",
    "historical",
]
"""Models whose name alone says what they are, at their default settings."""


def settings_class(kind: object) -> type[ModelSettings]:
    """Return the class of a kind.

    Raises:
        ValueError: If no model is of this kind.
    """
    return EnsembleSettings if kind == EnsembleSettings.kind else member_class(kind)


def member_class(kind: object) -> type[MemberSettings]:
    """Return the class of a kind that an ensemble may have as a member, which is any but an ensemble; raises alike."""
    classes: dict[object, type[MemberSettings]] = {choice.kind: choice for choice in get_args(MemberSettings)}
    if kind not in classes:
        raise ValueError(f"given the model kind {kind!r}; expected one of {', '.join(map(str, classes))}")
    return classes[kind]
