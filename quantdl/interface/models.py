"""One class a kind of model; what its arguments mean stands in the settings of the kind, which it is.

To add a model, add its class here and its name to ``quantdl/__init__.pyi``.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, fields
from typing import Literal

from quantdl.config.arguments import Arguments, as_list
from quantdl.interface.estimator import Estimator, FitChoices
from quantdl.models.settings import (
    BayesianSettings,
    DccSettings,
    EgarchSettings,
    EgarchSkewSettings,
    EnsembleSettings,
    EwmaSettings,
    FilteredHistoricalSettings,
    FlowSettings,
    GarchSettings,
    GarchSkewSettings,
    GjrSettings,
    GjrSkewSettings,
    GraphSettings,
    HistoricalSettings,
    LedoitWolfSettings,
    MarketStatesSettings,
    SectorTreeSettings,
    TransformerSettings,
)
from quantdl.training.settings import TrainingSettings


@dataclass(frozen=True, eq=False, repr=False)
class _Trained(Estimator, TrainingSettings):
    """A model that is fitted by passes over the data."""


@dataclass(frozen=True, eq=False, repr=False)
class Transformer(_Trained, TransformerSettings):
    """A causal transformer over each asset's past; see `TransformerSettings`."""

    kind: Literal["transformer"] = field(default="transformer", init=False)


@dataclass(frozen=True, eq=False, repr=False)
class Flow(_Trained, FlowSettings):
    """A conditional flow: splines bend each asset's own law; see `FlowSettings`."""

    kind: Literal["flow"] = field(default="flow", init=False)


@dataclass(frozen=True, eq=False, repr=False)
class Graph(_Trained, GraphSettings):
    """A graph network over the nearest assets; see `GraphSettings`."""

    kind: Literal["graph"] = field(default="graph", init=False)


@dataclass(frozen=True, eq=False, repr=False)
class SectorTree(_Trained, SectorTreeSettings):
    """A transformer over time, then a recursion over market, sectors and assets; see `SectorTreeSettings`."""

    kind: Literal["sector_tree"] = field(default="sector_tree", init=False)


@dataclass(frozen=True, eq=False, repr=False)
class Bayesian(_Trained, BayesianSettings):
    """A network whose last layers have a posterior; see `BayesianSettings`."""

    kind: Literal["bayesian"] = field(default="bayesian", init=False)


@dataclass(frozen=True, eq=False, repr=False)
class EwmaT(Estimator, EwmaSettings):
    """Exponentially weighted variance with Student-t innovations; see `EwmaSettings`."""

    kind: Literal["ewma_t"] = field(default="ewma_t", init=False)


@dataclass(frozen=True, eq=False, repr=False)
class GarchT(Estimator, GarchSettings):
    """GARCH(1,1) with Student-t innovations; see `GarchSettings`."""

    kind: Literal["garch_t"] = field(default="garch_t", init=False)


@dataclass(frozen=True, eq=False, repr=False)
class GjrT(Estimator, GjrSettings):
    """GJR(1,1,1) with Student-t innovations; see `GjrSettings`."""

    kind: Literal["gjr_t"] = field(default="gjr_t", init=False)


@dataclass(frozen=True, eq=False, repr=False)
class EgarchT(Estimator, EgarchSettings):
    """EGARCH(1,1,1) with Student-t innovations; see `EgarchSettings`."""

    kind: Literal["egarch_t"] = field(default="egarch_t", init=False)


@dataclass(frozen=True, eq=False, repr=False)
class GarchSkewT(Estimator, GarchSkewSettings):
    """GARCH(1,1) with Hansen's skewed Student-t innovations; see `GarchSkewSettings`."""

    kind: Literal["garch_skewt"] = field(default="garch_skewt", init=False)


@dataclass(frozen=True, eq=False, repr=False)
class GjrSkewT(Estimator, GjrSkewSettings):
    """GJR(1,1,1) with Hansen's skewed Student-t innovations; see `GjrSkewSettings`."""

    kind: Literal["gjr_skewt"] = field(default="gjr_skewt", init=False)


@dataclass(frozen=True, eq=False, repr=False)
class EgarchSkewT(Estimator, EgarchSkewSettings):
    """EGARCH(1,1,1) with Hansen's skewed Student-t innovations; see `EgarchSkewSettings`."""

    kind: Literal["egarch_skewt"] = field(default="egarch_skewt", init=False)


@dataclass(frozen=True, eq=False, repr=False)
class DccT(Estimator, DccSettings):
    """Dynamic conditional correlation in a Student-t copula; see `DccSettings`."""

    kind: Literal["dcc_t"] = field(default="dcc_t", init=False)


@dataclass(frozen=True, eq=False, repr=False)
class MarketStates(Estimator, MarketStatesSettings):
    """Econometric margins joined by market states with a skewed common shock; see `MarketStatesSettings`."""

    kind: Literal["market_states"] = field(default="market_states", init=False)


@dataclass(frozen=True, eq=False, repr=False)
class FilteredHistorical(Estimator, FilteredHistoricalSettings):
    """Filtered historical simulation; see `FilteredHistoricalSettings`."""

    kind: Literal["filtered_historical"] = field(default="filtered_historical", init=False)


@dataclass(frozen=True, eq=False, repr=False)
class LedoitWolfT(Estimator, LedoitWolfSettings):
    """A multivariate Student-t law on a shrunk covariance; see `LedoitWolfSettings`."""

    kind: Literal["ledoit_wolf_t"] = field(default="ledoit_wolf_t", init=False)


@dataclass(frozen=True, eq=False, repr=False)
class Historical(Estimator, HistoricalSettings):
    """Historical simulation; see `HistoricalSettings`."""

    kind: Literal["historical"] = field(default="historical", init=False)


@dataclass(frozen=True, eq=False, repr=False)
class Ensemble(_Trained, EnsembleSettings):
    """Several models mixed with equal weights; see `EnsembleSettings`.

    Members are models of this file, or settings of `quantdl.models.settings`. The seed, what is read and how networks
    are trained is said of the ensemble; a member that says otherwise is refused.
    """

    kind: Literal["ensemble"] = field(default="ensemble", init=False)

    def __post_init__(self) -> None:
        """Take the settings of the members, and check all.

        Raises:
            ConfigError: With every fault.
        """
        call, members = Arguments("Ensemble"), as_list(self.members)
        given: list[object] = members if isinstance(members, list) else []
        for number, member in enumerate(given):
            if isinstance(member, Estimator):
                for name, said, own in self._differing(member):
                    expected = f"{own!r}: {name} is said of the ensemble and counts for all members"
                    call.add(f"members[{number}].{name}", f"given {said!r}; expected {expected}")
        call.refuse_faults()
        if isinstance(members, list):
            plain = tuple(member.settings if isinstance(member, Estimator) else member for member in members)
            object.__setattr__(self, "members", plain)
        super().__post_init__()

    def _differing(self, member: Estimator) -> Iterator[tuple[str, object, object]]:
        """What a member says otherwise than the ensemble; a default says nothing."""
        for item in (*fields(FitChoices), *fields(TrainingSettings)):
            given, own = getattr(member, item.name, item.default), getattr(self, item.name)
            if given not in (item.default, own):
                yield item.name, given, own
