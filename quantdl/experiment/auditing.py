"""The pipeline of a config as the audit takes it apart: stages as callables, what is fitted, and the strategy."""

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from quantdl.audit import AuditReport, Fitted, Pipeline, Stage, Traced, World, audit
from quantdl.audit.audit import CUTS
from quantdl.audit.outside_names import outside_names
from quantdl.audit.source_read import read_source
from quantdl.audit.verdict import Warned
from quantdl.backtest import Forecasts, Job, Strategy, data_faults, prepare
from quantdl.config import ExperimentConfig, plan_refusal
from quantdl.errors import DataError
from quantdl.experiment.given import NOTHING, Given
from quantdl.experiment.judgement import rate_on_cash
from quantdl.experiment.models import FittedBlock, fit_model, member_histories
from quantdl.experiment.pipeline import model_predictions, offered
from quantdl.experiment.preparation import LoadedData, SourceData, data_of, model_inputs, prepared
from quantdl.features import FeatureTable
from quantdl.models.settings import EnsembleSettings, ModelSettings
from quantdl.risk.measures.losses import draw_returns
from quantdl.sequences import Histories
from quantdl.training.fit import Progress
from quantdl.training.splits import FitSpans, SplitBars, split_bars

PRICES, UNIVERSE, FEATURES, INPUTS, LAW, MODEL, AMONG = (
    "prices",
    "universe",
    "features",
    "inputs of the model",
    "forecast",
    "fitted model",
    "forecast in one batch with later ones",
)
_BATCH = 32  # sessions that are forecast at once
_DRAWS = 64  # of a law, by which two are told apart
_TRAINED_ON, _VALIDATED_ON = 256, 64  # bars of the short fit


def audit_config(
    config: ExperimentConfig, cuts: int | None = CUTS, progress: Progress | None = None, given: Given = NOTHING
) -> AuditReport:
    """Tell whether anything that a run of a config decides depends on data from after it.

    No figure of performance is computed, no run is written and no trial is counted.

    Args:
        config: Of the run.
        cuts: Decisions to verify through the whole pipeline; None for all.
        progress: Told what is going on.
        given: Parts of the run that are at hand already.

    Raises:
        QuantdlError: What the run itself would raise.
    """
    texts = zip(config.strategy_files.values(), config.strategy_texts.values(), strict=True)
    warnings = tuple(found for file, text in texts for found in _read(file, text.decode(errors="replace")))
    return audit(configured_pipeline(config, progress, given), cuts, progress, warnings, given.unseen)


def _read(file: Path, text: str) -> tuple[Warned, ...]:
    return tuple(replace(item, file=str(file)) for item in (*read_source(text), *outside_names(text)))


