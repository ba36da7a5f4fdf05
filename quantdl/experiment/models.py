"""From the settings of a model to a fitted model, and back from a stored one.

A new network gets its arm in `build_network`.
"""

from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from quantdl.config import ForecastConfig
from quantdl.errors import ConfigError, DataError
from quantdl.experiment.fit_terms import FitTerms
from quantdl.experiment.unfinished import unfinished_fit
from quantdl.features import FeatureTable
from quantdl.market.panel import Panel
from quantdl.models.ensemble import EnsembleForecaster, RefittedForecaster
from quantdl.models.forecaster import Forecaster
from quantdl.models.settings import (
    BayesianSettings,
    ClassicalModel,
    ClassicalSettings,
    EnsembleSettings,
    FlowSettings,
    GraphSettings,
    MarketStatesSettings,
    MemberSettings,
    ModelSettings,
    Network,
    NetworkSettings,
    SectorTreeSettings,
    TransformerSettings,
    VolatilitySettings,
    settings_class,
)
from quantdl.records import from_plain, plain_fields
from quantdl.relations.graphs import NeighbourGraph, correlation_graph, group_graph
from quantdl.relations.groups import group_paths, load_groups
from quantdl.sequences import Histories, ReturnWindow, Shard, build_histories, forecast_windows
from quantdl.training.batches import AssetBatches, SessionBatches, TrainingBatches
from quantdl.training.checkpoints import Architecture, load_checkpoint
from quantdl.training.execution import Capabilities, execution_on
from quantdl.training.fit import Circumstances, FitReport, Progress, fit
from quantdl.training.forecasting import FittedModel, ForecastBook, forecast_members, forecast_sessions
from quantdl.training.parallel import Processes
from quantdl.training.settings import TrainingSettings
from quantdl.training.splits import FitSpans, SplitBars, refit_bars, walk_forward_spans


@dataclass(frozen=True, eq=False)
class FittedBlock:
    """A fitted model with what it was fitted on.

    Attributes:
        fitted: Ready to forecast.
        histories: The panel as this model reads it; of an ensemble, as its first member does.
        architecture: What is stored beside the weights.
        reports: How training went, fit by fit in the order in which they were made; none of a model without passes.
        members: The members of an ensemble; none of another model.
    """

    fitted: FittedModel
    histories: Histories
    architecture: Architecture
    reports: tuple[FitReport, ...] = ()
    members: tuple["FittedBlock", ...] = ()

    @property
    def report(self) -> FitReport | None:
        """How training went, that of the first fit where there are several; None for a model without passes."""
        return self.reports[0] if self.reports else None

    def forecast(
        self, bars: range, progress: Progress | None = None, through: pd.Timestamp | None = None
    ) -> ForecastBook:
        """Forecast every bar of a span; see `quantdl.training.forecasting.forecast_sessions`."""
        if self.members:
            own = [member.histories for member in self.members]
            return forecast_members(self.fitted, own, bars, progress, through)
        return forecast_sessions(self.fitted, self.histories, bars, progress, through)


def fit_model(
    settings: ModelSettings,
    panel: Panel,
    table: FeatureTable,
    bars: SplitBars,
    config: ForecastConfig | FitTerms,
    progress: Progress | None = None,
) -> FittedBlock:
    """Fit the model of these settings, for the next session and for the position windows of its horizons.

    Args:
        settings: Of the model: that of the config, or one of those it is compared with.
        panel: Prices as total returns, see `quantdl.experiment.preparation.LoadedData.learnt`.
        table: Features of the panel.
        bars: To fit on and to forecast at, as numbers of the panel's bars.
        config: Of the run, for its seed and how networks are trained, or what a fit reads of one.
        progress: Told what is going on.

    Raises:
        ConfigError: If the config names a device that is not there.
        RunError: If training fails.
    """
    terms = FitTerms.of(config)
    if isinstance(settings, EnsembleSettings):
        members = tuple(_with_groups(member, panel, terms) for member in settings.members)
        return _fit_ensemble(replace(settings, members=members), panel, table, bars, terms, progress)
    settings = _with_groups(settings, panel, terms)
    histories = member_histories(settings, panel, table, terms)
    return _fit_one(settings, histories, table, bars, terms, terms.seed, progress)


