"""What all sets of a sweep are played on: the data up to the end of the span, the plan's terms, a model's forecasts.

A sweep chooses, so by default it plays on the validation years. It is the config carried out one span earlier: the
validation span is what is judged, a span as long before it is what a model is validated on, and the rest of the
training span is what it learns from. Prices after the validation span are cut off before anything is done to the data,
so no set, no policy on faults and no fit can read them.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd

from quantdl.backtest import Forecasts, Job, data_faults, prepare
from quantdl.config import ExperimentConfig, plan_refusal
from quantdl.errors import ConfigError, PlanError
from quantdl.experiment.judgement import elapsed_years, rate_on_cash
from quantdl.experiment.models import FittedBlock, fit_model, load_model, restored
from quantdl.experiment.pipeline import model_predictions
from quantdl.experiment.preparation import LoadedData, data_of, model_inputs, read_sources
from quantdl.experiment.trials import code_hash
from quantdl.experiment.unfinished import keeping_unfinished
from quantdl.risk.book.predicted import ModelPredictions
from quantdl.runs.ledger import trial_hash
from quantdl.training.fit import Progress
from quantdl.training.splits import split_bars

_DRAWS_KEPT = 512 * 2**20  # bytes of draws that are kept for the sets to come


@dataclass(frozen=True, eq=False)
class SweepWorld:
    """What every set of a sweep is played on.

    Attributes:
        config: As it is played: its test span is the span of the sweep.
        data: Up to the end of the span.
        job: Market, terms, span and money.
        rate: Annual rate that cash earns, as known at each session; None for nothing.
        forecasts: Of the model, the same for all sets; None without one.
        model: The fitted model; None without one.
    """

    config: ExperimentConfig
    data: LoadedData
    job: Job
    rate: pd.Series | None
    forecasts: Forecasts | None
    model: FittedBlock | None = None

    @cached_property
    def played(self) -> pd.DatetimeIndex:
        """The sessions that are played."""
        return self.job.tape.sessions[self.job.first : self.job.stop]

    @cached_property
    def measured(self) -> pd.DatetimeIndex:
        """Those of them in which anything trades, of which figures are."""
        return self.played[self.job.tape.trades[self.job.first : self.job.stop]]

    @cached_property
    def bars_per_year(self) -> float:
        """Bars in a year on which anything trades, as a run counts them."""
        card = self.data.panel.card.declaration
        of_calendar = card.trading_calendar().bars_per_year(*self._days, card.frequency)
        return of_calendar * float(self.job.tape.trades[self.job.first : self.job.stop].mean())

    @cached_property
    def elapsed(self) -> pd.Series | None:
        """Years up to the end of each bar of the data, where bars are shorter than a session."""
        return elapsed_years(self.job, self.data.panel)

    @property
    def _days(self) -> tuple[pd.Timestamp, pd.Timestamp]:
        return self.job.tape.days[self.job.first], self.job.tape.days[self.job.stop - 1]

    def trial(self, values: Mapping[str, object]) -> str:
        """Identify a set as a trial: what a run of the config with these parameters over the span would be."""
        assert self.config.strategy is not None  # a config has no sweep of several
        strategy = {"parameters": {**self.config.strategy.parameters, **values}}
        told = json.dumps({**self._identity, "strategy": strategy}, sort_keys=True)
        return trial_hash(told, self.data.panel.card.fingerprint, self.config.seed, self._code)

    @cached_property
    def _identity(self) -> dict[str, object]:
        identity = self.config.identity()
        assert isinstance(identity, dict)
        return identity

    @cached_property
    def _code(self) -> str:
        return code_hash(self.config)


def open_world(
    config: ExperimentConfig,
    progress: Progress | None = None,
    *,
    keep_ingest: bool = True,
    stored_model: Path | None = None,
) -> SweepWorld:
    """Load the data of a config with a ``sweep``, check its plan on the span, and fit its model, once for all sets.

    Args:
        config: Of the sweep.
        progress: Told what is going on.
        keep_ingest: Whether what was loaded is kept as a vintage, as a run does.
        stored_model: Folder of the model that another process has fitted for this sweep; None to fit it.

    Raises:
        PlanError: If the plan does not suit the span.
        QuantdlError: Whatever the parts raise.
    """
    source = read_sources(config, keep_ingest)
    config = config_of_the_span(config, source.panel.sessions)
    last = source.panel.sessions[source.panel.sessions <= pd.Timestamp(config.splits.test_end)][-1]
    data = data_of(config, replace(source, panel=source.panel.until(last)))
    bars = split_bars(data.panel.sessions, config.splits)
    start, end = data.panel.sessions[bars.test.start + 1], data.panel.sessions[bars.test[-1]]
    faults = data_faults(config.plan, data.panel, start, end)
    if faults:
        raise _on_the_span(plan_refusal(config, faults), config)
    rate = rate_on_cash(config, data, bars.test)
    job = prepare(data.panel, config.plan, start, end, config.backtest.initial_equity, rate)
    forecasts = block = None
    if config.model is not None:
        among, table = bars.among(data.trades), model_inputs(config, data)
        if stored_model is None:
            with keeping_unfinished(config):
                block = fit_model(config.model, data.learnt, table, among, config, progress)
        else:
            block = restored(*load_model(stored_model), config.model, data.learnt, table, config)
        book = block.forecast(among.test, progress, data.panel.bars[bars.test[-1]])
        made = model_predictions(config, config.model, data, book)
        forecasts = Forecasts(config.model.horizon, _Kept(made), made.value_at_risk, made.book_risk)
    return SweepWorld(config, data, job, rate, forecasts, block)


def config_of_the_span(config: ExperimentConfig, sessions: pd.DatetimeIndex) -> ExperimentConfig:
    """Return the config as a sweep plays it: with the span of the sweep in the place of the test span.

    Args:
        config: With a ``sweep``.
        sessions: Of its data.

    Raises:
        ConfigError: If the config has a model, and too little lies before the validation span to fit it on.
        DataError: If a span holds no session.
    """
    assert config.sweep is not None
    if config.sweep.span == "test":
        return config
    spans = split_bars(sessions, config.splits).fit
    first, last, before = spans.validation.start + 1, spans.validation[-1], spans.validation.start
    train = before - (last - before)
    if config.model is not None and train < 1:
        raise ConfigError(
            f"{config.where('sweep', 'span')}: given validation, but a model is then validated on a span as long "
            f"before it, and nothing is left to train on before {sessions[before]:%Y-%m-%d}. Move splits.train_end on, "
            "or bring more data."
        )
    day = [session.date() for session in sessions[[max(train, 1), before, first, last]]]
    splits = replace(config.splits, train_end=day[0], validation_end=day[1], test_start=day[2], test_end=day[3])
    abnormal = config.plan.abnormal_volatility
    touching = tuple(one for one in abnormal.stress_windows if one.first <= day[3] and one.last >= day[2])
    sample = config.plan.sample
    played = int(sessions[first : last + 1].nunique())
    fewest = min(sample.minimum_sessions, played)  # of evidence for the claim, which a choice is none of
    plan = replace(
        config.plan,
        sample=replace(sample, first=day[2], last=day[3], minimum_sessions=fewest),
        abnormal_volatility=replace(abnormal, stress_windows=touching),
    )
    return config.model_copy(update={"splits": splits, "plan": plan})


def _on_the_span(refusal: Exception, config: ExperimentConfig) -> PlanError:
    """Say of which span the plan's faults are: the config states another one."""
    span = f"{config.splits.test_start} to {config.splits.test_end}"
    return PlanError(f"the sweep plays on {span}, and the plan does not suit it\n{refusal}")


class _Kept:
    """Draws of a model by session: those that one set asked for are there for the next."""

    def __init__(self, predictions: ModelPredictions) -> None:
        self._predictions = predictions
        self._kept: dict[pd.Timestamp, np.ndarray] = {}
        self._bytes = 0

    def __call__(self, session: pd.Timestamp) -> np.ndarray:
        if session in self._kept:
            return self._kept[session]
        draws = self._predictions.position_draws(session)
        if self._bytes + draws.nbytes <= _DRAWS_KEPT:
            draws.flags.writeable = False  # no set may change what the next one sees
            self._kept[session] = draws
            self._bytes += draws.nbytes
        return draws
