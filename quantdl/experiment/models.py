"""From the settings of a model to a fitted model, and back from a stored one.

A new network gets its arm in `build_network`.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from quantdl.config import ExperimentConfig
from quantdl.errors import ConfigError
from quantdl.experiment.unfinished import unfinished_fit
from quantdl.features import FeatureTable
from quantdl.market.panel import Panel
from quantdl.models.forecaster import Forecaster
from quantdl.models.settings import (
    BayesianSettings,
    ClassicalModel,
    ClassicalSettings,
    FlowSettings,
    GraphSettings,
    ModelSettings,
    Network,
    NetworkSettings,
    SectorTreeSettings,
    TransformerSettings,
    VolatilitySettings,
    settings_class,
)
from quantdl.records import from_plain, plain_fields
from quantdl.relations.graphs import NeighbourGraph, correlation_graph
from quantdl.relations.groups import group_paths
from quantdl.sequences import Histories, ReturnWindow, Shard, build_histories, forecast_windows
from quantdl.training.batches import AssetBatches, SessionBatches, TrainingBatches
from quantdl.training.checkpoints import Architecture, load_checkpoint
from quantdl.training.execution import Capabilities, execution_on
from quantdl.training.fit import Circumstances, FitReport, Progress, fit
from quantdl.training.forecasting import FittedModel
from quantdl.training.parallel import Processes
from quantdl.training.splits import SplitBars, yearly_refits


@dataclass(frozen=True, eq=False)
class FittedBlock:
    """A fitted model with what it was fitted on.

    Attributes:
        fitted: Ready to forecast.
        histories: The panel as this model reads it.
        architecture: What is stored beside the weights.
        report: How training went; None for a volatility model, which has no passes.
    """

    fitted: FittedModel
    histories: Histories
    architecture: Architecture
    report: FitReport | None


def fit_model(
    settings: ModelSettings,
    panel: Panel,
    table: FeatureTable,
    bars: SplitBars,
    config: ExperimentConfig,
    progress: Progress | None = None,
) -> FittedBlock:
    """Fit the model of these settings, for the next session and for the position windows of its horizons.

    Args:
        settings: Of the model: that of the config, or one of those it is compared with.
        panel: Prices as total returns, see `quantdl.experiment.preparation.LoadedData.learnt`.
        table: Features of the panel.
        bars: To fit on and to forecast at, as numbers of the panel's bars.
        config: Of the run, for its seed and how networks are trained.
        progress: Told what is going on.

    Raises:
        ConfigError: If the config names a device that is not there.
        RunError: If training fails.
    """
    windows = forecast_windows(settings.horizon, settings.also_horizons)
    graph, groups, n_factors = _graph(settings, panel), _groups(settings, panel), _factors(settings)
    histories = build_histories(panel, windows, graph=graph, table=table, n_factors=n_factors, groups=groups)
    features = tuple((feature.name, feature.half_life_bars) for feature in table.features)
    architecture = Architecture(plain_fields(settings), features, panel.assets)
    if isinstance(settings, ClassicalSettings):
        fitted = _fit_classical(settings, histories, bars, progress)
        return FittedBlock(fitted, histories, architecture, None)
    device = _device(config)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.seed)
        model = build_network(settings, histories.n_features, len(windows)).to(device)
    on_device = histories.to(device)
    processes = Processes.current()
    batches = _batches(settings, on_device, bars, config, processes.shard)
    circumstances = _circumstances(config, model, on_device, bars, settings.context, processes)
    report = _fit_network(settings, model, batches, config, circumstances, progress)
    through = histories.sessions[report.fitted_through]
    return FittedBlock(FittedModel(model, windows, settings.context, (through,)), on_device, architecture, report)


def _fit_network(
    settings: Network,
    model: Forecaster,
    batches: TrainingBatches,
    config: ExperimentConfig,
    circumstances: Circumstances,
    progress: Progress | None,
) -> FitReport:
    if not isinstance(settings, BayesianSettings):
        return fit(model, batches, config.training, config.seed, progress, circumstances)
    from quantdl.models.bayesian import BayesianForecaster  # pyro takes a second to import
    from quantdl.training.posterior_fit import fit_posterior

    assert isinstance(model, BayesianForecaster)  # that is what `build_network` makes of these settings
    report = fit(model.network, batches, config.training, config.seed, progress, circumstances)
    fit_posterior(model, batches, settings, config.training.marginal_share, config.seed, progress)
    return report


def _circumstances(
    config: ExperimentConfig,
    model: Forecaster,
    histories: Histories,
    bars: SplitBars,
    context: int,
    processes: Processes,
) -> Circumstances:
    """How the fit is carried out, and where its state is kept; several processes keep none."""
    execution = execution_on(Capabilities.of(histories.last.device), config.training)
    if processes.shard.world_size > 1:
        return Circumstances(execution, processes)
    return Circumstances(execution, processes, unfinished_fit(config, model, histories, bars.fit, context, execution))


def _batches(
    settings: NetworkSettings, histories: Histories, bars: SplitBars, config: ExperimentConfig, shard: Shard
) -> TrainingBatches:
    training, context, seed = config.training, settings.context, config.seed
    if training.rows_hold == "all_assets":
        return SessionBatches(histories, bars.fit, context, training, seed, shard)
    sessions, n_factors = histories.sessions, settings.trailing_factors
    return AssetBatches(histories.bars, sessions, bars.fit, context, n_factors, training, seed, shard)


def _graph(settings: ModelSettings, panel: Panel) -> NeighbourGraph | None:
    network = _below_posterior(settings)
    if not isinstance(network, GraphSettings):
        return None
    return correlation_graph(panel.log_returns(), network.neighbours, network.correlation_window)


def _groups(settings: ModelSettings, panel: Panel) -> np.ndarray | None:
    network = _below_posterior(settings)
    return group_paths(panel, network.groups) if isinstance(network, SectorTreeSettings) else None


def _below_posterior(settings: ModelSettings) -> ModelSettings:
    """The network that a Bayesian model is uncertain about; any other model itself."""
    return settings.network_settings() if isinstance(settings, BayesianSettings) else settings


def _factors(settings: ModelSettings) -> int:
    """Number of trailing factors among the inputs."""
    return settings.factors if isinstance(settings, ClassicalSettings) else settings.trailing_factors


def _fit_classical(
    settings: ClassicalModel, histories: Histories, bars: SplitBars, progress: Progress | None
) -> FittedModel:
    from quantdl.training.classical_fit import fit_classical

    yearly = isinstance(settings, VolatilitySettings) and settings.refit == "yearly"
    refits = yearly_refits(histories.sessions, bars.test) if yearly else [bars.test.start]
    model = fit_classical(settings, histories, refits, progress)
    return FittedModel(model, histories.windows, None, tuple(histories.sessions[bar] for bar in refits))


def build_network(settings: Network, n_features: int, n_windows: int) -> Forecaster:
    """Return the unfitted network of these settings; its weights come from torch's random state."""
    match settings:
        case TransformerSettings():
            from quantdl.models.transformer import TransformerForecaster

            return TransformerForecaster(n_features, n_windows, settings)
        case FlowSettings():
            from quantdl.models.flow import FlowForecaster

            return FlowForecaster(n_features, n_windows, settings)
        case GraphSettings():
            from quantdl.models.graph import GraphForecaster

            return GraphForecaster(n_features, n_windows, settings)
        case SectorTreeSettings():
            from quantdl.models.sector_tree import SectorTreeForecaster

            return SectorTreeForecaster(n_features, n_windows, settings)
        case BayesianSettings():
            from quantdl.models.bayesian import BayesianForecaster

            network = build_network(settings.network_settings(), n_features, n_windows)
            return BayesianForecaster(network, settings.members)


def load_model(folder: Path) -> tuple[FittedModel, Architecture]:
    """Read a stored model, for instance of a run folder's ``model``.

    Raises:
        IntegrityError: If it is not what was written.
    """
    return load_checkpoint(folder, _rebuild)


def _rebuild(architecture: Architecture, windows: tuple[ReturnWindow, ...], n_sets: int) -> Forecaster:
    settings = from_plain(settings_class(architecture.settings["kind"]), dict(architecture.settings))
    if isinstance(settings, ClassicalSettings):
        from quantdl.training.classical_fit import build_classical

        return build_classical(settings, len(architecture.assets), n_sets, windows)
    return build_network(settings, len(architecture.features), len(windows))


def _device(config: ExperimentConfig) -> torch.device:
    wanted = config.training.device
    available = torch.cuda.is_available()
    if wanted == "cuda" and not available:
        raise ConfigError(
            f"{config.where('training', 'device')}: given cuda, but torch {torch.__version__} finds no CUDA device. "
            "Use auto or cpu."
        )
    return torch.device("cuda" if wanted == "cuda" or (wanted == "auto" and available) else "cpu")