def return_windows(settings: MemberSettings, config: ForecastConfig | FitTerms) -> tuple[ReturnWindow, ...]:
    """Return the windows that a model answers for: the next session's, and those of its horizons.

    Positions of a run begin where they are filled; a book whose risk is asked for is held already, so each of its
    windows begins at the close of the forecast.

    Args:
        settings: Of the model.
        config: Of a run, or of the risk of a book, or what a fit reads of it.
    """
    begins = FitTerms.of(config).begins
    if begins is None:
        return tuple(ReturnWindow(0, bars) for bars in sorted({1, settings.horizon, *settings.also_horizons}))
    return forecast_windows(settings.horizon, settings.also_horizons, begins)


def _fit_ensemble(
    settings: EnsembleSettings,
    panel: Panel,
    table: FeatureTable,
    bars: SplitBars,
    terms: FitTerms,
    progress: Progress | None,
) -> FittedBlock:
    """Fit every member with every seed; the fits of one member read the same histories."""
    blocks: list[FittedBlock] = []
    for member in settings.members:
        histories = member_histories(member, panel, table, terms)
        for number in range(settings.fits_of(member)):
            seed = member_seed(terms.seed, number)
            told = _told_of(progress, f"member {len(blocks) + 1} of {settings.n_fits} ({member.kind})")
            blocks.append(_fit_one(member, histories, table, bars, terms, seed, told))
    model = EnsembleForecaster([block.fitted.model for block in blocks], settings.weights)
    fitted = FittedModel.ensemble(model, [block.fitted for block in blocks])
    architecture = replace(blocks[0].architecture, settings=plain_fields(settings))
    return FittedBlock(fitted, blocks[0].histories, architecture, (), tuple(blocks))


def member_seed(seed: int, number: int) -> int:
    """Seed of the fit with this number of each member: the run's own first, then others that depend on it alone."""
    if number == 0:
        return seed
    return int(np.random.SeedSequence([seed, number]).generate_state(1, np.uint64)[0] >> np.uint64(1))


def _told_of(progress: Progress | None, name: str) -> Progress | None:
    if progress is None:
        return None
    report = progress
    return lambda what, done, total: report(f"{name}: {what}", done, total)


def member_histories(
    settings: MemberSettings, panel: Panel, table: FeatureTable, config: ForecastConfig | FitTerms
) -> Histories:
    """Return the panel as one model reads it: its features, factors, groups and graph.

    Args:
        settings: Of the model.
        panel: Prices as total returns.
        table: Features of the panel.
        config: Of the run, for the groups it names and for where it fills positions, or what a fit reads of one.
    """
    terms = FitTerms.of(config)
    settings = _with_groups(settings, panel, terms)
    windows = return_windows(settings, terms)
    return build_histories(
        panel,
        windows,
        graph=_graph(settings, panel),
        table=table,
        n_factors=_factors(settings),
        groups=_groups(settings, panel),
        factor_groups=_factor_groups(settings, panel),
    )


def _fit_one(
    settings: MemberSettings,
    histories: Histories,
    table: FeatureTable,
    bars: SplitBars,
    terms: FitTerms,
    seed: int,
    progress: Progress | None,
) -> FittedBlock:
    features = tuple((feature.name, feature.half_life_bars) for feature in table.features)
    architecture = Architecture(plain_fields(settings), features, histories.assets)
    if isinstance(settings, ClassicalSettings):
        fitted = _fit_classical(settings, histories, bars, progress)
        return FittedBlock(fitted, histories, architecture)
    on_device = histories.to(_device(terms))
    return _fit_network(settings, on_device, architecture, bars, terms, seed, progress)


