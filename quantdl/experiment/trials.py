"""A run as a trial: what makes it the same as another, and the ledger that counts it."""

import hashlib
import json
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

import numpy as np
import pandas as pd

from quantdl.backtest import Plan
from quantdl.config import ExperimentConfig
from quantdl.experiment.outcome import FailedRunError, Outcome
from quantdl.market.card import DataCard
from quantdl.risk.curves.equity_curves import excess_returns
from quantdl.risk.curves.metrics import PerformanceMetrics, performance
from quantdl.runs.environment import source_hash
from quantdl.runs.ledger import LEDGER, Entry, Ledger, Look, PeriodSharpe, ReturnsColumn, Trial, idea_hash, trial_hash
from quantdl.runs.returns import store_returns, synchronous_returns
from quantdl.runs.selection import Selection, same_data, selection_report

_NO_STRATEGY = "forecasts were scored, no strategy was run"


def ledger_of(config: ExperimentConfig) -> Ledger:
    """The ledger of the config's root: one for all runs, wherever a single run folder is put."""
    return Ledger(config.runs_root / LEDGER)


def checked_ledger(config: ExperimentConfig) -> Ledger:
    """The ledger, read once before any work, so that a damaged one is not found after it.

    Warns of a line that a crash cut short.

    Raises:
        IntegrityError: If it is damaged.
        RunError: If it cannot be read.
    """
    ledger = ledger_of(config)
    torn = ledger.read().torn
    if torn is not None:
        warnings.warn(f"{torn}; the next trial takes their place", stacklevel=2)
    return ledger


def record_trial(config: ExperimentConfig, outcome: Outcome, run_id: str) -> Selection:
    """Record the trial and its returns, then judge it among all on the same data."""
    figures, reason = period_sharpe(outcome.metrics.strategy)
    ledger = ledger_of(config)
    look = Look(config.splits.test_start, config.splits.test_end)
    own = ledger.append(
        _entry(config, outcome.data.panel.card, run_id, look, figures, reason, _kept_returns(ledger, outcome))
    )
    records = ledger.read().records
    return selection_report(records, own, synchronous_returns(ledger, own, same_data(records, own)))


def record_failure(config: ExperimentConfig, failed: FailedRunError, run_id: str) -> None:
    """Record a trial whose strategy failed, without figures: until then its outcomes could be looked at."""
    look = Look(config.splits.test_start, config.splits.test_end)
    reason = f"the strategy failed on {failed.failure.session}"
    ledger_of(config).append(_entry(config, failed.card, run_id, look, None, reason))


@dataclass(frozen=True, eq=False)
class SeenTrial:
    """One of many trials that are recorded together.

    Attributes:
        trial: Its hash.
        figures: Sharpe ratio per bar, or None.
        reason: Why there is none, else empty.
        returns: (T,) those that it is of, by session; None where there are none.
    """

    trial: str
    figures: PeriodSharpe | None
    reason: str = ""
    returns: pd.Series | None = None


def seen_curve(
    trial: str,
    curve: pd.Series,
    bars_per_year: float,
    rate: pd.Series | float | None,
    elapsed: pd.Series | None = None,
) -> tuple[SeenTrial, PerformanceMetrics]:
    """Return a trial as the ledger takes it, and its figures.

    Args:
        trial: Its hash.
        curve: Of its equity, see `quantdl.experiment.curves.measured_curve`.
        bars_per_year: Bars in a year on which anything trades.
        rate: Annual rate that cash earns, as known at each session or throughout; None for nothing.
        elapsed: Years up to the end of each bar, where bars are not equally long; see `performance`.
    """
    rates = rate.reindex(curve.index) if isinstance(rate, pd.Series) else rate or 0.0
    metrics = performance(curve, bars_per_year, rates, elapsed)
    figures, reason = period_sharpe(metrics)
    return SeenTrial(trial, figures, reason, excess_returns(curve, bars_per_year, rates, elapsed)), metrics


def record_all(ledger: Ledger, alike: Entry, seen: Sequence[SeenTrial]) -> tuple[Trial, ...]:
    """Record many trials with their returns: one write and one fsync of the ledger.

    The returns of trials over the same bars are one file, which is on the disk before the lines that name it.

    Args:
        ledger: Of the trials.
        alike: What is the same for all: data, span, idea.
        seen: The trials, in their order.
    """
    kept = _kept_together(ledger, seen)
    return ledger.append_all(
        replace(alike, trial=one.trial, figures=one.figures, reason=one.reason, returns=kept.get(number))
        for number, one in enumerate(seen)
    )