def configured_pipeline(config: ExperimentConfig, progress: Progress | None = None, given: Given = NOTHING) -> Pipeline:
    """Return the pipeline of a config, its model fitted once on the true data.

    Args:
        config: Of the run.
        progress: Told what is going on.
        given: Parts of the run that are at hand already.

    Raises:
        QuantdlError: What the run itself would raise before its backtest.
    """
    given.new_strategy(config)
    source = given.sources(config)
    data = data_of(config, source)
    world = World(source.panel, source.series, source.exchange_rates, given.outside)
    bars = split_bars(data.panel.sessions, config.splits)
    faults = data_faults(config.plan, data.panel, *_span(data, bars, None))
    if faults:
        raise plan_refusal(config, faults)
    stages = [Stage(PRICES, partial(_prices, config, data.panel.assets), _traced_prices)]
    if data.universe is not None:
        stages.append(Stage(UNIVERSE, lambda _, values, at: values[PRICES], _traced_universe))
    model = config.model
    fitted: tuple[Fitted, ...] = ()
    if model is not None:
        among = bars.among(data.trades)
        block = given.fitted
        if block is None:
            block = fit_model(model, data.learnt, model_inputs(config, data), among, config, progress)
        fitted_once = block
        stages += [
            Stage(FEATURES, lambda _, values, at: _features(config, values), _traced_features),
            Stage(INPUTS, lambda _, values, at: _inputs(config, model, fitted_once, values), _traced_inputs),
            Stage(LAW, lambda _, values, at: _with_histories(fitted_once, values[INPUTS]), _traced_law),
        ]
        through = block.fitted.fitted_through[0]
        middle = data.learnt.bars[among.test[len(among.test) // 2]]
        fitted = (
            Fitted(MODEL, through, partial(_short_fit, config, model, among), FEATURES),
            Fitted(AMONG, middle, partial(_law_among_later, block, middle), INPUTS),
        )
    return Pipeline(
        world=world,
        stages=tuple(stages),
        job=partial(_job, config, bars),
        forecasts=partial(_forecasts, config, bars, progress),
        strategy=partial(_strategy, config, given),
        built_from_world=bool(given.outside),
        fitted=fitted,
    )


def _strategy(config: ExperimentConfig, given: Given, world: World) -> Strategy:
    """A new strategy, which reads from outside what the world says is there."""
    if given.reading is None or not world.outside:
        return given.new_strategy(config)
    return given.reading({name: data.value for name, data in world.outside.items()})


def _span(data: LoadedData, bars: SplitBars, at: pd.Timestamp | None) -> tuple[pd.Timestamp, pd.Timestamp]:
    """First session traded, and the last one or the instant that ends the bar labelled ``at``."""
    sessions = data.panel.sessions
    end = sessions[bars.test[-1]] if at is None else data.panel.known_at[_row(data, at)]
    return sessions[bars.test.start + 1], end


def _row(data: LoadedData, at: pd.Timestamp) -> int:
    return int(data.panel.bars.searchsorted(at, side="right")) - 1


def _prices(
    config: ExperimentConfig, assets: tuple[str, ...], world: World, values: Mapping[str, Any], at: pd.Timestamp | None
) -> LoadedData:
    """Treat the prices of a world as a run does.

    Raises:
        DataError: If the policies refuse it, or name other assets for a fault of its future: that chooses the data of
            the run as a whole, see `quantdl.market.inspection.treatment.apply_policies`.
    """
    data = prepared(config, SourceData(world.panel, dict(world.series), world.rates))
    if data.panel.assets != assets:
        other = sorted({*data.panel.assets} ^ {*assets})
        raise DataError(f"the policies choose other assets for faults of such a future: {', '.join(other)}")
    return data


def _traced_prices(data: LoadedData, at: pd.Timestamp) -> Traced:
    fields = {**data.panel.fields, "traded": data.panel.traded}
    if data.returns is not data.panel:
        fields |= {f"{name} as total return": values for name, values in data.returns.fields.items()}
    return Traced(data.panel.bars, fields, data.panel.assets)


def _traced_universe(data: LoadedData, at: pd.Timestamp) -> Traced:
    return Traced(data.panel.bars, {"members": data.panel.eligible}, data.panel.assets)


def _features(config: ExperimentConfig, values: Mapping[str, Any]) -> tuple[LoadedData, FeatureTable]:
    data: LoadedData = values[PRICES]
    return data, model_inputs(config, data)


def _traced_features(features: tuple[LoadedData, FeatureTable], at: pd.Timestamp) -> Traced:
    data, table = features
    columns = {item.name: table.values[:, :, number] for number, item in enumerate(table.features)}
    known = {f"known {item.name}": table.known[:, :, number] for number, item in enumerate(table.features)}
    fields = {**columns, **known, "scale": table.scale, "valid": table.valid}
    return Traced(data.learnt.bars, fields, table.assets)


def _inputs(
    config: ExperimentConfig, model: ModelSettings, block: FittedBlock, values: Mapping[str, Any]
) -> tuple[Histories, ...]:
    """What each member of a model reads; a model that is no ensemble has one."""
    data, table = values[FEATURES]
    device = block.histories.last.device
    members = model.members if isinstance(model, EnsembleSettings) else (model,)
    found: list[Histories] = []
    for member in members:
        histories = member_histories(member, data.learnt, table, config).to(device)
        found += [histories] * (model.fits_of(member) if isinstance(model, EnsembleSettings) else 1)
    return tuple(found)


def _traced_inputs(inputs: tuple[Histories, ...], at: pd.Timestamp) -> Traced:
    fields: dict[str, np.ndarray] = {}
    distinct = {id(item): item for item in inputs}.values()
    for number, histories in enumerate(distinct):
        prefix = "" if len(distinct) == 1 else f"member {number + 1}: "
        fields |= {f"{prefix}{name}": values for name, values in _rows_of_inputs(histories, at).items()}
    return Traced(inputs[0].sessions, fields, inputs[0].assets)


def _rows_of_inputs(histories: Histories, at: pd.Timestamp) -> dict[str, np.ndarray]:
    """What a model reads at each session; labels where they had ended by a session."""
    bar = histories.bar_of(at)
    rows = {"last": histories.last.cpu().numpy(), "present": histories.present.cpu().numpy()}
    rows["loadings"] = histories.factors.at(np.arange(len(histories.sessions)))
    if histories.graph is not None:
        rows["neighbours"] = histories.graph.neighbours[histories.graph.refreshed]
        rows["weights of neighbours"] = histories.graph.weights[histories.graph.refreshed]
    for number, window in enumerate(histories.windows):
        label = histories.targets[:, number].cpu().numpy().copy()
        label[max(bar - window.ends_after + 1, 0) :] = 0.0
        rows[f"label over {window.bars} bars"] = label
    return rows


def _with_histories(block: FittedBlock, inputs: tuple[Histories, ...]) -> FittedBlock:
    """The model that was fitted once, reading the histories of a world."""
    if not block.members:
        return replace(block, histories=inputs[0])
    members = tuple(replace(member, histories=own) for member, own in zip(block.members, inputs, strict=True))
    return replace(block, histories=inputs[0], members=members)


def _traced_law(block: FittedBlock, at: pd.Timestamp) -> Traced:
    """Draws from the laws made at one close: two laws that differ anywhere differ in them."""
    bar = block.histories.bar_of(at)
    session = block.histories.sessions[bar]
    return Traced(pd.DatetimeIndex([session]), _laws(block, range(bar, bar + 1)), block.histories.assets)


def _law_among_later(
    block: FittedBlock, at: pd.Timestamp, world: World, values: Mapping[str, Any]
) -> dict[str, np.ndarray]:
    """The laws made at one close when those of later sessions are computed beside them, as a run does."""
    own = _with_histories(block, values[INPUTS])
    bar = own.histories.bar_of(at)
    return _laws(own, range(bar, min(bar + _BATCH, len(own.histories.sessions))))


def _laws(block: FittedBlock, bars: range) -> dict[str, np.ndarray]:
    """Draws from the laws of the first of some sessions, (1, A, S) for each return window, and who is in them."""
    book = block.forecast(bars)
    session = book.sessions[0]
    fields: dict[str, np.ndarray] = {}
    for window in block.fitted.windows:
        law = book.law(session, window)
        draws = draw_returns(law, _DRAWS, 0)[:, 0].cpu().numpy()
        name = f"law of {window.bars} bars after {window.starts_after}"
        fields[name] = np.ascontiguousarray(draws.T)[None]
        fields[f"{name}: present"] = law.present.cpu().numpy()
    return fields


def _short_fit(
    config: ExperimentConfig, model: ModelSettings, bars: SplitBars, world: World, values: Mapping[str, Any]
) -> dict[str, np.ndarray]:
    """Fit the model as a run does, a network on its last bars and in one pass only; returns its weights and its scores.

    A longer fit reads the data through the same code, and takes minutes in every world.
    """
    data, table = values[FEATURES]
    stop = bars.fit.validation.stop
    validated = range(max(stop - _VALIDATED_ON, 1), stop)
    trained = range(max(validated.start + 1 - _TRAINED_ON, 0), validated.start + 1)
    short = SplitBars(FitSpans(trained, validated), range(bars.test.start, min(bars.test.start + 2, bars.test.stop)))
    once = config.model_copy(update={"training": replace(config.training, epochs=1)})
    block = fit_model(model, data.learnt, table, short, once)
    weights = {name: _numbers(values) for name, values in block.fitted.model.state_dict().items()}
    reports = [report for part in (block, *block.members) for report in part.reports]
    passes = [[item.train_loss, item.validation_loss] for report in reports for item in report.epochs]
    return {**weights, "losses of the passes": np.array(passes)}


def _numbers(weights: torch.Tensor) -> np.ndarray:
    return np.asarray(weights.detach().cpu().numpy())


def _job(config: ExperimentConfig, bars: SplitBars, values: Mapping[str, Any], at: pd.Timestamp | None) -> Job:
    data: LoadedData = values[PRICES]
    start, end = _span(data, bars, at)
    stop = bars.test.stop if at is None else _row(data, at) + 1
    rate = rate_on_cash(config, data, range(bars.test.start, stop))
    return prepare(data.panel, config.plan, start, end, config.backtest.initial_equity, rate)


def _forecasts(
    config: ExperimentConfig, bars: SplitBars, progress: Progress | None, values: Mapping[str, Any]
) -> Forecasts | None:
    """What a run offers the strategy and the conditions of the plan."""
    model = config.model
    if model is None:
        return None
    data: LoadedData = values[PRICES]
    through = data.panel.bars[bars.test[-1]]
    book = values[LAW].forecast(bars.among(data.trades).test, progress, through)
    return offered(model_predictions(config, model, data, book))