def _fit_network(
    settings: Network,
    histories: Histories,
    architecture: Architecture,
    bars: SplitBars,
    terms: FitTerms,
    seed: int,
    progress: Progress | None,
) -> FittedBlock:
    """Fit a network on the given spans, and anew on each of those that it is refitted on."""
    spans = walk_forward_spans(histories.sessions, bars, settings.refit)
    fit_of = partial(_fit_once, settings, histories, terms, seed)
    models: list[Forecaster] = []
    reports: list[FitReport] = []
    for number, own in enumerate(spans, start=1):
        told = progress if len(spans) == 1 else _told_of(progress, f"fit {number} of {len(spans)}")
        if not reports or terms.training.final_fit == "train":
            model, report = fit_of(own, None, told)
            reports.append(report)
        if terms.training.final_fit == "train_and_validation":
            model, report = fit_of(own.without_choice, reports[0].best_epoch + 1, told)
            reports.append(report)
        models.append(model)
    last = [own.validation[-1] for own in spans]
    fitted = models[0] if len(models) == 1 else RefittedForecaster(models, last).to(histories.last.device)
    through = tuple(histories.sessions[bar] for bar in last)
    model_and_past = FittedModel(fitted, histories.windows, settings.context, through)
    return FittedBlock(model_and_past, histories, architecture, tuple(reports))


def _fit_once(
    settings: Network,
    histories: Histories,
    terms: FitTerms,
    seed: int,
    spans: FitSpans,
    passes: int | None,
    progress: Progress | None,
) -> tuple[Forecaster, FitReport]:
    """One fit from new weights, which validation ends, or a number of passes where that is known."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = build_network(settings, histories.n_features, len(histories.windows)).to(histories.last.device)
    processes = Processes.current()
    batches = _batches(settings, histories, spans, terms.training, seed, processes.shard)
    circumstances = _circumstances(terms, seed, model, histories, spans, settings, processes, passes)
    if not isinstance(settings, BayesianSettings):
        return model, fit(model, batches, terms.training, seed, progress, circumstances, passes)
    from quantdl.models.bayesian import BayesianForecaster  # pyro takes a second to import
    from quantdl.training.posterior_fit import fit_posterior

    assert isinstance(model, BayesianForecaster)  # that is what `build_network` makes of these settings
    report = fit(model.network, batches, terms.training, seed, progress, circumstances, passes)
    # Each process draws the posterior of all data.
    whole = _batches(settings, histories, spans, terms.training, seed, Shard())
    fit_posterior(model, whole, settings, terms.training.marginal_share, seed, progress)
    return model, report


def _circumstances(
    terms: FitTerms,
    seed: int,
    model: Forecaster,
    histories: Histories,
    spans: FitSpans,
    settings: NetworkSettings,
    processes: Processes,
    passes: int | None,
) -> Circumstances:
    """How the fit is carried out, and where its state is kept; several processes keep none."""
    execution = execution_on(Capabilities.of(histories.last.device), terms.training)
    if processes.shard.world_size > 1 or terms.config is None:
        return Circumstances(execution, processes)
    unfinished = unfinished_fit(terms.config, seed, model, histories, spans, settings, execution, passes)
    return Circumstances(execution, processes, unfinished)


def _batches(
    settings: NetworkSettings,
    histories: Histories,
    spans: FitSpans,
    training: TrainingSettings,
    seed: int,
    shard: Shard,
) -> TrainingBatches:
    context = settings.context
    if training.rows_hold == "all_assets":
        return SessionBatches(histories, spans, context, training, seed, shard)
    sessions, n_factors = histories.sessions, settings.trailing_factors
    return AssetBatches(histories.bars, sessions, spans, context, n_factors, training, seed, shard)


def _graph(settings: MemberSettings, panel: Panel) -> NeighbourGraph | None:
    network = _below_posterior(settings)
    if not isinstance(network, GraphSettings):
        return None
    returns, k, window = panel.log_returns(), network.neighbours, network.correlation_window
    if network.edges == "correlation":
        return correlation_graph(returns, k, window)
    groups = group_paths(panel, network.groups)
    return group_graph(returns, groups, k, window, and_correlated=network.edges == "both")


def _with_groups(settings: MemberSettings, panel: Panel, terms: FitTerms) -> MemberSettings:
    """The settings with the groups of the config's file written out, if they read groups and have none of their own."""
    config = terms.config
    if config is None or config.groups is None:
        return settings
    if not isinstance(settings, NetworkSettings | MarketStatesSettings) or settings.groups:
        return settings
    if not (settings.reads_groups if isinstance(settings, NetworkSettings) else settings.sector_factors):
        return settings
    file = config.groups
    path = config.locate_data(file.path, "groups", "path")
    groups = load_groups(path, file.symbol, file.levels, file.unknown)
    held = {asset: groups[asset] for asset in panel.assets if asset in groups}
    if not held:
        raise DataError(
            f"{config.where('groups', 'path')}: {path} names no asset of the prices, which hold "
            f"{', '.join(panel.assets[:3])} ...; expected the same symbols in the column {file.symbol!r}."
        )
    return replace(settings, groups=held)


