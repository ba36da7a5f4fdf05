"""What each model is built from: one settings class per model, distinguished by ``kind``.

To add a model, add its class to `networks` or `classical`, and itself and its kind to the unions that end the file.
"""

from quantdl.models.settings.classical import (
    ClassicalModel,
    ClassicalSettings,
    DccSettings,
    EgarchSettings,
    EgarchSkewSettings,
    EwmaSettings,
    FilteredHistoricalSettings,
    GarchSettings,
    GarchSkewSettings,
    GjrSettings,
    GjrSkewSettings,
    HistoricalSettings,
    LedoitWolfSettings,
    MarketStatesSettings,
    VolatilitySettings,
)
from quantdl.models.settings.ensemble import EnsembleSettings, MemberSettings
from quantdl.models.settings.kinds import ModelKind, ModelSettings, member_class, settings_class
from quantdl.models.settings.networks import (
    BayesianSettings,
    FlowSettings,
    GraphSettings,
    GroupsFile,
    Network,
    NetworkSettings,
    SectorTreeSettings,
    TransformerSettings,
)
from quantdl.models.settings.shared import Refit

__all__ = [
    "BayesianSettings",
    "ClassicalModel",
    "ClassicalSettings",
    "DccSettings",
    "EgarchSettings",
    "EgarchSkewSettings",
    "EnsembleSettings",
    "EwmaSettings",
    "FilteredHistoricalSettings",
    "FlowSettings",
    "GarchSettings",
    "GarchSkewSettings",
    "GjrSettings",
    "GjrSkewSettings",
    "GraphSettings",
    "GroupsFile",
    "HistoricalSettings",
    "LedoitWolfSettings",
    "MarketStatesSettings",
    "MemberSettings",
    "ModelKind",
    "ModelSettings",
    "Network",
    "NetworkSettings",
    "Refit",
    "SectorTreeSettings",
    "TransformerSettings",
    "VolatilitySettings",
    "member_class",
    "settings_class",
]
