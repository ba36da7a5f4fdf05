"""A search among settings of the model and its training, judged by the validation years alone.

The data are cut at the end of the validation span before anything is fitted, so that no trial can read the test span.
Every trial counts in the ledger: the best of many validates well by luck, too.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from logging import WARNING, getLogger
from typing import TYPE_CHECKING

from quantdl.config import ExperimentConfig, with_values
from quantdl.config.early_checks import stated_search
from quantdl.disk import appending, disk_errors
from quantdl.errors import ConfigError, IntegrityError, RunError
from quantdl.experiment.models import fit_model
from quantdl.experiment.preparation import LoadedData, load_data, model_inputs
from quantdl.experiment.trials import checked_ledger, code_hash, record_fit
from quantdl.experiment.unfinished import keeping_unfinished
from quantdl.features import FeatureTable
from quantdl.market.card import DataCard
from quantdl.models.settings import NetworkSettings
from quantdl.records import digest, from_plain, to_plain
from quantdl.runs.ledger import trial_hash
from quantdl.training.batches import SessionBatches
from quantdl.training.fit import Progress
from quantdl.training.loss import mean_log_loss
from quantdl.training.settings import Choices, NumberRange, SearchSettings, TrainingSettings
from quantdl.training.splits import SplitBars, split_bars

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution

_FOLDER = "searches"


@dataclass(frozen=True)
class SearchTrial:
    """One fit of a search.

    Attributes:
        number: From 0.
        seed: Of the fit: that of the config plus the number.
        values: What was tried, by the names of the settings.
        loss: Mean loss per observed asset of the validation span, in nats; None where nothing could be fitted.
        epochs: Passes over the data.
        problem: Why there is no loss, else empty.
    """

    number: int
    seed: int
    values: Mapping[str, object]
    loss: float | None
    epochs: int
    problem: str = ""


@dataclass(frozen=True)
class SearchTable:
    """All trials in order, and the one that validates best; None where none could be fitted."""

    trials: tuple[SearchTrial, ...]
    best: SearchTrial | None


Propose = Callable[[SearchSettings, Sequence[SearchTrial], int], Mapping[str, object]]
"""Gives the values to try next, from the ranges, the finished trials and a seed; the same for the same arguments."""


def search(config: ExperimentConfig, progress: Progress | None = None, propose: Propose | None = None) -> SearchTable:
    """Fit the config's model with other settings, and compare the fits on the validation span.

    A search that was ended at any moment goes on where it stood when it is started again, also with more trials.

    Args:
        config: With a ``search`` block.
        progress: Told of each trial.
        propose: Chooses what to try; optuna's tree-structured Parzen estimator when None.

    Raises:
        ConfigError: If there is nothing to search, or optuna is not installed.
    """
    asked = stated_search(config)
    checked_ledger(config)
    chooser = propose or by_parzen_estimator
    inputs = _Inputs.of(config)
    kept = _Record(config, inputs.data.panel.card)
    trials = list(kept.read())
    for number in range(len(trials), asked.trials):
        if progress:
            progress("search", number, asked.trials)
        seed = config.seed + number
        values = dict(chooser(asked, tuple(trials), seed))
        trials.append(kept.add(_tried(config, inputs, number, seed, values)))
    if progress:
        progress("search", asked.trials, asked.trials)
    done = tuple(trials[: asked.trials])
    losses = {trial.loss: trial for trial in reversed(done) if trial.loss is not None}
    return SearchTable(done, losses[min(losses)] if losses else None)


@dataclass(frozen=True, eq=False)
class _Inputs:
    """Prices and features that end with the validation span."""

    data: LoadedData
    table: FeatureTable
    bars: SplitBars

    @staticmethod
    def of(config: ExperimentConfig) -> "_Inputs":
        whole = load_data(config)
        bars = split_bars(whole.panel.sessions, config.splits)
        last = whole.panel.sessions[bars.fit.validation[-1]]
        data = replace(whole, panel=whole.panel.until(last), returns=whole.returns.until(last))
        spans = bars.among(whole.trades).fit
        end = spans.validation[-1]
        return _Inputs(data, model_inputs(config, data), SplitBars(spans, range(end, end + 1)))


def _tried(
    config: ExperimentConfig, inputs: _Inputs, number: int, seed: int, values: Mapping[str, object]
) -> SearchTrial:
    try:
        changed = with_values(config, {"seed": seed, **values})
        with keeping_unfinished(changed):
            loss, epochs = _validated(config, changed, inputs)
    except (ConfigError, RunError) as error:  # values that do not go together, or a training that did not stay finite
        return SearchTrial(number, seed, values, None, 0, str(error).partition("\n")[0])
    return SearchTrial(number, seed, values, loss, epochs)


def _validated(config: ExperimentConfig, changed: ExperimentConfig, inputs: _Inputs) -> tuple[float, int]:
    """Loss over the validation span as the config's own training would state it, and the passes of the fit."""
    assert isinstance(changed.model, NetworkSettings)
    # A fit that has learnt from the validation span cannot be judged on it.
    training = replace(changed.training, final_fit="train")
    judgeable = changed.model_copy(update={"training": training})
    block = fit_model(changed.model, inputs.data.learnt, inputs.table, inputs.bars, judgeable)
    assert block.report is not None
    judged = SessionBatches(block.histories, inputs.bars.fit, changed.model.context, TrainingSettings(), seed=0)
    loss = mean_log_loss(block.fitted.model, judged.validation(), config.training.loss_shares)
    return loss, len(block.report.epochs)