def _groups(settings: MemberSettings, panel: Panel) -> np.ndarray | None:
    network = _below_posterior(settings)
    return group_paths(panel, network.groups) if isinstance(network, SectorTreeSettings) else None


def _factor_groups(settings: MemberSettings, panel: Panel) -> np.ndarray | None:
    if isinstance(settings, NetworkSettings | MarketStatesSettings) and settings.sector_factors:
        return group_paths(panel, settings.groups)
    return None


def _below_posterior(settings: MemberSettings) -> MemberSettings:
    """The network that a Bayesian model is uncertain about; any other model itself."""
    return settings.network_settings() if isinstance(settings, BayesianSettings) else settings


def _factors(settings: MemberSettings) -> int:
    """Number of trailing factors among the inputs, without those of groups."""
    return settings.factors if isinstance(settings, ClassicalSettings) else settings.trailing_factors


def _fit_classical(
    settings: ClassicalModel, histories: Histories, bars: SplitBars, progress: Progress | None
) -> FittedModel:
    from quantdl.training.classical_fit import fit_classical

    refit = settings.refit if isinstance(settings, VolatilitySettings) else "once"
    refits = refit_bars(histories.sessions, bars, refit)
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


def restored(
    fitted: FittedModel,
    architecture: Architecture,
    settings: ModelSettings,
    panel: Panel,
    table: FeatureTable,
    config: ForecastConfig | FitTerms,
) -> FittedBlock:
    """Return a stored model as `fit_model` gave it, but for how training went, on the same panel.

    Args:
        fitted: Of `load_model`.
        architecture: Likewise.
        settings: Of the model in the config.
        panel: Prices as total returns.
        table: Features of the panel.
        config: Of the run, or what a fit reads of one.
    """
    terms = FitTerms.of(config)
    device = _device(terms)
    fitted.model.to(device)
    if not isinstance(settings, EnsembleSettings):
        return FittedBlock(fitted, member_histories(settings, panel, table, terms).to(device), architecture)
    own = [member_histories(member, panel, table, terms).to(device) for member in settings.members]
    read = [
        histories
        for member, histories in zip(settings.members, own, strict=True)
        for _ in range(settings.fits_of(member))
    ]
    members = tuple(FittedBlock(*pair, architecture) for pair in zip(fitted.members, read, strict=True))
    return FittedBlock(fitted, read[0], architecture, (), members)


def _rebuild(architecture: Architecture, windows: tuple[ReturnWindow, ...], n_sets: tuple[int, ...]) -> Forecaster:
    settings = from_plain(settings_class(architecture.settings["kind"]), dict(architecture.settings))
    if not isinstance(settings, EnsembleSettings):
        return _rebuilt(settings, architecture, windows, n_sets[0])
    of_fits = [member for member in settings.members for _ in range(settings.fits_of(member))]
    pairs = zip(of_fits, n_sets, strict=True)
    members = [_rebuilt(member, architecture, windows, count) for member, count in pairs]
    return EnsembleForecaster(members, settings.weights)


def _rebuilt(
    settings: MemberSettings, architecture: Architecture, windows: tuple[ReturnWindow, ...], n_sets: int
) -> Forecaster:
    if isinstance(settings, ClassicalSettings):
        from quantdl.training.classical_fit import build_classical

        return build_classical(settings, len(architecture.assets), n_sets, windows)
    sets = [build_network(settings, len(architecture.features), len(windows)) for _ in range(n_sets)]
    return sets[0] if n_sets == 1 else RefittedForecaster(sets, range(n_sets))


def _device(terms: FitTerms) -> torch.device:
    wanted = terms.training.device
    available = torch.cuda.is_available()
    if wanted == "cuda" and not available:
        raise ConfigError(
            f"{terms.where('training', 'device')}: given cuda, but torch {torch.__version__} finds no CUDA device. "
            "Use auto or cpu."
        )
    return torch.device("cuda" if wanted == "cuda" or (wanted == "auto" and available) else "cpu")
