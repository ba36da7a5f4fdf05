"""What each network is built from."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Annotated, Literal

from quantdl.bounds import Interval, NotEmpty, PositiveFloat, PositiveInt, ShareBelowOne, Text
from quantdl.errors import FieldFaults
from quantdl.models.settings.shared import Refit, repeated_horizons


@dataclass(frozen=True)
class GroupsFile:
    """A CSV file that tells the groups of assets, one asset a row, in place of ``groups`` written out in a config.

    Attributes:
        path: The file, relative to the config.
        symbol: Column that names the asset.
        levels: Columns that name its groups, from the top down.
        unknown: What stands in the file where a group is not known, beside nothing at all; the groups of an asset end
            before the first unknown one.
    """

    path: Path
    levels: Annotated[tuple[Text, ...], NotEmpty]
    symbol: Text = "symbol"
    unknown: tuple[str, ...] = ()


@dataclass(frozen=True)
class NetworkSettings:
    """What the networks share.

    Attributes:
        horizon: Bars from fill to exit; equals the plan's horizon.
        width: Size of the encoding of one asset; a multiple of twice ``heads``.
        heads: Attention heads.
        layers: Transformer blocks over time.
        trailing_factors: Common factors of the trailing correlation that the joint law builds on.
        sector_factors: Whether each sector, or each of ``groups`` with at least three assets, has a factor more: what
            its members share beyond the common factors.
        dropout: Share of activations dropped in training.
        context: Bars of history that a forecast may read.
        checkpoint_activations: Keep only what enters each block in training and compute the rest again on the way
            back: less memory for more time, and the same weights bit for bit (on a GPU only without
            ``cross_section``, whose sums there have no fixed order). For long contexts.
        cross_section: What a bar reads of the other assets' bars in the same session before every block: nothing, the
            mean of what they say (``pooled``), or what it attends to in a few summaries of them (``attention``); both
            are linear in the assets. The heads read the mean over all assets as of the forecast in any case.
        also_horizons: Further horizons, in bars from fill to exit, that the same model is trained on, forecasts and is
            scored by.
        refit: Whether the network is fitted anew at the end of every calendar year, quarter or month of the test span,
            on spans that have moved on with it, or fitted once before it.
        groups: Groups of each asset by symbol, from the top down (sector, industry ...), for models that read them; an
            asset that is not named has the sector that the data declare.
    """

    horizon: PositiveInt
    width: PositiveInt = 32
    heads: PositiveInt = 4
    layers: PositiveInt = 2
    trailing_factors: PositiveInt = 6
    sector_factors: bool = False
    dropout: ShareBelowOne = 0.1
    context: Annotated[int, Interval(ge=2, le=4096)] = 64
    checkpoint_activations: bool = False
    cross_section: Literal["none", "pooled", "attention"] = "none"
    also_horizons: tuple[PositiveInt, ...] = ()
    refit: Refit = "once"
    groups: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def reads_groups(self) -> bool:
        """Whether anything in the model depends on ``groups``."""
        return self.sector_factors

    def __post_init__(self) -> None:
        faults = [*repeated_horizons(self.horizon, self.also_horizons)]
        if self.width % (2 * self.heads):
            expected = f"a multiple of twice the heads, which is {2 * self.heads}"
            faults.append(("width", f"given {self.width}; expected {expected}"))
        if self.groups and not self.reads_groups:
            faults.append(("groups", f"given those of {len(self.groups)} assets; expected {self._groups_expected}"))
        if faults:
            raise FieldFaults(*faults)

    @property
    def _groups_expected(self) -> str:
        return "none in a model that reads no groups, or sector_factors: true"


@dataclass(frozen=True)
class TransformerSettings(NetworkSettings):
    """A causal transformer."""

    kind: Literal["transformer"] = "transformer"


@dataclass(frozen=True)
class FlowSettings(NetworkSettings):
    """A conditional flow: splines on each asset's own law, joined by market states; or a coupling flow.

    Attributes:
        bins: Pieces of the spline.
        bound: Distance from the center up to which a spline bends, in units of the standard variable that it starts as;
            the standard deviation of that is 1.2 to 1.6 for most stocks (with `joint: factors`), the more the more
            an asset is exposed to the common shock.
        joint: ``factors`` gives each asset the law that it has in the other networks, with tails and a skew of its own,
            bends it by a spline, and joins the assets by factors within market states, as they do. ``coupling`` bends
            the two largest common scores of affine Student-t margins by a coupling flow, which margins and dependence
            both inherit; its joint density needs every present asset observed, see
            `quantdl.distributions.ScoreFlowForecast`.
        kind: Name of the model.
    """

    bins: Annotated[int, Interval(ge=2, le=64)] = 8
    bound: PositiveFloat = 4.0
    joint: Literal["factors", "coupling"] = "factors"
    kind: Literal["flow"] = "flow"


@dataclass(frozen=True)
class GraphSettings(NetworkSettings):
    """A graph network over the nearest assets.

    Attributes:
        layers: Transformer blocks over time.
        hops: Message-passing layers.
        edges: Peers that send to an asset: the most correlated ones, those of its own sector or deeper group (there the
            most correlated ones too), or both; a feature of each edge says whether the two share a group.
        neighbours: Edges of each kind into each asset.
        correlation_window: Trailing bars of the correlation.
        kind: Name of the model.
    """

    layers: PositiveInt = 1
    hops: PositiveInt = 1
    edges: Literal["correlation", "sector", "both"] = "correlation"
    neighbours: PositiveInt = 5
    correlation_window: Annotated[int, Interval(ge=20)] = 250
    kind: Literal["graph"] = "graph"

    @property
    def reads_groups(self) -> bool:
        """Whether edges or factors are built from ``groups``."""
        return self.sector_factors or self.edges != "correlation"

    @property
    def _groups_expected(self) -> str:
        return "none beside edges: correlation, which read no groups; or edges: sector or both, or sector_factors: true"


@dataclass(frozen=True)
class SectorTreeSettings(NetworkSettings):
    """A transformer over time, then a recursive network over the tree of market, sectors, industries and assets.

    Attributes:
        layers: Transformer blocks over time.
        evaluation: ``by_level`` computes all nodes of a depth at once; ``recursive`` walks each session's tree node by
            node, which is the same function, slower, and can be stepped through.
        kind: Name of the model.
    """

    layers: PositiveInt = 1
    evaluation: Literal["by_level", "recursive"] = "by_level"
    kind: Literal["sector_tree"] = "sector_tree"

    @property
    def reads_groups(self) -> bool:
        """Always: they are the tree. An asset without a group hangs from the market itself."""
        return True


@dataclass(frozen=True)
class BayesianSettings(NetworkSettings):
    """A network whose last layers have a posterior; the law is a mixture over draws from it.

    Attributes:
        network: Which network; it is built from the fields that all networks share, its own ones at their defaults.
        members: Draws that the mixture holds.
        prior_scale: Standard deviation of the prior of every weight, around zero.
        guide: How a normal law is fitted to the posterior. ``laplace``: around the fitted weights, as wide as the
            likelihood is flat there, with all correlations; directions that the data say nothing of keep the prior, so
            members differ where such directions are read. ``diagonal`` and ``low_rank``: by variational inference,
            with independent weights, or correlated ones of some rank.
        guide_rank: Rank of the correlated form.
        posterior_steps: Of variational inference, one batch each.
        posterior_learning_rate: At the first step; it falls to a twentieth.
        kind: Name of the model.
    """

    network: Literal["transformer", "flow", "graph", "sector_tree"] = "transformer"
    members: Annotated[int, Interval(ge=2, le=256)] = 16
    prior_scale: PositiveFloat = 0.3
    guide: Literal["laplace", "diagonal", "low_rank"] = "laplace"
    guide_rank: PositiveInt = 16
    posterior_steps: PositiveInt = 600
    posterior_learning_rate: PositiveFloat = 0.01
    kind: Literal["bayesian"] = "bayesian"

    @property
    def reads_groups(self) -> bool:
        """Whether the network below the posterior reads ``groups``."""
        return self.sector_factors or self.network == "sector_tree"

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


Network = TransformerSettings | FlowSettings | GraphSettings | SectorTreeSettings | BayesianSettings
NetworkKind = Literal["transformer", "flow", "graph", "sector_tree", "bayesian"]