class _Record:
    """The finished trials of one search on disk, a line each, and their lines in the ledger."""

    def __init__(self, config: ExperimentConfig, card: DataCard) -> None:
        self.config, self.card = config, card
        ranges = None if config.search is None else to_plain(config.search.settings)
        self.identity = [to_plain(config.identity()), config.seed, card.fingerprint, ranges]
        self.path = config.runs_root / _FOLDER / f"{config.name}-{digest(self.identity)[:12]}.jsonl"

    def read(self) -> Iterator[SearchTrial]:
        """Give the trials in order. A line that a crash cut short is left out, and written anew later."""
        if not self.path.exists():
            return
        with disk_errors(self.path):
            lines = self.path.read_bytes().split(b"\n")
        for number, line in enumerate(lines[:-1]):
            try:
                trial = from_plain(SearchTrial, json.loads(line))
                if trial.number != number:
                    raise ValueError(f"expected trial {number}, got {trial.number}")
            except ValueError as error:
                raise IntegrityError(
                    f"{self.path}:{number + 1}: not the line that was written ({error}). Remove the file to begin the "
                    "search anew; the ledger keeps its trials."
                ) from error
            yield trial

    def add(self, trial: SearchTrial) -> SearchTrial:
        """Count a trial in the ledger, then keep it."""
        told = json.dumps(["search", *self.identity, dict(trial.values)], sort_keys=True)
        scored = "could not be fitted" if trial.loss is None else f"validation loss {trial.loss:.5f} nats"
        identity = trial_hash(told, self.card.fingerprint, trial.seed, code_hash(self.config))
        found = f"trial {trial.number} of a search on the validation span: {scored}"
        record_fit(self.config, self.card, identity, f"search-{trial.number}", found)
        with disk_errors(self.path), appending(self.path) as file:
            whole = file.read().rfind(b"\n") + 1
            file.extend(whole, json.dumps(to_plain(trial), sort_keys=True).encode() + b"\n")
        return trial


def by_parzen_estimator(settings: SearchSettings, finished: Sequence[SearchTrial], seed: int) -> Mapping[str, object]:
    """Propose by optuna's tree-structured Parzen estimator; ten trials at random come first.

    The study is made anew from the finished trials, so a search that was ended goes on as if it had not been.

    Raises:
        ConfigError: If optuna is not installed.
    """
    try:
        import optuna
    except ImportError as error:
        raise ConfigError("a search needs optuna, which is not installed: pip install 'quantdl[search]'") from error
    distributions = {name: _distribution(values) for name, values in settings.settings.items()}
    with _quietly("optuna"):
        study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=seed % 2**32))
        for trial in finished:
            failed = trial.loss is None
            study.add_trial(
                optuna.trial.create_trial(
                    params=dict(trial.values),
                    distributions=distributions,
                    value=None if failed else trial.loss,
                    state=optuna.trial.TrialState.FAIL if failed else optuna.trial.TrialState.COMPLETE,
                )
            )
        return dict(study.ask(distributions).params)


def _distribution(values: NumberRange | Choices) -> "BaseDistribution":
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    if isinstance(values, Choices):
        return CategoricalDistribution(values.choices)
    if isinstance(values.low, int) and isinstance(values.high, int):
        return IntDistribution(values.low, values.high, log=values.log)
    return FloatDistribution(float(values.low), float(values.high), log=values.log)


@contextmanager
def _quietly(name: str) -> Iterator[None]:
    """Keep what a library says below a warning to itself inside a ``with`` block."""
    logger = getLogger(name)
    level = logger.level
    logger.setLevel(WARNING)
    try:
        yield
    finally:
        logger.setLevel(level)
