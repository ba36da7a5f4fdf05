"""What each econometric model is built from."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Literal

from quantdl.bounds import Interval, PositiveInt
from quantdl.errors import FieldFaults
from quantdl.models.settings.shared import Refit, repeated_horizons


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
        faults = [*repeated_horizons(self.horizon, self.also_horizons)]
        if faults:
            raise FieldFaults(*faults)


@dataclass(frozen=True)
class VolatilitySettings(ClassicalSettings):
    """What the classical models with fitted parameters share.

    Attributes:
        refit: Whether parameters are refitted at the end of every calendar year, quarter or month of the test span, or
            fitted once before it.
    """

    refit: Refit = "yearly"


@dataclass(frozen=True)
class EwmaSettings(VolatilitySettings):
    """Exponentially weighted variance with Student-t innovations; ``decay`` is the weight of the variance before.

    Attributes:
        decay: Weight of the variance of the bar before.
        kind: Name of the model.
    """

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
    """Dynamic conditional correlation in a Student-t copula; ``recursion`` is that of each asset's variance.

    Attributes:
        recursion: Of each asset's variance.
        kind: Name of the model.
    """

    recursion: Literal["garch", "gjr", "egarch"] = "gjr"
    kind: Literal["dcc_t"] = "dcc_t"


@dataclass(frozen=True)
class MarketStatesSettings(VolatilitySettings):
    """Econometric margins joined by market states with a skewed common shock, on the factors of trailing correlations.

    Attributes:
        factors: Common factors of the trailing correlation, the largest of which the shock follows.
        recursion: Of each asset's variance.
        innovations: Law of each asset's standardised return.
        sector_factors: Whether each sector, or each of ``groups`` with at least three assets, has a factor more.
        groups: Groups of each asset by symbol, as for `quantdl.models.settings.NetworkSettings`.
        kind: Name of the model.
    """

    factors: PositiveInt = 6
    recursion: Literal["garch", "gjr", "egarch"] = "egarch"
    innovations: Literal["student_t", "skew_t"] = "student_t"
    sector_factors: bool = False
    groups: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    kind: Literal["market_states"] = "market_states"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.groups and not self.sector_factors:
            expected = "none in a model that reads no groups, or sector_factors: true"
            raise FieldFaults(("groups", f"given those of {len(self.groups)} assets; expected {expected}"))


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
    """A multivariate Student-t law on the shrunk covariance of the last ``window`` sessions.

    Attributes:
        window: Trailing sessions.
        kind: Name of the model.
    """

    window: Annotated[int, Interval(ge=20, le=10_000)] = 252
    kind: Literal["ledoit_wolf_t"] = "ledoit_wolf_t"


@dataclass(frozen=True)
class HistoricalSettings(ClassicalSettings):
    """Historical simulation from the last ``window`` returns.

    Attributes:
        window: Trailing returns.
        kind: Name of the model.
    """

    window: Annotated[int, Interval(ge=20, le=10_000)] = 250
    kind: Literal["historical"] = "historical"


ClassicalModel = (
    EwmaSettings
    | GarchSettings
    | GjrSettings
    | EgarchSettings
    | GarchSkewSettings
    | GjrSkewSettings
    | EgarchSkewSettings
    | DccSettings
    | MarketStatesSettings
    | FilteredHistoricalSettings
    | LedoitWolfSettings
    | HistoricalSettings
)
ClassicalKind = Literal[
    "ewma_t",
    "garch_t",
    "gjr_t",
    "egarch_t",
    "garch_skewt",
    "gjr_skewt",
    "egarch_skewt",
    "dcc_t",
    "market_states",
    "filtered_historical",
    "ledoit_wolf_t",
    "historical",
]