def entry_of_a_sweep(plan: Plan, card: DataCard, run: str) -> Entry:
    """What trials of one plan on one span have in common."""
    look = Look(plan.sample.first, plan.sample.last)
    idea = idea_hash(plan.hypothesis.statement)
    return Entry("", card.fingerprint, run, None, _NO_STRATEGY, look, origin_of(card), idea)


def selection_of(ledger: Ledger, trial: str) -> Selection:
    """Judge a recorded trial among all on the same data; see `quantdl.runs.selection.selection_report`."""
    records = ledger.read().records
    own = next(record for record in reversed(records) if record.trial == trial)
    return selection_report(records, own, synchronous_returns(ledger, own, same_data(records, own)))


def _kept_together(ledger: Ledger, seen: Sequence[SeenTrial]) -> dict[int, ReturnsColumn]:
    """Keep the returns of trials; one whose returns are no numbers, as after ruin, has none."""
    alike: dict[bytes, list[int]] = {}
    for number, one in enumerate(seen):
        if one.returns is not None and len(one.returns) and np.isfinite(one.returns).all():
            alike.setdefault(one.returns.index.to_numpy().tobytes(), []).append(number)
    kept: dict[int, ReturnsColumn] = {}
    for numbers in alike.values():
        series = [seen[number].returns for number in numbers]
        table = np.column_stack([one.to_numpy() for one in series if one is not None])
        assert series[0] is not None
        kept |= zip(numbers, store_returns(ledger, np.asarray(series[0].index, "datetime64[ns]"), table), strict=True)
    return kept


def record_look(config: ExperimentConfig, card: DataCard) -> int:
    """Record that forecasts were scored on the test span; returns how often that span of this data was looked at.

    Runs count, and this look; the same config, data, seed and code count once.
    """
    ledger = ledger_of(config)
    look = Look(config.splits.test_start, config.splits.test_end, "evaluation")
    own = ledger.append(_entry(config, card, "evaluation", look, None, _NO_STRATEGY))
    return ledger.read().looks(own)


def record_fit(config: ExperimentConfig, card: DataCard, trial: str, run: str, found: str) -> None:
    """Record that settings were tried on the validation span, of which the choice of a search is made."""
    look = Look(config.splits.train_end + timedelta(days=1), config.splits.validation_end, "search")
    own = _entry(config, card, run, look, None, f"{found}; the test span was not looked at")
    ledger_of(config).append(replace(own, trial=trial))


def _entry(
    config: ExperimentConfig,
    card: DataCard,
    run: str,
    look: Look,
    figures: PeriodSharpe | None,
    reason: str,
    returns: ReturnsColumn | None = None,
) -> Entry:
    trial = trial_of(config, card.fingerprint)
    idea = idea_hash(config.plan.hypothesis.statement)
    return Entry(trial, card.fingerprint, run, figures, reason, look, origin_of(card), idea, returns)


def origin_of(card: DataCard) -> str:
    """What the data are of, whichever vintage and assets: declared source, calendar and length of a bar."""
    declared = card.declaration
    return f"{declared.source}; {declared.calendar}; {declared.frequency}"


def _kept_returns(ledger: Ledger, outcome: Outcome) -> ReturnsColumn | None:
    """Keep the returns that the Sharpe ratio is of; None where one of them is no number, as after ruin."""
    returns = outcome.judgement.excess_returns
    if not np.isfinite(returns).all():
        return None
    (column,) = store_returns(ledger, np.asarray(returns.index, "datetime64[ns]"), returns.to_numpy()[:, None])
    return column


def period_sharpe(metrics: PerformanceMetrics) -> tuple[PeriodSharpe | None, str]:
    """The Sharpe ratio per bar with its moments, or the reason why there is none."""
    parts = metrics.sharpe_per_bar, metrics.skew, metrics.excess_kurtosis
    if parts[0] is None or parts[1] is None or parts[2] is None:
        reasons = (metrics.undefined.get(name, "") for name in ("sharpe_per_bar", "skew", "excess_kurtosis"))
        return None, "; ".join(dict.fromkeys(filter(None, reasons))) or "undefined"
    return PeriodSharpe(parts[0], metrics.n_returns, parts[1], parts[2] + 3.0), ""


def code_hash(config: ExperimentConfig) -> str:
    """Hash of quantdl's own source and of the strategies: another text is another trial."""
    texts = [*config.strategy_texts.values()]
    code = texts[0] if len(texts) == 1 else b"".join(hashlib.sha256(text).digest() for text in texts)
    return hashlib.sha256(source_hash().encode() + code).hexdigest()


def trial_of(config: ExperimentConfig, fingerprint: str) -> str:
    """Identify the run as a trial: the same config, data, seed and code count once. The name is not part of it."""
    return trial_hash(json.dumps(config.identity(), sort_keys=True), fingerprint, config.seed, code_hash(config))
