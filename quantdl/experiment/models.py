"""From the model block of a config to a fitted model, and back from a stored one."""

from dataclasses import dataclass
from pathlib import Path

import torch

from quantdl.config import ExperimentConfig
from quantdl.config.model_blocks import (
    EwmaConfig,
    FlowConfig,
    GarchConfig,
    GraphConfig,
    ModelConfig,
    TransformerConfig,
    model_block,
    model_settings,
)
from quantdl.config.schema import TrainingConfig
from quantdl.errors import ConfigError
from quantdl.features import FeatureTable
from quantdl.market.panel import Panel
from quantdl.models.forecaster import Forecaster, NetworkSize
from quantdl.relations.graphs import correlation_graph
from quantdl.sequences import NEXT_SESSION, Histories, ReturnWindow, build_histories, position_window
from quantdl.training.checkpoints import Architecture, load_checkpoint
from quantdl.training.fit import FitReport, Progress, TrainingSettings, fit
from quantdl.training.forecasting import FittedModel
from quantdl.training.splits import Bars, yearly_refits

Network = TransformerConfig | FlowConfig | GraphConfig


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
    block: ModelConfig,
    panel: Panel,
    table: FeatureTable,
    bars: Bars,
    config: ExperimentConfig,
    progress: Progress | None = None,
) -> FittedBlock:
    """Fit the model that a block describes, for the next session and for the position window of its horizon."""
    windows = (NEXT_SESSION, position_window(block.horizon))
    graph = None
    if isinstance(block, GraphConfig):
        graph = correlation_graph(panel.log_returns(), block.neighbours, block.correlation_window)
    n_factors = block.factors if isinstance(block, EwmaConfig | GarchConfig) else block.trailing_factors
    histories = build_histories(panel, windows, graph=graph, table=table, n_factors=n_factors)
    architecture = Architecture(
        model_settings(block),
        tuple((feature.name, feature.half_life_bars) for feature in table.features),
        panel.assets,
    )
    if isinstance(block, EwmaConfig | GarchConfig):
        fitted = _fit_volatility(block, histories, bars, progress)
        return FittedBlock(fitted, histories, architecture, None)
    return _fit_network(block, histories, bars, config, architecture, progress)


def _fit_network(
    block: Network,
    histories: Histories,
    bars: Bars,
    config: ExperimentConfig,
    architecture: Architecture,
    progress: Progress | None,
) -> FittedBlock:
    device = _device(config)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.seed)
        model = build_network(block, histories.n_features, len(histories.windows)).to(device)
    settings = training_settings(config.training, block.context)
    on_device = histories.to(device)
    report = fit(model, on_device, bars.fit, settings, config.seed, progress)
    through = histories.sessions[report.fitted_through]
    return FittedBlock(
        FittedModel(model, histories.windows, block.context, (through,)), on_device, architecture, report
    )


def _fit_volatility(
    block: EwmaConfig | GarchConfig, histories: Histories, bars: Bars, progress: Progress | None
) -> FittedModel:
    from quantdl.models.classical import ewma_t_fit, fit_garch_t  # arch takes a second to import
    from quantdl.training.volatility import fit_volatility

    refits = yearly_refits(histories.sessions, bars.test) if block.refit == "yearly" else [bars.test.start]
    volatility_fit = ewma_t_fit(block.decay) if isinstance(block, EwmaConfig) else fit_garch_t
    model = fit_volatility(histories, refits, volatility_fit, block.factors, progress)
    return FittedModel(model, histories.windows, None, tuple(histories.sessions[bar] for bar in refits))


def build_network(block: Network, n_features: int, n_windows: int) -> Forecaster:
    """Return the unfitted network that a block describes; its weights come from torch's random state."""
    size = NetworkSize(block.width, block.heads, block.layers, block.trailing_factors, block.dropout)
    match block:
        case TransformerConfig():
            from quantdl.models.transformer import TransformerForecaster

            return TransformerForecaster(n_features, n_windows, size)
        case FlowConfig():
            from quantdl.models.flow import FlowForecaster

            return FlowForecaster(n_features, n_windows, size, block.bins, block.bound)
        case GraphConfig():
            from quantdl.models.graph import GraphForecaster

            return GraphForecaster(n_features, n_windows, size, block.hops)


def training_settings(training: TrainingConfig, context: int) -> TrainingSettings:
    """Return the loop's settings from the two blocks that hold them."""
    return TrainingSettings(
        epochs=training.epochs,
        patience=training.patience,
        learning_rate=training.learning_rate,
        weight_decay=training.weight_decay,
        warm_up_steps=training.warm_up_steps,
        context=context,
        block=training.block,
        rows=training.rows,
        gradient_norm=training.gradient_norm,
        averaging=training.averaging,
        marginal_share=training.marginal_share,
    )


def load_model(folder: Path) -> tuple[FittedModel, Architecture]:
    """Read a stored model, for instance of a run folder's ``model``.

    Raises:
        IntegrityError: If it is not what was written.
    """
    return load_checkpoint(folder, _rebuild)


def _rebuild(architecture: Architecture, windows: tuple[ReturnWindow, ...], n_sets: int) -> Forecaster:
    block = model_block(architecture.settings)
    if isinstance(block, EwmaConfig | GarchConfig):
        from quantdl.models.volatility import VolatilityForecaster

        return VolatilityForecaster(len(architecture.assets), n_sets, windows, block.factors)
    with torch.random.fork_rng(devices=[]):
        return build_network(block, len(architecture.features), len(windows))


def _device(config: ExperimentConfig) -> torch.device:
    asked = config.training.device
    available = torch.cuda.is_available()
    if asked == "cuda" and not available:
        raise ConfigError(
            f"{config.where('training', 'device')}: given cuda, but torch {torch.__version__} finds no CUDA device. "
            "Use auto or cpu."
        )
    return torch.device("cuda" if asked == "cuda" or (asked == "auto" and available) else "cpu")
